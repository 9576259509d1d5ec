//! The account in memory is held against AWS's own SDK for Python, and its templates against SAM's own translator.

use std::{
    fs,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use mcp_cloud_emulator::aws::{Account, Served, TaskFate};
use mcp_cloud_tests::{python, workspace_root};
use tempfile::TempDir;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::account::{REGION, Run};

const ID: &str = "123456789012";

fn serve(account: &Account, runtime: &Runtime) -> Served {
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("there is a port");
    let _within = runtime.enter();
    account.serve(listener).expect("it can be served")
}

fn script(served: &Served, name: &str, arguments: &[&str]) -> Option<Run> {
    let mut command = Command::new(python()?);
    command
        .arg(workspace_root().join("tests/deploy").join(name))
        .args(arguments)
        .env("AWS_ENDPOINT_URL", served.url())
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", REGION)
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("NO_PROXY", "127.0.0.1");
    Some(Run::of(&mut command))
}

#[test]
fn account_in_memory_answers_the_sdk_for_python() {
    let runtime = Runtime::new().expect("a runtime can be made");
    let account = Account::new(ID, REGION);
    account.make_certificate(&["example.com", "www.example.com"], "ISSUED");
    account.log("/aws/lambda/elsewhere", "stream", "one line with words");
    account.log("/aws/lambda/elsewhere", "stream", "another line");
    let served = serve(&account, &runtime);
    let Some(run) = script(&served, "fake_services.py", &[]) else { return };
    assert_eq!(run.code, Some(0), "{run}");
    assert!(account.unknown_calls().is_empty(), "{:?}", account.unknown_calls());
    let said = format!("{:?}", account.calls());
    assert!(!said.contains("a-value-nobody-sees"), "no secret is recorded");
    let left: Vec<_> = account.inventory().names().map(str::to_owned).collect();
    assert_eq!(left, ["AWS::Logs::LogGroup /aws/lambda/elsewhere"], "what the script made it removed");
}

/// Every template that is emitted becomes the same resources here as SAM's translator makes of it, can be made, found
/// unchanged, and removed.
#[test]
fn emitted_templates_live_in_the_account_in_memory() {
    let Some(python) = python() else { return };
    let runtime = Runtime::new().expect("a runtime can be made");
    let golden = workspace_root().join("tests/golden");
    let mut templates: Vec<_> = fs::read_dir(golden)
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").path().join("sam/template.yaml"))
        .filter(|path| path.is_file())
        .collect();
    templates.sort();
    assert!(templates.len() > 10, "{templates:?}");
    let directory = TempDir::new().expect("a folder can be made");
    let expanded = Run::of(
        Command::new(python).arg(workspace_root().join("tests/emit/expand.py")).arg(directory.path()).args(&templates),
    );
    assert_eq!(expanded.code, Some(0), "{expanded}");
    let account = Account::new(ID, REGION);
    let served = serve(&account, &runtime);
    let expanded = |index: usize| directory.path().join(format!("{index}.json"));
    let pairs = templates.iter().enumerate().flat_map(|(index, template)| [template.clone(), expanded(index)]);
    let pairs: Vec<_> = pairs.map(|path| path.to_str().expect("it is text").to_owned()).collect();
    let arguments: Vec<_> = pairs.iter().map(String::as_str).collect();
    let Some(run) = script(&served, "fake_stack.py", &arguments) else { return };
    assert_eq!(run.code, Some(0), "{run}");
    assert!(account.unknown_calls().is_empty(), "{:?}", account.unknown_calls());
    let inventory = account.inventory();
    // Tables are kept on purpose.
    let left = inventory.names().filter(|name| !name.starts_with("AWS::DynamoDB::Table "));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<&str>::new());
}

/// The surroundings of every emitted service can be made without an image; with one the service is in the stack, too.
#[test]
fn emitted_stacks_of_services_live_in_the_account_in_memory() {
    let runtime = Runtime::new().expect("a runtime can be made");
    let golden = workspace_root().join("tests/golden");
    let stacks: Vec<_> = fs::read_dir(golden)
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").path().join("ecs/ecs-stack.yaml"))
        .filter(|path| path.is_file())
        .map(|path| path.to_str().expect("it is text").to_owned())
        .collect();
    assert!(stacks.len() > 4, "{stacks:?}");
    let account = Account::new(ID, REGION);
    // One of them has a cluster that was there before.
    account.make_cluster("servers");
    // Requests of one of them move for an hour.
    account.hurry();
    let served = serve(&account, &runtime);
    let arguments: Vec<_> = stacks.iter().map(String::as_str).collect();
    let Some(run) = script(&served, "fake_ecs_stack.py", &arguments) else { return };
    assert_eq!(run.code, Some(0), "{run}");
    assert!(account.unknown_calls().is_empty(), "{:?}", account.unknown_calls());
    let inventory = account.inventory();
    // Tables are kept on purpose.
    let left = inventory.names().filter(|name| !name.starts_with("AWS::DynamoDB::Table "));
    assert_eq!(left.collect::<Vec<_>>(), ["AWS::ECS::Cluster servers"]);
}

/// What is pushed is there for the API, and tags that must not move do not.
#[test]
fn registry_in_the_account_in_memory_takes_what_is_pushed() {
    let runtime = Runtime::new().expect("a runtime can be made");
    let account = Account::new(ID, REGION);
    let served = serve(&account, &runtime);
    let Some(run) = script(&served, "fake_ecr.py", &[]) else { return };
    assert_eq!(run.code, Some(0), "{run}");
    assert!(account.unknown_calls().is_empty(), "{:?}", account.unknown_calls());
    let said = format!("{account:?} {:?}", account.calls());
    assert!(!said.contains("Basic "), "no token is recorded");
    assert!(account.inventory().is_empty(), "{}", account.inventory());
}

/// Services roll out, fail in every way that there is, are rolled back, and go.
#[test]
fn services_in_the_account_in_memory_answer_the_sdk_for_python() {
    let runtime = Runtime::new().expect("a runtime can be made");
    let account = Account::new(ID, REGION);
    for (image, fate) in [
        ("server:exits", TaskFate::Exits(3)),
        ("server:memory", TaskFate::OutOfMemory),
        ("server:missing", TaskFate::ImageMissing),
        ("server:secret", TaskFate::SecretMissing),
        ("server:deaf", TaskFate::FailsTargetHealth),
        ("server:sick", TaskFate::FailsHealthCheck),
        ("server:nowhere", TaskFate::NoCapacity),
    ] {
        account.destine(image, fate);
    }
    let served = serve(&account, &runtime);
    // A second passes with every call, however slow this machine is.
    let (clock, unknown) = (account.clone(), Arc::new(Mutex::new(Vec::new())));
    let found = Arc::clone(&unknown);
    let passing = runtime.spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let calls = clock.take_calls();
            calls.iter().for_each(|_| clock.pass(Duration::from_secs(1)));
            found.lock().expect("nobody panicked with it").extend(calls.into_iter().filter(|call| call.is_unknown));
        }
    });
    let template = workspace_root().join("tests/golden/minimal/ecs/ecs-stack.yaml");
    let run = script(&served, "fake_ecs.py", &[template.to_str().expect("it is text")]);
    passing.abort();
    let Some(run) = run else { return };
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(*unknown.lock().expect("nobody panicked with it"), []);
    let left: Vec<_> = account.inventory().names().map(str::to_owned).collect();
    // A log group that a task wrote to is gone with the stack.
    assert_eq!(left, Vec::<String>::new());
}
