//! Resources are made, changed and removed. Those of services that are here are the services' own things; of the others
//! their properties are kept.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{containers, functions, handler_says, kinds, scaling, stack::Resource, values::with_secrets};
use crate::aws::{logs::LogGroup, secrets, state::State};

/// Whose resource it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) stack_name: &'a str,
    pub(super) logical_id: &'a str,
}

/// What is known of a resource once it is there.
#[derive(Debug, Clone, Default)]
pub(super) struct Made {
    pub(super) physical_id: String,
    pub(super) attributes: BTreeMap<String, String>,
}

impl Made {
    pub(super) fn new(physical_id: impl Into<String>, attributes: &[(&str, String)]) -> Self {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Self { physical_id: physical_id.into(), attributes }
    }
}

type Properties = Map<String, Value>;

/// A property that is text.
pub(super) fn text<'a>(properties: &'a Properties, name: &str) -> Option<&'a str> {
    properties.get(name).and_then(Value::as_str)
}

/// Makes a resource; CloudFormation's reason where it fails.
pub(super) fn create(state: &mut State, owner: Owner<'_>, kind: &str, properties: &Properties) -> Result<Made, String> {
    match kind {
        "AWS::Lambda::Function" => functions::create(state, owner, properties),
        "AWS::Lambda::Version" => functions::publish(state, properties),
        "AWS::Lambda::Alias" => functions::create_alias(state, properties),
        "AWS::Lambda::Url" => functions::create_url(state, properties),
        "AWS::Lambda::Permission" => functions::create_permission(state, owner, properties),
        "AWS::ApplicationAutoScaling::ScalableTarget" => scaling::create_target(state, properties),
        "AWS::ApplicationAutoScaling::ScalingPolicy" => scaling::put_policy(state, properties),
        "AWS::ECR::Repository" => containers::create_repository(state, owner, properties),
        "AWS::ECS::Service" => containers::create_service(state, owner, properties),
        "AWS::ECS::TaskDefinition" => containers::create_task_definition(state, properties),
        "AWS::Logs::LogGroup" => create_log_group(state, owner, properties),
        "AWS::SecretsManager::Secret" => create_secret(state, owner, properties),
        _ => create_thing(state, owner, kind, properties),
    }
}

/// Changes a resource in place.
pub(super) fn update(state: &mut State, resource: &Resource, properties: &Properties) -> Result<Made, String> {
    let kept = Made { physical_id: resource.physical_id.clone(), attributes: resource.attributes.clone() };
    match resource.kind.as_str() {
        "AWS::Lambda::Function" => functions::update(state, resource, properties)?,
        "AWS::Lambda::Alias" => functions::update_alias(state, resource, properties)?,
        "AWS::Lambda::Url" => functions::update_url(state, resource, properties)?,
        "AWS::ApplicationAutoScaling::ScalableTarget" => scaling::update_target(state, properties)?,
        "AWS::ApplicationAutoScaling::ScalingPolicy" => drop(scaling::put_policy(state, properties)?),
        "AWS::ECR::Repository" => containers::update_repository(state, &resource.physical_id, properties)?,
        "AWS::ECS::Service" => containers::update_service(state, &resource.physical_id, properties)?,
        "AWS::ECS::TaskDefinition"
        | "AWS::Lambda::Version"
        | "AWS::Lambda::Permission"
        | "AWS::SecretsManager::Secret" => {}
        "AWS::Logs::LogGroup" => {
            let says = || not_found(&resource.physical_id, "CloudWatchLogs");
            let group = state.log_groups.get_mut(&resource.physical_id).ok_or_else(says)?;
            group.retention = properties.get("RetentionInDays").and_then(Value::as_u64);
        }
        kind => {
            let key = key(kind, &resource.physical_id, &resource.properties);
            let content = with_secrets(state, &Value::Object(properties.clone()))?;
            let says = || not_found(&resource.physical_id, kind);
            *state.things.get_mut(&key).ok_or_else(says)? = content;
        }
    }
    Ok(kept)
}

