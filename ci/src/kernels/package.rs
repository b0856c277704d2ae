//! Packages: which of many is the newest of a series, and what is taken out of it.
//!
//! Up to 6.18 a kernel is `boot/vmlinuz-*` of `linux-image-*`, with its configuration beside it;
//! from 6.19 on it is `usr/lib/modules/*/vmlinuz` of `linux-binary-*`, and the configuration is in
//! `linux-base-*`. A build comes signed for Secure Boot, a little later, and unsigned.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use deb822_fast::Deb822;
use debversion::Version;

use super::{Error, Package, at};

/// In which form a package holds a kernel, the least welcome first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// `linux-image-*-unsigned`.
    Unsigned,
    /// `linux-image-*`; beside a `linux-binary-*` of the same version it holds nothing.
    Image,
    /// `linux-binary-unsigned-*`.
    UnsignedBinary,
    /// `linux-binary-*`.
    Binary,
    /// A program under the name of its own package.
    Program,
}

impl Form {
    /// What the package of that name holds of what is wanted; nothing if it is another one's.
    pub(super) fn of(name: &str, wanted: &Package) -> Option<Form> {
        match wanted {
            Package::Program { package, .. } => (name == package).then_some(Form::Program),
            Package::Kernel { series, flavour } => {
                let (form, release) = Form::and_release(name)?;
                let version = release.strip_prefix(series)?.strip_prefix('.')?;
                let build = version.strip_suffix("-amd64")?.strip_suffix(flavour)?;
                // Behind the series comes a number: without it, it is a package without a kernel.
                (version.starts_with(|first: char| first.is_ascii_digit()) && build.ends_with('-'))
                    .then_some(form)
            }
        }
    }

    fn and_release(name: &str) -> Option<(Form, &str)> {
        if let Some(rest) = name.strip_prefix("linux-image-") {
            Some(match rest.strip_suffix("-unsigned") {
                Some(release) => (Form::Unsigned, release),
                None => (Form::Image, rest),
            })
        } else {
            let rest = name.strip_prefix("linux-binary-")?;
            Some(match rest.strip_prefix("unsigned-") {
                Some(release) => (Form::UnsignedBinary, release),
                None => (Form::Binary, rest),
            })
        }
    }
}

/// A package of a suite.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// Its name.
    pub(super) package: String,
    /// Its version, in Debian's order.
    pub(super) version: Version,
    /// The suite that holds it.
    pub(super) suite: String,
    /// Its length in bytes.
    pub(super) size: u64,
}

impl Candidate {
    /// Reads what `apt-cache show` prints.
    pub(super) fn read(show: &str, suite: &str) -> Result<Vec<Candidate>, String> {
        let paragraphs: Deb822 = show.parse().map_err(|error| format!("{error}"))?;
        let read = |paragraph: &deb822_fast::Paragraph| {
            Some(Candidate {
                package: paragraph.get("Package")?.to_owned(),
                version: paragraph.get("Version")?.parse().ok()?,
                suite: suite.to_owned(),
                size: paragraph.get("Size")?.parse().ok()?,
            })
        };
        let all = paragraphs.iter().map(|paragraph| {
            read(paragraph).ok_or_else(|| "a package without a name, version or size".to_owned())
        });
        all.collect()
    }
}

/// The package with the configuration of the kernel in the one of that name; nothing if they are
/// in the same.
pub(super) fn companion(package: &str) -> Option<String> {
    let (form, release) = Form::and_release(package)?;
    matches!(form, Form::Binary | Form::UnsignedBinary).then(|| format!("linux-base-{release}"))
}

/// The newest of the packages that are what is wanted.
pub(super) fn newest<'a>(
    all: impl IntoIterator<Item = &'a Candidate>,
    wanted: &Package,
) -> Option<&'a Candidate> {
    all.into_iter()
        .filter_map(|candidate| Some((Form::of(&candidate.package, wanted)?, candidate)))
        .max_by(|(form, a), (other, b)| a.version.cmp(&b.version).then(form.cmp(other)))
        .map(|(_, candidate)| candidate)
}

/// A file that is taken out of packages.
pub(super) struct Piece<'a> {
    /// What it is.
    pub(super) what: &'static str,
    /// Whether a path in the package, without a slash before it, is the one.
    pub(super) is: &'a dyn Fn(&str) -> bool,
    /// Where it goes.
    pub(super) place: &'a Path,
}

