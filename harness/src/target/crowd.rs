//! Several clients of a server at once, and clients that take a new connection when they have to.

use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};

use super::{Address, Client, Reply, Server, listening};
use crate::dialect::Exchange;
use crate::net;
use crate::trial::{Result, Trial};

/// The time between two looks at the budget of patience, in milliseconds.
const GLANCE: u16 = 10;

impl Server {
    /// Clients whose connections were complete at once: so many, or fewer if the queue of a
    /// listener that nobody serves has no room for more.
    pub fn queue_up(&self, wanted: usize) -> Result<Vec<Client>> {
        let mut clients = Vec::new();
        while clients.len() < wanted {
            match self.knock()? {
                Some(client) => clients.push(client),
                None => break,
            }
        }
        Ok(clients)
    }

    /// `wanted`, or as many connections as the server holds at once if those are fewer: a client
    /// beyond them waits for another one to leave, and that is no fault.
    pub fn at_most(&self, wanted: usize) -> usize {
        self.target().connections.map_or(wanted, |most| most.min(wanted))
    }

    /// Asks on a connection that may have been used before. A server may end such a connection
    /// whenever it likes, also just as the next request is on its way; the client then takes a new
    /// one and asks again (RFC 9112, 9.3.1 and 9.5), and so does this.
    pub fn ask(&self, t: &Trial, client: &mut Client, exchange: &Exchange) -> Result<Reply> {
        client.send(t, &exchange.request)?;
        self.reply(t, client, exchange)
    }

    /// The same for a request that was sent before.
    pub fn reply(&self, t: &Trial, client: &mut Client, exchange: &Exchange) -> Result<Reply> {
        let reply = client.reply(t, exchange)?;
        if !is_refused(client, &reply) {
            return Ok(reply);
        }
        *client = self.connect(t)?;
        client.ask(t, exchange)
    }

    /// Waits for the first of some clients whose reply comes: its index and the reply; nothing if
    /// none comes for as long as the trial can wait. Each has sent its request.
    pub fn first_reply(
        &self,
        t: &Trial,
        clients: &mut [(Client, Exchange)],
    ) -> Result<Option<(usize, Reply)>> {
        let mut patience = t.patience();
        while patience.lasts() {
            for (index, (client, exchange)) in clients.iter_mut().enumerate() {
                match client.look(exchange)? {
                    Some(reply) if is_refused(client, &reply) => {
                        *client = self.connect(t)?;
                        client.send(t, &exchange.request)?;
                    }
                    Some(reply) => return Ok(Some((index, reply))),
                    None => {}
                }
            }
            let sockets = clients.iter().filter_map(|(client, _)| client.socket());
            let mut fds: Vec<_> =
                sockets.map(|socket| PollFd::new(socket, PollFlags::POLLIN)).collect();
            match poll(&mut fds, PollTimeout::from(GLANCE)) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// Whether the server comes to have read all that a client sent: nothing of it is left in its
    /// socket. For TCP as `/proc/net/tcp` tells it, for `AF_UNIX` by `SIOCOUTQ`, which counts what
    /// the receiver has not read.
    pub fn comes_to_read(&self, t: &Trial, client: &Client) -> Result<bool> {
        let Some(socket) = client.socket() else { return Ok(false) };
        let Some(own) = client.local_address() else {
            return t.eventually(|| Ok(net::unacked(socket)? == 0));
        };
        t.eventually(|| {
            let peer = listening::tcp()?.into_iter().find(|entry| entry.remote_address == own);
            Ok(net::unacked(socket.as_fd())? == 0 && peer.is_none_or(|peer| peer.rx_queue == 0))
        })
    }

    /// Ends all of its processes at once (`SIGKILL`), and returns when they are gone: true, unless
    /// they do not go. What it leaves at an `AF_UNIX` address is removed.
    pub fn kill(&mut self, t: &Trial) -> Result<bool> {
        self.leader()?;
        let gone = t.eventually(|| {
            let processes = self.processes()?;
            for pid in &processes {
                match kill(*pid, Signal::SIGKILL) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            Ok(processes.is_empty())
        })?;
        // A zombie still has its number, and the next server may find that in a file of this one.
        self.exit_status()?;
        if let Address::Unix(path) = self.address() {
            std::fs::remove_file(path)?;
        }
        Ok(gone)
    }
}

/// Whether a reply says that a connection which was good for an earlier request was ended before
/// anything of the reply came.
fn is_refused(client: &Client, reply: &Reply) -> bool {
    !client.is_fresh() && matches!(reply, Reply::Closed { received: 0, .. })
}
