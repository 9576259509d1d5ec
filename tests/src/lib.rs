//! What the tests of the whole program share: where things are, how they are built once, and how a program that a
//! test starts is stopped whatever happens.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

pub mod conformance;
mod dev;
mod docker;
mod program;
mod programs;
mod tools;

pub use dev::Dev;
pub use docker::Docker;
pub use program::{Finished, Program, Signal, descendants, is_running};
pub use programs::{
    Profile, cli_binary, everything_binary, hello_binary, library_example, static_bridge, static_hello, workspace_root,
};
pub use tools::{
    checker, checkov, docker, docker_compose, image_tool, nginx, node, node_22, node_modules, python, require_tool, sam,
};

/// Says something about a test that passed, such as how many cases it held: on standard error, whether or not the output of
/// tests is kept back.
pub fn report(line: impl std::fmt::Display) {
    let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{line}\n"));
}
