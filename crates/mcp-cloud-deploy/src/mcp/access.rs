//! Who lets callers in to a deployed server, and so what has to be shown there.

use mcp_cloud_app::{
    App, Target,
    app::{AuthMode, Trigger},
};
use serde::Serialize;

use super::http::{Authorization, Token};

/// What whoever calls a server has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Nothing.
    Open,
    /// A signature with AWS credentials.
    Signed {
        /// The service that the signature is for.
        service: &'static str,
    },
    /// A bearer token of the app's issuer.
    Token,
}

impl Access {
    /// What stands in front of an app on Lambda.
    #[must_use]
    pub fn of(app: &App) -> Self {
        Self::on(app, Target::Sam)
    }

    /// What stands in front of an app where it runs. A load balancer has nothing of the platform's: it is reached from its
    /// own network alone.
    #[must_use]
    pub fn on(app: &App, target: Target) -> Self {
        let trigger = app.lambda.trigger;
        match app.auth.mode {
            AuthMode::None => Self::Open,
            AuthMode::Platform if target == Target::Ecs || trigger == Trigger::Alb => Self::Open,
            AuthMode::Platform if trigger.is_function_url() => Self::Signed { service: "lambda" },
            AuthMode::Platform => Self::Signed { service: "execute-api" },
            AuthMode::Jwt | AuthMode::Cognito => Self::Token,
        }
    }

    /// What is shown, given the token that there may be; `None` where one is asked for and there is none. A server without
    /// a guard in front of it may still ask for a token itself, so one that is there is shown.
    #[must_use]
    pub fn authorization(self, token: Option<Token>) -> Option<Authorization> {
        match (self, token) {
            (Self::Signed { service }, _) => Some(Authorization::Signed(service)),
            (_, Some(token)) => Some(Authorization::Bearer(token)),
            (Self::Open, None) => Some(Authorization::Nobody),
            (Self::Token, None) => None,
        }
    }
}
