//! How a ring is made, and what it says that it can do.

use libc::SYS_io_uring_setup;
use nix::errno::Errno;

use super::means::change_u32;
use super::{Mutant, after, before};
use crate::sys::uring::feature::{LINKED_FILE, POLL_32BITS, REG_REG_RING, RW_ATTR, RW_CUR_POS};
use crate::sys::uring::flag::{CLAMP, CQSIZE, DEFER_TASKRUN, SINGLE_ISSUER, SUBMIT_ALL};
use crate::sys::uring::operation::{
    BIND, FSYNC, MKDIRAT, PIPE, SEND_ZC, TEE, URING_CMD128, WAITID,
};
use crate::trace::Act;

const SETUP: &[i64] = &[SYS_io_uring_setup];

/// `IORING_SETUP_SQPOLL`.
const SQPOLL: u32 = 1 << 1;
/// `IORING_SETUP_R_DISABLED`.
const DISABLED: u32 = 1 << 6;

pub(super) const MUTANTS: &[Mutant] = &[
    after(
        "uring.entries_are_as_asked",
        "The number of entries is not rounded up to a power of two.",
        "io_uring_setup(2)",
        SETUP,
        |call| {
            let asked = u32::try_from(call.argument(0)).unwrap_or(0);
            if call.succeeded() && !asked.is_power_of_two() {
                call.put(call.argument(1), &asked.to_ne_bytes());
            }
        },
    ),
    before(
        "uring.entries_have_no_bounds",
        "A number of entries that is none or too many is taken for one.",
        "io_uring_setup(2), ERRORS: EINVAL",
        SETUP,
        |call| {
            let entries = u32::try_from(call.argument(0) & 0xffff_ffff).unwrap_or(0);
            if !(1..=32768).contains(&entries) {
                call.set_argument(0, 1);
            }
        },
    ),
    before(
        "uring.flags_take_an_entry",
        "A ring with flags has one entry alone.",
        "io_uring_setup(2)",
        SETUP,
        |call| {
            let other = !(CQSIZE | CLAMP | DISABLED | SUBMIT_ALL | SINGLE_ISSUER | DEFER_TASKRUN);
            if flags(call) & other & !(1 << 31) != 0 {
                call.set_argument(0, 1);
            }
        },
    ),
    before(
        "uring.unknown_flags_are_taken",
        "A flag that is not known is not refused.",
        "io_uring_setup(2), ERRORS: EINVAL",
        SETUP,
        |call| without(call, 1 << 31),
    ),
    before(
        "uring.completions_have_no_size",
        "IORING_SETUP_CQSIZE is not looked at.",
        "io_uring_setup(2), IORING_SETUP_CQSIZE",
        SETUP,
        |call| without(call, CQSIZE),
    ),
    before(
        "uring.clamp_is_always",
        "A number of entries is cut without IORING_SETUP_CLAMP.",
        "io_uring_setup(2), IORING_SETUP_CLAMP",
        SETUP,
        |call| {
            let flags = flags(call);
            if flags & CQSIZE != 0 {
                call.put(call.argument(1) + 8, &(flags | CLAMP).to_ne_bytes());
            }
        },
    ),
    before(
        "uring.disabled_is_enabled",
        "IORING_SETUP_R_DISABLED is not looked at.",
        "io_uring_setup(2), IORING_SETUP_R_DISABLED",
        SETUP,
        |call| without(call, DISABLED),
    ),
    before(
        "uring.submit_all_is_not",
        "IORING_SETUP_SUBMIT_ALL is not looked at.",
        "io_uring_setup(2), IORING_SETUP_SUBMIT_ALL",
        SETUP,
        |call| without(call, SUBMIT_ALL),
    ),
    before(
        "uring.anybody_is_the_issuer",
        "IORING_SETUP_SINGLE_ISSUER is not looked at.",
        "io_uring_setup(2), IORING_SETUP_SINGLE_ISSUER",
        SETUP,
        |call| without(call, SINGLE_ISSUER | DEFER_TASKRUN),
    ),
    before(
        "uring.work_is_not_deferred",
        "IORING_SETUP_DEFER_TASKRUN is not looked at.",
        "io_uring_setup(2), IORING_SETUP_DEFER_TASKRUN",
        SETUP,
        |call| without(call, DEFER_TASKRUN),
    ),
    before(
        "uring.polling_thread_is_refused",
        "IORING_SETUP_SQPOLL is refused with EPERM.",
        "io_uring_setup(2), IORING_SETUP_SQPOLL",
        SETUP,
        |call| {
            // The memory of a process that has become another user's is not the tracer's to read.
            if call.u32(call.argument(1) + 8).is_none_or(|flags| flags & SQPOLL != 0) {
                call.refuse(Errno::EPERM);
            }
        },
    ),
    after(
        "uring.features_have_gaps",
        "A ring announces something new, and leaves out something of each age before.",
        "io_uring_setup(2), features",
        SETUP,
        |call| {
            const LEFT_OUT: u32 = RW_CUR_POS | POLL_32BITS | LINKED_FILE | REG_REG_RING | RW_ATTR;
            announce(call, |features| (features | 1 << 31) & !LEFT_OUT);
        },
    ),
    after(
        "uring.operations_have_gaps",
        "A ring has a new operation, and lacks one of each age before.",
        "io_uring_register(2), IORING_REGISTER_PROBE",
        &[libc::SYS_io_uring_register],
        |call| {
            if !has_probed(call) {
                return;
            }
            // The last operation.
            call.put(call.argument(2), &[URING_CMD128]);
            support(call, URING_CMD128, true);
            for operation in [FSYNC, TEE, MKDIRAT, SEND_ZC, WAITID, BIND, PIPE] {
                support(call, operation, false);
            }
        },
    ),
];

/// Changes what a ring announces that was made: the features in a struct `io_uring_params`.
pub(super) fn announce(call: &mut Act, change: fn(u32) -> u32) {
    if call.succeeded() {
        change_u32(call, call.argument(1) + 20, change);
    }
}

/// Whether a call is one of `io_uring_register` that asks which operations there are.
pub(super) fn is_probe(call: &Act) -> bool {
    const IORING_REGISTER_PROBE: i32 = 8;
    call.number() == libc::SYS_io_uring_register && call.int(1) == IORING_REGISTER_PROBE
}

/// Whether a call has told them.
pub(super) fn has_probed(call: &Act) -> bool {
    is_probe(call) && call.succeeded()
}

/// Makes it tell that an operation is there or not: the flags of its `struct io_uring_probe_op`, of
/// which `IO_URING_OP_SUPPORTED` is the only one.
pub(super) fn support(call: &mut Act, operation: u8, supported: bool) {
    let flags = call.argument(2) + 16 + 8 * u64::from(operation) + 2;
    call.put(flags, &u16::from(supported).to_ne_bytes());
}

/// The flags in a struct `io_uring_params`.
pub(super) fn flags(call: &Act) -> u32 {
    call.u32(call.argument(1) + 8).unwrap_or(0)
}

/// Takes flags from what a ring is made with.
fn without(call: &mut Act, flag: u32) {
    let flags = flags(call);
    call.put(call.argument(1) + 8, &(flags & !flag).to_ne_bytes());
}
