//! Images as folders: <https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    Attachment, Blob, Descriptor, Digest, Error, Image,
    blob::{Content, media_type, parse},
    digest::Hasher,
    image::{Index, Manifest, Variant},
};

/// The annotation that names an image in a layout.
const NAME: &str = "org.opencontainers.image.ref.name";
const MARKER: &str = "oci-layout";
const INDEX: &str = "index.json";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layout {
    image_layout_version: String,
}

/// Writes the image into a folder, under this name, with everything attached to it. Content that is there already is not
/// written again; what else the folder holds stays, but its index names this image alone.
///
/// # Errors
///
/// [`Error::Write`] with the path, and [`Error::Read`] for a layer of a base image that is no longer in the cache.
pub fn write(image: &Image, folder: &Path, name: &str) -> Result<(), Error> {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(|source| Error::Write { path: blobs.clone(), source })?;
    for blob in image.blobs().chain([&image.index]) {
        let path = blobs.join(blob.descriptor.digest.digits());
        if fs::metadata(&path).is_ok_and(|file| file.len() == blob.descriptor.size) {
            continue;
        }
        match &blob.content {
            Content::Bytes(bytes) => replace(&path, |partial| fs::write(partial, bytes))?,
            Content::File(file) => replace(&path, |partial| fs::copy(file, partial).map(drop))?,
        }
    }
    let mut named = image.index.descriptor.clone();
    named.annotations.insert(NAME.to_owned(), name.to_owned());
    let attached = image.attachments.iter().map(|attachment| attachment.manifest.descriptor.clone());
    let index = Index::new(std::iter::once(named).chain(attached).collect(), std::collections::BTreeMap::new());
    let index = Blob::json(media_type::INDEX, &index)?;
    let marker = Blob::json(MARKER, &Layout { image_layout_version: "1.0.0".to_owned() })?;
    for (file, blob) in [(MARKER, marker), (INDEX, index)] {
        let content = blob.read()?;
        replace(&folder.join(file), |partial| fs::write(partial, &content))?;
    }
    Ok(())
}

/// Reads an image from a folder: the one of this name, or the only one. All content is held against its digest.
///
/// # Errors
///
/// [`Error::NotALayout`] if the folder is none or has no such image, [`Error::Read`] for a file that is missing, and
/// [`Error::Altered`] for one that is not what its name says.
pub fn read(folder: &Path, name: Option<&str>) -> Result<Image, Error> {
    let reader = Reader { folder };
    let layout: Layout = reader.document(MARKER)?;
    if !layout.image_layout_version.starts_with("1.") {
        return Err(reader.not("its version is not 1"));
    }
    let index: Index = reader.document(INDEX)?;
    let images = index.manifests.iter().filter(|entry| entry.media_type == media_type::INDEX);
    let mut images =
        images.filter(|entry| name.is_none_or(|name| entry.annotations.get(NAME).is_some_and(|its| its == name)));
    let (Some(image), None) = (images.next(), images.next()) else {
        return Err(reader.not("it does not have exactly one such image"));
    };
    let descriptor = Descriptor { annotations: std::collections::BTreeMap::new(), ..image.clone() };
    let index_blob = reader.blob(descriptor)?;
    let variants = index_blob.parse::<Index>()?.manifests.into_iter().map(|entry| reader.variant(entry));
    let mut image = Image { variants: variants.collect::<Result<_, _>>()?, index: index_blob, attachments: Vec::new() };
    for entry in index.manifests.into_iter().filter(|entry| entry.media_type == media_type::MANIFEST) {
        if let Some(attachment) = reader.attachment(entry, image.digest())? {
            image = image.with(attachment);
        }
    }
    Ok(image)
}

struct Reader<'a> {
    folder: &'a Path,
}

impl Reader<'_> {
    fn not(&self, problem: &'static str) -> Error {
        Error::NotALayout { path: self.folder.to_owned(), problem }
    }

    fn document<T: for<'a> Deserialize<'a>>(&self, file: &str) -> Result<T, Error> {
        let path = self.folder.join(file);
        let content = fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        parse(&path.display().to_string(), &content)
    }

    fn blob(&self, descriptor: Descriptor) -> Result<Blob, Error> {
        let path = self.folder.join("blobs/sha256").join(descriptor.digest.digits());
        verify(&path, &descriptor)?;
        Ok(Blob::in_file(descriptor, &path))
    }

    fn variant(&self, entry: Descriptor) -> Result<Variant, Error> {
        let manifest = self.blob(Descriptor { platform: None, ..entry })?;
        let document: Manifest = manifest.parse()?;
        let layers = document.layers.into_iter().map(|layer| self.blob(layer)).collect::<Result<_, _>>()?;
        Ok(Variant { config: self.blob(document.config)?, manifest, layers, base: None })
    }

    fn attachment(&self, entry: Descriptor, image: &Digest) -> Result<Option<Attachment>, Error> {
        let manifest = self.blob(entry)?;
        let document: Manifest = manifest.parse()?;
        let ours = document.subject.is_some_and(|subject| subject.digest == *image);
        let [layer] =
            <[Descriptor; 1]>::try_from(document.layers).map_err(|_| self.not("an attachment is not one document"))?;
        let (config, document) = (self.blob(document.config)?, self.blob(layer)?);
        Ok(ours.then_some(Attachment { manifest, config, document }))
    }
}

/// Holds a file against what refers to it, without reading all of it into memory.
pub(crate) fn verify(path: &Path, descriptor: &Descriptor) -> Result<(), Error> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let mut file = fs::File::open(path).map_err(read)?;
    let mut hashed = HashWriter(Hasher::default());
    let size = io::copy(&mut file, &mut hashed).map_err(read)?;
    if size != descriptor.size || hashed.0.finish() != descriptor.digest {
        return Err(Error::Altered { what: path.display().to_string(), digest: descriptor.digest.clone() });
    }
    Ok(())
}

struct HashWriter(Hasher);

impl io::Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes beside the file and moves it there, so that nobody sees half of it.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), Error> {
    let partial = partial(path);
    let written = write(&partial).and_then(|()| fs::rename(&partial, path));
    written.map_err(|source| {
        let _ = fs::remove_file(&partial);
        Error::Write { path: path.to_owned(), source }
    })
}

/// A name beside the file that no other process writes to.
pub(crate) fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}
