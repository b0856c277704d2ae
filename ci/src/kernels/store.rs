//! What is kept: a folder an entry, below `$XDG_CACHE_HOME/ioconform/kernels`.
//!
//! A folder appears at once and whole. Who changes anything holds a lock; who only looks does not.

use std::fs::{self, File, TryLockError};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use harness::matrix::PlatformKind;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use tempfile::TempDir;

use super::image;
use super::{Entry, Error, Kernel, at};

/// Where the package of an entry came from: the file `kernel.toml` beside the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// The suite that held it.
    pub suite: String,
    /// SHA-256 of the image, in hexadecimal.
    pub image_sha256: String,
    /// SHA-256 of the configuration, in hexadecimal, where the package holds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_sha256: Option<String>,
    /// When it was fetched, RFC 3339, UTC, whole seconds.
    pub fetched: String,
}

impl std::fmt::Display for Kept {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {} ({})", self.package, self.version, self.suite)
    }
}

/// The name of an entry's image in its folder.
pub(super) fn image_name(kind: PlatformKind) -> &'static str {
    match kind {
        PlatformKind::Gvisor => "runsc",
        PlatformKind::Uml => "linux",
        PlatformKind::Qemu | PlatformKind::Machine => "vmlinuz",
    }
}

/// The systems that are here, in a cache of the user's.
#[derive(Debug)]
pub struct Store {
    kernels: PathBuf,
    /// What apt keeps between fetches: indexes, and packages that came only in part.
    pub(super) apt: PathBuf,
}

impl Store {
    /// That of `$XDG_CACHE_HOME/ioconform`.
    pub fn open() -> Result<Store, Error> {
        harness::xdg::folder("XDG_CACHE_HOME", ".cache")
            .map(|cache| Store::at(&cache))
            .ok_or(Error::NoCache)
    }

    /// That of another folder.
    pub fn at(cache: &Path) -> Store {
        Store { kernels: cache.join("kernels"), apt: cache.join("apt") }
    }

    /// What is kept of an entry, and how many bytes it takes; nothing if it was never fetched.
    pub fn kept(&self, entry: &Entry) -> Result<Option<(Kept, u64)>, Error> {
        let folder = self.kernels.join(&entry.name);
        // What cannot be read, or lacks the image, counts as nothing: it is fetched again.
        let text = fs::read_to_string(folder.join("kernel.toml")).unwrap_or_default();
        match toml::from_str(&text) {
            Ok(kept) if folder.join(image_name(entry.kind)).exists() => {
                Ok(Some((kept, size(&folder)?)))
            }
            _ => Ok(None),
        }
    }

    /// Removes what is kept of these entries. Returns how many bytes that frees.
    pub fn remove(&self, entries: &[&Entry]) -> Result<u64, Error> {
        let _lock = self.lock(|| {})?;
        entries.iter().map(|entry| remove(&self.kernels.join(&entry.name))).sum()
    }

    /// Removes everything that was ever kept, apt's state included. Returns how many bytes that
    /// frees.
    pub fn clear(&self) -> Result<u64, Error> {
        let _lock = self.lock(|| {})?;
        let mut bytes = remove(&self.apt)?;
        for item in fs::read_dir(&self.kernels).map_err(at(&self.kernels))? {
            let path = item.map_err(at(&self.kernels))?.path();
            if path.is_dir() {
                bytes += remove(&path)?;
            }
        }
        Ok(bytes)
    }

    /// Waits until nobody else changes anything; calls `waiting` before it does.
    pub(super) fn lock(&self, waiting: impl FnOnce()) -> Result<File, Error> {
        fs::create_dir_all(&self.kernels).map_err(at(&self.kernels))?;
        let path = self.kernels.join(".lock");
        let lock = File::create(&path).map_err(at(&path))?;
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
            Err(TryLockError::WouldBlock) => waiting(),
        }
        lock.lock().map_err(at(&path))?;
        Ok(lock)
    }

    /// Takes away what a fetch that was killed left behind. The lock must be held.
    pub(super) fn tidy(&self) -> Result<(), Error> {
        for item in fs::read_dir(&self.kernels).map_err(at(&self.kernels))? {
            let path = item.map_err(at(&self.kernels))?.path();
            if path.is_dir() && is_hidden(&path) {
                fs::remove_dir_all(&path).map_err(at(&path))?;
            }
        }
        Ok(())
    }

    /// The system that is kept of an entry.
    pub(super) fn kernel(&self, entry: &Entry) -> Result<Option<Kernel>, Error> {
        let folder = self.kernels.join(&entry.name);
        let there = |name: &str| Some(folder.join(name)).filter(|path| path.exists());
        Ok(self.kept(entry)?.map(|(kept, _)| Kernel {
            name: entry.name.clone(),
            kind: entry.kind,
            image: folder.join(image_name(entry.kind)),
            vmlinux: there("vmlinux"),
            origin: kept.to_string(),
            image_sha256: kept.image_sha256,
            config_sha256: kept.config_sha256,
            damage: None,
        }))
    }

    /// A folder for what is to be kept of an entry; it goes away unless it is [put](Store::put).
    pub(super) fn folder(&self, entry: &Entry) -> Result<TempDir, Error> {
        use std::os::unix::fs::PermissionsExt as _;
        tempfile::Builder::new()
            .prefix(&format!(".{}.", entry.name))
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir_in(&self.kernels)
            .map_err(at(&self.kernels))
    }

    /// Keeps what is in the folder, in the place of what was kept before. The lock must be held.
    pub(super) fn put(&self, entry: &Entry, folder: TempDir, kept: &Kept) -> Result<(), Error> {
        let text = toml::to_string(kept).expect("strings alone can be written as TOML");
        let note = folder.path().join("kernel.toml");
        fs::write(&note, text).map_err(at(&note))?;
        let place = self.kernels.join(&entry.name);
        if place.exists() {
            let old = self.folder(entry)?;
            fs::rename(&place, old.path()).map_err(at(&place))?;
        }
        fs::rename(folder.path(), &place).map_err(at(&place))?;
        let _ = folder.keep();
        Ok(())
    }
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn remove(folder: &Path) -> Result<u64, Error> {
    if !folder.exists() {
        return Ok(0);
    }
    let bytes = size(folder)?;
    fs::remove_dir_all(folder).map_err(at(folder))?;
    Ok(bytes)
}

