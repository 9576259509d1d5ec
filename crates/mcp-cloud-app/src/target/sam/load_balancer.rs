//! An Application Load Balancer in front of the function.
//!
//! Resources are described at
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_ElasticLoadBalancingV2.html>.

use serde::Serialize;

use super::{
    OAUTH_METADATA_PATH,
    auth::{self, Guard},
    lower, names,
    schema::{Properties, SecurityGroup, TrafficRule},
};
use crate::{
    app::{App, AuthMode, Exposure, Trigger},
    target::aws::{Resource, Resources, Tag, Value, tags},
};

/// TLS 1.3, and 1.2 with forward secrecy
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>).
const TLS_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";
/// What a load balancer waits for silently has to be longer than what a function may take; its own default is a minute.
const IDLE_TIMEOUT_SECONDS: u32 = 60;
const EVERYWHERE: &str = "0.0.0.0/0";

/// Whether the internet reaches it. IAM does not stand in front of a load balancer, so what would be its to guard stays in
/// its own network.
pub(super) fn is_public(app: &App) -> bool {
    app.network.exposure == Exposure::Public && auth::guard(app) != Guard::Iam
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LoadBalancer<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    scheme: &'static str,
    subnets: &'a [String],
    security_groups: [Value<'a>; 1],
    load_balancer_attributes: [Attribute; 2],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    key: &'static str,
    value: String,
}

impl Attribute {
    fn new(key: &'static str, value: impl ToString) -> Self {
        Self { key, value: value.to_string() }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TargetGroup<'a> {
    target_type: &'static str,
    targets: [Target<'a>; 1],
    /// Each would be an invocation that is paid for, to learn that Lambda works.
    health_check_enabled: bool,
    target_group_attributes: [Attribute; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Target<'a> {
    id: Value<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Permission<'a> {
    action: &'static str,
    function_name: Value<'a>,
    principal: &'static str,
    source_arn: Value<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listener<'a> {
    load_balancer_arn: Value<'a>,
    port: u16,
    protocol: &'static str,
    ssl_policy: &'static str,
    certificates: [Certificate<'a>; 1],
    default_actions: [Action<'a>; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Certificate<'a> {
    certificate_arn: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListenerRule<'a> {
    listener_arn: Value<'a>,
    priority: u32,
    conditions: Vec<Condition>,
    actions: Vec<Action<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "Field")]
enum Condition {
    #[serde(rename = "path-pattern", rename_all = "PascalCase")]
    Path { path_pattern_config: Values<String> },
    #[serde(rename = "http-request-method", rename_all = "PascalCase")]
    Method { http_request_method_config: Values<&'static str> },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Values<T> {
    values: Vec<T>,
}

impl Condition {
    fn paths(values: Vec<String>) -> Self {
        Self::Path { path_pattern_config: Values { values } }
    }

    fn method(method: &'static str) -> Self {
        Self::Method { http_request_method_config: Values { values: vec![method] } }
    }
}

#[derive(Debug, Serialize)]
#[serde(tag = "Type")]
enum Action<'a> {
    #[serde(rename = "forward", rename_all = "PascalCase")]
    Forward { order: u32, target_group_arn: Value<'a> },
    #[serde(rename = "jwt-validation", rename_all = "PascalCase")]
    ValidateJwt { order: u32, jwt_validation_config: JwtValidation<'a> },
    #[serde(rename = "fixed-response", rename_all = "PascalCase")]
    Answer { fixed_response_config: FixedResponse },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FixedResponse {
    status_code: &'static str,
}

/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-verify-jwt.html>: signatures have to be
/// RS256.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct JwtValidation<'a> {
    issuer: &'a str,
    jwks_endpoint: &'a str,
    additional_claims: Vec<Claim<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Claim<'a> {
    name: &'static str,
    format: &'static str,
    values: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RecordSet<'a> {
    hosted_zone_id: &'a str,
    name: &'a str,
    #[serde(rename = "Type")]
    kind: &'static str,
    alias_target: AliasTarget<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AliasTarget<'a> {
    #[serde(rename = "DNSName")]
    dns_name: Value<'a>,
    hosted_zone_id: Value<'a>,
}

/// Adds the load balancer and all that belongs to it, with the trigger that is one.
pub(super) fn add<'a>(app: &'a App, resources: &mut Resources<Properties<'a>>) {
    if app.lambda.trigger != Trigger::Alb {
        return;
    }
    resources.add(names::LOAD_BALANCER, Properties::LoadBalancer(load_balancer(app)));
    resources.add(names::LOAD_BALANCER_GROUP, Properties::SecurityGroup(security_group(app)));
    resources.add(names::TARGET_GROUP, target_group(app));
    // The group's own ARN cannot be named: it registers the function, which has to be allowed before.
    let permission = Permission {
        action: "lambda:InvokeFunction",
        function_name: lower::function(app),
        principal: "elasticloadbalancing.amazonaws.com",
        source_arn: Value::substitute(
            "arn:${AWS::Partition}:elasticloadbalancing:${AWS::Region}:${AWS::AccountId}:targetgroup/*",
        ),
    };
    resources.add(names::PERMISSION, Properties::Permission(permission));
    let listener = Listener {
        load_balancer_arn: Value::reference(names::LOAD_BALANCER),
        port: 443,
        protocol: "HTTPS",
        ssl_policy: TLS_POLICY,
        certificates: [Certificate { certificate_arn: app.lambda.certificate.as_deref().unwrap_or_default() }],
        default_actions: [Action::Answer { fixed_response_config: FixedResponse { status_code: "404" } }],
    };
    resources.add(names::LISTENER, Properties::Listener(listener));
    for (name, rule) in rules(app) {
        resources.add(name, Properties::ListenerRule(rule));
    }
    if let (Some(hosted_zone_id), Some(name)) = (&app.lambda.hosted_zone, &app.endpoint.domain) {
        let alias_target = AliasTarget {
            dns_name: Value::attribute(names::LOAD_BALANCER, "DNSName"),
            hosted_zone_id: Value::attribute(names::LOAD_BALANCER, "CanonicalHostedZoneID"),
        };
        let record = RecordSet { hosted_zone_id, name, kind: "A", alias_target };
        resources.add(names::DOMAIN_RECORD, Properties::RecordSet(record));
    }
}

fn load_balancer(app: &App) -> LoadBalancer<'_> {
    let public = is_public(app);
    LoadBalancer {
        kind: "application",
        scheme: if public { "internet-facing" } else { "internal" },
        subnets: if public { &app.network.public_subnets } else { &app.network.subnets },
        security_groups: [Value::attribute(names::LOAD_BALANCER_GROUP, "GroupId")],
        load_balancer_attributes: [
            Attribute::new(
                "idle_timeout.timeout_seconds",
                app.lambda.timeout_seconds.saturating_add(5).max(IDLE_TIMEOUT_SECONDS),
            ),
            Attribute::new("routing.http.drop_invalid_header_fields.enabled", true),
        ],
        tags: tags(app),
    }
}

/// HTTPS comes in from where it may. A function is not reached over the network, so nothing goes out but the question for
/// the issuer's keys. A group without rules would let out everything.
fn security_group(app: &App) -> SecurityGroup<'_> {
    let mut ingress: Vec<_> = app.network.allow.iter().map(|range| TrafficRule::https("Callers", range)).collect();
    if ingress.is_empty() && is_public(app) {
        ingress.push(TrafficRule::https("Callers, wherever they are", EVERYWHERE));
    } else if ingress.is_empty() {
        ingress.extend(lower::PRIVATE_RANGES.map(|range| TrafficRule::https("Callers in private networks", range)));
    }
    let egress = if auth::guard(app) == Guard::Tokens {
        TrafficRule::https("Keys of the issuer of tokens", EVERYWHERE)
    } else {
        TrafficRule::any("Nowhere", "127.0.0.1/32")
    };
    SecurityGroup {
        group_description: "Load balancer of an MCP server",
        vpc_id: app.network.vpc.as_deref().unwrap_or_default(),
        security_group_ingress: ingress,
        security_group_egress: vec![egress],
        tags: tags(app),
    }
}

fn target_group(app: &App) -> Resource<Properties<'_>> {
    let group = TargetGroup {
        target_type: "lambda",
        targets: [Target { id: lower::function(app) }],
        health_check_enabled: false,
        // Else a repeated header would reach the function once, with the last of its values.
        target_group_attributes: [Attribute::new("lambda.multi_value_headers.enabled", true)],
        tags: tags(app),
    };
    Resource { depends_on: vec![names::PERMISSION], ..Properties::TargetGroup(group).into() }
}

/// What reaches the function: with OAuth where clients find out how to get a token, the preflights of browsers, and the
/// endpoint. Neither of the first two has a token.
fn rules(app: &App) -> Vec<(&'static str, ListenerRule<'_>)> {
    let path = &app.endpoint.path;
    let forward = |order| Action::Forward { order, target_group_arn: Value::reference(names::TARGET_GROUP) };
    let rule = |priority, conditions, actions| ListenerRule {
        listener_arn: Value::reference(names::LISTENER),
        priority,
        conditions,
        actions,
    };
    let mut rules = Vec::new();
    let tokens = auth::guard(app) == Guard::Tokens;
    if tokens {
        let paths = vec![OAUTH_METADATA_PATH.to_owned(), format!("{OAUTH_METADATA_PATH}{path}")];
        rules.push(("MetadataRule", rule(10, vec![Condition::paths(paths)], vec![forward(1)])));
    }
    if tokens && !app.endpoint.origins.is_empty() {
        let conditions = vec![Condition::method("OPTIONS"), Condition::paths(vec![path.clone()])];
        rules.push(("PreflightRule", rule(20, conditions, vec![forward(1)])));
    }
    let actions = if tokens {
        vec![Action::ValidateJwt { order: 1, jwt_validation_config: jwt_validation(app) }, forward(2)]
    } else {
        vec![forward(1)]
    };
    rules.push(("EndpointRule", rule(30, vec![Condition::paths(vec![path.clone()])], actions)));
    rules
}

fn jwt_validation(app: &App) -> JwtValidation<'_> {
    let mut additional_claims = Vec::new();
    if !app.auth.audiences.is_empty() {
        // Access tokens of Cognito have no `aud`
        // (https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html).
        let name = if app.auth.mode == AuthMode::Cognito { "client_id" } else { "aud" };
        additional_claims.push(Claim { name, format: "single-string", values: &app.auth.audiences });
    }
    if !app.auth.scopes.is_empty() {
        additional_claims.push(Claim { name: "scope", format: "space-separated-values", values: &app.auth.scopes });
    }
    JwtValidation {
        issuer: app.auth.issuer.as_deref().unwrap_or_default(),
        jwks_endpoint: app.auth.jwks_url.as_deref().unwrap_or_default(),
        additional_claims,
    }
}
