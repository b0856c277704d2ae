//! The interest list: `epoll_ctl` tells the kernel once what a program wants to know of a
//! descriptor, and the kernel keeps it in a table of the epoll instance until it is taken out. The
//! table can be looked at in /proc.

use harness::prelude::*;

use super::counter;

/// The descriptors in the table of an epoll instance, each by the number that it was added with.
fn table(epoll: &Epoll) -> Result<Vec<i32>> {
    let path = format!("/proc/self/fdinfo/{}", epoll.as_fd().as_raw_fd());
    let text = std::fs::read_to_string(path)
        .map_err(|error| Stop::Unobservable(format!("fdinfo cannot be read: {error}")))?;
    let number = |line: &str| line.strip_prefix("tfd:")?.split_whitespace().next()?.parse().ok();
    Ok(text.lines().filter_map(number).collect())
}

/// `EPOLL_CTL_ADD` puts a descriptor into a table of the kernel, where it stays until
/// `EPOLL_CTL_DEL`.
#[case(man = ["epoll_ctl(2)", "proc_pid_fdinfo(5)"], kernel = ["ep_show_fdinfo", "ep_insert"], notes = ["S01"], since = "3.8", strength = Implementation)]
fn is_a_table_of_the_kernel(t: &mut Trial) -> Result {
    let (counter, epoll) = (counter()?, Epoll::new()?);
    let number = counter.as_fd().as_raw_fd();
    check!(t, table(&epoll)?.is_empty(), "a new instance");
    epoll.add(&counter, EPOLLIN)?;
    counter.write(1)?;
    check!(t, epoll.ready_now()? == [EPOLLIN], "the descriptor that was added is reported");
    if table(&epoll)?.is_empty() {
        return Err(Stop::Unobservable("fdinfo does not show the table".to_owned()));
    }
    check!(t, table(&epoll)? == [number], "and is in the table still");
    epoll.delete(&counter)?;
    check!(t, table(&epoll)?.is_empty(), "until it is deleted");
    check!(t, epoll.ready_now()? == [], "and then it is not reported, although it is ready");
    Ok(())
}
