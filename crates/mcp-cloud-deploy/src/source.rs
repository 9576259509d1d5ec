//! Reads from which commit a server is deployed.

use std::{env, path::Path, process::Stdio, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{process::Command, time::timeout};

/// Git answers in milliseconds; a repository on a network drive that went away, or one with a watcher that hangs, never.
const PATIENCE: Duration = Duration::from_secs(5);
/// What pipelines say about the commit, the branch and the repository they run for:
/// <https://docs.github.com/actions/reference/workflows-and-actions/variables>,
/// <https://docs.gitlab.com/ci/variables/predefined_variables/>,
/// <https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html>,
/// <https://circleci.com/docs/variables/>.
const COMMITS: [&str; 4] = ["GITHUB_SHA", "CI_COMMIT_SHA", "CODEBUILD_RESOLVED_SOURCE_VERSION", "CIRCLE_SHA1"];
const BRANCHES: [&str; 3] = ["GITHUB_REF_NAME", "CI_COMMIT_REF_NAME", "CIRCLE_BRANCH"];
const REMOTES: [&str; 3] = ["CI_PROJECT_URL", "CODEBUILD_SOURCE_REPO_URL", "CIRCLE_REPOSITORY_URL"];

/// The commit that sources are at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The commit's full hash.
    pub commit: String,
    /// The branch; absent where the commit is checked out by itself.
    pub branch: Option<String>,
    /// Where the repository comes from, without user name and password.
    pub remote: Option<String>,
    /// Whether there is something in the directory that is not committed.
    pub worktree: Worktree,
}

/// How the files of a directory stand to its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Worktree {
    /// They are the commit's.
    Clean,
    /// Some were changed, or added without being ignored.
    Changed,
    /// Only the pipeline was asked, which does not say.
    Unknown,
}

/// Reads the commit of a directory: from Git, or where that has no answer from the variables of the pipeline.
///
/// `None` when neither knows one. Only what is in the directory itself counts as changed, not its neighbours in the
/// repository. Waits for Git for five seconds at most, and runs none of the repository's own hooks.
pub async fn source(directory: &Path) -> Option<Source> {
    match git_source(directory).await {
        Some(source) => Some(source),
        None => pipeline_source(|name| env::var(name).ok()),
    }
}

async fn git_source(directory: &Path) -> Option<Source> {
    let commit = git(directory, &["rev-parse", "--verify", "HEAD"]).await.filter(|commit| is_commit(commit))?;
    let worktree = match git(directory, &["status", "--porcelain", "--", "."]).await {
        Some(changes) if changes.is_empty() => Worktree::Clean,
        Some(_) => Worktree::Changed,
        None => Worktree::Unknown,
    };
    let branch = git(directory, &["symbolic-ref", "--quiet", "--short", "HEAD"]).await;
    let remote = git(directory, &["remote", "get-url", "origin"]).await;
    Some(Source { commit, branch, remote: remote.as_deref().and_then(without_credentials), worktree })
}

/// What Git says on standard output; `None` where it is not there, takes too long or fails.
async fn git(directory: &Path, arguments: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    // A program that watches the file system for Git is one that the repository's configuration names.
    git.args(["-c", "core.fsmonitor=false"])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let finished = timeout(PATIENCE, git.output()).await.ok()?.ok()?;
    let said = String::from_utf8(finished.stdout).ok()?;
    finished.status.success().then(|| said.trim_end().to_owned())
}

fn pipeline_source(variable: impl Fn(&str) -> Option<String>) -> Option<Source> {
    let first = |names: &[&str]| names.iter().find_map(|name| variable(name).filter(|value| !value.is_empty()));
    let commit = first(&COMMITS).filter(|commit| is_commit(commit))?;
    let github = || Some(format!("{}/{}", variable("GITHUB_SERVER_URL")?, variable("GITHUB_REPOSITORY")?));
    let remote = github().or_else(|| first(&REMOTES)).as_deref().and_then(without_credentials);
    Some(Source { commit, branch: first(&BRANCHES), remote, worktree: Worktree::Unknown })
}

