//! What `mcp-cloud doctor` says of an account, and whose credentials it finds.

use std::fs;

use mcp_cloud_tests::cli_binary;
use serde_json::Value;

use crate::account::{Account, REGION, Run};

#[test]
fn doctor_finds_nothing_wrong_where_nothing_is_deployed_and_writes_nothing() {
    let Some(account) = Account::open() else { return };
    let run = account.run(&["doctor"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run}");
    let expected = [
        "file",
        "  OK   `mcp-cloud.toml`: `hello` can be deployed",
        "tools",
        "credentials",
        "  OK   region: eu-west-1",
        "  OK   credentials: from environment variables, without an end",
        "  SKIP account that `aws.account` allows: the file allows any account; this one is 000000000000",
        "stack",
        "  SKIP stack `hello`: nothing is deployed yet",
        "function",
        "rights",
        "quotas",
        "  OK   invocations at a time: ",
        "secrets",
        "  SKIP all of it: the server needs none",
        "certificate",
        "domain",
        "endpoint",
    ];
    let mut lines = run.stdout.lines();
    for line in expected {
        assert!(
            lines.any(|shown| shown == line || line.ends_with(": ") && shown.starts_with(line)),
            "`{line}` is shown, and in this order: {run}"
        );
    }
    assert_nothing_was_written(&account, &run);
}

#[test]
fn doctor_names_what_is_not_as_it_should_be_and_what_to_do() {
    let Some(account) = Account::open() else { return };
    let names = account.run_script("furnish.py", &["hello", "http://127.0.0.1:9/mcp"]).json();
    let name = |key: &str| names[key].as_str().expect("it is a name").to_owned();
    let (here, leaving, certificate) = (name("here"), name("leaving"), name("certificate"));
    let lost = here.replace(":secret:here-", ":secret:lost-");
    account.write_app(&format!(
        "certificate = {certificate:?}\ntrigger = \"http-api\"\n[scaling]\nmaximum = 1000\n[endpoint]\ndomain = \
         \"a.b.example.com\"\n[secrets.HERE]\naws = {here:?}\n[secrets.LEAVING]\naws = {leaving:?}\n[secrets.LOST]\naws = \
         \"{lost}\"\n"
    ));
    let run = account.run(&["wait"]);
    assert_eq!(run.code, Some(0), "the stack is there: {run}");

    let token = account.app().join("token");
    fs::write(&token, "header.claims.signature").expect("the token is written");
    let mut command = account.command(cli_binary());
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command.env("AWS_WEB_IDENTITY_TOKEN_FILE", token).env("AWS_ROLE_ARN", name("role"));
    account.proxy.take_calls();
    let run = Run::of(command.args(["doctor", "--output", "json"]).arg(account.app()));
    assert_eq!(run.code, Some(1), "{run}");
    assert!(!run.stdout.contains("a value that nobody reads"), "{run}");
    let report = run.json();
    let finding = |group: &str, question: &str| find(&report, group, question, &run);

    let source = finding("credentials", "credentials");
    assert!(answer(&source).starts_with("from a web identity (OpenID Connect), until 20"), "{run}");
    assert!(answer(&finding("credentials", "whose they are")).contains(":assumed-role/deployer/"), "{run}");
    assert_eq!(verdict(&finding("stack", "stack `hello`")), "OK", "{run}");
    let rights = finding("rights", "give the function a role");
    assert_eq!(answer(&rights), "may not iam:CreateRole (denied in words)", "{run}");
    assert_eq!(verdict(&finding("rights", "change the function")), "OK", "{run}");
    for (group, question, said) in [
        ("function", "function `hello`", "is not there, although the stack says so"),
        ("quotas", "invocations at a time", "`scaling.maximum` asks for 1000"),
        ("secrets", "LEAVING", "is to be deleted on 20"),
        ("endpoint", "the endpoint answers", "cannot reach 127.0.0.1:9"),
        ("secrets", "LOST", "there is no secret"),
        ("certificate", "is for `a.b.example.com`", "is for *.example.com"),
    ] {
        let finding = finding(group, question);
        assert_eq!(verdict(&finding), "NG", "{finding}");
        assert!(answer(&finding).contains(said), "{finding}");
        assert!(finding["hint"].is_string(), "{finding}");
    }
    assert_eq!(verdict(&finding("secrets", "HERE")), "OK", "{run}");
    let findings = report["findings"].as_array().expect("a list");
    let counted = ["OK", "NG", "SKIP"].map(|word| findings.iter().filter(|finding| verdict(finding) == word).count());
    assert_eq!(counted.map(Value::from), ["ok", "ng", "skip"].map(|key| report[key].clone()), "{run}");
    let words = format!("error: {} things are not as they should be\n", counted[1]);
    assert_eq!(run.stderr, words, "{run}");
    assert_nothing_was_written(&account, &run);
}

#[test]
fn doctor_says_what_it_cannot_ask_and_why() {
    let Some(account) = Account::open() else { return };
    let mut command = account.command(cli_binary());
    command.env_remove("AWS_ACCESS_KEY_ID");
    let run = Run::of(command.args(["doctor", "--output", "json"]).arg(account.app()));
    assert_eq!(run.code, Some(1), "{run}");
    let report = run.json();
    assert_eq!(verdict(&find(&report, "credentials", "credentials", &run)), "NG", "{run}");
    assert_eq!(answer(&find(&report, "stack", "all of it", &run)), "AWS cannot be asked", "{run}");

    fs::write(account.app().join("mcp-cloud.toml"), "name = 7\n").expect("the file is written");
    let run = account.run(&["doctor"]);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.stdout.starts_with("file\n  NG   `mcp-cloud.toml`: "), "{run}");
    assert!(account.proxy.take_calls().is_empty(), "nobody is asked about a file that cannot be used: {run}");
}

