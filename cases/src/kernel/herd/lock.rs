//! The lock around accept, as servers had it before the kernel helped: only its holder watches the
//! listener, and hands the lock on when it has accepted. The others wait for their turn, and a
//! connection concerns them as little as any other descriptor that they do not watch.

use std::fs::File;
use std::sync::Arc;

use harness::prelude::*;
use nix::sys::eventfd::{EfdFlags, EventFd};

use super::{CONNECTIONS, WORKERS, nonblocking_listener, woken_by_each};

/// For each worker, what tells it that it has the lock.
fn turns() -> Result<Arc<Vec<EventFd>>> {
    let turn = |_| EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC);
    Ok(Arc::new((0..WORKERS).map(turn).collect::<nix::Result<_>>()?))
}

/// A worker that watches the listener while it has the lock, and gives that to `next` when it has
/// accepted.
fn serve_in_turn(worker: Worker, listener: &TcpListener, turns: &[EventFd], next: usize) -> Result {
    let turn = &turns[worker.index];
    let epoll = Epoll::watching(turn, EPOLLIN)?;
    loop {
        let report = epoll.wait_one()?;
        worker.returned();
        if report.fd == turn.as_fd().as_raw_fd() {
            turn.read()?;
            epoll.add(listener, EPOLLIN)?;
            continue;
        }
        while listener.accept().is_ok() {
            worker.took();
        }
        if next != worker.index {
            epoll.delete(listener)?;
            turns[next].write(1)?;
        }
    }
}

/// Of workers that have a lock for the listener, a connection wakes its holder alone.
#[case(kernel = ["ep_poll_callback"], notes = ["S39", "S40"], since = "2.6.22", strength = Implementation)]
fn kept(t: &mut Trial) -> Result {
    let (listener, turns) = (Arc::new(nonblocking_listener()?), turns()?);
    turns[3].write(1)?;
    let crew = t.threads(WORKERS, Call::EPOLL_WAIT, {
        let listener = listener.clone();
        move |worker| serve_in_turn(worker, &listener, &turns, worker.index)
    })?;
    let woken = woken_by_each(t, 1, &crew, &listener)?;
    check!(t, woken == super::always(3), "the workers that each connection wakes; 3 has the lock");
    Ok(())
}

/// If the holder hands the lock on when it has accepted, a connection costs two wakeups: its own
/// and the next holder's.
#[case(kernel = ["ep_poll_callback"], notes = ["S39", "S40"], since = "2.6.22", strength = Implementation)]
fn handed_on(t: &mut Trial) -> Result {
    let (listener, turns) = (nonblocking_listener()?, turns()?);
    turns[0].write(1)?;
    let crew = t.processes(WORKERS, Call::EPOLL_WAIT, |worker| {
        serve_in_turn(worker, &listener, &turns, (worker.index + 1) % WORKERS)
    })?;
    let woken = woken_by_each(t, 2, &crew, &listener)?;
    let pair = |connection: usize| {
        let mut pair = vec![connection % WORKERS, (connection + 1) % WORKERS];
        pair.sort_unstable();
        pair
    };
    let pairs: Vec<_> = (0..CONNECTIONS as usize).map(pair).collect();
    check!(t, woken == pairs, "the processes that each connection wakes");
    Ok(())
}

/// Threads that each do `work` when they have locked a file of the trial, which the case has locked
/// before. All of them sleep.
fn queued_for_a_lock<T: Send + 'static>(
    t: &mut Trial,
    work: impl Fn(File) -> Result<T> + Clone + Send + 'static,
) -> Result<(File, Vec<Job<T>>)> {
    let path = t.folder()?.join("lock");
    let first = File::create(&path)?;
    first.lock()?;
    let mut jobs = Vec::new();
    for index in 0..4 {
        let (file, work) = (File::open(&path)?, work.clone());
        let job = t.spawn(&format!("worker {index}"), move || {
            file.lock()?;
            work(file)
        })?;
        check!(t, job.sleeps_in(t, Call::FLOCK)?, "worker {index} sleeps for the lock");
        jobs.push(job);
    }
    Ok((first, jobs))
}

/// Whether these threads sleep for the lock and were not woken since `before`.
fn undisturbed<T>(t: &mut Trial, jobs: &[Job<T>], before: &[u64]) -> Result<bool> {
    for (job, before) in jobs.iter().zip(before) {
        if !job.sleeps_in(t, Call::FLOCK)? || job.wakeups()? != *before {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A file lock that is released wakes one of those that wait for it, each in turn.
#[case(kernel = ["__locks_insert_block", "locks_move_blocks"], since = "5.0", strength = Implementation)]
fn of_a_file_wakes_one(t: &mut Trial) -> Result {
    let (mut holder, mut jobs) = queued_for_a_lock(t, Ok)?;
    for turn in 0..4 {
        let first = jobs.remove(0);
        let before = jobs.iter().map(Job::wakeups).collect::<Result<Vec<_>>>()?;
        holder.unlock()?;
        let next = first.join_soon(t)?;
        check!(t, next.is_some(), "release {turn} wakes the one that has waited longest");
        check!(t, undisturbed(t, &jobs, &before)?, "and no other");
        holder = next.ok_or_else(|| Stop::error("there is no holder"))?;
    }
    Ok(())
}

/// With a file lock around accept, a connection wakes the holder of the lock, and its release the
/// next.
#[case(kernel = ["__locks_insert_block", "inet_csk_wait_for_connect"], notes = ["S40"], since = "5.0", strength = Implementation)]
fn of_a_file_around_accept(t: &mut Trial) -> Result {
    let listener = Arc::new(net::listener()?);
    let (lock, mut jobs) = queued_for_a_lock(t, {
        let listener = listener.clone();
        move |_lock| Ok(listener.accept()?)
    })?;
    lock.unlock()?;
    net::stay_on_this_cpu()?;
    while !jobs.is_empty() {
        let first = jobs.remove(0);
        check!(t, first.sleeps_in(t, Call::ACCEPT)?, "the holder of the lock waits in accept");
        let others = if jobs.is_empty() { &[][..] } else { &jobs[1..] };
        let before = others.iter().map(Job::wakeups).collect::<Result<Vec<_>>>()?;
        let _client = net::connect(listener.local_addr()?)?;
        check!(t, first.join_soon(t)?.is_some(), "a connection wakes it");
        check!(t, undisturbed(t, others, &before)?, "and nobody but the one who gets the lock");
    }
    Ok(())
}
