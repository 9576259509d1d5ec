//! Runs an image of a registry as a platform does, in its own root directory and as the user that it names.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use mcp_cloud_deploy::mcp::{Authorization, Client, Era, Http};
use mcp_cloud_tests::{Program, Signal, image_tool};
use rustix::process::geteuid;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::{
    native, printed,
    pushed::run,
    registry::{Registry, skopeo},
};

/// How long a runtime may take to start on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running container. What runs in it ends with this.
pub(crate) struct Container {
    program: Program,
    files: Files,
    port: u16,
}

/// An image that is unpacked.
struct Files {
    folder: TempDir,
    config: Value,
}

impl Container {
    /// Pulls, unpacks and starts an image; `None` where a tool for that is missing. Comes back when the image's own health
    /// check is content.
    pub(crate) fn start(registry: &Registry, name: &str) -> Option<Self> {
        let files = Files::of(registry, name)?;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let program = Program::start(&mut files.command("Entrypoint", port));
        let mut container = Self { program, files, port };
        let start = Instant::now();
        while !container.is_healthy() {
            if container.program.has_ended() || start.elapsed() > PATIENCE {
                container.program.signal_group(Signal::KILL);
                panic!("it does not come to serve: {:?}", container.program.finish(PATIENCE));
            }
            thread::sleep(Duration::from_millis(200));
        }
        Some(container)
    }

    /// Asks what the image says to ask.
    fn is_healthy(&self) -> bool {
        let asked = self.files.command("Healthcheck", self.port).output().expect("it is asked");
        asked.status.success()
    }

    /// Holds an MCP server with the tool `add` against what it should be.
    pub(crate) fn adds(&self) {
        let url = format!("http://127.0.0.1:{}/mcp", self.port);
        run(async {
            let mut client = Client::new(&Http::plain(), &url, Authorization::Nobody).expect("a client");
            client.connect(Some(Era::Legacy)).await.expect("it introduces itself");
            let tools = client.tools().await.expect("it has tools");
            let add = tools.iter().find(|tool| tool["name"] == "add").expect("the tool");
            let arguments = Map::from_iter([("a".to_owned(), json!(20)), ("b".to_owned(), json!(22))]);
            let sum = client.call("add", arguments, &add["inputSchema"], &mut |_| {}).await.expect("a sum");
            assert_eq!(sum["content"][0]["text"], "42", "{sum}");
        });
    }
}

impl Files {
    fn of(registry: &Registry, name: &str) -> Option<Self> {
        let (mut crane, mut skopeo, mut umoci) = (image_tool("crane")?, skopeo()?, image_tool("umoci")?);
        let (folder, name) = (tempfile::tempdir().expect("a folder"), registry.name(name));
        let platform = format!("linux/{}", native());
        let config = printed(crane.args(["config", "--insecure", "--platform", &platform, &name]));
        let config: Value = serde_json::from_str(&config).expect("a configuration");
        let layout = folder.path().join("layout").display().to_string();
        let arguments = ["--override-os=linux", "--override-arch", native(), "copy", "--src-tls-verify=false"];
        printed(skopeo.args(arguments).args([format!("docker://{name}"), format!("oci:{layout}:it")]));
        let bundle = folder.path().join("bundle");
        printed(umoci.args(["unpack", "--rootless", "--image", &format!("{layout}:it")]).arg(&bundle));
        Some(Self { folder, config: config["config"].clone() })
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("bundle/rootfs")
    }

    /// What the image says to run.
    fn command(&self, what: &str, port: u16) -> Command {
        let words = |list: &Value| -> Vec<String> { serde_json::from_value(list.clone()).expect("words") };
        let program = match what {
            "Healthcheck" => words(&self.config["Healthcheck"]["Test"]).split_off(1),
            what => words(&self.config[what]),
        };
        let (user, group) = self.config["User"].as_str().and_then(|user| user.split_once(':')).expect("numbers");
        let mut command = Command::new("unshare");
        command.arg("--root").arg(self.root());
        command.args(["--wd", self.config["WorkingDir"].as_str().expect("a directory")]);
        if geteuid().is_root() {
            command.args(["--setgid", group, "--setuid", user]);
        } else {
            command.args([format!("--map-user={user}"), format!("--map-group={group}")]);
        }
        command.arg("--").args(program).env_clear();
        command.envs(words(&self.config["Env"]).iter().filter_map(|line| line.split_once('=')));
        command.env("PORT", port.to_string());
        command
    }
}
