//! The image of a server: built from what the file says, or found where it is.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use mcp_cloud_app::{App, app::Build};
use mcp_cloud_deploy::{
    Deployer, build,
    deployment::Image,
    image::{self, Contents, Platform, architecture, provenance},
    source::source,
};

use crate::{app, execution::failed, failure::Failure};

/// What the tasks of a service run.
#[derive(Debug)]
pub(crate) struct OfService {
    pub(crate) image: Image,
    /// Where it is, unless it is to be pushed to the repository of the stack.
    pub(crate) repository: Option<String>,
    /// The program in it, if this machine has it.
    pub(crate) program: Option<PathBuf>,
}

/// Builds the image of a service, or finds it in its registry. `directory` is that of the server.
pub(crate) async fn of_service(app: &App, directory: &Path, deployer: &Deployer) -> Result<OfService, Failure> {
    if let Build::Image(reference) = &app.build {
        let (image, repository) = Image::resolve(app, reference, deployer).await.map_err(failed)?;
        return Ok(OfService { image, repository: Some(repository), program: None });
    }
    let mut built = build(app, directory, &[image::platform(app.architecture)], "deploy").await?;
    let program = built.programs.pop_first().map(|(_, program)| program);
    Ok(OfService { image: built.contents.into(), repository: app.ecs.repository.clone(), program })
}

/// An image, and the programs in it.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) contents: Contents,
    pub(crate) programs: BTreeMap<Platform, PathBuf>,
}

/// Builds an image with everything that is attached to it, for `command`.
pub(crate) async fn build(
    app: &App,
    directory: &Path,
    platforms: &[Platform],
    command: &str,
) -> Result<Built, Failure> {
    let package = app.cargo().ok_or_else(|| app::not_cargo(command))?;
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
