//! GitHub Actions: a workflow that tests what is proposed and deploys what is on the branch.
//!
//! It belongs into the root of the repository: `mcp-cloud emit --target github-actions --into ROOT`. The files of the
//! target that it deploys are emitted beside `mcp-cloud.toml` and committed; the workflow fails when they are not what is
//! emitted now.
//!
//! No key is stored at GitHub: the cloud trusts the workflow's own token (OpenID Connect), which is given to the job that
//! deploys alone. What is not in `mcp-cloud.toml` is read from variables of the repository, or of its environment, which is
//! called like that of `mcp-cloud.toml`, else `production`:
//!
//! | target | variables |
//! |---|---|
//! | `sam`, `ecs` | `AWS_ROLE_ARN` unless `github-actions.role`, `AWS_REGION` unless `aws.region` |
//! | `cloud-run` | `GOOGLE_WORKLOAD_IDENTITY_PROVIDER`, `GOOGLE_SERVICE_ACCOUNT`, `GOOGLE_PROJECT` unless `google.project` |
//! | `azure-functions` | `AZURE_CLIENT_ID`, `AZURE_TENANT_ID`, `AZURE_SUBSCRIPTION_ID`, `AZURE_RESOURCE_GROUP` |

mod deploy;
mod limits;
mod lower;
mod schema;

use super::{Bundle, Code, Target, yaml};
use crate::{app::App, diagnostic::Diagnostic};

/// The emitted file, in the root of the repository.
pub const WORKFLOW: &str = ".github/workflows/deploy.yml";

/// An action by the commit of a release; a tag can be moved to another.
struct Action {
    /// As `uses` names it.
    uses: &'static str,
    /// The release.
    version: &'static str,
}

const CHECKOUT: Action =
    Action { uses: "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", version: "v7.0.1" };
const SETUP_NODE: Action =
    Action { uses: "actions/setup-node@820762786026740c76f36085b0efc47a31fe5020", version: "v7.0.0" };
const SETUP_PYTHON: Action =
    Action { uses: "actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97", version: "v7.0.0" };
const AWS_CREDENTIALS: Action = Action {
    uses: "aws-actions/configure-aws-credentials@e6de054238d6b7531b4efff3b6587d9aade6a06c",
    version: "v6.2.3",
};
const GOOGLE_AUTH: Action =
    Action { uses: "google-github-actions/auth@7c6bc770dae815cd3e89ee6cdf493a5fab2cc093", version: "v3.0.0" };
const SETUP_GCLOUD: Action =
    Action { uses: "google-github-actions/setup-gcloud@aa5489c8933f4cc7a4f7d45035b3b1440c9c10db", version: "v3.0.1" };
const AZURE_LOGIN: Action = Action { uses: "azure/login@f5d393ae46f8fde4be8b75f32e3fc50e654ad0ca", version: "v3.0.1" };
const ACTIONS: [Action; 7] =
    [CHECKOUT, SETUP_NODE, SETUP_PYTHON, AWS_CREDENTIALS, GOOGLE_AUTH, SETUP_GCLOUD, AZURE_LOGIN];

/// Holds an app against what GitHub takes, and what the workflow deploys. That target's own limits are its own to check.
#[must_use]
pub fn check(app: &App) -> Vec<Diagnostic> {
    limits::check(app)
}

/// Lowers an app to its workflow.
#[must_use]
pub fn emit(app: &App, code: &Code) -> Bundle {
    let mut bundle = Bundle::default();
    let mut body = yaml::to_string(&lower::workflow(app, code));
    // Comments are no part of the document. Text of the app has no line breaks in it that are not escaped.
    for Action { uses, version } in ACTIONS {
        body = body.replace(&format!(" uses: {uses}\n"), &format!(" uses: {uses} # {version}\n"));
    }
    body = body
        .replace(" id-token: write\n", " id-token: write # the cloud knows the workflow by it, without a stored key\n");
    bundle.text(WORKFLOW, Target::GithubActions, "#", &body);
    bundle
}
