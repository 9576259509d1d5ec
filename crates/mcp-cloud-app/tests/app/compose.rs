//! Docker Compose: what is refused and why, and what follows from what is said.

use std::path::Path;

use mcp_cloud_app::{App, Code, Severity, Target};

use crate::directory;

/// What is wrong with a file, each a severity and a sentence.
fn found(manifest: &str) -> Vec<(Severity, String)> {
    let directory = directory(format!("name = \"a\"\n{manifest}"));
    let app = App::load(directory.path()).unwrap();
    Target::Compose.check(&app).into_iter().map(|found| (found.severity, found.message)).collect()
}

fn refused(manifest: &str, expected: &str) {
    assert_eq!(found(manifest), [(Severity::Error, expected.to_owned())], "{manifest}");
}

fn warned(manifest: &str, expected: &str) {
    assert_eq!(found(manifest), [(Severity::Warning, expected.to_owned())], "{manifest}");
}

fn emitted(manifest: &str, file: &str) -> String {
    let directory = directory(format!("name = \"a\"\n{manifest}"));
    let app = App::load(directory.path()).unwrap();
    let bundle = Target::Compose.emit(&app, &Code::Local { output_directory: app.manifest_directory.clone() });
    bundle.files.get(Path::new(file)).cloned().unwrap_or_default()
}

const EVERYONE: &str = "auth.mode = \"none\"\nendpoint.domain = \"a.example.com\"\ncompose.tls = true\n";

#[test]
fn what_nobody_would_guard_is_refused() {
    refused(
        "[auth]\nmode = \"jwt\"\nissuer = \"https://a.example\"\naudiences = [\"a\"]\n",
        "mode is `jwt`, but nothing under Compose checks tokens",
    );
    refused(
        "network.exposure = \"public\"\n",
        "exposure is `public`, but mode is `platform`, and Compose has nothing that asks who calls",
    );
    refused(
        "endpoint.domain = \"a.example.com\"\ncompose.tls = true\n",
        "a proxy for everyone would be in front of a server whose mode is `platform`, and Compose has nothing that asks \
         who calls",
    );
    refused("network.waf = true\n", "waf is a firewall of AWS, and Compose has none");
    refused(
        "auth.mode = \"none\"\nnetwork = { exposure = \"public\", allow = [\"10.0.0.0/8\"] }\n",
        "allow names who may call, but without a proxy everyone may",
    );
}

#[test]
fn proxy_that_could_not_work_is_refused() {
    refused(
        "auth.mode = \"none\"\ncompose.tls = true\n",
        "the proxy needs a name to get a certificate for, and there is no `domain`",
    );
    let tls = "auth.mode = \"none\"\nendpoint.domain = \"a.example.com\"\n";
    refused(
        &format!("{tls}compose = {{ tls = true, port = 80 }}\n"),
        "port is 80, which the proxy needs to get its certificate",
    );
    refused(
        &format!("{EVERYONE}network.exposure = \"private\"\n"),
        "exposure is `private`, but the proxy faces the internet, where its certificate comes from",
    );
    refused("scaling.minimum = 2\n", "minimum is 2, but one port of this machine can belong to one server only");
}

#[test]
fn secret_without_a_file_is_refused() {
    let secret = "aws = \"arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf\"";
    let build = "[build]\ncommand = [\"node\"]\n";
    refused(
        &format!("{build}[secrets.KEY]\n{secret}\n"),
        "the secret `KEY` is in no file, and Compose brings secrets from nowhere else",
    );
    let sealed = found("state.sessions = \"sealed\"\n");
    let message = "sessions are sealed, but no file has the key, and Compose makes none";
    assert!(sealed.contains(&(Severity::Error, message.to_owned())), "{sealed:?}");
    warned(
        "secrets.KEY.file = \"key\"\n",
        "Compose brings secrets as files: `KEY` is in the file that `KEY_FILE` names",
    );
}

