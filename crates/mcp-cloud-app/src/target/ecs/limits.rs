//! What Fargate, Application Load Balancers and CloudFormation take, where it depends on more than one key.

use std::collections::BTreeSet;

use mcp_cloud_contract::{KEEP_ALIVE_SECONDS, STOP_MARGIN_SECONDS};

use super::{stack, task_definition::linger_seconds, task_definition_json};
use crate::{
    app::{App, AuthMode, Build, Egress, Exposure, Sessions, Store, TaskShift, Traces, words::Move},
    diagnostic::Diagnostic,
    target::{
        Code,
        aws::{limits, load_balancer, state},
        findings::Findings,
    },
};

/// Processor units, and the memory in MB that goes with them: the least, the most, and the step between
/// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>). The
/// smallest takes 512, 1024 and 2048.
const SIZES: [(u32, u32, u32, u32); 7] = [
    (256, 512, 2_048, 512),
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];
/// Not among the sizes of the smallest although the step leads there.
const NO_SIZE: (u32, u32) = (256, 1_536);
const SIZES_PAGE: &str =
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size";
/// Bytes of a task definition (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html>).
const TASK_DEFINITION_BYTES: usize = 65_536;
/// Bytes of a template that is sent with the call
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>).
const TEMPLATE_BYTES: usize = 51_200;
/// Seconds from the notice that a task on Fargate Spot gets to its end; the delay of its target groups has to be shorter
/// (<https://repost.aws/knowledge-center/fargate-spot-termination-notice>).
const SPOT_NOTICE_SECONDS: u32 = 120;
const SPOT_PAGE: &str = "https://repost.aws/knowledge-center/fargate-spot-termination-notice";
/// The most that Fargate gives a task to end
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).
const LONGEST_STOP_SECONDS: u32 = 120;
/// Text of an issuer, the address of its keys, and a value of a claim
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_JwtValidationActionConfig.html>).
const JWT_CHARACTERS: usize = 256;
/// Values of one claim
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_JwtValidationActionAdditionalClaim.html>).
const CLAIM_VALUES: usize = 10;
const JWT_PAGE: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-verify-jwt.html";
/// Rules of one security group for what comes in
/// (<https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups>).
const SECURITY_GROUP_RULES: usize = 60;
/// The fewest failures in a row that a load balancer counts
/// (<https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>).
const LEAST_RETRIES: u32 = 2;

pub(super) fn check(app: &App) -> Vec<Diagnostic> {
    let mut findings = Findings { found: check_to_deploy(app), ..Findings::new(app) };
    left_open(&mut findings);
    findings.found
}

/// What there is to say apart from the files that are emitted.
pub(super) fn check_to_deploy(app: &App) -> Vec<Diagnostic> {
    let mut findings = Findings { found: of_task(app), ..Findings::new(app) };
    exposure(&mut findings);
    tokens(&mut findings);
    domain(&mut findings);
    network(&mut findings);
    egress(&mut findings);
    timeouts(&mut findings);
    scaling(&mut findings);
    exec(&mut findings);
    shift(&mut findings);
    findings.found
}

/// What is reported about the task itself, whatever is in front of it.
pub(in crate::target) fn of_task(app: &App) -> Vec<Diagnostic> {
    let mut findings = Findings::new(app);
    size(&mut findings);
    environment(&mut findings);
    stop_timeout(&mut findings);
    limits::tags(&mut findings);
    limits::policies("ecs.policies", &app.ecs.policies, &mut findings);
    state::check(&mut findings);
    if app.ecs.minimum == 0 {
        findings.error(
            "scaling.minimum",
            "minimum is 0, but nothing on ECS starts a task because a request comes: it would stay at 0",
            "write `minimum = 1`, and `working-hours` if there are hours in which nobody calls",
        );
    }
    findings.found
}

