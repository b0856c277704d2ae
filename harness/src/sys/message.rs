//! Messages, and what travels beside their data: descriptors and other control messages, the
//! reports of the error queue, the urgent mark.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::MsgFlags;
use nix::sys::time::TimeSpec;

/// `SCM_PIDFD` of `linux/socket.h`.
pub const SCM_PIDFD: i32 = 0x04;
/// `SO_EE_ORIGIN_ICMP` of `linux/errqueue.h`: the report of an ICMP error.
pub const ORIGIN_ICMP: u8 = 2;
/// `SO_EE_ORIGIN_ZEROCOPY` of `linux/errqueue.h`: the completion of a send with `MSG_ZEROCOPY`.
pub const ORIGIN_ZEROCOPY: u8 = 5;
/// `SO_EE_CODE_ZEROCOPY_COPIED` of `linux/errqueue.h`: the data was copied in the end.
pub const CODE_ZEROCOPY_COPIED: u8 = 1;

/// What one `recvmsg(2)` returned.
#[derive(Debug)]
pub struct Message {
    /// Its data, as much as there was room for.
    pub data: Vec<u8>,
    /// `msg_flags`: `MSG_TRUNC`, `MSG_CTRUNC`, `MSG_EOR` and the like.
    pub flags: MsgFlags,
    /// Its control messages, but for those that hold descriptors.
    pub control: Vec<Control>,
    /// The descriptors of `SCM_RIGHTS` and `SCM_PIDFD`, in order.
    pub descriptors: Vec<OwnedFd>,
}

/// A control message (cmsg(3)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// `cmsg_level`.
    pub level: i32,
    /// `cmsg_type`.
    pub kind: i32,
    /// Its bytes, in the order of this machine.
    pub data: Vec<u8>,
}

impl Message {
    /// The first int of the control message of this level and type, if there is one.
    pub fn control_int(&self, level: i32, kind: i32) -> Option<i32> {
        let found = |control: &&Control| (control.level, control.kind) == (level, kind);
        let bytes = self.control.iter().find(found)?.data.first_chunk()?;
        Some(i32::from_ne_bytes(*bytes))
    }
}

/// `recvmsg(2)` with room for so many bytes of data and of control messages.
pub fn receive(
    fd: impl AsFd,
    room: usize,
    control: usize,
    flags: MsgFlags,
) -> nix::Result<Message> {
    let mut data = vec![0_u8; room];
    // Control messages are aligned as a size_t is.
    let mut buffer = vec![0_u64; control.div_ceil(8)];
    let mut part = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: room };
    // SAFETY: an all-zero msghdr is valid.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = buffer.as_mut_ptr().cast();
    header.msg_controllen = control as _;
    // SAFETY: both buffers live across the call, and their lengths are theirs.
    let length = Errno::result(unsafe {
        libc::recvmsg(fd.as_fd().as_raw_fd(), &raw mut header, flags.bits())
    })?;
    data.truncate(usize::try_from(length).map_err(|_| Errno::EINVAL)?);
    let flags = MsgFlags::from_bits_retain(header.msg_flags);
    let (control, descriptors) = control_messages(&header);
    Ok(Message { data, flags, control, descriptors })
}

/// Takes over what the kernel wrote behind `msg_control`: to be called once for a message.
fn control_messages(header: &libc::msghdr) -> (Vec<Control>, Vec<OwnedFd>) {
    let (mut control, mut descriptors) = (Vec::new(), Vec::new());
    // SAFETY: the kernel filled the buffer and set its length; the macros stay within it.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !next.is_null() {
        // SAFETY: the header is complete, and `cmsg_len` counts it and the bytes behind it, which
        // lie within the buffer.
        let (level, kind, data) = unsafe {
            let length = ((*next).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
            let data = std::slice::from_raw_parts(libc::CMSG_DATA(next), length);
            ((*next).cmsg_level, (*next).cmsg_type, data.to_vec())
        };
        if level == libc::SOL_SOCKET && [libc::SCM_RIGHTS, SCM_PIDFD].contains(&kind) {
            let numbers = data.as_chunks().0.iter().map(|bytes| i32::from_ne_bytes(*bytes));
            // SAFETY: the kernel made these descriptors for this process, which nobody else knows
            // of. An SCM_PIDFD that could not be made holds a negative error.
            let owned = numbers
                .filter(|number| *number >= 0)
                .map(|number| unsafe { OwnedFd::from_raw_fd(number) });
            descriptors.extend(owned);
        } else {
            control.push(Control { level, kind, data });
        }
        // SAFETY: as above.
        next = unsafe { libc::CMSG_NXTHDR(header, next) };
    }
    (control, descriptors)
}

