//! Results of any kind, for laws that hold for all of them.

use std::collections::BTreeMap;

use harness::case::Strength;
use harness::matrix::{Broken, Column, Fault, Matrix, Platform, PlatformKind};
use harness::record::{
    Check, Evidence, Judged, Measure, Record, Run, SCHEMA, Statistic, System, Thread, Verdict,
};
use harness::report::Results;
use harness::trace::Span;
use proptest::prelude::*;

fn verdict() -> impl Strategy<Value = Verdict> {
    prop::sample::select(Verdict::ALL.to_vec())
}

fn strength() -> impl Strategy<Value = Strength> {
    prop::sample::select(vec![Strength::Documented, Strength::Implementation, Strength::Folklore])
}

/// Texts that would be more than text, each in a format.
pub(crate) const HOSTILE: [&str; 8] = [
    "</script><b>it</b><!--",
    "`<b>` ``<i>`` <i>`",
    "**a** _b_ ~~c~~ $d$ [e](https://e) &lt;",
    "a | b \\| c \\",
    "a\n\n# b\n- c\n```\nd",
    "1. a",
    "a\nnot ok 1 b\n# Subtest: c",
    "]]>\"'# SKIP \u{0}",
];

/// Any text, with the characters that break formats more often than by chance.
fn text() -> impl Strategy<Value = String> {
    let odd = "[<>&\"'|#\\\\\n\r\t\u{0}\u{b}\u{1b}`*_~$\\[-]{0,10}";
    let hostile = prop::sample::select(HOSTILE.to_vec()).prop_map(str::to_owned);
    prop_oneof!["[ -~]{0,20}", ".{0,12}", odd, hostile]
}

/// The id of a case, or what a file says that is one: like no other.
fn id() -> impl Strategy<Value = String> {
    let hostile = (text(), "[a-z]{8}", text())
        .prop_map(|(topic, name, more)| format!("{topic}.{name}{more}"));
    prop_oneof![3 => "[a-z]{1,3}\\.[a-z]{1,3}\\.[a-z0-9_]{1,6}", 1 => hostile]
}

/// The names of servers, sorted.
const SERVERS: [&str; 3] = ["a", "b`|</b>\nnot ok 1", "c"];

fn check() -> impl Strategy<Value = Check> {
    (any::<bool>(), text(), text(), text(), text(), text(), any::<u32>()).prop_map(
        |(holds, sentence, expression, expected, observed, file, line)| Check {
            holds,
            sentence,
            expression,
            expected,
            observed,
            file,
            line,
        },
    )
}

fn evidence() -> impl Strategy<Value = Evidence> {
    let measure = (text(), -1e9_f64..1e9).prop_map(|(name, value)| Measure { name, value });
    let statistic = (text(), any::<u32>(), 0.0_f64..1.0).prop_map(|(name, samples, p)| Statistic {
        name,
        samples: samples.into(),
        p,
        alpha: 1e-9,
    });
    let thread = (text(), text()).prop_map(|(name, state)| Thread {
        name,
        state,
        tid: 1,
        ..Thread::default()
    });
    let span =
        (text(), text(), any::<u32>(), any::<bool>()).prop_map(|(call, result, micros, slept)| {
            Span {
                process: 2,
                thread: 2,
                name: "main".to_owned(),
                asleep: slept.then(|| call.clone()),
                call,
                result,
                start: 0,
                micros: micros.into(),
                slept,
            }
        });
    (
        prop::collection::vec(check(), 0..3),
        prop::collection::vec(measure, 0..2),
        prop::collection::vec(statistic, 0..2),
        prop::collection::vec(thread, 0..2),
        prop::option::of(text()),
        text(),
        prop::collection::vec(span, 0..2),
        prop::collection::vec(text(), 0..2),
    )
        .prop_map(
            |(checks, measures, statistics, threads, settled, output, timeline, kernel_log)| {
                Evidence {
                    checks,
                    measures,
                    statistics,
                    settled,
                    threads,
                    output,
                    timeline_is_of_another: !timeline.is_empty(),
                    timeline,
                    kernel_log,
                }
            },
        )
}

