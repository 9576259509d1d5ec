//! A real registry for one test: Debian's docker-registry 2.8.2, which has no list of referrers.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use mcp_cloud_image::Reference;
use mcp_cloud_tests::{Program, image_tool};
use tempfile::TempDir;

/// The user and the password of a registry that wants some, and its line of the file that says so.
pub(crate) const USER: (&str, &str) = ("me", "pass:word");
const LINE: &str = "me:$2b$04$hUs98BnL2EeB1nSD5bODnOyQAMNFS9eFdBxqPNYneX0/g4TGRFQKO\n";

/// A registry on this machine, without TLS, as registries on loopback addresses are.
pub(crate) struct Registry {
    program: Program,
    address: String,
    folder: TempDir,
}

impl Registry {
    /// Starts one that lets everybody in; `None` where the program is missing.
    pub(crate) fn open() -> Option<Self> {
        Self::start("")
    }

    /// Starts one that wants a password.
    pub(crate) fn guarded() -> Option<Self> {
        Self::start("auth: {htpasswd: {realm: test, path: FOLDER/users}}\n")
    }

    fn start(auth: &str) -> Option<Self> {
        let mut registry = image_tool("docker-registry")?;
        let folder = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let address = format!("127.0.0.1:{port}");
        let path = folder.path().display().to_string();
        let config = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: false}}}}\n\
             storage: {{filesystem: {{rootdirectory: FOLDER/data}}}}\nhttp: {{addr: '{address}'}}\n{auth}"
        );
        fs::write(folder.path().join("users"), LINE).expect("a file");
        let file = folder.path().join("config.yml");
        fs::write(&file, config.replace("FOLDER", &path)).expect("a file");
        let program = Program::start(registry.arg("serve").arg(&file).env("OTEL_TRACES_EXPORTER", "none"));
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < deadline, "the registry does not listen");
            thread::sleep(Duration::from_millis(20));
        }
        Some(Self { program, address, folder })
    }

    pub(crate) fn reference(&self, rest: &str) -> Reference {
        Reference::parse(&self.name(rest)).expect("a reference")
    }

    pub(crate) fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Where it keeps its content.
    pub(crate) fn folder(&self) -> &TempDir {
        &self.folder
    }

    /// The requests so far that were to change something, by method and path.
    pub(crate) fn writes(&self) -> Vec<String> {
        let lines = self.program.stdout_so_far();
        let request = |line: &String| line.split('"').nth(1).map(str::to_owned);
        let changes = |request: &String| !request.starts_with("GET ") && !request.starts_with("HEAD ");
        lines.iter().filter_map(request).filter(changes).collect()
    }

    /// All requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.program.stdout_so_far().len()
    }
}

/// Skopeo, which has no policy to find on this machine.
pub(crate) fn skopeo() -> Option<Command> {
    let mut skopeo = image_tool("skopeo")?;
    skopeo.arg("--insecure-policy");
    Some(skopeo)
}
