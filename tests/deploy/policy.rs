//! What `mcp-cloud policy` allows is enough: for every call of a deployment, and for everything that CloudFormation calls
//! for the resources of a template, by AWS's own list. And it is not more.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use mcp_cloud_tests::{cli_binary, python, workspace_root};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    account::{Account, REGION, Run},
    proxy::Call,
};

/// The account of whoever has the credentials `test`.
const ACCOUNT: &str = "000000000000";
/// The apps whose templates have every type of resource between them, target by target.
const APPS: [(&str, &[&str]); 2] = [
    ("sam", &["every-field", "alb", "http-api", "rest-api-cognito", "function-url-public", "function-url-warm"]),
    ("ecs", &["every-field", "auth", "command", "minimal", "streaming"]),
];

/// Policies as IAM reads them.
#[derive(Debug)]
struct Policies(Vec<Value>);

impl Policies {
    fn of(run: &Run) -> Self {
        let policies = run.json();
        Self(policies["policies"].as_array().expect("a list").iter().map(|policy| policy["document"].clone()).collect())
    }

    fn statements(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().flat_map(|document| document["Statement"].as_array().expect("statements"))
    }

    fn actions(&self) -> BTreeSet<String> {
        self.statements().flat_map(|statement| texts(&statement["Action"])).map(str::to_owned).collect()
    }

    fn allow(&self, action: &str, resource: &str) -> bool {
        self.statements().any(|statement| {
            texts(&statement["Action"]).any(|allowed| allowed == action)
                && texts(&statement["Resource"]).any(|pattern| matches(pattern, resource))
        })
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().expect("a list").iter().map(|item| item.as_str().expect("text"))
}

/// Whether a pattern with `*` is a text's.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).any(|index| text.get(index..).is_some_and(|text| matches(rest, text)))
        }),
    }
}

#[test]
fn every_call_of_a_deployment_and_its_removal_is_allowed() {
    let Some(account) = Account::open() else { return };
    let policy = |purpose: &str| {
        let run =
            account.run(&["policy", "--for", purpose, "--account", ACCOUNT, "--region", REGION, "--output", "json"]);
        assert_eq!(run.code, Some(0), "{run}");
        Policies::of(&run)
    };
    let (deploy, operate, destroy) = (policy("deploy"), policy("operate"), policy("destroy"));
    account.proxy.take_calls();
    let allowed = |policies: &Policies, arguments: &[&str]| {
        let run = account.run(arguments);
        assert_eq!(run.code, Some(0), "{run}");
        let calls = account.proxy.take_calls();
        assert!(!calls.is_empty(), "the calls were seen: {run}");
        for call in &calls {
            let Some((action, resource)) = right(call) else { continue };
            assert!(
                policies.allow(&action, &resource),
                "{arguments:?}: {action} on {resource} is not allowed: {call:?}"
            );
        }
    };
    allowed(&deploy, &["deploy", "--yes"]);
    account.write_app("memory = 512");
    allowed(&deploy, &["deploy", "--yes"]);
    allowed(&operate, &["status"]);
    allowed(&destroy, &["destroy", "--yes"]);
}

/// What IAM calls a call, and on what; nothing for what everybody may, or is no call of AWS's.
fn right(call: &Call) -> Option<(String, String)> {
    let service = call.service.as_deref()?;
    let arn = |rest: &str| format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}");
    match service {
        "sts" => None,
        "cloudformation" => {
            let action = call.action.as_deref().expect("the query protocol names it");
            let everything = ["DescribeStackDriftDetectionStatus"];
            let resource = if everything.contains(&action) { "*".to_owned() } else { arn("stack/hello/0a1b2c3d") };
            Some((format!("cloudformation:{action}"), resource))
        }
        "s3" => Some(right_of_s3(call)),
        "lambda" => {
            let (path, _) = call.path.split_once('?').unwrap_or((&call.path, ""));
            let parts: Vec<_> = path.trim_matches('/').split('/').skip(1).collect();
            let name = match (call.method.as_str(), parts.as_slice()) {
                ("GET", ["functions", _]) => "GetFunction",
                ("GET", ["functions", _, "configuration"]) => "GetFunctionConfiguration",
                ("GET", ["functions", _, "aliases", _]) => "GetAlias",
                ("PUT", ["functions", _, "aliases", _]) => "UpdateAlias",
                ("GET", ["functions", _, "versions"]) => "ListVersionsByFunction",
                ("DELETE", ["functions", _]) => "DeleteFunction",
                ("GET", ["functions", _, "concurrency"]) => "GetFunctionConcurrency",
                other => panic!("nobody said what IAM calls {other:?}"),
            };
            Some((format!("lambda:{name}"), arn("function:hello")))
        }
        _ => {
            let target = call.target.as_deref().unwrap_or_else(|| panic!("nobody said what IAM calls {call:?}"));
            let (_, name) = target.rsplit_once('.').expect("a service and an action");
            let resource = match service {
                "logs" if name != "DescribeLogGroups" => arn("log-group:/aws/lambda/hello:*"),
                "secretsmanager" if name != "ListSecrets" => arn("secret:hello/KEY-AbCdEf"),
                _ => "*".to_owned(),
            };
            Some((format!("{service}:{name}"), resource))
        }
    }
}