fn size(findings: &mut Findings<'_>) {
    let (cpu, memory) = (findings.app.ecs.cpu, findings.app.ecs.memory_mb);
    let Some((_, least, most, step)) = SIZES.into_iter().find(|size| size.0 == cpu) else {
        let message = format!("cpu is {cpu}, but Fargate takes 256, 512, 1024, 2048, 4096, 8192 and 16384");
        return findings.error("ecs.cpu", message, format!("see {SIZES_PAGE}"));
    };
    if (least..=most).contains(&memory) && (memory - least) % step == 0 && (cpu, memory) != NO_SIZE {
        return;
    }
    let sizes = if cpu == NO_SIZE.0 {
        "512, 1024 or 2048 MB".to_owned()
    } else {
        format!("{least} to {most} MB in steps of {step}")
    };
    let key = findings.said("ecs.memory", "resources.memory");
    let message = format!("memory is {memory} MB, but with a cpu of {cpu} Fargate takes {sizes}");
    findings.error(key, message, format!("see {SIZES_PAGE}"));
}

fn environment(findings: &mut Findings<'_>) {
    let app = findings.app;
    for (key, value) in &app.environment {
        if value.contains("{{resolve:") {
            let message = format!(
                "`{}` is for CloudFormation to look up, but the ECS API takes it as it stands",
                key.escape_debug()
            );
            let hint = "name the secret under `[secrets]`: Fargate looks it up when it starts a task";
            findings.error(&format!("environment.{key}"), message, hint);
        }
    }
    let code = Code::Local { output_directory: app.manifest_directory.clone() };
    let bytes = task_definition_json(app, &code).len();
    if bytes > TASK_DEFINITION_BYTES {
        let message =
            format!("the task definition has {bytes} bytes, but ECS takes {TASK_DEFINITION_BYTES}; most are variables");
        findings.error("environment", message, "");
    }
}

fn exposure(findings: &mut Findings<'_>) {
    let app = findings.app;
    let said_public = app.says("network.exposure") && app.network.exposure == Exposure::Public;
    if app.auth.mode == AuthMode::Platform && said_public {
        findings.error(
            "network.exposure",
            "exposure is `public`, but a load balancer knows nothing that keeps strangers out while auth.mode is \
             `platform`",
            "ask for tokens (`mode = \"jwt\"` under `[auth]`), let everyone in (`mode = \"none\"`), or write `exposure = \
             \"private\"`",
        );
    } else if !load_balancer::is_internal(app) && app.ecs.certificate.is_none() {
        findings.error(
            "ecs.certificate",
            "the load balancer faces the internet and has no certificate: whatever is said, everyone on the way can read",
            "name one of AWS Certificate Manager: `certificate = \"arn:aws:acm:…\"` under `[ecs]`, or write `exposure = \
             \"private\"` under `[network]`",
        );
    }
}

fn tokens(findings: &mut Findings<'_>) {
    let app = findings.app;
    let auth = &app.auth;
    if !matches!(auth.mode, AuthMode::Jwt | AuthMode::Cognito) {
        return;
    }
    let mode = auth.mode.as_str();
    if app.ecs.certificate.is_none() {
        let message = format!("mode is `{mode}`, but a load balancer looks at tokens over HTTPS alone");
        findings.error("auth.mode", message, "name a certificate: `certificate = \"arn:aws:acm:…\"` under `[ecs]`");
    }
    if auth.audiences.is_empty() {
        findings.error(
            "auth.mode",
            format!("mode is `{mode}`, but without `audiences` a token for another server would be let in"),
            "",
        );
    }
    if auth.scopes.len() > 1 {
        findings.error(
            "auth.scopes",
            format!(
                "scopes has {}, but a load balancer does not promise that a token with one of them is refused",
                auth.scopes.len()
            ),
            format!("name the one without which nothing works, and let the tools ask for the others; see {JWT_PAGE}"),
        );
    }
    if auth.audiences.len() > CLAIM_VALUES {
        let message = format!("audiences has {}, but a load balancer takes {CLAIM_VALUES}", auth.audiences.len());
        findings.error("auth.audiences", message, format!("see {JWT_PAGE}"));
    }
    let texts = [("auth.issuer", auth.issuer.iter()), ("auth.jwks-url", auth.jwks_url.iter())];
    let lists = [("auth.audiences", auth.audiences.iter()), ("auth.scopes", auth.scopes.iter())];
    let texts = texts.into_iter().flat_map(|(key, texts)| texts.map(move |text| (key, text)));
    let lists = lists.into_iter().flat_map(|(key, texts)| texts.map(move |text| (key, text)));
    for (key, text) in texts.chain(lists) {
        let characters = text.chars().count();
        if characters > JWT_CHARACTERS {
            let message = format!(
                "`{}` has {characters} characters, but a load balancer takes {JWT_CHARACTERS}",
                text.escape_debug()
            );
            findings.error(key, message, format!("see {JWT_PAGE}"));
        }
    }
    if load_balancer::is_internal(app) {
        findings.warning(
            "network.exposure",
            "the load balancer has no address on the internet, and without a NAT gateway it cannot fetch the issuer's keys",
            "name a `vpc` and `subnets` under `[network]` that have one, or an issuer inside of it",
        );
    }
}

