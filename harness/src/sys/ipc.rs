//! System V semaphores and message queues (sysvipc(7)), by their numbers. They outlive processes:
//! only for trials in an IPC namespace of their own.

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::time::TimeSpec;

/// A semaphore; its value is 0 at first.
#[derive(Debug, Clone, Copy)]
pub struct Semaphore(i32);

impl Semaphore {
    /// `semget(2)`.
    pub fn new() -> nix::Result<Semaphore> {
        // SAFETY: semget takes numbers only.
        Errno::result(unsafe { libc::semget(libc::IPC_PRIVATE, 1, 0o600) }).map(Semaphore)
    }

    /// `semop(2)`: adds one.
    pub fn give(self) -> nix::Result<()> {
        self.change(1, None)
    }

    /// `semop(2)`: takes one away, and sleeps while there is none.
    pub fn take(self) -> nix::Result<()> {
        self.change(-1, None)
    }

    /// `semtimedop(2)`: the same, for at most so long.
    pub fn take_within(self, limit: Duration) -> nix::Result<()> {
        self.change(-1, Some(limit))
    }

    fn change(self, by: i16, limit: Option<Duration>) -> nix::Result<()> {
        let mut change = libc::sembuf { sem_num: 0, sem_op: by, sem_flg: 0 };
        let Some(limit) = limit.map(TimeSpec::from_duration) else {
            // SAFETY: one sembuf, alive across the call.
            return Errno::result(unsafe { libc::semop(self.0, &raw mut change, 1) }).map(drop);
        };
        // SAFETY: one sembuf and a timespec, alive across the call.
        Errno::result(unsafe {
            libc::syscall(
                super::abi::SYS_semtimedop,
                self.0,
                &raw mut change,
                1,
                std::ptr::from_ref(limit.as_ref()),
            )
        })
        .map(drop)
    }
}

/// A message of one kilobyte.
#[repr(C)]
struct Message {
    kind: libc::c_long,
    text: [u8; 1024],
}

/// A message queue.
#[derive(Debug, Clone, Copy)]
pub struct Messages(i32);

impl Messages {
    /// `msgget(2)`.
    pub fn new() -> nix::Result<Messages> {
        // SAFETY: msgget takes numbers only.
        Errno::result(unsafe { libc::msgget(libc::IPC_PRIVATE, 0o600) }).map(Messages)
    }

    /// `msgsnd(2)` of a kilobyte: sleeps while there is no room.
    pub fn send(self) -> nix::Result<()> {
        self.put(0)
    }

    /// `msgrcv(2)`: sleeps while there is none.
    pub fn receive(self) -> nix::Result<()> {
        let mut message = Message { kind: 0, text: [0; 1024] };
        // SAFETY: a message of this size fits.
        Errno::result(unsafe { libc::msgrcv(self.0, (&raw mut message).cast(), 1024, 0, 0) })
            .map(drop)
    }

    /// Sends until there is no room.
    pub fn fill(self) -> nix::Result<()> {
        loop {
            match self.put(libc::IPC_NOWAIT) {
                Err(Errno::EAGAIN) => return Ok(()),
                other => other?,
            }
        }
    }

    fn put(self, flags: i32) -> nix::Result<()> {
        let message = Message { kind: 1, text: [0; 1024] };
        // SAFETY: the message has the size that is named, and lives across the call.
        Errno::result(unsafe { libc::msgsnd(self.0, (&raw const message).cast(), 1024, flags) })
            .map(drop)
    }
}
