//! How an instance is made. `epoll_create` once wanted to know how many descriptors there would be;
//! the table has grown by itself since Linux 2.6.8, and the number is only looked at for its sign.

use harness::prelude::*;
use harness::sys::epoll_raw::{create, create1};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::counter;

/// `epoll_create` takes any positive size, holds more descriptors than that, and refuses a size of
/// zero or less with EINVAL.
#[case(man = ["epoll_create(2)"], since = "2.6.8", strength = Documented)]
fn size_is_ignored(t: &mut Trial) -> Result {
    let epoll = Epoll::from(create(1)?);
    for index in 1..=3 {
        let counter = counter()?;
        check!(t, epoll.add(&counter, EPOLLIN) == Ok(()), "made for 1, it takes number {index}");
    }
    check!(t, create(i32::MAX).is_ok(), "a size of INT_MAX needs no memory");
    for size in [0, -1] {
        check!(t, create(size).err() == Some(Errno::EINVAL), "a size of {size}");
    }
    Ok(())
}

/// `epoll_create1` knows the flag `EPOLL_CLOEXEC` alone, and refuses all others with EINVAL.
#[case(man = ["epoll_create(2)"], since = "2.6.27", strength = Documented)]
fn cloexec_is_the_only_flag(t: &mut Trial) -> Result {
    let cloexec = |fd: &OwnedFd| -> nix::Result<bool> {
        Ok(FdFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFD)?).contains(FdFlag::FD_CLOEXEC))
    };
    check!(t, !cloexec(&create1(0)?)?, "without the flag, exec keeps the descriptor");
    check!(t, cloexec(&create1(nix::libc::EPOLL_CLOEXEC)?)?, "with it, exec closes it");
    for flags in [nix::libc::O_NONBLOCK, 1, nix::libc::EPOLL_CLOEXEC | 1] {
        check!(t, create1(flags).err() == Some(Errno::EINVAL), "flags {flags:#o}");
    }
    Ok(())
}

/// `epoll_create1` fails with EMFILE when the process has no number left.
#[case(man = ["epoll_create(2), ERRORS: EMFILE"], strength = Documented)]
fn takes_a_descriptor(t: &mut Trial) -> Result {
    let next = create1(0)?.as_raw_fd();
    harness::sys::process::limit_descriptors(nix::unistd::Pid::this(), u64::try_from(next)?)?;
    check!(t, create1(0).err() == Some(Errno::EMFILE), "the limit is the next free number");
    Ok(())
}
