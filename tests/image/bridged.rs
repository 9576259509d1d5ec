//! Images of commands behind the bridge, assembled as a deployment does: run by somebody else, and answered by the command.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use mcp_cloud_app::{App, app::Build};
use mcp_cloud_deploy::{
    Error,
    command_image::{CommandImage, image_of_command},
};
use mcp_cloud_image::{Platform, Pushed, Sbom};
use mcp_cloud_tests::{image_tool, report, static_bridge, static_hello, workspace_root};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    PLATFORMS,
    container::Container,
    dockerfile, native, printed,
    pushed::{push, run},
    registry::Registry,
    runtimes::{Runtime, empty},
};

/// A server of `servers/`, in a folder of its own, with more of what `[build]` says.
fn project(server: &str, build: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let sources = workspace_root().join("tests/image/servers").join(server);
    for entry in fs::read_dir(sources).expect("a folder").map(|entry| entry.expect("an entry")) {
        fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("a copy");
    }
    write_manifest(folder.path(), build);
    folder
}

fn write_manifest(folder: &Path, build: &str) {
    let manifest = format!("name = \"sums\"\ndescription = \"Adds up\"\n[build]\n{build}\n");
    fs::write(folder.join("mcp-cloud.toml"), manifest).expect("a file");
}

const NODE: &str =
    "command = [\"node\", \"server.js\"]\nfiles = [\"server.js\", \"package.json\", \"package-lock.json\"]";
const PYTHON: &str = "command = [\"python\", \"server.py\"]\nfiles = [\"server.py\", \"requirements.txt\"]";

fn with_version(build: &str, runtime: &Runtime) -> String {
    format!("{build}\nruntime-version = \"{}\"", runtime.version)
}

/// The image of a project, or why there is none, and what was said meanwhile.
struct Assembled {
    image: Result<CommandImage, Error>,
    said: Vec<String>,
    /// Layers of the base are pushed from there.
    _cache: TempDir,
}

impl Assembled {
    fn of(project: &Path, bridges: &BTreeMap<Platform, PathBuf>, base: Option<&str>) -> Self {
        let app = App::load(project).unwrap_or_else(|error| panic!("{error:?}"));
        let Build::Command(command) = &app.build else { panic!("it is a command") };
        let (cache, said) = (tempfile::tempdir().expect("a folder"), Mutex::new(Vec::new()));
        let report = |line: &str| said.lock().expect("nobody panicked").push(line.to_owned());
        let image = run(image_of_command(&app, command, bridges, base, cache.path(), &report));
        Self { image, said: said.into_inner().expect("nobody panicked"), _cache: cache }
    }

    fn made(&self) -> &CommandImage {
        self.image.as_ref().unwrap_or_else(|error| panic!("{error}\n{}", self.said.join("\n")))
    }

    fn push(&self, registry: &Registry, name: &str) -> Pushed {
        push(&self.made().image, &registry.reference(name))
    }
}

fn refused(project: &Path, bridges: &BTreeMap<Platform, PathBuf>, base: Option<&str>) -> Error {
    let Assembled { image, said, .. } = Assembled::of(project, bridges, base);
    image.err().unwrap_or_else(|| panic!("it is an image\n{}", said.join("\n")))
}

fn this_machine() -> (Platform, &'static str) {
    PLATFORMS.into_iter().find(|(platform, _)| platform.architecture() == native()).expect("one of them")
}

/// What serves commands, for this machine.
fn bridge() -> BTreeMap<Platform, PathBuf> {
    let (platform, target) = this_machine();
    BTreeMap::from([(platform, static_bridge(target))])
}

/// What passes for a static program of each platform, where nobody runs it: the header of an ELF file and one segment.
fn bridges() -> BTreeMap<Platform, PathBuf> {
    let machines = [(Platform::Amd64, 62), (Platform::Arm64, 183)];
    let written = machines.map(|(platform, machine)| {
        let mut program = vec![0; 120];
        program[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (program[18], program[32], program[54], program[56]) = (machine, 64, 56, 1);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bridge-{}", platform.architecture()));
        // Several tests do so at the same time, and nobody may see half of it.
        let partial = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a file");
        fs::write(&partial, program).expect("a file");
        partial.persist(&path).expect("a file");
        (platform, path)
    });
    written.into()
}

/// The paths in an image of a registry, as somebody else lists them.
fn listed(registry: &Registry, name: &str, architecture: &str) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("files.tar");
    let platform = format!("linux/{architecture}");
    let arguments = ["export", "--insecure", "--platform", &platform, &registry.name(name)];
    printed(image_tool("crane")?.args(arguments).arg(&archive));
    let listed = printed(Command::new("tar").arg("-tf").arg(&archive));
    let mut listed: Vec<_> = listed.lines().map(|line| line.trim_end_matches('/').to_owned()).collect();
    listed.sort();
    Some(listed)
}

