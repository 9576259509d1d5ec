//! Keeps the directories of this machine out of a program, without touching what the user tells the compiler.
//!
//! Cargo has a setting of its own for that, `trim-paths`, which is not stable yet
//! (<https://doc.rust-lang.org/cargo/reference/unstable.html#profile-trim-paths-option>).

use std::{env, path::Path};

use mcp_cloud_app::app::CargoBuild;
use tokio::process::Command;

use super::{cargo_home, configurations};

/// Adds flags to those that are used anyhow. Cargo takes the first of its four places that says anything: two variables,
/// what is said for the target, what is said for every build
/// (<https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>). Where what it would take cannot be told, the
/// program keeps its paths.
pub(super) fn add_flags(cargo: &mut Command, package: &CargoBuild, target: &str, target_directory: &Path) {
    let flags = flags(&package.workspace_directory, target_directory, cargo_home().as_deref());
    let variable = |name: &str| env::var(name).ok();
    if let Some(encoded) = encoded(variable("CARGO_ENCODED_RUSTFLAGS"), variable("RUSTFLAGS"), &flags) {
        cargo.env("CARGO_ENCODED_RUSTFLAGS", encoded);
        return;
    }
    let of_target = format!("CARGO_TARGET_{}_RUSTFLAGS", target.replace('-', "_").to_ascii_uppercase());
    let mut said = Said { target: variable(&of_target).is_some(), build: variable("CARGO_BUILD_RUSTFLAGS").is_some() };
    for text in configurations(&package.package_directory) {
        said.read(&text);
    }
    if let Some(place) = said.place(target) {
        // A JSON text of these is TOML, too. Lists of several places are joined.
        cargo.arg("--config").arg(format!("{place}.rustflags={}", serde_json::json!(flags)));
    }
}

/// One flag for each directory; of several that match, the compiler takes the last.
fn flags(workspace: &Path, target_directory: &Path, cargo_home: Option<&Path>) -> Vec<String> {
    let directories = [(Some(workspace), "/server"), (Some(target_directory), "/target"), (cargo_home, "/cargo")];
    directories
        .into_iter()
        .filter_map(|(directory, name)| Some(format!("--remap-path-prefix={}={name}", directory?.to_str()?)))
        .collect()
}

/// The value of `CARGO_ENCODED_RUSTFLAGS`, where one of the two variables is set.
fn encoded(encoded: Option<String>, plain: Option<String>, flags: &[String]) -> Option<String> {
    let given = encoded.or_else(|| Some(plain?.split_whitespace().collect::<Vec<_>>().join("\x1f")))?;
    let own = (!given.is_empty()).then_some(given);
    Some(own.iter().chain(flags).map(String::as_str).collect::<Vec<_>>().join("\x1f"))
}

/// Where configuration files and variables have flags.
#[derive(Debug, Clone, Copy, Default)]
struct Said {
    target: bool,
    build: bool,
}

impl Said {
    fn read(&mut self, text: &str) {
        let mut section = "";
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            if line.starts_with('[') {
                section = line.trim_start_matches('[');
            }
            let whole = if line.starts_with('[') { line.to_owned() } else { format!("{section} {line}") };
            if whole.contains("rustflags") {
                self.target |= whole.contains("target");
                self.build |= whole.contains("build");
            }
        }
    }

    /// Where ours are put; `None` where they might take the place of the user's.
    fn place(self, target: &str) -> Option<String> {
        match (self.target, self.build) {
            (false, _) => Some("build".to_owned()),
            (true, false) => Some(format!("target.{target}")),
            (true, true) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf};

    use mcp_cloud_app::{
        App,
        app::{Architecture, Build},
    };

    use super::*;
    use crate::{artifact::Archive, build::build};

    #[test]
    fn flags_of_the_user_stay() {
        let ours = ["--a".to_owned(), "--b c".to_owned()];
        assert_eq!(encoded(None, None, &ours), None);
        assert_eq!(
            encoded(None, Some(" -C x  -C y ".to_owned()), &ours).unwrap(),
            "-C\x1fx\x1f-C\x1fy\x1f--a\x1f--b c"
        );
        assert_eq!(encoded(Some("-Cx y".to_owned()), Some("-Cz".to_owned()), &ours).unwrap(), "-Cx y\x1f--a\x1f--b c");
        assert_eq!(encoded(None, Some(String::new()), &ours).unwrap(), "--a\x1f--b c");

        let place = |text: &str| {
            let mut said = Said::default();
            said.read(text);
            said.place("t")
        };
        for (text, expected) in [
            ("[net]\noffline = true\n", Some("build")),
            ("[build]\nrustflags = [\"-Cx\"]\n", Some("build")),
            ("[target.t]\nlinker = \"x\"\n[build]\nrustflags = [\"-Cx\"]\n", Some("build")),
            ("[target.t]\nrustflags = [\"-Cx\"]\n", Some("target.t")),
            ("target.t.rustflags = [\"-Cx\"]\n", Some("target.t")),
            ("# rustflags\n[target.'cfg(unix)']\nrustflags = [\"-Cx\"]\n", Some("target.t")),
            ("[target.t]\nrustflags = []\n[build]\nrustflags = []\n", None),
        ] {
            assert_eq!(place(text).as_deref(), expected, "{text}");
        }
    }

    /// A server whose program would say where it was built.
    fn server(directory: PathBuf) -> CargoBuild {
        fs::create_dir_all(directory.join("src")).unwrap();
        let write = |file: &str, text: &str| fs::write(directory.join(file), text).unwrap();
        write("mcp-cloud.toml", "name = \"tells\"\n");
        write("Cargo.toml", "[package]\nname = \"tells\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n");
        write(
            "build.rs",
            "fn main() { let out = std::env::var(\"OUT_DIR\").unwrap(); std::fs::write(out + \"/file.rs\", \
             \"pub const FILE: &str = file!();\").unwrap(); }\n",
        );
        write(
            "src/main.rs",
            "include!(concat!(env!(\"OUT_DIR\"), \"/file.rs\"));\nfn main() { println!(\"{FILE}\"); }\n",
        );
        let app = App::load(&directory).unwrap();
        let Build::Cargo(package) = app.build else { panic!("it is a cargo package") };
        package
    }

    #[tokio::test]
    async fn program_is_the_same_wherever_its_sources_are() {
        let folder = tempfile::tempdir().unwrap();
        let architecture = if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 };
        let mut archives = Vec::new();
        for directory in ["a", "further/away/than a"] {
            let package = server(folder.path().join(directory));
            let program = build(&package, architecture).await.unwrap();
            let bytes = fs::read(&program).unwrap();
            let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!holds(folder.path().to_str().unwrap()), "it does not say where it was built");
            assert!(holds("/target/"), "it says where a file was in what was built");
            archives.push(Archive::of_file(&program).unwrap());
        }
        assert_eq!(archives[0].sha256, archives[1].sha256);
    }
}
