//! What poll says of files that nobody writes to from the other side. It has no waiting to offer for
//! them: they are always ready, whatever the disk is about to do.

use harness::prelude::*;
use nix::sys::memfd::{MFdFlags, memfd_create};

const ALL: PollFlags = POLLIN.union(POLLOUT).union(POLLPRI).union(POLLRDHUP);

/// Regular files, directories and /dev/null are POLLIN and POLLOUT at any time.
#[case(man = ["poll(2)"], posix = ["poll"], kernel = ["vfs_poll"], strength = Documented)]
fn are_always_ready(t: &mut Trial) -> Result {
    let file = memfd_create("empty", MFdFlags::MFD_CLOEXEC)?;
    let directory = OwnedFd::from(std::fs::File::open(t.folder()?)?);
    let null = OwnedFd::from(std::fs::File::open("/dev/null")?);
    let files = [("a regular file at its end", file), ("a directory", directory), ("null", null)];
    for (kind, fd) in files {
        check!(t, poll_now(&fd, ALL)? == POLLIN | POLLOUT, "{kind}");
    }
    Ok(())
}

/// Of a file that is always ready, poll reports what it was asked for, also POLLRDNORM and
/// POLLWRNORM.
#[case(man = ["poll(2), POLLRDNORM"], kernel = ["DEFAULT_POLLMASK"], strength = Implementation)]
fn are_normal_data(t: &mut Trial) -> Result {
    let file = memfd_create("empty", MFdFlags::MFD_CLOEXEC)?;
    let normal = PollFlags::POLLRDNORM | PollFlags::POLLWRNORM;
    check!(t, poll_now(&file, normal)? == normal, "to be read and written");
    let bands = PollFlags::POLLRDBAND | PollFlags::POLLWRBAND;
    check!(t, poll_now(&file, bands)?.is_empty(), "but not as priority data");
    Ok(())
}
