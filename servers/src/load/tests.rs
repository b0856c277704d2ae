//! The client against servers that do what a test needs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rstest::rstest;

use super::*;

const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nServer-Thread: 7\r\nContent-Length: 2\r\n\r\nok";

/// A server with a thread a connection, that ends with the test's process. `answer` is called for
/// each request, and returns whether the connection goes on.
fn server(answer: impl Fn(&mut TcpStream) -> bool + Send + Sync + 'static) -> SocketAddr {
    let answer = Arc::new(answer);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            std::thread::spawn(move || serve(stream, &*answer));
        }
    });
    address
}

fn serve(stream: TcpStream, answer: &dyn Fn(&mut TcpStream) -> bool) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut stream = stream;
    while let Some(Ok(line)) = lines.next() {
        if line.is_empty() && !answer(&mut stream) {
            return;
        }
    }
}

fn aim(address: SocketAddr, usage: Use) -> Aim {
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec();
    Aim { address, request, usage, worker_field: Some("Server-Thread".to_owned()) }
}

/// Lets time pass.
fn pass(time: Duration) {
    let (_sender, receiver) = mpsc::channel::<()>();
    let _ = receiver.recv_timeout(time);
}

const MOMENT: Duration = Duration::from_millis(200);

#[test]
fn connections_that_stay_serve_request_after_request() {
    let address = server(|stream| stream.write_all(REPLY).is_ok());
    let mut swarm = Swarm::new(&aim(address, Use::KeepAlive), 5, 2).unwrap();
    let first = swarm.run(Pace::Closed, MOMENT).unwrap();
    assert_eq!((first.failure, first.unanswered, first.connections), (None, 0, 5));
    assert!(first.answered_in_all >= 5, "each client got a reply");
    assert!(first.answered_in_all - first.answered <= 5, "one a client can come late");
    let counted: u64 = first.by_worker.values().sum();
    assert_eq!((first.by_worker.len(), counted), (1, first.answered_in_all));
    let second = swarm.run(Pace::Closed, MOMENT).unwrap();
    assert_eq!((second.failure, second.connections), (None, 0), "they are used again");
}

#[test]
fn a_short_connection_serves_one_request_and_ends_with_the_servers_close() {
    let address = server(|stream| stream.write_all(REPLY).is_err());
    let mut swarm = Swarm::new(&aim(address, Use::Once), 3, 1).unwrap();
    let tally = swarm.run(Pace::Closed, MOMENT).unwrap();
    assert_eq!((tally.failure, tally.unanswered), (None, 0));
    assert_eq!(tally.connections, tally.answered_in_all);
    assert!(tally.answered_in_all >= 3, "each client got a reply");
}

#[test]
fn a_connection_that_the_server_ends_by_its_reply_is_replaced() {
    let address = server(|stream| {
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        stream.write_all(reply).is_err()
    });
    let mut swarm = Swarm::new(&aim(address, Use::KeepAlive), 2, 1).unwrap();
    let tally = swarm.run(Pace::Closed, MOMENT).unwrap();
    assert_eq!((tally.failure, tally.unanswered), (None, 0));
    assert_eq!(tally.connections, tally.answered_in_all);
}

#[rstest]
#[case::status(b"HTTP/1.1 503 Busy\r\n\r\n", Failure::Status(503))]
#[case::closed(b"", Failure::Closed { received: 0 })]
#[case::cut(&REPLY[..40], Failure::Closed { received: 40 })]
#[case::garbage(b"hello\n", Failure::Garbage("a head out of form"))]
#[case::too_much(&[REPLY, REPLY].concat(), Failure::Garbage("more than a reply"))]
fn what_goes_wrong_ends_the_run_and_is_named(#[case] reply: &[u8], #[case] failure: Failure) {
    let reply = reply.to_vec();
    let address = server(move |stream| stream.write_all(&reply).is_err());
    let mut swarm = Swarm::new(&aim(address, Use::KeepAlive), 1, 1).unwrap();
    let tally = swarm.run(Pace::Closed, Duration::from_mins(1)).unwrap();
    assert_eq!((tally.failure, tally.answered_in_all), (Some(failure), 0));
}

#[test]
fn nobody_there_is_a_failure_to_connect() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut swarm = Swarm::new(&aim(address, Use::Once), 1, 1).unwrap();
    let tally = swarm.run(Pace::Closed, Duration::from_mins(1)).unwrap();
    assert_eq!(tally.failure, Some(Failure::Connect(Errno::ECONNREFUSED)));
}

#[rstest]
#[case(Pace::Closed)]
#[case(Pace::Open(20.0))]
fn a_server_that_never_answers_leaves_its_clients_unanswered(#[case] pace: Pace) {
    let mut swarm = Swarm::new(&aim(server(|_| true), Use::KeepAlive), 3, 1).unwrap();
    let tally = swarm.run(pace, MOMENT).unwrap();
    assert_eq!((tally.failure, tally.answered_in_all), (None, 0));
    match tally.latency {
        None => assert_eq!(tally.unanswered, 3),
        Some(latency) => {
            // One more than there are clients: it found none free, and is not forgotten.
            assert_eq!((tally.unanswered, latency.len()), (4, 4));
            assert!(latency.min() >= 800_000_000, "until they were given up: {}", latency.min());
        }
    }
}

/// The stall of this server, in the course of its requests.
const STALL: Duration = Duration::from_millis(400);

/// Answers at once, but for one stall of all connections.
fn stalling() -> SocketAddr {
    use std::sync::atomic::{AtomicU32, Ordering};
    static REQUESTS: AtomicU32 = AtomicU32::new(0);
    static STALLS: std::sync::Mutex<()> = std::sync::Mutex::new(());
    server(|stream| {
        let guard = STALLS.lock();
        if REQUESTS.fetch_add(1, Ordering::Relaxed) == 20 {
            pass(STALL);
        }
        drop(guard);
        stream.write_all(REPLY).is_ok()
    })
}

/// The omission that a closed loop makes: a stall of 400 ms in a run of a second is 40 % of the
/// requests that should have been sent, and they wait 200 ms on average.
#[test]
fn a_stall_shows_in_the_percentiles_of_an_open_loop() {
    let mut swarm = Swarm::new(&aim(stalling(), Use::KeepAlive), 2, 1).unwrap();
    let start = Instant::now();
    let tally = swarm.run(Pace::Open(200.0), Duration::from_secs(1)).unwrap();
    let took = start.elapsed();
    let latency = tally.latency.unwrap();
    assert_eq!((tally.failure, latency.len()), (None, 200), "every moment has its request");
    let at_least = |quantile: f64, millis: u64| {
        let found = latency.value_at_quantile(quantile);
        assert!(found >= millis * 1_000_000, "{quantile}: {found} ns and not {millis} ms");
    };
    at_least(1.0, 390);
    at_least(0.9, 250);
    at_least(0.7, 50);
    assert!(took >= Duration::from_millis(990), "requests are not sent before their moment");
}
