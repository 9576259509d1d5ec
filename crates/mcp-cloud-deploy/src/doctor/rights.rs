//! Whether the identity may do what a deployment does, as IAM simulates it
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html>).
//!
//! Policies of resources and of services on the way are not simulated: an answer of OK is no promise, NG is a fact.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};
use mcp_cloud_app::{App, Target};

use super::{Finding, Group, chain};
use crate::{
    aws::Deployer,
    deployment::Bucket,
    error::AwsError,
    policy::{self, Purpose, Scope, scope::On},
};

/// Stands for what AWS makes of a name.
const MADE_UP: &str = "AAAAAAAAAAAA";
/// What the stack calls the role, as CloudFormation begins its name.
const ROLE: &str = "ServerRole-AAAAAAAAAAAA";

/// What the actions on something are for: a phrase.
fn purpose(on: On, actions: &BTreeSet<&'static str>, target: Target) -> String {
    let known = match on {
        On::Roles if target == Target::Ecs => "give its tasks roles",
        On::RolesForTasks => "hand their roles to its tasks",
        On::Cluster => "keep a cluster for it",
        On::Service => "change the service",
        On::TaskDefinitions => "say what its tasks are made of",
        On::Tasks => "see its tasks",
        On::Repository => "keep its images",
        On::ScalableTargets => "have it scale",
        On::ScalingAlarms => "have alarms by which it scales",
        On::LoadBalancers => "keep a load balancer in front of it",
        On::SecurityGroups => "say who reaches it",
        On::Network => "keep a network for it",
        On::ServiceRole(service) => return format!("make the role of {service}"),
        On::Anything => "see what there is",
        On::Stack => "change the stack",
        On::Bucket => "keep a bucket for the code",
        On::Objects => "put the code there",
        On::Function if target == Target::Ecs => "look for a function of its name",
        On::Function => "change the function",
        On::Roles => "give the function a role",
        On::RolesForLambda => "hand the role to Lambda",
        On::LogGroups => "keep its logs",
        On::Secrets => "look its secrets up",
        _ => return format!("use {}", services(actions).into_iter().collect::<Vec<_>>().join(", ")),
    };
    known.to_owned()
}

/// The services that actions are of, as IAM calls them.
fn services(actions: &BTreeSet<&'static str>) -> BTreeSet<&'static str> {
    actions.iter().filter_map(|action| action.split_once(':')).map(|(service, _)| service).collect()
}

/// What an action could be called on, by the names that it would have.
fn resources(on: On, scope: &Scope) -> Vec<String> {
    let named = |arn: String| match on {
        On::Anything => arn,
        On::Roles | On::RolesForLambda => arn.replace('*', ROLE),
        _ => arn.replace('*', MADE_UP),
    };
    on.arns(scope).into_iter().map(named).collect()
}

/// Whoever acts, as IAM names them.
#[derive(Debug, PartialEq, Eq)]
enum Identity<'a> {
    /// The owner of the account, who may do everything.
    Root,
    /// A user, by ARN.
    User(&'a str),
    /// Somebody who took a role, by its name: the path of the role is not in the ARN of the session.
    Role(&'a str),
    /// Nobody whose policies can be simulated.
    Other,
}

impl<'a> Identity<'a> {
    /// Reads the ARN that STS gives of a caller
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns>).
    fn of(arn: &'a str) -> Self {
        match arn.splitn(6, ':').nth(5).and_then(|resource| resource.split_once('/').or(Some((resource, "")))) {
            Some(("root", _)) => Self::Root,
            Some(("user", _)) => Self::User(arn),
            Some(("assumed-role", session)) => Self::Role(session.split('/').next().unwrap_or_default()),
            _ => Self::Other,
        }
    }
}

pub(super) async fn findings(app: Arc<App>, target: Target, deployer: Arc<Deployer>, bucket: Bucket) -> Vec<Finding> {
    let identity = deployer.identity();
    let arn = match Identity::of(identity) {
        Identity::Root => return vec![Group::Rights.skipped("the owner of the account may do everything")],
        Identity::Other => return vec![Group::Rights.skipped("IAM cannot simulate what this identity may do")],
        Identity::User(arn) => arn.to_owned(),
        Identity::Role(name) => match role_arn(&deployer, name).await {
            Ok(arn) => arn,
            Err(error) => return vec![Group::Rights.skipped(&chain(&error))],
        },
    };
    let (account, region) = (deployer.account(), deployer.region());
    let scope = Scope::of(&app, target, Some(account), Some(region), Some(bucket.name().to_owned()));
    let mut findings = Vec::new();
    for (on, actions) in policy::actions(&app, target, &[Purpose::Deploy]) {
        let question = Group::Rights.ask(purpose(on, &actions, target));
        let resources = resources(on, &scope);
        if resources.is_empty() {
            // The app has none of it.
            continue;
        }
        match simulate(&deployer, &arn, on, &actions, resources).await {
            Ok(results) => findings.push(judge(question, &results)),
            Err(error) => {
                // Whoever may not simulate one right may not simulate the others.
                findings.push(Group::Rights.skipped(&chain(&error)));
                break;
            }
        }
    }
    findings
}

/// Looks the role up, because its path belongs to its ARN.
async fn role_arn(deployer: &Deployer, name: &str) -> Result<String, AwsError> {
    let attempt = || format!("read the role `{name}`, whose rights are asked about");
    let found = deployer.iam.get_role().role_name(name).send().await;
    let found = found.map_err(|error| AwsError::new(attempt(), error))?;
    Ok(found.role().map(|role| role.arn().to_owned()).unwrap_or_default())
}

async fn simulate(
    deployer: &Deployer,
    identity: &str,
    on: On,
    actions: &BTreeSet<&'static str>,
    resources: Vec<String>,
) -> Result<Vec<EvaluationResult>, AwsError> {
    // A policy may allow it under this condition alone.
    let condition = on.condition().map(|(_, key, value)| {
        ContextEntry::builder()
            .context_key_name(key)
            .context_key_type(ContextKeyTypeEnum::String)
            .context_key_values(value)
            .build()
    });
    let mut pages = deployer
        .iam
        .simulate_principal_policy()
        .policy_source_arn(identity)
        .set_action_names(Some(actions.iter().map(|action| (*action).to_owned()).collect()))
        .set_resource_arns(Some(resources))
        .set_context_entries(condition.map(|condition| vec![condition]))
        .into_paginator()
        .send();
    let mut results = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| AwsError::new("simulate what the identity may do", error))?;
        results.extend(page.evaluation_results().iter().cloned());
    }
    Ok(results)
}

