//! The least that whoever deploys an app has to be allowed, as policies of IAM.
//!
//! It follows from two tables: the calls that this crate makes, and what CloudFormation calls in the caller's name for the
//! types of resources that the app's template has. Both are allowed on what is the app's own, as far as its names are
//! known before it is there; where AWS makes the names, on everything of that kind.

mod document;
mod resources;
pub(crate) mod scope;
mod trust;

use std::collections::{BTreeMap, BTreeSet};

use mcp_cloud_app::{App, Code, Target};

pub use self::{
    document::{Document, LIMIT_CHARACTERS, Statement},
    scope::Scope,
    trust::{GithubRepository, Trusted, trust},
};
use self::{resources::When, scope::On};
use crate::aws::actions::{CALLS, CALLS_OF_A_SERVICE, Call};

/// What a role is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// Creates and updates, takes back what failed, and asks the server afterwards.
    Deploy,
    /// Looks on, reads logs, goes back to an earlier version, and keeps secrets.
    Operate,
    /// Removes everything.
    Destroy,
    /// Finds out what would stop a deployment.
    Doctor,
}

impl Purpose {
    /// Every one of them.
    pub const ALL: [Self; 4] = [Self::Deploy, Self::Operate, Self::Destroy, Self::Doctor];

    /// As the command line spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Operate => "operate",
            Self::Destroy => "destroy",
            Self::Doctor => "doctor",
        }
    }

    /// Finds a purpose by the name the command line uses.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }

    /// Whether CloudFormation calls something for it. What failed half-way is taken back, so whoever makes something has
    /// to be able to remove it, too.
    fn includes(self, when: When) -> bool {
        match self {
            Self::Deploy => true,
            Self::Destroy => matches!(when, When::Read | When::Removed),
            // Drift is found by looking at each resource.
            Self::Operate => matches!(when, When::Read),
            Self::Doctor => false,
        }
    }
}

/// The types of resources that the template of an app has, as CloudFormation sees them.
#[must_use]
pub fn resource_types(app: &App) -> BTreeSet<String> {
    let code = Code::S3 { bucket: String::new(), key: String::new() };
    let template = Target::Sam.template(app, &code).unwrap_or_default();
    let mut kinds = BTreeSet::new();
    for (_, resource) in template.get("Resources").and_then(|resources| resources.as_object()).into_iter().flatten() {
        let kind = resource.get("Type").and_then(|kind| kind.as_str()).unwrap_or_default();
        let properties = resource.get("Properties").cloned().unwrap_or_default();
        let expanded = resources::expanded(kind, &properties);
        if expanded.is_empty() {
            kinds.insert(kind.to_owned());
        }
        kinds.extend(expanded.into_iter().map(str::to_owned));
    }
    kinds
}

/// What whoever acts for these purposes calls, by what it is called on.
#[must_use]
pub(crate) fn actions(app: &App, purposes: &[Purpose]) -> BTreeMap<On, BTreeSet<&'static str>> {
    let mut allowed = of_calls(CALLS, purposes);
    for rights in resource_types(app).iter().filter_map(|kind| resources::rights(kind)).flatten() {
        if purposes.iter().any(|purpose| purpose.includes(rights.when)) {
            allowed.entry(rights.on).or_default().extend(rights.actions);
        }
    }
    allowed
}

/// The policies that a role needs for these purposes: one, or several where one would be larger than IAM takes.
#[must_use]
pub fn policies(app: &App, scope: &Scope, purposes: &[Purpose]) -> Vec<Document> {
    documents(actions(app, purposes), scope)
}

/// The policies that a role needs for these purposes where the app is a service of ECS, beside those for the stack around
/// it: for the service itself, its images and its scaling.
#[must_use]
pub fn policies_of_a_service(scope: &Scope, purposes: &[Purpose]) -> Vec<Document> {
    documents(of_calls(CALLS_OF_A_SERVICE, purposes), scope)
}

fn of_calls(calls: &[Call], purposes: &[Purpose]) -> BTreeMap<On, BTreeSet<&'static str>> {
    let mut allowed: BTreeMap<On, BTreeSet<&'static str>> = BTreeMap::new();
    for call in calls.iter().filter(|call| call.purposes.iter().any(|purpose| purposes.contains(purpose))) {
        if !call.actions.is_empty() {
            allowed.entry(call.on).or_default().extend(call.actions);
        }
    }
    allowed
}

fn documents(allowed: BTreeMap<On, BTreeSet<&'static str>>, scope: &Scope) -> Vec<Document> {
    let statements = allowed.into_iter().filter_map(|(on, actions)| {
        let resources = on.arns(scope);
        let actions = actions.into_iter().map(str::to_owned).collect();
        // Without a resource it would be no policy.
        (!resources.is_empty()).then(|| Statement::allow(actions, resources).under(on.condition()))
    });
    document::split(statements.collect())
}

#[cfg(test)]
mod tests;
