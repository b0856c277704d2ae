//! Guests that fail in every way, played by shell scripts: user-mode Linux is a program that speaks
//! over its standard input and output, and so is a script.

use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use harness::case::{Case, Strength};
use harness::events::Event;
use harness::matrix::{Column, Fault, Platform};
use harness::record::{Record, Run, SCHEMA, System, Verdict};
use matrix::column::{Task, judge};
use matrix::gather::Watcher;
use matrix::machine::Machine;
use matrix::session::Patience;
use matrix::uml::Uml;
use rstest::rstest;
use tempfile::TempDir;

macro_rules! case {
    ($id:literal) => {
        Case {
            id: $id,
            claim: "It is so.",
            sources: &[],
            strength: Strength::Documented,
            since: "",
            changed: &[],
            except: &[],
            needs: &[],
            alone: false,
            deadline: Duration::from_secs(1),
            file: file!(),
            line: line!(),
            text: "",
            run: |_| Ok(()),
        }
    };
}

static CASES: [Case; 3] = [case!("t.a"), case!("t.b"), case!("t.c")];

/// What every script begins with. `$boot` counts its starts; `event` says what lies in a file.
const PRELUDE: &str = r#"#!/bin/sh
cd 'HERE' || exit 9
boot=$(($(cat boots 2>/dev/null || echo 0) + 1)); echo $boot >boots
say() { printf '%s\n' "$1"; }
# A block of deflate that is stored as it is.
octal() { printf '\\%03o' "$@"; }
output() { cat >piece; n=$(wc -c <piece); h=$(octal 0 $((n & 255)) $((n >> 8)) $((255 - (n & 255))) $((255 - (n >> 8))))
say "{\"Output\":[\"$1\",\"$({ printf "$h"; cat piece; } | base64 -w0)\"]}"; }
event() { for name; do output Events <"$name"; done; }
log() { echo "[    1.000000] $1" >&2; }
begin() { log "ioconform: begin $1"; }
end() { log "ioconform: end $1"; event "$1"; }
panic() { log 'Kernel panic - not syncing: planted'; exit 0; }
hang() { while read -r _; do :; done; exit 0; }
ready() { say '{"Ready":{"clocksource":"tsc"}}'; read -r job; }
through() { event last; say '{"Ended":0}'; read -r stop; test "$stop" = '"Stop"' && exit 0; exit 9; }
"#;

/// A guest, and what it may say, in a folder.
struct Fake {
    folder: TempDir,
    judged: Mutex<Vec<String>>,
}

impl Fake {
    fn new(script: &str) -> Fake {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| std::fs::write(place(name), text).unwrap();
        let here = folder.path().display().to_string();
        write("script", &(PRELUDE.replace("HERE", &here) + script));
        // A file that this process has open for writing, and one it forks meanwhile, cannot be started.
        let mut install = std::process::Command::new("install");
        let status = install.args(["-m", "755"]).args(["script", "kernel"].map(place)).status();
        assert!(status.unwrap().success());
        let event = |event: &Event| serde_json::to_string(event).unwrap() + "\n";
        write("first", &event(&Event::Start(Box::new(frame()))));
        write("last", &event(&Event::End(Box::new(frame()))));
        for case in &CASES {
            let record = Record::new(case, Verdict::Conforms, "");
            write(case.id, &event(&Event::Record(Box::new(record))));
        }
        Fake { folder, judged: Mutex::default() }
    }

    fn judged(&self) -> Column {
        self.judged_until(None)
    }

    fn judged_until(&self, cancel: Option<std::os::fd::BorrowedFd>) -> Column {
        let cases: Vec<&'static Case> = CASES.iter().collect();
        let task = Task {
            name: "fake".to_owned(),
            image: self.folder.path().join("kernel"),
            platform: Platform::default(),
            machine: Machine::Uml(Uml { memory: 1, append: String::new() }),
            initramfs: Path::new("/nonexistent"),
            patience: Patience {
                boot: Duration::from_secs(1),
                silence: Duration::from_secs(1),
                end: Duration::from_secs(1),
            },
            folder: self.folder.path().to_owned(),
            cases: &cases,
            arguments: &[],
            cancel,
        };
        judge(&task, self)
    }

    fn boots(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("boots")).unwrap().trim().to_owned()
    }
}

impl Watcher for Fake {
    fn booting(&self, _: &str) {}
    fn booted(&self, _: &str, _: u64) {}
    fn began(&self, _: &str, _: &str) {}
    fn judged(&self, _: &str, record: &Record) {
        self.judged.lock().unwrap().push(record.id.clone());
    }
}

fn frame() -> Run {
    Run {
        schema: SCHEMA,
        ioconform: "0".to_owned(),
        started: "2026-01-01T00:00:00Z".to_owned(),
        millis: 1,
        complete: false,
        interrupted: false,
        command: Vec::new(),
        stale_baseline: Vec::new(),
        system: System::here(),
        targets: Vec::new(),
        notes: Vec::new(),
        records: Vec::new(),
    }
}

