//! Installs what the tests call into the target folder: pinned, and only when the pins have changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::command::{self, TaskError, answer, in_root, read, root, say, target, write};

/// The targets that functions and images are built for.
const FUNCTION_TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// Installs everything the tests call.
pub(crate) fn run() -> Result<(), TaskError> {
    python()?;
    node()?;
    debian("compose", "docker-compose.txt")?;
    debian("nginx", "nginx.txt")?;
    debian("docker", "docker.txt")?;
    debian("images", "images.txt")?;
    FUNCTION_TARGETS.into_iter().try_for_each(standard_library)
}

/// The packages of `tests/tools/python`, in a virtual environment; checkov and SAM in environments of their own, for they
/// want other versions.
fn python() -> Result<(), TaskError> {
    environment("python", &root().join("tests/tools/python"))?;
    environment("checkov", &root().join("tests/tools/python/checkov"))?;
    environment("sam", &root().join("tests/tools/python/sam"))
}

/// The packages that the folder `pins` lists, in the virtual environment `name`.
fn environment(name: &str, pins: &Path) -> Result<(), TaskError> {
    let (requirements, constraints) = (pins.join("requirements.txt"), pins.join("constraints.txt"));
    let folder = target().join("tools").join(name);
    once(&folder, &[&requirements, &constraints], || {
        command::run(in_root("python3").args(["-m", "venv"]).arg(&folder))?;
        let pip = folder.join("bin/pip");
        let quiet = ["--disable-pip-version-check", "--no-input", "--quiet"];
        let mut install = in_root(pip);
        install.arg("install").args(quiet).arg("--requirement").arg(&requirements);
        command::run(install.arg("--constraint").arg(&constraints))
    })
}

/// The packages of Debian that `tests/tools/debian` lists for one tool, taken out into the folder `name` and not installed:
/// the machine stays as it is.
///
/// Elsewhere there are no such packages, and the tests say `SKIP`, or fail in CI.
fn debian(name: &str, pins: &str) -> Result<(), TaskError> {
    let pins = root().join("tests/tools/debian").join(pins);
    let architecture = answer(in_root("dpkg").arg("--print-architecture")).unwrap_or_default();
    let packages = packages(&read(&pins)?, &architecture);
    let Some(mirror) = debian_mirror().filter(|_| !packages.is_empty()) else {
        say(format_args!("SKIP {name} comes from Debian, whose packages this machine does not use"));
        return Ok(());
    };
    let folder = target().join("tools").join(name);
    once(&folder, &[&pins], || {
        let package = folder.join("package.deb");
        for (path, hash) in packages {
            // What apt itself downloads with, so that its proxies and certificates hold; it checks the hash.
            let mut download = in_root("/usr/lib/apt/apt-helper");
            download.args(["-o", "APT::Sandbox::User=root", "download-file", &format!("{mirror}{path}")]);
            if command::run(download.arg(&package).arg(format!("SHA256:{hash}")).stdout(Stdio::null())).is_err() {
                return Err(TaskError::NoPackage(path));
            }
            command::run(in_root("dpkg-deb").arg("--extract").arg(&package).arg(&folder))?;
        }
        Ok(())
    })
}

/// The packages for an architecture, each with its path in the pool and its hash.
fn packages(pins: &str, architecture: &str) -> Vec<(String, String)> {
    let mut packages = Vec::new();
    for line in pins.lines() {
        let mut words = line.split_whitespace();
        if let (Some(found), Some(path), Some(hash)) = (words.next(), words.next(), words.next())
            && found == architecture
        {
            packages.push((path.to_owned(), hash.to_owned()));
        }
    }
    packages
}

/// Where this machine gets Debian's own packages from, with a `/` at its end.
fn debian_mirror() -> Option<String> {
    let lists = |with: &[&str]| {
        let format = ["indextargets", "--format", "$(ORIGIN),$(COMPONENT),$(RELEASE),$(REPO_URI)"];
        answer(in_root("apt-get").args(with).args(format).arg("Created-By: Packages")).unwrap_or_default()
    };
    let find = |lists: &str, debian: fn(&str, &str) -> bool| {
        lists.lines().find_map(|list| match list.splitn(4, ',').collect::<Vec<_>>()[..] {
            // The security archive has a pool of its own.
            [origin, "main", release, mirror] if !release.contains("security") && debian(origin, mirror) => {
                Some(mirror.to_owned())
            }
            _ => None,
        })
    };
    find(&lists(&[]), |origin, _| origin == "Debian")
        // Whose a mirror is stands in its lists, which a fresh machine has not fetched.
        .or_else(|| find(&lists(&["--no-release-info"]), |_, mirror| mirror.ends_with("/debian/")))
}

/// The packages of `tests/tools/node`.
pub(crate) fn node() -> Result<(), TaskError> {
    let pins = root().join("tests/tools/node");
    let (manifest, lock) = (pins.join("package.json"), pins.join("package-lock.json"));
    let folder = target().join("tools/node");
    once(&folder, &[&manifest, &lock], || {
        for file in [&manifest, &lock] {
            if let Some(name) = file.file_name() {
                write(&folder.join(name), &read(file)?)?;
            }
        }
        let quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        command::run(in_root("npm").current_dir(&folder).arg("ci").args(quiet))
    })
}

/// The standard library of a target, for the tests that deploy and that build images.
fn standard_library(target: &str) -> Result<(), TaskError> {
    let libraries = answer(in_root("rustc").args(["--print", "target-libdir", "--target", target]));
    if libraries.is_some_and(|folder| Path::new(&folder).is_dir()) {
        return Ok(());
    }
    command::run(in_root("rustup").args(["target", "add", target]))
}

/// Whether valgrind can be run. Where it is missing, a developer is told so; in CI it is installed.
pub(crate) fn valgrind() -> Result<bool, TaskError> {
    let found = || answer(in_root("valgrind").arg("--version")).is_some();
    if found() {
        return Ok(true);
    }
    if std::env::var_os("CI").is_none() {
        say(format_args!("SKIP valgrind is missing: `apt-get install valgrind`, or your system's own way, brings it"));
        return Ok(false);
    }
    // Only the system's administrator can, and only Debian and what descends from it have this command.
    let root = answer(in_root("id").arg("-u")).is_some_and(|user| user == "0");
    if root && answer(in_root("apt-get").arg("--version")).is_some() {
        // Its progress is talk, and standard output is for the figures.
        let quietly = |arguments: &[&str]| {
            let mut apt = in_root("apt-get");
            apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
            command::run(&mut apt)
        };
        quietly(&["update"])?;
        quietly(&["install", "-y", "valgrind"])?;
    }
    if found() { Ok(true) } else { Err(TaskError::NoValgrind) }
}

/// Installs into an empty `folder`, unless what is there came from the very same `pins`.
fn once(folder: &Path, pins: &[&PathBuf], install: impl FnOnce() -> Result<(), TaskError>) -> Result<(), TaskError> {
    let pinned = pins.iter().map(|path| read(path)).collect::<Result<String, _>>()?;
    // Beside the folder: the installers think it is theirs.
    let stamp = folder.with_extension("installed");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pinned) {
        return Ok(());
    }
    say(format_args!("installing into {}", folder.display()));
    let failed = |source| TaskError::Write { path: folder.to_owned(), source };
    for old in [stamp.as_path(), folder] {
        if let Err(error) = if old.is_dir() { fs::remove_dir_all(old) } else { fs::remove_file(old) }
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(failed(error));
        }
    }
    fs::create_dir_all(folder).map_err(failed)?;
    install()?;
    write(&stamp, &pinned)
}
