//! Kernels that are not wrong but older, or built without a part: what they do not know they refuse,
//! with the error that such a kernel gives. A case that takes one of them for a wrong kernel accuses
//! an honest one.

use libc::{IPPROTO_IP, SOL_SOCKET};
use nix::errno::Errno;

use super::bind::IP_LOCAL_PORT_RANGE;
use super::means::{has_flag, is_option};
use super::uring_setup::{announce, flags, has_probed, is_probe, support};
use super::{Mutant, both, old, old_answer};
use crate::sys::abi;
use crate::sys::descriptor::{F_CREATED_QUERY, F_DUPFD_QUERY};
use crate::sys::pidfd::PIDFD_SELF_THREAD;
use crate::sys::rwf::{RWF_NOSIGNAL, RWF_NOWAIT};
use crate::sys::uring::operation;
use crate::trace::{Act, Kind};

pub(super) const MUTANTS: &[Mutant] = &[
    old(
        "aio.built_without",
        "There is no Linux AIO, as without CONFIG_AIO.",
        "io_setup(2), ERRORS: ENOSYS",
        &[libc::SYS_io_setup],
        |call| call.refuse(Errno::ENOSYS),
    ),
    old(
        "aio.older_than_poll",
        "Linux AIO has no IOCB_CMD_POLL, as before Linux 4.18.",
        "linux commit bfe4037e722e",
        &[libc::SYS_io_submit],
        |call| {
            // The operation of the first request (`aio_lio_opcode` of `struct iocb`).
            let request = call.u64(call.argument(2)).unwrap_or(0);
            if call.u16(request + 16) == Some(IOCB_CMD_POLL) {
                call.refuse(Errno::EINVAL);
            }
        },
    ),
    old(
        "bind.older_than_local_port_range",
        "There is no IP_LOCAL_PORT_RANGE, as before Linux 6.3.",
        "linux commit 91d0b78c5177",
        &[libc::SYS_setsockopt, libc::SYS_getsockopt],
        |call| without_option(call, IPPROTO_IP, IP_LOCAL_PORT_RANGE),
    ),
    old(
        "eintr.built_without_system_v",
        "There are no System V semaphores, as without CONFIG_SYSVIPC.",
        "semget(2), ERRORS; linux init/Kconfig",
        &[abi::SYS_semget],
        |call| call.refuse(Errno::ENOSYS),
    ),
    old(
        "eintr.built_without_message_queues",
        "There are no POSIX message queues, as without CONFIG_POSIX_MQUEUE.",
        "mq_overview(7), Kernel configuration",
        &[libc::SYS_mq_open],
        |call| call.refuse(Errno::ENOSYS),
    ),
    old(
        "epoll.older_than_params",
        "An epoll instance has no parameters (EPIOCGPARAMS), as before Linux 6.9.",
        "ioctl_eventpoll(2), HISTORY",
        &[libc::SYS_ioctl],
        |call| {
            if call.kind(call.int(0)) == Kind::Epoll {
                call.refuse(Errno::ENOTTY);
            }
        },
    ),
    old(
        "epoll.older_than_pwait2",
        "There is no epoll_pwait2, as before Linux 5.11.",
        "epoll_wait(2), HISTORY",
        &[libc::SYS_epoll_pwait2],
        |call| call.refuse(Errno::ENOSYS),
    ),
    old(
        "nonblocking.older_than_nowait",
        "No read may be made that must not wait (RWF_NOWAIT), as before Linux 4.14.",
        "preadv2(2), RWF_NOWAIT",
        &[libc::SYS_preadv2, libc::SYS_pwritev2],
        |call| {
            if has_flag(call, RWF_NOWAIT) {
                call.refuse(Errno::EOPNOTSUPP);
            }
        },
    ),
    old(
        "nonblocking.older_than_nosignal",
        "No write may be made that raises no SIGPIPE (RWF_NOSIGNAL), as before Linux 6.18.",
        "linux include/uapi/linux/fs.h",
        &[libc::SYS_pwritev2],
        |call| {
            if has_flag(call, RWF_NOSIGNAL) {
                call.refuse(Errno::EOPNOTSUPP);
            }
        },
    ),
    old(
        "nonblocking.older_than_preadv2",
        "There are no preadv2 and pwritev2, as before Linux 4.6.",
        "readv(2), HISTORY",
        &[libc::SYS_preadv2, libc::SYS_pwritev2],
        |call| call.refuse(Errno::ENOSYS),
    ),
    old(
        "observe.older_than_queries",
        "fcntl tells neither whether files are the same nor who made them, as before Linux 6.10.",
        "F_DUPFD_QUERY(2const), HISTORY",
        &[libc::SYS_fcntl],
        |call| {
            if [F_DUPFD_QUERY, F_CREATED_QUERY].contains(&call.int(1)) {
                call.refuse(Errno::EINVAL);
            }
        },
    ),
    old(
        "pidfd.older_than_information",
        "A pidfd gives no information (PIDFD_GET_INFO), as before Linux 6.13.",
        "linux include/uapi/linux/pidfd.h",
        &[libc::SYS_ioctl],
        |call| {
            if call.kind(call.int(0)) == Kind::Pidfd {
                call.refuse(Errno::ENOTTY);
            }
        },
    ),
    old(
        "pidfd.older_than_nonblock",
        "pidfd_open knows no flag, as before Linux 5.10.",
        "pidfd_open(2), PIDFD_NONBLOCK",
        &[libc::SYS_pidfd_open],
        |call| {
            if call.int(1) != 0 {
                call.refuse(Errno::EINVAL);
            }
        },
    ),
    old(
        "pidfd.older_than_pidfd_open",
        "There is no pidfd_open, as before Linux 5.3.",
        "pidfd_open(2), HISTORY",
        &[libc::SYS_pidfd_open],
        |call| call.refuse(Errno::ENOSYS),
    ),
    old(
        "pidfd.older_than_self",
        "There is no PIDFD_SELF, as before Linux 6.15.",
        "linux include/uapi/linux/fcntl.h",
        &[libc::SYS_pidfd_send_signal],
        |call| {
            // PIDFD_SELF_THREAD_GROUP is one less.
            if call.int(0) <= PIDFD_SELF_THREAD {
                call.refuse(Errno::EBADF);
            }
        },
    ),
    old(
        "pipe.built_without_inotify",
        "There is no inotify, as without CONFIG_INOTIFY_USER.",
        "inotify_init(2); linux fs/notify/inotify/Kconfig",
        &[abi::SYS_inotify_init, libc::SYS_inotify_init1],
        |call| call.refuse(Errno::ENOSYS),
    ),
    old(
        "pipe.older_than_packets",
        "A pipe has no packet mode (O_DIRECT), as before Linux 3.4.",
        "pipe(2), O_DIRECT",
        &[libc::SYS_pipe2, libc::SYS_fcntl],
        |call| {
            let asks = match call.number() {
                libc::SYS_pipe2 => call.int(1),
                _ if call.int(1) == libc::F_SETFL && call.kind(call.int(0)) == Kind::Pipe => {
                    call.int(2)
                }
                _ => 0,
            };
            if asks & libc::O_DIRECT != 0 {
                call.refuse(Errno::EINVAL);
            }
        },
    ),
    old(
        "readiness.older_than_unix_urgent_data",
        "AF_UNIX knows no urgent data, as before Linux 5.15.",
        "unix(7), MSG_OOB; linux commit 314001f0bf92",
        &[libc::SYS_sendto, libc::SYS_sendmsg],
        |call| {
            if has_flag(call, libc::MSG_OOB) {
                call.refuse(Errno::EOPNOTSUPP);
            }
        },
    ),
    old(
        "reuseport.older_than_programs",
        "A group takes no classic program (SO_ATTACH_REUSEPORT_CBPF), as before Linux 4.5.",
        "socket(7), SO_ATTACH_REUSEPORT_CBPF",
        &[libc::SYS_setsockopt],
        |call| without_option(call, SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF),
    ),
    old(
        "reuseport.older_than_incoming_cpu",
        "There is no SO_INCOMING_CPU, as before Linux 3.19.",
        "socket(7), SO_INCOMING_CPU",
        &[libc::SYS_setsockopt, libc::SYS_getsockopt],
        |call| without_option(call, SOL_SOCKET, libc::SO_INCOMING_CPU),
    ),
    old(
        "signalfd.built_without",
        "There is no signalfd, as without CONFIG_SIGNALFD.",
        "signalfd(2), HISTORY; linux init/Kconfig",
        &[libc::SYS_signalfd4],
        |call| call.refuse(Errno::ENOSYS),
    ),
    old(
        "tcp.without_attributes_of_sockets",
        "Sockets have no extended attributes.",
        "xattr(7)",
        &[libc::SYS_fgetxattr, libc::SYS_fsetxattr],
        |call| call.refuse(Errno::EOPNOTSUPP),
    ),
    old(
        "timeout.older_than_slack",
        "A thread has no timer slack of its own, as before Linux 2.6.28.",
        "PR_SET_TIMERSLACK(2const), HISTORY",
        &[libc::SYS_prctl],
        |call| {
            if [libc::PR_SET_TIMERSLACK, libc::PR_GET_TIMERSLACK].contains(&call.int(0)) {
                call.refuse(Errno::EINVAL);
            }
        },
    ),
    old(
        "udp.without_udplite",
        "There is no UDP-Lite, as from Linux 7.1 on.",
        "udplite(7)",
        &[libc::SYS_socket],
        |call| {
            if call.int(2) == libc::IPPROTO_UDPLITE {
                call.refuse(Errno::EPROTONOSUPPORT);
            }
        },
    ),
    old(
        "uring.older_than_flags",
        "io_uring_setup knows no flag, as Linux 5.1 knew none of those that are tried.",
        "io_uring_setup(2), ERRORS: EINVAL",
        &[libc::SYS_io_uring_setup],
        |call| {
            if flags(call) != 0 {
                call.refuse(Errno::EINVAL);
            }
        },
    ),
    old(
        "uring.older_than_rings_of_buffers",
        "No ring of buffers can be registered, as before Linux 5.19.",
        "io_uring_register(2), IORING_REGISTER_PBUF_RING",
        &[libc::SYS_io_uring_register],
        |call| {
            if call.int(1) == IORING_REGISTER_PBUF_RING {
                call.refuse(Errno::EINVAL);
            }
        },
    ),
    Mutant {
        is_old: true,
        ..both(
            "uring.older_than_telling",
            "A ring does not tell its operations, and announces what one of Linux 5.5 did.",
            "io_uring_register(2), IORING_REGISTER_PROBE",
            &[libc::SYS_io_uring_setup, libc::SYS_io_uring_register],
            |call| {
                if is_probe(call) {
                    call.refuse(Errno::EINVAL);
                }
            },
            |call| {
                if call.number() == libc::SYS_io_uring_setup {
                    // IORING_FEAT_SINGLE_MMAP to IORING_FEAT_SUBMIT_STABLE.
                    announce(call, |features| features & 0x7);
                }
            },
        )
    },
    old_answer(
        "uring.older_than_features",
        "A ring announces what one of Linux 5.6 did.",
        "io_uring_setup(2), features",
        &[libc::SYS_io_uring_setup],
        |call| {
            // IORING_FEAT_SINGLE_MMAP to IORING_FEAT_CUR_PERSONALITY.
            announce(call, |features| features & 0x1f);
        },
    ),
    old_answer(
        "uring.older_than_operations",
        "A ring has the operations of Linux 5.6.",
        "io_uring_register(2), IORING_REGISTER_PROBE",
        &[libc::SYS_io_uring_register],
        |call| {
            if has_probed(call) {
                let room = call.argument(3);
                let newer = (operation::SPLICE..=u8::MAX).take_while(|it| u64::from(*it) < room);
                newer.for_each(|operation| support(call, operation, false));
            }
        },
    ),
];

/// Of `linux/aio_abi.h`.
const IOCB_CMD_POLL: u16 = 5;
/// Of `linux/io_uring.h`.
const IORING_REGISTER_PBUF_RING: i32 = 22;

/// Refuses an option of sockets as one that is not known.
fn without_option(call: &mut Act, level: i32, name: i32) {
    if is_option(call, level, name) {
        call.refuse(Errno::ENOPROTOOPT);
    }
}
