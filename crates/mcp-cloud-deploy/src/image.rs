//! The image that the tasks of a service run: assembled here, and pushed to a repository.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use mcp_cloud_app::{App, app::Architecture};
use mcp_cloud_image::{
    CredentialFiles, Credentials, Event, Image as Assembled, Progress, Provenance, Recipe, Reference, Sbom, layout,
    registry::{Waiting, attach_signature, push_waiting, resolve},
};
pub use mcp_cloud_image::{Error, Key, Platform, Pushed};

use crate::{
    aws::Deployer,
    deployment::Image,
    source::{Source, Worktree},
};

/// How many digits of its digest an image is tagged with.
const TAG_DIGITS: usize = 12;

/// The repository of a registry of AWS that images are named by; `None` for any other registry.
///
/// `123456789012.dkr.ecr.eu-central-1.amazonaws.com/hello` → `hello`
#[must_use]
pub fn ecr_repository(uri: &str) -> Option<&str> {
    let (registry, name) = uri.split_once('/')?;
    registry.contains(".dkr.ecr.").then_some(name.split(['@', ':']).next()?)
}

/// The account and the region of a registry of AWS; `None` for any other.
#[must_use]
pub fn ecr_place(uri: &str) -> Option<(&str, &str)> {
    let (account, rest) = uri.split_once(".dkr.ecr.")?;
    Some((account, rest.split('.').next()?))
}

/// An image that is in memory.
#[derive(Clone)]
pub struct Contents(Arc<Assembled>);

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

/// The platform of images for a processor.
#[must_use]
pub fn platform(architecture: Architecture) -> Platform {
    match architecture {
        Architecture::Arm64 => Platform::Arm64,
        Architecture::X86_64 => Platform::Amd64,
    }
}

/// The processor that images of a platform are for.
#[must_use]
pub fn architecture(platform: Platform) -> Architecture {
    match platform {
        Platform::Arm64 => Architecture::Arm64,
        Platform::Amd64 => Architecture::X86_64,
    }
}

impl Contents {
    /// Assembles the image of an app's programs. The same programs make the same image, whatever commit they are built
    /// from: a deployment of the same code has nothing to do.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Image`] when a program cannot be read, or would not start in an image that holds nothing else.
    pub fn of_programs(app: &App, programs: &BTreeMap<Platform, PathBuf>) -> Result<Self, crate::Error> {
        let read = |(platform, program): (&Platform, &PathBuf)| match std::fs::read(program) {
            Ok(bytes) => Ok((*platform, bytes.into())),
            Err(source) => Err(mcp_cloud_image::Error::Read { path: program.clone(), source }),
        };
        Self::of_bytes(app, programs.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// The same of programs that are in memory.
    pub(crate) fn of_bytes(app: &App, programs: BTreeMap<Platform, Bytes>) -> Result<Self, crate::Error> {
        let recipe = Recipe::server(&app.name).with_label("description", &app.description);
        Ok(Self(Arc::new(Assembled::from_binaries(programs, &recipe)?)))
    }

    /// Attaches to the image what it was made of, if that is known, and where it comes from. The image stays the same.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Image`], which only a fault of ours could cause.
    pub fn documented(self, bill: Option<&Sbom>, provenance: &Provenance) -> Result<Self, crate::Error> {
        let image = Arc::unwrap_or_clone(self.0);
        let image = match bill {
            Some(bill) => image.with_sbom(bill)?,
            None => image,
        };
        Ok(Self(Arc::new(image.with_provenance(provenance)?)))
    }

    /// Reads what [`write`](Self::write) wrote, or any other tool that writes an OCI layout with one image.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Image`] when the folder is none, or something in it is not what its name says.
    pub fn read(layout: &Path) -> Result<Self, crate::Error> {
        Ok(Self(Arc::new(layout::read(layout, None)?)))
    }

    /// Writes the image into a folder, as an OCI layout, with everything attached to it
    /// (<https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>). Repeating it changes nothing.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Image`] when the folder cannot be written.
    pub fn write(&self, layout: &Path, tag: &str) -> Result<(), crate::Error> {
        Ok(layout::write(&self.0, layout, tag)?)
    }

    /// The digest of the image, `sha256:…`.
    #[must_use]
    pub fn digest(&self) -> String {
        self.0.digest().to_string()
    }

    /// The tag that its digest makes, so that people and clean-up rules can tell images apart.
    #[must_use]
    pub fn tag(&self) -> String {
        self.0.digest().digits().chars().take(TAG_DIGITS).collect()
    }

    /// What its layers take for each platform, compressed, in bytes, with the digest of that platform's image.
    #[must_use]
    pub fn sizes(&self) -> Vec<(String, u64)> {
        self.0.sizes().into_iter().map(|(digest, bytes)| (digest.to_string(), bytes)).collect()
    }

    /// What its layers take, compressed, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.sizes().iter().map(|(_, bytes)| bytes).sum()
    }
}

impl From<Assembled> for Contents {
    fn from(image: Assembled) -> Self {
        Self(Arc::new(image))
    }
}

impl From<Contents> for Image {
    fn from(contents: Contents) -> Self {
        Self { digest: contents.digest(), contents: Some(contents) }
    }
}

impl Image {
    /// Finds the image that an app names instead of being built: by its digest, and for the processor of the app's tasks.
    /// Returns the repository, too.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Image`] when there is no such image, none for that processor, or its registry cannot be asked.
    pub async fn resolve(app: &App, reference: &str, deployer: &Deployer) -> Result<(Self, String), crate::Error> {
        let reference = Reference::parse(reference)?;
        let repository = format!("{}/{}", reference.registry(), reference.repository());
        let (reachable, credentials) = deployer.registry_access(&reference).await?;
        let digest = resolve(&reachable, platform(app.architecture), &credentials).await?;
        Ok((Self { digest: digest.to_string(), contents: None }, repository))
    }
}

/// Where a build comes from, to be told beside its image. A commit is named only where the sources are that commit's.
#[must_use]
pub fn provenance(app: &App, source: Option<&Source>) -> Provenance {
    let source = source.filter(|source| source.worktree != Worktree::Changed);
    let package = app.cargo().map(|package| ("package".to_owned(), package.package.clone()));
    Provenance {
        builder: None,
        repository: source.and_then(|source| source.remote.clone()),
        commit: source.map(|source| source.commit.clone()),
        parameters: [("app".to_owned(), app.name.clone())].into_iter().chain(package).collect(),
        bases: BTreeMap::new(),
    }
}

impl Deployer {
    /// Pushes an image under a reference; what is there already is not sent. A registry of AWS is logged in to, any other by
    /// the files in which Docker and Podman keep credentials.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Image`] when the registry does not take it, [`crate::Error::Aws`] when the login fails.
    pub async fn push_image(
        &self,
        reference: &str,
        contents: &Contents,
        report: &(dyn Fn(&str) + Sync),
    ) -> Result<Pushed, crate::Error> {
        let (reference, credentials) = self.registry_access(&Reference::parse(reference)?).await?;
        let deployer = self.clone();
        let waiting = Waiting::by(move |duration| {
            let deployer = deployer.clone();
            async move { deployer.sleep(duration).await }
        });
        send(contents, &reference, &credentials, report, &waiting).await
    }

