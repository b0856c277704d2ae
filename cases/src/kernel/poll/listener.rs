//! A listener is readable when accept would return a connection: when a handshake has been
//! completed, or, if so asked (`TCP_DEFER_ACCEPT`), when the client has also sent something.

use harness::prelude::*;

/// A listening socket is readable while a connection waits to be accepted, and never writable.
#[case(man = ["accept(2)", "listen(2)"], kernel = ["inet_csk_listen_poll"], strength = Implementation)]
fn is_readable_while_a_connection_waits(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    let nothing = PollFlags::empty();
    check!(t, poll_now(&listener, POLLIN | POLLOUT)? == nothing, "nobody has connected");
    net::stay_on_this_cpu()?;
    let address = listener.local_addr()?;
    let _clients = [net::connect(address)?, net::connect(address)?];
    for waiting in [2, 1] {
        check!(
            t,
            poll_wait(&listener, POLLIN | POLLOUT)? == POLLIN,
            "{waiting} not yet accepted: readable, not writable"
        );
        listener.accept()?;
    }
    check!(t, poll_now(&listener, POLLIN | POLLOUT)? == nothing, "all are accepted");
    Ok(())
}

/// With `TCP_DEFER_ACCEPT`, a listener is not readable when the client's connect has succeeded,
/// but when its data arrives.
#[case(man = ["tcp(7), TCP_DEFER_ACCEPT"], kernel = ["tcp_check_req"], since = "2.4", strength = Documented)]
fn waits_for_data_if_deferred(t: &mut Trial) -> Result {
    let listener = net::listener()?;
    net::set_option(&listener, nix::libc::IPPROTO_TCP, nix::libc::TCP_DEFER_ACCEPT, 30)?;
    net::stay_on_this_cpu()?;
    let mut client = net::connect(listener.local_addr()?)?;
    net::barrier()?;
    check!(
        t,
        net::tcp_info(&client)?.tcpi_state == 1,
        "the client's connection is in state ESTABLISHED (1)"
    );
    check!(
        t,
        poll_now(&listener, POLLIN)? == PollFlags::empty(),
        "its handshake was handled, and nothing is reported"
    );
    client.write_all(b"hello")?;
    check!(
        t,
        t.eventually(|| Ok(poll_now(&listener, POLLIN)? == POLLIN))?,
        "its data makes the listener readable"
    );
    let (accepted, _) = listener.accept()?;
    check!(t, net::unread(&accepted)? == 5, "the data is there when the connection is accepted");
    Ok(())
}
