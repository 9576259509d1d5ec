//! Container images without Docker: assembled from a program or upon a base image, the same bytes each time; written as an
//! OCI layout, pushed and pulled over the registries' own protocol, and signed.
//!
//! An [`Image`] is made of [`Layer`]s as a [`Recipe`] says, for one [`Platform`] or several; nothing but the input decides
//! what comes out. [`layout`] writes it into a folder, [`registry`] sends it. A [`Base`] is another image to build upon. What is
//! known about an image ([`Sbom`], [`Provenance`]) is attached to it; a [`Key`] signs it where it is.
//!
//! ```
//! use mcp_cloud_image::{Layer, Mode, Tree};
//!
//! let tree = Tree::new().with_file("/app/index.js", "process.exit()", Mode::Data)?;
//! let (layer, again) = (Layer::pack(&tree, 0, "the app")?, Layer::pack(&tree, 0, "the app")?);
//! assert_eq!(layer.descriptor(), again.descriptor());
//! # Ok::<(), mcp_cloud_image::Error>(())
//! ```

mod attachment;
mod base;
mod blob;
mod certificates;
mod config;
mod digest;
mod error;
mod image;
mod layer;
pub mod layout;
mod platform;
mod provenance;
mod recipe;
mod reference;
pub mod registry;
mod sbom;
mod sign;
mod time;

#[cfg(test)]
mod samples;

pub use attachment::Attachment;
pub use base::Base;
pub use blob::{Blob, Descriptor};
pub use digest::Digest;
pub use error::{Error, Fault, RegistryError};
pub use image::Image;
pub use layer::{Layer, Mode, Tree};
pub use platform::Platform;
pub use provenance::Provenance;
pub use recipe::{APP, BRIDGE, Health, Recipe, SERVER};
pub use reference::Reference;
pub use registry::{CredentialFiles, Credentials, Event, Progress, Pushed, Silent};
pub use sbom::Sbom;
pub use sign::{Key, Signature};
