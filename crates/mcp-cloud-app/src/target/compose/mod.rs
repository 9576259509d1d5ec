//! Docker Compose: the server on one machine, to try it or to serve from it.
//!
//! `docker compose up --build --wait` runs it. It is reached from the machine itself, unless `auth.mode` is `none` and
//! `network.exposure` is `public`, both in words, or a proxy speaks TLS for everyone (`compose.tls`). With
//! `state.store = "redis"` a Valkey server comes with it, in a network that has nobody else in it.
//!
//! A secret is a file that the server finds under `/run/secrets`, and the variable of its name with `_FILE` at the end
//! says where: as a value, everyone who may look at the container could read it. Compose mounts the file as it is, so the
//! user the server runs as has to be allowed to read it.

mod limits;
mod lower;
mod schema;

use super::{Bundle, Code, Target, container};
use crate::{app::App, diagnostic::Diagnostic};

/// The emitted file; the name `docker compose` looks for first.
pub const COMPOSE: &str = "compose.yaml";
/// What the proxy does; there with `compose.tls`.
pub const CADDYFILE: &str = "Caddyfile";

/// Holds an app against what Compose takes, and what it has nothing for.
#[must_use]
pub fn check(app: &App) -> Vec<Diagnostic> {
    limits::check(app)
}

/// Lowers an app to its Compose file, and what that names.
#[must_use]
pub fn emit(app: &App, code: &Code) -> Bundle {
    let mut bundle = Bundle::default();
    bundle.yaml(COMPOSE, Target::Compose, &lower::document(app, code));
    if app.compose.tls {
        bundle.text(CADDYFILE, Target::Compose, "#", &lower::caddyfile(app));
    }
    if !matches!(code, Code::Image { .. }) {
        container::files(&mut bundle, app, code);
    }
    bundle
}
