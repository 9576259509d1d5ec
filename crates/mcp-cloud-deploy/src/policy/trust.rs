//! Who takes a role.

use super::{
    document::{Document, Statement},
    scope::Scope,
};

/// Who vouches for workflows of GitHub
/// (<https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws>).
const GITHUB: &str = "token.actions.githubusercontent.com";
/// For whom GitHub's tokens are when AWS's own action asks for them.
const AUDIENCE: &str = "sts.amazonaws.com";

/// A repository of GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GithubRepository {
    owner: String,
    name: String,
}

impl GithubRepository {
    /// Reads `owner/name`; nothing for what is no repository, or would be a pattern.
    #[must_use]
    pub fn from_name(text: &str) -> Option<Self> {
        let (owner, name) = text.split_once('/')?;
        let is_name = |part: &str| {
            !part.is_empty() && part.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
        };
        (is_name(owner) && is_name(name)).then(|| Self { owner: owner.to_owned(), name: name.to_owned() })
    }
}

/// Who may take the role.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trusted {
    /// Workflows of a repository that run for one branch, and so neither those of pull requests nor of other branches.
    Github {
        /// The repository.
        repository: GithubRepository,
        /// The branch.
        branch: String,
    },
    /// An account, a user or another role, by ARN.
    Principal(String),
}

/// The trust policy of a role.
///
/// The account has to know GitHub as an identity provider, which is done once for all roles.
#[must_use]
pub fn trust(scope: &Scope, trusted: &Trusted) -> Document {
    let statement = match trusted {
        Trusted::Github { repository: GithubRepository { owner, name }, branch } => {
            let provider = format!("arn:{}:iam::{}:oidc-provider/{GITHUB}", scope.partition(), scope.account());
            // `StringEquals`, so that no character of a branch means more than itself.
            Statement::allow(vec!["sts:AssumeRoleWithWebIdentity".to_owned()], Vec::new())
                .to("Federated", provider)
                .under(Some(("StringEquals", "token.actions.githubusercontent.com:aud", AUDIENCE)))
                .under(Some((
                    "StringEquals",
                    "token.actions.githubusercontent.com:sub",
                    format!("repo:{owner}/{name}:ref:refs/heads/{branch}"),
                )))
        }
        Trusted::Principal(arn) => {
            Statement::allow(vec!["sts:AssumeRole".to_owned()], Vec::new()).to("AWS", arn.clone())
        }
    };
    Document::new(vec![statement])
}
