//! The page: that it holds everything, that no text gets out of its place, and that it stays small.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use harness::matrix::Matrix;
use harness::record::{Judged, Record};
use harness::report::Format;
use harness::trace::Span;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{matrices, sample};

/// The data that the page's script reads.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script id=\"data\" type=\"text/plain\">").unwrap();
    let (packed, _) = rest.split_once("</script>").unwrap();
    let packed = STANDARD.decode(packed).unwrap();
    serde_json::from_reader(ZlibDecoder::new(&*packed)).unwrap()
}

/// Text that packing does not make smaller, the same for the same seed.
fn noise(seed: &str, length: usize) -> String {
    let piece = |at| STANDARD.encode(Sha256::digest(format!("{seed} {at}")));
    let mut text: String = (0..=length / 44).map(piece).collect();
    text.truncate(length);
    text
}

#[test]
fn a_big_matrix_is_a_small_page() {
    let page = Format::Html.render_matrix(&sample::matrix(&matrices::run(300)));
    assert!(page.len() < 600_000, "{} bytes", page.len());
}

/// Over the bound, what is as it should be is shown without its evidence; what is not keeps it.
#[test]
fn a_huge_matrix_keeps_the_evidence_of_what_deviates() {
    let mut run = matrices::run(300);
    for record in &mut run.records {
        for (at, check) in record.evidence.checks.iter_mut().enumerate() {
            check.sentence = noise(&format!("{} {at}", record.id), 2000);
        }
    }
    let page = Format::Html.render_matrix(&sample::matrix(&run));
    assert!(page.len() < 600_000, "{} bytes", page.len());
    let data = data(&page);
    let seen = |row: usize, column: usize| {
        let place = data["rows"][row]["at"][column].as_u64().unwrap();
        data["rows"][row]["seen"][usize::try_from(place).unwrap()].clone()
    };
    assert_eq!(seen(0, 0)["left_out"], true);
    assert!(seen(sample::FIXED_IN_6_12, 0)["checks"].is_array());
}

/// Two threads: one sleeps `calls` times, each time until the other writes.
pub(crate) fn trace(record: &mut Record, calls: u64) {
    let span = |thread, start, slept, call: &str| Span {
        process: 2,
        thread,
        name: format!("t{thread}"),
        call: call.to_owned(),
        asleep: None,
        result: "1".to_owned(),
        start,
        micros: 1500,
        slept,
    };
    record.evidence.timeline = (0..calls)
        .flat_map(|at| {
            [span(2, 2000 * at + 1000, false, "write(4)"), span(3, 2000 * at, true, "read(3)")]
        })
        .collect();
}

