//! `/proc/PID/fdinfo/N`: what the kernel knows of an open descriptor, a line each. For the kinds that
//! hold no stream this is the only way to look at their content without taking it.

use harness::prelude::*;
use harness::sys::{pidfd, signal, signalfd};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::signal::Signal;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::unistd::getpid;

/// What stands behind a name in the lines about a descriptor.
fn told(fd: impl AsFd, name: &str) -> Result<Option<String>> {
    let path = format!("/proc/self/fdinfo/{}", fd.as_fd().as_raw_fd());
    let text = std::fs::read_to_string(path)
        .map_err(|error| Stop::Unobservable(format!("fdinfo cannot be read: {error}")))?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    Ok(value.map(|value| value.trim().to_owned()))
}

/// fdinfo tells the flags of an open file, in octal: the line changes with `O_NONBLOCK`.
#[case(man = ["proc_pid_fdinfo(5)"], since = "2.6.22", strength = Documented)]
fn flags_of_any_descriptor(t: &mut Trial) -> Result {
    let (reader, _writer) = std::io::pipe()?;
    let nonblocking = || -> Result<bool> {
        let flags = told(&reader, "flags")?.unwrap_or_default();
        Ok(i32::from_str_radix(&flags, 8)? & nix::libc::O_NONBLOCK != 0)
    };
    check!(t, !nonblocking()?, "a new pipe blocks");
    net::set_nonblocking(&reader, true)?;
    check!(t, nonblocking()?, "now it does not");
    Ok(())
}

/// fdinfo tells the number of an eventfd, in hexadecimal, without taking it.
#[case(man = ["proc_pid_fdinfo(5)"], since = "3.8", strength = Documented)]
fn number_of_an_eventfd(t: &mut Trial) -> Result {
    let eventfd = EventFd::from_value(0x2a)?;
    check!(t, told(&eventfd, "eventfd-count")?.as_deref() == Some("2a"), "42");
    eventfd.write(1)?;
    check!(t, told(&eventfd, "eventfd-count")?.as_deref() == Some("2b"), "and one more");
    check!(t, eventfd.read() == Ok(43), "it is all still there");
    Ok(())
}

/// fdinfo tells whether an eventfd is a semaphore.
#[case(
    kernel = ["eventfd_show_fdinfo"],
    strength = Implementation,
    changed = [("", "6.5", deviates, "the line `eventfd-semaphore` came with Linux 6.5")]
)]
fn kind_of_an_eventfd(t: &mut Trial) -> Result {
    for (flags, expected) in [(EfdFlags::empty(), "0"), (EfdFlags::EFD_SEMAPHORE, "1")] {
        let eventfd = EventFd::from_flags(flags | EfdFlags::EFD_CLOEXEC)?;
        let kind = told(&eventfd, "eventfd-semaphore")?;
        check!(t, kind.as_deref() == Some(expected), "with {flags:?}");
    }
    Ok(())
}

/// fdinfo tells how often a timer has expired, without taking that, and when it will.
#[case(man = ["proc_pid_fdinfo(5)"], since = "3.17", strength = Documented)]
fn expirations_of_a_timer(t: &mut Trial) -> Result {
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC)?;
    check!(t, told(&timer, "ticks")?.as_deref() == Some("0"), "it was not set");
    timer.set(Expiration::OneShot(TimeSpec::new(0, 1)), TimerSetTimeFlags::empty())?;
    poll_wait(&timer, POLLIN)?;
    check!(t, told(&timer, "ticks")?.as_deref() == Some("1"), "it has expired");
    check!(t, poll_now(&timer, POLLIN)? == POLLIN, "and is still readable");
    check!(
        t,
        told(&timer, "it_value")?.as_deref() == Some("(0, 0)"),
        "nothing is left of its time"
    );
    Ok(())
}

/// fdinfo tells the signals of a signalfd; `SIGKILL` and `SIGSTOP` are never among them.
#[case(man = ["proc_pid_fdinfo(5)", "signalfd(2)"], since = "3.8", strength = Documented)]
fn set_of_a_signalfd(t: &mut Trial) -> Result {
    let asked = [Signal::SIGUSR1, Signal::SIGKILL, Signal::SIGSTOP];
    signal::block(Signal::SIGUSR1 as i32, true)?;
    let signalfd = signalfd::open(&asked.map(|signal| signal as i32))?;
    let set = told(&signalfd, "sigmask")?.unwrap_or_default();
    let expected = 1_u64 << (Signal::SIGUSR1 as i32 - 1);
    let left = u64::from_str_radix(&set, 16).ok();
    check!(t, left == Some(expected), "SIGUSR1 alone is left of three");
    Ok(())
}

/// fdinfo tells the process of a pidfd, and -1 once that was reaped.
#[case(man = ["proc_pid_fdinfo(5)", "pidfd_open(2)"], since = "5.4", strength = Documented)]
fn process_of_a_pidfd(t: &mut Trial) -> Result {
    let own = pidfd::open(getpid(), 0)
        .map_err(|error| Stop::unsupported_if(error, &[Errno::ENOSYS], "pidfd_open"))?;
    check!(t, told(&own, "Pid")? == Some(getpid().to_string()), "this process");
    let child = harness::sys::process::fork(|| 0)?;
    let other = pidfd::open(child, 0)?;
    check!(t, told(&other, "Pid")? == Some(child.to_string()), "a child");
    nix::sys::wait::waitpid(child, None)?;
    check!(t, told(&other, "Pid")?.as_deref() == Some("-1"), "a child that was reaped");
    Ok(())
}
