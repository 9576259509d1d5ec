//! Finds what can stay of a stack whose function somebody deleted.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::{change, error::Error, observe::Stack};

/// What stays of a stack when its function is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remainder {
    /// Names of the resources, sorted.
    pub(crate) stays: Vec<String>,
    /// A template with them alone, as JSON.
    pub(crate) template: String,
}

impl Remainder {
    /// Keeps what holds data and needs nothing that goes.
    fn of(template: &str) -> Result<Self, String> {
        let template = change::parse(template).map_err(|error| error.to_string())?;
        let resources = template.get("Resources").and_then(Value::as_object).ok_or("it has no resources")?;
        let mut stays: Map<String, Value> = resources
            .iter()
            .filter(|(_, resource)| resource.get("Type").and_then(Value::as_str).is_some_and(change::holds_data))
            .map(|(name, resource)| (name.clone(), resource.clone()))
            .collect();
        loop {
            let gone: BTreeSet<&str> =
                resources.keys().map(String::as_str).filter(|name| !stays.contains_key(*name)).collect();
            let broken: Vec<_> =
                stays.iter().filter(|(_, resource)| mentions(resource, &gone)).map(|(name, _)| name.clone()).collect();
            if broken.is_empty() {
                break;
            }
            for name in broken {
                stays.remove(&name);
            }
        }
        if stays.is_empty() {
            return Err("nothing in it holds data, and CloudFormation keeps no empty stack".to_owned());
        }
        let names = stays.keys().cloned().collect();
        let template = json!({ "AWSTemplateFormatVersion": "2010-09-09", "Resources": stays });
        Ok(Self { stays: names, template: template.to_string() })
    }
}

impl Stack {
    /// What stays of it when its function is gone.
    pub(crate) fn remainder(&self) -> Result<Remainder, Error> {
        Remainder::of(self.template.as_deref().unwrap_or_default())
            .map_err(|problem| Error::TemplateUnreadable { stack: self.name.clone(), problem })
    }
}

/// Whether any text in a resource is a name, or holds one as CloudFormation's intrinsic functions write them.
fn mentions(value: &Value, names: &BTreeSet<&str>) -> bool {
    match value {
        Value::String(text) => {
            names.contains(text.as_str())
                || names.iter().any(|name| {
                    text.contains(&format!("${{{name}}}"))
                        || text.contains(&format!("${{{name}."))
                        || text.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
                })
        }
        Value::Array(values) => values.iter().any(|value| mentions(value, names)),
        Value::Object(members) => members.values().any(|value| mentions(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "Transform: AWS::Serverless-2016-10-31
Resources:
  Server:
    Type: AWS::Serverless::Function
  Logs:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: {'Fn::Sub': '/aws/lambda/${AWS::StackName}'}
  Tied:
    Type: AWS::Logs::LogGroup
    Properties:
      LogGroupName: {'Fn::Sub': '/aws/lambda/${Server}'}
  TiedToTied:
    Type: AWS::DynamoDB::Table
    DependsOn: [Tied]
";

    #[test]
    fn what_holds_data_stays_unless_it_needs_what_goes() {
        let remainder = Remainder::of(TEMPLATE).unwrap();
        assert_eq!(remainder.stays, ["Logs"]);
        let template: Value = serde_json::from_str(&remainder.template).unwrap();
        assert_eq!(template["Resources"].as_object().map(Map::len), Some(1));
        assert_eq!(template["Resources"]["Logs"]["Type"], "AWS::Logs::LogGroup");
    }

    #[test]
    fn unreadable_template_is_an_error() {
        for template in ["", "a: [", "Resources: {}", "Resources:\n  Server:\n    Type: AWS::Serverless::Function\n"] {
            assert!(Remainder::of(template).is_err(), "{template}");
        }
    }
}