/// Holds a server, upon the runtime of this machine, against all that an image of a command is for.
fn serves_from_its_image(server: &str, build: &str, file: &str, runtime: &Runtime) -> Option<()> {
    let registry = Registry::open()?;
    let base = registry.name(&format!("library/{server}:1"));
    let base_digest = push(&runtime.image, &registry.reference(&format!("library/{server}:1"))).digest;
    let build = with_version(build, runtime);
    let (here, there) = (project(server, &build), project(server, &build));
    fs::set_permissions(there.path().join(file), fs::Permissions::from_mode(0o600)).expect("permissions");
    let first = Assembled::of(here.path(), &bridge(), Some(&base));
    assert_eq!(first.made().bases, BTreeMap::from([(base.clone(), base_digest.clone())]));
    assert!(first.said.iter().any(|line| line.contains(&format!("@{base_digest}` today"))), "{:?}", first.said);
    let pinned = format!("{base}@{base_digest}");
    let second = Assembled::of(there.path(), &bridge(), Some(&pinned));
    assert_eq!(first.made().image.digest(), second.made().image.digest(), "the same bytes, wherever and whenever");

    let pushed = first.push(&registry, "me/sums:1");
    let names = layers(&registry, "me/sums:1")?;
    assert_eq!(names, ["a runtime of this machine", "the bridge", "packages", "the app"]);
    // The base is taken over in the registry.
    assert_eq!((pushed.sent_blobs, pushed.mounted_blobs), (4, 1));
    let again = second.push(&registry, "me/sums:1");
    assert_eq!((again.sent_blobs, again.sent_manifests), (0, 0), "what is there is not sent again");
    let container = Container::start(&registry, "me/sums:1")?;
    container.adds();

    let changed = fs::read_to_string(here.path().join(file)).expect("a file") + "\n\n";
    fs::write(here.path().join(file), changed).expect("a file");
    let changed = Assembled::of(here.path(), &bridge(), Some(&base)).push(&registry, "me/sums:2");
    assert_eq!(changed.sent_blobs, 2, "the app's own layer and the configuration");
    assert!(changed.sent_bytes < 10_000, "{}", changed.sent_bytes);
    let parts = first.made().bill.as_ref().map_or(0, |bill| bill.parts().count());
    report(format_args!("{server}: {parts} packages, {} bytes of its own", pushed.sent_bytes));
    Some(())
}

/// What each layer says it is.
fn layers(registry: &Registry, name: &str) -> Option<Vec<String>> {
    let config = config(registry, name)?;
    let history = config["history"].as_array().expect("a history").clone();
    let purpose = |entry: &Value| Some(entry["created_by"].as_str()?.split_once(": ")?.1.to_owned());
    Some(history.iter().filter_map(purpose).collect())
}

fn config(registry: &Registry, name: &str) -> Option<Value> {
    let platform = format!("linux/{}", native());
    let arguments = ["config", "--insecure", "--platform", &platform, &registry.name(name)];
    Some(serde_json::from_str(&printed(image_tool("crane")?.args(arguments))).expect("a configuration"))
}

#[test]
fn a_server_in_node_serves_from_its_image() {
    let Some(runtime) = Runtime::node() else { return };
    let _ = serves_from_its_image("node", NODE, "server.js", &runtime);
}

#[test]
fn a_server_in_python_serves_from_its_image() {
    let Some(runtime) = Runtime::python() else { return };
    let _ = serves_from_its_image("python", PYTHON, "server.py", &runtime);
}

#[test]
fn a_program_that_needs_nothing_serves_from_an_image_without_a_base() {
    let Some(registry) = Registry::open() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (native, target) = this_machine();
    fs::copy(static_hello(target), folder.path().join("sums")).expect("a copy");
    fs::create_dir(folder.path().join("data")).expect("a folder");
    for file in [".env", "key", "list"] {
        fs::write(folder.path().join("data").join(file), "1").expect("a file");
    }
    symlink("data/list", folder.path().join("named")).expect("a link");
    let build = "command = [\"sums\", \"--stdio\"]\nfiles = [\"sums\", \"./data\", \"named\"]";
    write_manifest(folder.path(), &format!("{build}\n[secrets.KEY]\nfile = \"data/key\""));
    let assembled = Assembled::of(folder.path(), &bridge(), None);
    assert!(assembled.made().bases.is_empty() && assembled.made().bill.is_none());
    assembled.push(&registry, "me/sums:1");
    let Some(listed) = listed(&registry, "me/sums:1", native.architecture()) else { return };
    let files: Vec<_> = listed.iter().filter(|path| path.starts_with("app/") || path.ends_with(".crt")).collect();
    assert_eq!(files, ["app/data", "app/data/list", "app/named", "app/sums", "etc/ssl/certs/ca-certificates.crt"]);
    let Some(container) = Container::start(&registry, "me/sums:1") else { return };
    container.adds();

    let other = PLATFORMS.into_iter().find(|(platform, _)| *platform != native).expect("another").0;
    let wrong = refused(folder.path(), &BTreeMap::from([(other, bridges()[&other].clone())]), None);
    assert!(wrong.to_string().ends_with("it was built for another processor"), "{wrong}");
}

