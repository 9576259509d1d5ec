//! Signatures that cosign verifies.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use mcp_cloud_image::{Credentials, Digest, Key, Reference, registry};
use mcp_cloud_tests::{image_tool, require_tool};

use crate::{
    image, printed,
    pushed::{push, run},
    registry::Registry,
};

/// A plain key, made as our own hint says, and its public half.
fn plain_key(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let openssl = std::env::split_paths(&path).map(|folder| folder.join("openssl")).find(|program| program.is_file());
    let openssl = require_tool("openssl", openssl)?;
    let (private, public) = (folder.join("key.pem"), folder.join("key.pub"));
    let curve = ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out"];
    printed(Command::new(&openssl).args(curve).arg(&private));
    printed(Command::new(&openssl).args(["pkey", "-pubout", "-in"]).arg(&private).arg("-out").arg(&public));
    Some((private, public))
}

fn sign(key: &Key, reference: &Reference, digest: &Digest) {
    run(async {
        let signature = key.sign(reference, digest).await.expect("a signature");
        registry::attach_signature(&signature, reference, digest, &Credentials::Anonymous).await.expect("a push");
    });
}

fn cosign(folder: &Path) -> Option<Command> {
    let mut cosign = image_tool("cosign")?;
    // It keeps its things at home; these are not the developer's.
    cosign.env("HOME", folder).env("COSIGN_PASSWORD", "").current_dir(folder);
    Some(cosign)
}

fn verifies(folder: &Path, public: &Path, name: &str) -> bool {
    let mut cosign = cosign(folder).expect("cosign was there");
    let arguments = ["verify", "--insecure-ignore-tlog", "--allow-http-registry", "--key"];
    cosign.args(arguments).arg(public).arg(name).output().expect("cosign starts").status.success()
}

#[test]
fn cosign_verifies_the_image_that_was_signed_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let (Some(registry), Some(_)) = (Registry::open(), cosign(folder.path())) else { return };
    let Some((private, public)) = plain_key(folder.path()) else { return };
    let reference = registry.reference("hello:1");
    let signed = push(&image("hello"), &reference);
    let name = registry.name("hello:1");
    assert!(!verifies(folder.path(), &public, &name), "nobody has signed yet");
    sign(&Key::new(private.display().to_string()), &reference, &signed.digest);
    assert!(verifies(folder.path(), &public, &name), "the signed image");
    push(&image("changed"), &reference);
    assert!(!verifies(folder.path(), &public, &name), "another image under the tag");
}

#[test]
fn cosigns_own_encrypted_keys_sign_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let (Some(registry), Some(mut generate)) = (Registry::open(), cosign(folder.path())) else { return };
    printed(generate.arg("generate-key-pair"));
    // A user's cosign asks for the password, or has it in the environment.
    let program = image_tool("cosign").expect("cosign was there");
    let script = folder.path().join("cosign");
    let text = format!(
        "#!/bin/sh\nHOME='{}' COSIGN_PASSWORD= exec '{}' \"$@\"\n",
        folder.path().display(),
        Path::new(program.get_program()).display()
    );
    fs::write(&script, text).expect("a file");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a program");
    let reference = registry.reference("hello:1");
    let pushed = push(&image("hello"), &reference);
    let key = Key::new(folder.path().join("cosign.key").display().to_string()).with_cosign(&script);
    sign(&key, &reference, &pushed.digest);
    assert!(verifies(folder.path(), &folder.path().join("cosign.pub"), &registry.name("hello:1")));
}

#[test]
fn a_file_that_is_no_key_does_not_sign() {
    let folder = tempfile::tempdir().expect("a folder");
    let reference = Reference::parse("example.com/hello:1").expect("a reference");
    let path = folder.path().join("key.pem");
    fs::write(&path, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").expect("a file");
    let refused = run(Key::new(path.display().to_string()).sign(&reference, &Digest::of(b""))).expect_err("no key");
    assert!(refused.to_string().contains("is not an ECDSA key of the curve P-256"), "{refused}");
    assert!(refused.hint().is_some());
}
