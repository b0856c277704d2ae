//! An exchange step by step: what a client does that sends and receives when a case says so.

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Address, Client, begin, nonblocking_socket, ready, receive, stream};
use crate::dialect::{Exchange, Progress};
use crate::net;
use crate::target::Reply;
use crate::trial::{Result, Trial};

impl Client {
    /// A client whose connection was complete at once; nothing if the listener's queue has no room
    /// (listen(2)): a SYN that finds it full is dropped, to be sent again in a second, and a
    /// connect over `AF_UNIX` fails with `EAGAIN` (unix(7)).
    pub(in crate::target) fn knock(address: &Address) -> Result<Option<Client>> {
        net::stay_on_this_cpu()?;
        let fd = nonblocking_socket(address)?;
        let outcome = match begin(&fd, address) {
            Err(Errno::EAGAIN) => return Ok(None),
            Err(Errno::EINPROGRESS) => {
                // SYN, SYN-ACK and ACK: each may queue up behind a datagram of the barrier.
                for _ in 0..3 {
                    net::barrier()?;
                }
                let mut fds = [PollFd::new(std::os::fd::AsFd::as_fd(&fd), PollFlags::POLLOUT)];
                if poll(&mut fds, PollTimeout::ZERO)? == 0 {
                    return Ok(None);
                }
                net::take_error(&fd)?.map_or(Ok(()), Err)
            }
            other => other,
        };
        let stream = match outcome {
            Ok(()) => Ok(stream(fd, address)?),
            Err(errno) => Err(errno),
        };
        Ok(Some(Client { stream, received: Vec::new(), last: Vec::new() }))
    }

    /// Sends what the kernel takes without waiting; how many bytes that were.
    pub fn send_at_once(&mut self, bytes: &[u8]) -> Result<usize> {
        let Ok(stream) = &mut self.stream else { return Ok(0) };
        let mut sent = 0;
        while sent < bytes.len() {
            match stream.write(&bytes[sent..]) {
                Ok(length) => sent += length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // The kernel takes no more; or the server has ended the connection, which shows in
                // the reply.
                Err(_) => break,
            }
        }
        Ok(sent)
    }

    /// How the reply to a request that was sent before has ended, without waiting for more;
    /// nothing if more must come.
    pub fn look(&mut self, exchange: &Exchange) -> Result<Option<Reply>> {
        let stream = match &mut self.stream {
            Ok(stream) => stream,
            Err(errno) => return Ok(Some(Reply::NoConnection(*errno))),
        };
        let end = loop {
            let before = self.received.len();
            let end = receive(stream, &mut self.received)?;
            if end.is_some() || self.received.len() == before {
                break end;
            }
        };
        Ok(match exchange.judge(&self.received, end.is_some()) {
            Progress::Whole(length) => {
                self.last = self.received.drain(..length).collect();
                Some(Reply::Whole)
            }
            Progress::Wrong(why) => Some(Reply::Wrong(why)),
            Progress::More => {
                end.map(|reset| Reply::Closed { received: self.received.len(), reset })
            }
        })
    }

    /// Whether something comes to be read, for as long as the trial can wait. It is left unread.
    pub fn hears(&self, t: &Trial) -> Result<bool> {
        let Ok(stream) = &self.stream else { return Ok(false) };
        let mut patience = t.patience();
        while patience.lasts() {
            if !ready(stream, PollFlags::POLLIN)?.is_empty() {
                return Ok(net::unread(stream)? > 0);
            }
        }
        Ok(false)
    }
}
