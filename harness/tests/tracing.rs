//! Trials under the recorder: what is written down of them, and that they end as untraced ones do.
//!
//! This program holds planted cases, so it is its own warden: it has a `main` of its own.

#![allow(clippy::unnecessary_wraps, reason = "a table of tests has one signature")]

use std::process::ExitCode;
use std::sync::LazyLock;

use harness::catalogue;
use harness::isolate::{Outcome, Terms, Wardens, probe_tracer};
use harness::judge::Judge;
use harness::record::{Record, Verdict};
use harness::runner::{self, Item, Plan, Watcher};
use harness::trace::Tracing;
use harness::trace::lines::{Kind, lines};
use libtest_mimic::{Arguments, Failed, Trial as Test};

/// Cases that no catalogue should have.
mod planted {
    use harness::prelude::*;
    use harness::sys::process;
    use harness::watch::{State, Task};
    use nix::sys::signal::{Signal, kill};

    /// A thread sleeps in a read until another writes.
    #[case(man = ["none(7)"], strength = Documented)]
    fn is_woken(t: &mut Trial) -> Result {
        let (mut reader, mut writer) = std::io::pipe()?;
        let job = t.spawn("the reader", move || {
            let mut byte = [0];
            reader.read_exact(&mut byte)?;
            Ok(byte[0])
        })?;
        check!(t, job.sleeps_in(t, Call::READ)?, "it sleeps");
        let before = job.wakeups()?;
        writer.write_all(b"x")?;
        let task = job.task().clone();
        check!(t, job.join()? == b'x', "it has read");
        check!(t, task.state().is_err() && before < 5, "no stop was taken for a wakeup");
        Ok(())
    }

    /// A thread that sleeps in a poll is woken by each of ten writes, once, and by nothing else.
    #[case(man = ["none(7)"], strength = Documented)]
    fn counts_wakeups(t: &mut Trial) -> Result {
        let (mut reader, mut writer) = std::io::pipe()?;
        let job = t.spawn("the reader", move || {
            let mut byte = [0];
            while byte != *b"." {
                reader.read_exact(&mut byte)?;
            }
            Ok(())
        })?;
        check!(t, job.sleeps_in(t, Call::READ)?, "it sleeps");
        let before = job.wakeups()?;
        for _ in 0..10 {
            writer.write_all(b"x")?;
            check!(t, job.sleeps_in(t, Call::READ)?, "it sleeps again");
        }
        check!(t, job.wakeups()? - before == 10, "it was woken by each, once");
        writer.write_all(b".")?;
        job.join()
    }

    /// A process that is stopped is seen to be, and so is one that goes on.
    #[case(man = ["none(7)"], strength = Documented)]
    fn is_stopped(t: &mut Trial) -> Result {
        let (mut pipe, gate) = std::io::pipe()?;
        let mut gate = Some(gate);
        let child = process::fork(|| {
            drop(gate.take());
            i32::from(pipe.read(&mut [0]).is_err())
        })?;
        let task = Task::of_process(child);
        let comes_to = |state| t.eventually(|| Ok(task.state()? == state));
        let asleep = comes_to(State::SLEEPING)?;
        kill(child, Signal::SIGSTOP)?;
        let stopped = comes_to(State('T'))?;
        kill(child, Signal::SIGCONT)?;
        let goes_on = comes_to(State::SLEEPING)?;
        drop(gate);
        nix::sys::wait::waitpid(child, None)?;
        check!(t, (asleep, stopped, goes_on) == (true, true, true), "it sleeps, stops, and sleeps");
        Ok(())
    }

    /// One is two.
    #[case(man = ["none(7)"], strength = Documented)]
    fn deviates(t: &mut Trial) -> Result {
        let _ends = std::io::pipe()?;
        check!(t, 1 + 1 == 3, "one is two");
        Ok(())
    }
}

static WARDENS: LazyLock<Wardens> =
    LazyLock::new(|| Wardens::new(harness::isolate::probe().unwrap()));

fn traced(id: &str) -> Outcome {
    let terms = Terms { tracing: Some(&Tracing::Record), ..Terms::default() };
    WARDENS.run(catalogue::find(id).unwrap_or_else(|| panic!("no case {id}")), terms).unwrap()
}

