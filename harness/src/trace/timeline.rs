//! A trial written down: which thread made which call, how it ended, and whether it slept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Instant;

use nix::sys::epoll::EpollFlags;
use nix::unistd::Pid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::act::{int, read};
use super::names;
use crate::watch::Task;

/// How many spans are kept of a trial: of one that makes more, the first.
pub const MOST: usize = 4000;

/// The bytes of a buffer that are shown.
const SHOWN: usize = 24;

/// A call of a thread, from its begin to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The process, by its number in the trial.
    pub process: i32,
    /// The thread, likewise.
    pub thread: i32,
    /// What the thread is called.
    pub name: String,
    /// The call with its arguments: `read(5, "hello", 4096)`.
    pub call: String,
    /// The call as it was when the thread fell asleep in it, if that shows less: nothing was read yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asleep: Option<String>,
    /// What it returned: `5`, `EAGAIN`; `""` if it had not ended when the trial had.
    pub result: String,
    /// When it began: microseconds since the first of the trial's calls.
    pub start: u64,
    /// How long it took, in microseconds.
    pub micros: u64,
    /// Whether the thread slept in it.
    pub slept: bool,
}

/// A call that has begun.
struct Begun {
    number: i64,
    arguments: [u64; 6],
    start: Instant,
    switches: u64,
    /// The call, where its arguments are gone when it has ended.
    shown: Option<String>,
}

/// Writes calls down.
pub(super) struct Recorder {
    first: Instant,
    count: usize,
    begun: BTreeMap<Pid, Begun>,
    /// Processes and names, by thread.
    owners: BTreeMap<Pid, (Pid, String)>,
    /// What the suite looks into: descriptors of `/proc`, by process.
    windows: BTreeSet<(Pid, u64)>,
}

impl Recorder {
    pub(super) fn new() -> Recorder {
        Recorder {
            first: Instant::now(),
            count: 0,
            begun: BTreeMap::new(),
            owners: BTreeMap::new(),
            windows: BTreeSet::new(),
        }
    }

    /// A thread that is stopped begins a call.
    pub(super) fn begin(&mut self, thread: Pid, (number, arguments): (i64, [u64; 6])) {
        self.owners.entry(thread).or_insert_with(|| (process_of(thread), name_of(thread)));
        let becomes_another = number == libc::SYS_execve;
        let begun = Begun {
            number,
            arguments,
            start: Instant::now(),
            switches: switches(thread),
            shown: becomes_another.then(|| shown(thread, number, arguments, None)),
        };
        self.begun.insert(thread, begun);
    }

    /// The call of a thread that is stopped has ended. Nothing if it is one of the suite's own.
    pub(super) fn end(&mut self, thread: Pid, result: i64) -> Option<Span> {
        let begun = self.begun.remove(&thread)?;
        if self.is_the_suites(thread, &begun, result) || self.count >= MOST {
            return None;
        }
        self.count += 1;
        if let Some((_, name)) = self.owners.get_mut(&thread) {
            *name = name_of(thread);
        }
        let slept = switches(thread) > begun.switches;
        Some(self.span(thread, &begun, Some(result), slept))
    }

    /// The calls that have not ended.
    pub(super) fn finish(&mut self) -> Vec<Span> {
        let begun = std::mem::take(&mut self.begun);
        let exits = [libc::SYS_exit, libc::SYS_exit_group];
        let left = begun.iter().filter(|(_, begun)| !exits.contains(&begun.number));
        left.map(|(thread, begun)| self.span(*thread, begun, None, true)).collect()
    }

