//! No input makes it panic, and what is accepted can be emitted.

use mcp_cloud_app::{App, Code, LoadError, Severity, Target, json_schema};
use proptest::prelude::*;

use crate::{golden_directory, load, schema::walk};

/// Whatever it is, it becomes an app that can be checked and emitted, or diagnostics with at least one error.
fn settles(manifest: &[u8]) {
    match load(manifest) {
        Ok(app) => emits(&app),
        Err(LoadError::Invalid { diagnostics }) => {
            assert!(diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error));
            for diagnostic in diagnostics {
                assert!(!diagnostic.message.chars().any(char::is_control), "{diagnostic:?}");
            }
        }
        Err(error) => panic!("{error}"),
    }
}

/// Whatever passes as an app can be checked and emitted for every target, good or not.
fn emits(app: &App) {
    for target in Target::ALL {
        let _ = target.check(app);
        let bundle = target.emit(app, &Code::Local { output_directory: app.manifest_directory.clone() });
        assert!(bundle.files.values().all(|contents| contents.ends_with('\n') && !contents.contains('\0')));
    }
}

fn golden_manifest() -> impl Strategy<Value = String> {
    let mut manifests: Vec<_> = std::fs::read_dir(golden_directory())
        .unwrap()
        .map(|entry| entry.unwrap().path().join("mcp-cloud.toml"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    manifests.sort();
    prop::sample::select(manifests)
}

/// Words that mean something somewhere in the file, and values that are wrong everywhere.
fn fragment() -> impl Strategy<Value = String> {
    let words = [
        "name",
        "lambda",
        "build",
        "memory",
        "timeout",
        "environment",
        "tags",
        "trigger",
        "policies",
        "path",
        "region",
        "=",
        "\n",
        "\"",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        ",",
        ".",
        "#",
        "'''",
        "\"\"\"",
        "\\",
        "\\u0000",
        "-1",
        "0x",
        "99999999999999999999",
        "1e400",
        "nan",
        "inf",
        "true",
        "2026-11-21",
        "\r",
        "\t",
        "\0",
        "\u{feff}",
        "ü",
        "🦀",
    ];
    prop_oneof![prop::sample::select(words.to_vec()).prop_map(str::to_owned), any::<String>()]
}

/// Every key that the schema has, by its dotted name; a free key is `NAME`.
fn keys() -> Vec<String> {
    let mut keys = Vec::new();
    walk(&json_schema(), "", &mut |name, _| keys.push(name.replace("NAME", "KEY")));
    keys
}

/// A file as lines that each say one key.
fn flatten(value: &toml::Value, name: &str, lines: &mut Vec<String>) {
    match value.as_table() {
        Some(table) => {
            for (key, value) in table {
                flatten(value, &if name.is_empty() { key.clone() } else { format!("{name}.{key}") }, lines);
            }
        }
        None => lines.push(format!("{name} = {value}\n")),
    }
}

/// A value that a key may have, or that is nearly one, or none at all.
fn value() -> impl Strategy<Value = String> {
    let words = [
        "\"platform\"",
        "\"jwt\"",
        "\"cognito\"",
        "\"none\"",
        "\"arm64\"",
        "\"x86_64\"",
        "\"rest-api-stream\"",
        "\"http-api\"",
        "\"alb\"",
        "\"function-url\"",
        "\"sealed\"",
        "\"memory\"",
        "\"dynamodb\"",
        "\"redis\"",
        "\"private\"",
        "\"public\"",
        "\"internet\"",
        "\"otlp\"",
        "\"arn\"",
        "\"ecs\"",
        "\"cloud-run\"",
        "\"azure-functions\"",
        "\"node\"",
        "\"python\"",
        "\"22\"",
        "\"mcp.example.com\"",
        "\"https://a.example\"",
        "[\"https://a.example\"]",
        "[\"a\", \"${b}\", \"'\"]",
        "\"/x/y\"",
        "\"vpc-0a1b2c3d\"",
        "[\"subnet-0a1b2c3d\", \"subnet-1a1b2c3d\"]",
        "[\"10.0.0.0/8\"]",
        "\"mon-fri 08:00-18:00 UTC\"",
        "\"arn:aws:acm:eu-west-1:123456789012:certificate/0a\"",
        "\"arn:aws:sns:eu-west-1:123456789012:a\"",
        "\"arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf\"",
        "\"ghcr.io/a/b:1\"",
        "[\"node\", \"a b.js\"]",
        "\"https://a.vault.azure.net/secrets/b\"",
        "\"${AWS::Region} $$ {{resolve:x}} '\\n\"",
        "true",
        "false",
        "0",
        "1",
        "60",
        "256",
        "1024",
        "4096",
        "[]",
        "{}",
        "{ file = \"a\" }",
    ];
    prop_oneof![
        prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        any::<u16>().prop_map(|number| number.to_string())
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        settles(&bytes);
    }

    #[test]
    fn arbitrary_fragments_never_panic(fragments in prop::collection::vec(fragment(), 0..40)) {
        settles(fragments.concat().as_bytes());
    }

    #[test]
    fn any_keys_with_any_values_never_panic(
        said in prop::collection::btree_map(prop::sample::select(keys()), value(), 0..8),
    ) {
        let lines = said.iter().map(|(key, value)| format!("{key} = {value}\n"));
        settles(format!("name = \"a\"\n{}", lines.filter(|line| !line.starts_with("name ")).collect::<String>()).as_bytes());
    }

    #[test]
    fn files_that_say_less_never_panic(
        manifest in golden_manifest(),
        said in prop::collection::vec(prop::bool::weighted(0.7), 150),
    ) {
        let mut lines = Vec::new();
        flatten(&toml::Value::Table(manifest.parse().unwrap()), "", &mut lines);
        let kept = lines.iter().zip(said.iter().cycle()).filter(|(line, said)| **said || line.starts_with("name = "));
        settles(kept.map(|(line, _)| line.as_str()).collect::<String>().as_bytes());
    }

    #[test]
    fn mutated_files_never_panic(
        manifest in golden_manifest(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, fragment()), 1..4),
    ) {
        let mut text: Vec<char> = manifest.chars().collect();
        for (index, length, fragment) in cuts {
            let start = index.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, fragment.chars());
        }
        settles(text.into_iter().collect::<String>().as_bytes());
    }

    #[test]
    fn any_text_in_a_valid_place_never_panics(value in any::<String>(), key in any::<String>()) {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let (value, key) = (quoted(&value), quoted(&key));
        for line in [
            "name", "description", "endpoint.path", "endpoint.domain", "build.directory", "build.binary", "build.image",
            "aws.region", "lambda.trigger", "auth.issuer", "health.path", "scaling.working-hours", "telemetry.otlp-endpoint",
            "github-actions.branch", "ecs.cluster",
        ] {
            settles(format!("{line} = {value}\n").as_bytes());
        }
        settles(format!("name = \"a\"\n[environment]\n{key} = {value}\n[tags]\n{key} = {value}\n").as_bytes());
        settles(format!("name = \"a\"\n{key} = {value}\n[lambda]\npolicies = [{value}]\n{key} = 1\n").as_bytes());
    }
}
