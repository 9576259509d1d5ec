//! The command line as a program: exit code, standard output and standard error, each on its own.

#![cfg(unix)]
#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

mod build;
mod client;
mod dev;
mod file;
mod help;
mod invoke;
mod package;
mod reference;
mod shell;
// What a program started is found through `/proc`.
#[cfg(target_os = "linux")]
mod stop;