/// The tokens of a pipeline are exchanged for credentials of its role, by the names that AWS's own tools use.
#[test]
fn web_identity_of_a_pipeline_takes_its_role() {
    let Some(account) = Account::open() else { return };
    let role = account.run_script("furnish.py", &["other", "http://127.0.0.1:9/mcp"]).json()["role"]
        .as_str()
        .expect("a role")
        .to_owned();
    let token = account.app().join("token");
    fs::write(&token, "header.claims.signature").expect("the token is written");
    let mut command = account.command(cli_binary());
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command.env("AWS_WEB_IDENTITY_TOKEN_FILE", token).env("AWS_ROLE_ARN", role);
    let run = Run::of(command.arg("status").arg(account.app()));
    assert_eq!(run.code, Some(0), "{run}");
    let calls = account.proxy.take_calls();
    assert!(calls.first().is_some_and(|call| call.is("AssumeRoleWithWebIdentity")), "{calls:?}");
}

#[test]
fn profile_brings_its_region_and_its_credentials() {
    let Some(account) = Account::open() else { return };
    let config = account.app().join("config");
    let text = format!(
        "[profile team]\nregion = {REGION}\naws_access_key_id = 111111111111\naws_secret_access_key = secret\n"
    );
    fs::write(&config, text).expect("the profile is written");
    let mut command = account.command(cli_binary());
    // The keys in the environment are somebody else's.
    command.env_remove("AWS_REGION");
    let run = Run::of(command.env("AWS_CONFIG_FILE", config).args(["status", "--profile", "team"]).arg(account.app()));
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (Some(0), "hello is not deployed in eu-west-1, account 111111111111\n"),
        "{run}"
    );
}

fn find(report: &Value, group: &str, question: &str, run: &Run) -> Value {
    let mut findings = report["findings"].as_array().into_iter().flatten();
    let found = findings.find(|finding| finding["group"] == group && finding["question"] == question);
    found.unwrap_or_else(|| panic!("`{question}` of {group} is asked: {run}")).clone()
}

fn verdict(finding: &Value) -> &str {
    finding["verdict"].as_str().unwrap_or_default()
}

fn answer(finding: &Value) -> &str {
    finding["answer"].as_str().unwrap_or_default()
}

fn assert_nothing_was_written(account: &Account, run: &Run) {
    let calls = account.proxy.take_calls();
    assert!(!calls.is_empty(), "the calls were seen: {run}");
    let writes: Vec<_> = calls.iter().filter(|call| call.is_write()).collect();
    assert!(writes.is_empty(), "{writes:?}\n{run}");
}
