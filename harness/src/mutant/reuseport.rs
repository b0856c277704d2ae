//! `SO_REUSEPORT` (socket(7)): who may join a group, and who of it gets what.

use libc::{
    SOL_SOCKET, SYS_accept, SYS_accept4, SYS_bind, SYS_close, SYS_connect, SYS_listen,
    SYS_setsockopt,
};
use nix::errno::Errno;

use super::{Mutant, after, before, sets, writes};
use crate::trace::Act;

const OPTIONS: &[i64] = &[SYS_setsockopt];
const BIND: &[i64] = &[SYS_bind];
const JOINS: &[i64] = &[libc::SYS_socket, SYS_bind, SYS_listen];
/// A struct sock_filter: what it does, where it jumps, and a number.
type Instruction = (u16, u8, u8, u32);
/// `BPF_RET | BPF_K`: ends the program and returns the number.
const RETURN: u16 = 6;
/// Returns this number.
const fn always(number: u32) -> [Instruction; 1] {
    [(RETURN, 0, 0, number)]
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
    after(
        "reuseport.first_gets_all",
        "The first member of a group gets everything.",
        "socket(7), SO_REUSEPORT",
        JOINS,
        |call| choose(call, &always(0)),
    ),
    after(
        "reuseport.second_gets_all",
        "The second member of a group gets everything.",
        "socket(7), SO_REUSEPORT",
        JOINS,
        |call| choose(call, &always(1)),
    ),
    after(
        "reuseport.flow_goes_anywhere",
        "Who of two members gets a packet is chosen anew each time.",
        "socket(7), SO_REUSEPORT",
        JOINS,
        |call| choose(call, &ANY),
    ),
    after(
        "reuseport.members_take_turns",
        "Four members of a group get connections in turn.",
        "socket(7), SO_REUSEPORT",
        &[SYS_listen, SYS_accept, SYS_accept4],
        |call| {
            if call.succeeded() {
                let next = if call.number() == SYS_listen { 0 } else { call.count(0) % 4 };
                attach(call, &always(u32::try_from(next).unwrap_or(0)));
            }
        },
    ),
    before(
        "reuseport.leaver_keeps_its_place",
        "A socket of a group that is closed gets its share as before.",
        "socket(7), SO_REUSEPORT",
        &[SYS_setsockopt, SYS_close],
        |call| {
            if is_member(call) && call.number() == SYS_close {
                let duplicate = libc::F_DUPFD_CLOEXEC.cast_unsigned().into();
                call.first(libc::SYS_fcntl, [call.argument(0), duplicate, 600, 0, 0, 0]);
            }
        },
    ),
    before(
        "reuseport.connected_one_hears_all",
        "A member that is connected gets what others send as well.",
        "udp(7)",
        &[SYS_setsockopt, SYS_close, SYS_connect],
        |call| {
            if is_member(call) && call.number() == SYS_connect {
                call.answer(0);
            }
        },
    ),
    before(
        "reuseport.newcomer_takes_over",
        "A listener that joins once there are clients ends the one that joined before it.",
        "socket(7), SO_REUSEPORT",
        &[SYS_listen, SYS_connect],
        |call| {
            let number = call.argument(0);
            if call.number() == SYS_connect {
                call.memory.insert((0, 1), 1);
            } else if let Some(last) = call.memory.insert((0, 0), number)
                && call.memory.contains_key(&(0, 1))
            {
                call.first(libc::SYS_shutdown, [last, 2, 0, 0, 0, 0]);
            }
        },
    ),
    before(
        "reuseport.dual_stack_comes_first",
        "Beside listeners of IPv6 that take IPv4 as well, one of IPv4 gets nothing.",
        "ipv6(7), IPV6_V6ONLY",
        &[SYS_bind, SYS_listen],
        |call| {
            let number = call.argument(0);
            if call.number() == SYS_bind {
                let family = call.u16(call.argument(1)).map_or(0, i32::from);
                call.memory.insert((number, 0), u64::from(family == libc::AF_INET));
            } else if call.memory.get(&(number, 0)) != Some(&1) {
                call.memory.insert((0, 1), 1);
            } else if call.memory.contains_key(&(0, 1)) {
                call.answer(0);
            }
        },
    ),
    before(
        "reuseport.program_numbers_wrap",
        "What a program returns is taken modulo 2.",
        "socket(7), SO_ATTACH_REUSEPORT_CBPF",
        OPTIONS,
        |call| {
            let program = call.u64(call.argument(3) + 8).unwrap_or(0);
            if sets(call, SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF)
                && call.u16(program) == Some(RETURN)
                && let Some(number) = call.u32(program + 4)
            {
                call.put(program + 4, &(number % 2).to_ne_bytes());
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

/// Attaches a program to the group of the socket that the call is about, after it. It fails without
/// the option.
fn attach(call: &mut Act, instructions: &[Instruction]) {
    let room = program(call, instructions);
    let (level, name) = (SOL_SOCKET, libc::SO_ATTACH_REUSEPORT_CBPF);
    let [level, name] = [level, name].map(|number| number.cast_unsigned().into());
    call.also(SYS_setsockopt, [call.argument(0), level, name, room, 16, 0]);
}

/// Attaches a program to each group as sockets join it: those for datagrams when they are bound, the
/// others when they listen.
fn choose(call: &mut Act, instructions: &[Instruction]) {
    let number = call.argument(0);
    match call.number() {
        libc::SYS_socket => {
            let made = u64::try_from(call.result()).unwrap_or(0);
            call.memory.insert((made, 0), u64::from(call.int(1) & 0xf == libc::SOCK_DGRAM));
        }
        libc::SYS_bind if call.memory.get(&(number, 0)) != Some(&1) => {}
        _ if call.succeeded() => attach(call, instructions),
        _ => {}
    }
}

/// Remembers sockets that set the option; whether the call is about one.
fn is_member(call: &mut Act) -> bool {
    let number = call.argument(0);
    match call.number() {
        libc::SYS_close => call.memory.remove(&(number, 0)).is_some(),
        libc::SYS_setsockopt => {
            if sets(call, SOL_SOCKET, libc::SO_REUSEPORT) {
                call.memory.insert((number, 0), 1);
            }
            false
        }
        _ => call.memory.contains_key(&(number, 0)),
    }
}
