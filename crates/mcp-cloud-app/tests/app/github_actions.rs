//! The workflow: what is refused, and what its scripts are told.

use std::{fs, path::Path};

use mcp_cloud_app::{App, Code, Severity, Target};

use crate::directory;

/// What is wrong with a file, each a severity and a sentence.
fn found(manifest: &str) -> Vec<(Severity, String)> {
    let directory = directory(format!("name = \"a\"\n{manifest}"));
    let app = App::load(directory.path()).unwrap();
    Target::GithubActions.check(&app).into_iter().map(|found| (found.severity, found.message)).collect()
}

fn refused(manifest: &str, expected: &str) {
    assert_eq!(found(manifest), [(Severity::Error, expected.to_owned())], "{manifest}");
}

fn emitted(app: &App, output_directory: &Path) -> String {
    let code = Code::Local { output_directory: output_directory.to_owned() };
    let bundle = Target::GithubActions.emit(app, &code);
    bundle.files.get(Path::new(".github/workflows/deploy.yml")).unwrap().clone()
}

fn workflow(manifest: &str) -> String {
    let directory = directory(format!("name = \"a\"\n{manifest}"));
    let app = App::load(directory.path()).unwrap();
    emitted(&app, &app.manifest_directory)
}

#[test]
fn what_could_not_be_deployed_is_refused() {
    refused("build.image = \"ghcr.io/example/a:1\"\n", "target is `sam`, which takes a program, but there is an image");
    refused(
        "build.image = \"ghcr.io/example/a:1\"\ngithub-actions.target = \"azure-functions\"\n",
        "target is `azure-functions`, which takes a program, but there is an image",
    );
    let role = "github-actions.role = \"arn:aws:iam::123456789012:role/deploy\"\n";
    refused(
        &format!("{role}aws.account = \"210987654321\"\n"),
        "role is of the account 123456789012, but `aws.account` is 210987654321",
    );
    assert_eq!(
        found(&format!("{role}github-actions.target = \"cloud-run\"\n")),
        [(Severity::Warning, "role says nothing while target is `cloud-run`; it is one of AWS".to_owned())]
    );
    for branch in ["a..b", "a/", "a//b", "a.lock", "a.", "HEAD"] {
        refused(
            &format!("github-actions.branch = \"{branch}\"\n"),
            &format!("branch is `{branch}`, a name that git refuses"),
        );
    }
    assert!(found("github-actions.branch = \"release/v1.2\"\n").is_empty());
}

#[test]
fn every_action_is_named_by_a_commit_and_its_release() {
    for target in ["sam", "ecs", "cloud-run", "azure-functions"] {
        let workflow = workflow(&format!("build.command = [\"node\"]\ngithub-actions.target = \"{target}\"\n"));
        for line in workflow.lines().filter_map(|line| line.trim().strip_prefix("uses: ")) {
            let (action, version) = line.split_once(" # v").unwrap();
            let commit = action.split_once('@').unwrap().1;
            assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{line}");
            assert!(version.starts_with(|first: char| first.is_ascii_digit()), "{line}");
        }
    }
}

#[test]
fn only_what_deploys_has_an_identity() {
    let workflow = workflow("");
    assert!(workflow.contains("\npermissions: {}\n"));
    assert_eq!(workflow.matches("id-token: write").count(), 1);
    let (before, deploy) = workflow.split_once("\n  deploy:\n").unwrap();
    assert!(!before.contains("id-token") && deploy.contains("if: github.event.pull_request == null\n"));
    // The server's own code is run before there is anything to take.
    assert!(deploy.find("sam build").unwrap() < deploy.find("Sign in to AWS").unwrap());
}

#[test]
fn image_is_deployed_by_the_digest_that_was_pushed() {
    let workflow = workflow("github-actions.target = \"ecs\"\n");
    assert!(workflow.contains("IMAGE: '${{ steps.push.outputs.image }}'") && workflow.contains("\"Image=$IMAGE\""));
    assert!(workflow.contains("PLATFORM: linux/arm64\n") && workflow.contains("runs-on: ubuntu-24.04-arm\n"));
    assert!(!workflow.contains("latest"));
}

