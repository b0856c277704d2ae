//! The ready files for other people's CI, held against this program's own command line.

use clap::Parser as _;
use serde_json::Value;

use crate::arguments::{Cli, Command};

const GITHUB: &str = include_str!("../../ci/github-actions.yml");
const GITLAB: &str = include_str!("../../ci/gitlab-ci.yml");
const KUBERNETES: &str = include_str!("../../ci/kubernetes-job.yml");

fn documents(text: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(text).unwrap()
}

/// Every text in a document.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(values) => values.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// The parts that the commands in a file judge, as K of N, and how many of its commands report.
/// Every command must be one, with `variables` put in as a shell would.
fn commands(text: &str, variables: &[(&str, &str)]) -> (Vec<String>, usize) {
    let texts: Vec<_> = documents(text).iter().flat_map(texts).collect();
    let lines = texts.iter().flat_map(|text| text.lines()).map(str::trim);
    let (mut shards, mut reports) = (Vec::new(), 0);
    for line in lines.filter(|line| line.starts_with("ioconform ")) {
        let put_in = |line: String, (name, value): &(&str, &str)| line.replace(name, value);
        let line = variables.iter().fold(line.to_owned(), put_in);
        let cli = Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}"));
        match cli.command {
            Command::Matrix(matrix) => {
                assert!(matrix.shard.is_some() && matrix.output.len() == 1, "{line}");
                shards.push(line.split(' ').nth(3).unwrap().to_owned());
            }
            Command::Report { results, output } => {
                assert_eq!((results, output.len()), (vec!["part-*.json".into()], 2), "{line}");
                reports += 1;
            }
            _ => panic!("an unforeseen command: {line}"),
        }
    }
    (shards, reports)
}

#[test]
fn github_judges_every_part_and_reports_them() {
    let [workflow] = &*documents(GITHUB) else { panic!("one document") };
    let count = workflow["env"]["SHARDS"].as_u64().unwrap();
    let judge = &workflow["jobs"]["judge"];
    let shards = judge["strategy"]["matrix"]["shard"].as_array().unwrap();
    let shards: Vec<_> = shards.iter().map(|shard| shard.as_u64().unwrap()).collect();
    assert_eq!(shards, (1..=count).collect::<Vec<_>>());
    assert_eq!(judge["strategy"]["fail-fast"], false);
    assert_eq!(workflow["jobs"]["report"]["needs"], "judge");
    for shard in shards {
        let (shard, count) = (shard.to_string(), count.to_string());
        let variables = [("${{ matrix.shard }}", &*shard), ("${{ env.SHARDS }}", &*count)];
        assert_eq!(commands(GITHUB, &variables), (vec![format!("{shard}/{count}")], 1));
    }
}

/// GitLab counts the nodes from 1 itself.
#[test]
fn gitlab_judges_every_part_and_reports_them() {
    let [pipeline] = &*documents(GITLAB) else { panic!("one document") };
    assert!(pipeline["judge"]["parallel"].as_u64().unwrap() > 1);
    assert_eq!(pipeline["report"]["needs"][0], "judge");
    let variables = [("$CI_NODE_INDEX", "2"), ("$CI_NODE_TOTAL", "4")];
    assert_eq!(commands(GITLAB, &variables), (vec!["2/4".to_owned()], 1));
}

/// The indexes of a job begin at 0, and parts at 1.
#[test]
fn kubernetes_judges_every_part_and_reports_them() {
    let [judge, report] = &*documents(KUBERNETES) else { panic!("two documents") };
    for job in [judge, report] {
        assert_eq!((&job["apiVersion"], &job["kind"]), (&"batch/v1".into(), &"Job".into()));
        assert_eq!(job["spec"]["template"]["spec"]["restartPolicy"], "Never");
    }
    assert_eq!(report["spec"]["suspend"], true, "until all parts are there");
    let spec = &judge["spec"];
    assert_eq!(spec["completionMode"], "Indexed");
    let container = &spec["template"]["spec"]["containers"][0];
    let shards = container["env"].as_array().unwrap().iter().find(|env| env["name"] == "SHARDS");
    assert_eq!(shards.unwrap()["value"], spec["completions"].to_string());
    let script = container["args"][0].as_str().unwrap();
    assert!(script.contains("shard=$((JOB_COMPLETION_INDEX + 1))\n"), "{script}");
    let variables = [("$shard", "8"), ("$SHARDS", "8")];
    assert_eq!(commands(KUBERNETES, &variables), (vec!["8/8".to_owned()], 1));
}

/// No file names a host: images, actions and packages come from where their reader gets them.
#[test]
fn the_files_name_no_host() {
    for text in [GITHUB, GITLAB, KUBERNETES] {
        assert!(!text.contains("://") && !text.contains(".io/"), "{text}");
    }
}
