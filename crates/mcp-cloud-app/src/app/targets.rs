//! What only one target, or the targets of one cloud, know.

use super::words::{PipelineTarget, SecretDelivery, Shift, TaskShift, Trigger};

/// The account and region for targets of AWS: the section `[aws]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Aws {
    /// The region to deploy to; absent when whoever deploys decides it by their AWS profile or environment.
    pub region: Option<String>,
    /// The only account to deploy to.
    pub account: Option<String>,
}

/// How a server runs on AWS Lambda: the section `[lambda]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lambda {
    /// What invokes the function.
    pub trigger: Trigger,
    /// Memory in MB; 128 to 10240. Lambda gives processor time in proportion.
    pub memory_mb: u32,
    /// Longest invocation in seconds; 1 to 900.
    pub timeout_seconds: u32,
    /// ARNs of the managed policies the function's role gets, besides what the template itself needs.
    pub policies: Vec<String>,
    /// How secrets reach the function.
    pub secrets: SecretDelivery,
    /// ARN of the certificate for the domain of a gateway or load balancer.
    pub certificate: Option<String>,
    /// Hosted zone of Route 53 in which the domain is entered.
    pub hosted_zone: Option<String>,
    /// Instances kept warm; none where 0.
    pub provisioned: u32,
    /// Instances that there are at most; limited by the account alone where absent.
    pub reserved: Option<u32>,
    /// How a new version takes over.
    pub shift: Shift,
    /// Revisions to roll back to that are kept, the one that serves among them; 1 to 100.
    pub keep_revisions: u32,
}

/// How a server runs on ECS Fargate: the section `[ecs]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ecs {
    /// Processor units of a task; 1024 are one processor.
    pub cpu: u32,
    /// Memory of a task in MB.
    pub memory_mb: u32,
    /// Tasks that are always there.
    pub minimum: u32,
    /// Tasks that there are at most.
    pub maximum: u32,
    /// Share of tasks in percent that run on Fargate Spot.
    pub spot_percent: u32,
    /// ARNs of the managed policies the task's role gets.
    pub policies: Vec<String>,
    /// ARN of the certificate of the load balancer.
    pub certificate: Option<String>,
    /// Hosted zone of Route 53 in which the domain is entered.
    pub hosted_zone: Option<String>,
    /// The cluster to run in; one is made where absent.
    pub cluster: Option<String>,
    /// Seconds of silence after which the load balancer closes a connection.
    pub idle_timeout_seconds: u32,
    /// Seconds that a task may take to end.
    pub stop_timeout_seconds: u32,
    /// How new tasks take over.
    pub shift: TaskShift,
    /// Minutes that old tasks stay after the last request has moved to new ones; 0 to 1440. Nothing where tasks are
    /// replaced one after the other.
    pub bake_minutes: u32,
    /// Revisions to roll back to that are kept, the one that serves among them; 1 to 100.
    pub keep_revisions: u32,
    /// Whether commands may be run in the tasks.
    pub exec: bool,
    /// Repository that images are pushed to; one is made where absent.
    pub repository: Option<String>,
}

/// The project and region for targets of Google Cloud: the section `[google]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Google {
    /// The project to deploy to; absent when whoever deploys decides it by their configuration.
    pub project: Option<String>,
    /// The region to deploy to.
    pub region: String,
}

/// How a server runs on Cloud Run: the section `[cloud-run]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloudRun {
    /// Thousandths of a processor.
    pub cpu_milli: u32,
    /// Memory in MiB.
    pub memory_mb: u32,
    /// Instances that are always there.
    pub minimum: u32,
    /// Instances that there are at most.
    pub maximum: u32,
    /// Longest request in seconds; 1 to 3600.
    pub timeout_seconds: u32,
    /// Who the service acts as; one is made for it where absent.
    pub service_account: Option<String>,
    /// The Artifact Registry repository that images are pushed to.
    pub repository: String,
    /// Who may call, as members of an IAM policy.
    pub invokers: Vec<String>,
}

/// The location for targets of Azure: the section `[azure]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Azure {
    /// The location to deploy to; that of the resource group where absent.
    pub location: Option<String>,
}

/// How a server runs on Azure Functions: the section `[azure-functions]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AzureFunctions {
    /// Memory of an instance in MB: 512, 2048 or 4096.
    pub memory_mb: u32,
    /// Instances that are always ready.
    pub minimum: u32,
    /// Instances that there are at most.
    pub maximum: u32,
}

/// How a server runs under Docker Compose: the section `[compose]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compose {
    /// Port of this machine that the server is reached at.
    pub port: u16,
    /// Thousandths of a processor that it may use.
    pub cpu_milli: u32,
    /// Memory in MiB that it may use.
    pub memory_mb: u32,
    /// Whether a proxy in front of it speaks TLS for the domain.
    pub tls: bool,
}

/// The pipeline that deploys a server: the section `[github-actions]`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GithubActions {
    /// The branch that is deployed.
    pub branch: String,
    /// What is deployed.
    pub target: PipelineTarget,
    /// ARN of the role that the workflow takes on AWS; read from the repository's variable `AWS_ROLE_ARN` where absent.
    pub role: Option<String>,
}
