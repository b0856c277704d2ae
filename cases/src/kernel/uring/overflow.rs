//! The completion queue has a fixed size. What finds no room in it is kept by the kernel and handed
//! over when there is room again and the program asks; nothing is lost.

use harness::prelude::*;
use harness::sys::uring::{Request, Ring};

/// Completions that find no room in the queue are kept, told of by a flag, and delivered in order
/// by the next calls of `io_uring_enter`.
#[case(man = ["io_uring_setup(2), IORING_FEAT_NODROP"], since = "5.8", strength = Documented, needs = [Need::IoUring])]
fn completions_are_kept_when_the_queue_is_full(t: &mut Trial) -> Result {
    let mut ring = Ring::with(4, |builder| {
        builder.setup_cqsize(4);
    })?;
    let nop = |tag| Request::nop().tag(tag);
    ring.submit([nop(1), nop(2), nop(3), nop(4)])?;
    check!(t, !ring.has_overflowed(), "four completions fill the queue");
    ring.submit([nop(5), nop(6), nop(7), nop(8)])?;
    check!(t, ring.has_overflowed(), "four more do not fit, as a flag of the ring says");

    let done =
        |tags: std::ops::RangeInclusive<u64>| tags.map(|tag| (tag, Ok(0))).collect::<Vec<_>>();
    check!(t, ring.completions() == done(1..=4), "the queue holds the first four");
    check!(t, ring.wait_for(4)? == done(5..=8), "then the others");
    check!(t, ring.lost() == 0, "completions that were lost");
    check!(t, !ring.has_overflowed(), "and the flag is gone");
    Ok(())
}
