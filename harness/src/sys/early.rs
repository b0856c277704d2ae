//! Code that runs before `main`, for programs whose `main` is not ours.

use nix::sys::signal::{SigHandler, Signal, signal};

/// The C library calls the functions of this section before `main` (ELF, `DT_INIT_ARRAY`).
#[used]
// SAFETY: the section is a table of functions of this type.
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

/// Returns at once but in a process that was started as a warden. What the standard library needs
/// of its own start, which comes later, is that SIGPIPE is ignored.
extern "C" fn before_main() {
    if std::env::var_os(crate::isolate::ORDER).is_some() {
        // SAFETY: no handler of ours is installed.
        let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) };
        crate::isolate::before_main();
    }
}

/// Names the table, so that the linker keeps it in every program that calls this.
pub(crate) fn keep() {
    std::hint::black_box(&raw const BEFORE_MAIN);
}
