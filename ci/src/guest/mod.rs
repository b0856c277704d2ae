//! The first process of a guest: mounts what programs expect, runs what the host asks for, and
//! tells it what comes out.

mod job;
mod place;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, cfmakeraw, tcdrain, tcgetattr, tcsetattr};

use crate::protocol::{FromGuest, PART, PIECE, Packer, Stream, ToGuest, line};
use job::Running;

/// The environment variable that makes pid 1 a guest. The kernel hands words of its command line
/// that it does not know to its first process as environment.
pub const ORDER: &str = "IOCONFORM_GUEST";

/// Ways for a guest to power off, as [`ORDER`] names them.
pub const POWER_OFF: &str = "poweroff";
/// By QEMU's device `isa-debug-exit`: a panic cannot forge that.
pub const DEBUG_EXIT: &str = "debug-exit";

/// The I/O port of `isa-debug-exit`, what is written there at the end, and the exit status that
/// QEMU makes of it.
pub const EXIT_PORT: u16 = 0xf4;
const EXIT_VALUE: u8 = 16;
/// See [`EXIT_PORT`].
pub const EXIT_STATUS: i32 = EXIT_VALUE as i32 * 2 + 1;

/// The channel to the host.
const CHANNEL: &str = "/dev/ttyS1";

/// How often a guest says that it is alive, in milliseconds.
const PULSE: u16 = 1000;

/// Must be called before anything else in `main` of a program that may be a guest's first process.
/// Returns at once in any other; there it never returns.
pub fn entry() {
    if std::process::id() != 1 {
        return;
    }
    let Some(way) = std::env::var_os(ORDER) else { return };
    if let Err(error) = serve() {
        // The console is what is left; the kernel then panics, as its first process ends.
        eprintln!("ioconform: the guest failed: {error}");
        return;
    }
    let _ = if way == DEBUG_EXIT {
        harness::sys::port::write(EXIT_PORT, EXIT_VALUE)
    } else {
        nix::sys::reboot::reboot(nix::sys::reboot::RebootMode::RB_POWER_OFF).map(drop)
    };
}

/// Works until the host has had enough.
fn serve() -> io::Result<()> {
    place::furnish()?;
    let mut channel = Channel::open()?;
    channel.say(&FromGuest::Ready { clocksource: place::clocksource() })?;
    let mut running: Option<Running> = None;
    let mut packer = Packer::default();
    loop {
        let ready = wait(&channel.port, running.as_ref())?;
        if ready.is_none() {
            channel.say(&FromGuest::Alive)?;
        }
        for message in channel.hear()? {
            match (message, &mut running) {
                (ToGuest::Run(job), None) => match Running::start(&job) {
                    Ok(started) => {
                        running = Some(started);
                        channel.say(&FromGuest::Wants)?;
                    }
                    Err(error) => channel.say(&FromGuest::NotStarted(error))?,
                },
                (ToGuest::Input(data), Some(running)) => running.input(&data),
                (ToGuest::Close(stream), Some(running)) => running.close(stream),
                (ToGuest::Stop, _) => {
                    tcdrain(&channel.port)?;
                    return Ok(());
                }
                // They are for a program that has ended.
                (ToGuest::Input(_) | ToGuest::Close(_) | ToGuest::Run(_), _) => {}
            }
        }
        if let Some(program) = &mut running {
            for (stream, data) in program.output()? {
                channel.say(&FromGuest::Output(stream, packer.pack(&data)?))?;
            }
            if program.wants_input()? {
                channel.say(&FromGuest::Wants)?;
            }
            if let Some(status) = program.ended()? {
                channel.say(&FromGuest::Ended(status))?;
                running = None;
            }
        }
    }
}

/// Waits until there is something to do; `None` if for a while there was not.
fn wait(port: &File, running: Option<&Running>) -> io::Result<Option<()>> {
    let mut fds = vec![PollFd::new(port.as_fd(), PollFlags::POLLIN)];
    fds.extend(running.iter().flat_map(|running| running.watched()));
    match poll(&mut fds, PollTimeout::from(PULSE)) {
        Ok(0) => Ok(None),
        Ok(_) | Err(Errno::EINTR) => Ok(Some(())),
        Err(error) => Err(error.into()),
    }
}

/// The serial port to the host.
struct Channel {
    port: File,
    heard: Vec<u8>,
    /// The bytes that came in and of which the host was not yet told.
    unsaid: usize,
}

impl Channel {
    fn open() -> io::Result<Channel> {
        let port = OpenOptions::new().read(true).write(true).open(CHANNEL)?;
        let mut settings = tcgetattr(&port)?;
        cfmakeraw(&mut settings);
        // A read that finds nothing returns nothing: poll tells when there is something.
        settings.control_chars[nix::sys::termios::SpecialCharacterIndices::VMIN as usize] = 0;
        settings.control_chars[nix::sys::termios::SpecialCharacterIndices::VTIME as usize] = 0;
        tcsetattr(&port, SetArg::TCSANOW, &settings)?;
        Ok(Channel { port, heard: Vec::new(), unsaid: 0 })
    }

    fn say(&mut self, message: &FromGuest) -> io::Result<()> {
        self.port.write_all(&line(message))
    }

    /// The messages that have come in whole.
    fn hear(&mut self) -> io::Result<Vec<ToGuest>> {
        let mut piece = [0; 4096];
        loop {
            match self.port.read(&mut piece)? {
                0 => break,
                length => {
                    self.heard.extend_from_slice(&piece[..length]);
                    self.unsaid += length;
                }
            }
        }
        while self.unsaid >= PART {
            self.unsaid -= PART;
            self.say(&FromGuest::More)?;
        }
        let end = self.heard.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole: Vec<u8> = self.heard.drain(..end).collect();
        let lines = whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).map_err(io::Error::other)).collect()
    }
}
