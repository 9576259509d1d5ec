//! The network of a server: one of its own, or a VPC that is there already.
//!
//! A NAT gateway costs more each month than a small server (about 33 $ a zone, and 0.045 $ a GB), so the stack makes
//! none. A task that may reach the internet has an address of its own there (about 4 $) and a security group that lets
//! nobody in but the load balancer; one that may not stands in a subnet without a way out, and reaches AWS through VPC
//! endpoints (about 8 $ an endpoint and zone).

use serde::Serialize;

use super::{Resource, Resources, Tag, Value, tags};
use crate::app::{App, Egress, Store};

/// Addresses that are none of the internet: RFC 1918, and RFC 6598, which VPCs may have, too.
pub(in crate::target) const PRIVATE_RANGES: [&str; 4] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];

/// Logical id of the security group of the server itself.
pub(in crate::target) const SERVER_SECURITY_GROUP: &str = "ServerSecurityGroup";
const SERVER_INGRESS: &str = "ServerIngress";
const VPC: &str = "Vpc";
const VPC_RANGE: &str = "10.0.0.0/16";
const INTERNET_GATEWAY: &str = "InternetGateway";
const GATEWAY_ATTACHMENT: &str = "InternetGatewayAttachment";
const ENDPOINT_SECURITY_GROUP: &str = "EndpointSecurityGroup";
const EVERYWHERE: &str = "0.0.0.0/0";

/// The subnets of one kind, one in each of the first two zones of the region.
struct Subnets {
    ids: [&'static str; 2],
    /// A subnet keeps its range for ever: another one would be another subnet.
    ranges: [&'static str; 2],
    route_table: &'static str,
    associations: [&'static str; 2],
}

const PUBLIC: Subnets = Subnets {
    ids: ["PublicSubnetOne", "PublicSubnetTwo"],
    ranges: ["10.0.0.0/20", "10.0.16.0/20"],
    route_table: "PublicRouteTable",
    associations: ["PublicRouteTableOne", "PublicRouteTableTwo"],
};
const PUBLIC_ROUTE: &str = "PublicRoute";
const PRIVATE: Subnets = Subnets {
    ids: ["PrivateSubnetOne", "PrivateSubnetTwo"],
    ranges: ["10.0.128.0/20", "10.0.144.0/20"],
    route_table: "PrivateRouteTable",
    associations: ["PrivateRouteTableOne", "PrivateRouteTableTwo"],
};

impl Subnets {
    fn references<'a>(&self) -> Vec<Value<'a>> {
        self.ids.into_iter().map(Value::reference).collect()
    }
}

/// Where a server and what is in front of it stand.
#[derive(Debug)]
pub(in crate::target) struct Network<'a> {
    app: &'a App,
    /// Whether what is in front of the server has no address on the internet.
    internal: bool,
}

impl<'a> Network<'a> {
    pub(in crate::target) fn new(app: &'a App, internal: bool) -> Self {
        Self { app, internal }
    }

    /// Whether the VPC is the stack's own.
    fn is_own(&self) -> bool {
        self.app.network.vpc.is_none()
    }

    /// Whether something in a network of its own has an address on the internet.
    fn has_public_subnets(&self) -> bool {
        !self.internal || self.app.network.egress == Egress::Internet
    }

    fn has_private_subnets(&self) -> bool {
        self.app.network.egress == Egress::Platform
    }

    pub(in crate::target) fn vpc(&self) -> Value<'a> {
        self.app.network.vpc.as_ref().map_or_else(|| Value::reference(VPC), |id| Value::text(id.as_str()))
    }

    /// The subnets of the server.
    pub(in crate::target) fn subnets(&self) -> Vec<Value<'a>> {
        if !self.is_own() {
            return self.app.network.subnets.iter().map(|id| Value::text(id.as_str())).collect();
        }
        if self.has_private_subnets() { PRIVATE.references() } else { PUBLIC.references() }
    }

