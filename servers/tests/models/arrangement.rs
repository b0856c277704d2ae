//! Who waits where, who is woken, and what becomes of workers: seen from outside, in `/proc`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use servers::{Model, Workers};

use crate::client::Client;
use crate::server::{PATIENCE, Server, command, pause, sleeps, sockets, ticks};

/// A check, and the models that it is for.
type Check = (&'static str, fn(&Model) -> bool, fn(&Model));

/// The checks of this file.
pub(crate) const CHECKS: &[Check] = &[
    ("who_is_woken", forks, who_is_woken),
    // Where each has a queue of its own, the hash may choose the one that is busy.
    ("busy_worker", |model| forks(model) && !model.own_listeners, busy_worker),
    ("stop_of_the_group", forks, stop_of_the_group),
    ("one_worker_ends", forks, one_worker_ends),
    ("master_is_killed", forks, master_is_killed),
    ("own_listeners", |model| forks(model) && model.own_listeners, own_listeners),
    ("where_it_sleeps", has_one_thread, where_it_sleeps),
    ("end_follows_reply", |_| true, end_follows_reply),
    ("requests_left_over", |_| true, requests_left_over),
    ("set_is_full", |model| model.name == "select_loop", set_is_full),
    ("signals_are_lost", |model| model.name == "signal_driven", signals_are_lost),
    ("never_sleeps", |model| model.name == "nonblocking_spin", never_sleeps),
];

fn forks(model: &Model) -> bool {
    model.workers == Workers::Processes
}

fn has_one_thread(model: &Model) -> bool {
    ["poll_loop", "select_loop", "signal_driven", "single_reactor"].contains(&model.name)
}

/// The worker processes of a server, once it has `count`.
fn workers(server: &Server, count: usize) -> Vec<i32> {
    wait_until(|| server.processes().len() > count);
    server.processes()[1..].to_vec()
}

/// The system call in which a process with one thread sleeps.
fn sleeps_in(pid: i32) -> Option<i64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    if !stat.rsplit_once(')')?.1.trim_start().starts_with('S') {
        return None;
    }
    let call = fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?;
    call.split_whitespace().next()?.parse().ok()
}

/// Waits until all of `pids` sleep in one of `calls`, twice without having been woken in between.
/// Returns how often each has gone to sleep.
fn settle(pids: &[i32], calls: &[i64]) -> Vec<u64> {
    let end = Instant::now() + PATIENCE;
    let mut last = None;
    loop {
        let now: Vec<u64> = pids.iter().filter_map(|pid| sleeps(*pid)).collect();
        let asleep = pids.iter().all(|pid| sleeps_in(*pid).is_some_and(|it| calls.contains(&it)));
        if asleep && last.as_ref() == Some(&now) {
            return now;
        }
        last = Some(now);
        let calls: Vec<_> = pids.iter().map(|pid| sleeps_in(*pid)).collect();
        assert!(Instant::now() < end, "they do not settle: {calls:?}");
        pause(Duration::from_millis(1));
    }
}

/// The calls that the idle workers of a model may be seen in, and the one of masters.
fn idle_calls(model: &Model) -> Vec<i64> {
    match model.name {
        "blocking_acceptors_forked" => vec![libc::SYS_accept4],
        "signal_driven" => vec![libc::SYS_rt_sigtimedwait],
        #[cfg(target_arch = "x86_64")]
        "select_loop" => vec![libc::SYS_select, libc::SYS_pselect6],
        #[cfg(not(target_arch = "x86_64"))]
        "select_loop" => vec![libc::SYS_pselect6],
        #[cfg(target_arch = "x86_64")]
        "poll_loop" => vec![libc::SYS_poll],
        #[cfg(not(target_arch = "x86_64"))]
        "poll_loop" => vec![libc::SYS_ppoll],
        #[cfg(target_arch = "x86_64")]
        _ => vec![libc::SYS_epoll_wait, libc::SYS_epoll_pwait],
        #[cfg(not(target_arch = "x86_64"))]
        _ => vec![libc::SYS_epoll_pwait],
    }
}

