//! The files as written: `mcp-cloud.toml`, and what of a `Cargo.toml` decides which binary is meant.
//!
//! Everything here works on text and is total: any bytes become a [`Table`] that the schema allows, and a list of
//! diagnostics.

mod cargo;
pub(crate) mod forms;
mod json_schema;
pub(crate) mod keys;
mod reader;
mod reference;
pub(crate) mod schema;
mod tree;

use std::path::Path;

use self::reader::Reader;
pub(crate) use self::{
    cargo::Cargo,
    reader::plain,
    schema::words,
    tree::{Node, Table, Value},
};
pub use self::{json_schema::json_schema, reference::reference};
use crate::diagnostic::Diagnostic;

/// The name of the file that describes a server.
pub const FILE_NAME: &str = "mcp-cloud.toml";

/// What a file says.
#[derive(Debug)]
pub(crate) struct Config {
    /// What stands there and is allowed, with the overlay of the environment that was asked for.
    pub(crate) table: Table,
    /// The environments it has, in alphabetical order.
    pub(crate) environments: Vec<String>,
    /// Whether the overlay has a name of its own.
    pub(crate) overlay_names: bool,
}

/// Reads the file as it is for an environment, or without one; `path` is only for the diagnostics. Nothing comes out when
/// the file is not TOML.
///
/// An environment that the file does not have is no overlay; whoever asked for it looks at `environments`.
pub(crate) fn parse(path: &Path, bytes: &[u8], environment: Option<&str>) -> (Option<Config>, Vec<Diagnostic>) {
    let mut reader = Reader::new(path);
    let config = reader.document(bytes).map(|mut table| {
        let mut overlays = table.table("env").clone();
        let environments = overlays.0.keys().cloned().collect();
        for (name, node) in &overlays.0 {
            reader.environment(name, node);
        }
        let mut overlay_names = false;
        if let Some(Node { value: Value::Table(overlay), .. }) = environment.and_then(|name| overlays.0.remove(name)) {
            overlay_names = overlay.get("name").is_some();
            table.overlay(overlay);
        }
        reader.table(&mut table, keys::ROOT, "");
        table.0.remove("env");
        Config { table, environments, overlay_names }
    });
    let mut diagnostics = reader.finish();
    diagnostics.dedup();
    (config, diagnostics)
}
