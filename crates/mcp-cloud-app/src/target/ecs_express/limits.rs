//! What Express Mode cannot do, although the file asks for it.
//!
//! What it makes itself, and what of that can be chosen:
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/express-service-work.html>.

use crate::{
    app::{App, AuthMode, Egress, Exposure, Sessions},
    diagnostic::Diagnostic,
    target::{aws::load_balancer, ecs, findings::Findings},
};

const INSTEAD: &str = "use the target `ecs`, whose stack has a load balancer of its own";

pub(super) fn check(app: &App) -> Vec<Diagnostic> {
    let mut found = Findings { found: ecs::limits::of_task(app), ..Findings::new(app) };
    guards(&mut found);
    network(&mut found);
    idle(&mut found);
    found.found
}

/// What keeps strangers out is an error where it does not.
fn guards(found: &mut Findings<'_>) {
    let app = found.app;
    match app.auth.mode {
        AuthMode::Jwt | AuthMode::Cognito => found.error("auth.mode",
            "Express Mode cannot look at tokens: everyone would be let in",
            INSTEAD,
        ),
        AuthMode::Platform if app.network.vpc.is_none() => found.error("auth.mode",
            "Express Mode has nothing that keeps strangers out, and in the default VPC the server faces the internet",
            "name a `vpc` with private `subnets` under `[network]`, or write `mode = \"none\"` under `[auth]` if everyone \
             may call",
        ),
        AuthMode::Platform if app.says("network.exposure") && app.network.exposure == Exposure::Public => found.error("network.exposure",
            "exposure is `public`, but Express Mode knows nothing that keeps strangers out while auth.mode is `platform`",
            "write `mode = \"none\"` under `[auth]` if everyone may call, or `exposure = \"private\"`",
        ),
        AuthMode::Platform | AuthMode::None => {}
    }
    if !app.network.allow.is_empty() {
        let message = "allow names who may call, but the load balancer of Express Mode lets everyone in";
        found.error("network.allow", message, INSTEAD);
    }
    if app.network.waf {
        let message = "the load balancer of Express Mode is shared by services, and is no place for one's firewall";
        found.error("network.waf", message, INSTEAD);
    }
}

fn network(found: &mut Findings<'_>) {
    let app = found.app;
    let network = &app.network;
    match (&network.vpc, load_balancer::is_internal(app)) {
        (None, true) if app.auth.mode != AuthMode::Platform => found.error(
            "network.exposure",
            "exposure is `private`, but in the default VPC the server faces the internet",
            "name a `vpc` with private `subnets` under `[network]`",
        ),
        (Some(_), true) => found.warning(
            "network.subnets",
            "Express Mode makes a load balancer that faces the internet if the subnets have a route there",
            "see that none of them has one to an internet gateway",
        ),
        (Some(_), false) if network.public_subnets.len() < 2 => found.error(
            "network.public-subnets",
            "the server faces the internet, and public-subnets has fewer than the two that it needs",
            "name two in different zones with a route to an internet gateway",
        ),
        _ => {}
    }
    if network.egress == Egress::Platform && network.vpc.is_none() {
        let message = "egress is `platform`, but what is in the default VPC reaches the internet";
        found.error("network.egress", message, "name a `vpc` without a route there, or use the target `ecs`");
    }
}

/// What says nothing here.
fn idle(found: &mut Findings<'_>) {
    let app = found.app;
    if app.scaling.working_hours.is_some() {
        let message = "Express Mode has tasks at all hours";
        found.warning("scaling.working-hours", message, INSTEAD);
    }
    if app.scaling.connections.is_some() {
        let message = "Express Mode scales by requests or by the processor, not by connections";
        found.warning("scaling.connections", message, INSTEAD);
    }
    if app.ecs.spot_percent > 0 {
        found.error("ecs.spot", "Express Mode runs no task on Fargate Spot", INSTEAD);
    }
    if app.ecs.exec {
        found.error("ecs.exec", "Express Mode does not say whether commands may be run in its tasks", INSTEAD);
    }
    if app.state.sessions == Sessions::Memory {
        let message = "sessions are in memory, but a deployment runs old and new tasks beside each other for a while";
        found.warning("state.sessions", message, "write `sessions = \"sealed\"`");
    }
    if app.endpoint.domain.is_some() {
        let message = "Express Mode makes a name of its own, and nobody makes the domain lead there";
        found.warning(
            "endpoint.domain",
            message,
            "add a certificate and a rule for it to the load balancer, or use the target `ecs`",
        );
    }
    for key in ["certificate", "hosted-zone", "idle-timeout"] {
        if app.says(&format!("ecs.{key}")) {
            let message = format!("{key} says nothing about a load balancer that Express Mode makes");
            found.warning(&format!("ecs.{key}"), message, INSTEAD);
        }
    }
    for key in ["shift", "bake"] {
        if app.says(&format!("ecs.{key}")) {
            let message = format!("{key} says nothing about deployments of Express Mode, which go their own way");
            found.warning(&format!("ecs.{key}"), message, INSTEAD);
        }
    }
    if app.alarms.is_some() {
        let message =
            "the load balancer of Express Mode is shared by services, and its alarms would be about all of them";
        found.warning("alarms", message, INSTEAD);
    }
}
