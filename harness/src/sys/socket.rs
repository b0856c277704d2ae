//! What the kernel tells of a socket: its queues, its TCP state, its pending error.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockType};

/// `SIOCOUTQNSD` of `linux/sockios.h`: the bytes that were not sent yet.
const SIOCOUTQNSD: libc::c_ulong = 0x894B;

fn queue(fd: impl AsFd, request: libc::c_ulong) -> nix::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: these requests write one int.
    Errno::result(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), request as _, &raw mut bytes) })?;
    usize::try_from(bytes).map_err(|_| Errno::ERANGE)
}

/// The bytes that wait to be read: `FIONREAD`, which is `SIOCINQ` for a socket (tcp(7), pipe(7)).
pub fn unread(fd: impl AsFd) -> nix::Result<usize> {
    queue(fd, libc::FIONREAD)
}

/// The bytes that the peer's kernel has not acknowledged: `SIOCOUTQ` (tcp(7)).
pub fn unacked(fd: impl AsFd) -> nix::Result<usize> {
    queue(fd, libc::TIOCOUTQ)
}

/// The bytes that were not even sent: `SIOCOUTQNSD` (tcp(7)).
pub fn unsent(fd: impl AsFd) -> nix::Result<usize> {
    queue(fd, SIOCOUTQNSD)
}

/// `TCP_INFO` (tcp(7)). Fields that the kernel is too old to fill are zero.
pub fn tcp_info(fd: impl AsFd) -> nix::Result<libc::tcp_info> {
    // SAFETY: tcp_info is made of integers.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length =
        libc::socklen_t::try_from(size_of::<libc::tcp_info>()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the buffer and its length belong together and live across the call.
    Errno::result(unsafe {
        libc::getsockopt(
            fd.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut info).cast(),
            &raw mut length,
        )
    })?;
    Ok(info)
}

/// Sets a socket option whose value is an int.
pub fn set_option(fd: impl AsFd, level: i32, name: i32, value: i32) -> nix::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<i32>()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the value and its length belong together and live across the call.
    Errno::result(unsafe {
        libc::setsockopt(fd.as_fd().as_raw_fd(), level, name, (&raw const value).cast(), length)
    })
    .map(drop)
}

/// Gets a socket option whose value is an int.
pub fn get_option(fd: impl AsFd, level: i32, name: i32) -> nix::Result<i32> {
    let mut value = 0_i32;
    let mut length = libc::socklen_t::try_from(size_of::<i32>()).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the value and its length belong together and live across the call.
    Errno::result(unsafe {
        libc::getsockopt(
            fd.as_fd().as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
            &raw mut length,
        )
    })?;
    Ok(value)
}

/// Reads, and so clears, the pending error: `SO_ERROR` (socket(7)).
pub fn take_error(fd: impl AsFd) -> nix::Result<Option<Errno>> {
    let raw = get_option(fd, libc::SOL_SOCKET, libc::SO_ERROR)?;
    Ok((raw != 0).then(|| Errno::from_raw(raw)))
}

/// A socket of any protocol, by its number: nix knows the usual ones.
pub fn socket_of(family: AddressFamily, kind: SockType, protocol: i32) -> nix::Result<OwnedFd> {
    // SAFETY: socket takes three integers and returns a new descriptor.
    let fd = Errno::result(unsafe {
        libc::socket(family as i32, kind as i32 | libc::SOCK_CLOEXEC, protocol)
    })?;
    // SAFETY: the descriptor is new, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
