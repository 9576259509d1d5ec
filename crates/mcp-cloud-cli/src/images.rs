//! The image of a server: built from what the file says, or found where it is.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use mcp_cloud_app::{
    App,
    app::{Build, CommandBuild},
};
use mcp_cloud_deploy::{
    Deployer, build,
    command_image::image_of_command,
    deployment::Image,
    image::{self, Contents, Platform, architecture, provenance},
    source::source,
};

use crate::{app, execution::failed, failure::Failure, printer::Printer, progress::Progress};

/// What the image of a command is built with.
#[derive(Debug, clap::Args)]
pub(crate) struct Building {
    /// Program of the bridge that serves a command, static, for Linux; once for each processor. For servers in other
    /// languages
    #[arg(long, value_name = "FILE")]
    bridge: Vec<PathBuf>,
    /// Image to build a command upon, best by digest [default: the runtime's own]
    #[arg(long, value_name = "REFERENCE")]
    base: Option<String>,
}

/// What the tasks of a service run.
#[derive(Debug)]
pub(crate) struct OfService {
    pub(crate) image: Image,
    /// Where it is, unless it is to be pushed to the repository of the stack.
    pub(crate) repository: Option<String>,
    /// The program in it, if this machine has it.
    pub(crate) program: Option<PathBuf>,
}

/// What is to be built, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order<'a> {
    pub(crate) app: &'a App,
    /// The directory of the server.
    pub(crate) directory: &'a Path,
    pub(crate) platforms: &'a [Platform],
    pub(crate) building: &'a Building,
    /// The command that wants it.
    pub(crate) command: &'a str,
}

/// Builds the image of a service, or finds it in its registry.
pub(crate) async fn of_service(
    app: &App,
    directory: &Path,
    building: &Building,
    deployer: &Deployer,
    printer: &Printer,
) -> Result<OfService, Failure> {
    if let Build::Image(reference) = &app.build {
        let (image, repository) = Image::resolve(app, reference, deployer).await.map_err(failed)?;
        return Ok(OfService { image, repository: Some(repository), program: None });
    }
    let platforms = [image::platform(app.architecture)];
    let order = Order { app, directory, platforms: &platforms, building, command: "deploy" };
    let mut built = build(order, printer).await?;
    let program = built.programs.pop_first().map(|(_, program)| program);
    Ok(OfService { image: built.contents.into(), repository: app.ecs.repository.clone(), program })
}

/// An image, and the programs in it.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) contents: Contents,
    pub(crate) programs: BTreeMap<Platform, PathBuf>,
}

/// Builds an image with everything that is attached to it.
pub(crate) async fn build(order: Order<'_>, printer: &Printer) -> Result<Built, Failure> {
    let Order { app, directory, platforms, building, command } = order;
    if let Build::Command(of_command) = &app.build {
        return build_command(order, of_command, printer).await;
    }
    let package = app.cargo().ok_or_else(|| app::not_cargo(command))?;
    if building.base.is_some() || !building.bridge.is_empty() {
        let needless =
            "`--bridge` and `--base` are for commands in other languages, and this server is a cargo package";
        return Err(Failure::new(needless).hint("leave them out").exit_code(Failure::USAGE));
    }
    let mut programs = BTreeMap::new();
    for platform in platforms {
        let program = build::build(package, architecture(*platform)).await.map_err(|error| failed(error.into()))?;
        programs.insert(*platform, program);
    }
    let architectures: Vec<_> = programs.keys().map(|platform| architecture(*platform)).collect();
    let bill = build::bill(package, &architectures).await.map_err(|error| failed(error.into()))?;
    let contents = Contents::of_programs(app, &programs).map_err(failed)?;
    let provenance = provenance(app, source(directory).await.as_ref());
    Ok(Built { contents: contents.documented(Some(&bill), &provenance).map_err(failed)?, programs })
}

async fn build_command(order: Order<'_>, command: &CommandBuild, printer: &Printer) -> Result<Built, Failure> {
    let Order { app, directory, platforms, building, .. } = order;
    let bridges = bridges(building, platforms)?;
    let progress = Progress::start(printer, "build the image");
    let report = |note: &str| progress.note(note);
    let built = image_of_command(app, command, &bridges, building.base.as_deref(), &cache(), &report).await;
    let built = built.map_err(failed)?;
    drop(progress);
    let mut provenance = provenance(app, source(directory).await.as_ref());
    provenance.bases = built.bases;
    let contents = Contents::from(built.image).documented(built.bill.as_ref(), &provenance).map_err(failed)?;
    Ok(Built { contents, programs: BTreeMap::new() })
}

/// The bridge for each platform that is wanted, told apart by what the programs are for.
fn bridges(building: &Building, platforms: &[Platform]) -> Result<BTreeMap<Platform, PathBuf>, Failure> {
    let mut found = BTreeMap::new();
    for path in &building.bridge {
        let program = fs::read(path).map_err(|error| {
            Failure::new(error)
                .context(format!("cannot read the bridge `{}`", path.display()))
                .exit_code(Failure::USAGE)
        })?;
        let platform = Platform::of_program(&program).ok_or_else(|| {
            Failure::new(format!("the bridge `{}` is no program for Linux on a processor of the cloud", path.display()))
                .hint("build it for a target such as `x86_64-unknown-linux-musl`")
                .exit_code(Failure::USAGE)
        })?;
        found.insert(platform, path.clone());
    }
    match platforms.iter().find(|platform| !found.contains_key(platform)) {
        Some(missing) => Err(Failure::new(format!("a command is served by a bridge, and none is there for {missing}"))
            .hint("name the program with `--bridge`")
            .exit_code(Failure::USAGE)),
        None => {
            found.retain(|platform, _| platforms.contains(platform));
            Ok(found)
        }
    }
}

/// Where base images are kept: <https://specifications.freedesktop.org/basedir-spec/latest/>.
fn cache() -> PathBuf {
    let named = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || env::home_dir().map(|home| home.join(".cache"));
    named.or_else(home).unwrap_or_else(env::temp_dir).join("mcp-cloud/images")
}
