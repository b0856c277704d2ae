//! Kernels of the user's own.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use harness::matrix::PlatformKind;
use object::ReadCache;

use super::image::{self, Image};
use super::{Error, Kernel, at, store};

/// The kernel at a path. The program inside of a bzImage is unpacked into `scratch`; one that
/// cannot be unpacked is a kernel all the same, and [`Kernel::damage`] says what is wrong with it.
pub(super) fn kernel(path: &Path, scratch: &Path) -> Result<Kernel, Error> {
    let no_kernel = |what| Error::NoKernel { path: path.to_owned(), what };
    let about = path.metadata().map_err(at(path))?;
    if about.is_dir() {
        return Err(no_kernel("a directory"));
    } else if !about.is_file() {
        return Err(no_kernel("a device, a pipe or a socket"));
    }
    let mut head = Vec::new();
    let mut file = File::open(path).map_err(at(path))?;
    (&mut file).take(image::HEAD as u64).read_to_end(&mut head).map_err(at(path))?;
    let look = image::look(&head);
    if let Image::Other(what) = look {
        return Err(no_kernel(what));
    }
    let image_sha256 = store::sha256(path)?;
    let (vmlinux, damage) = if look == Image::Elf {
        match image::has_pvh_entry(&ReadCache::new(file)) {
            Ok(true) => (Some(path.to_owned()), None),
            Ok(false) => return Err(Error::NoPvh(path.to_owned())),
            Err(_) => {
                return Err(no_kernel("an ELF file that is broken or for another kind of machine"));
            }
        }
    } else {
        let place = scratch.join(format!("{image_sha256}.vmlinux"));
        match store::unpack_image(path, &place)? {
            Ok(true) => (Some(place), None),
            Ok(false) => (None, None),
            Err(damage) => (None, Some(damage)),
        }
    };
    Ok(Kernel {
        name: path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        kind: PlatformKind::Qemu,
        image: path.to_owned(),
        vmlinux,
        origin: path.display().to_string(),
        image_sha256,
        config_sha256: None,
        damage,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::text(b"CONFIG_PVH=y\n", "is a text file, not a kernel")]
    #[case::empty(b"", "is an empty file, not a kernel")]
    #[case::gzip(b"\x1f\x8b\x08\0", "is a gzip archive, not a kernel")]
    #[case::elf(
        b"\x7fELF\x01\x01",
        "is an ELF file that is broken or for another kind of machine, not a kernel"
    )]
    #[case::noise(b"\0\xff\0\xff", "is a file of an unknown kind, not a kernel")]
    fn what_is_no_kernel_is_named(#[case] content: &[u8], #[case] said: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel");
        std::fs::write(&path, content).unwrap();
        let error = kernel(&path, folder.path()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }

    #[test]
    fn a_directory_what_has_no_end_and_nothing_at_all_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = kernel(folder.path(), folder.path()).unwrap_err().to_string();
        assert!(error.contains("is a directory, not a kernel"), "{error}");
        let error = kernel(Path::new("/dev/zero"), folder.path()).unwrap_err().to_string();
        assert!(error.contains("is a device, a pipe or a socket, not a kernel"), "{error}");
        let error = kernel(&folder.path().join("none"), folder.path()).unwrap_err().to_string();
        assert!(error.contains("none: No such file"), "{error}");
    }

    #[test]
    fn an_ordinary_program_has_no_entry_point_for_pvh() {
        let own = std::env::current_exe().unwrap();
        let error = kernel(&own, own.parent().unwrap()).unwrap_err();
        assert!(matches!(error, Error::NoPvh(_)), "{error}");
    }

    #[test]
    fn a_bzimage_that_is_cut_off_is_a_kernel_with_a_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vmlinuz");
        let mut head = vec![0; 0x250];
        head[0x202..0x206].copy_from_slice(b"HdrS");
        head[0x206..0x208].copy_from_slice(&0x20fu16.to_le_bytes());
        head[0x24c..0x250].copy_from_slice(&1000u32.to_le_bytes());
        std::fs::write(&path, head).unwrap();
        let kernel = kernel(&path, folder.path()).unwrap();
        assert_eq!((kernel.name.as_str(), &kernel.vmlinux), ("vmlinuz", &None));
        assert!(matches!(kernel.damage, Some(image::Error::CutOff { has: 0x250, needs: 3560 })));
    }
}
