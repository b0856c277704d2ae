//! `SO_REUSEPORT` (socket(7)): who may join a group, and who of it gets what.

use libc::{SOL_SOCKET, SYS_accept, SYS_accept4, SYS_bind, SYS_listen, SYS_setsockopt};
use nix::errno::Errno;

use super::{Mutant, after, before, sets, writes};
use crate::trace::Act;

const OPTIONS: &[i64] = &[SYS_setsockopt];
const BIND: &[i64] = &[SYS_bind];
/// A struct sock_filter: what it does, where it jumps, and a number.
type Instruction = (u16, u8, u8, u32);
/// Returns this number (`BPF_RET | BPF_K`).
const fn always(number: u32) -> [Instruction; 1] {
    [(0x06, 0, 0, number)]
}
/// Returns a random number below 2 (`SKF_AD_RANDOM`).
const ANY: [Instruction; 3] = [(0x20, 0, 0, 0xffff_f038), (0x94, 0, 0, 2), (0x16, 0, 0, 0)];

pub(super) const MUTANTS: &[Mutant] = &[
    before(
        "reuseport.option_is_ignored",
        "SO_REUSEPORT can be set and does nothing.",
        "socket(7), SO_REUSEPORT",
        OPTIONS,
        |call| {
            if sets(call, SOL_SOCKET, libc::SO_REUSEPORT) {
                call.answer(0);
            }
        },
    ),
    before(
        "reuseport.is_always_on",
        "Every socket has SO_REUSEPORT when it is bound.",
        "socket(7), SO_REUSEPORT",
        BIND,
        |call| {
            let room = call.scratch();
            call.put(room, &1_i32.to_ne_bytes());
            set_first(call, libc::SO_REUSEPORT, room, 4);
        },
    ),
    before(
        "reuseport.users_are_the_same",
        "Another effective user is none.",
        "socket(7), SO_REUSEPORT",
        &[libc::SYS_setresuid, libc::SYS_setreuid],
        |call| call.answer(0),
    ),
    after(
        "reuseport.is_for_all_families",
        "SO_REUSEPORT can be set on a socket that has no ports.",
        "socket(7), SO_REUSEPORT",
        OPTIONS,
        |call| {
            if sets(call, SOL_SOCKET, libc::SO_REUSEPORT) {
                call.forgive(Errno::EOPNOTSUPP);
            }
        },
    ),
    before(
        "reuseport.first_gets_all",
        "The first member of a group gets everything.",
        "socket(7), SO_REUSEPORT",
        &[SYS_bind, SYS_listen],
        |call| choose(call, &always(0)),
    ),
    before(
        "reuseport.flow_goes_anywhere",
        "Who of two members gets a packet is chosen anew each time.",
        "socket(7), SO_REUSEPORT",
        BIND,
        |call| choose(call, &ANY),
    ),
    after(
        "reuseport.members_take_turns",
        "Four members of a group get connections in turn.",
        "socket(7), SO_REUSEPORT",
        &[SYS_accept, SYS_accept4],
        |call| {
            if call.succeeded() {
                let next = u32::try_from(call.count(0) % 4).unwrap_or(0);
                let room = program(call, &always(next));
                let (level, name) = (SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF);
                let [level, name] = [level, name].map(|number| number.cast_unsigned().into());
                call.also(SYS_setsockopt, [call.argument(0), level, name, room, 16, 0]);
            }
        },
    ),
    before(
        "reuseport.program_is_ignored",
        "SO_ATTACH_REUSEPORT_CBPF can be set and does nothing.",
        "socket(7), SO_ATTACH_REUSEPORT_CBPF",
        OPTIONS,
        |call| {
            if sets(call, SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF) {
                call.answer(0);
            }
        },
    ),
    after(
        "reuseport.program_is_for_all",
        "A program can be attached to a socket without the option.",
        "socket(7), SO_ATTACH_REUSEPORT_CBPF",
        OPTIONS,
        |call| {
            if sets(call, SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF) {
                call.forgive(Errno::EINVAL);
            }
        },
    ),
    before(
        "reuseport.program_stays",
        "SO_DETACH_REUSEPORT_BPF succeeds and does nothing.",
        "socket(7), SO_DETACH_REUSEPORT_BPF",
        OPTIONS,
        |call| {
            if sets(call, SOL_SOCKET, libc::SO_DETACH_REUSEPORT_BPF) {
                call.answer(0);
            }
        },
    ),
    before(
        "reuseport.cpu_is_ignored",
        "SO_INCOMING_CPU can be set and does nothing.",
        "socket(7), SO_INCOMING_CPU",
        OPTIONS,
        |call| {
            if sets(call, SOL_SOCKET, libc::SO_INCOMING_CPU) {
                call.answer(0);
            }
        },
    ),
    before(
        "reuseport.nothing_migrates",
        "net.ipv4.tcp_migrate_req can be written and changes nothing.",
        "Documentation/networking/ip-sysctl.rst, tcp_migrate_req",
        &[libc::SYS_write],
        |call| {
            if writes(call, "ipv4/tcp_migrate_req") {
                call.answer(i64::try_from(call.argument(2)).unwrap_or(0));
            }
        },
    ),
];

/// Sets an option of the socket that the call is about, before it.
fn set_first(call: &mut Act, name: i32, value: u64, length: u64) {
    let (level, name) = (SOL_SOCKET.cast_unsigned(), name.cast_unsigned());
    let arguments = [call.argument(0), level.into(), name.into(), value, length, 0];
    call.first(SYS_setsockopt, arguments);
}

/// Writes a program where the thread uses no memory, and returns the address of its sock_fprog.
fn program(call: &mut Act, program: &[Instruction]) -> u64 {
    let room = call.scratch();
    let mut bytes = (program.len() as u64).to_ne_bytes().to_vec();
    bytes.extend((room + 16).to_ne_bytes());
    for (code, yes, no, number) in program {
        bytes.extend(code.to_ne_bytes());
        bytes.extend([*yes, *no]);
        bytes.extend(number.to_ne_bytes());
    }
    call.put(room, &bytes);
    room
}

/// Attaches a program before the call, which fails without the option.
fn choose(call: &mut Act, instructions: &[Instruction]) {
    let room = program(call, instructions);
    set_first(call, libc::SO_ATTACH_REUSEPORT_CBPF, room, 16);
}
