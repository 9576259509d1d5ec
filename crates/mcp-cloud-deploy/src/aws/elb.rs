//! Elastic Load Balancing in the words of this crate.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, Rule, TargetDescription, TargetGroupTuple, TargetHealthDescription,
};

use super::Deployer;
use crate::{error::AwsError, service::TargetHealth};

const NO_TARGET_GROUP: &str = "TargetGroupNotFound";
const NO_LOAD_BALANCER: &str = "LoadBalancerNotFound";
const NO_RULE: &str = "RuleNotFound";

impl Deployer {
    /// Reads how the targets of a target group do; there are none where the target group is gone.
    ///
    /// # Errors
    ///
    /// When the call fails.
    pub async fn target_health(&self, target_group_arn: &str) -> Result<Vec<TargetHealth>, AwsError> {
        let found = self.elb.describe_target_health().target_group_arn(target_group_arn).send().await;
        match found.map_err(|error| AwsError::new("read the health of the load balancer's targets", error)) {
            Ok(found) => Ok(found.target_health_descriptions().iter().map(TargetHealth::from).collect()),
            Err(error) if error.is(NO_TARGET_GROUP) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Reads which share of the requests that follow a rule each target group gets, by their ARNs; nothing where there is no
    /// such rule.
    ///
    /// # Errors
    ///
    /// When the call fails.
    pub(crate) async fn weights(&self, rule_arn: &str) -> Result<BTreeMap<String, i32>, AwsError> {
        let found = self.elb.describe_rules().rule_arns(rule_arn).send().await;
        let found = match found.map_err(|error| AwsError::new("look at the load balancer's rule", error)) {
            Ok(found) => found,
            Err(error) if error.is(NO_RULE) => return Ok(BTreeMap::new()),
            Err(error) => return Err(error),
        };
        let actions = found.rules().iter().flat_map(Rule::actions);
        let groups = actions.filter_map(Action::forward_config).flat_map(ForwardActionConfig::target_groups);
        Ok(groups.filter_map(|of| Some((of.target_group_arn()?.to_owned(), of.weight().unwrap_or_default()))).collect())
    }

    /// Has a rule do nothing but share its requests among target groups; the same again when repeated.
    ///
    /// # Errors
    ///
    /// When the call fails.
    pub(crate) async fn weigh(&self, rule_arn: &str, weights: &BTreeMap<String, i32>) -> Result<(), AwsError> {
        let group =
            |(arn, weight): (&String, &i32)| TargetGroupTuple::builder().target_group_arn(arn).weight(*weight).build();
        let groups = weights.iter().map(group).collect();
        let config = ForwardActionConfig::builder().set_target_groups(Some(groups)).build();
        let action = Action::builder().r#type(ActionTypeEnum::Forward).forward_config(config).build();
        let changed = self.elb.modify_rule().rule_arn(rule_arn).actions(action).send().await;
        changed.map(drop).map_err(|error| AwsError::new("move requests back to where they were", error))
    }

    /// Finds the name of a load balancer in the DNS; `None` when there is none of that ARN.
    ///
    /// # Errors
    ///
    /// When the call fails.
    pub async fn load_balancer_host(&self, load_balancer_arn: &str) -> Result<Option<String>, AwsError> {
        let found = self.elb.describe_load_balancers().load_balancer_arns(load_balancer_arn).send().await;
        match found.map_err(|error| AwsError::new("look at the load balancer", error)) {
            Ok(found) => Ok(found.load_balancers().first().and_then(|one| one.dns_name().map(str::to_owned))),
            Err(error) if error.is(NO_LOAD_BALANCER) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists the ARNs of the load balancers that send to a target group; `None` when there is no such group.
    ///
    /// # Errors
    ///
    /// When the call fails.
    pub async fn load_balancers_of(&self, target_group_arn: &str) -> Result<Option<Vec<String>>, AwsError> {
        let found = self.elb.describe_target_groups().target_group_arns(target_group_arn).send().await;
        match found.map_err(|error| AwsError::new("look at the target group", error)) {
            Ok(found) => Ok(found.target_groups().first().map(|group| group.load_balancer_arns().to_vec())),
            Err(error) if error.is(NO_TARGET_GROUP) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl From<&TargetHealthDescription> for TargetHealth {
    fn from(found: &TargetHealthDescription) -> Self {
        let (target, health) = (found.target(), found.target_health());
        let state = health.and_then(|health| health.state());
        Self {
            target: target.and_then(|target| target.id()).unwrap_or_default().to_owned(),
            port: target.and_then(TargetDescription::port).and_then(|port| port.try_into().ok()),
            state: state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
            reason: health.and_then(|health| health.reason()).map(|reason| reason.as_str().to_owned()),
            description: health.and_then(|health| health.description()).map(str::to_owned),
        }
    }
}