/// S3 has actions of other names than its calls.
fn right_of_s3(call: &Call) -> (String, String) {
    let (path, query) = call.path.split_once('?').unwrap_or((&call.path, ""));
    let (bucket, key) = path.trim_start_matches('/').split_once('/').unwrap_or((path.trim_start_matches('/'), ""));
    let asks = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let name = match (call.method.as_str(), key.is_empty()) {
        ("GET", false) | ("HEAD", false) => "GetObject",
        ("PUT", false) => "PutObject",
        ("DELETE", false) => "DeleteObject",
        ("POST", true) if asks("delete") => {
            return ("s3:DeleteObject".to_owned(), format!("arn:aws:s3:::{bucket}/mcp-cloud/hello/code.zip"));
        }
        ("HEAD", true) => "ListBucket",
        ("GET", true) if asks("tagging") => "GetBucketTagging",
        ("GET", true) => "ListBucket",
        ("PUT", true) if asks("tagging") => "PutBucketTagging",
        ("PUT", true) if asks("publicAccessBlock") => "PutBucketPublicAccessBlock",
        ("PUT", true) if asks("encryption") => "PutEncryptionConfiguration",
        ("PUT", true) if query.is_empty() || asks("x-id") => "CreateBucket",
        ("DELETE", true) => "DeleteBucket",
        _ => panic!("nobody said what IAM calls {call:?}"),
    };
    let object = if key.is_empty() { String::new() } else { format!("/{key}") };
    (format!("s3:{name}"), format!("arn:aws:s3:::{bucket}{object}"))
}

/// Actions of schemas that no template of ours needs, or that are needed beside them; on one target, or on both.
#[derive(Debug, Deserialize)]
struct Exception {
    target: Option<String>,
    actions: Vec<String>,
    reason: String,
}

impl Exception {
    fn is_about(&self, target: &str) -> bool {
        self.target.as_ref().is_none_or(|only| only == target)
    }
}

#[derive(Debug, Deserialize)]
struct Exceptions {
    left_out: Vec<Exception>,
    added: Vec<Exception>,
}

#[test]
fn everything_that_cloudformation_calls_for_a_template_is_allowed_and_nothing_else() {
    let Some(python) = python() else { return };
    let exceptions = fs::read_to_string(workspace_root().join("tests/deploy/policy.toml")).expect("it is committed");
    let exceptions: Exceptions = toml::from_str(&exceptions).expect("it is TOML");
    assert!(exceptions.left_out.iter().chain(&exceptions.added).all(|exception| exception.reason.len() > 10));
    let listed = |exceptions: &[Exception], target: &str, action: &str| {
        let about = exceptions.iter().filter(|exception| exception.is_about(target));
        about.flat_map(|exception| &exception.actions).any(|pattern| matches(pattern, action))
    };
    let (mut used, mut unused) = (BTreeSet::new(), BTreeSet::new());
    for (target, app) in APPS.into_iter().flat_map(|(target, apps)| apps.iter().map(move |app| (target, *app))) {
        let types = types_of(&python, target, app);
        let permissions = permissions(&python, &types);
        let policies = policies_of(target, app);
        // The parts of a service are made with the API, which is asked for the same as CloudFormation would be.
        let at = format!("{app} on {target}");
        let allowed = policies.actions();
        for (kind, actions) in &permissions {
            for action in actions {
                if allowed.contains(action) {
                    continue;
                }
                let excepted = listed(&exceptions.left_out, target, action);
                assert!(excepted, "{at}: {kind} needs {action}, which is not allowed");
                used.insert((target, action.clone()));
            }
        }
        let needed: BTreeSet<_> = permissions.values().flatten().cloned().collect();
        for action in allowed.difference(&needed) {
            let excepted = listed(&exceptions.added, target, action);
            assert!(excepted, "{at}: {action} is allowed, and no type needs it");
            unused.insert((target, action.clone()));
        }
    }
    for (exceptions, met) in [(&exceptions.left_out, &used), (&exceptions.added, &unused)] {
        for exception in exceptions {
            for pattern in &exception.actions {
                let meets = |(target, action): &(&str, String)| exception.is_about(target) && matches(pattern, action);
                assert!(met.iter().any(meets), "`{pattern}` is an exception for nothing");
            }
        }
    }
}

