//! What a ring looks like is agreed upon when it is made: the program asks for a number of entries
//! and for properties, one bit each, and the kernel makes the ring or says EINVAL. So a program
//! finds out what a kernel can do by asking, and no bit may be taken without being understood.

use harness::prelude::*;
use harness::sys::uring::{flag, setup};

/// A ring has at least one entry and at most 32768; any other number is refused with EINVAL.
#[case(man = ["io_uring_setup(2), ERRORS: EINVAL"], since = "5.1", strength = Documented, needs = [Need::IoUring])]
fn entries_have_bounds(t: &mut Trial) -> Result {
    for entries in [0, 32769, u32::MAX] {
        let made = setup(entries, 0, 0).map(drop);
        check!(t, made == Err(Errno::EINVAL), "a ring with {entries} entries");
    }
    check!(t, setup(1, 0, 0).map(drop) == Ok(()), "a ring with one entry");
    Ok(())
}

/// The number of entries is rounded up to a power of two, and there is room for twice as many
/// completions.
#[case(man = ["io_uring_setup(2)"], since = "5.1", strength = Documented, needs = [Need::IoUring])]
fn entries_are_rounded_up(t: &mut Trial) -> Result {
    for (entries, rounded) in [(1, 1), (2, 2), (3, 4), (5, 8), (9, 16)] {
        let made = setup(entries, 0, 0)?;
        check!(
            t,
            (made.submissions, made.completions) == (rounded, 2 * rounded),
            "entries for submissions and for completions, of {entries} that were asked for"
        );
    }
    Ok(())
}

/// With `IORING_SETUP_CQSIZE` the completion queue has a size of its own, which must not be below
/// that of the submission queue.
#[case(man = ["io_uring_setup(2), IORING_SETUP_CQSIZE"], since = "5.5", strength = Documented, needs = [Need::IoUring])]
fn completions_may_have_a_size_of_their_own(t: &mut Trial) -> Result {
    let made = setup(2, flag::CQSIZE, 30)
        .map_err(|errno| Stop::unsupported_if(errno, &[Errno::EINVAL], "IORING_SETUP_CQSIZE"))?;
    check!(t, (made.submissions, made.completions) == (2, 32), "2 and 30 were asked for");
    let small = setup(4, flag::CQSIZE, 2).map(drop);
    check!(t, small == Err(Errno::EINVAL), "fewer completions than submissions");
    Ok(())
}

/// A number of entries that is too large is cut to the largest one if the program says so
/// (`IORING_SETUP_CLAMP`).
#[case(man = ["io_uring_setup(2), IORING_SETUP_CLAMP"], since = "5.6", strength = Documented, needs = [Need::IoUring])]
fn too_many_completions_are_clamped(t: &mut Trial) -> Result {
    let most = 65536;
    is_made(t, flag::CLAMP, "IORING_SETUP_CLAMP")?;
    let refused = setup(1, flag::CQSIZE, most + 1).map(drop);
    check!(t, refused == Err(Errno::EINVAL), "more completions than there may be");
    match setup(1, flag::CQSIZE | flag::CLAMP, most + 1) {
        Ok(made) => check!(t, made.completions == most, "with the flag"),
        Err(Errno::ENOMEM) => {
            return Err(Stop::Skipped {
                reason: "no locked memory is left for a ring of 65536 completions".to_owned(),
                mend: "ulimit -l unlimited".to_owned(),
            });
        }
        Err(error) => check!(t, Err::<(), _>(error) == Ok(()), "with the flag"),
    }
    Ok(())
}

/// A flag that the kernel does not know is refused with EINVAL.
#[case(man = ["io_uring_setup(2), ERRORS: EINVAL"], since = "5.1", strength = Documented, needs = [Need::IoUring])]
fn an_unknown_flag_is_refused(t: &mut Trial) -> Result {
    let made = setup(1, 1 << 31, 0).map(drop);
    check!(t, made == Err(Errno::EINVAL), "the highest bit means nothing");
    check!(t, setup(1, 0, 0).map(drop) == Ok(()), "without it");
    Ok(())
}

/// Decides whether the kernel makes a ring with these flags. EINVAL says that it knows one of them
/// not.
fn is_made(t: &mut Trial, flags: u32, name: &str) -> Result {
    match setup(4, flags, 0) {
        Ok(made) => check!(t, made.submissions == 4, "a ring with {name}"),
        Err(errno) => return Err(Stop::unsupported_if(errno, &[Errno::EINVAL], name)),
    }
    Ok(())
}

/// A ring is made whose completions do not interrupt a program that runs
/// (`IORING_SETUP_COOP_TASKRUN` and `IORING_SETUP_TASKRUN_FLAG`).
#[case(man = ["io_uring_setup(2), IORING_SETUP_COOP_TASKRUN"], since = "5.19", strength = Documented, needs = [Need::IoUring])]
fn coop_taskrun(t: &mut Trial) -> Result {
    is_made(t, flag::COOP_TASKRUN | flag::TASKRUN_FLAG, "IORING_SETUP_COOP_TASKRUN")
}

/// A ring is made whose submissions have 128 bytes each and whose completions have 32
/// (`IORING_SETUP_SQE128`, `IORING_SETUP_CQE32`).
#[case(man = ["io_uring_setup(2), IORING_SETUP_SQE128"], since = "5.19", strength = Documented, needs = [Need::IoUring])]
fn large_entries(t: &mut Trial) -> Result {
    is_made(t, flag::SQE128, "IORING_SETUP_SQE128")?;
    is_made(t, flag::CQE32, "IORING_SETUP_CQE32")
}

/// A ring is made without the array of indices between the program's entries and the kernel
/// (`IORING_SETUP_NO_SQARRAY`).
#[case(man = ["io_uring_setup(2), IORING_SETUP_NO_SQARRAY"], since = "6.6", strength = Documented, needs = [Need::IoUring])]
fn without_an_array_of_indices(t: &mut Trial) -> Result {
    is_made(t, flag::NO_SQARRAY, "IORING_SETUP_NO_SQARRAY")
}

/// A ring is made whose completions may have either size (`IORING_SETUP_CQE_MIXED`).
#[case(man = ["io_uring_setup(2), IORING_SETUP_CQE_MIXED"], since = "6.18", strength = Documented, needs = [Need::IoUring])]
fn completions_of_both_sizes(t: &mut Trial) -> Result {
    is_made(t, flag::CQE_MIXED, "IORING_SETUP_CQE_MIXED")
}

/// A ring is made whose submissions may have either size (`IORING_SETUP_SQE_MIXED`).
#[case(man = ["io_uring_setup(2), IORING_SETUP_SQE_MIXED"], since = "6.19", strength = Documented, needs = [Need::IoUring])]
fn submissions_of_both_sizes(t: &mut Trial) -> Result {
    is_made(t, flag::SQE_MIXED, "IORING_SETUP_SQE_MIXED")
}

/// A ring is made whose submissions always start at its first entry (`IORING_SETUP_SQ_REWIND`).
#[case(man = ["io_uring_setup(2), IORING_SETUP_SQ_REWIND"], since = "7.0", strength = Documented, needs = [Need::IoUring])]
fn submissions_that_rewind(t: &mut Trial) -> Result {
    is_made(t, flag::SQ_REWIND | flag::NO_SQARRAY, "IORING_SETUP_SQ_REWIND")
}
