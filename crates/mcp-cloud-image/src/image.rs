//! Assembles images: layers, a configuration and a manifest for each platform, and an index over all of them. No network, no
//! clock: the same input makes the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    Attachment, Base, Blob, Descriptor, Digest, Error, Layer, Mode, Platform, Recipe, Tree, blob::media_type,
    config::ImageConfig, recipe::SERVER,
};

/// An image for one platform or several, with what is attached to it.
#[derive(Debug, Clone)]
pub struct Image {
    pub(crate) variants: Vec<Variant>,
    pub(crate) index: Blob,
    pub(crate) attachments: Vec<Attachment>,
}

/// The image for one platform.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) manifest: Blob,
    pub(crate) config: Blob,
    pub(crate) layers: Vec<Blob>,
    /// Where the layers of the base come from; a registry may have them already.
    pub(crate) base: Option<crate::Reference>,
}

/// The manifest of one platform's image, or of an artifact:
/// <https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md>.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u8,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) artifact_type: Option<String>,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// An index: <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md>.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) schema_version: u8,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) media_type: String,
    #[serde(default)]
    pub(crate) manifests: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Manifest {
    pub(crate) fn new(config: Descriptor, layers: Vec<Descriptor>, annotations: BTreeMap<String, String>) -> Self {
        let media_type = media_type::MANIFEST.to_owned();
        Self { schema_version: 2, media_type, artifact_type: None, config, layers, subject: None, annotations }
    }
}

impl Index {
    pub(crate) fn new(manifests: Vec<Descriptor>, annotations: BTreeMap<String, String>) -> Self {
        Self { schema_version: 2, media_type: media_type::INDEX.to_owned(), manifests, annotations }
    }
}

impl Image {
    /// Assembles an image of a static program: whom to trust over TLS in one layer, the program at [`SERVER`] in another,
    /// nothing else.
    ///
    /// # Errors
    ///
    /// [`Error::Unfit`] for a program that would not start there, and [`Error::NoPlatform`] if there is none at all.
    pub fn from_binaries(programs: BTreeMap<Platform, Bytes>, recipe: &Recipe) -> Result<Self, Error> {
        for (platform, program) in &programs {
            platform.require_static(program)?;
        }
        let trust = Layer::of_certificates(recipe.created)?;
        // Nearly all the time is compression, and platforms do not need each other.
        let packed = std::thread::scope(|scope| {
            let pack = |(platform, program)| {
                scope.spawn(move || -> Result<_, Error> {
                    let tree = Tree::new().with_file(SERVER, program, Mode::Program)?;
                    Ok((platform, Layer::pack(&tree, recipe.created, "the server")?))
                })
            };
            let running: Vec<_> = programs.into_iter().map(pack).collect();
            running
                .into_iter()
                .map(|pack| pack.join().unwrap_or(Err(Error::Interrupted)))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let parts = packed.into_iter().map(|(platform, server)| (platform, vec![trust.clone(), server]));
        Self::from_layers(parts.collect(), recipe)
    }

    /// Makes an image of these layers alone, for each platform: the lowest first.
    ///
    /// # Errors
    ///
    /// [`Error::NoPlatform`] if there is none, or one twice.
    pub fn from_layers(parts: Vec<(Platform, Vec<Layer>)>, recipe: &Recipe) -> Result<Self, Error> {
        let variants = parts.into_iter().map(|(platform, layers)| {
            Variant::new(ImageConfig::new(platform), Vec::new(), layers, recipe).map(|variant| (platform, variant))
        });
        Self::of_variants(variants.collect::<Result<_, _>>()?, recipe)
    }

    /// Puts layers upon base images, one for each platform: first what changes least, such as the bridge and the packages,
    /// last the app's own files.
    ///
    /// # Errors
    ///
    /// [`Error::NoPlatform`] if there is no base, or there are two for one platform.
    pub fn on_bases(parts: Vec<(Base, Vec<Layer>)>, recipe: &Recipe) -> Result<Self, Error> {
        let variants = parts.into_iter().map(|(base, layers)| {
            let platform = base.platform();
            let (config, below, reference) = base.into_parts();
            let variant = Variant::new(config, below, layers, recipe)?;
            Ok((platform, Variant { base: Some(reference), ..variant }))
        });
        Self::of_variants(variants.collect::<Result<_, Error>>()?, recipe)
    }

    fn of_variants(mut variants: Vec<(Platform, Variant)>, recipe: &Recipe) -> Result<Self, Error> {
        variants.sort_by_key(|(platform, _)| *platform);
        let platforms: BTreeSet<_> = variants.iter().map(|(platform, _)| *platform).collect();
        if platforms.is_empty() || platforms.len() != variants.len() {
            return Err(Error::NoPlatform);
        }
        let manifests = variants.iter().map(|(platform, variant)| Descriptor {
            platform: Some((*platform).into()),
            ..variant.manifest.descriptor.clone()
        });
        let index = Blob::json(media_type::INDEX, &Index::new(manifests.collect(), annotations(recipe)))?;
        let variants = variants.into_iter().map(|(_, variant)| variant).collect();
        Ok(Self { variants, index, attachments: Vec::new() })
    }

    /// Attaches a document to the image, such as a bill of materials; registries hand it out as a referrer of the image.
    #[must_use]
    pub fn with(mut self, attachment: Attachment) -> Self {
        self.attachments.push(attachment);
        self
    }

    /// The name of the image: of its index, and so of all that is in it. What is attached does not change it.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.index.descriptor.digest
    }

    /// The index, the document that the image's name is the digest of.
    #[must_use]
    pub fn index(&self) -> &Blob {
        &self.index
    }

    /// What the image consists of for each platform: how many bytes its layers have, compressed.
    #[must_use]
    pub fn sizes(&self) -> Vec<(Digest, u64)> {
        let size = |variant: &Variant| variant.layers.iter().map(|layer| layer.descriptor.size).sum();
        self.variants.iter().map(|variant| (variant.manifest.descriptor.digest.clone(), size(variant))).collect()
    }

    /// All content but the index, each once, so that nothing comes before what it refers to.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Blob> {
        let variants =
            self.variants.iter().flat_map(|variant| variant.layers.iter().chain([&variant.config, &variant.manifest]));
        let attached = self
            .attachments
            .iter()
            .flat_map(|attachment| [&attachment.config, &attachment.document, &attachment.manifest]);
        let mut seen = BTreeSet::new();
        variants.chain(attached).filter(move |blob| seen.insert(blob.descriptor.digest.clone()))
    }
}

impl Variant {
    fn new(base: ImageConfig, mut blobs: Vec<Blob>, layers: Vec<Layer>, recipe: &Recipe) -> Result<Self, Error> {
        let config = Blob::json(media_type::CONFIG, &base.with(&layers, recipe))?;
        blobs.extend(layers.into_iter().map(|layer| layer.blob));
        let below = blobs.iter().map(|blob| blob.descriptor.clone()).collect();
        let manifest = Manifest::new(config.descriptor.clone(), below, annotations(recipe));
        let manifest = Blob::json(media_type::MANIFEST, &manifest)?;
        Ok(Self { manifest, config, layers: blobs, base: None })
    }
}

/// What is said of the image where nobody reads its labels.
fn annotations(recipe: &Recipe) -> BTreeMap<String, String> {
    let created = ("org.opencontainers.image.created".to_owned(), recipe.timestamp());
    recipe.labels.clone().into_iter().chain([created]).collect()
}
