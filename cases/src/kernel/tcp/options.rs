//! Options that came with some release. What an older kernel does not know it refuses, with
//! ENOPROTOOPT: a program asks, and does not look at the version. The other way round, later
//! kernels refuse what earlier ones took in silence and did nothing about.

use harness::knobs::{known, sysctl};
use harness::prelude::*;
use harness::sys::attribute::option_bytes;
use nix::libc::{self, IPPROTO_TCP, SOL_SOCKET};
use nix::sys::socket::{setsockopt, sockopt};

/// Numbers of `linux/tcp.h` that libc does not know yet.
const TCP_TX_DELAY: i32 = 37;
const TCP_IS_MPTCP: i32 = 43;
const TCP_RTO_MAX_MS: i32 = 44;
const TCP_RTO_MIN_US: i32 = 45;
const TCP_DELACK_MAX_US: i32 = 46;

/// `TCP_INFO` is written as far as the caller has room for; with more room than there is to tell,
/// the length says how much that is.
#[case(man = ["tcp(7), TCP_INFO"], kernel = ["tcp_get_info", "do_tcp_getsockopt"], strength = Implementation)]
fn info_is_as_long_as_the_room(t: &mut Trial) -> Result {
    // What every kernel since 2.6 tells: up to `tcpi_total_retrans`.
    const OLD: usize = 104;
    let (socket, _peer) = net::tcp_pair()?;
    let info = |room| option_bytes(&socket, IPPROTO_TCP, libc::TCP_INFO, room);
    check!(t, info(8)?.len() == 8, "with room for eight bytes");
    check!(t, info(OLD)?.len() == OLD, "with room for what the oldest kernels told");
    let told = info(4096)?.len();
    check!(t, (OLD..4096).contains(&told), "with more room than any kernel needs");
    t.measure("bytes of TCP_INFO", f64::from(u32::try_from(told)?))
}

/// `TCP_RTO_MAX_MS`, `TCP_RTO_MIN_US` and `TCP_DELACK_MAX_US` bound the timers of one connection,
/// and hold what was set.
#[case(kernel = ["do_tcp_setsockopt"], since = "6.15", strength = Implementation)]
fn timers_are_bounded_by_options(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    for (name, option, value) in [
        ("TCP_RTO_MAX_MS", TCP_RTO_MAX_MS, 5000),
        ("TCP_RTO_MIN_US", TCP_RTO_MIN_US, 100_000),
        ("TCP_DELACK_MAX_US", TCP_DELACK_MAX_US, 20_000),
    ] {
        let default = known(net::get_option(&socket, IPPROTO_TCP, option), name)?;
        t.measure(&format!("{name}, the default"), f64::from(default))?;
        check!(t, default > 0, "{name} of a fresh socket");
        net::set_option(&socket, IPPROTO_TCP, option, value)?;
        check!(t, net::get_option(&socket, IPPROTO_TCP, option)? == value, "{name} of {value}");
    }
    Ok(())
}

/// `TCP_IS_MPTCP` says of a TCP connection that it is not multipath TCP.
#[case(kernel = ["do_tcp_getsockopt"], since = "6.10", strength = Implementation)]
fn a_connection_is_not_multipath(t: &mut Trial) -> Result {
    let (socket, _peer) = net::tcp_pair()?;
    let answer = net::get_option(&socket, IPPROTO_TCP, TCP_IS_MPTCP);
    check!(t, known(answer, "TCP_IS_MPTCP")? == 0, "an ordinary connection");
    Ok(())
}

/// `SO_NETNS_COOKIE` is the same number for all sockets of a network namespace, and not 0.
#[case(commit = ["e8b9eab99232"], kernel = ["sk_getsockopt"], since = "5.14", strength = Implementation)]
fn sockets_share_their_namespace_cookie(t: &mut Trial) -> Result {
    let cookie = |socket: &OwnedFd| {
        let bytes = option_bytes(socket, SOL_SOCKET, libc::SO_NETNS_COOKIE, 8);
        known(bytes, "SO_NETNS_COOKIE")
    };
    let (tcp, udp) = (net::tcp_socket()?, UdpSocket::bind("127.0.0.1:0")?.into());
    let first = cookie(&tcp)?;
    check!(t, first.len() == 8 && first != [0; 8], "the cookie of a TCP socket: {first:?}");
    check!(t, cookie(&udp)? == first, "and of a UDP socket");
    Ok(())
}

/// `SO_PREFER_BUSY_POLL`, `SO_RESERVE_MEM` and `SO_RCVMARK` can be read, and are 0 on a fresh
/// socket; `SO_TXREHASH` is 0 or 1.
#[case(
    commit = ["7fd3253a7de6", "2bb2f5fb21b0", "26859240e4ee", "6fd1d51cfa25"],
    kernel = ["sk_getsockopt"],
    since = "5.19",
    strength = Implementation
)]
fn options_of_5_11_to_5_19(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    for (name, option, most) in [
        ("SO_PREFER_BUSY_POLL", libc::SO_PREFER_BUSY_POLL, 0),
        ("SO_RESERVE_MEM", libc::SO_RESERVE_MEM, 0),
        ("SO_TXREHASH", libc::SO_TXREHASH, 1),
        ("SO_RCVMARK", libc::SO_RCVMARK, 0),
    ] {
        let value = known(net::get_option(&socket, SOL_SOCKET, option), name)?;
        check!(t, (0..=most).contains(&value), "{name}: {value}");
    }
    Ok(())
}