    /// Where a reference is reached, and with what credentials.
    async fn registry_access(&self, reference: &Reference) -> Result<(Reference, Credentials), crate::Error> {
        let uri = reference.to_string();
        if ecr_repository(&uri).is_none() {
            return Ok((reference.clone(), stored(reference).await?));
        }
        let login = self.registry_login().await?;
        // An emulator answers for the registries, too.
        let reachable = match (self.registry(), uri.split_once('/')) {
            (Some(registry), Some((_, rest))) => Reference::parse(&format!("{registry}/{rest}"))?,
            _ => reference.clone(),
        };
        Ok((reachable, Credentials::password(login.user, login.password)))
    }
}

/// Pushes an image to a registry that is none of AWS, as [`Deployer::push_image`] does.
///
/// # Errors
///
/// [`crate::Error::Image`] when the registry does not take it.
pub async fn push_image(
    reference: &str,
    contents: &Contents,
    report: &(dyn Fn(&str) + Sync),
) -> Result<Pushed, crate::Error> {
    let reference = Reference::parse(reference)?;
    send(contents, &reference, &stored(&reference).await?, report, &Waiting::default()).await
}

/// Signs an image where it was pushed, as `cosign sign` does; signatures of others stay. `deployer` is for a registry of AWS.
///
/// # Errors
///
/// [`crate::Error::Image`] when the key cannot sign, or the registry does not take the signature.
pub async fn sign_image(pushed: &Pushed, key: &Key, deployer: Option<&Deployer>) -> Result<(), crate::Error> {
    let (reference, credentials) = match deployer {
        Some(deployer) => deployer.registry_access(&pushed.reference).await?,
        None => (pushed.reference.clone(), stored(&pushed.reference).await?),
    };
    let signature = key.sign(&pushed.reference, &pushed.digest).await?;
    attach_signature(&signature, &reference, &pushed.digest, &credentials).await?;
    Ok(())
}

/// Credentials as other tools keep them.
async fn stored(reference: &Reference) -> Result<Credentials, crate::Error> {
    Ok(CredentialFiles::of_environment(|name| std::env::var_os(name)).find(reference).await?)
}

async fn send(
    contents: &Contents,
    reference: &Reference,
    credentials: &Credentials,
    report: &(dyn Fn(&str) + Sync),
    waiting: &Waiting,
) -> Result<Pushed, crate::Error> {
    let mut told = Told { report, sent: 0, all: contents.bytes() };
    Ok(push_waiting(&contents.0, reference, credentials, &mut told, waiting).await?)
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
        assert_eq!(ecr_repository(&format!("{of_aws}:1.0")), Some("team/hello"));
        assert_eq!(ecr_place(of_aws), Some(("123456789012", "eu-central-1")));
        assert_eq!(ecr_place("ghcr.io/team/hello"), None);
    }
}
