//! The catalogue: every behaviour that ioconform judges. The tree is the table of contents: a
//! folder an area, a file a topic, a function a case.

pub mod kernel;
pub mod server;

/// All cases, sorted by id. Whoever wants the catalogue calls this and not the harness: a program
/// that never names this crate would not link it, and would silently have no cases.
pub fn catalogue() -> Vec<&'static harness::case::Case> {
    harness::catalogue::all()
}
