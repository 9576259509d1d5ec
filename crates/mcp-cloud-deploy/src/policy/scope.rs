//! What is an app's own, as ARNs.

use mcp_cloud_app::{App, Target, app::Build};

use crate::{
    deployment::{Bucket, key_prefix},
    image::ecr_repository,
};

/// Characters of the stack's name that are sure to be at the beginning of a name that CloudFormation makes of it: what
/// is longer is cut so that the whole fits into 64 characters.
const SURE_PREFIX: usize = 24;

/// The account and region that a policy is for, and the app where it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    target: Target,
    partition: &'static str,
    account: String,
    region: String,
    app: String,
    cluster: String,
    bucket: String,
    secrets: Vec<String>,
    hosted_zone: Option<String>,
    /// The ARN of the repository that images are pushed to; a registry that is none of AWS's has no ARN.
    repository: Option<String>,
    moves_requests: bool,
}

impl Scope {
    /// An account or region that is not known becomes `*`: the policy then holds for all of them. The bucket is ours
    /// unless one is named. What is not [`Target::Ecs`] is a function of Lambda.
    #[must_use]
    pub fn of(app: &App, target: Target, account: Option<&str>, region: Option<&str>, bucket: Option<String>) -> Self {
        let (account, region) = (account.unwrap_or("*"), region.unwrap_or("*"));
        let named = app.secrets.values().chain(&app.state.sealing_key).chain(&app.state.redis);
        let mut secrets: Vec<_> = named.filter_map(|secret| secret.aws.clone()).collect();
        secrets.sort_unstable();
        secrets.dedup();
        let hosted_zone = if target == Target::Ecs { &app.ecs.hosted_zone } else { &app.lambda.hosted_zone };
        Self {
            target,
            partition: partition(region),
            account: account.to_owned(),
            region: region.to_owned(),
            app: app.name.clone(),
            cluster: app.ecs.cluster.clone().unwrap_or_else(|| app.name.clone()),
            bucket: Bucket::choose(bucket, account, region).name().to_owned(),
            secrets,
            hosted_zone: hosted_zone.clone(),
            repository: repository(app, account, region),
            moves_requests: app.ecs.shift.moves().is_some(),
        }
    }

    /// Where the app runs.
    #[must_use]
    pub fn target(&self) -> Target {
        self.target
    }

    /// The partition, such as `aws`.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        self.partition
    }

    /// The account's twelve digits, or `*`.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Whether the app is a service of ECS.
    pub(crate) fn is_service(&self) -> bool {
        self.target == Target::Ecs
    }

    /// What the names of log groups begin with.
    fn log_folders(&self) -> &'static [&'static str] {
        if self.is_service() { &["/ecs"] } else { &["/aws/lambda", "/aws/vendedlogs/apis"] }
    }

    fn arn(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{rest}", self.partition, self.region, self.account)
    }

    fn global(&self, service: &str, rest: &str) -> String {
        format!("arn:{}:{service}::{}:{rest}", self.partition, self.account)
    }

    /// What a name begins with that CloudFormation makes of the stack's.
    fn made_from_name(&self) -> String {
        match self.app.get(..SURE_PREFIX) {
            Some(sure) if self.app.len() > SURE_PREFIX => sure.to_owned(),
            _ => format!("{}-", self.app),
        }
    }
}

/// The repository that is named, or the one that the stack makes for what is built here.
fn repository(app: &App, account: &str, region: &str) -> Option<String> {
    let arn = |account: &str, region: &str, name: &str| {
        format!("arn:{}:ecr:{region}:{account}:repository/{name}", partition(region))
    };
    match (&app.ecs.repository, &app.build) {
        (Some(uri), _) => {
            let (owner, rest) = uri.split_once(".dkr.ecr.")?;
            Some(arn(owner, rest.split('.').next()?, ecr_repository(uri)?))
        }
        (None, Build::Image(_)) => None,
        (None, _) => Some(arn(account, region, &app.name)),
    }
}