#[test]
fn an_image_of_a_command_is_run_as_the_emitted_dockerfile_says() {
    let Some(registry) = Registry::open() else { return };
    push(&empty("OTHER", "1"), &registry.reference("library/node:22"));
    let golden = workspace_root().join("tests/golden/command");
    Assembled::of(&golden, &bridges(), Some(&registry.name("library/node:22"))).push(&registry, "me/weather:1");
    let Some(config) = config(&registry, "me/weather:1") else { return };
    let mut run = config["config"].clone();
    let variables = run["Env"].as_array_mut().expect("variables");
    // Those of the base image.
    variables.retain(|line| !line.as_str().is_some_and(|line| line.starts_with("PATH=") || line.starts_with("OTHER=")));
    variables.sort_by_key(ToString::to_string);
    assert_eq!(run, dockerfile::config("command/ecs"));
    let Some(listed) = listed(&registry, "me/weather:1", "arm64") else { return };
    assert!(
        ["app/package.json", "app/package-lock.json", "app/server.js"]
            .iter()
            .all(|file| listed.contains(&(*file).to_owned()))
    );
}

/// What is in an image for each platform, upon a base that has nothing.
fn on_every_platform(server: &str, build: &str, (name, version): (&str, &str), list: &str) -> Option<[Vec<String>; 2]> {
    let registry = Registry::open()?;
    push(&empty(name, version), &registry.reference("library/runtime:1"));
    let project = project(server, build);
    let path = project.path().join(match server {
        "python" => "requirements.txt",
        _ => "package.json",
    });
    let packages = fs::read_to_string(&path).expect("a file") + list;
    fs::write(path, packages).expect("a file");
    let assembled = Assembled::of(project.path(), &bridges(), Some(&registry.name("library/runtime:1")));
    let bill: Vec<_> = assembled.made().bill.iter().flat_map(Sbom::parts).collect();
    assert!(bill.iter().any(|part| part.contains("sdk@1.32.2") || part.contains("mcp@2.3.0")), "{bill:?}");
    assembled.push(&registry, "me/sums:1");
    Some([listed(&registry, "me/sums:1", "amd64")?, listed(&registry, "me/sums:1", "arm64")?])
}

#[test]
fn packages_of_node_are_those_of_the_images_platform() {
    let Some(platforms) = on_every_platform("node", NODE, ("NODE_VERSION", "22.1.0"), "") else { return };
    for (files, has) in platforms.iter().zip(["x64", "arm64"]) {
        let rollup = files.iter().filter_map(|file| file.strip_prefix("app/node_modules/@rollup/rollup-"));
        let rollup: Vec<_> = rollup.filter(|file| !file.contains('/')).collect();
        assert_eq!(rollup, [format!("linux-{has}-gnu")]);
        assert!(!files.iter().any(|file| file.ends_with(".package-lock.json")), "it names a registry");
    }
}

#[test]
fn packages_of_python_are_those_of_the_images_platform_and_version() {
    // This machine's Python has neither of these versions, and only one of these processors.
    let list = "six==1.17.0 ; platform_machine == \"aarch64\" and python_full_version == \"3.13.99\"\n\
        toml==0.10.2 ; python_full_version != \"3.13.99\" or sys_platform != \"linux\"\n";
    let version = ("PYTHON_VERSION", "3.13.99");
    let Some(platforms) = on_every_platform("python", PYTHON, version, list) else { return };
    let packages = "usr/local/lib/python3.13/site-packages";
    for (files, machine) in platforms.iter().zip(["x86_64", "aarch64"]) {
        let has = |file: &str| files.iter().any(|path| path == &format!("{packages}/{file}"));
        assert!(has(&format!("pydantic_core/_pydantic_core.cpython-313-{machine}-linux-gnu.so")));
        assert_eq!(has("six.py"), machine == "aarch64");
        assert!(!has("toml/__init__.py") && !has("bin") && !files.iter().any(|file| file.ends_with(".pyc")));
        assert!(files.iter().any(|path| path == "usr/local/bin/uvicorn"), "what packages bring to be run can be run");
    }
}

