//! Pseudo-terminals. The master's end is what a terminal emulator holds, the slave's what a program
//! runs on. A slave whose master is gone is hung up for good: every call on it returns at once, and so
//! it is ready for everything.

use harness::prelude::*;
use nix::pty::openpty;

use super::{state, told_alike};

/// Of both ends of a pseudo-terminal select, poll, epoll and `io_uring` tell the same: data, a whole
/// line, and the end of the other side.
#[case(man = ["pty(7)", "poll(2)", "select(2)", "epoll_ctl(2)"], kernel = ["n_tty_poll", "hung_up_tty_poll"], strength = Implementation)]
fn pseudo_terminal(t: &mut Trial) -> Result {
    let pair = || -> Result<(OwnedFd, OwnedFd)> {
        let pair = openpty(None, None).map_err(|error| Stop::Skipped {
            reason: format!("there are no pseudo-terminals here: {}", error.desc()),
            mend: "mount -t devpts devpts /dev/pts".to_owned(),
        })?;
        Ok((pair.master, pair.slave))
    };
    let put = |fd: &OwnedFd, text: &[u8]| Ok::<_, Stop>(nix::unistd::write(fd, text).map(drop)?);
    let everything = POLLIN | POLLOUT | POLLERR | POLLHUP;
    let mut states = Vec::new();
    let (master, slave) = pair()?;
    states.push(state("a master that is idle", POLLOUT, master, slave));
    let (master, slave) = pair()?;
    put(&slave, b"a")?;
    states.push(state("a master with output", POLLIN | POLLOUT, master, slave));
    let (master, slave) = pair()?;
    drop(slave);
    states.push(state("a master without a slave", POLLOUT | POLLHUP, master, ()));

    let (master, slave) = pair()?;
    states.push(state("a slave that is idle", POLLOUT, slave, master));
    let (master, slave) = pair()?;
    put(&master, b"half a line")?;
    states.push(state("a slave with half a line", POLLOUT, slave, master));
    let (master, slave) = pair()?;
    put(&master, b"a line\n")?;
    states.push(state("a slave with a line", POLLIN | POLLOUT, slave, master));
    let (master, slave) = pair()?;
    drop(master);
    states.push(state("a slave without a master", everything, slave, ()));
    told_alike(t, states)
}
