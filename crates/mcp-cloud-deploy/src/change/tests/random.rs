//! Whatever stands in a template: nothing panics, nothing differs from itself, nothing secret is shown.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::between;
use crate::change::{Action, Changes, FunctionState, drift};

const SECRET: &str = "swordfish-0f1e2d3c";

/// Names that mean something to the comparison, and some that do not.
fn name() -> impl Strategy<Value = String> {
    let known = [
        "Ref",
        "Fn::GetAtt",
        "Fn::Sub",
        "Fn::If",
        "Condition",
        "Key",
        "Value",
        "Name",
        "Environment",
        "Variables",
        "Tags",
        "Policies",
        "PolicyName",
        "PolicyDocument",
        "Statement",
        "Action",
        "Properties",
        "Type",
        "FunctionUrlConfig",
        "LoadBalancerAttributes",
        "Resources",
        "Events",
        "FunctionName",
        "Domain",
    ];
    prop_oneof![4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => "[A-Za-z.:]{0,6}"]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-zA-Z${}.: ]{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["It", "${It}", "${It.Arn}", "${", "AWS::NoValue"]).prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(5, 48, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..5).prop_map(|members| Value::Object(Map::from_iter(members))),
        ]
    })
}

fn kind() -> impl Strategy<Value = String> {
    let names: Vec<_> = crate::change::types::TYPES.iter().map(|known| known.name.to_owned()).collect();
    prop::sample::select(names)
}

fn template() -> impl Strategy<Value = Value> {
    let resource = (kind(), prop::collection::vec((name(), value()), 0..6), value()).prop_map(
        |(kind, members, other)| json!({ "Type": kind, "Properties": Map::from_iter(members), "DependsOn": other }),
    );
    let id = prop::sample::select(vec!["It", "Server", "Other"]);
    (prop::collection::vec((id, resource), 0..3), value()).prop_map(|(resources, outputs)| {
        let resources: Map<_, _> = resources.into_iter().map(|(id, resource)| (id.to_owned(), resource)).collect();
        json!({ "Resources": resources, "Outputs": { "McpEndpoint": { "Value": outputs } } })
    })
}

fn everything(changes: &Changes) -> String {
    format!("{changes:?}{changes}{}", serde_json::to_string(changes).unwrap())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(one in "\\PC{0,60}", other in "[-:{}\\[\\]&*!|>'\"%@`\n A-Za-z0-9]{0,80}") {
        let _ = everything(&between(Some(&one), Some(&other)));
        let _ = everything(&between(Some(&format!("Resources:\n  {one}")), Some(&format!("Resources: {{{other}}}"))));
        let _ = drift(&other, &FunctionState::default());
    }

    #[test]
    fn no_template_makes_it_panic(one in template(), other in template()) {
        let changes = between(Some(&one.to_string()), Some(&other.to_string()));
        let _ = everything(&changes);
        let _ = drift(&one.to_string(), &FunctionState::default());
    }

    #[test]
    fn nothing_differs_from_itself(one in template()) {
        let text = one.to_string();
        let changes = between(Some(&text), Some(&text));
        prop_assert!(changes.is_empty(), "{}", changes);
    }

    #[test]
    fn ways_there_and_back_mirror_each_other(one in template(), other in template()) {
        let (one, other) = (one.to_string(), other.to_string());
        let (there, back) = (between(Some(&one), Some(&other)), between(Some(&other), Some(&one)));
        let of = |changes: &Changes, action| {
            let with = changes.resources.iter().filter(|change| change.action == action);
            with.map(|change| change.logical_id.clone()).collect::<Vec<_>>()
        };
        prop_assert_eq!(of(&there, Action::Add), of(&back, Action::Remove));
        prop_assert_eq!(of(&there, Action::Remove), of(&back, Action::Add));
        prop_assert_eq!(there.resources.is_empty(), back.resources.is_empty());
    }

    #[test]
    fn hidden_values_are_shown_nowhere(
        word in prop::sample::select(vec!["KEY", "TOKEN", "SECRET", "PASSWORD"]),
        around in "[A-Z_]{0,4}",
        shape in 0_usize..6,
        before in any::<bool>(),
    ) {
        let variable = format!("{around}{word}{around}");
        let environment = match shape {
            0 => json!({ "Variables": { variable: SECRET } }),
            1 => json!([{ "Name": variable, "Value": SECRET }]),
            2 => json!([{ "Name": variable, "Value": SECRET }, { "Name": variable, "Value": "twice" }]),
            3 => json!({ "Variables": { variable: { "Fn::Join": ["", [SECRET, "x"]] } } }),
            4 => json!({ "Variables": { variable: { "Fn::Sub": format!("{{{{resolve:x}}}}{SECRET}${{It}}{{{{resolve:y}}}}") } } }),
            _ => json!([{ "Environment": [{ "Name": variable, "Value": [SECRET] }] }]),
        };
        let with = json!({ "Resources": { "It": {
            "Type": "AWS::ECS::TaskDefinition",
            "Properties": { "Environment": environment, "ContainerDefinitions": [{ "Environment": environment }] },
        } } }).to_string();
        let without = json!({ "Resources": { "It": { "Type": "AWS::ECS::TaskDefinition" } } }).to_string();
        let changes = if before { between(Some(&with), Some(&without)) } else { between(Some(&without), Some(&with)) };
        prop_assert!(!changes.is_empty());
        prop_assert!(!everything(&changes).contains(SECRET), "{}", changes);
        prop_assert!(!everything(&between(None, Some(&with))).contains(SECRET));
        prop_assert!(!everything(&between(Some(&with), None)).contains(SECRET));
    }
}
