//! The command: exit code, standard output and standard error, each on its own.

use std::{fs, path::Path, process::Command};

use mcp_cloud_tests::{cli_binary, workspace_root};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

fn emit(directory: &Path, arguments: &[&str]) -> Outcome {
    let output = Command::new(cli_binary()).current_dir(directory).arg("emit").args(arguments).output().unwrap();
    Outcome {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A directory with a server in `server`.
fn project(manifest: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let server = directory.path().join("server");
    fs::create_dir_all(server.join("src")).unwrap();
    fs::write(server.join("Cargo.toml"), "[package]\nname = \"server\"\n").unwrap();
    fs::write(server.join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(server.join("mcp-cloud.toml"), manifest).unwrap();
    directory
}

#[test]
fn own_template_is_what_the_example_says() {
    let outcome = emit(workspace_root(), &["examples/hello", "--target", "sam", "--into", ".", "--check"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "run the command without `--check`");
    let template = fs::read_to_string(crate::own_template()).unwrap();
    assert!(template.contains("\n      CodeUri: examples/hello\n"), "`sam build` finds the package from the root");
}

#[test]
fn infra_is_what_its_manifests_say() {
    for directory in crate::infra() {
        let name = directory.file_name().unwrap().to_str().unwrap();
        // A folder is called by its target, or by a trigger of Lambda's.
        let is_trigger = ["function-url", "http-api", "rest-api-stream"].contains(&name);
        let target = if is_trigger { "sam" } else { name };
        let outcome = emit(workspace_root(), &[directory.to_str().unwrap(), "--target", target, "--check"]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "run the command without `--check`");
    }
}

#[test]
fn files_are_written_beside_the_server_and_their_paths_printed() {
    let project = project("name = \"notes\"\n");
    let outcome = emit(project.path(), &["server", "--target", "sam"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()),
        (0, "server/samconfig.toml\nserver/template.yaml\n", "")
    );
    let written = fs::read_to_string(project.path().join("server/template.yaml")).unwrap();
    assert!(written.contains("CodeUri: '.'"), "{written}");

    let inside = emit(&project.path().join("server"), &["--target", "sam"]);
    assert_eq!((inside.code, inside.stdout.as_str()), (0, "samconfig.toml\ntemplate.yaml\n"));
    assert_eq!(fs::read_to_string(project.path().join("server/template.yaml")).unwrap(), written);
}

#[test]
fn code_is_found_from_wherever_the_files_are() {
    let project = project("name = \"notes\"\n");
    let outcome = emit(project.path(), &["server", "--target", "sam", "--into", "deploy/aws"]);
    assert_eq!(
        (outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()),
        (0, "deploy/aws/samconfig.toml\ndeploy/aws/template.yaml\n", "")
    );
    let written = fs::read_to_string(project.path().join("deploy/aws/template.yaml")).unwrap();
    assert!(written.contains("CodeUri: '../../server'"), "{written}");
}

#[test]
fn json_output_says_what_state_each_file_was_in() {
    let project = project("name = \"notes\"\n");
    let arguments = ["server", "--target", "sam", "--output", "json"];
    let report = |arguments: &[&str]| {
        let outcome = emit(project.path(), arguments);
        (outcome.code, serde_json::from_str::<Value>(&outcome.stdout).unwrap())
    };
    let expected = |config: &str, template: &str| {
        json!({ "targets": ["sam"], "files": [
            { "path": "server/samconfig.toml", "state": config },
            { "path": "server/template.yaml", "state": template },
        ] })
    };
    assert_eq!(report(&[&arguments[..], &["--check"]].concat()), (1, expected("missing", "missing")));
    assert_eq!(report(&arguments), (0, expected("missing", "missing")));
    assert_eq!(report(&arguments), (0, expected("current", "current")));
    let manifest = project.path().join("server/mcp-cloud.toml");
    fs::write(manifest, "name = \"notes\"\nlambda.memory = 512\n").unwrap();
    assert_eq!(report(&[&arguments[..], &["--check"]].concat()), (1, expected("current", "stale")));
    assert_eq!(report(&arguments), (0, expected("current", "stale")));
    assert_eq!(report(&[&arguments[..], &["--check"]].concat()), (0, expected("current", "current")));
}

/// Most readers of YAML in the ecosystem of CloudFormation follow version 1.1, where more words and letters mean
/// something than in 1.2.
#[test]
fn every_text_is_read_back_as_it_was_by_a_reader_of_yaml_1_1() {
    let Some(python) = mcp_cloud_tests::python() else { return };
    let words = [
        "yes",
        "No",
        "on",
        "OFF",
        "y",
        "N",
        "true",
        "null",
        "~",
        "",
        " ",
        "=",
        "<<",
        "---",
        "...",
        "012",
        "0o12",
        "0x1F",
        "0b11",
        "1_000",
        "+1",
        "1e3",
        "1.",
        ".5",
        ".inf",
        ".nan",
        "12:30:45",
        "190:20:30.15",
        "2026-11-21",
        "2026-11-21T10:00:00Z",
        "- a",
        "a: b",
        "a:",
        "a #b",
        "#a",
        "!Ref a",
        "!",
        "&a",
        "*a",
        "%a",
        "@a",
        "`a`",
        "|",
        ">",
        "? a",
        "[a",
        "{a}",
        "a]",
        "'",
        "''",
        "\"",
        "\\",
        "\\n",
        "a\n",
        "\na",
        "a\n\nb",
        "\t",
        "a\tb",
        " a",
        "a ",
        "a  b",
        "${AWS::Region}",
        "{{resolve:ssm:/a}}",
        "a, b",
        "\r\n",
        "Grüße",
        "🦀",
    ];
    // Around every border in what YAML calls printable.
    let letters = (1..0x180).chain(0x2020..0x2030).chain(0xd7f0..0xd800).chain(0xe000..0xe004).chain(0xf8fe..0xf904);
    let letters = letters.chain(0xfdd0..0xfdd2).chain(0xfef8..0xff02).chain(0xfff8..0x1_0004).chain(0x1_fffe..0x2_0004);
    let letters =
        letters.chain([0x10_fffd, 0x10_ffff]).filter_map(char::from_u32).map(|letter| format!("{letter}a{letter}"));
    let texts: Vec<String> = words.into_iter().map(str::to_owned).chain(letters).collect();

    for texts in texts.chunks(256) {
        let named: serde_json::Map<String, Value> =
            texts.iter().enumerate().map(|(index, text)| (format!("V{index:03}"), json!(text))).collect();
        let mut manifest = String::from("name = \"notes\"\n[environment]\n");
        for (name, text) in &named {
            // A JSON string is a TOML string, but for the letter DEL and the surrogates that `json!` does not write.
            manifest.push_str(&format!("{name} = {}\n", text.to_string().replace('\u{7f}', "\\u007F")));
        }
        let project = project(&manifest);
        let outcome = emit(project.path(), &["server", "--target", "sam"]);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
        let read = "import json, sys, yaml; json.dump(yaml.safe_load(open(sys.argv[1], encoding='utf-8', newline=''))\
                    ['Resources']['Server']['Properties']['Environment']['Variables'], sys.stdout)";
        let template = project.path().join("server/template.yaml");
        let answer = Command::new(&python).args(["-c", read]).arg(template).output().unwrap();
        assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
        let mut answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
        answer.as_object_mut().unwrap().remove("MCP_CLOUD_RESPONSE_MODE");
        for (name, text) in named {
            assert_eq!(answer[&name], text, "{text}");
        }
    }
}

#[test]
fn check_writes_nothing_and_fails_when_a_file_is_missing() {
    let project = project("name = \"notes\"\n");
    let outcome = emit(project.path(), &["server", "--target", "sam", "--into", "deploy", "--check"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    assert_eq!(
        outcome.stderr,
        "error: `deploy/samconfig.toml` is missing\nhint: run `mcp-cloud emit server --target sam --into deploy`\n"
    );
    assert!(!project.path().join("deploy").exists());
}

#[test]
fn check_shows_the_lines_that_differ() {
    let project = project("name = \"notes\"\n");
    assert_eq!(emit(project.path(), &["server", "--target", "sam"]).code, 0);
    let template = project.path().join("server/template.yaml");
    let stale = fs::read_to_string(&template).unwrap().replace("MemorySize: 256", "MemorySize: 512");
    fs::write(&template, &stale).unwrap();
    let outcome = emit(project.path(), &["server", "--target", "sam", "--check"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    assert_eq!(
        outcome.stderr,
        "server/template.yaml:14\n-       MemorySize: 512\n+       MemorySize: 256\n\
         error: `server/template.yaml` is not what `mcp-cloud.toml` says\n\
         hint: run `mcp-cloud emit server --target sam`\n"
    );
    assert_eq!(fs::read_to_string(&template).unwrap(), stale);
}

#[test]
fn file_that_was_not_emitted_is_not_written_over() {
    let project = project("name = \"notes\"\n");
    let template = project.path().join("server/template.yaml");
    fs::write(&template, "Resources: {}\n").unwrap();
    let outcome = emit(project.path(), &["server", "--target", "sam"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""));
    assert_eq!(
        outcome.stderr,
        "error: `server/template.yaml` is there already, and was not emitted\n\
         hint: move it away, choose another directory with `--into`, or write over it with `--force`\n"
    );
    assert_eq!(fs::read_to_string(&template).unwrap(), "Resources: {}\n");
}

#[test]
fn broken_file_is_refused_line_by_line() {
    let project = project("name = \"notes\"\n[lambda]\nmemory = 64\ntimeout = 1000\n");
    let outcome = emit(project.path(), &["server", "--target", "sam"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert_eq!(
        outcome.stderr,
        "error: server/mcp-cloud.toml:3:10: memory is 64 MB, but Lambda takes 128 to 10240 MB\n\
         hint: see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html\n\
         error: server/mcp-cloud.toml:4:11: timeout is 1000 s, but Lambda takes 1 to 900 s\n\
         hint: see https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html\n"
    );
    assert!(!project.path().join("server/template.yaml").exists());
}

#[test]
fn limit_of_the_target_is_an_error_and_an_oddity_a_warning() {
    let project = project("name = \"notes\"\nlambda.hosted-zone = \"Z0123\"\n[environment]\nAWS_REGION = \"x\"\n");
    let outcome = emit(project.path(), &["server", "--target", "sam"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert_eq!(
        outcome.stderr,
        "warning: server/mcp-cloud.toml:2:22: hosted-zone says nothing without a domain\n\
         hint: name it: `domain = \"…\"` under `[endpoint]`\n\
         error: server/mcp-cloud.toml:4:14: `AWS_REGION` is a variable that Lambda sets itself\n"
    );
}

#[test]
fn directory_without_a_file_is_refused_with_a_hint() {
    let empty = tempfile::tempdir().unwrap();
    let outcome = emit(empty.path(), &["--target", "sam"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert_eq!(
        outcome.stderr,
        "error: there is no `mcp-cloud.toml`\nhint: name the directory of a server, or write its `mcp-cloud.toml`; one \
         line is enough: `name = \"my-server\"`\n"
    );
}

#[test]
fn unknown_target_is_refused_with_the_known_ones() {
    let outcome = emit(workspace_root(), &["examples/hello", "--target", "heroku"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (2, ""));
    assert!(
        outcome.stderr.contains("'heroku'") && outcome.stderr.contains("[possible values: sam, ecs, "),
        "{}",
        outcome.stderr
    );
}