/// A negative `TCP_TX_DELAY` is refused with EINVAL.
#[case(
    kernel = ["do_tcp_setsockopt"],
    since = "5.3",
    strength = Implementation,
    changed = [("", "6.19", deviates, "before 6.19 a negative delay was taken")],
)]
fn a_negative_delay_is_refused(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    let delay = |microseconds| net::set_option(&socket, IPPROTO_TCP, TCP_TX_DELAY, microseconds);
    known(delay(0), "TCP_TX_DELAY")?;
    check!(t, delay(-1) == Err(Errno::EINVAL), "one microsecond before the send");
    Ok(())
}

/// `SO_PASSCRED` is about `AF_UNIX` sockets: on a TCP socket it is refused with EOPNOTSUPP.
#[case(
    man = ["unix(7), SO_PASSCRED"],
    kernel = ["sk_setsockopt"],
    strength = Implementation,
    changed = [("", "6.16", deviates, "before 6.16 the option was taken, and meant nothing")],
)]
fn passcred_is_refused(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    let set = setsockopt(&socket, sockopt::PassCred, &true);
    check!(t, set == Err(Errno::EOPNOTSUPP), "what setsockopt says");
    Ok(())
}

/// `SO_MARK` cannot be set by a user without privileges: EPERM.
#[case(man = ["socket(7), SO_MARK"], since = "2.6.25", needs = [Need::SecondUser], strength = Documented)]
fn a_mark_is_a_privilege(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    let own = nix::unistd::Uid::effective();
    nix::unistd::seteuid(nix::unistd::Uid::from_raw(1))?;
    let mark = setsockopt(&socket, sockopt::Mark, &7);
    nix::unistd::seteuid(own)?;
    check!(t, mark == Err(Errno::EPERM), "as another user than root");
    Ok(())
}

/// The limits of a network namespace can be set, and are told as they were set: how many connections
/// may wait to be accepted, how much of one connection may lie in a device's queue, whether a port in
/// TIME_WAIT is used again.
#[case(
    man = ["tcp(7), /proc interfaces"],
    kernel = ["Documentation/networking/ip-sysctl.rst"],
    since = "4.15",
    needs = [Need::PrivateNet],
    strength = Documented
)]
fn limits_are_told(t: &mut Trial) -> Result {
    // No kernel has these from the beginning.
    for (name, other) in
        [("ipv4/tcp_limit_output_bytes", 77_777), ("ipv4/tcp_tw_reuse", 1), ("core/somaxconn", 77)]
    {
        let Some(value) = sysctl(name, 0) else {
            return Err(Stop::Unobservable(format!("this system does not tell {name}")));
        };
        t.measure(name, f64::from(u32::try_from(value)?))?;
        net::set_sysctl(name, other)?;
        check!(t, sysctl(name, 0) == Some(other), "{name}, which was {value}");
    }
    Ok(())
}

/// Sysctls of TCP that came since 6.6 are there to be read: `tcp_shrink_window`,
/// `tcp_backlog_ack_defer`, `tcp_rto_min_us`, `tcp_rto_max_ms`, `tcp_tw_reuse_delay`,
/// `tcp_rcvbuf_low_rtt` and `tcp_comp_sack_rtt_percent`.
#[case(kernel = ["Documentation/networking/ip-sysctl.rst"], since = "6.19", strength = Documented)]
fn sysctls_of_6_6_to_6_19(t: &mut Trial) -> Result {
    let names = [
        "tcp_shrink_window",
        "tcp_backlog_ack_defer",
        "tcp_rto_min_us",
        "tcp_rto_max_ms",
        "tcp_tw_reuse_delay",
        "tcp_rcvbuf_low_rtt",
        "tcp_comp_sack_rtt_percent",
    ];
    let values = names.map(|name| (name, sysctl(&format!("ipv4/{name}"), 0)));
    for (name, value) in values {
        if let Some(value) = value {
            t.measure(name, f64::from(u32::try_from(value)?))?;
        }
    }
    if let Some((missing, _)) = values.iter().find(|(_, value)| value.is_none()) {
        return Err(Stop::Unsupported(format!("there is no {missing}")));
    }
    check!(t, values.iter().all(|(_, value)| value.is_some()), "all are there");
    Ok(())
}

/// The bounds of buffers can be read in a network namespace of one's own: `rmem_max`, `wmem_max`,
/// `rmem_default` and `wmem_default` of `net.core`.
#[case(
    man = ["socket(7), /proc interfaces"],
    kernel = ["net_core_table"],
    since = "6.12",
    needs = [Need::PrivateNet],
    strength = Implementation
)]
fn buffer_bounds_are_told_in_namespaces(t: &mut Trial) -> Result {
    for name in ["core/rmem_max", "core/wmem_max", "core/rmem_default", "core/wmem_default"] {
        let Some(value) = sysctl(name, 0) else {
            return Err(Stop::Unsupported(format!("there is no {name}")));
        };
        t.measure(name, f64::from(u32::try_from(value)?))?;
        check!(t, value > 0, "{name}");
    }
    Ok(())
}
