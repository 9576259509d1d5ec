//! The units of work that a plan consists of.

use std::fmt;

use serde::Serialize;

use crate::service::ServiceName;

/// A unit of work. Each can be repeated: what it would do and finds done is no error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "kebab-case", rename_all_fields = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Removes a change set that an interrupted run left.
    RemoveChangeSet {
        /// The stack it was computed for.
        stack: String,
        /// Its name.
        change_set: String,
    },
    /// Takes up a rollback that failed, and waits until it has ended.
    ContinueRollback {
        /// The stack.
        stack: String,
        /// Resources that are left as they are, by their names in the template.
        skip: Vec<String>,
    },
    /// Deletes a stack and waits until it is gone.
    RemoveStack {
        /// Its name.
        stack: String,
        /// Its ARN.
        stack_id: String,
        /// Why it goes.
        cause: Removal,
        /// Resources that stay behind, by their names in the template: only for those that cannot be deleted.
        leave: Vec<String>,
    },
    /// Removes from the stack all that belongs to a function which somebody deleted by hand, so that it can be made again.
    /// What holds data stays.
    ForgetFunction {
        /// The stack.
        stack: String,
        /// The function.
        function: String,
        /// What stays meanwhile, by the names in the template.
        stays: Vec<String>,
    },
    /// Creates our bucket, private and encrypted.
    CreateBucket {
        /// Its name.
        bucket: String,
    },
    /// Uploads the code.
    Upload {
        /// Where to.
        bucket: String,
        /// The object, named by its content.
        key: String,
        /// Its size.
        bytes: usize,
    },
    /// Has CloudFormation compute what would change. Touches nothing that runs.
    CreateChangeSet {
        /// The stack.
        stack: String,
        /// Whether the stack is new.
        operation: Operation,
    },
    /// Executes the change set and waits until the stack has changed.
    ExecuteChangeSet {
        /// The stack.
        stack: String,
        /// Whether the stack is new.
        operation: Operation,
    },
    /// Has another version answer all that is invoked through the alias, at once.
    MoveAlias {
        /// The function.
        function: String,
        /// The alias.
        alias: String,
        /// The version.
        version: String,
        /// The version that answers now.
        from: Option<String>,
    },
    /// Pushes the image to its repository, layer by layer, only what is missing there.
    PushImage {
        /// The repository; absent where the stack is about to make it.
        repository: Option<String>,
        /// The digest of the image.
        digest: String,
        /// What all of it takes, compressed.
        bytes: u64,
    },
    /// Registers a new revision of the task definition, unless the newest one is what is wanted.
    RegisterTaskDefinition {
        /// Its family.
        family: String,
    },
    /// Makes the service, or brings it to what is wanted, and waits until its tasks run and answer.
    ChangeService {
        /// The service.
        service: ServiceName,
        /// What is done with it.
        operation: Operation,
    },
    /// Has the number of tasks change as is wanted.
    ScaleService {
        /// The service.
        service: ServiceName,
        /// The fewest and the most tasks; absent where the number is not to change any more.
        bounds: Option<(u32, u32)>,
    },
    /// Has a service that rests work again, as many tasks as it is to have, and waits until they answer.
    StartService {
        /// The service.
        service: ServiceName,
    },
    /// Ends the tasks of the service, and removes it.
    RemoveService {
        /// The service.
        service: ServiceName,
    },
    /// Removes revisions of the task definition.
    RemoveTaskDefinitions {
        /// Their family.
        family: String,
        /// The revisions, by their ARNs.
        revisions: Vec<String>,
    },
    /// Asks what runs then, in MCP, whether it is what a client needs.
    Ask {
        /// The stack whose endpoint is asked.
        stack: String,
    },
    /// Keeps what a later run needs to go back to this revision.
    KeepRevision {
        /// Where.
        bucket: String,
    },
    /// Deletes versions of the function that are older than those that are kept.
    RemoveVersions {
        /// The function.
        function: String,
        /// The oldest that is kept.
        oldest_kept: u64,
    },
    /// Deletes uploads and records.
    RemoveObjects {
        /// Where from.
        bucket: String,
        /// The objects.
        keys: Vec<String>,
    },
    /// Deletes our bucket.
    RemoveBucket {
        /// Its name.
        bucket: String,
    },
}

/// Whether a stack is created or updated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// There is none yet.
    Create,
    /// It exists.
    Update,
}

/// Why a stack is removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Removal {
    /// That is what was asked for.
    Asked,
    /// It failed, and CloudFormation lets nothing else be done with it. Holds CloudFormation's name of its state.
    Failed(String),
    /// It is an empty shell that an interrupted run left.
    Empty,
}

impl Step {
    /// Whether it touches something that runs, or leaves something that stays. Nothing else is done unasked.
    #[must_use]
    pub fn needs_consent(&self) -> bool {
        match self {
            Self::RemoveChangeSet { .. } | Self::CreateChangeSet { .. } | Self::Ask { .. } => false,
            Self::RemoveStack { cause, .. } => *cause != Removal::Empty,
            _ => true,
        }
    }
}

