//! Packs files into a layer: the same bytes for the same files, whenever and wherever they are packed.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

use crate::{Blob, Digest, Error, blob::media_type, certificates, digest::Hasher, recipe::CERTIFICATES};

/// The files of a layer, by their path in the image.
///
/// Everything belongs to root, as in images that are built elsewhere. Who may read what does not depend on the machine
/// that packs: everybody may read everything, and run what its owner may run, because the server is another user.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone)]
enum Entry {
    Directory,
    File { source: Source, mode: Mode },
    Link { target: String },
}

#[derive(Debug, Clone)]
enum Source {
    Bytes(Bytes),
    File(PathBuf),
}

/// What may be done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Everybody may read it.
    Data,
    /// Everybody may read and run it.
    Program,
}

impl Mode {
    fn bits(self) -> u32 {
        match self {
            Self::Data => 0o644,
            Self::Program => 0o755,
        }
    }
}

impl Tree {
    /// A tree without files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file at this path of the image, and the directories above it. What was there before is replaced.
    ///
    /// # Errors
    ///
    /// [`Error::NotAPath`] for a path with `..` in it or none at all.
    pub fn with_file(mut self, path: &str, content: impl Into<Bytes>, mode: Mode) -> Result<Self, Error> {
        self.insert(path, Entry::File { source: Source::Bytes(content.into()), mode })?;
        Ok(self)
    }

    /// Adds a file or a directory of this machine with everything in it, at this path of the image. Symbolic links stay
    /// what they are.
    ///
    /// # Errors
    ///
    /// [`Error::NotAPath`], [`Error::Read`], and [`Error::NotAFile`] for what is neither a file, nor a directory, nor a
    /// link: nothing of that could be in an image.
    pub fn with_files_of(mut self, source: &Path, path: &str) -> Result<Self, Error> {
        self.collect(source, path)?;
        Ok(self)
    }

    /// Leaves out what is not to be kept, by its path in the image without a leading slash; of a directory that is left out,
    /// everything.
    #[must_use]
    pub fn retain(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.entries.retain(|path, _| {
            let mut directories = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
            directories.all(|end| path.get(..end).is_some_and(&keep))
        });
        self
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn collect(&mut self, source: &Path, path: &str) -> Result<(), Error> {
        let read = |error| Error::Read { path: source.to_owned(), source: error };
        let metadata = fs::symlink_metadata(source).map_err(read)?;
        let kind = metadata.file_type();
        if kind.is_symlink() {
            let target = fs::read_link(source).map_err(read)?;
            let target = target.to_str().ok_or_else(|| Error::NotAPath { path: target.display().to_string() })?;
            self.insert(path, Entry::Link { target: target.to_owned() })
        } else if kind.is_file() {
            self.insert(path, Entry::File { source: Source::File(source.to_owned()), mode: mode(&metadata) })
        } else if kind.is_dir() {
            if !path.trim_matches('/').is_empty() {
                self.insert(path, Entry::Directory)?;
            }
            for entry in fs::read_dir(source).map_err(read)? {
                let name = entry.map_err(read)?.file_name();
                let within =
                    name.to_str().ok_or_else(|| Error::NotAPath { path: source.join(&name).display().to_string() })?;
                self.collect(&source.join(&name), &format!("{path}/{within}"))?;
            }
            Ok(())
        } else {
            Err(Error::NotAFile { path: source.to_owned() })
        }
    }

    fn insert(&mut self, path: &str, entry: Entry) -> Result<(), Error> {
        let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        if parts.is_empty() || parts.iter().any(|part| *part == ".." || part.contains('\0')) {
            return Err(Error::NotAPath { path: path.to_owned() });
        }
        for end in 1..parts.len() {
            let above = parts.get(..end).unwrap_or_default().join("/");
            self.entries.entry(above).or_insert(Entry::Directory);
        }
        self.entries.insert(parts.join("/"), entry);
        Ok(())
    }
}

/// A packed tree.
#[derive(Debug, Clone)]
pub struct Layer {
    pub(crate) blob: Blob,
    /// The digest of the archive before it was compressed, by which configurations name layers.
    pub(crate) diff_id: Digest,
    /// What it is for, in the image's history.
    pub(crate) purpose: String,
}

impl Layer {
    /// Packs the files into a compressed archive. `modified` is the time that every file was changed at, in seconds since
    /// 1970; `purpose` goes to the image's history.
    ///
    /// Compression takes about a second for 25 MB; it runs where it is called.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] for a file that cannot be read.
    pub fn pack(tree: &Tree, modified: u64, purpose: &str) -> Result<Self, Error> {
        // miniz_oxide makes the same bytes on every processor; nine gains a percent over six and takes twice as long.
        // The header has no name, no time, and 255 in the place of the operating system.
        let compressed = GzEncoder::new(Vec::new(), Compression::new(6));
        let mut archive = tar::Builder::new(Tee { hasher: Hasher::default(), out: compressed });
        archive.mode(tar::HeaderMode::Deterministic);
        for (path, entry) in &tree.entries {
            append(&mut archive, path, entry, modified)?;
        }
        let packed = |source| Error::Pack { what: purpose.to_owned(), source };
        let Tee { hasher, out } = archive.into_inner().map_err(packed)?;
        let blob = Blob::new(media_type::LAYER, out.finish().map_err(packed)?);
        Ok(Self { blob, diff_id: hasher.finish(), purpose: purpose.to_owned() })
    }