fn domain(findings: &mut Findings<'_>) {
    let app = findings.app;
    match (&app.endpoint.domain, &app.ecs.certificate) {
        (None, Some(_)) => findings.error(
            "ecs.certificate",
            "there is a certificate but no domain: no client believes it under the name that AWS makes",
            "name it: `domain = \"…\"` under `[endpoint]`",
        ),
        (Some(_), None) if load_balancer::is_internal(app) => findings.warning(
            "endpoint.domain",
            "there is a domain but no certificate: inside of the VPC it is called over plain HTTP",
            "name one: `certificate = \"arn:aws:acm:…\"` under `[ecs]`",
        ),
        _ => {}
    }
    if app.ecs.hosted_zone.is_some() && app.endpoint.domain.is_none() {
        findings.error(
            "ecs.hosted-zone",
            "hosted-zone is where the domain is entered, and there is none",
            "name it: `domain = \"…\"` under `[endpoint]`",
        );
    }
    if app.endpoint.domain.is_some() && app.ecs.hosted_zone.is_none() {
        findings.warning(
            "endpoint.domain",
            "nobody enters the domain in the DNS",
            format!(
                "name a hosted zone of Route 53 (`hosted-zone` under `[ecs]`), or enter it as a CNAME of the stack's output \
                 `{}`",
                super::OUTPUT_LOAD_BALANCER
            ),
        );
    }
    // arn:aws:acm:REGION:ACCOUNT:certificate/ID
    let mut parts = app.ecs.certificate.iter().flat_map(|arn| arn.split(':')).skip(3);
    for (key, wanted, there) in [("region", &app.aws.region, parts.next()), ("account", &app.aws.account, parts.next())]
    {
        if let (Some(wanted), Some(there)) = (wanted, there)
            && wanted != there
        {
            let message = format!("certificate is of the {key} {there}, but is to be used in {wanted}");
            let hint = "a load balancer uses certificates of its own region and account alone";
            findings.error("ecs.certificate", message, hint);
        }
    }
}

fn network(findings: &mut Findings<'_>) {
    let app = findings.app;
    let network = &app.network;
    for (key, subnets) in [("subnets", &network.subnets), ("public-subnets", &network.public_subnets)] {
        let different: BTreeSet<_> = subnets.iter().collect();
        if different.len() < subnets.len() {
            let message = format!("{key} names a subnet twice");
            findings.error(&format!("network.{key}"), message, "two are needed, in different zones: one zone can fail");
        }
    }
    if network.vpc.is_some() && !load_balancer::is_internal(app) && network.public_subnets.len() < 2 {
        let message = format!(
            "the load balancer faces the internet, and public-subnets has {} of the two that it needs",
            network.public_subnets.len()
        );
        let hint = "name two in different zones with a route to an internet gateway";
        findings.error("network.public-subnets", message, hint);
    }
    let ports = if app.ecs.certificate.is_some() { 2 } else { 1 };
    if network.allow.len() * ports > SECURITY_GROUP_RULES {
        let message = format!(
            "allow has {} ranges, which with {ports} open ports make more than the {SECURITY_GROUP_RULES} rules of a \
             security group",
            network.allow.len()
        );
        findings.error("network.allow", message, "");
    }
}

