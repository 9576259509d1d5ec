//! What a template makes that is paid for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::usage::MINUTES_PER_WEEK;
use crate::{
    app::App,
    target::{Code, Target},
};

/// Units of a processor in `Cpu` of a task definition.
const CPU_UNITS: u32 = 1024;
/// Addresses of a load balancer whose subnets the template does not name: one in each of two zones.
const LEAST_ZONES: u32 = 2;
/// The days of cron's week.
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// What is paid for, as far as a template tells.
///
/// It can be kept as JSON: members that a later version adds have a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Footprint {
    /// The function, if it is one.
    pub function: Option<FunctionFootprint>,
    /// The tasks of a service, if it is one.
    pub tasks: Option<TaskFootprint>,
    /// The API in front of the function.
    pub gateway: Option<Gateway>,
    /// The load balancer in front of either.
    pub load_balancer: Option<LoadBalancerFootprint>,
    /// Metrics that alarms look at.
    pub alarm_metrics: u32,
    /// Rules of the firewall, where there is one.
    pub firewall_rules: Option<u32>,
    /// Secrets that the server needs, whoever made them.
    pub secrets: u32,
    /// Whether the server reads its secrets itself, each time that it starts.
    pub secrets_read_at_start: bool,
    /// Tables of DynamoDB.
    pub tables: u32,
    /// Endpoints of AWS in a VPC, one counted for each zone.
    pub interface_endpoints: u32,
    /// NAT gateways.
    pub nat_gateways: u32,
    /// Days that logs are kept.
    pub log_retention_days: u32,
    /// Where the code is kept.
    pub storage: Storage,
    /// What is paid for, too, and not counted by an estimate.
    pub not_counted: BTreeSet<String>,
}

/// A function of Lambda.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunctionFootprint {
    /// The processor, as Lambda spells it.
    pub architecture: String,
    /// Memory in MB.
    pub memory_mb: u32,
    /// Instances kept warm.
    pub provisioned: u32,
    /// Minutes of a week in which they are.
    pub provisioned_minutes_per_week: u32,
    /// Whether replies are streamed.
    pub streams: bool,
}

/// The tasks of a service of ECS on Fargate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskFootprint {
    /// The processor, as Lambda spells it.
    pub architecture: String,
    /// Thousandths of a processor of a task, times 1.024: the units of ECS.
    pub cpu_units: u32,
    /// Memory of a task in MB.
    pub memory_mb: u32,
    /// Tasks that are always there.
    pub minimum: u32,
    /// Minutes of a week in which they are.
    pub minutes_per_week: u32,
    /// Share of them in percent that run on Fargate Spot.
    pub spot_percent: u32,
    /// Whether each has an address on the internet.
    pub public_address: bool,
}

/// An API of API Gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gateway {
    /// An HTTP API.
    HttpApi,
    /// A REST API.
    RestApi,
}

/// An Application Load Balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LoadBalancerFootprint {
    /// Its addresses on the internet.
    pub public_addresses: u32,
    /// Whether it invokes a function: what it carries to one counts for more.
    pub invokes_function: bool,
}

/// Where code is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Storage {
    /// As archives in S3.
    #[default]
    Archives,
    /// As images in ECR.
    Images,
}

impl Footprint {
    /// Reads what an app would make on a target; nothing for a target whose prices are not in the table.
    #[must_use]
    pub fn of(app: &App, target: Target) -> Option<Self> {
        // Nothing that is paid for depends on where the code is.
        let code = Code::S3 { bucket: String::new(), key: String::new() };
        target.template(app, &code).as_ref().map(Self::of_template)
    }

    /// Reads a template of CloudFormation or SAM, whoever wrote it and when; what is not known to it costs nothing.
    #[must_use]
    pub fn of_template(template: &Value) -> Self {
        let mut footprint = Self::default();
        let resources = template.get("Resources").and_then(Value::as_object);
        let resources: Vec<_> = resources.into_iter().flatten().map(|(_, resource)| Resource::of(resource)).collect();
        for resource in &resources {
            footprint.add(*resource);
        }
        // What changes others comes after them.
        for resource in &resources {
            footprint.adjust(*resource);
        }
        if footprint.function.is_none()
            && let Some(load_balancer) = &mut footprint.load_balancer
        {
            load_balancer.invokes_function = false;
        }
        let mut arns = BTreeSet::new();
        secrets_elsewhere(template, &mut arns);
        footprint.secrets = footprint.secrets.saturating_add(count(arns.len()));
        footprint
    }

