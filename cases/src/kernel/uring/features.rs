//! What a ring can do is told in two ways, neither of which is the kernel's version: bits that
//! `io_uring_setup` writes back, and a table of operations that can be asked for
//! (`IORING_REGISTER_PROBE`). Distributions carry new code into old kernels, so a program asks.

use harness::prelude::*;
use harness::sys::uring::{Ring, feature, operation, setup};

/// Decides whether a ring announces features of one age. A bit that is 0 says that it is missing: the
/// ring is older, unless it announces something newer.
fn announces(t: &mut Trial, features: &[(&str, u32)]) -> Result {
    let announced = setup(1, 0, 0)?.features;
    let wanted = features.iter().fold(0, |bits, (_, bit)| bits | bit);
    let is_newer = announced.checked_ilog2() > wanted.checked_ilog2();
    if let Some((name, _)) = features.iter().find(|(_, bit)| announced & bit == 0)
        && !is_newer
    {
        return Err(Stop::Unsupported(format!("the ring does not announce {name}")));
    }
    check!(t, announced & wanted == wanted, "the features {features:?}");
    Ok(())
}

/// A ring of Linux 5.7 announces one mapping for both queues, completions that are never dropped,
/// requests that may be overwritten once they are submitted, reads at the file's own position,
/// the rights of who submits, and polls of its own in place of blocked workers.
#[case(man = ["io_uring_setup(2), IORING_FEAT_FAST_POLL"], since = "5.7", strength = Documented, needs = [Need::IoUring])]
fn features_of_5_7(t: &mut Trial) -> Result {
    let features = [
        ("IORING_FEAT_SINGLE_MMAP", feature::SINGLE_MMAP),
        ("IORING_FEAT_NODROP", feature::NODROP),
        ("IORING_FEAT_SUBMIT_STABLE", feature::SUBMIT_STABLE),
        ("IORING_FEAT_RW_CUR_POS", feature::RW_CUR_POS),
        ("IORING_FEAT_CUR_PERSONALITY", feature::CUR_PERSONALITY),
        ("IORING_FEAT_FAST_POLL", feature::FAST_POLL),
    ];
    announces(t, &features)
}

/// A ring of Linux 5.13 announces poll events of 32 bits, a polling thread for any file, waits with
/// a time-out, workers that are threads of the process, and tags of resources.
#[case(man = ["io_uring_setup(2), IORING_FEAT_RSRC_TAGS"], since = "5.13", strength = Documented, needs = [Need::IoUring])]
fn features_of_5_13(t: &mut Trial) -> Result {
    let features = [
        ("IORING_FEAT_POLL_32BITS", feature::POLL_32BITS),
        ("IORING_FEAT_SQPOLL_NONFIXED", feature::SQPOLL_NONFIXED),
        ("IORING_FEAT_EXT_ARG", feature::EXT_ARG),
        ("IORING_FEAT_NATIVE_WORKERS", feature::NATIVE_WORKERS),
        ("IORING_FEAT_RSRC_TAGS", feature::RSRC_TAGS),
    ];
    announces(t, &features)
}

/// A ring of Linux 5.18 announces requests that complete only if they fail, and links whose files
/// are looked up when a request begins.
#[case(man = ["io_uring_setup(2), IORING_FEAT_LINKED_FILE"], since = "5.18", strength = Documented, needs = [Need::IoUring])]
fn features_of_5_18(t: &mut Trial) -> Result {
    let features = [
        ("IORING_FEAT_CQE_SKIP", feature::CQE_SKIP),
        ("IORING_FEAT_LINKED_FILE", feature::LINKED_FILE),
    ];
    announces(t, &features)
}

/// A ring of Linux 6.12 announces rings that are registered by number, several buffers for one send
/// or receive, and waits for a least time.
#[case(man = ["io_uring_setup(2), IORING_FEAT_MIN_TIMEOUT"], since = "6.12", strength = Documented, needs = [Need::IoUring])]
fn features_of_6_12(t: &mut Trial) -> Result {
    let features = [
        ("IORING_FEAT_REG_REG_RING", feature::REG_REG_RING),
        ("IORING_FEAT_RECVSEND_BUNDLE", feature::RECVSEND_BUNDLE),
        ("IORING_FEAT_MIN_TIMEOUT", feature::MIN_TIMEOUT),
    ];
    announces(t, &features)
}

/// A ring of Linux 6.15 announces attributes of reads and writes, and waits that do not count as
/// waiting for a disk.
#[case(man = ["io_uring_setup(2), IORING_FEAT_NO_IOWAIT"], since = "6.15", strength = Documented, needs = [Need::IoUring])]
fn features_of_6_15(t: &mut Trial) -> Result {
    let features =
        [("IORING_FEAT_RW_ATTR", feature::RW_ATTR), ("IORING_FEAT_NO_IOWAIT", feature::NO_IOWAIT)];
    announces(t, &features)
}

