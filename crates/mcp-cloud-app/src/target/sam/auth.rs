//! Who lets callers in, in front of a function.

use crate::app::{App, AuthMode};

/// What IAM authorization is called everywhere in API Gateway and Lambda.
pub(super) const AWS_IAM: &str = "AWS_IAM";

/// What stands in front of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// Everyone may call.
    Nobody,
    /// IAM; a load balancer, which has none, is reached from its own network only.
    Iam,
    /// Whoever has a token of the issuer.
    Tokens,
}

pub(super) fn guard(app: &App) -> Guard {
    match app.auth.mode {
        AuthMode::None => Guard::Nobody,
        AuthMode::Platform => Guard::Iam,
        AuthMode::Jwt | AuthMode::Cognito => Guard::Tokens,
    }
}
