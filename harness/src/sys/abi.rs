//! What `libc` has, and the numbers of system calls that not every architecture has (syscalls(2)). One
//! that is missing has a negative number here, which no call has: the C library makes another one there.

#![allow(non_upper_case_globals, reason = "the names are those of `libc`")]

pub(crate) use libc::*;

macro_rules! numbers {
    ($($name:ident = $number:literal),+ $(,)?) => {
        $(pub(crate) const $name: c_long = $number;)+
    };
}

// Younger architectures have the successors of the oldest calls alone (`asm-generic/unistd.h`).
#[cfg(not(any(target_arch = "x86_64", target_arch = "powerpc64")))]
numbers! {
    SYS_access = -1001,
    SYS_alarm = -1002,
    SYS_chmod = -1003,
    SYS_dup2 = -1004,
    SYS_epoll_create = -1005,
    SYS_epoll_wait = -1006,
    SYS_eventfd = -1007,
    SYS_fork = -1008,
    SYS_inotify_init = -1009,
    SYS_mkdir = -1010,
    SYS_open = -1011,
    SYS_pause = -1012,
    SYS_pipe = -1013,
    SYS_poll = -1014,
    SYS_readlink = -1015,
    SYS_rmdir = -1016,
    SYS_select = -1017,
    SYS_unlink = -1018,
    SYS_vfork = -1019,
}

#[cfg(not(target_arch = "x86_64"))]
numbers! { SYS_arch_prctl = -1020 }

// PowerPC has one call for all of System V IPC, and since Linux 5.1 these beside it (0d6040d46817),
// which `libc` does not know.
#[cfg(target_arch = "powerpc64")]
numbers! {
    SYS_msgget = 399,
    SYS_msgrcv = 401,
    SYS_msgsnd = 400,
    SYS_semget = 393,
    SYS_semop = -1021,
    SYS_semtimedop = 392,
}
#[cfg(not(target_arch = "powerpc64"))]
numbers! { SYS_ipc = -1022 }

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// The files below a folder.
    fn files(folder: &Path) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }

    /// Or else nothing is compiled on an architecture that lacks it, which no test here would notice.
    #[test]
    fn what_an_architecture_lacks_is_taken_from_here() {
        let numbers = include_str!("abi.rs").lines().filter_map(|line| line.split_once(" = "));
        let names = numbers.map(|(before, _)| before.rsplit(' ').next().unwrap());
        let lacking: Vec<_> = names.filter(|name| name.starts_with("SYS_")).collect();
        assert!(lacking.len() > 20, "{lacking:?}");
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let crates = ["harness", "cases", "servers", "cli", "ci"].map(|name| root.join(name));
        for file in crates.iter().flat_map(|folder| files(&folder.join("src"))) {
            let text = std::fs::read_to_string(&file).unwrap();
            for from_libc in text.split("libc::").skip(1) {
                let end = if from_libc.starts_with('{') { "}" } else { ";" };
                let named = from_libc.split(end).next().unwrap();
                let words = named.split(|c: char| !c.is_alphanumeric() && c != '_');
                let words = words.take(if end == ";" { 1 } else { usize::MAX });
                for word in words {
                    assert!(!lacking.contains(&word), "{}: libc::{word}", file.display());
                }
            }
        }
    }
}
