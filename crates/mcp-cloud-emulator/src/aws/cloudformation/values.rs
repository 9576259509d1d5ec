//! Values of a template: references resolved to what is there.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{stack::Resource, template::Definition};
use crate::aws::{secrets, state::State};

/// Where a value is resolved.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) account_id: &'a str,
    pub(super) region: &'a str,
    pub(super) stack_name: &'a str,
    pub(super) stack_id: &'a str,
    pub(super) definition: &'a Definition,
    pub(super) resources: &'a BTreeMap<String, Resource>,
}

impl Scope<'_> {
    pub(super) fn resolve_all(&self, properties: &Map<String, Value>) -> Result<Map<String, Value>, String> {
        let mut resolved = Map::new();
        for (name, value) in properties {
            let value = self.resolve(value)?;
            // `AWS::NoValue` leaves a property out.
            if !value.is_null() {
                resolved.insert(name.clone(), value);
            }
        }
        Ok(resolved)
    }

    pub(super) fn resolve(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::Array(items) => {
                items.iter().map(|item| self.resolve(item)).collect::<Result<_, _>>().map(Value::Array)
            }
            Value::Object(members) => {
                let only = members.iter().next().filter(|_| members.len() == 1);
                match only.map(|(name, argument)| (name.as_str(), argument)) {
                    Some(("Ref", Value::String(name))) => self.reference(name),
                    Some(("Fn::GetAtt", Value::String(name))) => self.attribute(name),
                    Some(("Fn::GetAtt", Value::Array(parts))) => {
                        let parts: Vec<_> = parts.iter().filter_map(Value::as_str).collect();
                        self.attribute(&parts.join("."))
                    }
                    Some(("Fn::Sub", Value::String(text))) => self.substitute(text, &Map::new()),
                    Some(("Fn::Sub", Value::Array(parts))) => {
                        let text = parts.first().and_then(Value::as_str).unwrap_or_default();
                        let own = parts.get(1).and_then(Value::as_object).cloned().unwrap_or_default();
                        self.substitute(text, &self.resolve_all(&own)?)
                    }
                    Some(("Fn::Join", Value::Array(parts))) => self.join(parts),
                    Some(("Fn::Select", Value::Array(parts))) => self.select(parts),
                    Some(("Fn::GetAZs", region)) => self.zones(region),
                    Some((function, _)) if function.starts_with("Fn::") => {
                        Err(format!("Template error: {function} is not understood"))
                    }
                    _ => self.resolve_all(members).map(Value::Object),
                }
            }
            plain => Ok(plain.clone()),
        }
    }

    fn reference(&self, name: &str) -> Result<Value, String> {
        let pseudo = match name {
            "AWS::AccountId" => self.account_id,
            "AWS::Region" => self.region,
            "AWS::StackName" => self.stack_name,
            "AWS::StackId" => self.stack_id,
            "AWS::Partition" => "aws",
            "AWS::URLSuffix" => "amazonaws.com",
            "AWS::NoValue" => return Ok(Value::Null),
            _ => {
                if let Some(value) = self.definition.parameters.get(name) {
                    return Ok(value.clone());
                }
                let target = self.definition.referable.get(name).map_or(name, String::as_str);
                return self.resource(target).map(|resource| Value::String(resource.physical_id.clone()));
            }
        };
        Ok(Value::String(pseudo.to_owned()))
    }

    fn resource(&self, logical_id: &str) -> Result<&Resource, String> {
        let missing = || format!("Template error: instance of Ref references undefined resource {logical_id}");
        self.resources.get(logical_id).ok_or_else(missing)
    }

    fn attribute(&self, name: &str) -> Result<Value, String> {
        // A name that SAM makes up stands for a resource, with or without an attribute after it.
        if self.definition.referable.contains_key(name) {
            return self.reference(name);
        }
        let logical_id = self.definition.target(name);
        let (_, attribute) = name.rsplit_once('.').unwrap_or((name, ""));
        let known = self.definition.referable.keys().find(|known| name.starts_with(&format!("{known}.")));
        let attribute = match known {
            Some(known) => name.get(known.len() + 1..).unwrap_or(attribute),
            None => name.split_once('.').map_or(attribute, |(_, attribute)| attribute),
        };
        let resource = self.resource(logical_id)?;
        let missing = || {
            format!("Template error: resource {logical_id} does not support attribute type {attribute} in Fn::GetAtt")
        };
        resource.attributes.get(attribute).cloned().map(Value::String).ok_or_else(missing)
    }

    fn substitute(&self, text: &str, own: &Map<String, Value>) -> Result<Value, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, after)) = after.split_once('}') else {
                out.push_str("${");
                rest = after;
                continue;
            };
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                out.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let value = match own.get(name) {
                Some(value) => value.clone(),
                None if name.contains('.') && !name.starts_with("AWS::") => self.attribute(name)?,
                None => self.reference(name)?,
            };
            out.push_str(&text_of(&value));
        }
        out.push_str(rest);
        Ok(Value::String(out))
    }

    fn select(&self, parts: &[Value]) -> Result<Value, String> {
        let index = parts.first().and_then(|index| index.as_u64().or_else(|| index.as_str()?.parse().ok()));
        let items = self.resolve(parts.get(1).unwrap_or(&Value::Null))?;
        let found = index.and_then(|index| items.get(usize::try_from(index).ok()?));
        found.cloned().ok_or_else(|| "Template error: Fn::Select cannot select nonexistent value".to_owned())
    }

    /// Three of them, as most regions have.
    fn zones(&self, region: &Value) -> Result<Value, String> {
        let region = self.resolve(region)?;
        let region = region.as_str().filter(|region| !region.is_empty()).unwrap_or(self.region);
        Ok(["a", "b", "c"].iter().map(|zone| Value::String(format!("{region}{zone}"))).collect())
    }

    fn join(&self, parts: &[Value]) -> Result<Value, String> {
        let separator = parts.first().and_then(Value::as_str).unwrap_or_default();
        let items = parts.get(1).and_then(Value::as_array).cloned().unwrap_or_default();
        let items: Result<Vec<_>, _> = items.iter().map(|item| self.resolve(item).map(|item| text_of(&item))).collect();
        Ok(Value::String(items?.join(separator)))
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Puts secrets in the place of references to them, as they are when a resource is made or changed
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html>).
pub(super) fn with_secrets(state: &State, value: &Value) -> Result<Value, String> {
    const START: &str = "{{resolve:secretsmanager:";
    match value {
        Value::String(text) if text.contains(START) => {
            let mut out = String::new();
            let mut rest = text.as_str();
            while let Some((before, after)) = rest.split_once(START) {
                out.push_str(before);
                let (reference, after) = after.split_once("}}").unwrap_or((after, ""));
                out.push_str(&secret(state, reference)?);
                rest = after;
            }
            out.push_str(rest);
            Ok(Value::String(out))
        }
        Value::Array(items) => {
            items.iter().map(|item| with_secrets(state, item)).collect::<Result<_, _>>().map(Value::Array)
        }
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| Ok((name.clone(), with_secrets(state, member)?)))
            .collect::<Result<_, String>>()
            .map(Value::Object),
        plain => Ok(plain.clone()),
    }
}

/// `<name or ARN>:SecretString[:<key>[:<stage>[:<version>]]]`.
fn secret(state: &State, reference: &str) -> Result<String, String> {
    let says = |message: &str| {
        format!(
            "{message} (Service: AWSSecretsManager; Status Code: 400; Error Code: ResourceNotFoundException; Proxy: null)"
        )
    };
    let (id, rest) = reference.split_once(":SecretString").unwrap_or((reference, ""));
    let missing = || says("Secrets Manager can't find the specified secret.");
    let found = secrets::named(state, id).filter(|(_, secret)| secret.deleted.is_none());
    let (_, secret) = found.ok_or_else(missing)?;
    let value = secret.value().ok_or_else(|| says("Secrets Manager can't find the specified secret value"))?;
    let key = rest.strip_prefix(':').and_then(|rest| rest.split(':').next()).filter(|key| !key.is_empty());
    let Some(key) = key else { return Ok(value.to_owned()) };
    let document: Value = serde_json::from_str(value).unwrap_or_default();
    let member = document.get(key).map(text_of);
    member.ok_or_else(|| format!("Could not find a value associated with JSONKey in SecretString: {key}"))
}