/// SHA-1 or SHA-256 in hexadecimal.
fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The address of a repository without what may be secret: user name, password, query and fragment of a URL. A path of
/// this machine tells nobody anything, and is left out.
fn without_credentials(remote: &str) -> Option<String> {
    let remote = remote.split(['?', '#']).next().unwrap_or_default();
    if let Some((scheme, rest)) = remote.split_once("://") {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = authority.rsplit('@').next().unwrap_or_default();
        return (scheme != "file" && !host.is_empty()).then(|| format!("{scheme}://{host}/{path}"));
    }
    // `git@github.com:owner/name.git`, where the host comes before any slash.
    let (host, path) = remote.split_once(':').filter(|(host, _)| host.len() > 1 && !host.contains(['/', '\\']))?;
    Some(format!("{}:{path}", host.rsplit('@').next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::{fs, process};

    use super::*;

    fn git_in(directory: &Path, arguments: &[&str]) {
        let done = process::Command::new("git")
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(done.success(), "{arguments:?}");
    }

    #[tokio::test]
    async fn commit_is_read_with_what_was_changed_since() {
        let folder = tempfile::tempdir().unwrap();
        let server = folder.path().join("server");
        fs::create_dir(&server).unwrap();
        assert_eq!(git_source(&server).await, None);
        git_in(folder.path(), &["init", "--initial-branch", "trunk"]);
        assert_eq!(git_source(&server).await, None, "nothing is committed yet");
        fs::write(server.join("a"), "a").unwrap();
        git_in(folder.path(), &["add", "."]);
        git_in(folder.path(), &["commit", "--message", "a"]);
        git_in(folder.path(), &["remote", "add", "origin", "https://user:hunter2@example.com/o/r.git"]);

        let clean = git_source(&server).await.unwrap();
        assert!(is_commit(&clean.commit), "{clean:?}");
        assert_eq!((clean.branch.as_deref(), clean.worktree), (Some("trunk"), Worktree::Clean));
        assert_eq!(clean.remote.as_deref(), Some("https://example.com/o/r.git"));

        fs::write(folder.path().join("neighbour"), "b").unwrap();
        assert_eq!(git_source(&server).await.unwrap(), clean, "a neighbour is not deployed");
        fs::write(server.join("b"), "b").unwrap();
        assert_eq!(git_source(&server).await.unwrap().worktree, Worktree::Changed);
        git_in(folder.path(), &["checkout", "--detach"]);
        assert_eq!(git_source(&server).await.unwrap().branch, None);
    }

    #[test]
    fn pipeline_tells_where_git_does_not() {
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let github = |name: &str| {
            let value = match name {
                "GITHUB_SHA" => commit,
                "GITHUB_REF_NAME" => "main",
                "GITHUB_SERVER_URL" => "https://github.com",
                "GITHUB_REPOSITORY" => "o/r",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let source = pipeline_source(github).unwrap();
        assert_eq!((source.commit.as_str(), source.branch.as_deref()), (commit, Some("main")));
        assert_eq!(source.remote.as_deref(), Some("https://github.com/o/r"));
        assert_eq!(source.worktree, Worktree::Unknown);
        assert_eq!(pipeline_source(|_| None), None);
        assert_eq!(pipeline_source(|name| (name == "GITHUB_SHA").then(|| "$(id)".to_owned())), None);
    }

    #[test]
    fn remote_has_no_credentials() {
        for (remote, shown) in [
            ("https://token@github.com/o/r.git", Some("https://github.com/o/r.git")),
            ("https://user:p@ss@example.com:8443/o/r?token=x#y", Some("https://example.com:8443/o/r")),
            ("ssh://git@example.com/o/r", Some("ssh://example.com/o/r")),
            ("git@github.com:o/r.git", Some("github.com:o/r.git")),
            ("/home/me/r", None),
            ("../r", None),
            ("C:\\r", None),
            ("file:///home/me/r", None),
        ] {
            assert_eq!(without_credentials(remote).as_deref(), shown, "{remote}");
        }
    }
}