/// Removes a resource; one that is gone already is as good as removed.
pub(super) fn delete(state: &mut State, resource: &Resource) -> Result<(), String> {
    let id = &resource.physical_id;
    match resource.kind.as_str() {
        "AWS::Lambda::Function" => drop(state.functions.remove(id)),
        "AWS::Lambda::Version" => functions::delete_version(state, id)?,
        "AWS::Lambda::Alias" => functions::delete_alias(state, id),
        "AWS::Lambda::Url" => functions::delete_url(state, resource),
        "AWS::Lambda::Permission" => functions::delete_permission(state, resource),
        "AWS::ApplicationAutoScaling::ScalableTarget" => scaling::delete_target(state, id),
        "AWS::ApplicationAutoScaling::ScalingPolicy" => scaling::delete_policy(state, id),
        "AWS::ECR::Repository" => containers::delete_repository(state, resource)?,
        "AWS::ECS::Cluster" => {
            containers::check_cluster(state, id)?;
            state.things.remove(&key("AWS::ECS::Cluster", id, &resource.properties));
        }
        // It has been let go, and is gone.
        "AWS::ECS::Service" => {}
        "AWS::ECS::TaskDefinition" => containers::delete_task_definition(state, id),
        "AWS::Logs::LogGroup" => drop(state.log_groups.remove(id)),
        "AWS::SecretsManager::Secret" => state.secrets.retain(|_, secret| secret.arn != *id),
        kind => drop(state.things.remove(&key(kind, id, &resource.properties))),
    }
    Ok(())
}

pub(super) fn not_found(id: &str, service: &str) -> String {
    handler_says(&format!("The resource {id} was not found"), service, 404, "NotFound")
}

/// What CloudFormation says when the name of something is taken.
pub(super) fn already_exists(kind: &str, name: &str) -> String {
    let property = kinds::find(kind).and_then(|kind| kind.name_property).unwrap_or("Id");
    format!("Resource of type '{kind}' with identifier '{{\"/properties/{property}\":\"{name}\"}}' already exists.")
}

/// Where a thing is kept. Stages are called alike in every gateway.
fn key(kind: &str, physical_id: &str, properties: &Properties) -> (String, String) {
    let gateway =
        kind.ends_with("::Stage").then(|| text(properties, "RestApiId").or(text(properties, "ApiId"))).flatten();
    let id = gateway.map_or_else(|| physical_id.to_owned(), |gateway| format!("{gateway}/{physical_id}"));
    (kind.to_owned(), id)
}

/// A name in the style of CloudFormation: stack, resource, and letters that nobody else has.
fn generated(state: &mut State, owner: Owner<'_>) -> String {
    format!("{}-{}-{}", owner.stack_name, owner.logical_id, state.letters(12))
}

fn create_log_group(state: &mut State, owner: Owner<'_>, properties: &Properties) -> Result<Made, String> {
    let name = match text(properties, "LogGroupName") {
        Some(name) => name.to_owned(),
        None => generated(state, owner),
    };
    if state.log_groups.contains_key(&name) {
        return Err(already_exists("AWS::Logs::LogGroup", &name));
    }
    let retention = properties.get("RetentionInDays").and_then(Value::as_u64);
    state.log_groups.insert(name.clone(), LogGroup { retention, ..LogGroup::default() });
    let arn = state.arn("logs", &format!("log-group:{name}:*"));
    Ok(Made::new(name, &[("Arn", arn)]))
}

fn create_secret(state: &mut State, owner: Owner<'_>, properties: &Properties) -> Result<Made, String> {
    let name = match text(properties, "Name") {
        Some(name) => name.to_owned(),
        None => format!("{}-{}", owner.logical_id, state.letters(12)),
    };
    let generated = properties.contains_key("GenerateSecretString").then(|| state.hex(32));
    let value = text(properties, "SecretString").map(str::to_owned).or(generated);
    let tags = properties.get("Tags").and_then(Value::as_array).cloned().unwrap_or_default();
    let says = |fault: crate::aws::wire::Fault| handler_says(&fault.message, "SecretsManager", 400, "AlreadyExists");
    let arn = secrets::make(state, &name, value, tags).map_err(says)?;
    Ok(Made::new(arn.clone(), &[("Id", arn)]))
}

fn create_thing(state: &mut State, owner: Owner<'_>, kind: &str, properties: &Properties) -> Result<Made, String> {
    let content = with_secrets(state, &Value::Object(properties.clone()))?;
    let made = identity(state, owner, kind, properties);
    let key = key(kind, &made.physical_id, properties);
    if state.things.contains_key(&key) {
        return Err(already_exists(kind, &made.physical_id));
    }
    state.things.insert(key, content);
    Ok(made)
}

