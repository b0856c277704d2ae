//! What `libc` has, and the numbers of system calls that not every architecture has (syscalls(2)). One
//! that is missing has a negative number here, which no call has: the C library makes another one there.

#![allow(non_upper_case_globals, reason = "the names are those of `libc`")]

pub(crate) use libc::*;

macro_rules! numbers {
    ($($name:ident = $number:literal),+ $(,)?) => {
        $(pub(crate) const $name: c_long = $number;)+
    };
}

// Younger architectures have the successors of the oldest calls alone (`asm-generic/unistd.h`).
#[cfg(not(any(target_arch = "x86_64", target_arch = "powerpc64", target_arch = "s390x")))]
numbers! {
    SYS_access = -1001,
    SYS_alarm = -1002,
    SYS_chmod = -1003,
    SYS_dup2 = -1004,
    SYS_epoll_create = -1005,
    SYS_epoll_wait = -1006,
    SYS_eventfd = -1007,
    SYS_fork = -1008,
    SYS_inotify_init = -1009,
    SYS_mkdir = -1010,
    SYS_open = -1011,
    SYS_pause = -1012,
    SYS_pipe = -1013,
    SYS_poll = -1014,
    SYS_readlink = -1015,
    SYS_rmdir = -1016,
    SYS_select = -1017,
    SYS_unlink = -1018,
    SYS_vfork = -1019,
}

#[cfg(not(target_arch = "x86_64"))]
numbers! { SYS_arch_prctl = -1020 }

#[cfg(target_arch = "s390x")]
numbers! { SYS_accept = -1021 }

// Old architectures have one call for all of System V IPC, and since Linux 5.1 these beside it
// (0d6040d46817), which `libc` does not know.
#[cfg(any(target_arch = "powerpc64", target_arch = "s390x"))]
numbers! {
    SYS_msgget = 399,
    SYS_msgrcv = 401,
    SYS_msgsnd = 400,
    SYS_semget = 393,
    SYS_semop = -1022,
    SYS_semtimedop = 392,
}
#[cfg(not(any(target_arch = "powerpc64", target_arch = "s390x")))]
numbers! { SYS_ipc = -1023 }
