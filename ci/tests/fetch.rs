//! Kernels from the archive, by the apt of this machine.

use std::path::Path;
use std::sync::Mutex;

use matrix::kernels::{Entry, Error, Event, Package, Store, entry};

/// The two that are quickest to fetch. The archive has the configuration of the second, in another
/// package.
const SMALL: [&str; 2] = ["6.19", "7.3"];

/// Something that no mirror has.
fn unheard_of() -> Entry {
    Entry {
        name: "unheard-of".to_owned(),
        package: Package::Kernel { series: "7.3".to_owned(), flavour: "cloud".to_owned() },
        suites: vec!["no-such-suite".to_owned()],
        ..entry("7.3").unwrap().clone()
    }
}

/// What a fetch said, in short.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    unseen: Vec<String>,
    begun: Vec<String>,
    ended: Vec<(String, bool)>,
}

/// Fetches, and says what was seen. That kernels cannot be fetched here is a reason to skip, and
/// with `IOCONFORM_STRICT=1` a failure.
fn fetch(store: &Store, entries: &[&Entry]) -> Option<Seen> {
    let seen = Mutex::new(Seen::default());
    let result = store.fetch(entries, &|event| {
        let mut seen = seen.lock().unwrap();
        match event {
            Event::Unseen(suite, _) => seen.unseen.push(suite.to_owned()),
            Event::Begins(entry, _) => seen.begun.push(entry.name.clone()),
            Event::Ends(entry, result) => seen.ended.push((entry.name.clone(), result.is_ok())),
            Event::Waiting | Event::Looking(_) | Event::Total(_) | Event::Arrived(_) => {}
        }
    });
    let seen = seen.into_inner().unwrap();
    let reason = match result {
        Err(error @ (Error::NoApt | Error::NoDebian | Error::NoKeyring)) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) if seen.unseen.iter().any(|suite| suite == "trixie-backports") => {
            "the mirror of this machine's apt does not answer, or lacks trixie-backports".to_owned()
        }
        Ok(_) => return Some(seen),
    };
    assert!(std::env::var_os("IOCONFORM_STRICT").is_none_or(|value| value != "1"), "{reason}");
    eprintln!("skipped: {reason}");
    None
}

fn names(folder: &Path) -> Vec<String> {
    let all = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        all.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn kernels_are_fetched_once_and_one_that_cannot_be_had_costs_no_other() {
    let cache = tempfile::tempdir().unwrap();
    let store = Store::at(cache.path());
    let small = SMALL.map(|name| entry(name).unwrap());
    let unheard_of = unheard_of();

    let Some(first) = fetch(&store, &[small[0], &unheard_of, small[1]]) else { return };
    assert_eq!(first.unseen, ["no-such-suite"]);
    assert_eq!(first.begun, SMALL);
    let ends = [("unheard-of", false), ("6.19", true), ("7.3", true)];
    assert_eq!(first.ended, ends.map(|(name, good)| (name.to_owned(), good)));

    for entry in small {
        let kernel = store.find(&entry.name, cache.path()).unwrap();
        assert_eq!(kernel.damage, None);
        let vmlinux = kernel.vmlinux.expect("Debian's kernels have an entry point for PVH");
        assert!(std::fs::read(vmlinux).unwrap().starts_with(b"\x7fELF"));
        // The same file as one of the user's own: the digest that was kept is its digest.
        let path = kernel.image.display().to_string();
        let own = store.find(&path, cache.path()).unwrap();
        assert_eq!(own.image_sha256, kernel.image_sha256);
        assert!(kernel.origin.contains(&entry.name), "{}", kernel.origin);
    }
    let folder = cache.path().join("kernels");
    assert_eq!(names(&folder), [".lock", "6.19", "7.3"], "nothing is left behind");
    assert_eq!(names(&folder.join("7.3")), ["config", "kernel.toml", "vmlinux", "vmlinuz"]);
    assert_eq!(names(&cache.path().join("apt/packages")), Vec::<String>::new());

    let second = fetch(&store, &small).unwrap();
    assert_eq!(second.begun, Vec::<String>::new(), "what is here is not fetched again");
    assert_eq!(second.ended, SMALL.map(|name| (name.to_owned(), true)));

    let (_, bytes) = store.kept(small[0]).unwrap().unwrap();
    assert_eq!(store.remove(&[small[0]]).unwrap(), bytes);
    assert!(matches!(store.find("6.19", cache.path()), Err(Error::NotKept(_))));
    assert!(store.find("7.3", cache.path()).is_ok(), "the other one stays");
}

#[test]
fn two_fetches_at_once_do_the_work_of_one() {
    let cache = tempfile::tempdir().unwrap();
    let small = [entry("6.19").unwrap()];
    let both = std::thread::scope(|scope| {
        [(); 2]
            .map(|()| scope.spawn(|| fetch(&Store::at(cache.path()), &small)))
            .map(|fetch| fetch.join().unwrap())
    });
    let [Some(one), Some(other)] = both else { return };
    assert_eq!([one.begun, other.begun].concat(), ["6.19"]);
    assert_eq!(
        (one.ended, other.ended),
        (vec![("6.19".into(), true)], vec![("6.19".into(), true)])
    );
}
