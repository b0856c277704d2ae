//! Extended attributes of a socket (`xattr(7)`): the kernel tells its protocol by one, and of late
//! a program may pin notes of its own to it.

use std::ffi::CStr;

use harness::prelude::*;
use harness::sys::attribute::{attribute, set_attribute};

/// The errors of a system whose sockets have no such attributes.
const LACKING: [Errno; 3] = [Errno::EOPNOTSUPP, Errno::ENODATA, Errno::ENOSYS];

/// The attribute `system.sockprotoname` of a socket is the name of its protocol.
#[case(kernel = ["sockfs_xattr_get"], since = "3.7", strength = Implementation)]
fn the_protocol_has_a_name(t: &mut Trial) -> Result {
    let sockets: [(&CStr, OwnedFd); 2] =
        [(c"TCP", net::tcp_socket()?), (c"UDP", UdpSocket::bind("127.0.0.1:0")?.into())];
    for (name, socket) in sockets {
        let told = attribute(&socket, c"system.sockprotoname")
            .map_err(|error| Stop::unsupported_if(error, &LACKING, "system.sockprotoname"))?;
        check!(t, told == name.to_bytes_with_nul(), "{name:?}");
    }
    Ok(())
}

/// A socket takes extended attributes of the user's own.
#[case(kernel = ["sockfs_xattr_handlers"], since = "7.1", strength = Implementation)]
fn users_may_set_their_own(t: &mut Trial) -> Result {
    let socket = net::tcp_socket()?;
    let lacking = [LACKING.as_slice(), &[Errno::EPERM]].concat();
    set_attribute(&socket, c"user.note", b"mine")
        .map_err(|error| Stop::unsupported_if(error, &lacking, "user.note on a socket"))?;
    check!(t, attribute(&socket, c"user.note")? == b"mine", "what was set is there");
    Ok(())
}