    /// The subnets of what is in front of it.
    pub(in crate::target) fn front_subnets(&self) -> Vec<Value<'a>> {
        if self.internal {
            return self.subnets();
        }
        if !self.is_own() {
            return self.app.network.public_subnets.iter().map(|id| Value::text(id.as_str())).collect();
        }
        PUBLIC.references()
    }

    /// Whether the server gets an address on the internet, without which it would not reach it. How the subnets of
    /// another VPC do is the business of whoever made them.
    pub(in crate::target) fn has_public_address(&self) -> bool {
        self.is_own() && !self.has_private_subnets()
    }

    /// What has to be there before the internet leads to what is in front of the server.
    pub(in crate::target) fn way_in(&self) -> Vec<&'static str> {
        if self.is_own() && !self.internal { vec![PUBLIC_ROUTE] } else { Vec::new() }
    }

    /// What has to be there before a task can start: the ways to the registry, the logs and the secrets.
    pub(in crate::target) fn ways_out(&self, has_secrets: bool) -> Vec<&'static str> {
        if !self.is_own() {
            return Vec::new();
        }
        if !self.has_private_subnets() {
            return [PUBLIC_ROUTE].into_iter().chain(PUBLIC.associations).collect();
        }
        let endpoints = self.endpoints(has_secrets);
        endpoints.into_iter().map(|endpoint| endpoint.id).chain(PRIVATE.associations).collect()
    }

    /// The security groups of the server: its own, and those the file adds.
    pub(in crate::target) fn server_security_groups(&self) -> Vec<Value<'a>> {
        let added = self.app.network.security_groups.iter().map(|id| Value::text(id.as_str()));
        std::iter::once(Value::attribute(SERVER_SECURITY_GROUP, "GroupId")).chain(added).collect()
    }

    /// Adds the network, if it is the stack's own, and the security group of the server, which lets in nobody but
    /// `front` at `port`.
    pub(in crate::target) fn add_to<P: From<Ec2<'a>>>(
        &self,
        resources: &mut Resources<P>,
        port: u16,
        front: &'static str,
        has_secrets: bool,
    ) {
        let mut add = |id: &'static str, depends_on: Vec<&'static str>, resource: Ec2<'a>| {
            resources.add(id, Resource { depends_on, ..Resource::from(P::from(resource)) });
        };
        if self.is_own() {
            self.add_own(&mut add);
        }
        let egress = self.egress();
        let group = SecurityGroup::new("The server", self.vpc(), Vec::new(), egress, self.app);
        add(SERVER_SECURITY_GROUP, Vec::new(), Ec2::SecurityGroup(group));
        let ingress = SecurityGroupIngress {
            group_id: Value::attribute(SERVER_SECURITY_GROUP, "GroupId"),
            rule: SecurityGroupRule::from_group(port, Value::attribute(front, "GroupId"), "The load balancer"),
        };
        // On its own, because the other group has a rule about this one.
        add(SERVER_INGRESS, Vec::new(), Ec2::SecurityGroupIngress(ingress));
        if self.is_own() && self.has_private_subnets() {
            self.add_endpoints(has_secrets, &mut add);
        }
    }

    fn egress(&self) -> Vec<SecurityGroupRule<'a>> {
        match self.app.network.egress {
            Egress::Internet => vec![SecurityGroupRule::to_range_any_port(EVERYWHERE, "Everywhere, over TCP")],
            Egress::Platform => {
                // Where no route leads, no rule does. What leads out are the endpoints; those of S3 and DynamoDB have
                // addresses of the internet.
                let mut rules = vec![SecurityGroupRule::of_range(443, EVERYWHERE, "The endpoints of AWS")];
                let own: &[&'static str] = if self.is_own() { &[VPC_RANGE] } else { &PRIVATE_RANGES };
                rules.extend(own.iter().map(|range| SecurityGroupRule::to_range_any_port(range, "Its own network")));
                rules
            }
        }
    }

    fn add_own(&self, add: &mut impl FnMut(&'static str, Vec<&'static str>, Ec2<'a>)) {
        let vpc = Vpc {
            cidr_block: VPC_RANGE,
            // Both are needed for the private names of endpoints.
            enable_dns_support: true,
            enable_dns_hostnames: true,
            tags: named_tags(self.app),
        };
        add(VPC, Vec::new(), Ec2::Vpc(vpc));
        if self.has_public_subnets() {
            add(INTERNET_GATEWAY, Vec::new(), Ec2::InternetGateway(InternetGateway { tags: named_tags(self.app) }));
            let attachment = GatewayAttachment {
                vpc_id: Value::reference(VPC),
                internet_gateway_id: Value::reference(INTERNET_GATEWAY),
            };
            add(GATEWAY_ATTACHMENT, Vec::new(), Ec2::GatewayAttachment(attachment));
            self.add_subnets(&PUBLIC, add);
            let route = Route {
                route_table_id: Value::reference(PUBLIC.route_table),
                destination_cidr_block: EVERYWHERE,
                gateway_id: Value::reference(INTERNET_GATEWAY),
            };
            add(PUBLIC_ROUTE, vec![GATEWAY_ATTACHMENT], Ec2::Route(route));
        }
        if self.has_private_subnets() {
            self.add_subnets(&PRIVATE, add);
        }
    }

    fn add_subnets(&self, subnets: &Subnets, add: &mut impl FnMut(&'static str, Vec<&'static str>, Ec2<'a>)) {
        let route_table = RouteTable { vpc_id: Value::reference(VPC), tags: named_tags(self.app) };
        add(subnets.route_table, Vec::new(), Ec2::RouteTable(route_table));
        for (zone, (id, range)) in (0..).zip(subnets.ids.into_iter().zip(subnets.ranges)) {
            let subnet = Subnet {
                vpc_id: Value::reference(VPC),
                cidr_block: range,
                availability_zone: Value::zone(zone),
                tags: named_tags(self.app),
            };
            add(id, Vec::new(), Ec2::Subnet(subnet));
        }
        for (association, id) in subnets.associations.into_iter().zip(subnets.ids) {
            let route_table_id = Value::reference(subnets.route_table);
            let association_of = Association { route_table_id, subnet_id: Value::reference(id) };
            add(association, Vec::new(), Ec2::Association(association_of));
        }
    }

    /// What a task needs on Fargate without a way to the internet
    /// (<https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html>): the layers of images are in S3.
    fn endpoints(&self, has_secrets: bool) -> Vec<Endpoint> {
        let endpoint = |id, service, kind| Endpoint { id, service, kind };
        let mut endpoints = vec![
            endpoint("RegistryApiEndpoint", "ecr.api", "Interface"),
            endpoint("RegistryEndpoint", "ecr.dkr", "Interface"),
            endpoint("LogsEndpoint", "logs", "Interface"),
            endpoint("StorageEndpoint", "s3", "Gateway"),
        ];
        if has_secrets {
            endpoints.push(endpoint("SecretsEndpoint", "secretsmanager", "Interface"));
        }
        if self.app.ecs.exec {
            endpoints.push(endpoint("SessionsEndpoint", "ssmmessages", "Interface"));
        }
        if self.app.state.store == Store::DynamoDb {
            endpoints.push(endpoint("StoreEndpoint", "dynamodb", "Gateway"));
        }
        endpoints
    }

    fn add_endpoints(&self, has_secrets: bool, add: &mut impl FnMut(&'static str, Vec<&'static str>, Ec2<'a>)) {
        let from_server =
            SecurityGroupRule::from_group(443, Value::attribute(SERVER_SECURITY_GROUP, "GroupId"), "The server");
        let nowhere = vec![SecurityGroupRule::to_nowhere()];
        let group = SecurityGroup::new("The endpoints of AWS", self.vpc(), vec![from_server], nowhere, self.app);
        add(ENDPOINT_SECURITY_GROUP, Vec::new(), Ec2::SecurityGroup(group));
        for Endpoint { id, service, kind } in self.endpoints(has_secrets) {
            let is_gateway = kind == "Gateway";
            let vpc_endpoint = VpcEndpoint {
                vpc_id: Value::reference(VPC),
                vpc_endpoint_type: kind,
                service_name: Value::substitute(format!("com.amazonaws.${{AWS::Region}}.{service}")),
                private_dns_enabled: (!is_gateway).then_some(true),
                subnet_ids: if is_gateway { Vec::new() } else { PRIVATE.references() },
                security_group_ids: if is_gateway {
                    Vec::new()
                } else {
                    vec![Value::attribute(ENDPOINT_SECURITY_GROUP, "GroupId")]
                },
                route_table_ids: if is_gateway { vec![Value::reference(PRIVATE.route_table)] } else { Vec::new() },
                tags: named_tags(self.app),
            };
            add(id, Vec::new(), Ec2::VpcEndpoint(vpc_endpoint));
        }
    }
}

struct Endpoint {
    id: &'static str,
    service: &'static str,
    kind: &'static str,
}

/// The tags of an app, and the name that the console shows for what has none.
fn named_tags(app: &App) -> Vec<Tag<'_>> {
    let mut tags = tags(app);
    if !app.tags.contains_key("Name") {
        tags.push(Tag { key: "Name".into(), value: Value::text(app.name.as_str()) });
    }
    tags
}

/// The types of EC2 that make a network.
#[derive(Debug, Serialize)]
#[serde(tag = "Type", content = "Properties")]
pub(in crate::target) enum Ec2<'a> {
    #[serde(rename = "AWS::EC2::VPC")]
    Vpc(Vpc<'a>),
    #[serde(rename = "AWS::EC2::InternetGateway")]
    InternetGateway(InternetGateway<'a>),
    #[serde(rename = "AWS::EC2::VPCGatewayAttachment")]
    GatewayAttachment(GatewayAttachment<'a>),
    #[serde(rename = "AWS::EC2::Subnet")]
    Subnet(Subnet<'a>),
    #[serde(rename = "AWS::EC2::RouteTable")]
    RouteTable(RouteTable<'a>),
    #[serde(rename = "AWS::EC2::Route")]
    Route(Route<'a>),
    #[serde(rename = "AWS::EC2::SubnetRouteTableAssociation")]
    Association(Association<'a>),
    #[serde(rename = "AWS::EC2::VPCEndpoint")]
    VpcEndpoint(VpcEndpoint<'a>),
    #[serde(rename = "AWS::EC2::SecurityGroup")]
    SecurityGroup(SecurityGroup<'a>),
    #[serde(rename = "AWS::EC2::SecurityGroupIngress")]
    SecurityGroupIngress(SecurityGroupIngress<'a>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Vpc<'a> {
    cidr_block: &'static str,
    enable_dns_support: bool,
    enable_dns_hostnames: bool,
    tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct InternetGateway<'a> {
    tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct GatewayAttachment<'a> {
    vpc_id: Value<'a>,
    internet_gateway_id: Value<'a>,
}

/// Without `MapPublicIpOnLaunch`: a task gets an address on the internet because its service says so, and nothing else
/// does.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Subnet<'a> {
    vpc_id: Value<'a>,
    cidr_block: &'static str,
    availability_zone: Value<'a>,
    tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct RouteTable<'a> {
    vpc_id: Value<'a>,
    tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Route<'a> {
    route_table_id: Value<'a>,
    destination_cidr_block: &'static str,
    gateway_id: Value<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Association<'a> {
    route_table_id: Value<'a>,
    subnet_id: Value<'a>,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-vpcendpoint.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct VpcEndpoint<'a> {
    vpc_id: Value<'a>,
    vpc_endpoint_type: &'static str,
    service_name: Value<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_dns_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subnet_ids: Vec<Value<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    security_group_ids: Vec<Value<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    route_table_ids: Vec<Value<'a>>,
    tags: Vec<Tag<'a>>,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct SecurityGroup<'a> {
    group_description: &'static str,
    vpc_id: Value<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    security_group_ingress: Vec<SecurityGroupRule<'a>>,
    /// Never empty: a group without a rule for what leaves it lets everything out.
    security_group_egress: Vec<SecurityGroupRule<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
}

impl<'a> SecurityGroup<'a> {
    pub(in crate::target) fn new(
        group_description: &'static str,
        vpc_id: Value<'a>,
        security_group_ingress: Vec<SecurityGroupRule<'a>>,
        security_group_egress: Vec<SecurityGroupRule<'a>>,
        app: &'a App,
    ) -> Self {
        let tags = tags(app);
        Self { group_description, vpc_id, security_group_ingress, security_group_egress, tags }
    }
}

/// A rule that stands on its own, where two groups have rules about each other.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct SecurityGroupIngress<'a> {
    group_id: Value<'a>,
    #[serde(flatten)]
    rule: SecurityGroupRule<'a>,
}

/// Who may connect to what over TCP.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct SecurityGroupRule<'a> {
    description: &'static str,
    ip_protocol: &'static str,
    from_port: u16,
    to_port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    cidr_ip: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_security_group_id: Option<Value<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_security_group_id: Option<Value<'a>>,
}

impl<'a> SecurityGroupRule<'a> {
    fn new(port: u16, description: &'static str) -> Self {
        Self {
            description,
            ip_protocol: "tcp",
            from_port: port,
            to_port: port,
            cidr_ip: None,
            source_security_group_id: None,
            destination_security_group_id: None,
        }
    }

    /// Lets in a range of addresses, or lets out to it.
    pub(in crate::target) fn of_range(port: u16, range: &'a str, description: &'static str) -> Self {
        Self { cidr_ip: Some(range), ..Self::new(port, description) }
    }

    /// Lets out to a range of addresses, whatever the port.
    pub(in crate::target) fn to_range_any_port(range: &'a str, description: &'static str) -> Self {
        Self { to_port: u16::MAX, ..Self::of_range(0, range, description) }
    }

    pub(in crate::target) fn from_group(port: u16, group: Value<'a>, description: &'static str) -> Self {
        Self { source_security_group_id: Some(group), ..Self::new(port, description) }
    }

    pub(in crate::target) fn to_group(port: u16, group: Value<'a>, description: &'static str) -> Self {
        Self { destination_security_group_id: Some(group), ..Self::new(port, description) }
    }

    /// The rule of a group that lets nothing out, in place of the one that lets out everything.
    pub(in crate::target) fn to_nowhere() -> Self {
        Self::of_range(443, "127.0.0.1/32", "Nowhere")
    }
}