fn a_sleep_and_its_end_stand_in_their_order() -> Result<(), Failed> {
    let outcome = traced("planted.is_woken");
    assert_eq!(outcome.verdict, Verdict::Conforms, "{}", outcome.reason);
    let told: Vec<_> = lines(&outcome.evidence.timeline)
        .into_iter()
        .filter(|line| line.text.contains("read(") || line.text.starts_with("write("))
        .map(|line| (line.lane, line.kind))
        .collect();
    assert_eq!(told, [(1, Kind::Asleep), (0, Kind::Call), (1, Kind::Woken)]);
    let read = outcome.evidence.timeline.iter().find(|span| span.call.starts_with("read("));
    let read = read.unwrap_or_else(|| panic!("{:?}", outcome.evidence.timeline));
    assert!(read.slept && read.call.ends_with(", \"x\", 1)") && read.result == "1", "{read:?}");
    assert!(read.asleep.as_ref().is_some_and(|asleep| asleep.ends_with(", …, 1)")), "{read:?}");
    assert_eq!(read.name, "the reader");
    Ok(())
}

fn what_is_counted_and_seen_is_as_without_a_tracer() -> Result<(), Failed> {
    for id in ["planted.counts_wakeups", "planted.is_stopped"] {
        let outcome = traced(id);
        assert_eq!(outcome.verdict, Verdict::Conforms, "{id}: {}", outcome.reason);
    }
    Ok(())
}

/// Nobody is told anything.
struct Silent;

impl Watcher for Silent {
    fn started(&self, _: Item) {}
    fn finished(&self, _: Item, _: Option<&Record>, _: bool) {}
}

/// The record of a case that is run with or without a wish for tracing, and is or is not known to end
/// otherwise under it.
fn record(id: &str, trace: bool, untraceable: &'static [(&'static str, &'static str)]) -> Record {
    let plan = Plan {
        items: vec![Item { case: catalogue::find(id).unwrap(), target: None }],
        gate: None,
        jobs: 1,
        attempts: 1,
        repeat: 1,
        until_unexpected: false,
        fail_fast: false,
        timeout_scale: 1.0,
        trace,
        untraceable,
        wardens: &WARDENS,
        cancel: None,
    };
    runner::run(&plan, &Judge::here(), &Silent).records.remove(0)
}

fn what_deviates_is_shown_by_another_trial() -> Result<(), Failed> {
    let shown = record("planted.deviates", false, &[]);
    assert_eq!((shown.verdict, shown.expected), (Verdict::Deviates, false));
    assert!(shown.evidence.timeline_is_of_another && shown.verdicts.is_empty(), "{shown:?}");
    assert!(shown.evidence.timeline.iter().any(|span| span.call.starts_with("pipe2(")));
    let traced = record("planted.deviates", true, &[]);
    assert!(!traced.evidence.timeline_is_of_another && !traced.evidence.timeline.is_empty());
    assert!(record("planted.is_woken", false, &[]).evidence.timeline.is_empty());
    Ok(())
}

fn what_cannot_be_traced_is_not_and_says_so() -> Result<(), Failed> {
    let known = &[("planted.*", "it is planted")];
    let plain = record("planted.is_woken", true, known);
    assert_eq!((plain.verdict, &*plain.note), (Verdict::Conforms, "not traced: it is planted"));
    assert!(plain.evidence.timeline.is_empty());
    assert!(record("planted.deviates", false, known).evidence.timeline.is_empty());
    Ok(())
}

type Check = fn() -> Result<(), Failed>;

/// Where trials cannot be traced there is nothing to be tested, which is a failure if
/// `IOCONFORM_STRICT` is `1`.
fn main() -> ExitCode {
    harness::entry();
    LazyLock::force(&WARDENS);
    if let Err(error) = probe_tracer() {
        eprintln!("skipped: trials cannot be traced here: {error}");
        let strict = std::env::var_os("IOCONFORM_STRICT").is_some_and(|value| value == "1");
        return ExitCode::from(u8::from(strict));
    }
    let tests: [(&str, Check); 4] = [
        ("a_sleep_and_its_end_stand_in_their_order", a_sleep_and_its_end_stand_in_their_order),
        (
            "what_is_counted_and_seen_is_as_without_a_tracer",
            what_is_counted_and_seen_is_as_without_a_tracer,
        ),
        ("what_deviates_is_shown_by_another_trial", what_deviates_is_shown_by_another_trial),
        ("what_cannot_be_traced_is_not_and_says_so", what_cannot_be_traced_is_not_and_says_so),
    ];
    let tests = tests.map(|(name, test)| Test::test(name, test)).into();
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}
