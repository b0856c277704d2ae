//! The sizes of a socket's buffers.
//!
//! `SO_RCVBUF` and `SO_SNDBUF` count memory, not data: the kernel doubles what is asked for,
//! because every packet needs some for itself, and gives no less than one packet needs and no more
//! than the administrator allows. Who sets a size has switched off the kernel's own choice, which
//! grows with the connection.

use harness::knobs::{known, sysctl};
use harness::prelude::*;
use nix::libc::{SO_BUF_LOCK, SO_RCVBUF, SO_RCVLOWAT, SO_SNDBUF, SO_SNDLOWAT, SOL_SOCKET};

/// The options, each with the sysctl of its upper bound and the least that the manual allows.
const BUFFERS: [(&str, i32, &str, i32); 2] = [
    ("SO_RCVBUF", SO_RCVBUF, "core/rmem_max", 256),
    ("SO_SNDBUF", SO_SNDBUF, "core/wmem_max", 2048),
];

/// What the option is after it was set.
fn after_setting(socket: &OwnedFd, option: i32, value: i32) -> Result<i32> {
    net::set_option(socket, SOL_SOCKET, option, value)?;
    Ok(net::get_option(socket, SOL_SOCKET, option)?)
}

/// `SO_RCVBUF` and `SO_SNDBUF` hold twice what was asked for.
#[case(man = ["socket(7), SO_RCVBUF", "socket(7), SO_SNDBUF"], strength = Documented)]
fn doubled(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    for (name, option, ..) in BUFFERS {
        let value = 20_000.min(after_setting(&socket, option, i32::MAX)? / 2);
        check!(t, after_setting(&socket, option, value)? == 2 * value, "{name} of {value}");
    }
    Ok(())
}

/// However little is asked for, the buffers keep the least that the manual states.
#[case(man = ["socket(7), SO_RCVBUF", "socket(7), SO_SNDBUF"], strength = Documented)]
fn never_too_small(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    for (name, option, _, least) in BUFFERS {
        let size = after_setting(&socket, option, 0)?;
        t.measure(&format!("{name}, the least"), f64::from(size))?;
        check!(t, size >= least, "{name} of 0");
    }
    Ok(())
}

/// Whoever asks for more than `rmem_max` or `wmem_max` gets twice that, and no error.
#[case(man = ["socket(7), SO_RCVBUF", "socket(7), SO_SNDBUF"], strength = Documented)]
fn bounded_without_an_error(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    for (name, option, bound, _) in BUFFERS {
        let most = after_setting(&socket, option, i32::MAX)?;
        t.measure(&format!("{name}, the most"), f64::from(most))?;
        let (just, less) = (most / 2, most / 2 - 1000);
        check!(t, after_setting(&socket, option, just)? == most, "{name}: half of it is allowed");
        check!(t, after_setting(&socket, option, less)? == 2 * less, "{name}: and so is less");
        // The bounds can be read in a namespace of one's own since 6.12 or so.
        if let Some(bound) = sysctl(bound, 0) {
            let bound = i32::try_from(bound)?.min(i32::MAX / 2);
            check!(t, most == 2 * bound, "{name}: twice the bound");
        }
    }
    Ok(())
}

/// The buffers of a fresh TCP socket have the default sizes of `tcp_rmem` and `tcp_wmem`.
#[case(man = ["tcp(7), tcp_rmem", "tcp(7), tcp_wmem"], strength = Documented)]
fn fresh_ones_have_the_default(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    for (name, option, sysctls) in
        [("SO_RCVBUF", SO_RCVBUF, "ipv4/tcp_rmem"), ("SO_SNDBUF", SO_SNDBUF, "ipv4/tcp_wmem")]
    {
        let [Some(least), Some(default), Some(most)] =
            [0, 1, 2].map(|index| sysctl(sysctls, index))
        else {
            return Err(Stop::Unobservable(format!("this system does not tell {sysctls}")));
        };
        let size = usize::try_from(net::get_option(&socket, SOL_SOCKET, option)?)?;
        check!(t, size == default, "{name}");
        for (place, value) in [("least", least), ("default", default), ("most", most)] {
            t.measure(&format!("{sysctls}, {place}"), f64::from(u32::try_from(value)?))?;
        }
    }
    Ok(())
}

/// `SO_SNDLOWAT` is 1 and cannot be set (ENOPROTOOPT); `SO_RCVLOWAT` is 1 and can.
#[case(man = ["socket(7), SO_RCVLOWAT and SO_SNDLOWAT"], strength = Documented)]
fn low_water_marks_begin_at_one(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    let mark = |option| net::get_option(&socket, SOL_SOCKET, option);
    check!(
        t,
        (mark(SO_SNDLOWAT), mark(SO_RCVLOWAT)) == (Ok(1), Ok(1)),
        "a fresh socket has 1 twice"
    );
    let set = |option| net::set_option(&socket, SOL_SOCKET, option, 10);
    check!(t, set(SO_SNDLOWAT) == Err(Errno::ENOPROTOOPT), "SO_SNDLOWAT cannot be set");
    check!(t, set(SO_RCVLOWAT) == Ok(()), "SO_RCVLOWAT can");
    check!(t, (mark(SO_SNDLOWAT), mark(SO_RCVLOWAT)) == (Ok(1), Ok(10)), "and holds what was set");
    Ok(())
}

/// `SO_BUF_LOCK` tells which buffers have a size that the program set and the kernel keeps.
#[case(commit = ["04190bf8944d"], kernel = ["sk_getsockopt"], since = "5.15", strength = Implementation)]
fn a_size_that_was_set_is_locked(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    let locks = || net::get_option(&socket, SOL_SOCKET, SO_BUF_LOCK);
    check!(t, known(locks(), "SO_BUF_LOCK")? == 0, "of a fresh socket the kernel chooses both");
    net::set_option(&socket, SOL_SOCKET, SO_SNDBUF, 20_000)?;
    check!(t, locks()? == 1, "the program chose the send buffer");
    net::set_option(&socket, SOL_SOCKET, SO_RCVBUF, 20_000)?;
    check!(t, locks()? == 3, "and the receive buffer");
    net::set_option(&socket, SOL_SOCKET, SO_BUF_LOCK, 0)?;
    check!(t, locks()? == 0, "it gives both back");
    Ok(())
}
