//! Who acts on AWS, for how long, where, and whether it is the account that is meant.

use aws_credential_types::{Credentials, provider::ProvideCredentials as _};
use aws_smithy_types::{DateTime, date_time::Format};
use mcp_cloud_app::App;

use super::{Finding, Group, Question};
use crate::{aws::Deployer, error::Error};

/// Judges the way to the account.
pub(super) async fn findings(app: &App, connected: Result<&Deployer, &Error>) -> Vec<Finding> {
    let questions = Questions::new();
    match connected {
        Ok(deployer) => questions.answered(app, deployer).await,
        Err(error) => questions.failed(error),
    }
}

struct Questions {
    region: Question,
    source: Question,
    identity: Question,
    account: Question,
}

impl Questions {
    fn new() -> Self {
        let ask = |question: &str| Group::Credentials.ask(question);
        Self {
            region: ask("region"),
            source: ask("credentials"),
            identity: ask("whose they are"),
            account: ask("account that `aws.account` allows"),
        }
    }

    async fn answered(self, app: &App, deployer: &Deployer) -> Vec<Finding> {
        let account = match &app.aws.account {
            // Others do not get this far.
            Some(account) => self.account.ok(account.clone()),
            None => self.account.skip(format!("the file allows any account; this one is {}", deployer.account())),
        };
        vec![
            self.region.ok(deployer.region()),
            self.source.ok(source(deployer).await),
            self.identity.ok(deployer.identity()),
            account,
        ]
    }

    /// The error belongs to the first question that it answers; those before it are settled, those behind it are not
    /// asked.
    fn failed(self, error: &Error) -> Vec<Finding> {
        const BEHIND: &str = "what stands above comes first";
        let Self { region, source, identity, account } = self;
        match error {
            Error::NoRegion | Error::NotARegion { .. } => {
                vec![region.failed(error), source.skip(BEHIND), identity.skip(BEHIND), account.skip(BEHIND)]
            }
            Error::NoCredentials { .. } | Error::Credentials { .. } => {
                vec![region.ok("is set"), source.failed(error), identity.skip(BEHIND), account.skip(BEHIND)]
            }
            Error::OtherAccount { actual, .. } => vec![
                region.ok("is set"),
                source.ok("were found"),
                identity.ok(format!("of account {actual}")),
                account.failed(error),
            ],
            error => {
                vec![region.ok("is set"), source.ok("were found"), identity.failed(error), account.skip(BEHIND)]
            }
        }
    }
}

/// Where they come from, as far as the SDK tells, and until when they can be used.
async fn source(deployer: &Deployer) -> String {
    let Some(provider) = deployer.config.credentials_provider() else { return "were found".to_owned() };
    let Ok(credentials) = provider.provide_credentials().await else { return "were found".to_owned() };
    let expiry = match credentials.expiry() {
        Some(expiry) => DateTime::from(expiry).fmt(Format::DateTime).map(|time| format!(", until {time}")).ok(),
        None if credentials.session_token().is_some() => Some(", of a session whose end they do not tell".to_owned()),
        None => Some(", without an end".to_owned()),
    };
    format!("from {}{}", provider_of(&credentials), expiry.unwrap_or_default())
}

/// The SDK keeps the source's name for its debug output, in which keys are hidden; where that should change, the source
/// is not told.
fn provider_of(credentials: &Credentials) -> &'static str {
    let text = format!("{credentials:?}");
    let name = text.split_once("provider_name: \"").and_then(|(_, rest)| rest.split_once('"')).map(|(name, _)| name);
    match name {
        Some("EnvironmentVariable") => "environment variables",
        Some("ProfileFile") => "a profile",
        Some("AssumeRoleProvider") => "a role that a profile names",
        Some("WebIdentityToken") => "a web identity (OpenID Connect)",
        Some("SSO") => "single sign-on",
        Some("CredentialProcess") => "a process that a profile names",
        Some("EcsContainer") => "the container",
        Some("IMDSv2") => "the instance",
        _ => "a source that does not say its name",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_of_credentials_is_told_and_nothing_else_of_them() {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", Some("token".into()), None, "EnvironmentVariable");
        assert_eq!(provider_of(&credentials), "environment variables");
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "SomethingNew");
        assert_eq!(provider_of(&credentials), "a source that does not say its name");
    }

    #[test]
    fn error_answers_one_question_and_stops_those_behind_it() {
        let verdicts = |error: &Error| {
            let findings = Questions::new().failed(error);
            findings.iter().map(|finding| finding.verdict.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(verdicts(&Error::NoRegion), "NG SKIP SKIP SKIP");
        assert_eq!(verdicts(&Error::NoCredentials { source: "none".into() }), "OK NG SKIP SKIP");
        let other = Error::OtherAccount { expected: "111111111111".into(), actual: "222222222222".into() };
        assert_eq!(verdicts(&other), "OK OK OK NG");
        assert_eq!(verdicts(&Error::Misuse("anything else")), "OK OK NG SKIP");
    }
}
