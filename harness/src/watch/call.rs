//! System calls in which threads sleep, by the names of their man pages.

use std::fmt::Write as _;

/// A system call as a case names it: one word, and the numbers under which this architecture and
/// its C library may issue it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// The name of its man page.
    pub name: &'static str,
    numbers: &'static [libc::c_long],
}

macro_rules! calls {
    ($($constant:ident = $name:literal: $($number:ident),+;)+) => {
        impl Call {
            $(
                #[doc = concat!("`", $name, "`")]
                pub const $constant: Call = Call { name: $name, numbers: &[$(crate::sys::abi::$number),+] };
            )+

            const KNOWN: &[Call] = &[$(Call::$constant),+];
        }
    };
}

calls! {
    READ = "read": SYS_read, SYS_readv, SYS_preadv2;
    WRITE = "write": SYS_write, SYS_writev, SYS_pwritev2;
    ACCEPT = "accept": SYS_accept, SYS_accept4;
    CONNECT = "connect": SYS_connect;
    RECV = "recv": SYS_recvfrom, SYS_recvmsg;
    RECVMMSG = "recvmmsg": SYS_recvmmsg;
    SEND = "send": SYS_sendto, SYS_sendmsg;
    POLL = "poll": SYS_poll, SYS_ppoll, SYS_restart_syscall;
    SELECT = "select": SYS_select, SYS_pselect6;
    EPOLL_WAIT = "epoll_wait": SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2;
    FUTEX = "futex": SYS_futex;
    NANOSLEEP = "nanosleep": SYS_nanosleep, SYS_clock_nanosleep, SYS_restart_syscall;
    SIGNAL_WAIT = "sigtimedwait": SYS_rt_sigtimedwait;
    SIGSUSPEND = "sigsuspend": SYS_rt_sigsuspend;
    WAIT = "wait": SYS_wait4, SYS_waitid;
    URING_ENTER = "io_uring_enter": SYS_io_uring_enter;
    IO_GETEVENTS = "io_getevents": SYS_io_getevents;
    CLOSE = "close": SYS_close;
    OPEN = "open": SYS_open, SYS_openat;
    SPLICE = "splice": SYS_splice;
    FLOCK = "flock": SYS_flock;
    FCNTL = "fcntl": SYS_fcntl;
    TEE = "tee": SYS_tee;
    IO_SUBMIT = "io_submit": SYS_io_submit;
    PAUSE = "pause": SYS_pause, SYS_ppoll;
    SEMOP = "semop": SYS_semop, SYS_semtimedop, SYS_ipc;
    MSGRCV = "msgrcv": SYS_msgrcv, SYS_ipc;
    MSGSND = "msgsnd": SYS_msgsnd, SYS_ipc;
    MQ_RECEIVE = "mq_receive": SYS_mq_timedreceive;
    MQ_SEND = "mq_send": SYS_mq_timedsend;
}

impl Call {
    /// Whether a call of this number is this one.
    pub fn is(self, number: i64) -> bool {
        self.numbers.contains(&number)
    }

    /// Puts a name to the first field of a line of `/proc/PID/syscall`.
    pub(crate) fn describe(line: &str) -> String {
        let mut fields = line.split_whitespace();
        let Some(number) = fields.next().and_then(|field| field.parse::<i64>().ok()) else {
            return line.to_owned();
        };
        let mut text = match Call::KNOWN.iter().find(|call| call.is(number)) {
            Some(call) => call.name.to_owned(),
            None => format!("system call {number}"),
        };
        if let Some(first) = fields.next() {
            let _ = write!(text, "({first}, ...)");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_described_by_name() {
        let line = format!("{} 0x3 0x7ffe 0x1 0x0 0x0 0x0 0x7ffe 0x7f31", libc::SYS_read);
        assert_eq!(Call::describe(&line), "read(0x3, ...)");
        assert_eq!(Call::describe("running"), "running");
        assert_eq!(Call::describe("999 0x1"), "system call 999(0x1, ...)");
        assert_eq!(Call::describe(""), "");
    }
}