    fn span(&self, thread: Pid, begun: &Begun, result: Option<i64>, slept: bool) -> Span {
        let call = |result| match &begun.shown {
            Some(shown) => shown.clone(),
            None => shown(thread, begun.number, begun.arguments, result),
        };
        let (asleep, call) = (slept.then(|| call(None)), call(result));
        let micros = |time: std::time::Duration| u64::try_from(time.as_micros()).unwrap_or(0);
        let (process, name) = self.owners.get(&thread).cloned().unwrap_or((thread, String::new()));
        Span {
            process: process.as_raw(),
            thread: thread.as_raw(),
            name,
            asleep: asleep.filter(|asleep| *asleep != call),
            call,
            result: result.map(outcome).unwrap_or_default(),
            start: micros(begun.start - self.first),
            micros: micros(begun.start.elapsed()),
            slept,
        }
    }

    /// Whether a call says nothing of the case: it belongs to the suite's own looking and telling, to
    /// the C library or to the loader of programs.
    fn is_the_suites(&mut self, thread: Pid, begun: &Begun, result: i64) -> bool {
        let process = self.owners.get(&thread).map_or(thread, |(process, _)| *process);
        let [first, second, third, ..] = begun.arguments;
        let told_to_the_suite = first >= REPORTS;
        match begun.number {
            libc::SYS_openat => {
                let path = path(thread, second).unwrap_or_default();
                let inside = self.windows.contains(&(process, first));
                let window = inside || WINDOWS.iter().any(|folder| path.starts_with(folder));
                if let (true, Ok(number)) = (window, u64::try_from(result)) {
                    self.windows.insert((process, number));
                }
                window
            }
            libc::SYS_close => self.windows.remove(&(process, first)) || told_to_the_suite,
            libc::SYS_write | libc::SYS_fcntl => {
                self.windows.contains(&(process, first)) || told_to_the_suite
            }
            libc::SYS_read | libc::SYS_pread64 | libc::SYS_lseek | libc::SYS_getdents64 => {
                self.windows.contains(&(process, first))
            }
            libc::SYS_prctl => i32::try_from(first) == Ok(libc::PR_SET_NAME),
            libc::SYS_prlimit64 => third == 0,
            libc::SYS_rt_sigaction => {
                let own = [SIGCANCEL, SIGSETXID].contains(&first);
                // The handler is the first word; 0 is the default.
                let default = || read(thread, second, 8).is_some_and(|word| word == [0; 8]);
                own || second == 0 || default()
            }
            _ => false,
        }
    }
}

/// The descriptors by which a trial tells its warden have this number or one above it.
pub(super) const REPORTS: u64 = 1000;

/// Where the suite, the C library and the loader look.
const WINDOWS: [&str; 6] =
    ["/proc", "/sys/fs/cgroup", "/sys/devices", "/lib", "/usr/lib", "/etc/ld.so"];

/// The C library's own signals (`nptl/descr.h`).
const SIGCANCEL: u64 = 32;
const SIGSETXID: u64 = 33;

/// How often a stopped thread has left its CPU by itself.
fn switches(thread: Pid) -> u64 {
    Task::at(format!("/proc/{thread}")).voluntary_switches().ok().flatten().unwrap_or(0)
}

fn name_of(thread: Pid) -> String {
    Task::at(format!("/proc/{thread}")).name().unwrap_or_default()
}

fn process_of(thread: Pid) -> Pid {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    let number = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    number.and_then(|number| number.trim().parse().ok()).map_or(thread, Pid::from_raw)
}

/// What a call returned, as a person reads it.
fn outcome(result: i64) -> String {
    match i32::try_from(-result) {
        Ok(error @ 512..=516) => format!("interrupted ({error})"),
        Ok(error @ 1..=4095) => format!("{:?}", nix::errno::Errno::from_raw(error)),
        _ => result.to_string(),
    }
}

