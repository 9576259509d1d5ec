//! Templates: read, expanded, and held against the rules that CloudFormation holds them against first.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{conditions, kinds, sam};

/// What CloudFormation takes in a request.
pub(super) const LIMIT: usize = 51_200;

/// A template that can be deployed.
#[derive(Debug, Clone, Default)]
pub(super) struct Definition {
    /// As it was given.
    pub(super) body: String,
    /// After its transforms.
    pub(super) processed: Value,
    pub(super) resources: BTreeMap<String, Declared>,
    pub(super) outputs: BTreeMap<String, Output>,
    pub(super) description: Option<String>,
    pub(super) parameters: BTreeMap<String, Value>,
    /// What a name such as `Server.Version` stands for in templates of SAM.
    pub(super) referable: BTreeMap<String, String>,
}

/// A resource as a template declares it; references are not resolved.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Declared {
    pub(super) kind: String,
    pub(super) properties: Map<String, Value>,
    /// The resources that have to be there first.
    pub(super) needs: BTreeSet<String>,
    /// What becomes of it when it is not wanted any more.
    pub(super) deletion: Ending,
    /// What becomes of it when another replaces it.
    pub(super) replacement: Ending,
}

/// What becomes of a resource in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Delete,
    Retain,
    /// Kept, unless the operation that made it fails.
    RetainExceptOnCreate,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Output {
    pub(super) value: Value,
    pub(super) description: Option<String>,
}

/// Why a template cannot be deployed, and when CloudFormation finds out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// In the call that brings it.
    AtOnce(String),
    /// When the change set is computed.
    Later(String),
}

fn at_once(message: impl Into<String>) -> Refusal {
    Refusal::AtOnce(message.into())
}

impl Definition {
    /// Reads a template, with values for its parameters.
    pub(super) fn read(body: &str, given: &BTreeMap<String, String>) -> Result<Self, Refusal> {
        if body.len() > LIMIT {
            return Err(at_once(format!(
                "1 validation error detected: Value '{}...' at 'templateBody' failed to satisfy constraint: Member must \
                 have length less than or equal to {LIMIT}",
                body.chars().take(40).collect::<String>()
            )));
        }
        let template = parse(body).ok_or_else(|| at_once("Template format error: unsupported structure."))?;
        let parameters = parameters(&template, given)?;
        let sam::Expanded { template, referable } = sam::expand(template)?;
        let there = conditions::apply(&template, &parameters).map_err(at_once)?;
        let declared = there.get("Resources").and_then(Value::as_object).filter(|declared| !declared.is_empty());
        let missing = || at_once("Template format error: At least one Resources member must be defined.");
        let mut resources = BTreeMap::new();
        for (logical_id, resource) in declared.ok_or_else(missing)? {
            resources.insert(logical_id.clone(), declaration(logical_id, resource)?);
        }
        let mut definition = Self {
            body: body.to_owned(),
            description: template.get("Description").and_then(Value::as_str).map(str::to_owned),
            outputs: outputs(&there),
            processed: template,
            resources,
            parameters,
            referable,
        };
        definition.connect()?;
        Ok(definition)
    }

    /// Finds what each resource needs, and refuses what needs something that is not there.
    fn connect(&mut self) -> Result<(), Refusal> {
        let unknown: Vec<_> = self.resources.values().map(|resource| resource.kind.as_str()).collect();
        let unknown: BTreeSet<_> = unknown.into_iter().filter(|kind| kinds::find(kind).is_none()).collect();
        if !unknown.is_empty() {
            let unknown: Vec<_> = unknown.into_iter().collect();
            return Err(at_once(format!(
                "Template format error: Unrecognized resource types: [{}]",
                unknown.join(", ")
            )));
        }
        let mut needs = BTreeMap::new();
        for (logical_id, resource) in &self.resources {
            let mut found = resource.needs.clone();
            found.extend(self.references(&Value::Object(resource.properties.clone()), "Resources")?);
            found.remove(logical_id);
            needs.insert(logical_id.clone(), found);
        }
        for output in self.outputs.values() {
            self.references(&output.value, "Outputs")?;
        }
        for (logical_id, resource) in &mut self.resources {
            resource.needs = needs.remove(logical_id).unwrap_or_default();
        }
        if self.waves().iter().map(Vec::len).sum::<usize>() < self.resources.len() {
            let all: Vec<_> = self.resources.keys().map(String::as_str).collect();
            return Err(at_once(format!("Circular dependency between resources: [{}]", all.join(", "))));
        }
        Ok(())
    }

