//! The descriptor that accept returns. It is made before the connection is taken from the queue,
//! and it is a new one: what was set on the listener's descriptor does not hold for it.

use harness::prelude::*;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::socket::accept;

/// The descriptor that accept returns is blocking and stays open across exec, whatever the
/// listener's is.
#[case(man = ["accept(2), DESCRIPTION"], since = "2.4", strength = Documented)]
fn flags_are_not_inherited(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    listener.set_nonblocking(true)?;
    fcntl(&listener, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    net::stay_on_this_cpu()?;
    let _client = net::connect(listener.local_addr()?)?;

    let server = harness::sys::process::borrow(accept(listener.as_raw_fd())?);
    let status = OFlag::from_bits_retain(fcntl(server, FcntlArg::F_GETFL)?);
    check!(t, status & OFlag::O_NONBLOCK == OFlag::empty(), "O_NONBLOCK, which the listener has");
    check!(t, fcntl(server, FcntlArg::F_GETFD)? == 0, "FD_CLOEXEC, which the listener has");
    Ok(())
}

/// When accept fails for lack of a descriptor (`EMFILE`), the connection stays in the queue, and a
/// later call returns it.
#[case(man = ["accept(2), ERRORS"], kernel = ["__sys_accept4_file"], since = "2.6.0", strength = Implementation)]
fn emfile_keeps_the_connection(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    listener.set_nonblocking(true)?;
    net::stay_on_this_cpu()?;
    let client = net::connect(listener.local_addr()?)?;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;

    setrlimit(Resource::RLIMIT_NOFILE, 0, hard)?;
    let starved = [accept(listener.as_raw_fd()), accept(listener.as_raw_fd())];
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
    check!(t, starved == [Err(Errno::EMFILE); 2], "accept without a free descriptor, twice");
    check!(t, poll_now(&listener, POLLIN)? == POLLIN, "the listener is still ready");
    let accepted = listener.accept().ok().map(|(_, peer)| peer);
    check!(t, accepted == Some(client.local_addr()?), "accept with a free descriptor");
    Ok(())
}