    /// Packs whom programs trust over TLS, for images without a base that says so. `modified` is as with [`pack`](Self::pack).
    ///
    /// # Errors
    ///
    /// As [`pack`](Self::pack), which only a fault of this crate could cause.
    pub fn of_certificates(modified: u64) -> Result<Self, Error> {
        let tree = Tree::new().with_file(CERTIFICATES, certificates::mozilla(), Mode::Data)?;
        Self::pack(&tree, modified, "certificates of Mozilla's list")
    }

    /// What refers to it.
    #[must_use]
    pub fn descriptor(&self) -> &crate::Descriptor {
        self.blob.descriptor()
    }
}

fn append(archive: &mut tar::Builder<impl io::Write>, path: &str, entry: &Entry, modified: u64) -> Result<(), Error> {
    let packed = |source| Error::Pack { what: format!("/{path}"), source };
    // The format with fields for long sizes and names everybody reads: <https://www.gnu.org/software/tar/manual/html_node/Standard.html>.
    let mut header = tar::Header::new_gnu();
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(modified);
    match entry {
        Entry::Directory => {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            archive.append_data(&mut header, format!("{path}/"), io::empty()).map_err(packed)
        }
        Entry::Link { target } => {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            archive.append_link(&mut header, path, target).map_err(packed)
        }
        Entry::File { source, mode } => {
            header.set_entry_type(tar::EntryType::Regular);
            header.set_mode(mode.bits());
            let content = match source {
                Source::Bytes(bytes) => bytes.clone(),
                Source::File(file) => {
                    fs::read(file).map(Bytes::from).map_err(|source| Error::Read { path: file.clone(), source })?
                }
            };
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, path, content.as_ref()).map_err(packed)
        }
    }
}

/// Only the owner's right to run it counts: what others may do is a matter of the umask it was written under.
#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> Mode {
    use std::os::unix::fs::PermissionsExt as _;
    if metadata.permissions().mode() & 0o100 == 0 { Mode::Data } else { Mode::Program }
}

/// Elsewhere files do not say.
#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> Mode {
    Mode::Data
}

/// Hashes what is written on its way.
struct Tee<W> {
    hasher: Hasher,
    out: W,
}

impl<W: io::Write> io::Write for Tee<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read as _,
        os::unix::fs::{PermissionsExt as _, symlink},
    };

    use super::*;

    type Listed = (String, u32, Option<String>);

    fn listed(layer: &Layer) -> Vec<Listed> {
        let mut archive = Vec::new();
        flate2::read::GzDecoder::new(layer.blob.read().unwrap().as_ref()).read_to_end(&mut archive).unwrap();
        assert_eq!(Digest::of(&archive), layer.diff_id, "a layer is named by what it unpacks to");
        let mut archive = tar::Archive::new(archive.as_slice());
        let entries = archive.entries().unwrap().map(Result::unwrap).map(|entry| {
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 7));
            let target = entry.link_name().unwrap().map(|target| target.display().to_string());
            (entry.path().unwrap().display().to_string(), header.mode().unwrap(), target)
        });
        entries.collect()
    }

    fn folder(run: u32, read: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("deep/".repeat(40));
        fs::create_dir_all(&deep).unwrap();
        for (name, mode) in [("run", run), ("read", read)] {
            let path = folder.path().join(name);
            fs::write(&path, name).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::write(deep.join("last"), "").unwrap();
        symlink("../nowhere", folder.path().join("link")).unwrap();
        folder
    }

    #[test]
    fn links_and_the_right_to_run_are_kept() {
        let folder = folder(0o700, 0o600);
        let tree = Tree::new().with_files_of(folder.path(), "/app").unwrap();
        let listed = listed(&Layer::pack(&tree, 7, "files").unwrap());
        let has = |path: &str, mode, target: Option<&str>| {
            assert!(listed.contains(&(path.to_owned(), mode, target.map(str::to_owned))), "{path} in {listed:?}");
        };
        has("app/", 0o755, None);
        has("app/run", 0o755, None);
        has("app/read", 0o644, None);
        has("app/link", 0o777, Some("../nowhere"));
        has(&format!("app/{}last", "deep/".repeat(40)), 0o644, None);
        let mut sorted = listed.clone();
        sorted.sort();
        assert_eq!(listed, sorted);
    }

    #[test]
    fn the_same_files_make_the_same_bytes_under_another_umask() {
        let pack = |folder: &tempfile::TempDir| {
            Layer::pack(&Tree::new().with_files_of(folder.path(), "app").unwrap(), 0, "files").unwrap()
        };
        let (narrow, wide) = (folder(0o700, 0o600), folder(0o777, 0o664));
        assert_eq!(pack(&narrow).blob.descriptor, pack(&wide).blob.descriptor);
        fs::write(wide.path().join("read"), "more").unwrap();
        assert_ne!(pack(&narrow).blob.descriptor, pack(&wide).blob.descriptor);
    }

    #[test]
    fn what_is_left_out_takes_along_what_is_in_it() {
        let tree = ["app/a/b", "app/a-b", "app/c", "app/d/c"]
            .into_iter()
            .fold(Tree::new(), |tree, path| tree.with_file(path, "", Mode::Data).unwrap());
        let left = tree.retain(|path| path != "app/a" && path != "app/c");
        assert_eq!(left.entries.keys().collect::<Vec<_>>(), ["app", "app/a-b", "app/d", "app/d/c"]);
    }

    #[test]
    fn no_path_leads_out_of_the_image() {
        for path in ["", "/", "../up", "a/../b"] {
            assert!(Tree::new().with_file(path, "", Mode::Data).is_err(), "{path}");
        }
    }

    #[test]
    fn what_is_no_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let refused = Tree::new().with_files_of(folder.path(), "app").unwrap_err();
        assert!(refused.to_string().contains("socket"), "{refused}");
    }
}