    /// The resources that a value refers to.
    fn references(&self, value: &Value, block: &str) -> Result<BTreeSet<String>, Refusal> {
        let mut found = BTreeSet::new();
        mentioned(value, &mut found);
        let mut resources = BTreeSet::new();
        for name in found {
            if name.starts_with("AWS::") || self.parameters.contains_key(&name) {
                continue;
            }
            let target = self.target(&name);
            if !self.resources.contains_key(target) {
                return Err(at_once(format!(
                    "Template format error: Unresolved resource dependencies [{name}] in the {block} block of the template"
                )));
            }
            resources.insert(target.to_owned());
        }
        Ok(resources)
    }

    /// The resource that a name in an expression is about: `Server` for `Server.Arn`.
    pub(super) fn target<'a>(&'a self, name: &'a str) -> &'a str {
        match self.referable.get(name) {
            Some(target) => target,
            // The longest name that SAM knows: `Server.Version.Version`.
            None => match name.rsplit_once('.') {
                Some((prefix, _)) => self.target(prefix),
                None => name,
            },
        }
    }

    /// The resources in groups: each needs only those of groups before.
    pub(super) fn waves(&self) -> Vec<Vec<String>> {
        let mut waves: Vec<Vec<String>> = Vec::new();
        let mut done: BTreeSet<&str> = BTreeSet::new();
        loop {
            let ready: Vec<&String> = self
                .resources
                .iter()
                .filter(|(logical_id, _)| !done.contains(logical_id.as_str()))
                .filter(|(_, resource)| resource.needs.iter().all(|needed| done.contains(needed.as_str())))
                .map(|(logical_id, _)| logical_id)
                .collect();
            if ready.is_empty() {
                return waves;
            }
            done.extend(ready.iter().map(|logical_id| logical_id.as_str()));
            waves.push(ready.into_iter().cloned().collect());
        }
    }

    /// What the creator has to agree to (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html>).
    pub(super) fn missing_capability(&self, given: &[String]) -> Option<&'static str> {
        let has = |capability: &str| given.iter().any(|of| of == capability);
        let mut roles = self.resources.values().filter(|resource| resource.kind == "AWS::IAM::Role").peekable();
        roles.peek()?;
        if roles.any(|role| role.properties.contains_key("RoleName")) {
            return (!has("CAPABILITY_NAMED_IAM")).then_some("CAPABILITY_NAMED_IAM");
        }
        (!has("CAPABILITY_IAM") && !has("CAPABILITY_NAMED_IAM")).then_some("CAPABILITY_IAM")
    }
}

fn parse(body: &str) -> Option<Value> {
    let json = body.trim_start().starts_with('{').then(|| serde_json::from_str(body).ok()).flatten();
    json.or_else(|| serde_saphyr::from_str(body).ok()).filter(Value::is_object)
}

fn parameters(template: &Value, given: &BTreeMap<String, String>) -> Result<BTreeMap<String, Value>, Refusal> {
    let declared = template.get("Parameters").and_then(Value::as_object);
    let mut parameters = BTreeMap::new();
    let mut missing = Vec::new();
    for (name, parameter) in declared.into_iter().flatten() {
        let value = given.get(name).map(|value| Value::String(value.clone())).or(parameter.get("Default").cloned());
        match value {
            Some(value) => drop(parameters.insert(name.clone(), value)),
            None => missing.push(name.as_str()),
        }
    }
    if !missing.is_empty() {
        return Err(at_once(format!("Parameters: [{}] must have values", missing.join(", "))));
    }
    let extra: Vec<_> = given.keys().filter(|name| !parameters.contains_key(*name)).map(String::as_str).collect();
    if !extra.is_empty() {
        return Err(at_once(format!("Parameters: [{}] do not exist in the template", extra.join(", "))));
    }
    Ok(parameters)
}

