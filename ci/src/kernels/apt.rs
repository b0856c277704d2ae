//! apt, with a state of its own: the machine's sources, indexes and packages are only read, and
//! nothing but the mirrors, the proxies and the keys is taken from them. Every suite has a state
//! for itself, so one that a mirror does not hold costs no other.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use harness::sys::process::bind_to_parent;

use super::package::{Candidate, Form, companion};
use super::{Entry, Error, at};

/// Where the keys of Debian's archive lie, as of Debian 13 and before.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/usr/share/keyrings/debian-archive-keyring.gpg",
];

/// apt's own tool for scripts, which can go on with a download that broke off.
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// The names of Debian's releases.
const RELEASES: [&str; 11] = [
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "duke",
    "sid",
    "unstable",
    "testing",
    "stable",
    "oldstable",
    "oldoldstable",
];

/// What stands behind the name of a release in that of a suite.
const PARTS: [&str; 5] = ["", "-updates", "-security", "-backports", "-proposed-updates"];

/// What the machine's apt knows of Debian.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Machine {
    /// Its mirrors.
    mirrors: Mirrors,
    /// The keys to check both with.
    keyring: &'static str,
    /// How this machine wants files to be acquired, in the syntax of apt.conf(5): proxies.
    settings: String,
}

impl Machine {
    /// Asks apt.
    pub(super) fn look() -> Result<Machine, Error> {
        let format = "$(REPO_URI)\t$(RELEASE)\t$(ORIGIN)";
        let apt_get = |words: &[&str]| output("apt-get", Command::new("apt-get").args(words));
        let mut mirrors = Mirrors::default();
        mirrors.add_targets(&apt_get(&["indextargets", "--format", format])?);
        // What was never updated since it was installed has no index targets: a fresh container.
        mirrors.add_uris(&apt_get(&["update", "--print-uris"])?);
        if mirrors.archive.is_none() {
            return Err(Error::NoDebian);
        }
        let settings = output("apt-config", Command::new("apt-config").args(["dump", "Acquire"]))?;
        let keyring = KEYRINGS.into_iter().find(|path| Path::new(path).exists());
        Ok(Machine { mirrors, keyring: keyring.ok_or(Error::NoKeyring)?, settings })
    }
}

/// The mirrors of Debian's archive, and of its security archive: of each the first that is named.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mirrors {
    archive: Option<String>,
    security: Option<String>,
}

impl Mirrors {
    /// Reads index targets: lines of a URI, a suite, and what the mirror says that its origin is.
    fn add_targets(&mut self, targets: &str) {
        for line in targets.lines() {
            let mut words = line.splitn(3, '\t');
            if let (Some(uri), Some(suite), Some("Debian" | "Debian Backports")) =
                (words.next(), words.next(), words.next())
            {
                self.add(uri, suite);
            }
        }
    }

    /// Reads what an update would fetch: lines with a quoted URI first. An index that is called as
    /// one of Debian's is taken for one; whether it is, its signature tells.
    fn add_uris(&mut self, uris: &str) {
        for line in uris.lines() {
            let uri = line.split('\'').nth(1).unwrap_or_default();
            let Some((mirror, rest)) = uri.split_once("/dists/") else { continue };
            let Some((suite, _)) = rest.split_once("/main/binary-amd64/") else { continue };
            let is_debian = RELEASES.iter().any(|release| {
                suite.strip_prefix(release).is_some_and(|part| PARTS.contains(&part))
            });
            if is_debian {
                self.add(mirror, suite);
            }
        }
    }

    fn add(&mut self, uri: &str, suite: &str) {
        let place = if is_security(suite) { &mut self.security } else { &mut self.archive };
        if !uri.starts_with("cdrom:") {
            place.get_or_insert_with(|| uri.to_owned());
        }
    }

    /// The mirror that holds a suite, or should.
    fn of(&self, suite: &str) -> Result<&str, Error> {
        if is_security(suite) {
            self.security.as_deref().ok_or(Error::NoSecurity)
        } else {
            self.archive.as_deref().ok_or(Error::NoDebian)
        }
    }
}

fn is_security(suite: &str) -> bool {
    suite.ends_with("-security")
}

/// A suite of Debian's archive, and apt's state of it.
#[derive(Debug)]
pub(super) struct Suite {
    /// Its name.
    pub(super) name: String,
    /// The configuration that makes apt see this suite and nothing else.
    configuration: PathBuf,
    /// What apt makes of the index: larger than the index, and made again within a second.
    cache: PathBuf,
}

impl Drop for Suite {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.cache);
    }
}

