//! Conditions of templates: what they leave out is not there
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-conditions.html>).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Deeper than conditions are nested by anybody.
const DEEPEST: usize = 16;

/// Values of conditions, or what CloudFormation says of one that cannot be told.
struct Conditions<'a> {
    declared: Option<&'a Map<String, Value>>,
    parameters: &'a BTreeMap<String, Value>,
}

/// Leaves out the resources and outputs whose condition does not hold, and chooses in every `Fn::If`.
pub(super) fn apply(template: &Value, parameters: &BTreeMap<String, Value>) -> Result<Value, String> {
    let declared = template.get("Conditions").and_then(Value::as_object);
    let conditions = Conditions { declared, parameters };
    let mut template = conditions.choose(template)?;
    for block in ["Resources", "Outputs"] {
        let Some(members) = template.get_mut(block).and_then(Value::as_object_mut) else { continue };
        let mut absent = Vec::new();
        for (name, member) in members.iter() {
            if let Some(condition) = member.get("Condition").and_then(Value::as_str)
                && !conditions.named(condition, 0)?
            {
                absent.push(name.clone());
            }
        }
        members.retain(|name, _| !absent.contains(name));
        if block == "Resources" {
            forget(members, &absent);
        }
    }
    Ok(template)
}

/// What is not there is waited for by nobody.
fn forget(resources: &mut Map<String, Value>, absent: &[String]) {
    let is_absent = |name: &Value| name.as_str().is_some_and(|name| absent.iter().any(|of| of == name));
    for resource in resources.values_mut().filter_map(Value::as_object_mut) {
        match resource.get_mut("DependsOn") {
            Some(Value::Array(several)) => several.retain(|name| !is_absent(name)),
            Some(one) if is_absent(one) => drop(resource.remove("DependsOn")),
            _ => {}
        }
    }
}

impl Conditions<'_> {
    fn named(&self, name: &str, depth: usize) -> Result<bool, String> {
        let missing =
            || format!("Template format error: Unresolved dependencies [{name}]. Cannot reference conditions");
        let condition = self.declared.and_then(|declared| declared.get(name)).ok_or_else(missing)?;
        if depth > DEEPEST {
            return Err(format!("Template format error: Circular dependencies for condition {name}"));
        }
        self.holds(condition, depth + 1)
    }

    fn holds(&self, condition: &Value, depth: usize) -> Result<bool, String> {
        let malformed = || format!("Template error: every condition must be a function of conditions: {condition}");
        let (function, argument) = condition.as_object().and_then(|of| of.iter().next()).ok_or_else(malformed)?;
        let operands = argument.as_array().map(Vec::as_slice).unwrap_or_default();
        let each = || operands.iter().map(|operand| self.holds(operand, depth)).collect::<Result<Vec<_>, _>>();
        match (function.as_str(), operands) {
            ("Condition", _) => self.named(argument.as_str().unwrap_or_default(), depth),
            ("Fn::Equals", [left, right]) => Ok(self.operand(left) == self.operand(right)),
            ("Fn::Not", [of]) => Ok(!self.holds(of, depth)?),
            ("Fn::And", _) => Ok(each()?.into_iter().all(|holds| holds)),
            ("Fn::Or", _) => Ok(each()?.into_iter().any(|holds| holds)),
            _ => Err(malformed()),
        }
    }

    /// Text, as everything is in a comparison.
    fn operand(&self, value: &Value) -> String {
        let parameter = value.get("Ref").and_then(Value::as_str).and_then(|name| self.parameters.get(name));
        let value = parameter.unwrap_or(value);
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }

    fn choose(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::Array(items) => {
                items.iter().map(|item| self.choose(item)).collect::<Result<_, _>>().map(Value::Array)
            }
            Value::Object(members) => {
                if let (1, Some([Value::String(condition), then, otherwise])) =
                    (members.len(), members.get("Fn::If").and_then(Value::as_array).map(Vec::as_slice))
                {
                    return self.choose(if self.named(condition, 0)? { then } else { otherwise });
                }
                let chosen = members.iter().map(|(name, member)| Ok((name.clone(), self.choose(member)?)));
                chosen.collect::<Result<_, String>>().map(Value::Object)
            }
            plain => Ok(plain.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn applied(image: &str) -> Value {
        let template = json!({
            "Conditions": {
                "With": { "Fn::Not": [{ "Fn::Equals": [{ "Ref": "Image" }, ""] }] },
                "Both": { "Fn::And": [{ "Condition": "With" }, { "Fn::Or": [{ "Condition": "With" }] }] },
            },
            "Resources": {
                "A": { "Type": "T", "Properties": { "P": { "Fn::If": ["With", 1, { "Ref": "AWS::NoValue" }] } },
                       "DependsOn": ["B"] },
                "B": { "Type": "T", "Condition": "Both" },
            },
        });
        apply(&template, &BTreeMap::from([("Image".to_owned(), json!(image))])).expect("they can be told")
    }

    #[test]
    fn what_a_condition_leaves_out_is_waited_for_by_nobody() {
        let without = applied("");
        assert_eq!(without["Resources"].as_object().map(Map::len), Some(1));
        assert_eq!(without["Resources"]["A"]["DependsOn"], json!([]));
        let with = applied("x");
        assert_eq!(with["Resources"].as_object().map(Map::len), Some(2));
        assert_eq!(with["Resources"]["A"]["Properties"]["P"], json!(1));
    }
}
