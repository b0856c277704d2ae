//! What can be told of a target before it is tried.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use nix::unistd::{AccessFlags, Pid, access};

use super::{Address, Start, Target, listening};
use crate::watch;

/// How long a server that runs may take to complete a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// Why a target cannot be tried.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The command's program is not there.
    #[error("there is no program `{0}` to be started")]
    NoProgram(String),
    /// The command's program is there, and is none.
    #[error("`{0}` is no program: it cannot be executed")]
    NotExecutable(String),
    /// The server that should run does not.
    #[error("no server can be reached at {0}: {1}")]
    Unreachable(Address, std::io::Error),
    /// The process that was named is not there.
    #[error("there is no process {0}")]
    NoProcess(i32),
    /// The process that was named is not the server's: what it does is not to be held against it.
    #[error("neither process {0} nor one below it is seen to listen at {1}")]
    OtherProcess(i32, Address),
}

impl Target {
    /// Whether it can be tried: its program is there, or it runs where it is said to. Connects
    /// once to a server that runs already.
    pub fn check(&self) -> Result<(), TargetError> {
        match &self.start {
            Start::Command(command) => match command.argv.first() {
                Some(program) if program.contains('{') => Ok(()),
                program => check_program(program.map_or("", String::as_str)),
            },
            Start::Running { address, pid } => check_running(address, *pid),
        }
    }
}

/// As `execvp(3)` looks for it.
fn check_program(program: &str) -> Result<(), TargetError> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found: Vec<PathBuf> = if program.contains('/') {
        vec![program.into()]
    } else {
        std::env::split_paths(&folders).map(|folder| folder.join(program)).collect()
    };
    if program.is_empty() || !found.iter().any(|path| path.exists()) {
        return Err(TargetError::NoProgram(program.to_owned()));
    }
    let executable = |path: &PathBuf| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    if found.iter().any(executable) {
        Ok(())
    } else {
        Err(TargetError::NotExecutable(program.to_owned()))
    }
}

fn check_running(address: &Address, pid: Option<i32>) -> Result<(), TargetError> {
    let connected = match address {
        Address::Tcp(address) => TcpStream::connect_timeout(address, CONNECT).map(drop),
        Address::Unix(path) => UnixStream::connect(path).map(drop),
    };
    connected.map_err(|error| TargetError::Unreachable(address.clone(), error))?;
    let Some(pid) = pid else { return Ok(()) };
    let first = Pid::from_raw(pid);
    if nix::sys::signal::kill(first, None) == Err(nix::errno::Errno::ESRCH) {
        return Err(TargetError::NoProcess(pid));
    }
    let processes = [vec![first], watch::descendants(first)].concat();
    let found = listening::addresses(&processes).unwrap_or_default();
    if found.iter().any(|found| found.includes(address)) {
        Ok(())
    } else {
        Err(TargetError::OtherProcess(pid, address.clone()))
    }
}

impl Address {
    /// Whether a listener at this address takes connections to `other`.
    fn includes(&self, other: &Address) -> bool {
        match (self, other) {
            (Address::Tcp(here), Address::Tcp(there)) => {
                here.port() == there.port()
                    && (here.ip().is_unspecified() || here.ip() == there.ip())
            }
            _ => self == other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::Dialect;
    use rstest::rstest;

    #[rstest]
    #[case("sh", None)]
    #[case("/bin/sh", None)]
    #[case("{dir}/made-by-a-file", None)]
    #[case("no-such-program-anywhere", Some("there is no program"))]
    #[case("/nonexistent/x", Some("there is no program"))]
    #[case("", Some("there is no program"))]
    #[case("/etc/passwd", Some("is no program"))]
    #[case("/tmp", Some("is no program"))]
    fn a_program_is_there_or_not(#[case] program: &str, #[case] complains: Option<&str>) {
        let outcome = Target::command(vec![program.to_owned()], Dialect::Echo, 1).check();
        match (outcome, complains) {
            (Ok(()), None) => {}
            (Err(error), Some(words)) => assert!(error.to_string().contains(words), "{error}"),
            (other, _) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_server_runs_and_its_process_listens() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address::Tcp(listener.local_addr().unwrap());
        let mine = Some(Pid::this().as_raw());
        assert!(check_running(&address, None).is_ok());
        assert!(check_running(&address, mine).is_ok());
        let other = check_running(&address, Some(i32::MAX));
        assert!(matches!(other, Err(TargetError::NoProcess(i32::MAX))), "{other:?}");
        let nowhere = Address::Unix("/nonexistent/socket".into());
        assert!(matches!(check_running(&nowhere, mine), Err(TargetError::Unreachable(..))));
        let mut bystander = std::process::Command::new("cat");
        let mut bystander = bystander.stdin(std::process::Stdio::piped()).spawn().unwrap();
        let found = check_running(&address, Some(bystander.id().cast_signed()));
        bystander.kill().unwrap();
        bystander.wait().unwrap();
        assert!(matches!(found, Err(TargetError::OtherProcess(..))), "{found:?}");
    }
}
