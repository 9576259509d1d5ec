//! An Application Load Balancer in front of a server: who may call, over what, and where the calls go.
//!
//! What a target adds is where the load balancer stands and what is behind it; [`Front`] holds that, and everything else
//! follows from the app.

use mcp_cloud_contract::{RESOURCE_METADATA_PATH, env};
use serde::Serialize;

use super::{
    Resource, Resources, Tag, Value,
    network::{Ec2, PRIVATE_RANGES, SecurityGroup, SecurityGroupRule},
    tags,
};
use crate::{
    app::{App, AuthMode, Exposure},
    target::oauth,
};

/// Logical ids, the same wherever there is a load balancer.
pub(in crate::target) const LOAD_BALANCER: &str = "LoadBalancer";
pub(in crate::target) const LOAD_BALANCER_SECURITY_GROUP: &str = "LoadBalancerSecurityGroup";
pub(in crate::target) const LISTENER: &str = "Listener";
/// Lets in who calls the load balancer by the name that AWS made for it.
const HOST_RULE: &str = "HostRule";
/// Sends who comes over HTTP to HTTPS.
pub(in crate::target) const REDIRECT_LISTENER: &str = "RedirectListener";
pub(in crate::target) const TARGET_GROUP: &str = "TargetGroup";
/// The group that requests move to, and from, where a deployment moves them.
pub(in crate::target) const ALTERNATE_TARGET_GROUP: &str = "AlternateTargetGroup";
/// The rule whose weights say how many requests have moved. It has one name whatever it lets in: another rule would
/// know nothing of where requests are.
pub(in crate::target) const PRODUCTION_RULE: &str = "ProductionRule";

/// TLS 1.3, and 1.2 with forward secrecy for clients that are not there yet, with post-quantum key exchange
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>).
const TLS_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09";
/// The longest body of a fixed response
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_FixedResponseActionConfig.html>).
const FIXED_RESPONSE_CHARACTERS: usize = 1024;

/// Where a load balancer stands, and what it is asked for.
#[derive(Debug)]
pub(in crate::target) struct Front<'a> {
    pub(in crate::target) app: &'a App,
    /// The VPC, and the subnets of it in which the load balancer has its addresses.
    pub(in crate::target) vpc: Value<'a>,
    pub(in crate::target) subnets: Vec<Value<'a>>,
    /// What has to be there before it: one that faces the internet is refused in a VPC without a gateway.
    pub(in crate::target) depends_on: Vec<&'static str>,
    /// Without one, the load balancer speaks plain HTTP.
    pub(in crate::target) certificate: Option<&'a str>,
    /// Seconds of silence after which it closes a connection; its own default where absent.
    pub(in crate::target) idle_timeout_seconds: Option<u32>,
    /// The port and the security group of what is behind it; absent in front of a function.
    pub(in crate::target) behind: Option<(u16, Value<'a>)>,
    /// Another target group beside [`TARGET_GROUP`], by its logical id: a deployment moves requests between them. Then
    /// tokens cannot be asked for: whoever moves the requests writes the rule anew, and knows nothing of tokens.
    pub(in crate::target) alternate: Option<&'static str>,
}

impl<'a> Front<'a> {
    /// Adds everything but the target group, which only a target knows.
    pub(in crate::target) fn add_to<P: From<Elb<'a>> + From<Ec2<'a>>>(&self, resources: &mut Resources<P>) {
        let group = Ec2::SecurityGroup(self.security_group());
        resources.add(LOAD_BALANCER_SECURITY_GROUP, P::from(group));
        let load_balancer = Resource::from(P::from(Elb::LoadBalancer(self.load_balancer())));
        resources.add(LOAD_BALANCER, Resource { depends_on: self.depends_on.clone(), ..load_balancer });
        resources.add(LISTENER, P::from(Elb::Listener(self.listener())));
        if let Some(redirect) = self.redirect() {
            resources.add(REDIRECT_LISTENER, P::from(Elb::Listener(redirect)));
        }
        for (id, rule) in self.rules() {
            resources.add(id, P::from(Elb::ListenerRule(rule)));
        }
    }

