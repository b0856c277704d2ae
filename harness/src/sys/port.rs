//! I/O ports of the x86: how a guest tells its emulator something without any driver.

use nix::errno::Errno;

/// Writes a byte to an I/O port (ioperm(2), which needs `CAP_SYS_RAWIO`). Fails with ENOSYS on
/// machines without such ports.
#[cfg(target_arch = "x86_64")]
pub fn write(port: u16, value: u8) -> nix::Result<()> {
    // SAFETY: ioperm takes three integers.
    Errno::result(unsafe { libc::ioperm(port.into(), 1, 1) })?;
    // SAFETY: the port was just granted; the caller knows the device behind it. No memory is used.
    unsafe {
        std::arch::asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack));
    }
    Ok(())
}

/// See above.
#[cfg(not(target_arch = "x86_64"))]
pub fn write(_port: u16, _value: u8) -> nix::Result<()> {
    Err(Errno::ENOSYS)
}
