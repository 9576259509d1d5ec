//! Images that are assembled from a program: equal, small, and what other tools take for an image.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant, SystemTime},
};

use mcp_cloud_image::{Platform, Recipe, Sbom, layout};
use mcp_cloud_tests::{image_tool, report, workspace_root};
use serde_json::Value;

use crate::{
    PLATFORMS, dockerfile, example, files, image, image_of, native, printed, programs,
    pushed::push,
    registry::{Registry, skopeo},
    speaks_mcp,
};

/// What an image of the example may have for each platform, compressed, in bytes.
const LIMIT: u64 = 6_000_000;

#[test]
fn the_example_is_small_on_every_platform() {
    let started = Instant::now();
    let image = image("hello");
    report(format_args!("assembled in {} ms (this build of the assembler)", started.elapsed().as_millis()));
    for ((platform, _), (_, size)) in PLATFORMS.iter().zip(image.sizes()) {
        report(format_args!("examples/hello for {platform}: {size} bytes compressed"));
        assert!(size <= LIMIT, "{platform}: {size}");
    }
}

#[test]
fn an_image_is_the_same_whoever_assembles_it_whenever() {
    let assembler = example("assemble");
    let (first, second) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let folders = [(&first, "077", "UTC"), (&second, "000", "Pacific/Auckland")].map(|(folder, umask, zone)| {
        let mut run = Command::new("sh");
        run.args(["-c", &format!("umask {umask} && exec \"$@\""), "sh"])
            .arg(&assembler)
            .arg(folder.path().join("image"));
        for (platform, program) in programs() {
            let copy = folder.path().join(platform.architecture());
            fs::copy(program, &copy).expect("a copy");
            let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(if umask == "077" { 1 } else { 2_000_000_000 });
            fs::File::options().write(true).open(&copy).and_then(|file| file.set_modified(long_ago)).expect("a time");
            run.arg(format!("{platform}={}", copy.display()));
        }
        printed(run.env("TZ", zone).env("LC_ALL", "C"));
        files(&folder.path().join("image"))
    });
    assert!(folders[0].len() >= 9, "an image has its content: {:?}", folders[0].keys());
    assert!(folders[0] == folders[1], "images differ");
}

#[test]
fn the_image_is_run_as_the_emitted_dockerfile_says() {
    let (Some(mut crane), Some(registry)) = (image_tool("crane"), Registry::open()) else { return };
    let recipe = Recipe::server("notes").with_label("description", "MCP server notes");
    push(&image_of(&recipe), &registry.reference("notes:1"));
    let name = registry.name("notes:1");
    let config = printed(crane.args(["config", "--insecure", "--platform", "linux/arm64", &name]));
    let config: Value = serde_json::from_str(&config).expect("a configuration");
    assert_eq!((config["architecture"].as_str(), config["os"].as_str()), (Some("arm64"), Some("linux")));
    assert_eq!(config["config"], dockerfile::config("minimal/ecs"));
    assert_eq!(config["history"].as_array().map(Vec::len), Some(2));
}

#[test]
fn umoci_unpacks_it_and_it_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = folder.path().join("whole");
    layout::write(&image("hello"), &whole, "latest").expect("a layout");
    for (platform, _) in PLATFORMS {
        let (Some(mut skopeo), Some(mut umoci)) = (skopeo(), image_tool("umoci")) else { return };
        let one = folder.path().join(platform.architecture());
        let from = format!("oci:{}:latest", whole.display());
        let to = format!("oci:{}:latest", one.display());
        printed(skopeo.args(["--override-os=linux", "--override-arch", platform.architecture(), "copy", &from, &to]));
        let bundle = folder.path().join(format!("{}-bundle", platform.architecture()));
        printed(umoci.args(["unpack", "--rootless", "--image", &format!("{}:latest", one.display())]).arg(&bundle));
        let server = bundle.join("rootfs/server");
        assert!(
            fs::read_to_string(bundle.join("rootfs/etc/ssl/certs/ca-certificates.crt")).expect("whom to trust").len()
                > 100_000
        );
        if platform.architecture() == native() {
            speaks_mcp(&mut Command::new(&server));
        } else if platform == Platform::Arm64 {
            let Some(mut emulator) = image_tool("qemu-aarch64-static") else { return };
            speaks_mcp(emulator.arg(&server));
        }
    }
}

#[test]
fn a_layout_is_read_as_it_was_written_and_not_when_it_was_altered() {
    let folder = tempfile::tempdir().expect("a folder");
    let written = image("hello");
    layout::write(&written, folder.path(), "1.0").expect("a layout");
    assert_eq!(layout::read(folder.path(), Some("1.0")).expect("the image").digest(), written.digest());
    assert_eq!(layout::read(folder.path(), None).expect("the image").digest(), written.digest());
    assert!(layout::read(folder.path(), Some("2.0")).is_err());
    let blobs = folder.path().join("blobs/sha256");
    let largest = files(&blobs).into_iter().max_by_key(|(_, content)| content.len()).expect("content");
    let mut altered = largest.1;
    altered[100] ^= 1;
    fs::write(blobs.join(largest.0), altered).expect("a file");
    let refused = layout::read(folder.path(), None).expect_err("altered content");
    assert!(refused.to_string().contains("it was altered"), "{refused}");
}

#[test]
fn the_bill_of_the_example_names_what_it_runs_with() {
    let arguments =
        ["metadata", "--format-version", "1", "--locked", "--filter-platform", "aarch64-unknown-linux-musl"];
    let metadata = printed(Command::new(env!("CARGO")).current_dir(workspace_root()).args(arguments));
    let bill = Sbom::of_cargo(metadata.as_bytes(), "hello").expect("a bill");
    let has = |name: &str| bill.parts().any(|part| part.starts_with(&format!("pkg:cargo/{name}@")));
    assert!(has("rmcp") && has("tokio") && has("mcp-cloud-contract"));
    assert!(!has("proptest") && !has("windows-sys") && !has("aws-sdk-ecs") && !has("hello"));
}
