//! App → the structures of [`schema`](super::schema).
//!
//! What comes from the app reaches scripts through their environment and never as a part of their text.

use std::collections::BTreeMap;

use super::{
    Action, CHECKOUT, SETUP_NODE, SETUP_PYTHON, deploy,
    schema::{Branches, Concurrency, Defaults, Job, Jobs, Permissions, Run, Step, Triggers, With, Workflow},
};
use crate::{
    app::{App, Build, CommandBuild, PipelineTarget, Runtime},
    target::{Code, relative},
};

pub(super) const X86_RUNNER: &str = "ubuntu-24.04";
/// Released together with this crate.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Where a server is deployed to whose file names no environment.
const ENVIRONMENT: &str = "production";

pub(super) fn workflow(app: &App, code: &Code) -> Workflow {
    let branches = || Branches { branches: [app.github_actions.branch.clone()] };
    let test = test(app, code);
    let needs = if test.is_some() { vec!["test", "emitted"] } else { vec!["emitted"] };
    Workflow {
        name: format!("Deploy {}", app.name),
        on: Triggers { push: branches(), pull_request: branches() },
        permissions: Permissions::new(),
        // One deployment after the other, and none is broken off.
        concurrency: Concurrency {
            group: format!("deploy-{}-${{{{ github.ref }}}}", app.name),
            cancel_in_progress: false,
        },
        defaults: Defaults {
            run: Run {
                shell: Some("bash"),
                working_directory: Some(literal(&relative(code.directory(app), &app.manifest_directory))),
            },
        },
        jobs: Jobs {
            test,
            emitted: emitted(app, code),
            deploy: Job {
                name: "Deploy",
                condition: Some("github.event.pull_request == null"),
                needs,
                runs_on: deploy::runner(app),
                timeout_minutes: 60,
                environment: Some(app.environment_name.clone().unwrap_or_else(|| ENVIRONMENT.to_owned())),
                permissions: Permissions::from([("contents", "read"), ("id-token", "write")]),
                steps: deploy::steps(app),
                ..Job::default()
            },
        },
    }
}

/// The server's own tests; there are none of an image, nor of a program that is there already.
fn test(app: &App, code: &Code) -> Option<Job> {
    let (directory, steps) = match &app.build {
        Build::Cargo(cargo) => {
            (&cargo.package_directory, vec![script("Test", "cargo test --locked\n", BTreeMap::new())])
        }
        Build::Command(command) => {
            let mut steps: Vec<_> = set_up(command).into_iter().collect();
            steps.push(script("Test", test_script(command)?, BTreeMap::new()));
            (&command.directory, steps)
        }
        Build::Image(_) => return None,
    };
    let working_directory = Some(literal(&relative(code.directory(app), directory)));
    let defaults = directory != &app.manifest_directory;
    Some(Job {
        name: "Test",
        runs_on: X86_RUNNER,
        timeout_minutes: 30,
        permissions: reads(),
        defaults: defaults.then_some(Defaults { run: Run { shell: None, working_directory } }),
        steps: std::iter::once(checkout()).chain(steps).collect(),
        ..Job::default()
    })
}

fn test_script(command: &CommandBuild) -> Option<&'static str> {
    let (package, lock) = (command.has_file("package.json"), command.has_file("package-lock.json"));
    match command.runtime {
        Runtime::Node if package && lock => Some("npm ci --ignore-scripts\nnpm test --if-present\n"),
        Runtime::Node if package => Some("npm install --ignore-scripts --no-package-lock\nnpm test --if-present\n"),
        // 5: there are no tests.
        Runtime::Python if command.has_file("requirements.txt") => Some(
            "python -m pip install --requirement requirements.txt\npython -m unittest discover || [ \"$?\" -eq 5 ]\n",
        ),
        Runtime::Python => Some("python -m unittest discover || [ \"$?\" -eq 5 ]\n"),
        Runtime::Node | Runtime::None => None,
    }
}

/// What is committed is what is emitted from what is committed.
fn emitted(app: &App, code: &Code) -> Job {
    let target = app.github_actions.target.as_str();
    let root = relative(&app.manifest_directory, code.directory(app));
    let mut env = BTreeMap::from([("ROOT", literal(&root)), ("TARGET", target.to_owned())]);
    let environment = app.environment_name.as_ref().map_or("", |name| {
        env.insert("ENVIRONMENT", name.clone());
        " --env \"$ENVIRONMENT\""
    });
    let check = format!(
        "mcp-cloud emit --check --target \"$TARGET\"{environment}\n\
         mcp-cloud emit --check --target github-actions{environment} --into \"$ROOT\"\n"
    );
    let install = format!("cargo install mcp-cloud-cli --version {VERSION} --locked\n");
    Job {
        name: "Emitted files",
        runs_on: X86_RUNNER,
        timeout_minutes: 30,
        permissions: reads(),
        steps: vec![checkout(), script("Install mcp-cloud", install, BTreeMap::new()), script("Compare", check, env)],
        ..Job::default()
    }
}

fn reads() -> Permissions {
    Permissions::from([("contents", "read")])
}

pub(super) fn checkout() -> Step {
    uses("Check out", &CHECKOUT, [("persist-credentials", With::Switch(false))])
}

/// The runtime of a command in its version. Nothing is cached: what a pull request leaves behind is not deployed.
pub(super) fn set_up(command: &CommandBuild) -> Option<Step> {
    let version = || With::Text(command.runtime_version.clone());
    match command.runtime {
        Runtime::Node => Some(uses(
            "Set up Node.js",
            &SETUP_NODE,
            [("node-version", version()), ("package-manager-cache", With::Switch(false))],
        )),
        Runtime::Python => Some(uses("Set up Python", &SETUP_PYTHON, [("python-version", version())])),
        Runtime::None => None,
    }
}

pub(super) fn uses<const N: usize>(name: &'static str, action: &Action, with: [(&'static str, With); N]) -> Step {
    Step { name, uses: Some(action.uses), with: BTreeMap::from(with), ..Step::default() }
}

pub(super) fn script(name: &'static str, run: impl Into<String>, env: BTreeMap<&'static str, String>) -> Step {
    Step { name, env, run: Some(run.into()), ..Step::default() }
}

/// Text that GitHub is not to take for an expression
/// (<https://docs.github.com/actions/reference/workflows-and-actions/expressions>).
pub(super) fn literal(text: &str) -> String {
    text.replace("${{", "${{ '${{' }}")
}

/// Whether what is deployed runs in a container.
pub(super) fn is_container(target: PipelineTarget) -> bool {
    matches!(target, PipelineTarget::Ecs | PipelineTarget::CloudRun)
}
