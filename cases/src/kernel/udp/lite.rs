//! UDP-Lite: UDP with a checksum that may cover a part of the datagram only. It was a protocol of
//! its own in the kernel for twenty years, and hardly anybody used it.

use harness::prelude::*;
use harness::sys::socket::socket_of;
use nix::libc::{IPPROTO_UDPLITE, SO_PROTOCOL, SOL_SOCKET};
use nix::sys::socket::{AddressFamily, SockType};

/// `IPPROTO_UDPLITE` makes a UDP-Lite socket.
#[case(
    man = ["udplite(7)"],
    rfc = ["RFC 3828"],
    since = "2.6.20",
    strength = Documented,
    changed = [("7.1", "", unsupported, "UDP-Lite was removed in 7.1")],
)]
fn udplite_is_there(t: &mut Trial) -> Result {
    let made = socket_of(AddressFamily::Inet, SockType::Datagram, IPPROTO_UDPLITE);
    let lacking = [Errno::EPROTONOSUPPORT, Errno::ESOCKTNOSUPPORT];
    let made = made.map_err(|error| Stop::unsupported_if(error, &lacking, "UDP-Lite"))?;
    let protocol = net::get_option(&made, SOL_SOCKET, SO_PROTOCOL)?;
    check!(t, protocol == IPPROTO_UDPLITE, "the protocol of the socket");
    Ok(())
}