impl Suite {
    /// Prepares a state for a suite in `folder`, or goes on with the one that is there.
    pub(super) fn open(machine: &Machine, name: &str, folder: &Path) -> Result<Suite, Error> {
        let folder = folder.join(name);
        // A proxy's password may be among the settings.
        let mut private = fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        for part in ["lists/partial", "cache/archives/partial", "sources", "empty"] {
            let part = folder.join(part);
            private.create(&part).map_err(at(&part))?;
        }
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(at(&path)).map(|()| path)
        };
        write("status", "")?;
        // No translations, no contents, and no differences, which take longer than the whole.
        write(
            "sources/debian.sources",
            &format!(
                "Types: deb\nURIs: {}\nSuites: {name}\nComponents: main\nArchitectures: amd64\n\
                 Targets: Packages\nLanguages: none\nPDiffs: no\nSigned-By: {}\n",
                machine.mirrors.of(name)?,
                machine.keyring
            ),
        )?;
        // The machine's own configuration is not read behind this, so its hooks do not run. There
        // is no other user: the one that apt prefers may not look into somebody's home.
        let configuration = write(
            "apt.conf",
            &format!(
                "{}\nAcquire::GzipIndexes \"true\";\n\
                 APT::Architecture \"amd64\";\n#clear APT::Architectures;\n\
                 APT::Architectures:: \"amd64\";\nAPT::Sandbox::User \"root\";\n\
                 APT::Update::Error-Mode \"any\";\n\
                 Dir::State \"{folder}\";\nDir::State::lists \"lists\";\n\
                 Dir::State::status \"{folder}/status\";\nDir::Cache \"{folder}/cache\";\n\
                 Dir::Cache::pkgcache \"pkgcache.bin\";\nDir::Cache::srcpkgcache \"\";\n\
                 Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"{folder}/sources\";\n\
                 Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"{folder}/empty\";\n\
                 Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"{folder}/empty\";\n",
                machine.settings,
                folder = folder.display()
            ),
        )?;
        Ok(Suite { name: name.to_owned(), configuration, cache: folder.join("cache") })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", &self.configuration).env("LC_ALL", "C.UTF-8");
        command
    }

    /// Fetches the index of the suite, if it has changed.
    pub(super) fn update(&self) -> Result<(), Error> {
        output("apt-get update", self.command("apt-get").args(["-qq", "update"])).map(|_| ())
    }

    /// The packages of the suite that an entry may mean, and those with configurations, as of the
    /// last update.
    pub(super) fn candidates(&self, entries: &[&Entry]) -> Result<Vec<Candidate>, Error> {
        let names = output("apt-cache pkgnames", self.command("apt-cache").arg("pkgnames"))?;
        let known: BTreeSet<_> = names.lines().collect();
        let is_meant =
            |name: &&&str| entries.iter().any(|entry| Form::of(name, &entry.package).is_some());
        let mut meant: BTreeSet<_> = known.iter().filter(is_meant).copied().collect();
        let companions: Vec<_> = meant.iter().filter_map(|name| companion(name)).collect();
        meant.extend(companions.iter().filter_map(|name| known.get(&**name)));
        if meant.is_empty() {
            return Ok(Vec::new());
        }
        let show = output("apt-cache show", self.command("apt-cache").arg("show").args(meant))?;
        Candidate::read(&show, &self.name)
            .map_err(|why| Error::Command { command: "apt-cache show".to_owned(), why })
    }

    /// Downloads a package of the suite to `file`. What came before the last attempt broke off is
    /// not fetched again, if the mirror can go on there. `progress` is told the percentage.
    pub(super) fn download(
        &self,
        package: &Candidate,
        file: &Path,
        progress: impl Fn(f64),
    ) -> Result<(), Error> {
        // `apt-get download` would check the same, but always begins anew.
        let wanted = format!("{}={}", package.package, package.version);
        let place = output(
            "apt-get download",
            self.command("apt-get").args(["-qq", "--print-uris", "download", &wanted]),
        )?;
        let failed = |why: String| Error::Command { command: "apt-helper".to_owned(), why };
        let (uri, digest) =
            uri_and_digest(&place).ok_or_else(|| failed(format!("no URI in {place:?}")))?;
        let mut command = self.command(HELPER);
        bind_to_parent(&mut command);
        let mut child = command
            .args(["-qq", "-o", "APT::Status-Fd=1", "download-file", uri])
            .arg(file)
            .arg(digest)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        if let Some(stdout) = child.stdout.take() {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(percent) = percentage(&line) {
                    progress(percent);
                }
            }
        }
        let mut said = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            let _ = stderr.read_to_string(&mut said);
        }
        let status = child.wait().map_err(|error| failed(error.to_string()))?;
        if status.success() { Ok(()) } else { Err(failed(problem(&said))) }
    }
}

/// Reads what `--print-uris` prints: `'URI' NAME LENGTH DIGEST`. A URI without a digest is none:
/// what cannot be checked is not fetched.
fn uri_and_digest(line: &str) -> Option<(&str, &str)> {
    let (uri, rest) = line.trim().strip_prefix('\'')?.split_once('\'')?;
    let digest = rest.split_whitespace().nth(2)?;
    digest.starts_with("SHA").then_some((uri, digest))
}

/// Reads a line of `APT::Status-Fd`: `dlstatus:1:33.5873:Retrieving file 1 of 1`.
fn percentage(line: &str) -> Option<f64> {
    line.strip_prefix("dlstatus:")?.split(':').nth(1)?.parse().ok()
}

