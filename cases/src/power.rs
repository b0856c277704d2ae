//! What is known of cases where their power is measured (`ioconform mutants`), by globs of ids.

/// Cases that no rewriting of their own calls can make fail, and why.
pub const UNPROVEN: &[(&str, &str)] = &[
    (
        "uring.features.*",
        "asks whether the kernel has something: one that says no is older, not wrong, and the case says `unsupported`",
    ),
    (
        "uring.setup.submissions_*",
        "this flag is newer than the kernel on which mutants were tried: the case ends as `unsupported`",
    ),
];

/// Cases that end otherwise under a tracer, and why.
pub const UNTRACEABLE: &[(&str, &str)] = &[];
