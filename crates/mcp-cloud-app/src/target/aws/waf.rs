//! A web application firewall in front of whatever faces the internet on AWS.

use serde::Serialize;

use super::{Tag, Value, tags};
use crate::app::App;

/// Logical id of the firewall.
pub(in crate::target) const FIREWALL: &str = "Firewall";
/// Logical id of what puts it in front of something.
pub(in crate::target) const FIREWALL_ASSOCIATION: &str = "FirewallAssociation";

/// Minutes over which requests of one address are counted (<https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-statement-type-rate-based.html>).
const RATE_WINDOW_MINUTES: u32 = 5;
/// Rules of AWS's that a tool call runs into without any harm being meant, so they only count: a body is what a model
/// says, of any size (the rule takes 8 KB), with HTML, URLs and paths in it; and programs need not say who they are
/// (<https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html>).
const ONLY_COUNTED: [&str; 6] = [
    "SizeRestrictions_BODY",
    "CrossSiteScripting_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "EC2MetaDataSSRF_BODY",
    "NoUserAgent_HEADER",
];

/// The firewall: AWS's lists of bad addresses and bad requests, and a limit for each address, which is what one instance
/// is meant to serve.
pub(in crate::target) fn firewall(app: &App) -> WebAcl<'_> {
    let managed = |priority, name, metric_name, counted: &[&'static str]| Rule {
        name,
        priority,
        statement: Statement::ManagedRuleGroup(ManagedRuleGroup {
            vendor_name: "AWS",
            name,
            rule_action_overrides: counted
                .iter()
                .map(|name| RuleActionOverride { name, action_to_use: RuleAction::Count(Empty {}) })
                .collect(),
        }),
        override_action: Some(OverrideAction { none: Empty {} }),
        action: None,
        visibility_config: Visibility::of(metric_name),
    };
    let rate = RateBased {
        limit: app.scaling.requests_per_minute.saturating_mul(RATE_WINDOW_MINUTES).clamp(10, 2_000_000_000),
        evaluation_window_sec: RATE_WINDOW_MINUTES * 60,
        aggregate_key_type: "IP",
    };
    WebAcl {
        scope: "REGIONAL",
        default_action: RuleAction::Allow(Empty {}),
        rules: vec![
            Rule {
                name: "RequestsOfOneAddress",
                priority: 0,
                statement: Statement::RateBased(rate),
                override_action: None,
                action: Some(RuleAction::Block(Empty {})),
                visibility_config: Visibility::of("requests-of-one-address"),
            },
            managed(1, "AWSManagedRulesAmazonIpReputationList", "ip-reputation", &[]),
            managed(2, "AWSManagedRulesKnownBadInputsRuleSet", "known-bad-inputs", &[]),
            managed(3, "AWSManagedRulesCommonRuleSet", "common", &ONLY_COUNTED),
        ],
        visibility_config: Visibility::of("firewall"),
        // What is sampled can be read in the console, and tokens are in these headers.
        data_protection_config: DataProtection {
            data_protections: ["authorization", "cookie", "mcp-session-id"].map(|header| DataProtect {
                field: Field { field_type: "SINGLE_HEADER", field_keys: [header] },
                action: "SUBSTITUTION",
            }),
        },
        tags: tags(app),
    }
}

/// Puts the firewall in front of a load balancer or the stage of a REST API, by its ARN.
pub(in crate::target) fn association(resource_arn: Value<'_>) -> WebAclAssociation<'_> {
    WebAclAssociation { resource_arn, web_acl_arn: Value::attribute(FIREWALL, "Arn") }
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-wafv2-webacl.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct WebAcl<'a> {
    scope: &'static str,
    default_action: RuleAction,
    rules: Vec<Rule>,
    visibility_config: Visibility,
    data_protection_config: DataProtection,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-wafv2-webaclassociation.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct WebAclAssociation<'a> {
    resource_arn: Value<'a>,
    #[serde(rename = "WebACLArn")]
    web_acl_arn: Value<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Rule {
    name: &'static str,
    priority: u32,
    statement: Statement,
    /// What becomes of a group's actions; a rule of our own has an action instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    override_action: Option<OverrideAction>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<RuleAction>,
    visibility_config: Visibility,
}

#[derive(Debug, Serialize)]
enum Statement {
    #[serde(rename = "ManagedRuleGroupStatement")]
    ManagedRuleGroup(ManagedRuleGroup),
    #[serde(rename = "RateBasedStatement")]
    RateBased(RateBased),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ManagedRuleGroup {
    vendor_name: &'static str,
    name: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rule_action_overrides: Vec<RuleActionOverride>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RuleActionOverride {
    name: &'static str,
    action_to_use: RuleAction,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RateBased {
    limit: u32,
    evaluation_window_sec: u32,
    aggregate_key_type: &'static str,
}

#[derive(Debug, Serialize)]
enum RuleAction {
    Allow(Empty),
    Block(Empty),
    Count(Empty),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct OverrideAction {
    none: Empty,
}

#[derive(Debug, Serialize)]
struct Empty {}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Visibility {
    sampled_requests_enabled: bool,
    cloud_watch_metrics_enabled: bool,
    metric_name: &'static str,
}

impl Visibility {
    fn of(metric_name: &'static str) -> Self {
        Self { sampled_requests_enabled: true, cloud_watch_metrics_enabled: true, metric_name }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DataProtection {
    data_protections: [DataProtect; 3],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DataProtect {
    field: Field,
    action: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Field {
    field_type: &'static str,
    field_keys: [&'static str; 1],
}
