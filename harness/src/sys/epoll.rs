//! epoll, with events as a case writes them.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
pub use nix::sys::epoll::EpollFlags;
use nix::sys::epoll::{EpollCreateFlags, EpollEvent, EpollOp, EpollTimeout};

macro_rules! flags {
    ($($name:ident),+) => {
        $(
            #[doc = concat!("`", stringify!($name), "` of `epoll_ctl(2)`.")]
            pub const $name: EpollFlags = EpollFlags::$name;
        )+
    };
}
flags!(
    EPOLLIN,
    EPOLLOUT,
    EPOLLPRI,
    EPOLLERR,
    EPOLLHUP,
    EPOLLRDHUP,
    EPOLLRDNORM,
    EPOLLWAKEUP,
    EPOLLET,
    EPOLLONESHOT,
    EPOLLEXCLUSIVE
);

/// An epoll instance. The data of a registration is the number of its descriptor.
#[derive(Debug)]
pub struct Epoll {
    fd: OwnedFd,
}

/// One report of `epoll_wait`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The number of the descriptor when it was registered.
    pub fd: i32,
    /// What is ready.
    pub events: EpollFlags,
}

impl Epoll {
    /// An empty instance.
    pub fn new() -> nix::Result<Epoll> {
        let epoll = nix::sys::epoll::Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Epoll { fd: epoll.0 })
    }

    /// An instance that watches one descriptor.
    pub fn watching(fd: impl AsFd, events: EpollFlags) -> nix::Result<Epoll> {
        let epoll = Epoll::new()?;
        epoll.add(fd, events)?;
        Ok(epoll)
    }

    /// `EPOLL_CTL_ADD`.
    pub fn add(&self, fd: impl AsFd, events: EpollFlags) -> nix::Result<()> {
        self.control(EpollOp::EpollCtlAdd, fd, events)
    }

    /// `EPOLL_CTL_MOD`.
    pub fn modify(&self, fd: impl AsFd, events: EpollFlags) -> nix::Result<()> {
        self.control(EpollOp::EpollCtlMod, fd, events)
    }

    /// `EPOLL_CTL_DEL`.
    pub fn delete(&self, fd: impl AsFd) -> nix::Result<()> {
        self.control(EpollOp::EpollCtlDel, fd, EpollFlags::empty())
    }

    fn control(&self, operation: EpollOp, fd: impl AsFd, events: EpollFlags) -> nix::Result<()> {
        let number = fd.as_fd().as_raw_fd();
        let mut event = libc::epoll_event {
            events: events.bits().cast_unsigned(),
            u64: u64::from(number.unsigned_abs()),
        };
        // SAFETY: the event lives across the call.
        Errno::result(unsafe {
            libc::epoll_ctl(self.fd.as_raw_fd(), operation as i32, number, &raw mut event)
        })
        .map(drop)
    }

    /// `epoll_wait` for at most `most` reports; `timeout` in milliseconds, -1 for ever.
    pub fn wait(&self, most: usize, timeout: i32) -> nix::Result<Vec<Report>> {
        let mut events = [EpollEvent::empty(); 64];
        let most = most.min(events.len());
        let count = {
            let size = i32::try_from(most).map_err(|_| Errno::EINVAL)?;
            // SAFETY: EpollEvent is a transparent epoll_event, and `most` of them fit.
            Errno::result(unsafe {
                libc::epoll_wait(self.fd.as_raw_fd(), events.as_mut_ptr().cast(), size, timeout)
            })?
        };
        let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
        let report = |event: &EpollEvent| Report {
            fd: i32::try_from(event.data()).unwrap_or(-1),
            events: event.events(),
        };
        Ok(events[..count].iter().map(report).collect())
    }

    /// Waits for ever, for one report, without allocating: for workers whose wakeups are counted.
    pub fn wait_one(&self) -> nix::Result<Report> {
        let mut event = [EpollEvent::empty()];
        // SAFETY: one event fits.
        Errno::result(unsafe {
            libc::epoll_wait(
                self.fd.as_raw_fd(),
                event.as_mut_ptr().cast(),
                1,
                EpollTimeout::NONE.into(),
            )
        })?;
        Ok(Report { fd: i32::try_from(event[0].data()).unwrap_or(-1), events: event[0].events() })
    }

    /// What is ready at this moment, in the order of the kernel.
    pub fn ready_now(&self) -> nix::Result<Vec<EpollFlags>> {
        Ok(self.wait(64, 0)?.iter().map(|report| report.events).collect())
    }
}

impl From<OwnedFd> for Epoll {
    /// An instance that was made elsewhere, by a descriptor of it.
    fn from(fd: OwnedFd) -> Epoll {
        Epoll { fd }
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
