//! `mcp-cloud secrets`: what is put into Secrets Manager, and what nobody gets to see.

use serde_json::{Value, json};

use crate::account::{Account, Run};

/// The values of this test; none of them may be seen anywhere.
const VALUES: [&str; 5] = ["first-hunter2", "second-hunter2", "third-hunter2", "typed-hunter2", "other-hunter2"];

#[test]
fn secret_is_set_listed_rotated_and_removed() {
    let Some(account) = Account::open() else { return };
    created_from_a_pipe_it_is_ours(&account);
    same_value_sends_no_write(&account);
    other_values_keep_the_one_before(&account);
    refusals_send_no_write(&account);
    removed_it_can_be_restored_on_consent(&account);
    in_use_it_stays(&account);
}

fn created_from_a_pipe_it_is_ours(account: &Account) {
    let run = account.run(&["secrets", "list"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{run}");
    let run = set(account, "first-hunter2\n", &["secrets", "set", "API_KEY"]);
    assert_eq!(run.code, Some(0), "{run}");
    let arn = run.stdout.trim_end().to_owned();
    assert!(arn.starts_with("arn:aws:secretsmanager:eu-west-1:000000000000:secret:hello/API_KEY-"), "{run}");
    assert!(run.stderr.contains(&format!("write `aws = \"{arn}\"` under `[secrets.API_KEY]`")), "{run}");
    let secret = show(account, "hello/API_KEY");
    assert_eq!(secret["values"], json!({ "AWSCURRENT": "first-hunter2" }), "the line's end is no part of it");
    assert_eq!(secret["tags"]["mcp-cloud:app"], "hello", "{secret}");

    let gone = format!("{}-abcdef", arn.rsplit_once('-').expect("it has an end").0.replace("API_KEY", "GONE"));
    account.write_app(&format!("[secrets]\nAPI_KEY.aws = {arn:?}\nGONE.aws = {gone:?}"));
    account.proxy.take_calls();
    let run = account.run(&["secrets", "list"]);
    assert_eq!(run.code, Some(0), "{run}");
    let lines: Vec<_> = run.stdout.lines().collect();
    assert!(
        matches!(lines.as_slice(), [one, other] if one.starts_with("API_KEY") && one.contains("since 20") && other.contains("MISSING")),
        "{run}"
    );
    let calls = account.proxy.take_calls();
    assert!(!calls.iter().any(|call| call.is("GetSecretValue")), "a list reads no value: {calls:?}");
    let listed = account.run(&["secrets", "list", "--output", "json"]).json();
    assert_eq!(listed["secrets"][0]["variables"], json!(["API_KEY"]), "{listed}");
    assert_eq!(listed["secrets"][0]["record"]["app"], "hello", "{listed}");
    assert_eq!(listed["secrets"][1]["missing"]["absence"], "no-such-secret", "{listed}");
    account.write_app(&format!("[secrets]\nAPI_KEY.aws = {arn:?}"));
}

fn same_value_sends_no_write(account: &Account) {
    account.proxy.take_calls();
    let run = set(account, "first-hunter2", &["secrets", "set", "API_KEY", "--output", "json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (Some(0), &"unchanged".into()), "{run}");
    assert_no_write(account, &run);
}

fn other_values_keep_the_one_before(account: &Account) {
    let run = set(account, "second-hunter2\r\n", &["secrets", "set", "API_KEY", "--output", "json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (Some(0), &"updated".into()), "{run}");
    assert!(run.stderr.contains("after the next `mcp-cloud deploy`, not before"), "{run}");
    assert_eq!(
        show(account, "hello/API_KEY")["values"],
        json!({ "AWSCURRENT": "second-hunter2", "AWSPREVIOUS": "first-hunter2" })
    );

    let run = account.run(&["secrets", "rotate", "API_KEY", "--length", "20", "--characters", "hexadecimal"]);
    assert_eq!(run.code, Some(0), "{run}");
    let values = &show(account, "hello/API_KEY")["values"];
    assert_eq!(values["AWSPREVIOUS"], "second-hunter2", "{values}");
    let made_up = values["AWSCURRENT"].as_str().expect("it has a value");
    assert!(made_up.len() == 20 && made_up.bytes().all(|byte| byte.is_ascii_hexdigit()), "{made_up}");
    assert!(!format!("{run}").contains(made_up), "{run}");

    let run = account.run_in_terminal("typed-hunter2", &["secrets", "rotate", "API_KEY", "--given"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_unseen(&run);
    assert!(run.stdout.contains("value of API_KEY (not shown): "), "{run}");
    assert_eq!(show(account, "hello/API_KEY")["values"]["AWSCURRENT"], "typed-hunter2");
}

fn refusals_send_no_write(account: &Account) {
    account.proxy.take_calls();
    let cases: [(&[u8], &[&str], i32, &str); 6] = [
        (b"typed-hunter2", &["secrets", "rotate", "API_KEY", "--given"], 1, "has this value already"),
        (b"\n", &["secrets", "set", "API_KEY"], 1, "the value is empty"),
        (b"\xff\xfe", &["secrets", "set", "API_KEY"], 1, "is no text in UTF-8"),
        (&[b'a'; 65_537], &["secrets", "set", "API_KEY"], 1, "longer than the 65536 bytes"),
        (b"other-hunter2", &["secrets", "rotate", "NEW", "--given"], 1, "there is no secret `hello/NEW`"),
        (b"other-hunter2", &["secrets", "set", "NO-VARIABLE"], 2, "letters, digits and `_`"),
    ];
    for (input, arguments, code, sentence) in cases {
        let run = account.run_with_input(input, arguments);
        assert_eq!(run.code, Some(code), "{run}");
        assert!(run.stderr.contains(sentence) && run.stdout.is_empty(), "{run}");
        assert_unseen(&run);
    }
    // What somebody takes for the place of the value is the directory.
    let run =
        Run::of(account.command(mcp_cloud_tests::cli_binary()).args(["secrets", "set", "API_KEY", "other-hunter2"]));
    assert_eq!(run.code, Some(2), "{run}");
    assert!(run.stderr.contains("a value is no argument"), "{run}");
    assert_unseen(&run);
    let run = account.run(&["secrets", "remove", "API_KEY"]);
    assert!(run.code == Some(3) && run.stderr.contains("pass `--yes`"), "{run}");
    assert_no_write(account, &run);
}

fn removed_it_can_be_restored_on_consent(account: &Account) {
    let arn = show(account, "hello/API_KEY")["arn"].clone();
    let run = account.run_in_terminal("n", &["secrets", "remove", "API_KEY"]);
    assert!(run.code == Some(3) && run.stdout.contains("stopped, and nothing was changed"), "{run}");
    let run = account.run(&["secrets", "remove", "API_KEY", "--recovery", "7", "--yes", "--output", "json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (Some(0), &"scheduled".into()), "{run}");
    let run = account.run(&["secrets", "list"]);
    assert!(run.stdout.contains("MISSING: scheduled for deletion") && run.stdout.contains("gone on 20"), "{run}");
    let run = set(account, "third-hunter2", &["secrets", "rotate", "API_KEY", "--given"]);
    assert!(run.code == Some(1) && run.stderr.contains("is to be deleted on 20"), "{run}");

    account.proxy.take_calls();
    let run = set(account, "third-hunter2", &["secrets", "set", "API_KEY"]);
    assert!(run.code == Some(3) && run.stderr.contains("pass `--yes`"), "{run}");
    assert_no_write(account, &run);
    let run = account.run_in_terminal("y\nthird-hunter2", &["secrets", "set", "API_KEY"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_unseen(&run);
    let restored = show(account, "hello/API_KEY");
    assert_eq!((&restored["arn"], &restored["values"]["AWSCURRENT"]), (&arn, &"third-hunter2".into()), "{restored}");
}

fn in_use_it_stays(account: &Account) {
    let arn = show(account, "hello/API_KEY")["arn"].as_str().expect("it has one").to_owned();
    account.run_script("named_stack.py", &["hello", &format!("{{{{resolve:secretsmanager:{arn}:SecretString}}}}")]);
    let run = account.run(&["secrets", "remove", "API_KEY", "--now", "--yes"]);
    assert!(run.code == Some(1) && run.stderr.contains("still referred to by what is deployed as `hello`"), "{run}");
    assert_no_write(account, &run);
    let run = account.run(&["secrets", "remove", "API_KEY", "--now", "--force", "--yes"]);
    assert!(run.code == Some(0) && run.stderr.contains("hello/API_KEY is gone"), "{run}");
    let run = account.run(&["secrets", "remove", "API_KEY", "--yes"]);
    assert!(run.code == Some(0) && run.stderr.contains("there is no secret"), "{run}");
}

#[test]
fn member_of_json_is_set_and_what_others_made_stays_theirs() {
    let Some(account) = Account::open() else { return };
    let value = "{\"user\": \"admin\", \"port\":5432.0, \"password\":\"first-hunter2\"}";
    let arn = account.run_script("secret.py", &["make", "shared/db", value]).stdout.trim_end().to_owned();
    account.write_app(&format!("[secrets.PASSWORD]\naws = {arn:?}\nkey = \"password\""));
    let run = set(&account, "second-hunter2", &["secrets", "set", "PASSWORD"]);
    assert_eq!(run.code, Some(0), "{run}");
    let values = show(&account, "shared/db")["values"].clone();
    assert_eq!(values["AWSCURRENT"], "{\"password\":\"second-hunter2\",\"port\":5432.0,\"user\":\"admin\"}");
    account.proxy.take_calls();
    let run = set(&account, "second-hunter2", &["secrets", "set", "PASSWORD"]);
    assert_no_write(&account, &run);
    let run = account.run(&["secrets", "remove", "PASSWORD", "--yes"]);
    assert!(run.code == Some(1) && run.stderr.contains("was not created by mcp-cloud for `hello`"), "{run}");
    assert_no_write(&account, &run);

    // One that is ours and that the file does not name any more is listed, and removed by its name.
    let _ = account.run_script("secret.py", &["make", "hello/old", "other-hunter2", "hello"]);
    let _ = account.run_script("secret.py", &["make", "wages/key", "other-hunter2", "wages"]);
    let run = account.run(&["secrets", "list"]);
    assert!(run.stdout.contains("hello/old") && run.stdout.contains("not needed any more"), "{run}");
    assert!(!run.stdout.contains("wages"), "{run}");
    let run = account.run(&["secrets", "remove", "wages/key", "--yes"]);
    assert_eq!(run.code, Some(1), "{run}");
    let run = account.run(&["secrets", "remove", "hello/old", "--now", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");

    let arn = account.run_script("secret.py", &["make", "shared/text", "no JSON"]).stdout.trim_end().to_owned();
    account.write_app(&format!("[secrets.PASSWORD]\naws = {arn:?}\nkey = \"password\""));
    let run = set(&account, "other-hunter2", &["secrets", "set", "PASSWORD"]);
    assert!(run.code == Some(1) && run.stderr.contains("holds no JSON object"), "{run}");
}

fn set(account: &Account, value: &str, arguments: &[&str]) -> Run {
    let run = account.run_with_input(value.as_bytes(), arguments);
    assert_unseen(&run);
    run
}

fn show(account: &Account, name: &str) -> Value {
    account.run_script("secret.py", &["show", name]).json()
}

fn assert_unseen(run: &Run) {
    let shown = format!("{}{}", run.stdout, run.stderr);
    assert!(VALUES.iter().all(|value| !shown.contains(value)), "a value is never shown: {run}");
}

fn assert_no_write(account: &Account, run: &Run) {
    let calls = account.proxy.take_calls();
    assert!(!calls.is_empty(), "the calls were seen: {run}");
    let writes: Vec<_> = calls.iter().filter(|call| call.is_write()).collect();
    assert!(writes.is_empty(), "{writes:?}\n{run}");
}