/// How the workers of the models with processes are woken for one connection after the other, of
/// which each finds all workers asleep.
fn who_is_woken(model: &Model) {
    const ROUNDS: usize = 12;
    let server = Server::start(model, &["--workers", "3"]);
    let (workers, calls) = (workers(&server, 3), idle_calls(model));
    settle(&[server.pid()], &[libc::SYS_rt_sigtimedwait]);
    let mut served = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let before = settle(&workers, &calls);
        let mut client = Client::connect(&server.address).unwrap();
        let by = client.get("/").unwrap().thread().0;
        client.end().unwrap();
        assert_eq!(client.rest().unwrap(), b"");
        let after = settle(&workers, &calls);
        let (time, by) = (start.elapsed(), workers.iter().position(|pid| *pid == by).unwrap());
        served.push(by);

        let woken: Vec<u64> =
            after.iter().zip(&before).map(|(after, before)| after - before).collect();
        let others: Vec<u64> = (0..3).filter(|other| *other != by).map(|it| woken[it]).collect();
        assert!(woken[by] > 0, "the one that served was woken: {woken:?}");
        match model.name {
            "prefork_epoll" => assert!(!others.contains(&0), "a herd: {woken:?}"),
            "prefork_shared_epoll" => {}
            // They wake by themselves.
            "prefork_accept_mutex" => {
                let most = time.as_millis() / 500 + 1;
                assert!(others.iter().all(|count| u128::from(*count) <= most), "{woken:?}");
            }
            _ => assert_eq!(others, [0, 0], "one alone is woken"),
        }
    }
    match model.name {
        "blocking_acceptors_forked" => {
            let turns: BTreeSet<&[usize]> = served.chunks(3).collect();
            assert_eq!(turns.len(), 1, "in turn: {served:?}");
            assert_eq!(served[..3].iter().collect::<BTreeSet<_>>().len(), 3, "{served:?}");
        }
        "prefork_exclusive" => assert_eq!(served, [0; ROUNDS], "the first in line"),
        _ => {}
    }
}

/// Where the models with one thread sleep.
fn where_it_sleeps(model: &Model) {
    let server = Server::start(model, &[]);
    settle(&[server.pid()], &idle_calls(model));
}

/// With `SO_REUSEPORT` each worker holds one listener, which is its alone.
fn own_listeners(model: &Model) {
    let server = Server::start(model, &["--workers", "3"]);
    let workers = workers(&server, 3);
    settle(&workers, &idle_calls(model));
    let mut seen = BTreeSet::new();
    for worker in workers {
        let own = sockets(worker).unwrap();
        assert_eq!(own.len(), 1);
        seen.extend(own);
    }
    assert_eq!(seen.len(), 3);
}

/// While a worker computes, another one gets the next connection.
fn busy_worker(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    let (workers, calls) = (workers(&server, 2), idle_calls(model));
    settle(&workers, &calls);
    let mut slow = Client::connect(&server.address).unwrap();
    slow.ask("GET", "/work/10000000").unwrap();
    wait_until(|| workers.iter().any(|pid| ticks(*pid).is_some_and(|ticks| ticks > 5)));
    let mut client = Client::connect(&server.address).unwrap();
    let by = client.get("/").unwrap().thread().0;
    assert!(slow.is_silent_for(Duration::from_millis(1)), "it did not wait for the other");
    if model.name == "prefork_exclusive" {
        assert_eq!(by, workers[1], "the second in line");
    }
}

/// A signal to master and workers at once, as a terminal or a service manager sends it, is as good
/// as one to the master.
fn stop_of_the_group(model: &Model) {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut command = command(model);
        command.args(["--listen", "127.0.0.1:0", "--workers", "2"]).process_group(0);
        let server = Server::launch(&mut command);
        settle(&workers(&server, 2), &idle_calls(model));
        let group = Pid::from_raw(server.pid());
        killpg(group, Signal::SIGSTOP).unwrap();
        let mut clients: Vec<Client> =
            (0..20).map(|_| Client::connect(&server.address).unwrap()).collect();
        for client in &mut clients {
            client.ask("GET", "/").unwrap();
        }
        killpg(group, signal).unwrap();
        killpg(group, Signal::SIGCONT).unwrap();
        for mut client in clients {
            assert_eq!(client.reply().unwrap().status, 200);
            assert_eq!(client.rest().unwrap(), b"");
        }
        let (status, said) = server.wait();
        assert_eq!((status.code(), said.as_str()), (Some(0), ""));
    }
}

/// A worker that is asked to end finishes its request and is replaced; the server goes on.
fn one_worker_ends(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    let mut client = Client::connect(&server.address).unwrap();
    let worker = client.get("/").unwrap().thread().0;
    client.ask("GET", "/work/200000").unwrap();
    kill(Pid::from_raw(worker), Signal::SIGTERM).unwrap();
    assert_eq!(client.reply().unwrap().status, 200);
    assert_eq!(client.rest().unwrap(), b"");
    drop(client);
    wait_until(|| server.processes().len() == 3 && !server.processes().contains(&worker));
    assert_eq!(Client::connect(&server.address).unwrap().get("/").unwrap().status, 200);
}

/// Workers do not outlive a master that is killed.
fn master_is_killed(model: &Model) {
    let server = Server::start(model, &["--workers", "3"]);
    let workers = workers(&server, 3);
    // One of them has a client who waits for nothing.
    let mut client = Client::connect(&server.address).unwrap();
    assert_eq!(client.get("/").unwrap().status, 200);
    drop(server);
    assert_eq!(client.rest().unwrap(), b"");
    // Whoever inherits a dead worker takes it away, sooner or later: Z is as good as gone.
    let lives = |pid: &i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
    };
    wait_until(|| !workers.iter().any(lives));
}