    fn add(&mut self, resource: Resource<'_>) {
        match resource.kind {
            "AWS::Serverless::Function" | "AWS::Lambda::Function" => self.add_function(resource),
            "AWS::Serverless::HttpApi" | "AWS::ApiGatewayV2::Api" => self.gateway = Some(Gateway::HttpApi),
            "AWS::Serverless::Api" | "AWS::ApiGateway::RestApi" => self.gateway = Some(Gateway::RestApi),
            "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
                let subnets =
                    resource.get("Subnets").and_then(Value::as_array).map_or(LEAST_ZONES, |all| count(all.len()));
                let internal = resource.text("Scheme") == Some("internal");
                let public_addresses = if internal { 0 } else { subnets };
                self.load_balancer = Some(LoadBalancerFootprint { public_addresses, invokes_function: true });
            }
            "AWS::CloudWatch::Alarm" => {
                self.alarm_metrics = self.alarm_metrics.saturating_add(alarm_metrics(resource));
            }
            "AWS::WAFv2::WebACL" => {
                let rules = resource.get("Rules").and_then(Value::as_array);
                self.firewall_rules = Some(rules.map_or(0, |rules| count(rules.len())));
            }
            "AWS::SecretsManager::Secret" => self.secrets = self.secrets.saturating_add(1),
            "AWS::DynamoDB::Table" => self.tables = self.tables.saturating_add(1),
            "AWS::EC2::NatGateway" => self.nat_gateways = self.nat_gateways.saturating_add(1),
            "AWS::EC2::VPCEndpoint" if resource.text("VpcEndpointType") == Some("Interface") => {
                let zones = resource.get("SubnetIds").and_then(Value::as_array).map_or(1, |all| count(all.len()));
                self.interface_endpoints = self.interface_endpoints.saturating_add(zones);
            }
            "AWS::Logs::LogGroup" => {
                let days = resource.number("RetentionInDays").unwrap_or_default();
                self.log_retention_days = self.log_retention_days.max(days);
            }
            "AWS::ECS::TaskDefinition" => self.add_task(resource),
            "AWS::ECS::Cluster" if resource.says("containerInsights") => {
                self.not_counted.insert("the metrics of Container Insights".to_owned());
            }
            _ => {}
        }
    }

    fn add_function(&mut self, resource: Resource<'_>) {
        let architecture = resource.get("Architectures").and_then(|all| all.get(0)).and_then(Value::as_str);
        let provisioned = resource.get("ProvisionedConcurrencyConfig");
        let provisioned = provisioned.and_then(|config| config.get("ProvisionedConcurrentExecutions"));
        self.function = Some(FunctionFootprint {
            architecture: architecture.unwrap_or("x86_64").to_owned(),
            memory_mb: resource.number("MemorySize").unwrap_or(128),
            provisioned: provisioned.and_then(number).unwrap_or_default(),
            provisioned_minutes_per_week: MINUTES_PER_WEEK,
            streams: resource.says("RESPONSE_STREAM"),
        });
        if resource.text("PackageType") == Some("Image") {
            self.storage = Storage::Images;
        }
        if resource.text("Tracing") == Some("Active") {
            self.not_counted.insert("traces of X-Ray".to_owned());
        }
        let variables = resource.get("Environment").and_then(|environment| environment.get("Variables"));
        let names = variables.and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name);
        self.secrets_read_at_start = names.into_iter().any(|name| name.ends_with("_ARN"));
    }

    fn add_task(&mut self, resource: Resource<'_>) {
        let platform = resource.get("RuntimePlatform").and_then(|platform| platform.get("CpuArchitecture"));
        let arm = platform.and_then(Value::as_str) == Some("ARM64");
        self.tasks = Some(TaskFootprint {
            architecture: if arm { "arm64" } else { "x86_64" }.to_owned(),
            cpu_units: resource.number("Cpu").unwrap_or(CPU_UNITS / 4),
            memory_mb: resource.number("Memory").unwrap_or(512),
            minimum: 1,
            minutes_per_week: MINUTES_PER_WEEK,
            spot_percent: 0,
            public_address: false,
        });
        self.storage = Storage::Images;
        if resource.says("xray") {
            self.not_counted.insert("traces of X-Ray".to_owned());
        }
    }

    fn adjust(&mut self, resource: Resource<'_>) {
        match (resource.kind, &mut self.tasks, &mut self.function) {
            ("AWS::ECS::Service", Some(tasks), _) => {
                tasks.minimum = resource.number("DesiredCount").unwrap_or(tasks.minimum);
                tasks.public_address = assigns_public_address(resource);
                tasks.spot_percent = spot_percent(resource);
            }
            ("AWS::ECS::ExpressGatewayService", Some(tasks), _) => {
                let scaling = resource.get("ScalingTarget");
                tasks.minimum = scaling.and_then(|scaling| scaling.get("MinTaskCount")).and_then(number).unwrap_or(1);
                tasks.public_address = true;
                let load_balancer = LoadBalancerFootprint { public_addresses: LEAST_ZONES, invokes_function: false };
                self.load_balancer = Some(load_balancer);
            }
            ("AWS::ApplicationAutoScaling::ScalableTarget", tasks, function) => {
                let minutes = minutes_per_week(resource).unwrap_or(MINUTES_PER_WEEK);
                if resource.text("ServiceNamespace") == Some("lambda") {
                    if let Some(function) = function {
                        function.provisioned_minutes_per_week = minutes;
                    }
                } else if let Some(tasks) = tasks {
                    tasks.minimum = resource.number("MinCapacity").unwrap_or(tasks.minimum);
                    tasks.minutes_per_week = minutes;
                }
            }
            _ => {}
        }
    }
}

