//! The end of a listener. It listens until the last descriptor for it is closed, in whatever
//! process; a shutdown ends it for all of them at once.

use harness::prelude::*;
use harness::sys::process;
use nix::sys::socket::{Backlog, Shutdown, listen, shutdown};

use super::{clients, handled};

/// `shutdown(SHUT_RD)` on a TCP listener ends it: it hangs up, accept fails with EINVAL, and new
/// clients are refused.
#[case(kernel = ["inet_shutdown", "tcp_disconnect"], strength = Implementation)]
fn shutdown_for_reading_ends_it(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let address = listener.local_addr()?;
    shutdown(listener.as_raw_fd(), Shutdown::Read)?;
    check!(t, poll_now(&listener, POLLIN)? == POLLHUP, "what poll tells of it");
    let accepted = nix::sys::socket::accept(listener.as_raw_fd());
    check!(t, accepted == Err(Errno::EINVAL), "accept");
    let client = net::connect_to(net::tcp_socket()?, address);
    check!(t, client == Err(Errno::ECONNREFUSED), "a client's connect");
    Ok(())
}

/// `shutdown(SHUT_RD)` on a TCP listener resets the connections that wait to be accepted.
#[case(kernel = ["inet_csk_listen_stop"], strength = Implementation)]
fn shutdown_resets_its_queue(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let (clients, established) = clients(3, &listener)?;
    check!(t, established == [true; 3], "three clients are connected");
    shutdown(listener.as_raw_fd(), Shutdown::Read)?;
    handled()?;
    for client in &clients {
        check!(t, net::take_error(client)? == Some(Errno::ECONNRESET), "a client's error");
    }
    Ok(())
}

/// `shutdown(SHUT_WR)` on a TCP listener succeeds and changes nothing.
#[case(kernel = ["inet_shutdown"], strength = Implementation)]
fn shutdown_for_writing_changes_nothing(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let (_waiting, _) = clients(1, &listener)?;
    check!(t, shutdown(listener.as_raw_fd(), Shutdown::Write) == Ok(()), "shutdown");
    let (_late, established) = clients(1, &listener)?;
    check!(t, established == [true], "a client that comes after it is connected");
    listener.set_nonblocking(true)?;
    let accepted = std::iter::from_fn(|| listener.accept().ok()).count();
    check!(
        t,
        accepted == 2,
        "connections that can be accepted: one from before it, one from after"
    );
    Ok(())
}

/// A port that the kernel chose is free again after a shutdown of the listener, and a second listen
/// gets another one.
#[case(kernel = ["tcp_set_state", "inet_csk_listen_start"], strength = Implementation)]
fn a_chosen_port_is_given_up(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let address = listener.local_addr()?;
    shutdown(listener.as_raw_fd(), Shutdown::Read)?;
    let other = net::tcp_socket()?;
    check!(t, net::bind_at(&other, address) == Ok(()), "another socket takes the port");
    check!(t, listen(&listener, Backlog::MAXCONN) == Ok(()), "the old one listens again");
    let now = listener.local_addr()?;
    check!(t, now.port() != address.port() && now.port() != 0, "at another port: {now}");
    check!(t, TcpStream::connect(now).is_ok(), "a client connects to that");
    Ok(())
}

/// A port that the program chose is kept through a shutdown of the listener, and a second listen
/// opens it again.
#[case(kernel = ["tcp_set_state", "inet_csk_listen_start"], strength = Implementation)]
fn an_asked_for_port_is_kept(t: &mut Trial) -> Result {
    let address = net::listener()?.local_addr()?;
    let socket = net::tcp_socket()?;
    net::bind_at(&socket, address)?;
    listen(&socket, Backlog::MAXCONN)?;
    shutdown(socket.as_raw_fd(), Shutdown::Read)?;
    let other = net::bind_at(net::tcp_socket()?, address);
    check!(t, other == Err(Errno::EADDRINUSE), "another socket cannot take the port");
    check!(t, listen(&socket, Backlog::MAXCONN) == Ok(()), "the old one listens again");
    check!(t, TcpStream::connect(address).is_ok(), "and a client connects to the same port");
    Ok(())
}

/// A listener that was closed goes on listening as long as a child of the process has it open.
#[case(man = ["fork(2), DESCRIPTION", "close(2), DESCRIPTION"], notes = ["S38"], strength = Documented)]
fn lives_in_a_child(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let address = listener.local_addr()?;
    let (mut asker, mut child) = UnixStream::pair()?;
    let pid = process::fork_bound(|| i32::from(child.read_exact(&mut [0]).is_err()))?;
    drop(listener);
    check!(t, TcpStream::connect(address).is_ok(), "the parent has closed it: a client connects");
    asker.write_all(b"!")?;
    let ended = nix::sys::wait::waitpid(pid, None)?;
    check!(t, ended == nix::sys::wait::WaitStatus::Exited(pid, 0), "the child ends");
    let refused = net::connect_to(net::tcp_socket()?, address);
    check!(t, refused == Err(Errno::ECONNREFUSED), "and with it the listener");
    Ok(())
}

/// A port is free as soon as its listener is closed, if no connection is left of it.
#[case(kernel = ["inet_put_port"], strength = Implementation)]
fn close_frees_the_port(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let address = listener.local_addr()?;
    let socket = net::tcp_socket()?;
    check!(t, net::bind_at(&socket, address) == Err(Errno::EADDRINUSE), "while it listens");
    drop(listener);
    check!(t, net::bind_at(&socket, address) == Ok(()), "when it is closed");
    Ok(())
}
