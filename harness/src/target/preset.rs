//! Well-known servers, each with a minimal configuration: a file of data a server.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde::Deserialize;

use super::{Command, SignalName, Start, Target};
use crate::dialect::Dialect;

/// The files, by the name of the server.
const PRESETS: [(&str, &str); 7] = [
    ("apache", include_str!("presets/apache.toml")),
    ("haproxy", include_str!("presets/haproxy.toml")),
    ("lighttpd", include_str!("presets/lighttpd.toml")),
    ("memcached", include_str!("presets/memcached.toml")),
    ("nginx", include_str!("presets/nginx.toml")),
    ("node", include_str!("presets/node.toml")),
    ("redis", include_str!("presets/redis.toml")),
];

/// What such a file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Preset {
    /// Names of the program; the first that is found is taken.
    programs: Vec<String>,
    /// What to install where there is none.
    package: String,
    /// The arguments that make it tell its version.
    version: Vec<String>,
    /// The arguments, files and variables.
    arguments: Vec<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    files: Vec<super::File>,
    dialect: Dialect,
    /// How many workers it has where that is not for the caller to say.
    workers: Option<usize>,
    /// How many connections it holds at once, where that is limited.
    connections: Option<usize>,
    stop: SignalName,
    reload: Option<SignalName>,
}

/// Why a preset cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    /// No such preset.
    #[error("there is no preset `{0}`{1}; there are {2}")]
    Unknown(String, String, String),
    /// The program is not on this machine.
    #[error("{name} is not installed: found none of {programs}; mend: apt-get install {package}")]
    Missing {
        /// The preset.
        name: String,
        /// What was looked for.
        programs: String,
        /// The package of Debian that has it.
        package: String,
    },
    /// The file is wrong: a mistake of ioconform's own.
    #[error("the preset {0} is not valid: {1}")]
    Invalid(String, String),
}

/// The names of all presets.
pub fn presets() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

impl Target {
    /// A well-known server with so many workers, or with as many as it has by its nature.
    pub fn preset(name: &str, workers: usize) -> Result<Target, PresetError> {
        let names: Vec<_> = presets().collect();
        let unknown = || {
            let near = crate::suggest::did_you_mean(name, &names);
            PresetError::Unknown(name.to_owned(), near, names.join(", "))
        };
        let (_, text) = PRESETS.iter().find(|(known, _)| *known == name).ok_or_else(unknown)?;
        let preset: Preset = toml::from_str(text)
            .map_err(|error| PresetError::Invalid(name.to_owned(), error.to_string()))?;
        let program =
            preset.programs.iter().find_map(|program| find(program)).ok_or_else(|| {
                PresetError::Missing {
                    name: name.to_owned(),
                    programs: preset.programs.join(", "),
                    package: preset.package.clone(),
                }
            })?;
        let version = version(&program, &preset.version);
        Ok(Target {
            name: name.to_owned(),
            start: Start::Command(Command {
                argv: [vec![program], preset.arguments].concat(),
                environment: preset.environment,
                files: preset.files,
            }),
            dialect: preset.dialect,
            workers: preset.workers.unwrap_or(workers),
            connections: preset.connections,
            stop: preset.stop,
            reload: preset.reload,
            version,
            reference: false,
        })
    }
}

/// The path of a program: in PATH, or where Debian keeps servers, which is not in every PATH.
fn find(program: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders =
        std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    let mut candidates = folders.map(|folder| folder.join(program));
    candidates.find(|path| path.is_file()).map(|path| path.display().to_string())
}

/// The first line that tells a version, as the program says it.
fn version(program: &str, arguments: &[String]) -> String {
    let output = std::process::Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let Ok(output) = output else { return String::new() };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let digits = |line: &&str| line.chars().any(|c| c.is_ascii_digit());
    text.lines().find(digits).unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_well_formed() {
        for name in presets() {
            match Target::preset(name, 2) {
                Ok(target) => assert!(target.is_started() && !target.version.is_empty(), "{name}"),
                Err(PresetError::Missing { package, .. }) => assert!(!package.is_empty()),
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn an_unknown_preset_is_refused_with_what_there_is() {
        let error = Target::preset("ngnix", 1).unwrap_err().to_string();
        assert!(error.contains("did you mean nginx?") && error.contains("haproxy"), "{error}");
    }
}
