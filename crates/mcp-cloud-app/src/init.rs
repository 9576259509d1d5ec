//! Looks at a project and drafts its `mcp-cloud.toml`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use thiserror::Error;

use crate::config::{Cargo, FILE_NAME, forms};

/// Where editors find the schema of the file, and people its reference.
const SCHEMA: &str = "https://raw.githubusercontent.com/mcp-cloud/mcp-cloud/main/docs/mcp-cloud.schema.json";
const REFERENCE: &str = "https://github.com/mcp-cloud/mcp-cloud/blob/main/docs/mcp-cloud-toml.md";

/// Why nothing could be drafted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InitError {
    /// The directory has nothing that says what the server is.
    #[error("`{}` has no Cargo.toml, package.json, pyproject.toml or Dockerfile", directory.display())]
    Nothing {
        /// The directory.
        directory: PathBuf,
    },
    /// The file that says what the server is cannot be used.
    #[error("`{}` {problem}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong, as the rest of a sentence.
        problem: String,
    },
}

impl InitError {
    /// Says what to do about it: one sentence, lower case, no final period.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Nothing { .. } => Some("name the directory of a server"),
            Self::Unusable { problem, .. } if problem.contains("workspace") => {
                Some("name the directory of the package that is the server")
            }
            Self::Unusable { .. } => None,
        }
    }
}

/// A file that could be written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Draft {
    /// What the project turned out to be, for a person: `a cargo package`.
    pub found: &'static str,
    /// The file.
    pub contents: String,
}

/// What a project says about itself.
struct Project {
    found: &'static str,
    name: String,
    description: Option<String>,
    build: String,
}