/// The verdicts, as `a conforms, b error`.
fn verdicts(column: &Column) -> String {
    let records = column.run.iter().flat_map(|run| &run.records);
    let told = records.map(|record| format!("{} {}", &record.id[2..], record.verdict));
    told.collect::<Vec<_>>().join(", ")
}

const ALL: &str = "a conforms, b conforms, c conforms";

#[test]
fn a_guest_that_does_its_work_is_a_whole_column() {
    let fake = Fake::new(
        "ready; event first; for id in t.a t.b t.c; do begin $id; end $id; done; through",
    );
    let column = fake.judged();
    assert_eq!((&column.broken, fake.boots().as_str()), (&None, "1"));
    assert_eq!((verdicts(&column).as_str(), column.platform.clocksource.as_str()), (ALL, "tsc"));
    assert!(column.run.unwrap().complete);
}

#[rstest]
#[case::silent(
    "exit 3",
    Fault::Silent,
    "it ended while it booted without a word (exit status: 3), at each of 3 starts"
)]
#[case::panic("panic", Fault::Panic, "it panicked while it booted: planted, at each of 3 starts")]
#[case::hang(
    "log hello; hang",
    Fault::Hang,
    "it hung while it booted: silent for 1 s, at each of 2 starts"
)]
#[case::panic_without_an_end(
    "log 'Kernel panic - not syncing: for good'; hang",
    Fault::Panic,
    "it panicked while it booted: for good, at each of 3 starts"
)]
#[case::killed(
    "kill -9 $$",
    Fault::Silent,
    "it ended while it booted: signal 9 killed the emulator, at each of 3 starts"
)]
#[case::garbled(
    "say nonsense; hang",
    Fault::Silent,
    "the guest's messages are garbled, at each of 3 starts"
)]
#[case::another_word(
    "say '\"Alive\"'; hang",
    Fault::Silent,
    "the guest's first word is not that it is ready, at each of 3 starts"
)]
fn a_guest_that_never_comes_up_is_a_column_that_says_why(
    #[case] script: &str,
    #[case] how: Fault,
    #[case] reason: &str,
) {
    let column = Fake::new(&format!("log first; {script}")).judged();
    let broken = column.broken.unwrap();
    assert_eq!((broken.how, broken.reason.as_str()), (how, reason));
    assert_eq!(broken.console[0], "first");
    assert_eq!(column.run, None);
}

#[rstest]
#[case::panic("panic", "the kernel: it panicked at work: planted")]
#[case::hang("hang", "the kernel: it hung at work: silent for 1 s")]
fn a_case_that_ends_the_kernel_costs_one_case(#[case] end: &str, #[case] reason: &str) {
    let fake = Fake::new(&format!(
        "ready; event first
        if test $boot = 1; then begin t.a; end t.a; begin t.b; {end}; fi
        begin t.c; end t.c; through"
    ));
    let column = fake.judged();
    assert_eq!((&column.broken, fake.boots().as_str()), (&None, "2"));
    assert_eq!(verdicts(&column), "a conforms, b error, c conforms");
    let blamed = column.record("t.b").unwrap();
    assert_eq!((blamed.reason.as_str(), blamed.expected), (reason, false));
    assert!(blamed.evidence.kernel_log.contains(&"ioconform: begin t.b".to_owned()));
    assert_eq!(*fake.judged.lock().unwrap(), ["t.a", "t.b", "t.c"]);
}

/// A machine that ends without a word may have been ended by somebody, and the case is tried again.
#[rstest]
#[case::killed("kill -9 $$", "it ended at work: signal 9 killed the emulator")]
#[case::silent("exit 0", "it ended at work without a word")]
fn an_end_without_a_word_is_no_case_s_fault_the_first_time(
    #[case] end: &str,
    #[case] reason: &str,
    #[values(1, 2)] times: u32,
) {
    let fake = Fake::new(&format!(
        "ready; event first
        case $boot in
            1) begin t.a; end t.a; begin t.b; {end};;
            2) begin t.b; if test {times} = 2; then {end}; fi; end t.b; through;;
        esac
        begin t.c; end t.c; through"
    ));
    let column = fake.judged();
    assert_eq!((&column.broken, fake.boots().as_str()), (&None, "3"));
    let b = if times == 1 { "conforms" } else { "error" };
    assert_eq!(verdicts(&column), format!("a conforms, b {b}, c conforms"));
    let notes = column.run.unwrap().notes;
    assert_eq!(notes, [format!("it was started again, for {reason}")]);
}

