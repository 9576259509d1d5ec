//! Where a server can be deployed to, as the command line spells it.

use mcp_cloud_app::Target;

/// Where a server runs on AWS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Hosting {
    /// A function of AWS Lambda
    #[default]
    Sam,
    /// A service of ECS on Fargate, behind a load balancer
    Ecs,
}

impl Hosting {
    /// What is emitted for it.
    pub(crate) fn target(self) -> Target {
        match self {
            Self::Sam => Target::Sam,
            Self::Ecs => Target::Ecs,
        }
    }
}
