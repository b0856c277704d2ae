//! The page: that it holds everything, that no text gets out of its place, and that it stays small.

use harness::matrix::Matrix;
use harness::record::Judged;
use harness::report::Format;
use serde_json::Value;

use crate::{matrices, sample};

/// The data that the page's script reads.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script id=\"data\" type=\"application/json\">").unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(json).unwrap()
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
        record.evidence.output = "x".repeat(200);
        for (at, check) in record.evidence.checks.iter_mut().enumerate() {
            check.sentence = format!("{at} {}", "long ".repeat(60));
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
        let texts = [&mut record.claim, &mut record.reason, &mut record.note, &mut record.mend];
        for text in texts {
            HOSTILE.clone_into(text);
        }
        record.sources = vec![HOSTILE.to_owned()];
        HOSTILE.clone_into(&mut record.evidence.output);
        record.evidence.kernel_log = vec![HOSTILE.to_owned()];
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
    let page = Format::Html.render_matrix(&matrix);
    assert!(!page.contains("<img") && !page.contains("<!--"));
    assert_eq!(page.matches("</script>").count(), 2);
    assert_eq!(data(&page)["rows"][0]["seen"][0]["note"], HOSTILE);
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
