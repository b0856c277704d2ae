//! Whom a connection wakes. A server is built around this: threads that block in accept stand in a
//! queue and are woken one by one; processes with an epoll instance each are all woken, unless they
//! ask for less; and a listener for each worker leaves nobody else to be woken.

use harness::prelude::*;

use super::{CONNECTIONS, WORKERS, fewest, start, who, woken_by_each};

/// Each connection wakes exactly one worker, once, and the workers are woken in turn: in the order
/// in which they came to accept at the start, which the scheduler decided.
fn check_in_turn(t: &mut Trial, model: &str) -> Result {
    let server = start(t, model)?;
    let rounds = woken_by_each(t, &server)?;
    check!(t, fewest(&rounds) == 1, "the fewest wakeups that a connection costs");
    let rounds = who(rounds);
    let mut first = rounds[..WORKERS].concat();
    first.sort_unstable();
    check!(t, first == [0, 1, 2, 3], "the workers that the first connections wake");
    check!(
        t,
        rounds.chunks(WORKERS).all(|turn| turn == &rounds[..WORKERS]),
        "and so on: {rounds:?}"
    );
    Ok(())
}

/// The threads of a server that block in accept are woken once for each connection, in turn.
#[case(kernel = ["inet_csk_wait_for_connect", "prepare_to_wait_exclusive"], notes = ["S24", "S42"], since = "2.4", strength = Implementation)]
fn blocking_acceptors(t: &mut Trial) -> Result {
    check_in_turn(t, "blocking_acceptors")
}

/// The processes of a server that were forked after listen and block in accept are woken once for
/// each connection, in turn.
#[case(kernel = ["inet_csk_wait_for_connect", "prepare_to_wait_exclusive"], notes = ["S38", "S42"], since = "2.4", strength = Implementation)]
fn blocking_acceptors_forked(t: &mut Trial) -> Result {
    check_in_turn(t, "blocking_acceptors_forked")
}

/// Each connection wakes all processes of a pre-fork server that watch the listener in epoll
/// instances of their own.
#[case(kernel = ["ep_poll_callback", "__wake_up_common"], notes = ["S25", "S38", "S39"], since = "2.6.0", strength = Implementation)]
fn prefork_epoll(t: &mut Trial) -> Result {
    let server = start(t, "prefork_epoll")?;
    let rounds = woken_by_each(t, &server)?;
    check!(t, fewest(&rounds) == WORKERS as u64, "the fewest wakeups that a connection costs");
    let everybody: Vec<_> = (0..WORKERS).collect();
    check!(t, who(rounds) == vec![everybody; CONNECTIONS], "the workers that each wakes");
    Ok(())
}

/// With `EPOLLEXCLUSIVE` each connection wakes one process of a pre-fork server, always the one
/// that registered first.
#[case(man = ["epoll_ctl(2), EPOLLEXCLUSIVE"], kernel = ["ep_ptable_queue_proc", "add_wait_queue_exclusive"], notes = ["S25", "S36"], since = "4.5", strength = Implementation)]
fn prefork_exclusive(t: &mut Trial) -> Result {
    let server = start(t, "prefork_exclusive")?;
    let rounds = woken_by_each(t, &server)?;
    check!(t, fewest(&rounds) == 1, "the fewest wakeups that a connection costs");
    check!(t, who(rounds) == vec![vec![0]; CONNECTIONS], "the workers that each wakes");
    Ok(())
}

/// With a lock around accept, a connection wakes the one process of a pre-fork server that holds
/// it.
#[case(kernel = ["ep_poll_callback"], notes = ["S39", "S40"], since = "2.6.0", strength = Implementation)]
fn prefork_accept_mutex(t: &mut Trial) -> Result {
    let server = start(t, "prefork_accept_mutex")?;
    let rounds = woken_by_each(t, &server)?;
    // The others wake up by themselves now and then, to try for the lock.
    check!(t, fewest(&rounds) == 1, "the fewest wakeups that a connection costs, of {rounds:?}");
    check!(t, rounds.iter().all(|(woken, _)| !woken.is_empty()), "each connection wakes somebody");
    Ok(())
}

/// Of the processes that wait in one epoll instance, a connection wakes one that was woken last,
/// and with a level-triggered listener that wakes others.
#[case(kernel = ["ep_send_events", "ep_done_scan", "__add_wait_queue_exclusive"], notes = ["S39", "S41"], since = "2.6.0", strength = Implementation)]
fn prefork_shared_epoll(t: &mut Trial) -> Result {
    let server = start(t, "prefork_shared_epoll")?;
    let rounds = who(woken_by_each(t, &server)?);
    let meet = |two: &[Vec<usize>]| two[1].iter().any(|worker| two[0].contains(worker));
    check!(t, rounds.iter().all(|woken| !woken.is_empty()), "each connection wakes somebody");
    check!(t, rounds.windows(2).all(meet), "among them one of those before: {rounds:?}");
    Ok(())
}

/// A server with a listener for each worker has no herd: a connection wakes one of them.
fn check_one_each(t: &mut Trial, model: &str) -> Result {
    let server = start(t, model)?;
    let rounds = woken_by_each(t, &server)?;
    check!(t, fewest(&rounds) == 1, "the fewest wakeups that a connection costs");
    check!(
        t,
        rounds.iter().all(|(woken, _)| woken.len() == 1),
        "each connection wakes one worker: {rounds:?}"
    );
    Ok(())
}

/// A connection wakes exactly one of the threads of a server that have a listener of their own
/// (`SO_REUSEPORT`) each.
#[case(man = ["socket(7), SO_REUSEPORT"], notes = ["S29", "S36"], since = "3.9", strength = Documented)]
fn reuseport(t: &mut Trial) -> Result {
    check_one_each(t, "reuseport")
}

/// A connection wakes exactly one of the processes of a server that have a listener of their own
/// (`SO_REUSEPORT`) each.
#[case(man = ["socket(7), SO_REUSEPORT"], notes = ["S29", "S36"], since = "3.9", strength = Documented)]
fn reuseport_forked(t: &mut Trial) -> Result {
    check_one_each(t, "reuseport_forked")
}
