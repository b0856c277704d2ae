//! How a server comes to listen.

use std::fs::Permissions;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{ExitStatus, Stdio};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

use super::{Control, Target};
use crate::sys::process;
use crate::target::log::Log;
use crate::target::{Address, Command, Places, listening};
use crate::trial::{Result, Stop, Trial};

/// Starts a command, and returns where it listens when it does.
pub(super) fn start(t: &Trial, target: &Target, command: &Command) -> Result<(Address, Control)> {
    let mut patience = t.patience();
    // Whatever leaves the process that is started now comes back below this one: a daemon too.
    nix::sys::prctl::set_child_subreaper(true)?;
    let places = places(t, target)?;
    for file in &command.files {
        let path = places.folder.join(&file.name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match file.size {
            Some(size) => std::fs::write(path, crate::dialect::filler(size))?,
            None => std::fs::write(path, places.fill(&file.text))?,
        }
    }
    let mut control = spawn(command, &places)?;
    let told = command.says_where();
    // Two looks in a row: who opens several listeners may be seen between the first and the next.
    let mut before = Vec::new();
    loop {
        let found = listening::addresses(&control.processes()?)?;
        let wanted = found.iter().find(|address| places.mean(address));
        match (wanted, &found[..]) {
            (Some(address), _) => return Ok((places.reach(address), control)),
            (None, [only]) if !told && before == found => {
                return Ok((places.reach(only), control));
            }
            _ => {}
        }
        if let Some(status) = control.exited()? {
            let words = control.last_words(t)?;
            return Err(Stop::Error(format!(
                "the server ended before it listened ({status}): {words}"
            )));
        }
        if !patience.lasts() {
            return Err(Stop::Error(not_there(&found, told, &control.last_words(t)?)));
        }
        before = found;
        control.wait_a_little()?;
    }
}

/// Why a server that runs was not found to listen.
fn not_there(found: &[Address], told: bool, words: &str) -> String {
    let places: Vec<_> = found.iter().map(ToString::to_string).collect();
    let places = places.join(", ");
    match (found.len(), told) {
        (0, _) => format!("the server did not come to listen: {words}"),
        (_, true) => format!("the server listens at {places}, not where it was told"),
        (_, false) => format!(
            "the server listens at {places}: say which by {{addr}}, {{port}} or {{unix}} in the command"
        ),
    }
}

fn places(t: &Trial, target: &Target) -> Result<Places> {
    let folder = t.folder()?;
    // A server that gives up being root must still get at its files.
    nix::sys::stat::umask(Mode::from_bits_truncate(0o022));
    std::fs::set_permissions(&folder, Permissions::from_mode(0o711))?;
    Ok(Places {
        address: (Ipv4Addr::LOCALHOST, free_port()?).into(),
        unix: folder.join("socket"),
        folder,
        workers: target.workers,
    })
}

/// A port of 127.0.0.1 that nobody uses at this moment. In a network namespace of the trial's own
/// nobody else could.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Starts the command in a process group of its own. Its standard input is a pipe that stays open
/// and empty: some servers take its end for the wish that they end too.
fn spawn(command: &Command, places: &Places) -> Result<Control> {
    let (output, printed) = std::io::pipe()?;
    let argv: Vec<_> = command.argv.iter().map(|argument| places.fill(argument)).collect();
    let (program, arguments) = argv.split_first().ok_or_else(|| Stop::error("an empty command"))?;
    let mut start = std::process::Command::new(program);
    start.args(arguments).stdin(Stdio::piped()).stdout(printed.try_clone()?).stderr(printed);
    // A server that links this crate is no warden.
    start.env_remove(crate::isolate::ORDER);
    start.env("IOCONFORM_ADDR", places.address.to_string());
    start.env("PORT", places.address.port().to_string());
    start.envs(command.environment.iter().map(|(name, value)| (name, places.fill(value))));
    let child = start
        .process_group(0)
        .spawn()
        .map_err(|error| Stop::Error(format!("`{program}` cannot be started: {error}")))?;
    // The command holds the writing ends of the pipe: the log would never end with them open.
    drop(start);
    Ok(Control::Started { child, log: Log::follow(output)? })
}

impl Command {
    /// Whether anything of it depends on where it is to listen.
    fn says_where(&self) -> bool {
        let files = self.files.iter().map(|file| &file.text);
        let mut texts = self.argv.iter().chain(self.environment.values()).chain(files);
        texts.any(|text| ["{addr}", "{port}", "{unix}"].iter().any(|place| text.contains(place)))
    }
}

impl Control {
    /// The status of the command, if it has ended and left nobody.
    fn exited(&mut self) -> Result<Option<ExitStatus>> {
        let Control::Started { child, .. } = self else { return Ok(None) };
        let Some(status) = child.try_wait()? else { return Ok(None) };
        Ok(self.have_all_ended()?.then_some(status))
    }

    /// The last line that it printed. Of a server that has ended, that is the last of all.
    fn last_words(&self, t: &Trial) -> Result<String> {
        let Control::Started { log, .. } = self else { return Ok(String::new()) };
        if self.have_all_ended()? {
            t.eventually(|| Ok(log.is_complete()))?;
        }
        Ok(log.last_line())
    }

    /// Sleeps for a millisecond, or until the server's first process ends.
    fn wait_a_little(&self) -> Result {
        let Control::Started { child, .. } = self else { return Ok(()) };
        let pidfd = process::pidfd(Pid::from_raw(child.id().cast_signed()));
        let mut fds: Vec<_> =
            pidfd.iter().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)).collect();
        poll(&mut fds, PollTimeout::from(1_u8))?;
        Ok(())
    }
}

impl Places {
    /// Whether this is where the command was told to listen: on all addresses, that is too.
    fn mean(&self, address: &Address) -> bool {
        match address {
            Address::Tcp(found) => found.port() == self.address.port(),
            Address::Unix(path) => *path == self.unix,
        }
    }

    /// How a client on this machine reaches a listener. One on all addresses of IPv6 need not be
    /// one on those of IPv4 (ipv6(7), `IPV6_V6ONLY`).
    fn reach(&self, address: &Address) -> Address {
        match address {
            Address::Tcp(found) if found.ip().is_unspecified() => {
                let six = found.is_ipv6() && TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
                let ip = if six { Ipv6Addr::LOCALHOST.into() } else { self.address.ip() };
                Address::Tcp(SocketAddr::new(ip, found.port()))
            }
            other => other.clone(),
        }
    }
}
