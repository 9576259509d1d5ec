//! The few lines of a `Cargo.toml` that decide which binary is the server.

use serde::Deserialize;

/// A cargo package and its binaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cargo {
    pub(crate) package: String,
    /// In alphabetical order.
    pub(crate) binaries: Vec<String>,
    pub(crate) default_run: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    package: Option<Package>,
    #[serde(default)]
    bin: Vec<Binary>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Package {
    name: String,
    default_run: Option<String>,
    autobins: Option<bool>,
}

#[derive(Deserialize)]
struct Binary {
    name: Option<String>,
    path: Option<String>,
}

impl Cargo {
    /// Whether a `Cargo.toml` is that of a workspace.
    pub(crate) fn is_workspace(text: &str) -> bool {
        text.parse::<toml::Table>().is_ok_and(|manifest| manifest.contains_key("workspace"))
    }

    /// Reads a `Cargo.toml`. `sources` are the files cargo makes binaries of by itself, relative to it and with `/`:
    /// `src/main.rs`, `src/bin/<name>.rs` and `src/bin/<name>/main.rs`
    /// (<https://doc.rust-lang.org/cargo/reference/cargo-targets.html#target-auto-discovery>). The error completes a
    /// sentence that begins with the name of the file.
    pub(crate) fn parse(text: &str, sources: &[String]) -> Result<Self, String> {
        let manifest: Manifest = toml::from_str(text).map_err(|error| format!("is not valid: {}", error.message()))?;
        let Some(package) = manifest.package else {
            return Err("describes a workspace and no package".to_owned());
        };
        let mut binaries: Vec<String> = manifest.bin.iter().filter_map(|binary| binary.name.clone()).collect();
        if package.autobins != Some(false) {
            let declared = |source: &String| manifest.bin.iter().any(|binary| binary.path.as_ref() == Some(source));
            let free = sources.iter().filter(|source| !declared(source));
            binaries.extend(free.map(|source| match source.strip_prefix("src/bin/") {
                Some(path) => path.trim_end_matches("/main.rs").trim_end_matches(".rs").to_owned(),
                None => package.name.clone(),
            }));
        }
        binaries.sort();
        binaries.dedup();
        Ok(Self { package: package.name, binaries, default_run: package.default_run })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, sources: &[&str]) -> Result<Cargo, String> {
        Cargo::parse(text, &sources.iter().map(|&source| source.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn discovered_binaries_bear_the_names_cargo_gives_them() {
        let cargo =
            parse("[package]\nname = \"hello\"\n", &["src/main.rs", "src/bin/tool.rs", "src/bin/big/main.rs"]).unwrap();
        assert_eq!(cargo.binaries, ["big", "hello", "tool"]);
    }

    #[test]
    fn declared_binary_takes_the_place_of_the_source_it_names() {
        let text = "[package]\nname = \"hello-cli\"\n[[bin]]\nname = \"hello\"\npath = \"src/main.rs\"\n";
        assert_eq!(parse(text, &["src/main.rs"]).unwrap().binaries, ["hello"]);
    }

    #[test]
    fn without_autobins_only_declared_binaries_count() {
        let text = "[package]\nname = \"a\"\nautobins = false\n[[bin]]\nname = \"b\"\n";
        assert_eq!(parse(text, &["src/main.rs", "src/bin/c.rs"]).unwrap().binaries, ["b"]);
    }

    #[test]
    fn workspace_without_package_is_refused() {
        assert_eq!(parse("[workspace]\nmembers = []\n", &[]).unwrap_err(), "describes a workspace and no package");
    }
}
