//! System calls by number: their names, and what their arguments are, a letter each.

use crate::sys::abi;

/// The name of a call, and the letters of its arguments:
///
/// - `i` an integer, `x` one in hexadecimal, `o` one in octal, `p` an address
/// - `s` a path, `w` bytes whose number is the next argument, `r` bytes whose number is the result
/// - `C` an operation of epoll_ctl, `F` one of futex, `c` one of fcntl
/// - `e` an `epoll_event`, `E` as many as the result, `f` as many `pollfd` as the next argument
/// - `t` a `timespec`
pub(super) fn name(number: i64) -> Option<(&'static str, &'static str)> {
    CALLS.iter().find(|(known, ..)| *known == number).map(|(_, name, letters)| (*name, *letters))
}

/// The word for an operation of epoll_ctl.
pub(super) fn of_epoll_ctl(operation: u64) -> Option<String> {
    word(&["ADD", "DEL", "MOD"], operation.checked_sub(1)?)
}

/// The word for an operation of futex, without its flags (`linux/futex.h`).
pub(super) fn of_futex(operation: u64) -> Option<String> {
    let words = [
        "WAIT",
        "WAKE",
        "FD",
        "REQUEUE",
        "CMP_REQUEUE",
        "WAKE_OP",
        "LOCK_PI",
        "UNLOCK_PI",
        "TRYLOCK_PI",
        "WAIT_BITSET",
        "WAKE_BITSET",
    ];
    word(&words, operation & 0x7f)
}

/// The word for a command of fcntl (`asm-generic/fcntl.h`, `linux/fcntl.h`).
pub(super) fn of_fcntl(command: u64) -> Option<String> {
    let first = ["F_DUPFD", "F_GETFD", "F_SETFD", "F_GETFL", "F_SETFL"];
    let later = ["F_DUPFD_CLOEXEC", "F_SETPIPE_SZ", "F_GETPIPE_SZ"];
    let owners = ["F_SETOWN", "F_GETOWN", "F_SETSIG", "F_GETSIG"];
    word(&first, command)
        .or_else(|| word(&owners, command.checked_sub(8)?))
        .or_else(|| word(&later, command.checked_sub(1030)?))
}

fn word(words: &[&str], place: u64) -> Option<String> {
    words.get(usize::try_from(place).ok()?).map(|word| (*word).to_owned())
}

macro_rules! calls {
    ($($name:ident $letters:literal as $number:ident,)+) => {
        &[$((abi::$number, stringify!($name), $letters),)+]
    };
}

