//! The other half of the table of signal(7): calls that wait for somebody to do something, and what
//! somebody does.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use harness::prelude::*;
use harness::sys::ipc::{Messages, Semaphore};
use harness::sys::{futex, process};
use nix::fcntl::{FcntlArg, Flock, FlockArg, OFlag, fcntl, open};
use nix::libc::{F_UNLCK, F_WRLCK};
use nix::sys::stat::Mode;
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::{mkfifo, write};

use super::table::LONG;
use super::{Wait, wait};

/// Calls that open a FIFO.
pub(super) fn openings(t: &Trial) -> Result<Vec<Wait>> {
    let path = t.folder()?.join("fifo");
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    let opening = |name, how| {
        let (slow, fast, partner) = (path.clone(), path.clone(), Cell::new(None));
        let opens = |path: &Path, how| open(path, how | OFlag::O_CLOEXEC, Mode::empty());
        wait(
            name,
            Call::OPEN,
            move || opens(&slow, how).map(drop),
            // Both sides at once, and for as long as it takes.
            move || opens(&fast, OFlag::O_RDWR).map(|both| partner.set(Some(both))),
        )
    };
    Ok(vec![
        opening("open of a FIFO, to read", OFlag::O_RDONLY),
        opening("open of a FIFO, to write", OFlag::O_WRONLY),
    ])
}

/// Calls that wait for the end of a process.
pub(super) fn children() -> Result<Vec<Wait>> {
    // Each sleeps until it is told to end.
    let child = || -> Result<_> {
        let (gate, go) = std::io::pipe()?;
        let pid = process::fork(|| i32::from((&gate).read(&mut [0]).is_err()))?;
        Ok((pid, move || write(&go, b"!").map(drop)))
    };
    let ((first, let_first_go), (second, let_second_go)) = (child()?, child()?);
    Ok(vec![
        wait("waitpid", Call::WAIT, move || waitpid(first, None).map(drop), let_first_go),
        wait(
            "waitid",
            Call::WAIT,
            move || waitid(Id::Pid(second), WaitPidFlag::WEXITED).map(drop),
            let_second_go,
        ),
    ])
}

/// A lock on the whole of a file, or its end.
fn whole(kind: i32) -> nix::libc::flock {
    nix::libc::flock {
        l_type: i16::try_from(kind).unwrap_or(0),
        l_whence: 0,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}

/// Calls that wait for a lock on a file.
pub(super) fn locks(t: &Trial) -> Result<Vec<Wait>> {
    let folder = t.folder()?;
    // One that has the lock, and one that wants it.
    let open = |name: &str| -> Result<_> {
        let mut options = std::fs::File::options();
        options.read(true).write(true).create(true).truncate(false);
        let path = folder.join(name);
        Ok((options.open(&path)?, options.open(&path)?))
    };
    let held = |name: &str| -> Result<_> {
        let (has, wants) = open(name)?;
        fcntl(&has, FcntlArg::F_OFD_SETLK(&whole(F_WRLCK)))?;
        Ok((wants, move || fcntl(&has, FcntlArg::F_OFD_SETLK(&whole(F_UNLCK))).map(drop)))
    };
    let (has, wants) = open("flock")?;
    let has = Flock::lock(has, FlockArg::LockExclusive).map_err(|(_, error)| error)?;
    let has = Cell::new(Some(has));
    let ((process, unlock_process), (file, unlock_file)) = (held("process")?, held("file")?);
    Ok(vec![
        wait(
            "flock",
            Call::FLOCK,
            move || {
                let locked = Flock::lock(wants, FlockArg::LockExclusive);
                locked.map(drop).map_err(|(_, error)| error)
            },
            move || {
                drop(has.take());
                Ok(())
            },
        ),
        wait(
            "F_SETLKW",
            Call::FCNTL,
            move || fcntl(&process, FcntlArg::F_SETLKW(&whole(F_WRLCK))).map(drop),
            unlock_process,
        ),
        wait(
            "F_OFD_SETLKW",
            Call::FCNTL,
            move || fcntl(&file, FcntlArg::F_OFD_SETLKW(&whole(F_WRLCK))).map(drop),
            unlock_file,
        ),
    ])
}

/// A wait for a futex.
pub(super) fn futexes() -> Vec<Wait> {
    let word = Arc::new(AtomicU32::new(0));
    let waited = word.clone();
    vec![wait(
        "FUTEX_WAIT",
        Call::FUTEX,
        move || futex::wait(&waited, 0),
        move || futex::wake(&word),
    )]
}

/// Gives the trial an IPC namespace of its own, for objects that outlive processes.
fn own_objects() -> Result {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWIPC).map_err(|error| Stop::Skipped {
        reason: format!("needs an IPC namespace of its own: {}", error.desc()),
        mend: harness::need::MEND_NAMESPACES.to_owned(),
    })
}

/// Calls of System V semaphores and message queues.
pub(super) fn objects() -> Result<Vec<Wait>> {
    own_objects()?;
    let semaphore = Semaphore::new()
        .map_err(|error| Stop::unsupported_if(error, &[Errno::ENOSYS], "semget"))?;
    let (empty, full) = (Messages::new()?, Messages::new()?);
    full.fill()?;
    let give = move || semaphore.give();
    Ok(vec![
        wait("semop", Call::SEMOP, move || semaphore.take(), give),
        wait("semtimedop", Call::SEMOP, move || semaphore.take_within(LONG), give),
        wait("msgrcv", Call::MSGRCV, move || empty.receive(), move || empty.send()),
        wait("msgsnd", Call::MSGSND, move || full.send(), move || full.receive()),
    ])
}
