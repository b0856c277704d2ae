//! `poll_loop` with a limit: so many connections, and no more. The others wait in the accept queue
//! until one has ended. What has to work is the way back: a listener that is left alone while the
//! server is full tells nobody that there is room again.

use std::io;

use crate::Settings;
use crate::models::poll_loop;
use crate::roster::Roster;
use crate::socket::Listener;

/// The connections that it holds at once.
pub(super) const MOST: usize = 16;

/// Serves on the calling thread.
pub(super) fn serve(listener: Listener, settings: Settings) -> io::Result<()> {
    poll_loop::run(listener, settings, accept)
}

/// Accepts what waits and has room.
fn accept(roster: &mut Roster) {
    while roster.numbers().len() < MOST {
        if roster.accept().is_none() {
            return;
        }
    }
    roster.rest();
}
