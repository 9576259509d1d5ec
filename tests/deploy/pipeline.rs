//! A pipeline that goes on without us: AWS's own tools take what `emit` wrote.

use std::fs;

use mcp_cloud_tests::{Profile, hello_binary, sam, workspace_root};
use serde_json::Value;
use tempfile::TempDir;

use crate::account::{Account, Run};

/// `sam build` leaves what it built in a folder of the function's name, and a template that names it. Here the program is
/// built already, so that the test takes seconds.
fn built_by_sam(account: &Account) -> TempDir {
    let folder = TempDir::new().expect("a folder can be made");
    let emitted = account.run(&["emit", "--target", "sam", "--into", folder.path().to_str().expect("text")]);
    assert_eq!(emitted.code, Some(0), "{emitted}");
    let path = folder.path().join("template.yaml");
    let template = fs::read_to_string(&path).expect("it was emitted");
    let code = template.lines().find(|line| line.trim_start().starts_with("CodeUri: ")).expect("it names the code");
    fs::write(&path, template.replace(code, "      CodeUri: Server")).expect("it can be written");
    fs::create_dir(folder.path().join("Server")).expect("a folder can be made");
    fs::copy(hello_binary(Profile::Dev), folder.path().join("Server/bootstrap")).expect("the program is copied");
    folder
}

#[test]
fn sam_deploys_what_was_emitted_and_it_answers() {
    let (Some(account), Some(sam)) = (Account::open(), sam()) else { return };
    let empty = account.inventory();
    let folder = built_by_sam(&account);
    let sam = |arguments: &[&str]| {
        let mut command = account.command(&sam);
        command.args(arguments).env("SAM_CLI_TELEMETRY", "0").env("AWS_DEFAULT_REGION", crate::account::REGION);
        Run::of(command.current_dir(folder.path()))
    };
    // What to call the stack, where to put the code and what to acknowledge stands in the emitted `samconfig.toml`.
    let deployed = sam(&["deploy", "--no-confirm-changeset", "--no-progressbar"]);
    assert_eq!(deployed.code, Some(0), "{deployed}");
    let outputs = sam(&["list", "stack-outputs", "--stack-name", "hello", "--output", "json"]);
    let outputs: Vec<Value> =
        serde_json::from_str(&outputs.stdout).unwrap_or_else(|error| panic!("{error}: {outputs}"));
    let endpoint = outputs.iter().find(|output| output["OutputKey"] == "McpEndpoint").expect("there is an endpoint");
    crate::lifecycle::mcp_client_gets_the_right_answers(&account, endpoint["OutputValue"].as_str().expect("a URL"));

    let deleted = sam(&["delete", "--no-prompts", "--stack-name", "hello"]);
    assert_eq!(deleted.code, Some(0), "{deleted}");
    let left = account.inventory();
    // The bucket that SAM made for every stack stays, as it does on AWS.
    assert_eq!(
        (&left["functions"], &left["roles"], &left["log_groups"]),
        (&empty["functions"], &empty["roles"], &empty["log_groups"])
    );
}

#[test]
fn cloudformation_and_ecs_take_what_was_emitted() {
    let Some(account) = Account::open() else { return };
    let golden = workspace_root().join("tests/golden");
    let apps = ["minimal", "streaming", "auth", "command", "every-field"];
    let folders: Vec<_> = apps.iter().map(|app| golden.join(app).join("ecs").display().to_string()).collect();
    account.run_script("ecs_stacks.py", &folders.iter().map(String::as_str).collect::<Vec<_>>());
}
