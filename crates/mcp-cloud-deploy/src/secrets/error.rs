//! What can go wrong with secrets, and what to do about it. No error says anything about a value.

use thiserror::Error;

use super::MissingSecret;

/// Why a secret cannot be set, replaced or removed, or an app cannot be deployed for want of one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The app needs secrets that are not there.
    #[error("{}", missing(.0))]
    Missing(Vec<MissingSecret>),
    /// Nothing was given.
    #[error("the value is empty")]
    Empty,
    /// The value is not UTF-8.
    #[error("the value is no text in UTF-8")]
    NotText,
    /// The value is longer than Secrets Manager keeps.
    #[error("the value is longer than the 65536 bytes that Secrets Manager keeps")]
    TooLong,
    /// The operating system gives no random numbers.
    #[error("the operating system has no random numbers to make a value of")]
    NoRandomness,
    /// There is no such secret.
    #[error("there is no secret `{name}`")]
    NoSuchSecret {
        /// Its name or ARN.
        name: String,
        /// The variable it is asked for by.
        variable: String,
    },
    /// It is on its way out.
    #[error("the secret `{name}` is to be deleted on {date}")]
    Leaving {
        /// Its name.
        name: String,
        /// The variable it is asked for by.
        variable: String,
        /// When, in RFC 3339.
        date: String,
    },
    /// A member of JSON is asked for, and what the secret holds is no object.
    #[error("the secret `{name}` holds no JSON object, and `{key}` is to be a member of one")]
    NoObject {
        /// Its name.
        name: String,
        /// The member.
        key: String,
    },
    /// A rotation to the value that is there already.
    #[error("the secret `{name}` has this value already")]
    SameValue {
        /// Its name.
        name: String,
    },
    /// Somebody else made it.
    #[error("the secret `{name}` was not created by mcp-cloud for `{app}`")]
    NotOurs {
        /// Its name.
        name: String,
        /// The app that is asked about.
        app: String,
    },
    /// What runs refers to it.
    #[error("the secret `{name}` is still referred to by what is deployed as `{app}`")]
    InUse {
        /// Its name.
        name: String,
        /// The app.
        app: String,
    },
    /// The ARN that the file names cannot be made here.
    #[error("there is no secret `{arn}`, and it would belong to another account or region")]
    Elsewhere {
        /// The ARN.
        arn: String,
    },
}

fn missing(secrets: &[MissingSecret]) -> String {
    let noun = if let [_] = secrets { "a secret that is" } else { "secrets that are" };
    let list: Vec<_> = secrets.iter().map(ToString::to_string).collect();
    format!("the server needs {noun} not there: {}", list.join("; "))
}

impl SecretError {
    /// Says what to do about it: one sentence, lower case, no final period.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing(secrets) => {
                let commands: Vec<_> =
                    secrets.iter().map(|secret| format!("`mcp-cloud secrets set {}`", secret.variable)).collect();
                return Some(format!("run {}", commands.join(", ")));
            }
            Self::Empty => "pipe it in, as in `mcp-cloud secrets set NAME < file`, or type it when asked",
            Self::NotText => "write it in Base64, and have the server decode it",
            Self::TooLong => "keep it in a bucket, and only its key in a secret",
            Self::NoRandomness => "try again, or give a value of your own with `--given`",
            Self::NoSuchSecret { variable, .. } => {
                return Some(format!("create it with `mcp-cloud secrets set {variable}`"));
            }
            Self::Leaving { variable, .. } => {
                return Some(format!("`mcp-cloud secrets set {variable}` restores it, once you agree"));
            }
            Self::NoObject { .. } => "take `key` out of `mcp-cloud.toml`, or put an object into the secret first",
            Self::SameValue { .. } => "give another one, or leave `--given` out to have one made up",
            Self::NotOurs { .. } => "whoever made it removes it; `aws secretsmanager describe-secret` shows its tags",
            Self::InUse { .. } => {
                "take it out of `mcp-cloud.toml` and deploy first, or pass `--force` and break the next deployment"
            }
            Self::Elsewhere { .. } => "create it there, or name one of this account and region in `mcp-cloud.toml`",
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::Absence;

    #[test]
    fn missing_secrets_are_named_with_the_command_for_each() {
        let secret = |variable: &str, absence| MissingSecret {
            variable: variable.to_owned(),
            secret: format!("arn-of-{variable}"),
            absence,
        };
        let error = SecretError::Missing(vec![
            secret("API", Absence::NoSuchSecret),
            secret("KEY", Absence::Leaving { date: "2026-12-01T00:00:00Z".to_owned() }),
        ]);
        assert_eq!(
            error.to_string(),
            "the server needs secrets that are not there: `API` (`arn-of-API` does not exist); `KEY` (`arn-of-KEY` is to be \
             deleted on 2026-12-01T00:00:00Z)"
        );
        assert_eq!(error.hint().as_deref(), Some("run `mcp-cloud secrets set API`, `mcp-cloud secrets set KEY`"));
    }

    #[test]
    fn hints_are_one_lower_case_sentence_without_a_period() {
        let name = || "a".to_owned();
        for error in [
            SecretError::Empty,
            SecretError::NotText,
            SecretError::TooLong,
            SecretError::NoRandomness,
            SecretError::NoSuchSecret { name: name(), variable: name() },
            SecretError::NoObject { name: name(), key: name() },
            SecretError::SameValue { name: name() },
            SecretError::NotOurs { name: name(), app: name() },
            SecretError::InUse { name: name(), app: name() },
            SecretError::Elsewhere { arn: name() },
        ] {
            let hint = error.hint().expect("each has one");
            assert!(
                hint.starts_with(|first: char| first.is_lowercase() || first == '`') && !hint.ends_with('.'),
                "{hint}"
            );
        }
    }
}