/// Who of several ended the kernel is found out by running them one by one.
#[test]
fn suspects_are_tried_alone() {
    let fake = Fake::new(
        "ready; echo \"$job\" >job$boot; event first
        case $boot in
            1) begin t.a; begin t.b; begin t.c; end t.a; panic;;
            2) begin t.b; end t.b; begin t.c; panic;;
        esac",
    );
    let column = fake.judged();
    assert_eq!((&column.broken, fake.boots().as_str()), (&None, "2"));
    assert_eq!(verdicts(&column), "a conforms, b conforms, c error");
    let job = std::fs::read_to_string(fake.folder.path().join("job2")).unwrap();
    assert!(job.contains("\"--jobs=1\",\"t.b\",\"t.c\"]"), "{job}");
}

#[test]
fn a_kernel_that_ends_between_cases_is_broken_and_loses_no_verdict() {
    let fake = Fake::new(
        "ready; event first
        if test $boot = 1; then begin t.a; end t.a; panic; fi
        begin t.b; end t.b; begin t.c; end t.c; through",
    );
    let column = fake.judged();
    assert_eq!((verdicts(&column).as_str(), fake.boots().as_str()), (ALL, "2"));
    let broken = column.broken.unwrap();
    assert_eq!(
        (broken.how, broken.reason.as_str()),
        (Fault::Panic, "it panicked at work: planted")
    );
}

#[rstest]
#[case::without_a_verdict("ready; event first; panic", "1", "it panicked at work: planted")]
#[case::again_and_again(
    "ready; event first; begin t.unknown; panic",
    "5",
    "it ended 5 times; the last: it panicked at work: planted"
)]
fn a_kernel_that_gets_nowhere_is_given_up(
    #[case] script: &str,
    #[case] boots: &str,
    #[case] reason: &str,
) {
    let fake = Fake::new(script);
    let column = fake.judged();
    assert_eq!((column.broken.unwrap().reason.as_str(), fake.boots().as_str()), (reason, boots));
    assert_eq!(column.run.unwrap().records, []);
}

/// The half of an event with which a guest ends is not glued to the first one of the next.
#[test]
fn half_an_event_spoils_no_other() {
    let fake = Fake::new(
        "ready
        if test $boot = 1; then head -c 50 first | output Events; begin t.a; panic; fi
        event first t.b t.c; through",
    );
    let column = fake.judged();
    assert_eq!(verdicts(&column), "a error, b conforms, c conforms");
}

#[test]
fn a_run_that_ends_early_says_what_it_said_itself() {
    let script =
        "ready; event first t.a; echo 'error: no luck' | output Error; say '{\"Ended\":2}'; hang";
    let column = Fake::new(script).judged();
    let broken = column.broken.clone().unwrap();
    assert_eq!(
        broken.reason,
        "the run ended with status 2, and 2 cases had no verdict; it said: error: no luck"
    );
    assert_eq!(verdicts(&column), "a conforms");
}

#[test]
fn a_program_that_cannot_be_started_is_told() {
    let column = Fake::new("ready; say '{\"NotStarted\":\"no memory\"}'; hang").judged();
    let reason = column.broken.unwrap().reason;
    assert!(reason.contains("the run ended at its start: no memory"), "{reason}");
}

#[test]
fn an_end_that_is_not_in_order_is_told_and_costs_no_verdict() {
    let column = Fake::new("ready; event first t.a t.b t.c; say '{\"Ended\":0}'; exit 4").judged();
    assert_eq!(verdicts(&column), ALL);
    let reason = column.broken.unwrap().reason;
    assert_eq!(reason, "it ended at work without a word (exit status: 4)");
}

#[test]
fn what_the_kernel_says_stands_in_the_record_of_the_case_that_ran() {
    let column = Fake::new(
        "ready; event first; begin t.a; end t.a; begin t.b
        log 'WARNING: CPU: 0 PID: 1 at fs/eventpoll.c:1'; log '---[ end trace 0 ]---'
        end t.b; log 'BUG: stray'; begin t.c; end t.c; through",
    )
    .judged();
    assert_eq!((&column.broken, verdicts(&column).as_str()), (&None, ALL));
    let record = column.record("t.b").unwrap();
    assert_eq!(record.evidence.kernel_log.len(), 2);
    assert_eq!(record.note, "the kernel says: WARNING: CPU: 0 PID: 1 at fs/eventpoll.c:1");
    assert!(!record.expected && column.record("t.a").unwrap().expected);
    assert_eq!(column.run.unwrap().notes, ["while no case ran, the kernel said: BUG: stray"]);
}

#[test]
fn who_is_interrupted_keeps_what_is_done() {
    let (cancel, mut end) = std::io::pipe().unwrap();
    let fake = Fake::new("ready; event first t.a; begin t.b; say '\"Alive\"'; hang");
    let column = std::thread::scope(|scope| {
        let column = scope.spawn(|| fake.judged_until(Some(cancel.as_fd())));
        while fake.judged.lock().unwrap().is_empty() {
            std::thread::yield_now();
        }
        std::io::Write::write_all(&mut end, b"!").unwrap();
        column.join().unwrap()
    });
    assert_eq!(column.broken.as_ref().unwrap().how, Fault::Interrupted);
    assert_eq!(verdicts(&column), "a conforms");
}
