//! Finds credentials where other tools keep them:
//! <https://docs.docker.com/reference/cli/docker/login/#credential-stores> and
//! <https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md>.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs, io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;
use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};
use zeroize::Zeroizing;

use crate::{Error, Reference};

/// What a registry knows somebody by.
#[derive(Clone)]
#[non_exhaustive]
pub enum Credentials {
    /// Nobody in particular.
    Anonymous,
    /// A user with a password, or what a registry takes for one: ECR's user is `AWS`.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Zeroizing<String>,
    },
}

impl Credentials {
    /// A user with a password.
    #[must_use]
    pub fn password(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Password { user: user.into(), password: Zeroizing::new(password.into()) }
    }

    pub(super) fn to_auth(&self) -> RegistryAuth {
        match self {
            Self::Anonymous => RegistryAuth::Anonymous,
            Self::Password { user, password } => RegistryAuth::Basic(user.clone(), password.to_string()),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Password { user, .. } => f.debug_struct("Password").field("user", user).finish_non_exhaustive(),
        }
    }
}

/// The files that tools keep credentials in, the first to be asked first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialFiles(Vec<PathBuf>);

/// How long a program may take to give credentials; it may ask somebody.
const PATIENCE: Duration = Duration::from_secs(60);
/// What Docker Hub is called in these files.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

impl CredentialFiles {
    /// The files of a user, found by variables of the environment: `REGISTRY_AUTH_FILE`, Docker's, and those of Podman,
    /// Buildah and Skopeo.
    #[must_use]
    pub fn of_environment(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = folder("HOME");
        let within = |folder: &Option<PathBuf>, path: &str| folder.as_ref().map(|folder| folder.join(path));
        let docker = folder("DOCKER_CONFIG").or_else(|| within(&home, ".docker"));
        let files = [
            folder("REGISTRY_AUTH_FILE"),
            within(&docker, "config.json"),
            within(&folder("XDG_RUNTIME_DIR"), "containers/auth.json"),
            within(&home, ".config/containers/auth.json"),
        ];
        Self(files.into_iter().flatten().collect())
    }

    /// The credentials for the reference's repository: of the first file that has some, else nobody's. Runs the program
    /// that a file names for them (`docker-credential-NAME`).
    ///
    /// # Errors
    ///
    /// [`Error::Credentials`] for a file that cannot be read or understood, a program that fails, and for identity tokens,
    /// which are another kind of login.
    pub async fn find(&self, reference: &Reference) -> Result<Credentials, Error> {
        for path in &self.0 {
            let search = Search { registry: reference.registry(), repository: reference.repository(), path };
            let content = match fs::read(path) {
                Ok(content) => Zeroizing::new(content),
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(search.problem(error.to_string())),
            };
            // What the parser says of a document could repeat a part of it.
            let file: File = serde_json::from_slice(&content).map_err(|error| {
                search.problem(format!("it is wrong in line {}, column {}", error.line(), error.column()))
            })?;
            if let Some(found) = search.within(&file).await? {
                return Ok(found);
            }
        }
        Ok(Credentials::Anonymous)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct File {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: Zeroizing<String>,
    username: String,
    password: Zeroizing<String>,
    identitytoken: Zeroizing<String>,
}

/// What a helper answers: <https://github.com/docker/docker-credential-helpers#development>.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: Zeroizing<String>,
}

struct Search<'a> {
    registry: &'a str,
    repository: &'a str,
    path: &'a Path,
}

