//! Time-outs, and what `/proc` tells.

use libc::{
    SYS_epoll_pwait2, SYS_fcntl, SYS_nanosleep, SYS_ppoll, SYS_prctl, SYS_pread64, SYS_pselect6,
    SYS_read,
};
use nix::errno::Errno;

use super::means::halve_time;
use super::{Mutant, after, before, both, interrupted};
use crate::sys::abi::{SYS_epoll_wait, SYS_poll, SYS_select};
use crate::sys::descriptor::{F_CREATED_QUERY, F_DUPFD_QUERY};
use crate::trace::{Act, Kind};

/// Calls with a time-out in a `timespec`.
const PRECISE: &[i64] = &[SYS_ppoll, SYS_pselect6, SYS_epoll_pwait2];

pub(super) const TIMEOUT: &[Mutant] = &[
    before(
        "timeout.ends_early",
        "A time-out in nanoseconds is over after half of it.",
        "poll(2), ppoll()",
        PRECISE,
        |call| halve_time(call, time(call)),
    ),
    before(
        "timeout.sleep_ends_early",
        "poll and select return after half their time.",
        "poll(2), select(2), The timeout",
        &[SYS_poll, SYS_select],
        |call| {
            if call.number() == SYS_select {
                halve_time(call, call.argument(4));
            } else if call.int(2) > 1 {
                call.set_argument(2, call.argument(2) / 2);
            }
        },
    ),
    before(
        "timeout.negative_is_none",
        "A negative number of milliseconds other than -1 is no time at all.",
        "poll(2), epoll_wait(2)",
        &[SYS_poll, SYS_epoll_wait],
        |call| {
            let place = if call.number() == SYS_poll { 2 } else { 3 };
            if call.int(place) < -1 {
                call.set_argument(place, 0);
            }
        },
    ),
    before(
        "timeout.none_is_zero",
        "ppoll, pselect6 and epoll_pwait2 without a time-out do not wait.",
        "poll(2), ppoll()",
        PRECISE,
        |call| {
            if time(call) == 0 {
                let at = call.scratch();
                call.put(at, &[0; 16]);
                call.set_argument(time_place(call), at);
            }
        },
    ),
    after(
        "timeout.nonsense_is_taken",
        "A time-out that is no time is a success.",
        "poll(2), ERRORS: EINVAL",
        PRECISE,
        |call| call.forgive(Errno::EINVAL),
    ),
    both(
        "timeout.rest_is_not_told",
        "ppoll, pselect6 and select leave their time-out as it was.",
        "select(2), C library/kernel differences",
        &[SYS_ppoll, SYS_pselect6, SYS_select],
        |call| {
            let (seconds, part) = (call.u64(time(call)), call.u64(time(call) + 8));
            call.note = seconds.unwrap_or(0) << 32 | part.unwrap_or(0);
        },
        restore_time,
    ),
    Mutant {
        sees_restarts: true,
        ..both(
            "timeout.rest_is_not_told_when_interrupted",
            "A select that is interrupted leaves its time-out as it was.",
            "select(2), The timeout",
            &[SYS_select],
            |call| {
                let (seconds, part) = (call.u64(time(call)), call.u64(time(call) + 8));
                call.note = seconds.unwrap_or(0) << 32 | part.unwrap_or(0);
            },
            restore_time,
        )
    },
    after(
        "timeout.epoll_tells_the_rest",
        "epoll_pwait2 changes its time-out.",
        "epoll_wait(2), epoll_pwait2()",
        &[SYS_epoll_pwait2],
        |call| call.put(time(call) + 8, &[0; 8]),
    ),
    interrupted(
        "timeout.a_stop_ends_it",
        "poll, select, ppoll and pselect6 fail with EINTR when their process was stopped.",
        "restart_syscall(2)",
        &[SYS_poll, SYS_select, SYS_ppoll, SYS_pselect6],
        |call| {
            if (-516..=-512).contains(&call.result()) {
                call.refuse(Errno::EINTR);
            }
        },
    ),
    before(
        "timeout.slack_is_fixed",
        "PR_SET_TIMERSLACK is taken, and changes nothing.",
        "PR_SET_TIMERSLACK(2const)",
        &[SYS_prctl],
        |call| {
            if call.int(0) == libc::PR_SET_TIMERSLACK {
                call.answer(0);
            }
        },
    ),
    Mutant {
        survives: "its case needs the right to become real-time, which nobody has by default",
        ..after(
            "timeout.real_time_has_slack",
            "PR_GET_TIMERSLACK tells a nanosecond where there is none.",
            "PR_SET_TIMERSLACK(2const)",
            &[SYS_prctl],
            |call| {
                if call.int(0) == libc::PR_GET_TIMERSLACK && call.result() == 0 {
                    call.answer(1);
                }
            },
        )
    },
];