#[test]
fn image_that_is_there_already_is_not_built() {
    let image = format!("ghcr.io/example/a@sha256:{}", "0".repeat(64));
    let workflow = workflow(&format!("build.image = \"{image}\"\ngithub-actions.target = \"ecs\"\n"));
    assert!(workflow.contains(&format!("IMAGE: {image}\n")), "{workflow}");
    assert!(!workflow.contains("docker") && !workflow.contains("\n  test:"), "{workflow}");
}

#[test]
fn repository_of_the_file_is_the_one_that_is_pushed_to() {
    let repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a";
    let workflow = workflow(&format!("github-actions.target = \"ecs\"\necs.repository = \"{repository}\"\n"));
    assert!(workflow.contains(&format!("REPOSITORY: '{repository}'\n")), "{workflow}");
    assert!(!workflow.contains("RepositoryUri"), "{workflow}");
}

#[test]
fn hostile_text_is_no_expression_and_no_part_of_a_script() {
    let file = "${{ secrets.A }}; $(id) `id` 'x.js";
    let manifest = format!(
        "name = \"a\"\n[build]\ncommand = [\"node\"]\nfiles = [{file:?}]\n[github-actions]\ntarget = \"azure-functions\"\n"
    );
    let directory = directory(manifest);
    fs::write(directory.path().join(file), "").unwrap();
    let app = App::load(directory.path()).unwrap();
    let workflow = emitted(&app, &app.manifest_directory);
    let lines: Vec<_> = workflow.lines().filter(|line| line.contains("secrets.A")).collect();
    let expected = "FILES: '${{ ''${{'' }} secrets.A }}; $(id) `id` ''x.js'";
    assert_eq!(lines.iter().map(|line| line.trim()).collect::<Vec<_>>(), [expected]);
}

/// Cloud Build gets the whole workspace, in which the emitted files lie further down.
#[test]
fn workspace_is_what_cloud_build_gets() {
    let root = tempfile::tempdir().unwrap();
    let server = root.path().join("servers/notes");
    fs::create_dir_all(server.join("src")).unwrap();
    fs::write(root.path().join("Cargo.toml"), "[workspace]\nmembers = [\"servers/*\"]\n").unwrap();
    fs::write(server.join("Cargo.toml"), "[package]\nname = \"notes\"\n").unwrap();
    fs::write(server.join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(server.join("mcp-cloud.toml"), "name = \"notes\"\ngithub-actions.target = \"cloud-run\"\n").unwrap();
    let app = App::load(&server).unwrap();
    let workflow = emitted(&app, &fs::canonicalize(root.path()).unwrap());
    let submit = "gcloud builds submit --config=cloudbuild.yaml --suppress-logs --ignore-file=\"$IGNORED\" \"$ROOT\"\n";
    assert!(workflow.contains(submit), "{workflow}");
    assert!(workflow.contains("IGNORED: servers/notes/.gcloudignore\n          ROOT: '../..'\n"), "{workflow}");
}

#[test]
fn server_in_a_folder_is_tested_and_deployed_there() {
    let root = tempfile::tempdir().unwrap();
    let server = root.path().join("servers/notes");
    fs::create_dir_all(server.join("src")).unwrap();
    fs::write(server.join("Cargo.toml"), "[package]\nname = \"notes\"\n").unwrap();
    fs::write(server.join("src/main.rs"), "fn main() {}\n").unwrap();
    fs::write(server.join("mcp-cloud.toml"), "name = \"notes\"\n[env.prod]\nname = \"notes\"\n").unwrap();
    let app = App::load_environment(&server, "prod").unwrap();
    let workflow = emitted(&app, &fs::canonicalize(root.path()).unwrap());
    assert!(workflow.contains("working-directory: servers/notes\n"), "{workflow}");
    assert!(workflow.contains("environment: prod\n"), "{workflow}");
    assert!(workflow.contains("--target github-actions --env \"$ENVIRONMENT\" --into \"$ROOT\"\n"), "{workflow}");
    assert!(workflow.contains("ROOT: '../..'\n"), "{workflow}");
}