/// The partition of a region.
fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// What an action is allowed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum On {
    /// Everything: the action takes no resource, or lists.
    Anything,
    /// The stack, and what turns the template into one that CloudFormation knows.
    Stack,
    /// The bucket that code is uploaded to.
    Bucket,
    /// The app's objects in it.
    Objects,
    /// The function, its versions and its alias.
    Function,
    /// The roles that the stack makes.
    Roles,
    /// Those roles, handed to Lambda.
    RolesForLambda,
    /// Those roles, handed to CodeDeploy.
    RolesForCodeDeploy,
    /// The role that a service makes for itself the first time that it needs one; the service by its name in policies.
    ServiceRole(&'static str),
    /// The app's log groups.
    LogGroups,
    /// The app's secrets: those that the file names, those that are kept under its name, and the one that the stack makes.
    Secrets,
    /// The stack's table.
    Table,
    /// The stack's alarms.
    Alarms,
    /// APIs of API Gateway, whose names AWS makes.
    Apis,
    /// The stack's firewall.
    Firewall,
    /// What a firewall is put in front of.
    Guarded,
    /// Load balancers, their listeners and target groups, whose names AWS makes.
    LoadBalancers,
    /// Security groups and the VPCs they are in, whose ids AWS makes.
    SecurityGroups,
    /// A VPC of the stack's own, and what is in it, whose ids AWS makes.
    Network,
    /// The zones that AWS makes for its own names in a VPC.
    PrivateZones,
    /// The hosted zone that the domain is entered in.
    HostedZone,
    /// Changes of hosted zones.
    HostedZoneChanges,
    /// What scales by itself.
    ScalableTargets,
    /// The alarms by which the service scales.
    ScalingAlarms,
    /// The application of CodeDeploy that shifts traffic.
    CodeDeploy,
    /// The cluster that the service is in.
    Cluster,
    /// The service.
    Service,
    /// Revisions of the service's task definition.
    TaskDefinitions,
    /// Tasks of the cluster, whose ids AWS makes; a session in one is opened by way of the cluster.
    Tasks,
    /// The repository of the server's images.
    Repository,
    /// The roles of tasks, handed to ECS.
    RolesForTasks,
    /// The role that moves requests from old tasks to new ones, handed to ECS.
    RoleForMoving,
}

impl On {
    /// The ARNs of an app; nothing where the app has none of it.
    pub(crate) fn arns(self, scope: &Scope) -> Vec<String> {
        let Scope { partition, app, bucket, .. } = scope;
        let made = scope.made_from_name();
        match self {
            Self::Anything => vec!["*".to_owned()],
            Self::Stack => {
                let stack = scope.arn("cloudformation", &format!("stack/{app}/*"));
                let transform =
                    format!("arn:{partition}:cloudformation:{}:aws:transform/Serverless-2016-10-31", scope.region);
                [Some(stack), (!scope.is_service()).then_some(transform)].into_iter().flatten().collect()
            }
            Self::Bucket => vec![format!("arn:{partition}:s3:::{bucket}")],
            Self::Objects => vec![format!("arn:{partition}:s3:::{bucket}/{}*", key_prefix(app))],
            Self::Function => {
                vec![scope.arn("lambda", &format!("function:{app}")), scope.arn("lambda", &format!("function:{app}:*"))]
            }
            Self::Roles | Self::RolesForTasks if scope.is_service() => {
                ["execution", "task"].map(|role| scope.global("iam", &format!("role/{app}-{role}"))).into()
            }
            Self::RolesForTasks => Vec::new(),
            Self::Roles | Self::RolesForLambda | Self::RolesForCodeDeploy => {
                vec![scope.global("iam", &format!("role/{made}*"))]
            }
            Self::ServiceRole(service) => vec![scope.global("iam", &format!("role/aws-service-role/{service}/*"))],
            Self::LogGroups => scope
                .log_folders()
                .iter()
                .flat_map(|folder| ["", ":*"].map(|end| scope.arn("logs", &format!("log-group:{folder}/{app}{end}"))))
                .collect(),
            Self::Secrets => {
                // The key of a function has a name that CloudFormation makes; that of a service is under the app's.
                let of_function = (!scope.is_service()).then(|| "SealingKey-*".to_owned());
                let own = of_function.into_iter().chain([format!("{app}/*")]);
                let own = own.map(|name| scope.arn("secretsmanager", &format!("secret:{name}")));
                own.chain(scope.secrets.iter().cloned()).collect()
            }
            Self::Table if scope.is_service() => vec![scope.arn("dynamodb", &format!("table/{app}-state"))],
            Self::Table => vec![scope.arn("dynamodb", &format!("table/{made}*"))],
            Self::Alarms => vec![scope.arn("cloudwatch", &format!("alarm:{made}*"))],
            Self::Apis => ["apis", "apis/*", "restapis", "restapis/*", "domainnames", "domainnames/*", "tags/*"]
                .into_iter()
                .map(|path| format!("arn:{partition}:apigateway:{}::/{path}", scope.region))
                .collect(),
            Self::Firewall => {
                vec![scope.arn("wafv2", "regional/webacl/Firewall-*"), scope.arn("wafv2", "regional/managedruleset/*")]
            }
            Self::Guarded => {
                let gateways = format!("arn:{partition}:apigateway:{}::/restapis/*/stages/*", scope.region);
                let load_balancers = scope.arn("elasticloadbalancing", "loadbalancer/app/*");
                [Some(load_balancers), (!scope.is_service()).then_some(gateways)].into_iter().flatten().collect()
            }
            Self::LoadBalancers => ["loadbalancer/app/*", "listener/app/*", "listener-rule/app/*", "targetgroup/*"]
                .into_iter()
                .map(|path| scope.arn("elasticloadbalancing", path))
                .collect(),
            Self::SecurityGroups | Self::Network | Self::PrivateZones => self.in_networks(scope),
            Self::HostedZone => {
                let zone = scope.hosted_zone.as_deref().unwrap_or("*");
                vec![format!("arn:{partition}:route53:::hostedzone/{zone}")]
            }
            Self::HostedZoneChanges => vec![format!("arn:{partition}:route53:::change/*")],
            Self::ScalableTargets => vec![scope.arn("application-autoscaling", "scalable-target/*")],
            Self::CodeDeploy => ["application", "deploymentgroup"]
                .into_iter()
                .map(|kind| scope.arn("codedeploy", &format!("{kind}:{made}*")))
                .chain([scope.arn("codedeploy", "deploymentconfig:*")])
                .collect(),
            _ => self.of_service(scope),
        }
    }

