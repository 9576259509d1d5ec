//! What is said about the file - the schema for editors, the reference, the defaults in both - is what it means.

use std::{collections::BTreeSet, fs, path::Path};

use mcp_cloud_app::{App, json_schema, reference};
use serde_json::Value;

use crate::{golden_directory, load};

fn docs(file: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file)
}

fn hold(file: &str, made: &str) {
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(docs(file), made).unwrap();
    }
    let committed = fs::read_to_string(docs(file)).unwrap_or_default();
    assert!(committed == made, "docs/{file} is stale: run with `SNAPSHOTS=overwrite`");
}

#[test]
fn committed_schema_and_reference_are_current() {
    hold("mcp-cloud.schema.json", &format!("{}\n", serde_json::to_string_pretty(&json_schema()).unwrap()));
    hold("mcp-cloud-toml.md", &reference());
    hold("cost.md", &mcp_cloud_app::cost::reference());
}

/// Calls with every key of the schema but those of environments, by its dotted name; a free key is `NAME`.
pub(crate) fn walk(schema: &Value, name: &str, visit: &mut impl FnMut(&str, &Value)) {
    for (key, property) in schema["properties"].as_object().into_iter().flatten().filter(|(key, _)| *key != "env") {
        let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        visit(&name, property);
        walk(property, &name, visit);
        walk(&property["additionalProperties"], &format!("{name}.NAME"), visit);
    }
}

/// All but what is the source of a model.
fn meaning(app: &App) -> String {
    let shown = format!("{app:?}");
    let directory = app.manifest_directory.display().to_string();
    shown.split(", source: Source").next().unwrap().replace(&directory, "")
}

#[test]
fn written_defaults_are_the_defaults() {
    const ALARMS: &str = "name = \"a\"\nalarms.notify = \"arn:aws:sns:eu-west-1:123456789012:a\"\n";
    let unsaid = |file: &str| meaning(&load(file).unwrap());
    let mut tried = 0;
    walk(&json_schema(), "", &mut |name, property| {
        // What belongs to a place of secrets needs a secret beside it, an empty command is none.
        let belongs_elsewhere = name.contains("NAME") || name.contains("sealing-key") || name.contains("redis");
        let Some(default) = property.get("default").filter(|_| !belongs_elsewhere && name != "build.command") else {
            return;
        };
        // Alarms are not there unless somebody is told of them.
        let file = if name.starts_with("alarms.") { ALARMS } else { "name = \"a\"\n" };
        match load(format!("{file}{name} = {default}\n")) {
            Ok(said) => assert_eq!(meaning(&said), unsaid(file), "{name} = {default}"),
            // A key of another kind of build or way of letting callers in may not even be empty.
            Err(error) => assert!(error.to_string().contains("says nothing"), "{name} = {default}: {error}"),
        }
        tried += 1;
    });
    assert!(tried > 40, "{tried}");
}

#[test]
fn golden_app_says_every_key() {
    let text = fs::read_to_string(golden_directory().join("every-field/mcp-cloud.toml")).unwrap();
    let file: toml::Table = text.parse().unwrap();
    let mut said = BTreeSet::new();
    note(&toml::Value::Table(file.clone()), "", &mut said);
    for overlay in file.get("env").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::values) {
        note(overlay, "", &mut said);
    }
    let mut missing = Vec::new();
    walk(&json_schema(), "", &mut |name, _| {
        let free = name.split_once(".NAME.");
        let there = match free {
            Some((table, key)) => {
                said.iter().any(|said| said.starts_with(&format!("{table}.")) && said.ends_with(&format!(".{key}")))
            }
            None => said.contains(name),
        };
        if !there {
            missing.push(name.to_owned());
        }
    });
    // A server is made of one of three things, and each has keys of its own; the golden app `command` and others show them.
    let others = ["build.command", "build.runtime", "build.runtime-version", "build.files", "build.image"];
    missing.retain(|name| !others.contains(&name.as_str()) && !name.starts_with("state."));
    assert!(missing.is_empty(), "{missing:?}");
}

fn note(value: &toml::Value, name: &str, said: &mut BTreeSet<String>) {
    for (key, value) in value.as_table().into_iter().flatten() {
        let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        note(value, &name, said);
        said.insert(name);
    }
}
