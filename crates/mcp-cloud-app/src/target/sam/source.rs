//! How `sam build` puts a command and what serves it into a function: a `Makefile`.

use crate::app::{App, Architecture, CommandBuild, Runtime};

/// The directory of the `Makefile`, beside the template: a server's own may have one already.
pub(super) const DIRECTORY: &str = "sam";
/// The file, whose name SAM does not let anyone choose.
pub(super) const MAKEFILE: &str = "sam/Makefile";
/// The variable by which Lambda starts another program in place of its runtime.
pub(super) const WRAPPER_VARIABLE: &str = "AWS_LAMBDA_EXEC_WRAPPER";
/// That program.
pub(super) const WRAPPER_PATH: &str = "/var/task/bootstrap";

/// The recipe. `sam build` runs it in a copy of the command's directory.
pub(super) fn makefile(app: &App, command: &CommandBuild) -> String {
    let mut lines: Vec<String> = [
        "#",
        "# `sam build` runs `build-Server` in a copy of the server's directory, and packs what is in ARTIFACTS_DIR then.",
        "# MCP_BRIDGE is a path of `mcp-bridge` for Linux and the processor below; cargo builds one where it is not set.",
        "",
        "SHELL := /bin/sh",
        "",
        "# Lambda starts this in place of its runtime: it serves the Runtime API, and runs the command.",
        "define BOOTSTRAP",
        "#!/bin/sh",
        "PATH=\"/var/task:/var/task/bin:/var/task/node_modules/.bin:$$PATH\"",
        "export PATH",
    ]
    .map(str::to_owned)
    .into();
    let words: Vec<_> = command.command.iter().map(|word| in_make(&quoted(word))).collect();
    lines.push(format!("exec /var/task/mcp-bridge -- {}", words.join(" ")));
    lines.extend(["endef", "export BOOTSTRAP", "", ".PHONY: build-Server", "build-Server:"].map(str::to_owned));
    let mut recipe = |line: String| lines.push(format!("\t{line}"));
    for file in &command.files {
        let file = file.trim_end_matches('/');
        let parent = file.rsplit_once('/').map_or("", |(parent, _)| parent);
        if !parent.is_empty() {
            recipe(format!("mkdir -p \"$(ARTIFACTS_DIR)\"/{}", in_make(&quoted(parent))));
        }
        let source = in_make(&quoted(&format!("./{file}")));
        recipe(format!("cp -R {source} \"$(ARTIFACTS_DIR)\"/{}", in_make(&quoted(parent))));
    }
    if let Some(install) = install(app, command) {
        recipe(install);
    }
    let (target, linker) = match app.architecture {
        Architecture::Arm64 => (app.architecture.rust_target(), "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER"),
        Architecture::X86_64 => (app.architecture.rust_target(), "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_LINKER"),
    };
    recipe("if [ -n \"$$MCP_BRIDGE\" ]; then cp \"$$MCP_BRIDGE\" \"$(ARTIFACTS_DIR)/mcp-bridge\"; \\".to_owned());
    recipe(format!("else {linker}=rust-lld cargo install --locked --no-track --target {target} --root .mcp-bridge \\"));
    recipe(format!(
        "\tmcp-bridge@{} && cp .mcp-bridge/bin/mcp-bridge \"$(ARTIFACTS_DIR)/mcp-bridge\"; fi",
        env!("CARGO_PKG_VERSION")
    ));
    recipe("printf '%s\\n' \"$$BOOTSTRAP\" > \"$(ARTIFACTS_DIR)/bootstrap\"".to_owned());
    recipe("chmod 755 \"$(ARTIFACTS_DIR)/bootstrap\" \"$(ARTIFACTS_DIR)/mcp-bridge\"".to_owned());
    lines.push(String::new());
    lines.join("\n")
}

/// What the package manager installs, for the processor of the function and not of this machine.
fn install(app: &App, command: &CommandBuild) -> Option<String> {
    match command.runtime {
        Runtime::Node if command.has_file("package.json") => {
            let processor = match app.architecture {
                Architecture::Arm64 => "arm64",
                Architecture::X86_64 => "x64",
            };
            let verb = if command.has_file("package-lock.json") { "ci" } else { "install" };
            Some(format!("cd \"$(ARTIFACTS_DIR)\" && npm {verb} --omit=dev --os=linux --cpu={processor} --libc=glibc"))
        }
        Runtime::Python if command.has_file("requirements.txt") => {
            let processor = match app.architecture {
                Architecture::Arm64 => "aarch64",
                Architecture::X86_64 => "x86_64",
            };
            // Amazon Linux 2023 has glibc 2.34.
            Some(format!(
                "python3 -m pip install --requirement requirements.txt --target \"$(ARTIFACTS_DIR)\" \
                 --platform manylinux_2_28_{processor} --platform manylinux2014_{processor} --implementation cp \
                 --python-version {} --only-binary=:all:",
                command.runtime_version
            ))
        }
        Runtime::Node | Runtime::Python | Runtime::None => None,
    }
}

/// A word of a shell's.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Text that `make` takes as it is.
fn in_make(text: &str) -> String {
    text.replace('$', "$$")
}
