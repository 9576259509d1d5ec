//! The container that the targets share which run one: the image's recipe, and what is known about what is in it.
//!
//! Several targets may be emitted into one folder, so the recipe is the same whatever the target. What is put into it has
//! to be escaped as a Dockerfile wants it: <https://docs.docker.com/reference/dockerfile/>.

use std::path::{Component, Path, PathBuf};

use super::{Bundle, Code, relative};
use crate::app::{App, Architecture, Build, CargoBuild, CommandBuild, Runtime};

/// The port a container listens on. Platforms that give another one set `PORT` themselves.
pub(super) const PORT: u16 = mcp_cloud_contract::DEFAULT_PORT;
/// Who the program runs as: nobody whom an image or a host knows, by number, so that a platform can see that it is not
/// root.
pub(super) const USER: &str = "65532:65532";
/// The recipe of the image; not there for an image that is built already.
pub(super) const DOCKERFILE: &str = "Dockerfile";
/// What the recipe is not to see. Of this name, because `.dockerignore` is looked for in the context alone, which is the
/// workspace (<https://docs.docker.com/build/concepts/context/#filename-and-location>).
const DOCKERIGNORE: &str = "Dockerfile.dockerignore";

/// Variables of whoever develops the server; values of secrets are among them, as like as not.
const ENVIRONMENT: &str = ".env";
/// What tools keep in a directory besides the server's own files.
const TOOLS: [&str; 2] = [".git", "node_modules"];

/// Where the program of a cargo package is.
const SERVER: &str = "/server";
/// Where the program is that serves a command.
const BRIDGE: &str = "/usr/local/bin/mcp-bridge";
/// Released together with this crate.
const BRIDGE_VERSION: &str = env!("CARGO_PKG_VERSION");
/// The directory of a command's files.
const APP: &str = "/app";
/// Tags that are not written again for another version, but for repairs of the system below it.
const RUST_IMAGE: &str = "docker.io/library/rust:1.94.1-slim-bookworm";

/// Adds the recipe, and what it is not to see, of what has to be built.
pub(super) fn files(bundle: &mut Bundle, app: &App, code: &Code) {
    let dockerfile = match &app.build {
        Build::Cargo(cargo) => of_cargo(app, cargo, code),
        Build::Command(command) => of_command(app, command, code),
        Build::Image(_) => return,
    };
    bundle.shared(DOCKERFILE, "#", &dockerfile);
    bundle.shared(DOCKERIGNORE, "#", &ignored(app));
}

/// The program and its arguments; nothing for an image that is built already and brings its own.
#[must_use]
pub fn command(app: &App) -> Vec<String> {
    match &app.build {
        Build::Cargo(_) => vec![SERVER.to_owned()],
        Build::Command(command) => {
            let program = |(index, word): (usize, &String)| {
                // Without a slash it would be looked for in the directories of `PATH` alone.
                let own = index == 0 && command.runtime == Runtime::None && command.has_file(word);
                if own { format!("{APP}/{word}") } else { word.clone() }
            };
            let words = command.command.iter().enumerate().map(program);
            [BRIDGE, "--"].map(str::to_owned).into_iter().chain(words).collect()
        }
        Build::Image(_) => Vec::new(),
    }
}

/// What answers with its exit status whether the server in the same container lives; an image that is built already may
/// not know how.
#[must_use]
pub fn health_command(app: &App) -> Option<Vec<String>> {
    let program = match &app.build {
        Build::Cargo(_) => SERVER,
        Build::Command(_) => BRIDGE,
        Build::Image(_) => return None,
    };
    Some(vec![program.to_owned(), "--health".to_owned()])
}

/// The image that a command stands upon, which brings what starts it; nothing where nothing is needed. Of the images that
/// there are of a version, the small one of a system that is not replaced by its successor below it.
#[must_use]
pub fn base(command: &CommandBuild) -> Option<String> {
    let version = &command.runtime_version;
    match command.runtime {
        Runtime::Node => Some(format!("docker.io/library/node:{version}-bookworm-slim")),
        Runtime::Python => Some(format!("docker.io/library/python:{version}-slim-bookworm")),
        Runtime::None => None,
    }
}

