//! What a kernel's rings can do, as `io_uring_setup(2)` and `IORING_REGISTER_PROBE` name it. The
//! numbers are those of `linux/io_uring.h`.

use std::os::fd::{FromRawFd as _, OwnedFd};

use nix::errno::Errno;

/// A ring that was made, to be looked at and closed.
#[derive(Debug)]
pub struct Made {
    /// The entries of the submission queue.
    pub submissions: u32,
    /// The entries of the completion queue.
    pub completions: u32,
    /// What the ring can do: bits of [`feature`].
    pub features: u32,
    _ring: OwnedFd,
}

/// `io_uring_setup(2)` with flags of [`flag`]; `completions` counts with `CQSIZE` only.
pub fn setup(entries: u32, flags: u32, completions: u32) -> nix::Result<Made> {
    /// The beginning of `struct io_uring_params`, which has 120 bytes: 30 words.
    const ENTRIES: usize = 0;
    const COMPLETIONS: usize = 1;
    const FLAGS: usize = 2;
    const FEATURES: usize = 5;
    let mut words = [0_u32; 30];
    words[FLAGS] = flags;
    words[COMPLETIONS] = completions;
    // SAFETY: the kernel reads and writes one io_uring_params, which is as large as the array.
    let fd = Errno::result(unsafe {
        libc::syscall(libc::SYS_io_uring_setup, entries, words.as_mut_ptr())
    })?;
    let fd = i32::try_from(fd).map_err(|_| Errno::ERANGE)?;
    // SAFETY: the descriptor is new, and nobody else owns it.
    let ring = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok(Made {
        submissions: words[ENTRIES],
        completions: words[COMPLETIONS],
        features: words[FEATURES],
        _ring: ring,
    })
}

macro_rules! numbers {
    ($(#[$meta:meta])* $module:ident: $type:ty, $prefix:literal; $($name:ident = $value:expr),+ $(,)?) => {
        $(#[$meta])*
        pub mod $module {
            $(
                #[doc = concat!("`", $prefix, stringify!($name), "`")]
                pub const $name: $type = $value;
            )+
        }
    };
}

numbers! {
    /// Flags of `io_uring_setup(2)`.
    flag: u32, "IORING_SETUP_";
    CQSIZE = 1 << 3,
    CLAMP = 1 << 4,
    SUBMIT_ALL = 1 << 7,
    COOP_TASKRUN = 1 << 8,
    TASKRUN_FLAG = 1 << 9,
    SQE128 = 1 << 10,
    CQE32 = 1 << 11,
    SINGLE_ISSUER = 1 << 12,
    DEFER_TASKRUN = 1 << 13,
    NO_SQARRAY = 1 << 16,
    CQE_MIXED = 1 << 18,
    SQE_MIXED = 1 << 19,
    SQ_REWIND = 1 << 20,
}

numbers! {
    /// What a ring says that it can do.
    feature: u32, "IORING_FEAT_";
    SINGLE_MMAP = 1 << 0,
    NODROP = 1 << 1,
    SUBMIT_STABLE = 1 << 2,
    RW_CUR_POS = 1 << 3,
    CUR_PERSONALITY = 1 << 4,
    FAST_POLL = 1 << 5,
    POLL_32BITS = 1 << 6,
    SQPOLL_NONFIXED = 1 << 7,
    EXT_ARG = 1 << 8,
    NATIVE_WORKERS = 1 << 9,
    RSRC_TAGS = 1 << 10,
    CQE_SKIP = 1 << 11,
    LINKED_FILE = 1 << 12,
    REG_REG_RING = 1 << 13,
    RECVSEND_BUNDLE = 1 << 14,
    MIN_TIMEOUT = 1 << 15,
    RW_ATTR = 1 << 16,
    NO_IOWAIT = 1 << 17,
}

numbers! {
    /// Operations.
    operation: u8, "IORING_OP_";
    NOP = 0,
    READV = 1,
    WRITEV = 2,
    FSYNC = 3,
    READ_FIXED = 4,
    WRITE_FIXED = 5,
    POLL_ADD = 6,
    POLL_REMOVE = 7,
    SYNC_FILE_RANGE = 8,
    SENDMSG = 9,
    RECVMSG = 10,
    TIMEOUT = 11,
    TIMEOUT_REMOVE = 12,
    ACCEPT = 13,
    ASYNC_CANCEL = 14,
    LINK_TIMEOUT = 15,
    CONNECT = 16,
    FALLOCATE = 17,
    OPENAT = 18,
    CLOSE = 19,
    FILES_UPDATE = 20,
    STATX = 21,
    READ = 22,
    WRITE = 23,
    FADVISE = 24,
    MADVISE = 25,
    SEND = 26,
    RECV = 27,
    OPENAT2 = 28,
    EPOLL_CTL = 29,
    SPLICE = 30,
    PROVIDE_BUFFERS = 31,
    REMOVE_BUFFERS = 32,
    TEE = 33,
    SHUTDOWN = 34,
    RENAMEAT = 35,
    UNLINKAT = 36,
    MKDIRAT = 37,
    SYMLINKAT = 38,
    LINKAT = 39,
    MSG_RING = 40,
    FSETXATTR = 41,
    SETXATTR = 42,
    FGETXATTR = 43,
    GETXATTR = 44,
    SOCKET = 45,
    URING_CMD = 46,
    SEND_ZC = 47,
    SENDMSG_ZC = 48,
    READ_MULTISHOT = 49,
    WAITID = 50,
    FUTEX_WAIT = 51,
    FUTEX_WAKE = 52,
    FUTEX_WAITV = 53,
    FIXED_FD_INSTALL = 54,
    FTRUNCATE = 55,
    BIND = 56,
    LISTEN = 57,
    RECV_ZC = 58,
    EPOLL_WAIT = 59,
    READV_FIXED = 60,
    WRITEV_FIXED = 61,
    PIPE = 62,
    NOP128 = 63,
    URING_CMD128 = 64,
}
