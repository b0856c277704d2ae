//! bind(2) and ip(7): addresses, ports, and who may have them.

use libc::{
    IPPROTO_IP, IPPROTO_IPV6, SOL_SOCKET, SYS_bind, SYS_connect, SYS_getsockname, SYS_setsockopt,
    SYS_write,
};
use nix::errno::Errno;

use super::{Mutant, after, before, sets, writes};
use crate::trace::Act;

const BIND: &[i64] = &[SYS_bind];
const OPTIONS: &[i64] = &[SYS_setsockopt];
const SYSCTLS: &[i64] = &[SYS_write];

/// Of `linux/in.h`.
pub(super) const IP_LOCAL_PORT_RANGE: i32 = 51;

pub(super) const MUTANTS: &[Mutant] = &[
    after(
        "bind.used_address_is_free",
        "bind to an address that is in use succeeds.",
        "bind(2), ERRORS: EADDRINUSE",
        BIND,
        |call| call.forgive(Errno::EADDRINUSE),
    ),
    after(
        "bind.binds_twice",
        "A second bind of a socket succeeds.",
        "bind(2), ERRORS: EINVAL",
        BIND,
        |call| call.forgive(Errno::EINVAL),
    ),
    after(
        "bind.foreign_address_is_ours",
        "bind to an address that the machine does not have succeeds.",
        "bind(2), ERRORS: EADDRNOTAVAIL",
        BIND,
        |call| call.forgive(Errno::EADDRNOTAVAIL),
    ),
    after(
        "bind.privilege_is_permission",
        "bind to a port for the privileged fails with EPERM.",
        "bind(2), ERRORS: EACCES",
        BIND,
        |call| call.confuse(Errno::EACCES, Errno::EPERM),
    ),
    before(
        "bind.all_addresses_are_one",
        "bind to an address of IPv4 binds to the wildcard.",
        "ip(7), Address format",
        BIND,
        |call| {
            if call.u16(call.argument(1)) == u16::try_from(libc::AF_INET).ok() {
                call.put(call.argument(1) + 4, &[0; 4]);
            }
        },
    ),
    before(
        "bind.wildcard_is_loopback",
        "bind to the wildcard of IPv4 binds to 127.0.0.1.",
        "ip(7), Address format",
        BIND,
        |call| {
            if call.u16(call.argument(1)) == u16::try_from(libc::AF_INET).ok()
                && call.u32(call.argument(1) + 4) == Some(0)
            {
                call.put(call.argument(1) + 4, &[127, 0, 0, 1]);
            }
        },
    ),
    before(
        "bind.reuseaddr_is_ignored",
        "SO_REUSEADDR can be set and does nothing.",
        "socket(7), SO_REUSEADDR",
        OPTIONS,
        |call| ignore(call, SOL_SOCKET, libc::SO_REUSEADDR),
    ),
    before(
        "bind.reuseaddr_is_always_on",
        "Every socket has SO_REUSEADDR when it is bound.",
        "socket(7), SO_REUSEADDR",
        BIND,
        |call| set_first(call, SOL_SOCKET, libc::SO_REUSEADDR),
    ),
    before(
        "bind.v6only_is_ignored",
        "IPV6_V6ONLY can be set and does nothing.",
        "ipv6(7), IPV6_V6ONLY",
        OPTIONS,
        |call| ignore(call, IPPROTO_IPV6, libc::IPV6_V6ONLY),
    ),
    before(
        "bind.v6only_is_always_on",
        "A socket of IPv6 never takes IPv4.",
        "ipv6(7), IPV6_V6ONLY",
        BIND,
        |call| {
            if call.u16(call.argument(1)) == u16::try_from(libc::AF_INET6).ok() {
                set_first(call, IPPROTO_IPV6, libc::IPV6_V6ONLY);
            }
        },
    ),
    before(
        "bind.freebind_is_ignored",
        "IP_FREEBIND can be set and does nothing.",
        "ip(7), IP_FREEBIND",
        OPTIONS,
        |call| ignore(call, IPPROTO_IP, libc::IP_FREEBIND),
    ),
    before(
        "bind.always_chooses_a_port",
        "IP_BIND_ADDRESS_NO_PORT can be set and does nothing.",
        "ip(7), IP_BIND_ADDRESS_NO_PORT",
        OPTIONS,
        |call| ignore(call, IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT),
    ),
    before(
        "bind.socket_has_no_range",
        "IP_LOCAL_PORT_RANGE can be set and does nothing.",
        "ip(7), IP_LOCAL_PORT_RANGE",
        OPTIONS,
        |call| ignore(call, IPPROTO_IP, IP_LOCAL_PORT_RANGE),
    ),
    before(
        "bind.range_is_fixed",
        "net.ipv4.ip_local_port_range can be written and changes nothing.",
        "ip(7), ip_local_port_range",
        SYSCTLS,
        |call| keep(call, "ipv4/ip_local_port_range"),
    ),
    before(
        "bind.no_port_is_reserved",
        "net.ipv4.ip_local_reserved_ports can be written and changes nothing.",
        "Documentation/networking/ip-sysctl.rst, ip_local_reserved_ports",
        SYSCTLS,
        |call| keep(call, "ipv4/ip_local_reserved_ports"),
    ),
    before(
        "bind.privilege_ends_at_1024",
        "net.ipv4.ip_unprivileged_port_start can be written and changes nothing.",
        "Documentation/networking/ip-sysctl.rst, ip_unprivileged_port_start",
        SYSCTLS,
        |call| keep(call, "ipv4/ip_unprivileged_port_start"),
    ),
    after(
        "bind.next_port_is_told",
        "The port that is told of a TCP socket that does not listen is not its own, but the next.",
        "getsockname(2)",
        &[libc::SYS_socket, libc::SYS_listen, SYS_getsockname],
        |call| {
            let (number, at) = (call.argument(0), call.argument(1) + 2);
            match call.number() {
                libc::SYS_socket => {
                    let made = u64::try_from(call.result()).unwrap_or(0);
                    call.memory
                        .insert((made, 0), u64::from(call.int(1) & 0xf == libc::SOCK_STREAM));
                }
                libc::SYS_listen => _ = call.memory.remove(&(number, 0)),
                _ if call.memory.get(&(number, 0)) != Some(&1) => {}
                _ => {
                    if let Some(port @ 1..) = call.u16(at).map(u16::from_be) {
                        call.put(at, &port.wrapping_add(1).to_be_bytes());
                    }
                }
            }
        },
    ),
    after(
        "bind.client_without_a_port_is_refused",
        "connect without a port left fails with EADDRINUSE.",
        "connect(2), ERRORS: EADDRNOTAVAIL",
        &[SYS_connect],
        |call| call.confuse(Errno::EADDRNOTAVAIL, Errno::EADDRINUSE),
    ),
];

/// Takes a value for an option and does nothing with it.
fn ignore(call: &mut Act, level: i32, name: i32) {
    if sets(call, level, name) {
        call.answer(0);
    }
}

/// Takes a value for a sysctl and does nothing with it.
fn keep(call: &mut Act, sysctl: &str) {
    if writes(call, sysctl) {
        call.answer(i64::try_from(call.argument(2)).unwrap_or(0));
    }
}

/// Sets an option of the socket before it is bound.
fn set_first(call: &mut Act, level: i32, name: i32) {
    let room = call.scratch();
    call.put(room, &1_i32.to_ne_bytes());
    let [level, name] = [level, name].map(|number| number.cast_unsigned().into());
    call.first(SYS_setsockopt, [call.argument(0), level, name, room, 4, 0]);
}