fn ending(resource: &Value, name: &str) -> Ending {
    match resource.get(name).and_then(Value::as_str) {
        Some("Retain") => Ending::Retain,
        Some("RetainExceptOnCreate") => Ending::RetainExceptOnCreate,
        _ => Ending::Delete,
    }
}

fn declaration(logical_id: &str, resource: &Value) -> Result<Declared, Refusal> {
    if !logical_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(at_once(format!("Template format error: Resource name {logical_id} is non alphanumeric.")));
    }
    let kind = resource.get("Type").and_then(Value::as_str);
    let missing = || {
        at_once(format!(
            "Template format error: [/Resources/{logical_id}] Every Resources object must contain a Type member."
        ))
    };
    let needs = match resource.get("DependsOn") {
        Some(Value::String(one)) => BTreeSet::from([one.clone()]),
        Some(Value::Array(several)) => several.iter().filter_map(|one| one.as_str().map(str::to_owned)).collect(),
        _ => BTreeSet::new(),
    };
    Ok(Declared {
        kind: kind.ok_or_else(missing)?.to_owned(),
        properties: resource.get("Properties").and_then(Value::as_object).cloned().unwrap_or_default(),
        needs,
        deletion: ending(resource, "DeletionPolicy"),
        replacement: ending(resource, "UpdateReplacePolicy"),
    })
}

fn outputs(template: &Value) -> BTreeMap<String, Output> {
    let outputs = template.get("Outputs").and_then(Value::as_object);
    let output = |(name, output): (&String, &Value)| {
        let description = output.get("Description").and_then(Value::as_str).map(str::to_owned);
        Some((name.clone(), Output { value: output.get("Value")?.clone(), description }))
    };
    outputs.into_iter().flatten().filter_map(output).collect()
}

/// The names in `Ref`, `Fn::GetAtt` and `Fn::Sub`, wherever they are in a value.
pub(super) fn mentioned(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| mentioned(item, found)),
        Value::Object(members) => {
            let only = members.iter().next().filter(|_| members.len() == 1);
            match only.map(|(name, argument)| (name.as_str(), argument)) {
                Some(("Ref", Value::String(name))) => drop(found.insert(name.clone())),
                Some(("Fn::GetAtt", argument)) => {
                    let name = match argument {
                        Value::String(name) => Some(name.clone()),
                        Value::Array(parts) => {
                            let parts: Vec<_> = parts.iter().filter_map(Value::as_str).collect();
                            Some(parts.join("."))
                        }
                        _ => None,
                    };
                    found.extend(name);
                }
                Some(("Fn::Sub", Value::String(text))) => found.extend(holes(text)),
                Some(("Fn::Sub", Value::Array(parts))) => {
                    let own = parts.get(1).and_then(Value::as_object).cloned().unwrap_or_default();
                    let text = parts.first().and_then(Value::as_str).unwrap_or_default();
                    found.extend(holes(text).into_iter().filter(|name| !own.contains_key(name)));
                    own.values().for_each(|member| mentioned(member, found));
                }
                _ => members.values().for_each(|member| mentioned(member, found)),
            }
        }
        _ => {}
    }
}

/// The names in `${…}`; `${!…}` is text.
fn holes(text: &str) -> Vec<String> {
    let parts = text.split("${").skip(1);
    parts
        .filter_map(|part| part.split_once('}'))
        .map(|(name, _)| name.trim())
        .filter(|name| !name.starts_with('!'))
        .map(str::to_owned)
        .collect()
}
