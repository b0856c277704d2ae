//! How far select looks. A process has a table of descriptors, which the kernel makes larger as
//! it needs to (`FDSize` in /proc/self/status tells its size). Bits within the table that stand for
//! nothing open are an error; bits behind its end are not even seen.

use harness::prelude::*;
use harness::sys::process::borrow;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::{NOW, reading};

/// The size of this process's table of descriptors.
fn table_size() -> Result<i32> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let size = status.lines().find_map(|line| line.strip_prefix("FDSize:")?.trim().parse().ok());
    size.ok_or_else(|| Stop::Unobservable("/proc/self/status has no FDSize".to_owned()))
}

/// A bit for a number that is not open, but within the process's table of descriptors, makes select
/// fail with EBADF.
#[case(man = ["select(2), ERRORS: EBADF", "select(2), BUGS"], strength = Documented)]
fn closed_number_in_the_table_fails(t: &mut Trial) -> Result {
    let size = table_size()?;
    let closed = |number: &i32| fcntl(borrow(*number), FcntlArg::F_GETFD) == Err(Errno::EBADF);
    let last = (0..size).rev().find(closed).ok_or_else(|| Stop::error("every number is open"))?;
    let returned = select(last + 1, &reading(&[last]), NOW).returned;
    check!(t, returned == Err(Errno::EBADF), "{last} is closed, in a table of {size}");
    Ok(())
}

/// A bit for a number beyond the process's table of descriptors is ignored: select neither fails
/// nor clears it.
#[case(man = ["select(2), BUGS"], kernel = ["core_sys_select"], strength = Implementation)]
fn number_beyond_the_table_is_ignored(t: &mut Trial) -> Result {
    let beyond = table_size()? + 64;
    let selected = select(beyond + 1, &reading(&[beyond]), NOW);
    check!(t, selected.returned == Ok(0), "{beyond} cannot be open, and there is no error");
    check!(t, selected.sets == reading(&[beyond]), "nothing is ready, and the bit is still set");
    Ok(())
}

/// select fails with EINVAL if `nfds` is negative.
#[case(man = ["select(2), ERRORS: EINVAL"], strength = Documented)]
fn negative_nfds_is_refused(t: &mut Trial) -> Result {
    for nfds in [-1, i32::MIN] {
        let returned = select(nfds, &Sets::default(), NOW).returned;
        check!(t, returned == Err(Errno::EINVAL), "nfds is {nfds}");
    }
    Ok(())
}

/// select fails with EINVAL if `nfds` exceeds `RLIMIT_NOFILE`.
#[case(
    man = ["select(2), ERRORS: EINVAL"],
    kernel = ["core_sys_select"],
    strength = Documented,
    changed = [("", "", deviates, "the kernel never compares nfds with the limit; it cuts it to the size of the process's table")]
)]
fn nfds_above_the_limit_is_refused(t: &mut Trial) -> Result {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard)?;
    let returned = select(1024, &Sets::default(), NOW).returned;
    check!(t, returned == Err(Errno::EINVAL), "the limit is 64, and nfds is 1024");
    Ok(())
}

/// select cannot watch a descriptor above 1023.
#[case(
    man = ["select(2), DESCRIPTION"],
    needs = [Need::Descriptors(2001)],
    strength = Folklore,
    changed = [("", "", deviates, "FD_SETSIZE is the size of the C library's fd_set; the kernel takes bitmaps of any size")]
)]
fn ends_at_1024(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let number = fcntl(&reader, FcntlArg::F_DUPFD_CLOEXEC(1024))?;
    writer.write_all(b"!")?;
    let returned = select(number + 1, &reading(&[number]), NOW).returned;
    check!(t, returned != Ok(1), "descriptor {number} has data, and is not reported");
    Ok(())
}
