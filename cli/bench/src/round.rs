//! One measurement of one round: what happens in the trial.

use std::time::Duration;

use harness::catalogue::{TOOLS, Tool};
use harness::check;
use harness::dialect::{Dialect, Wish};
use harness::target::{Address, Server, Spent};
use harness::trial::{Result, Stop, Trial};
use linkme::distributed_slice;
use serde::{Deserialize, Serialize};
use servers::load::{Aim, Pace, Swarm, Tally, Use};

use crate::statistics::fairness;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The rate of requests on connections that stay, in a closed loop.
    KeepAlive,
    /// The rate of connections that serve one request each, in a closed loop.
    Short,
    /// The latency of requests that come at a fixed rate on connections that stay: an open loop.
    Latency,
}

impl Kind {
    /// All of them, in the order in which they are measured: the rate of the last follows from
    /// the first.
    pub const ALL: [Kind; 3] = [Kind::KeepAlive, Kind::Short, Kind::Latency];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::KeepAlive => "keepalive",
            Kind::Short => "short",
            Kind::Latency => "latency",
        }
    }
}

/// What the trial is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// What is measured.
    pub kind: Kind,
    /// The clients: each has one connection at a time.
    pub connections: usize,
    /// The threads that they are shared out to.
    pub threads: usize,
    /// How long the measurement is.
    pub time: Duration,
    /// Requests in a second, for [`Kind::Latency`].
    pub rate: f64,
}

impl Order {
    /// How long the server warms up before: its memory, its threads, the path through the kernel.
    pub fn warm_up(&self) -> Duration {
        warm_up(self.time)
    }

    /// How long the trial may take: each run has as long again to end, and a server some time to
    /// start.
    pub fn limit(&self) -> Duration {
        (self.time + self.warm_up()) * 2 + Duration::from_secs(20)
    }
}

/// The warm-up for a measurement of `time`: a quarter of it.
pub fn warm_up(time: Duration) -> Duration {
    time / 4
}

/// The tool that the warden runs.
#[distributed_slice(TOOLS)]
pub static ROUND: Tool = Tool { id: "bench", run };

/// The names of the measures.
pub const RATE: &str = "requests per second";
/// User and system, of all of the server's processes.
pub const CPU: &str = "CPU microseconds per request";
/// Voluntary context switches of the server's threads.
pub const WAKEUPS: &str = "wakeups per request";
/// All context switches of the server's threads.
pub const SWITCHES: &str = "context switches per request";
/// Jain's index over the server's workers.
pub const FAIRNESS: &str = "fairness";
/// The share of a CPU that each thread of the client used.
pub const CLIENT: &str = "CPU share of a client thread";
/// Half of the requests took less, in microseconds.
pub const P50: &str = "p50 microseconds";
/// 99 of 100 took less.
pub const P99: &str = "p99 microseconds";
/// 999 of 1000 took less.
pub const P999: &str = "p99.9 microseconds";
/// None took more.
pub const MAX: &str = "max microseconds";
/// The share of requests that were not answered in time.
pub const UNANSWERED: &str = "unanswered share";

fn run(t: &mut Trial, arguments: &str) -> Result {
    let order: Order = serde_json::from_str(arguments)?;
    let server = t.server()?;
    let aim = aim(&server, &order)?;
    let mut swarm = Swarm::new(&aim, order.connections, order.threads)?;
    let warm = swarm.run(Pace::Closed, order.warm_up())?;
    without_trouble(&warm, &server)?;

    let pace = if order.kind == Kind::Latency { Pace::Open(order.rate) } else { Pace::Closed };
    let before = server.usage()?;
    let tally = swarm.run(pace, order.time)?;
    let spent = server.usage().map(|after| after.since(&before));
    if order.kind == Kind::Latency {
        // What was not answered is in the percentiles.
        failed(&tally, &server)?;
        latencies(t, &tally)?;
    } else {
        without_trouble(&tally, &server)?;
        t.measure(RATE, tally.rate())?;
        if let Some(index) = shares(&server, &order, &tally)? {
            t.measure(FAIRNESS, index)?;
        }
    }
    let client = tally.client_cpu.as_secs_f64() / tally.time.as_secs_f64();
    t.measure(CLIENT, client / order.threads as f64)?;
    costs(t, spent?, &tally)?;
    check!(t, tally.answered_in_all > 0, "requests were answered");
    Ok(())
}

