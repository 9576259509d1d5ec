//! Whether the certificate of a domain of its own is issued, is for that domain, is where it is needed, and for how long
//! (<https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateDetail.html>).

use std::sync::Arc;

use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, RenewalEligibility};
use mcp_cloud_app::{App, Target};

use super::{Finding, Group, chain, now};
use crate::{
    aws::Deployer,
    error::{AwsError, Error},
};

const DAY: i64 = 24 * 60 * 60;
/// ACM renews what it can renew 60 days before its end; what is still there at 30 needs somebody's help
/// (<https://docs.aws.amazon.com/acm/latest/userguide/managed-renewal.html>).
const DAYS_LEFT: i64 = 30;

/// What a certificate is for.
#[derive(Debug, Clone, Copy)]
struct Use {
    /// The key that names it.
    key: &'static str,
    /// What shows it to clients.
    front: &'static str,
}

impl Use {
    fn on(target: Target) -> Self {
        match target {
            Target::Ecs => Self { key: "ecs.certificate", front: "load balancer" },
            _ => Self { key: "lambda.certificate", front: "gateway" },
        }
    }
}

pub(super) async fn findings(app: Arc<App>, target: Target, deployer: Arc<Deployer>) -> Vec<Finding> {
    let named = if target == Target::Ecs { &app.ecs.certificate } else { &app.lambda.certificate };
    let Some(arn) = named else {
        return vec![Group::Certificate.skipped("the file names none")];
    };
    let used = Use::on(target);
    let region = Group::Certificate.ask("its region");
    let region = match arn.split(':').nth(3) {
        Some(region) if region != deployer.region() => {
            return vec![self::elsewhere(region, deployer.region(), used)];
        }
        _ => region.ok(deployer.region()),
    };
    let found = deployer.acm.describe_certificate().certificate_arn(arn).send().await;
    let found = found.map_err(|error| AwsError::new(format!("read the certificate `{arn}`"), error));
    let question = Group::Certificate.ask("its state");
    match found.map(|found| found.certificate) {
        Ok(Some(certificate)) => [region].into_iter().chain(judge(&app, &certificate, used, now(&deployer))).collect(),
        Ok(None) => vec![region, question.skip("ACM said nothing about it")],
        Err(error) if error.is("ResourceNotFoundException") => {
            let hint = format!("name one that is there with `{}` in `mcp-cloud.toml`", used.key);
            vec![region, question.ng(format!("there is no certificate `{arn}`"), hint)]
        }
        Err(error) => vec![region, question.ng(chain(&error), Error::from(error).hint())],
    }
}

fn elsewhere(actual: &str, expected: &str, Use { front, .. }: Use) -> Finding {
    Group::Certificate.ask("its region").ng(
        format!("is in {actual}, and the {front} would be in {expected}"),
        format!("ask ACM for one in {expected}: a {front} takes certificates of its own region alone"),
    )
}

fn judge(app: &App, certificate: &CertificateDetail, used: Use, now: i64) -> Vec<Finding> {
    let mut findings = vec![state(certificate, used)];
    if let Some(domain) = &app.endpoint.domain {
        let mut names = certificate.subject_alternative_names().iter().map(String::as_str).collect::<Vec<_>>();
        names.extend(certificate.domain_name());
        let question = Group::Certificate.ask(format!("is for `{domain}`"));
        findings.push(match names.iter().find(|name| covers(name, domain)) {
            Some(name) => question.ok(format!("as `{name}`")),
            None => question.ng(
                format!("is for {}", names.join(", ")),
                format!("ask ACM for one for `{domain}`, and name it with `{}`", used.key),
            ),
        });
    }
    findings.push(expiry(certificate, used, now));
    findings
}

fn state(certificate: &CertificateDetail, used: Use) -> Finding {
    let question = Group::Certificate.ask("its state");
    match certificate.status() {
        Some(CertificateStatus::Issued) => question.ok("ISSUED"),
        Some(CertificateStatus::PendingValidation) => question.ng(
            "PENDING_VALIDATION",
            "enter the CNAME records that ACM asks for into the domain's zone; see the ACM console".to_owned(),
        ),
        Some(status) => {
            let reason = certificate.failure_reason().map(|reason| format!(": {}", reason.as_str()));
            let hint = format!("ask ACM for another one, and name it with `{}`", used.key);
            question.ng(format!("{}{}", status.as_str(), reason.unwrap_or_default()), hint)
        }
        None => question.skip("ACM does not say"),
    }
}

fn expiry(certificate: &CertificateDetail, Use { key, front }: Use, now: i64) -> Finding {
    let question = Group::Certificate.ask("its end");
    let Some(end) = certificate.not_after() else { return question.skip("it has none before it is issued") };
    let days = (end.secs() - now).div_euclid(DAY);
    let renewed = certificate.renewal_eligibility() == Some(&RenewalEligibility::Eligible);
    let how = if renewed { ", renewed by ACM" } else { ", not renewed by itself" };
    if days < 0 {
        let hint = format!("replace it, and name the new one with `{key}`");
        return question.ng(format!("{} days ago{how}", -days), hint);
    }
    if days < DAYS_LEFT {
        let hint = if renewed {
            "ACM should have renewed it by now; see in its console which record it misses".to_owned()
        } else {
            format!("import its successor under the same ARN, or have it used by the {front} so that ACM renews it")
        };
        return question.ng(format!("in {days} days{how}"), hint);
    }
    question.ok(format!("in {days} days{how}"))
}

/// Whether a certificate's name is good for a domain: a `*` stands for exactly one label, the first (RFC 6125 §6.4.3).
fn covers(name: &str, domain: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => domain.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
        None => name.eq_ignore_ascii_case(domain),
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::DateTime;

    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn star_stands_for_exactly_one_label() {
        assert!(covers("mcp.example.com", "MCP.example.com"));
        assert!(covers("*.example.com", "mcp.example.com"));
        assert!(!covers("*.example.com", "example.com"));
        assert!(!covers("*.example.com", "a.mcp.example.com"));
        assert!(!covers("example.com", "mcp.example.com"));
    }

    #[test]
    fn end_of_a_certificate_is_told_in_time() {
        let verdict = |seconds: i64| {
            let certificate = CertificateDetail::builder().not_after(DateTime::from_secs(1_000_000 + seconds)).build();
            expiry(&certificate, Use::on(Target::Ecs), 1_000_000)
        };
        assert_eq!(verdict(30 * DAY).verdict, Verdict::Ok);
        assert_eq!(verdict(30 * DAY - 1).verdict, Verdict::Ng);
        let over = verdict(-1);
        assert_eq!((over.verdict, over.answer.as_str()), (Verdict::Ng, "1 days ago, not renewed by itself"));
    }

    #[test]
    fn certificate_that_waits_for_its_domain_is_not_as_it_should_be() {
        let of = |status| state(&CertificateDetail::builder().status(status).build(), Use::on(Target::Sam)).verdict;
        assert_eq!(of(CertificateStatus::Issued), Verdict::Ok);
        assert_eq!(of(CertificateStatus::PendingValidation), Verdict::Ng);
        assert_eq!(of(CertificateStatus::Revoked), Verdict::Ng);
    }
}
