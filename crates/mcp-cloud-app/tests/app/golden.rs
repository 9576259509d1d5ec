//! Emitted files are held against committed ones; `SNAPSHOTS=overwrite` accepts what is emitted now.
//!
//! Each folder of `tests/golden` is an app, with a folder for each target it is emitted for. Where the file has an
//! environment of the target's name, that is what is emitted: no one file suits every target that asks who calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use mcp_cloud_app::{
    App, Code, Severity, Target,
    target::ecs::{self, Service},
};
use tempfile::TempDir;

use crate::golden_directory;

/// The apps that are emitted for every target.
const APPS: [&str; 5] = ["minimal", "streaming", "auth", "command", "every-field"];
/// The apps that are there for what only functions have.
const FUNCTIONS: [&str; 15] = [
    "alb",
    "alb-private",
    "command-python",
    "function-image",
    "function-url-buffered",
    "function-url-public",
    "function-url-shift",
    "function-url-warm",
    "http-api",
    "http-api-cognito",
    "http-api-public",
    "rest-api",
    "rest-api-cognito",
    "rest-api-stream",
    "rest-api-stream-iam",
];

/// The apps that are there for what only services of ECS have.
const SERVICES: [&str; 2] = ["ecs-blue-green", "ecs-linear"];

/// The folder of a golden app as a user has it: with the server beside its file.
fn folder(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(golden_directory().join(name)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
        }
    }
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"server\"\n").unwrap();
    folder
}

fn load(folder: &Path, target: Target) -> App {
    let environment = target.as_str();
    let loaded = if App::environments(folder).iter().any(|name| name == environment) {
        // The name of the environment says nothing about the server.
        App::load_environment(folder, environment)
    } else {
        App::load(folder)
    };
    loaded.unwrap_or_else(|error| panic!("{target}: {error}"))
}

fn code(app: &App) -> Code {
    Code::Local { output_directory: app.manifest_directory.clone() }
}

fn targets(name: &str) -> Vec<Target> {
    match name {
        _ if APPS.contains(&name) => Target::ALL.to_vec(),
        _ if SERVICES.contains(&name) => vec![Target::Ecs],
        _ => vec![Target::Sam],
    }
}

fn apps() -> impl Iterator<Item = &'static str> {
    APPS.into_iter().chain(FUNCTIONS).chain(SERVICES)
}

/// Everything under a folder, relative to it.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    found
}

fn hold(folder: &Path, emitted: &BTreeMap<PathBuf, String>, stale: &mut Vec<String>) {
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        let _ = fs::remove_dir_all(folder);
        for (path, contents) in emitted {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, contents).unwrap();
        }
    }
    for (path, contents) in emitted {
        if fs::read_to_string(folder.join(path)).ok().as_ref() != Some(contents) {
            stale.push(folder.join(path).display().to_string());
        }
    }
    let left_over = files(folder).into_iter().filter(|path| !emitted.contains_key(path));
    stale.extend(left_over.map(|path| format!("{} is not emitted", folder.join(path).display())));
}

#[test]
fn emitted_files_are_the_committed_ones() {
    let mut stale = Vec::new();
    for name in apps() {
        let folder = folder(name);
        for target in targets(name) {
            let app = load(folder.path(), target);
            let bundle = target.emit(&app, &code(&app));
            hold(&golden_directory().join(name).join(target.as_str()), &bundle.files, &mut stale);
        }
    }
    assert!(stale.is_empty(), "look at the difference, then run with `SNAPSHOTS=overwrite`:\n{}", stale.join("\n"));
    for entry in fs::read_dir(golden_directory()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(apps().any(|app| app == name), "`{name}` is no golden app");
    }
}

#[test]
fn same_app_is_emitted_as_the_same_bytes() {
    for name in apps() {
        let folder = folder(name);
        for target in targets(name) {
            let (one, other) = (load(folder.path(), target), load(folder.path(), target));
            assert_eq!(target.emit(&one, &code(&one)), target.emit(&other, &code(&other)), "{name} for {target}");
        }
    }
}

#[test]
fn golden_apps_are_within_the_limits() {
    for name in apps() {
        let folder = folder(name);
        for target in targets(name) {
            let app = load(folder.path(), target);
            let found: Vec<_> =
                target.check(&app).into_iter().filter(|found| found.severity == Severity::Error).collect();
            assert!(found.is_empty(), "{name} for {target}: {found:#?}");
        }
    }
}

/// Every `${…}` in a document.
fn placeholders(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::String(text) => {
            found.extend(text.split("${").skip(1).filter_map(|rest| Some(rest.split_once('}')?.0.to_owned())));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| placeholders(item, found)),
        serde_json::Value::Object(members) => members.values().for_each(|value| placeholders(value, found)),
        _ => {}
    }
}

#[test]
fn service_for_the_api_names_nothing_but_outputs_of_the_stack_around_it() {
    for name in APPS.into_iter().chain(SERVICES) {
        let folder = folder(name);
        let app = load(folder.path(), Target::Ecs);
        let surroundings = ecs::surroundings(&app);
        let service = Service::of(&app, &code(&app));
        assert!(!surroundings.contains("AWS::ECS::Service") && !surroundings.contains("WithService"), "{name}");
        let scaling = serde_json::to_value(&service.scaling).unwrap();
        let mut named = BTreeSet::new();
        placeholders(&service.service, &mut named);
        placeholders(&scaling, &mut named);
        assert!(named.contains(ecs::OUTPUT_SUBNETS), "{name}: {named:?}");
        for output in named {
            assert!(
                surroundings.contains(&format!("\n  {output}:\n    Description:")),
                "{name} has no output {output}"
            );
        }
        for document in [&service.service, &service.task_definition, &scaling] {
            let text = document.to_string();
            assert!(!text.contains("\"Ref\"") && !text.contains("\"Fn::"), "{name}: {text}");
        }
        assert_eq!(service.service["serviceName"], app.name.as_str());
        assert!(service.service.get("cluster").is_none() && service.service.get("taskDefinition").is_none());
    }
}