/// What a command prints, if it succeeds.
fn output(called: &'static str, command: &mut Command) -> Result<String, Error> {
    let failed = |why| Error::Command { command: called.to_owned(), why };
    bind_to_parent(command);
    let output = command.stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::NoApt,
        _ => failed(error.to_string()),
    })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(failed(problem(&String::from_utf8_lossy(&output.stderr))))
    }
}

/// The first thing that apt calls an error, or else a warning.
fn problem(said: &str) -> String {
    let first = |mark: &str| said.lines().find_map(|line| line.strip_prefix(mark));
    first("E: ").or_else(|| first("W: ")).unwrap_or("it said nothing of use").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const MIRROR: &str = "https://mirror.example/debian/";
    const SECURITY: &str = "https://mirror.example/debian-security/";

    #[rstest]
    #[case::both(
        "https://mirror.example/debian/\tbookworm\tDebian\n\
         https://mirror.example/debian/\tbookworm-updates\tDebian\n\
         https://mirror.example/debian-security/\tbookworm-security\tDebian\n",
        Some(MIRROR),
        Some(SECURITY)
    )]
    #[case::others_before_it(
        "https://node.example/\tnodistro\t$(ORIGIN)\n\
         https://vendor.example/\tbookworm\tSome Vendor\n\
         https://mirror.example/debian/\tstable-backports\tDebian Backports\n",
        Some(MIRROR),
        None
    )]
    #[case::a_disc("cdrom:[Debian]/\tbookworm\tDebian\n", None, None)]
    #[case::ubuntu("https://mirror.example/ubuntu/\tnoble\tUbuntu\n", None, None)]
    #[case::nothing("", None, None)]
    fn the_mirrors_of_debian_are_told_by_their_origin(
        #[case] targets: &str,
        #[case] archive: Option<&str>,
        #[case] security: Option<&str>,
    ) {
        let mut mirrors = Mirrors::default();
        mirrors.add_targets(targets);
        let found = (mirrors.archive.as_deref(), mirrors.security.as_deref());
        assert_eq!(found, (archive, security));
    }

    #[rstest]
    #[case::fresh(
        "'https://mirror.example/debian/dists/trixie/InRelease' a 0\n\
         'https://mirror.example/debian-security/dists/trixie-security/main/binary-amd64/Packages.xz' b 0\n\
         'https://mirror.example/debian/dists/trixie/main/binary-amd64/Packages.xz' c 0\n",
        Some("https://mirror.example/debian"),
        Some("https://mirror.example/debian-security")
    )]
    #[case::others(
        "'https://vendor.example/debian/dists/bookworm/stable/binary-amd64/Packages.xz' a 0\n\
         'https://vendor.example/dists/bookworm-vendor/main/binary-amd64/Packages.xz' a 0\n\
         'https://mirror.example/ubuntu/dists/noble/main/binary-amd64/Packages.xz' a 0\n\
         'https://mirror.example/debian/dists/sid/main/binary-amd64/Packages.xz' a 0\n",
        Some("https://mirror.example/debian"),
        None
    )]
    #[case::nothing("", None, None)]
    fn without_an_index_they_are_told_by_their_names(
        #[case] uris: &str,
        #[case] archive: Option<&str>,
        #[case] security: Option<&str>,
    ) {
        let mut mirrors = Mirrors::default();
        mirrors.add_uris(uris);
        let found = (mirrors.archive.as_deref(), mirrors.security.as_deref());
        assert_eq!(found, (archive, security));
        // What is known by its origin stays.
        let mut known = Mirrors { archive: Some(MIRROR.into()), security: Some(SECURITY.into()) };
        known.add_uris(uris);
        assert_eq!(
            (known.archive.as_deref(), known.security.as_deref()),
            (Some(MIRROR), Some(SECURITY))
        );
    }

    #[test]
    fn the_progress_of_apt_is_read_and_what_else_it_says_is_not() {
        assert_eq!(percentage("dlstatus:1:33.5873:Retrieving file 1 of 1"), Some(33.5873));
        assert_eq!(percentage("pmstatus:dpkg:40.0:Installing"), None);
        assert_eq!(percentage("Get:1 https://mirror.example/debian sid InRelease"), None);
    }

    #[test]
    fn a_package_is_not_fetched_without_a_digest_to_check_it_by() {
        let line = "'https://mirror.example/a%2bb.deb' a+b_1_amd64.deb 123 SHA256:5a50\n";
        assert_eq!(uri_and_digest(line), Some(("https://mirror.example/a%2bb.deb", "SHA256:5a50")));
        assert_eq!(uri_and_digest("'https://mirror.example/a.deb' a.deb 123 MD5Sum:ab\n"), None);
        assert_eq!(uri_and_digest("'https://mirror.example/a.deb' a.deb 123\n"), None);
        assert_eq!(uri_and_digest(""), None);
    }

    #[test]
    fn an_error_of_apt_is_told_before_a_warning() {
        let said = "W: Download is performed unsandboxed\nE: The repository has no Release file.\n";
        assert_eq!(problem(said), "The repository has no Release file.");
        assert_eq!(problem("W: Failed to fetch it\n"), "Failed to fetch it");
    }
}
