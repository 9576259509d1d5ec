//! Every golden file, before its own target's judge. None is left out: a file that no judge is asked about fails.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use mcp_cloud_tests::{python, workspace_root};

use crate::{
    infra,
    judges::{
        azure,
        checkov::{self, Kind},
        cloudformation, compose, dockerfile, ecs, google, workflow,
    },
    own_template,
};

/// The emitted files that are called this: golden ones of every app and target, and the reference in `infra`.
fn called(name: &str) -> Vec<PathBuf> {
    let own = infra().into_iter().flat_map(|folder| files(&folder)).chain([own_template()]);
    let files: Vec<_> = all().into_iter().chain(own).filter(|path| path.ends_with(name)).collect();
    assert!(!files.is_empty(), "there is a golden `{name}`");
    files
}

/// Every golden file.
fn all() -> BTreeSet<PathBuf> {
    let targets = apps().into_iter().flat_map(|app| children(&app)).filter(|path| path.is_dir());
    targets.flat_map(|target| files(&target)).collect()
}

/// Every file in a folder and its folders.
fn files(folder: &Path) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for child in children(&folder) {
            if child.is_dir() {
                folders.push(child);
            } else {
                files.insert(child);
            }
        }
    }
    files
}

pub(crate) fn apps() -> Vec<PathBuf> {
    children(&workspace_root().join("tests/golden"))
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let mut children: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    children.sort();
    children
}

fn accepted(verdict: Result<(), String>) {
    verdict.unwrap_or_else(|found| panic!("{found}"));
}

#[test]
fn every_golden_file_has_a_judge() {
    const JUDGED: [&str; 14] = [
        "template.yaml",
        "ecs-stack.yaml",
        "ecs-express.yaml",
        "task-definition.json",
        "service.yaml",
        "cloudbuild.yaml",
        "host.json",
        "main.bicep",
        "secret-access.bicep",
        "compose.yaml",
        "deploy.yml",
        "Dockerfile",
        "samconfig.toml",
        "Caddyfile",
    ];
    // What these say is held by the tests of what reads them.
    const PLAIN: [&str; 5] = ["iam-policy.yaml", "Dockerfile.dockerignore", ".funcignore", ".gcloudignore", "Makefile"];
    for path in all() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(JUDGED.contains(&name.as_str()) || PLAIN.contains(&name.as_str()), "{} has no judge", path.display());
    }
}

#[test]
fn cloudformation_takes_every_stack_of_ecs() {
    accepted(cloudformation::cfn_lint(&[called("ecs-stack.yaml"), called("ecs-express.yaml")].concat()));
}

#[test]
fn ecs_takes_every_task_definition() {
    accepted(ecs::task_definitions(&called("task-definition.json")));
}

#[test]
fn cloud_run_takes_every_service() {
    accepted(google::cloud_run(&called("service.yaml")));
    accepted(google::cloud_build(&called("cloudbuild.yaml")));
}

#[test]
fn azure_takes_every_app() {
    accepted(azure::functions(&called("host.json")));
    accepted(azure::bicep(&[called("main.bicep"), called("secret-access.bicep")].concat()));
}

#[test]
fn compose_takes_every_file() {
    // It looks whether the files of secrets are there.
    accepted(compose::compose(&called("compose.yaml"), &[]));
}

#[test]
fn github_takes_every_workflow() {
    accepted(workflow::workflows(&called("deploy.yml")));
}

#[test]
fn hadolint_takes_every_dockerfile() {
    accepted(dockerfile::hadolint(&called("Dockerfile")));
}

#[test]
fn what_checkov_finds_in_any_emitted_file_is_meant() {
    let kinds = [
        ("template.yaml", Kind::CloudFormation),
        ("ecs-stack.yaml", Kind::CloudFormation),
        ("ecs-express.yaml", Kind::CloudFormation),
        ("main.bicep", Kind::Bicep),
        ("Dockerfile", Kind::Dockerfile),
        ("deploy.yml", Kind::Workflow),
    ];
    let files: Vec<_> =
        kinds.iter().flat_map(|(name, kind)| called(name).into_iter().map(|path| (*kind, path))).collect();
    accepted(checkov::checkov(&files, &checkov::skips()));
}

/// What editors are told about `mcp-cloud.toml` is what the reader takes.
#[test]
fn schema_for_editors_takes_every_golden_app() {
    let Some(python) = python() else { return };
    let script = "import json, sys, tomllib, jsonschema\n\
        validator = jsonschema.Draft202012Validator(json.load(open(sys.argv[1], encoding='utf-8')))\n\
        for path in sys.argv[2:]:\n    \
            for error in validator.iter_errors(tomllib.load(open(path, 'rb'))):\n        \
                print(path, error.json_path, error.message)\n";
    let schema = workspace_root().join("docs/mcp-cloud.schema.json");
    let judge = |files: &[PathBuf]| {
        let output = Command::new(&python).arg("-c").arg(script).arg(&schema).args(files).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let files: Vec<_> = apps().iter().map(|app| app.join("mcp-cloud.toml")).collect();
    assert_eq!(judge(&files), "");
    let folder = tempfile::tempdir().unwrap();
    for (wrong, expected) in [
        ("nme = 1", "nme"),
        ("lambda.memory = 64", "64 is less than the minimum of 128"),
        ("env.prod.lambda.trigger = \"x\"", "'x'"),
        ("secrets.a.aws = \"x\"", "does not match"),
    ] {
        let path = folder.path().join("mcp-cloud.toml");
        fs::write(&path, format!("name = \"a\"\n{wrong}\n")).unwrap();
        assert!(judge(&[path]).contains(expected), "nothing noticed `{wrong}`");
    }
}