impl Search<'_> {
    async fn within(&self, file: &File) -> Result<Option<Credentials>, Error> {
        let helper = file.cred_helpers.iter().find(|(key, _)| self.matches(key)).map(|(_, helper)| helper);
        let store = Some(&file.creds_store).filter(|store| !store.is_empty());
        if let Some(helper) = helper.or(store)
            && let Some(found) = self.ask(helper).await?
        {
            return Ok(Some(found));
        }
        // Keys may name a part of the registry; the longest that fits is the nearest.
        let nearest =
            file.auths.iter().filter(|(key, _)| self.matches(key)).max_by_key(|(key, _)| host_and_path(key).len());
        nearest.map_or(Ok(None), |(_, entry)| self.of_entry(entry))
    }

    fn matches(&self, key: &str) -> bool {
        let key = host_and_path(key);
        let (host, path) = key.split_once('/').unwrap_or((key, ""));
        let hub = |host: &str| ["docker.io", "index.docker.io", "registry-1.docker.io"].contains(&host);
        let within = |path: &str| {
            self.repository.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        (host == self.registry || (hub(host) && hub(self.registry))) && (path.is_empty() || within(path))
    }

    fn of_entry(&self, entry: &Entry) -> Result<Option<Credentials>, Error> {
        if !entry.identitytoken.is_empty() {
            return Err(self.problem("an identity token is no user and password".to_owned()));
        }
        if !entry.username.is_empty() {
            return Ok(Some(Credentials::password(&entry.username, entry.password.as_str())));
        }
        // An entry without anything says that a store has the credentials, which was asked already.
        if entry.auth.is_empty() {
            return Ok(None);
        }
        let unreadable = || self.problem("`auth` is not user and password in Base64".to_owned());
        let decoded = Zeroizing::new(STANDARD.decode(entry.auth.as_bytes()).map_err(|_| unreadable())?);
        let text = std::str::from_utf8(&decoded).map_err(|_| unreadable())?;
        // Docker's own file pads the password with zeroes.
        let (user, password) = text.split_once(':').ok_or_else(unreadable)?;
        Ok(Some(Credentials::password(user, password.trim_matches('\0'))))
    }

    /// Runs the helper, which reads the registry's name from its standard input.
    async fn ask(&self, helper: &str) -> Result<Option<Credentials>, Error> {
        let program = format!("docker-credential-{helper}");
        let problem = |problem: String| Error::Credentials {
            registry: self.registry.to_owned(),
            from: format!("`{program}`"),
            problem,
        };
        if helper.contains(['/', '\\']) {
            return Err(problem(format!("`{}` names a path in the place of a program", self.path.display())));
        }
        let started = Command::new(&program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let mut running = started.map_err(|error| problem(format!("it cannot be started ({error})")))?;
        let server = if self.registry == "docker.io" { DOCKER_HUB } else { self.registry };
        if let Some(mut stdin) = running.stdin.take() {
            // One that does not read fails below.
            let _ = stdin.write_all(server.as_bytes()).await;
        }
        let output = timeout(PATIENCE, running.wait_with_output()).await;
        let output = output.map_err(|_| problem("it did not answer in a minute".to_owned()))?;
        let output = output.map_err(|error| problem(error.to_string()))?;
        let (succeeded, answer) = (output.status.success(), Zeroizing::new(output.stdout));
        if !succeeded {
            // Helpers say so on standard output, in these words.
            if String::from_utf8_lossy(&answer).contains("credentials not found") {
                return Ok(None);
            }
            return Err(problem("it failed".to_owned()));
        }
        let answer: Answer =
            serde_json::from_slice(&answer).map_err(|_| problem("it did not answer as helpers do".to_owned()))?;
        if answer.username == "<token>" {
            return Err(problem("an identity token is no user and password".to_owned()));
        }
        Ok(Some(Credentials::password(answer.username, answer.secret.as_str())))
    }

    fn problem(&self, problem: String) -> Error {
        let (registry, from) = (self.registry.to_owned(), format!("`{}`", self.path.display()));
        Error::Credentials { registry, from, problem }
    }
}

/// A key of the file without what some tools put around it.
fn host_and_path(key: &str) -> &str {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest).trim_end_matches('/');
    key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    async fn found(file: &str, reference: &str) -> Result<Credentials, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, file).unwrap();
        CredentialFiles(vec![folder.path().join("missing.json"), path])
            .find(&Reference::parse(reference).unwrap())
            .await
    }

    async fn user(file: &str, reference: &str) -> String {
        match found(file, reference).await.unwrap() {
            Credentials::Anonymous => "nobody".to_owned(),
            Credentials::Password { user, password } => format!("{user}/{}", password.as_str()),
        }
    }

    fn auths(keys: &[&str]) -> String {
        let entry = |key: &&str| format!("\"{key}\":{{\"auth\":\"{}\"}}", STANDARD.encode(format!("{key}:p:w")));
        format!("{{\"auths\":{{{}}}}}", keys.iter().map(entry).collect::<Vec<_>>().join(","))
    }

    #[tokio::test]
    async fn the_nearest_entry_of_the_registry_is_taken() {
        let file = auths(&["ghcr.io", "ghcr.io/me", "https://other.example/v2/"]);
        assert_eq!(user(&file, "ghcr.io/you/x").await, "ghcr.io/p:w");
        assert_eq!(user(&file, "ghcr.io/me/x").await, "ghcr.io/me/p:w");
        assert_eq!(user(&file, "ghcr.io/mean/x").await, "ghcr.io/p:w");
        assert_eq!(user(&auths(&["other.example"]), "ghcr.io/x/y").await, "nobody");
    }

    #[tokio::test]
    async fn docker_hub_goes_by_its_old_name() {
        let file = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"bWU6cHc="}}}"#;
        assert_eq!(user(file, "node:24").await, "me/pw");
    }

    #[tokio::test]
    async fn no_secret_is_in_an_error_or_in_what_is_printed() {
        let broken = r#"{"auths":{"ghcr.io":{"auth":"c2VjcmV0""#;
        let identity = r#"{"auths":{"ghcr.io":{"identitytoken":"c2VjcmV0"}}}"#;
        let undecodable = r#"{"auths":{"ghcr.io":{"auth":"c2VjcmV0"}}}"#;
        for file in [broken, identity, undecodable] {
            let error = found(file, "ghcr.io/x/y").await.unwrap_err();
            assert!(!format!("{error} {error:?}").contains("c2VjcmV0"), "{error:?}");
        }
        assert!(!format!("{:?}", Credentials::password("me", "hush")).contains("hush"));
    }

    #[tokio::test]
    async fn a_helper_that_is_a_path_is_not_run() {
        let refused = found(r#"{"credsStore":"../../tmp/evil"}"#, "ghcr.io/x/y").await.unwrap_err();
        assert!(refused.to_string().contains("names a path"), "{refused}");
    }

    #[test]
    fn files_are_looked_for_where_tools_keep_them() {
        let files = CredentialFiles::of_environment(|name| (name == "HOME").then(|| "/home/me".into()));
        let expected = ["/home/me/.docker/config.json", "/home/me/.config/containers/auth.json"].map(PathBuf::from);
        assert_eq!(files.0, expected);
        let files = CredentialFiles::of_environment(|name| (name == "DOCKER_CONFIG").then(|| "/d".into()));
        assert_eq!(files.0, [PathBuf::from("/d/config.json")]);
    }

    proptest! {
        #[test]
        fn arbitrary_keys_and_entries_are_passed_over_without_a_panic(key in "\\PC{0,40}", auth in "[A-Za-z0-9+/=]{0,20}") {
            let search = Search { registry: "ghcr.io", repository: "me/x", path: Path::new("config.json") };
            let _ = search.matches(&key);
            let _ = search.of_entry(&Entry { auth: Zeroizing::new(auth), ..Entry::default() });
        }
    }
}
