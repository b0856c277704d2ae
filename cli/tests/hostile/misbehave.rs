//! Servers that no sane author would write: each does one thing wrong, or at least unusually, and
//! apart from that answers HTTP. Whatever they do without end is bounded, so that a failure of the
//! suite harms nobody.

use std::fs::Permissions;
use std::io::{BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, exit};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigHandler, Signal, kill, signal};
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, socket};
use nix::unistd::{Pid, getppid, setpgid, setsid};

/// How long anything lasts at most that would otherwise go on without end.
const MOST: Duration = Duration::from_mins(1);
/// How many processes a server makes at most that makes them without end.
const PROCESSES: u32 = 300;

/// Serves at `address`, in the manner named by `how`; `count` is for those that start themselves
/// again.
pub(crate) fn misbehave(how: &str, address: &str, count: u32) -> ! {
    fail_to_listen(how);
    listen_oddly(how, address);
    leave(how, address, count);
    print_or_read(how, address);
    answer_wrongly(how, address);
    eprintln!("nobody misbehaves like `{how}`");
    exit(2)
}

/// What never gets as far as to answer.
fn fail_to_listen(how: &str) {
    match how {
        "dies_at_start" => {
            eprintln!("no luck today");
            exit(3)
        }
        "never_listens" => {
            eprintln!("thinking");
            linger()
        }
        "prints_junk_and_dies" => {
            let _ = std::io::stderr().write_all(b"\x1b[2J\x1b[31m\xff\xfe\0]0;\x07 junk\x1b[0m\n");
            exit(3)
        }
        "kills_its_parent" => {
            let _ = kill(getppid(), Signal::SIGKILL);
            linger()
        }
        _ => {}
    }
}

/// Who listens where nobody would look, or more than once, or once in its life.
fn listen_oddly(how: &str, address: &str) {
    match how {
        "serves" => serve(&listen(address), answer),
        "serves_once" => {
            let folder = std::env::var_os(super::MARK).unwrap_or_default();
            if std::fs::create_dir(Path::new(&folder).join("served")).is_ok() {
                serve(&listen(address), answer)
            }
            linger()
        }
        "listens_twice" => {
            let _other = listen("127.0.0.1:0");
            serve(&listen(address), answer)
        }
        "listens_elsewhere" => serve(&listen("127.0.0.1:0"), answer),
        "listens_twice_untold" => {
            let sockets = [bind(), bind()];
            for socket in &sockets {
                let _ = nix::sys::socket::listen(socket, Backlog::MAXCONN);
            }
            linger()
        }
        "listens_on_all_of_ipv6" => {
            let port = address.rsplit_once(':').map_or("0", |(_, port)| port);
            serve(&listen(&format!("[::]:{port}")), answer)
        }
        "listens_on_unix" => serve_unix(address),
        "stops_itself" => {
            let _listener = listen(address);
            let _ = kill(Pid::this(), Signal::SIGSTOP);
            linger()
        }
        _ => {}
    }
}

/// Who is hard to keep hold of, and to end.
fn leave(how: &str, address: &str, count: u32) {
    match how {
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
        // Each process starts the next, and stays; or is gone before anybody has seen it.
        "forks_without_end" | "runs_away" => {
            if count < PROCESSES {
                again(how, address, count + 1);
            }
            if count == 0 {
                serve(&listen(address), answer)
            }
            if how == "forks_without_end" {
                linger()
            }
        }
        _ => return,
    }
    exit(0)
}

/// Who prints too much, and who cares for what it is given.
fn print_or_read(how: &str, address: &str) {
    match how {
        "floods_its_log" => {
            std::thread::spawn(flood);
        }
        "locks_its_folder" => {
            // Where it was told to make a socket, it makes folders, and forbids them to itself.
            let (folder, mode) = (Path::new(address), Permissions::from_mode(0o000));
            std::fs::create_dir_all(folder.join("in/the/way")).unwrap();
            std::fs::set_permissions(folder.join("in"), mode.clone()).unwrap();
            std::fs::set_permissions(folder, mode).unwrap();
            serve(&listen("127.0.0.1:0"), answer)
        }
        "prints_junk" => {
            let junk: Vec<u8> = (0..=255).cycle().take(100_000).collect();
            let _ = std::io::stdout().write_all(&junk);
        }
        "needs_its_stdin" => {
            std::thread::spawn(|| {
                let _ = std::io::stdin().read(&mut [0]);
                exit(0)
            });
        }
        "inherits_nothing" => {
            // Of the four, one is the folder that is read.
            let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
            if open != 4 {
                eprintln!("{open} descriptors are open");
                exit(3)
            }
        }
        _ => return,
    }
    serve(&listen(address), answer)
}

/// Whose answers are none.
fn answer_wrongly(how: &str, address: &str) {
    let wrongly: fn(TcpStream) = match how {
        "answers_garbage" => |mut stream| {
            let _ = stream.write_all(b"\x1b[31m\0\xff\xfe not a word of HTTP\r\n\r\n");
        },
        "answers_a_byte_a_second" => |mut stream| {
            for byte in REPLY {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
                pass(Duration::from_secs(1));
            }
        },
        "closes_at_once" => drop,
        "dies_after_one_request" => |mut stream| {
            if request(&mut BufReader::new(&stream)) {
                let _ = stream.write_all(REPLY);
                exit(0)
            }
        },
        _ => return,
    };
    serve(&listen(address), wrongly)
}

const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n";

fn listen(address: &str) -> TcpListener {
    TcpListener::bind(address).unwrap_or_else(|error| {
        eprintln!("{address}: {error}");
        exit(1)
    })
}

/// A socket that is bound, and does not listen yet.
fn bind() -> OwnedFd {
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None).unwrap();
    nix::sys::socket::bind(fd.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).unwrap();
    fd
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
    let _ = command.spawn();
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
