//! Servers that no sane author would write: each does one thing wrong, or at least unusually, and
//! apart from that answers HTTP. Whatever they do without end is bounded, so that a failure of the
//! suite harms nobody.

use std::io::{BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::{Command, exit};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::unistd::{Pid, getppid, setpgid, setsid};

/// How long anything lasts at most that would otherwise go on without end.
const MOST: Duration = Duration::from_secs(60);
/// How many processes a server makes at most that makes them without end.
const PROCESSES: u32 = 300;

/// Serves at `address`, in the manner named by `how`; `count` is for those that start themselves
/// again.
pub(crate) fn misbehave(how: &str, address: &str, count: u32) -> ! {
    match how {
        "dies_at_start" => {
            eprintln!("no luck today");
            exit(3)
        }
        "never_listens" => eprintln!("thinking"),
        "prints_junk_and_dies" => {
            let _ = std::io::stderr().write_all(b"\x1b[2J\x1b[31m\xff\xfe\0]0;\x07 junk\x1b[0m\n");
            exit(3)
        }
        "stops_itself" => {
            let _listener = listen(address);
            let _ = kill(Pid::this(), Signal::SIGSTOP);
        }
        "kills_its_parent" => {
            let _ = kill(getppid(), Signal::SIGKILL);
        }
        "listens_twice" => {
            let _other = listen("127.0.0.1:0");
            serve(&listen(address), answer)
        }
        "listens_elsewhere" => serve(&listen("127.0.0.1:0"), answer),
        "listens_twice_untold" => {
            let (first, second) = (bind(), bind());
            let _ = (
                nix::sys::socket::listen(&first, backlog()),
                nix::sys::socket::listen(&second, backlog()),
            );
            linger()
        }
        "listens_on_all_of_ipv6" => {
            let port = address.rsplit_once(':').map_or("0", |(_, port)| port);
            serve(&listen(&format!("[::]:{port}")), answer)
        }
        "listens_on_unix" => serve_unix(address),
        "serves" => serve(&listen(address), answer),
        "serves_once" => {
            let folder = std::env::var_os(super::MARK).unwrap_or_default();
            if std::fs::create_dir(std::path::Path::new(&folder).join("served")).is_ok() {
                serve(&listen(address), answer)
            }
        }
        "daemonises" => again("daemonises_further", address, 0),
        "daemonises_further" => {
            let _ = setsid();
            again("serves", address, 0);
        }
        "leaves_its_session" => {
            let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
            let _ = setsid();
            again("serves_in_a_group", address, 0);
        }
        "serves_in_a_group" => {
            let _ = setpgid(Pid::from_raw(0), Pid::from_raw(0));
            serve(&listen(address), answer)
        }
        "ignores_sigterm" => {
            ignore(&[Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT]);
            serve(&listen(address), answer)
        }
        "floods_its_log" => {
            let listener = listen(address);
            std::thread::spawn(flood);
            serve(&listener, answer)
        }
        "prints_junk" => {
            let _ =
                std::io::stdout().write_all(&(0..=255).cycle().take(100_000).collect::<Vec<u8>>());
            serve(&listen(address), answer)
        }
        "forks_without_end" => {
            if count < PROCESSES {
                again("forks_without_end", "", count + 1);
            }
            if count == 0 {
                serve(&listen(address), answer)
            }
        }
        "runs_away" => {
            // Each process starts the next and is gone: whoever looks sees it no more.
            if count < PROCESSES {
                again("runs_away", "", count + 1);
            }
            if count > 0 {
                exit(0)
            }
            serve(&listen(address), answer)
        }
        "needs_its_stdin" => {
            std::thread::spawn(|| {
                let _ = std::io::stdin().read(&mut [0]);
                exit(0)
            });
            serve(&listen(address), answer)
        }
        "inherits_nothing" => {
            let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
            // The folder that is read is one.
            if open != 4 {
                eprintln!("{open} descriptors are open");
                exit(3)
            }
            serve(&listen(address), answer)
        }
        "answers_garbage" => serve(&listen(address), |mut stream| {
            let _ = stream.write_all(b"\x1b[31m\0\xff\xfe not a word of HTTP\r\n\r\n");
        }),
        "answers_a_byte_a_second" => serve(&listen(address), |mut stream| {
            for byte in REPLY {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
                pass(Duration::from_secs(1));
            }
        }),
        "closes_at_once" => serve(&listen(address), drop),
        "dies_after_one_request" => serve(&listen(address), |mut stream| {
            if request(&mut BufReader::new(&stream)) {
                let _ = stream.write_all(REPLY);
                exit(0)
            }
        }),
        other => {
            eprintln!("nobody misbehaves like `{other}`");
            exit(2)
        }
    }
    if how.starts_with("daemonises") || how == "leaves_its_session" {
        exit(0)
    }
    linger()
}

const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";

fn listen(address: &str) -> TcpListener {
    TcpListener::bind(address).unwrap_or_else(|error| {
        eprintln!("{address}: {error}");
        exit(1)
    })
}

/// A socket that is bound, and does not listen yet.
fn bind() -> std::os::fd::OwnedFd {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, socket};
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None).unwrap();
    bind(std::os::fd::AsRawFd::as_raw_fd(&fd), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    fd
}

fn backlog() -> nix::sys::socket::Backlog {
    nix::sys::socket::Backlog::MAXCONN
}

fn serve(listener: &TcpListener, serve: fn(TcpStream)) -> ! {
    loop {
        if let Ok((stream, _)) = listener.accept() {
            std::thread::spawn(move || serve(stream));
        }
    }
}

fn serve_unix(path: &str) -> ! {
    let listener = UnixListener::bind(path).unwrap();
    loop {
        if let Ok((mut stream, _)) = listener.accept() {
            let mut requests = BufReader::new(stream.try_clone().unwrap());
            while request(&mut requests) && stream.write_all(REPLY).is_ok() {}
        }
    }
}

/// As a server should.
fn answer(mut stream: TcpStream) {
    let Ok(requests) = stream.try_clone() else { return };
    let mut requests = BufReader::new(requests);
    while request(&mut requests) && stream.write_all(REPLY).is_ok() {}
}

/// Whether a request came: everything up to an empty line.
fn request(from: &mut impl std::io::BufRead) -> bool {
    let mut line = String::new();
    while from.read_line(&mut line).is_ok_and(|length| length > 0) {
        if line == "\r\n" {
            return true;
        }
        line.clear();
    }
    false
}

/// This program again, in the background.
fn again(how: &str, address: &str, count: u32) {
    let mut command = Command::new("/proc/self/exe");
    command.args([super::MISBEHAVE, how, address, &count.to_string()]);
    #[expect(clippy::zombie_processes, reason = "that is the point")]
    let _child = command.spawn();
}

fn ignore(signals: &[Signal]) {
    #[expect(unsafe_code, reason = "to ignore a signal needs no handler")]
    for each in signals {
        // SAFETY: no handler is installed.
        let _ = unsafe { signal(*each, SigHandler::SigIgn) };
    }
}

/// Some MB a second, for a while.
fn flood() {
    let (end, line) = (Instant::now() + MOST, [b'x'; 1024]);
    let mut stdout = std::io::stdout();
    while Instant::now() < end && stdout.write_all(&line).is_ok() && stdout.write_all(b"\n").is_ok()
    {
    }
}

fn pass(time: Duration) {
    let (_sender, receiver) = mpsc::channel::<()>();
    let _ = receiver.recv_timeout(time);
}

/// Does nothing, for a while.
fn linger() -> ! {
    pass(MOST);
    exit(0)
}
