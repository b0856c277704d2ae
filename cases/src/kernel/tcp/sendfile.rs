//! Moving data between a connection and something else without taking it into the program:
//! `sendfile(2)` from a file, `splice(2)` to or from a pipe. They sleep like the sends and recvs
//! that they stand for.

use std::fs::File;
use std::io::Seek as _;

use harness::prelude::*;
use nix::fcntl::{SpliceFFlags, splice};
use nix::sys::sendfile::sendfile;

/// A file of a hundred different bytes, to be read.
fn hundred_bytes(t: &Trial) -> Result<File> {
    let path = t.folder()?.join("file");
    std::fs::write(&path, (0..100).collect::<Vec<u8>>())?;
    Ok(File::open(path)?)
}

/// sendfile with an offset sends from there, moves the offset by what it sent, and leaves the
/// position of the file alone.
#[case(man = ["sendfile(2)"], strength = Documented)]
fn moves_the_offset(t: &mut Trial) -> Result {
    let mut file = hundred_bytes(t)?;
    let (sender, mut receiver) = net::tcp_pair()?;
    let mut offset = 10;
    let sent = sendfile(&sender, &file, Some(&mut offset), 20);
    check!(t, (sent, offset) == (Ok(20), 30), "twenty bytes from the tenth on");
    check!(t, file.stream_position()? == 0, "the position of the file");
    let mut data = [0; 20];
    receiver.read_exact(&mut data)?;
    check!(t, data.iter().copied().eq(10..30), "the receiver gets those bytes");
    Ok(())
}

/// sendfile without an offset sends from the file's position, and moves it; at the end it returns
/// what there was, and then 0.
#[case(man = ["sendfile(2)"], strength = Documented)]
fn moves_the_position(t: &mut Trial) -> Result {
    let mut file = hundred_bytes(t)?;
    let (sender, _receiver) = net::tcp_pair()?;
    check!(t, sendfile(&sender, &file, None, 60) == Ok(60), "sixty of a hundred bytes");
    check!(t, file.stream_position()? == 60, "the position of the file");
    check!(t, sendfile(&sender, &file, None, 60) == Ok(40), "sixty more, of which there are forty");
    check!(t, sendfile(&sender, &file, None, 60) == Ok(0), "nothing is left");
    Ok(())
}

/// sendfile cannot read from a TCP socket: EINVAL.
#[case(man = ["sendfile(2), EINVAL"], strength = Documented)]
fn does_not_read_from_a_socket(t: &mut Trial) -> Result {
    let (mut sender, receiver) = net::tcp_pair()?;
    sender.write_all(b"data")?;
    net::delivered(&receiver, 4)?;
    let file = File::create(t.folder()?.join("file"))?;
    let sent = sendfile(&file, &receiver, None, 4);
    check!(t, sent == Err(Errno::EINVAL), "from a socket with data to a file");
    check!(t, net::unread(&receiver)? == 4, "the data stays where it is");
    Ok(())
}

/// splice from an empty blocking connection sleeps even with `SPLICE_F_NONBLOCK`, which is about
/// the pipe; from a nonblocking one it fails with EAGAIN.
#[case(man = ["splice(2), SPLICE_F_NONBLOCK"], kernel = ["tcp_splice_read"], strength = Documented)]
fn splice_nonblock_is_about_the_pipe(t: &mut Trial) -> Result {
    let (mut sender, receiver) = net::tcp_pair()?;
    let (_pipe_reader, pipe_writer) = std::io::pipe()?;
    let move_data = move |receiver: &TcpStream| {
        splice(receiver, None, &pipe_writer, None, 100, SpliceFFlags::SPLICE_F_NONBLOCK)
    };
    receiver.set_nonblocking(true)?;
    check!(t, move_data(&receiver) == Err(Errno::EAGAIN), "from a nonblocking socket");
    receiver.set_nonblocking(false)?;
    let job = t.spawn("splice", move || Ok(move_data(&receiver)?))?;
    check!(t, job.sleeps_in(t, Call::SPLICE)?, "from a blocking socket splice sleeps");
    sender.write_all(b"data")?;
    check!(t, job.join_soon(t)? == Some(4), "until there is data, which it moves");
    Ok(())
}
