//! The server as its clients see it: its name, and what it answers.

use std::{io, sync::Arc, time::Duration};

use mcp_cloud_app::{
    App,
    target::sam::{OUTPUT_DOMAIN_TARGET, OUTPUT_ENDPOINT},
};
use tokio::{net::lookup_host, time::timeout};

use super::{Finding, Group};
use crate::{aws::Deployer, observe::Stack};

/// A resolver that says nothing for that long will say nothing.
const RESOLVE: Duration = Duration::from_secs(5);
/// The port that clients call.
const HTTPS: u16 = 443;

/// The URL of the MCP endpoint that a stack names.
pub(super) fn of_stack(stack: Option<&Stack>) -> Option<String> {
    stack.and_then(|stack| stack.outputs.get(OUTPUT_ENDPOINT)).cloned()
}

/// Whether the domain is known to resolvers. Before the first deployment there is nothing that it could point at.
pub(super) async fn domain(app: Arc<App>, stack: Option<Arc<Stack>>) -> Vec<Finding> {
    let Some(domain) = &app.endpoint.domain else {
        return vec![Group::Domain.skipped("the file names none")];
    };
    let question = Group::Domain.ask(format!("address of `{domain}`"));
    let looked_up = timeout(RESOLVE, lookup_host((domain.as_str(), HTTPS))).await;
    let looked_up = looked_up.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let addresses: Vec<_> = match looked_up {
        Ok(addresses) => addresses.map(|address| address.ip().to_string()).collect(),
        Err(error) => {
            let Some(stack) = stack else {
                return vec![question.skip("it has none, and nothing is deployed yet that it could point at")];
            };
            let target = stack.outputs.get(OUTPUT_DOMAIN_TARGET);
            let target = target.map_or_else(|| "what the stack made for it".to_owned(), |target| format!("`{target}`"));
            return vec![question.ng(
                format!("it has none: {error}"),
                format!("enter it into its zone as a CNAME of {target}, and wait until resolvers know"),
            )];
        }
    };
    vec![question.ok(addresses.join(", "))]
}

/// Asks the server itself.
pub(super) async fn findings(_app: Arc<App>, _deployer: Option<Arc<Deployer>>, url: Option<String>) -> Vec<Finding> {
    let Some(url) = url else {
        return vec![Group::Endpoint.skipped("nothing is deployed that could be called")];
    };
    vec![Group::Endpoint.ask("x").skip(url)]
}