/// How many bytes the files in a folder have.
fn size(folder: &Path) -> Result<u64, Error> {
    let mut bytes = 0;
    for item in fs::read_dir(folder).map_err(at(folder))? {
        let path = item.map_err(at(folder))?.path();
        let about = path.symlink_metadata().map_err(at(&path))?;
        bytes += if about.is_dir() { size(&path)? } else { about.len() };
    }
    Ok(bytes)
}

/// The SHA-256 of a file, in hexadecimal.
pub(super) fn sha256(path: &Path) -> Result<String, Error> {
    let mut digest = sha2::Sha256::new();
    let mut file = BufReader::with_capacity(1 << 18, File::open(path).map_err(at(path))?);
    loop {
        let part = file.fill_buf().map_err(at(path))?;
        if part.is_empty() {
            break;
        }
        digest.update(part);
        let length = part.len();
        file.consume(length);
    }
    Ok(digest.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}

/// Unpacks the program inside of the bzImage at `path` to `place`, if QEMU can start it: if it
/// cannot, the answer is `false`, and nothing is written.
pub(super) fn unpack_image(path: &Path, place: &Path) -> Result<Result<bool, image::Error>, Error> {
    let image = fs::read(path).map_err(at(path))?;
    let unpacked =
        image::vmlinux(&image).and_then(|program| Ok((image::has_pvh_entry(&*program)?, program)));
    match unpacked {
        Ok((true, program)) => fs::write(place, program).map_err(at(place)).map(|()| Ok(true)),
        Ok((false, _)) => Ok(Ok(false)),
        Err(damage) => Ok(Err(damage)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry;
    use super::*;

    fn put(store: &Store, version: &str) {
        let entry = entry("6.12").unwrap();
        let folder = store.folder(entry).unwrap();
        fs::write(folder.path().join("vmlinuz"), version).unwrap();
        let kept = Kept {
            package: "linux-image".to_owned(),
            version: version.to_owned(),
            suite: "trixie".to_owned(),
            image_sha256: sha256(&folder.path().join("vmlinuz")).unwrap(),
            config_sha256: None,
            fetched: "2026-01-01T00:00:00Z".to_owned(),
        };
        store.put(entry, folder, &kept).unwrap();
    }

    fn names(store: &Store) -> Vec<String> {
        let all = fs::read_dir(&store.kernels).unwrap();
        let mut names: Vec<_> =
            all.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_newer_kernel_takes_the_place_of_the_older_and_nothing_stays_behind() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::at(cache.path());
        let _lock = store.lock(|| panic!("nobody else is here")).unwrap();
        for version in ["6.12.1-1", "6.12.2-1"] {
            put(&store, version);
            let kernel = store.find("6.12", cache.path()).unwrap();
            assert_eq!(fs::read_to_string(&kernel.image).unwrap(), version);
            assert_eq!(kernel.origin, format!("linux-image {version} (trixie)"));
            assert_eq!(kernel.vmlinux, None);
            assert_eq!(names(&store), [".lock", "6.12"]);
        }
    }

    #[test]
    fn what_a_killed_fetch_left_is_tidied_up_and_what_is_kept_is_not() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::at(cache.path());
        drop(store.lock(|| ()).unwrap());
        put(&store, "6.12.1-1");
        let _ = store.folder(entry("7.3").unwrap()).unwrap().keep();
        assert_eq!(names(&store).len(), 3);
        store.tidy().unwrap();
        assert_eq!(names(&store), [".lock", "6.12"]);
    }

    #[test]
    fn a_kernel_without_its_image_or_with_a_broken_note_is_none() {
        let cache = tempfile::tempdir().unwrap();
        let store = Store::at(cache.path());
        drop(store.lock(|| ()).unwrap());
        let entry = entry("6.12").unwrap();
        for broken in ["vmlinuz", "kernel.toml"] {
            put(&store, "6.12.1-1");
            assert!(store.kept(entry).unwrap().is_some());
            fs::rename(store.kernels.join("6.12").join(broken), cache.path().join(broken)).unwrap();
            assert_eq!(store.kept(entry).unwrap(), None, "without {broken}");
        }
    }

    #[test]
    fn a_digest_is_that_of_the_standard() {
        let cache = tempfile::tempdir().unwrap();
        let file = cache.path().join("abc");
        fs::write(&file, "abc").unwrap();
        assert_eq!(
            sha256(&file).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