/// The files of a command that its packages are installed from; none for a command that lists no packages. They come before
/// the others, so that a change of those does not install anything again.
#[must_use]
pub fn installed_from(command: &CommandBuild) -> Vec<&'static str> {
    let (list, lock) = match command.runtime {
        Runtime::Node => ("package.json", Some("package-lock.json")),
        Runtime::Python => ("requirements.txt", None),
        Runtime::None => return Vec::new(),
    };
    // A lock without the list that it belongs to is a file like any other.
    let files = std::iter::once(list).chain(lock).filter(|file| command.has_file(file));
    if command.has_file(list) { files.collect() } else { Vec::new() }
}

/// Whether a file of a command is not to be in its image although one of its `files` names it, or the directory it is in:
/// files with values of secrets, `.env` unless it is named itself, and what belongs to tools in a directory that is named as
/// a whole. The path is relative to the command's directory.
#[must_use]
pub fn is_left_out(app: &App, command: &CommandBuild, path: &str) -> bool {
    let path = normal(Path::new(path));
    let tools = || has_whole_directory(command) && TOOLS.iter().any(|tool| path.starts_with(tool));
    let environment = || path.ends_with(ENVIRONMENT) && !named_environments(command).any(|named| named == path);
    tools() || environment() || secret_files(app).any(|secret| Path::new(&secret) == path)
}

/// The directory that is sent to the builder, as seen from where the files are emitted.
pub(super) fn context(app: &App, code: &Code) -> String {
    relative(code.directory(app), context_directory(app))
}

/// The recipe as seen from the [`context`].
pub(super) fn dockerfile(app: &App, code: &Code) -> String {
    relative(context_directory(app), &code.directory(app).join(DOCKERFILE))
}

/// The platform of the image, as `docker build --platform` spells it.
pub(super) fn platform(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "linux/arm64",
        Architecture::X86_64 => "linux/amd64",
    }
}

fn context_directory(app: &App) -> &Path {
    match &app.build {
        // Packages of a workspace share its `Cargo.lock`, and may depend on each other.
        Build::Cargo(cargo) => &cargo.workspace_directory,
        Build::Command(command) => &command.directory,
        Build::Image(_) => &app.manifest_directory,
    }
}

fn of_cargo(app: &App, cargo: &CargoBuild, code: &Code) -> String {
    let manifest = relative(&cargo.workspace_directory, &cargo.package_directory.join("Cargo.toml"));
    let (manifest, binary) = (shell_word(&manifest), shell_word(&cargo.binary));
    let program = shell_word(&format!("/{}", cargo.binary));
    let usage = usage(app, code);
    let (toolchain, describe, run) = (toolchain("build"), describe(app), run(app));
    format!(
        "{usage}\
ARG RUST_IMAGE

{toolchain}\
WORKDIR /source
COPY . .
# `--locked`: what is deployed is what `Cargo.lock` says, which has to be there.
# A toolchain that the workspace itself names needs the target, too.
RUN --mount=type=cache,target=/usr/local/cargo/registry \\
    --mount=type=cache,target=/usr/local/cargo/git/db \\
    --mount=type=cache,id={name}-target,target=/target,sharing=locked \\
    rustup target add \"$CARGO_BUILD_TARGET\" && \\
    cargo build --release --locked --target-dir /target --manifest-path {manifest} --bin {binary} && \\
    cp \"/target/$CARGO_BUILD_TARGET/release\"{program} {SERVER}

FROM scratch
{describe}\
# Whom to trust when the server calls others over TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build {SERVER} {SERVER}
{run}",
        name = app.name,
    )
}

fn of_command(app: &App, command: &CommandBuild, code: &Code) -> String {
    let usage = usage(app, code);
    let base = base(command).unwrap_or_default();
    // The argument with which to name another, and the image of what starts the command.
    let (argument, image) = match command.runtime {
        Runtime::Node => ("ARG NODE_IMAGE\n", format!("${{NODE_IMAGE:-{base}}}")),
        Runtime::Python => ("ARG PYTHON_IMAGE\n", format!("${{PYTHON_IMAGE:-{base}}}")),
        Runtime::None => ("", "scratch".to_owned()),
    };
    let certificates = match command.runtime {
        Runtime::None => {
            "# Whom to trust when the command calls others over TLS.\n\
             COPY --from=bridge /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt\n"
        }
        Runtime::Node | Runtime::Python => "",
    };
    let (toolchain, describe, run) = (toolchain("bridge"), describe(app), run(app));
    let (install, files) = (install(command), copy_files(command));
    format!(
        "{usage}\
ARG RUST_IMAGE
{argument}
{toolchain}\
RUN --mount=type=cache,target=/usr/local/cargo/registry \\
    cargo install mcp-bridge --version {BRIDGE_VERSION} --locked --root /bridge

FROM {image}
{describe}\
WORKDIR {APP}
{certificates}\
COPY --from=bridge /bridge/bin/mcp-bridge {BRIDGE}
{install}\
{files}\
{run}"
    )
}

