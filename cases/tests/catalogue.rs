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
