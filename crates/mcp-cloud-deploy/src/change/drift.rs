//! Compares a function that runs with the template that it was deployed from.

use std::collections::BTreeMap;

use aws_smithy_types::base64;
use serde_json::{Map, Value};

use super::{
    FieldChange,
    compare::Path,
    defaults,
    parts::FUNCTION,
    template::{Piece, Template, TemplateError, intrinsic, pieces, scalar},
    types,
    value::{self, HIDDEN},
};

/// The same function in a template without SAM.
const PLAIN_FUNCTION: &str = "AWS::Lambda::Function";
/// What CloudFormation looks up itself when it deploys.
const RESOLVED: &str = "{{resolve:";

/// What Lambda says of a function (`GetFunctionConfiguration`,
/// <https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html>). What is absent is not compared.
#[derive(Clone, Default)]
pub struct FunctionState {
    /// Memory in MB.
    pub memory_mb: Option<u32>,
    /// Seconds an invocation may take.
    pub timeout_seconds: Option<u32>,
    /// `arm64` or `x86_64`.
    pub architectures: Option<Vec<String>>,
    /// Absent for an image.
    pub runtime: Option<String>,
    /// Absent for an image.
    pub handler: Option<String>,
    /// Its variables, with their values.
    pub environment: Option<BTreeMap<String, String>>,
    /// ARNs of layer versions, in their order.
    pub layers: Option<Vec<String>>,
    /// The log group it writes to.
    pub log_group: Option<String>,
    /// ARN of its role.
    pub role: Option<String>,
    /// Empty outside of a VPC.
    pub subnet_ids: Option<Vec<String>>,
    /// Empty outside of a VPC.
    pub security_group_ids: Option<Vec<String>>,
    /// `Active` or `PassThrough`.
    pub tracing: Option<String>,
    /// SHA-256 of the code, in Base64, as Lambda says it.
    pub code_sha256: Option<String>,
    /// Size of `/tmp` in MB.
    pub ephemeral_storage_mb: Option<u32>,
}

impl std::fmt::Debug for FunctionState {
    /// The values of variables may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FunctionState").field("code_sha256", &self.code_sha256).finish_non_exhaustive()
    }
}

/// What is different in a function from what the template says: `before` is the template's word, `after` what runs.
///
/// What only CloudFormation knows (the ARN of a resource, the value of a secret) counts as the same. Nothing where the
/// template has no function.
///
/// # Errors
///
/// [`TemplateError`] when the template cannot be read.
pub fn drift(template: &str, state: &FunctionState) -> Result<Vec<FieldChange>, TemplateError> {
    let template = Template::read(template, &BTreeMap::new())?;
    let function = template
        .resources
        .values()
        .find(|resource| matches!(resource.resource_type.as_str(), FUNCTION | PLAIN_FUNCTION));
    let Some(function) = function else { return Ok(Vec::new()) };
    let properties = defaults::filled(&types::of(&function.resource_type), &function.properties);
    let mut found = Found { properties: &properties, fields: Vec::new() };
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let tracing = if function.resource_type == FUNCTION { "Tracing" } else { "TracingConfig.Mode" };
    found.single("MemorySize", number(state.memory_mb));
    found.single("Timeout", number(state.timeout_seconds));
    found.list("Architectures", state.architectures.as_deref(), true);
    found.single("Runtime", state.runtime.clone());
    found.single("Handler", state.handler.clone());
    found.single("EphemeralStorage.Size", number(state.ephemeral_storage_mb));
    found.single("Role", state.role.clone());
    found.single("LoggingConfig.LogGroup", state.log_group.clone());
    found.single(tracing, state.tracing.clone());
    found.list("Layers", state.layers.as_deref(), false);
    found.list("VpcConfig.SubnetIds", state.subnet_ids.as_deref(), true);
    found.list("VpcConfig.SecurityGroupIds", state.security_group_ids.as_deref(), true);
    found.environment(state.environment.as_ref());
    found.code(state.code_sha256.as_deref());
    Ok(found.fields)
}

struct Found<'a> {
    properties: &'a Map<String, Value>,
    fields: Vec<FieldChange>,
}

