//! Talks to registries: <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>.
//!
//! [`push()`] sends an image ([`push_waiting`] by somebody else's clock), [`Base::pull`](crate::Base::pull) gets one,
//! [`attach_signature`] adds a signature to one, [`resolve()`] says what a tag names.

mod connection;
mod credentials;
mod progress;
mod push;
mod referrers;
mod resolve;
mod signature;
mod waiting;

pub use credentials::{CredentialFiles, Credentials};
pub use progress::{Event, Progress, Silent};
pub use push::{Pushed, push, push_waiting};
pub use resolve::resolve;
pub use signature::attach_signature;
pub use waiting::Waiting;

pub(crate) use connection::{Connection, Purpose};
