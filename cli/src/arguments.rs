//! The command line, spelled as cargo and nextest spell theirs.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use harness::filter::{Filter, Shard};
use harness::target::{Address, SignalName};

use crate::bench::BenchFormat;
use crate::examples::{
    BENCH_EXAMPLES, CLAIMS_EXAMPLES, EXAMPLES, EXPLAIN_EXAMPLES, KERNELS_EXAMPLES, MATRIX_EXAMPLES,
    MUTANTS_EXAMPLES, SERVER_EXAMPLES, VM_EXAMPLES,
};
use crate::outputs::Output;

/// Judge the I/O behaviour of the running kernel, or of servers on it, with evidence.
#[derive(Debug, Parser)]
#[command(name = "ioconform", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to use colours; NO_COLOR in the environment is honoured
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    pub(crate) fn write_global(self) {
        match self {
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Judge this kernel
    #[command(visible_alias = "r")]
    Run(Box<Run>),
    /// Judge servers: started from a command, a preset or a model, or running already
    #[command(visible_alias = "s", after_help = SERVER_EXAMPLES)]
    Server(Box<Server>),
    /// Measure servers side by side: rates, latencies, costs, and how sure the differences are
    #[command(after_help = BENCH_EXAMPLES)]
    Bench(Box<Bench>),
    /// Run a reference server until it is told to stop (SIGTERM, SIGINT)
    Serve(Box<servers::Arguments>),
    /// List the cases that a selection means
    List(List),
    /// Tell what is true of the claims of the study notes, by running the cases that decide them
    #[command(after_help = CLAIMS_EXAMPLES)]
    Claims(Box<Claims>),
    /// Tell what an area or topic is about and what its cases claim; of a case, where that is stated,
    /// how it is decided and what was last seen here
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// An area, a topic of one (`epoll.edge`), a case's id, or a glob
        #[arg(value_name = "AREA|ID")]
        id: String,
        /// Run each of these cases once, and show its system calls: who made which and when, who slept
        /// in it, and who woke it
        #[arg(long)]
        trace: bool,
    },
    /// Tell what this machine can and cannot show, and the command that mends it
    Doctor,
    /// Tell what changed between two results, exit status 1 on a regression; or between the kernels
    /// of one
    Diff {
        /// The older result, as `run` or `matrix` wrote it with `-o json=FILE`
        old: PathBuf,
        /// The newer one; without it, the kernels of the first are compared, each with the next
        new: Option<PathBuf>,
    },
    /// Convert results; several become one, those of several systems a matrix
    Report {
        /// Results, as `run` or `matrix` wrote them with `-o json=FILE`
        #[arg(required = true, value_name = "RESULT.json")]
        results: Vec<PathBuf>,
        /// What to write: FORMAT=PATH (json, md, html, svg, badge, ktap, junit, kcidb), or a PATH whose
        /// ending tells; `-` is stdout
        #[arg(short, long, required = true, value_name = "FORMAT=PATH")]
        output: Vec<Output>,
    },
    /// Judge many kernels, and write one report
    #[command(visible_alias = "m", after_help = MATRIX_EXAMPLES)]
    Matrix(Box<Matrix>),
    /// Try the cases on wrong kernels and wrong servers: who catches whom, and what can no case see
    #[command(after_help = MUTANTS_EXAMPLES)]
    Mutants(Mutants),
    /// Run a program in a kernel of your choice, as if it ran here
    #[command(after_help = VM_EXAMPLES)]
    Vm(Vm),
    /// Fetch kernels to judge, list them, remove them
    #[command(subcommand, after_help = KERNELS_EXAMPLES)]
    Kernels(Kernels),
    /// Print a completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Kernels {
    /// Fetch the newest package of each, if it is not here already
    #[command(after_help = KERNELS_EXAMPLES)]
    Fetch {
        /// Names, as `ioconform kernels list` prints them [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Tell what can be fetched, and what is here
    List,
    /// Remove what was fetched
    #[command(after_help = KERNELS_EXAMPLES)]
    Rm {
        /// Names, as `ioconform kernels list` prints them
        #[arg(required_unless_present = "all", value_name = "NAME")]
        names: Vec<String>,
        /// Everything, and what apt keeps for it
        #[arg(long, conflicts_with = "names")]
        all: bool,
    },
}

/// Which cases.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    /// Ids, prefixes of ids (`epoll.edge`) or globs (`*.fork_*`); all cases if none is given
    #[arg(value_name = "ID-GLOB")]
    pub(crate) patterns: Vec<String>,
    /// Leave out what this id, prefix or glob matches (repeatable)
    #[arg(long, value_name = "ID-GLOB")]
    pub(crate) skip: Vec<String>,
    /// Only cases that an expression means: id(GLOB) area(GLOB) strength(GLOB) claim(GLOB)
    /// need(GLOB), joined by & | ! ( ); repeated filters add up
    #[arg(short = 'E', long, value_name = "EXPRESSION", value_parser = Filter::parse)]
    pub(crate) filter: Vec<Filter>,
}

