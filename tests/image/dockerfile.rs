//! Reads an emitted Dockerfile as Docker does, as far as it says how its image is run: what is assembled without Docker has to be
//! run alike.

use std::{fs, path::Path};

use mcp_cloud_tests::workspace_root;
use serde_json::{Map, Value, json};

/// The `config` that the last stage of a golden Dockerfile makes.
pub(crate) fn config(golden: &str) -> Value {
    let path = Path::new("tests/golden").join(golden).join("Dockerfile");
    let text = fs::read_to_string(workspace_root().join(path)).expect("a Dockerfile").replace("\\\n", "");
    let last = text.rsplit_once("\nFROM ").expect("a stage").1;
    let mut config = Map::new();
    let (mut labels, mut environment) = (Map::new(), Vec::new());
    for line in last.lines() {
        let (instruction, rest) = line.split_once(' ').unwrap_or((line, ""));
        match instruction {
            "USER" => drop(config.insert("User".to_owned(), json!(rest))),
            "WORKDIR" => drop(config.insert("WorkingDir".to_owned(), json!(rest))),
            "EXPOSE" => drop(config.insert("ExposedPorts".to_owned(), json!({ format!("{rest}/tcp"): {} }))),
            "ENV" => environment.push(rest.to_owned()),
            "ENTRYPOINT" => drop(config.insert("Entrypoint".to_owned(), serde_json::from_str(rest).expect("a list"))),
            "HEALTHCHECK" => drop(config.insert("Healthcheck".to_owned(), health(rest))),
            "LABEL" => labels.extend(pairs(rest)),
            _ => {}
        }
    }
    environment.sort();
    config.insert("Env".to_owned(), json!(environment));
    config.insert("Labels".to_owned(), Value::Object(labels));
    Value::Object(config)
}

/// `key="value"`, one after the other.
fn pairs(text: &str) -> impl Iterator<Item = (String, Value)> {
    let parts: Vec<_> = text.split('"').collect();
    let pair = |pair: &[&str]| Some((pair.first()?.trim().trim_end_matches('=').to_owned(), json!(pair.get(1)?)));
    parts.chunks(2).filter_map(pair).collect::<Vec<_>>().into_iter()
}

fn health(text: &str) -> Value {
    let (options, command) = text.split_once(" CMD ").expect("a command");
    let option = |name: &str| -> u64 {
        let value = options
            .split_whitespace()
            .find_map(|option| option.strip_prefix(&format!("--{name}=")))
            .expect("an option");
        value.trim_end_matches('s').parse().expect("a number")
    };
    let seconds = |name| option(name) * 1_000_000_000;
    let mut test: Vec<String> = serde_json::from_str(command).expect("a list");
    test.insert(0, "CMD".to_owned());
    json!({
        "Test": test, "Interval": seconds("interval"), "Timeout": seconds("timeout"),
        "StartPeriod": seconds("start-period"), "Retries": option("retries")
    })
}
