//! Assembles the image of a command that speaks MCP over standard input and output (Node.js, Python, a program) behind the
//! bridge: the same, in effect, as the emitted Dockerfile makes, and without Docker.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use mcp_cloud_app::{
    App,
    app::{CommandBuild, Runtime},
    target::container,
};
use mcp_cloud_image::{
    APP, BRIDGE, Base, CredentialFiles, Digest, Event, Health, Image, Layer, Mode, Platform, Progress, Recipe,
    Reference, Sbom, Tree,
};
use thiserror::Error as ThisError;

use crate::{Error, packages::Packages};

/// The image of a command, and what it was made of.
#[derive(Debug)]
pub struct CommandImage {
    /// The image, for each platform that there was a bridge for.
    pub image: Image,
    /// The packages in it, without those of the base image; `None` for a command that lists none.
    pub bill: Option<Sbom>,
    /// The base image by its reference, and what that was resolved to; empty for a program that needs none.
    pub bases: BTreeMap<String, Digest>,
}

/// Why the image of a command would not run it.
#[derive(Debug, ThisError)]
#[non_exhaustive]
pub enum CommandError {
    /// The base image brings another version than the file asks for.
    #[error("the base image `{reference}` has {runtime} {actual}, and `runtime-version` is `{wanted}`")]
    OtherVersion {
        /// The base image.
        reference: String,
        /// What starts the command.
        runtime: &'static str,
        /// Its version in the image.
        actual: String,
        /// What the file says.
        wanted: String,
    },
    /// A base image was named for a command that stands upon none.
    #[error(
        "the command needs neither Node.js nor Python, and so there is nothing to have the base image `{reference}` for"
    )]
    NoRuntime {
        /// The base image.
        reference: String,
    },
}

impl CommandError {
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::OtherVersion { actual, wanted, .. } => {
                let version = actual.split('.').take(wanted.split('.').count()).collect::<Vec<_>>().join(".");
                format!("name a base image that has it, or write `runtime-version = \"{version}\"` under `[build]`")
            }
            Self::NoRuntime { .. } => "write `runtime = \"node\"` or `runtime = \"python\"` under `[build]`".to_owned(),
        };
        Some(hint)
    }
}

/// Assembles the image of a command, for each platform that there is a bridge for: upon the base image, first the bridge, then
/// the packages, then the app's own files, so that a change of those sends nothing else.
///
/// Without `base`, that is the official image of the runtime, by its tag; which digest that has now is told to `report`, to
/// be written behind the name where the image is to stay the same. The base is pulled into the folder `cache`, and not again
/// if it is there; who pulls it is looked for where Docker and Podman keep credentials. Packages are installed with this
/// machine's npm or pip, whose output goes to `report`, too. With equal files, a base by digest and packages by version, the
/// same bytes come out each time.
///
/// # Errors
///
/// [`Error::Image`] for a bridge, or a program without a runtime, that would not start there, for files that cannot be read,
/// and for a base image that cannot be pulled; [`Error::Packages`]; [`Error::Command`] for a base image that does not fit.
pub async fn image_of_command(
    app: &App,
    command: &CommandBuild,
    bridges: &BTreeMap<Platform, PathBuf>,
    base: Option<&str>,
    cache: &Path,
    report: &(dyn Fn(&str) + Sync),
) -> Result<CommandImage, Error> {
    let recipe = recipe(app, command);
    let files = files(app, command)?;
    let bridges = bridges.iter().map(|(platform, path)| Ok((*platform, bridge(*platform, path)?)));
    let bridges = bridges.collect::<Result<Vec<_>, Error>>()?;
    let mut parts = Parts { app, command, files, cache, report, bill: None };
    let Some(reference) = base.map(str::to_owned).or_else(|| container::base(command)) else {
        let image = parts.alone(bridges, &recipe)?;
        return Ok(CommandImage { image, bill: None, bases: BTreeMap::new() });
    };
    if command.runtime == Runtime::None {
        return Err(CommandError::NoRuntime { reference }.into());
    }
    let (image, digest) = parts.upon(&Reference::parse(&reference)?, bridges, &recipe).await?;
    Ok(CommandImage { image, bill: parts.bill, bases: BTreeMap::from([(reference, digest)]) })
}

/// How the image is run: the same as in the emitted Dockerfile.
fn recipe(app: &App, command: &CommandBuild) -> Recipe {
    let health = container::health_command(app).map(|command| Health {
        command,
        interval_seconds: app.health.interval_seconds,
        timeout_seconds: app.health.timeout_seconds,
        start_seconds: app.health.start_seconds,
        retries: app.health.retries,
    });
    let mut recipe = Recipe {
        entrypoint: container::command(app),
        health,
        ..Recipe::command(&app.name, &[]).with_label("description", &app.description)
    };
    if command.runtime == Runtime::Node && command.has_file("package.json") {
        recipe.environment.insert("NODE_ENV".to_owned(), "production".to_owned());
    }
    recipe
}

/// The app's own files: what the file names and nothing else, in the directory where the command starts.
fn files(app: &App, command: &CommandBuild) -> Result<Tree, Error> {
    let mut tree = Tree::new();
    let installed = container::installed_from(command);
    for file in command.files.iter().filter(|file| !installed.contains(&file.as_str())) {
        // What is named is meant itself, and not a link that would lead nowhere in the image.
        let source = command.directory.join(file);
        let source = fs::canonicalize(&source).map_err(|error| unreadable(&source, error))?;
        tree = tree.with_files_of(&source, &format!("{APP}/{file}"))?;
    }
    let within = format!("{}/", APP.trim_start_matches('/'));
    let keep = |path: &str| path.strip_prefix(&within).is_none_or(|path| !container::is_left_out(app, command, path));
    Ok(tree.retain(keep))
}

