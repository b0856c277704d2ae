//! Whether two descriptors are one open file. Much hangs on it (the flags, the position, the
//! registration with epoll), and for long nobody but a debugger could ask.

use harness::prelude::*;
use harness::sys::descriptor::{is_created, is_same_file};
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

/// `F_DUPFD_QUERY` tells a copy of a descriptor from one that was opened anew.
#[case(man = ["F_DUPFD_QUERY(2const)"], kernel = ["f_dupfd_query"], since = "6.10", strength = Documented)]
fn a_copy_is_the_same_file(t: &mut Trial) -> Result {
    let path = t.folder()?.join("file");
    std::fs::write(&path, b"x")?;
    let (file, other) = (std::fs::File::open(&path)?, std::fs::File::open(&path)?);
    let copy = file.try_clone()?;
    let same = is_same_file(&file, &copy)
        .map_err(|error| Stop::unsupported_if(error, &[Errno::EINVAL], "F_DUPFD_QUERY"))?;
    check!(t, same, "a copy of the descriptor");
    check!(t, !is_same_file(&file, &other)?, "another open of the file");
    Ok(())
}

/// `F_CREATED_QUERY` tells whether open with `O_CREAT` has made the file, or found it.
#[case(kernel = ["f_created_query"], since = "6.12", strength = Implementation)]
fn open_says_whether_it_made_the_file(t: &mut Trial) -> Result {
    let path = t.folder()?.join("file");
    let open = || {
        let how = OFlag::O_CREAT | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        open(&path, how, Mode::S_IRUSR | Mode::S_IWUSR)
    };
    let made = is_created(open()?)
        .map_err(|error| Stop::unsupported_if(error, &[Errno::EINVAL], "F_CREATED_QUERY"))?;
    check!(t, made, "the first open makes it");
    check!(t, !is_created(open()?)?, "the second finds it");
    Ok(())
}