    /// What leads to the target group. Until it is there, nothing can be registered.
    pub(in crate::target) fn way_in(&self) -> &'static str {
        match self.alternate {
            Some(_) => PRODUCTION_RULE,
            None if self.knows_its_name() => HOST_RULE,
            None => LISTENER,
        }
    }

    /// It has no protection against being deleted: whoever deletes the stack means it, and would be left with half of it.
    fn load_balancer(&self) -> LoadBalancer<'a> {
        let attribute = |key, value: &str| Attribute { key, value: value.to_owned() };
        let mut load_balancer_attributes = vec![
            // What is no header in RFC 9110 is a header to somebody else, and so a way around whoever checks it.
            attribute("routing.http.drop_invalid_header_fields.enabled", "true"),
            attribute("routing.http.desync_mitigation_mode", "defensive"),
        ];
        if let Some(seconds) = self.idle_timeout_seconds {
            load_balancer_attributes.push(attribute("idle_timeout.timeout_seconds", &seconds.to_string()));
        }
        LoadBalancer {
            kind: "application",
            scheme: if is_internal(self.app) { "internal" } else { "internet-facing" },
            ip_address_type: "ipv4",
            subnets: self.subnets.clone(),
            security_groups: vec![Value::attribute(LOAD_BALANCER_SECURITY_GROUP, "GroupId")],
            load_balancer_attributes,
            tags: tags(self.app),
        }
    }

    /// Who may connect: `network.allow`; unless said, everyone, or with an internal load balancer every address that is
    /// no address of the internet.
    fn security_group(&self) -> SecurityGroup<'a> {
        let sources: Vec<&str> = match self.app.network.allow.as_slice() {
            [] if is_internal(self.app) => PRIVATE_RANGES.to_vec(),
            [] => vec!["0.0.0.0/0"],
            ranges => ranges.iter().map(String::as_str).collect(),
        };
        let ports: &[u16] = match self.certificate {
            // Port 80 is there to send people to 443.
            Some(_) => &[443, 80],
            None => &[80],
        };
        let ingress = ports
            .iter()
            .flat_map(|port| sources.iter().map(|range| SecurityGroupRule::of_range(*port, range, "Callers")))
            .collect();
        let mut egress = Vec::new();
        if let Some((port, group)) = &self.behind {
            egress.push(SecurityGroupRule::to_group(*port, group.clone(), "The server"));
        }
        if jwt(self.app).is_some() {
            // The load balancer itself fetches the issuer's keys.
            egress.push(SecurityGroupRule::of_range(443, "0.0.0.0/0", "The keys of the issuer of tokens"));
        }
        if egress.is_empty() {
            // Without a rule there would be one that allows everything.
            egress.push(SecurityGroupRule::to_nowhere());
        }
        SecurityGroup::new("Who may call the load balancer", self.vpc.clone(), ingress, egress, self.app)
    }

    /// What happens to a request that no rule is for.
    fn listener(&self) -> Listener<'a> {
        let certificates = self.certificate.iter().map(|arn| Certificate { certificate_arn: arn }).collect();
        let is_https = self.certificate.is_some();
        let default_actions = match jwt(self.app) {
            // Whoever has a guard in the file gets no listener without one: over HTTP CloudFormation refuses it.
            Some(jwt_validation_config) => {
                vec![Action::JwtValidation { order: 1, jwt_validation_config }, forward(Some(2))]
            }
            None if self.knows_its_name() => vec![Action::FixedResponse {
                fixed_response_config: FixedResponse {
                    status_code: "403",
                    content_type: "text/plain",
                    message_body: "The Host header names another server".to_owned(),
                },
            }],
            None => vec![forward(None)],
        };
        Listener {
            load_balancer_arn: Value::reference(LOAD_BALANCER),
            port: if is_https { 443 } else { 80 },
            protocol: if is_https { "HTTPS" } else { "HTTP" },
            ssl_policy: is_https.then_some(TLS_POLICY),
            certificates,
            default_actions,
            tags: tags(self.app),
        }
    }

    /// The listener of port 80 that sends everyone to 443; none where 80 is all there is.
    fn redirect(&self) -> Option<Listener<'a>> {
        self.certificate.map(|_| Listener {
            load_balancer_arn: Value::reference(LOAD_BALANCER),
            port: 80,
            protocol: "HTTP",
            ssl_policy: None,
            certificates: Vec::new(),
            default_actions: vec![Action::Redirect {
                // 308 would keep the method of a POST, but a token that was sent in the clear should not be sent again by
                // itself; whoever types the address gets there.
                redirect_config: Redirect { protocol: "HTTPS", port: "443", status_code: "HTTP_301" },
            }],
            tags: tags(self.app),
        })
    }

    /// Whether the load balancer alone knows by which name the server is called, and nothing else keeps strangers out: a
    /// page that somebody inside of the network looks at could point a name of its own at it (DNS rebinding). The domain,
    /// where there is one, is known to the server itself.
    fn knows_its_name(&self) -> bool {
        let app = self.app;
        let said = app.endpoint.domain.is_some() || app.environment.contains_key(env::ALLOWED_HOSTS);
        is_internal(app) && !said && jwt(app).is_none()
    }

    /// What is different from what the listener does with everything else, by logical ids and in the order of their
    /// priorities.
    fn rules(&self) -> Vec<(&'static str, ListenerRule<'a>)> {
        let app = self.app;
        let mut rules = Vec::new();
        let own_name =
            self.knows_its_name().then(|| Condition::hosts(vec![Value::attribute(LOAD_BALANCER, "DNSName")]));
        if jwt(app).is_some() {
            rules.extend(self.open());
        }
        match (self.alternate, own_name) {
            (Some(alternate), own_name) => {
                // Everything follows it, so that what the listener does with everything else stays as it was.
                let condition = own_name.unwrap_or_else(|| Condition::paths(vec!["/*".to_owned()]));
                rules.push((PRODUCTION_RULE, vec![condition], forward_to_one_of(alternate)));
            }
            (None, Some(own_name)) => rules.push((HOST_RULE, vec![own_name], forward(None))),
            (None, None) => {}
        }
        rules
            .into_iter()
            .zip(1..)
            .map(|((id, conditions, action), priority)| {
                let listener_arn = Value::reference(LISTENER);
                (id, ListenerRule { listener_arn, priority, conditions, actions: vec![action], tags: tags(app) })
            })
            .collect()
    }

    /// What is open although the listener asks for tokens.
    fn open(&self) -> Vec<(&'static str, Vec<Condition<'a>>, Action<'a>)> {
        let app = self.app;
        let mut rules = Vec::new();
        // One that is longer is not sent at all.
        let metadata = oauth::resource_metadata(app).filter(|json| json.len() <= FIXED_RESPONSE_CHARACTERS);
        if let Some(metadata) = metadata {
            // A client without a token asks here who gives it one (MCP, authorization), so it needs none. The load
            // balancer answers itself: its 401 does not name the address of this document, but clients try this one.
            let paths =
                vec![format!("{RESOURCE_METADATA_PATH}{}", app.endpoint.path), RESOURCE_METADATA_PATH.to_owned()];
            let answer = Action::FixedResponse {
                fixed_response_config: FixedResponse {
                    status_code: "200",
                    content_type: "application/json",
                    message_body: metadata,
                },
            };
            rules.push(("ResourceMetadataRule", vec![Condition::paths(paths)], answer));
        }
        if !app.endpoint.origins.is_empty() {
            // A browser asks first whether it may send a token, and cannot send one with that question.
            let preflight = Condition::method("OPTIONS");
            let path = Condition::paths(vec![app.endpoint.path.clone()]);
            rules.push(("PreflightRule", vec![preflight, path], forward(None)));
        }
        // Whoever watches the server from outside has no token, and learns no more than that it lives.
        rules.push(("HealthRule", vec![Condition::paths(vec![app.health.path.clone()])], forward(None)));
        rules
    }
}