prop_compose! {
    fn record()(
        id in id(),
        verdict in verdict(),
        strength in strength(),
        expected in any::<bool>(),
        texts in (text(), text(), text(), text(), text()),
        evidence in evidence(),
        flaky in any::<bool>(),
        micros in 0_u64..10_000_000,
        target in prop::option::of(prop::sample::select(SERVERS.to_vec())),
    ) -> Record {
        let verdicts = BTreeMap::from([(verdict, 1), (Verdict::Conforms, 2)]);
        Record {
            id,
            target: target.map(str::to_owned),
            claim: texts.0,
            sources: vec![texts.1],
            strength,
            verdict,
            expected,
            reason: texts.2,
            note: texts.3,
            mend: texts.4,
            verdicts: if flaky { verdicts } else { BTreeMap::new() },
            evidence,
            isolation: vec!["net".to_owned()],
            micros,
        }
    }
}

fn judged(name: &str) -> Judged {
    Judged {
        name: name.to_owned(),
        version: "1 | <b>2".to_owned(),
        command: "a `{addr}` | <b>".to_owned(),
        dialect: "h*tt*p".to_owned(),
        workers: 2,
        reference: name == "c",
    }
}

prop_compose! {
    pub(crate) fn run()(
        records in prop::collection::vec(record(), 0..6),
        complete in any::<bool>(),
        note in text(),
        stale in prop::option::of(text()),
        command in prop::collection::vec(text(), 0..3),
        servers in any::<bool>(),
    ) -> Run {
        let mut records = records;
        if !servers {
            for record in &mut records {
                record.target = None;
            }
        }
        records.sort_by_key(|record| (record.id.clone(), record.target.clone()));
        records.dedup_by_key(|record| (record.id.clone(), record.target.clone()));
        Run {
            schema: SCHEMA,
            ioconform: "0.1.0".to_owned(),
            started: "2026-01-01T00:00:00Z".to_owned(),
            millis: 1234,
            complete,
            interrupted: !complete,
            command,
            system: System {
                name: "*Linux*".to_owned(),
                release: "6.1".to_owned(),
                version: "#1 `<SMP>` |".to_owned(),
                machine: "<x86_64>".to_owned(),
                cpus: 2,
                user: 1000,
            },
            targets: if servers { SERVERS.map(judged).into() } else { Vec::new() },
            notes: vec![note],
            stale_baseline: stale.into_iter().collect(),
            records,
        }
    }
}

fn platform() -> impl Strategy<Value = Platform> {
    use PlatformKind::{Gvisor, Machine, Qemu, Uml};
    let kind = prop::sample::select(vec![Qemu, Uml, Gvisor, Machine]);
    let image = prop::sample::select(vec!["", "", "aa", "bb"]);
    (kind, text(), text(), image, prop::option::of(0_u64..9000)).prop_map(
        |(kind, origin, emulator, image, boot_millis)| Platform {
            kind,
            origin,
            emulator,
            image_sha256: image.to_owned(),
            boot_millis,
            ..Platform::default()
        },
    )
}

fn broken() -> impl Strategy<Value = Broken> {
    let how = prop::sample::select(vec![Fault::Panic, Fault::Silent, Fault::Unbootable]);
    (how, text(), prop::collection::vec(text(), 0..3)).prop_map(|(how, reason, console)| Broken {
        how,
        reason,
        console,
    })
}

fn column() -> impl Strategy<Value = Column> {
    let odd = "x\nnot ok 1 - `*#*` |";
    let name = prop::sample::select(vec!["5.10", "6.12", "6.12-rt", "6.2", "uml", "| <b>", odd]);
    (name, platform(), prop::option::of(broken()), prop::option::of(run())).prop_map(
        |(name, platform, broken, run)| Column { name: name.to_owned(), platform, broken, run },
    )
}

prop_compose! {
    pub(crate) fn matrix()(
        columns in prop::collection::vec(column(), 0..4),
        millis in 0_u64..1000,
        note in prop::option::of(text()),
        interrupted in any::<bool>(),
        command in prop::collection::vec(text(), 0..3),
    ) -> Matrix {
        let mut columns = columns;
        columns.sort_by_key(|column| column.name.clone());
        columns.dedup_by_key(|column| column.name.clone());
        Matrix {
            millis,
            interrupted,
            command,
            notes: note.into_iter().collect(),
            columns,
            ..Matrix::new("0.1.0", "2026-01-01T00:00:00Z".to_owned())
        }
    }
}

/// Runs of two kernels, and matrices.
pub(crate) fn results() -> impl Strategy<Value = Results> {
    let release = prop::sample::select(vec!["6.1", "6.12"]);
    let run = (run(), release).prop_map(|(mut run, release)| {
        release.clone_into(&mut run.system.release);
        Results::Run(run)
    });
    prop_oneof![run, matrix().prop_map(Results::Matrix)]
}
