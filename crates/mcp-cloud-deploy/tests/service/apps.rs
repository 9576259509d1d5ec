//! Golden apps, as the APIs take them.

use std::fs;

use mcp_cloud_app::{
    App, Code,
    target::ecs::{self, Service},
};
use serde_json::{Value, json};

fn app(name: &str) -> App {
    let folder = mcp_cloud_tests::workspace_root().join(format!("tests/golden/{name}"));
    let copy = tempfile::tempdir().unwrap();
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.is_file()) {
        fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    fs::create_dir(copy.path().join("src")).unwrap();
    fs::write(copy.path().join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(copy.path().join("Cargo.toml"), "[package]\nname = \"server\"\n").unwrap();
    let environments = App::environments(copy.path());
    match environments.iter().find(|name| *name == "ecs") {
        Some(name) => App::load_environment(copy.path(), name).unwrap(),
        None => App::load(copy.path()).unwrap(),
    }
}

/// The service of a golden app.
pub(crate) fn lowered(name: &str) -> Service {
    Service::of(&app(name), &Code::S3 { bucket: String::new(), key: String::new() })
}

/// The stack around it.
pub(crate) fn surroundings(name: &str) -> String {
    ecs::surroundings(&app(name))
}

/// What CreateService takes, but for the task definition.
pub(crate) fn create_body(service: &Service) -> Value {
    let mut body = service.service.clone();
    body["cluster"] = json!(service.cluster);
    body
}

/// Every golden app that is a service.
pub(crate) const SERVICES: [&str; 7] =
    ["auth", "command", "ecs-blue-green", "ecs-linear", "every-field", "minimal", "streaming"];
