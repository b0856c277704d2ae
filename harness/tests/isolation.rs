//! The promises of isolation, tested with trials that misbehave on purpose.
//!
//! This program holds planted cases, so it is its own warden: it has a `main` of its own.

#![allow(clippy::unnecessary_wraps, reason = "a table of tests has one signature")]

use std::io::Read as _;
use std::process::{Command, ExitCode, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use harness::catalogue::{self, Tool};
use harness::isolate::{Outcome, Terms, Wardens};
use harness::record::Verdict;
use libtest_mimic::{Arguments, Failed, Trial as Test};
use linkme::distributed_slice;

/// Cases that no catalogue should have.
mod planted {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use harness::prelude::*;
    use harness::sys::{process, shared};
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::time::{ClockId, clock_gettime};

    /// Nothing is wrong.
    #[case(man = ["none(7)"], strength = Documented)]
    fn conforms(t: &mut Trial) -> Result {
        println!("a word on stdout");
        eprintln!("a word on stderr");
        check!(t, 1 + 1 == 2, "one and one are {}", "two");
        Ok(())
    }

    /// One is two.
    #[case(man = ["none(7)"], strength = Documented)]
    fn deviates(t: &mut Trial) -> Result {
        let one = 1;
        check!(t, one == 1, "so far all is well");
        check!(t, one == 2, "one is two");
        check!(t, one == 1, "nobody comes here");
        Ok(())
    }

    /// A thread waits for ever.
    #[case(man = ["none(7)"], strength = Documented, deadline = 1)]
    fn hangs(t: &mut Trial) -> Result {
        let (mut never, _writer) = std::io::pipe()?;
        let sleeper = t.spawn("the sleeper", move || Ok(never.read(&mut [0])?))?;
        check!(t, sleeper.sleeps_in(t, Call::READ)?, "it sleeps");
        sleeper.join()?;
        Ok(())
    }

    /// The same, for as long as it may.
    #[case(man = ["none(7)"], strength = Documented, deadline = 60)]
    fn hangs_long(t: &mut Trial) -> Result {
        hangs(t)
    }

    /// There would be time enough, if others left it a CPU.
    #[case(man = ["none(7)"], strength = Documented, deadline = 1)]
    fn starves(t: &mut Trial) -> Result {
        let (me, mut one) = (nix::unistd::Pid::from_raw(0), CpuSet::new());
        let all = sched_getaffinity(me)?;
        let mut allowed = (0..CpuSet::count()).filter(|cpu| all.is_set(*cpu).is_ok_and(|set| set));
        one.set(allowed.next().unwrap_or(0))?;
        sched_setaffinity(me, &one)?;
        for _ in 0..5 {
            std::thread::spawn(|| {
                loop {
                    std::hint::spin_loop();
                }
            });
        }
        let mine = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
        while mine()? < Duration::from_millis(300) {}
        check!(t, true, "it had what it needs");
        Ok(())
    }

    /// The set-up fails.
    #[case(man = ["none(7)"], strength = Documented)]
    fn fails_in_its_set_up(t: &mut Trial) -> Result {
        std::fs::read("/nonexistent")?;
        check!(t, false, "nobody comes here");
        Ok(())
    }

    /// The code panics.
    #[case(man = ["none(7)"], strength = Documented)]
    fn panics(_t: &mut Trial) -> Result {
        panic!("on purpose");
    }

    /// The process is killed.
    #[case(man = ["none(7)"], strength = Documented)]
    fn crashes(_t: &mut Trial) -> Result {
        std::process::abort();
    }

    /// The process ends in the middle.
    #[case(man = ["none(7)"], strength = Documented)]
    fn exits(t: &mut Trial) -> Result {
        check!(t, true, "all is well");
        process::exit_now(0);
    }

    /// No check is made.
    #[case(man = ["none(7)"], strength = Documented)]
    fn checks_nothing(_t: &mut Trial) -> Result {
        Ok(())
    }

    /// Garbage stands in the report.
    #[case(man = ["none(7)"], strength = Documented)]
    fn writes_garbage(t: &mut Trial) -> Result {
        let report = process::borrow(1023);
        nix::unistd::write(report, b"{\"check\": garbage\n\xff\xfe")?;
        check!(t, true, "all is well");
        Ok(())
    }

    /// The report has no end.
    #[case(man = ["none(7)"], strength = Documented)]
    fn reports_without_end(t: &mut Trial) -> Result {
        for number in 0_u64.. {
            check!(t, number < u64::MAX, "number {number}");
        }
        Ok(())
    }

    /// The output has no end.
    #[case(man = ["none(7)"], strength = Documented)]
    fn floods_its_output(t: &mut Trial) -> Result {
        let line = "x".repeat(1023);
        for _ in 0..1024 {
            println!("{line}");
        }
        check!(t, true, "all is well");
        Ok(())
    }

    /// Children outlive the trial, out of reach of its process group and session.
    #[case(man = ["none(7)"], strength = Documented)]
    fn leaks_processes(t: &mut Trial) -> Result {
        for _ in 0..3 {
            process::fork(|| {
                let _ = nix::unistd::setsid();
                let _ = process::fork(wait_for_ever);
                wait_for_ever()
            })?;
        }
        check!(t, true, "all is well");
        Ok(())
    }

    fn wait_for_ever() -> i32 {
        loop {
            let _ = nix::poll::poll(&mut [], nix::poll::PollTimeout::NONE);
        }
    }

    /// Processes make processes, up to 300, and the trial waits for ever.
    #[case(man = ["none(7)"], strength = Documented, deadline = 2)]
    fn forks_like_a_bomb(t: &mut Trial) -> Result {
        let made = &shared::counters(1)?[0];
        check!(t, true, "it begins");
        process::exit_now(bomb(made));
    }

    fn bomb(made: &AtomicU64) -> i32 {
        while made.fetch_add(1, Ordering::SeqCst) < 300 {
            let _ = process::fork(|| bomb(made));
        }
        wait_for_ever()
    }
}

/// A test of this file.
type Check = fn() -> Result<(), Failed>;

/// Measures the length of what it was told.
#[distributed_slice(catalogue::TOOLS)]
static LENGTH: Tool = Tool {
    id: "length",
    run: |t, arguments| {
        t.measure("length", f64::from(u8::try_from(arguments.len())?))?;
        harness::check!(t, !arguments.is_empty(), "it was told something");
        Ok(())
    },
};

static WARDENS: LazyLock<Wardens> =
    LazyLock::new(|| Wardens::new(harness::isolate::probe().unwrap()));

fn outcome(id: &str) -> Outcome {
    let case = catalogue::find(id).unwrap_or_else(|| panic!("no case {id}"));
    WARDENS.run(case, Terms::default()).unwrap()
}

fn conforming_trial() -> Result<(), Failed> {
    let outcome = outcome("planted.conforms");
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Conforms, ""));
    let check = &outcome.evidence.checks[0];
    assert_eq!(
        (check.expression.as_str(), check.expected.as_str(), check.observed.as_str()),
        ("1 + 1 == 2", "== 2", "2")
    );
    assert_eq!(check.sentence, "one and one are two");
    assert_eq!(outcome.evidence.output, "a word on stdout\na word on stderr\n");
    Ok(())
}

