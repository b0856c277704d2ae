//! pipe(7), splice(2).

use libc::{
    F_GETPIPE_SZ, F_SETPIPE_SZ, FIONREAD, O_DIRECT, O_NONBLOCK, SYS_fcntl, SYS_fstat, SYS_ioctl,
    SYS_openat, SYS_pipe2, SYS_ppoll, SYS_pread64, SYS_preadv2, SYS_pwrite64, SYS_pwritev2,
    SYS_read, SYS_readv, SYS_splice, SYS_tee, SYS_write, SYS_writev,
};
use nix::errno::Errno;

use super::means::{change_u32, change_u64, do_not_wait, one_less, spoil};
use super::{Mutant, after, before};
use crate::sys::abi::SYS_poll;
use crate::sys::rwf::RWF_NOWAIT;
use crate::trace::Act;

const READS: &[i64] = &[SYS_read, SYS_readv, SYS_preadv2];
const WRITES: &[i64] = &[SYS_write, SYS_writev, SYS_pwritev2];
const MOVES: &[i64] = &[SYS_splice, SYS_tee];
const TRANSFERS: &[i64] =
    &[SYS_read, SYS_readv, SYS_preadv2, SYS_write, SYS_writev, SYS_pwritev2, SYS_splice, SYS_tee];

