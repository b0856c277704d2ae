//! The whole catalogue on machines that withhold something: never a deviation for it, always a
//! stated reason.

use std::process::{Command, Output};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use tempfile::TempDir;

/// Runs a shell script as the root of a user namespace of its own, where it may forbid and hide
/// things without anybody else noticing. `$IOCONFORM` is the command. Nothing comes back where
/// user namespaces are not granted, which with `IOCONFORM_STRICT=1` is a failure.
fn in_a_poor_place(home: &TempDir, script: &str) -> Option<Output> {
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", script]);
        command.env("XDG_STATE_HOME", home.path()).env_remove("IOCONFORM_STRICT");
        command.env("IOCONFORM", assert_cmd::cargo::cargo_bin("ioconform"));
        command.output()
    };
    if unshare("true").is_ok_and(|output| output.status.success()) {
        return Some(unshare(script).unwrap());
    }
    let strict = std::env::var_os("IOCONFORM_STRICT").is_some_and(|value| value == "1");
    assert!(!strict, "no user namespaces here; mend: {}", harness::need::MEND_NAMESPACES);
    eprintln!("skipped: no user namespaces here");
    None
}

/// Exit status 0 says that nothing was unexpected.
fn judged_without_blame(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("; 0 unexpected"), "{text}");
    text
}

#[test]
fn without_namespaces() {
    let home = tempfile::tempdir().unwrap();
    let script =
        "for kind in user net pid mnt; do echo 0 > /proc/sys/user/max_${kind}_namespaces; done
        exec \"$IOCONFORM\" run --progress none";
    let Some(output) = in_a_poor_place(&home, script) else { return };
    let text = judged_without_blame(&output);
    assert!(
        text.contains("note: missing: a user namespace for each trial, a net namespace"),
        "{text}"
    );
    assert!(text.contains("trials ran one at a time"), "{text}");
}

#[test]
fn without_proc() {
    let home = tempfile::tempdir().unwrap();
    // Without its own mounts a trial cannot bring /proc back. Each sleep costs a quiet period then, so
    // it is a part of the catalogue.
    let script =
        "for kind in user net pid mnt; do echo 0 > /proc/sys/user/max_${kind}_namespaces; done
        mount -t tmpfs none /proc
        exec \"$IOCONFORM\" run accept delivery epoll.edge epoll.level herd.blocking poll select \
            --progress none";
    let Some(output) = in_a_poor_place(&home, script) else { return };
    let text = judged_without_blame(&output);
    assert!(text.contains("mend: mount -t proc proc /proc"), "{text}");
    assert!(text.contains("unobservable"), "{text}");
}

#[test]
fn without_ipv6() {
    let home = tempfile::tempdir().unwrap();
    // Trials share this one network: a namespace of their own would have IPv6 again.
    let script = "exec unshare --net sh -ec '
        ip link set lo up
        for dir in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$dir/disable_ipv6; done
        echo 0 > /proc/sys/user/max_net_namespaces
        exec \"$IOCONFORM\" run --progress none'";
    let Some(output) = in_a_poor_place(&home, script) else { return };
    let text = judged_without_blame(&output);
    assert!(text.contains("missing: a user namespace for each trial, a net namespace"), "{text}");
}

/// Servers share the machine's network then, and take turns.
#[test]
fn without_namespaces_for_servers() {
    let home = tempfile::tempdir().unwrap();
    let script =
        "for kind in user net pid mnt; do echo 0 > /proc/sys/user/max_${kind}_namespaces; done
        exec \"$IOCONFORM\" server base shutdown --model multi_reactor --model prefork_epoll \
            --progress none -- \"$IOCONFORM\" serve poll_loop --listen {addr}";
    let Some(output) = in_a_poor_place(&home, script) else { return };
    let text = judged_without_blame(&output);
    assert!(text.contains("trials ran one at a time"), "{text}");
}

#[test]
fn without_ptrace() {
    let home = tempfile::tempdir().unwrap();
    let rules = std::collections::BTreeMap::from([(nix::libc::SYS_ptrace, Vec::new())]);
    let refusal = SeccompAction::Errno(nix::errno::Errno::EPERM as u32);
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refusal, arch).unwrap();
    let filter: BpfProgram = filter.try_into().unwrap();
    // What a thread may not do, what it starts may not do either, and the other threads may.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            apply_filter(&filter).unwrap();
            for arguments in [
                ["mutants", "epoll.oneshot_is_for_ever"].as_slice(),
                &["run", "epoll.oneshot", "--trace"],
                &["explain", "epoll.edge.silent_until_new_data", "--trace"],
            ] {
                let mut command = assert_cmd::Command::cargo_bin("ioconform").unwrap();
                command.args(arguments).env("XDG_STATE_HOME", home.path()).assert().code(3).stderr(
                    predicates::str::contains(
                        "trials cannot be traced here: ptrace(2) and seccomp(2)",
                    ),
                );
            }
        });
    });
}