fn a_tool_gets_its_arguments_and_is_no_case() -> Result<(), Failed> {
    let limit = Duration::from_mins(1);
    let outcome = WARDENS.run_tool(&LENGTH, "four".to_owned(), limit, Terms::default())?;
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Conforms, ""));
    let measures: Vec<_> =
        outcome.evidence.measures.iter().map(|it| (it.name.as_str(), it.value.to_bits())).collect();
    assert_eq!(measures, [("length", 4.0_f64.to_bits())]);
    assert!(catalogue::find("length").is_none());
    let unknown = Tool { id: "unknown", run: |_, _| Ok(()) };
    let outcome = WARDENS.run_tool(&unknown, String::new(), limit, Terms::default())?;
    assert_eq!(outcome.verdict, Verdict::Error);
    assert_eq!(outcome.reason, "no `unknown` in this program");
    Ok(())
}

fn deviating_trial_ends_at_the_check() -> Result<(), Failed> {
    let outcome = outcome("planted.deviates");
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Deviates, "one is two"));
    assert_eq!(outcome.evidence.checks.len(), 2);
    Ok(())
}

/// The record of a hang names each thread, its state and its system call.
fn hang_is_explained() -> Result<(), Failed> {
    let outcome = outcome("planted.hangs");
    assert_eq!(outcome.verdict, Verdict::Error);
    assert_eq!(outcome.reason, "hung: killed after 1.0 s");
    let sleeper = outcome.evidence.threads.iter().find(|thread| thread.name == "the sleeper");
    let sleeper = sleeper.unwrap_or_else(|| panic!("{:?}", outcome.evidence.threads));
    assert!(sleeper.state.starts_with('S') && sleeper.syscall.starts_with("read("), "{sleeper:?}");
    assert_eq!(outcome.evidence.threads.len(), 2);
    Ok(())
}

/// The time in which others had the CPU is not the trial's.
fn starved_trial_has_more_time() -> Result<(), Failed> {
    let outcome = outcome("planted.starves");
    assert_eq!((outcome.verdict, outcome.reason.as_str()), (Verdict::Conforms, ""));
    assert!(outcome.micros > 1_000_000, "{} us", outcome.micros);
    Ok(())
}

/// What goes wrong outside of a check is the suite's failure, with a reason, never a deviation.
fn failures_are_errors() -> Result<(), Failed> {
    let table = [
        ("planted.fails_in_its_set_up", "No such file"),
        ("planted.panics", "panicked: on purpose"),
        ("planted.crashes", "killed by SIGABRT"),
        ("planted.exits", "without a verdict"),
        ("planted.checks_nothing", "made no check"),
        ("planted.writes_garbage", "garbage in the trial's report"),
        ("planted.reports_without_end", "reported more than"),
    ];
    for (id, reason) in table {
        let outcome = outcome(id);
        assert_eq!(outcome.verdict, Verdict::Error, "{id}: {}", outcome.reason);
        assert!(outcome.reason.contains(reason), "{id}: {}", outcome.reason);
    }
    Ok(())
}

