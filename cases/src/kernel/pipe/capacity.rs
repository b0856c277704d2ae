//! How much a pipe holds. Its buffer is a ring of pages, sixteen at first. Small writes share a
//! page as long as they fit into what the last one left; then a new page begins, and the rest of the
//! old one is lost. So a pipe is full when its pages are, which may be long before its bytes are.

use harness::isolate::{Namespace, granted};
use harness::prelude::*;
use harness::sys::process;
use nix::sys::wait::waitpid;
use nix::unistd::{Uid, seteuid, setuid, write};

use super::{capacity, nonblocking, of_pages, page, set_capacity};

/// A new pipe holds sixteen pages of data, and not a byte more.
#[case(man = ["pipe(7), Pipe capacity"], strength = Documented)]
fn sixteen_pages(t: &mut Trial) -> Result {
    let (_reader, writer) = nonblocking()?;
    let size = capacity(&writer)?;
    if size <= 2 * page()? {
        let reason = "this user has used up the pages that pipes may have".to_owned();
        return Err(Stop::Skipped { reason, mend: String::new() });
    }
    check!(t, size == 16 * page()?, "F_GETPIPE_SZ tells sixteen pages");
    check!(t, write(&writer, &vec![0; size + 1]) == Ok(size), "so much is taken of a byte more");
    check!(t, write(&writer, b"x") == Err(Errno::EAGAIN), "and then nothing");
    Ok(())
}

/// Writes of a single byte fill a page of a pipe to its end: they are merged.
#[case(man = ["pipe(7), Pipe capacity"], kernel = ["pipe_write"], strength = Implementation)]
fn single_bytes_share_a_page(t: &mut Trial) -> Result {
    let (reader, writer) = of_pages(1)?;
    let taken = (0..=page()?).take_while(|_| write(&writer, b"x") == Ok(1)).count();
    check!(t, taken == page()?, "single bytes that a pipe of one page takes");
    check!(t, net::unread(&reader)? == page()?, "bytes that it then holds");
    Ok(())
}

/// A write that does not fit into the rest of the last page begins a new one, so that a pipe is full
/// with fewer bytes than its capacity.
#[case(man = ["pipe(7), Pipe capacity"], kernel = ["pipe_write"], strength = Implementation)]
fn pages_count_and_not_bytes(t: &mut Trial) -> Result {
    let (reader, writer) = of_pages(2)?;
    let page = page()?;
    check!(t, write(&writer, &vec![0; page - 1]) == Ok(page - 1), "a page but for one byte");
    check!(t, write(&writer, b"ab") == Ok(2), "two bytes, which begin the second page");
    let more = write(&writer, &vec![0; page]);
    check!(t, more == Err(Errno::EAGAIN), "a page finds none free, of the two that there are");
    check!(t, net::unread(&reader)? == page + 1, "the full pipe holds a page and a byte");
    Ok(())
}

/// `F_SETPIPE_SZ` gives the power of two pages that is next to what was asked for, and returns it.
#[case(man = ["F_SETPIPE_SZ(2const)", "fcntl(2), F_SETPIPE_SZ"], since = "2.6.35", strength = Documented)]
fn size_is_rounded_up(t: &mut Trial) -> Result {
    let (_reader, writer) = of_pages(4)?;
    let page = page()?;
    for (asked, pages) in [(0, 1), (1, 1), (page, 1), (page + 1, 2), (3 * page, 4)] {
        let made = set_capacity(&writer, asked);
        check!(t, made == Ok(pages * page), "asked for {asked} bytes, it gives {pages} pages");
        check!(t, capacity(&writer)? == pages * page, "and F_GETPIPE_SZ tells the same");
    }
    Ok(())
}

/// A pipe is not made smaller than what it holds: `F_SETPIPE_SZ` fails with EBUSY.
#[case(man = ["F_SETPIPE_SZ(2const)", "fcntl(2), F_SETPIPE_SZ"], since = "2.6.35", strength = Documented)]
fn content_is_kept(t: &mut Trial) -> Result {
    let (reader, writer) = of_pages(4)?;
    let page = page()?;
    write(&writer, &vec![0; page + 1])?;
    check!(t, set_capacity(&writer, page) == Err(Errno::EBUSY), "two pages are not put into one");
    check!(t, net::unread(&reader)? == page + 1, "the data is still there");
    check!(t, set_capacity(&writer, 2 * page) == Ok(2 * page), "two pages fit into two");
    Ok(())
}

