//! What SAM makes of its types: the resources that CloudFormation speaks of, and no template names.
//!
//! <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification-generated-resources.html>;
//! a test holds this against what SAM's own translator makes of every golden template.

use serde_json::{Map, Value};

use super::{
    compare::canonical,
    template::{Resource, Template, scalar},
};

pub(super) const FUNCTION: &str = "AWS::Serverless::Function";
const REST_API: &str = "AWS::Serverless::Api";
const HTTP_API: &str = "AWS::Serverless::HttpApi";
pub(super) const URL: &str = "AWS::Lambda::Url";
const ALIAS: &str = "AWS::Lambda::Alias";
const VERSION: &str = "AWS::Lambda::Version";
pub(super) const PERMISSION: &str = "AWS::Lambda::Permission";
const ROLE: &str = "AWS::IAM::Role";
const DEPLOYMENT: &str = "AWS::ApiGateway::Deployment";

/// A resource that SAM makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Its logical id, or the beginning of one that ends in a hash.
    pub(super) id: String,
    pub(super) whole_id: bool,
    pub(super) resource_type: &'static str,
    /// What makes it another resource when it changes: the property of SAM's resource, and its value, written in one way.
    /// That of a resource of which there is one for each deployment is not looked at.
    pub(super) identity: Vec<(&'static str, String)>,
}

impl Part {
    fn new(id: String, resource_type: &'static str, identity: &[(&'static str, Option<&Value>)]) -> Self {
        let identity = identity.iter().map(|(name, value)| (*name, written(*value))).collect();
        Self { id, whole_id: true, resource_type, identity }
    }

    fn with_hash(mut self) -> Self {
        self.whole_id = false;
        self
    }

    /// Whether a resource of this id and type is this part.
    pub(super) fn is(&self, id: &str, resource_type: &str) -> bool {
        let same = if self.whole_id { id == self.id } else { id.starts_with(&self.id) };
        same && resource_type == self.resource_type
    }

    /// Whether there is another one of it after each deployment.
    pub(super) fn comes_and_goes(&self) -> bool {
        matches!(self.resource_type, VERSION | DEPLOYMENT)
    }

    /// The id, as people see it.
    pub(super) fn shown_id(&self) -> String {
        if self.whole_id { self.id.clone() } else { format!("{}…", self.id) }
    }
}

fn written(value: Option<&Value>) -> String {
    value.map(|value| canonical("", value)).unwrap_or_default()
}

/// Everything that SAM makes of a resource, besides the one of the same logical id.
pub(super) fn of(id: &str, resource: &Resource, template: &Template) -> Vec<Part> {
    match resource.resource_type.as_str() {
        FUNCTION => of_function(id, &resource.properties, template),
        REST_API => of_rest_api(id, &resource.properties),
        HTTP_API => of_http_api(id, &resource.properties),
        _ => Vec::new(),
    }
}

fn of_function(id: &str, properties: &Map<String, Value>, template: &Template) -> Vec<Part> {
    let name = ("FunctionName", properties.get("FunctionName"));
    let alias = ("AutoPublishAlias", properties.get("AutoPublishAlias"));
    let mut parts = Vec::new();
    if !properties.contains_key("Role") {
        parts.push(Part::new(format!("{id}Role"), ROLE, &[]));
    }
    if let Some(alias) = alias.1.and_then(scalar) {
        parts.push(Part::new(format!("{id}Alias{alias}"), ALIAS, &[name]));
        parts.push(Part::new(format!("{id}Version"), VERSION, &[]).with_hash());
    }
    if let Some(preference) = properties.get("DeploymentPreference") {
        parts.push(Part::new(format!("{id}DeploymentGroup"), "AWS::CodeDeploy::DeploymentGroup", &[]));
        parts.push(Part::new("ServerlessDeploymentApplication".to_owned(), "AWS::CodeDeploy::Application", &[]));
        if preference.get("Role").is_none() {
            parts.push(Part::new("CodeDeployServiceRole".to_owned(), ROLE, &[]));
        }
    }
    if let Some(url) = properties.get("FunctionUrlConfig") {
        parts.push(Part::new(format!("{id}Url"), URL, &[name, alias]));
        if url.get("AuthType").and_then(Value::as_str) == Some("NONE") {
            parts.push(Part::new(format!("{id}UrlPublicPermissions"), PERMISSION, &[name, alias]));
            parts.push(Part::new(format!("{id}URLInvokeAllowPublicAccess"), PERMISSION, &[name, alias]));
        }
    }
    let events = properties.get("Events").and_then(Value::as_object).into_iter().flatten();
    for (event, said) in events {
        let said = said.get("Properties");
        let stage = said.and_then(|said| stage_of(said, template));
        let id = format!("{id}{event}Permission{}", stage.unwrap_or_default());
        // What the function is invoked with is in the ARN that the permission is for.
        let identity = [name, alias, ("Events", said)];
        parts.push(Part::new(id, PERMISSION, &identity));
    }
    parts
}

/// The stage of the REST API that an event is of.
fn stage_of(event: &Value, template: &Template) -> Option<String> {
    let api = event.get("RestApiId")?.get("Ref")?.as_str()?;
    scalar(template.resources.get(api)?.properties.get("StageName")?)
}

fn of_rest_api(id: &str, properties: &Map<String, Value>) -> Vec<Part> {
    let stage = properties.get("StageName").and_then(scalar).unwrap_or_default();
    let mut parts = vec![
        Part::new(format!("{id}Deployment"), DEPLOYMENT, &[]).with_hash(),
        Part::new(format!("{id}{stage}Stage"), "AWS::ApiGateway::Stage", &[]),
    ];
    if let Some(domain) = properties.get("Domain") {
        let name = ("Domain.DomainName", domain.get("DomainName"));
        let domain_type = "AWS::ApiGateway::DomainName";
        parts.push(Part::new("ApiGatewayDomainName".to_owned(), domain_type, &[name]).with_hash());
        let mapping = "AWS::ApiGateway::BasePathMapping";
        parts.push(Part::new(format!("{id}BasePathMapping"), mapping, &[name]).with_hash());
        parts.extend(of_zone(domain));
    }
    parts
}

fn of_http_api(id: &str, properties: &Map<String, Value>) -> Vec<Part> {
    let stage = properties.get("StageName").and_then(scalar).filter(|stage| stage != "$default");
    let stage = stage.unwrap_or_else(|| "ApiGatewayDefault".to_owned());
    let mut parts = vec![Part::new(format!("{id}{stage}Stage"), "AWS::ApiGatewayV2::Stage", &[])];
    if let Some(domain) = properties.get("Domain") {
        let name = ("Domain.DomainName", domain.get("DomainName"));
        let domain_type = "AWS::ApiGatewayV2::DomainName";
        parts.push(Part::new("ApiGatewayDomainNameV2".to_owned(), domain_type, &[name]).with_hash());
        let mapping = "AWS::ApiGatewayV2::ApiMapping";
        parts.push(Part::new(format!("{id}ApiMapping"), mapping, &[name]).with_hash());
        parts.extend(of_zone(domain));
    }
    parts
}

fn of_zone(domain: &Value) -> Option<Part> {
    let zone = domain.get("Route53")?.get("HostedZoneId");
    let identity = [("Domain.Route53.HostedZoneId", zone)];
    Some(Part::new("RecordSetGroup".to_owned(), "AWS::Route53::RecordSetGroup", &identity).with_hash())
}
