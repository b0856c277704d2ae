//! An initramfs, as the kernel takes it (`Documentation/driver-api/early-userspace/buffer-format.rst`):
//! a cpio archive of the "newc" kind, uncompressed, because an emulated CPU unpacks slowly.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Component, Path};

/// What stands in an archive for a folder's or a file's type, as in `st_mode`.
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;

/// The name that ends an archive.
const TRAILER: &str = "TRAILER!!!";

/// An archive on its way to `out`.
#[derive(Debug)]
pub struct Initramfs<W> {
    out: W,
    entries: u32,
    folders: BTreeSet<String>,
}

impl<W: Write> Initramfs<W> {
    /// An archive without entries.
    pub fn new(out: W) -> Initramfs<W> {
        Initramfs { out, entries: 0, folders: BTreeSet::new() }
    }

    /// Adds a folder, and those above it, once.
    pub fn folder(&mut self, path: &Path) -> io::Result<()> {
        let mut whole = String::new();
        for part in path.components() {
            if let Component::Normal(part) = part {
                let slash = if whole.is_empty() { "" } else { "/" };
                whole = format!("{whole}{slash}{}", text(part.as_ref())?);
                if self.folders.insert(whole.clone()) {
                    self.entry(&whole, FOLDER | 0o755, &[])?;
                }
            }
        }
        Ok(())
    }

    /// Adds a file that everybody may read and start, and the folders above it.
    pub fn file(&mut self, path: &Path, content: &[u8]) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            self.folder(folder)?;
        }
        let name = text(path)?.trim_start_matches('/').to_owned();
        self.entry(&name, FILE | 0o755, content)
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.entry(TRAILER, 0, &[])?;
        self.out.flush()?;
        Ok(self.out)
    }

    /// A header of 110 bytes, the name with a zero behind it, the content; each padded to a
    /// multiple of four bytes.
    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.entries += 1;
        let too_large = |_| io::Error::new(io::ErrorKind::FileTooLarge, name.to_owned());
        let size = u32::try_from(content.len()).map_err(too_large)?;
        let name_size = u32::try_from(name.len() + 1).map_err(too_large)?;
        let links = if mode & FOLDER != 0 { 2 } else { 1 };
        // ino, mode, uid, gid, nlink, mtime, filesize, device and rdevice (2 each), namesize, check
        let fields = [self.entries, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0];
        write!(self.out, "070701")?;
        for field in fields {
            write!(self.out, "{field:08X}")?;
        }
        write!(self.out, "{name}\0")?;
        self.pad(110 + name.len() + 1)?;
        self.out.write_all(content)?;
        self.pad(content.len())
    }

    fn pad(&mut self, written: usize) -> io::Result<()> {
        self.out.write_all(&[0; 3][..written.next_multiple_of(4) - written])
    }
}

fn text(path: &Path) -> io::Result<&str> {
    path.to_str().ok_or_else(|| {
        let message = format!("{} is not UTF-8, which an initramfs needs here", path.display());
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Vec<u8> {
        let mut archive = Initramfs::new(Vec::new());
        archive.file(Path::new("/init"), b"program").unwrap();
        archive.file(Path::new("/usr/lib/a.so"), b"four").unwrap();
        archive.file(Path::new("/usr/lib/b.so"), b"").unwrap();
        archive.folder(Path::new("/tmp")).unwrap();
        archive.finish().unwrap()
    }

    #[test]
    fn every_part_begins_at_a_multiple_of_four() {
        let bytes = example();
        assert_eq!(bytes.len() % 4, 0);
        for at in (0..bytes.len()).filter(|at| bytes[*at..].starts_with(b"070701")) {
            assert_eq!(at % 4, 0);
        }
    }
}
