//! The catalogue: every behaviour that ioconform judges. The tree is the table of contents: a
//! folder an area, a file a topic, a function a case.

pub mod kernel;
pub mod models;
pub mod mutants;
pub mod power;
pub mod server;
pub mod testing;
mod topics;

pub use harness::dialect::{Dialect, Http};
pub use harness::target::{SignalName, Target};
pub use topics::{Topic, topics};

/// All cases, sorted by id. Whoever wants the catalogue calls this and not the harness: a program
/// that never names this crate would not link it, and would silently have no cases.
pub fn catalogue() -> Vec<&'static harness::case::Case> {
    harness::catalogue::all()
}

/// Must be the first call of `main` in every program that runs cases: the program is started again
/// as the process above a trial, and as a reference server. Returns in the program that the user
/// started, and in no other.
pub fn entry() {
    servers::entry();
    harness::entry();
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::baseline::Baseline;
    use std::path::Path;

    #[test]
    fn what_is_known_of_other_systems_is_known_of_cases() {
        let ids: Vec<_> = catalogue().iter().map(|case| case.id).collect();
        let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci/matrix.toml");
        let baseline = Baseline::read(&known, &ids);
        assert!(baseline.is_ok(), "{}", baseline.unwrap_err());
    }
}