/// Whether the load balancer has no address on the internet. Without anything else to keep strangers out
/// (`auth.mode = "platform"`), that is what does.
pub(in crate::target) fn is_internal(app: &App) -> bool {
    app.network.exposure == Exposure::Private || app.auth.mode == AuthMode::Platform
}

/// What a token has to say; nothing where the load balancer asks for none.
///
/// It checks the signature (RS256 alone), `iss`, `exp`, and `nbf` and `iat` where they are there
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-verify-jwt.html>).
fn jwt(app: &App) -> Option<JwtValidation<'_>> {
    let auth = &app.auth;
    let audience_claim = match auth.mode {
        AuthMode::Jwt => "aud",
        // Access tokens of Cognito have no audience, but say which app client they were made for
        // (<https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html>).
        AuthMode::Cognito => "client_id",
        AuthMode::Platform | AuthMode::None => return None,
    };
    let mut additional_claims = vec![Claim {
        // One text, as issuers write it where a token is for one server; a token for several, whose claim is a list, is
        // refused. Several values are alternatives here: one text cannot be all of them.
        format: "single-string",
        name: audience_claim,
        values: &auth.audiences,
    }];
    if !auth.scopes.is_empty() {
        // RFC 9068 §2.2.3.
        additional_claims.push(Claim { format: "space-separated-values", name: "scope", values: &auth.scopes });
    }
    Some(JwtValidation {
        jwks_endpoint: auth.jwks_url.as_deref().unwrap_or_default(),
        issuer: auth.issuer.as_deref().unwrap_or_default(),
        additional_claims,
    })
}

