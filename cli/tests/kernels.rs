//! `ioconform kernels` as a person or a script meets it; one test needs a network.

mod common;

use predicates::prelude::*;
use predicates::str::{contains, is_match};
use rstest::rstest;
use tempfile::TempDir;

use common::{assert_refused, home, ioconform, path, write};

/// A configuration of apt that knows these sources and no others.
fn apt_conf(folder: &TempDir, sources: &str) -> String {
    let sources = write(folder, "sources.list", sources);
    write(
        folder,
        "apt.conf",
        &format!(
            "Dir::Etc::sourcelist \"{sources}\";\nDir::Etc::sourceparts \"/dev/null\";\n\
             Dir::State::lists \"{}\";\nAcquire::Retries \"0\";\n",
            folder.path().display()
        ),
    )
}

/// Whether this machine has apt. That it has not is a reason to skip, and with
/// `IOCONFORM_STRICT=1` a failure.
fn has_apt() -> bool {
    let found = ["/usr/bin/apt-get", "/usr/share/keyrings/debian-archive-keyring.gpg"]
        .iter()
        .all(|path| std::path::Path::new(path).exists());
    let strict = std::env::var_os("IOCONFORM_STRICT").is_some_and(|value| value == "1");
    assert!(found || !strict, "this machine has no apt, or not the keys of Debian's archive");
    if !found {
        eprintln!("skipped: this machine has no apt, or not the keys of Debian's archive");
    }
    found
}

#[test]
fn list_names_every_system_with_and_without_a_home_full_of_kernels() {
    ioconform(&home())
        .args(["kernels", "list"])
        .assert()
        .code(0)
        .stdout(is_match(r"(?m)^5\.10 +Linux 5\.10, cloud +-$").unwrap())
        .stdout(is_match(r"(?m)^7\.3-rt +Linux 7\.3, rt +-$").unwrap())
        .stdout(is_match(r"(?m)^gvisor +gVisor +-$").unwrap())
        .stdout(is_match(r"(?m)^uml +user-mode Linux +-$").unwrap());

    let home = home();
    let folder = home.path().join("ioconform/kernels/6.12");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("vmlinuz"), vec![0; 12_000_000]).unwrap();
    let note = "package = \"linux-image-6.12\"\nversion = \"6.12.1-1\"\nsuite = \"trixie\"\n\
                image_sha256 = \"00\"\nfetched = \"2026-01-01T00:00:00Z\"\n";
    std::fs::write(folder.join("kernel.toml"), note).unwrap();
    ioconform(&home).args(["kernels", "list"]).assert().code(0).stdout(
        is_match(
            r"(?m)^6\.12 +Linux 6\.12, cloud +12\.00 MB  linux-image-6\.12 6\.12\.1-1 \(trixie\)$",
        )
        .unwrap(),
    );
    ioconform(&home)
        .args(["kernels", "rm", "6.12", "6.12"])
        .assert()
        .code(0)
        .stdout("12.00 MB freed\n");
    assert!(!folder.exists());
    ioconform(&home).args(["kernels", "rm", "--all"]).assert().code(0).stdout("0 B freed\n");
}

#[rstest]
#[case::fetch(&["fetch", "7.33"], "did you mean 7.3")]
#[case::rm(&["rm", "gvizor"], "did you mean gvisor?")]
fn an_unknown_kernel_gets_one_line(#[case] arguments: &[&str], #[case] said: &str) {
    assert_refused(ioconform(&home()).arg("kernels").args(arguments), said);
}

#[rstest]
#[case::rm_of_nothing(&["rm"], "NAME")]
#[case::rm_of_one_and_all(&["rm", "6.12", "--all"], "cannot be used with")]
#[case::nothing(&[], "Usage")]
fn what_cannot_be_meant_is_usage(#[case] arguments: &[&str], #[case] said: &str) {
    ioconform(&home()).arg("kernels").args(arguments).assert().code(2).stderr(contains(said));
}

#[test]
fn a_machine_without_apt_is_told_the_way_around() {
    ioconform(&home())
        .args(["kernels", "fetch", "7.3"])
        .env("PATH", "/nonexistent")
        .assert()
        .code(3)
        .stderr(contains("there is no apt here").and(contains("--kernel PATH")));
}

