//! The platforms an image is made for, and how the programs for them are told apart.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::Error;

/// An operating system and a processor, in the spelling of container images. The system is always Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Platform {
    /// `linux/amd64`: processors that Rust calls `x86_64`.
    Amd64,
    /// `linux/arm64`: processors that Rust calls `aarch64`.
    Arm64,
}

impl Platform {
    /// The processor as images spell it (<https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties>).
    #[must_use]
    pub fn architecture(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// What a program is for, by its header; `None` for one that is for neither, or no program at all.
    #[must_use]
    pub fn of_program(program: &[u8]) -> Option<Self> {
        let machine = ElfHeader::read(program)?.machine;
        [Self::Amd64, Self::Arm64].into_iter().find(|platform| platform.machine() == machine)
    }

    /// The machine in the header of a program, `e_machine`: <https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html>.
    fn machine(self) -> u16 {
        match self {
            Self::Amd64 => 62,
            Self::Arm64 => 183,
        }
    }

    /// Refuses a program that would not start on this platform in an image that has nothing else in it. Its first bytes are
    /// enough.
    ///
    /// # Errors
    ///
    /// [`Error::Unfit`] for a program of another system or processor, and for one that needs a loader.
    pub fn require_static(self, program: &[u8]) -> Result<(), Error> {
        let unfit = |problem: &'static str| Error::Unfit { platform: self, problem };
        let header = ElfHeader::read(program).ok_or_else(|| unfit("it is not a 64-bit program for Linux"))?;
        if header.machine != self.machine() {
            return Err(unfit("it was built for another processor"));
        }
        if header.interpreted(program) {
            return Err(unfit("it is linked dynamically, and the image has no libraries"));
        }
        Ok(())
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "linux/{}", self.architecture())
    }
}

impl FromStr for Platform {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.strip_prefix("linux/").unwrap_or(text) {
            "amd64" | "x86_64" => Ok(Self::Amd64),
            "arm64" | "arm64/v8" | "aarch64" => Ok(Self::Arm64),
            _ => Err(Error::NotAPlatform { text: text.to_owned() }),
        }
    }
}

/// A platform as an image index spells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlatformEntry {
    pub(crate) architecture: String,
    pub(crate) os: String,
    #[serde(rename = "os.version", default, skip_serializing_if = "Option::is_none")]
    os_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variant: Option<String>,
}

impl PlatformEntry {
    pub(crate) fn is(&self, platform: Platform) -> bool {
        // 64-bit Arm has one variant, `v8`, which is said or not.
        let plain = self.variant.as_deref().is_none_or(|variant| platform == Platform::Arm64 && variant == "v8");
        self.os == "linux" && self.architecture == platform.architecture() && plain
    }
}

/// As images spell it.
impl fmt::Display for PlatformEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

impl From<Platform> for PlatformEntry {
    fn from(platform: Platform) -> Self {
        let architecture = platform.architecture().to_owned();
        Self { architecture, os: "linux".to_owned(), os_version: None, variant: None }
    }
}

/// What is read of the header of a 64-bit, little-endian ELF file.
struct ElfHeader {
    machine: u16,
    segments: usize,
    segment_size: usize,
    segment_count: usize,
}

/// `PT_INTERP`: names the loader of a program that is linked dynamically.
const INTERPRETER: [u8; 4] = [3, 0, 0, 0];

impl ElfHeader {
    fn read(program: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(u16::from_le_bytes(program.get(at..at + 2)?.try_into().ok()?));
        // The magic number, 64 bits, little-endian.
        if !program.starts_with(b"\x7fELF\x02\x01") {
            return None;
        }
        Some(Self {
            machine: number(18)?,
            segments: usize::try_from(u64::from_le_bytes(program.get(32..40)?.try_into().ok()?)).ok()?,
            segment_size: number(54)?.into(),
            segment_count: number(56)?.into(),
        })
    }

    fn interpreted(&self, program: &[u8]) -> bool {
        (0..self.segment_count).any(|index| {
            let at = self.segments.saturating_add(index.saturating_mul(self.segment_size));
            program.get(at..).is_some_and(|segment| segment.starts_with(&INTERPRETER))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::samples::program;

    #[test]
    fn takes_a_static_program_of_its_processor_alone() {
        assert!(Platform::Amd64.require_static(&program(Platform::Amd64)).is_ok());
        let refused = Platform::Arm64.require_static(&program(Platform::Amd64)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the program for linux/arm64 would not start: it was built for another processor"
        );
        assert!(Platform::Amd64.require_static(b"#!/bin/sh\n").is_err());
    }

    #[test]
    fn refuses_a_program_that_needs_a_loader() {
        let mut dynamic = program(Platform::Arm64);
        dynamic[64..68].copy_from_slice(&INTERPRETER);
        let refused = Platform::Arm64.require_static(&dynamic).unwrap_err();
        assert!(refused.to_string().contains("linked dynamically"), "{refused}");
    }

    #[test]
    fn reads_the_spellings_of_docker_and_of_rust() {
        for (text, platform) in
            [("linux/amd64", Platform::Amd64), ("arm64", Platform::Arm64), ("aarch64", Platform::Arm64)]
        {
            assert_eq!(text.parse::<Platform>().unwrap(), platform);
        }
        assert!("windows/amd64".parse::<Platform>().is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let mut program = b"\x7fELF\x02\x01".to_vec();
            program.extend(bytes);
            let _ = Platform::Amd64.require_static(&program);
        }
    }
}