fn forward<'a>(order: Option<u32>) -> Action<'a> {
    Action::Forward { order, target_group_arn: Value::reference(TARGET_GROUP) }
}

/// What a deployment moves, before it has moved anything. A group without a weight is one that health is asked of all the
/// same (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/alb-resources-for-blue-green.html>).
fn forward_to_one_of<'a>(alternate: &'static str) -> Action<'a> {
    let weighted = |group, weight| WeightedGroup { target_group_arn: Value::reference(group), weight };
    Action::ForwardToOneOf {
        forward_config: ForwardConfig { target_groups: [weighted(TARGET_GROUP, 100), weighted(alternate, 0)] },
    }
}

/// The types of Elastic Load Balancing.
#[derive(Debug, Serialize)]
#[serde(tag = "Type", content = "Properties")]
pub(in crate::target) enum Elb<'a> {
    #[serde(rename = "AWS::ElasticLoadBalancingV2::LoadBalancer")]
    LoadBalancer(LoadBalancer<'a>),
    #[serde(rename = "AWS::ElasticLoadBalancingV2::Listener")]
    Listener(Listener<'a>),
    #[serde(rename = "AWS::ElasticLoadBalancingV2::ListenerRule")]
    ListenerRule(ListenerRule<'a>),
    #[serde(rename = "AWS::ElasticLoadBalancingV2::TargetGroup")]
    TargetGroup(TargetGroup<'a>),
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-loadbalancer.html>
///
/// It has no name of its own: CloudFormation makes one that is short enough, and two stacks never clash.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct LoadBalancer<'a> {
    #[serde(rename = "Type")]
    kind: &'static str,
    scheme: &'static str,
    ip_address_type: &'static str,
    subnets: Vec<Value<'a>>,
    security_groups: Vec<Value<'a>>,
    load_balancer_attributes: Vec<Attribute>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
}

/// An attribute of a load balancer or a target group; all values are text.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Attribute {
    pub(in crate::target) key: &'static str,
    pub(in crate::target) value: String,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-listener.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Listener<'a> {
    load_balancer_arn: Value<'a>,
    port: u16,
    protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssl_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    certificates: Vec<Certificate<'a>>,
    default_actions: Vec<Action<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Certificate<'a> {
    certificate_arn: &'a str,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-listenerrule.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct ListenerRule<'a> {
    listener_arn: Value<'a>,
    priority: u32,
    conditions: Vec<Condition<'a>>,
    actions: Vec<Action<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "Field")]
enum Condition<'a> {
    #[serde(rename = "host-header", rename_all = "PascalCase")]
    Host { host_header_config: Values<Value<'a>> },
    #[serde(rename = "path-pattern", rename_all = "PascalCase")]
    Path { path_pattern_config: Values<String> },
    #[serde(rename = "http-request-method", rename_all = "PascalCase")]
    Method { http_request_method_config: Values<&'static str> },
}

impl<'a> Condition<'a> {
    fn hosts(values: Vec<Value<'a>>) -> Self {
        Self::Host { host_header_config: Values { values } }
    }

    fn paths(values: Vec<String>) -> Self {
        Self::Path { path_pattern_config: Values { values } }
    }

    fn method(method: &'static str) -> Self {
        Self::Method { http_request_method_config: Values { values: vec![method] } }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Values<T> {
    values: Vec<T>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "Type")]
enum Action<'a> {
    #[serde(rename = "jwt-validation", rename_all = "PascalCase")]
    JwtValidation { order: u32, jwt_validation_config: JwtValidation<'a> },
    #[serde(rename = "forward", rename_all = "PascalCase")]
    Forward {
        #[serde(skip_serializing_if = "Option::is_none")]
        order: Option<u32>,
        target_group_arn: Value<'a>,
    },
    #[serde(rename = "forward", rename_all = "PascalCase")]
    ForwardToOneOf { forward_config: ForwardConfig<'a> },
    #[serde(rename = "redirect", rename_all = "PascalCase")]
    Redirect { redirect_config: Redirect },
    #[serde(rename = "fixed-response", rename_all = "PascalCase")]
    FixedResponse { fixed_response_config: FixedResponse },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ForwardConfig<'a> {
    target_groups: [WeightedGroup<'a>; 2],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct WeightedGroup<'a> {
    target_group_arn: Value<'a>,
    weight: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct JwtValidation<'a> {
    jwks_endpoint: &'a str,
    issuer: &'a str,
    additional_claims: Vec<Claim<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Claim<'a> {
    format: &'static str,
    name: &'static str,
    values: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Redirect {
    protocol: &'static str,
    port: &'static str,
    status_code: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FixedResponse {
    status_code: &'static str,
    content_type: &'static str,
    message_body: String,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-targetgroup.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct TargetGroup<'a> {
    /// `ip` for tasks of Fargate, `lambda` for a function, which has neither protocol, port nor VPC.
    pub(in crate::target) target_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) protocol: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::target) vpc_id: Option<Value<'a>>,
    #[serde(flatten)]
    pub(in crate::target) health_check: Option<HealthCheck<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::target) target_group_attributes: Vec<Attribute>,
    /// The function; tasks register themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::target) targets: Vec<TargetDescription<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::target) tags: Vec<Tag<'a>>,
}

/// How a load balancer finds out that a target lives.
#[derive(Debug, Serialize)]
pub(in crate::target) struct HealthCheck<'a> {
    #[serde(rename = "HealthCheckProtocol")]
    pub(in crate::target) protocol: &'static str,
    #[serde(rename = "HealthCheckPath")]
    pub(in crate::target) path: &'a str,
    #[serde(rename = "HealthCheckIntervalSeconds")]
    pub(in crate::target) interval_seconds: u32,
    #[serde(rename = "HealthCheckTimeoutSeconds")]
    pub(in crate::target) timeout_seconds: u32,
    #[serde(rename = "HealthyThresholdCount")]
    pub(in crate::target) healthy_threshold: u32,
    #[serde(rename = "UnhealthyThresholdCount")]
    pub(in crate::target) unhealthy_threshold: u32,
    #[serde(rename = "Matcher")]
    pub(in crate::target) matcher: Matcher,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Matcher {
    pub(in crate::target) http_code: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct TargetDescription<'a> {
    pub(in crate::target) id: Value<'a>,
}
