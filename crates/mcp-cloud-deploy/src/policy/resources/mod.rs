//! What CloudFormation calls, in the name of whoever deploys, for each type of resource that a template may have.
//!
//! The table is a choice from AWS's own: the schema of a type lists what its handlers call, for every property that it
//! has. What only properties need that no template of ours has is left out; a test holds the table against the schemas
//! and knows the reason for each that is missing
//! (<https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html#schema-properties-handlers>).

mod beside;
mod containers;
mod front;
mod lambda;
mod network;

use super::scope::On;

/// When something is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// When the resource is made or changed.
    Made,
    /// When it is looked at, whatever for.
    Read,
    /// When it is removed: with its stack, by an update, or because it could not be made.
    Removed,
}

/// Actions on one kind of resource.
#[derive(Debug)]
pub(super) struct Rights {
    pub(super) when: When,
    pub(super) on: On,
    pub(super) actions: &'static [&'static str],
}

const fn made(on: On, actions: &'static [&'static str]) -> Rights {
    Rights { when: When::Made, on, actions }
}

const fn read(on: On, actions: &'static [&'static str]) -> Rights {
    Rights { when: When::Read, on, actions }
}

const fn removed(on: On, actions: &'static [&'static str]) -> Rights {
    Rights { when: When::Removed, on, actions }
}

/// What a type needs; nothing is known of a type that no template of ours has.
pub(super) fn rights(kind: &str) -> Option<&'static [Rights]> {
    let rights: &[Rights] = match kind {
        "AWS::Lambda::Function" => lambda::FUNCTION,
        "AWS::Lambda::Version" => lambda::VERSION,
        "AWS::Lambda::Alias" => lambda::ALIAS,
        "AWS::Lambda::Url" => lambda::FUNCTION_URL,
        "AWS::Lambda::Permission" => lambda::PERMISSION,
        "AWS::IAM::Role" => beside::ROLE,
        "AWS::Logs::LogGroup" => beside::LOG_GROUP,
        "AWS::ApiGateway::RestApi" => front::REST_API,
        "AWS::ApiGateway::Authorizer"
        | "AWS::ApiGateway::BasePathMapping"
        | "AWS::ApiGateway::BasePathMappingV2"
        | "AWS::ApiGateway::Deployment"
        | "AWS::ApiGateway::DomainName"
        | "AWS::ApiGateway::DomainNameV2"
        | "AWS::ApiGateway::GatewayResponse"
        | "AWS::ApiGateway::Stage"
        | "AWS::ApiGatewayV2::Api"
        | "AWS::ApiGatewayV2::ApiMapping"
        | "AWS::ApiGatewayV2::Authorizer"
        | "AWS::ApiGatewayV2::DomainName"
        | "AWS::ApiGatewayV2::Stage" => front::API,
        "AWS::Route53::RecordSet" | "AWS::Route53::RecordSetGroup" => front::RECORD_SET,
        "AWS::ApplicationAutoScaling::ScalableTarget" => lambda::SCALABLE_TARGET,
        "AWS::DynamoDB::Table" => beside::TABLE,
        "AWS::SecretsManager::Secret" => beside::SECRET,
        "AWS::WAFv2::WebACL" => front::WEB_ACL,
        "AWS::WAFv2::WebACLAssociation" => front::WEB_ACL_ASSOCIATION,
        "AWS::CloudWatch::Alarm" => beside::ALARM,
        "AWS::ElasticLoadBalancingV2::LoadBalancer" => front::LOAD_BALANCER,
        "AWS::ElasticLoadBalancingV2::Listener" => front::LISTENER,
        "AWS::ElasticLoadBalancingV2::ListenerRule" => front::LISTENER_RULE,
        "AWS::ElasticLoadBalancingV2::TargetGroup" => front::TARGET_GROUP,
        "AWS::EC2::SecurityGroup" | "AWS::EC2::SecurityGroupIngress" => network::SECURITY_GROUP,
        "AWS::EC2::VPC" => network::VPC,
        "AWS::EC2::InternetGateway" => network::INTERNET_GATEWAY,
        "AWS::EC2::VPCGatewayAttachment" => network::GATEWAY_ATTACHMENT,
        "AWS::EC2::Subnet" => network::SUBNET,
        "AWS::EC2::RouteTable" => network::ROUTE_TABLE,
        "AWS::EC2::Route" => network::ROUTE,
        "AWS::EC2::SubnetRouteTableAssociation" => network::ROUTE_TABLE_ASSOCIATION,
        "AWS::EC2::VPCEndpoint" => network::VPC_ENDPOINT,
        "AWS::ECS::Cluster" => containers::CLUSTER,
        "AWS::ECR::Repository" => containers::REPOSITORY,
        "AWS::CodeDeploy::Application" | "AWS::CodeDeploy::DeploymentGroup" => lambda::CODE_DEPLOY,
        _ => return None,
    };
    Some(rights)
}

/// The types that SAM makes of one of its own, as far as the resource's properties tell.
pub(super) fn expanded(kind: &str, properties: &serde_json::Value) -> Vec<&'static str> {
    let has = |name: &str| properties.get(name).is_some();
    let mut kinds = Vec::new();
    match kind {
        "AWS::Serverless::Function" => {
            // What an API calls is allowed by a permission of its own, and so is a URL that is open to everyone.
            kinds.extend(["AWS::Lambda::Function", "AWS::Lambda::Permission"]);
            if has("AutoPublishAlias") {
                kinds.extend(["AWS::Lambda::Version", "AWS::Lambda::Alias"]);
            }
            if has("FunctionUrlConfig") {
                kinds.push("AWS::Lambda::Url");
            }
            if has("DeploymentPreference") {
                kinds.extend(["AWS::CodeDeploy::Application", "AWS::CodeDeploy::DeploymentGroup", "AWS::IAM::Role"]);
            }
        }
        "AWS::Serverless::Api" => {
            kinds.extend(["AWS::ApiGateway::RestApi", "AWS::ApiGateway::Deployment", "AWS::ApiGateway::Stage"]);
            kinds.push("AWS::Lambda::Permission");
            if has("Domain") {
                kinds.extend(["AWS::ApiGateway::DomainName", "AWS::ApiGateway::BasePathMapping"]);
            }
        }
        "AWS::Serverless::HttpApi" => {
            kinds.extend(["AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage", "AWS::Lambda::Permission"]);
            if has("Domain") {
                kinds.extend(["AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::ApiMapping"]);
            }
        }
        _ => {}
    }
    if properties.get("Domain").is_some_and(|domain| domain.get("Route53").is_some()) {
        kinds.push("AWS::Route53::RecordSetGroup");
    }
    kinds
}