/// Drafts the file for the project in a directory: with its name, its description and what there is to build, and with
/// the defaults of the rest as comments. Nothing is written.
///
/// Where a directory has several kinds of files, a `Cargo.toml` comes before a `package.json`, before a `pyproject.toml`,
/// before a `Dockerfile`.
///
/// # Errors
///
/// [`InitError::Nothing`] when there is none of them, [`InitError::Unusable`] when the first does not say what it should.
pub fn draft(directory: &Path) -> Result<Draft, InitError> {
    let readers: [(&str, Read); 4] =
        [("Cargo.toml", cargo), ("package.json", node), ("pyproject.toml", python), ("Dockerfile", dockerfile)];
    for (file, read) in readers {
        let path = directory.join(file);
        if !path.is_file() {
            continue;
        }
        let unusable = |problem: String| InitError::Unusable { path: path.clone(), problem };
        let text = fs::read_to_string(&path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
        let project = read(directory, &text).map_err(unusable)?;
        return Ok(Draft { found: project.found, contents: contents(&project) });
    }
    Err(InitError::Nothing { directory: directory.to_owned() })
}

type Read = fn(&Path, &str) -> Result<Project, String>;

fn cargo(_: &Path, text: &str) -> Result<Project, String> {
    // The binary is found when the file is loaded, which says best what is wrong with it.
    let cargo = Cargo::parse(text, &[])?;
    let manifest: toml::Table = text.parse().map_err(|_| "is not valid".to_owned())?;
    let description = manifest.get("package").and_then(|package| package.get("description")?.as_str());
    Ok(Project {
        found: "a cargo package",
        name: cargo.package,
        description: description.map(str::to_owned),
        build: "# [build]\n# directory = \".\"                # of the Cargo.toml\n# binary = \"…\"                   # the one `cargo run` would run\n".to_owned(),
    })
}

fn node(directory: &Path, text: &str) -> Result<Project, String> {
    let package: Value = serde_json::from_str(text).map_err(|error| format!("is not valid: {error}"))?;
    let of = |key: &str| package.get(key).and_then(Value::as_str);
    let program = match package.get("bin") {
        Some(Value::String(path)) => Some(path.as_str()),
        Some(Value::Object(programs)) => programs.values().find_map(Value::as_str),
        _ => of("main"),
    };
    let program = program.unwrap_or("index.js").trim_start_matches("./");
    let top = program.split('/').next().unwrap_or(program);
    let files = present(directory, &["package.json", "package-lock.json"]).into_iter().chain([top.to_owned()]);
    Ok(Project {
        found: "a Node.js package",
        name: of("name").unwrap_or("server").to_owned(),
        description: of("description").map(str::to_owned),
        build: build(&["node".to_owned(), program.to_owned()], &files.collect::<Vec<_>>()),
    })
}

fn python(directory: &Path, text: &str) -> Result<Project, String> {
    let manifest: toml::Table = text.parse().map_err(|_| "is not valid TOML".to_owned())?;
    let project = manifest.get("project");
    let of = |key: &str| project.and_then(|project| project.get(key)?.as_str()).map(str::to_owned);
    let name = of("name").ok_or("has no name under `[project]`")?;
    // A script is `module:function`, and a module with a `main` runs by itself.
    let script = project.and_then(|project| project.get("scripts")?.as_table()?.values().next()?.as_str());
    let module =
        script.and_then(|script| script.split(':').next()).map_or_else(|| name.replace('-', "_"), str::to_owned);
    let top = module.split('.').next().unwrap_or(&module).to_owned();
    let places = [format!("src/{top}"), top.clone(), format!("{top}.py")];
    let place = places.iter().find(|place| directory.join(place).exists()).unwrap_or(&top).clone();
    let files = present(directory, &["pyproject.toml", "requirements.txt"]).into_iter().chain([place]);
    Ok(Project {
        found: "a Python project",
        name,
        description: of("description"),
        build: build(&["python".to_owned(), "-m".to_owned(), module], &files.collect::<Vec<_>>()),
    })
}

fn dockerfile(directory: &Path, _: &str) -> Result<Project, String> {
    let absolute = fs::canonicalize(directory).map_err(|error| format!("cannot be found: {error}"))?;
    let name = absolute.file_name().map_or_else(|| "server".to_owned(), |name| name.to_string_lossy().into_owned());
    let image = format!("registry.example.com/{}:0.1.0", plain_name(&name));
    Ok(Project {
        found: "a Dockerfile",
        name,
        description: None,
        build: format!(
            "[build]\nimage = {}   # where the image is that the Dockerfile makes; best by digest\n",
            quoted(&image)
        ),
    })
}

fn present(directory: &Path, names: &[&str]) -> Vec<String> {
    names.iter().filter(|name| directory.join(name).is_file()).map(|name| (*name).to_owned()).collect()
}

fn build(command: &[String], files: &[String]) -> String {
    let list = |items: &[String]| items.iter().map(|item| quoted(item)).collect::<Vec<_>>().join(", ");
    format!(
        "[build]\ncommand = [{}]   # speaks MCP over standard input and output\nfiles = [{}]\n",
        list(command),
        list(files)
    )
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The nearest name that the file takes: `@scope/My_Server` becomes `my-server`.
fn plain_name(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    let parts = name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    let joined = parts.collect::<Vec<_>>().join("-");
    let trimmed = joined.trim_start_matches(|letter: char| !letter.is_ascii_alphabetic());
    let short: String = trimmed.chars().take(49).collect();
    let short = short.trim_end_matches('-');
    if forms::NAME.holds(short) { short.to_owned() } else { "server".to_owned() }
}

fn contents(project: &Project) -> String {
    let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let description = project.description.as_deref().map(line).filter(|text| forms::DESCRIPTION.holds(text));
    let description = description.map(|text| format!("description = {}\n", quoted(&text))).unwrap_or_default();
    let name = quoted(&plain_name(&project.name));
    let build = &project.build;
    format!(
        "\
#:schema {SCHEMA}
# What this MCP server is, and where it runs. Its name would be enough: what is commented out says the defaults, or how
# the rest is written. `mcp-cloud check` says for each target what will not work. Every key:
# {REFERENCE}

name = {name}
{description}
{build}
[auth]
mode = \"platform\"                 # IAM on AWS and Cloud Run, keys on Azure; `jwt` or `cognito` for OAuth; `none` is open

# [endpoint]
# path = \"/mcp\"
# domain = \"mcp.example.com\"
# origins = [\"https://app.example.com\"]   # web pages that may call from a browser

# [environment]                   # no place for secrets
# LOG = \"info\"

# [secrets.API_TOKEN]             # the variable, and where its value is kept
# aws = \"arn:aws:secretsmanager:eu-central-1:123456789012:secret:api-AbCdEf\"
# google = \"api-token\"

# [resources]
# architecture = \"arm64\"          # or \"x86_64\"
# timeout = 60                    # seconds

# [lambda]                        # `mcp-cloud emit --target sam`, or `mcp-cloud deploy`
# trigger = \"function-url\"        # or \"rest-api\", \"rest-api-stream\", \"http-api\", \"alb\"

# [env.prod]                      # with `--env prod` this takes the place of what stands above
# scaling.minimum = 1
"
    )
}

/// The path of the file that a draft is for.
#[must_use]
pub fn path(directory: &Path) -> PathBuf {
    if directory == Path::new(".") { PathBuf::from(FILE_NAME) } else { directory.join(FILE_NAME) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_ecosystems_become_names_that_the_file_takes() {
        let names = [
            ("@acme/My_Server", "my-server"),
            ("3d-printer", "d-printer"),
            ("---", "server"),
            ("ü", "server"),
            ("a", "a"),
        ];
        for (name, expected) in names {
            assert_eq!(plain_name(name), expected);
        }
        assert_eq!(plain_name(&"x-".repeat(60)).len(), 49);
    }
}