fn egress(findings: &mut Findings<'_>) {
    let app = findings.app;
    if app.network.egress != Egress::Platform {
        return;
    }
    if app.network.vpc.is_some() {
        findings.warning(
            "network.egress",
            "egress is `platform`, but what a server in this VPC reaches is decided by the VPC's routes and endpoints",
            "see that its subnets have endpoints for ECR, S3, logs and secrets, and no route to the internet",
        );
        return;
    }
    if app.telemetry.traces == Traces::Platform {
        findings.error(
            "telemetry.traces",
            "traces go to X-Ray by way of a collector, whose image is on the internet, and egress is `platform`",
            "write `traces = \"otlp\"` and name a collector in the network, or `traces = \"none\"`",
        );
    }
    let outside = "nothing outside of the network that the stack makes is reached while egress is `platform`";
    if app.state.store == Store::Redis {
        let hint = "name the `vpc` that the Redis server is in, under `[network]`";
        findings.warning("state.store", format!("the store is `redis`, but {outside}"), hint);
    }
    if app.telemetry.traces == Traces::Otlp {
        let hint = "name the `vpc` that the collector is in, under `[network]`";
        findings.warning("telemetry.otlp-endpoint", format!("traces go to a collector, but {outside}"), hint);
    }
    let elsewhere = match (&app.build, &app.ecs.repository) {
        (Build::Image(image), _) => Some(("build.image", image)),
        (_, Some(repository)) => Some(("ecs.repository", repository)),
        _ => None,
    };
    if let Some((key, name)) = elsewhere
        && !name.contains(".dkr.ecr.")
    {
        let message = format!("`{name}` is on the internet, and egress is `platform`: no task could be started");
        findings.error(key, message, "keep the image in a repository of ECR");
    }
}

/// Whether there is anything that commands could be.
fn exec(findings: &mut Findings<'_>) {
    if findings.app.ecs.exec && matches!(findings.app.build, Build::Cargo(_)) {
        findings.warning(
            "ecs.exec",
            "commands may be run in the tasks, but the image holds nothing to run except the server itself",
            "see what it logs with `mcp-cloud logs`, or keep `exec` for servers whose images have a shell",
        );
    }
}

/// What a task has to do between `SIGTERM` and `SIGKILL`: answer what the load balancer still sends, and finish what it
/// began.
fn stop_timeout(findings: &mut Findings<'_>) {
    let app = findings.app;
    let (stop, linger) = (app.ecs.stop_timeout_seconds, linger_seconds(app));
    let is_spot = app.ecs.spot_percent > 0;
    let key = "ecs.stop-timeout";
    if is_spot && stop >= SPOT_NOTICE_SECONDS {
        let message = format!(
            "stop-timeout is {stop} s, but a task on Fargate Spot is gone {SPOT_NOTICE_SECONDS} s after its notice: the load \
             balancer has to be done with it before"
        );
        findings.error(key, message, format!("see {SPOT_PAGE}"));
    }
    let least = linger.saturating_add(STOP_MARGIN_SECONDS);
    if stop <= least {
        let (message, hint) = if is_spot {
            let message = format!(
                "stop-timeout is {stop} s, but a task on Fargate Spot hears of its end first, and the load balancer by three \
                 keys under `[health]` (`interval` × `retries` + `timeout`) after {linger} s"
            );
            (message, "write a longer `stop-timeout`, or a shorter `interval`")
        } else {
            let message = format!(
                "stop-timeout is {stop} s, but the server answers what is still on its way for {linger} s, and needs \
                 {STOP_MARGIN_SECONDS} s to end"
            );
            (message, "")
        };
        findings.error(key, message, hint);
    }
    let wanted = app.timeout_seconds.saturating_add(STOP_MARGIN_SECONDS);
    if stop >= wanted {
        return;
    }
    let message = format!(
        "stop-timeout is {stop} s, but a request may take {} s: a deployment ends those that take longer",
        app.timeout_seconds
    );
    if wanted < LONGEST_STOP_SECONDS {
        findings.error(
            key,
            message,
            format!("write `stop-timeout = {wanted}`, or a shorter `timeout` under `[resources]`"),
        );
    } else {
        findings.warning(key, message, "Fargate waits for 120 s at most; let clients ask again");
    }
}

