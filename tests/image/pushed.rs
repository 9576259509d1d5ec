//! Images that are sent to a real registry, and pulled by others.

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command, time::Instant};

use mcp_cloud_image::{
    CredentialFiles, Credentials, Error, Event, Fault, Image, Progress, Provenance, Pushed, Reference, RegistryError,
    Sbom, Silent, layout, registry,
};
use mcp_cloud_tests::{image_tool, report};
use serde_json::Value;

use crate::{
    example, files, image, printed,
    registry::{Registry, USER, skopeo},
};

/// Pushes as nobody in particular.
pub(crate) fn push(image: &Image, reference: &Reference) -> Pushed {
    try_push(image, reference, &Credentials::Anonymous).expect("a push")
}

fn try_push(image: &Image, reference: &Reference, credentials: &Credentials) -> Result<Pushed, Error> {
    run(registry::push(image, reference, credentials, &mut Silent))
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[derive(Default)]
struct Heard(Vec<Event>);

impl Progress for Heard {
    fn event(&mut self, event: Event) {
        self.0.push(event);
    }
}

fn attached(title: &str) -> Image {
    let sbom = Sbom::of_requirements("hello", "mcp==1.9.0\n");
    let provenance = Provenance { commit: Some("0".repeat(40)), ..Provenance::default() };
    image(title).with_sbom(&sbom).and_then(|image| image.with_provenance(&provenance)).expect("an image")
}

#[test]
fn a_second_push_sends_nothing() {
    let Some(registry) = Registry::open() else { return };
    let (image, reference) = (attached("hello"), registry.reference("team/hello:1"));
    let started = Instant::now();
    let mut heard = Heard::default();
    let first = run(registry::push(&image, &reference, &Credentials::Anonymous, &mut heard)).expect("a push");
    let took = started.elapsed().as_millis();
    report(format_args!("first push: {} bytes, {} requests, {took} ms", first.sent_bytes, registry.requests()));
    // Certificates once for both platforms, a program and a configuration for each; two documents and one empty configuration.
    assert_eq!((first.sent_blobs, first.mounted_blobs), (8, 0));
    // Two platforms, the index, two documents, and the tag that stands for the list.
    assert_eq!(first.sent_manifests, 6);
    let moved: u64 = heard.0.iter().map(|event| if let Event::Moved { bytes, .. } = event { *bytes } else { 0 }).sum();
    assert!(moved > 2_000_000 && moved < first.sent_bytes, "{moved} of {}", first.sent_bytes);
    let (writes, requests) = (registry.writes().len(), registry.requests());
    let started = Instant::now();
    let second = push(&image, &reference);
    let (took, asked) = (started.elapsed().as_millis(), registry.requests() - requests);
    report(format_args!("second push: {} bytes, {asked} requests, {took} ms", second.sent_bytes));
    assert_eq!((second.sent_bytes, second.sent_blobs, second.sent_manifests), (0, 0, 0));
    assert_eq!(registry.writes().len(), writes, "{:?}", registry.writes());
    assert_eq!((&first.digest, &first.reference), (&second.digest, &second.reference));
}

#[test]
fn only_what_differs_is_sent_of_the_next_image() {
    let Some(registry) = Registry::open() else { return };
    push(&image("hello"), &registry.reference("hello:1"));
    let next = push(&image("another title"), &registry.reference("hello:2"));
    assert_eq!((next.sent_blobs, next.sent_manifests), (2, 3), "configurations and manifests have the title in them");
    assert!(next.sent_bytes < 10_000, "{}", next.sent_bytes);
    let moved = push(&image("hello"), &registry.reference("hello:2"));
    assert_eq!((moved.sent_blobs, moved.sent_manifests), (0, 1), "a tag that moves takes one manifest");
}

#[test]
fn skopeo_and_crane_pull_what_was_pushed() {
    let (Some(registry), Some(mut crane), Some(mut skopeo)) = (Registry::open(), image_tool("crane"), skopeo()) else {
        return;
    };
    let image = image("hello");
    let pushed = push(&image, &registry.reference("hello:1"));
    let name = registry.name("hello:1");
    assert_eq!(printed(crane.args(["digest", "--insecure", &name])).trim(), pushed.digest.as_str());
    let folder = tempfile::tempdir().expect("a folder");
    let mut validate = image_tool("crane").expect("crane was there");
    printed(validate.args(["validate", "--remote", &name, "--insecure"]));
    let copy = folder.path().join("copy");
    let arguments = ["copy", "--all", "--src-tls-verify=false", &format!("docker://{name}")];
    printed(skopeo.args(arguments).arg(format!("oci:{}:1", copy.display())));
    let ours = folder.path().join("ours");
    mcp_cloud_image::layout::write(&image, &ours, "1").expect("a layout");
    assert!(files(&copy.join("blobs")) == files(&ours.join("blobs")), "content differs");
}

#[test]
fn what_is_attached_is_found_under_the_tag_where_there_is_no_list() {
    let (Some(registry), Some(mut crane)) = (Registry::open(), image_tool("crane")) else { return };
    let image = attached("hello");
    push(&image, &registry.reference("hello:1"));
    let tag = image.digest().as_str().replace(':', "-");
    let index: Value =
        serde_json::from_str(&printed(crane.args(["manifest", "--insecure", &registry.name(&format!("hello:{tag}"))])))
            .expect("an index");
    let kinds: Vec<_> =
        index["manifests"].as_array().expect("a list").iter().map(|entry| entry["artifactType"].as_str()).collect();
    assert_eq!(kinds, [Some("application/vnd.cyclonedx+json"), Some("application/vnd.in-toto+json")]);
    let first = index["manifests"][0]["digest"].as_str().expect("a digest");
    let mut crane = image_tool("crane").expect("crane was there");
    let manifest: Value = serde_json::from_str(&printed(crane.args([
        "manifest",
        "--insecure",
        &registry.name(&format!("hello@{first}")),
    ])))
    .expect("a manifest");
    assert_eq!(manifest["subject"]["digest"], image.digest().as_str());
    let document = manifest["layers"][0]["digest"].as_str().expect("a digest");
    let mut crane = image_tool("crane").expect("crane was there");
    let document: Value = serde_json::from_str(&printed(crane.args([
        "blob",
        "--insecure",
        &registry.name(&format!("hello@{document}")),
    ])))
    .expect("a document");
    assert_eq!(
        (document["bomFormat"].as_str(), document["components"][0]["name"].as_str()),
        (Some("CycloneDX"), Some("mcp"))
    );
}

#[test]
fn the_credentials_of_dockers_file_let_in_and_wrong_ones_do_not() {
    let Some(registry) = Registry::guarded() else { return };
    let (image, reference) = (image("hello"), registry.reference("hello:1"));
    for wrong in [Credentials::Anonymous, Credentials::password(USER.0, "no")] {
        let refused = try_push(&image, &reference, &wrong).expect_err("nobody is let in");
        let Error::Registry(RegistryError { fault: Fault::Credentials(_), .. }) = &refused else {
            panic!("{refused:?}")
        };
        assert!(refused.to_string().contains(registry.address()), "{refused}");
        assert_eq!(
            refused.hint().expect("a hint"),
            format!("run `docker login {}`, or pass user and password", registry.address())
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let login =
        format!(r#"{{"auths":{{"{}":{{"username":"{}","password":"{}"}}}}}}"#, registry.address(), USER.0, USER.1);
    fs::write(folder.path().join("config.json"), login).expect("a file");
    let files = CredentialFiles::of_environment(|name| (name == "DOCKER_CONFIG").then(|| folder.path().into()));
    let credentials = run(files.find(&reference)).expect("credentials");
    assert_eq!(try_push(&image, &reference, &credentials).expect("a push").digest, *image.digest());
}

#[test]
fn the_program_that_dockers_file_names_is_asked_for_the_credentials() {
    let Some(registry) = Registry::guarded() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (path, helper) = (folder.path().join("image"), folder.path().join("docker-credential-mine"));
    layout::write(&image("hello"), &path, "1").expect("a layout");
    // It says what it was asked for, and gives what it has for that alone.
    let script = format!(
        "#!/bin/sh\nread server\n[ \"$1 $server\" = 'get {}' ] || exit 1\necho '{{\"Username\":\"{}\",\"Secret\":\"{}\"}}'\n",
        registry.address(),
        USER.0,
        USER.1
    );
    fs::write(&helper, script).expect("a file");
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).expect("a program");
    fs::write(folder.path().join("config.json"), r#"{"credsStore":"mine"}"#).expect("a file");
    let programs = std::env::var("PATH").expect("a path");
    let mut push = Command::new(example("push"));
    push.arg(&path).arg(registry.name("hello:1")).env("DOCKER_CONFIG", folder.path());
    push.env("PATH", format!("{}:{programs}", folder.path().display()));
    assert!(printed(&mut push).starts_with(&registry.name("hello@sha256:")));
}

#[test]
fn a_registry_that_is_not_there_is_named_with_what_was_tried() {
    let reference = Reference::parse("127.0.0.1:9/hello:1").expect("a reference");
    let error = try_push(&image("hello"), &reference, &Credentials::Anonymous).expect_err("nobody is there");
    let Error::Registry(RegistryError { fault: Fault::Unreachable(_), .. }) = &error else { panic!("{error:?}") };
    assert!(
        error.to_string().starts_with("cannot log in for `hello` at the registry 127.0.0.1:9: it cannot be reached"),
        "{error}"
    );
}
