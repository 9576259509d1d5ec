//! Every bad line gets its own sentence, with the line and what would be right.

use std::{fs, path::Path};

use mcp_cloud_app::{
    App, LoadError,
    app::{AuthMode, Trigger},
};

use crate::{directory, findings, load};

#[test]
fn one_line_is_enough_and_the_rest_is_default() {
    let app = load("name = \"notes\"\n").unwrap();
    let cargo = app.cargo().unwrap();
    assert_eq!((app.name.as_str(), cargo.package.as_str(), cargo.binary.as_str()), ("notes", "server", "server"));
    assert_eq!((app.endpoint.path.as_str(), app.description.as_str()), ("/mcp", "MCP server notes"));
    assert_eq!((app.lambda.memory_mb, app.lambda.timeout_seconds), (256, 60));
    assert_eq!((app.lambda.trigger, app.auth.mode), (Trigger::FunctionUrl, AuthMode::Platform));
    assert_eq!(app.architecture.rust_target(), "aarch64-unknown-linux-musl");
    assert!(app.aws.region.is_none() && app.warnings.is_empty() && app.environment_name.is_none());
    assert!(app.manifest_directory.is_absolute() && cargo.package_directory.is_absolute());
}

#[test]
fn default_timeout_is_what_the_trigger_waits_for() {
    let timeout = |trigger: &str| {
        let app = load(format!("name = \"a\"\nlambda.trigger = \"{trigger}\"\n")).unwrap();
        app.lambda.timeout_seconds
    };
    assert_eq!((timeout("rest-api"), timeout("http-api"), timeout("rest-api-stream")), (29, 30, 60));
}