/// What is not allowed on any of the resources that were asked about: most actions are for one kind of them.
fn denied(results: &[EvaluationResult]) -> Vec<&EvaluationResult> {
    let mut denied = BTreeMap::new();
    for result in results {
        denied.entry(result.eval_action_name()).or_insert(result);
    }
    let allowed = |decision: &PolicyEvaluationDecisionType| *decision == PolicyEvaluationDecisionType::Allowed;
    for result in results {
        let somewhere = result.resource_specific_results().iter().any(|of| allowed(of.eval_resource_decision()));
        if somewhere || allowed(result.eval_decision()) {
            denied.remove(result.eval_action_name());
        }
    }
    denied.into_values().collect()
}

fn judge(question: super::Question, results: &[EvaluationResult]) -> Finding {
    if results.is_empty() {
        return question.skip("IAM said nothing about it");
    }
    let denied = denied(results);
    if denied.is_empty() {
        let actions: BTreeSet<_> = results.iter().map(EvaluationResult::eval_action_name).collect();
        return question.ok(format!("may do all {} of it", actions.len()));
    }
    // What a policy makes of a tag or a time is not known before.
    if denied.iter().all(|result| !result.missing_context_values().is_empty()) {
        let mut keys: Vec<_> = denied.iter().flat_map(|result| result.missing_context_values()).cloned().collect();
        keys.sort();
        keys.dedup();
        return question.skip(format!("depends on {}", keys.join(", ")));
    }
    let actions: Vec<_> = denied.into_iter().map(named).collect();
    question.ng(
        format!("may not {}", actions.join(", ")),
        "ask for these rights; `mcp-cloud policy` writes the policy".to_owned(),
    )
}

