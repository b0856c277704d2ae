//! Two servers that speak no HTTP, for what HTTP cannot show: one that sends every byte back, where
//! a client's end is the only word for the end, and one that keeps values (the text protocol of
//! memcached: `set`, `get`, `quit`), where a client may leave and what it has sent stays. One
//! thread, which waits for everybody in `poll`.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd as _;
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, SockFlag};

use super::{Fault, planted};
use crate::Settings;
use crate::socket::{Accepted, Listener, REST, Stream};
use crate::stop::{self, Stop};

/// How much is read at once.
const READ: usize = 16 * 1024;

/// What a server keeps: the values, with the lines that they are told by.
type Store = BTreeMap<Vec<u8>, Vec<u8>>;

/// A connection.
struct Session {
    stream: Stream,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    /// Nothing more is to be read.
    ended: bool,
}

/// What becomes of input: output, and what the server keeps.
type Protocol = fn(&mut Session, &mut Store);

/// Serves an echo on the calling thread.
pub(super) fn serve_echo(listener: Listener, _: Settings) -> io::Result<()> {
    serve(&listener, |session, _| session.output.append(&mut session.input))
}

/// Serves a store on the calling thread.
pub(super) fn serve_store(listener: Listener, _: Settings) -> io::Result<()> {
    serve(&listener, |session, store| while command(session, store) {})
}

fn serve(listener: &Listener, protocol: Protocol) -> io::Result<()> {
    let stop = Stop::new()?;
    listener.set_nonblocking()?;
    let mut sessions: Vec<Session> = Vec::new();
    let mut store = Store::new();
    let (mut rests_until, mut ends_by) = (None::<Instant>, None::<Instant>);
    loop {
        let now = Instant::now();
        if ends_by.is_some_and(|by| sessions.is_empty() || by <= now) {
            return Ok(());
        }
        rests_until = rests_until.filter(|until| now < *until);
        let listens = rests_until.is_none() && ends_by.is_none();
        let inputs =
            [(stop.as_fd(), ends_by.is_none()), (listener.as_fd(), listens)].map(|(fd, wanted)| {
                PollFd::new(fd, if wanted { PollFlags::POLLIN } else { PollFlags::empty() })
            });
        let reports = wait(inputs, &sessions, rests_until.or(ends_by))?;
        if ends_by.is_none() && reports[0].intersects(PollFlags::POLLIN) {
            ends_by = Some(Instant::now() + stop::LIMIT);
            listener.shut_down();
            for session in &mut sessions {
                session.ended = true;
            }
        }
        let mut reported = reports[2..].iter();
        sessions.retain_mut(|session| {
            let flags = reported.next().copied().unwrap_or(PollFlags::empty());
            session.goes_on(flags, protocol, &mut store)
        });
        while listens && reports[1].intersects(PollFlags::POLLIN) {
            match listener.accept(SockFlag::SOCK_NONBLOCK) {
                Accepted::Stream(stream) => sessions.push(Session::new(stream)),
                Accepted::Exhausted => {
                    rests_until = Some(Instant::now() + REST);
                    break;
                }
                Accepted::Nothing | Accepted::Closed => break,
            }
        }
    }
}

/// Waits until something is to be done, and until `by` at the latest: what is reported of the
/// request to stop, of the listener (`inputs`), and of each connection.
fn wait(
    inputs: [PollFd; 2],
    sessions: &[Session],
    by: Option<Instant>,
) -> io::Result<Vec<PollFlags>> {
    let mut list = Vec::from(inputs);
    list.extend(sessions.iter().map(|s| PollFd::new(s.stream.as_fd(), s.awaits())));
    let timeout = by.map_or(PollTimeout::NONE, |by| {
        stop::round_up(by.saturating_duration_since(Instant::now()))
    });
    match poll(&mut list, timeout) {
        Err(Errno::EINTR) => return Ok(vec![PollFlags::empty(); list.len()]),
        count => count?,
    };
    Ok(list.iter().map(|fd| fd.revents().unwrap_or(PollFlags::empty())).collect())
}

impl Session {
    fn new(stream: Stream) -> Session {
        Session { stream, input: Vec::new(), output: Vec::new(), sent: 0, ended: false }
    }

    fn has_output(&self) -> bool {
        self.sent < self.output.len()
    }

    /// Input is read when the output is gone: a client that does not read is read from no more.
    fn awaits(&self) -> PollFlags {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLOUT, self.has_output());
        flags.set(PollFlags::POLLIN, !self.has_output() && !self.ended);
        flags
    }

    /// Does what can be done; false if the connection is over.
    fn goes_on(&mut self, flags: PollFlags, protocol: Protocol, store: &mut Store) -> bool {
        if planted(Fault::TakesAHangUpForTheLastWord) && has_hung_up(&self.stream) {
            return false;
        }
        let mut result = Ok(());
        if self.has_output() {
            if !flags.is_empty() || self.ended {
                result = self.send();
            }
        } else if !flags.is_empty() && !self.ended {
            result = self.receive();
            protocol(self, store);
            if result.is_ok() && self.has_output() {
                result = self.send();
            }
        }
        let over = self.ended && !self.has_output() && !planted(Fault::KeepsConnections);
        matches!(result, Ok(()) | Err(Errno::EAGAIN | Errno::EINTR)) && !over
    }

    fn receive(&mut self) -> nix::Result<()> {
        let mut space = [0; READ];
        let count = self.stream.receive(&mut space, MsgFlags::empty())?;
        self.ended = count == 0;
        self.input.extend_from_slice(&space[..count]);
        Ok(())
    }

    fn send(&mut self) -> nix::Result<()> {
        self.sent += self.stream.send(&self.output[self.sent..])?;
        if !self.has_output() {
            self.output.clear();
            self.sent = 0;
        }
        Ok(())
    }
}

/// Whether a client has ended its side. `POLLRDHUP` of poll(2) is not among the names of nix.
fn has_hung_up(stream: &Stream) -> bool {
    let asked = PollFlags::from_bits_retain(libc::POLLRDHUP);
    let mut fds = [PollFd::new(stream.as_fd(), asked)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|count| count > 0)
}

/// Carries out the first command of the input: `set KEY FLAGS TIME LENGTH` with a value behind it,
/// `get KEY...`, `quit`. False if it is not there as a whole.
fn command(session: &mut Session, store: &mut Store) -> bool {
    let Some(end) = session.input.windows(2).position(|pair| pair == b"\r\n") else { return false };
    let line = session.input[..end].to_vec();
    let mut words = line.split(|byte| *byte == b' ');
    let mut taken = end + 2;
    match words.next() {
        Some(b"set") => {
            let key = words.next().unwrap_or_default().to_vec();
            let length = words.next_back().and_then(|word| str::from_utf8(word).ok()?.parse().ok());
            let length: usize = length.unwrap_or(0);
            let Some(value) = session.input.get(taken..taken + length + 2) else { return false };
            let head = [b"VALUE " as &[u8], &key, format!(" 0 {length}\r\n").as_bytes()].concat();
            store.insert(key, [&head, value].concat());
            taken += length + 2;
            session.output.extend_from_slice(b"STORED\r\n");
        }
        Some(b"get") => {
            let told = words.filter_map(|key| store.get(key)).flatten();
            session.output.extend(told);
            session.output.extend_from_slice(b"END\r\n");
        }
        Some(b"quit") => session.ended = true,
        _ => session.output.extend_from_slice(b"ERROR\r\n"),
    }
    session.input.drain(..taken);
    !session.ended
}
