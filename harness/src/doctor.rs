//! What this machine can and cannot show, and what mends it.

use crate::isolate::{Namespace, probe};
use crate::need::{MEND_NAMESPACES, Need};
use crate::trial::Stop;
use crate::watch::{Sight, Task};

/// One thing that the suite would like to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub what: String,
    /// Whether it is there.
    pub found: bool,
    /// What that means for a run.
    pub meaning: String,
    /// The command that brings it; empty if it is there, or if nothing does.
    pub mend: String,
}

/// Looks at everything. To be called while the program has one thread.
pub fn findings() -> Vec<Finding> {
    let mut findings = namespaces();
    findings.push(sight());
    findings.push(switches());
    for need in
        [Need::Cpus(2), Need::SecondUser, Need::Ipv6, Need::IoUring, Need::Descriptors(16384)]
    {
        findings.push(need_of(need));
    }
    findings
}

fn namespaces() -> Vec<Finding> {
    let granted = probe().unwrap_or_default();
    Namespace::ALL
        .map(|namespace| {
            let found = granted.contains(&namespace);
            let without = match namespace {
                Namespace::User => "trials share this machine's users and capabilities",
                Namespace::Net => "trials share ports, sysctls and counters: they run one at a time, and cases that need their own are skipped",
                Namespace::Pid => "what a trial leaves behind is found and ended one by one",
                Namespace::Mount => "trials share this machine's /proc",
            };
            Finding {
                what: format!("a {} namespace for each trial", namespace.word()),
                found,
                meaning: if found { String::new() } else { without.to_owned() },
                mend: if found { String::new() } else { MEND_NAMESPACES.to_owned() },
            }
        })
        .to_vec()
}

fn sight() -> Finding {
    let found = Sight::here() == Sight::Syscall;
    Finding {
        what: "the system call of a sleeping thread".to_owned(),
        found,
        meaning: if found {
            String::new()
        } else {
            "sleep is recognised by a quiet period, which evidence then says".to_owned()
        },
        mend: proc_mend(found),
    }
}

fn switches() -> Finding {
    let found = matches!(Task::current().voluntary_switches(), Ok(Some(_)));
    Finding {
        what: "the wakeups of a thread".to_owned(),
        found,
        meaning: if found {
            String::new()
        } else {
            "cases that count wakeups are unobservable".to_owned()
        },
        mend: proc_mend(found),
    }
}

/// Without `/proc` nothing can be seen; with it, what it lacks is the kernel's.
fn proc_mend(found: bool) -> String {
    let missing = !found && !std::path::Path::new("/proc/self").exists();
    if missing { "mount -t proc proc /proc".to_owned() } else { String::new() }
}

fn need_of(need: Need) -> Finding {
    let (found, meaning, mend) = match need.probe() {
        Ok(()) => (true, String::new(), String::new()),
        Err(Stop::Skipped { reason, mend }) => {
            (false, format!("{reason}; cases that need it are skipped"), mend)
        }
        Err(Stop::Unsupported(reason)) => {
            (false, format!("{reason}; cases that need it are unsupported"), String::new())
        }
        Err(other) => (false, format!("{other:?}"), String::new()),
    };
    Finding { what: need.to_string(), found, meaning, mend }
}

/// What the reader of a run on this machine must know; empty on a machine that shows everything.
pub fn notes() -> Vec<String> {
    let mut notes = Vec::new();
    let lost: Vec<_> = namespaces().into_iter().filter(|finding| !finding.found).collect();
    if let Some(first) = lost.first() {
        let what: Vec<_> = lost.iter().map(|finding| finding.what.as_str()).collect();
        let meaning: Vec<_> = lost.iter().map(|finding| finding.meaning.as_str()).collect();
        notes.push(format!(
            "missing: {}; {} (mend: {})",
            what.join(", "),
            meaning.join("; "),
            first.mend
        ));
    }
    for finding in [sight(), switches()].iter().filter(|finding| !finding.found) {
        let mend = match &*finding.mend {
            "" => String::new(),
            mend => format!(" (mend: {mend})"),
        };
        notes.push(format!("missing: {}; {}{mend}", finding.what, finding.meaning));
    }
    notes
}
