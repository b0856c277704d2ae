//! The runner's side: starts a warden, waits for its outcome.

use std::io::{PipeWriter, Read};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{ORDER, Order, Outcome};
use crate::case::Case;

/// What the warden gets on top of the trial's own time to explain a hang and to clean up.
const GRACE: Duration = Duration::from_secs(20);

/// Why no outcome came back.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The warden could not be started.
    #[error("cannot start a process for the trial: {0}")]
    Spawn(std::io::Error),
    /// The warden did not answer in time, or said something else than an outcome.
    #[error("the process above the trial {0}")]
    Lost(String),
    /// The run was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// What [`run_case`] is told beside the case.
#[derive(Debug, Clone, Copy)]
pub struct HandOver<'a> {
    /// The case's deadline is multiplied by this.
    pub timeout_scale: f64,
    /// A descriptor that becomes readable, and stays so, when the run is cancelled.
    pub cancel: Option<std::os::fd::BorrowedFd<'a>>,
}

/// Runs one trial of `case` in a process of its own.
pub fn run_case(case: &Case, hand_over: HandOver) -> Result<Outcome, StartError> {
    let limit = case.deadline.mul_f64(hand_over.timeout_scale);
    let order = Order {
        case: case.id.to_owned(),
        limit,
    };
    let order = serde_json::to_string(&order).map_err(|error| StartError::Spawn(error.into()))?;
    let (mut child, lifeline) = spawn(&order).map_err(StartError::Spawn)?;
    let answer = collect(&mut child, Instant::now() + limit + GRACE, hand_over.cancel);
    if answer.is_err() {
        // The lifeline ends the trial; the warden itself is ended here if it does not answer.
        drop(lifeline);
        let _ = child.kill();
    }
    let status = child.wait().map_err(StartError::Spawn)?;
    let answer = answer?;
    serde_json::from_slice(&answer).map_err(|_| {
        StartError::Lost(format!(
            "ended without an outcome ({status}): {}",
            String::from_utf8_lossy(&answer).trim()
        ))
    })
}

/// The warden, and the pipe whose end tells it that the runner is gone.
fn spawn(order: &str) -> std::io::Result<(Child, PipeWriter)> {
    let program = match std::env::current_exe() {
        Ok(path) => path,
        Err(error) => crate::sys::process::started_as().ok_or(error)?,
    };
    let (lifeline, writer) = std::io::pipe()?;
    let child = Command::new(program)
        .env(ORDER, order)
        .stdin(Stdio::from(lifeline))
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()?;
    Ok((child, writer))
}

fn collect(
    child: &mut Child,
    end: Instant,
    cancel: Option<std::os::fd::BorrowedFd>,
) -> Result<Vec<u8>, StartError> {
    let mut answer = Vec::new();
    let Some(stdout) = child.stdout.as_mut() else {
        return Err(StartError::Lost("has no output".to_owned()));
    };
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(StartError::Lost("did not end in time".to_owned()));
        }
        let mut fds = vec![PollFd::new(stdout.as_fd(), PollFlags::POLLIN)];
        fds.extend(cancel.map(|cancel| PollFd::new(cancel, PollFlags::POLLIN)));
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, timeout) {
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(StartError::Spawn(error.into())),
        }
        let ready = |fd: &PollFd| fd.any().unwrap_or(false);
        if fds.get(1).is_some_and(ready) {
            return Err(StartError::Cancelled);
        }
        if fds.first().is_some_and(ready) {
            let mut chunk = [0; 16 * 1024];
            match stdout.read(&mut chunk).map_err(StartError::Spawn)? {
                0 => return Ok(answer),
                length => answer.extend_from_slice(&chunk[..length]),
            }
        }
    }
}
