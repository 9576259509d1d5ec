//! Emitted files are held against committed ones; `SNAPSHOTS=overwrite` accepts what is emitted now.

use std::{collections::BTreeSet, fs, path::Path};

use mcp_cloud_app::{App, Code, Severity, Target, target::sam};

use crate::{directory, golden_directory};

fn local() -> Code {
    Code::Local { directory: ".".to_owned() }
}

fn app(manifest: &Path) -> App {
    let directory = directory(fs::read(manifest).unwrap());
    App::load(directory.path()).unwrap()
}

fn template(app: &App, code: &Code) -> String {
    Target::Sam.emit(app, code).files.remove(Path::new(sam::TEMPLATE)).unwrap()
}

/// The golden apps: name and manifest.
fn apps() -> Vec<(String, App)> {
    let mut apps = Vec::new();
    for entry in fs::read_dir(golden_directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            apps.push((path.file_stem().unwrap().to_string_lossy().into_owned(), app(&path)));
        }
    }
    assert!(apps.len() >= 8, "the golden apps are there");
    apps
}

fn hold(name: &str, emitted: &str, stale: &mut Vec<String>) {
    let path = golden_directory().join(format!("{name}.sam.yaml"));
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(&path, emitted).unwrap();
    }
    if fs::read_to_string(&path).ok().as_deref() != Some(emitted) {
        stale.push(name.to_owned());
    }
}

#[test]
fn emitted_templates_are_the_committed_ones() {
    let mut stale = Vec::new();
    let mut names = BTreeSet::from(["uploaded".to_owned()]);
    for (name, app) in apps() {
        hold(&name, &template(&app, &local()), &mut stale);
        names.insert(name);
    }
    let uploaded = Code::S3 { bucket: "deployments".to_owned(), key: "notes/0123.zip".to_owned() };
    hold("uploaded", &template(&app(&golden_directory().join("function-url.toml")), &uploaded), &mut stale);
    assert!(stale.is_empty(), "{stale:?} differ: look at the difference, then run with `SNAPSHOTS=overwrite`");

    for entry in fs::read_dir(golden_directory()).unwrap() {
        let file = entry.unwrap().file_name().to_string_lossy().into_owned();
        let name = file.trim_end_matches(".sam.yaml").trim_end_matches(".toml");
        assert!(names.contains(name), "`{file}` belongs to no golden app");
    }
}

#[test]
fn same_app_is_emitted_as_the_same_bytes() {
    for (name, app) in apps() {
        let again = self::app(&golden_directory().join(format!("{name}.toml")));
        assert_eq!(template(&app, &local()), template(&again, &local()), "{name}");
    }
}

#[test]
fn golden_apps_are_within_the_limits() {
    for (name, app) in apps() {
        let errors: Vec<_> =
            Target::Sam.check(&app).into_iter().filter(|found| found.severity == Severity::Error).collect();
        assert!(errors.is_empty() && app.warnings.is_empty(), "{name}: {errors:?} {:?}", app.warnings);
    }
}
