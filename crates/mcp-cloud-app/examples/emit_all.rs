//! How long it takes from a file to the files of every target: what `mcp-cloud emit --target all` does, but for starting
//! and writing.
//!
//! ```console
//! $ cargo run --release -p mcp-cloud-app --example emit_all tests/golden/every-field/mcp-cloud.toml
//! ```

#![expect(clippy::print_stdout, reason = "the figures are what it is for")]

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use mcp_cloud_app::{App, Bundle, Code, LoadError, Target};

/// Enough for a median that a second run comes to again.
const TIMES: usize = 101;

fn main() -> Result<(), Box<dyn Error>> {
    let manifest = env::args_os().nth(1).map(PathBuf::from).ok_or("name an mcp-cloud.toml")?;
    // With a package beside a copy of the file.
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("src"))?;
    fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"server\"\n[workspace]\n")?;
    fs::write(folder.path().join("src/main.rs"), "fn main() {}\n")?;
    fs::copy(&manifest, folder.path().join("mcp-cloud.toml"))?;

    let mut durations = Vec::new();
    let mut bundles = Vec::new();
    for _ in 0..TIMES {
        let start = Instant::now();
        bundles = emit(folder.path())?;
        durations.push(start.elapsed());
    }
    durations.sort();
    let contents = || bundles.iter().flat_map(|bundle| bundle.files.values());
    let milliseconds = |duration: &Duration| duration.as_secs_f64() * 1e3;
    println!(
        "{} targets, {} files, {} bytes: median {:.2} ms, slowest {:.2} ms",
        bundles.len(),
        contents().count(),
        contents().map(String::len).sum::<usize>(),
        durations.get(TIMES / 2).map_or(f64::NAN, milliseconds),
        durations.last().map_or(f64::NAN, milliseconds),
    );
    Ok(())
}

/// Reads, checks and emits; for a target that has an environment of its name, that.
fn emit(folder: &Path) -> Result<Vec<Bundle>, LoadError> {
    let environments = App::environments(folder);
    let emit = |target: Target| {
        let name = target.as_str();
        let own = environments.iter().any(|environment| environment == name);
        let app = if own { App::load_environment(folder, name)? } else { App::load(folder)? };
        drop(target.check(&app));
        Ok(target.emit(&app, &Code::Local { output_directory: app.manifest_directory.clone() }))
    };
    Target::ALL.into_iter().map(emit).collect()
}
