//! What is asked of sockets beside their options: ioctl, shutdown, sendfile, names.

use libc::{
    SYS_connect, SYS_getsockname, SYS_ioctl, SYS_read, SYS_recvfrom, SYS_sendfile, SYS_shutdown,
    SYS_socket,
};
use nix::errno::Errno;

use super::means::change_u32;
use super::{Mutant, after, before, both};
use crate::sys::abi::SYS_poll;
use crate::trace::{Act, Kind};

pub(super) const MUTANTS: &[Mutant] = &[
    after(
        "tcp.unread_is_never_none",
        "FIONREAD of a socket tells of a byte where there is none.",
        "tcp(7), SIOCINQ",
        &[SYS_ioctl],
        |call| asked(call, libc::FIONREAD, |count| count.max(1)),
    ),
    after(
        "tcp.unread_is_nothing",
        "FIONREAD of a socket tells of nothing.",
        "tcp(7), SIOCINQ",
        &[SYS_ioctl],
        |call| asked(call, libc::FIONREAD, |_| 0),
    ),
    after(
        "tcp.unread_is_one_more",
        "FIONREAD of a socket tells of a byte more than there is.",
        "tcp(7), SIOCINQ",
        &[SYS_ioctl],
        |call| asked(call, libc::FIONREAD, |count| if count == 0 { 0 } else { count + 1 }),
    ),
    after(
        "tcp.unread_is_told_once",
        "FIONREAD tells what has come since it was last asked.",
        "tcp(7), SIOCINQ",
        &[SYS_ioctl],
        |call| {
            if call.argument(1) == libc::FIONREAD && call.kind(call.int(0)) == Kind::Socket {
                let key = (1, call.argument(0));
                let now = call.u32(call.argument(2)).unwrap_or(0);
                if call.memory.insert(key, now.into()) == Some(now.into()) {
                    call.put(call.argument(2), &[0; 4]);
                }
            }
        },
    ),
    after(
        "tcp.unacknowledged_is_nothing",
        "SIOCOUTQ tells of nothing.",
        "tcp(7), SIOCOUTQ",
        &[SYS_ioctl],
        |call| asked(call, libc::TIOCOUTQ, |_| 0),
    ),
    after(
        "tcp.unacknowledged_is_more",
        "SIOCOUTQ tells of a byte more than there is.",
        "tcp(7), SIOCOUTQ",
        &[SYS_ioctl],
        |call| asked(call, libc::TIOCOUTQ, |count| count + 1),
    ),
    after(
        "tcp.unsent_is_more",
        "SIOCOUTQNSD tells of a byte more than there is.",
        "tcp(7), SIOCOUTQNSD",
        &[SYS_ioctl],
        |call| asked(call, 0x894b, |count| count + 1),
    ),
    after(
        "tcp.listener_has_queues",
        "The ioctls about queues succeed on a listener.",
        "tcp(7), Ioctls",
        &[SYS_ioctl],
        |call| call.forgive(Errno::EINVAL),
    ),
    before(
        "tcp.shutdown_is_of_both",
        "shutdown ends both directions.",
        "shutdown(2)",
        &[SYS_shutdown],
        |call| {
            if call.argument(1) < 2 {
                call.set_argument(1, 2);
            }
        },
    ),
    after(
        "tcp.shutdown_is_once",
        "A second shutdown fails with ENOTCONN.",
        "shutdown(2)",
        &[SYS_shutdown],
        |call| {
            if call.succeeded() && call.count(call.argument(0)) > 1 {
                call.refuse(Errno::ENOTCONN);
            }
        },
    ),
    both(
        "tcp.shutdown_throws_away",
        "What arrives after shutdown(SHUT_RD) cannot be read.",
        "shutdown(2)",
        &[SYS_shutdown, SYS_read, SYS_recvfrom],
        |call| {
            let shut = call.memory.contains_key(&(2, call.argument(0)));
            if call.number() != SYS_shutdown && shut && call.kind(call.int(0)) == Kind::Socket {
                call.answer(0);
            }
        },
        |call| {
            if call.number() == SYS_shutdown && call.argument(1) == 0 {
                call.memory.insert((2, call.argument(0)), 1);
            }
        },
    ),
    after(
        "delivery.reset_destroys_the_unread",
        "What had arrived before a reset cannot be read.",
        "recv(2), ECONNRESET",
        &[SYS_poll, SYS_read, SYS_recvfrom],
        |call| {
            if call.number() == SYS_poll {
                let at = call.argument(0);
                // POLLERR and POLLHUP.
                if call.u16(at + 6).is_some_and(|told| told & 0x18 == 0x18) {
                    let descriptor = call.u32(at).unwrap_or(0);
                    call.memory.insert((3, descriptor.into()), 1);
                }
            } else if call.result() > 0 && call.memory.contains_key(&(3, call.argument(0))) {
                call.refuse(Errno::ECONNRESET);
            }
        },
    ),
    both(
        "tcp.sendfile_keeps_the_offset",
        "sendfile does not move the offset that it is given.",
        "sendfile(2)",
        &[SYS_sendfile],
        |call| call.note = call.u64(call.argument(2)).unwrap_or(0),
        |call| {
            let note = call.note;
            call.put(call.argument(2), &note.to_ne_bytes());
        },
    ),
    after(
        "tcp.sendfile_keeps_the_position",
        "sendfile without an offset leaves the file where it was.",
        "sendfile(2)",
        &[SYS_sendfile],
        |call| {
            if call.argument(2) == 0 && call.result() > 0 {
                call.also(libc::SYS_lseek, [call.argument(1), 0, 0, 0, 0, 0]);
            }
        },
    ),
    after(
        "tcp.sendfile_reads_nothing_from_a_socket",
        "sendfile from a socket is a success that does nothing.",
        "sendfile(2), EINVAL",
        &[SYS_sendfile],
        |call| call.forgive(Errno::EINVAL),
    ),
    after(
        "unix.names_are_empty",
        "bind without a name gives none.",
        "unix(7), Autobind feature",
        &[SYS_getsockname],
        |call| {
            if call.u32(call.argument(2)) == Some(8) {
                change_u32(call, call.argument(2), |_| 2);
            }
        },
    ),
    after(
        "unix.refused_is_not_found",
        "A connect to a name of which nobody listens fails with ENOENT.",
        "connect(2), ERRORS: ECONNREFUSED",
        &[SYS_connect],
        |call| call.confuse(Errno::ECONNREFUSED, Errno::ENOENT),
    ),
    after(
        "unix.name_in_use_is_invalid",
        "bind to a name in use fails with EINVAL.",
        "bind(2), EADDRINUSE",
        &[libc::SYS_bind],
        |call| call.confuse(Errno::EADDRINUSE, Errno::EINVAL),
    ),
    both(
        "udp.connected_to_everybody",
        "connect of a datagram socket is a success without effect.",
        "connect(2)",
        &[SYS_socket, SYS_connect],
        |call| {
            if call.number() == SYS_connect && call.memory.contains_key(&(4, call.argument(0))) {
                call.answer(0);
            }
        },
        |call| {
            let made = call.number() == SYS_socket && call.succeeded();
            if made && (call.int(0), call.int(1) & 15) == (libc::AF_INET, libc::SOCK_DGRAM) {
                let descriptor = call.result().cast_unsigned();
                call.memory.insert((4, descriptor), 1);
            }
        },
    ),
    after(
        "tcp.attribute_is_another",
        "The protocol's name among the attributes of a socket is another.",
        "xattr(7)",
        &[libc::SYS_fgetxattr],
        |call| {
            if call.result() > 0 {
                call.put(call.argument(2), b"?");
            }
        },
    ),
];

/// Changes what ioctl has told of a socket.
fn asked(call: &mut Act, request: u64, change: fn(u32) -> u32) {
    let is = call.argument(1) == request && call.kind(call.int(0)) == Kind::Socket;
    if is && call.succeeded() {
        change_u32(call, call.argument(2), change);
    }
}
