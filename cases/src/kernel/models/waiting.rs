//! Where each model waits. A blocking server sleeps in the read of its one client; a reactor sleeps
//! in one place for all of them, because a read that finds nothing says EAGAIN and does not sleep;
//! and a server that polls without waiting never sleeps at all, which is its price.

use harness::prelude::*;
use harness::sys::uring::Ring;
use harness::watch::locks_sleep;

use super::{rest, start, start_busy, workers};

/// Half of a request: enough that the server reads, and not enough that it answers.
const HALF: &[u8] = b"GET / HTTP/1.1\r\nHost: ";

/// With a client that has sent half of a request, every thread of the server comes to sleep in
/// `calls` and nowhere else: so many of them in each.
fn check_waits(t: &mut Trial, model: &str, calls: &[(Call, usize)]) -> Result {
    let server = start(t, model)?;
    net::stay_on_this_cpu()?;
    let mut client = server.connect(t)?;
    check!(t, client.send(t, HALF)?, "half of a request is sent");
    net::barrier()?;
    rest(t, &server)?;
    let workers = workers(&server)?;
    for (call, count) in calls {
        check!(t, workers.in_call(*call)?.len() == *count, "asleep in {}", call.name);
    }
    check!(t, client.send(t, b"x\r\n\r\n")?, "the other half is sent");
    let whole = server.request(Wish::Small(0), false)?;
    check!(t, client.reply(t, &whole)? == Reply::Whole, "the server answers");
    Ok(())
}

/// A worker of a server that blocks in accept sleeps in a receiving call of its connection until
/// the rest of the request comes, and the others in accept.
#[case(man = ["recv(2)", "accept(2)"], notes = ["S15", "S24"], strength = Documented)]
fn blocking_acceptors_in_recv(t: &mut Trial) -> Result {
    check_waits(t, "blocking_acceptors", &[(Call::RECV, 1), (Call::ACCEPT, 3)])
}

/// The one thread of a reactor sleeps in `epoll_wait` while a client is slow: its reads do not.
#[case(man = ["recv(2), EAGAIN", "epoll_wait(2)"], notes = ["S02", "S09", "S18"], since = "2.6.0", strength = Documented)]
fn single_reactor_in_epoll_wait(t: &mut Trial) -> Result {
    check_waits(t, "single_reactor", &[(Call::EPOLL_WAIT, 1)])
}

/// The one thread of a server that uses select sleeps in it while a client is slow.
#[case(man = ["select(2)"], notes = ["S10", "S13"], strength = Documented)]
fn select_loop_in_select(t: &mut Trial) -> Result {
    check_waits(t, "select_loop", &[(Call::SELECT, 1)])
}

/// The one thread of a server that uses poll sleeps in it while a client is slow.
#[case(man = ["poll(2)"], notes = ["S10", "S13"], strength = Documented)]
fn poll_loop_in_poll(t: &mut Trial) -> Result {
    check_waits(t, "poll_loop", &[(Call::POLL, 1)])
}

/// The one thread of a server with signal-driven I/O sleeps in `sigtimedwait` while a client is
/// slow.
#[case(man = ["sigtimedwait(2)", "F_SETSIG(2const)"], notes = ["S11"], strength = Documented)]
fn signal_driven_in_sigtimedwait(t: &mut Trial) -> Result {
    check_waits(t, "signal_driven", &[(Call::SIGNAL_WAIT, 1)])
}

/// The threads of a server that uses `io_uring` sleep in `io_uring_enter` while a client is slow.
#[case(man = ["io_uring_enter(2)"], notes = ["S12"], since = "6.0", needs = [Need::IoUring], strength = Documented)]
fn io_uring_in_io_uring_enter(t: &mut Trial) -> Result {
    if !Ring::new()?.knows_linux_6_0() {
        return Err(Stop::Unsupported("its multishot receive came with Linux 6.0".to_owned()));
    }
    check_waits(t, "io_uring", &[(Call::URING_ENTER, 4)])
}

/// A server that asks again and again without blocking never sleeps, whether it has something to
/// do or not: it wants a whole CPU.
#[case(man = ["accept(2), EAGAIN", "recv(2), EAGAIN"], notes = ["S09"], strength = Documented)]
fn nonblocking_spin_never_sleeps(t: &mut Trial) -> Result {
    let server = start_busy(t, "nonblocking_spin")?;
    // What it has to say when it starts is said before its first answer, and may wait for the reader.
    server.connect(t)?.ask(t, &server.small()?)?;
    let before = server.so_far()?;
    for _ in 0..20 {
        let mut client = server.connect(t)?;
        check!(t, client.ask(t, &server.small()?)? == Reply::Whole, "it answers");
    }
    let idle = server.idleness()?;
    let woken = server.so_far()?.since(&before).wakeups();
    // A lock that sleeps is none of its doing.
    if !locks_sleep() {
        check!(t, woken == 0, "it was never woken, with something to do or without");
    }
    // A virtual machine may be kept from running, which counts as neither running nor waiting.
    check!(t, idle.cpus > 0.5, "with nothing to do it wants a CPU");
    Ok(())
}
