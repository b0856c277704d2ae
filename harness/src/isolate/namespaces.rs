//! The way into a trial's own namespaces, as far as the system grants it.

use std::collections::BTreeSet;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;
use nix::unistd::Pid;

use super::Namespace;
use crate::sys::process;

/// Combinations to try, best first. The second is for root where user namespaces are refused, as
/// in a chroot. Without a pid namespace there is no use for a mount namespace, whose only mount is
/// the `/proc` of that pid namespace.
const LADDER: [&[Namespace]; 5] = [
    &Namespace::ALL,
    &[Namespace::Net, Namespace::Pid, Namespace::Mount],
    &[Namespace::User, Namespace::Net],
    &[Namespace::Net],
    &[],
];

/// How long a rung that the system granted before may be refused for lack of room: what earlier
/// trials had is given back by the kernel some time after their end.
const PATIENCE: Duration = Duration::from_secs(10);

/// The best combination that this system grants, found out by making each.
pub(super) fn best() -> std::io::Result<BTreeSet<Namespace>> {
    let mut refusal = std::io::Error::other("no way to start a process");
    for rung in LADDER {
        let namespaces: BTreeSet<_> = rung.iter().copied().collect();
        match attempt(&namespaces, &|| 0) {
            Ok(pid) => {
                nix::sys::wait::waitpid(pid, None)?;
                return Ok(namespaces);
            }
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

/// Forks a child into these namespaces. There it runs `child` and exits with what that returns.
/// A trial has what the run was promised or none at all: one that silently had less could meet
/// others on ports and counters.
pub(super) fn fork(
    namespaces: &BTreeSet<Namespace>,
    child: impl Fn() -> i32,
) -> std::io::Result<Pid> {
    let end = Instant::now() + PATIENCE;
    loop {
        match attempt(namespaces, &child) {
            Err(error) if is_passing(&error) && Instant::now() < end => {
                nix::sched::sched_yield()?;
            }
            other => return other,
        }
    }
}

fn is_passing(error: &std::io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::ENOMEM | libc::EAGAIN))
}

/// The child says `1` when its namespaces are ready, and nothing if they cannot be made so.
fn attempt(namespaces: &BTreeSet<Namespace>, child: &impl Fn() -> i32) -> std::io::Result<Pid> {
    if namespaces.is_empty() {
        return Ok(process::fork(child)?);
    }
    let (go_reader, mut go) = std::io::pipe()?;
    let (mut ready, ready_writer) = std::io::pipe()?;
    let (mut go_reader, mut ready_writer) = (Some(go_reader), Some(ready_writer));
    let raw_go = &go;
    let pid = process::fork_into(flags(namespaces), || {
        process::close(raw_go);
        let ends = go_reader.take().zip(ready_writer.take());
        match ends.map(|(go, ready)| prepare(namespaces, go, ready)) {
            Some(Ok(())) => {
                let _ = super::GRANTED.set(namespaces.clone());
                child()
            }
            _ => 1,
        }
    })?;
    drop((go_reader, ready_writer));
    let mapped = if namespaces.contains(&Namespace::User) { map_users(pid) } else { Ok(()) };
    let prepared =
        mapped.and_then(|()| go.write_all(b"1")).and_then(|()| ready.read_exact(&mut [0]));
    if let Err(error) = prepared {
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        let _ = nix::sys::wait::waitpid(pid, None);
        return Err(error);
    }
    Ok(pid)
}

fn flags(namespaces: &BTreeSet<Namespace>) -> CloneFlags {
    namespaces.iter().fold(CloneFlags::empty(), |flags, namespace| {
        flags
            | match namespace {
                Namespace::User => CloneFlags::CLONE_NEWUSER,
                Namespace::Net => CloneFlags::CLONE_NEWNET,
                Namespace::Pid => CloneFlags::CLONE_NEWPID,
                Namespace::Mount => CloneFlags::CLONE_NEWNS,
            }
    })
}

/// Lets every user of this namespace be itself in the child's. An ordinary user may map no one
/// but itself, and must give up setting groups first (`user_namespaces(7)`).
fn map_users(child: Pid) -> std::io::Result<()> {
    let write = |file: &str, text: &str| std::fs::write(format!("/proc/{child}/{file}"), text);
    let identity = |file: &str| -> std::io::Result<String> {
        let map = std::fs::read_to_string(file)?;
        let line = |line: &str| {
            let fields: Vec<_> = line.split_whitespace().collect();
            format!("{0} {0} {1}\n", fields[0], fields[2])
        };
        Ok(map.lines().map(line).collect())
    };
    let everybody = || -> std::io::Result<()> {
        write("uid_map", &identity("/proc/self/uid_map")?)?;
        write("gid_map", &identity("/proc/self/gid_map")?)
    };
    if nix::unistd::geteuid().is_root() && everybody().is_ok() {
        return Ok(());
    }
    let (user, group) = (nix::unistd::geteuid(), nix::unistd::getegid());
    write("setgroups", "deny")?;
    write("uid_map", &format!("{user} {user} 1"))?;
    write("gid_map", &format!("{group} {group} 1"))
}

/// In the child: waits until its users are mapped, then makes the namespaces usable.
fn prepare(
    namespaces: &BTreeSet<Namespace>,
    mut go: PipeReader,
    mut ready: PipeWriter,
) -> std::io::Result<()> {
    process::die_with_parent()?;
    go.read_exact(&mut [0])?;
    if namespaces.contains(&Namespace::Net) {
        process::loopback_up()?;
    }
    if namespaces.contains(&Namespace::Mount) {
        let nothing = None::<&str>;
        // In a chroot `/` is no mount point; `/proc` is one, or else the next mount would reach
        // the namespace of the parent, and there is no mount namespace to be had.
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(nothing, "/", nothing, private, nothing)
            .or_else(|_| mount(nothing, "/proc", nothing, private, nothing))?;
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("proc"), "/proc", Some("proc"), flags, nothing)?;
    }
    ready.write_all(b"1")
}
