//! The CPU as a choice: a worker on each CPU, and each connection to the worker on the CPU that has
//! just handled its request. On loopback, that is the CPU on which the client runs.

use harness::prelude::*;
use harness::sys::steer;
use nix::libc;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::{group, received, set_program, shares, udp_member};

/// Two CPUs that this process may run on.
fn two_cpus() -> Result<[usize; 2]> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let mut cpus = (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    cpus.next()
        .zip(cpus.next())
        .map(|(one, other)| [one, other])
        .ok_or_else(|| Stop::Skipped { reason: "needs 2 CPUs".to_owned(), mend: String::new() })
}

/// Moves the calling thread to this CPU.
fn run_on(cpu: usize) -> Result {
    let mut only = CpuSet::new();
    only.set(cpu)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &only)?)
}

/// In a group whose listeners name a CPU each (`SO_INCOMING_CPU`), a connection goes to the
/// listener of the CPU that handles its request.
#[case(
    man = ["socket(7), SO_INCOMING_CPU"],
    commit = ["b261eda84ec1"],
    kernel = ["reuseport_select_sock_by_hash"],
    needs = [Need::Cpus(2)],
    strength = Implementation,
    changed = [("", "6.2", deviates, "in a group the option was not looked at until Linux 6.2 (commit b261eda84ec1, also in stable kernels)")],
)]
fn incoming_cpu_names_the_listener(t: &mut Trial) -> Result {
    let (cpus, listeners) = (two_cpus()?, group(2)?);
    for (listener, cpu) in listeners.iter().zip(cpus) {
        let cpu = i32::try_from(cpu)?;
        net::set_option(listener, libc::SOL_SOCKET, libc::SO_INCOMING_CPU, cpu).map_err(
            |error| Stop::unsupported_if(error, &[Errno::ENOPROTOOPT], "SO_INCOMING_CPU"),
        )?;
    }
    let address = listeners[0].local_addr()?;
    run_on(cpus[1])?;
    let _second = (0..20).map(|_| net::connect(address)).collect::<Result<Vec<_>>>()?;
    check!(t, shares(&listeners)? == [0, 20], "connections of each, from the second CPU");
    run_on(cpus[0])?;
    let _first = (0..20).map(|_| net::connect(address)).collect::<Result<Vec<_>>>()?;
    check!(t, shares(&listeners)? == [20, 20], "with as many from the first CPU");
    Ok(())
}

/// A program can choose the socket by the CPU that handles the packet.
#[case(man = ["socket(7), SO_ATTACH_REUSEPORT_CBPF"], kernel = ["SKF_AD_CPU"], since = "4.5", needs = [Need::Cpus(2)], strength = Implementation)]
fn a_program_can_ask_for_it(t: &mut Trial) -> Result {
    let cpus = two_cpus()?;
    let mut members = vec![udp_member(None)?];
    for _ in 0..cpus[1] {
        members.push(udp_member(members.first())?);
    }
    set_program(&members[0], &steer::by_cpu())?;
    let (source, address) = (UdpSocket::bind("127.0.0.1:0")?, members[0].local_addr()?);
    for cpu in [cpus[1], cpus[0], cpus[1]] {
        run_on(cpu)?;
        source.send_to(b"x", address)?;
        let counts = received(&members)?;
        let takers: Vec<_> = (0..counts.len()).filter(|index| counts[*index] > 0).collect();
        check!(t, takers == [cpu], "the member that gets a datagram sent from CPU {cpu}");
    }
    Ok(())
}
