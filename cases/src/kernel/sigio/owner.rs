//! Who is told. The owner belongs to the open file, not to the descriptor: a process, a group of
//! them, or one thread. Whether the kernel may signal it is looked at when there is something to
//! tell, and by what the one who set it was then allowed to.

use harness::prelude::*;
use harness::sys::signalfd::is_pending;
use harness::sys::{process, signal};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Pid, Uid, getpid, gettid, setuid};

use super::{handled, set_async, tell_me_of};

/// `F_SETOWN_EX` with `F_OWNER_TID` has one thread signalled; the others of its process are not.
#[case(man = ["F_SETOWN_EX(2const)", "fcntl(2), F_SETOWN_EX"], since = "2.6.32", strength = Documented)]
fn a_single_thread(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let number = signal::first_realtime();
    signal::block(number, true)?;
    signal::set_io_signal(&reader, number)?;
    signal::set_io_thread(&reader, gettid())?;
    set_async(&reader)?;
    writer.write_all(b"a")?;
    check!(t, is_pending(number)?, "the thread has a signal pending");
    let other = t.spawn("other", move || Ok(is_pending(number)?))?;
    check!(t, !other.join()?, "another thread of the process has not");

    signal::set_io_owner(&reader, getpid().as_raw())?;
    writer.write_all(b"b")?;
    let other = t.spawn("another", move || Ok(is_pending(number)?))?;
    check!(t, other.join()?, "of a process that is the owner, every thread has");
    Ok(())
}

/// A process group can be the owner, named by its negative number: each of its processes is
/// signalled.
#[case(man = ["F_SETOWN(2const)", "fcntl(2), F_SETOWN"], strength = Documented)]
fn a_group_of_processes(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    let (wait, gate) = std::io::pipe()?;
    let ((mut ready, tell), mut gate) = (std::io::pipe()?, Some(gate));
    nix::unistd::setpgid(Pid::from_raw(0), Pid::from_raw(0))?;
    let child = process::fork(|| {
        drop(gate.take());
        let told = (&tell).write_all(b"!");
        let waited = (&wait).read(&mut [0]);
        i32::from(told.is_err() || waited.is_err() || signal::handled() != 1)
    })?;
    ready.read_exact(&mut [0])?;
    signal::set_io_signal(&reader, number)?;
    signal::set_io_owner(&reader, -nix::unistd::getpgrp().as_raw())?;
    set_async(&reader)?;
    writer.write_all(b"a")?;
    check!(t, handled(t, 1)?, "the process itself is signalled");
    drop(gate);
    check!(t, waitpid(child, None)? == WaitStatus::Exited(child, 0), "and its child, once");
    Ok(())
}

/// `si_fd` is the number under which `O_ASYNC` was set, even if that is closed and another
/// descriptor of the open file is left.
#[case(man = ["F_SETSIG(2const)"], kernel = ["fasync_helper"], strength = Implementation)]
fn the_number_may_be_closed(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    tell_me_of(&reader, number)?;
    let (armed, copy) = (reader.as_raw_fd(), reader.try_clone()?);
    drop(reader);
    writer.write_all(b"a")?;
    check!(t, handled(t, 1)?, "the arrival is signalled");
    check!(t, signal::last().fd == armed, "with the number that is closed");
    check!(t, copy.as_raw_fd() != armed, "the one that is left is another");
    Ok(())
}

/// Without `F_SETSIG` the signal tells nothing but that there is something: `si_code` is `SI_KERNEL`.
#[case(man = ["F_SETSIG(2const)"], kernel = ["send_sigio_to_task"], strength = Documented)]
fn a_plain_sigio_tells_no_descriptor(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    signal::take_notes_of(nix::libc::SIGIO, true)?;
    tell_me_of(&reader, 0)?;
    writer.write_all(b"a")?;
    check!(t, handled(t, 1)?, "the arrival is signalled");
    check!(t, signal::last().number == nix::libc::SIGIO, "by SIGIO");
    check!(
        t,
        signal::last().code == nix::libc::SI_KERNEL,
        "which comes from the kernel, and no more"
    );
    Ok(())
}

/// An owner that does not exist is refused with ESRCH, and a signal number above 64 with EINVAL.
#[case(man = ["F_SETOWN(2const)", "F_SETSIG(2const)"], kernel = ["f_setown", "do_fcntl"], strength = Implementation)]
fn what_is_not_there_is_refused(t: &mut Trial) -> Result {
    let (_writer, reader) = UnixStream::pair()?;
    let gone = process::fork(|| 0)?;
    waitpid(gone, None)?;
    let set = signal::set_io_owner(&reader, gone.as_raw());
    check!(t, set == Err(Errno::ESRCH), "a process that was reaped");
    check!(t, signal::set_io_signal(&reader, 65) == Err(Errno::EINVAL), "signal 65");
    check!(t, signal::set_io_signal(&reader, 64) == Ok(()), "signal 64");
    Ok(())
}

/// A process of another user can be made the owner, and is not signalled: permission is looked at
/// when the signal is sent, and its lack is told to nobody.
#[case(man = ["F_SETOWN(2const)"], kernel = ["sigio_perm"], needs = [Need::SecondUser], strength = Documented)]
fn a_stranger_is_not_signalled(t: &mut Trial) -> Result {
    let (writer, reader) = UnixStream::pair()?;
    let number = signal::first_realtime();
    signal::take_notes_of(number, true)?;
    let owner = getpid();
    let child = process::fork(|| {
        let other = setuid(Uid::from_raw(1)).map_err(Stop::from);
        let told = other.and_then(|()| {
            signal::set_io_signal(&reader, number)?;
            signal::set_io_owner(&reader, owner.as_raw())?;
            set_async(&reader)
        });
        i32::from(told.is_err() || (&writer).write_all(b"a").is_err())
    })?;
    check!(t, waitpid(child, None)? == WaitStatus::Exited(child, 0), "another user sets the owner");
    check!(t, signal::handled() == 0, "who is not signalled");
    check!(t, net::unread(&reader)? == 1, "although there is data");
    fcntl(&reader, FcntlArg::F_SETFL(nix::fcntl::OFlag::empty()))?;
    tell_me_of(&reader, number)?;
    (&writer).write_all(b"b")?;
    check!(t, handled(t, 1)?, "set by himself, he is");
    Ok(())
}
