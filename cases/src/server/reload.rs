//! A server reads its configuration anew while it serves: old workers go, new ones come. A
//! listener that both share, by fork or over a socket (unix(7), SCM_RIGHTS), has one queue, and
//! whoever is left takes from it. A listener of a `SO_REUSEPORT` group has a queue of its own: the
//! kernel goes on giving it connections for as long as anybody keeps it open, and when the last
//! owner closes it, all that wait in it are reset (`inet_csk_listen_stop`).

use harness::prelude::*;

/// How often the server is made to reload.
const RELOADS: usize = 4;
/// How many clients come while it does.
const CLIENTS: usize = 16;

/// Every client that comes while the server reloads is answered.
#[case(
    man = ["socket(7), SO_REUSEPORT"],
    incident = ["haproxy b7f1cfc84: a listener that nobody accepted from stayed in the group"],
    strength = Must
)]
fn no_black_hole(t: &mut Trial) -> Result {
    let server = t.server()?;
    for _ in 0..RELOADS {
        server.reload()?;
        for _ in 0..CLIENTS {
            let reply = server.connect(t)?.ask(t, &server.small()?)?;
            check!(t, reply == Reply::Whole, "the reply to a client that comes during a reload");
        }
    }
    Ok(())
}

/// Clients that wait in the accept queue when the server is made to reload are answered.
#[case(
    man = ["socket(7), SO_REUSEPORT"],
    kernel = ["inet_csk_listen_stop"],
    incident = ["envoy #15818, #17259: what the old process had queued was dropped"],
    strength = Should
)]
fn queued_survive(t: &mut Trial) -> Result {
    let server = t.server()?;
    let small = server.small()?;
    server.await_leader()?;
    server.pause(t)?;
    let mut clients = Vec::new();
    while let Some(mut client) = server.knock()?.filter(|_| clients.len() < CLIENTS) {
        client.send_at_once(&small.request)?;
        clients.push(client);
    }
    server.reload()?;
    // Else the workers could have accepted all of them before it takes notice.
    server.resume_leader()?;
    server.resume()?;

    check!(t, !clients.is_empty(), "clients wait to be accepted");
    for mut client in clients {
        check!(t, client.reply(t, &small)? == Reply::Whole, "the reply to a client that waited");
    }
    Ok(())
}

/// Reloading leaves no descriptor behind in the process that lives through it.
#[case(
    man = ["accept(2), EMFILE"],
    incident = ["haproxy 7c756a8cc", "haproxy 67e371ea1"],
    strength = Must
)]
fn no_fd_leak(t: &mut Trial) -> Result {
    let server = t.server()?;
    server.comes_to_rest(t)?;
    let before = server.leader_descriptors()?;
    for _ in 0..RELOADS {
        server.reload_noticed(t)?;
    }

    // More by less than one a reload: what is opened once, and kept, is no leak.
    let mut open = 0;
    let few = t.eventually(|| {
        open = server.leader_descriptors()?;
        Ok(open < before + RELOADS)
    })?;
    t.measure("descriptors before", before as f64)?;
    t.measure("descriptors behind", open as f64)?;
    check!(t, few, "{RELOADS} reloads leave {open} descriptors, of {before} before them");
    let reply = server.connect(t)?.ask(t, &server.small()?)?;
    check!(t, reply == Reply::Whole, "and it serves");
    Ok(())
}
