//! `mcp-cloud dev` on a server that cannot be run: one sentence, a hint, an exit code, and nothing left running.

use std::{net::TcpListener, path::Path};

use mcp_cloud_tests::Finished;
use tempfile::TempDir;

use crate::package::{Package, finish, mcp_cloud};

/// Nothing on standard output, the exit code, and these as the last lines on standard error.
#[track_caller]
fn assert_refused(refused: &Finished, code: i32, error: &str, hint: &str) {
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(code), ""), "{}", refused.stderr);
    let end = format!("error: {error}\nhint: {hint}\n");
    assert!(refused.stderr.ends_with(&end), "standard error does not end with\n{end}but is\n{}", refused.stderr);
}

fn shown(path: &Path) -> String {
    path.canonicalize().expect("the folder exists").display().to_string()
}

#[test]
fn server_that_does_not_build_is_refused_after_cargos_own_diagnostics() {
    let package = Package::with_main("fn main() { to_the_moon() }");
    let refused = finish(&mut package.dev(&[]));
    assert_refused(&refused, 1, "the server `moon` does not build", "what cargo found wrong stands above");
    assert!(refused.stderr.contains("cannot find function `to_the_moon`"), "{}", refused.stderr);
}

#[test]
fn directory_that_does_not_exist_is_refused() {
    let refused = finish(&mut mcp_cloud(&["dev", "no/such/place"]));
    let error = "cannot open the directory `no/such/place`: No such file or directory (os error 2)";
    assert_refused(
        &refused,
        2,
        error,
        "name the directory of the server's package, as in `mcp-cloud dev path/to/server`",
    );
}

#[test]
fn directory_without_a_package_is_refused() {
    let folder = TempDir::new().expect("an empty folder");
    let refused = finish(mcp_cloud(&["dev"]).arg(folder.path()));
    let error = format!("there is no `Cargo.toml` in `{}`", shown(folder.path()));
    assert_refused(
        &refused,
        2,
        &error,
        "name the directory of the server's package, as in `mcp-cloud dev path/to/server`",
    );
}

#[test]
fn manifest_that_cargo_cannot_read_is_refused_after_cargos_own_diagnostics() {
    let package = Package::with_files(&[("Cargo.toml", "not a manifest")]);
    std::fs::write(package.path().join("Cargo.toml"), "[package\n").expect("the manifest is written");
    let refused = finish(&mut package.dev(&[]));
    let error = format!("cargo cannot read `{}/Cargo.toml`", shown(package.path()));
    assert_refused(&refused, 2, &error, "what cargo found wrong stands above");
    assert!(refused.stderr.contains("unclosed table"), "{}", refused.stderr);
}

#[test]
fn library_is_refused() {
    let package = Package::with_files(&[("src/lib.rs", "")]);
    let refused = finish(&mut package.dev(&[]));
    let error = format!("`{}/Cargo.toml` builds no binary", shown(package.path()));
    assert_refused(&refused, 2, &error, "choose the package that holds the server with `--package`");
}

#[test]
fn several_binaries_are_named() {
    let main = "fn main() {}";
    let package = Package::with_files(&[("src/bin/apollo.rs", main), ("src/bin/sojus.rs", main)]);
    let refused = finish(&mut package.dev(&[]));
    let error = format!("`{}/Cargo.toml` builds several binaries: apollo, sojus", shown(package.path()));
    assert_refused(&refused, 2, &error, "choose one with `--bin`");
}

#[test]
fn unknown_binary_and_package_are_refused_before_anything_is_built() {
    let package = Package::with_main("fn main() { to_the_moon() }");
    let manifest = shown(package.path()) + "/Cargo.toml";
    let refused = finish(&mut package.dev(&["--bin", "mars"]));
    assert_refused(&refused, 2, &format!("`{manifest}` has no binary `mars`"), "it builds `moon`");
    let refused = finish(&mut package.dev(&["--package", "mars"]));
    assert_refused(&refused, 2, &format!("`{manifest}` has no package `mars`"), "it has `moon`");
    assert!(!package.path().join("target").exists());
}

#[test]
fn port_in_use_is_refused_before_anything_is_built() {
    let holder = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = holder.local_addr().expect("its number").port().to_string();
    let package = Package::with_main("fn main() { to_the_moon() }");
    let refused = finish(mcp_cloud(&["dev", "--port", &port]).arg(package.path()));
    let reason = std::io::Error::from(rustix::io::Errno::ADDRINUSE);
    let error = format!("cannot listen on 127.0.0.1:{port}: {reason}");
    assert_refused(&refused, 1, &error, "choose another port with `--port`");
    assert!(!refused.stderr.contains("Compiling"), "{}", refused.stderr);
}

#[test]
fn colours_follow_the_environment() {
    let refuse = || mcp_cloud(&["dev", "no/such/place"]);
    let plain = finish(&mut refuse());
    assert!(!plain.stderr.contains('\u{1b}'), "a pipe gets no colours: {}", plain.stderr);
    let forced = finish(refuse().env("CLICOLOR_FORCE", "1"));
    assert!(forced.stderr.contains("\u{1b}["), "colours were asked for: {}", forced.stderr);
    let refused = finish(refuse().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1"));
    assert_eq!(refused.stderr, plain.stderr, "`NO_COLOR` is stronger");
}