/// The first lines: how to build the image, and what can be said then.
fn usage(app: &App, code: &Code) -> String {
    let platform = platform(app.architecture);
    let context = shell_word(&context(app, code));
    format!(
        "#   docker build --platform {platform} --tag {name} --file {DOCKERFILE} {context}\n\
         # To build from the very same images every time, name them by digest: --build-arg RUST_IMAGE={RUST_IMAGE}@sha256:…\n",
        name = app.name,
    )
}

/// The stages up to one with the Rust toolchain, which run on the machine that builds and compile for the one that serves:
/// without emulation, C included. Programs are static, so they need no image to run in.
fn toolchain(stage: &str) -> String {
    let processor = |architecture: Architecture, name: &str| {
        let target = architecture.rust_target();
        let triple = target.replace("-unknown", "");
        format!(
            "\
FROM rust AS rust-{name}
ENV CARGO_BUILD_TARGET={target} \\
    TARGET_CFLAGS=\"--target={triple} -nostdlibinc -isystem /usr/include/{triple}\"

"
        )
    };
    let processors = [processor(Architecture::X86_64, "amd64"), processor(Architecture::Arm64, "arm64")].concat();
    format!(
        "\
FROM --platform=$BUILDPLATFORM ${{RUST_IMAGE:-{RUST_IMAGE}}} AS rust
ARG TARGETARCH
# What compiles C for the other processor, for crates that have some. Debian keeps no old versions that could be named.
# hadolint ignore=DL3008
RUN dpkg --add-architecture \"$TARGETARCH\" && \\
    apt-get update && \\
    apt-get install --yes --no-install-recommends clang llvm \"musl-dev:$TARGETARCH\" && \\
    rm -rf /var/lib/apt/lists/*
ENV TARGET_CC=clang \\
    TARGET_AR=llvm-ar \\
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld \\
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld

{processors}\
# hadolint ignore=DL3006
FROM rust-${{TARGETARCH:-amd64}} AS {stage}
RUN rustup target add \"$CARGO_BUILD_TARGET\"
"
    )
}

/// Installs what the command needs before its own files come, so that a change of those does not install it again.
fn install(command: &CommandBuild) -> String {
    match command.runtime {
        Runtime::Node if command.has_file("package.json") => {
            let (files, npm) = if command.has_file("package-lock.json") {
                ("\"package.json\", \"package-lock.json\"", "npm ci")
            } else {
                ("\"package.json\"", "npm install --no-package-lock")
            };
            format!(
                "ENV NODE_ENV=production\n\
                 COPY [{files}, \"./\"]\n\
                 # Scripts of packages are not run: each could be anybody's.\n\
                 RUN --mount=type=cache,target=/root/.npm {npm} --omit=dev --ignore-scripts\n"
            )
        }
        Runtime::Python if command.has_file("requirements.txt") => "COPY [\"requirements.txt\", \"./\"]\n\
             RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore -r requirements.txt\n"
            .to_owned(),
        Runtime::Node | Runtime::Python | Runtime::None => String::new(),
    }
}

/// Each file by itself: a directory's contents go to where it was, a file to its own name.
fn copy_files(command: &CommandBuild) -> String {
    let installed = installed_from(command);
    let files = command.files.iter().filter(|file| !installed.contains(&file.as_str()));
    files.map(|file| format!("COPY {}\n", list(&[word(&pattern(file)), word(&format!("./{file}"))]))).collect()
}

/// Who the image says it is.
fn describe(app: &App) -> String {
    let label = |key: &str, value: &str| format!("org.opencontainers.image.{key}={}", double_quoted(value));
    format!("LABEL {} \\\n      {}\n", label("title", &app.name), label("description", &app.description))
}

fn run(app: &App) -> String {
    let health = &app.health;
    let healthcheck = health_command(app).map_or_else(String::new, |command| {
        format!(
            "HEALTHCHECK --interval={}s --timeout={}s --start-period={}s --retries={} \\\n    CMD {}\n",
            health.interval_seconds,
            health.timeout_seconds,
            health.start_seconds,
            health.retries,
            list(&command)
        )
    });
    format!("ENV PORT={PORT}\nEXPOSE {PORT}\nUSER {USER}\n{healthcheck}ENTRYPOINT {}\n", list(&command(app)))
}

/// What the builder is not to be sent: of a command everything but its files; of a cargo package what is large and what is
/// secret. The last line that fits a path decides.
fn ignored(app: &App) -> String {
    let everywhere = format!("**/{ENVIRONMENT}");
    let mut lines = match &app.build {
        Build::Command(command) => {
            // A directory as a whole cannot be made an exception.
            let mut lines = if has_whole_directory(command) {
                TOOLS.map(str::to_owned).to_vec()
            } else {
                let files = command.files.iter().map(|file| format!("!{}", ignore_pattern(file)));
                std::iter::once("*".to_owned()).chain(files).collect()
            };
            lines.push(everywhere);
            lines.extend(
                named_environments(command).map(|file| format!("!{}", ignore_pattern(&file.display().to_string()))),
            );
            lines
        }
        // Not `**/target`: that may be a module's folder.
        Build::Cargo(_) | Build::Image(_) => vec![".git".to_owned(), "target".to_owned(), everywhere],
    };
    lines.extend(secret_files(app).map(|file| ignore_pattern(&file)));
    lines.push(String::new());
    lines.join("\n")
}

/// Files with the values of secrets that are within the context, as seen from there.
fn secret_files(app: &App) -> impl Iterator<Item = String> {
    let secrets = app.secrets.values().chain(&app.state.sealing_key).chain(&app.state.redis);
    let files = secrets.filter_map(|secret| secret.file.as_deref());
    let seen = files.map(|file| relative(context_directory(app), &normal(&app.manifest_directory.join(file))));
    seen.filter(|file| !file.starts_with("../"))
}

/// Whether the whole directory is among the command's files.
fn has_whole_directory(command: &CommandBuild) -> bool {
    command.files.iter().any(|file| normal(Path::new(file)) == Path::new(""))
}

/// Files of the command with variables, which somebody wants in the image in so many words.
fn named_environments(command: &CommandBuild) -> impl Iterator<Item = PathBuf> {
    command.files.iter().map(|file| normal(Path::new(file))).filter(|file| file.ends_with(ENVIRONMENT))
}

/// The path without its `.` parts.
pub(super) fn normal(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// A path to copy. It is a pattern if one of the letters of patterns is in it, and then they stand in brackets; a
/// backslash before them would be looked for as it is.
fn pattern(path: &str) -> String {
    const WILD: [char; 3] = ['*', '?', '['];
    if !path.contains(WILD) {
        return path.to_owned();
    }
    let letter = |letter: char| match letter {
        '\\' => "\\\\".to_owned(),
        wild if WILD.contains(&wild) => format!("[{wild}]"),
        letter => letter.to_string(),
    };
    path.chars().map(letter).collect()
}

/// A line that matches this path in a file of patterns. It may begin as a comment or an exception, and ends are cut off.
pub(super) fn ignore_pattern(path: &str) -> String {
    let pattern = escaped(path, "\\*?[");
    let pattern = if pattern.starts_with(['#', '!']) { format!("\\{pattern}") } else { pattern };
    pattern.strip_suffix(' ').map_or(pattern.clone(), |rest| format!("{rest}[ ]"))
}

/// A word that means itself in an instruction that replaces variables.
fn word(text: &str) -> String {
    escaped(text, "\\'\"$")
}

/// A value of `ENV` and `LABEL`, which replace variables.
fn double_quoted(text: &str) -> String {
    format!("\"{}\"", escaped(&one_line(text), "\\\"$"))
}

/// A word of a shell command.
pub(super) fn shell_word(text: &str) -> String {
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || "-_./".contains(letter);
    if !text.is_empty() && text.chars().all(harmless) {
        text.to_owned()
    } else {
        format!("'{}'", one_line(text).replace('\'', "'\\''"))
    }
}

/// The list of an instruction in its exec form, which is JSON on one line.
fn list(words: &[String]) -> String {
    let words: Vec<_> = words.iter().map(|word| serde_json::Value::from(word.as_str()).to_string()).collect();
    format!("[{}]", words.join(", "))
}

fn escaped(text: &str, special: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if special.contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// A line break would begin another instruction; the forms of the file let none through, names of directories may.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