#[test]
fn variables_and_labels_that_are_taken_are_refused() {
    refused("environment.PORT = \"1\"\n", "`PORT` is set by mcp-cloud itself; use `port` under `[compose]`");
    refused(
        "environment.KEY_FILE = \"a\"\nsecrets.KEY.file = \"key\"\n[build]\ncommand = [\"node\"]\n",
        "`KEY_FILE` names the file of the secret `KEY`, and is set by mcp-cloud itself",
    );
    refused(
        "tags.\"com.docker.compose.project\" = \"a\"\n",
        "the tag `com.docker.compose.project` begins with `com.docker.compose`, which Compose keeps for itself",
    );
}

#[test]
fn what_is_elsewhere_is_named() {
    let store = found("state.store = \"dynamodb\"\n");
    assert!(store.contains(&(Severity::Error, "store is `dynamodb`, which is on AWS alone".to_owned())), "{store:?}");
    warned(
        "telemetry.traces = \"platform\"\n",
        "traces go to what the platform has for them, and Compose has nothing: there will be none",
    );
    warned(
        "telemetry = { traces = \"otlp\", otlp-endpoint = \"http://a:4318\" }\nnetwork.egress = \"platform\"\n",
        "traces go to a collector, but egress is `platform`, and the server reaches nothing outside",
    );
    refused(
        "build.command = [\"node\"]\ncompose.memory = 64\n",
        "memory is 64 MiB, but a command of the runtime `node` needs 128 to start",
    );
}

#[test]
fn port_is_open_to_everyone_only_when_both_words_are_said() {
    let port = |manifest: &str| emitted(manifest, "compose.yaml").contains("- '8080:8080'");
    assert!(!port("") && !port("auth.mode = \"none\"\n") && !port("network.exposure = \"public\"\n"));
    assert!(!port("auth.mode = \"none\"\nnetwork.exposure = \"private\"\n"));
    assert!(port("auth.mode = \"none\"\nnetwork.exposure = \"public\"\n"));
}

#[test]
fn only_the_proxy_has_ports_and_it_waits_for_the_server() {
    let compose = emitted(EVERYONE, "compose.yaml");
    assert!(!compose.contains(":8080'") && compose.contains("- '80:80'\n      - '443:443'\n"), "{compose}");
    let caddyfile = emitted(EVERYONE, "Caddyfile");
    assert!(caddyfile.contains("\na.example.com {\n") && caddyfile.contains("flush_interval -1"), "{caddyfile}");
}

#[test]
fn dollar_signs_stay_what_they_are() {
    let compose = emitted("environment.A = \"$HOME $${B}\"\ntags.team = \"$A\"\n", "compose.yaml");
    assert!(compose.contains("A: '$$HOME $$$${B}'\n") && compose.contains("team: '$$A'\n"), "{compose}");
}

#[test]
fn server_that_may_reach_nothing_shares_a_network_with_the_proxy_alone() {
    let compose = emitted(&format!("{EVERYONE}network.egress = \"platform\"\n"), "compose.yaml");
    assert!(compose.contains("  inside:\n    internal: true\n"), "{compose}");
    let server = compose.split("\n  server:\n").nth(1).unwrap();
    assert!(server.contains("networks:\n      - inside\n    env"), "{server}");
}

#[test]
fn processor_is_that_of_the_machine_unless_said() {
    assert!(!emitted("", "compose.yaml").contains("platform:"));
    assert!(emitted("resources.architecture = \"arm64\"\n", "compose.yaml").contains("platform: linux/arm64\n"));
}

#[test]
fn image_is_deployed_as_it_is() {
    let directory = directory("name = \"a\"\n");
    let app = App::load(directory.path()).unwrap();
    let code = Code::Image {
        output_directory: app.manifest_directory.clone(),
        reference: format!("ghcr.io/example/a@sha256:{}", "0".repeat(64)),
    };
    let bundle = Target::Compose.emit(&app, &code);
    let compose = bundle.files.get(Path::new("compose.yaml")).unwrap();
    assert!(compose.contains("image: ghcr.io/example/a@sha256:0") && !compose.contains("build:"), "{compose}");
    assert_eq!(bundle.files.len(), 1);
}