/// The id of a thing and what can be asked of it, as its type has them.
fn identity(state: &mut State, owner: Owner<'_>, kind: &str, properties: &Properties) -> Made {
    let named = kinds::find(kind).and_then(|kind| text(properties, kind.name_property?)).map(str::to_owned);
    let account = state.account_id.clone();
    let of = |name: &str| text(properties, name).unwrap_or_default().to_owned();
    match kind {
        "AWS::IAM::Role" => {
            let name = named.unwrap_or_else(|| generated(state, owner));
            let arn = format!("arn:aws:iam::{account}:role/{name}");
            let role_id = format!("AROA{}", state.letters(17));
            Made::new(name, &[("Arn", arn), ("RoleId", role_id)])
        }
        "AWS::DynamoDB::Table" => {
            let name = named.unwrap_or_else(|| generated(state, owner));
            let arn = state.arn("dynamodb", &format!("table/{name}"));
            Made::new(name, &[("Arn", arn)])
        }
        "AWS::CloudWatch::Alarm" => {
            let name = named.unwrap_or_else(|| generated(state, owner));
            let arn = state.arn("cloudwatch", &format!("alarm:{name}"));
            Made::new(name, &[("Arn", arn)])
        }
        kind if kind.starts_with("AWS::EC2::") => network(state, kind, properties),
        "AWS::ECS::Cluster" => {
            let name = named.unwrap_or_else(|| generated(state, owner));
            let arn = state.arn("ecs", &format!("cluster/{name}"));
            Made::new(name, &[("Arn", arn)])
        }
        "AWS::ApiGateway::RestApi" | "AWS::ApiGatewayV2::Api" => {
            let id = state.hex(10);
            let endpoint = format!("https://{id}.execute-api.{}.amazonaws.com", state.region);
            let root = state.hex(10);
            let attributes =
                [("RestApiId", id.clone()), ("ApiId", id.clone()), ("ApiEndpoint", endpoint), ("RootResourceId", root)];
            Made::new(id, &attributes)
        }
        "AWS::ApiGateway::Deployment" => {
            let id = state.hex(6);
            Made::new(id.clone(), &[("DeploymentId", id)])
        }
        "AWS::ApiGateway::Stage" | "AWS::ApiGatewayV2::Stage" => Made::new(of("StageName"), &[]),
        "AWS::ApiGateway::DomainName" | "AWS::ApiGatewayV2::DomainName" => {
            let regional = format!("d-{}.execute-api.{}.amazonaws.com", state.hex(10), state.region);
            let zone = "ZLY8HYME6SFDD".to_owned();
            Made::new(of("DomainName"), &[("RegionalDomainName", regional), ("RegionalHostedZoneId", zone)])
        }
        kind if kind.starts_with("AWS::ElasticLoadBalancingV2::") => load_balancing(state, owner, kind),
        "AWS::WAFv2::WebACL" => {
            let name = named.unwrap_or_else(|| generated(state, owner));
            let id = state.uuid();
            let arn = state.arn("wafv2", &format!("regional/webacl/{name}/{id}"));
            Made::new(format!("{name}|{id}|REGIONAL"), &[("Arn", arn), ("Id", id)])
        }
        _ => {
            let name = named.unwrap_or_else(|| generated(state, owner));
            Made::new(name.clone(), &[("Id", name)])
        }
    }
}

/// What networks are made of: each has an id that begins with what it is.
fn network(state: &mut State, kind: &str, properties: &Properties) -> Made {
    let of = |name: &str| text(properties, name).unwrap_or_default().to_owned();
    let (prefix, attribute) = match kind {
        "AWS::EC2::InternetGateway" => ("igw", "InternetGatewayId"),
        "AWS::EC2::RouteTable" => ("rtb", "RouteTableId"),
        "AWS::EC2::SecurityGroup" => ("sg", "GroupId"),
        "AWS::EC2::SecurityGroupIngress" => ("sgr", "Id"),
        "AWS::EC2::Subnet" => ("subnet", "SubnetId"),
        "AWS::EC2::SubnetRouteTableAssociation" => ("rtbassoc", "Id"),
        "AWS::EC2::VPC" => ("vpc", "VpcId"),
        "AWS::EC2::VPCEndpoint" => ("vpce", "Id"),
        "AWS::EC2::VPCGatewayAttachment" => return Made::new(format!("IGW|{}", of("VpcId")), &[]),
        // A route is known by its table and where it leads to.
        _ => {
            let cidr = of("DestinationCidrBlock");
            return Made::new(format!("{}|{cidr}", of("RouteTableId")), &[("CidrBlock", cidr)]);
        }
    };
    let id = format!("{prefix}-0{}", state.hex(16));
    let mut made = Made::new(id.clone(), &[("Id", id.clone()), (attribute, id)]);
    for copied in ["VpcId", "CidrBlock", "AvailabilityZone"] {
        if let Some(value) = text(properties, copied) {
            made.attributes.insert(copied.to_owned(), value.to_owned());
        }
    }
    made
}

