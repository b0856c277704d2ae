//! A program that runs in the guest for the host.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags};
use nix::sys::stat::Mode;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, mkfifo};

use super::PIECE;
use super::Stream;
use crate::protocol::{EVENTS, Job, decode};

/// A program that was started, with what joins it to the host.
pub(super) struct Running {
    pid: Pid,
    end: OwnedFd,
    /// How it ended, once it was waited for.
    status: Option<i32>,
    input: Option<ChildStdin>,
    pending: VecDeque<u8>,
    asked: bool,
    out: Option<ChildStdout>,
    error: Option<ChildStderr>,
    events: File,
}

impl Running {
    /// Starts a program; what it does not start for is told in a sentence.
    pub(super) fn start(job: &Job) -> Result<Running, String> {
        let failed = |what: &str, error: io::Error| format!("{what}: {error}");
        let program = &*job.program.to_string_lossy();
        let (name, arguments) = job.argv.split_first().ok_or("it has no name")?;
        fs::create_dir_all(&job.folder)
            .map_err(|error| failed(&job.folder.to_string_lossy(), error))?;
        let events = events().map_err(|error| failed(EVENTS, error))?;
        let mut child = Command::new(&job.program)
            .arg0(name)
            .args(arguments)
            .env_clear()
            .envs(job.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&job.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(program, error))?;
        let pid = Pid::from_raw(i32::try_from(child.id()).map_err(|error| error.to_string())?);
        let end =
            harness::sys::process::pidfd(pid).map_err(|error| failed(program, error.into()))?;
        let running = Running {
            pid,
            end,
            status: None,
            input: child.stdin.take(),
            pending: VecDeque::new(),
            asked: true,
            out: child.stdout.take(),
            error: child.stderr.take(),
            events,
        };
        running.never_block().map_err(|error| failed(program, error.into()))?;
        Ok(running)
    }

    /// No pipe of the program may keep the guest from its other work.
    fn never_block(&self) -> nix::Result<()> {
        let ends = [
            self.input.as_ref().map(AsFd::as_fd),
            self.out.as_ref().map(AsFd::as_fd),
            self.error.as_ref().map(AsFd::as_fd),
        ];
        for end in ends.into_iter().flatten() {
            fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(())
    }

    /// What there is to wait for.
    pub(super) fn watched(&self) -> Vec<PollFd<'_>> {
        let mut fds = vec![
            PollFd::new(self.end.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.events.as_fd(), PollFlags::POLLIN),
        ];
        let readable = [self.out.as_ref().map(AsFd::as_fd), self.error.as_ref().map(AsFd::as_fd)];
        fds.extend(readable.into_iter().flatten().map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
        if let (Some(input), false) = (&self.input, self.pending.is_empty()) {
            fds.push(PollFd::new(input.as_fd(), PollFlags::POLLOUT));
        }
        fds
    }

    /// Takes a piece of input for the program; an empty one ends it.
    pub(super) fn input(&mut self, data: &str) {
        match decode(data) {
            Some(data) if !data.is_empty() => {
                self.asked = false;
                self.pending.extend(data);
            }
            _ => self.input = None,
        }
    }

    /// Closes a stream, of which the program is told by SIGPIPE when it writes more.
    pub(super) fn close(&mut self, stream: Stream) {
        match stream {
            Stream::Out => self.out = None,
            Stream::Error => self.error = None,
            Stream::Events => {}
        }
    }

    /// Hands input on, and tells once whether the program can take more.
    pub(super) fn wants_input(&mut self) -> io::Result<bool> {
        let Some(input) = &mut self.input else { return Ok(false) };
        let (piece, _) = self.pending.as_slices();
        match input.write(piece) {
            Ok(length) => drop(self.pending.drain(..length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            // Nobody reads it.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.input = None,
            Err(error) => return Err(error),
        }
        let wants = self.input.is_some() && self.pending.is_empty() && !self.asked;
        self.asked |= wants;
        Ok(wants)
    }

    /// A piece of what each stream holds, if it holds something.
    pub(super) fn output(&mut self) -> io::Result<Vec<(Stream, Vec<u8>)>> {
        let mut pieces = Vec::new();
        let mut piece = [0; PIECE];
        match self.events.read(&mut piece) {
            Ok(length) if length > 0 => pieces.push((Stream::Events, piece[..length].to_vec())),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        take(&mut self.out, Stream::Out, &mut pieces)?;
        take(&mut self.error, Stream::Error, &mut pieces)?;
        Ok(pieces)
    }

    /// Its exit status, once it has ended and nothing of what it wrote is left: 128 and the signal
    /// that ended it. What it left running may hold the pipes open, and does not count.
    pub(super) fn ended(&mut self) -> io::Result<Option<i32>> {
        self.bury()?;
        let Some(status) = self.status else { return Ok(None) };
        let mut fds = self.watched();
        fds.truncate(2 + usize::from(self.out.is_some()) + usize::from(self.error.is_some()));
        nix::poll::poll(&mut fds, nix::poll::PollTimeout::ZERO)?;
        let readable = |fd: &PollFd| fd.revents().is_some_and(|it| it.contains(PollFlags::POLLIN));
        let unread = fds[1..].iter().any(readable);
        Ok((!unread).then_some(status))
    }

    /// Waits for those that have ended: the program, and orphans, which are the first process's to
    /// bury.
    fn bury(&mut self) -> io::Result<()> {
        loop {
            let (pid, status) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, status)) => (pid, status),
                Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as i32),
                Ok(_) | Err(Errno::ECHILD) => return Ok(()),
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            if pid == self.pid {
                self.status = Some(status);
            }
        }
    }
}

/// A piece of what a pipe holds; at its end it is closed.
fn take(
    pipe: &mut Option<impl io::Read>,
    stream: Stream,
    pieces: &mut Vec<(Stream, Vec<u8>)>,
) -> io::Result<()> {
    let Some(open) = pipe else { return Ok(()) };
    let mut piece = [0; PIECE];
    match open.read(&mut piece) {
        Ok(0) => *pipe = None,
        Ok(length) => pieces.push((stream, piece[..length].to_vec())),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The FIFO of events. It is open for writing here too, so that it never ends.
fn events() -> io::Result<File> {
    match mkfifo(EVENTS, Mode::S_IRUSR | Mode::S_IWUSR) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(error) => return Err(error.into()),
    }
    OpenOptions::new().read(true).write(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(EVENTS)
}
