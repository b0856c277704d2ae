//! select is given sets as bitmaps: bit n stands for descriptor n. They are parameters in both
//! directions, so a program makes them anew before each call, and the kernel looks at every bit
//! below `nfds`, whatever the number of descriptors in them. The bitmap of the C library ends at
//! 1024; the kernel's does not.

use harness::prelude::*;
use nix::fcntl::{FcntlArg, fcntl};

use super::{NOW, reading};

/// select overwrites its sets with the descriptors that are ready, down to empty sets when the
/// time is over.
#[case(man = ["select(2)"], strength = Documented)]
fn overwrites_its_sets(t: &mut Trial) -> Result {
    let ((idle, _keep), (mut ready, mut writer)) = (std::io::pipe()?, std::io::pipe()?);
    let (first, second) = (idle.as_raw_fd(), ready.as_raw_fd());
    let nfds = first.max(second) + 1;
    writer.write_all(b"!")?;
    let selected = select(nfds, &reading(&[first, second]), NOW);
    check!(
        t,
        (selected.returned, selected.sets) == (Ok(1), reading(&[second])),
        "only the pipe with data is left in the set"
    );
    ready.read_exact(&mut [0])?;
    let selected = select(nfds, &reading(&[first, second]), NOW);
    check!(
        t,
        (selected.returned, selected.sets) == (Ok(0), Sets::default()),
        "nothing is ready, and nothing is left"
    );
    Ok(())
}

/// select returns the number of bits over all three sets: a socket that is both readable and
/// writable counts twice.
#[case(man = ["select(2), RETURN VALUE"], strength = Documented)]
fn counts_bits_not_descriptors(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    writer.write_all(b"!")?;
    let number = reader.as_raw_fd();
    let both = Sets { read: vec![number], write: vec![number], except: vec![number] };
    let selected = select(number + 1, &both, NOW);
    check!(t, selected.returned == Ok(2), "one socket, in three sets, ready in two of them");
    check!(t, selected.sets == Sets { except: vec![], ..both }, "the sets say in which two");
    Ok(())
}

/// select with a descriptor that is not open fails with EBADF and leaves the sets as they were.
#[case(man = ["select(2), RETURN VALUE", "select(2), ERRORS: EBADF"], strength = Documented)]
fn keeps_its_sets_on_error(t: &mut Trial) -> Result {
    let (mut writer, reader) = UnixStream::pair()?;
    writer.write_all(b"!")?;
    let closed = reader.try_clone()?.as_raw_fd();
    let sets = Sets { write: vec![reader.as_raw_fd()], ..reading(&[reader.as_raw_fd(), closed]) };
    let selected = select(reader.as_raw_fd().max(closed) + 1, &sets, NOW);
    check!(t, selected.returned == Err(Errno::EBADF), "one of the numbers is not open");
    check!(
        t,
        selected.sets == sets,
        "the sets are those of the caller, and not those of the ready"
    );
    Ok(())
}

/// select looks at the numbers below its first argument only.
#[case(man = ["select(2)"], notes = ["S49"], strength = Documented)]
fn looks_below_nfds_only(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(b"!")?;
    let (number, sets) = (reader.as_raw_fd(), reading(&[reader.as_raw_fd()]));
    check!(
        t,
        select(number, &sets, NOW).returned == Ok(0),
        "nfds is the descriptor's number: it is not looked at"
    );
    check!(t, select(number + 1, &sets, NOW).returned == Ok(1), "nfds is one more: it is ready");
    Ok(())
}

/// The system call handles descriptors beyond 1023; only the C library's `fd_set` ends there.
#[case(man = ["select(2), C library/kernel differences"], needs = [Need::Descriptors(2001)], strength = Documented)]
fn has_no_fd_setsize_in_the_kernel(t: &mut Trial) -> Result {
    let (reader, mut writer) = std::io::pipe()?;
    let number = fcntl(&reader, FcntlArg::F_DUPFD_CLOEXEC(2000))?;
    check!(
        t,
        select(number + 1, &reading(&[number]), NOW).returned == Ok(0),
        "descriptor {number} is not ready yet"
    );
    writer.write_all(b"!")?;
    let selected = select(number + 1, &reading(&[number]), NOW);
    check!(
        t,
        (selected.returned, selected.sets) == (Ok(1), reading(&[number])),
        "descriptor {number} is reported"
    );
    Ok(())
}

/// A regular file is always readable and writable, at its end too, and never exceptional.
#[case(man = ["select(2)", "poll(2)"], posix = ["select"], strength = Documented)]
fn always_reports_regular_files(t: &mut Trial) -> Result {
    let file = nix::sys::memfd::memfd_create("empty", nix::sys::memfd::MFdFlags::MFD_CLOEXEC)?;
    let number = file.as_raw_fd();
    let all = Sets { read: vec![number], write: vec![number], except: vec![number] };
    let selected = select(number + 1, &all, NOW);
    check!(t, selected.returned == Ok(2), "an empty file, at its end, is ready");
    check!(t, selected.sets == Sets { except: vec![], ..all }, "to be read and to be written");
    Ok(())
}
