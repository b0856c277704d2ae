//! A guest from the host's side: booted, given programs to run, and told apart in all the ways in
//! which it may fail.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::ops::ControlFlow;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use harness::matrix::{Broken, Fault};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::console;
use crate::machine::{Machine, Started};
use crate::protocol::{FromGuest, Job, PART, PIECE, Stream, ToGuest, Unpacker, encode, line};

/// How long a guest is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until its first process speaks. Most kernels take two seconds when emulated.
    pub boot: Duration,
    /// For its next word, once it is up: it says every second that it is alive.
    pub silence: Duration,
    /// For an end that was asked for: of a guest, or of a kernel that is to explain itself.
    pub end: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        let seconds = Duration::from_secs;
        Patience { boot: seconds(40), silence: seconds(60), end: seconds(10) }
    }
}

/// How long a guest says nothing before its console is looked at.
const GLANCE: Duration = Duration::from_secs(1);

/// How often a start is tried that ends before the guest speaks: of the emulator about one in a
/// hundred fails for its own reasons. A start that hangs costs more time, and is tried once less.
const STARTS: u32 = 3;

/// Why there is no guest, or none any more.
#[derive(Debug)]
pub enum Lost {
    /// It failed.
    Broken(Broken),
    /// The user wants to end.
    Cancelled,
}

impl From<Lost> for Broken {
    fn from(lost: Lost) -> Broken {
        match lost {
            Lost::Broken(broken) => broken,
            Lost::Cancelled => Broken {
                how: Fault::Interrupted,
                reason: "the matrix was interrupted".to_owned(),
                console: Vec::new(),
            },
        }
    }
}

/// A guest that is up.
#[derive(Debug)]
pub struct Session {
    process: Child,
    /// How it ended, once it was waited for.
    ended: Option<ExitStatus>,
    channel: UnixStream,
    monitor: Option<UnixStream>,
    end_status: i32,
    heard: Vec<u8>,
    unpacker: Unpacker,
    /// What is still to be said, and how many bytes of it may be said now.
    unsaid: VecDeque<u8>,
    room: usize,
    folder: PathBuf,
    patience: Patience,
    /// What its first process said of the clock.
    pub clocksource: String,
    /// From the start of the machine to the first word, in milliseconds.
    pub boot_millis: u64,
    /// How many starts it took.
    pub starts: u32,
}

/// What a guest boots.
#[derive(Debug, Clone, Copy)]
pub struct Boot<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// The kernel.
    pub image: &'a Path,
    /// The first root file system.
    pub initramfs: &'a Path,
    /// Where the console's text and QEMU's complaints go.
    pub folder: &'a Path,
    /// How long it is waited for.
    pub patience: Patience,
    /// Becomes readable, and stays so, when the user wants to end.
    pub cancel: Option<BorrowedFd<'a>>,
}

impl Boot<'_> {
    fn console(&self) -> PathBuf {
        self.folder.join("console")
    }

    fn complaints(&self) -> PathBuf {
        self.folder.join("complaints")
    }

    /// Boots. A start that comes to nothing is tried again: it may have been the emulator.
    pub fn start(&self) -> Result<Session, Lost> {
        let mut starts = 0;
        loop {
            starts += 1;
            match self.once() {
                Ok(mut session) => {
                    session.starts = starts;
                    return Ok(session);
                }
                Err(Lost::Broken(broken)) => {
                    let tries = match broken.how {
                        Fault::Unbootable => 1,
                        Fault::Hang => STARTS - 1,
                        _ => STARTS,
                    };
                    if starts >= tries {
                        let reason = if starts == 1 {
                            broken.reason
                        } else {
                            format!("{}, at each of {starts} starts", broken.reason)
                        };
                        return Err(Lost::Broken(Broken { reason, ..broken }));
                    }
                }
                Err(cancelled) => return Err(cancelled),
            }
        }
    }

    /// Boots, and takes the first failure for the last.
    pub(crate) fn once(&self) -> Result<Session, Lost> {
        let unbootable = |reason: String| {
            Lost::Broken(Broken { how: Fault::Unbootable, reason, console: Vec::new() })
        };
        let _ = std::fs::remove_file(self.console());
        let complaints = File::create(self.complaints()).map_err(|error| {
            unbootable(format!("cannot write to {}: {error}", self.folder.display()))
        })?;
        let begin = Instant::now();
        let Started { process, channel, monitor } = self
            .machine
            .start(self.image, self.initramfs, &self.console(), complaints)
            .map_err(|error| unbootable(format!("cannot start the machine: {error}")))?;
        let mut session = Session {
            process,
            ended: None,
            channel,
            monitor,
            end_status: self.machine.end_status(),
            heard: Vec::new(),
            unpacker: Unpacker::default(),
            unsaid: VecDeque::new(),
            room: 2 * PART,
            folder: self.folder.to_owned(),
            patience: self.patience,
            clocksource: String::new(),
            boot_millis: 0,
            starts: 1,
        };
        match session.hear(begin + self.patience.boot, self.cancel, None) {
            Ok(Heard::Message(FromGuest::Ready { clocksource })) => {
                session.clocksource = clocksource;
                session.boot_millis =
                    u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
                Ok(session)
            }
            Ok(_) => Err(session.broken("the guest's first word is not that it is ready")),
            Err(Silence::Cancelled) => Err(Lost::Cancelled),
            Err(silence) => Err(session.post_mortem(silence, true)),
        }
    }
}

