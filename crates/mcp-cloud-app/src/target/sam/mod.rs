//! AWS SAM: one template that `sam build` and `sam deploy` understand, and CloudFormation itself.
//!
//! `limits` holds an app against what Lambda and API Gateway take, `lower` turns it into the structures of `schema`, and
//! the printer writes those down.

mod limits;
mod lower;
mod schema;

use super::{Bundle, Code, Target};
use crate::{app::App, diagnostic::Diagnostic};

/// The emitted file; the name `sam` looks for.
pub const TEMPLATE: &str = "template.yaml";
/// The stack output with the URL of the MCP endpoint, path included.
pub const OUTPUT_ENDPOINT: &str = "McpEndpoint";
/// The stack output with the name of the function.
pub const OUTPUT_FUNCTION_NAME: &str = "FunctionName";
/// The stack output with the ARN of the function.
pub const OUTPUT_FUNCTION_ARN: &str = "FunctionArn";
/// What whoever creates the stack has to acknowledge: it makes a role, and it is a transform.
pub const CAPABILITIES: [&str; 2] = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"];

/// Holds an app against the limits of Lambda, API Gateway and CloudFormation.
#[must_use]
pub fn check(app: &App) -> Vec<Diagnostic> {
    limits::check(app)
}

/// Lowers an app to its template.
#[must_use]
pub fn emit(app: &App, code: &Code) -> Bundle {
    let mut bundle = Bundle::default();
    bundle.yaml(TEMPLATE, Target::Sam, &lower::template(app, code));
    bundle
}
