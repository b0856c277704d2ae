//! Asynchronous I/O: asked for now, done later. POSIX's is made by threads of the C library; the
//! kernel's own, `io_submit`, is another interface with another fate.

mod cancel;
mod context;
mod folklore;
mod native;
mod request;

use harness::prelude::*;
use harness::sys::native_aio::Context;

/// A context of the kernel's asynchronous I/O. Ends the trial as `unsupported` where there is none.
pub(super) fn context() -> Result<Context> {
    Context::new(8).map_err(|error| match error {
        Errno::EAGAIN => Stop::Skipped {
            reason: "this machine has no room for another context (fs.aio-max-nr)".to_owned(),
            mend: "sysctl -w fs.aio-max-nr=1048576".to_owned(),
        },
        other => Stop::unsupported_if(other, &[Errno::ENOSYS], "io_setup"),
    })
}

/// A regular file of the trial's own, with this in it.
fn file(t: &Trial, content: &[u8]) -> Result<std::fs::File> {
    let path = t.folder()?.join("file");
    std::fs::write(&path, content)?;
    Ok(std::fs::File::open(path)?)
}