/// The last reply is followed by the end, not by a pause for the client to end first.
fn end_follows_reply(model: &Model) {
    let server = Server::start(model, &["--workers", "2"]);
    let shortest = (0..5).map(|_| {
        let mut client = Client::connect(&server.address).unwrap();
        let start = Instant::now();
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(client.reply().unwrap().status, 200);
        assert_eq!(client.rest().unwrap(), b"");
        start.elapsed()
    });
    assert!(shortest.min().unwrap() < Duration::from_millis(1500));
}

/// Requests that wait in the server's own input are answered, though nothing is reported any more.
fn requests_left_over(model: &Model) {
    const COUNT: usize = 200;
    let server = Server::start(model, &["--workers", "2"]);
    let mut client = Client::connect(&server.address).unwrap();
    client.send("GET /bytes/100000 HTTP/1.1\r\nHost: a\r\n\r\n".repeat(COUNT).as_bytes()).unwrap();
    for _ in 0..COUNT {
        assert_eq!(client.reply().unwrap().body.len(), 100_000);
    }
}

/// `select` is never given a number that does not fit; who does not fit waits, and gets in later.
fn set_is_full(model: &Model) {
    const MANY: usize = 1100;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard < 4096 {
        return;
    }
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(4096), hard).unwrap();
    let server = Server::start_limited(model, 4096, &[]);
    let mut clients: Vec<Client> =
        (0..MANY).map(|_| Client::connect(&server.address).unwrap()).collect();
    let numbers = || fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
    wait_until(|| numbers() == 1024);
    for client in &mut clients {
        client.ask("GET", "/").unwrap();
    }
    assert_eq!(clients[0].reply().unwrap().status, 200);
    assert_eq!(clients[1000].reply().unwrap().status, 200);
    assert!(clients[MANY - 1].is_silent_for(Duration::from_millis(200)));
    let before = ticks(server.pid()).unwrap();
    pause(Duration::from_millis(500));
    assert!(ticks(server.pid()).unwrap() - before <= 20, "it does not spin");
    assert!(numbers() <= 1024, "none is beyond the set");
    // The number of those that leave is that of those that get in.
    drop(clients.drain(..200));
    assert_eq!(clients.last_mut().unwrap().reply().unwrap().status, 200);
    server.terminate();
    assert_eq!(server.wait().0.code(), Some(0));
}

/// When the queue of signals is full, nobody is forgotten.
fn signals_are_lost(model: &Model) {
    // The server inherits the limit; other servers that start meanwhile must live with it too.
    let (soft, hard) = getrlimit(Resource::RLIMIT_SIGPENDING).unwrap();
    setrlimit(Resource::RLIMIT_SIGPENDING, 3, hard).unwrap();
    let server = Server::start(model, &[]);
    setrlimit(Resource::RLIMIT_SIGPENDING, soft, hard).unwrap();
    let pid = Pid::from_raw(server.pid());
    settle(&[server.pid()], &[libc::SYS_rt_sigtimedwait]);
    let mut old: Vec<Client> = (0..20).map(|_| Client::connect(&server.address).unwrap()).collect();
    for client in &mut old {
        assert_eq!(client.get("/").unwrap().status, 200);
    }

    kill(pid, Signal::SIGSTOP).unwrap();
    wait_until(|| status(pid, "State").starts_with('T'));
    for client in &mut old {
        client.ask("GET", "/bytes/1000000").unwrap();
    }
    let mut new: Vec<Client> = (0..20).map(|_| Client::connect(&server.address).unwrap()).collect();
    for client in &mut new {
        client.ask("GET", "/").unwrap();
        client.end().unwrap();
    }
    let pending = u64::from_str_radix(&status(pid, "SigPnd"), 16).unwrap();
    assert_ne!(pending & (1 << (libc::SIGIO - 1)), 0, "signals were lost: {pending:x}");
    kill(pid, Signal::SIGCONT).unwrap();

    for client in &mut old {
        assert_eq!(client.reply().unwrap().body.len(), 1_000_000);
    }
    for client in &mut new {
        assert_eq!(client.reply().unwrap().status, 200);
        assert_eq!(client.rest().unwrap(), b"");
    }
    server.terminate();
    assert_eq!(server.wait().0.code(), Some(0));
}

/// The model that spins never goes to sleep.
fn never_sleeps(model: &Model) {
    let server = Server::start(model, &[]);
    let get = || Client::connect(&server.address).unwrap().get("/").unwrap().status;
    assert_eq!(get(), 200);
    let before = (sleeps(server.pid()).unwrap(), ticks(server.pid()).unwrap());
    for _ in 0..50 {
        assert_eq!(get(), 200);
    }
    wait_until(|| ticks(server.pid()).unwrap() >= before.1 + 10);
    assert_eq!(sleeps(server.pid()).unwrap(), before.0);
}

/// A line of `/proc/PID/status`.
fn status(pid: Pid, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_default().trim().to_string()
}

fn wait_until(condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "it does not come true");
        pause(Duration::from_millis(1));
    }
}
