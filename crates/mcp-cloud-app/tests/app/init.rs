//! A drafted file is one that loads, for every kind of project there is.

use std::{fs, path::Path};

use mcp_cloud_app::{
    App,
    app::{Build, Runtime},
    init::{self, InitError},
};
use tempfile::TempDir;

fn project(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (path, contents) in files {
        let path = directory.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, contents).unwrap();
    }
    directory
}

/// Drafts the file, writes it and loads it; no word of it is odd.
fn load(directory: &Path) -> App {
    let draft = init::draft(directory).unwrap();
    fs::write(init::path(directory), &draft.contents).unwrap();
    let app = App::load(directory).unwrap_or_else(|error| panic!("{error}\n{}", draft.contents));
    // What stands there as a comment can be taken out of it: every key is one.
    let spoken: String = draft
        .contents
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.contains(" = ") || line.starts_with('['))
        .fold(String::new(), |all, line| all + line + "\n");
    assert!(spoken.parse::<toml::Table>().is_ok(), "{spoken}");
    app
}

#[test]
fn cargo_package_is_found() {
    let directory = project(&[
        ("Cargo.toml", "[package]\nname = \"My_Notes\"\ndescription = \"Keeps \\\"notes\\\"\"\n"),
        ("src/main.rs", "fn main() {}\n"),
        ("package.json", "{}"),
    ]);
    let app = load(directory.path());
    assert_eq!((app.name.as_str(), app.description.as_str()), ("my-notes", "Keeps \"notes\""));
    assert_eq!(app.cargo().unwrap().binary, "My_Notes");
}

#[test]
fn node_package_is_found_with_what_it_starts() {
    let package = r#"{ "name": "@acme/weather", "bin": { "weather": "./dist/index.js" } }"#;
    let directory = project(&[("package.json", package), ("package-lock.json", "{}"), ("dist/index.js", "")]);
    let app = load(directory.path());
    let Build::Command(command) = &app.build else { panic!("{:?}", app.build) };
    assert_eq!((app.name.as_str(), command.runtime), ("weather", Runtime::Node));
    assert_eq!(command.command, ["node", "dist/index.js"]);
    assert_eq!(command.files, ["package.json", "package-lock.json", "dist"]);
}

#[test]
fn python_project_is_found_with_what_it_starts() {
    let manifest = "[project]\nname = \"weather-server\"\n[project.scripts]\nweather = \"weather.server:main\"\n";
    let directory = project(&[("pyproject.toml", manifest), ("src/weather/server.py", "")]);
    let app = load(directory.path());
    let Build::Command(command) = &app.build else { panic!("{:?}", app.build) };
    assert_eq!((app.name.as_str(), command.runtime), ("weather-server", Runtime::Python));
    assert_eq!(command.command, ["python", "-m", "weather.server"]);
    assert_eq!(command.files, ["pyproject.toml", "src/weather"]);
}

#[test]
fn dockerfile_becomes_an_image() {
    let app = load(project(&[("Dockerfile", "FROM scratch\n")]).path());
    assert!(matches!(&app.build, Build::Image(image) if image.starts_with("registry.example.com/")), "{:?}", app.build);
}

#[test]
fn directory_without_any_of_them_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let error = init::draft(empty.path()).unwrap_err();
    assert!(matches!(error, InitError::Nothing { .. }) && error.hint().is_some(), "{error}");
    for (file, contents, expected) in [
        ("Cargo.toml", "[workspace]\n", "describes a workspace and no package"),
        ("package.json", "{", "is not valid"),
        ("pyproject.toml", "[project]\n", "has no name under `[project]`"),
    ] {
        let error = init::draft(project(&[(file, contents)]).path()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