fn flood_is_cut_at_64_kib() -> Result<(), Failed> {
    let outcome = outcome("planted.floods_its_output");
    assert_eq!(outcome.verdict, Verdict::Conforms, "{}", outcome.reason);
    assert_eq!(outcome.evidence.output.len(), 64 * 1024);
    Ok(())
}

/// Every process that a trial starts inherits this program's pipe, so that the pipe's end proves
/// that none of them is left.
fn run_here(mode: &str) -> (std::process::Child, std::io::PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let inherited = nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_DUPFD(500)).unwrap();
    let runner = Command::new(std::env::current_exe().unwrap())
        .env("PLANTED", mode)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    nix::unistd::close(inherited).unwrap();
    (runner, reader)
}

fn ends_within(mut pipe: std::io::PipeReader, limit: Duration) -> bool {
    use std::os::fd::AsFd as _;
    let end = Instant::now() + limit;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let mut fds = [nix::poll::PollFd::new(pipe.as_fd(), nix::poll::PollFlags::POLLIN)];
        let ready =
            nix::poll::poll(&mut fds, nix::poll::PollTimeout::try_from(left).unwrap()).unwrap();
        if ready == 0 {
            return false;
        }
        if pipe.read(&mut [0; 64]).unwrap() == 0 {
            return true;
        }
    }
}

fn leaked_processes_are_ended() -> Result<(), Failed> {
    for (id, verdict) in
        [("planted.leaks_processes", "Conforms"), ("planted.forks_like_a_bomb", "Error")]
    {
        let (mut runner, pipe) = run_here(id);
        let mut said = String::new();
        runner.stdout.take().unwrap().read_to_string(&mut said)?;
        assert!(runner.wait()?.success());
        assert!(said.starts_with(verdict), "{id}: {said}");
        assert!(ends_within(pipe, Duration::from_secs(20)), "{id} left a process behind");
    }
    Ok(())
}

fn killed_runner_leaves_nothing() -> Result<(), Failed> {
    let (mut runner, pipe) = run_here("planted.hangs_long");
    // The trial is under way when its warden has told the runner of it: here, by being there.
    let deadline = Instant::now() + Duration::from_secs(20);
    while children_below(runner.id()) < 3 && Instant::now() < deadline {
        nix::sched::sched_yield()?;
    }
    assert!(children_below(runner.id()) >= 3, "warden, init and trial are there");
    runner.kill()?;
    runner.wait()?;
    assert!(ends_within(pipe, Duration::from_secs(20)), "a process outlived the runner");
    Ok(())
}

/// Counts the processes below one, by the parents that `/proc` tells.
fn children_below(ancestor: u32) -> usize {
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((pid, stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect();
    let mut below = vec![ancestor];
    let mut next = 0;
    while next < below.len() {
        let one = below[next];
        below.extend(parents.iter().filter(|(_, parent)| *parent == one).map(|(pid, _)| *pid));
        next += 1;
    }
    below.len() - 1
}

fn cancelled_trial_is_ended() -> Result<(), Failed> {
    use std::os::fd::AsFd as _;
    let (reader, writer) = std::io::pipe()?;
    drop(writer);
    let terms = Terms { timeout_scale: 1.0, cancel: Some(reader.as_fd()), ..Terms::default() };
    let started = Instant::now();
    let cancelled = WARDENS.run(catalogue::find("planted.hangs_long").unwrap(), terms);
    assert!(matches!(cancelled, Err(harness::isolate::StartError::Cancelled)));
    assert!(started.elapsed() < Duration::from_secs(30));
    Ok(())
}

/// What macros refuse is tested by the compiler's own rules; what they accept, by this file. The
/// tests run one by one: several of them look at every process below this one.
fn main() -> ExitCode {
    harness::entry();
    LazyLock::force(&WARDENS);
    if let Ok(id) = std::env::var("PLANTED") {
        let outcome = outcome(&id);
        println!("{:?}: {}", outcome.verdict, outcome.reason);
        return ExitCode::SUCCESS;
    }
    let tests: [(&str, Check); 10] = [
        ("a_tool_gets_its_arguments_and_is_no_case", a_tool_gets_its_arguments_and_is_no_case),
        ("conforming_trial", conforming_trial),
        ("deviating_trial_ends_at_the_check", deviating_trial_ends_at_the_check),
        ("hang_is_explained", hang_is_explained),
        ("starved_trial_has_more_time", starved_trial_has_more_time),
        ("failures_are_errors", failures_are_errors),
        ("flood_is_cut_at_64_kib", flood_is_cut_at_64_kib),
        ("leaked_processes_are_ended", leaked_processes_are_ended),
        ("killed_runner_leaves_nothing", killed_runner_leaves_nothing),
        ("cancelled_trial_is_ended", cancelled_trial_is_ended),
    ];
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let tests = tests.map(|(name, test)| Test::test(name, test)).into();
    libtest_mimic::run(&arguments, tests).exit_code()
}
