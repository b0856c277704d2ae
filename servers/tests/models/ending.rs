//! How connections end, and how servers do.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use servers::{Model, Workers};

use crate::client::{Client, request};
use crate::server::{PATIENCE, Server};

/// A client that ends its side behind the request still gets all of the reply.
pub(crate) fn half_close(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    for length in [0, 5, 1_500_000] {
        let mut client = Client::connect(&server.address).unwrap();
        client.ask("GET", &format!("/bytes/{length}")).unwrap();
        client.end().unwrap();
        assert_eq!(client.reply().unwrap().body.len(), length);
        assert_eq!(client.rest().unwrap(), b"");
    }
    for piece in ["", "GET / HT"] {
        let mut client = Client::connect(&server.address).unwrap();
        client.send(piece.as_bytes()).unwrap();
        client.end().unwrap();
        assert_eq!(client.rest().unwrap(), b"", "{piece:?} is no request");
    }
    server.wait_until_alone(if model.own_listeners { 2 } else { 1 });
}

/// A body with the end right behind it is read to the last byte.
pub(crate) fn body_and_end_at_once(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    let body: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len());
    let mut client = Client::connect(&server.address).unwrap();
    client.send(&[head.as_bytes(), &body].concat()).unwrap();
    client.end().unwrap();
    assert!(client.reply().unwrap().body == body);
    assert_eq!(client.rest().unwrap(), b"");
}

/// A refusal arrives whole, though the client goes on sending.
pub(crate) fn refused_body(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    for _ in 0..4 {
        let mut client = Client::connect(&server.address).unwrap();
        let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1500000\r\n\r\n";
        client.send(head.as_bytes()).unwrap();
        client.send(&vec![b'x'; 1_500_000]).unwrap();
        let reply = client.reply().unwrap();
        assert_eq!((reply.status, reply.field("connection")), (413, "close"));
        assert_eq!(client.rest().unwrap(), b"", "an end, not a reset");
    }
}

/// Clients that vanish in the middle of a reply cost nothing.
pub(crate) fn resets(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    for round in 0..40 {
        let mut client = Client::connect(&server.address).unwrap();
        match round % 4 {
            0 => client.ask("GET", "/bytes/100000000").unwrap(),
            1 => client.send(b"GET / HT").unwrap(),
            2 => assert_eq!(client.get("/").unwrap().status, 200),
            _ => client.ask("GET", "/work/1000").unwrap(),
        }
        client.reset();
    }
    assert_eq!(Client::connect(&server.address).unwrap().get("/").unwrap().status, 200);
    server.wait_until_alone(if model.own_listeners { 2 } else { 1 });
}

/// A server that is asked to stop finishes what was begun, and serves who is in the queue.
pub(crate) fn graceful_stop(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    let mut idle = Client::connect(&server.address).unwrap();
    assert_eq!(idle.get("/").unwrap().status, 200);
    let mut running = Client::connect(&server.address).unwrap();
    running.ask("GET", "/work/800000").unwrap();
    let mut queued: Vec<Client> =
        (0..20).map(|_| Client::connect(&server.address).unwrap()).collect();
    for client in &mut queued {
        client.ask("GET", "/bytes/70000").unwrap();
    }

    server.terminate();
    let asked = Instant::now();
    let reply = running.reply().unwrap();
    assert_eq!(reply.status, 200);
    // On a busy machine the request may be over before its worker learns of the stop.
    if asked.elapsed() > Duration::from_millis(400) {
        assert_eq!(reply.field("connection"), "close");
    }
    assert_eq!(running.rest().unwrap(), b"");
    assert_eq!(idle.rest().unwrap(), b"");
    for mut client in queued {
        assert_eq!(client.reply().unwrap().body.len(), 70_000);
        assert_eq!(client.rest().unwrap(), b"");
    }
    let address = server.address.clone();
    let (status, said) = server.wait();
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
    let refused = Client::connect(&address).err().map(|error| error.kind());
    assert_eq!(refused, Some(ErrorKind::ConnectionRefused));
}

/// Clients that do nothing do not hold up the end.
pub(crate) fn stop_while_idle(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    let mut idle = Client::connect(&server.address).unwrap();
    assert_eq!(idle.get("/").unwrap().status, 200);
    let mut silent = Client::connect(&server.address).unwrap();
    let before = Instant::now();
    server.terminate();
    assert_eq!(idle.rest().unwrap(), b"");
    assert_eq!(silent.rest().unwrap(), b"");
    assert_eq!(server.wait().0.code(), Some(0));
    // Far from the limit of ten seconds that ends what does not end by itself.
    assert!(before.elapsed().as_secs() < 6, "{:?}", before.elapsed());
}

/// A worker process that dies is replaced, and the others have served meanwhile.
pub(crate) fn dead_worker(model: &Model) {
    if model.workers != Workers::Processes {
        return;
    }
    let server = Server::start(model, &["--workers", "2"]);
    let mut client = Client::connect(&server.address).unwrap();
    let (worker, _) = client.get("/").unwrap().thread();
    kill(Pid::from_raw(worker), Signal::SIGKILL).unwrap();
    assert!(client.rest().is_ok_and(|rest| rest.is_empty()), "its connections end");
    let end = Instant::now() + PATIENCE;
    while server.processes().len() != 3 || server.processes().contains(&worker) {
        assert!(Instant::now() < end, "{:?}", server.processes());
        let mut client = Client::connect(&server.address).unwrap();
        client.send(request("GET", "/").as_bytes()).unwrap();
        let _ = client.reply();
    }
    server.terminate();
    assert_eq!(server.wait().0.code(), Some(0));
}