impl Found<'_> {
    fn said(&self, property: &str) -> Option<&Value> {
        let mut names = property.split('.');
        let first = self.properties.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    }

    fn single(&mut self, property: &str, actual: Option<String>) {
        // What a template does not say, AWS chooses.
        let (Some(said), Some(actual)) = (self.said(property), actual) else { return };
        if !matches(said, &actual) {
            let path = path(property);
            let after = value::shown(&path, &Value::String(actual));
            let before = Some(value::shown(&path, said));
            self.fields.push(FieldChange { path: path.to_string(), before, after: Some(after) });
        }
    }

    fn list(&mut self, property: &str, actual: Option<&[String]>, is_set: bool) {
        let Some(actual) = actual else { return };
        let said: &[Value] = match self.said(property) {
            Some(Value::Array(items)) => items,
            // A function that makes a list.
            Some(_) => return,
            None => &[],
        };
        let same = said.len() == actual.len()
            && if is_set {
                said.iter().all(|said| actual.iter().any(|actual| matches(said, actual)))
                    && actual.iter().all(|actual| said.iter().any(|said| matches(said, actual)))
            } else {
                said.iter().zip(actual).all(|(said, actual)| matches(said, actual))
            };
        if !same {
            let path = path(property);
            let list = |items: Vec<Value>| (!items.is_empty()).then(|| value::shown(&path, &Value::Array(items)));
            let after = list(actual.iter().cloned().map(Value::String).collect());
            self.fields.push(FieldChange { path: path.to_string(), before: list(said.to_vec()), after });
        }
    }

    fn environment(&mut self, actual: Option<&BTreeMap<String, String>>) {
        let Some(actual) = actual else { return };
        let nothing = Map::new();
        let said = match self.said("Environment.Variables") {
            Some(Value::Object(variables)) => variables,
            Some(_) => return,
            None => &nothing,
        };
        let variables = path("Environment.Variables");
        let mut fields = Vec::new();
        for (name, said) in said {
            let path = variables.member(name);
            let running = actual.get(name);
            if running.is_some_and(|running| matches(said, running)) {
                continue;
            }
            let before = Some(value::shown(&path, said));
            // What somebody has set by hand in the place of something computed may be the secret itself.
            let after = running.map(|running| match said {
                Value::String(_) => value::shown(&path, &Value::String(running.clone())),
                _ => HIDDEN.to_owned(),
            });
            fields.push(FieldChange { path: value::printable(&path.to_string()), before, after });
        }
        for name in actual.keys().filter(|name| !said.contains_key(*name)) {
            let path = value::printable(&variables.member(name).to_string());
            fields.push(FieldChange { path, before: None, after: Some(HIDDEN.to_owned()) });
        }
        fields.sort_by(|one, other| one.path.cmp(&other.path));
        self.fields.extend(fields);
    }

    /// Our uploads are named by the SHA-256 of what is in them; of others nothing is known.
    fn code(&mut self, actual: Option<&str>) {
        let key = self.said("CodeUri.Key").or_else(|| self.said("Code.S3Key")).and_then(scalar);
        let (Some(key), Some(actual)) = (key, actual) else { return };
        let name = key.rsplit('/').next().unwrap_or_default().trim_end_matches(".zip");
        let is_hash = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let Ok(running) = base64::decode(actual) else { return };
        let running: String = running.iter().map(|byte| format!("{byte:02x}")).collect();
        if is_hash && !name.eq_ignore_ascii_case(&running) {
            let path = path("CodeUri");
            let show = |hash: String| Some(value::shown(&path, &Value::String(format!("SHA-256 {hash}"))));
            self.fields.push(FieldChange {
                path: path.to_string(),
                before: show(name.to_owned()),
                after: show(running),
            });
        }
    }
}

fn path(property: &str) -> Path {
    property.split('.').fold(Path::default(), |path, name| path.member(name))
}

/// Whether a value may be what the template says, as far as the template alone can tell.
fn matches(said: &Value, actual: &str) -> bool {
    match said {
        Value::String(text) => text.contains(RESOLVED) || text == actual,
        Value::Number(_) | Value::Bool(_) => scalar(said).as_deref() == Some(actual),
        _ => match intrinsic(said) {
            Some(("Fn::Sub", Value::String(text))) => text.contains(RESOLVED) || fits(&pieces(text), actual),
            _ => true,
        },
    }
}

/// Whether a text has these pieces one after the other, with anything in the place of names.
fn fits(pieces: &[Piece<'_>], text: &str) -> bool {
    let mut rest = text;
    let mut free = false;
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Name(_) => free = true,
            Piece::Text(piece) if free && index + 1 == pieces.len() => return rest.ends_with(piece),
            Piece::Text(piece) if free => {
                let Some((_, after)) = rest.split_once(piece) else { return false };
                rest = after;
                free = false;
            }
            Piece::Text(piece) => {
                let Some(after) = rest.strip_prefix(piece) else { return false };
                rest = after;
            }
        }
    }
    free || rest.is_empty()
}