/// A thread that sleeps in a write to a full pipe goes on when the pipe is made larger.
#[case(
    kernel = ["pipe_resize_ring"],
    since = "2.6.35",
    strength = Implementation,
    changed = [("2.6.35", "5.5", deviates, "a pipe that became larger woke nobody")],
)]
fn growing_wakes_a_writer(t: &mut Trial) -> Result {
    let (reader, writer) = of_pages(1)?;
    let page = page()?;
    write(&writer, &vec![0; page])?;
    net::set_nonblocking(&writer, false)?;
    let job = t.spawn("writer", move || Ok(write(&writer, b"x")))?;
    check!(t, job.sleeps_in(t, Call::WRITE)?, "the pipe of a page is full, and the writer sleeps");
    check!(t, set_capacity(&reader, 2 * page) == Ok(2 * page), "a page more is asked for");
    check!(t, job.join_soon(t)? == Some(Ok(1)), "and he writes, although nobody has read");
    Ok(())
}

/// A number of `/proc/sys/fs`, which is only looked at.
fn limit(name: &str) -> Result<usize> {
    let text = std::fs::read_to_string(format!("/proc/sys/fs/{name}"))
        .map_err(|error| Stop::Unobservable(format!("{name} cannot be read: {error}")))?;
    Ok(text.trim().parse()?)
}

/// Without `CAP_SYS_RESOURCE` no pipe is made larger than `/proc/sys/fs/pipe-max-size`:
/// `F_SETPIPE_SZ` fails with EPERM.
#[case(man = ["pipe(7), /proc files", "F_SETPIPE_SZ(2const)"], since = "2.6.35", strength = Documented)]
fn size_has_a_limit(t: &mut Trial) -> Result {
    let (_reader, writer) = of_pages(1)?;
    let limit = limit("pipe-max-size")?;
    if limit > 1 << 29 {
        let reason = format!("twice pipe-max-size, which is {limit}, cannot be asked for");
        return Err(Stop::Skipped { reason, mend: String::new() });
    }
    // In a user namespace the trial has no such capability over the machine, be it its own or one
    // that knows no other user (EINVAL).
    if Uid::effective().is_root()
        && !granted(Namespace::User)
        && let Err(error) = seteuid(Uid::from_raw(1))
        && error != Errno::EINVAL
    {
        return Err(error.into());
    }
    let more = set_capacity(&writer, 2 * limit);
    check!(t, more == Err(Errno::EPERM), "twice the limit");
    Ok(())
}

/// A user who has no pages for pipes left (`pipe-user-pages-soft`) still gets pipes, of two pages,
/// and they cannot grow.
#[case(
    man = ["pipe(7), /proc files"],
    kernel = ["alloc_pipe_info", "pipe_set_size"],
    since = "4.5",
    needs = [Need::SecondUser],
    strength = Documented,
    changed = [("4.5", "5.14", deviates, "such a pipe had a single page before Linux 5.14, and could deadlock")]
)]
fn two_pages_beyond_the_share(t: &mut Trial) -> Result {
    let (share, most) = (limit("pipe-user-pages-soft")?, limit("pipe-max-size")?);
    let pipes = share / (most / page()?).max(1) + 1;
    if share == 0 || pipes > 400 {
        let reason = format!("no share of pages, or too large a one to use up: {share}");
        return Err(Stop::Skipped { reason, mend: String::new() });
    }
    let (mut told, mut tell) = std::io::pipe()?;
    // A user whose pipes are nobody's business: the share is counted by user.
    let child = process::fork(|| {
        let outcome = setuid(Uid::from_raw(65533)).map_err(Stop::from).and_then(|()| {
            let mut full = Vec::new();
            for _ in 0..pipes {
                let (reader, writer) = nonblocking()?;
                let _ = set_capacity(&writer, most);
                full.push((reader, writer));
            }
            let (_reader, writer) = nonblocking()?;
            let grown = set_capacity(&writer, most);
            Ok((capacity(&writer)?, grown.err().map_or(0, |error| error as i32)))
        });
        let line = outcome.map(|(size, error)| format!("{size} {error}"));
        i32::from(line.is_err() || tell.write_all(line.unwrap_or_default().as_bytes()).is_err())
    })?;
    drop(tell);
    let mut line = String::new();
    told.read_to_string(&mut line)?;
    waitpid(child, None)?;
    let (size, error) = line.split_once(' ').ok_or_else(|| Stop::error("no answer"))?;
    check!(t, size.parse::<usize>()? == 2 * page()?, "the size of the next pipe");
    check!(t, Errno::from_raw(error.parse()?) == Errno::EPERM, "and its F_SETPIPE_SZ fails");
    Ok(())
}
