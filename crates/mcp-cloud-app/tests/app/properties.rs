//! No input makes it panic, and what is accepted can be emitted.

use mcp_cloud_app::{App, Code, LoadError, Severity, Target};
use proptest::prelude::*;

use crate::{golden_directory, load};

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
