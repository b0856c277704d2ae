//! What is known of cases where their power is measured (`ioconform mutants`), by globs of ids.

/// Cases that no rewriting of their own calls can make fail, and why.
pub const UNPROVEN: &[(&str, &str)] = &[];

/// Cases that end otherwise under a tracer, and why.
pub const UNTRACEABLE: &[(&str, &str)] = &[];