#[test]
fn scripts_of_packages_are_not_run() {
    let Some(registry) = Registry::open() else { return };
    push(&empty("PYTHON_VERSION", "3.13.1"), &registry.reference("library/python:1"));
    let project = project("python", PYTHON);
    let ran = project.path().join("ran");
    fs::create_dir(project.path().join("package")).expect("a folder");
    let script =
        format!("open({:?}, 'w')\nfrom setuptools import setup\nsetup(name='package')\n", ran.display().to_string());
    fs::write(project.path().join("package/setup.py"), script).expect("a file");
    // What stands beside the server is not the tool that is meant.
    fs::write(project.path().join("pip.py"), format!("open({:?}, 'w')", ran.display().to_string())).expect("a file");
    fs::write(project.path().join("requirements.txt"), "./package\n").expect("a file");
    let why = refused(project.path(), &bridges(), Some(&registry.name("library/python:1")));
    let told = "`pip install` cannot install what `requirements.txt` lists for linux/amd64: ";
    assert!(why.to_string().starts_with(told), "{why}");
    assert!(why.to_string().contains("building it would run its scripts"), "{why}");
    assert!(why.hint().is_some_and(|hint| hint.starts_with("build a wheel of it yourself")), "{:?}", why.hint());
    assert!(!ran.exists(), "a script was run");
    write_manifest(project.path(), "command = [\"node\", \"server.py\"]\nfiles = [\"server.py\", \"package.json\"]");
    let package = json!({ "name": "sums", "scripts": { "postinstall": format!("echo > {}", ran.display()) } });
    fs::write(project.path().join("package.json"), package.to_string()).expect("a file");
    push(&empty("NODE_VERSION", "22.1.0"), &registry.reference("library/node:1"));
    let made = Assembled::of(project.path(), &bridges(), Some(&registry.name("library/node:1")));
    assert!(made.made().bill.is_some());
    assert!(!ran.exists(), "a script was run");
}

#[test]
fn what_cannot_be_installed_is_named() {
    let Some(registry) = Registry::open() else { return };
    let [node, python] = [("node", "NODE_VERSION", "22.1.0"), ("python", "PYTHON_VERSION", "3.13.1")].map(
        |(name, variable, version)| {
            push(&empty(variable, version), &registry.reference(&format!("library/{name}:1")));
            registry.name(&format!("library/{name}:1"))
        },
    );
    let numbers = project("node", NODE);
    fs::write(numbers.path().join("package.json"), "{\"name\": \"sums\", \"dependencies\": {\"zod\": \"4.0.0\"}}")
        .expect("a file");
    let why = refused(numbers.path(), &bridges(), Some(&node));
    let told = "`npm ci` cannot install what `package-lock.json` lists for linux/amd64: ";
    assert!(why.to_string().starts_with(told), "{why}");
    assert_eq!(
        why.hint().as_deref(),
        Some("run `npm install`, and keep the `package-lock.json` that it writes"),
        "{why}"
    );
    let without_wheel = project("python", PYTHON);
    fs::write(without_wheel.path().join("requirements.txt"), "docopt==0.6.2\n").expect("a file");
    let why = refused(without_wheel.path(), &bridges(), Some(&python));
    assert!(why.to_string().ends_with(": No matching distribution found for docopt==0.6.2"), "{why}");
    assert!(why.hint().is_some_and(|hint| hint.contains("has a wheel for linux/amd64")), "{:?}", why.hint());
}

#[test]
fn a_base_image_of_another_version_is_refused() {
    let Some(registry) = Registry::open() else { return };
    push(&empty("NODE_VERSION", "20.1.0"), &registry.reference("library/node:20"));
    let base = registry.name("library/node:20");
    let why = refused(project("node", NODE).path(), &bridges(), Some(&base));
    assert_eq!(why.to_string(), format!("the base image `{base}` has Node.js 20.1.0, and `runtime-version` is `22`"));
    assert!(why.hint().is_some_and(|hint| hint.contains("`runtime-version = \"20\"`")), "{:?}", why.hint());
    let program = tempfile::tempdir().expect("a folder");
    fs::write(program.path().join("sums"), "").expect("a file");
    write_manifest(program.path(), "command = [\"sums\"]\nfiles = [\"sums\"]");
    let why = refused(program.path(), &bridges(), Some(&base));
    assert!(why.to_string().starts_with("the command needs neither Node.js nor Python"), "{why}");
}

#[test]
fn a_bridge_that_would_not_start_is_refused() {
    let project = project("node", NODE);
    let wrong = BTreeMap::from([(Platform::Arm64, bridges()[&Platform::Amd64].clone())]);
    let why = refused(project.path(), &wrong, None);
    assert_eq!(why.to_string(), "the program for linux/arm64 would not start: it was built for another processor");
}
