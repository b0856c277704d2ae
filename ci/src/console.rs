//! What a kernel says on its console: panics, warnings, and the case at which it said them.

use std::collections::BTreeMap;
use std::path::Path;

use harness::events::{BEGIN, END};

/// How many lines of a console are kept.
const TAIL: usize = 40;

/// What begins a report of something wrong in a kernel's log.
const SPLATS: [&str; 12] = [
    "WARNING:",
    "BUG:",
    "Oops",
    "kernel BUG at",
    "general protection fault",
    "Kernel panic",
    "INFO: rcu",
    "rcu: INFO",
    "INFO: task",
    "unable to handle",
    "possible recursive locking",
    "refcount_t:",
];

/// The lines of a console's file, without time stamps; none if there is no such file.
pub fn read(path: &Path) -> Vec<String> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.lines().map(|line| without_time(line).trim_end().to_owned()).collect()
}

/// `[    1.658772]  ret_from_fork` without the time, nor the caller (`[    T1]`, `[    C0]`) that
/// stands behind it where the kernel has `CONFIG_PRINTK_CALLER`.
fn without_time(line: &str) -> &str {
    match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((time, rest)) if time.trim().parse::<f64>().is_ok() => {
            let caller = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            let rest = caller.map_or(rest, |(_, rest)| rest);
            rest.strip_prefix(' ').unwrap_or(rest)
        }
        _ => line,
    }
}

/// The last lines.
pub fn tail(lines: &[String]) -> Vec<String> {
    let lines: Vec<_> = lines.iter().filter(|line| !line.is_empty()).cloned().collect();
    lines[lines.len().saturating_sub(TAIL)..].to_vec()
}

/// Why the kernel panicked, if it did.
pub fn panic(lines: &[String]) -> Option<String> {
    let line = lines.iter().find(|line| line.starts_with("Kernel panic"))?;
    Some(line.trim_start_matches("Kernel panic - not syncing: ").to_owned())
}

/// Where an interrupted kernel stood, ready to be put behind a sentence.
pub fn place(lines: &[String]) -> Option<String> {
    let line = lines.iter().rev().find(|line| line.starts_with("RIP: "))?;
    Some(format!(", at {}", line.trim_start_matches("RIP: ")))
}

/// The cases that had begun and not ended when the console fell silent.
pub fn running(lines: &[String]) -> Vec<String> {
    let mut running = Vec::new();
    for line in lines {
        if let Some(id) = line.strip_prefix(BEGIN) {
            running.push(id.to_owned());
        } else if let Some(id) = line.strip_prefix(END) {
            running.retain(|known| known != id);
        }
    }
    running
}

/// The reports of something wrong, for each case that ran meanwhile. What is wrong while none runs
/// stands under the empty id.
pub fn splats(lines: &[String]) -> BTreeMap<String, Vec<String>> {
    let mut splats: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut running: Vec<&str> = Vec::new();
    let mut inside = false;
    for line in lines {
        if let Some(id) = line.strip_prefix(BEGIN) {
            running.push(id);
            inside = false;
        } else if let Some(id) = line.strip_prefix(END) {
            running.retain(|known| *known != id);
            inside = false;
        } else {
            inside |= SPLATS.iter().any(|splat| line.contains(splat));
            if !inside {
                continue;
            }
            let blamed = if running.is_empty() { vec![""] } else { running.clone() };
            for id in blamed {
                let log = splats.entry(id.to_owned()).or_default();
                if log.len() < TAIL {
                    log.push(line.clone());
                }
            }
            inside &= !line.contains("---[ end trace");
        }
    }
    splats
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(|line| without_time(line).to_owned()).collect()
    }

    #[test]
    fn a_warning_belongs_to_the_case_that_runs() {
        let console = lines(
            "[    1.0] ioconform: begin a.b\n[    1.1] ioconform: end a.b\n\
             [    1.2] ioconform: begin c.d\n\
             [    1.3] WARNING: CPU: 0 PID: 7 at fs/eventpoll.c:1\n\
             [    1.4]  ? ep_poll+0x1\n[    1.4] ---[ end trace 0 ]---\n\
             [    1.5] some news\n[    1.5] ioconform: end c.d\n\
             [    1.6] BUG: soft lockup\n",
        );
        let splats = splats(&console);
        assert_eq!(splats.keys().collect::<Vec<_>>(), ["", "c.d"]);
        assert_eq!(splats["c.d"].len(), 3);
        assert_eq!(splats[""], ["BUG: soft lockup"]);
        assert_eq!(running(&console), Vec::<String>::new());
    }

    #[test]
    fn a_panic_is_found_with_the_cases_that_it_ended() {
        let console = lines(
            "ioconform: begin a.b\nioconform: begin c.d\nioconform: end a.b\n\
             [    9.0] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\n",
        );
        assert_eq!(panic(&console).unwrap(), "Attempted to kill init! exitcode=0x00000100");
        assert_eq!(running(&console), ["c.d"]);
    }

    #[rstest::rstest]
    #[case::plain("Kernel panic", "Kernel panic")]
    #[case::time("[    9.012345] Kernel panic", "Kernel panic")]
    #[case::caller("[    9.012345][    T1] Kernel panic", "Kernel panic")]
    #[case::indented("[    9.012345]  ret_from_fork+0x1", " ret_from_fork+0x1")]
    #[case::no_time("[drm] no time", "[drm] no time")]
    #[case::cut_off("[    9.0123", "[    9.0123")]
    fn a_line_is_freed_of_its_time(#[case] line: &str, #[case] rest: &str) {
        assert_eq!(without_time(line), rest);
    }

    #[test]
    fn only_the_end_is_kept() {
        let console: Vec<_> = (0..100).map(|number| number.to_string()).collect();
        assert_eq!(tail(&console).len(), TAIL);
        assert_eq!(tail(&console)[TAIL - 1], "99");
    }
}
