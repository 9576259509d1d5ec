//! Everything that exists in an account, to be compared with what existed before.

use std::{collections::BTreeMap, fmt};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::state::{State, hex};

/// Every thing by type and name, with a hash of what it is. Two inventories are equal when nothing is different; what
/// is written when and in which order does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    things: BTreeMap<String, String>,
}

impl Inventory {
    /// Whether nothing exists.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// Types and names: `AWS::S3::Bucket uploads`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.things.keys().map(String::as_str)
    }

    /// Names of the things of a type: `AWS::Lambda::Function`.
    #[must_use]
    pub fn of_type(&self, resource_type: &str) -> Vec<&str> {
        self.names().filter_map(|name| name.strip_prefix(resource_type)?.strip_prefix(' ')).collect()
    }

    /// What is here and not in the other.
    #[must_use]
    pub fn without(&self, other: &Self) -> Vec<&str> {
        self.names().filter(|name| !other.things.contains_key(*name)).collect()
    }

    /// What is in both and not the same.
    #[must_use]
    pub fn changed(&self, other: &Self) -> Vec<&str> {
        let differs = |name: &str, hash: &String| other.things.get(name).is_some_and(|of_other| of_other != hash);
        self.things.iter().filter(|(name, hash)| differs(name, hash)).map(|(name, _)| name.as_str()).collect()
    }

    fn add(&mut self, resource_type: &str, name: &str, content: &Value) {
        // Environments and secrets are in it: nobody can read them from a hash.
        let hash = hex(&Sha256::digest(content.to_string()));
        self.things.insert(format!("{resource_type} {name}"), hash.get(..16).unwrap_or_default().to_owned());
    }
}

/// A line for each.
impl fmt::Display for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.things.iter().try_for_each(|(name, hash)| writeln!(f, "{name} ({hash})"))
    }
}

pub(super) fn of(state: &State) -> Inventory {
    let mut inventory = Inventory::default();
    for stack in state.stacks.values().filter(|stack| stack.exists()) {
        inventory.add("AWS::CloudFormation::Stack", &stack.name, &stack.content());
    }
    for (name, bucket) in &state.buckets {
        inventory.add("AWS::S3::Bucket", name, &json!([bucket.region, bucket.owner, bucket.settings]));
        for (key, object) in &bucket.objects {
            inventory.add("AWS::S3::Object", &format!("{name}/{key}"), &json!(object.etag));
        }
    }
    for (name, function) in &state.functions {
        let latest = &function.latest;
        inventory.add("AWS::Lambda::Function", name, &json!([latest.code_sha256, latest.settings, function.reserved]));
        for (number, version) in &function.versions {
            let content = json!([version.code_sha256, version.settings]);
            inventory.add("AWS::Lambda::Version", &format!("{name}:{number}"), &content);
        }
        for (alias_name, alias) in &function.aliases {
            let provisioned = function.provisioned.get(alias_name);
            let content = json!([alias.version, alias.weights, alias.description, provisioned]);
            inventory.add("AWS::Lambda::Alias", &format!("{name}:{alias_name}"), &content);
        }
        for (qualifier, url) in &function.urls {
            let content = json!([url.id, url.auth_type, url.invoke_mode, url.cors]);
            inventory.add("AWS::Lambda::Url", &format!("{name}:{qualifier}"), &content);
        }
        for (qualifier, policy) in &function.policies {
            for (id, statement) in policy {
                inventory.add("AWS::Lambda::Permission", &format!("{name}:{qualifier}:{id}"), statement);
            }
        }
    }
    for (name, group) in &state.log_groups {
        inventory.add("AWS::Logs::LogGroup", name, &json!(group.retention));
    }
    for (name, repository) in &state.ecr.repositories {
        inventory.add("AWS::ECR::Repository", name, &json!(repository.properties));
        for digest in repository.images.keys() {
            let tags = json!(repository.tags_of(digest));
            inventory.add("AWS::ECR::Image", &format!("{name}@{digest}"), &tags);
        }
    }
    for (id, target) in &state.scaling.targets {
        let of = |name: &str| target.get(name);
        let content = json!([of("MinCapacity"), of("MaxCapacity"), of("SuspendedState"), of("Tags")]);
        inventory.add("AWS::ApplicationAutoScaling::ScalableTarget", id, &content);
    }
    for ((id, name), policy) in &state.scaling.policies {
        let content = json!([policy.get("PolicyType"), policy.get("TargetTrackingScalingPolicyConfiguration")]);
        inventory.add("AWS::ApplicationAutoScaling::ScalingPolicy", &format!("{id} {name}"), &content);
    }
    for ((id, name), action) in &state.scaling.actions {
        let of = |name: &str| action.get(name);
        let content = json!([of("Schedule"), of("Timezone"), of("ScalableTargetAction")]);
        inventory.add("AWS::ApplicationAutoScaling::ScheduledAction", &format!("{id} {name}"), &content);
    }
    for service in state.ecs.services.values().filter(|service| service.status != "INACTIVE") {
        inventory.add("AWS::ECS::Service", &format!("{}/{}", service.cluster, service.name), &service.content());
    }
    for definition in state.ecs.families.values().flatten().flatten().filter(|of| of.status == "ACTIVE") {
        inventory.add("AWS::ECS::TaskDefinition", &definition.arn, &json!([definition.settings, definition.tags]));
    }
    for (name, secret) in &state.secrets {
        let content = json!([secret.value(), secret.tags, secret.deleted.is_some()]);
        inventory.add("AWS::SecretsManager::Secret", name, &content);
    }
    for ((kind, id), properties) in &state.things {
        inventory.add(kind, id, properties);
    }
    inventory
}
