//! What the triggers can do about who calls: tokens, browsers, addresses.

use super::auth::{self, Guard};
use crate::{
    app::{AuthMode, Exposure, Trigger},
    target::findings::Findings,
};

/// Scopes that a route of an HTTP API takes, and audiences of its authorizer
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>).
const HTTP_API_SCOPES: usize = 10;
const HTTP_API_AUDIENCES: usize = 50;
/// Values of a claim that a load balancer takes, and characters of the issuer and of where its keys are
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_JwtValidationActionConfig.html>).
const ALB_CLAIM_VALUES: usize = 10;
const ALB_URL_CHARACTERS: usize = 256;
/// Rules of a security group
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>).
const SECURITY_GROUP_RULES: usize = 60;
/// Ports of a load balancer: HTTPS, and HTTP that leads there.
const ALB_PORTS: usize = 2;
/// Bytes of the policy of a REST API
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>), less
/// what there is besides the addresses.
const RESOURCE_POLICY_BYTES: usize = 8192;
const RESOURCE_POLICY_FRAME: usize = 400;

pub(super) fn check(found: &mut Findings<'_>) {
    tokens(found);
    match found.app.lambda.trigger {
        _ if auth::guard(found.app) != Guard::Tokens => {}
        Trigger::RestApi | Trigger::RestApiStream => tokens_of_rest_api(found),
        Trigger::HttpApi => tokens_of_http_api(found),
        Trigger::Alb => tokens_of_load_balancer(found),
        Trigger::FunctionUrl | Trigger::FunctionUrlBuffered => {}
    }
    exposure(found);
    origins(found);
    addresses(found);
}

/// Whether the trigger can read tokens at all: one that cannot would let in everyone, or nobody.
fn tokens(found: &mut Findings<'_>) {
    let (mode, trigger) = (found.app.auth.mode, found.app.lambda.trigger);
    let can = match mode {
        AuthMode::Platform | AuthMode::None => true,
        AuthMode::Jwt => matches!(trigger, Trigger::HttpApi | Trigger::Alb),
        AuthMode::Cognito => trigger.is_rest_api() || matches!(trigger, Trigger::HttpApi | Trigger::Alb),
    };
    if !can {
        let message = format!(
            "mode is `{}`, but the trigger `{}` cannot check such tokens, and the server does not do it itself",
            mode.as_str(),
            trigger.as_str()
        );
        let hint = match mode {
            AuthMode::Cognito => {
                "write one under `[lambda]` that can: `trigger = \"http-api\"`, `\"rest-api\"`, `\"rest-api-stream\"` or \
                 `\"alb\"`"
            }
            _ => "write one under `[lambda]` that can: `trigger = \"http-api\"` or `\"alb\"`",
        };
        found.error("auth.mode", message, hint);
    }
}

fn tokens_of_rest_api(found: &mut Findings<'_>) {
    let app = found.app;
    if app.endpoint.domain.is_none() {
        let message = "tokens are asked for, but without a domain the stage is part of the REST API's URL, and clients do \
                       not look for who issues them there";
        let hint = "give it one: `domain` under `[endpoint]`, and its `certificate` under `[lambda]`";
        found.error("endpoint.domain", message, hint);
    }
    if app.auth.mode != AuthMode::Cognito {
        return;
    }
    if app.auth.scopes.is_empty() {
        let message =
            "without scopes a REST API takes the ID tokens of Cognito only, and MCP clients send access tokens";
        let hint = "name scopes of a resource server of the pool under `[auth]`: `scopes = [\"notes/read\"]`, \
                    see https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html";
        found.error("auth.scopes", message, hint);
    }
    if !app.auth.audiences.is_empty() {
        let message =
            "a REST API lets in tokens of every app client of the pool that have the scope, not only of `audiences`";
        let hint = "give the scope to these clients only, or write `trigger = \"http-api\"`, which compares them";
        found.warning("auth.audiences", message, hint);
    }
    any_of_several_scopes(found);
}

fn any_of_several_scopes(found: &mut Findings<'_>) {
    if found.app.auth.scopes.len() > 1 {
        let message = "there are several scopes, and API Gateway lets in a token that has any one of them";
        found.warning("auth.scopes", message, "name the one that every caller needs");
    }
}

