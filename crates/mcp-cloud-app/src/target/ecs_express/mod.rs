//! ECS Express Mode: a service that brings its own load balancer, certificate, name and scaling.
//!
//! It is the small variant of [`ecs`](super::ecs), and what AWS offers in place of App Runner, which is closed to new
//! customers (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/express-service-overview.html>). The task
//! definition is that of `ecs`; what is in front of it is AWS's own choice, so much that a file may ask for is refused
//! here.
//!
//! ```sh
//! aws cloudformation deploy --template-file ecs-express.yaml --stack-name NAME \
//!     --capabilities CAPABILITY_NAMED_IAM --parameter-overrides Image=REPOSITORY@sha256:…
//! ```
//!
//! `limits` holds an app against what Express Mode can do, `lower` turns it into the structures of `schema`.

mod limits;
mod lower;
pub(super) mod schema;

use serde::Serialize;

use super::{Bundle, Code, Target, container};
use crate::{app::App, diagnostic::Diagnostic};

/// The emitted stack.
pub const STACK: &str = "ecs-express.yaml";
/// The container of the task definition that is the server: Express Mode looks for it by this name.
pub const CONTAINER: &str = "Main";
/// What whoever creates the stack has to acknowledge: it makes roles with names.
pub const CAPABILITIES: [&str; 1] = super::ecs::CAPABILITIES;
/// The stack output with the URL of the MCP endpoint, path included; there when the service is.
pub const OUTPUT_ENDPOINT: &str = super::ecs::OUTPUT_ENDPOINT;
/// The stack output with the repository that images are pushed to; not there for an image of somebody else.
pub const OUTPUT_REPOSITORY: &str = super::ecs::OUTPUT_REPOSITORY;

/// Holds an app against the limits of Fargate and of Express Mode.
#[must_use]
pub fn check(app: &App) -> Vec<Diagnostic> {
    limits::check(app)
}

/// The stack itself.
pub(super) fn template<'a>(app: &'a App, code: &'a Code) -> impl Serialize + use<'a> {
    lower::stack(app, code)
}

/// Lowers an app to its stack and the recipe of its image.
#[must_use]
pub fn emit(app: &App, code: &Code) -> Bundle {
    let mut bundle = Bundle::default();
    bundle.yaml(STACK, Target::EcsExpress, &lower::stack(app, code));
    container::files(&mut bundle, app, code);
    bundle
}