/// The types of a template as CloudFormation sees them, after SAM's own translator, which leaves a plain one as it is.
fn types_of(python: &Path, target: &str, app: &str) -> Vec<String> {
    let folder = TempDir::new().expect("a folder can be made");
    let file = if target == "ecs" { "ecs-stack.yaml" } else { "template.yaml" };
    let template = workspace_root().join("tests/golden").join(app).join(target).join(file);
    let expand = workspace_root().join("tests/emit/expand.py");
    let run = Run::of(Command::new(python).arg(expand).arg(folder.path()).arg(template));
    assert_eq!(run.code, Some(0), "{run}");
    let expanded = fs::read_to_string(folder.path().join("0.json")).expect("it was expanded");
    let expanded: Value = serde_json::from_str(&expanded).expect("it is JSON");
    let resources = expanded["Resources"].as_object().expect("there are resources");
    let types: BTreeSet<_> =
        resources.values().map(|resource| resource["Type"].as_str().expect("a type").to_owned()).collect();
    types.into_iter().collect()
}

/// What CloudFormation calls for types, whatever for. `s3:getObject` and `s3:GetObject` are the same to IAM.
fn permissions(python: &Path, types: &[String]) -> BTreeMap<String, BTreeSet<String>> {
    let script = workspace_root().join("tests/deploy/permissions.py");
    let run = Run::of(Command::new(python).arg(script).args(types));
    assert_eq!(run.code, Some(0), "{run}");
    let handlers: BTreeMap<String, BTreeMap<String, Vec<String>>> =
        serde_json::from_str(&run.stdout).expect("it prints JSON");
    assert!(handlers.len() * 10 > types.len() * 8, "most types have a schema: {types:?}");
    let named = |action: String| if action == "s3:getObject" { "s3:GetObject".to_owned() } else { action };
    handlers.into_iter().map(|(kind, handlers)| (kind, handlers.into_values().flatten().map(named).collect())).collect()
}

fn policies_of(target: &str, app: &str) -> Policies {
    // With a package beside a copy of the file.
    let folder = TempDir::new().expect("a folder can be made");
    let write = |path: &str, text: &str| fs::write(folder.path().join(path), text).expect("it can be written");
    fs::create_dir(folder.path().join("src")).expect("a folder can be made");
    write("src/main.rs", "fn main() {}\n");
    write("Cargo.toml", "[package]\nname = \"server\"\n");
    // Some are commands with files of their own.
    for entry in fs::read_dir(workspace_root().join("tests/golden").join(app)).expect("it is committed") {
        let path = entry.expect("it can be read").path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            fs::copy(&path, folder.path().join(name)).expect("it can be copied");
        }
    }
    let mut command = Command::new(cli_binary());
    let place = ["--account", ACCOUNT, "--region", REGION, "--output", "json"];
    command.args(["policy", "--target", target]).args(place).arg(folder.path());
    // The template is emitted with what the file says for this target alone.
    let file = fs::read_to_string(folder.path().join("mcp-cloud.toml")).expect("it was copied");
    if [']', '.'].iter().any(|end| file.contains(&format!("[env.{target}{end}"))) {
        command.args(["--env", target]);
    }
    let run = Run::of(&mut command);
    assert_eq!(run.code, Some(0), "{run}");
    Policies::of(&run)
}