const CALLS: &[(i64, &str, &str)] = calls! {
    accept "ipp" as SYS_accept,
    accept4 "ippx" as SYS_accept4,
    bind "ipi" as SYS_bind,
    clock_nanosleep "iitp" as SYS_clock_nanosleep,
    clone "xpppx" as SYS_clone,
    clone3 "pi" as SYS_clone3,
    close "i" as SYS_close,
    close_range "iix" as SYS_close_range,
    connect "ipi" as SYS_connect,
    dup "i" as SYS_dup,
    dup3 "iix" as SYS_dup3,
    epoll_create1 "x" as SYS_epoll_create1,
    epoll_ctl "iCie" as SYS_epoll_ctl,
    epoll_pwait "iEiip" as SYS_epoll_pwait,
    epoll_pwait2 "iEitp" as SYS_epoll_pwait2,
    eventfd2 "ix" as SYS_eventfd2,
    execve "spp" as SYS_execve,
    exit "i" as SYS_exit,
    exit_group "i" as SYS_exit_group,
    fcntl "icx" as SYS_fcntl,
    flock "ii" as SYS_flock,
    futex "pFxppx" as SYS_futex,
    getsockname "ipp" as SYS_getsockname,
    getsockopt "iiipp" as SYS_getsockopt,
    io_getevents "xiipt" as SYS_io_getevents,
    io_setup "ip" as SYS_io_setup,
    io_submit "xip" as SYS_io_submit,
    io_uring_enter "iiixpi" as SYS_io_uring_enter,
    io_uring_register "iipi" as SYS_io_uring_register,
    io_uring_setup "ip" as SYS_io_uring_setup,
    ioctl "ixp" as SYS_ioctl,
    kill "ii" as SYS_kill,
    listen "ii" as SYS_listen,
    memfd_create "sx" as SYS_memfd_create,
    openat "isxo" as SYS_openat,
    pidfd_open "ix" as SYS_pidfd_open,
    pidfd_send_signal "iipx" as SYS_pidfd_send_signal,
    pipe2 "px" as SYS_pipe2,
    ppoll "fitpi" as SYS_ppoll,
    prctl "ixxxx" as SYS_prctl,
    pread64 "irii" as SYS_pread64,
    preadv2 "ipiiix" as SYS_preadv2,
    prlimit64 "iipp" as SYS_prlimit64,
    pselect6 "ippptp" as SYS_pselect6,
    pwrite64 "iwii" as SYS_pwrite64,
    pwritev2 "ipiiix" as SYS_pwritev2,
    read "iri" as SYS_read,
    readv "ipi" as SYS_readv,
    recvfrom "irixpp" as SYS_recvfrom,
    recvmmsg "ipixt" as SYS_recvmmsg,
    recvmsg "ipx" as SYS_recvmsg,
    restart_syscall "" as SYS_restart_syscall,
    rt_sigaction "ippi" as SYS_rt_sigaction,
    rt_sigreturn "" as SYS_rt_sigreturn,
    rt_sigsuspend "pi" as SYS_rt_sigsuspend,
    rt_sigtimedwait "pptp" as SYS_rt_sigtimedwait,
    rt_tgsigqueueinfo "iiip" as SYS_rt_tgsigqueueinfo,
    sched_setaffinity "iip" as SYS_sched_setaffinity,
    sendfile "iipi" as SYS_sendfile,
    sendmmsg "ipix" as SYS_sendmmsg,
    sendmsg "ipx" as SYS_sendmsg,
    sendto "iwixpi" as SYS_sendto,
    setitimer "ipp" as SYS_setitimer,
    setsockopt "iiipi" as SYS_setsockopt,
    shutdown "ii" as SYS_shutdown,
    signalfd4 "ipix" as SYS_signalfd4,
    socket "ixi" as SYS_socket,
    socketpair "ixip" as SYS_socketpair,
    splice "ipipix" as SYS_splice,
    tee "iiix" as SYS_tee,
    tgkill "iii" as SYS_tgkill,
    timer_create "ipp" as SYS_timer_create,
    timer_settime "ixpp" as SYS_timer_settime,
    timerfd_create "ix" as SYS_timerfd_create,
    timerfd_settime "ixpp" as SYS_timerfd_settime,
    vmsplice "ipix" as SYS_vmsplice,
    wait4 "ipxp" as SYS_wait4,
    waitid "iipxp" as SYS_waitid,
    write "iwi" as SYS_write,
    writev "ipi" as SYS_writev,
    fchmod "io" as SYS_fchmod,
    fstat "ip" as SYS_fstat,
    lseek "iii" as SYS_lseek,
    mkdir "so" as SYS_mkdir,
    chmod "so" as SYS_chmod,
    mknodat "isoi" as SYS_mknodat,
    setpgid "ii" as SYS_setpgid,
    inotify_init1 "x" as SYS_inotify_init1,
    inotify_add_watch "isx" as SYS_inotify_add_watch,
    msgsnd "ipix" as SYS_msgsnd,
    msgrcv "ipiix" as SYS_msgrcv,
    msgget "ix" as SYS_msgget,
    rmdir "s" as SYS_rmdir,
    umask "o" as SYS_umask,
    unlink "s" as SYS_unlink,
    alarm "i" as SYS_alarm,
    dup2 "ii" as SYS_dup2,
    epoll_create "i" as SYS_epoll_create,
    epoll_wait "iEii" as SYS_epoll_wait,
    eventfd "i" as SYS_eventfd,
    fork "" as SYS_fork,
    open "sxo" as SYS_open,
    pause "" as SYS_pause,
    pipe "p" as SYS_pipe,
    poll "fii" as SYS_poll,
    select "ipppp" as SYS_select,
    vfork "" as SYS_vfork,
};

/// Calls that say nothing of input and output: of memory, of threads as the C library keeps them,
/// and those by which the suite waits.
pub(super) const LEFT_OUT: &[i64] = &[
    abi::SYS_access,
    abi::SYS_arch_prctl,
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_newfstatat,
    abi::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_rseq,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_sigaltstack,
    libc::SYS_statx,
    libc::SYS_uname,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_their_words_and_what_is_none_has_none() {
        let words = [
            of_epoll_ctl(libc::EPOLL_CTL_ADD as u64),
            of_futex((libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG) as u64),
            of_fcntl(libc::F_GETFL as u64),
            of_fcntl(11), // F_GETSIG
            of_fcntl(libc::F_DUPFD_CLOEXEC as u64),
            of_epoll_ctl(0),
            of_fcntl(u64::MAX),
        ];
        let words = words.map(Option::unwrap_or_default);
        assert_eq!(words, ["ADD", "WAIT_BITSET", "F_GETFL", "F_GETSIG", "F_DUPFD_CLOEXEC", "", ""]);
    }

    #[test]
    fn every_call_has_a_number_of_its_own_and_letters_that_are_known() {
        for (at, (number, name, letters)) in CALLS.iter().enumerate() {
            assert!(CALLS[..at].iter().all(|(other, ..)| other != number), "{name}");
            assert!(letters.chars().all(|letter| "ixopswreEftCFc".contains(letter)), "{name}");
            assert!(letters.len() <= 6, "{name}");
        }
    }
}
