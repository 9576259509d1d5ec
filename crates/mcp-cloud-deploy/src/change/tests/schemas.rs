//! The tables, held against the schemas of CloudFormation's types (as cfn-lint carries them) and SAM's own translator.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use mcp_cloud_tests::{python, workspace_root};
use serde_json::Value;

use super::golden::templates;
use crate::change::{parts, template::Template, types};

/// Prints, for each type that is named, the properties that replace it: always, and perhaps.
const SCRIPT: &str = r#"
import json, sys
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

def names(schema, key):
    paths = [path.removeprefix("/properties/").replace("/", ".") for path in schema.get(key) or []]
    return sorted(path for path in paths if not any(path.startswith(other + ".") for other in paths))

found = {}
for name in sys.argv[1:]:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", name).schema
    found[name] = {
        "always": names(schema, "createOnlyProperties"),
        "perhaps": names(schema, "conditionalCreateOnlyProperties"),
        "properties": sorted(schema["properties"]),
    }
print(json.dumps(found))
"#;

const SAM: [(&str, &str); 3] = [
    ("AWS::Serverless::Function", "AWS::Lambda::Function"),
    ("AWS::Serverless::Api", "AWS::ApiGateway::RestApi"),
    ("AWS::Serverless::HttpApi", "AWS::ApiGatewayV2::Api"),
];

fn is_sam(name: &str) -> bool {
    name.starts_with("AWS::Serverless::")
}

fn set(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
}

fn schemas(names: &[&str]) -> Option<BTreeMap<String, Value>> {
    let output = Command::new(python()?).args(["-c", SCRIPT]).args(names).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn properties_that_replace_are_those_of_the_schemas() {
    let names: Vec<_> = types::TYPES.iter().map(|known| known.name).filter(|name| !is_sam(name)).collect();
    let Some(schemas) = schemas(&names) else { return };
    for known in types::TYPES.iter().filter(|known| !is_sam(known.name)) {
        let schema = &schemas[known.name];
        let own = |properties: &[&str]| properties.iter().copied().map(str::to_owned).collect::<BTreeSet<_>>();
        let not_emitted = known.replacing.is_empty() && known.defaults.is_empty() && known.holds.is_some();
        if !not_emitted {
            assert_eq!(own(known.replacing), set(&schema["always"]), "{}", known.name);
        }
        let perhaps = own(known.perhaps);
        assert!(not_emitted || perhaps.is_superset(&set(&schema["perhaps"])), "{}", known.name);
        let properties = set(&schema["properties"]);
        let named = known.defaults.iter().map(|(path, _)| *path).chain(known.attributes.iter().map(|(list, ..)| *list));
        for path in named.chain(known.own_name).chain(known.perhaps.iter().copied()) {
            let first = path.split('.').next().unwrap().trim_end_matches('?').trim_end_matches("[]");
            assert!(properties.contains(first), "{} has no `{first}`", known.name);
        }
    }
    for (own, becomes) in SAM {
        let (own, made) = (types::of(own), &schemas[becomes]);
        for property in own.replacing {
            assert!(set(&made["always"]).contains(*property), "{} is not replaced by `{property}`", own.name);
        }
    }
}

#[test]
fn no_default_is_of_a_property_that_replaces() {
    for known in types::TYPES {
        for (path, _) in known.defaults {
            let first = path.split('.').next().unwrap().trim_end_matches('?').trim_end_matches("[]");
            let replaces =
                known.replacing.iter().chain(known.perhaps).any(|other| other.split('.').next() == Some(first));
            assert!(!replaces, "CloudFormation compares `{first}` of {} as it is written", known.name);
        }
    }
}

#[test]
fn every_type_that_is_emitted_is_known() {
    let known: BTreeSet<_> = types::TYPES.iter().map(|known| known.name).collect();
    assert_eq!(known.len(), types::TYPES.len(), "no type is in the table twice");
    for (path, text) in templates() {
        let template = Template::read(&text, &BTreeMap::new()).unwrap();
        for resource in template.resources.values() {
            assert!(known.contains(resource.resource_type.as_str()), "{path}: {}", resource.resource_type);
        }
    }
}

#[test]
fn everything_that_sam_makes_is_a_part_of_something() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let gradual = "Transform: AWS::Serverless-2016-10-31\nResources:\n  Server:\n    Type: AWS::Serverless::Function\n    \
                   Properties:\n      CodeUri: .\n      Runtime: provided.al2023\n      Handler: bootstrap\n      \
                   AutoPublishAlias: live\n      DeploymentPreference:\n        Type: AllAtOnce\n      FunctionUrlConfig:\n        \
                   AuthType: NONE\n";
    let extra = folder.path().join("gradual.yaml");
    fs::write(&extra, gradual).unwrap();
    let mut files: Vec<_> =
        templates().into_iter().map(|(path, _)| path).filter(|path| path.ends_with("template.yaml")).collect();
    files.push(extra.display().to_string());
    let script = workspace_root().join("tests/emit/expand.py");
    let output = Command::new(python).arg(script).arg(folder.path()).args(&files).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut made = 0;
    for (index, file) in files.iter().enumerate() {
        let own = Template::read(&fs::read_to_string(file).unwrap(), &BTreeMap::new()).unwrap();
        let parts: Vec<_> = own.resources.iter().flat_map(|(id, resource)| parts::of(id, resource, &own)).collect();
        let text = fs::read_to_string(folder.path().join(format!("{index}.json"))).unwrap();
        let expanded = Template::read(&text, &BTreeMap::new()).unwrap();
        for (id, resource) in expanded.resources.iter().filter(|(id, _)| !own.resources.contains_key(*id)) {
            let part = parts.iter().find(|part| part.is(id, &resource.resource_type));
            assert!(part.is_some(), "{file}: {id} ({})", resource.resource_type);
            made += 1;
        }
        for part in parts.iter().filter(|part| part.whole_id) {
            assert!(expanded.resources.contains_key(&part.id), "{file}: there is no {}", part.id);
        }
    }
    assert!(made > 50, "SAM made {made} resources");
}
