//! The recipe of images: what a user writes stays text in it.

use std::{fs, path::Path};

use mcp_cloud_app::{App, Code, Target, app::Build, target::container};

use crate::directory;

/// The recipe and the list of what it is not to see.
fn recipe(folder: &Path) -> (String, String) {
    let app = App::load(folder).unwrap();
    let bundle = Target::Compose.emit(&app, &Code::Local { output_directory: app.manifest_directory.clone() });
    let file = |name: &str| bundle.files.get(Path::new(name)).unwrap().clone();
    (file("Dockerfile"), file("Dockerfile.dockerignore"))
}

/// The instructions, each on one line, without comments.
fn instructions(dockerfile: &str) -> Vec<String> {
    let lines = dockerfile.lines().filter(|line| !line.starts_with('#'));
    let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", "");
    joined.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The lists of the instructions of a kind.
fn lists(dockerfile: &str, instruction: &str) -> Vec<Vec<String>> {
    let instructions = instructions(dockerfile);
    let of_kind = instructions.iter().filter_map(|line| line.strip_prefix(instruction));
    of_kind.filter_map(|rest| serde_json::from_str(rest.trim()).ok()).collect()
}

#[test]
fn hostile_description_stays_one_label() {
    let directory = directory("name = \"a\"\ndescription = 'a \"quote\" $HOME ${HOME} `id` \\ #'\n");
    let (dockerfile, _) = recipe(directory.path());
    let label = instructions(&dockerfile).into_iter().find(|line| line.starts_with("LABEL")).unwrap();
    let expected = r##"org.opencontainers.image.description="a \"quote\" \$HOME \${HOME} `id` \\ #""##;
    assert!(label.ends_with(expected), "{label}");
}

#[test]
fn hostile_command_stays_a_list_of_words() {
    let words = ["node", "a b", "$HOME", "\"", "'", "\\", "x\",", "y"];
    let directory = directory(format!("name = \"a\"\n[build]\ncommand = {words:?}\n"));
    let (dockerfile, _) = recipe(directory.path());
    let entrypoint = lists(&dockerfile, "ENTRYPOINT ").remove(0);
    assert_eq!(entrypoint[..2], ["/usr/local/bin/mcp-bridge", "--"]);
    assert_eq!(entrypoint[2..], words);
}

/// What the builder makes of a word: it replaces variables, and then looks for what fits the pattern.
#[test]
fn hostile_file_names_are_copied_as_they_are() {
    let file = "it's [1] $x *.js";
    let directory = directory(format!("name = \"a\"\n[build]\ncommand = [\"node\"]\nfiles = [{file:?}, \"#b\"]\n"));
    fs::write(directory.path().join(file), "").unwrap();
    fs::write(directory.path().join("#b"), "").unwrap();
    let (dockerfile, ignored) = recipe(directory.path());
    let copied = lists(&dockerfile, "COPY ");
    assert_eq!(copied[0], [r"it\'s [[]1] \$x [*].js", r"./it\'s [1] \$x *.js"]);
    assert_eq!(copied[1], ["#b", "./#b"]);
    assert_eq!(ignored.lines().skip(1).collect::<Vec<_>>(), ["*", r"!it's \[1] $x \*.js", r"!\#b", "**/.env"]);
}

#[test]
fn variables_of_whoever_develops_are_left_out_unless_they_are_named() {
    let manifest = "name = \"a\"\n[build]\ncommand = [\"node\"]\nfiles = [\"src\", \"./config/.env\"]\n\
        [secrets.KEY]\nfile = \"src/key\"\n";
    let directory = directory(manifest);
    for file in ["src/.env", "config/.env", "src/key"] {
        fs::create_dir_all(directory.path().join(file).parent().unwrap()).unwrap();
        fs::write(directory.path().join(file), "").unwrap();
    }
    let (_, ignored) = recipe(directory.path());
    let lines: Vec<_> = ignored.lines().skip(1).collect();
    assert_eq!(lines, ["*", "!src", "!./config/.env", "**/.env", "!config/.env", "src/key"]);
    let app = App::load(directory.path()).unwrap();
    let Build::Command(command) = &app.build else { panic!("it is a command") };
    let left_out = |path: &str| container::is_left_out(&app, command, path);
    assert!(left_out("src/.env") && left_out("src/key") && left_out("./src/key"));
    assert!(!left_out("config/.env") && !left_out("src/node_modules") && !left_out("src/index.js"));
}

#[test]
fn of_a_directory_as_a_whole_what_tools_keep_is_left_out() {
    let directory = directory("name = \"a\"\n[build]\ncommand = [\"node\"]\nfiles = [\".\"]\n");
    let app = App::load(directory.path()).unwrap();
    let Build::Command(command) = &app.build else { panic!("it is a command") };
    let left_out = |path: &str| container::is_left_out(&app, command, path);
    assert!(left_out(".git") && left_out("node_modules/a/index.js") && left_out("deep/.env"));
    assert!(!left_out("deep/node_modules") && !left_out(".gitignore"));
}

#[test]
fn program_among_the_files_is_found_without_a_path() {
    let directory = directory("name = \"a\"\n[build]\ncommand = [\"tool\", \"tool\"]\nfiles = [\"tool\"]\n");
    fs::write(directory.path().join("tool"), "").unwrap();
    let (dockerfile, _) = recipe(directory.path());
    assert!(dockerfile.contains("\nFROM scratch\n"));
    assert_eq!(lists(&dockerfile, "ENTRYPOINT ")[0][2..], ["/app/tool", "tool"]);
}

#[test]
fn package_of_a_workspace_is_built_from_the_workspace() {
    let workspace = tempfile::tempdir().unwrap();
    let package = workspace.path().join("servers/it's one");
    fs::create_dir_all(package.join("src")).unwrap();
    fs::write(workspace.path().join("Cargo.toml"), "[workspace]\nmembers = [\"servers/*\"]\n").unwrap();
    fs::write(package.join("Cargo.toml"), "[package]\nname = \"one\"\n").unwrap();
    fs::write(package.join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(package.join("mcp-cloud.toml"), "name = \"one\"\n[secrets.KEY]\nfile = \"./keys/#one\"\n").unwrap();
    let (dockerfile, ignored) = recipe(&package);
    assert!(dockerfile.contains("--file Dockerfile ../..\n"), "{dockerfile}");
    assert!(dockerfile.contains(r"--manifest-path 'servers/it'\''s one/Cargo.toml' --bin one"), "{dockerfile}");
    assert!(ignored.lines().any(|line| line == "servers/it's one/keys/#one"), "{ignored}");
}

#[test]
fn image_that_is_there_already_has_no_recipe() {
    let directory = directory("name = \"a\"\n[build]\nimage = \"ghcr.io/example/a:1\"\n");
    let app = App::load(directory.path()).unwrap();
    let bundle = Target::Compose.emit(&app, &Code::Local { output_directory: app.manifest_directory.clone() });
    assert!(!bundle.files.contains_key(Path::new("Dockerfile")));
}
