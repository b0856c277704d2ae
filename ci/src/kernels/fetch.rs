//! From entries to kernels that are kept: one package arrives while the one before is unpacked.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use super::apt::{Machine, Suite};
use super::package::{Candidate, Piece, companion, is_config, is_kernel, newest, unpack};
use super::store::{Kept, Store, image_name, sha256, unpack_image};
use super::{Entry, Error, Package, at, image};

/// What happens while kernels are fetched.
#[derive(Debug)]
pub enum Event<'a> {
    /// Another fetch, or a removal, is at work: this one waits for it.
    Waiting,
    /// The indexes of suites are fetched.
    Looking(usize),
    /// The index of a suite could not be had; what is known of it is what an earlier fetch saw.
    Unseen(&'a str, &'a Error),
    /// So many bytes will be downloaded, in all.
    Total(u64),
    /// A package begins to arrive.
    Begins(&'a Entry, &'a Kept),
    /// So many bytes of all have arrived.
    Arrived(u64),
    /// Nothing more happens to this entry.
    Ends(&'a Entry, &'a Result<Fetched, Error>),
}

/// What a fetch did for an entry.
#[derive(Debug)]
pub struct Fetched {
    /// What is kept now.
    pub kept: Kept,
    /// Whether it was not kept before.
    pub new: bool,
    /// Why there is no program to be started by PVH, if the image could not be unpacked.
    pub damage: Option<image::Error>,
}

/// The name of an entry, and what became of it.
pub type Ended = (String, Result<Fetched, Error>);

/// What is to be done for an entry.
struct Plan<'a> {
    entry: &'a Entry,
    suite: &'a Suite,
    package: &'a Candidate,
    /// The package with the kernel's configuration, if that is another one.
    companion: Option<&'a Candidate>,
    /// What will be kept; the digests are not yet known.
    kept: Kept,
    /// Where the packages arrive. What came only in part stays there.
    folder: PathBuf,
}

impl Store {
    /// Fetches the newest package of each entry, unless it is kept already. An entry that cannot
    /// be had costs no other: the answer has one result an entry, by name, in the order in which
    /// they ended.
    pub fn fetch(
        &self,
        entries: &[&Entry],
        watch: &(dyn Fn(Event) + Sync),
    ) -> Result<Vec<Ended>, Error> {
        let _lock = self.lock(|| watch(Event::Waiting))?;
        self.tidy()?;
        let machine = Machine::look()?;
        let suites = self.look(&machine, entries, watch);

        let mut ended = Vec::new();
        let mut end = |entry: &Entry, result| {
            watch(Event::Ends(entry, &result));
            ended.push((entry.name.clone(), result));
        };
        let mut plans = Vec::new();
        for entry in entries {
            let here = self.kept(entry)?.map(|(kept, _)| kept);
            match (plan(entry, &suites, &self.apt), here) {
                // What cannot be looked for now is good as it is kept.
                (None, Some(kept)) => end(entry, Ok(Fetched { kept, new: false, damage: None })),
                (None, None) => end(entry, Err(Error::NoPackage(entry.suites.join(", ")))),
                (Some(plan), Some(kept))
                    if (&plan.kept.package, &plan.kept.version)
                        == (&kept.package, &kept.version) =>
                {
                    end(entry, Ok(Fetched { kept, new: false, damage: None }));
                }
                (Some(plan), _) => plans.push(plan),
            }
        }
        let total = plans.iter().map(Plan::size).sum();
        if total > 0 {
            watch(Event::Total(total));
        }
        thread::scope(|scope| {
            let (arrived, arrivals) = mpsc::sync_channel(1);
            scope.spawn(move || {
                let mut before = 0;
                for plan in plans {
                    watch(Event::Begins(plan.entry, &plan.kept));
                    let result = plan.download(|bytes| watch(Event::Arrived(before + bytes)));
                    before += plan.size();
                    watch(Event::Arrived(before));
                    if arrived.send((plan, result)).is_err() {
                        return;
                    }
                }
            });
            for (plan, result) in arrivals {
                end(plan.entry, result.and_then(|()| self.keep(plan)));
            }
        });
        Ok(ended)
    }

    /// Looks into all suites of the entries, side by side.
    fn look(
        &self,
        machine: &Machine,
        entries: &[&Entry],
        watch: &(dyn Fn(Event) + Sync),
    ) -> Vec<(Suite, Vec<Candidate>)> {
        let mut names: Vec<_> = entries.iter().flat_map(|entry| &entry.suites).collect();
        names.sort();
        names.dedup();
        watch(Event::Looking(names.len()));
        let one = |name: &str| {
            let unseen = |error: &Error| watch(Event::Unseen(name, error));
            let suite = Suite::open(machine, name, &self.apt).inspect_err(unseen).ok()?;
            let known = suite.update().inspect_err(unseen);
            let candidates = match (known, suite.candidates(entries)) {
                (_, Ok(candidates)) => candidates,
                (Ok(()), Err(error)) => {
                    unseen(&error);
                    return None;
                }
                // It was told already that this suite is not to be seen.
                (Err(_), Err(_)) => return None,
            };
            Some((suite, candidates))
        };
        thread::scope(|scope| {
            let looks: Vec<_> = names.iter().map(|name| scope.spawn(move || one(name))).collect();
            looks.into_iter().filter_map(|look| look.join().ok().flatten()).collect()
        })
    }

