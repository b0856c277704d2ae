//! `docs/power.md`: who catches whom, as a page.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Cell, Fate, Known, Power, Reasons, reason_for, servers};
use crate::mutant::Mutant;

/// What is known beforehand: of cases that no mutant can fail, of those that cannot be traced, and of
/// mutants.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// Cases that no mutant can fail.
    pub unproven: &'static Reasons,
    /// Cases that end otherwise under a tracer.
    pub untraceable: &'static Reasons,
    /// Why nobody catches a mutant that does not say it itself.
    pub uncaught: &'static str,
}

/// The page: of wrong kernels, of wrong servers, or of both.
pub fn page(
    kernels: Option<&(Power, &[&'static Mutant], Named)>,
    servers: Option<&(servers::Power, &[servers::Mutant])>,
) -> String {
    let mut text = String::from(
        "# Power: every check has been seen to fail\n\n\
         Written by `ioconform mutants -o docs/power.md`. A mutant is a wrong kernel (system calls of a \
         trial are rewritten on their way, `harness/src/mutant`) or a wrong server (a reference server \
         with one bug, `servers/src/mutants`). It is *caught* by a case whose check fails under it. A case \
         that *stumbles* hangs or breaks instead; one that *excuses* takes the mutant for a system that \
         lacks the behaviour, which is what an older kernel must come to.\n",
    );
    if let Some((power, mutants, named)) = kernels {
        on_kernels(&mut text, power, mutants, *named);
    }
    if let Some((power, mutants)) = servers {
        on_servers(&mut text, power, mutants);
    }
    text
}

fn on_kernels(text: &mut String, power: &Power, mutants: &[&'static Mutant], named: Named) {
    let caught = mutants.iter().filter(|mutant| power.is_caught(mutant)).count();
    let judged = power.known.len() - power.unjudged().count();
    let proven = judged - power.unproven().count() - power.untraceable().count();
    let _ = write!(
        text,
        "\n{} mutants, of which {caught} are caught; {judged} cases, of which {proven} have been seen to fail; \
         {} trials on mutants.\n",
        mutants.len(),
        power.cells.len()
    );
    *text += "\n## Wrong kernels\n\n| mutant | what is wrong with it | the promise | caught by | stumbles | excused |\n|---|---|---|---|---|---|\n";
    for mutant in mutants {
        let count = |fate| power.of(mutant).filter(|cell| cell.fate == fate).count();
        let by: Vec<_> = power.of(mutant).filter(|cell| cell.fate == mutant.wanted()).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} |",
            mutant.id,
            mutant.breaks,
            mutant.source,
            few(&by),
            count(Fate::Stumbled),
            count(Fate::Excused)
        );
    }
    survivors(text, power, mutants, named.uncaught);
    blamed(text, power);
    listed(text, "Cases that no mutant fails", power.unproven(), named.unproven, |_| String::new());
    *text += "\n## Cases that cannot be judged on this kernel\n\n";
    for known in power.unjudged() {
        let _ = writeln!(text, "- {} ({}): {}", known.case.id, known.plain, known.reason);
    }
    let why = |known: &Known| {
        let traced = known.traced.map_or_else(String::new, |verdict| verdict.to_string());
        format!(" ({traced}, not {}: {})", known.plain, known.reason)
    };
    listed(text, "Cases that cannot be traced", power.untraceable(), named.untraceable, why);
    by_catch(text, power);
}

fn few(cells: &[&Cell]) -> String {
    let shown: Vec<_> = cells.iter().take(3).map(|cell| cell.case.id).collect();
    match cells.len() {
        0 => "nobody".to_owned(),
        count if count <= 3 => shown.join(", "),
        count => format!("{} and {} more", shown.join(", "), count - 3),
    }
}

fn survivors(text: &mut String, power: &Power, mutants: &[&'static Mutant], uncaught: &str) {
    *text += "\n## Mutants that nobody catches\n\n";
    let mut none = true;
    for mutant in mutants.iter().filter(|mutant| !power.is_caught(mutant)) {
        none = false;
        let why = if mutant.survives.is_empty() { uncaught } else { mutant.survives };
        let _ = writeln!(text, "- {}: {why}", mutant.id);
    }
    if none {
        *text += "None.\n";
    }
}

fn blamed(text: &mut String, power: &Power) {
    *text += "\n## Older kernels that a case takes for wrong ones\n\n";
    for cell in power.blamed() {
        let _ =
            writeln!(text, "- {} is blamed by {}: {}", cell.mutant.id, cell.case.id, cell.reason);
    }
    if power.blamed().next().is_none() {
        *text += "None.\n";
    }
}

/// Cases with what is known of them; those of one reason together.
fn listed<'a>(
    text: &mut String,
    title: &str,
    cases: impl Iterator<Item = &'a Known>,
    reasons: &Reasons,
    more: impl Fn(&Known) -> String,
) {
    let _ = write!(text, "\n## {title}\n\n");
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for known in cases {
        let reason = reason_for(reasons, known.case);
        let id = format!(
            "{}{}",
            known.case.id,
            if reason.is_none() { more(known) } else { String::new() }
        );
        groups.entry(reason.unwrap_or("**no reason is known**")).or_default().push(id);
    }
    if groups.is_empty() {
        *text += "None.\n";
    }
    for (reason, ids) in groups {
        let _ = writeln!(text, "- {reason}: {}", ids.join(", "));
    }
}

/// Cases of one area that fail under mutants of another.
fn by_catch(text: &mut String, power: &Power) {
    *text += "\n## Cases that fail under a mutant of another area\n\n\
              A case needs more of a kernel than what it is about: its sockets, its threads, its clocks. \
              Many of these are right; one that is not is too sensitive.\n\n";
    let mut pairs: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for cell in power.cells.iter().filter(|cell| cell.fate == Fate::Caught) {
        if cell.case.area() != cell.mutant.area() {
            *pairs.entry((cell.mutant.id, cell.case.area())).or_default() += 1;
        }
    }
    let mut mutants: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((mutant, area), count) in pairs {
        mutants.entry(mutant).or_default().push(format!("{area} {count}"));
    }
    for (mutant, areas) in mutants {
        let _ = writeln!(text, "- {mutant}: {}", areas.join(", "));
    }
}

fn on_servers(text: &mut String, power: &servers::Power, mutants: &[servers::Mutant]) {
    let proven = |mutant: &&servers::Mutant| power.is_as_known(mutant);
    let _ = write!(
        text,
        "\n## Wrong servers\n\n\
         {} wrong servers, of which {} are caught by the cases that must catch them, and by none that \
         nobody knew of; {} trials on them.\n\n\
         | server | what is wrong with it | without its bug | must be caught by | is caught by, too | stumbles | excused |\n\
         |---|---|---|---|---|---|---|\n",
        mutants.len(),
        mutants.iter().filter(proven).count(),
        power.cells.len()
    );
    for mutant in mutants {
        let by = |fate| power.of(mutant).filter(move |cell| cell.fate == fate);
        let others = by(Fate::Caught).filter(|cell| !mutant.is_for(cell.case));
        let others: Vec<_> = others.map(|cell| cell.case.id).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            mutant.id,
            mutant.breaks,
            mutant.base,
            mutant.caught_by.join(", "),
            others.join(", "),
            by(Fate::Stumbled).count(),
            by(Fate::Excused).count()
        );
    }
    *text += "\n### Why others catch them\n\n";
    for mutant in mutants {
        for (cases, why) in mutant.also {
            let _ = writeln!(text, "- {}, {cases}: {why}", mutant.id);
        }
    }
    *text += "\n### Cases that no wrong server fails\n\n";
    let unproven: Vec<_> = power.unproven().map(|case| case.id).collect();
    let _ = writeln!(
        text,
        "{}",
        if unproven.is_empty() { "None.".to_owned() } else { unproven.join(", ") }
    );
}