/// Load balancers and what belongs to them, all named by ARNs.
fn load_balancing(state: &mut State, owner: Owner<'_>, kind: &str) -> Made {
    match kind {
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
            let name = format!("{}-{}", owner.stack_name.chars().take(5).collect::<String>(), state.hex(12));
            let full = format!("app/{name}/{}", state.hex(16));
            let arn = state.arn("elasticloadbalancing", &format!("loadbalancer/{full}"));
            let dns = format!("{name}-1234567890.{}.elb.amazonaws.com", state.region);
            let zone = "Z32O12XQLNTSW2".to_owned();
            let attributes = [
                ("LoadBalancerArn", arn.clone()),
                ("DNSName", dns),
                ("CanonicalHostedZoneID", zone),
                ("LoadBalancerFullName", full),
                ("LoadBalancerName", name),
            ];
            Made::new(arn, &attributes)
        }
        "AWS::ElasticLoadBalancingV2::TargetGroup" => {
            let name = format!("{}-{}", owner.stack_name.chars().take(5).collect::<String>(), state.hex(12));
            let full = format!("targetgroup/{name}/{}", state.hex(16));
            let arn = state.arn("elasticloadbalancing", &full);
            let attributes =
                [("TargetGroupArn", arn.clone()), ("TargetGroupFullName", full), ("TargetGroupName", name)];
            Made::new(arn, &attributes)
        }
        "AWS::ElasticLoadBalancingV2::Listener" => {
            let arn = state.hex(16);
            let arn = state.arn("elasticloadbalancing", &format!("listener/app/{arn}"));
            Made::new(arn.clone(), &[("ListenerArn", arn)])
        }
        _ => {
            let arn = state.hex(16);
            let arn = state.arn("elasticloadbalancing", &format!("listener-rule/app/{arn}"));
            Made::new(arn.clone(), &[("RuleArn", arn)])
        }
    }
}

/// A resource as it is now, in the properties that can be seen: what drift is measured by. `None` when it is gone.
pub(super) fn live(state: &State, resource: &Resource) -> Option<Value> {
    let id = &resource.physical_id;
    Some(match resource.kind.as_str() {
        "AWS::Lambda::Function" => Value::Object(state.functions.get(id)?.latest.settings.clone()),
        "AWS::Lambda::Alias" => functions::live_alias(state, id)?,
        "AWS::Lambda::Version" => functions::live_version(state, id)?,
        "AWS::Lambda::Url" => functions::live_url(state, resource)?,
        "AWS::Lambda::Permission" => functions::live_permission(state, resource)?,
        "AWS::ApplicationAutoScaling::ScalableTarget" => scaling::live_target(state, id)?,
        "AWS::ApplicationAutoScaling::ScalingPolicy" => scaling::live_policy(state, id)?,
        "AWS::ECR::Repository" => Value::Object(state.ecr.repositories.get(id)?.properties.clone()),
        "AWS::ECS::Service" => containers::live_service(state, id)?,
        "AWS::ECS::TaskDefinition" => containers::live_task_definition(state, id)?,
        "AWS::Logs::LogGroup" => match state.log_groups.get(id)?.retention {
            Some(days) => json!({ "RetentionInDays": days }),
            None => json!({}),
        },
        "AWS::SecretsManager::Secret" => {
            state.secrets.values().find(|secret| secret.arn == *id)?;
            json!({})
        }
        kind => state.things.get(&key(kind, id, &resource.properties))?.clone(),
    })
}