fn path(thread: Pid, address: u64) -> Option<String> {
    // A path may end where the memory does.
    let bytes = [256, 64, 16].into_iter().find_map(|length| read(thread, address, length))?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

/// The call with its arguments.
fn shown(thread: Pid, number: i64, arguments: [u64; 6], result: Option<i64>) -> String {
    let Some((name, letters)) = names::name(number) else {
        return format!("syscall {number}()");
    };
    let mut text = format!("{name}(");
    for (place, letter) in letters.chars().enumerate() {
        if place > 0 {
            text.push_str(", ");
        }
        let value = arguments[place];
        let next = arguments.get(place + 1).copied().unwrap_or(0);
        let done = result.and_then(|result| u64::try_from(result).ok());
        text.push_str(&argument(thread, letter, value, next, done));
    }
    text.push(')');
    text
}

fn argument(thread: Pid, letter: char, value: u64, next: u64, result: Option<u64>) -> String {
    let shown = match letter {
        'i' => return int(value).to_string(),
        'o' => return format!("{value:#o}"),
        'C' => names::of_epoll_ctl(value),
        'F' => names::of_futex(value),
        'c' => names::of_fcntl(value),
        's' => path(thread, value).map(|path| format!("{path:?}")),
        'w' => bytes(thread, value, next),
        'r' => result.and_then(|length| bytes(thread, value, length)),
        'e' => read(thread, value, 12).map(|bytes| event(&bytes)),
        'E' => result.and_then(|count| list(thread, value, count, 12, event)),
        'f' if result.is_none() => list(thread, value, next, 8, asked),
        'f' => list(thread, value, next, 8, polled),
        't' => read(thread, value, 16).map(|bytes| {
            let part =
                |at: usize| i64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap_or([0; 8]));
            format!("{{{}.{:09}}}", part(0), part(8))
        }),
        _ => None,
    };
    match (shown, letter, value) {
        (Some(shown), ..) => shown,
        (None, 'x' | 'C' | 'F' | 'c', _) => format!("{value:#x}"),
        (None, _, 0) => "NULL".to_owned(),
        _ => "…".to_owned(),
    }
}

fn bytes(thread: Pid, address: u64, length: u64) -> Option<String> {
    let length = usize::try_from(length).ok()?;
    let bytes = read(thread, address, length.min(SHOWN))?;
    let mut text = format!("\"{}\"", bytes.escape_ascii());
    if length > SHOWN {
        text.push('…');
    }
    Some(text)
}

fn list(
    thread: Pid,
    address: u64,
    count: u64,
    size: usize,
    show: fn(&[u8]) -> String,
) -> Option<String> {
    let count = usize::try_from(count).ok()?;
    let bytes = read(thread, address, count.min(8) * size)?;
    let mut text: Vec<_> = bytes.chunks_exact(size).map(show).collect();
    if count > 8 {
        text.push("…".to_owned());
    }
    Some(format!("[{}]", text.join(", ")))
}

/// An `epoll_event`, which is packed on x86-64.
fn event(bytes: &[u8]) -> String {
    let number = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap_or([0; 4]));
    let flags = EpollFlags::from_bits_retain(number(0).cast_signed());
    let mut text = String::new();
    let _ = write!(text, "{{{}, {}}}", words(&format!("{flags:?}")), number(4));
    text
}

/// A `pollfd` before the call.
fn asked(bytes: &[u8]) -> String {
    let number = i32::from_ne_bytes(bytes[..4].try_into().unwrap_or([0; 4]));
    format!("{{{number}, {}}}", poll_flags(bytes, 4))
}

/// And after it.
fn polled(bytes: &[u8]) -> String {
    let asked = asked(bytes);
    if bytes[6..] == [0, 0] {
        return asked;
    }
    format!("{} → {}}}", asked.trim_end_matches('}'), poll_flags(bytes, 6))
}

fn poll_flags(bytes: &[u8], at: usize) -> String {
    let bits = i16::from_ne_bytes(bytes[at..at + 2].try_into().unwrap_or([0; 2]));
    words(&format!("{:?}", nix::poll::PollFlags::from_bits_retain(bits)))
}

/// `EpollFlags(EPOLLIN | EPOLLET)` without its frame.
fn words(debug: &str) -> String {
    debug.split_once('(').map_or(debug, |(_, rest)| rest.trim_end_matches(')')).to_owned()
}