#[test]
fn every_bad_line_is_reported_in_the_order_of_the_file() {
    let manifest = "\
name = \"Hello World\"
nme = 1
memory = 512

[endpoint]
path = \"mcp/\"

[auth]
mode = \"public\"

[resources]
architecture = \"sparc\"

[aws]
region = \"Frankfurt\"

[lambda]
trigger = \"function_url\"
memory = 64
timeout = \"60\"
log-retention = 10
policies = [\"ReadOnly\", 1]

[telemetry]
log-retention = 10
log_retention = 7

[environment]
MCP_CLOUD_RESPONSE_MODE = \"stream\"
PORT = 80
";
    assert_eq!(
        findings(manifest),
        [
            "mcp-cloud.toml:1:8: name is `Hello World`, but has to be 1 to 49 lower-case letters, digits and hyphens, \
             begin with a letter and not end in a hyphen",
            "mcp-cloud.toml:2:1: there is no key `nme` at the top of the file; did you mean `name`?",
            "mcp-cloud.toml:3:1: there is no key `memory` at the top of the file; it belongs under `[resources]`",
            "mcp-cloud.toml:6:8: path is `mcp/`, but has to be like `/mcp`: a slash before each part, parts of letters, \
             digits, `-`, `_` and `.`, at most 128 characters",
            "mcp-cloud.toml:9:8: mode is `public`; it can be `platform`, `jwt`, `cognito` or `none`",
            "mcp-cloud.toml:12:16: architecture is `sparc`; it can be `arm64` or `x86_64`",
            "mcp-cloud.toml:15:10: region is `Frankfurt`, but has to be like `eu-central-1`",
            "mcp-cloud.toml:18:11: trigger is `function_url`; did you mean `function-url`?",
            "mcp-cloud.toml:19:10: memory is 64 MB, but Lambda takes 128 to 10240 MB",
            "mcp-cloud.toml:20:11: timeout is text, and should be a whole number without quotes",
            "mcp-cloud.toml:21:1: there is no key `log-retention` under `[lambda]`; it belongs under `[telemetry]`",
            "mcp-cloud.toml:22:13: an item of policies is `ReadOnly`, but has to be the ARN of a managed policy, such as \
             `arn:aws:iam::123456789012:policy/read-notes`",
            "mcp-cloud.toml:22:25: an item of policies is a whole number, and should be text in quotes",
            "mcp-cloud.toml:25:17: log-retention is 10 days, but CloudWatch Logs has no such period; the next longer one \
             is 14 days",
            "mcp-cloud.toml:26:1: there is no key `log_retention` under `[telemetry]`; did you mean `log-retention`?",
            "mcp-cloud.toml:29:27: `MCP_CLOUD_RESPONSE_MODE` follows from the trigger, and is set by mcp-cloud itself",
            "mcp-cloud.toml:30:8: `PORT` is a whole number, and should be text in quotes",
        ]
    );
}

#[test]
fn numbers_beyond_every_integer_are_out_of_range_and_no_more() {
    for number in ["-1", "10241", "99999999999999999999999999999999999999999999", "0x7fff_ffff_ffff_ffff"] {
        let found = findings(format!("name = \"a\"\nlambda.memory = {number}\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with(", but Lambda takes 128 to 10240 MB"), "{found:?}");
    }
    assert!(findings("name = \"a\"\nlambda.memory = 0x200\n").is_empty());
}

#[test]
fn what_is_not_toml_is_reported_with_its_line() {
    let found = findings("name = \"a\"\nmemory = \n[lambda\ntimeout = 5\n");
    assert!(found.len() >= 2, "{found:?}");
    assert!(found[0].starts_with("mcp-cloud.toml:2:"), "{found:?}");
    assert!(found[1].starts_with("mcp-cloud.toml:3:"), "{found:?}");
    let found = findings(b"name = \"a\"\n# \xff\n");
    assert_eq!(found, ["mcp-cloud.toml:2:3: this is not UTF-8, and TOML is"]);
}

#[test]
fn repeated_key_is_reported_where_it_is_repeated() {
    let found = findings("name = \"a\"\nname = \"b\"\n");
    assert!(
        found.len() == 1 && found[0].starts_with("mcp-cloud.toml:2:1: this is not TOML: duplicate key"),
        "{found:?}"
    );
}

#[test]
fn empty_file_is_told_how_to_begin() {
    let Err(error @ LoadError::Invalid { .. }) = load("") else { panic!("an empty file describes nothing") };
    assert!(error.to_string().ends_with("mcp-cloud.toml:1:1: the file does not name the server"), "{error}");
    assert_eq!(error.hint().as_deref(), Some("begin it with a line such as `name = \"my-server\"`"));
}

#[test]
fn file_that_is_not_there_is_missing() {
    let empty = tempfile::tempdir().unwrap();
    for path in [empty.path().to_owned(), empty.path().join("nowhere"), empty.path().join("mcp-cloud.toml/x")] {
        let error = App::load(&path).unwrap_err();
        assert!(matches!(error, LoadError::Missing { .. }), "{path:?}: {error:?}");
    }
    assert!(App::load(empty.path()).unwrap_err().hint().unwrap().contains("name the directory of a server"));
}

#[test]
fn file_of_unreasonable_length_is_not_read() {
    let error = load(" ".repeat(1024 * 1024 + 1)).unwrap_err();
    assert!(matches!(&error, LoadError::Unreadable { source, .. } if source.to_string().contains("larger than 1 MB")));
}

#[cfg(unix)]
#[test]
fn device_is_not_read() {
    let error = App::load("/dev/zero").unwrap_err();
    assert!(matches!(&error, LoadError::Unreadable { source, .. } if source.to_string() == "it is not a file"));
}

#[test]
fn secret_in_clear_is_refused_and_not_repeated() {
    let secrets = [
        ("GITHUB_TOKEN", "hunter2"),
        ("DB_PASSWORD", "hunter2"),
        ("stripe_api_key", "hunter2"),
        ("SETTING", "ghp_hunter2hunter2hunter2"),
        ("DATABASE", "postgres://notes:hunter2@db.example/notes"),
        ("PEM", "-----BEGIN PRIVATE KEY-----hunter2hunter2"),
    ];
    for (key, value) in secrets {
        let error = load(format!("name = \"a\"\n[environment]\n{key} = \"{value}\"\n")).unwrap_err();
        assert!(error.to_string().contains(&format!(": `{key}` looks like a secret")), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"));
        assert!(error.hint().unwrap().contains("`[secrets]`"));
    }
    let harmless = "TOKEN_ARN = \"arn:x\"\nMAX_TOKEN = \"4096\"\nUSE_TOKEN = \"true\"\nA_SECRET = \"\"\nURL = \"https://a/b:c@d\"\n\
                    DB_PASSWORD = \"{{resolve:ssm-secure:db}}\"\n";
    assert!(findings(format!("name = \"a\"\n[environment]\n{harmless}")).is_empty());
    let doubtful = load("name = \"a\"\n[environment]\nTOKEN_STYLE = \"long\"\n").unwrap();
    assert_eq!((doubtful.warnings.len(), doubtful.environment["TOKEN_STYLE"].as_str()), (1, "long"));
}

#[test]
fn package_elsewhere_is_found_relative_to_the_file() {
    let directory = directory("name = \"a\"\nbuild.directory = \"servers/a\"\n");
    let package = directory.path().join("servers/a");
    fs::create_dir_all(package.join("src/bin")).unwrap();
    fs::write(package.join("Cargo.toml"), "[package]\nname = \"a-server\"\n").unwrap();
    fs::write(package.join("src/bin/one.rs"), "").unwrap();
    let app = App::load(directory.path().join("mcp-cloud.toml")).unwrap();
    let cargo = app.cargo().unwrap();
    assert_eq!((cargo.package.as_str(), cargo.binary.as_str()), ("a-server", "one"));
    assert_eq!(cargo.package_directory, fs::canonicalize(&package).unwrap());
}

#[test]
fn package_that_is_not_there_is_reported_where_it_is_named() {
    assert_eq!(
        findings("name = \"a\"\n[build]\ndirectory = \"nowhere\"\n"),
        ["mcp-cloud.toml:3:13: there is no package to build: `nowhere/Cargo.toml` does not exist"]
    );
}

#[test]
fn one_of_several_binaries_has_to_be_named() {
    let directory = directory("name = \"a\"\n");
    let write = |path: &str, contents: &str| fs::write(directory.path().join(path), contents).unwrap();
    let load = || App::load(directory.path());
    let binary = || load().unwrap().cargo().unwrap().binary.clone();
    fs::create_dir(directory.path().join("src/bin")).unwrap();
    write("src/bin/tool.rs", "");
    assert_eq!(binary(), "server", "the one cargo would run");
    fs::remove_file(directory.path().join("src/main.rs")).unwrap();
    write("src/bin/other.rs", "");
    let error = load().unwrap_err();
    assert!(error.to_string().contains("the package `server` has several binaries (`other`, `tool`)"), "{error}");
    write("mcp-cloud.toml", "name = \"a\"\nbuild.binary = \"tool\"\n");
    assert_eq!(binary(), "tool");
    write("mcp-cloud.toml", "name = \"a\"\nbuild.binary = \"tol\"\n");
    let error = load().unwrap_err();
    assert!(
        error.to_string().contains("2:16: binary is `tol`, but the package `server` has `other`, `tool`"),
        "{error}"
    );
    write("mcp-cloud.toml", "name = \"a\"\n");
    write("Cargo.toml", "[package]\nname = \"server\"\ndefault-run = \"other\"\n");
    assert_eq!(binary(), "other");
}

#[test]
fn path_of_the_file_is_shown_as_it_was_named() {
    let error = App::load(Path::new("tests/golden/nowhere.toml")).unwrap_err();
    assert_eq!(error.to_string(), "there is no `tests/golden/nowhere.toml`");
}
