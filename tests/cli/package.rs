//! Small cargo packages that tests have the command line build, and short ways to run it.

use std::{fs, path::Path, process::Command, time::Duration};

use mcp_cloud_tests::{Finished, Program, cli_binary};
use tempfile::TempDir;

/// Long enough for a package without dependencies to be built and refused.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// A package named `moon` without dependencies, removed when dropped.
#[derive(Debug)]
pub(crate) struct Package(TempDir);

impl Package {
    /// A package whose program is `main`.
    pub(crate) fn with_main(main: &str) -> Self {
        Self::with_files(&[("src/main.rs", main)])
    }

    /// A package of these files and a `Cargo.toml`.
    pub(crate) fn with_files(files: &[(&str, &str)]) -> Self {
        let package = Self(TempDir::new().expect("a folder for the package"));
        let manifest = "[package]\nname = \"moon\"\nedition = \"2024\"\n[workspace]\n";
        for (path, content) in files.iter().chain(&[("Cargo.toml", manifest)]) {
            let path = package.path().join(path);
            let folder = path.parent().expect("a file lies in a folder");
            fs::create_dir_all(folder).and_then(|()| fs::write(&path, content)).expect("the package is written");
        }
        package
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// `mcp-cloud dev` in this package, on a free port, building into the package's own folder.
    pub(crate) fn dev(&self, arguments: &[&str]) -> Command {
        let mut command = mcp_cloud(&["dev", "--port", "0"]);
        command.args(arguments).arg(self.path()).env("CARGO_TARGET_DIR", self.path().join("target"));
        command
    }
}

/// The command line with these arguments, and without what the environment may say about colours.
pub(crate) fn mcp_cloud(arguments: &[&str]) -> Command {
    let mut command = Command::new(cli_binary());
    command.args(arguments).env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env_remove("CARGO_TERM_COLOR");
    command
}

/// Runs it to its end.
pub(crate) fn finish(command: &mut Command) -> Finished {
    Program::start(command).finish(LIMIT)
}

/// A program without dependencies that answers every HTTP request on `PORT` with 200.
pub(crate) const SERVER: &str = r#"fn main() {
    use std::io::{Read, Write};
    let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    eprintln!("the moon is up");
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let _ = stream.read(&mut [0; 65536]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
}
"#;
