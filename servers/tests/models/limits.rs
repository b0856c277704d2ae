//! What a server does when time, or descriptors, run out; and when there is nothing to do.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use servers::Model;

use crate::client::Client;
use crate::server::{PATIENCE, Server, pause, sleeps, ticks};

/// Clients that take too long are told, or left.
pub(crate) fn time_outs(model: &Model) {
    let server =
        Server::start(model, &["--workers", "8", "--request-timeout", "1", "--idle-timeout", "1"]);
    let connect = || Client::connect(&server.address).unwrap();
    let (mut silent, mut idle, mut slow, mut greedy) = (connect(), connect(), connect(), connect());
    let before = Instant::now();
    assert_eq!(idle.get("/").unwrap().status, 200);
    slow.send(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    greedy.ask("GET", "/bytes/100000000").unwrap();

    assert_eq!(slow.reply().unwrap().status, 408);
    assert!(before.elapsed().as_secs() >= 1, "not before the time is over");
    assert_eq!(slow.rest().unwrap(), b"");
    drop(slow);
    assert_eq!(silent.rest().unwrap(), b"");
    assert_eq!(idle.rest().unwrap(), b"");
    // Who does not read is left without a word: what was on its way arrives, and then it ends.
    server.wait_until_alone(if model.own_listeners { 8 } else { 1 });
    let received = greedy.rest().map_or(0, |rest| rest.len());
    assert!(received < 100_000_000, "it was left");
}

/// A server that has no descriptors left serves whom it has, does not spin, and recovers.
pub(crate) fn descriptors_run_out(model: &Model) {
    let server = Server::start_limited(model, 32, &["--workers", "2"]);
    let mut served = Client::connect(&server.address).unwrap();
    assert_eq!(served.get("/").unwrap().status, 200);
    let mut others: Vec<Client> =
        (0..80).map(|_| Client::connect(&server.address).unwrap()).collect();
    let mut last = others.pop().unwrap();
    last.ask("GET", "/").unwrap();

    assert!(last.is_silent_for(Duration::from_millis(100)), "there is no descriptor for it");
    let before = server.sum(ticks);
    assert!(last.is_silent_for(Duration::from_millis(500)));
    let used = server.sum(ticks) - before;
    let spins = model.name == "nonblocking_spin";
    assert!(spins || used <= 20, "it used {used} of 50 ticks to do nothing");
    assert_eq!(served.get("/").unwrap().status, 200, "the others are served");

    drop(others);
    assert_eq!(last.reply().unwrap().status, 200, "it recovers");
    drop(last);
    drop(served);
    server.terminate();
    let (status, said) = server.wait();
    assert_eq!(status.code(), Some(0));
    assert!(said.lines().count() < 10, "{said}");
}

/// Clients that have ended their side, or do not read, cost nothing while they are waited for.
pub(crate) fn waiting_is_free(model: &Model) {
    let server = Server::start(model, &["--workers", "4"]);
    let connect = || Client::connect(&server.address).unwrap();
    let (mut ended, mut greedy, mut partial) = (connect(), connect(), connect());
    ended.ask("GET", "/bytes/50000000").unwrap();
    ended.end().unwrap();
    greedy.ask("GET", "/bytes/50000000").unwrap();
    partial.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf").unwrap();

    // What the sockets take at once is sent by then.
    pause(Duration::from_millis(200));
    let before = server.sum(ticks);
    pause(Duration::from_millis(500));
    let used = server.sum(ticks) - before;
    assert!(used <= 20, "it used {used} of 50 ticks to do nothing");
    assert_eq!(ended.reply().unwrap().body.len(), 50_000_000);
    assert_eq!(greedy.reply().unwrap().body.len(), 50_000_000);
}

/// A server that was suspended goes on where it was, though that ends some sleeps with `EINTR`
/// (signal(7), "Interruption of system calls ... by stop signals").
pub(crate) fn suspended(model: &Model) {
    let server = Server::start(model, &["--workers", "3"]);
    let mut idle = Client::connect(&server.address).unwrap();
    assert_eq!(idle.get("/").unwrap().status, 200);
    let mut partial = Client::connect(&server.address).unwrap();
    partial.send(b"GET / HT").unwrap();
    for _ in 0..3 {
        for signal in [Signal::SIGSTOP, Signal::SIGCONT] {
            for process in server.processes() {
                kill(Pid::from_raw(process), signal).unwrap();
            }
        }
        assert_eq!(idle.get("/").unwrap().status, 200);
        assert_eq!(Client::connect(&server.address).unwrap().get("/").unwrap().status, 200);
    }
    partial.send(b"TP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(partial.reply().unwrap().status, 200);
}

/// A server without connections sleeps: nothing wakes it, once it has closed the last one.
pub(crate) fn quiet_when_idle(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    let mut client = Client::connect(&server.address).unwrap();
    assert_eq!(client.get("/").unwrap().status, 200);
    client.end().unwrap();
    assert_eq!(client.rest().unwrap(), b"");
    let end = Instant::now() + PATIENCE;
    loop {
        let before = server.sum(sleeps);
        pause(Duration::from_millis(300));
        if server.sum(sleeps) == before {
            return;
        }
        assert!(Instant::now() < end, "it is woken again and again");
    }
}
