//! One connection served by a thread that sleeps for it, in `recv` and `send`, to its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::MsgFlags;

use crate::connection::{Connection, Limits};
use crate::http::Wants;
use crate::socket::Stream;
use crate::stop;

/// Serves `stream`, a blocking socket, until it is over. Once `stopping` is set, and a signal has
/// ended the sleep, it finishes what the client has begun and returns.
pub(crate) fn serve(stream: Stream, limits: Limits, stopping: &AtomicBool) {
    let mut connection = Connection::new(stream, limits);
    // Whoever takes output now and then has this long for each part of it.
    let _ = connection.stream().limit_send(limits.idle);
    let mut limit = Duration::ZERO;
    let mut ends_by = None;
    loop {
        if ends_by.is_none() && stopping.load(Ordering::SeqCst) {
            ends_by = Some(Instant::now() + stop::LIMIT);
            connection.exchange.finish();
            // A request may have arrived already.
            if connection.exchange.wants() == Wants::Read {
                let _ = connection.receive(MsgFlags::MSG_DONTWAIT);
            }
            connection.leave(Instant::now() + stop::LAST_CHANCE);
        }
        let wants = connection.exchange.wants();
        if wants == Wants::Close {
            return;
        }
        let now = Instant::now();
        if ends_by.is_some_and(|by| by <= now) {
            return;
        }
        connection.keep_time(now);
        if connection.deadline().is_some_and(|deadline| deadline <= now) {
            connection.exchange.expire();
            continue;
        }
        let result = match wants {
            Wants::Process => {
                connection.exchange.process();
                continue;
            }
            Wants::Write => connection.send(),
            Wants::Read | Wants::Linger => {
                if wants == Wants::Linger {
                    connection.end();
                }
                // The kernel limits each call, a request may take several: so the rest is set,
                // and between two requests that is the same every time.
                let left = connection.deadline().map_or(limits.idle, |at| at - now);
                if left != limit {
                    limit = left;
                    let _ = connection.stream().limit_receive(left);
                }
                connection.receive(MsgFlags::empty())
            }
            Wants::Response | Wants::Close => return,
        };
        match result {
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(_) => return,
        }
    }
}
