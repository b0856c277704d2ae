//! Several clients of a server at once, and clients that take a new connection when they have to.

use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};

use super::{Address, Client, Reply, Server};
use crate::dialect::Exchange;
use crate::net;
use crate::trial::{Result, Stop, Trial};
use crate::watch::{Patience, Sight};

/// How soon a server that does not spin has come to rest, on any machine that is not out of hand.
const SOON: Duration = Duration::from_secs(3);
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

    /// Waits for the reply to a request that was sent on a connection that may have been used before.
    /// A server may end such a connection whenever it likes, also just as the next request is on
    /// its way; the client then takes a new one and asks again (RFC 9112, 9.3.1 and 9.5), and so
    /// does this.
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

    /// Returns when all of its threads are asleep. Ends the trial as `unobservable` if it spins even
    /// now: what wakes such a server, and what it does of it, cannot be told.
    pub fn must_settle(&self, t: &mut Trial) -> Result {
        let mut patience = Patience::new(SOON);
        while Sight::here() == Sight::Syscall && patience.lasts() {
            if self.is_at_rest()? {
                return t.settled(Sight::Syscall.word());
            }
            nix::sched::sched_yield()?;
        }
        self.must_rest_by_nature()?;
        if self.settles(t)? {
            Ok(())
        } else {
            Err(Stop::Unobservable("it does not come to rest".to_owned()))
        }
    }

    /// Whether the server comes to have read all that a client sent, for as long as the trial can
    /// wait: nothing of it is left in the server's socket.
    pub fn comes_to_read(&self, t: &Trial, client: &Client) -> Result<bool> {
        let Some(socket) = client.socket() else { return Ok(false) };
        t.eventually(|| {
            // Over AF_UNIX, bytes count as sent for as long as they are not read.
            let none_left = self.own_end(client)?.is_none_or(|end| end.unread == 0);
            Ok(none_left && net::unacked(socket)? == 0)
        })
    }

    /// Ends all of its processes at once (`SIGKILL`), and returns when they are gone. What it leaves
    /// at an `AF_UNIX` address is removed.
    pub fn kill(&mut self, t: &Trial) -> Result {
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
        if let Address::Unix(path) = self.address() {
            std::fs::remove_file(path)?;
        }
        // A zombie still has its number, and the next server may find that in a file of this one.
        if gone && self.ends(t)? { Ok(()) } else { Err(Stop::error("the server does not end")) }
    }
}

/// Whether a reply says that a connection which was good for an earlier request was ended before
/// anything of the reply came.
fn is_refused(client: &Client, reply: &Reply) -> bool {
    !client.is_fresh() && matches!(reply, Reply::Closed { received: 0, .. })
}