/// Decides whether a ring has operations of one age. The kernel's own table says which; a ring that
/// lacks one is older, unless it has one that is newer.
fn has(t: &mut Trial, operations: &[(&str, u8)]) -> Result {
    let ring = Ring::new()?;
    let missing: Vec<_> = operations.iter().filter(|(_, code)| !ring.knows(*code)).collect();
    let newest = operations.iter().map(|(_, code)| *code).max().unwrap_or(u8::MAX);
    let is_newer = (newest..=u8::MAX).skip(1).any(|code| ring.knows(code));
    if let [(name, _), ..] = missing[..]
        && !is_newer
    {
        return Err(Stop::Unsupported(format!("the ring does not have IORING_OP_{name}")));
    }
    check!(t, missing.is_empty(), "the operations {operations:?}");
    Ok(())
}

/// `operations![NOP, READ]`: each with its name.
macro_rules! operations {
    ($($name:ident),+ $(,)?) => { &[$((stringify!($name), operation::$name)),+] };
}

/// A ring of Linux 5.7 has the operations up to splice and provided buffers.
#[case(man = ["io_uring_register(2), IORING_REGISTER_PROBE"], since = "5.7", strength = Documented, needs = [Need::IoUring])]
fn operations_of_5_7(t: &mut Trial) -> Result {
    let operations = operations![
        NOP,
        READV,
        WRITEV,
        FSYNC,
        READ_FIXED,
        WRITE_FIXED,
        POLL_ADD,
        POLL_REMOVE,
        SYNC_FILE_RANGE,
        SENDMSG,
        RECVMSG,
        TIMEOUT,
        TIMEOUT_REMOVE,
        ACCEPT,
        ASYNC_CANCEL,
        LINK_TIMEOUT,
        CONNECT,
        FALLOCATE,
        OPENAT,
        CLOSE,
        FILES_UPDATE,
        STATX,
        READ,
        WRITE,
        FADVISE,
        MADVISE,
        SEND,
        RECV,
        OPENAT2,
        EPOLL_CTL,
        SPLICE,
        PROVIDE_BUFFERS,
        REMOVE_BUFFERS,
    ];
    has(t, operations)
}

/// A ring of Linux 5.11 has tee, shutdown, rename and unlink.
#[case(man = ["io_uring_enter(2), IORING_OP_SHUTDOWN"], since = "5.11", strength = Documented, needs = [Need::IoUring])]
fn operations_of_5_11(t: &mut Trial) -> Result {
    has(t, operations![TEE, SHUTDOWN, RENAMEAT, UNLINKAT])
}

/// A ring of Linux 5.19 has mkdir, symlink and link, messages to other rings, extended attributes,
/// sockets, and commands of drivers.
#[case(man = ["io_uring_enter(2), IORING_OP_SOCKET"], since = "5.19", strength = Documented, needs = [Need::IoUring])]
fn operations_of_5_19(t: &mut Trial) -> Result {
    let operations = operations![
        MKDIRAT, SYMLINKAT, LINKAT, MSG_RING, FSETXATTR, SETXATTR, FGETXATTR, GETXATTR, SOCKET,
        URING_CMD,
    ];
    has(t, operations)
}

/// A ring of Linux 6.1 has sends without a copy.
#[case(man = ["io_uring_enter(2), IORING_OP_SENDMSG_ZC"], since = "6.1", strength = Documented, needs = [Need::IoUring])]
fn operations_of_6_1(t: &mut Trial) -> Result {
    has(t, operations![SEND_ZC, SENDMSG_ZC])
}

/// A ring of Linux 6.9 has multishot reads, waits for children and for futexes, descriptors for
/// registered files, and truncation.
#[case(man = ["io_uring_enter(2), IORING_OP_FTRUNCATE"], since = "6.9", strength = Documented, needs = [Need::IoUring])]
fn operations_of_6_9(t: &mut Trial) -> Result {
    let operations = operations![
        READ_MULTISHOT,
        WAITID,
        FUTEX_WAIT,
        FUTEX_WAKE,
        FUTEX_WAITV,
        FIXED_FD_INSTALL,
        FTRUNCATE,
    ];
    has(t, operations)
}

/// A ring of Linux 6.11 has bind and listen.
#[case(man = ["io_uring_enter(2), IORING_OP_BIND"], since = "6.11", strength = Documented, needs = [Need::IoUring])]
fn operations_of_6_11(t: &mut Trial) -> Result {
    has(t, operations![BIND, LISTEN])
}

/// A ring of Linux 6.16 has receives without a copy, `epoll_wait`, vectored I/O with registered
/// buffers, and pipes.
#[case(man = ["io_uring_enter(2), IORING_OP_PIPE"], since = "6.16", strength = Documented, needs = [Need::IoUring])]
fn operations_of_6_16(t: &mut Trial) -> Result {
    has(t, operations![RECV_ZC, EPOLL_WAIT, READV_FIXED, WRITEV_FIXED, PIPE])
}

/// A ring of Linux 6.19 has operations for its large entries alone.
#[case(man = ["io_uring_enter(2), IORING_OP_NOP128"], since = "6.19", strength = Documented, needs = [Need::IoUring])]
fn operations_of_6_19(t: &mut Trial) -> Result {
    has(t, operations![NOP128, URING_CMD128])
}
