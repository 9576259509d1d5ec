//! What follows from what was found, without a network.

use std::fs;

use mcp_cloud_app::{Code, Target};

use super::*;
use crate::observe::Stack;

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:notes/key-AbCdEf";

fn app(lambda: &str) -> (tempfile::TempDir, App) {
    let folder = tempfile::TempDir::new().expect("a folder can be made");
    let build = "build = { command = [\"./server\"], files = [\"server\"] }";
    let text = format!("name = \"notes\"\n{build}\nsecrets.KEY.aws = {ARN:?}\n{lambda}\n");
    fs::write(folder.path().join("server"), "").expect("it can be written");
    fs::write(folder.path().join("mcp-cloud.toml"), text).expect("it can be written");
    let app = App::load(folder.path()).unwrap_or_else(|error| panic!("{error:?}"));
    (folder, app)
}

fn observed(app: &App, found: Lookup) -> Vec<ObservedSecret> {
    SecretReference::needed(app)
        .into_iter()
        .map(|reference| ObservedSecret { reference, found: found.clone() })
        .collect()
}

fn found(version: Option<&str>, leaves: Option<&str>) -> Lookup {
    let owned = |text: &str| text.to_owned();
    Lookup::Found(SecretRecord { version: version.map(owned), leaves: leaves.map(owned), ..SecretRecord::default() })
}

fn template(app: &App) -> String {
    let code = Code::S3 { bucket: "bucket".to_owned(), key: "key".to_owned() };
    Target::Sam.emit(app, &code).files.into_values().collect()
}

#[test]
fn secret_is_missing_unless_its_value_can_be_read() {
    let (_folder, app) = app("");
    let absence = |found| missing(&observed(&app, found)).into_iter().next().map(|missing| missing.absence);
    assert_eq!(absence(Lookup::Absent), Some(Absence::NoSuchSecret));
    assert_eq!(absence(found(None, None)), Some(Absence::NoValue));
    let date = "2026-12-01T00:00:00Z".to_owned();
    assert_eq!(absence(found(Some("v1"), Some(&date))), Some(Absence::Leaving { date }));
    assert_eq!(absence(found(Some("v1"), None)), None);
    assert_eq!(absence(Lookup::Unseen), None);
}

#[test]
fn template_changes_when_a_secret_has_and_only_then() {
    let (_folder, app) = app("");
    let stamped = |version| {
        let observed = observed(&app, found(Some(version), None));
        let mut stamped = app.clone();
        stamp(&mut stamped, &observed);
        template(&stamped)
    };
    assert_eq!(stamped("v1"), stamped("v1"));
    assert_ne!(stamped("v1"), stamped("v2"));
    assert!(stamped("v1").contains(env::SECRETS_VERSION));
    assert!(!stamped("version-id").contains("version-id"), "a version that is gone would break every later update");
}

#[test]
fn template_says_nothing_of_versions_where_the_server_reads_its_secrets_itself() {
    let (_folder, mut app) = app("lambda.secrets = \"arn\"");
    let before = template(&app);
    let observed = observed(&app, found(Some("v1"), None));
    stamp(&mut app, &observed);
    assert_eq!(template(&app), before);
}

#[test]
fn only_what_is_ours_and_not_in_use_is_removed() {
    let ours = SecretRecord {
        name: "notes/key".to_owned(),
        arn: ARN.to_owned(),
        app: Some("notes".to_owned()),
        ..SecretRecord::default()
    };
    let foreign = SecretRecord { app: None, ..ours.clone() };
    let others = SecretRecord { app: Some("wages".to_owned()), ..ours.clone() };
    for record in [foreign, others] {
        assert!(matches!(check_removal("notes", &record, None), Err(SecretError::NotOurs { .. })));
    }
    let mut stack = Stack { name: "notes".into(), status: "CREATE_COMPLETE".into(), ..Stack::default() };
    stack.tags.insert(crate::deployment::TAG_APP.into(), "notes".into());
    stack.template = Some("Resources: {}".to_owned());
    assert!(check_removal("notes", &ours, Some(&stack)).is_ok());
    stack.template = Some(format!("KEY: '{{{{resolve:secretsmanager:{ARN}:SecretString}}}}'"));
    assert!(matches!(check_removal("notes", &ours, Some(&stack)), Err(SecretError::InUse { .. })));
    assert!(check_removal("notes", &ours, None).is_ok());
}
