//! What an accepted socket has from its listener. The socket is made by the kernel when the
//! handshake ends, as a copy of the listener with its options; its descriptor is made by accept,
//! with nothing but what the call asks for.

use harness::prelude::*;
use harness::sys::{inet, signal};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::libc;

/// accept4 makes the descriptor nonblocking or close-on-exec as its flags say, whatever the
/// listener is.
#[case(man = ["accept(2), DESCRIPTION"], since = "2.6.28", strength = Documented)]
fn flags_of_accept4(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    net::stay_on_this_cpu()?;
    for (nonblocking, close_on_exec) in [(false, false), (false, true), (true, false), (true, true)]
    {
        let _client = net::connect(listener.local_addr()?)?;
        let flag = |set: bool, flag: i32| if set { flag } else { 0 };
        let flags =
            flag(nonblocking, libc::SOCK_NONBLOCK) | flag(close_on_exec, libc::SOCK_CLOEXEC);
        let (accepted, _) = inet::accept4(&listener, flags, 0)?;
        let status = OFlag::from_bits_retain(fcntl(&accepted, FcntlArg::F_GETFL)?);
        let descriptor = FdFlag::from_bits_retain(fcntl(&accepted, FcntlArg::F_GETFD)?);
        check!(
            t,
            (status.contains(OFlag::O_NONBLOCK), descriptor.contains(FdFlag::FD_CLOEXEC))
                == (nonblocking, close_on_exec),
            "nonblocking and close-on-exec, with flags {flags:#x}"
        );
    }
    Ok(())
}

/// Accepted sockets of a nonblocking listener are nonblocking, too.
#[case(
    man = ["accept(2), DESCRIPTION"],
    strength = Folklore,
    changed = [("", "", deviates, "so it is on BSD; on Linux the descriptor is new, and blocking unless accept4 is told otherwise")],
)]
fn nonblocking_is_inherited(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    listener.set_nonblocking(true)?;
    net::stay_on_this_cpu()?;
    let _client = net::connect(listener.local_addr()?)?;
    let (accepted, _) = inet::accept4(&listener, 0, 0)?;
    let status = OFlag::from_bits_retain(fcntl(&accepted, FcntlArg::F_GETFL)?);
    check!(t, status.contains(OFlag::O_NONBLOCK), "O_NONBLOCK of the accepted descriptor");
    Ok(())
}

/// Signals for I/O that were asked for on the listener are not sent for the accepted socket: it has
/// no `O_ASYNC`, no owner and no signal of its own.
#[case(man = ["accept(2), DESCRIPTION"], kernel = ["sock_alloc_file"], strength = Documented)]
fn signals_are_not(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    signal::set_io_signal(&listener, libc::SIGURG)?;
    signal::set_io_owner(&listener, nix::unistd::getpid().as_raw())?;
    fcntl(&listener, FcntlArg::F_SETFL(OFlag::O_ASYNC))?;
    signal::take_notes_of(libc::SIGURG, true)?;
    net::stay_on_this_cpu()?;
    let _client = net::connect(listener.local_addr()?)?;
    check!(t, t.eventually(|| Ok(signal::handled() > 0))?, "the listener signals a connection");
    let (accepted, _) = inet::accept4(&listener, 0, 0)?;
    let (owner, number) = inet::io_owner_and_signal(&accepted)?;
    let status = OFlag::from_bits_retain(fcntl(&accepted, FcntlArg::F_GETFL)?);
    check!(t, !status.contains(OFlag::O_ASYNC), "O_ASYNC is not set");
    check!(t, (owner, number) == (0, 0), "the owner (F_GETOWN) and the signal (F_GETSIG)");
    Ok(())
}

/// The options that were set on a listener hold for the sockets accepted from it: `TCP_NODELAY`,
/// `TCP_KEEPIDLE`, `TCP_USER_TIMEOUT`, `SO_KEEPALIVE`, `SO_OOBINLINE`, `SO_REUSEADDR` and
/// `SO_RCVLOWAT`.
#[case(man = ["tcp(7)", "socket(7)"], kernel = ["tcp_create_openreq_child", "sk_clone_lock"], strength = Implementation)]
fn options_are(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let options = [
        ("TCP_NODELAY", libc::IPPROTO_TCP, libc::TCP_NODELAY, 1),
        ("TCP_KEEPIDLE", libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, 33),
        ("TCP_USER_TIMEOUT", libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, 5000),
        ("SO_KEEPALIVE", libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
        ("SO_OOBINLINE", libc::SOL_SOCKET, libc::SO_OOBINLINE, 1),
        ("SO_REUSEADDR", libc::SOL_SOCKET, libc::SO_REUSEADDR, 1),
        ("SO_RCVLOWAT", libc::SOL_SOCKET, libc::SO_RCVLOWAT, 7),
    ];
    for (_, level, name, value) in options {
        net::set_option(&listener, level, name, value)?;
    }
    net::stay_on_this_cpu()?;
    let _client = net::connect(listener.local_addr()?)?;
    let (accepted, _) = listener.accept()?;
    for (word, level, name, value) in options {
        check!(t, net::get_option(&accepted, level, name)? == value, "{word} of the listener");
    }
    Ok(())
}

/// The sizes of a listener's buffers, its `SO_LINGER` and its time-outs hold for the sockets
/// accepted from it.
#[case(man = ["tcp(7), SO_RCVBUF and SO_SNDBUF", "socket(7)"], kernel = ["sk_clone_lock"], strength = Implementation)]
fn buffers_and_times_are(t: &mut Trial) -> Result {
    use nix::sys::socket::{getsockopt, setsockopt, sockopt};
    use nix::sys::time::TimeVal;
    let listener = net::listener()?;
    let linger = libc::linger { l_onoff: 1, l_linger: 9 };
    setsockopt(&listener, sockopt::RcvBuf, &16_384)?;
    setsockopt(&listener, sockopt::SndBuf, &16_384)?;
    setsockopt(&listener, sockopt::Linger, &linger)?;
    setsockopt(&listener, sockopt::ReceiveTimeout, &TimeVal::new(77, 0))?;
    setsockopt(&listener, sockopt::SendTimeout, &TimeVal::new(88, 0))?;
    net::stay_on_this_cpu()?;
    let _client = net::connect(listener.local_addr()?)?;
    let (accepted, _) = listener.accept()?;
    let own = |name| net::get_option(&accepted, libc::SOL_SOCKET, name);
    let theirs = |name| net::get_option(&listener, libc::SOL_SOCKET, name);
    check!(t, own(libc::SO_RCVBUF)? == theirs(libc::SO_RCVBUF)?, "SO_RCVBUF");
    check!(t, own(libc::SO_SNDBUF)? == theirs(libc::SO_SNDBUF)?, "SO_SNDBUF");
    check!(t, getsockopt(&accepted, sockopt::Linger)? == linger, "SO_LINGER");
    let time = getsockopt(&accepted, sockopt::ReceiveTimeout)?;
    check!(t, time == TimeVal::new(77, 0), "SO_RCVTIMEO");
    let time = getsockopt(&accepted, sockopt::SendTimeout)?;
    check!(t, time == TimeVal::new(88, 0), "SO_SNDTIMEO");
    Ok(())
}