/// A report of a socket's error queue: `struct sock_extended_err` (ip(7), `IP_RECVERR`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The error, 0 for a completion.
    pub errno: i32,
    /// Who reports it.
    pub origin: u8,
    /// What the origin says of it.
    pub code: u8,
    /// For a completion, the number of the first send that it is about.
    pub info: u32,
    /// For a completion, the number of the last.
    pub data: u32,
}

/// Takes the next report from the error queue of an IPv4 socket; nothing if there is none.
pub fn next_report(fd: impl AsFd) -> nix::Result<Option<Report>> {
    let message = match receive(fd, 64, 512, MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT) {
        Err(Errno::EAGAIN) => return Ok(None),
        other => other?,
    };
    let report = message.control.iter().find_map(|control| {
        let bytes: &[u8; 16] = control.data.first_chunk()?;
        let word = |at: usize| {
            u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let found = (control.level, control.kind) == (libc::SOL_IP, libc::IP_RECVERR);
        found.then(|| Report {
            errno: word(0).cast_signed(),
            origin: bytes[4],
            code: bytes[6],
            info: word(8),
            data: word(12),
        })
    });
    report.map(Some).ok_or(Errno::EBADMSG)
}

/// `recvmmsg(2)` for up to `count` messages of up to `room` bytes: the lengths of those received.
pub fn receive_many(
    fd: impl AsFd,
    count: u32,
    room: usize,
    flags: MsgFlags,
    timeout: Option<Duration>,
) -> nix::Result<Vec<u32>> {
    let mut rooms: Vec<Vec<u8>> = (0..count).map(|_| vec![0; room]).collect();
    let mut parts: Vec<libc::iovec> = rooms
        .iter_mut()
        .map(|room| libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() })
        .collect();
    let header = |part: &mut libc::iovec| {
        // SAFETY: an all-zero mmsghdr is valid.
        let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        header.msg_hdr.msg_iov = std::ptr::from_mut(part);
        header.msg_hdr.msg_iovlen = 1;
        header
    };
    let mut headers: Vec<libc::mmsghdr> = parts.iter_mut().map(header).collect();
    let mut time = timeout.map(|timeout| *TimeSpec::from_duration(timeout).as_ref());
    let time = time.as_mut().map_or(std::ptr::null_mut(), std::ptr::from_mut);
    // SAFETY: there are `count` headers, and they, their parts and buffers and the time-out live
    // across the call.
    let returned = Errno::result(unsafe {
        libc::recvmmsg(fd.as_fd().as_raw_fd(), headers.as_mut_ptr(), count, flags.bits() as _, time)
    })?;
    let returned = usize::try_from(returned).map_err(|_| Errno::EINVAL)?;
    Ok(headers[..returned].iter().map(|header| header.msg_len).collect())
}

/// Whether the next byte to be read is the urgent mark: `SIOCATMARK` (tcp(7), sockatmark(3)).
pub fn at_mark(fd: impl AsFd) -> nix::Result<bool> {
    /// `SIOCATMARK` of `asm-generic/sockios.h`.
    const SIOCATMARK: libc::c_ulong = 0x8905;
    let mut answer: libc::c_int = 0;
    // SAFETY: SIOCATMARK writes one int.
    Errno::result(unsafe {
        libc::ioctl(fd.as_fd().as_raw_fd(), SIOCATMARK as _, &raw mut answer)
    })?;
    Ok(answer != 0)
}
