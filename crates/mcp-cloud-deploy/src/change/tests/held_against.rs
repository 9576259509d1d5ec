//! CloudFormation's change sets, held against ours.

use super::{between, golden_template};
use crate::{
    apply::Change,
    change::{Changes, Surprise, unexpected},
};

fn change(action: &str, id: &str, kind: &str, replacement: Option<&str>, properties: &[&str]) -> Change {
    Change {
        action: action.to_owned(),
        logical_id: id.to_owned(),
        resource_type: kind.to_owned(),
        replacement: replacement.map(str::to_owned),
        properties: properties.iter().copied().map(str::to_owned).collect(),
    }
}

fn more_memory() -> Changes {
    let before = golden_template("function-url-warm/sam/template.yaml");
    between(Some(&before), Some(&before.replace("MemorySize: 256", "MemorySize: 512")))
}

fn surprises(ours: &Changes, theirs: &[Change]) -> Vec<(String, Surprise)> {
    unexpected(ours, theirs).into_iter().map(|unexpected| (unexpected.logical_id, unexpected.surprise)).collect()
}

#[test]
fn what_sam_makes_of_a_function_belongs_to_it() {
    let theirs = [
        change("Modify", "Server", "AWS::Lambda::Function", Some("False"), &["MemorySize"]),
        change("Add", "ServerVersion0123456789", "AWS::Lambda::Version", None, &[]),
        change("Remove", "ServerVersion9876543210", "AWS::Lambda::Version", None, &[]),
        change("Modify", "ServerAliaslive", "AWS::Lambda::Alias", Some("Conditional"), &["FunctionVersion"]),
        change("Modify", "ServerUrl", "AWS::Lambda::Url", Some("Conditional"), &["TargetFunctionArn"]),
        change(
            "Modify",
            "WorkingHours",
            "AWS::ApplicationAutoScaling::ScalableTarget",
            Some("Conditional"),
            &["ResourceId"],
        ),
    ];
    assert_eq!(surprises(&more_memory(), &theirs), []);
}

#[test]
fn whatever_goes_beyond_the_plan_is_named() {
    let theirs = [
        change("Modify", "Server", "AWS::Lambda::Function", Some("True"), &["FunctionName"]),
        change("Modify", "StateTable", "AWS::DynamoDB::Table", Some("False"), &["TimeToLiveSpecification"]),
        change("Remove", "ServerLogs", "AWS::Logs::LogGroup", None, &[]),
        change("Modify", "ServerRole", "AWS::IAM::Role", Some("Conditional"), &["RoleName"]),
        change("Remove", "ServerUrl", "AWS::Lambda::Url", None, &[]),
        change("Add", "Stranger", "AWS::S3::Bucket", None, &[]),
    ];
    let expected = [
        ("Server", Surprise::Replaced),
        ("StateTable", Surprise::DataChanged),
        ("ServerLogs", Surprise::Removed),
        ("ServerRole", Surprise::MayBeReplaced),
        ("ServerUrl", Surprise::Removed),
        ("Stranger", Surprise::Added),
    ];
    let expected: Vec<_> = expected.map(|(id, surprise)| (id.to_owned(), surprise)).into();
    assert_eq!(surprises(&more_memory(), &theirs), expected);
}

#[test]
fn data_are_guarded_against_what_is_only_possible() {
    let theirs = [change("Modify", "StateTable", "AWS::DynamoDB::Table", Some("Conditional"), &["KeySchema"])];
    assert_eq!(surprises(&more_memory(), &theirs), [("StateTable".to_owned(), Surprise::MayBeReplaced)]);
}

#[test]
fn plan_without_knowledge_lets_nothing_go() {
    let wanted = golden_template("function-url-warm/sam/template.yaml");
    let ours = between(Some("\t"), Some(&wanted));
    let theirs = [
        change("Modify", "Server", "AWS::Lambda::Function", Some("False"), &["MemorySize"]),
        change("Add", "ServerAliaslive", "AWS::Lambda::Alias", None, &[]),
        change("Modify", "StateTable", "AWS::DynamoDB::Table", Some("True"), &["TableName"]),
        change("Remove", "Old", "AWS::S3::Bucket", None, &[]),
    ];
    let expected = [("StateTable".to_owned(), Surprise::Replaced), ("Old".to_owned(), Surprise::Removed)];
    assert_eq!(surprises(&ours, &theirs), expected);
}

#[test]
fn what_was_agreed_to_is_no_surprise() {
    let before = golden_template("function-url-warm/sam/template.yaml");
    let ours = between(Some(&before), Some(&golden_template("minimal/sam/template.yaml")));
    let theirs = [
        change("Remove", "StateTable", "AWS::DynamoDB::Table", None, &[]),
        change("Remove", "WorkingHours", "AWS::ApplicationAutoScaling::ScalableTarget", None, &[]),
    ];
    assert_eq!(surprises(&ours, &theirs), []);
}
