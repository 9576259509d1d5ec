//! `cargo xtask check`.

use crate::command::{self, TaskError, answer, cargo, say};

/// Checks everything that needs no test to run. The features are those of `cargo xtask test`, so that what one builds
/// the other need not.
pub(crate) fn run() -> Result<(), TaskError> {
    command::run(cargo().args(["fmt", "--all", "--check"]))?;
    let everything = ["--workspace", "--all-features"];
    command::run(cargo().arg("clippy").args(everything).args(["--all-targets", "--", "-D", "warnings"]))?;
    // The libraries alone: the binary `mcp-cloud` would be written over the library of that name.
    command::run(cargo().arg("doc").args(everything).args(["--lib", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    if answer(cargo().args(["deny", "--version"])).is_some() {
        // Advisories change without us and need the network: they are not a property of this tree.
        command::run(cargo().args(["deny", "--all-features", "check", "bans", "licenses", "sources"]))
    } else {
        say(format_args!("SKIP cargo-deny is missing: `cargo install cargo-deny` brings it"));
        Ok(())
    }
}
