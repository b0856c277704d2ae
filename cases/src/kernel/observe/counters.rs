//! Counters of the network: `/proc/net/snmp` and `/proc/net/netstat` name in one line what the next
//! line counts, for one network namespace. Names come and go with releases, so that a name that is not
//! there means "not counted", and never zero.

use std::collections::BTreeMap;

use harness::prelude::*;

/// The counters of a file, by group and name; and whether each line of names has as many values.
fn counters(file: &str) -> Result<(BTreeMap<String, u64>, bool)> {
    let text = std::fs::read_to_string(format!("/proc/net/{file}"))
        .map_err(|error| Stop::Unobservable(format!("{file} cannot be read: {error}")))?;
    let lines: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    let (mut counters, mut paired) = (BTreeMap::new(), lines.len().is_multiple_of(2));
    for pair in lines.chunks_exact(2) {
        paired &= pair[0].len() == pair[1].len() && pair[0].first() == pair[1].first();
        let group = pair[0].first().copied().unwrap_or_default();
        for (name, value) in pair[0].iter().zip(&pair[1]).skip(1) {
            counters.insert(format!("{group}{name}"), value.parse().unwrap_or(0));
        }
    }
    Ok((counters, paired))
}

/// In `/proc/net/snmp` and `/proc/net/netstat`, each line of names is followed by one of as many
/// values, of the same group.
#[case(man = ["proc_pid_net(5)"], kernel = ["snmp_seq_show", "netstat_seq_show"], strength = Implementation)]
fn names_come_with_values(t: &mut Trial) -> Result {
    for file in ["snmp", "netstat"] {
        let (counters, paired) = counters(file)?;
        check!(t, paired, "{file}: names and values are pairs");
        check!(t, counters.len() > 10, "{file}: there are some");
    }
    Ok(())
}

/// The counters of a new network namespace count what happens in it, and start with nothing.
#[case(man = ["network_namespaces(7)"], since = "2.6.26", needs = [Need::PrivateNet], strength = Documented)]
fn start_at_zero(t: &mut Trial) -> Result {
    let opened = || -> Result<_> {
        let (counters, _) = counters("snmp")?;
        Ok((counters.get("Tcp:ActiveOpens").copied(), counters.get("Tcp:PassiveOpens").copied()))
    };
    check!(t, opened()? == (Some(0), Some(0)), "nobody has connected in this namespace");
    let _pairs = [net::tcp_pair()?, net::tcp_pair()?];
    check!(t, opened()? == (Some(2), Some(2)), "two connections, opened and accepted");
    Ok(())
}

/// `sockets: used` in `/proc/net/sockstat` counts the sockets of the network namespace.
#[case(man = ["proc_pid_net(5)"], kernel = ["sockstat_seq_show"], since = "4.16", needs = [Need::PrivateNet], strength = Implementation)]
fn sockets_in_use(t: &mut Trial) -> Result {
    let used = || -> Result<u64> {
        let text = std::fs::read_to_string("/proc/net/sockstat")
            .map_err(|error| Stop::Unobservable(format!("sockstat cannot be read: {error}")))?;
        let line = text.lines().find_map(|line| line.strip_prefix("sockets: used "));
        Ok(line.ok_or_else(|| Stop::error("no such line"))?.trim().parse()?)
    };
    let before = used()?;
    let pair = UnixStream::pair()?;
    let listener = net::listener()?;
    check!(t, used()? == before + 3, "two sockets of a pair, and a listener");
    drop((pair, listener));
    check!(t, t.eventually(|| Ok(used()? == before))?, "closed, they are not counted any more");
    Ok(())
}
