//! Datagrams: one arrives, and is taken or not.

use harness::prelude::*;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use nix::unistd::{read, write};

use super::{Source, follows_its_mode};

/// Datagrams from `writer` to `reader`, each taken whole.
fn datagrams(reader: OwnedFd, writer: OwnedFd, loopback: bool) -> Result<Source> {
    let taker = reader.try_clone()?;
    Ok(Source {
        reader,
        feed: Box::new(move || {
            write(&writer, b"ab")?;
            if loopback { net::barrier() } else { Ok(()) }
        }),
        take: Box::new(move |_| {
            read(&taker, &mut [0; 2])?;
            Ok(())
        }),
    })
}

/// A UDP socket is reported as its trigger mode says, whether it blocks or not, to threads and
/// processes alike, and whether its datagram is taken or not.
#[case(man = ["epoll(7), Level-triggered and edge-triggered", "epoll_ctl(2)", "udp(7)"], since = "2.6.2", strength = Documented, deadline = 60)]
fn udp(t: &mut Trial) -> Result {
    net::stay_on_this_cpu()?;
    follows_its_mode(t, 1, || {
        let (reader, writer) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
        writer.connect(reader.local_addr()?)?;
        datagrams(reader.into(), writer.into(), true)
    })
}

fn unix(kind: SockType) -> Result<Source> {
    let (reader, writer) = socketpair(AddressFamily::Unix, kind, None, SockFlag::SOCK_CLOEXEC)?;
    datagrams(reader, writer, false)
}

/// An `AF_UNIX` datagram socket is reported as its trigger mode says, whether it blocks or not, to
/// threads and processes alike, and whether its datagram is taken or not.
#[case(man = ["epoll(7), Level-triggered and edge-triggered", "epoll_ctl(2)", "unix(7)"], since = "2.6.2", strength = Documented, deadline = 60)]
fn unix_datagram(t: &mut Trial) -> Result {
    follows_its_mode(t, 1, || unix(SockType::Datagram))
}

/// An `AF_UNIX` socket for sequenced packets is reported as its trigger mode says, whether it blocks
/// or not, to threads and processes alike, and whether its packet is taken or not.
#[case(man = ["epoll(7), Level-triggered and edge-triggered", "epoll_ctl(2)", "unix(7)"], since = "2.6.4", strength = Documented, deadline = 60)]
fn unix_seqpacket(t: &mut Trial) -> Result {
    follows_its_mode(t, 1, || unix(SockType::SeqPacket))
}
