//! A case as plain data: what it claims, where that is stated, and the function that decides it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::need::Need;
use crate::record::Verdict;
use crate::trial::{Result, Trial};

/// A behaviour and the code that decides it. Written by the `#[case]` attribute.
#[derive(Debug)]
pub struct Case {
    /// `area.topic.behaviour`: the Rust path of the function, without the crate and `kernel`.
    pub id: &'static str,
    /// The sentence that is true or false on a system.
    pub claim: &'static str,
    /// Where the sentence is stated.
    pub sources: &'static [Source],
    /// How binding it is.
    pub strength: Strength,
    /// The first upstream kernel that has the behaviour; `""` if all have.
    pub since: &'static str,
    /// Upstream kernels that end in another verdict than `conforms`.
    pub changed: &'static [Change],
    /// The reference servers that by their nature cannot do it.
    pub except: &'static [Except],
    /// What the machine must offer.
    pub needs: &'static [Need],
    /// No other trial may run beside it.
    pub alone: bool,
    /// How long a trial may take before it counts as hung.
    pub deadline: Duration,
    /// The file of the function, relative to the workspace.
    pub file: &'static str,
    /// The line of the function.
    pub line: u32,
    /// The function as it stands in its file, doc comment included.
    pub text: &'static str,
    /// Decides the behaviour.
    pub run: fn(&mut Trial) -> Result,
}

impl Case {
    /// Everything before the last dot of the id: the topic's name.
    pub fn topic(&self) -> &'static str {
        self.id.rsplit_once('.').map_or(self.id, |(topic, _)| topic)
    }

    /// Everything before the first dot of the id.
    pub fn area(&self) -> &'static str {
        self.id.split_once('.').map_or(self.id, |(area, _)| area)
    }

    /// Whether it is about a server, and not about the kernel.
    pub fn is_about_a_server(&self) -> bool {
        matches!(self.strength, Strength::Must | Strength::Should)
    }

    /// The claims of the study notes that the case decides (`S43`).
    pub fn notes(&self) -> impl Iterator<Item = &'static str> {
        self.sources.iter().filter_map(|source| match source {
            Source::Notes(claim) => Some(*claim),
            _ => None,
        })
    }
}

/// Where a claim is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A page of the Linux man-pages project, and its section.
    Man(&'static str),
    /// An RFC and its section.
    Rfc(&'static str),
    /// POSIX.1-2024.
    Posix(&'static str),
    /// A commit of the Linux kernel.
    Commit(&'static str),
    /// A function or document of the kernel's source tree.
    Kernel(&'static str),
    /// A claim of the study notes that the project grew out of.
    Notes(&'static str),
    /// A bug that a server had: where it was reported or mended.
    Incident(&'static str),
}

impl std::fmt::Display for Source {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Man(text) | Source::Rfc(text) => write!(out, "{text}"),
            Source::Posix(text) => write!(out, "POSIX.1-2024 {text}"),
            Source::Commit(text) => write!(out, "commit {text}"),
            Source::Kernel(text) => write!(out, "kernel source, {text}"),
            Source::Notes(text) => write!(out, "notes {text}"),
            Source::Incident(text) => write!(out, "incident {text}"),
        }
    }
}

/// How binding a behaviour is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Strength {
    /// A man page or standard promises it.
    Documented,
    /// Linux does it so, and programs rely on it.
    Implementation,
    /// Widely believed; the case finds out.
    Folklore,
    /// Of a server: its clients lose something if it is not so.
    Must,
    /// Of a server: good, and not to be had of all.
    Should,
}

impl std::fmt::Display for Strength {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Strength::Documented => "documented",
            Strength::Implementation => "implementation",
            Strength::Folklore => "folklore",
            Strength::Must => "must",
            Strength::Should => "should",
        })
    }
}

/// A range of upstream kernels that ends in a verdict of its own.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// The first such kernel; `""` is the very first.
    pub from: &'static str,
    /// The first kernel after the range; `""` leaves it open.
    pub until: &'static str,
    /// How the case ends there.
    pub verdict: Verdict,
    /// The commit or release note that explains it.
    pub why: &'static str,
}

/// A reference server for which a case ends in `deviates`, because of how it is made.
#[derive(Debug, Clone, Copy)]
pub struct Except {
    /// The model.
    pub model: &'static str,
    /// What about it is so.
    pub why: &'static str,
}

/// The length of the id of a function at `path` (`module_path!()` and the name).
pub const fn id_length(path: &str) -> usize {
    let bytes = path.as_bytes();
    let (mut at, mut length) = (id_start(bytes), 0);
    while at < bytes.len() {
        at += if bytes[at] == b':' { 2 } else { 1 };
        length += 1;
    }
    length
}

/// The id of a function at `path`, as bytes: the crate and `kernel` dropped, `::` made a dot.
pub const fn id_bytes<const LENGTH: usize>(path: &str) -> [u8; LENGTH] {
    let bytes = path.as_bytes();
    let (mut at, mut id, mut length, mut dots) = (id_start(bytes), [0; LENGTH], 0, 0);
    while at < bytes.len() {
        (id[length], at) = match bytes[at] {
            b':' => {
                dots += 1;
                (b'.', at + 2)
            }
            byte @ (b'a'..=b'z' | b'0'..=b'9' | b'_') => (byte, at + 1),
            _ => panic!("an id is made of lower-case letters, digits and underscores"),
        };
        length += 1;
    }
    assert!(dots > 0, "a case stands in a module, which gives its id an area");
    id
}

/// The id as text.
pub const fn id_text(id: &'static [u8]) -> &'static str {
    match std::str::from_utf8(id) {
        Ok(id) => id,
        Err(_) => panic!("an id is ASCII"),
    }
}

/// Where the id starts in a path: after the crate's name, and after `kernel::`.
const fn id_start(path: &[u8]) -> usize {
    let mut at = 0;
    while at < path.len() && path[at] != b':' {
        at += 1;
    }
    at += 2;
    if starts_with(path, at, b"kernel::") { at + 8 } else { at }
}

const fn starts_with(text: &[u8], at: usize, prefix: &[u8]) -> bool {
    let mut index = 0;
    while index < prefix.len() {
        if at + index >= text.len() || text[at + index] != prefix[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// A case with nothing in it, for tests of what is done with cases.
#[cfg(test)]
pub(crate) const BLANK: Case = Case {
    id: "a.b",
    claim: "It does.",
    sources: &[],
    strength: Strength::Documented,
    since: "",
    changed: &[],
    except: &[],
    needs: &[],
    alone: false,
    deadline: Duration::from_secs(1),
    file: "",
    line: 0,
    text: "",
    run: |_| Ok(()),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("cases::kernel::epoll::edge::silent", "epoll.edge.silent")]
    #[case("cases::server::accept::emfile", "server.accept.emfile")]
    #[case("mine::topic::name_2", "topic.name_2")]
    fn an_id_is_the_path_without_crate_and_kernel(#[case] path: &str, #[case] id: &str) {
        assert_eq!(id_length(path), id.len());
        let mut bytes = id_bytes::<64>(&format!("{path}{}", "x".repeat(64 - id.len()))).to_vec();
        bytes.truncate(id.len());
        assert_eq!(String::from_utf8(bytes).unwrap(), id);
    }
}
