//! The part of CloudFormation that more than one target of AWS needs, as types; fields are in the order in which they
//! are printed.
//!
//! Resources are described at
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html>.

pub(super) mod alarms;
pub(super) mod domain;
pub(super) mod limits;
pub(super) mod load_balancer;
pub(super) mod network;
pub(super) mod state;
pub(super) mod waf;

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use crate::app::App;

pub(super) const POLICY_VERSION: &str = "2012-10-17";

/// The resources of a template by their logical ids, in the order in which they are printed. Each id is of one type for
/// ever: CloudFormation refuses an update that changes the type behind an id.
#[derive(Debug)]
pub(super) struct Resources<P>(Vec<(Cow<'static, str>, Resource<P>)>);

impl<P> Resources<P> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn add(&mut self, id: impl Into<Cow<'static, str>>, resource: impl Into<Resource<P>>) {
        self.0.push((id.into(), resource.into()));
    }
}

impl<P: Serialize> Serialize for Resources<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, resource) in &self.0 {
            map.serialize_entry(id, resource)?;
        }
        map.end()
    }
}

/// A resource; `P` is an enum with a variant a type, which serde writes as `Type` and `Properties`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Resource<P> {
    #[serde(flatten)]
    pub(super) properties: P,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) depends_on: Vec<&'static str>,
    /// `Retain` keeps what the resource holds when the stack goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deletion_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) update_replace_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) metadata: Option<serde_json::Value>,
}

impl<P> From<P> for Resource<P> {
    fn from(properties: P) -> Self {
        Self {
            condition: None,
            depends_on: Vec::new(),
            deletion_policy: None,
            update_replace_policy: None,
            metadata: None,
            properties,
        }
    }
}

/// A value as it is, or one CloudFormation computes, in the long form that every reader of YAML understands.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Function(Function<'a>),
}

/// What CloudFormation computes.
#[derive(Debug, Clone, Serialize)]
pub(super) enum Function<'a> {
    Ref(Cow<'a, str>),
    #[serde(rename = "Fn::GetAtt")]
    Attribute([Cow<'a, str>; 2]),
    #[serde(rename = "Fn::Sub")]
    Substitute(String),
    #[serde(rename = "Fn::Select")]
    Select(u32, Box<Self>),
    #[serde(rename = "Fn::GetAZs")]
    Zones(&'static str),
    #[serde(rename = "Fn::Join")]
    Join(&'static str, Vec<Value<'a>>),
    #[serde(rename = "Fn::Join")]
    JoinAll(&'static str, Box<Self>),
    #[serde(rename = "Fn::Split")]
    Split(&'static str, Box<Self>),
}

impl<'a> Value<'a> {
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn reference(id: impl Into<Cow<'a, str>>) -> Self {
        Self::Function(Function::Ref(id.into()))
    }

    pub(super) fn attribute(id: impl Into<Cow<'a, str>>, attribute: impl Into<Cow<'a, str>>) -> Self {
        Self::Function(Function::Attribute([id.into(), attribute.into()]))
    }

    pub(super) fn substitute(template: impl Into<String>) -> Self {
        Self::Function(Function::Substitute(template.into()))
    }

    /// A list as one text, which is all that an output can be.
    pub(super) fn list(items: Vec<Self>) -> Self {
        Self::Function(Function::Join(",", items))
    }

    /// An `https://` URL of an attribute that is a host, or that already is the beginning of one.
    pub(super) fn https_url(id: &'static str, attribute: &'static str, path: &'a str) -> Self {
        const SCHEME: &str = "https://";
        let whole = Function::Attribute([id.into(), attribute.into()]);
        let host = Function::JoinAll("", Box::new(Function::Split(SCHEME, Box::new(whole))));
        Self::Function(Function::Join("", vec![Self::text(SCHEME), Self::Function(host), Self::text(path)]))
    }

    /// One of the availability zones of the region, whatever it is.
    pub(super) fn zone(index: u32) -> Self {
        Self::Function(Function::Select(index, Box::new(Function::Zones(""))))
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag<'a> {
    pub(super) key: Cow<'a, str>,
    pub(super) value: Value<'a>,
}

/// The tags of an app, as most resources take them.
pub(super) fn tags(app: &App) -> Vec<Tag<'_>> {
    app.tags.iter().map(|(key, value)| Tag { key: key.into(), value: Value::text(value.as_str()) }).collect()
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Role<'a> {
    /// A name of its own, where something outside of the stack has to know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) role_name: Option<String>,
    pub(super) assume_role_policy_document: PolicyDocument<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) managed_policy_arns: Vec<Value<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) policies: Vec<Policy<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<Tag<'a>>,
}

impl<'a> Role<'a> {
    /// A role that a service of AWS takes, with policies of its own.
    pub(super) fn of_service(service: &'static str, policies: Vec<Policy<'a>>, app: &'a App) -> Self {
        let trust = Statement {
            effect: "Allow",
            principal: Some(Principal { service }),
            action: vec!["sts:AssumeRole"],
            resource: Vec::new(),
            condition: None,
        };
        Self {
            role_name: None,
            assume_role_policy_document: PolicyDocument::new(vec![trust]),
            managed_policy_arns: Vec::new(),
            policies,
            tags: tags(app),
        }
    }

    /// A role with managed policies besides its own.
    pub(super) fn with_managed(mut self, arns: &'a [String]) -> Self {
        self.managed_policy_arns.extend(arns.iter().map(|arn| Value::text(arn.as_str())));
        self
    }

    /// A role that a service takes under conditions: operator, then key, then value.
    pub(super) fn under(mut self, conditions: Conditions<'a>) -> Self {
        for statement in &mut self.assume_role_policy_document.statement {
            statement.condition = Some(conditions.clone());
        }
        self
    }
}

/// Conditions of a statement: operator, then key, then value.
pub(super) type Conditions<'a> = BTreeMap<&'static str, BTreeMap<&'static str, Value<'a>>>;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Policy<'a> {
    pub(super) policy_name: &'static str,
    pub(super) policy_document: PolicyDocument<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyDocument<'a> {
    version: &'static str,
    statement: Vec<Statement<'a>>,
}

impl<'a> PolicyDocument<'a> {
    pub(super) fn new(statement: Vec<Statement<'a>>) -> Self {
        Self { version: POLICY_VERSION, statement }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Statement<'a> {
    pub(super) effect: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<Principal>,
    pub(super) action: Vec<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) resource: Vec<Value<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<Conditions<'a>>,
}

impl<'a> Statement<'a> {
    pub(super) fn allow(action: Vec<&'static str>, resource: Vec<Value<'a>>) -> Self {
        Self { effect: "Allow", principal: None, action, resource, condition: None }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Principal {
    pub(super) service: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LogGroup<'a> {
    pub(super) log_group_name: Value<'a>,
    pub(super) retention_in_days: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) condition: Option<&'static str>,
    pub(super) description: &'static str,
    pub(super) value: Value<'a>,
}

/// Outputs by their names, in the order in which they are printed.
pub(super) type Outputs<'a> = Vec<(&'static str, Output<'a>)>;

/// Writes pairs as a map that keeps their order.
pub(super) fn in_order<S: Serializer, V: Serialize>(pairs: &[(&'static str, V)], to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(pairs.len()))?;
    for (key, value) in pairs {
        map.serialize_entry(key, value)?;
    }
    map.end()
}