/// A kernel that tells something else in a file of `/proc`: the first text is another, of the same
/// length.
macro_rules! told {
    ($id:literal, $breaks:literal, $source:literal, $file:literal, $text:literal, $other:literal) => {
        after($id, $breaks, $source, &[SYS_read, SYS_pread64], |call| {
            rewrite(call, $file, $text, $other);
        })
    };
}

pub(super) const OBSERVE: &[Mutant] = &[
    told!(
        "observe.flags_are_not_told",
        "fdinfo does not tell of O_NONBLOCK.",
        "proc_pid_fdinfo(5)",
        "/fdinfo/",
        b"4000",
        b"0000"
    ),
    told!(
        "observe.number_is_another",
        "fdinfo tells a wrong number of an eventfd.",
        "proc_pid_fdinfo(5)",
        "/fdinfo/",
        b"2a",
        b"2c"
    ),
    told!(
        "observe.semaphore_is_not_told",
        "fdinfo does not tell that an eventfd is a semaphore.",
        "proc_pid_fdinfo(5)",
        "/fdinfo/",
        b"eventfd-semaphore: 1",
        b"eventfd-semaphore: 0"
    ),
    told!(
        "observe.ticks_are_not_told",
        "fdinfo does not tell that a timer has expired.",
        "proc_pid_fdinfo(5)",
        "/fdinfo/",
        b"ticks: 1",
        b"ticks: 0"
    ),
    told!(
        "observe.set_is_not_told",
        "fdinfo tells a wrong set of a signalfd.",
        "proc_pid_fdinfo(5)",
        "/fdinfo/",
        b"sigmask:\t0",
        b"sigmask:\t8"
    ),
    told!(
        "observe.reaped_is_zero",
        "fdinfo tells 0 of the process of a pidfd that was reaped.",
        "proc_pid_fdinfo(5)",
        "/fdinfo/",
        b"Pid:\t-1",
        b"Pid:\t00"
    ),
    told!(
        "observe.process_is_another",
        "fdinfo tells a wrong process of a pidfd.",
        "proc_pid_fdinfo(5)",
        "/fdinfo/",
        b"Pid:\t",
        b"Pid:\t9"
    ),
    told!(
        "observe.running_is_asleep",
        "The call of a thread that runs is told as -1.",
        "proc_pid_syscall(5)",
        "/syscall",
        b"running",
        b"-1 0 0\n"
    ),
    told!(
        "observe.call_is_another",
        "The call of a thread that sleeps in read is told as another.",
        "proc_pid_syscall(5)",
        "/syscall",
        b" 0x1 ",
        b" 0x2 "
    ),
    told!(
        "observe.runner_sleeps",
        "The state of the thread that asks is S.",
        "proc_pid_stat(5)",
        "stat",
        b") R ",
        b") S "
    ),
    told!(
        // A traced one is `t`.
        "observe.stopped_is_asleep",
        "The state of a stopped process is S.",
        "proc_pid_stat(5)",
        "stat",
        b") t ",
        b") S "
    ),
    told!(
        "observe.function_is_unknown",
        "wchan does not name the function.",
        "proc_pid_wchan(5)",
        "/wchan",
        b"pipe_read",
        b"a_wait_wh"
    ),
    told!(
        "observe.groups_do_not_match",
        "A line of values in snmp and netstat is not of the group of its names.",
        "proc_pid_net(5)",
        "/net/",
        b"Ext: 0",
        b"Ext:00"
    ),
    told!(
        "observe.tcp_is_not_a_group",
        "The lines about TCP in snmp are not a pair.",
        "proc_pid_net(5)",
        "/net/snmp",
        b"\nTcp: 1 ",
        b"\nTcq: 1 "
    ),
    after(
        "observe.sockets_are_not_counted",
        "sockstat counts the same sockets at any time.",
        "proc_pid_net(5)",
        &[SYS_read],
        |call| {
            if call.path(call.int(0)).ends_with("/net/sockstat") {
                rewrite_number(call, b"sockets: used ");
            }
        },
    ),
    after(
        "observe.copy_is_another_file",
        "F_DUPFD_QUERY tells the opposite.",
        "F_DUPFD_QUERY(2const)",
        &[SYS_fcntl],
        |call| {
            if [F_DUPFD_QUERY, F_CREATED_QUERY].contains(&call.int(1))
                && (0..=1).contains(&call.result())
            {
                call.answer(1 - call.result());
            }
        },
    ),
    before(
        "observe.read_sleeps_twice",
        "A read from a pipe sleeps for a moment before it looks.",
        "proc_pid_status(5), voluntary_ctxt_switches",
        &[SYS_read],
        |call| {
            if call.kind(call.int(0)) == Kind::Pipe {
                // A microsecond, as a timespec.
                let at = call.scratch();
                call.put(at, &0_u64.to_ne_bytes());
                call.put(at + 8, &1000_u64.to_ne_bytes());
                call.first(SYS_nanosleep, [at, 0, 0, 0, 0, 0]);
            }
        },
    ),
    after(
        "observe.connections_are_not_counted",
        "Tcp: ActiveOpens is always the same.",
        "network_namespaces(7)",
        &[SYS_read],
        |call| rewrite_number(call, b"\nTcp: 1 200 120000 -1 "),
    ),
    after(
        "observe.switches_are_not_counted",
        "voluntary_ctxt_switches does not change.",
        "proc_pid_status(5)",
        &[SYS_read, SYS_pread64],
        |call| {
            if call.path(call.int(0)).ends_with("/status") {
                rewrite_number(call, b"\nvoluntary_ctxt_switches:\t");
            }
        },
    ),
];

