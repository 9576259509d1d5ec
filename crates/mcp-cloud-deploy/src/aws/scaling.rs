//! Application Auto Scaling in the words of this crate, for services of ECS alone.

use serde_json::{Map, Value, json};

use super::{Deployer, raw::Exchange};
use crate::{error::AwsError, service::ServiceName};

const NOT_FOUND: &str = "ObjectNotFoundException";
/// What scales in a service, which there is but one of.
const NAMESPACE: &str = "ecs";
const DIMENSION: &str = "ecs:service:DesiredCount";

/// A kind of thing that makes a service scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Policy,
    ScheduledAction,
}

impl Deployer {
    /// Reads between which numbers a service scales, as AWS answers; `None` where it does not.
    pub(crate) async fn scalable_target(&self, name: &ServiceName) -> Result<Option<Value>, AwsError> {
        let mut body = of(name, &json!({}));
        if let Some(id) = body.as_object_mut().and_then(|map| map.remove("ResourceId")) {
            body["ResourceIds"] = json!([id]);
        }
        let exchange = Exchange::of(&body);
        let sent = self.scaling.describe_scalable_targets().customize().interceptor(exchange.clone()).send().await;
        let found = exchange.answer(format!("read how `{name}` scales"), sent)?;
        Ok(found.pointer("/ScalableTargets/0").cloned())
    }

    /// Has a service scale between two numbers, or changes something about it: what is not said stays.
    pub(crate) async fn put_scalable_target(&self, name: &ServiceName, target: &Value) -> Result<(), AwsError> {
        let exchange = Exchange::of(&of(name, target));
        let sent = self.scaling.register_scalable_target().customize().interceptor(exchange.clone()).send().await;
        exchange.answer(format!("have `{name}` scale"), sent).map(drop)
    }

    /// Has a service scale no more, which removes its policies and scheduled actions, too; one that does not is no error.
    pub(crate) async fn remove_scalable_target(&self, name: &ServiceName) -> Result<(), AwsError> {
        let exchange = Exchange::of(&of(name, &json!({})));
        let sent = self.scaling.deregister_scalable_target().customize().interceptor(exchange.clone()).send().await;
        unless_gone(exchange.answer(format!("have `{name}` scale no more"), sent))
    }

    /// Reads what makes a service scale, as AWS answers, by name.
    pub(crate) async fn scaled_by(&self, name: &ServiceName, kind: Kind) -> Result<Vec<Value>, AwsError> {
        let mut found = Vec::new();
        let mut body = of(name, &json!({}));
        loop {
            let exchange = Exchange::of(&body);
            let attempt = format!("read what `{name}` scales by");
            let (page, list) = match kind {
                Kind::Policy => {
                    let call = self.scaling.describe_scaling_policies().customize();
                    (exchange.clone().answer(attempt, call.interceptor(exchange).send().await)?, "ScalingPolicies")
                }
                Kind::ScheduledAction => {
                    let call = self.scaling.describe_scheduled_actions().customize();
                    (exchange.clone().answer(attempt, call.interceptor(exchange).send().await)?, "ScheduledActions")
                }
            };
            found.extend(page.get(list).and_then(Value::as_array).into_iter().flatten().cloned());
            match page.get("NextToken").filter(|token| token.is_string()) {
                Some(token) => body["NextToken"] = token.clone(),
                None => break,
            }
        }
        found.sort_by_key(|one| kind.name_of(one));
        Ok(found)
    }

    /// Puts something that makes a service scale in the place of what has its name.
    pub(crate) async fn put_scaled_by(&self, name: &ServiceName, kind: Kind, what: &Value) -> Result<(), AwsError> {
        let exchange = Exchange::of(&of(name, what));
        let attempt = format!("have `{name}` scale by `{}`", kind.name_of(what));
        match kind {
            Kind::Policy => {
                let call = self.scaling.put_scaling_policy().customize();
                exchange.clone().answer(attempt, call.interceptor(exchange).send().await).map(drop)
            }
            Kind::ScheduledAction => {
                let call = self.scaling.put_scheduled_action().customize();
                exchange.clone().answer(attempt, call.interceptor(exchange).send().await).map(drop)
            }
        }
    }

    /// Removes something that makes a service scale; what is gone is no error.
    pub(crate) async fn remove_scaled_by(&self, name: &ServiceName, kind: Kind, what: &str) -> Result<(), AwsError> {
        let exchange = Exchange::of(&of(name, &json!({ kind.member(): what })));
        let attempt = format!("have `{name}` scale by `{what}` no more");
        match kind {
            Kind::Policy => {
                let call = self.scaling.delete_scaling_policy().customize();
                unless_gone(exchange.clone().answer(attempt, call.interceptor(exchange).send().await))
            }
            Kind::ScheduledAction => {
                let call = self.scaling.delete_scheduled_action().customize();
                unless_gone(exchange.clone().answer(attempt, call.interceptor(exchange).send().await))
            }
        }
    }
}

impl Kind {
    /// The member that names one.
    fn member(self) -> &'static str {
        match self {
            Self::Policy => "PolicyName",
            Self::ScheduledAction => "ScheduledActionName",
        }
    }

    /// The name of one.
    pub(crate) fn name_of(self, one: &Value) -> String {
        one.get(self.member()).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// A body about a service.
fn of(name: &ServiceName, members: &Value) -> Value {
    let cluster = name.cluster.rsplit('/').next().unwrap_or(&name.cluster);
    let mut map = members.as_object().cloned().unwrap_or_else(Map::new);
    map.insert("ServiceNamespace".to_owned(), json!(NAMESPACE));
    map.insert("ResourceId".to_owned(), json!(format!("service/{cluster}/{}", name.service)));
    map.insert("ScalableDimension".to_owned(), json!(DIMENSION));
    Value::Object(map)
}

fn unless_gone(answer: Result<Value, AwsError>) -> Result<(), AwsError> {
    match answer {
        Err(error) if !error.is(NOT_FOUND) => Err(error),
        _ => Ok(()),
    }
}