fn aim(server: &Server, order: &Order) -> Result<Aim> {
    let Dialect::Http(http) = &server.target().dialect else {
        return Err(Stop::Unsupported("the load client speaks HTTP only".to_owned()));
    };
    let Address::Tcp(address) = server.address() else {
        return Err(Stop::Unsupported("the load client speaks TCP only".to_owned()));
    };
    let once = order.kind == Kind::Short;
    Ok(Aim {
        address: *address,
        request: server.request(Wish::Small(1), once)?.request,
        usage: if once { Use::Once } else { Use::KeepAlive },
        worker_field: http.thread.clone(),
    })
}

/// Ends the trial if a request failed.
fn failed(tally: &Tally, server: &Server) -> Result {
    let Some(failure) = &tally.failure else { return Ok(()) };
    if server.is_alive()? {
        return Err(Stop::Error(failure.to_string()));
    }
    let log = server.log();
    let last = log.lines().rev().find(|line| !line.trim().is_empty());
    let last = last.map_or(String::new(), |line| format!(": {}", line.trim()));
    Err(Stop::Error(format!("{failure}; the server has ended{last}")))
}

/// Ends the trial if a request failed or was not answered.
fn without_trouble(tally: &Tally, server: &Server) -> Result {
    failed(tally, server)?;
    match tally.unanswered {
        0 => Ok(()),
        count => Err(Stop::Error(format!(
            "{count} clients waited for a reply until after the end, {} were answered",
            tally.answered_in_all
        ))),
    }
}

/// How evenly the workers share the requests, by the field of the replies that names them; or for
/// a server without one, how evenly its processes share the connections that stay. Of a server
/// with one worker there is nothing to say.
fn shares(server: &Server, order: &Order, tally: &Tally) -> Result<Option<f64>> {
    let workers = server.workers();
    if workers < 2 {
        return Ok(None);
    }
    let mut shares: Vec<u64> = tally.by_worker.values().copied().collect();
    if shares.is_empty() && order.kind == Kind::KeepAlive {
        // A process that accepts nothing is no worker: a master.
        shares = server.connections_by_process()?.into_values().filter(|held| *held > 0).collect();
        if shares.len() < 2 {
            return Ok(None);
        }
    }
    Ok(fairness(&shares, workers))
}

fn costs(t: &mut Trial, spent: Spent, tally: &Tally) -> Result {
    let requests = tally.answered_in_all as f64;
    t.measure(CPU, spent.cpu.as_secs_f64() * 1e6 / requests)?;
    if let Some(switches) = spent.switches {
        t.measure(WAKEUPS, switches.voluntary as f64 / requests)?;
        t.measure(SWITCHES, (switches.voluntary + switches.involuntary) as f64 / requests)?;
    }
    Ok(())
}

fn latencies(t: &mut Trial, tally: &Tally) -> Result {
    let latency = tally.latency.as_ref().ok_or_else(|| Stop::error("no latency was recorded"))?;
    let micros = |quantile| latency.value_at_quantile(quantile) as f64 / 1000.0;
    for (name, quantile) in [(P50, 0.5), (P99, 0.99), (P999, 0.999), (MAX, 1.0)] {
        t.measure(name, micros(quantile))?;
    }
    let all = tally.answered_in_all + tally.unanswered;
    t.measure(UNANSWERED, tally.unanswered as f64 / all as f64)
}