/// A timeline is drawn by the script from bars, and stands beside them as text; of a long one, the end
/// is shown, and it is said so.
#[test]
fn a_timeline_is_in_the_drawer() {
    let mut run = matrices::run(3);
    trace(&mut run.records[0], 1);
    run.records[0].evidence.timeline_is_of_another = true;
    trace(&mut run.records[1], 200);
    let data = data(&Format::Html.render(&run));
    assert_eq!(data["columns"][0]["again"], "ioconform run");
    let timeline = |row: usize| data["rows"][row]["seen"][0]["timeline"].clone();
    assert_eq!(timeline(0)["lanes"].to_string(), r#"["2 t2","2/3 t3"]"#);
    assert_eq!(
        timeline(0)["bars"].to_string(),
        r#"[[0,1000,1500,0,"write(4) = 1"],[1,0,1500,1,"read(3) = 1"]]"#
    );
    let text = [
        "     0.000  3        falls asleep in read(3)",
        "     1.000  2        write(4) = 1",
        "     1.500  3        woken: read(3) = 1, slept 1.500 ms",
    ];
    assert_eq!(timeline(0)["text"], text.join("\n"));
    assert_eq!(
        timeline(0)["notes"].to_string(),
        r#"["It is of another trial, which deviated too."]"#
    );
    assert_eq!(timeline(1)["bars"].as_array().unwrap().len(), 300);
    assert_eq!(timeline(1)["notes"][0], "The first 100 of 400 calls are only in the JSON.");
    assert_eq!(timeline(2), Value::Null);
}

/// Timelines are the first to give way, those of what deviates the last.
#[test]
fn timelines_do_not_make_the_page_big() {
    let mut run = matrices::run(300);
    for record in &mut run.records {
        trace(record, 1000);
        for span in &mut record.evidence.timeline {
            span.call = noise(&format!("{} {}", record.id, span.start), 60);
        }
    }
    run.records[7].expected = false;
    let page = Format::Html.render(&run);
    assert!(page.len() < 600_000, "{} bytes", page.len());
    let data = data(&page);
    let seen = |row: usize| data["rows"][row]["seen"][0].clone();
    assert_eq!(seen(7)["timeline"]["bars"].as_array().unwrap().len(), 300);
    assert_eq!(
        (seen(6)["timeline"].clone(), seen(6)["left_out"].clone()),
        (Value::Null, true.into())
    );
    assert!(page.contains("some evidence of what is as it should be is only in the result"));
}

#[test]
fn every_cell_has_its_evidence() {
    let matrix = sample::matrix(&matrices::run(180));
    let page = Format::Html.render_matrix(&matrix);
    let data = data(&page);
    assert_eq!(data["rows"].as_array().unwrap().len(), 180);
    let row = &data["rows"][sample::FIXED_IN_6_12];
    assert_eq!(row["at"].to_string(), "[0,0,1,1,1,null,1,1,1,1,1,1,1,1]");
    assert_eq!(row["seen"][0]["reason"], "the wrong one was woken");
    assert_eq!(row["seen"][0]["note"], sample::COMMIT);
    assert_eq!(row["seen"][0]["checks"].to_string(), "[[0,false,\"[1, 1, 1]\"]]");
    assert_eq!(row["checks"][0][2], "== [0, 0, 1]");
    assert_eq!(data["columns"][0]["again"], "ioconform matrix --kernel 5.10");
    let splat = &data["rows"][sample::SPLAT_ON_7_2]["seen"];
    assert!(splat.to_string().contains("ep_poll_callback"), "{splat}");
}

/// Read without its script, the page shows what deviates, with what was expected and seen.
#[test]
fn the_page_reads_without_its_script() {
    let page = Format::Html.render_matrix(&sample::matrix(&matrices::run(180)));
    let (page, _) = page.split_once("<script").unwrap();
    for says in [
        "expected <code>== [0, 0, 1]</code>, observed <code>[1, 1, 1]</code>",
        "deviates up to 6.1, conforms from 6.12",
        "Kernel panic - not syncing",
        "ep_poll_callback",
        "not yet decided",
    ] {
        assert!(page.contains(says), "{says}");
    }
    assert_eq!(page.matches("<tr id=").count(), 180);
}

#[test]
fn no_text_gets_out_of_its_place() {
    const HOSTILE: &str = "</script><img src=x onerror=alert(1)>\"'&<!--";
    let mut run = matrices::run(40);
    for record in &mut run.records {
        record.id.push_str(HOSTILE);
        record.target = Some(HOSTILE.to_owned());
        let texts = [&mut record.claim, &mut record.reason, &mut record.note, &mut record.mend];
        for text in texts {
            HOSTILE.clone_into(text);
        }
        record.sources = vec![HOSTILE.to_owned()];
        HOSTILE.clone_into(&mut record.evidence.output);
        record.evidence.kernel_log = vec![HOSTILE.to_owned()];
        trace(record, 1);
        HOSTILE.clone_into(&mut record.evidence.timeline[0].call);
        HOSTILE.clone_into(&mut record.evidence.timeline[1].name);
        for check in &mut record.evidence.checks {
            HOSTILE.clone_into(&mut check.observed);
        }
    }
    let mut matrix = sample::matrix(&run);
    for column in &mut matrix.columns {
        column.name.push_str(HOSTILE);
        if let Some(broken) = &mut column.broken {
            broken.console = vec![HOSTILE.to_owned()];
        }
    }
    matrix.notes = vec![HOSTILE.to_owned()];
    matrix.command = vec![HOSTILE.to_owned()];
    let page = Format::Html.render_matrix(&matrix);
    assert!(!page.contains("<img") && !page.contains("<!--"));
    assert_eq!(page.matches("</script>").count(), 2);
    let row = &data(&page)["rows"][0];
    assert_eq!(row["seen"][0]["note"], HOSTILE);
    for word in ["id", "server"] {
        let word = row[word].as_str().unwrap();
        assert!(word.ends_with("\"'\\''&<!--'"), "not as a shell wants it: {word}");
    }
}

/// Servers stand as rows under their own names, with the command that tries each again.
#[test]
fn servers_are_rows() {
    let mut run = matrices::run(10);
    let judged = |name: &str, reference| Judged {
        name: name.to_owned(),
        version: String::new(),
        command: "./a {addr}".to_owned(),
        dialect: "http".to_owned(),
        workers: 2,
        reference,
    };
    run.targets = vec![judged("mine", false), judged("nginx", false), judged("reuseport", true)];
    run.command = ["server", "--preset", "nginx", "--", "./a", "{addr}"].map(str::to_owned).into();
    run.records = ["mine", "nginx", "reuseport"]
        .into_iter()
        .flat_map(|target| {
            run.records.iter().cloned().map(move |mut record| {
                record.target = Some(target.to_owned());
                record
            })
        })
        .collect();
    let page = Format::Html.render(&run);
    assert!(page.contains("<details class=\"area\" open data-area=\"nginx\">"));
    let data = data(&page);
    let again = |row: usize| data["rows"][row]["server"].as_str().unwrap().to_owned();
    assert_eq!(data["columns"][0]["again"], "ioconform server");
    assert_eq!(
        [again(0), again(10), again(20)],
        ["--dialect http -- ./a {addr}", "--preset nginx", "--model reuseport"]
    );
    let nothing = Matrix::new("0.1.0", run.started);
    assert!(Format::Html.render_matrix(&nothing).contains("0 behaviours on 0 systems"));
}
