//! The memory of an `io_uring`, as a mutant sees it: the requests that a call is about to hand over,
//! and the completions that are there when it has returned. What the kernel completes behind the
//! program's back is seen at the program's next call.

use libc::{SYS_io_uring_enter, SYS_io_uring_setup, SYS_mmap};

use crate::trace::Act;

/// What a mutant must stop at to know where the rings are.
pub(super) const CALLS: &[i64] = &[SYS_io_uring_setup, SYS_io_uring_enter, SYS_mmap];

/// Offsets for mmap (`linux/io_uring.h`): both queues, and the requests.
const QUEUES: u64 = 0;
const REQUESTS: u64 = 0x1000_0000;

/// What is remembered of a ring, by its descriptor: where each part begins, and the offsets within.
const QUEUES_AT: u64 = 1 << 32;
const REQUESTS_AT: u64 = 2 << 32;
const SUBMISSION: u64 = 3 << 32;
const COMPLETION: u64 = 4 << 32;
const SEEN: u64 = 5 << 32;
const OPERATION: u64 = 6 << 32;

/// A request that is about to be handed over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    /// Where its 64 bytes are.
    pub at: u64,
    /// `IORING_OP_…`.
    pub operation: u8,
    /// `IOSQE_…`.
    pub flags: u8,
    /// The `user_data`.
    pub tag: u64,
}

/// A completion that the program has not seen yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Completion {
    /// Where its 16 bytes are.
    pub at: u64,
    /// The operation of its request.
    pub operation: u8,
    /// The `user_data`.
    pub tag: u64,
    /// Its result; an error as the negative of its number.
    pub result: i32,
    /// `IORING_CQE_F_…`.
    pub flags: u32,
}

/// Does something to each request that the call is about to hand over. Notes their operations.
pub(super) fn each_request(call: &mut Act, act: fn(&mut Act, Request)) {
    if call.number() != SYS_io_uring_enter {
        return;
    }
    let Some(requests) = requests(call) else { return };
    let ring = call.argument(0);
    for request in requests {
        call.memory.insert((OPERATION | ring, request.tag), request.operation.into());
        act(call, request);
    }
}

/// Does something to each completion that has come since the last time. Remembers where rings are.
pub(super) fn each_completion(call: &mut Act, act: fn(&mut Act, Completion)) {
    if call.number() != SYS_io_uring_enter {
        return find_rings(call);
    }
    for completion in completions(call).unwrap_or_default() {
        act(call, completion);
    }
}

/// Remembers what the calls that make a ring tell of it.
pub(super) fn find_rings(call: &mut Act) {
    let result = call.result().cast_unsigned();
    if !call.succeeded() {
        return;
    }
    if call.number() == SYS_io_uring_setup {
        // struct io_sqring_offsets and io_cqring_offsets, in struct io_uring_params.
        for (part, at) in [(SUBMISSION, 40), (COMPLETION, 80)] {
            for field in 0..7 {
                let Some(offset) = call.u32(call.argument(1) + at + 4 * field) else { return };
                call.memory.insert((part | result, field), offset.into());
            }
        }
        call.memory.insert((SEEN | result, 0), 0);
    } else if call.number() == SYS_mmap {
        let ring = call.argument(4) & 0xffff_ffff;
        let part = match call.argument(5) {
            QUEUES => QUEUES_AT,
            REQUESTS => REQUESTS_AT,
            _ => return,
        };
        if call.memory.contains_key(&(SEEN | ring, 0)) {
            call.memory.insert((part | ring, 0), result);
        }
    }
}

/// A number in the queues of a ring, by the place of its offset among those of a part.
fn number(call: &Act, ring: u64, part: u64, field: u64) -> Option<(u64, u32)> {
    let base = call.memory.get(&(QUEUES_AT | ring, 0))?;
    let at = base + call.memory.get(&(part | ring, field))?;
    Some((at, call.u32(at)?))
}

fn requests(call: &Act) -> Option<Vec<Request>> {
    let ring = call.argument(0);
    let field = |field| number(call, ring, SUBMISSION, field);
    let ((_, head), (_, tail), (_, mask), (array, _)) =
        (field(0)?, field(1)?, field(2)?, field(6)?);
    let base = *call.memory.get(&(REQUESTS_AT | ring, 0))?;
    let mut requests = Vec::new();
    for place in 0..tail.wrapping_sub(head).min(mask + 1) {
        let index = u64::from(head.wrapping_add(place) & mask);
        let at = base + 64 * u64::from(call.u32(array + 4 * index)?);
        let [operation, flags] = call.bytes(at, 2)?.try_into().ok()?;
        requests.push(Request { at, operation, flags, tag: call.u64(at + 32)? });
    }
    Some(requests)
}

fn completions(call: &mut Act) -> Option<Vec<Completion>> {
    let ring = call.argument(0);
    let field = |field| number(call, ring, COMPLETION, field);
    let ((_, head), (_, tail), (_, mask), (entries, _)) =
        (field(0)?, field(1)?, field(2)?, field(5)?);
    let seen = u32::try_from(*call.memory.get(&(SEEN | ring, 0))?).ok()?;
    // Those before the head are gone.
    let first = if tail.wrapping_sub(seen) > tail.wrapping_sub(head) { head } else { seen };
    let mut completions = Vec::new();
    for place in 0..tail.wrapping_sub(first) {
        let at = entries + 16 * u64::from(first.wrapping_add(place) & mask);
        let tag = call.u64(at)?;
        let operation = call.memory.get(&(OPERATION | ring, tag)).copied().unwrap_or(0);
        completions.push(Completion {
            at,
            operation: u8::try_from(operation).ok()?,
            tag,
            result: call.u32(at + 8)?.cast_signed(),
            flags: call.u32(at + 12)?,
        });
    }
    call.memory.insert((SEEN | ring, 0), tail.into());
    Some(completions)
}

/// Makes a flag of the submission queue (`IORING_SQ_…`) as if it were not set.
pub(super) fn clear_flag(call: &mut Act, flag: u32) {
    let Some((at, flags)) = number(call, call.argument(0), SUBMISSION, 4) else { return };
    call.put(at, &(flags & !flag).to_ne_bytes());
}