    /// What EC2 has, whose ids AWS makes.
    fn in_networks(self, scope: &Scope) -> Vec<String> {
        let paths: &[&str] = match self {
            Self::SecurityGroups => &["security-group/*", "security-group-rule/*", "vpc/*"],
            Self::PrivateZones => &["vpc/*"],
            _ => &["vpc/*", "subnet/*", "route-table/*", "internet-gateway/*", "vpc-endpoint/*", "security-group/*"],
        };
        let zones = (self == Self::PrivateZones).then(|| format!("arn:{}:route53:::hostedzone/*", scope.partition));
        paths.iter().map(|path| scope.arn("ec2", path)).chain(zones).collect()
    }

    /// What is a service's own.
    fn of_service(self, scope: &Scope) -> Vec<String> {
        let Scope { app, cluster, .. } = scope;
        match self {
            Self::Cluster => vec![scope.arn("ecs", &format!("cluster/{cluster}"))],
            Self::Service => vec![scope.arn("ecs", &format!("service/{cluster}/{app}"))],
            Self::TaskDefinitions => vec![scope.arn("ecs", &format!("task-definition/{app}:*"))],
            Self::Tasks => ["task", "cluster"]
                .into_iter()
                .zip([format!("{cluster}/*"), cluster.clone()])
                .map(|(kind, name)| scope.arn("ecs", &format!("{kind}/{name}")))
                .collect(),
            Self::RoleForMoving => {
                let role = scope.moves_requests.then(|| scope.global("iam", &format!("role/{app}-infrastructure")));
                role.into_iter().collect()
            }
            Self::Repository => scope.repository.iter().cloned().collect(),
            Self::ScalingAlarms => {
                vec![scope.arn("cloudwatch", &format!("alarm:TargetTracking-service/{cluster}/{app}-*"))]
            }
            _ => Vec::new(),
        }
    }

    /// The condition it is allowed under: operator, key and value.
    pub(crate) fn condition(self) -> Option<(&'static str, &'static str, &'static str)> {
        match self {
            Self::RolesForLambda => Some(("StringEquals", "iam:PassedToService", "lambda.amazonaws.com")),
            Self::RolesForCodeDeploy => Some(("StringEquals", "iam:PassedToService", "codedeploy.amazonaws.com")),
            Self::RolesForTasks => Some(("StringEquals", "iam:PassedToService", "ecs-tasks.amazonaws.com")),
            Self::RoleForMoving => Some(("StringEquals", "iam:PassedToService", "ecs.amazonaws.com")),
            Self::ServiceRole(service) => Some(("StringEquals", "iam:AWSServiceName", service)),
            _ => None,
        }
    }
}
