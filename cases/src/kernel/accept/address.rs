//! The names of an accepted connection: who is at the other end, and which of its addresses the
//! machine was reached by.

use std::net::{Ipv4Addr, SocketAddr};

use harness::prelude::*;
use harness::sys::inet::{self, Name};
use nix::libc;
use nix::sys::socket::{SockType, SockaddrIn, listen};

/// accept names the client's address, which is the one that the client has for itself.
#[case(man = ["accept(2), DESCRIPTION"], posix = ["accept()"], strength = Documented)]
fn is_that_of_the_client(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    net::stay_on_this_cpu()?;
    let client = net::connect(listener.local_addr()?)?;
    let (accepted, named) = listener.accept()?;
    check!(t, named == client.local_addr()?, "the address that accept returns");
    check!(t, accepted.peer_addr()? == named, "and getpeername says the same");
    Ok(())
}

/// If the room for the address is too small, accept writes the beginning that fits, nothing beyond
/// it, and tells the real length all the same.
#[case(man = ["accept(2), DESCRIPTION"], kernel = ["move_addr_to_user"], strength = Documented)]
fn is_cut_but_its_length_is_told(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    net::stay_on_this_cpu()?;
    let whole = size_of::<libc::sockaddr_in>();
    for room in [0, 2, 5, 15, 16, 100] {
        let client = net::connect(listener.local_addr()?)?;
        let (_accepted, name) = inet::accept4(&listener, 0, room)?;
        let (told, room) = (usize::try_from(name.length)?, usize::try_from(room)?);
        check!(t, told == whole, "the length that is told if there is room for {room} bytes");
        let family = u16::try_from(libc::AF_INET)?.to_ne_bytes();
        let port = net::port_of(&client)?.to_be_bytes();
        let address = [&family[..], &port, &[127, 0, 0, 1]].concat();
        let part = room.min(address.len());
        check!(t, name.bytes[..part] == address[..part], "the beginning of family, port, address");
        let mut beyond = name.bytes[room.min(whole)..].iter();
        check!(t, beyond.all(|byte| *byte == Name::BLANK), "nothing is written beyond");
    }
    Ok(())
}

/// A client of an `AF_UNIX` listener that is not bound has no name: accept returns the family
/// alone.
#[case(man = ["unix(7), Address format"], strength = Documented)]
fn of_an_unbound_unix_client_is_empty(t: &mut Trial) -> Result {
    let (listener, address) = net::unix_listener(8)?;
    let client = net::unix_socket()?;
    nix::sys::socket::connect(client.as_raw_fd(), &address)?;
    let (_accepted, name) = inet::accept4(&listener, 0, 100)?;
    let family = libc::sa_family_t::try_from(libc::AF_UNIX)?.to_ne_bytes();
    check!(t, usize::try_from(name.length)? == family.len(), "the length of the client's address");
    check!(t, name.bytes[..2] == family, "the family");
    check!(t, name.bytes[2..].iter().all(|byte| *byte == Name::BLANK), "and nothing else");
    Ok(())
}

/// A connection that is accepted from a wildcard address has the address that the client asked for,
/// and the listener's port.
#[case(man = ["ip(7), Address format"], kernel = ["tcp_v4_syn_recv_sock"], strength = Implementation)]
fn of_this_end_is_what_the_client_asked_for(t: &mut Trial) -> Result {
    let wildcard = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let socket = net::socket_for(SockType::Stream, wildcard)?;
    net::bind_at(&socket, wildcard)?;
    listen(&socket, nix::sys::socket::Backlog::MAXCONN)?;
    let listener = TcpListener::from(socket);
    let port = net::port_of(&listener)?;
    net::stay_on_this_cpu()?;
    for last in [1, 2, 3] {
        let asked = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), port));
        let _client = net::connect(asked)?;
        let (accepted, _) = listener.accept()?;
        check!(t, accepted.local_addr()? == asked, "this end of a connection to {asked}");
    }
    let own = nix::sys::socket::getsockname::<SockaddrIn>(listener.as_raw_fd())?;
    check!(t, own.ip() == Ipv4Addr::UNSPECIFIED, "the listener's address is still the wildcard");
    Ok(())
}
