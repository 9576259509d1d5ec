//! Base images of the Node.js and the Python of this machine, laid out as the official images are; no registry is needed that
//! has those.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use mcp_cloud_image::{Image, Layer, Mode, Platform, Recipe, Tree};
use mcp_cloud_tests::{node, require_tool};
use serde_json::Value;

use crate::{PLATFORMS, native, printed};

/// What starts commands, in an image for this machine's platform; for the other one there is nothing in it.
#[derive(Clone)]
pub(crate) struct Runtime {
    /// What the project's file says: `20`, `3.11`.
    pub(crate) version: String,
    pub(crate) image: Image,
}

/// Where an official image looks for programs.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Says which Python this is and where it is, whichever environment it is started in.
const ASK: &str = "import json, os, sys, sysconfig; print(json.dumps({\
    'version': '.'.join(map(str, sys.version_info[:3])), \
    'program': os.path.realpath(sys._base_executable), 'library': sysconfig.get_path('stdlib')}))";
/// Puts packages where Python looks for them in the official images; Debian's own would look elsewhere.
const CUSTOMIZE: &str = "import site, sys\n\
    site.addsitedir('/usr/local/lib/python%d.%d/site-packages' % sys.version_info[:2])\n";

/// What compilers link to, whatever the runtime itself needs: it is in the smallest images of Debian, and packages expect it.
const COMMON: [&str; 8] = [
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libstdc++.so.6",
    "libutil.so.1",
];

impl Runtime {
    /// The machine's Node.js; `None` where there is none.
    pub(crate) fn node() -> Option<Self> {
        static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
        RUNTIME.get_or_init(|| node().map(|node| Self::of_node(&node))).clone()
    }

    /// The machine's Python; `None` where there is none.
    pub(crate) fn python() -> Option<Self> {
        static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
        let ask = || {
            let output = Command::new("python3").args(["-c", ASK]).output().ok();
            let answer: Option<Value> = output.and_then(|output| serde_json::from_slice(&output.stdout).ok());
            require_tool("python3", answer.as_ref().and_then(|answer| answer["program"].as_str().map(PathBuf::from)))?;
            answer.map(|answer| Self::of_python(&answer))
        };
        RUNTIME.get_or_init(ask).clone()
    }

    fn of_node(node: &Path) -> Self {
        let version = printed(Command::new(node).arg("--version")).trim().trim_start_matches('v').to_owned();
        let node = fs::canonicalize(node).expect("a program");
        let tree = with_libraries(with_program(Tree::new(), "node", &node), &[&node]);
        let major = version.split('.').next().expect("a number").to_owned();
        Self { version: major, image: image(tree, ("NODE_VERSION", &version)) }
    }

    fn of_python(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().expect("an answer").to_owned();
        let (version, program, library) = (text("version"), text("program"), text("library"));
        let minor = version.rsplit_once('.').expect("a number").0.to_owned();
        let (program, library) = (Path::new(&program), Path::new(&library));
        let within = format!("usr/local/lib/python{minor}");
        let tree = Tree::new().with_files_of(library, &within).expect("files");
        let unused = ["site-packages", "dist-packages", "test", "idlelib", "ensurepip", "lib2to3", "sitecustomize.py"];
        let tree = tree.retain(|path| {
            !path.ends_with("__pycache__")
                && !path.contains("/config-")
                && path.strip_prefix(&within).is_none_or(|path| !unused.contains(&path.trim_start_matches('/')))
        });
        let customize = format!("{within}/sitecustomize.py");
        let tree = tree.with_file(&customize, CUSTOMIZE, Mode::Data).expect("a file");
        let tree = ["python", "python3", &format!("python{minor}")]
            .into_iter()
            .fold(tree, |tree, name| with_program(tree, name, program));
        let modules = fs::read_dir(library.join("lib-dynload")).expect("a folder");
        let modules: Vec<_> = modules.map(|entry| entry.expect("an entry").path()).collect();
        let needed: Vec<_> = modules.iter().map(AsRef::as_ref).chain([program]).collect();
        let tree = with_libraries(tree, &needed);
        Self { version: minor, image: image(tree, ("PYTHON_VERSION", &version)) }
    }
}

fn with_program(tree: Tree, name: &str, program: &Path) -> Tree {
    tree.with_files_of(program, &format!("/usr/local/bin/{name}")).expect("a program")
}

/// Adds the shared libraries that these need, where they are looked for.
fn with_libraries(mut tree: Tree, programs: &[&Path]) -> Tree {
    let listed = printed(Command::new("ldd").args(programs));
    let mut libraries = BTreeMap::new();
    for line in listed.lines() {
        // `libz.so.1 => /lib/libz.so.1 (0x…)`, or `/lib64/ld-linux-x86-64.so.2 (0x…)`.
        let words = line.split_once("=> ").map_or(line, |(_, path)| path);
        let path = words.trim().split(" (").next().unwrap_or_default();
        if path.starts_with('/') && !path.ends_with(':') {
            libraries.insert(path.to_owned(), fs::canonicalize(path).expect("a library"));
        }
    }
    let beside = libraries.keys().filter_map(|path| Path::new(path).parent());
    let beside = beside.flat_map(|folder| COMMON.map(|name| folder.join(name)));
    let found = beside.filter_map(|path| Some((path.to_str()?.to_owned(), fs::canonicalize(&path).ok()?)));
    let found: Vec<_> = found.collect();
    libraries.extend(found);
    for (path, source) in libraries {
        tree = tree.with_files_of(&source, &path).expect("a library");
    }
    tree
}

/// An image for both platforms, of which one has these files.
fn image(tree: Tree, (name, version): (&str, &str)) -> Image {
    let runtime = Layer::pack(&tree, 0, "a runtime of this machine").expect("a layer");
    let parts = PLATFORMS.map(|(platform, _)| {
        (platform, if platform.architecture() == native() { runtime.clone() } else { nothing(platform) })
    });
    let parts = parts.map(|(platform, layer)| (platform, vec![layer]));
    Image::from_layers(parts.into(), &recipe(name, version)).expect("an image")
}

/// An image for both platforms that says it has a version of a runtime, and has nothing.
pub(crate) fn empty(name: &str, version: &str) -> Image {
    let parts = PLATFORMS.map(|(platform, _)| (platform, vec![nothing(platform)]));
    Image::from_layers(parts.into(), &recipe(name, version)).expect("an image")
}

fn nothing(platform: Platform) -> Layer {
    let tree = Tree::new().with_file("/etc/platform", platform.to_string(), Mode::Data).expect("a tree");
    Layer::pack(&tree, 0, "nothing").expect("a layer")
}

fn recipe(name: &str, version: &str) -> Recipe {
    let variables = [("PATH", PATH), (name, version)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    Recipe { environment: variables.into(), ..Recipe::server("a runtime") }
}