fn timeouts(findings: &mut Findings<'_>) {
    let app = findings.app;
    let idle = app.ecs.idle_timeout_seconds;
    if idle <= KEEP_ALIVE_SECONDS {
        let message = format!(
            "idle-timeout is {idle} s, but a stream may be silent for {KEEP_ALIVE_SECONDS} s, and would be cut in between"
        );
        findings.error("ecs.idle-timeout", message, "60 s or more leave room for a slow network");
    }
    let health = &app.health;
    if health.timeout_seconds >= health.interval_seconds {
        let message = format!(
            "timeout is {} s, but a load balancer takes less than the interval of {} s",
            health.timeout_seconds, health.interval_seconds
        );
        findings.error("health.timeout", message, "");
    }
    if health.retries < LEAST_RETRIES {
        let message = format!("retries is {}, but a load balancer takes {LEAST_RETRIES} at least", health.retries);
        findings.warning("health.retries", message, "");
    }
}

fn scaling(findings: &mut Findings<'_>) {
    let app = findings.app;
    if app.ecs.spot_percent == 100 {
        findings.warning(
            "ecs.spot",
            "spot is 100 %: when there is no capacity to spare, there is no server",
            "write less, and the first task is none that may be taken away",
        );
    }
    if app.ecs.cluster.is_some() {
        findings.warning(
            "ecs.cluster",
            "the service asks the cluster for the capacity providers of Fargate, which not every cluster has",
            "see that they are there: `aws ecs put-cluster-capacity-providers`",
        );
    }
    if app.scaling.connections.is_some() && app.ecs.cluster.is_some() {
        findings.warning(
            "scaling.connections",
            "connections are held against the tasks that run, which Container Insights alone count",
            "see that they are on in the cluster: `aws ecs update-cluster-settings --settings \
             name=containerInsights,value=enabled`",
        );
    }
}

/// What cannot be while requests move from old tasks to new ones.
fn shift(findings: &mut Findings<'_>) {
    let app = findings.app;
    let Some(moves) = app.ecs.shift.moves() else {
        if app.says("ecs.bake") {
            let message = "there is a time for old tasks beside new ones, but with a shift of `rolling` none";
            findings.warning("ecs.bake", message, "write `shift = \"blue-green\"`, or leave it out");
        }
        return;
    };
    let (key, word) = ("ecs.shift", app.ecs.shift.as_str());
    if matches!(app.auth.mode, AuthMode::Jwt | AuthMode::Cognito) {
        let message = format!(
            "shift is `{word}`, but ECS would write the load balancer's rule that asks for tokens anew, and there is no \
             promise that it asks for them then"
        );
        let hint =
            "write `shift = \"rolling\"`, or let the server look at tokens itself (`mode = \"none\"` under `[auth]`)";
        findings.error(key, message, hint);
    }
    if app.state.sessions == Sessions::Memory && moves != Move::AtOnce {
        let message = format!(
            "shift is `{word}`, but sessions are in the memory of one task, and requests of one client go to old and new \
             tasks while they move"
        );
        let hint = format!(
            "write `shift = \"{}\"`, or `sessions = \"sealed\"` under `[state]`",
            TaskShift::BlueGreen.as_str()
        );
        findings.error(key, message, hint);
    }
}

/// What whoever deploys has to add: what `task-definition.json` leaves open, and a bucket for a long stack.
fn left_open(findings: &mut Findings<'_>) {
    let app = findings.app;
    let code = Code::Local { output_directory: app.manifest_directory.clone() };
    let bytes = stack(app, &code).len();
    if bytes > TEMPLATE_BYTES {
        let message =
            format!("the stack has {bytes} bytes, but CloudFormation takes {TEMPLATE_BYTES} that are not in a bucket");
        findings.warning("name", message, "name one when you deploy it: `aws cloudformation deploy --s3-bucket …`");
    }
    let file = super::TASK_DEFINITION;
    if app.aws.region.is_none() {
        let message = format!("nothing says the region, so `{file}` leaves it open: `${{AWS_REGION}}`");
        findings.warning("aws.region", message, "name it: `region = \"…\"` under `[aws]`");
    }
    if app.aws.account.is_none() && super::names_account(app) {
        let message = format!(
            "nothing says the account, so `{file}` leaves it open where the sealing key is: `${{AWS_ACCOUNT_ID}}`"
        );
        findings.warning("aws.account", message, "name it: `account = \"…\"` under `[aws]`");
    }
}
