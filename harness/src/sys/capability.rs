//! What a thread is privileged to do (capabilities(7)).

use nix::errno::Errno;

/// `CAP_BLOCK_SUSPEND` of `capabilities(7)`: to keep the system from going to sleep.
pub const CAP_BLOCK_SUSPEND: u32 = 36;

/// `_LINUX_CAPABILITY_VERSION_3` of `linux/capability.h`: sets of 64 bits, in two halves.
const VERSION: u32 = 0x2008_0522;

/// `struct __user_cap_header_struct` of `linux/capability.h`.
#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

/// `struct __user_cap_data_struct` of `linux/capability.h`.
#[repr(C)]
#[derive(Clone, Copy)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Takes a capability from the calling thread, for good, if it has it (capset(2)).
pub fn give_up(capability: u32) -> nix::Result<()> {
    let mut header = Header { version: VERSION, pid: 0 };
    let mut halves = [Half { effective: 0, permitted: 0, inheritable: 0 }; 2];
    // SAFETY: version 3 has two halves, and they live across the call, as the header does.
    Errno::result(unsafe {
        libc::syscall(libc::SYS_capget, &raw mut header, halves.as_mut_ptr())
    })?;
    let bit = 1 << (capability % 32);
    for half in halves.iter_mut().skip(usize::from(capability >= 32)).take(1) {
        half.effective &= !bit;
        half.permitted &= !bit;
        half.inheritable &= !bit;
    }
    // SAFETY: as above; capset only reads them.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, &raw mut header, halves.as_ptr()) })
        .map(drop)
}
