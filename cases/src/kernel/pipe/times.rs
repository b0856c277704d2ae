//! What stat and inotify tell of a pipe: is somebody writing? Anonymous pipes stopped keeping times in
//! Linux 6.15, for that cost more than anybody had of it. FIFOs, which are files, still do.

use harness::prelude::*;
use nix::fcntl::{OFlag, open};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use nix::sys::stat::{FileStat, Mode, fstat};
use nix::sys::statfs::{FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, fstatfs};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{mkfifo, read, write};

use super::nonblocking;

/// The times of last access and last modification.
fn times(fd: impl AsFd) -> nix::Result<[(i64, i64); 2]> {
    let stat: FileStat = fstat(fd)?;
    Ok([(stat.st_atime, stat.st_atime_nsec), (stat.st_mtime, stat.st_mtime_nsec)])
}

/// Waits until the clock that stamps files has gone on: it moves with the tick.
fn next_tick() -> Result {
    let start = clock_gettime(ClockId::CLOCK_REALTIME_COARSE)?;
    harness::watch::until(|| Ok(clock_gettime(ClockId::CLOCK_REALTIME_COARSE)? != start))
}

/// Writing to an anonymous pipe changes its time of modification, and reading its time of access.
#[case(
    posix = ["write()", "read()"],
    kernel = ["pipe_write", "pipe_read"],
    strength = Implementation,
    changed = [("6.15", "", deviates, "`pipe: don't update {a,c,m}time for anonymous pipes`")]
)]
fn anonymous_pipes_keep_times(t: &mut Trial) -> Result {
    let (reader, writer) = nonblocking()?;
    let [_, before] = times(&reader)?;
    next_tick()?;
    write(&writer, b"x")?;
    let [unread, written] = times(&reader)?;
    check!(t, written != before, "the time of modification after a write");
    next_tick()?;
    read(&reader, &mut [0])?;
    let [read, _] = times(&reader)?;
    check!(t, read != unread, "the time of access after a read");
    Ok(())
}

/// Skips the trial on a file system that leaves the times of its files to another (`S_NOCMTIME`), or
/// that keeps whole seconds.
fn keeps_times_itself(file: impl AsFd) -> Result {
    let kind = fstatfs(&file)?.filesystem_type();
    let leaves_them = [OVERLAYFS_SUPER_MAGIC, NFS_SUPER_MAGIC, FUSE_SUPER_MAGIC].contains(&kind);
    let [_, (_, nanoseconds)] = times(&file)?;
    if leaves_them || nanoseconds == 0 {
        return Err(Stop::Skipped {
            reason: "the file system of temporary files stamps no write, or only seconds"
                .to_owned(),
            mend: "TMPDIR=/dev/shm".to_owned(),
        });
    }
    Ok(())
}

/// Writing to a FIFO changes its time of modification.
#[case(posix = ["write()"], kernel = ["fifo_pipe_write", "pipe_write"], strength = Documented)]
fn fifos_keep_the_time_of_modification(t: &mut Trial) -> Result {
    let path = t.folder()?.join("fifo");
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    let both = open(&path, OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    keeps_times_itself(&both)?;
    let [_, before] = times(&both)?;
    next_tick()?;
    write(&both, b"x")?;
    let [_, after] = times(&both)?;
    check!(t, after != before, "the time of modification after a write");
    Ok(())
}

/// inotify tells of writes to a pipe, a FIFO and a socket, if the writer is watched by its name in
/// `/proc`.
#[case(kernel = ["fsnotify_modify", "proc_pid_get_link"], strength = Implementation)]
fn inotify_tells_of_writes(t: &mut Trial) -> Result {
    let path = t.folder()?.join("watched");
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)?;
    let fifo = open(&path, OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut streams = Vec::from(net::streams()?);
    streams.push(("FIFO", fifo.try_clone()?, fifo));
    for (kind, writer, _reader) in streams {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)
            .map_err(|error| Stop::unsupported_if(error, &[Errno::ENOSYS], "inotify"))?;
        let name = format!("/proc/self/fd/{}", writer.as_raw_fd());
        inotify.add_watch(name.as_str(), AddWatchFlags::IN_MODIFY)?;
        let told = || match inotify.read_events() {
            Err(Errno::EAGAIN) => Ok(Vec::new()),
            other => other.map(|events| events.iter().map(|event| event.mask).collect()),
        };
        check!(t, told() == Ok(vec![]), "{kind}: nothing was written");
        write(&writer, b"x")?;
        check!(t, told() == Ok(vec![AddWatchFlags::IN_MODIFY]), "{kind}: a byte was written");
    }
    Ok(())
}
