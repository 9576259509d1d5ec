//! ACM: certificates, which others made.

use serde_json::json;

use super::{
    state::{State, unknown},
    wire::{Asked, Fault, Reply},
};

const YEAR: std::time::Duration = std::time::Duration::from_secs(365 * 86_400);

pub(super) fn make(state: &mut State, domains: &[&str], status: &str) -> String {
    let id = state.uuid();
    let arn = state.arn("acm", &format!("certificate/{id}"));
    let mut end = state.clock;
    end.pass(YEAR);
    let certificate = json!({
        "CertificateArn": arn,
        "DomainName": domains.first(),
        "SubjectAlternativeNames": domains,
        "Status": status,
        "Type": "AMAZON_ISSUED",
        "NotBefore": state.clock.seconds(),
        "NotAfter": end.seconds(),
        "InUseBy": [],
        "KeyAlgorithm": "RSA-2048",
    });
    state.certificates.insert(arn.clone(), certificate);
    arn
}

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    match asked.action.as_str() {
        "DescribeCertificate" => {
            let arn = asked.required("CertificateArn")?;
            let missing = || {
                let account = &state.account_id;
                let message = format!("Could not find certificate {arn} in account {account}.");
                Fault::new(400, "ResourceNotFoundException", message)
            };
            let certificate = state.certificates.get(arn).ok_or_else(missing)?;
            Ok(Reply::of(json!({ "Certificate": certificate })))
        }
        _ => Err(unknown(asked)),
    }
}