/// In words, to stand in a list: no capital, no final period.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RemoveChangeSet { change_set, .. } => {
                write!(f, "remove the change set `{change_set}`, which an earlier run left")
            }
            Self::ContinueRollback { stack, skip } => {
                write!(f, "take up the rollback of the stack `{stack}`, which failed")?;
                if skip.is_empty() { Ok(()) } else { write!(f, ", and leave as they are: {}", skip.join(", ")) }
            }
            Self::RemoveStack { stack, cause, leave, .. } => {
                match cause {
                    Removal::Asked => write!(f, "delete the stack `{stack}` and everything in it")?,
                    Removal::Failed(status) => {
                        write!(f, "delete the stack `{stack}`, which failed ({status}) and can only be replaced")?;
                    }
                    Removal::Empty => write!(f, "delete the empty stack `{stack}`, which an earlier run left")?,
                }
                if leave.is_empty() { Ok(()) } else { write!(f, ", but leave behind: {}", leave.join(", ")) }
            }
            Self::ForgetFunction { stack, function, stays } => {
                write!(
                    f,
                    "have the stack `{stack}` forget the function `{function}`, which somebody deleted; what stays: {}",
                    stays.join(", ")
                )
            }
            Self::CreateBucket { bucket } => write!(f, "create the bucket `{bucket}`, private and encrypted"),
            Self::Upload { bucket, key, bytes } => {
                write!(f, "upload {} of code to `s3://{bucket}/{key}`", Size(*bytes))
            }
            Self::CreateChangeSet { stack, operation: Operation::Create } => {
                write!(f, "have CloudFormation compute what the new stack `{stack}` will hold")
            }
            Self::CreateChangeSet { stack, operation: Operation::Update } => {
                write!(f, "have CloudFormation compute what will change in the stack `{stack}`")
            }
            Self::ExecuteChangeSet { stack, operation: Operation::Create } => write!(f, "create the stack `{stack}`"),
            Self::ExecuteChangeSet { stack, operation: Operation::Update } => write!(f, "update the stack `{stack}`"),
            Self::MoveAlias { function, alias, version, from } => {
                write!(f, "point the alias `{alias}` of the function `{function}` to version {version}")?;
                from.as_ref().map_or(Ok(()), |from| write!(f, " (now {from})"))
            }
            Self::PushImage { repository, digest, bytes } => {
                let size = Size(usize::try_from(*bytes).unwrap_or(usize::MAX));
                let repository = repository.as_deref().unwrap_or("the repository of the stack");
                write!(f, "push the image {digest} ({size}) to {repository}, as far as it is not there")
            }
            Self::RegisterTaskDefinition { family } => {
                write!(f, "register a revision of the task definition `{family}`")
            }
            Self::ChangeService { service, operation: Operation::Create } => {
                write!(f, "create the service `{service}`, and wait until its tasks answer")
            }
            Self::ChangeService { service, operation: Operation::Update } => {
                write!(
                    f,
                    "update the service `{service}`, and wait until its new tasks answer and the old ones are gone"
                )
            }
            Self::ScaleService { service, bounds: Some((least, most)) } => {
                write!(f, "keep between {least} and {most} tasks of the service `{service}`, as scaling decides")
            }
            Self::ScaleService { service, bounds: None } => {
                write!(f, "have scaling leave the service `{service}` alone")
            }
            Self::StartService { service } => {
                write!(f, "start the service `{service}`, which rests, and wait until its tasks answer")
            }
            Self::RemoveService { service } => write!(f, "end the tasks of the service `{service}`, and remove it"),
            Self::RemoveTaskDefinitions { family, revisions } => {
                write!(f, "remove {} of the task definition `{family}`", Revisions(revisions))
            }
            Self::Ask { .. } => write!(f, "ask the server in MCP whether it answers as it should"),
            Self::KeepRevision { bucket } => write!(f, "keep a record of this revision in the bucket `{bucket}`"),
            Self::RemoveVersions { function, oldest_kept } => {
                write!(f, "delete versions of the function `{function}` before {oldest_kept}")
            }
            Self::RemoveObjects { bucket, keys } => match keys.as_slice() {
                [key] => write!(f, "delete `s3://{bucket}/{key}`"),
                keys => write!(f, "delete {} objects of this app in the bucket `{bucket}`", keys.len()),
            },
            Self::RemoveBucket { bucket } => write!(f, "delete the bucket `{bucket}`, which is empty then"),
        }
    }
}

struct Size(usize);

/// Revisions by their numbers, which end their ARNs.
struct Revisions<'a>(&'a [String]);

impl fmt::Display for Revisions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |arn: &String| arn.rsplit(':').next().unwrap_or_default().to_owned();
        match self.0 {
            [one] => write!(f, "revision {}", number(one)),
            [newest, .., oldest] => {
                write!(f, "{} revisions from {} to {}", self.0.len(), number(oldest), number(newest))
            }
            [] => f.write_str("no revision"),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KB: usize = 1000;
        const MB: usize = 1000 * KB;
        match self.0 {
            bytes @ ..KB => write!(f, "{bytes} bytes"),
            bytes @ KB..MB => write!(f, "{} kB", bytes.div_ceil(KB)),
            bytes => write!(f, "{}.{} MB", bytes / MB, bytes % MB / (MB / 10)),
        }
    }
}
