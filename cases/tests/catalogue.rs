//! No case is lost, and each is well formed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// A binary that does not link a file's cases would run nothing of it, and be green.
#[test]
fn every_case_attribute_in_the_tree_is_in_the_catalogue() {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let attributes: usize = sources(&tree)
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap().matches("\n#[case(").count())
        .sum();
    assert_eq!(cases::catalogue().len(), attributes);
    assert!(attributes >= 60, "{attributes} cases");
}

#[test]
fn ids_are_unique_sorted_and_never_used_again() {
    let ids: Vec<_> = cases::catalogue().iter().map(|case| case.id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "unique and sorted");
    let retired = include_str!("../retired.toml");
    for id in ids {
        assert!(!retired.contains(&format!("\"{id}\"")), "{id} was retired");
    }
}

#[test]
fn every_case_says_what_it_claims_and_where_it_stands() {
    for case in cases::catalogue() {
        let id = case.id;
        assert!(case.claim.ends_with('.') && case.claim.len() > 20, "{id}: {}", case.claim);
        assert!(case.text.contains(&format!("fn {}(", id.rsplit('.').next().unwrap())), "{id}");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(case.file);
        let file = std::fs::read_to_string(path).unwrap();
        assert!(file.starts_with("//! "), "{} does not teach its topic", case.file);
        for note in case.notes() {
            let known = harness::claims::all().iter().any(|claim| claim.id == note);
            assert!(known, "{id}: there is no claim {note}");
        }
    }
}

/// One sentence is decided once.
#[test]
fn no_two_cases_claim_the_same() {
    let cases = cases::catalogue();
    let claims: BTreeSet<_> = cases.iter().map(|case| case.claim).collect();
    assert_eq!(claims.len(), cases.len());
}

/// `ioconform explain AREA` tells what an area and its topics are about.
#[test]
fn every_area_and_topic_has_a_head() {
    let head = |id: &str| cases::topics().iter().find(|topic| topic.id == id).map(|it| it.head);
    for case in cases::catalogue() {
        for id in [case.area(), case.topic()] {
            let head = head(id).unwrap_or("");
            assert!(head.len() > 20 && !head.starts_with(char::is_whitespace), "{id}: {head:?}");
        }
    }
    assert!(cases::topics().is_sorted_by(|a, b| a.id < b.id));
    for topic in cases::topics() {
        assert!(!harness::catalogue::all().iter().any(|case| case.id == topic.id), "{}", topic.id);
    }
}

/// What is written of a claim is only believed because a case shows it.
#[test]
fn every_claim_of_the_notes_has_a_case_that_decides_it() {
    let decided: BTreeSet<_> = cases::catalogue().iter().flat_map(|case| case.notes()).collect();
    let open: Vec<_> = harness::claims::all()
        .iter()
        .map(|claim| &*claim.id)
        .filter(|id| !decided.contains(id))
        .collect();
    assert_eq!(open, [""; 0], "claims that no case decides");
}

/// The names in the column "here" of a table, each with its row.
fn named_cases(text: &str) -> Vec<(String, String)> {
    let mut names = Vec::new();
    let mut in_table = false;
    for line in text.lines() {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let Some(last) = cells.len().checked_sub(2).map(|last| cells[last]) else {
            in_table = false;
            continue;
        };
        if last == "here" {
            in_table = true;
        } else if in_table && !last.starts_with("---") {
            let found: Vec<_> = last.split('`').skip(1).step_by(2).collect();
            assert!(!found.is_empty(), "no case is named: {line}");
            names.extend(found.into_iter().map(|name| (name.to_owned(), line.to_owned())));
        }
    }
    names
}

#[test]
fn what_is_said_to_cover_other_suites_exists() {
    let names = named_cases(include_str!("../../docs/coverage.md"));
    assert!(names.len() > 50, "{} names", names.len());
    let cases = cases::catalogue();
    for (name, row) in names {
        let pattern = harness::filter::Pattern::new(&name).unwrap();
        assert!(cases.iter().any(|case| pattern.matches(case.id)), "`{name}` is no case: {row}");
    }
}
