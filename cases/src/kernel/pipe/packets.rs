//! Packet mode (`O_DIRECT`): each write makes a packet of its own, and each read takes one. A pipe
//! then behaves like a datagram socket: what does not fit into the reader's buffer is lost, and every
//! packet, however small, takes a page.

use harness::prelude::*;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::unistd::{pipe2, read, write};

use super::{capacity, page};

fn packets() -> Result<(OwnedFd, OwnedFd)> {
    let flags = OFlag::O_DIRECT | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    pipe2(flags).map_err(|error| {
        Stop::unsupported_if(error, &[Errno::EINVAL], "a pipe in packet mode (O_DIRECT)")
    })
}

/// A read from a pipe in packet mode returns what one write wrote, however large its buffer is.
#[case(man = ["pipe(2), O_DIRECT"], since = "3.4", strength = Documented)]
fn one_write_one_read(t: &mut Trial) -> Result {
    let (reader, writer) = packets()?;
    for packet in [&b"one"[..], b"three", b"x"] {
        write(&writer, packet)?;
    }
    check!(t, net::unread(&reader)? == 9, "nine bytes are in the pipe");
    for length in [3, 5, 1] {
        check!(t, read(&reader, &mut [0; 64]) == Ok(length), "a read gets a packet of {length}");
    }
    check!(t, read(&reader, &mut [0; 64]) == Err(Errno::EAGAIN), "there is no fourth");
    Ok(())
}

/// What a read from a pipe in packet mode has no room for is lost.
#[case(man = ["pipe(2), O_DIRECT"], since = "3.4", strength = Documented)]
fn the_rest_of_a_packet_is_lost(t: &mut Trial) -> Result {
    let (reader, writer) = packets()?;
    write(&writer, b"hello")?;
    write(&writer, b"world")?;
    let mut buffer = [0; 3];
    check!(t, read(&reader, &mut buffer) == Ok(3), "three of five bytes are read");
    check!(t, &buffer == b"hel", "the first three");
    check!(t, read(&reader, &mut buffer) == Ok(3), "the next read");
    check!(t, &buffer == b"wor", "is of the next packet");
    Ok(())
}

/// Each packet takes a page of the pipe: sixteen of one byte fill a pipe of sixteen pages.
#[case(man = ["pipe(2), O_DIRECT"], kernel = ["pipe_write"], since = "3.4", strength = Implementation)]
fn a_packet_takes_a_page(t: &mut Trial) -> Result {
    let (_reader, writer) = packets()?;
    let pages = capacity(&writer)? / page()?;
    let taken = (0..=pages).take_while(|_| write(&writer, b"x") == Ok(1)).count();
    check!(t, taken == pages, "packets of one byte that the pipe takes");
    Ok(())
}

/// A write of more than a page to a pipe in packet mode makes several packets.
#[case(man = ["pipe(2), O_DIRECT"], since = "3.4", strength = Documented)]
fn long_writes_are_several_packets(t: &mut Trial) -> Result {
    let (reader, writer) = packets()?;
    let page = page()?;
    check!(t, write(&writer, &vec![0; page + 1]) == Ok(page + 1), "a page and a byte are written");
    let mut buffer = vec![0; 2 * page];
    check!(t, read(&reader, &mut buffer) == Ok(page), "one packet is a page");
    check!(t, read(&reader, &mut buffer) == Ok(1), "and the next one is the byte");
    Ok(())
}

/// There are no empty packets: a write of no bytes leaves nothing to read.
#[case(man = ["pipe(2), O_DIRECT"], since = "3.4", strength = Documented)]
fn there_are_no_empty_packets(t: &mut Trial) -> Result {
    let (reader, writer) = packets()?;
    check!(t, write(&writer, b"") == Ok(0), "nothing is written");
    check!(t, poll_now(&reader, POLLIN)? == PollFlags::empty(), "and nothing is readable");
    check!(t, read(&reader, &mut [0; 8]) == Err(Errno::EAGAIN), "or read");
    Ok(())
}

/// Makes a pipe that exists one in packet mode.
fn switch_on(writer: impl AsFd) -> Result {
    let flags = OFlag::from_bits_retain(fcntl(&writer, FcntlArg::F_GETFL)?) | OFlag::O_DIRECT;
    fcntl(&writer, FcntlArg::F_SETFL(flags)).map(drop).map_err(|error| {
        Stop::unsupported_if(error, &[Errno::EINVAL], "packet mode for a pipe that exists")
    })
}

/// `F_SETFL` with `O_DIRECT` makes packets of the writes to an empty pipe that follow.
#[case(man = ["pipe(2), O_DIRECT"], since = "4.5", strength = Documented)]
fn can_be_switched_on_later(t: &mut Trial) -> Result {
    let (reader, writer) = super::nonblocking()?;
    write(&writer, b"ab")?;
    write(&writer, b"cd")?;
    check!(t, read(&reader, &mut [0; 64]) == Ok(4), "two writes are a stream at first");
    switch_on(&writer)?;
    write(&writer, b"ab")?;
    write(&writer, b"cd")?;
    check!(t, read(&reader, &mut [0; 64]) == Ok(2), "then a packet");
    check!(t, read(&reader, &mut [0; 64]) == Ok(2), "and another");
    Ok(())
}

/// Packet mode that is switched on while data waits in the pipe changes nothing as long as that
/// data's page has room: what is written joins it.
#[case(kernel = ["pipe_write"], since = "4.5", strength = Implementation)]
fn joins_a_page_from_before_the_switch(t: &mut Trial) -> Result {
    let (reader, writer) = super::nonblocking()?;
    write(&writer, b"ab")?;
    switch_on(&writer)?;
    write(&writer, b"cd")?;
    write(&writer, b"ef")?;
    check!(t, read(&reader, &mut [0; 64]) == Ok(6), "three writes are read as one");
    write(&writer, b"gh")?;
    write(&writer, b"ij")?;
    check!(t, read(&reader, &mut [0; 64]) == Ok(2), "once the pipe was empty, there are packets");
    Ok(())
}
