//! Kernels that are not wrong but older: what they do not know they refuse.

use nix::errno::Errno;

use super::{Mutant, old};

pub(super) const MUTANTS: &[Mutant] = &[
    old(
        "epoll.older_than_pwait2",
        "There is no epoll_pwait2, as before Linux 5.11.",
        "epoll_wait(2), HISTORY",
        &[libc::SYS_epoll_pwait2],
        |call| call.refuse(Errno::ENOSYS),
    ),
    old(
        "pidfd.older_than_pidfd_open",
        "There is no pidfd_open, as before Linux 5.3.",
        "pidfd_open(2), HISTORY",
        &[libc::SYS_pidfd_open],
        |call| call.refuse(Errno::ENOSYS),
    ),
];