/// Which cases, and which part of them.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// Only part K of N of the selection
    #[arg(long, value_name = "K/N")]
    pub(crate) shard: Option<Shard>,
}

impl Choice {
    /// Whether nothing is left out.
    pub(crate) fn is_whole(&self) -> bool {
        self.patterns.is_empty() && self.skip.is_empty() && self.filter.is_empty()
    }
}

impl Selection {
    /// Whether nothing is left out.
    pub(crate) fn is_whole(&self) -> bool {
        self.choice.is_whole() && self.shard.is_none()
    }
}

#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Print claims too
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) execution: Execution,
}

#[derive(Debug, Args)]
pub(crate) struct Claims {
    /// Claims, as `S25`: they are shown in full; all claims in short if none is given
    #[arg(value_name = "CLAIM")]
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) execution: Execution,
}

#[derive(Debug, Args)]
pub(crate) struct Server {
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) targets: Targets,
    #[command(flatten)]
    pub(crate) execution: Execution,
}

/// Which servers.
#[derive(Debug, Args)]
pub(crate) struct Targets {
    /// A well-known server with a minimal configuration: nginx, redis, haproxy, memcached,
    /// lighttpd, apache, node (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Vec<String>,
    /// A reference server (repeatable); `ioconform serve --help` lists them
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Vec<String>,
    /// Every reference server
    #[arg(long)]
    pub(crate) all_models: bool,
    /// A server that runs already, at HOST:PORT or unix:PATH of this machine
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["preset", "model", "all_models", "command"])]
    pub(crate) addr: Option<Address>,
    /// Its first process: without it, only what the wire shows is judged
    #[arg(long, value_name = "PID", requires = "addr", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) pid: Option<i32>,
    /// What the command, or the server at ADDRESS, speaks: http, resp, memcached, echo, or a
    /// FILE.toml
    #[arg(long, value_name = "DIALECT", default_value = "http")]
    pub(crate) dialect: String,
    /// How many workers servers are told to have, or have
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) workers: u32,
    /// How many connections the command, or the server at ADDRESS, holds at once, if that is limited
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) connections: Option<u32>,
    /// The signal that ends the command in order
    #[arg(long, value_name = "SIGNAL", default_value = "TERM")]
    pub(crate) stop: SignalName,
    /// The signal that makes the command read its configuration anew
    #[arg(long, value_name = "SIGNAL")]
    pub(crate) reload: Option<SignalName>,
    /// The command that starts a server; {addr} {host} {port} {unix} {dir} {workers} are filled in
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Matrix {
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// Only this system: one of `ioconform kernels list`, `machine` for this one, or a bzImage or
    /// vmlinux (repeatable) [default: all that are listed, and this machine]
    #[arg(long, value_name = "KERNEL")]
    pub(crate) kernel: Vec<String>,
    /// Only part K of N of the systems
    #[arg(long, value_name = "K/N")]
    pub(crate) shard: Option<Shard>,
    /// Systems side by side [default: as many as CPUs and memory allow]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,
    /// Run each case N times; differing verdicts are unexpected
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
    /// Keep what was judged before with the same program, cases and kernel
    #[arg(long)]
    pub(crate) resume: bool,
    /// Known deviations of some systems, each with a reason
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) baseline: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) guest: Guest,
    /// Write a report: FORMAT=PATH, or a PATH whose ending tells; `-` is stdout (repeatable)
    #[arg(short, long, value_name = "FORMAT=PATH")]
    pub(crate) output: Vec<Output>,
    /// How to show progress
    #[arg(long, value_enum, default_value_t = Progress::Auto, value_name = "HOW")]
    pub(crate) progress: Progress,
    /// Only what is unexpected and the last line; twice: nothing but errors
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) quiet: u8,
}

#[derive(Debug, Args)]
pub(crate) struct Mutants {
    /// Mutants, by their ids or the first part of those (`epoll`); all if none is given
    #[arg(value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Only these cases: ids, prefixes of ids or globs (repeatable); what is asked is then whether they
    /// catch what they must, and not whether every mutant is caught
    #[arg(long, value_name = "ID-GLOB")]
    pub(crate) case: Vec<String>,
    /// Only wrong kernels
    #[arg(long, conflicts_with = "servers")]
    pub(crate) kernels: bool,
    /// Only wrong servers
    #[arg(long)]
    pub(crate) servers: bool,
    /// List the mutants, and try nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// Trials side by side [default: four a CPU]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,
    /// Write a page about it, as `docs/power.md`; `-` is stdout
    #[arg(short, long, value_name = "FILE.md", value_parser = page)]
    pub(crate) output: Option<Output>,
    /// How to show progress; the counter is a line at each tenth of the trials
    #[arg(long, value_enum, default_value_t = Progress::Auto, value_name = "HOW")]
    pub(crate) progress: Progress,
    /// Tell every case that does not end as without the mutant
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Only mutants that survive and the last line; twice: nothing but errors
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) quiet: u8,
}