/// Which argument is the time-out.
fn time_place(call: &Act) -> usize {
    match call.number() {
        libc::SYS_ppoll => 2,
        libc::SYS_epoll_pwait2 => 3,
        _ => 4,
    }
}

/// Where the time-out is.
fn time(call: &Act) -> u64 {
    call.argument(time_place(call))
}

/// Puts back the time-out that was noted, of less than four seconds' nanoseconds.
fn restore_time(call: &mut Act) {
    let (at, note) = (time(call), call.note);
    if at != 0 {
        call.put(at, &(note >> 32).to_ne_bytes());
        call.put(at + 8, &(note & 0xffff_ffff).to_ne_bytes());
    }
}

/// Where a text begins in what was read from a file whose path contains this.
fn find(call: &Act, file: &str, text: &[u8]) -> Option<u64> {
    let length = usize::try_from(call.result()).ok().filter(|length| *length > 0)?;
    let path = call.path(call.int(0));
    if !path.starts_with("/proc/") || !path.contains(file) {
        return None;
    }
    let read = call.bytes(call.argument(1), length)?;
    let place = read.windows(text.len()).position(|part| part == text)?;
    Some(call.argument(1) + u64::try_from(place).ok()?)
}

fn rewrite(call: &mut Act, file: &str, text: &[u8], other: &[u8]) {
    if let Some(at) = find(call, file, text) {
        call.put(at, other);
    }
}

/// Makes each digit of the number behind a text a 7.
fn rewrite_number(call: &mut Act, text: &[u8]) {
    if let Some(at) = find(call, "", text) {
        let at = at + u64::try_from(text.len()).unwrap_or(0);
        let digits = call.bytes(at, 8).unwrap_or_default();
        for (place, digit) in (0..).zip(digits).take_while(|(_, digit)| digit.is_ascii_digit()) {
            if digit != b'7' {
                call.put(at + place, b"7");
            }
        }
    }
}
