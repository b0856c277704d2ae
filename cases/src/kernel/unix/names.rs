//! The names of `AF_UNIX` sockets: a path in the file system, which outlives the socket; an
//! abstract name, which does not; or none.

use std::os::unix::net::UnixListener;

use harness::prelude::*;
use nix::sys::socket::{UnixAddr, bind, connect, getsockname};

/// A bind without a name gives an abstract one of five hexadecimal digits.
#[case(man = ["unix(7), Autobind feature"], strength = Documented)]
fn bind_without_a_name_chooses_one(t: &mut Trial) -> Result {
    let sockets = [net::unix_socket()?, net::unix_socket()?];
    let mut names = Vec::new();
    for socket in &sockets {
        bind(socket.as_raw_fd(), &UnixAddr::new_unnamed())?;
        let address = getsockname::<UnixAddr>(socket.as_raw_fd())?;
        let name = address.as_abstract().unwrap_or_default().to_owned();
        let digits = name.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        check!(t, name.len() == 5 && digits, "an abstract name: {name:?}");
        names.push(name);
    }
    check!(t, names[0] != names[1], "each its own");
    Ok(())
}

/// A path stays when its socket is closed: a connect is refused, and a bind finds it in use, until
/// it is removed.
#[case(man = ["unix(7)", "bind(2), EADDRINUSE"], strength = Documented)]
fn a_path_outlives_its_socket(t: &mut Trial) -> Result {
    // An address has room for a hundred bytes: a short path, from the trial's own folder.
    std::env::set_current_dir(t.folder()?)?;
    let path = "socket";
    let bind = || UnixListener::bind(path).map(drop).map_err(|error| error.kind());
    let connect = || UnixStream::connect(path).map(drop).map_err(|error| error.kind());
    check!(t, bind() == Ok(()), "bind, and close");
    check!(t, connect() == Err(ErrorKind::ConnectionRefused), "connect");
    check!(t, bind() == Err(ErrorKind::AddrInUse), "bind again");
    std::fs::remove_file(path)?;
    check!(t, connect() == Err(ErrorKind::NotFound), "connect when the path is removed");
    check!(t, bind() == Ok(()), "bind when the path is removed");
    Ok(())
}

/// An abstract name goes with its socket: it can be bound again at once.
#[case(man = ["unix(7), Abstract sockets"], since = "2.2", strength = Documented)]
fn an_abstract_name_goes_with_its_socket(t: &mut Trial) -> Result {
    let (listener, address) = net::unix_listener(8)?;
    let (client, second) = (net::unix_socket()?, net::unix_socket()?);
    check!(t, connect(client.as_raw_fd(), &address) == Ok(()), "connect while it is bound");
    let bind = || bind(second.as_raw_fd(), &address);
    check!(t, bind() == Err(Errno::EADDRINUSE), "a second bind");
    drop(listener);
    let gone = connect(net::unix_socket()?.as_raw_fd(), &address);
    check!(t, gone == Err(Errno::ECONNREFUSED), "connect when the listener is closed");
    check!(t, bind() == Ok(()), "bind when the listener is closed");
    Ok(())
}