fn bridge(platform: Platform, path: &Path) -> Result<Layer, Error> {
    let program = fs::read(path).map_err(|error| unreadable(path, error))?;
    platform.require_static(&program)?;
    let tree = Tree::new().with_file(BRIDGE, program, Mode::Program)?;
    Ok(Layer::pack(&tree, 0, "the bridge")?)
}

fn unreadable(path: &Path, source: std::io::Error) -> mcp_cloud_image::Error {
    mcp_cloud_image::Error::Read { path: path.to_owned(), source }
}

/// What goes into the image, platform by platform.
struct Parts<'a> {
    app: &'a App,
    command: &'a CommandBuild,
    files: Tree,
    cache: &'a Path,
    report: &'a (dyn Fn(&str) + Sync),
    bill: Option<Sbom>,
}

impl Parts<'_> {
    /// The image of a program that needs nothing but whom to trust.
    fn alone(&self, bridges: Vec<(Platform, Layer)>, recipe: &Recipe) -> Result<Image, Error> {
        if let Some(program) = self.command.command.first().filter(|program| self.command.has_file(program)) {
            let path = self.command.directory.join(program);
            let program = fs::read(&path).map_err(|error| unreadable(&path, error))?;
            for (platform, _) in &bridges {
                platform.require_static(&program)?;
            }
        }
        let (trust, files) = (Layer::of_certificates(recipe.created)?, self.own()?);
        let layers = |bridge| [trust.clone(), bridge].into_iter().chain(files.clone()).collect();
        let parts = bridges.into_iter().map(|(platform, bridge)| (platform, layers(bridge))).collect();
        Ok(Image::from_layers(parts, recipe)?)
    }

    /// The image upon a base, and the base's digest.
    async fn upon(
        &mut self,
        reference: &Reference,
        bridges: Vec<(Platform, Layer)>,
        recipe: &Recipe,
    ) -> Result<(Image, Digest), Error> {
        let mut resolved = reference.clone();
        let files = self.own()?;
        let mut parts = Vec::new();
        for (platform, bridge) in bridges {
            let base = self.pull(&resolved, platform).await?;
            if resolved.digest().is_none() {
                // So that all platforms have the same, whatever happens to the tag meanwhile.
                resolved = reference.with_digest(base.digest());
                (self.report)(&format!("the base image `{reference}` is `{resolved}` today"));
            }
            let version = self.version(reference, &base)?;
            let packages = self.packages(platform, &version).await?;
            parts.push((base, [bridge].into_iter().chain(packages).chain(files.clone()).collect()));
        }
        let digest = resolved.digest().ok_or(mcp_cloud_image::Error::NoPlatform)?;
        Ok((Image::on_bases(parts, recipe)?, digest))
    }

    async fn pull(&self, reference: &Reference, platform: Platform) -> Result<Base, Error> {
        let credentials = CredentialFiles::of_environment(|name| std::env::var_os(name)).find(reference).await?;
        let mut told = Told { report: self.report, what: format!("the base image for {platform}") };
        Ok(Base::pull(reference, platform, &credentials, self.cache, &mut told).await?)
    }

    /// The runtime's version in the base image, which has to be the one that is meant: packages belong to it. Images that do not
    /// say are taken at their word.
    fn version(&self, reference: &Reference, base: &Base) -> Result<String, Error> {
        let (runtime, variable) = match self.command.runtime {
            Runtime::Python => ("Python", "PYTHON_VERSION"),
            Runtime::Node | Runtime::None => ("Node.js", "NODE_VERSION"),
        };
        let wanted = &self.command.runtime_version;
        let Some(actual) = base.variable(variable) else { return Ok(wanted.clone()) };
        if wanted.split('.').zip(actual.split('.')).all(|(wanted, actual)| wanted == actual) {
            return Ok(actual.to_owned());
        }
        let (reference, actual, wanted) = (reference.to_string(), actual.to_owned(), wanted.clone());
        Err(CommandError::OtherVersion { reference, runtime, actual, wanted }.into())
    }

    async fn packages(&mut self, platform: Platform, version: &str) -> Result<Option<Layer>, Error> {
        let installed = Packages::install(&self.app.name, self.command, platform, version, self.report).await?;
        let Some(packages) = installed else { return Ok(None) };
        let bill = packages.bill().clone();
        self.bill = Some(match self.bill.take() {
            Some(others) => others.and(bill),
            None => bill,
        });
        Ok(Some(Layer::pack(packages.tree(), 0, "packages")?))
    }

    /// The layer of the app's own files. What was installed from is there already.
    fn own(&self) -> Result<Option<Layer>, Error> {
        if self.files.is_empty() {
            return Ok(None);
        }
        Ok(Some(Layer::pack(&self.files, 0, "the app")?))
    }
}

/// Tells when something large is on its way.
struct Told<'a> {
    report: &'a (dyn Fn(&str) + Sync),
    what: String,
}

impl Progress for Told<'_> {
    fn event(&mut self, event: Event) {
        if let Event::Started { size, .. } = event {
            (self.report)(&format!("pulling {}: {} kB more", self.what, size / 1000));
        }
    }
}
