//! What can go wrong with a deployment, and what to do about it.

mod aws;

use std::error::Error as StdError;

use thiserror::Error;

pub use self::aws::{AwsError, AwsFault};
use crate::{
    artifact::ArchiveError, build::BuildError, command_image::CommandError, logs::NoLogGroup, observe::StackState,
    packages::PackageError, secrets::SecretError, service,
};

/// Why a deployment could not be observed, planned or applied.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The server does not build.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The program cannot be packed.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Nothing says which AWS region is meant.
    #[error("no AWS region is set")]
    NoRegion,
    /// What was given as a region cannot be one.
    #[error("`{region}` is not an AWS region")]
    NotARegion {
        /// What was given.
        region: String,
    },
    /// The credentials are of another account than the only one that may be touched.
    #[error("the credentials are of account {actual}, and only {expected} may be touched")]
    OtherAccount {
        /// The account that is meant.
        expected: String,
        /// The account of the credentials.
        actual: String,
    },
    /// The chain of credential sources ended without any.
    #[error("no AWS credentials were found")]
    NoCredentials {
        /// What the sources say.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A source of credentials is configured and failed, such as a single sign-on session that is over.
    #[error("cannot load AWS credentials")]
    Credentials {
        /// What the source says.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// AWS refused a call, or could not be reached.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// Nothing is deployed where something was expected.
    #[error("there is no stack `{stack}`")]
    NotDeployed {
        /// The stack that was looked for.
        stack: String,
    },
    /// There are no logs.
    #[error(transparent)]
    NoLogGroup(#[from] NoLogGroup),
    /// Something about a secret.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Something about a service of ECS.
    #[error(transparent)]
    Service(#[from] service::Error),
    /// An image cannot be assembled or pushed.
    #[error(transparent)]
    Image(#[from] mcp_cloud_image::Error),
    /// The packages of a command cannot be installed.
    #[error(transparent)]
    Packages(#[from] PackageError),
    /// The image of a command would not run it.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A stack of the app's name belongs to something else.
    #[error("the stack `{stack}` was not created by mcp-cloud for this app")]
    StackNotOurs {
        /// The stack.
        stack: String,
    },
    /// The bucket belongs to another account.
    #[error("the bucket `{bucket}` exists and does not belong to account {account}, or may not be seen by it")]
    BucketNotOurs {
        /// The bucket.
        bucket: String,
        /// The account of the credentials.
        account: String,
    },
    /// The bucket that was named does not exist.
    #[error("there is no bucket `{bucket}`")]
    NoBucket {
        /// The bucket.
        bucket: String,
    },
    /// Lambda takes code only from a bucket of its own region.
    #[error("the bucket `{bucket}` is in {actual}, and the function is to be in {expected}")]
    BucketElsewhere {
        /// The bucket.
        bucket: String,
        /// Where it is.
        actual: String,
        /// Where it would have to be.
        expected: String,
    },
    /// The stack is in a state that only a person can resolve.
    #[error("the stack `{stack}` is in {status} and cannot be changed{}", reason_suffix(reason.as_deref()))]
    Stuck {
        /// The stack.
        stack: String,
        /// CloudFormation's name of the state.
        status: String,
        /// CloudFormation's reason, if it gives one.
        reason: Option<String>,
    },
    /// The stack may not be deleted.
    #[error("the stack `{stack}` is protected against deletion")]
    Protected {
        /// The stack.
        stack: String,
    },
    /// Resources were to be left behind, and none of them failed to be deleted yet.
    #[error("nothing of the stack `{stack}` can be left behind while it is in {status}")]
    NothingToLeave {
        /// The stack.
        stack: String,
        /// CloudFormation's name of its state.
        status: String,
    },
    /// The template is longer than CloudFormation takes inline.
    #[error("the template has {bytes} bytes, and CloudFormation takes {limit}")]
    TemplateTooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// CloudFormation could not compute the changes.
    #[error("CloudFormation refused the changes to the stack `{stack}`: {reason}")]
    ChangeSetFailed {
        /// The stack.
        stack: String,
        /// Its reason.
        reason: String,
    },
    /// A stack operation ended in a failure.
    #[error(
        "the stack `{stack}` ended in {status}{}",
        failure.as_ref().map(|failure| format!(": {failure}")).unwrap_or_default()
    )]
    StackFailed {
        /// The stack.
        stack: String,
        /// The state it ended in.
        status: String,
        /// The first resource that failed; the others failed because of it.
        failure: Option<Box<crate::watch::ResourceEvent>>,
    },
    /// Another run changes the app.
    #[error("another run is changing `{app}`{}", holder.as_ref().map(|holder| format!(": {holder}")).unwrap_or_default())]
    Locked {
        /// The app.
        app: String,
        /// Who, as far as it is known.
        holder: Option<String>,
    },
    /// Another run took the lock over, because this one could not be heard of for too long.
    #[error("another run has taken over the lock `s3://{bucket}/{key}` meanwhile")]
    LockLost {
        /// Where it is.
        bucket: String,
        /// The object.
        key: String,
    },
    /// Between the plan and its execution somebody else changed what it was made for.
    #[error("`{app}` was changed by somebody else after the plan was made")]
    ChangedMeanwhile {
        /// The app.
        app: String,
    },
    /// The record of a revision cannot be used.
    #[error("cannot read the record of a revision, `{key}`: {problem}")]
    Record {
        /// The object.
        key: String,
        /// Why.
        problem: String,
    },
    /// The template of a stack cannot be read.
    #[error("cannot read the template of the stack `{stack}`: {problem}")]
    TemplateUnreadable {
        /// The stack.
        stack: String,
        /// Why.
        problem: String,
    },
    /// There is no revision to go back to.
    #[error("`{app}` has no {} to go back to", wanted.as_ref().map_or("earlier revision".to_owned(), |wanted| format!("revision {wanted}")))]
    NoRevision {
        /// The app.
        app: String,
        /// The one that was asked for.
        wanted: Option<String>,
    },
    /// The code of a revision was removed.
    #[error("the code of version {version} is no longer there: `{key}`")]
    CodeGone {
        /// Lambda's number of the version.
        version: String,
        /// The object that is missing.
        key: String,
    },
    /// The server did not answer as it should.
    #[error("the server does not answer as it should: {question}{}", rolled_back)]
    GateFailed {
        /// The question that failed, and what came instead.
        question: String,
        /// What became of the deployment.
        rolled_back: RolledBack,
    },
    /// The tasks of a service did not come to answer.
    #[error("{failure}{rolled_back}")]
    RolloutFailed {
        /// Why. It is all of the sentence, and so no source that would be told once more.
        failure: Box<crate::service::Error>,
        /// What became of the deployment.
        rolled_back: RolledBack,
    },
    /// The stack is the app on another target.
    #[error("the stack `{stack}` is this app on the target `{actual}`, and it was to be deployed on `{wanted}`")]
    OtherTarget {
        /// The stack.
        stack: String,
        /// Where it is.
        actual: String,
        /// Where it was to be.
        wanted: String,
    },
    /// The image of a revision is not in its repository any more.
    #[error("the image {digest} of version {version} is not in its repository any more")]
    ImageGone {
        /// The version.
        version: String,
        /// The image.
        digest: String,
    },
    /// Requests of a service are moved from old tasks to new ones, and are not to be any more.
    #[error(
        "requests of the service `{service}` are moved between two target groups, and it cannot do without one of them"
    )]
    StopsMoving {
        /// The service.
        service: String,
    },
    /// What CloudFormation would do goes beyond the plan that was shown.
    #[error("CloudFormation would do more than the plan says: {}", beyond.join("; "))]
    BeyondPlan {
        /// What, a sentence each.
        beyond: Vec<String>,
    },
    /// A step was asked for that the plan before it does not allow.
    #[error("{0}")]
    Misuse(&'static str),
}

/// What became of a deployment whose server did not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RolledBack {
    /// The version that ran before runs again.
    To(String),
    /// It was the first one, so it was removed.
    Removed,
    /// It runs on, because that was asked for, or because nothing was deployed by this run.
    Not,
    /// The way back failed, too.
    Failed(String),
}

impl std::fmt::Display for RolledBack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::To(version) => write!(f, "; version {version} answers again"),
            Self::Removed => f.write_str("; what was created is removed"),
            Self::Not => f.write_str("; it is left as it is"),
            Self::Failed(problem) => write!(f, "; and the way back failed: {problem}"),
        }
    }
}

