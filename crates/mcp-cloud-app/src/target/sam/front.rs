//! What the triggers need: a domain, a certificate, a network, and everything in one region.

use mcp_cloud_contract::RESOURCE_METADATA_PATH;

use crate::{
    app::{AuthMode, Egress, SecretDelivery, Trigger},
    target::{aws::load_balancer::is_internal, findings::Findings},
};

/// Subnets of a load balancer, each in another zone
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html>).
const ALB_SUBNETS: usize = 2;
/// Characters of a path that a load balancer compares
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html#path-conditions>).
const ALB_PATH_CHARACTERS: usize = 128;

pub(super) fn check(found: &mut Findings<'_>) {
    domain(found);
    network(found);
    if found.app.lambda.trigger == Trigger::Alb {
        balancer(found);
    }
    regions(found);
}

fn domain(found: &mut Findings<'_>) {
    let (app, trigger) = (found.app, found.app.lambda.trigger);
    if app.endpoint.domain.is_some() && trigger.is_function_url() {
        let message = "a function URL cannot have a domain of its own";
        let hint = "write `trigger = \"rest-api-stream\"`, `\"rest-api\"`, `\"http-api\"` or `\"alb\"` under `[lambda]`, or \
                    leave `domain` to the targets that can";
        found.error("endpoint.domain", message, hint);
    } else if app.endpoint.domain.is_some() && app.lambda.certificate.is_none() {
        let message = "there is a domain, but no certificate for it";
        let hint = "name one of AWS Certificate Manager under `[lambda]`: `certificate = \"arn:aws:acm:…\"`";
        found.error("endpoint.domain", message, hint);
    }
    if app.endpoint.domain.is_none() {
        let unused =
            [("certificate", app.lambda.certificate.is_some()), ("hosted-zone", app.lambda.hosted_zone.is_some())];
        for (key, _) in unused.into_iter().filter(|(_, there)| *there) {
            let message = format!("{key} says nothing without a domain");
            found.warning(&format!("lambda.{key}"), message, "name it: `domain = \"…\"` under `[endpoint]`");
        }
    }
}

fn network(found: &mut Findings<'_>) {
    let (app, trigger) = (found.app, found.app.lambda.trigger);
    if app.network.vpc.is_some() && trigger == Trigger::FunctionUrl {
        let message = "a function in a VPC cannot stream from its URL";
        let hint = "write `trigger = \"rest-api-stream\"` under `[lambda]`, which can, or `\"function-url-buffered\"`; see \
                    https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html";
        found.error("network.vpc", message, hint);
    }
    if app.network.egress == Egress::Platform && app.network.vpc.is_none() {
        let message = "egress is `platform`, but a function outside of a VPC reaches the internet";
        found.error("network.egress", message, "name a `vpc` and its `subnets` under `[network]`");
    }
    if app.network.waf && !trigger.is_rest_api() && trigger != Trigger::Alb {
        let message = format!("no firewall can stand in front of the trigger `{}`", trigger.as_str());
        let hint = "write `trigger = \"rest-api\"`, `\"rest-api-stream\"` or `\"alb\"` under `[lambda]`; see \
                    https://docs.aws.amazon.com/waf/latest/developerguide/waf-chapter.html";
        found.error("network.waf", message, hint);
    }
}

fn balancer(found: &mut Findings<'_>) {
    let app = found.app;
    if app.network.vpc.is_none() {
        let message = "a load balancer is in a VPC, and none is named";
        found.error("lambda.trigger", message, "name a `vpc` and its `subnets` under `[network]`");
    } else if !is_internal(app) && app.network.public_subnets.len() < ALB_SUBNETS {
        let message = format!(
            "the load balancer faces the internet, which takes {ALB_SUBNETS} public subnets, and there {} {}",
            if app.network.public_subnets.len() == 1 { "is" } else { "are" },
            app.network.public_subnets.len()
        );
        let hint = "name two in different zones under `[network]`: `public-subnets = [\"subnet-…\", \"subnet-…\"]`";
        found.error("network.public-subnets", message, hint);
    }
    if app.endpoint.domain.is_none() {
        let message = "a load balancer has no certificate for the name AWS gives it, so it needs a domain";
        let hint = "name it, and its certificate: `domain` under `[endpoint]`, `certificate` under `[lambda]`";
        found.error("lambda.trigger", message, hint);
    }
    let path = RESOURCE_METADATA_PATH.len() + app.endpoint.path.len();
    if matches!(app.auth.mode, AuthMode::Jwt | AuthMode::Cognito) && path > ALB_PATH_CHARACTERS {
        let message = format!(
            "path has {} characters, but with `{RESOURCE_METADATA_PATH}` before it a load balancer takes {} at most",
            app.endpoint.path.len(),
            ALB_PATH_CHARACTERS.saturating_sub(RESOURCE_METADATA_PATH.len())
        );
        found.error("endpoint.path", message, "");
    }
}

/// What has to be in the region of the stack: the certificate of a regional endpoint or load balancer
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-custom-domains-prerequisites.html>), the topic
/// of an alarm (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>).
fn regions(found: &mut Findings<'_>) {
    let app = found.app;
    let Some(own) = &app.aws.region else { return };
    let arns = [
        ("lambda.certificate", "certificate", app.lambda.certificate.as_ref()),
        ("alarms.notify", "topic", app.alarms.as_ref().map(|alarms| &alarms.notify)),
    ];
    for (key, what, arn) in arns {
        if let Some(region) = arn.and_then(|arn| arn.split(':').nth(3))
            && region != own
        {
            let message = format!("the {what} is in `{region}`, but has to be in the stack's region, `{own}`");
            found.error(key, message, "name one of that region");
        }
    }
    if app.lambda.secrets != SecretDelivery::Resolve {
        return;
    }
    let kept = app.secrets.iter().map(|(name, secret)| (format!("secrets.{name}"), secret));
    let sealing_key = app.state.sealing_key.iter().map(|secret| ("state.sealing-key".to_owned(), secret));
    let redis = app.state.redis.iter().map(|secret| ("state.redis".to_owned(), secret));
    for (key, secret) in kept.chain(sealing_key).chain(redis) {
        if let Some(region) = secret.aws.as_ref().and_then(|arn| arn.split(':').nth(3))
            && region != own
        {
            let message = format!(
                "the secret `{key}` is in `{region}`, but CloudFormation looks secrets up in the stack's region, `{own}`"
            );
            let hint = "replicate it there and name that replica, or write `secrets = \"arn\"` under `[lambda]`";
            found.error(&key, message, hint);
        }
    }
}