/// Something came in.
enum Heard {
    Message(FromGuest),
    /// There is input for the program.
    Input,
}

/// Nothing more comes in.
enum Silence {
    End,
    TimeOut,
    Garbled,
    Cancelled,
}

impl Session {
    /// Runs a program to its end, and returns its exit status: 128 and the signal, if one ended it.
    /// What it writes is handed to `output`, which breaks a stream off that nobody reads any more;
    /// `input` is what it reads.
    pub fn run(
        &mut self,
        job: &Job,
        mut input: Option<&mut (dyn Input + '_)>,
        cancel: Option<BorrowedFd>,
        mut output: impl FnMut(Stream, &[u8]) -> ControlFlow<()>,
    ) -> Result<Result<i32, String>, Lost> {
        self.say(&ToGuest::Run(job.clone()));
        let mut wanted = false;
        loop {
            let source = input.as_deref().filter(|_| wanted).map(|input| input.descriptor());
            match self.hear(Instant::now() + self.patience.silence, cancel, source) {
                Ok(Heard::Message(FromGuest::Output(stream, data))) => {
                    match self.unpacker.unpack(&data) {
                        Some(data) if output(stream, &data).is_break() => {
                            self.say(&ToGuest::Close(stream));
                        }
                        Some(_) => {}
                        None => return Err(self.broken("the guest's messages are garbled")),
                    }
                }
                Ok(Heard::Message(FromGuest::Wants)) => {
                    wanted = input.is_some();
                    if !wanted {
                        self.say(&ToGuest::Input(String::new()));
                    }
                }
                Ok(Heard::Message(FromGuest::Ended(status))) => return Ok(Ok(status)),
                Ok(Heard::Message(FromGuest::NotStarted(why))) => return Ok(Err(why)),
                Ok(Heard::Message(_)) => {}
                Ok(Heard::Input) => {
                    let piece = input.as_deref_mut().map(Input::piece).unwrap_or_default();
                    self.say(&ToGuest::Input(encode(&piece)));
                    wanted = false;
                }
                Err(Silence::Cancelled) => return Err(Lost::Cancelled),
                Err(silence) => return Err(self.post_mortem(silence, false)),
            }
        }
    }

    /// Powers the guest off. An end without the exit status that only a guest can give is a failure.
    pub fn stop(mut self) -> Result<(), Lost> {
        self.say(&ToGuest::Stop);
        let end = Instant::now() + self.patience.end;
        loop {
            match self.hear(end, None, None) {
                Ok(_) => {}
                Err(Silence::End) => break,
                Err(silence) => return Err(self.post_mortem(silence, false)),
            }
        }
        match self.exit_status().map(|status| status.code()) {
            Some(Some(status)) if status == self.end_status => Ok(()),
            _ => Err(self.post_mortem(Silence::End, false)),
        }
    }

    /// What the console has shown.
    pub fn console(&self) -> Vec<String> {
        console::read(&self.folder.join("console"))
    }

    /// Sends the part of what is to be said that the guest has room for. What cannot be said is found
    /// out by what is not heard.
    fn say(&mut self, message: &ToGuest) {
        self.unsaid.extend(line(message));
        self.say_on();
    }

    fn say_on(&mut self) {
        let part: Vec<u8> = self.unsaid.drain(..self.room.min(self.unsaid.len())).collect();
        self.room -= part.len();
        let _ = self.channel.write_all(&part);
    }

    /// The next message, or `input` being readable.
    fn hear(
        &mut self,
        end: Instant,
        cancel: Option<BorrowedFd>,
        input: Option<BorrowedFd>,
    ) -> Result<Heard, Silence> {
        loop {
            if let Some(at) = self.heard.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.heard.drain(..=at).collect();
                match serde_json::from_slice(&line).map_err(|_| Silence::Garbled)? {
                    FromGuest::More => {
                        self.room += PART;
                        self.say_on();
                        continue;
                    }
                    message => return Ok(Heard::Message(message)),
                }
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Silence::TimeOut);
            }
            let mut fds = vec![PollFd::new(self.channel.as_fd(), PollFlags::POLLIN)];
            fds.extend(cancel.map(|cancel| PollFd::new(cancel, PollFlags::POLLIN)));
            fds.extend(input.map(|input| PollFd::new(input, PollFlags::POLLIN)));
            let pause = left.min(GLANCE);
            match poll(&mut fds, PollTimeout::try_from(pause).unwrap_or(PollTimeout::MAX)) {
                // A panic before the command line was read does not end the machine.
                Ok(0) if console::panic(&self.console()).is_some() => return Err(Silence::End),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return Err(Silence::End),
            }
            let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
            if cancel.is_some() && ready[1] {
                return Err(Silence::Cancelled);
            }
            if ready[0] {
                let mut piece = [0; 16 * 1024];
                match self.channel.read(&mut piece) {
                    Ok(0) => return Err(Silence::End),
                    Ok(length) => self.heard.extend_from_slice(&piece[..length]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => return Err(Silence::End),
                }
            } else if input.is_some() && ready.last() == Some(&true) {
                return Ok(Heard::Input);
            }
        }
    }