pub(super) const MUTANTS: &[Mutant] = &[
    after(
        "pipe.rest_is_lost",
        "What a read leaves in a pipe is lost.",
        "pipe(7)",
        &[SYS_read],
        |call| {
            if is_pipe(call) && call.result() > 0 {
                // One more read, which does not wait, of what there may be: an iovec, and its bytes.
                let at = call.scratch();
                call.put(at, &(at + 16).to_ne_bytes());
                call.put(at + 8, &64_u64.to_ne_bytes());
                let flags = u64::from(RWF_NOWAIT.cast_unsigned());
                call.also(SYS_preadv2, [call.argument(0), at, 1, u64::MAX, u64::MAX, flags]);
            }
        },
    ),
    before(
        "pipe.read_is_one_late",
        "A read from a pipe does what it should, and then once more: it returns what comes after.",
        "pipe(7)",
        &[SYS_read],
        |call| {
            if is_pipe(call) {
                call.first(SYS_read, std::array::from_fn(|place| call.argument(place)));
            }
        },
    ),
    after(
        "pipe.again_is_invalid",
        "What a nonblocking pipe cannot do now fails with EINVAL, not EAGAIN.",
        "pipe(7), I/O on pipes and FIFOs",
        TRANSFERS,
        |call| {
            if is_pipe(call) {
                call.confuse(Errno::EAGAIN, Errno::EINVAL);
            }
        },
    ),
    before(
        "pipe.read_does_not_wait",
        "A read from an empty pipe fails with EAGAIN though it may block.",
        "pipe(7), I/O on pipes and FIFOs",
        READS,
        |call| {
            if is_pipe(call) {
                do_not_wait(call);
            }
        },
    ),
    before(
        "pipe.write_does_not_wait",
        "A write to a full pipe fails with EAGAIN though it may block.",
        "pipe(7), I/O on pipes and FIFOs",
        WRITES,
        |call| {
            if is_pipe(call) {
                do_not_wait(call);
            }
        },
    ),
    before(
        "pipe.splice_does_not_wait",
        "splice and tee behave as if they had SPLICE_F_NONBLOCK.",
        "splice(2), SPLICE_F_NONBLOCK",
        MOVES,
        |call| {
            let place = if call.number() == SYS_tee { 3 } else { 5 };
            if call.argument(place) & 2 == 0 {
                call.set_argument(place, call.argument(place) | 2);
            }
        },
    ),
    after(
        "pipe.read_tells_one_less",
        "A read returns one less than it took.",
        "read(2), RETURN VALUE",
        READS,
        |call| {
            if is_pipe(call) {
                one_less(call);
            }
        },
    ),
    after(
        "pipe.write_tells_one_less",
        "A write returns one less than it put in.",
        "write(2), RETURN VALUE",
        WRITES,
        |call| {
            if is_pipe(call) {
                one_less(call);
            }
        },
    ),
    after(
        "pipe.splice_tells_one_less",
        "splice and tee return one less than they moved.",
        "splice(2), RETURN VALUE",
        MOVES,
        one_less,
    ),
    after(
        "pipe.data_is_spoilt",
        "What is read is not what was written.",
        "pipe(7)",
        READS,
        |call| {
            if is_pipe(call) {
                spoil(call);
            }
        },
    ),
    after(
        "pipe.broken_is_an_io_error",
        "A write to a pipe without a reader fails with EIO.",
        "write(2), ERRORS: EPIPE",
        WRITES,
        |call| {
            if is_pipe(call) {
                call.confuse(Errno::EPIPE, Errno::EIO);
            }
        },
    ),
    before(
        "pipe.broken_is_silent",
        "A write to a pipe without a reader raises no SIGPIPE.",
        "pipe(7), I/O on pipes and FIFOs",
        &[SYS_write],
        |call| {
            // RWF_NOSIGNAL, of Linux 6.18.
            if is_pipe(call) {
                let vector = call.scratch();
                call.put(vector, &call.argument(1).to_ne_bytes());
                call.put(vector + 8, &call.argument(2).to_ne_bytes());
                call.replace(
                    SYS_pwritev2,
                    [call.argument(0), vector, 1, u64::MAX, u64::MAX, 0x100],
                );
            }
        },
    ),
    after(
        "pipe.the_end_is_an_error",
        "A read from a pipe without a writer fails with EPIPE.",
        "pipe(7), I/O on pipes and FIFOs",
        &[SYS_read, SYS_splice, SYS_tee],
        |call| {
            let asks = call.number() != SYS_read || call.argument(2) > 0;
            if is_pipe(call) && asks && call.result() == 0 {
                call.refuse(Errno::EPIPE);
            }
        },
    ),
    after(
        "pipe.capacity_is_a_page_less",
        "F_GETPIPE_SZ and F_SETPIPE_SZ tell a page less than there is.",
        "F_SETPIPE_SZ(2const)",
        &[SYS_fcntl],
        |call| {
            let asked = [F_GETPIPE_SZ, F_SETPIPE_SZ].contains(&call.int(1));
            if asked && call.succeeded() {
                call.answer(call.result() - 4096);
            }
        },
    ),
    before(
        "pipe.capacity_is_fixed",
        "F_SETPIPE_SZ is taken, and changes nothing.",
        "F_SETPIPE_SZ(2const)",
        &[SYS_fcntl],
        |call| {
            if call.int(1) == F_SETPIPE_SZ {
                call.set_argument(1, u64::from(F_GETPIPE_SZ.cast_unsigned()));
            }
        },
    ),
    after(
        "pipe.capacity_is_refused_otherwise",
        "F_SETPIPE_SZ fails with EINVAL, not EBUSY or EPERM.",
        "F_SETPIPE_SZ(2const)",
        &[SYS_fcntl],
        |call| {
            if call.int(1) == F_SETPIPE_SZ {
                call.confuse(Errno::EBUSY, Errno::EINVAL);
                call.confuse(Errno::EPERM, Errno::EINVAL);
            }
        },
    ),
    before(
        "pipe.packets_are_a_stream",
        "O_DIRECT is not looked at.",
        "pipe(2), O_DIRECT",
        &[SYS_pipe2, SYS_fcntl],
        |call| {
            let place = if call.number() == SYS_pipe2 { 1 } else { 2 };
            let sets = call.number() == SYS_pipe2 || call.int(1) == libc::F_SETFL;
            if sets && call.int(place) & O_DIRECT != 0 {
                let flags = call.int(place) & !O_DIRECT;
                call.set_argument(place, u64::from(flags.cast_unsigned()));
            }
        },
    ),
    after(
        "pipe.unread_counts_one_more",
        "FIONREAD counts a byte more than there is.",
        "pipe(7), FIONREAD",
        &[SYS_ioctl],
        |call| {
            if call.argument(1) == FIONREAD && is_pipe(call) && call.succeeded() {
                change_u32(call, call.argument(2), |count| count + 1);
            }
        },
    ),
    after(
        "pipe.fault_is_a_success",
        "A write from memory that there is not is a success.",
        "write(2), ERRORS: EFAULT",
        WRITES,
        |call| {
            if is_pipe(call) {
                call.forgive(Errno::EFAULT);
            }
        },
    ),
    after(
        "pipe.hangup_is_not_told",
        "poll does not tell of the end of the last writer or reader.",
        "poll(2), POLLHUP",
        &[SYS_poll, SYS_ppoll],
        |call| {
            for entry in 0..call.argument(1).min(64) {
                let at = call.argument(0) + 8 * entry;
                let descriptor = call.u32(at).unwrap_or(0).cast_signed();
                if call.is_fifo(descriptor) {
                    // The upper half is revents.
                    change_u32(call, at + 4, |events| events & !(0x18 << 16));
                }
            }
        },
    ),
    after(
        "pipe.hangup_comes_first",
        "poll tells of a hang-up before a writer has come.",
        "poll(2), POLLHUP",
        &[SYS_poll, SYS_ppoll],
        |call| {
            for entry in 0..call.argument(1).min(64) {
                let at = call.argument(0) + 8 * entry;
                let descriptor = call.u32(at).unwrap_or(0).cast_signed();
                if call.is_fifo(descriptor) && call.u16(at + 6) == Some(0) {
                    change_u32(call, at + 4, |events| events | 0x10 << 16);
                    call.answer(call.result() + 1);
                }
            }
        },
    ),
    after(
        "pipe.position_is_zero",
        "A pipe has a position, which is 0.",
        "lseek(2), ERRORS: ESPIPE",
        &[libc::SYS_lseek, SYS_pread64, SYS_pwrite64, SYS_splice],
        |call| call.forgive(Errno::ESPIPE),
    ),
    after(
        "pipe.wrong_end_is_invalid",
        "A read from the writer's end, or a write to the reader's, fails with EINVAL.",
        "read(2), ERRORS: EBADF",
        &[SYS_read, SYS_write],
        |call| {
            if is_pipe(call) {
                call.confuse(Errno::EBADF, Errno::EINVAL);
            }
        },
    ),
    after(
        "pipe.splice_takes_anything",
        "What splice and tee have to refuse is nothing to them, and a success.",
        "splice(2), ERRORS: EINVAL",
        MOVES,
        |call| call.forgive(Errno::EINVAL),
    ),
    before("pipe.tee_takes_the_data", "tee takes the data away.", "tee(2)", &[SYS_tee], |call| {
        let [from, to, length, flags] = [0, 1, 2, 3].map(|place| call.argument(place));
        call.replace(SYS_splice, [from, 0, to, 0, length, flags]);
    }),
    before(
        "pipe.splice_leaves_the_data",
        "splice between pipes leaves the data where it was.",
        "splice(2)",
        &[SYS_splice],
        |call| {
            let offsets = call.argument(1) | call.argument(3);
            if call.is_fifo(call.int(0)) && call.is_fifo(call.int(2)) && offsets == 0 {
                let [from, to, length, flags] = [0, 2, 4, 5].map(|place| call.argument(place));
                call.replace(SYS_tee, [from, to, length, flags, 0, 0]);
            }
        },
    ),
    before(
        "pipe.opening_a_fifo_does_not_wait",
        "A FIFO is opened as if with O_NONBLOCK.",
        "fifo(7)",
        &[SYS_openat],
        |call| {
            if is_fifo_by_path(call) && call.int(2) & (O_NONBLOCK | libc::O_RDWR) == 0 {
                call.set_argument(2, call.argument(2) | u64::from(O_NONBLOCK.cast_unsigned()));
            }
        },
    ),
    after(
        "pipe.no_reader_is_refused",
        "A nonblocking open of a FIFO to write fails with EAGAIN if nobody reads.",
        "open(2), ERRORS: ENXIO",
        &[SYS_openat],
        |call| call.confuse(Errno::ENXIO, Errno::EAGAIN),
    ),
    before(
        "pipe.both_ways_is_refused",
        "A FIFO cannot be opened for reading and writing.",
        "fifo(7), NOTES",
        &[SYS_openat],
        |call| {
            if is_fifo_by_path(call) && call.int(2) & libc::O_ACCMODE == libc::O_RDWR {
                call.refuse(Errno::EINVAL);
            }
        },
    ),
    after(
        "pipe.fifo_has_no_times",
        "The times of a FIFO do not change.",
        "inode(7), mtime",
        &[SYS_fstat, libc::SYS_newfstatat],
        |call| times(call, |_| 1),
    ),
    after(
        "pipe.times_move_on",
        "The times of a pipe change though nobody reads or writes.",
        "inode(7), mtime",
        &[SYS_fstat, libc::SYS_newfstatat],
        |call| {
            let count = call.count(0);
            call.note = count;
            if call.kind(call.int(0)) == crate::trace::Kind::Pipe {
                let at = stat(call);
                call.put(at + 80, &count.to_ne_bytes());
                call.put(at + 96, &count.to_ne_bytes());
            }
        },
    ),
    after(
        "pipe.inotify_tells_of_access",
        "inotify tells of a write as if it were a read.",
        "inotify(7), IN_MODIFY",
        &[SYS_read],
        |call| {
            if call.result() > 0 && call.path(call.int(0)).contains("inotify") {
                change_u32(call, call.argument(1) + 4, |mask| mask >> 1);
            }
        },
    ),
];

/// Whether the first descriptor of a call is a pipe with which cases work.
fn is_pipe(call: &Act) -> bool {
    call.is_fifo(call.int(0))
}

/// Whether openat is asked for one of the FIFOs of the cases.
fn is_fifo_by_path(call: &Act) -> bool {
    // A path that ends a page before this length is not one of those.
    let path = call.bytes(call.argument(1), 128).unwrap_or_default();
    path.split(|byte| *byte == 0).next().is_some_and(|path| path.ends_with(b"/fifo"))
}

/// Where fstat, or newfstatat of a descriptor, has put its answer.
fn stat(call: &Act) -> u64 {
    call.argument(if call.number() == SYS_fstat { 1 } else { 2 })
}

/// Changes the nanoseconds and seconds of the times in an answer about a FIFO.
fn times(call: &mut Act, change: fn(u64) -> u64) {
    if call.succeeded() && is_pipe(call) {
        let at = stat(call);
        for field in [72, 80, 88, 96] {
            change_u64(call, at + field, change);
        }
    }
}
