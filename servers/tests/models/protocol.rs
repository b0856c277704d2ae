//! What a client gets that does everything right.

use std::collections::BTreeSet;

use servers::{Address, MODELS, Model, Workers};

use crate::client::{Client, request};
use crate::server::{Server, command};

/// `hello`, with its length, as the body of a request.
const HELLO: &str = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
/// The same in chunks.
const CHUNKS: &str = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
/// The SHA-256 of `hello`, as the coreutils compute it.
const DIGEST: &str = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";

/// Every resource answers, and what it should.
pub(crate) fn resources(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    let mut client = Client::connect(&server.address).unwrap();

    let reply = client.get("/").unwrap();
    assert_eq!(
        (reply.status, reply.body.as_slice()),
        (200, b"ioconform reference server\n".as_slice())
    );
    for body in [HELLO, CHUNKS] {
        client.send(body.as_bytes()).unwrap();
        let reply = client.reply().unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"hello".as_slice()));
        assert_eq!(reply.field("content-digest"), DIGEST);
    }
    let reply = client.get("/bytes/300000").unwrap();
    assert_eq!((reply.status, reply.body.len()), (200, 300_000));
    assert!((0..300_000).all(|at| reply.body[at] == reply.body[at % 64]), "the text repeats");
    assert_eq!(client.get("/bytes/0").unwrap().body, b"");
    let before = std::time::Instant::now();
    assert_eq!(client.get("/work/20000").unwrap().status, 200);
    assert!(before.elapsed().as_micros() >= 20_000, "the work takes its time");

    client.ask("HEAD", "/bytes/300000").unwrap();
    let head = client.head().unwrap();
    assert_eq!((head.status, head.field("content-length")), (200, "300000"));
    assert_eq!(client.get("/nothing").unwrap().status, 404);
    client.ask("PUT", "/").unwrap();
    let reply = client.reply().unwrap();
    assert_eq!((reply.status, reply.field("allow")), (405, "GET, HEAD"));
    client.ask("GET", "/echo").unwrap();
    let reply = client.reply().unwrap();
    assert_eq!((reply.status, reply.field("allow")), (405, "POST"));
    client.send(b"nonsense\r\n\r\n").unwrap();
    let reply = client.reply().unwrap();
    assert_eq!((reply.status, reply.field("connection")), (400, "close"));
    assert_eq!(client.rest().unwrap(), b"", "the connection ends");
}

/// A connection lasts for as long as both sides say so.
pub(crate) fn keep_alive(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    let cases = [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", true),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "close", false),
        ("GET / HTTP/1.0\r\n\r\n", "close", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "keep-alive", true),
    ];
    for (request, connection, lasts) in cases {
        let mut client = Client::connect(&server.address).unwrap();
        client.send(request.as_bytes()).unwrap();
        let reply = client.reply().unwrap();
        assert_eq!((reply.status, reply.field("connection")), (200, connection), "{request:?}");
        if lasts {
            assert_eq!(client.get("/").unwrap().status, 200, "{request:?}");
        } else {
            assert_eq!(client.rest().unwrap(), b"", "{request:?}");
        }
    }
}

/// Requests arrive in two pieces, whatever the pieces are.
pub(crate) fn every_cut(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    let mut client = Client::connect(&server.address).unwrap();
    let both = format!("{CHUNKS}{HELLO}");
    for cut in 1..both.len() {
        client.send(&both.as_bytes()[..cut]).unwrap();
        // The server answers the first request as soon as it is whole; a reply proves that it has
        // read the first piece. Before that, nothing can be waited for.
        let first = (cut >= CHUNKS.len()).then(|| client.reply().unwrap());
        client.send(&both.as_bytes()[cut..]).unwrap();
        let first = first.unwrap_or_else(|| client.reply().unwrap());
        let second = client.reply().unwrap();
        for reply in [first, second] {
            assert_eq!(
                (reply.status, reply.field("content-digest")),
                (200, DIGEST),
                "cut at {cut}"
            );
        }
    }
}

