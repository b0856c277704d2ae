//! How an instance watches the network when nobody wakes it: it can poll the devices itself, for a
//! time (`EPIOCSPARAMS`, since Linux 6.9). These are the first requests of `ioctl` that epoll knows.

use harness::prelude::*;
use harness::sys::epoll_raw::{busy_poll, set_busy_poll};
use nix::libc::epoll_params;

/// An instance whose parameters can be read, and those; else the trial ends.
fn instance() -> Result<(Epoll, epoll_params)> {
    let epoll = Epoll::new()?;
    match busy_poll(&epoll) {
        Ok(params) => Ok((epoll, params)),
        // What 6.9 and later say without CONFIG_NET_RX_BUSY_POLL, as on PREEMPT_RT.
        Err(Errno::EOPNOTSUPP) => Err(Stop::Skipped {
            reason: "the kernel is built without CONFIG_NET_RX_BUSY_POLL".to_owned(),
            mend: String::new(),
        }),
        Err(error) => {
            Err(Stop::unsupported_if(error, &[Errno::ENOTTY, Errno::EINVAL], "EPIOCGPARAMS"))
        }
    }
}

fn told(params: epoll_params) -> (u32, u16, u8) {
    (params.busy_poll_usecs, params.busy_poll_budget, params.prefer_busy_poll)
}

/// A new instance does not poll devices; the parameters that are set are those that are read.
#[case(man = ["ioctl_eventpoll(2)"], commit = ["18e2bf0edf4d"], since = "6.9", strength = Documented)]
fn busy_polling_is_set(t: &mut Trial) -> Result {
    let (epoll, new) = instance()?;
    check!(t, (new.busy_poll_usecs, new.prefer_busy_poll) == (0, 0), "a new instance");
    let wanted =
        epoll_params { busy_poll_usecs: 50, busy_poll_budget: 8, prefer_busy_poll: 1, ..new };
    check!(t, set_busy_poll(&epoll, &wanted) == Ok(()), "50 us, 8 packets, and preferred");
    check!(t, told(busy_poll(&epoll)?) == (50, 8, 1), "that is what it tells");
    Ok(())
}

/// Parameters that mean nothing are refused with EINVAL: padding that is not zero, a preference
/// above 1, a time above `INT_MAX`.
#[case(man = ["ioctl_eventpoll(2), ERRORS"], commit = ["18e2bf0edf4d"], since = "6.9", strength = Documented)]
fn nonsense_is_refused(t: &mut Trial) -> Result {
    let (epoll, new) = instance()?;
    let wrong = [
        ("padding", epoll_params { __pad: 1, ..new }),
        ("a preference of 2", epoll_params { prefer_busy_poll: 2, ..new }),
        ("a time of 2^31 us", epoll_params { busy_poll_usecs: 1 << 31, ..new }),
    ];
    for (what, params) in wrong {
        check!(t, set_busy_poll(&epoll, &params) == Err(Errno::EINVAL), "{what}");
    }
    check!(t, told(busy_poll(&epoll)?) == told(new), "nothing has changed");
    Ok(())
}

/// A request of `ioctl` that epoll does not know, such as FIONREAD, fails with EINVAL.
#[case(
    kernel = ["ep_eventpoll_ioctl"],
    strength = Implementation,
    changed = [("", "6.9", deviates, "epoll knew no requests at all, and ENOTTY was the answer")]
)]
fn unknown_request_is_einval(t: &mut Trial) -> Result {
    let asked = harness::sys::socket::unread(Epoll::new()?);
    check!(t, asked == Err(Errno::EINVAL), "FIONREAD on an instance");
    Ok(())
}
