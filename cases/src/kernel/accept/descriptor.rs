//! The descriptor that accept returns. It is made before the connection is taken from the queue,
//! and it is a new one: what was set on the listener's descriptor does not hold for it.

use harness::prelude::*;
use harness::sys::inet;
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

/// A server out of descriptors that keeps a spare one can still turn a client away: it closes the
/// spare, accepts, closes the connection, and takes the spare again.
#[case(man = ["accept(2), ERRORS", "getrlimit(2), RLIMIT_NOFILE"], strength = Implementation)]
fn a_spare_one_turns_clients_away(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    listener.set_nonblocking(true)?;
    net::stay_on_this_cpu()?;
    let mut client = net::connect(listener.local_addr()?)?;
    let spare = std::fs::File::open("/dev/null")?;
    let number = spare.as_raw_fd();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;

    setrlimit(Resource::RLIMIT_NOFILE, u64::from(number.unsigned_abs()) + 1, hard)?;
    let starved = accept(listener.as_raw_fd());
    drop(spare);
    let accepted = inet::accept4(&listener, 0, 0).map(|(accepted, _)| accepted.as_raw_fd());
    let again = std::fs::File::open("/dev/null").map(|spare| spare.as_raw_fd());
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;

    check!(t, starved == Err(Errno::EMFILE), "accept while the spare descriptor is held");
    check!(t, accepted == Ok(number), "accept without it returns its number");
    check!(t, again.ok() == Some(number), "and when that is closed, the number can be had again");
    check!(t, client.read(&mut [0]).ok() == Some(0), "the client reads its end");
    Ok(())
}

/// accept returns the lowest number that is free.
#[case(man = ["accept(2), RETURN VALUE"], posix = ["accept()"], strength = Documented)]
fn has_the_lowest_number(t: &mut Trial) -> Result {
    let holes =
        (0..3).map(|_| std::fs::File::open("/dev/null")).collect::<std::io::Result<Vec<_>>>()?;
    let mut numbers: Vec<_> = holes.iter().map(AsRawFd::as_raw_fd).collect();
    numbers.sort_unstable();
    let listener = net::listener()?;
    net::stay_on_this_cpu()?;
    let connect = |_| net::connect(listener.local_addr()?);
    let _clients = (0..3).map(connect).collect::<Result<Vec<_>>>()?;
    drop(holes);
    let mut accepted = Vec::new();
    for _ in 0..3 {
        accepted.push(inet::accept4(&listener, 0, 0)?.0);
    }
    let accepted: Vec<_> = accepted.iter().map(AsRawFd::as_raw_fd).collect();
    check!(t, accepted == numbers, "the numbers of three connections, with three holes");
    Ok(())
}