#[derive(Debug, Args)]
pub(crate) struct Vm {
    /// The kernel: one of `ioconform kernels list`, or a bzImage or vmlinux
    #[arg(long, value_name = "KERNEL", env = "IOCONFORM_KERNEL")]
    pub(crate) kernel: String,
    #[command(flatten)]
    pub(crate) guest: Guest,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// What a virtual machine is like.
#[derive(Debug, Args)]
pub(crate) struct Guest {
    /// Its CPUs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) cpus: u32,
    /// More words for the kernel's command line
    #[arg(long, value_name = "WORDS", default_value = "", allow_hyphen_values = true)]
    pub(crate) append: String,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Reference servers; `ioconform serve --help` lists them [default: multi_reactor reuseport
    /// single_reactor prefork_epoll io_uring, if no other server is named]
    #[arg(value_name = "MODEL")]
    pub(crate) models: Vec<String>,
    /// A well-known server that speaks HTTP: nginx, haproxy, lighttpd, apache, node (repeatable)
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Vec<String>,
    /// The server that the others are compared with [default: the first; of a claim, reuseport]
    #[arg(long, value_name = "NAME")]
    pub(crate) against: Option<String>,
    /// Judge what the notes claim of short connections: every model, if none is named, and nothing
    /// but short connections
    #[arg(long, conflicts_with = "only")]
    pub(crate) claim: bool,
    /// Measure only this (repeatable)
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) only: Vec<Only>,
    /// How many workers servers are told to have [default: the number of CPUs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) workers: Option<u32>,
    /// The clients: each has one connection at a time
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) connections: u32,
    /// How often each server is measured, behind one round that is not counted
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub(crate) rounds: u32,
    /// How long a measurement is; a quarter of it is warm-up before it
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds)]
    pub(crate) seconds: f64,
    /// Write the results: FORMAT=PATH (json, svg), or a PATH whose ending tells; `-` is stdout
    /// (repeatable)
    #[arg(short, long, value_name = "FORMAT=PATH")]
    pub(crate) output: Vec<Output<BenchFormat>>,
    /// The command that starts a server; {addr} {host} {port} {dir} {workers} are filled in
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Only {
    /// Requests on connections that stay
    Keepalive,
    /// Connections that serve one request
    Short,
    /// The latency of requests at a fixed rate
    Latency,
}

/// How cases are run, and what is told of it.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Execution {
    /// Trials side by side [default: the number of CPUs]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) jobs: Option<u32>,
    /// Try a case up to N times until it is as expected; a deviation that goes away stays unexpected
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) attempts: u32,
    /// Run each case N times; differing verdicts are unexpected
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
    /// Run all cases again and again until something unexpected happens (at most --repeat N times)
    #[arg(long)]
    pub(crate) until_unexpected: bool,
    /// Multiply every deadline, for slow or emulated machines
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    pub(crate) timeout_scale: f64,
    /// Stop at the first unexpected verdict
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// Write down every system call of the cases, for reports as json and html and for -v; else only
    /// of a second trial of what deviates unexpectedly
    #[arg(long)]
    pub(crate) trace: bool,
    /// Known deviations of this system, each with a reason
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) baseline: Option<PathBuf>,
    /// Add what was unexpected to the baseline file, to be reviewed
    #[arg(long, requires = "baseline")]
    pub(crate) bless: bool,
    /// Write a report: FORMAT=PATH (json, md, html, svg, badge, ktap, junit, kcidb), or a PATH whose
    /// ending tells; `-` is stdout (repeatable)
    #[arg(short, long, value_name = "FORMAT=PATH")]
    pub(crate) output: Vec<Output>,
    /// How to show progress
    #[arg(long, value_enum, default_value_t = Progress::Auto, value_name = "HOW")]
    pub(crate) progress: Progress,
    /// Only what is unexpected and the last line; twice: nothing but errors
    #[arg(short, long, action = ArgAction::Count, conflicts_with = "verbose")]
    pub(crate) quiet: u8,
    /// Every check with its values
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Write what happens as it happens, as `ioconform matrix` reads it
    #[arg(long, hide = true, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Mark in this log (/dev/kmsg) where each case begins and ends
    #[arg(long, hide = true, value_name = "FILE", requires = "events")]
    pub(crate) log: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Progress {
    /// A bar on a terminal, else a counter
    Auto,
    /// A bar with the running cases below it, on stderr
    Bar,
    /// A line a case
    Counter,
    /// Nothing until the end
    None,
}

/// Where the page of `mutants` goes: it has one format, which its path need not tell.
fn page(text: &str) -> Result<Output, String> {
    format!("md={text}").parse()
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.05..=60.0).contains(&seconds) => Ok(seconds),
        _ => Err("a time is a number of seconds from 0.05 to 60".to_owned()),
    }
}

fn factor(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor > 0.0 && factor <= 1000.0 => Ok(factor),
        _ => Err("a factor is a number above 0, up to 1000".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
