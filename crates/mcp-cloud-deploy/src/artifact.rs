//! Packs a program as Lambda takes it: the same bytes for the same program, whenever and wherever it is packed.

use std::{
    fmt, fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};
use thiserror::Error;
use zip::{CompressionMethod, DateTime, ZipWriter, result::ZipError, write::SimpleFileOptions};

/// The name of the program that Lambda's `provided` runtimes start
/// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>).
const PROGRAM: &str = "bootstrap";
/// Everyone may run it, nobody may change it but its owner; Lambda runs it as a user of its own.
const MODE: u32 = 0o755;
/// What a function's code may unpack to, in bytes (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const LIMIT: u64 = 250 * 1024 * 1024;

/// A packed program.
#[derive(Clone)]
pub struct Archive {
    /// The zip archive.
    pub bytes: Vec<u8>,
    /// SHA-256 of the archive, in hexadecimal.
    pub sha256: String,
}

impl fmt::Debug for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Archive").field("bytes", &self.bytes.len()).field("sha256", &self.sha256).finish()
    }
}

/// Why a program cannot be packed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It cannot be read.
    #[error("cannot read the program `{}`", path.display())]
    Unreadable {
        /// The program.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// It is larger than Lambda takes.
    #[error("the program `{}` has {} MB, and Lambda takes {} MB", path.display(), bytes.div_ceil(1 << 20), LIMIT >> 20)]
    TooLarge {
        /// The program.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// It cannot be compressed.
    #[error("cannot pack the program")]
    Pack(#[from] ZipError),
}

impl Archive {
    /// Packs the program at `path`.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Unreadable`], or [`ArchiveError::TooLarge`] for a program of more than 250 MB.
    pub fn of_file(path: &Path) -> Result<Self, ArchiveError> {
        let program = fs::read(path).map_err(|source| ArchiveError::Unreadable { path: path.to_owned(), source })?;
        let bytes = program.len() as u64;
        if bytes > LIMIT {
            return Err(ArchiveError::TooLarge { path: path.to_owned(), bytes });
        }
        Self::of(&program)
    }

    /// Packs a program that was read.
    ///
    /// # Errors
    ///
    /// [`ArchiveError::Pack`] when it cannot be compressed.
    pub fn of(program: &[u8]) -> Result<Self, ArchiveError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            // The beginning of zip's calendar: what the clock says must not reach the bytes.
            .last_modified_time(DateTime::default())
            .unix_permissions(MODE);
        let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
        zip.start_file(PROGRAM, options)?;
        zip.write_all(program).map_err(ZipError::Io)?;
        let bytes = zip.finish()?.into_inner();
        let sha256 = sha256(&bytes);
        Ok(Self { bytes, sha256 })
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn archive_holds_an_executable_bootstrap_and_nothing_else() {
        let program = b"\x7fELF not really".repeat(100);
        let archive = Archive::of(&program).unwrap();
        let mut zip = zip::ZipArchive::new(io::Cursor::new(&archive.bytes)).unwrap();
        assert_eq!(zip.len(), 1);
        let mut file = zip.by_name("bootstrap").unwrap();
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        let mut unpacked = Vec::new();
        file.read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, program);
    }

    #[test]
    fn archive_is_the_same_whenever_it_is_packed() {
        let program: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 27) as u8).collect();
        let archive = Archive::of(&program).unwrap();
        // Written down: another packer that gives other bytes would upload and deploy every server anew.
        assert_eq!(archive.sha256, "958cf8c2818d9f654f41cefc84600faaa702b0d735d518f9960872a50be1d82a");
        assert_ne!(archive.sha256, Archive::of(&program[1..]).unwrap().sha256);
    }

    #[test]
    fn program_that_is_not_there_is_named() {
        let error = Archive::of_file(Path::new("/nowhere/bootstrap")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read the program `/nowhere/bootstrap`");
    }
}
