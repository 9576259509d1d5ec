//! The platforms' own checkers of what is emitted, each as a function over files that hands back its complaints.
//!
//! A checker that is not installed says `SKIP` on a developer's machine and has no complaints; where `CI` is set, it fails.
//! Most take longer to start than to check, so each takes all the files there are at once.

pub(crate) mod azure;
pub(crate) mod checkov;
pub(crate) mod cloudformation;
pub(crate) mod compose;
pub(crate) mod dockerfile;
pub(crate) mod ecs;
pub(crate) mod google;
pub(crate) mod workflow;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use mcp_cloud_tests::{python, workspace_root};

/// Runs a checker; what it says when it refuses.
fn verdict(checker: &mut Command) -> Result<(), String> {
    let output = checker.stdin(Stdio::null()).output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    let said = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    Err(format!("{}\n{}", said(&output.stdout), said(&output.stderr)).trim().to_owned())
}

/// Runs a script of this folder.
fn script(name: &str, arguments: &[&str], files: &[impl AsRef<Path>]) -> Result<(), String> {
    let Some(python) = python() else { return Ok(()) };
    let script = workspace_root().join("tests/emit/judges").join(name);
    verdict(Command::new(python).arg(script).args(arguments).args(paths(files)))
}

fn paths(files: &[impl AsRef<Path>]) -> impl Iterator<Item = &Path> {
    assert!(!files.is_empty(), "there is something to judge");
    files.iter().map(AsRef::as_ref)
}

/// What must be refused: the text of the good file that is replaced, by what, and what the complaint says.
type Wrong = (&'static str, &'static str, &'static str);

/// The judge accepts the good file, and refuses it with each single thing wrong, for that reason.
fn accepts_only_the_good_one(
    judge: impl Fn(&[PathBuf]) -> Result<(), String>,
    name: &str,
    good: &str,
    wrong: &[Wrong],
) {
    let folder = tempfile::tempdir().unwrap();
    let write = |case: &str, content: &str| {
        let path = folder.path().join(case).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    };
    let accepted = write("good", good);
    assert_eq!(judge(std::slice::from_ref(&accepted)), Ok(()), "the good file is accepted");
    for (index, (right, wrong, complaint)) in wrong.iter().enumerate() {
        assert!(good.contains(right), "the good file says `{right}`");
        let bad = write(&index.to_string(), &good.replacen(right, wrong, 1));
        // Beside a good one, so that a judge that looks at the first file alone is found out.
        let said = judge(&[accepted.clone(), bad]).expect_err(&format!("nothing noticed `{wrong}`"));
        assert!(said.contains(complaint), "`{wrong}` is refused for another reason than `{complaint}`:\n{said}");
    }
}
