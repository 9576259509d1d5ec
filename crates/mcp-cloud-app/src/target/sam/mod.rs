//! AWS SAM: a template that `sam build` and `sam deploy` understand, and CloudFormation itself, and what `sam` needs to
//! know besides.
//!
//! `limits` holds an app against what Lambda and API Gateway take, `lower` turns it into the structures of `schema`, and
//! the printer writes those down. What stands in front of the function is in `gateway` and `load_balancer`.

mod access;
mod auth;
mod config;
mod front;
mod gateway;
mod limits;
mod load_balancer;
mod lower;
mod names;
mod schema;
mod source;
mod watch;

use super::{Bundle, Code, Target};
use crate::{
    app::{App, Build},
    diagnostic::Diagnostic,
};

/// The emitted file; the name `sam` looks for.
pub const TEMPLATE: &str = "template.yaml";
/// What `sam` is told without being asked; the name it looks for.
pub const CONFIG: &str = "samconfig.toml";
/// The stack output with the URL of the MCP endpoint, path included.
pub const OUTPUT_ENDPOINT: &str = "McpEndpoint";
/// The stack output with the name of the function.
pub const OUTPUT_FUNCTION_NAME: &str = "FunctionName";
/// The stack output with the ARN of the function.
pub const OUTPUT_FUNCTION_ARN: &str = "FunctionArn";
/// The stack output with the ARN of the version that the stack published last, its number at the end. The alias may stand
/// elsewhere, after a rollback.
pub const OUTPUT_FUNCTION_VERSION: &str = "FunctionVersionArn";
/// The alias that every trigger invokes.
pub const ALIAS: &str = "live";
/// The stack output with what the domain has to point at, where nobody but the owner of its zone can see to that.
pub const OUTPUT_DOMAIN_TARGET: &str = "DomainTarget";
/// What whoever creates the stack has to acknowledge: it makes a role, and it is a transform.
pub const CAPABILITIES: [&str; 2] = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"];

/// Holds an app against the limits of Lambda, API Gateway and CloudFormation.
#[must_use]
pub fn check(app: &App) -> Vec<Diagnostic> {
    limits::check(app)
}

/// Lowers an app to its template, and to what `sam` needs where it builds the sources itself.
#[must_use]
pub fn emit(app: &App, code: &Code) -> Bundle {
    let mut bundle = Bundle::default();
    bundle.yaml(TEMPLATE, Target::Sam, &lower::template(app, code));
    bundle.text(CONFIG, Target::Sam, "#", &config::samconfig(app, code));
    if let (Code::Local { .. }, Build::Command(command)) = (code, &app.build) {
        bundle.text(source::MAKEFILE, Target::Sam, "#", &source::makefile(app, command));
    }
    bundle
}
