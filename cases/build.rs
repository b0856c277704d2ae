//! Gathers what the files of the catalogue say of their topics, for `ioconform explain`: the `//!`
//! paragraphs at their heads, by the path that is the first part of the ids of their cases.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let mut heads = BTreeMap::new();
    for (folder, id) in [("src/kernel", ""), ("src/server", "server")] {
        println!("cargo:rerun-if-changed={folder}");
        gather(Path::new(folder), id, &mut heads)?;
    }
    let mut table = String::from("&[");
    for (id, head) in heads {
        let _ = writeln!(table, "Topic {{ id: {id:?}, head: {head:?} }},");
    }
    table.push(']');
    let out = std::env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("no OUT_DIR"))?;
    std::fs::write(Path::new(&out).join("topics.rs"), table)
}

/// The heads of the files in a folder, which has this id itself. The folder of all areas has none,
/// and nothing is said of it.
fn gather(folder: &Path, id: &str, heads: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
        let below = if id.is_empty() { name.to_owned() } else { format!("{id}.{name}") };
        if path.is_dir() {
            gather(&path, &below, heads)?;
        } else if name != "mod" {
            heads.insert(below, head(&std::fs::read_to_string(path)?));
        } else if !id.is_empty() {
            heads.insert(id.to_owned(), head(&std::fs::read_to_string(path)?));
        }
    }
    Ok(())
}

/// The lines of the comment with which a file begins.
fn head(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}