/// A resource of a template.
#[derive(Debug, Clone, Copy)]
struct Resource<'a> {
    kind: &'a str,
    properties: Option<&'a Value>,
}

impl<'a> Resource<'a> {
    fn of(resource: &'a Value) -> Self {
        let kind = resource.get("Type").and_then(Value::as_str).unwrap_or_default();
        Self { kind, properties: resource.get("Properties") }
    }

    fn get(self, name: &str) -> Option<&'a Value> {
        self.properties?.get(name)
    }

    fn text(self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    fn number(self, name: &str) -> Option<u32> {
        self.get(name).and_then(number)
    }

    /// Whether a text is among its values, however deep.
    fn says(self, text: &str) -> bool {
        self.properties.is_some_and(|properties| any_text(properties, &mut |found| found == text))
    }
}

/// A number, or a text that is one: ECS takes both.
fn number(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64().and_then(|number| u32::try_from(number).ok()),
    }
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn any_text(value: &Value, is: &mut impl FnMut(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is(text),
        Value::Array(items) => items.iter().any(|item| any_text(item, is)),
        Value::Object(members) => members.values().any(|member| any_text(member, is)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The ARNs of secrets that the template names, and so are not its own.
fn secrets_elsewhere(template: &Value, arns: &mut BTreeSet<String>) {
    any_text(template, &mut |text| {
        for (start, _) in text.match_indices("arn:aws") {
            let parts: Vec<_> = text.get(start..).unwrap_or_default().split(':').take(7).collect();
            let name = |part: &str| {
                part.split(|letter: char| letter == '}' || letter.is_whitespace()).next().map(str::to_owned)
            };
            if let [_, _, "secretsmanager", region, account, "secret", last] = parts.as_slice()
                && let Some(last) = name(last)
            {
                arns.insert(format!("{region}:{account}:{last}"));
            }
        }
        false
    });
}

/// Each metric is paid for, and an expression is as many as it has.
fn alarm_metrics(alarm: Resource<'_>) -> u32 {
    let Some(queries) = alarm.get("Metrics").and_then(Value::as_array) else { return 1 };
    count(queries.iter().filter(|query| query.get("MetricStat").is_some()).count())
}

fn assigns_public_address(service: Resource<'_>) -> bool {
    let configuration = service.get("NetworkConfiguration").and_then(|network| network.get("AwsvpcConfiguration"));
    configuration.and_then(|network| network.get("AssignPublicIp")).and_then(Value::as_str) == Some("ENABLED")
}

/// The share of Spot by the weights; the first task may be kept out of it, which an estimate does not see.
fn spot_percent(service: Resource<'_>) -> u32 {
    let providers = service.get("CapacityProviderStrategy").and_then(Value::as_array);
    let weights = providers.into_iter().flatten().map(|provider| {
        let spot = provider.get("CapacityProvider").and_then(Value::as_str) == Some("FARGATE_SPOT");
        (spot, provider.get("Weight").and_then(number).unwrap_or_default())
    });
    let (all, spot) = weights.fold((0_u32, 0_u32), |(all, spot_sum), (spot, weight)| {
        (all.saturating_add(weight), spot_sum.saturating_add(if spot { weight } else { 0 }))
    });
    spot.saturating_mul(100).checked_div(all).unwrap_or_default()
}

/// The minutes of a week between the action that brings capacity and the one that takes it away.
fn minutes_per_week(target: Resource<'_>) -> Option<u32> {
    let actions = target.get("ScheduledActions")?.as_array()?;
    let mut times = actions.iter().filter_map(|action| {
        let least = action.get("ScalableTargetAction")?.get("MinCapacity").and_then(number)?;
        let (minute, days) = cron(action.get("Schedule")?.as_str()?)?;
        Some((least > 0, minute, days))
    });
    let (first, second) = (times.next()?, times.next()?);
    let (begin, end) = if first.0 { (first, second) } else { (second, first) };
    Some(end.1.checked_sub(begin.1)?.saturating_mul(begin.2))
}

/// The minute of the day and how many days of the week, of `cron(0 8 ? * MON-FRI *)`.
fn cron(schedule: &str) -> Option<(u32, u32)> {
    let fields: Vec<_> = schedule.strip_prefix("cron(")?.strip_suffix(')')?.split(' ').collect();
    let [minute, hour, _, _, days, _] = fields.as_slice() else { return None };
    let day = |name: &str| DAYS.iter().position(|day| *day == name);
    let mut number_of_days = 0;
    for range in days.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        number_of_days += count(day(last)?.checked_sub(day(first)?)? + 1);
    }
    Some((hour.parse::<u32>().ok()?.checked_mul(60)?.checked_add(minute.parse().ok()?)?, number_of_days))
}
