//! What a program expects to find in a Linux system, in a guest that has nothing yet.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sys::resource::{Resource, setrlimit};

/// File systems: type, place, options.
const MOUNTS: [(&str, &str, &str); 7] = [
    ("proc", "/proc", ""),
    ("sysfs", "/sys", ""),
    ("devtmpfs", "/dev", ""),
    ("devpts", "/dev/pts", ""),
    ("tmpfs", "/dev/shm", "mode=1777"),
    ("tmpfs", "/tmp", "mode=1777"),
    ("tmpfs", "/run", "mode=755"),
];

/// The limit of descriptors that most systems set: `RLIMIT_NOFILE`, soft and hard. The kernel's own
/// hard limit for its first process, 4096, is one that no program meets elsewhere.
const DESCRIPTORS: (u64, u64) = (1024, 1 << 20);

/// Mounts file systems, brings the loopback interface up, and gives the machine a name.
pub(super) fn furnish() -> io::Result<()> {
    for (kind, place, options) in MOUNTS {
        fs::create_dir_all(place)?;
        if kind == "tmpfs" && fs::read_dir(place)?.next().is_some() {
            // A program that was taken along lies there, where it can be seen.
            let mode = options.trim_start_matches("mode=");
            let mode = u32::from_str_radix(mode, 8).map_err(io::Error::other)?;
            fs::set_permissions(place, fs::Permissions::from_mode(mode))?;
            continue;
        }
        // The kernel may have mounted its own /dev already.
        match mount(Some(kind), place, Some(kind), MsFlags::empty(), Some(options)) {
            Ok(()) | Err(nix::errno::Errno::EBUSY) => {}
            Err(error) => {
                return Err(io::Error::other(format!("cannot mount {place}: {error}")));
            }
        }
    }
    for (link, target) in [("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")]
    {
        let link = Path::new("/dev").join(link);
        if !link.exists() {
            std::os::unix::fs::symlink(Path::new("/proc/self").join(target), link)?;
        }
    }
    setrlimit(Resource::RLIMIT_NOFILE, DESCRIPTORS.0, DESCRIPTORS.1)?;
    nix::unistd::sethostname("guest")?;
    harness::sys::process::loopback_up()?;
    Ok(())
}

/// The clock that the kernel keeps time by.
pub(super) fn clocksource() -> String {
    let file = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    fs::read_to_string(file).unwrap_or_default().trim().to_owned()
}
