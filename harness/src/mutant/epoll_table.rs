//! epoll(7): instances, their tables, and the waits.

use libc::{EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, SYS_close, SYS_epoll_ctl};
use nix::errno::Errno;

use super::{Mutant, after, before};
use crate::sys::abi;
use crate::trace::{Act, Kind};

const WAITS: &[i64] = &[abi::SYS_epoll_wait, libc::SYS_epoll_pwait];
const CONTROL: &[i64] = &[SYS_epoll_ctl];
const CREATE1: &[i64] = &[libc::SYS_epoll_create1];

pub(super) const MUTANTS: &[Mutant] = &[
    after(
        "epoll.adds_twice",
        "EPOLL_CTL_ADD of what is registered succeeds.",
        "epoll_ctl(2), ERRORS: EEXIST",
        CONTROL,
        |call| call.forgive(Errno::EEXIST),
    ),
    after(
        "epoll.finds_what_is_not_registered",
        "EPOLL_CTL_MOD and EPOLL_CTL_DEL of what is not registered succeed.",
        "epoll_ctl(2), ERRORS: ENOENT",
        CONTROL,
        |call| call.forgive(Errno::ENOENT),
    ),
    after(
        "epoll.takes_regular_files",
        "EPOLL_CTL_ADD of what is always ready succeeds.",
        "epoll_ctl(2), ERRORS: EPERM",
        CONTROL,
        |call| call.forgive(Errno::EPERM),
    ),
    before(
        "epoll.refuses_all_of_proc",
        "EPOLL_CTL_ADD of a file of /proc fails with EPERM, also of one that tells of changes.",
        "proc_pid_mounts(5)",
        CONTROL,
        |call| {
            if call.int(1) == EPOLL_CTL_ADD && call.path(call.int(2)).starts_with("/proc/") {
                call.refuse(Errno::EPERM);
            }
        },
    ),
    after(
        "epoll.closed_number_is_invalid",
        "A number that is not open is refused with EINVAL.",
        "epoll_ctl(2), ERRORS: EBADF",
        &[SYS_epoll_ctl, abi::SYS_epoll_wait],
        |call| call.confuse(Errno::EBADF, Errno::EINVAL),
    ),
    after(
        "epoll.watches_itself",
        "An instance can be added to itself, and any operation is done.",
        "epoll_ctl(2), ERRORS: EINVAL",
        CONTROL,
        |call| {
            let known = [EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL].contains(&call.int(1));
            if call.int(0) == call.int(2) || !known {
                call.forgive(Errno::EINVAL);
            }
        },
    ),
    after(
        "epoll.is_watched_in_more_ways",
        "There is no bound to the ways in which instances watch a descriptor.",
        "epoll_ctl(2), ERRORS: EINVAL",
        CONTROL,
        |call| {
            if call.int(1) == EPOLL_CTL_ADD && call.kind(call.int(2)) == Kind::Epoll {
                call.forgive(Errno::EINVAL);
            }
        },
    ),
    after(
        "epoll.loop_is_invalid",
        "A circle and a sixth level are refused with EINVAL.",
        "epoll_ctl(2), ERRORS: ELOOP",
        CONTROL,
        |call| call.confuse(Errno::ELOOP, Errno::EINVAL),
    ),
    after(
        "epoll.needs_no_event",
        "EPOLL_CTL_ADD and EPOLL_CTL_MOD succeed without an event.",
        "epoll_ctl(2), ERRORS",
        CONTROL,
        |call| call.forgive(Errno::EFAULT),
    ),
    before(
        "epoll.delete_needs_an_event",
        "EPOLL_CTL_DEL without an event fails with EFAULT, as before Linux 2.6.9.",
        "epoll_ctl(2), BUGS",
        CONTROL,
        |call| {
            if call.int(1) == EPOLL_CTL_DEL && call.argument(3) == 0 {
                call.refuse(Errno::EFAULT);
            }
        },
    ),
    before(
        "epoll.modify_does_nothing",
        "EPOLL_CTL_MOD succeeds and changes nothing.",
        "epoll_ctl(2), EPOLL_CTL_MOD",
        CONTROL,
        |call| {
            if call.int(1) == EPOLL_CTL_MOD {
                call.answer(0);
            }
        },
    ),
    before(
        "epoll.delete_does_nothing",
        "EPOLL_CTL_DEL succeeds and leaves the registration.",
        "epoll_ctl(2), EPOLL_CTL_DEL",
        CONTROL,
        |call| {
            if call.int(1) == EPOLL_CTL_DEL {
                call.answer(0);
            }
        },
    ),
    after(
        "epoll.duplicate_is_the_same",
        "A duplicate of what is registered cannot be added.",
        "epoll(7), Questions and answers",
        &[libc::SYS_fcntl, SYS_epoll_ctl],
        |call| {
            if call.number() == SYS_epoll_ctl {
                let number = call.argument(2);
                if call.int(1) == EPOLL_CTL_ADD && call.memory.contains_key(&(number, 0)) {
                    call.refuse(Errno::EEXIST);
                }
            } else if [libc::F_DUPFD, libc::F_DUPFD_CLOEXEC].contains(&call.int(1)) {
                let number = u64::try_from(call.result()).unwrap_or(0);
                call.memory.insert((number, 0), 1);
            }
        },
    ),
    before(
        "epoll.close_of_a_number_deletes",
        "close of a number that was registered deletes it, although a duplicate is open.",
        "epoll(7), Questions and answers",
        &[SYS_close, SYS_epoll_ctl],
        |call| {
            if let Some(instance) = registered_in(call) {
                let number = call.argument(0);
                let delete = EPOLL_CTL_DEL.cast_unsigned().into();
                call.first(SYS_epoll_ctl, [instance, delete, number, 0, 0, 0]);
            }
        },
    ),
    before(
        "epoll.close_leaves_the_registration",
        "The last close of what is registered does not end it.",
        "epoll(7), Questions and answers",
        &[SYS_close, SYS_epoll_ctl],
        |call| {
            if registered_in(call).is_some() {
                let duplicate = libc::F_DUPFD_CLOEXEC.cast_unsigned().into();
                call.first(libc::SYS_fcntl, [call.argument(0), duplicate, 600, 0, 0, 0]);
            }
        },
    ),
    before(
        "epoll.create_takes_any_size",
        "epoll_create takes a size of zero or less.",
        "epoll_create(2), ERRORS: EINVAL",
        &[abi::SYS_epoll_create],
        |call| {
            if call.int(0) <= 0 {
                call.set_argument(0, 1);
            }
        },
    ),
    before(
        "epoll.create_ignores_flags",
        "epoll_create1 takes flags that there are not.",
        "epoll_create(2), ERRORS: EINVAL",
        CREATE1,
        |call| {
            let known = call.argument(0) & u64::from(libc::EPOLL_CLOEXEC.cast_unsigned());
            if known != call.argument(0) {
                call.set_argument(0, known);
            }
        },
    ),
    before(
        "epoll.close_on_exec_is_dropped",
        "EPOLL_CLOEXEC is not looked at.",
        "epoll_create(2), EPOLL_CLOEXEC",
        CREATE1,
        |call| {
            if call.int(0) == libc::EPOLL_CLOEXEC {
                call.set_argument(0, 0);
            }
        },
    ),
    before(
        "epoll.close_on_exec_always",
        "Every instance is closed by exec.",
        "epoll_create(2), EPOLL_CLOEXEC",
        CREATE1,
        |call| {
            if call.int(0) == 0 {
                call.set_argument(0, libc::EPOLL_CLOEXEC.cast_unsigned().into());
            }
        },
    ),
    after(
        "epoll.full_process_is_a_full_system",
        "epoll_create1 in a process out of descriptors fails with ENFILE.",
        "epoll_create(2), ERRORS: EMFILE",
        CREATE1,
        |call| call.confuse(Errno::EMFILE, Errno::ENFILE),
    ),
    after(
        "epoll.waits_for_any_number",
        "epoll_wait takes any number of events, and any descriptor.",
        "epoll_wait(2), ERRORS: EINVAL",
        WAITS,
        |call| call.forgive(Errno::EINVAL),
    ),
    before(
        "epoll.fault_loses_the_event",
        "A report that cannot be written is lost.",
        "epoll_wait(2), ERRORS: EFAULT",
        WAITS,
        |call| {
            if call.argument(1) == 0 && call.int(2) == 1 {
                let (instance, room) = (call.argument(0), call.scratch());
                call.first(abi::SYS_epoll_wait, [instance, room, 1, 0, 0, 0]);
            }
        },
    ),
    before(
        "epoll.for_ever_is_not_at_all",
        "A time-out of -1 is one of 0.",
        "epoll_wait(2)",
        WAITS,
        |call| {
            if call.int(3) < 0 {
                call.set_argument(3, 0);
            }
        },
    ),
    before(
        "epoll.time_is_halved",
        "A wait with a time-out is over after half of it.",
        "epoll_wait(2)",
        WAITS,
        |call| {
            if let Ok(time @ 1..) = u64::try_from(call.int(3)) {
                call.set_argument(3, time / 2);
            }
        },
    ),
    before(
        "epoll.pwait_ignores_its_mask",
        "epoll_pwait leaves the signal mask as it is.",
        "epoll_wait(2), epoll_pwait()",
        &[libc::SYS_epoll_pwait],
        |call| {
            if call.argument(4) != 0 {
                call.set_argument(4, 0);
            }
        },
    ),
    after(
        "epoll.signal_goes_first",
        "epoll_pwait with a mask fails with EINTR although something is ready, or its time is over.",
        "epoll_wait(2), ERRORS: EINTR",
        &[libc::SYS_epoll_pwait],
        |call| {
            if call.argument(4) != 0 && call.succeeded() {
                call.refuse(Errno::EINTR);
            }
        },
    ),
    before(
        "epoll.has_bytes",
        "An instance can be read and written, and is empty.",
        "epoll(7)",
        &[libc::SYS_read, libc::SYS_write],
        |call| {
            if call.kind(call.int(0)) == Kind::Epoll {
                call.answer(0);
            }
        },
    ),
    before(
        "epoll.parameters_are_not_kept",
        "EPIOCSPARAMS succeeds and sets nothing.",
        "ioctl_eventpoll(2)",
        &[libc::SYS_ioctl],
        |call| {
            if call.argument(1) == libc::EPIOCSPARAMS && call.kind(call.int(0)) == Kind::Epoll {
                call.answer(0);
            }
        },
    ),
    after(
        "epoll.unknown_request_is_no_terminal",
        "A request of ioctl that epoll does not know fails with ENOTTY.",
        "ioctl(2)",
        &[libc::SYS_ioctl],
        |call| {
            if call.kind(call.int(0)) == Kind::Epoll {
                call.confuse(Errno::EINVAL, Errno::ENOTTY);
            }
        },
    ),
    after(
        "epoll.kcmp_finds_no_file",
        "kcmp says that no file is the one that was registered.",
        "kcmp(2), KCMP_EPOLL_TFD",
        &[libc::SYS_kcmp],
        |call| {
            if call.result() == 0 {
                call.answer(1);
            }
        },
    ),
];

/// Remembers registrations; of a close, returns the instance in which the number was registered.
fn registered_in(call: &mut Act) -> Option<u64> {
    if call.number() == SYS_close {
        return call.memory.remove(&(call.argument(0), 0));
    }
    let (instance, number) = (call.argument(0), call.argument(2));
    match call.int(1) {
        EPOLL_CTL_ADD => _ = call.memory.insert((number, 0), instance),
        EPOLL_CTL_DEL => _ = call.memory.remove(&(number, 0)),
        _ => {}
    }
    None
}
