//! The files as written: `mcp-cloud.toml`, and what of a `Cargo.toml` decides which binary is meant.
//!
//! Everything here works on text and is total: any bytes become a [`Config`] and a list of diagnostics.

mod cargo;
mod reader;
mod rules;

use std::{collections::BTreeMap, path::Path};

pub(crate) use self::cargo::Cargo;
pub(crate) use self::reader::Located;
use self::reader::Reader;
use crate::{
    app::{Architecture, Authorization, Trigger},
    diagnostic::{Diagnostic, Position},
};

/// The name of the file that describes a server.
pub const FILE_NAME: &str = "mcp-cloud.toml";

/// `mcp-cloud.toml` as written: what it does not say, or says wrongly, is absent.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(crate) name: Option<Located<String>>,
    pub(crate) description: Option<Located<String>>,
    pub(crate) path: Option<Located<String>>,
    pub(crate) build_directory: Option<Located<String>>,
    pub(crate) binary: Option<Located<String>>,
    pub(crate) architecture: Option<Located<Architecture>>,
    pub(crate) memory: Option<Located<u32>>,
    pub(crate) timeout: Option<Located<u32>>,
    pub(crate) trigger: Option<Located<Trigger>>,
    pub(crate) authorization: Option<Located<Authorization>>,
    pub(crate) region: Option<Located<String>>,
    pub(crate) log_retention: Option<Located<u32>>,
    pub(crate) policies: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Where each key stands, by its dotted name.
    pub(crate) positions: BTreeMap<String, Position>,
}

/// Reads the file; `path` is only for the diagnostics. There is no config when the file is not TOML.
pub(crate) fn parse(path: &Path, bytes: &[u8]) -> (Option<Config>, Vec<Diagnostic>) {
    let mut reader = Reader::new(path);
    let config = reader.document(bytes, rules::config);
    (config, reader.finish())
}
