//! `cargo xtask test`.

use crate::{
    command::{self, TaskError, cargo, root, target},
    install,
};

/// Names the folder with the programs built already, so that no test builds them again with other features.
const BUILT: &str = "MCP_CLOUD_TESTS_BUILT";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only the tests of this package, or of this area of `tests/` (such as `clients`)
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// What `cargo test` hands to the tests: a part of a test's name, `--nocapture`, …
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Installs, builds and runs.
pub(crate) fn run(args: &Args) -> Result<(), TaskError> {
    install::run()?;
    let which = match args.only.as_deref() {
        None => vec!["--workspace", "--all-features"],
        Some(area) if root().join("tests").join(area).join("main.rs").is_file() => {
            vec!["--package", "mcp-cloud-tests", "--test", area]
        }
        Some(package) if is_package(package) => vec!["--package", package, "--all-features"],
        Some(unknown) => return Err(TaskError::UnknownArea(unknown.to_owned())),
    };
    let mut test = cargo();
    test.arg("test").args(&which);
    if args.only.is_none() {
        // Programs and tests in one build: the tests start these programs.
        command::run(cargo().arg("build").args(&which).args(["--bins", "--tests"]))?;
        test.env(BUILT, target().join("debug"));
    }
    command::run(test.arg("--").args(&args.arguments))
}

fn is_package(name: &str) -> bool {
    command::answer(cargo().args(["pkgid", "--package", name])).is_some_and(|id| id.starts_with("path+file://"))
}