/// An action that is denied, and by whom if not for the want of an own policy.
fn named(result: &EvaluationResult) -> String {
    let organization = result.organizations_decision_detail().is_some_and(|detail| !detail.allowed_by_organizations());
    let boundary =
        result.permissions_boundary_decision_detail().is_some_and(|detail| !detail.allowed_by_permissions_boundary());
    let by = match result.eval_decision() {
        _ if organization => " (the organization's policy)",
        _ if boundary => " (the permissions boundary)",
        PolicyEvaluationDecisionType::ExplicitDeny => " (denied in words)",
        _ => "",
    };
    format!("{}{by}", result.eval_action_name())
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::OrganizationsDecisionDetail;

    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn identity_is_read_from_the_arn_that_sts_gives() {
        assert_eq!(Identity::of("arn:aws:iam::123456789012:root"), Identity::Root);
        let user = "arn:aws:iam::123456789012:user/division/alice";
        assert_eq!(Identity::of(user), Identity::User(user));
        let session = "arn:aws-cn:sts::123456789012:assumed-role/deployer/session-1";
        assert_eq!(Identity::of(session), Identity::Role("deployer"));
        assert_eq!(Identity::of("arn:aws:sts::123456789012:federated-user/bob"), Identity::Other);
        assert_eq!(Identity::of("what is this"), Identity::Other);
    }

    fn result(action: &str, decision: PolicyEvaluationDecisionType) -> EvaluationResult {
        EvaluationResult::builder()
            .eval_action_name(action)
            .eval_decision(decision)
            .build()
            .expect("both members that it needs are there")
    }

    #[test]
    fn denied_actions_are_named_with_whoever_denies_them() {
        let mut by_organization = result("iam:CreateRole", PolicyEvaluationDecisionType::ImplicitDeny);
        by_organization.organizations_decision_detail =
            Some(OrganizationsDecisionDetail::builder().allowed_by_organizations(false).build());
        let results = [
            result("lambda:GetFunction", PolicyEvaluationDecisionType::Allowed),
            result("lambda:CreateFunction", PolicyEvaluationDecisionType::ExplicitDeny),
            by_organization,
        ];
        let finding = judge(Group::Rights.ask("change the function"), &results);
        assert_eq!(finding.verdict, Verdict::Ng);
        assert_eq!(
            finding.answer,
            "may not iam:CreateRole (the organization's policy), lambda:CreateFunction (denied in words)"
        );
    }

    #[test]
    fn action_that_is_allowed_on_one_of_its_resources_is_allowed() {
        let (allowed, denied) = (PolicyEvaluationDecisionType::Allowed, PolicyEvaluationDecisionType::ImplicitDeny);
        let results = [result("s3:GetObject", denied.clone()), result("s3:GetObject", allowed)];
        let finding = judge(Group::Rights.ask("x"), &results);
        assert_eq!((finding.verdict, finding.answer.as_str()), (Verdict::Ok, "may do all 1 of it"));
        assert_eq!(judge(Group::Rights.ask("x"), &[result("s3:GetObject", denied)]).verdict, Verdict::Ng);
    }

    #[test]
    fn what_is_asked_about_is_what_the_policy_allows() {
        let directory = tempfile::tempdir().expect("a folder can be made");
        let text = "name = \"hello\"\nbuild.image = \"hello:1\"\nlambda.trigger = \"rest-api\"\nnetwork.waf = true\n";
        std::fs::write(directory.path().join("mcp-cloud.toml"), text).expect("the file is written");
        let app = App::load(directory.path()).expect("the file can be used");
        let asked = |target| -> BTreeMap<_, _> {
            let scope = Scope::of(&app, target, Some("123456789012"), Some("eu-west-1"), None);
            policy::actions(&app, target, &[Purpose::Deploy])
                .into_iter()
                .map(|(on, actions)| (purpose(on, &actions, target), resources(on, &scope)))
                .collect()
        };
        let of_service = asked(Target::Ecs);
        assert_eq!(of_service["change the service"], ["arn:aws:ecs:eu-west-1:123456789012:service/hello/hello"]);
        assert!(!of_service.contains_key("change the function"), "{of_service:?}");
        let asked = asked(Target::Sam);
        assert_eq!(asked["give the function a role"], ["arn:aws:iam::123456789012:role/hello-ServerRole-AAAAAAAAAAAA"]);
        assert!(asked.contains_key("use wafv2"), "what this app needs beside is asked, too: {asked:?}");
        let named = asked.iter().filter(|(purpose, _)| *purpose != "see what there is").flat_map(|(_, arns)| arns);
        for arn in named {
            assert!(arn.starts_with("arn:aws:") && !arn.contains('*'), "{arn}");
        }
    }

    #[test]
    fn what_depends_on_something_unknown_is_skipped() {
        let mut conditional = result("iam:PassRole", PolicyEvaluationDecisionType::ImplicitDeny);
        conditional.missing_context_values = Some(vec!["aws:RequestTag/team".to_owned()]);
        let allowed = result("iam:GetRole", PolicyEvaluationDecisionType::Allowed);
        let finding = judge(Group::Rights.ask("give the function a role"), &[allowed.clone(), conditional]);
        assert_eq!((finding.verdict, finding.answer.as_str()), (Verdict::Skip, "depends on aws:RequestTag/team"));
        assert_eq!(judge(Group::Rights.ask("x"), &[allowed]).verdict, Verdict::Ok);
        assert_eq!(judge(Group::Rights.ask("x"), &[]).verdict, Verdict::Skip);
    }
}
