//! What a program needs beside itself to be started where nothing else is: the dynamic loader that
//! its ELF header asks for, and the libraries that the loader finds for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use object::Endianness;
use object::elf::{EM_X86_64, FileHeader64};
use object::read::elf::{FileHeader as _, ProgramHeader as _};

/// Why a program cannot be taken along.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It is no program for this kind of machine.
    #[error("{} is no program for x86-64 Linux, which must be an ELF file", .0.display())]
    NoProgram(PathBuf),
    /// The loader does not find one of its libraries, or cannot be started.
    #[error("cannot find the libraries of {}: {problem}", path.display())]
    Libraries {
        /// The program.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// The files that `program` needs on the way to its `main`, each at the path where it is looked
/// for: itself, and if it is dynamically linked the loader and the libraries. The loader is asked
/// for them (`--list`, ld.so(8)), as it alone knows where it looks. Libraries that a program loads
/// by itself later (dlopen(3)) are not among them.
pub fn files_of(program: &Path) -> Result<Vec<PathBuf>, ProgramError> {
    let mut files = vec![program.to_owned()];
    let Some(loader) = loader_of(program)? else {
        return Ok(files);
    };
    let problem = |problem: String| ProgramError::Libraries { path: program.to_owned(), problem };
    let listed = Command::new(&loader)
        .arg("--list")
        .arg(program)
        .output()
        .map_err(|error| problem(format!("{}: {error}", loader.display())))?;
    if !listed.status.success() {
        return Err(problem(String::from_utf8_lossy(&listed.stderr).trim().to_owned()));
    }
    let list = String::from_utf8_lossy(&listed.stdout);
    files.push(loader);
    files.extend(libraries(&list).map_err(problem)?);
    files.sort();
    files.dedup();
    Ok(files)
}

/// The interpreter that the program asks for; nothing if it is statically linked.
fn loader_of(program: &Path) -> Result<Option<PathBuf>, ProgramError> {
    let error = |error| ProgramError::Read { path: program.to_owned(), error };
    let bytes = std::fs::read(program).map_err(error)?;
    let no_program = || ProgramError::NoProgram(program.to_owned());
    let header = FileHeader64::<Endianness>::parse(&*bytes).map_err(|_| no_program())?;
    let endian = header.endian().map_err(|_| no_program())?;
    if header.e_machine(endian) != EM_X86_64 {
        return Err(no_program());
    }
    let segments = header.program_headers(endian, &*bytes).map_err(|_| no_program())?;
    let name = segments.iter().find_map(|segment| segment.interpreter(endian, &*bytes).ok()?);
    Ok(name.map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned())))
}

/// Reads what the loader lists: `\tlibc.so.6 => /lib/libc.so.6 (0x…)`, `\t/lib64/ld.so (0x…)`.
fn libraries(list: &str) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for line in list.lines().map(str::trim) {
        let place = line.split_once(" => ").map_or(line, |(_, place)| place);
        if place.starts_with("not found") {
            return Err(format!("{} is not found", line.split(' ').next().unwrap_or(line)));
        }
        if place.starts_with('/') {
            found.push(place.rsplit_once(" (").map_or(place, |(path, _)| path).into());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loader_s_list_is_read() {
        let list = "\tlinux-vdso.so.1 (0x00007ffd)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f0e)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f0f)\n";
        let found = libraries(list).unwrap();
        let found: Vec<_> = found.iter().map(|path| path.to_str().unwrap()).collect();
        assert_eq!(found, ["/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"]);
        assert_eq!(libraries("\tlibx.so => not found\n"), Err("libx.so is not found".to_owned()));
    }

    #[test]
    fn this_test_needs_its_loader() {
        let files = files_of(&std::env::current_exe().unwrap()).unwrap();
        let named = |part: &str| files.iter().any(|file| file.to_string_lossy().contains(part));
        assert!(files.len() == 1 || named("ld-linux") || named("ld-musl"), "{files:?}");
        assert!(files.iter().all(|file| file.exists()), "{files:?}");
    }

    #[test]
    fn what_is_no_program_is_told() {
        let error = files_of(Path::new(file!()).file_name().map_or(Path::new("/"), Path::new));
        assert!(matches!(error, Err(ProgramError::Read { .. })));
        let script = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&script, "#!/bin/sh\n").unwrap();
        assert!(files_of(script.path()).unwrap_err().to_string().contains("no program"));
    }
}
