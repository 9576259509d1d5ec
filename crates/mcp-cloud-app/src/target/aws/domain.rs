//! The domain of a server as an entry of Route 53.

use serde::Serialize;

use super::Value;

/// Logical id of the entry.
pub(in crate::target) const DOMAIN_RECORD: &str = "DomainRecord";

/// Enters a domain as another name for what AWS has named itself.
///
/// `target` is the name that is there already, and `target_zone` the hosted zone of AWS that it is in.
pub(in crate::target) fn alias<'a>(
    domain: &'a str,
    hosted_zone_id: &'a str,
    target: Value<'a>,
    target_zone: Value<'a>,
) -> RecordSet<'a> {
    let alias_target = AliasTarget { dns_name: target, hosted_zone_id: target_zone, evaluate_target_health: false };
    RecordSet { hosted_zone_id, name: domain, kind: "A", alias_target }
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-route53-recordset.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct RecordSet<'a> {
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
    /// There is no other place to send anyone to.
    evaluate_target_health: bool,
}