#[test]
fn a_machine_of_another_distribution_is_told_the_way_around() {
    if !has_apt() {
        return;
    }
    let home = home();
    let configuration = apt_conf(&home, "deb http://127.0.0.1:1/ubuntu noble main\n");
    ioconform(&home)
        .args(["kernels", "fetch", "7.3"])
        .env("APT_CONFIG", configuration)
        .assert()
        .code(3)
        .stderr(contains("name no mirror of Debian's archive").and(contains("--kernel PATH")));
}

#[test]
fn a_mirror_that_does_not_answer_costs_what_is_not_here_a_line_each() {
    if !has_apt() {
        return;
    }
    let home = home();
    let configuration = apt_conf(&home, "deb http://127.0.0.1:1/debian trixie main\n");
    ioconform(&home)
        .args(["kernels", "fetch", "7.3", "5.10"])
        .env("APT_CONFIG", configuration)
        .assert()
        .code(3)
        .stdout(contains("note: suite bullseye-security: the apt sources of this machine name no mirror of Debian's security archive\n"))
        .stdout(contains("note: suite trixie-backports: apt-get update failed: "))
        .stdout(contains("7.3      failed   no package of it in trixie-backports, sid\n"))
        .stdout(contains("5.10     failed   no package of it in bullseye, bullseye-security\n"))
        .stdout(contains('\u{1b}').not());
    let kept = path(&home, "ioconform/kernels");
    assert_eq!(std::fs::read_dir(kept).unwrap().count(), 1, "the lock alone");
}

/// A mirror in a folder, with the index that the archive signed, and in the place of a package
/// something else of the same length.
fn forged_mirror(home: &TempDir, package: &str) -> String {
    let lists = home.path().join("ioconform/apt/trixie-backports/lists");
    let suite = home.path().join("mirror/debian/dists/trixie-backports");
    std::fs::create_dir_all(suite.join("main/binary-amd64")).unwrap();
    let mut index = String::new();
    for file in std::fs::read_dir(lists).unwrap() {
        let file = file.unwrap().path();
        let name = file.display().to_string();
        if name.ends_with("_InRelease") {
            std::fs::copy(file, suite.join("InRelease")).unwrap();
        } else if name.contains("_Packages") {
            let mut helper = std::process::Command::new("/usr/lib/apt/apt-helper");
            let plain = helper.arg("cat-file").arg(file).output().unwrap().stdout;
            std::fs::write(suite.join("main/binary-amd64/Packages"), &plain).unwrap();
            index = String::from_utf8(plain).unwrap();
        }
    }
    let head = format!("Package: {package}\n");
    let paragraph = index.split("\n\n").find(|paragraph| paragraph.starts_with(&head)).unwrap();
    let field =
        |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim();
    let place = home.path().join("mirror/debian").join(field("Filename:"));
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(place, vec![0; field("Size:").parse().unwrap()]).unwrap();
    path(home, "mirror/debian")
}

#[test]
fn a_package_that_is_not_what_the_archive_signed_is_refused() {
    if !has_apt() {
        return;
    }
    let honest = home();
    let fetched = ioconform(&honest).args(["kernels", "fetch", "6.19"]).output().unwrap();
    if !fetched.status.success() {
        let reason = String::from_utf8_lossy(&fetched.stdout).into_owned();
        assert!(std::env::var_os("IOCONFORM_STRICT").is_none_or(|value| value != "1"), "{reason}");
        eprintln!("skipped: {reason}");
        return;
    }
    let note =
        std::fs::read_to_string(path(&honest, "ioconform/kernels/6.19/kernel.toml")).unwrap();
    let mirror = forged_mirror(&honest, note.split('"').nth(1).unwrap());

    let home = home();
    let configuration = apt_conf(&home, &format!("deb copy:{mirror} bookworm main\n"));
    ioconform(&home)
        .args(["kernels", "fetch", "6.19"])
        .env("APT_CONFIG", configuration)
        .assert()
        .code(3)
        .stdout(is_match("^6.19 +failed +apt-helper failed: .*Hash Sum mismatch\n$").unwrap());
    assert!(!home.path().join("ioconform/kernels/6.19").exists());
}
