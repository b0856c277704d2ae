//! apt, with a state of its own: the machine's sources, indexes and packages are only read, and
//! nothing but the mirrors, the proxies and the keys is taken from them. Every suite has a state
//! for itself, so one that a mirror does not hold costs no other.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::package::{Candidate, Form, companion};
use super::{Entry, Error, at};

/// Where the keys of Debian's archive lie, as of Debian 13 and before.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/usr/share/keyrings/debian-archive-keyring.gpg",
];

/// Names of Debian's suites, for a machine that has not yet seen what a mirror says of itself.
const SUITES: [&str; 12] = [
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "sid",
    "unstable",
    "testing",
    "stable",
    "oldstable",
    "oldoldstable",
    "experimental",
    "rc-buggy",
];

/// What the machine's apt knows of Debian.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Machine {
    /// The mirror of the archive.
    archive: String,
    /// The mirror of the security archive, if there is one.
    security: Option<String>,
    /// The keys to check both with.
    keyring: &'static str,
    /// How this machine wants files to be acquired, in the syntax of apt.conf(5): proxies.
    settings: String,
}

impl Machine {
    /// Asks apt.
    pub(super) fn look() -> Result<Machine, Error> {
        let format = "$(REPO_URI)\t$(RELEASE)\t$(ORIGIN)";
        let targets =
            output("apt-get", Command::new("apt-get").args(["indextargets", "--format", format]))?;
        let (archive, security) = mirrors(&targets);
        let settings = output("apt-config", Command::new("apt-config").args(["dump", "Acquire"]))?;
        let keyring = KEYRINGS.into_iter().find(|path| Path::new(path).exists());
        Ok(Machine {
            archive: archive.ok_or(Error::NoDebian)?,
            security,
            keyring: keyring.ok_or(Error::NoKeyring)?,
            settings,
        })
    }

    /// The mirror that holds a suite, or should.
    fn mirror(&self, suite: &str) -> Option<&str> {
        if is_security(suite) { self.security.as_deref() } else { Some(&self.archive) }
    }
}

fn is_security(suite: &str) -> bool {
    suite.ends_with("-security")
}

/// The first mirrors of Debian's archive, and of its security archive, in the index targets of a
/// machine: lines of a URI, a suite, and what the mirror said its origin is, if it was ever asked.
fn mirrors(targets: &str) -> (Option<String>, Option<String>) {
    let mut found = (None, None);
    for line in targets.lines() {
        let mut words = line.splitn(3, '\t');
        let (Some(uri), Some(suite), Some(origin)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let base = suite.split('-').next().unwrap_or(suite);
        let debian = match origin {
            "" | "$(ORIGIN)" => SUITES.contains(&base),
            said => said == "Debian" || said == "Debian Backports",
        };
        if debian && !uri.starts_with("cdrom:") {
            let place = if is_security(suite) { &mut found.1 } else { &mut found.0 };
            place.get_or_insert_with(|| uri.to_owned());
        }
    }
    found
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
        for part in ["lists/partial", "cache/archives/partial", "sources", "empty"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).map_err(at(&part))?;
        }
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(at(&path)).map(|()| path)
        };
        write("status", "")?;
        let mirror = machine.mirror(name).ok_or_else(|| Error::Command {
            command: "apt-get update".to_owned(),
            why: "the apt sources of this machine name no mirror of the security archive".into(),
        })?;
        let keyring = machine.keyring;
        write(
            "sources/debian.sources",
            &format!(
                "Types: deb\nURIs: {mirror}\nSuites: {name}\nComponents: main\nArchitectures: amd64\nSigned-By: {keyring}\n"
            ),
        )?;
        // The machine's own configuration is not read behind this, so its hooks do not run. There
        // is no other user: the one that apt prefers may not look into somebody's home.
        let configuration = write(
            "apt.conf",
            &format!(
                "{}\n#clear Acquire::Languages;\nAcquire::Languages:: \"none\";\n\
                 Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";\n\
                 Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled \"false\";\n\
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

    /// Downloads packages of the suite, each written as NAME=VERSION, into `folder`. What came
    /// before the last attempt broke off is not fetched again, if the mirror can go on there.
    /// `progress` is told the percentage.
    pub(super) fn download(
        &self,
        packages: &[String],
        folder: &Path,
        progress: impl Fn(f64),
    ) -> Result<(), Error> {
        let failed = |why: String| Error::Command { command: "apt-get download".to_owned(), why };
        let mut child = self
            .command("apt-get")
            .args(["-qq", "-o", "APT::Status-Fd=1", "download"])
            .args(packages)
            .current_dir(folder)
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

/// Reads a line of `APT::Status-Fd`: `dlstatus:1:33.5873:Retrieving file 1 of 1`.
fn percentage(line: &str) -> Option<f64> {
    line.strip_prefix("dlstatus:")?.split(':').nth(1)?.parse().ok()
}

/// What a command prints, if it succeeds.
fn output(called: &'static str, command: &mut Command) -> Result<String, Error> {
    let failed = |why| Error::Command { command: called.to_owned(), why };
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
    #[case::never_updated(
        "https://mirror.example/debian-security/\ttrixie-security\t$(ORIGIN)\n\
         https://mirror.example/debian/\ttrixie\t$(ORIGIN)\n",
        Some(MIRROR),
        Some(SECURITY)
    )]
    #[case::others_before_it(
        "https://node.example/\tnodistro\t$(ORIGIN)\n\
         https://cloud.example/\tsdk-bookworm\tSdk\n\
         https://vendor.example/\tbookworm\tSome Vendor\n\
         https://mirror.example/debian/\tsid\tDebian\n",
        Some(MIRROR),
        None
    )]
    #[case::a_disc("cdrom:[Debian]/\tbookworm\tDebian\n", None, None)]
    #[case::ubuntu(
        "https://mirror.example/ubuntu/\tnoble\tUbuntu\n\
         https://mirror.example/ubuntu/\tnoble-security\t$(ORIGIN)\n",
        None,
        None
    )]
    #[case::nothing("", None, None)]
    fn the_mirrors_of_debian_are_told_from_others(
        #[case] targets: &str,
        #[case] archive: Option<&str>,
        #[case] security: Option<&str>,
    ) {
        let (found, secure) = mirrors(targets);
        assert_eq!((found.as_deref(), secure.as_deref()), (archive, security));
    }

    #[test]
    fn the_progress_of_apt_is_read_and_what_else_it_says_is_not() {
        assert_eq!(percentage("dlstatus:1:33.5873:Retrieving file 1 of 1"), Some(33.5873));
        assert_eq!(percentage("pmstatus:dpkg:40.0:Installing"), None);
        assert_eq!(percentage("Get:1 https://mirror.example/debian sid InRelease"), None);
    }

    #[test]
    fn an_error_of_apt_is_told_before_a_warning() {
        let said = "W: Download is performed unsandboxed\nE: The repository has no Release file.\n";
        assert_eq!(problem(said), "The repository has no Release file.");
        assert_eq!(problem("W: Failed to fetch it\n"), "Failed to fetch it");
    }
}
