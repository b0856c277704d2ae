//! One that is woken again and again, for too little. A receiver that wants a hundred bytes in one
//! call can leave the waiting to its own loop in the kernel, or tell the socket what is worth a
//! wakeup.

use harness::prelude::*;
use nix::libc;
use nix::sys::socket::{MsgFlags, recv};

/// A thread in recv for 100 bytes that come in ten pieces: how often each of the first nine wakes
/// it, and what recv returns after the tenth.
fn in_ten_pieces(
    t: &mut Trial,
    receiver: TcpStream,
    mut sender: TcpStream,
    flags: MsgFlags,
) -> Result<(Vec<u64>, Option<usize>)> {
    sender.set_nodelay(true)?;
    let job = t.spawn("recv", move || Ok(recv(receiver.as_raw_fd(), &mut [0; 100], flags)?))?;
    check!(t, job.sleeps_in(t, Call::RECV)?, "the receiver sleeps");
    net::stay_on_this_cpu()?;
    let mut wakeups = Vec::new();
    for piece in 1..10 {
        let before = job.wakeups()?;
        sender.write_all(&[0; 10])?;
        net::barrier()?;
        check!(t, job.sleeps_in(t, Call::RECV)?, "it sleeps after piece {piece}");
        wakeups.push(job.wakeups()? - before);
    }
    sender.write_all(&[0; 10])?;
    Ok((wakeups, job.join_soon(t)?))
}

/// A thread in recv with `MSG_WAITALL` is woken by every piece of what it waits for.
#[case(kernel = ["tcp_recvmsg_locked", "sk_wait_data"], since = "2.6.0", strength = Implementation)]
fn with_waitall(t: &mut Trial) -> Result {
    let (sender, receiver) = net::tcp_pair()?;
    let (wakeups, received) = in_ten_pieces(t, receiver, sender, MsgFlags::MSG_WAITALL)?;
    check!(t, wakeups.iter().all(|count| *count >= 1), "wakeups by each piece: {wakeups:?}");
    check!(t, received == Some(100), "what recv returns");
    Ok(())
}

/// With `SO_RCVLOWAT` a thread in recv is woken once, when as much is there.
#[case(man = ["socket(7), SO_RCVLOWAT and SO_SNDLOWAT"], commit = ["03f45c883c6f"], kernel = ["tcp_data_ready"], since = "4.18", strength = Implementation)]
fn with_rcvlowat(t: &mut Trial) -> Result {
    let (sender, receiver) = net::tcp_pair()?;
    net::set_option(&receiver, libc::SOL_SOCKET, libc::SO_RCVLOWAT, 100)?;
    let (wakeups, received) = in_ten_pieces(t, receiver, sender, MsgFlags::empty())?;
    check!(t, wakeups == [0; 9], "wakeups by each piece but the last");
    check!(t, received == Some(100), "what recv returns after that");
    Ok(())
}
