//! The image that the tasks of a service run: assembled here, and pushed to a repository.

use std::{collections::BTreeMap, fmt, path::Path, sync::Arc};

use mcp_cloud_app::{App, app::Architecture};
use mcp_cloud_image::{
    CredentialFiles, Credentials, Event, Image as Assembled, Platform, Progress, Pushed, Recipe, Reference,
    registry::{Waiting, push_waiting},
};

use crate::{aws::Deployer, deployment::Image, error::Error};

/// How many digits of its digest an image is tagged with, so that people and clean-up rules can tell images apart.
const TAG_DIGITS: usize = 12;

/// The repository of a registry of AWS that images are named by; `None` for any other registry.
///
/// `123456789012.dkr.ecr.eu-central-1.amazonaws.com/hello` → `hello`
#[must_use]
pub fn ecr_repository(uri: &str) -> Option<&str> {
    let (registry, name) = uri.split_once('/')?;
    registry.contains(".dkr.ecr.").then_some(name)
}

/// An image that is in memory.
#[derive(Clone)]
pub struct Contents(Arc<Assembled>);

impl Contents {
    /// What its layers take, compressed, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.sizes().iter().map(|(_, bytes)| bytes).sum()
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Contents").field(self.0.digest()).finish()
    }
}

impl PartialEq for Contents {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest() == other.0.digest()
    }
}

impl Eq for Contents {}

impl Image {
    /// Assembles the image of a program for the architecture that the app's tasks have. The same program makes the same
    /// image, whatever commit it is built from: a deployment of the same code has nothing to do.
    ///
    /// # Errors
    ///
    /// [`Error::Image`] when the program cannot be read, or would not start in an image that holds nothing else.
    pub fn of_program(app: &App, program: &Path) -> Result<Self, Error> {
        let unreadable = |source| mcp_cloud_image::Error::Read { path: program.to_owned(), source };
        let bytes = std::fs::read(program).map_err(unreadable)?;
        let platform = match app.architecture {
            Architecture::Arm64 => Platform::Arm64,
            Architecture::X86_64 => Platform::Amd64,
        };
        let recipe = Recipe::server(&app.name).with_label("description", &app.description);
        let image = Assembled::from_binaries(BTreeMap::from([(platform, bytes.into())]), &recipe)?;
        Ok(Self { digest: image.digest().to_string(), contents: Some(Contents(Arc::new(image))) })
    }
}

impl Deployer {
    /// Pushes an image to a repository, under a tag that its digest makes; what is there already is not sent. A registry
    /// of the account is logged in to, any other by the files in which Docker and Podman keep credentials.
    ///
    /// # Errors
    ///
    /// [`Error::Image`] when the registry does not take it, [`Error::Aws`] when the login fails.
    pub async fn push_image(
        &self,
        repository: &str,
        contents: &Contents,
        report: &(dyn Fn(&str) + Sync),
    ) -> Result<Pushed, Error> {
        let digest = contents.0.digest().to_string();
        let digits = digest.rsplit(':').next().unwrap_or_default();
        let tag = digits.get(..TAG_DIGITS).unwrap_or(digits);
        let reference = Reference::parse(&format!("{}:{tag}", self.reachable(repository)))?;
        let credentials = match ecr_repository(repository) {
            Some(_) => {
                let login = self.registry_login().await?;
                Credentials::password(login.user, login.password)
            }
            None => CredentialFiles::of_environment(|name| std::env::var_os(name)).find(&reference).await?,
        };
        let mut told = Told { report, sent: 0, all: contents.bytes() };
        let deployer = self.clone();
        let waiting = Waiting::by(move |duration| {
            let deployer = deployer.clone();
            async move { deployer.sleep(duration).await }
        });
        Ok(push_waiting(&contents.0, &reference, &credentials, &mut told, &waiting).await?)
    }

    /// Where a repository of AWS is asked for: an emulator answers for the registries, too.
    fn reachable(&self, repository: &str) -> String {
        match (self.registry(), ecr_repository(repository)) {
            (Some(registry), Some(name)) => format!("{registry}/{name}"),
            _ => repository.to_owned(),
        }
    }
}

/// Tells how far a push is, in tenths of the whole.
struct Told<'a> {
    report: &'a (dyn Fn(&str) + Sync),
    sent: u64,
    all: u64,
}

impl Progress for Told<'_> {
    fn event(&mut self, event: Event) {
        let Event::Moved { bytes, .. } = event else { return };
        let tenths = |bytes: u64| bytes.saturating_mul(10) / self.all.max(1);
        let before = tenths(self.sent);
        let now = tenths(self.sent + bytes);
        self.sent += bytes;
        if now > before {
            (self.report)(&format!("{} of {} kB are sent", self.sent / 1000, self.all / 1000));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_of_aws_are_told_from_others() {
        let of_aws = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/hello";
        assert_eq!(ecr_repository(of_aws), Some("team/hello"));
        assert_eq!(ecr_repository("ghcr.io/team/hello"), None);
    }
}
