//! Whether the identity may do what a deployment does, as IAM simulates it
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_testing-policies.html>).
//!
//! Policies of resources and of services on the way are not simulated: an answer of OK is no promise, NG is a fact.

use std::sync::Arc;

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};
use mcp_cloud_app::App;

use super::{Finding, Group, chain};
use crate::{
    aws::Deployer,
    deployment::{Bucket, key_prefix},
    error::AwsError,
};

/// Actions on one kind of resource.
struct Right {
    /// What they are for: a phrase.
    purpose: &'static str,
    actions: &'static [&'static str],
    /// A resource of that kind as it would be named.
    resource: fn(&Scope) -> String,
}

/// What a deployment behind a function URL does. Other triggers need rights of their own beside these.
const RIGHTS: [Right; 6] = [
    Right {
        purpose: "change the stack",
        actions: &[
            "cloudformation:DescribeStacks",
            "cloudformation:DescribeStackEvents",
            "cloudformation:GetTemplate",
            "cloudformation:ListChangeSets",
            "cloudformation:CreateChangeSet",
            "cloudformation:DescribeChangeSet",
            "cloudformation:ExecuteChangeSet",
            "cloudformation:DeleteChangeSet",
            "cloudformation:DeleteStack",
        ],
        resource: |scope| {
            let name = format!("stack/{}/11111111-2222-3333-4444-555555555555", scope.app);
            scope.arn("cloudformation", &name)
        },
    },
    Right {
        purpose: "keep a bucket for the code",
        actions: &[
            "s3:CreateBucket",
            "s3:ListBucket",
            "s3:GetBucketTagging",
            "s3:PutBucketTagging",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutEncryptionConfiguration",
            "s3:DeleteBucket",
        ],
        resource: |scope| format!("arn:{}:s3:::{}", scope.partition, scope.bucket),
    },
    Right {
        purpose: "put the code there",
        actions: &["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
        resource: |scope| format!("arn:{}:s3:::{}/{}code.zip", scope.partition, scope.bucket, key_prefix(&scope.app)),
    },
    Right {
        purpose: "change the function",
        actions: &[
            "lambda:GetFunction",
            "lambda:CreateFunction",
            "lambda:UpdateFunctionCode",
            "lambda:UpdateFunctionConfiguration",
            "lambda:PublishVersion",
            "lambda:CreateAlias",
            "lambda:UpdateAlias",
            "lambda:AddPermission",
            "lambda:RemovePermission",
            "lambda:TagResource",
            "lambda:DeleteFunction",
        ],
        resource: |scope| scope.arn("lambda", &format!("function:{}", scope.app)),
    },
    Right {
        purpose: "give the function a role",
        actions: &[
            "iam:GetRole",
            "iam:CreateRole",
            "iam:TagRole",
            "iam:PutRolePolicy",
            "iam:DeleteRolePolicy",
            "iam:DeleteRole",
            "iam:PassRole",
        ],
        resource: |scope| {
            let Scope { partition, account, app, .. } = scope;
            format!("arn:{partition}:iam::{account}:role/{app}-ServerRole-AAAAAAAAAAAA")
        },
    },
    Right {
        purpose: "keep its logs",
        actions: &["logs:CreateLogGroup", "logs:PutRetentionPolicy", "logs:TagResource", "logs:DeleteLogGroup"],
        resource: |scope| scope.arn("logs", &format!("log-group:/aws/lambda/{}:*", scope.app)),
    },
];

/// What the ARNs of an app's resources are made of.
struct Scope {
    partition: String,
    region: String,
    account: String,
    app: String,
    bucket: String,
}

impl Scope {
    fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }
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

pub(super) async fn findings(app: Arc<App>, deployer: Arc<Deployer>, bucket: Bucket) -> Vec<Finding> {
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
    let scope = Scope {
        partition: identity.split(':').nth(1).unwrap_or("aws").to_owned(),
        region: deployer.region().to_owned(),
        account: deployer.account().to_owned(),
        app: app.name.clone(),
        bucket: bucket.name().to_owned(),
    };
    let mut findings = Vec::new();
    for right in &RIGHTS {
        let question = Group::Rights.ask(right.purpose);
        match simulate(&deployer, &arn, right, (right.resource)(&scope)).await {
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
    right: &Right,
    resource: String,
) -> Result<Vec<EvaluationResult>, AwsError> {
    // A policy may allow to hand roles to Lambda alone.
    let passed_to = ContextEntry::builder()
        .context_key_name("iam:PassedToService")
        .context_key_type(ContextKeyTypeEnum::String)
        .context_key_values("lambda.amazonaws.com")
        .build();
    let mut pages = deployer
        .iam
        .simulate_principal_policy()
        .policy_source_arn(identity)
        .set_action_names(Some(right.actions.iter().map(|action| (*action).to_owned()).collect()))
        .resource_arns(resource)
        .context_entries(passed_to)
        .into_paginator()
        .send();
    let mut results = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| AwsError::new("simulate what the identity may do", error))?;
        results.extend(page.evaluation_results().iter().cloned());
    }
    Ok(results)
}

fn judge(question: super::Question, results: &[EvaluationResult]) -> Finding {
    let denied: Vec<_> =
        results.iter().filter(|result| *result.eval_decision() != PolicyEvaluationDecisionType::Allowed).collect();
    if results.is_empty() {
        return question.skip("IAM said nothing about it");
    }
    if denied.is_empty() {
        return question.ok(format!("may do all {} of it", results.len()));
    }
    // What a policy makes of a tag or a time is not known before.
    if denied.iter().all(|result| !result.missing_context_values().is_empty()) {
        let mut keys: Vec<_> = denied.iter().flat_map(|result| result.missing_context_values()).cloned().collect();
        keys.sort();
        keys.dedup();
        return question.skip(format!("depends on {}", keys.join(", ")));
    }
    let mut actions: Vec<_> = denied.iter().map(|result| named(result)).collect();
    actions.sort();
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
