//! Images of commands, upon base images of a real registry.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use mcp_cloud_image::{
    Base, Credentials, Error, Event, Image, Layer, Mode, Platform, Progress, Recipe, Reference, Silent, Tree,
};
use mcp_cloud_tests::image_tool;
use serde_json::Value;

use crate::{
    dockerfile, image, printed,
    pushed::{push, run},
    registry::Registry,
};

fn pull(reference: &Reference, platform: Platform, cache: &Path, progress: &mut dyn Progress) -> Result<Base, Error> {
    run(Base::pull(reference, platform, &Credentials::Anonymous, cache, progress))
}

/// A command's files, as a project has them.
fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let bin = folder.path().join("node_modules/.bin");
    fs::create_dir_all(&bin).expect("a folder");
    fs::create_dir_all(folder.path().join("node_modules/tool")).expect("a folder");
    fs::write(folder.path().join("node_modules/tool/cli.js"), "0").expect("a file");
    symlink("../tool/cli.js", bin.join("tool")).expect("a link");
    fs::write(folder.path().join("server.js"), "1").expect("a file");
    folder
}

fn of_command(base: Base, project: &Path, file: &str) -> Image {
    let bridge = Tree::new().with_file("/usr/local/bin/mcp-bridge", "bridge", Mode::Program).expect("a tree");
    let packages = Tree::new().with_files_of(&project.join("node_modules"), "/app/node_modules").expect("a tree");
    let app = Tree::new().with_file("/app/server.js", file.to_owned(), Mode::Data).expect("a tree");
    let layers = [(bridge, "the bridge"), (packages, "packages"), (app, "the app")];
    let layers = layers.map(|(tree, purpose)| Layer::pack(&tree, 0, purpose).expect("a layer"));
    let command = ["node", "server.js", "--stdio"].map(str::to_owned);
    let mut recipe =
        Recipe::command("weather", &command).with_label("description", "The weather, by a server in Node.js");
    recipe.environment.insert("NODE_ENV".to_owned(), "production".to_owned());
    Image::on_bases(vec![(base, layers.into())], &recipe).expect("an image")
}

#[derive(Default)]
struct Moved(u64);

impl Progress for Moved {
    fn event(&mut self, event: Event) {
        if let Event::Moved { bytes, .. } = event {
            self.0 += bytes;
        }
    }
}

#[test]
fn a_command_stands_upon_its_base_and_only_its_own_files_are_sent() {
    let Some(registry) = Registry::open() else { return };
    let (base, project, cache) =
        (registry.reference("library/node:24"), project(), tempfile::tempdir().expect("a folder"));
    let pushed = push(&image("a base"), &base);
    let pulled = pull(&base, Platform::Arm64, cache.path(), &mut Silent).expect("a base");
    assert_eq!(pulled.digest(), &pushed.digest, "the tag is resolved, and the digest said");
    let first = push(&of_command(pulled.clone(), project.path(), "1"), &registry.reference("me/command:1"));
    assert_eq!((first.mounted_blobs, first.sent_blobs), (2, 4), "layers of the base are taken over in the registry");
    let next = push(&of_command(pulled, project.path(), "2"), &registry.reference("me/command:2"));
    assert_eq!(next.sent_blobs, 2, "the changed layer and the configuration");
    let Some(mut crane) = image_tool("crane") else { return };
    let config: Value = serde_json::from_str(&printed(crane.args([
        "config",
        "--insecure",
        "--platform",
        "linux/arm64",
        &registry.name("me/command:2"),
    ])))
    .expect("a configuration");
    let mut run = config["config"].clone();
    // What the base says stays where it is, so the order is its own.
    let variables = run["Env"].as_array_mut().expect("variables");
    variables.sort_by_key(ToString::to_string);
    assert_eq!(run, dockerfile::config("command/ecs"));
    assert_eq!(config["rootfs"]["diff_ids"].as_array().map(Vec::len), Some(5));
    assert_eq!(config["history"].as_array().map(Vec::len), Some(5));
    unpacked(&registry, "me/command:2");
}

