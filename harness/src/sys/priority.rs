//! Who comes first on a CPU.

use nix::errno::Errno;

/// Makes the calling thread, and no other, so much nicer (nice(2), setpriority(2) for threads): it
/// does not take the CPU from one that is less nice, and gets it when that one sleeps.
pub fn give_way(more: i32) -> nix::Result<()> {
    // -1 may be a niceness.
    Errno::clear();
    // SAFETY: nice takes a number.
    if unsafe { libc::nice(more) } == -1 && Errno::last_raw() != 0 {
        return Err(Errno::last());
    }
    Ok(())
}
