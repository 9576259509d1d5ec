//! `mcp-cloud image`: what is built and pushed without Docker, by the command line.

use std::{path::Path, process::Command, time::Instant};

use mcp_cloud_image::layout;
use mcp_cloud_tests::{cli_binary, image_tool, workspace_root};
use serde_json::Value;

use crate::{printed, registry::Registry};

/// What the image of the example may take for a platform, compressed.
const LIMIT_BYTES: u64 = 6_000_000;

fn mcp_cloud(arguments: &[&str], server: &Path) -> Value {
    let mut command = Command::new(cli_binary());
    let printed = printed(command.args(arguments).args(["--output", "json"]).arg(server));
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

#[test]
fn image_of_the_example_is_built_for_both_platforms_and_pushed_once() {
    let (Some(registry), Some(mut crane)) = (Registry::open(), image_tool("crane")) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let written = folder.path().join("image");
    let to = written.to_str().expect("text");
    let hello = workspace_root().join("examples/hello");
    let built = mcp_cloud(&["image", "build", "--oci-layout", to], &hello);
    let platforms = built["image"]["platforms"].as_array().expect("a list");
    assert_eq!(platforms.len(), 2, "{built}");
    assert!(platforms.iter().all(|one| one["bytes"].as_u64().is_some_and(|bytes| bytes <= LIMIT_BYTES)), "{built}");
    let digest = built["image"]["digest"].as_str().expect("text");
    let read = layout::read(&written, None).expect("a layout");
    assert_eq!(read.digest().as_str(), digest);

    let reference = registry.name("hello:1");
    let push = ["image", "push", "--oci-layout", to, "--to", &reference];
    let begun = Instant::now();
    let pushed = mcp_cloud(&push, &hello);
    let seconds = begun.elapsed().as_secs_f64();
    mcp_cloud_tests::report(format_args!("pushed {} bytes in {seconds:.2} s", pushed["sent_bytes"]));
    assert!(pushed["sent_bytes"].as_u64() > Some(1_000_000), "{pushed}");
    assert_eq!(pushed["reference"], registry.name(&format!("hello@{digest}")), "{pushed}");
    let again = mcp_cloud(&push, &hello);
    assert_eq!(again["sent_bytes"], 0, "{again}");
    assert_eq!(printed(crane.args(["digest", "--insecure", &reference])).trim(), digest);

    // What is attached stands under the tag that the digest makes, where a registry keeps no list.
    let mut crane = image_tool("crane").expect("it was there before");
    let attached = registry.name(&format!("hello:{}", digest.replace(':', "-")));
    let attached: Value =
        serde_json::from_str(&printed(crane.args(["manifest", "--insecure", &attached]))).expect("an index");
    let kinds = attached["manifests"].as_array().expect("a list").iter().map(|entry| entry["artifactType"].as_str());
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(kinds, [Some("application/vnd.cyclonedx+json"), Some("application/vnd.in-toto+json")]);
}

#[test]
fn image_that_is_built_and_pushed_in_one_is_the_same_each_time_and_signed_on_request() {
    let Some(registry) = Registry::open() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key.pem");
    let _ = printed(Command::new("openssl").args(["genpkey", "-algorithm", "EC", "-pkeyopt"]).args([
        "ec_paramgen_curve:P-256",
        "-out",
        key.to_str().expect("text"),
    ]));
    let platform = format!("linux/{}", std::env::consts::ARCH);
    let to = registry.name("team/hello");
    let sign = ["--sign", key.to_str().expect("text")];
    let push = [&["image", "push", "--platform", &platform, "--to", &to], sign.as_slice()].concat();
    let hello = workspace_root().join("examples/hello");
    let pushed = mcp_cloud(&push, &hello);
    assert_eq!(pushed["signed"], true, "{pushed}");
    let begun = Instant::now();
    let again = mcp_cloud(&push[..push.len() - 2], &hello);
    let seconds = begun.elapsed().as_secs_f64();
    mcp_cloud_tests::report(format_args!("built, assembled and pushed again in {seconds:.2} s"));
    assert_eq!((&again["reference"], &again["sent_bytes"]), (&pushed["reference"], &Value::from(0)), "{again}");
    let Some(mut crane) = image_tool("crane") else { return };
    let digest = pushed["image"]["digest"].as_str().expect("text");
    let signature = registry.name(&format!("team/hello:{}.sig", digest.replace(':', "-")));
    assert!(printed(crane.args(["manifest", "--insecure", &signature])).contains("dev.cosignproject.cosign/signature"));
}

#[test]
fn image_that_goes_nowhere_is_said_to() {
    let hello = workspace_root().join("examples/hello");
    let refused = Command::new(cli_binary())
        .args(["image", "push", "--platform", "windows/amd64", "--to", "x/y"])
        .arg(&hello)
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("write `linux/amd64` or `linux/arm64`"), "{said}");
}
