//! Listeners: a connection arrives, and is accepted or not.

use std::cell::RefCell;

use harness::prelude::*;
use nix::sys::socket::{accept, connect};

use super::{Source, follows_its_mode};

/// A TCP listener is reported as its trigger mode says, whether it blocks or not, to threads and
/// processes alike, and whether its connection is accepted or not.
#[case(man = ["epoll(7), Level-triggered and edge-triggered", "epoll_ctl(2)", "listen(2)"], since = "2.6.2", strength = Documented, deadline = 60)]
fn tcp_listener(t: &mut Trial) -> Result {
    net::stay_on_this_cpu()?;
    follows_its_mode(t, 1, || {
        let (listener, clients) = (net::listener()?, RefCell::new(Vec::new()));
        let (address, taker) = (listener.local_addr()?, listener.try_clone()?);
        Ok(Source {
            reader: listener.into(),
            feed: Box::new(move || {
                clients.borrow_mut().push(net::connect(address)?);
                Ok(())
            }),
            take: Box::new(move |_| Ok(taker.accept().map(drop)?)),
        })
    })
}

/// An `AF_UNIX` listener is reported as its trigger mode says, whether it blocks or not, to threads and
/// processes alike, and whether its connection is accepted or not.
#[case(man = ["epoll(7), Level-triggered and edge-triggered", "epoll_ctl(2)", "listen(2)"], since = "2.6.2", strength = Documented, deadline = 60)]
fn unix_listener(t: &mut Trial) -> Result {
    follows_its_mode(t, 1, || {
        let ((listener, address), clients) = (net::unix_listener(8)?, RefCell::new(Vec::new()));
        let taker = listener.try_clone()?;
        Ok(Source {
            reader: listener,
            feed: Box::new(move || {
                let client = net::unix_socket()?;
                connect(client.as_raw_fd(), &address)?;
                clients.borrow_mut().push(client);
                Ok(())
            }),
            take: Box::new(move |_| Ok(nix::unistd::close(accept(taker.as_raw_fd())?)?)),
        })
    })
}