/// Links and modes are what they were, after somebody else unpacked them.
fn unpacked(registry: &Registry, name: &str) {
    let (Some(mut crane), folder) = (image_tool("crane"), tempfile::tempdir().expect("a folder")) else { return };
    let archive = folder.path().join("files.tar");
    printed(crane.args(["export", "--insecure", "--platform", "linux/arm64", &registry.name(name)]).arg(&archive));
    let listed = printed(Command::new("tar").arg("-tvf").arg(&archive));
    let line =
        |end: &str| listed.lines().find(|line| line.ends_with(end)).unwrap_or_else(|| panic!("{end} in {listed}"));
    assert!(line("app/node_modules/.bin/tool -> ../tool/cli.js").starts_with('l'));
    assert!(line("usr/local/bin/mcp-bridge").starts_with("-rwxr-xr-x"));
    assert!(line("app/server.js").starts_with("-rw-r--r--"));
    assert!(line(" server").starts_with("-rwxr-xr-x"), "the base's own files are there");
}

#[test]
fn a_base_with_a_digest_is_pulled_once() {
    let Some(registry) = Registry::open() else { return };
    let pushed = push(&image("a base"), &registry.reference("base:1"));
    let (cache, mut moved) = (tempfile::tempdir().expect("a folder"), Moved::default());
    let first = pull(&pushed.reference, Platform::Amd64, cache.path(), &mut moved).expect("a base");
    assert!(moved.0 > 1_000_000, "{}", moved.0);
    let (requests, mut moved) = (registry.requests(), Moved::default());
    let second = pull(&pushed.reference, Platform::Amd64, cache.path(), &mut moved).expect("a base");
    assert_eq!((moved.0, registry.requests()), (0, requests), "nobody is asked");
    let project = project();
    let digest = |base| of_command(base, project.path(), "1").digest().clone();
    assert_eq!(digest(first), digest(second), "the same bytes each time");
}

#[test]
fn content_that_the_registry_altered_is_refused() {
    let Some(registry) = Registry::open() else { return };
    let image = image("a base");
    let pushed = push(&image, &registry.reference("base:1"));
    let blobs = registry.folder().path().join("data/docker/registry/v2/blobs/sha256");
    let largest = crate::files(&blobs).into_iter().max_by_key(|(_, content)| content.len()).expect("content");
    let mut altered = largest.1;
    altered[1000] ^= 1;
    fs::write(blobs.join(largest.0), altered).expect("a file");
    let cache = tempfile::tempdir().expect("a folder");
    let outcome = [Platform::Amd64, Platform::Arm64].map(|platform| {
        pull(&pushed.reference, platform, cache.path(), &mut Silent).map(drop).map_err(|error| error.to_string())
    });
    let refused = outcome.iter().filter_map(|outcome| outcome.as_ref().err()).collect::<Vec<_>>();
    assert_eq!(refused.len(), 1, "one platform has the altered layer: {outcome:?}");
    assert!(refused[0].contains("sha256:"), "{refused:?}");
}

#[test]
fn a_base_for_another_platform_is_refused() {
    let (Some(registry), Some(mut crane)) = (Registry::open(), image_tool("crane")) else { return };
    push(&image("a base"), &registry.reference("base:1"));
    // One platform alone, as some images are.
    printed(crane.args([
        "copy",
        "--insecure",
        "--platform",
        "linux/amd64",
        &registry.name("base:1"),
        &registry.name("one:1"),
    ]));
    let cache = tempfile::tempdir().expect("a folder");
    let reference = registry.reference("one:1");
    assert!(pull(&reference, Platform::Amd64, cache.path(), &mut Silent).is_ok());
    let refused = pull(&reference, Platform::Arm64, cache.path(), &mut Silent).expect_err("another platform");
    assert!(refused.to_string().ends_with("cannot be a base for linux/arm64: it is for linux/amd64"), "{refused}");
}
