//! Several threads that block in accept on one listener. They stand in line: a connection wakes
//! the one that has waited longest, and nobody else. (For TCP, see the area of the herd.)

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::Arc;

use harness::prelude::*;

/// A connection to an `AF_UNIX` listener wakes exactly one of the threads that block in accept, the
/// one that has waited longest.
#[case(kernel = ["unix_accept", "__skb_wait_for_more_packets"], notes = ["S42"], since = "2.6.0", strength = Implementation)]
fn first_come_first_served(t: &mut Trial) -> Result {
    let address =
        SocketAddr::from_abstract_name(format!("ioconform {} {t:p}", std::process::id()))?;
    let listener = Arc::new(UnixListener::bind_addr(&address)?);
    let crew = t.threads(4, Call::ACCEPT, {
        let listener = listener.clone();
        move |worker| loop {
            listener.accept()?;
            worker.took();
        }
    })?;
    for connection in 0..8 {
        let idle = crew.counts()?;
        let _client = UnixStream::connect_addr(&address)?;
        check!(t, crew.wait_for(t, connection as u64 + 1)?, "connection {connection} is accepted");
        crew.settle(t)?;
        check!(
            t,
            crew.counts()?.since(&idle).woken() == [connection % 4],
            "the threads that connection {connection} wakes"
        );
    }
    check!(t, crew.takers() == [0, 1, 2, 3, 0, 1, 2, 3], "the threads that accept");
    Ok(())
}