fn reason_suffix(reason: Option<&str>) -> String {
    reason.map(|reason| format!(": {reason}")).unwrap_or_default()
}

impl Error {
    /// Says what to do about it: one sentence, lower case, no final period.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Build(error) => return error.hint(),
            Self::NoRegion => {
                "pass `--region`, set `AWS_REGION`, or write `region = \"…\"` under `[aws]` in `mcp-cloud.toml`"
            }
            Self::NotARegion { .. } => "name one such as `eu-central-1`",
            Self::OtherAccount { .. } => {
                "choose another profile with `AWS_PROFILE`, or another `aws.account` in `mcp-cloud.toml`"
            }
            Self::NoCredentials { .. } => {
                "set `AWS_PROFILE`, run `aws sso login` or `aws configure`, or set `AWS_ACCESS_KEY_ID` and \
                 `AWS_SECRET_ACCESS_KEY`"
            }
            Self::Credentials { .. } => "mend that source, or log in again, for example with `aws sso login`",
            Self::Secret(error) => return error.hint(),
            Self::Service(error) => return error.hint(),
            Self::Image(error) => return error.hint(),
            Self::Packages(error) => return error.hint(),
            Self::Command(error) => return error.hint(),
            Self::NoLogGroup(error) => return Some(error.hint()),
            Self::Aws(error) => return error.fault.hint().map(str::to_owned),
            Self::NotDeployed { .. } => "run `mcp-cloud deploy`, or name another region, account or environment",
            Self::StackNotOurs { .. } => "choose another `name` in `mcp-cloud.toml`, or another region",
            Self::BucketNotOurs { .. } | Self::NoBucket { .. } => {
                "name a bucket of your own with `--bucket`, and check that you may list it"
            }
            Self::BucketElsewhere { .. } => "name a bucket in the function's region, or leave `--bucket` out",
            Self::Stuck { status, .. } if StackState::of(status) == StackState::RollbackFailed => {
                "run `mcp-cloud deploy`; it takes the rollback up again first"
            }
            Self::StackFailed { status, .. } if StackState::of(status) == StackState::RollbackFailed => {
                "mend the cause and repeat `mcp-cloud deploy`; name with `--skip` what cannot be rolled back"
            }
            Self::Stuck { status, .. } if StackState::of(status) == StackState::Stuck => {
                "resolve it in the CloudFormation console, then repeat the command"
            }
            Self::Protected { stack } => {
                return Some(format!(
                    "run `aws cloudformation update-termination-protection --no-enable-termination-protection \
                     --stack-name {stack}` first"
                ));
            }
            Self::NothingToLeave { .. } => {
                "repeat the command without `--leave`; if a resource cannot be deleted, it says which, and that one can be left"
            }
            Self::Locked { .. } => "wait until it is done, and repeat the command",
            Self::LockLost { .. } | Self::ChangedMeanwhile { .. } => "repeat the command; it makes a new plan",
            Self::NoRevision { .. } => "`mcp-cloud status` lists the revisions that are kept",
            Self::CodeGone { .. } => {
                "check out the commit that `mcp-cloud status` names for it, and run `mcp-cloud deploy`"
            }
            Self::GateFailed { rolled_back: RolledBack::Failed(_), .. } => {
                "run `mcp-cloud rollback`, or mend the cause and run `mcp-cloud deploy`"
            }
            Self::RolloutFailed { rolled_back: RolledBack::Failed(_), .. } => {
                "run `mcp-cloud rollback`, or mend the cause and run `mcp-cloud deploy`"
            }
            Self::RolloutFailed { failure, .. } => return failure.hint(),
            Self::OtherTarget { .. } => {
                "pass the target that it is on, or give this one an environment of its own: `[env.NAME]` in `mcp-cloud.toml`"
            }
            Self::StopsMoving { .. } => {
                "write `shift = \"blue-green\"` and `bake = 0` under `[ecs]`, or remove it first: `mcp-cloud destroy`"
            }
            Self::ImageGone { .. } => "deploy the commit that it was built from again",
            Self::GateFailed { rolled_back: RolledBack::Removed, .. } => {
                "the end of its log, shown before it was removed, may say why; mend the cause and repeat the command"
            }
            Self::GateFailed { .. } => "`mcp-cloud logs` may say why; mend the cause and repeat the command",
            Self::BeyondPlan { .. } => {
                "read it, and if that is what you want, repeat the command in a terminal without `--yes`, where it asks, or with \
                 `--accept-beyond-plan`"
            }
            Self::TemplateTooLong { .. } => "shorten the environment, the tags or the policies of `mcp-cloud.toml`",
            Self::StackFailed { failure: Some(failure), .. } if failure.is_of_a_role_that_is_new() => {
                "a new role takes a moment to be known everywhere, so repeat the command; a role of your own has to let \
                 `lambda.amazonaws.com` assume it"
            }
            Self::StackFailed { status, .. } if status == "DELETE_FAILED" => {
                "mend the cause and repeat the command; with `--leave` and its name in the template, a resource that cannot \
                 be deleted stays behind"
            }
            Self::StackFailed { status, .. } if status == "UPDATE_ROLLBACK_FAILED" => {
                "mend the cause and run `mcp-cloud deploy`, which takes the rollback up; with `--skip` and its name in the \
                 template, a resource is left as it is"
            }
            Self::StackFailed { status, .. } if StackState::of(status) == StackState::Failed => {
                "mend the cause and repeat the command; it removes the failed stack first"
            }
            Self::StackFailed { status, .. } if status == "UPDATE_ROLLBACK_COMPLETE" => {
                "what ran before runs again; mend the cause and repeat the command"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> Error {
        let said = "User: arn:aws:iam::1:user/x is not authorized to do this.";
        let mut error = AwsError::refused("describe the stack `hello`".to_owned(), Some(code), Some(said));
        error.request_id = Some("8c1f".to_owned());
        Error::Aws(error)
    }

    #[test]
    fn aws_error_keeps_code_message_and_request_id() {
        assert_eq!(
            refused("AccessDenied").to_string(),
            "cannot describe the stack `hello`: User: arn:aws:iam::1:user/x is not authorized to do this (AccessDenied, \
             request 8c1f)"
        );
    }

    #[test]
    fn usual_suspects_have_a_hint() {
        for code in ["ExpiredToken", "InvalidClientTokenId", "AccessDenied", "Throttling", "InternalFailure"] {
            assert!(refused(code).hint().is_some(), "{code}");
        }
        assert_eq!(refused("ValidationError").hint(), None);
        assert!(Error::NoRegion.hint().is_some_and(|hint| hint.contains("--region")));
    }

    #[test]
    fn hints_are_one_lower_case_sentence_without_a_period() {
        let stack = || "hello".to_owned();
        let hints = [
            Error::NoRegion.hint(),
            Error::StackNotOurs { stack: stack() }.hint(),
            Error::Stuck { stack: stack(), status: "UPDATE_ROLLBACK_FAILED".to_owned(), reason: None }.hint(),
            Error::Protected { stack: stack() }.hint(),
            Error::StackFailed { stack: stack(), status: "ROLLBACK_COMPLETE".to_owned(), failure: None }.hint(),
        ];
        for hint in hints.into_iter().map(|hint| hint.expect("each of these has one")) {
            assert!(hint.starts_with(char::is_lowercase) && !hint.ends_with('.'), "{hint}");
        }
    }
}