fn tokens_of_http_api(found: &mut Findings<'_>) {
    let app = found.app;
    if app.auth.audiences.is_empty() {
        let message = "an HTTP API has to know for whom tokens are, and there are no `audiences`";
        found.error("auth.audiences", message, "name the ids of the app clients that may call");
    }
    if app.auth.audiences.len() > HTTP_API_AUDIENCES {
        let message = format!(
            "there are {} audiences, but an HTTP API takes {HTTP_API_AUDIENCES} at most",
            app.auth.audiences.len()
        );
        found.error("auth.audiences", message, "");
    }
    if app.auth.scopes.len() > HTTP_API_SCOPES {
        let message =
            format!("there are {} scopes, but an HTTP API takes {HTTP_API_SCOPES} at most", app.auth.scopes.len());
        found.error("auth.scopes", message, "");
    }
    if app.says("auth.jwks-url") {
        let message = "jwks-url is not asked by an HTTP API, which finds the keys by the issuer's \
                       `/.well-known/openid-configuration`";
        found.warning("auth.jwks-url", message, "see that the issuer has that document");
    }
    any_of_several_scopes(found);
}

fn tokens_of_load_balancer(found: &mut Findings<'_>) {
    let app = found.app;
    if app.auth.audiences.is_empty() {
        let message = "without `audiences` a load balancer would let in tokens for another server";
        found.error("auth.audiences", message, "name the ids of the app clients that may call");
    }
    if app.auth.audiences.len() > ALB_CLAIM_VALUES {
        let message = format!(
            "there are {} audiences, but a load balancer takes {ALB_CLAIM_VALUES} at most",
            app.auth.audiences.len()
        );
        found.error("auth.audiences", message, "");
    }
    if app.auth.scopes.len() > 1 {
        let message = format!(
            "there are {} scopes, but a load balancer does not promise that a token with one of them is refused",
            app.auth.scopes.len()
        );
        found.error("auth.scopes", message, "name the one that every caller needs");
    }
    for (key, url) in [("auth.issuer", &app.auth.issuer), ("auth.jwks-url", &app.auth.jwks_url)] {
        if let Some(url) = url
            && url.len() > ALB_URL_CHARACTERS
        {
            let message =
                format!("a load balancer takes URLs of {ALB_URL_CHARACTERS} characters, and this has {}", url.len());
            found.error(key, message, "");
        }
    }
}

fn exposure(found: &mut Findings<'_>) {
    let (app, trigger) = (found.app, found.app.lambda.trigger);
    if app.network.exposure == Exposure::Private && trigger != Trigger::Alb {
        let message = if trigger.is_rest_api() {
            "exposure is `private`, but a private REST API belongs to an endpoint of the VPC, which the file cannot name"
                .to_owned()
        } else {
            format!("exposure is `private`, but the trigger `{}` is reached from the internet", trigger.as_str())
        };
        found.error("network.exposure", message, "write `trigger = \"alb\"` under `[lambda]`, which can be internal");
    }
    let public = app.network.exposure == Exposure::Public && app.says("network.exposure");
    if trigger == Trigger::Alb && app.auth.mode == AuthMode::Platform && public {
        let message = "exposure is `public`, but IAM does not stand in front of a load balancer, so only its own network \
                       may reach it";
        let hint = "say under `[auth]` who lets callers in: `mode = \"jwt\"`, or in words that nobody does: \
                    `mode = \"none\"`";
        found.error("network.exposure", message, hint);
    }
}

/// A REST API answers with the same origin whoever asks.
fn origins(found: &mut Findings<'_>) {
    let app = found.app;
    if app.lambda.trigger.is_rest_api() && app.endpoint.origins.len() > 1 {
        let message =
            format!("there are {} origins, but a REST API can answer browsers with one", app.endpoint.origins.len());
        let hint = "write `trigger = \"function-url\"` or `\"http-api\"` under `[lambda]`, which take several";
        found.error("endpoint.origins", message, hint);
    }
}

fn addresses(found: &mut Findings<'_>) {
    let (app, trigger) = (found.app, found.app.lambda.trigger);
    if app.network.allow.is_empty() {
        return;
    }
    if !trigger.is_rest_api() && trigger != Trigger::Alb {
        let message =
            format!("the trigger `{}` is reached from everywhere, and `allow` says who may", trigger.as_str());
        let hint = "write `trigger = \"rest-api\"`, `\"rest-api-stream\"` or `\"alb\"` under `[lambda]`";
        found.error("network.allow", message, hint);
    }
    let rules = app.network.allow.len() * ALB_PORTS;
    if trigger == Trigger::Alb && rules > SECURITY_GROUP_RULES {
        let message = format!(
            "allow has {} ranges, which are {rules} rules, but a security group takes {SECURITY_GROUP_RULES} at most",
            app.network.allow.len()
        );
        found.error("network.allow", message, "put them together into larger ranges");
    }
    let bytes: usize = app.network.allow.iter().map(|range| range.len() + 3).sum();
    if trigger.is_rest_api() && bytes + RESOURCE_POLICY_FRAME > RESOURCE_POLICY_BYTES {
        let message = format!(
            "allow has {} ranges, more than fit into the {RESOURCE_POLICY_BYTES} bytes of a REST API's policy",
            app.network.allow.len()
        );
        found.error("network.allow", message, "put them together into larger ranges");
    }
}
