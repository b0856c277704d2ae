//! The queues of a connection, as its owner can ask for them: `SIOCINQ` counts what has arrived and
//! was not read, `SIOCOUTQ` what the peer's kernel has not acknowledged, `SIOCOUTQNSD` the part of
//! that which was not even sent. A listener moves no data, and so has none of the three.

use harness::prelude::*;
use harness::sys::socket;
use harness::tcp::stalled_pair;

/// `SIOCOUTQ` counts what is not acknowledged, whether it was sent or not; `SIOCOUTQNSD`, and
/// `tcpi_notsent_bytes`, what was not sent.
#[case(man = ["tcp(7), Ioctls"], notes = ["S43", "S46"], since = "4.6", strength = Documented)]
fn outq_counts_the_unsent_too(t: &mut Trial) -> Result {
    let (idle, _peer) = net::tcp_pair()?;
    check!(
        t,
        (net::unacked(&idle)?, net::unsent(&idle)?) == (0, 0),
        "a connection that sent nothing has nothing to wait for"
    );
    let (sender, _receiver, queues) = stalled_pair(t)?;
    let unsent = net::unsent(&sender)?;
    check!(t, unsent > 0, "the peer has no room: a part of what send took is not sent");
    check!(t, unsent <= queues.unacked, "and that part is in the count of SIOCOUTQ");
    let same = t.eventually(|| {
        let told = net::tcp_info(&sender)?.tcpi_notsent_bytes;
        Ok(usize::try_from(told)? == net::unsent(&sender)?)
    })?;
    check!(t, same, "TCP_INFO tells the same as SIOCOUTQNSD");
    Ok(())
}

/// `SIOCINQ` counts all that has arrived and was not read, over the boundaries of sends.
#[case(man = ["tcp(7), Ioctls"], notes = ["S46"], strength = Documented)]
fn inq_counts_what_is_unread(t: &mut Trial) -> Result {
    let (mut sender, mut receiver) = net::tcp_pair()?;
    sender.set_nodelay(true)?;
    sender.write_all(b"one")?;
    sender.write_all(b"three")?;
    check!(t, t.eventually(|| Ok(net::unread(&receiver)? == 8))?, "three bytes and five are eight");
    receiver.read_exact(&mut [0; 2])?;
    check!(t, net::unread(&receiver)? == 6, "two are read, and six are left");
    Ok(())
}

/// On a listener `SIOCINQ`, `SIOCOUTQ` and `SIOCOUTQNSD` fail with EINVAL.
#[case(man = ["tcp(7), Ioctls"], kernel = ["tcp_ioctl"], strength = Documented)]
fn a_listener_has_none(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let queues = [
        ("SIOCINQ", socket::unread(&listener)),
        ("SIOCOUTQ", socket::unacked(&listener)),
        ("SIOCOUTQNSD", socket::unsent(&listener)),
    ];
    for (name, queue) in queues {
        check!(t, queue == Err(Errno::EINVAL), "{name}");
    }
    Ok(())
}
