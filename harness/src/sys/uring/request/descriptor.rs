//! Requests about a descriptor.

use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::AtomicU8;

use io_uring::opcode;
use io_uring::types::{CancelBuilder, Fd};
use nix::sys::socket::{SockaddrIn, SockaddrLike as _};

use super::{Request, memory};
use crate::sys::epoll::EpollFlags;

/// `IORING_ACCEPT_DONTWAIT` of `linux/io_uring.h`, which the `io-uring` crate has no word for.
const ACCEPT_DONTWAIT: u16 = 1 << 1;

fn fd(fd: impl AsFd) -> Fd {
    Fd(fd.as_fd().as_raw_fd())
}

impl Request {
    /// A read of up to `length` bytes from where the file stands.
    pub fn read(from: impl AsFd, length: u32) -> Request {
        Request::read_into(from, memory(length))
    }

    /// A read into memory that is there.
    pub fn read_into(from: impl AsFd, data: &'static [AtomicU8]) -> Request {
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let operation = opcode::Read::new(fd(from), data.as_ptr().cast_mut().cast(), length);
        Request { data, ..request!(Read, operation.offset(u64::MAX)) }
    }

    /// A read for each time that there is something, into buffers of a group.
    pub fn read_multishot(from: impl AsFd, group: u16) -> Request {
        request!(ReadMulti, opcode::ReadMulti::new(fd(from), 0, group).offset(u64::MAX))
    }

    /// A receive of up to `length` bytes with flags of `recv(2)`.
    pub fn recv(from: impl AsFd, length: u32, flags: i32) -> Request {
        let data = memory(length);
        let operation = opcode::Recv::new(fd(from), data.as_ptr().cast_mut().cast(), length);
        Request { data, ..request!(Recv, operation.flags(flags)) }
    }

    /// A receive for each time that there is something, into buffers of a group.
    pub fn recv_multishot(from: impl AsFd, group: u16) -> Request {
        request!(RecvMulti, opcode::RecvMulti::new(fd(from), group))
    }

    /// A send with flags of `send(2)`.
    pub fn send(to: impl AsFd, data: &'static [u8], flags: i32) -> Request {
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        request!(Send, opcode::Send::new(fd(to), data.as_ptr(), length).flags(flags))
    }

    /// A send that takes the data from where it is.
    pub fn send_zero_copy(to: impl AsFd, data: &'static [u8]) -> Request {
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        request!(SendZc, opcode::SendZc::new(fd(to), data.as_ptr(), length))
    }

    /// An accept.
    pub fn accept(from: impl AsFd) -> Request {
        let operation = opcode::Accept::new(fd(from), std::ptr::null_mut(), std::ptr::null_mut());
        request!(Accept, operation.flags(libc::SOCK_CLOEXEC))
    }

    /// An accept that does not wait (`IORING_ACCEPT_DONTWAIT`).
    pub fn accept_now(from: impl AsFd) -> Request {
        Request::accept(from).patched(2, &ACCEPT_DONTWAIT.to_ne_bytes())
    }

    /// An accept for each connection.
    pub fn accept_multishot(from: impl AsFd) -> Request {
        request!(AcceptMulti, opcode::AcceptMulti::new(fd(from)).flags(libc::SOCK_CLOEXEC))
    }

    /// A poll that completes once.
    pub fn poll(of: impl AsFd, events: u32) -> Request {
        request!(PollAdd, opcode::PollAdd::new(fd(of), events))
    }

    /// A poll that completes for each event.
    pub fn poll_multishot(of: impl AsFd, events: u32) -> Request {
        request!(PollAdd, opcode::PollAdd::new(fd(of), events).multi(true))
    }

    /// The cancellation of all requests about a descriptor.
    pub fn cancel_all_of(of: impl AsFd) -> Request {
        request!(AsyncCancel2, opcode::AsyncCancel2::new(CancelBuilder::fd(fd(of)).all()))
    }

    /// A bind to a port of 127.0.0.1 that the kernel chooses.
    pub fn bind(socket: impl AsFd) -> Request {
        let address: &SockaddrIn = Box::leak(Box::new(SockaddrIn::new(127, 0, 0, 1, 0)));
        request!(Bind, opcode::Bind::new(fd(socket), address.as_ptr(), address.len()))
    }

    /// A listen.
    pub fn listen(socket: impl AsFd) -> Request {
        request!(Listen, opcode::Listen::new(fd(socket), 8))
    }

    /// A connect to a port of 127.0.0.1.
    pub fn connect(socket: impl AsFd, port: u16) -> Request {
        let address: &SockaddrIn = Box::leak(Box::new(SockaddrIn::new(127, 0, 0, 1, port)));
        request!(Connect, opcode::Connect::new(fd(socket), address.as_ptr(), address.len()))
    }

    /// `EPOLL_CTL_ADD`.
    pub fn epoll_add(epoll: impl AsFd, target: impl AsFd, events: EpollFlags) -> Request {
        let target = fd(target);
        let event = libc::epoll_event {
            events: events.bits().cast_unsigned(),
            u64: u64::from(target.0.unsigned_abs()),
        };
        let event: &libc::epoll_event = Box::leak(Box::new(event));
        let pointer = std::ptr::from_ref(event).cast();
        request!(EpollCtl, opcode::EpollCtl::new(fd(epoll), target, libc::EPOLL_CTL_ADD, pointer))
    }

    /// `epoll_wait` for up to eight reports, which are not looked at.
    pub fn epoll_wait(epoll: impl AsFd) -> Request {
        let room = memory(8 * u32::try_from(size_of::<libc::epoll_event>()).unwrap_or(16));
        let start = room.as_ptr().cast_mut().cast();
        request!(EpollWait, opcode::EpollWait::new(fd(epoll), start, 8))
    }

    /// A completion with this tag and result, in another ring.
    pub fn message(ring: impl AsFd, result: i32, tag: u64) -> Request {
        request!(MsgRingData, opcode::MsgRingData::new(fd(ring), result, tag, None))
    }
}