/// Requests that arrive together are answered in order, without any further report of the kernel.
pub(crate) fn pipelining(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    let mut client = Client::connect(&server.address).unwrap();
    let requests: String = (0..256).map(|n| request("GET", &format!("/bytes/{n}"))).collect();
    client.send(requests.as_bytes()).unwrap();
    for n in 0..256 {
        assert_eq!(client.reply().unwrap().body.len(), n);
    }
    // Replies that are larger than what is made ahead, so that each waits for the one before it.
    let requests: String =
        (0..20).map(|n| request("GET", &format!("/bytes/{}", 200_000 + n))).collect();
    client.send(requests.as_bytes()).unwrap();
    for n in 0..20 {
        assert_eq!(client.reply().unwrap().body.len(), 200_000 + n);
    }
}

/// A client that waits for leave to send its body gets it.
pub(crate) fn expectation(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    let mut client = Client::connect(&server.address).unwrap();
    let (head, body) = HELLO.split_at(HELLO.len() - 5);
    let head = head.replace("Host: a", "Host: a\r\nExpect: 100-continue");
    client.send(head.as_bytes()).unwrap();
    assert_eq!(client.head().unwrap().status, 100);
    client.send(body.as_bytes()).unwrap();
    assert_eq!(client.reply().unwrap().field("content-digest"), DIGEST);

    let head =
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9999999\r\n\r\n";
    client.send(head.as_bytes()).unwrap();
    assert_eq!(client.reply().unwrap().status, 413, "no leave for a body that is too long");
}

/// A path is as good as a port, but for `SO_REUSEPORT`.
pub(crate) fn unix_socket(model: &Model) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let mut command = command(model);
    command.arg("--listen").arg(&path).args(["--workers", "2"]);
    if model.own_listeners {
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 1), "{said}");
        assert!(said.starts_with("error: ") && said.contains("SO_REUSEPORT"), "{said}");
        return;
    }
    let server = Server::launch(&mut command);
    assert_eq!(server.address, Address::Unix(path.clone()));
    let mut client = Client::connect(&server.address).unwrap();
    assert_eq!(client.get("/bytes/1000000").unwrap().body.len(), 1_000_000);
    client.send(HELLO.as_bytes()).unwrap();
    client.end().unwrap();
    assert_eq!(client.reply().unwrap().field("content-digest"), DIGEST);
    assert_eq!(client.rest().unwrap(), b"");
    server.terminate();
    assert_eq!(server.wait().0.code(), Some(0));
    assert!(!path.exists(), "the path is gone with its server");
}

/// Requests are processed where the model says.
pub(crate) fn workers(model: &Model) {
    let server = Server::start(model, &["--workers", "3"]);
    let mut seen = BTreeSet::new();
    for _ in 0..60 {
        let mut client = Client::connect(&server.address).unwrap();
        seen.insert(client.get("/").unwrap().thread());
        client.end().unwrap();
        client.rest().unwrap();
    }
    let processes: BTreeSet<i32> = seen.iter().map(|(process, _)| *process).collect();
    if model.workers == Workers::Processes {
        assert!(!processes.contains(&server.pid()), "the master serves nobody: {seen:?}");
        assert_eq!(server.processes().len(), 4, "a master and its workers");
    } else {
        assert_eq!(processes, [server.pid()].into(), "threads of one process");
    }
    if model.workers != Workers::Single {
        assert!(seen.len() <= 3, "no more than the workers: {seen:?}");
    }
}

/// A model that is not in the table would be tested by nobody.
pub(crate) fn every_file_is_in_the_table() {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/models")).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()
    };
    let mut files: Vec<String> = folder.map(name).filter(|name| name != "mod").collect();
    files.sort();
    let table: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
    assert_eq!(table, files, "the table is sorted, and holds every file of src/models");
}

/// What cannot be understood is answered with the status 2, what cannot be done with 1.
pub(crate) fn usage() {
    let model = servers::find("single_reactor").unwrap();
    assert!(servers::find("nothing").is_none());
    let cases: &[(&[&str], i32, &str)] = &[
        (&["--listen", "nowhere"], 2, "ADDRESS:PORT"),
        (&["--workers", "0"], 2, "--workers"),
        (&["--workers", "1025"], 2, "--workers"),
        (&["--idle-timeout", "0"], 2, "--idle-timeout"),
        (&["--listen", "/nowhere/at/all"], 1, "/nowhere/at/all: "),
        (&["--listen", "192.0.2.1:1"], 1, "192.0.2.1:1: "),
    ];
    for (arguments, status, text) in cases {
        let output = command(model).args(*arguments).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(*status), "{arguments:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains(text), "{arguments:?}: {said}");
    }
}