    fn broken(&self, reason: &str) -> Lost {
        let console = console::tail(&self.console());
        Lost::Broken(Broken { how: Fault::Silent, reason: reason.to_owned(), console })
    }

    /// What ended the guest, from what it left behind. One that hangs is asked first, by an NMI,
    /// where it is.
    fn post_mortem(&mut self, silence: Silence, booting: bool) -> Lost {
        if matches!(silence, Silence::Garbled) {
            return self.broken("the guest's messages are garbled");
        }
        let hung = matches!(silence, Silence::TimeOut);
        if hung {
            self.interrupt();
        }
        let status = self.exit_status();
        let console = self.console();
        let panic = console::panic(&console);
        let complaint = std::fs::read_to_string(self.folder.join("complaints")).unwrap_or_default();
        let complaint = complaint.lines().find(|line| !line.contains("warning:"));
        let when = if booting { "while it booted" } else { "at work" };
        let refused = booting && status.is_some_and(|status| !status.success());
        let (how, reason) = match (hung, panic, complaint) {
            (true, _, _) => {
                let Patience { boot, silence, .. } = self.patience;
                let limit = if booting { boot } else { silence };
                let place = console::place(&console).unwrap_or_default();
                (Fault::Hang, format!("it hung {when}: silent for {} s{place}", limit.as_secs()))
            }
            (false, Some(panic), _) => (Fault::Panic, format!("it panicked {when}: {panic}")),
            (false, None, Some(complaint)) if refused => {
                (Fault::Unbootable, format!("the emulator says: {complaint}"))
            }
            (false, None, Some(complaint)) => {
                (Fault::Silent, format!("it ended {when}: the emulator says: {complaint}"))
            }
            (false, None, None) => (Fault::Silent, format!("it ended {when}{}", told(status))),
        };
        Lost::Broken(Broken { how, reason, console: console::tail(&console) })
    }

    /// Makes the kernel panic, by a non-maskable interrupt: it then says where it was.
    fn interrupt(&mut self) {
        let orders = b"{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"inject-nmi\"}\n";
        let Some(monitor) = &mut self.monitor else { return };
        let _ = monitor.write_all(orders);
        let end = Instant::now() + self.patience.end;
        while !matches!(self.hear(end, None, None), Err(Silence::End | Silence::TimeOut)) {}
    }

    /// How the machine ended, which it does within a moment if it has closed its channel; else it is
    /// killed.
    fn exit_status(&mut self) -> Option<ExitStatus> {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.process.id()).ok()?);
        if let Ok(pidfd) = harness::sys::process::pidfd(pid) {
            let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut fds, PollTimeout::from(2000_u16));
        }
        self.end()
    }

    /// Ends the machine with all its processes: those in which user-mode Linux runs its programs would
    /// go on without it. Nobody else can have the number of the group before its leader is waited for.
    fn end(&mut self) -> Option<ExitStatus> {
        let group = i32::try_from(self.process.id()).ok().map(nix::unistd::Pid::from_raw)?;
        if self.ended.is_none() {
            let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
            self.ended = self.process.wait().ok();
        }
        self.ended
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.end();
    }
}

fn told(status: Option<ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match status {
        Some(status) if status.signal().is_some() => {
            format!(": signal {} killed the emulator", status.signal().unwrap_or_default())
        }
        Some(status) if status.code() == Some(0) => " without a word".to_owned(),
        Some(status) => format!(" without a word ({status})"),
        None => String::new(),
    }
}

/// Where a program's input comes from.
pub trait Input {
    /// Is readable when there is some, or when it is at its end.
    fn descriptor(&self) -> BorrowedFd<'_>;
    /// The next piece, at most [`PIECE`] bytes; an empty one is the end.
    fn piece(&mut self) -> Vec<u8>;
}

impl Input for io::Stdin {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }

    fn piece(&mut self) -> Vec<u8> {
        let mut piece = vec![0; PIECE];
        let length = nix::unistd::read(self.as_fd(), &mut piece).unwrap_or(0);
        piece.truncate(length);
        piece
    }
}