/// Whether a path in a package is that of a kernel.
pub(super) fn is_kernel(path: &str) -> bool {
    path.starts_with("boot/vmlinuz-") || is_of_modules(path, "/vmlinuz")
}

/// Whether a path in a package is that of a kernel's configuration.
pub(super) fn is_config(path: &str) -> bool {
    path.starts_with("boot/config-") || is_of_modules(path, "/config")
}

/// Whether it is `usr/lib/modules/RELEASE` with this behind it.
fn is_of_modules(path: &str, name: &str) -> bool {
    path.strip_prefix("usr/lib/modules/")
        .and_then(|path| path.strip_suffix(name))
        .is_some_and(|release| !release.contains('/'))
}

/// Takes files out of a package, and leaves the rest of it packed. The first that is missing is an
/// error.
pub(super) fn unpack(package: &Path, pieces: &[Piece]) -> Result<(), Error> {
    let failed = |why: String| Error::Command { command: "dpkg-deb".to_owned(), why };
    let mut child = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let mut missing: Vec<_> = pieces.iter().collect();
    if let Some(stdout) = child.stdout.take() {
        let mut archive = tar::Archive::new(stdout);
        let mut entries = archive.entries().map_err(at(package))?;
        // What is behind the last piece, modules for the most part, is not even unpacked.
        while !missing.is_empty() {
            let Some(entry) = entries.next() else { break };
            let mut entry = entry.map_err(at(package))?;
            let path = entry.path().map_err(at(package))?.to_string_lossy().into_owned();
            let path = path.trim_start_matches("./");
            let piece = missing.iter().position(|piece| (piece.is)(path));
            if let Some(piece) = piece.filter(|_| entry.header().entry_type().is_file()) {
                let place = missing.swap_remove(piece).place;
                let mut file = File::create(place).map_err(at(place))?;
                std::io::copy(&mut entry, &mut file).map_err(at(place))?;
            }
        }
    }
    child.wait().map_err(|error| failed(error.to_string()))?;
    match missing.first() {
        None => Ok(()),
        Some(piece) => Err(Error::NotInside { package: package.to_owned(), what: piece.what }),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn kernel(series: &str, flavour: &str) -> Package {
        Package::Kernel { series: series.to_owned(), flavour: flavour.to_owned() }
    }

    #[rstest]
    #[case::signed("linux-image-6.1.0-56-cloud-amd64", "6.1", "cloud", Some(Form::Image))]
    #[case::unsigned(
        "linux-image-6.1.0-56-cloud-amd64-unsigned",
        "6.1",
        "cloud",
        Some(Form::Unsigned)
    )]
    #[case::binary("linux-binary-7.3.4+deb13-rt-amd64", "7.3", "rt", Some(Form::Binary))]
    #[case::unsigned_binary(
        "linux-binary-unsigned-7.3.4+deb13-cloud-amd64",
        "7.3",
        "cloud",
        Some(Form::UnsignedBinary)
    )]
    #[case::of_a_longer_series("linux-image-6.12.117+deb13-cloud-amd64", "6.1", "cloud", None)]
    #[case::of_another_flavour("linux-image-6.12.117+deb13-amd64", "6.12", "cloud", None)]
    #[case::rt_is_not_the_end_of_a_word("linux-image-6.1.0-smart-amd64", "6.1", "rt", None)]
    #[case::debugging("linux-image-6.12.117+deb13-cloud-amd64-dbg", "6.12", "cloud", None)]
    #[case::without_a_kernel("linux-image-6.12-cloud-amd64", "6.12", "cloud", None)]
    #[case::release_candidate("linux-binary-7.3-cloud-amd64", "7.3", "cloud", None)]
    #[case::headers("linux-headers-6.12.117+deb13-cloud-amd64", "6.12", "cloud", None)]
    #[case::of_another_machine("linux-image-6.12.117+deb13-cloud-arm64", "6.12", "cloud", None)]
    fn packages_of_a_series_are_recognised(
        #[case] name: &str,
        #[case] series: &str,
        #[case] flavour: &str,
        #[case] form: Option<Form>,
    ) {
        assert_eq!(Form::of(name, &kernel(series, flavour)), form);
    }

    fn candidates(all: &[(&str, &str)]) -> Vec<Candidate> {
        all.iter()
            .map(|(package, version)| Candidate {
                package: (*package).to_owned(),
                version: version.parse().unwrap(),
                suite: String::new(),
                size: 0,
            })
            .collect()
    }

    #[rstest]
    #[case::by_number_not_by_letter(
        &[("linux-image-6.12.95+deb13-cloud-amd64", "6.12.95-1"),
          ("linux-image-6.12.117+deb13-cloud-amd64", "6.12.117-1")],
        "6.12", "linux-image-6.12.117+deb13-cloud-amd64")]
    #[case::unsigned_if_it_is_newer(
        &[("linux-image-6.1.0-55-cloud-amd64", "6.1.192-1"),
          ("linux-image-6.1.0-56-cloud-amd64-unsigned", "6.1.192-2")],
        "6.1", "linux-image-6.1.0-56-cloud-amd64-unsigned")]
    #[case::signed_if_both_are_there(
        &[("linux-image-6.1.0-56-cloud-amd64", "6.1.192-2"),
          ("linux-image-6.1.0-56-cloud-amd64-unsigned", "6.1.192-2")],
        "6.1", "linux-image-6.1.0-56-cloud-amd64")]
    #[case::the_one_that_holds_the_kernel(
        &[("linux-binary-7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1"),
          ("linux-binary-unsigned-7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1"),
          ("linux-image-7.3.4+deb13-cloud-amd64", "7.3.4-1~bpo13+1")],
        "7.3", "linux-binary-7.3.4+deb13-cloud-amd64")]
    #[case::a_backport_is_older(
        &[("linux-binary-7.2.13+deb14-cloud-amd64", "7.2.13-1"),
          ("linux-binary-7.2.13+deb13-cloud-amd64", "7.2.13-1~bpo13+1")],
        "7.2", "linux-binary-7.2.13+deb14-cloud-amd64")]
    fn the_newest_is_chosen_in_the_order_of_debian(
        #[case] all: &[(&str, &str)],
        #[case] series: &str,
        #[case] chosen: &str,
    ) {
        let all = candidates(all);
        assert_eq!(newest(&all, &kernel(series, "cloud")).unwrap().package, chosen);
        assert!(newest(&all, &kernel("5.4", "cloud")).is_none());
    }

    #[test]
    fn only_a_kernel_that_lies_alone_has_a_companion_with_its_configuration() {
        assert_eq!(companion("linux-image-6.1.0-56-cloud-amd64"), None);
        assert_eq!(companion("runsc"), None);
        let of_binary = companion("linux-binary-unsigned-7.3.4+deb13-cloud-amd64");
        assert_eq!(of_binary.as_deref(), Some("linux-base-7.3.4+deb13-cloud-amd64"));
    }

    #[test]
    fn the_output_of_apt_cache_is_read() {
        let show = "Package: linux-binary-7.3.4+deb13-cloud-amd64\nVersion: 7.3.4-1~bpo13+1\n\
                    Description: kernel\n more of it\nSize: 13604064\n\n\
                    Package: runsc\nVersion: 0.0~20240729.0-4+b7\nSize: 7121792\n";
        let read = Candidate::read(show, "sid").unwrap();
        assert_eq!(read.iter().map(|one| one.size).collect::<Vec<_>>(), [13_604_064, 7_121_792]);
        assert!(Candidate::read("Package: runsc\nVersion: 1\n", "sid").is_err(), "no size");
    }

    #[rstest]
    #[case("boot/vmlinuz-6.1.0-56-cloud-amd64", true, false)]
    #[case("usr/lib/modules/7.3.4+deb13-cloud-amd64/vmlinuz", true, false)]
    #[case("usr/lib/modules/7.3.4+deb13-cloud-amd64/config", false, true)]
    #[case("boot/config-6.1.0-56-cloud-amd64", false, true)]
    #[case("usr/lib/modules/6.18/kernel/fs/configfs/config", false, false)]
    #[case("boot/System.map-6.1.0-56-cloud-amd64", false, false)]
    fn the_pieces_of_a_package_are_recognised(
        #[case] path: &str,
        #[case] kernel: bool,
        #[case] config: bool,
    ) {
        assert_eq!((is_kernel(path), is_config(path)), (kernel, config));
    }
}