    /// Takes the kernel out of its packages and keeps it.
    fn keep(&self, plan: Plan) -> Result<Fetched, Error> {
        let folder = self.folder(plan.entry)?;
        let image = folder.path().join(image_name(plan.entry.kind));
        let config = folder.path().join("config");
        let mut kept = plan.kept;
        let mut damage = None;
        match &plan.entry.package {
            Package::Program { file, .. } => {
                let is_file = |path: &str| path == file;
                let program = Piece { what: "program", is: &is_file, place: &image };
                unpack(&archive(&plan.folder, plan.package)?, &[program])?;
                executable(&image)?;
            }
            Package::Kernel { .. } => {
                let kernel = Piece { what: "kernel", is: &is_kernel, place: &image };
                let settings = Piece { what: "configuration", is: &is_config, place: &config };
                let package = archive(&plan.folder, plan.package)?;
                if let Some(companion) = plan.companion {
                    unpack(&package, &[kernel])?;
                    unpack(&archive(&plan.folder, companion)?, &[settings])?;
                } else {
                    unpack(&package, &[kernel, settings])?;
                }
                kept.config_sha256 = Some(sha256(&config)?);
                damage = unpack_image(&image, &folder.path().join("vmlinux"))?.err();
            }
        }
        kept.image_sha256 = sha256(&image)?;
        self.put(plan.entry, folder, &kept)?;
        fs::remove_dir_all(&plan.folder).map_err(at(&plan.folder))?;
        Ok(Fetched { kept, new: true, damage })
    }
}

/// What to do for an entry; nothing if no suite has a package of it.
fn plan<'a>(
    entry: &'a Entry,
    suites: &'a [(Suite, Vec<Candidate>)],
    apt: &Path,
) -> Option<Plan<'a>> {
    let of_entry = || {
        let suites = suites.iter().filter(|(suite, _)| entry.suites.contains(&suite.name));
        suites.flat_map(|(_, candidates)| candidates)
    };
    let chosen = newest(of_entry(), &entry.package)?;
    let (suite, _) = suites.iter().find(|(suite, _)| suite.name == chosen.suite)?;
    let is_companion = |name: &str, one: &Candidate| {
        one.package == name && one.version == chosen.version && one.suite == chosen.suite
    };
    let companion =
        companion(&chosen.package).and_then(|name| of_entry().find(|one| is_companion(&name, one)));
    Some(Plan {
        entry,
        suite,
        package: chosen,
        companion,
        kept: Kept {
            package: chosen.package.clone(),
            version: chosen.version.to_string(),
            suite: chosen.suite.clone(),
            image_sha256: String::new(),
            config_sha256: None,
            fetched: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        },
        folder: apt.join("packages").join(&entry.name),
    })
}

impl Plan<'_> {
    fn packages(&self) -> impl Iterator<Item = &Candidate> {
        std::iter::once(self.package).chain(self.companion)
    }

    fn size(&self) -> u64 {
        self.packages().map(|package| package.size).sum()
    }

    /// Downloads the packages; `arrived` is told how many bytes of them are there.
    fn download(&self, arrived: impl Fn(u64)) -> Result<(), Error> {
        fs::create_dir_all(&self.folder).map_err(at(&self.folder))?;
        // What is left of another version is of no use any more.
        for item in fs::read_dir(&self.folder).map_err(at(&self.folder))? {
            let path = item.map_err(at(&self.folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !self.packages().any(|package| name.starts_with(&stem(package))) {
                fs::remove_file(&path).map_err(at(&path))?;
            }
        }
        let wanted: Vec<_> = self
            .packages()
            .map(|package| format!("{}={}", package.package, package.version))
            .collect();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a part of a length is a length"
        )]
        let part = |percent: f64| (self.size() as f64 * percent / 100.0) as u64;
        self.suite.download(&wanted, &self.folder, |percent| arrived(part(percent)))
    }
}

/// How apt begins the name of a package's file; a colon, after an epoch, is written as `%3a`.
fn stem(package: &Candidate) -> String {
    format!("{}_{}_", package.package, package.version.to_string().replace(':', "%3a"))
}

/// The file of a package that was downloaded.
fn archive(folder: &Path, package: &Candidate) -> Result<PathBuf, Error> {
    let stem = stem(package);
    let files = fs::read_dir(folder).map_err(at(folder))?;
    files
        .filter_map(|item| Some(item.ok()?.path()))
        .find(|path| path.file_name().unwrap_or_default().to_string_lossy().starts_with(&stem))
        .ok_or_else(|| Error::NotInside { package: folder.to_owned(), what: "package" })
}

fn executable(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(at(path))
}
