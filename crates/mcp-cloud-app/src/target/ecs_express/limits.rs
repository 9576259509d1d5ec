//! What Express Mode cannot do, although the file asks for it.
//!
//! What it makes itself, and what of that can be chosen:
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/express-service-work.html>.

use crate::{
    app::{App, AuthMode, Egress, Exposure, Sessions},
    diagnostic::{Diagnostic, Severity},
    target::{aws::load_balancer, ecs},
};

const INSTEAD: &str = "use the target `ecs`, whose stack has a load balancer of its own";

pub(super) fn check(app: &App) -> Vec<Diagnostic> {
    let mut found = ecs::limits::of_task(app);
    let mut report = |severity, key: &str, message: &str, hint: &str| {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        found.push(Diagnostic { hint, ..app.diagnostic(severity, key, message.to_owned()) });
    };
    guards(app, &mut report);
    network(app, &mut report);
    idle(app, &mut report);
    found
}

/// What keeps strangers out is an error where it does not.
fn guards(app: &App, report: &mut impl FnMut(Severity, &str, &str, &str)) {
    match app.auth.mode {
        AuthMode::Jwt | AuthMode::Cognito => report(
            Severity::Error,
            "auth.mode",
            "Express Mode cannot look at tokens: everyone would be let in",
            INSTEAD,
        ),
        AuthMode::Platform if app.network.vpc.is_none() => report(
            Severity::Error,
            "auth.mode",
            "Express Mode has nothing that keeps strangers out, and in the default VPC the server faces the internet",
            "name a `vpc` with private `subnets` under `[network]`, or write `mode = \"none\"` under `[auth]` if everyone \
             may call",
        ),
        AuthMode::Platform if app.says("network.exposure") && app.network.exposure == Exposure::Public => report(
            Severity::Error,
            "network.exposure",
            "exposure is `public`, but Express Mode knows nothing that keeps strangers out while auth.mode is `platform`",
            "write `mode = \"none\"` under `[auth]` if everyone may call, or `exposure = \"private\"`",
        ),
        AuthMode::Platform | AuthMode::None => {}
    }
    if !app.network.allow.is_empty() {
        let message = "allow names who may call, but the load balancer of Express Mode lets everyone in";
        report(Severity::Error, "network.allow", message, INSTEAD);
    }
    if app.network.waf {
        let message = "the load balancer of Express Mode is shared by services, and is no place for one's firewall";
        report(Severity::Error, "network.waf", message, INSTEAD);
    }
}

fn network(app: &App, report: &mut impl FnMut(Severity, &str, &str, &str)) {
    let network = &app.network;
    match (&network.vpc, load_balancer::is_internal(app)) {
        (None, true) if app.auth.mode != AuthMode::Platform => report(
            Severity::Error,
            "network.exposure",
            "exposure is `private`, but in the default VPC the server faces the internet",
            "name a `vpc` with private `subnets` under `[network]`",
        ),
        (Some(_), true) => report(
            Severity::Warning,
            "network.subnets",
            "Express Mode makes a load balancer that faces the internet if the subnets have a route there",
            "see that none of them has one to an internet gateway",
        ),
        (Some(_), false) if network.public_subnets.len() < 2 => report(
            Severity::Error,
            "network.public-subnets",
            "the server faces the internet, and public-subnets has fewer than the two that it needs",
            "name two in different zones with a route to an internet gateway",
        ),
        _ => {}
    }
    if network.egress == Egress::Platform && network.vpc.is_none() {
        let message = "egress is `platform`, but what is in the default VPC reaches the internet";
        report(
            Severity::Error,
            "network.egress",
            message,
            "name a `vpc` without a route there, or use the target `ecs`",
        );
    }
}

/// What says nothing here.
fn idle(app: &App, report: &mut impl FnMut(Severity, &str, &str, &str)) {
    if app.scaling.working_hours.is_some() {
        let message = "Express Mode has tasks at all hours";
        report(Severity::Warning, "scaling.working-hours", message, INSTEAD);
    }
    if app.scaling.connections.is_some() {
        let message = "Express Mode scales by requests or by the processor, not by connections";
        report(Severity::Warning, "scaling.connections", message, INSTEAD);
    }
    if app.ecs.spot_percent > 0 {
        report(Severity::Error, "ecs.spot", "Express Mode runs no task on Fargate Spot", INSTEAD);
    }
    if app.state.sessions == Sessions::Memory {
        let message = "sessions are in memory, but a deployment runs old and new tasks beside each other for a while";
        report(Severity::Warning, "state.sessions", message, "write `sessions = \"sealed\"`");
    }
    if app.endpoint.domain.is_some() {
        let message = "Express Mode makes a name of its own, and nobody makes the domain lead there";
        report(
            Severity::Warning,
            "endpoint.domain",
            message,
            "add a certificate and a rule for it to the load balancer, or use the target `ecs`",
        );
    }
    for key in ["certificate", "hosted-zone", "idle-timeout"] {
        if app.says(&format!("ecs.{key}")) {
            let message = format!("{key} says nothing about a load balancer that Express Mode makes");
            report(Severity::Warning, &format!("ecs.{key}"), &message, INSTEAD);
        }
    }
    if app.alarms.is_some() {
        let message =
            "the load balancer of Express Mode is shared by services, and its alarms would be about all of them";
        report(Severity::Warning, "alarms", message, INSTEAD);
    }
}
