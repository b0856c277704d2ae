//! Whose signals a signalfd shows: those of the process, and the thread, that reads. The descriptor
//! holds a set of numbers and nothing else, wherever it came from.

use harness::prelude::*;
use harness::sys::{process, signal, signalfd};
use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::signal::{Signal, kill, raise};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::getpid;

use super::{SIGNAL, numbers, open, watch};

const NUMBER: i32 = SIGNAL as i32;

/// A process that reads an inherited signalfd gets its own pending signals, and not those of the
/// process that made it.
#[case(man = ["signalfd(2), fork(2) semantics"], since = "2.6.27", strength = Documented)]
fn a_child_reads_its_own(t: &mut Trial) -> Result {
    let signalfd = watch(NUMBER)?;
    kill(getpid(), SIGNAL)?;
    let child = process::fork(|| {
        let none = numbers(&signalfd) == Ok(Vec::new());
        let sent = raise(SIGNAL).is_ok();
        let one = numbers(&signalfd) == Ok(vec![NUMBER]);
        i32::from(!none) + 2 * i32::from(!sent) + 4 * i32::from(!one)
    })?;
    let end = waitpid(child, None)?;
    check!(t, end == WaitStatus::Exited(child, 0), "the child reads its own signal alone");
    check!(t, numbers(&signalfd)? == [NUMBER], "the parent's is still there");
    Ok(())
}

/// A signal that was sent to a thread is read by that thread, and by no other.
#[case(man = ["signalfd(2), Semantics for multithreaded programs"], since = "2.6.22", strength = Documented)]
fn a_thread_reads_its_own(t: &mut Trial) -> Result {
    let signalfd = watch(NUMBER)?;
    pthread_kill(pthread_self(), SIGNAL)?;
    let copy = signalfd.try_clone()?;
    let other = t.spawn("other", move || Ok(numbers(&copy)))?.join()?;
    check!(t, other == Ok(vec![]), "another thread finds nothing");
    check!(t, numbers(&signalfd)? == [NUMBER], "the thread itself reads it");
    Ok(())
}

/// A signal that was sent to the process is read by any of its threads.
#[case(man = ["signalfd(2), Semantics for multithreaded programs"], since = "2.6.22", strength = Documented)]
fn any_thread_reads_those_of_the_process(t: &mut Trial) -> Result {
    let signalfd = watch(NUMBER)?;
    kill(getpid(), SIGNAL)?;
    let copy = signalfd.try_clone()?;
    let other = t.spawn("other", move || Ok(numbers(&copy)))?.join()?;
    check!(t, other == Ok(vec![NUMBER]), "another thread reads it");
    check!(t, numbers(&signalfd)?.is_empty(), "then it is gone");
    Ok(())
}

/// `SIGKILL` in the set of a signalfd is passed over without an error: it kills all the same.
#[case(man = ["signalfd(2)"], since = "2.6.22", strength = Documented)]
fn sigkill_cannot_be_read(t: &mut Trial) -> Result {
    drop(open(&[NUMBER])?);
    let ((mut ready, tell), (wait, _never)) = (std::io::pipe()?, std::io::pipe()?);
    let child = process::fork(|| {
        let (killing, stopping) = (Signal::SIGKILL as i32, Signal::SIGSTOP as i32);
        let signalfd = signalfd::open(&[killing, stopping]);
        let told = (&tell).write_all(&[u8::from(signalfd.is_ok())]);
        // It is killed in this sleep.
        i32::from(told.is_err()) + i32::from((&wait).read(&mut [0]).is_err())
    })?;
    let mut accepted = [0];
    ready.read_exact(&mut accepted)?;
    check!(t, accepted == [1], "the set is accepted");
    kill(child, Signal::SIGKILL)?;
    let end = waitpid(child, None)?;
    check!(t, end == WaitStatus::Signaled(child, Signal::SIGKILL, false), "and it is killed");
    Ok(())
}

/// A signalfd holds nothing back: a signal in its set that is not blocked has its usual action.
#[case(man = ["signalfd(2)"], since = "2.6.22", strength = Documented)]
fn does_not_block(t: &mut Trial) -> Result {
    let child = process::fork(|| {
        let usual = signal::default_action(SIGNAL).is_ok();
        let signalfd = signalfd::open(&[NUMBER]);
        let sent = raise(SIGNAL).is_ok();
        i32::from(usual && signalfd.is_ok() && sent)
    })?;
    let end = waitpid(child, None)?;
    check!(t, end == WaitStatus::Signaled(child, SIGNAL, false), "the process is killed by it");
    Ok(())
}
