//! ECS: what is refused, what is open to whom, and that what a user writes stays text.

use std::path::Path;

use mcp_cloud_app::{
    App, Bundle, Code, Severity, Target,
    target::{ecs, ecs_express},
};
use mcp_cloud_contract::{KEEP_ALIVE_SECONDS, STOP_MARGIN_SECONDS, env};
use serde_json::Value;

use crate::directory;

const ECS: Target = Target::Ecs;
const EXPRESS: Target = Target::EcsExpress;
const CERTIFICATE: &str = "ecs.certificate = \"arn:aws:acm:eu-central-1:123456789012:certificate/0a1b\"\n\
                           endpoint.domain = \"a.example\"\n";
const JWT: &str = "auth = { mode = \"jwt\", issuer = \"https://a.example\", audiences = [\"a\"] }\n";
const VPC: &str = "network.vpc = \"vpc-0a1b2c3d\"\nnetwork.subnets = [\"subnet-0a1b2c3d\", \"subnet-1a1b2c3d\"]\n";

/// What is found about what stands beneath `name = "a"`.
fn found(target: Target, manifest: &str) -> Vec<(Severity, String)> {
    let app = app(manifest);
    target.check(&app).into_iter().map(|found| (found.severity, found.message)).collect()
}

fn app(manifest: &str) -> App {
    let directory = directory(format!("name = \"a\"\n{manifest}"));
    App::load(directory.path()).unwrap_or_else(|error| panic!("{manifest}: {error}"))
}

fn emit(target: Target, manifest: &str) -> Bundle {
    let app = app(manifest);
    target.emit(&app, &Code::Local { output_directory: app.manifest_directory.clone() })
}

fn stack(manifest: &str) -> String {
    emit(ECS, manifest).files[Path::new(ecs::STACK)].clone()
}

fn task_definition(manifest: &str) -> Value {
    serde_json::from_str(&emit(ECS, manifest).files[Path::new(ecs::TASK_DEFINITION)]).unwrap()
}

fn holds(target: Target, severity: Severity, manifest: &str, sentence: &str) {
    let found = found(target, manifest);
    let there = found.iter().any(|(of, message)| *of == severity && message.contains(sentence));
    assert!(there, "{manifest}{sentence}: {found:#?}");
}

#[test]
fn what_fargate_and_load_balancers_do_not_take_is_refused() {
    let public = "auth.mode = \"none\"\n";
    let with_tokens = format!("{JWT}{CERTIFICATE}");
    let many = format!("network.allow = {:?}\n", vec!["10.0.0.0/8"; 61]);
    let policies = format!("ecs.policies = {:?}\n", vec!["arn:aws:iam::aws:policy/A"; 11]);
    let long = format!("environment.LONG = \"{}\"\n", "x".repeat(70_000));
    let cases: &[(&str, String, &str)] = &[
        ("", "ecs.cpu = 300".into(), "cpu is 300, but Fargate takes 256, 512, 1024"),
        ("", "ecs.memory = 4096".into(), "memory is 4096 MB, but with a cpu of 256 Fargate takes 512, 1024 or 2048 MB"),
        ("", "resources.memory = 1536".into(), "memory is 1536 MB, but with a cpu of 256"),
        ("ecs.cpu = 512\n", "ecs.memory = 512".into(), "with a cpu of 512 Fargate takes 1024 to 4096 MB in steps of 1024"),
        ("ecs.cpu = 8192\n", "ecs.memory = 18432".into(), "Fargate takes 16384 to 61440 MB in steps of 4096"),
        ("", "environment.A = \"{{resolve:ssm:a}}\"".into(), "`A` is for CloudFormation to look up, but the ECS API"),
        ("", long, "bytes, but ECS takes 65536"),
        ("", policies, "policies has 11 ARNs, but a role takes 10 at most"),
        ("", "tags.\"aws:a\" = \"b\"".into(), "begins with `aws:`"),
        ("", "secrets.A.file = \"a\"".into(), "is kept nowhere on AWS"),
        ("", "scaling.minimum = 0".into(), "minimum is 0, but nothing on ECS starts a task because a request comes"),
        ("", "network.exposure = \"public\"".into(), "a load balancer knows nothing that keeps strangers out"),
        ("", public.into(), "the load balancer faces the internet and has no certificate"),
        ("", JWT.into(), "mode is `jwt`, but a load balancer looks at tokens over HTTPS alone"),
        (&with_tokens, "auth.scopes = [\"a\", \"b\"]".into(), "scopes has 2, but a load balancer does not promise"),
        (
            CERTIFICATE,
            "auth = { mode = \"cognito\", user-pool = \"arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a\" }"
                .into(),
            "without `audiences` a token for another server would be let in",
        ),
        (
            "",
            "ecs.certificate = \"arn:aws:acm:eu-central-1:123456789012:certificate/0a1b\"".into(),
            "there is a certificate but no domain",
        ),
        ("", "ecs.hosted-zone = \"Z0123\"".into(), "hosted-zone is where the domain is entered, and there is none"),
        (CERTIFICATE, "aws.region = \"us-east-1\"".into(), "certificate is of the region eu-central-1, but is to be used in us-east-1"),
        (CERTIFICATE, "aws.account = \"000000000000\"".into(), "certificate is of the account 123456789012"),
        ("", VPC.replace("subnet-1", "subnet-0"), "subnets names a subnet twice"),
        (CERTIFICATE, format!("{public}{VPC}"), "public-subnets has 0 of the two that it needs"),
        ("", many, "allow has 61 ranges, which with 1 open ports make more than the 60 rules"),
        (
            "network.egress = \"platform\"\n",
            "telemetry.traces = \"platform\"".into(),
            "a collector, whose image is on the internet, and egress is `platform`",
        ),
        (
            "network.egress = \"platform\"\n",
            "ecs.repository = \"ghcr.io/a/b\"".into(),
            "`ghcr.io/a/b` is on the internet, and egress is `platform`",
        ),
        ("", "ecs.idle-timeout = 15".into(), "idle-timeout is 15 s, but a stream may be silent for 15 s"),
        ("", "health = { interval = 5, timeout = 5 }".into(), "timeout is 5 s, but a load balancer takes less than the interval"),
        (&with_tokens, "ecs.shift = \"blue-green\"".into(), "shift is `blue-green`, but ECS would write the load balancer's rule"),
        (
            "state.sessions = \"memory\"\nscaling.maximum = 1\n",
            "ecs.shift = \"canary-10-5m\"".into(),
            "requests of one client go to old and new tasks while they move",
        ),
    ];
    for (before, line, sentence) in cases {
        let separate = line.strip_prefix("auth.scopes").filter(|_| before.contains("auth = {"));
        let manifest = match separate {
            // An inline table cannot be added to.
            Some(rest) => before.replace(" }", &format!(", scopes{rest} }}")),
            None => format!("{before}{line}\n"),
        };
        holds(ECS, Severity::Error, &manifest, sentence);
    }
}

#[test]
fn what_is_odd_is_warned_of() {
    let cases: [(&str, &str); 10] = [
        ("ecs.bake = 10", "there is a time for old tasks beside new ones, but with a shift of `rolling` none"),
        ("resources.timeout = 300", "stop-timeout is 120 s, but a request may take 300 s"),
        ("health.retries = 1", "retries is 1, but a load balancer takes 2 at least"),
        ("ecs.spot = 100", "spot is 100 %"),
        ("ecs.cluster = \"c\"\nscaling.connections = 5", "which Container Insights alone count"),
        ("endpoint.domain = \"a.example\"", "inside of the VPC it is called over plain HTTP"),
        ("endpoint.domain = \"a.example\"", "nobody enters the domain in the DNS"),
        ("", "nothing says the region, so `task-definition.json` leaves it open"),
        ("state.sessions = \"sealed\"", "nothing says the account, so `task-definition.json` leaves it open"),
        (
            "network.egress = \"platform\"\nnetwork.vpc = \"vpc-0a1b2c3d\"\nnetwork.subnets = [\"subnet-0a1b2c3d\", \"subnet-1a1b2c3d\"]",
            "decided by the VPC's routes",
        ),
    ];
    for (line, sentence) in cases {
        holds(ECS, Severity::Warning, &format!("{line}\n"), sentence);
    }
    for line in [
        "state.store = \"redis\"\nstate.redis.aws = \"arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf\"",
        "telemetry = { traces = \"otlp\", otlp-endpoint = \"https://a.example\" }",
    ] {
        let manifest = format!("network.egress = \"platform\"\n{line}\n");
        holds(ECS, Severity::Warning, &manifest, "nothing outside of the network that the stack makes is reached");
    }
    holds(ECS, Severity::Warning, "ecs.cluster = \"c\"\n", "which not every cluster has");
    let long = format!("environment.LONG = \"{}\"\n", "x".repeat(50_000));
    holds(ECS, Severity::Warning, &long, "CloudFormation takes 51200 that are not in a bucket");
    holds(
        ECS,
        Severity::Warning,
        &format!("{JWT}{CERTIFICATE}network.exposure = \"private\"\n"),
        "cannot fetch the issuer's keys",
    );
}

#[test]
fn every_size_of_the_table_is_taken() {
    for (cpu, memory) in [
        (256, 512),
        (256, 1024),
        (256, 2048),
        (512, 4096),
        (1024, 8192),
        (2048, 5120),
        (4096, 30_720),
        (8192, 20_480),
        (16_384, 122_880),
    ] {
        let found = found(ECS, &format!("ecs = {{ cpu = {cpu}, memory = {memory} }}\n"));
        assert!(found.iter().all(|(severity, _)| *severity != Severity::Error), "{cpu} {memory}: {found:?}");
    }
}

#[test]
fn what_express_mode_cannot_do_is_refused() {
    let cases: [(String, &str); 9] = [
        (JWT.to_owned(), "Express Mode cannot look at tokens: everyone would be let in"),
        (String::new(), "Express Mode has nothing that keeps strangers out, and in the default VPC"),
        (format!("{VPC}network.exposure = \"public\"\n"), "Express Mode knows nothing that keeps strangers out"),
        (
            "auth.mode = \"none\"\nnetwork.allow = [\"10.0.0.0/8\"]\n".into(),
            "the load balancer of Express Mode lets everyone in",
        ),
        ("auth.mode = \"none\"\nnetwork.waf = true\n".into(), "is no place for one's firewall"),
        (
            "auth.mode = \"none\"\nnetwork.exposure = \"private\"\n".into(),
            "exposure is `private`, but in the default VPC",
        ),
        (format!("auth.mode = \"none\"\n{VPC}"), "public-subnets has fewer than the two that it needs"),
        (
            "auth.mode = \"none\"\nnetwork.egress = \"platform\"\n".into(),
            "what is in the default VPC reaches the internet",
        ),
        ("auth.mode = \"none\"\necs.spot = 10\n".into(), "no task on Fargate Spot"),
    ];
    for (manifest, sentence) in cases {
        holds(EXPRESS, Severity::Error, &manifest, sentence);
    }
    let warnings = [
        ("scaling.working-hours = \"mon-fri 08:00-18:00 UTC\"", "tasks at all hours"),
        ("scaling.connections = 5", "not by connections"),
        ("endpoint.domain = \"a.example\"", "makes a name of its own"),
        ("ecs.idle-timeout = 60", "idle-timeout says nothing about a load balancer that Express Mode makes"),
        ("alarms.notify = \"arn:aws:sns:eu-central-1:123456789012:a\"", "its alarms would be about all of them"),
        ("state.sessions = \"memory\"\nscaling.maximum = 1", "runs old and new tasks beside each other"),
    ];
    for (line, sentence) in warnings {
        holds(EXPRESS, Severity::Warning, &format!("auth.mode = \"none\"\n{line}\n"), sentence);
    }
}

#[test]
fn nobody_gets_in_by_accident() {
    let stack = stack("");
    assert!(stack.contains("Scheme: internal\n") && !stack.contains("Scheme: internet-facing"), "{stack}");
    // Not even by way of a browser inside of the network, and a name that leads there.
    assert!(stack.contains("Field: host-header") && stack.contains("StatusCode: '403'"), "{stack}");
}

#[test]
fn listener_asks_for_tokens_of_this_server() {
    let with_jwt = stack(&format!("{JWT}{CERTIFICATE}"));
    assert!(with_jwt.contains("- Type: jwt-validation\n          Order: 1"), "{with_jwt}");
    assert!(with_jwt.contains("Name: aud\n                Values:\n                  - a\n"), "{with_jwt}");
    let metadata =
        r#"MessageBody: '{"resource":"https://a.example/mcp","authorization_servers":["https://a.example"],"#;
    assert!(with_jwt.contains(metadata), "{with_jwt}");
    assert!(!with_jwt.contains("PreflightRule") && with_jwt.contains("HealthRule"), "{with_jwt}");
    let cognito = "auth = { mode = \"cognito\", audiences = [\"c\"], scopes = [\"s\"], \
                   user-pool = \"arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a\" }\n";
    let with_cognito = stack(&format!("{cognito}{CERTIFICATE}endpoint.origins = [\"https://b.example\"]\n"));
    assert!(with_cognito.contains("Issuer: https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a"), "{with_cognito}");
    assert!(with_cognito.contains("Name: client_id") && with_cognito.contains("Format: space-separated-values"));
    assert!(with_cognito.contains("PreflightRule"), "{with_cognito}");
}

#[test]
fn a_network_without_the_internet_has_endpoints_and_no_gateway() {
    let stack = stack("network.egress = \"platform\"\nstate.sessions = \"sealed\"\nstate.store = \"dynamodb\"\n");
    for service in ["ecr.api", "ecr.dkr", "logs", "s3", "secretsmanager", "dynamodb"] {
        assert!(stack.contains(&format!("com.amazonaws.${{AWS::Region}}.{service}'")), "{service}: {stack}");
    }
    assert!(!stack.contains("InternetGateway") && stack.contains("AssignPublicIp: DISABLED"), "{stack}");
}

#[test]
fn what_faces_the_internet_waits_for_the_way_there() {
    let stack = stack(&format!("auth.mode = \"none\"\n{CERTIFICATE}"));
    let load_balancer = stack.split("  LoadBalancer:\n").nth(1).unwrap().split("\n  Listener:").next().unwrap();
    assert!(load_balancer.ends_with("DependsOn:\n      - PublicRoute"), "{load_balancer}");
    // Tasks cannot be registered before something leads to them.
    let internal = self::stack("");
    let service = internal.split("  Service:\n").nth(1).unwrap().split("\n  ScalableTarget:").next().unwrap();
    assert!(service.contains("DependsOn:\n      - HostRule\n"), "{service}");
}

#[test]
fn hostile_text_stays_text() {
    let values =
        ["${AWS::AccountId}", "\": \"x", "{\"Ref\": \"x\"}", "a\nEssential: false", "$(id)", "\\", "!Ref x", "Ä"];
    let manifest: String =
        values.iter().enumerate().map(|(index, value)| format!("environment.A{index} = {value:?}\n")).collect();
    let definition = task_definition(&manifest);
    let environment = definition["containerDefinitions"][0]["environment"].as_array().unwrap();
    for (index, value) in values.iter().enumerate() {
        let there = environment.iter().find(|entry| entry["name"] == format!("A{index}")).unwrap();
        assert_eq!(there["value"], *value);
    }
    // What CloudFormation computes is never made of it.
    let stack = stack(&manifest);
    assert!(
        stack.contains("Value: '${AWS::AccountId}'") && stack.contains(r#"Value: "a\nEssential: false""#),
        "{stack}"
    );
}

#[test]
fn task_definition_says_what_the_stack_says() {
    let manifest = "aws = { region = \"eu-central-1\", account = \"123456789012\" }\n\
                    state = { sessions = \"sealed\", store = \"dynamodb\" }\ntelemetry.traces = \"platform\"\n";
    let (definition, stack) = (task_definition(manifest), stack(manifest));
    assert_eq!(definition["executionRoleArn"], "a-execution");
    assert_eq!(definition["taskRoleArn"], "a-task");
    assert!(stack.contains("RoleName: a-execution") && stack.contains("RoleName: a-task"), "{stack}");
    let server = &definition["containerDefinitions"][0];
    assert_eq!(server["logConfiguration"]["options"]["awslogs-group"], "/ecs/a");
    assert!(stack.contains("LogGroupName: /ecs/a") && stack.contains("TableName: a-state"), "{stack}");
    let store = server["environment"].as_array().unwrap().iter().find(|entry| entry["name"] == "MCP_CLOUD_STORE");
    assert_eq!(store.unwrap()["value"], "dynamodb:a-state");
    let key = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a/sealing-key";
    assert_eq!(server["secrets"][0]["valueFrom"], key);
    assert!(stack.contains("Name: a/sealing-key"), "{stack}");
    assert_eq!(definition["containerDefinitions"][1]["name"], "collector");
    assert!(!serde_json::to_string(&definition).unwrap().contains("${AWS"), "{definition}");
}

#[test]
fn an_image_of_somebody_else_keeps_its_user_and_needs_no_repository() {
    let manifest = "build.image = \"123456789012.dkr.ecr.eu-west-1.amazonaws.com/b/c:1\"\n";
    let (definition, stack) = (task_definition(manifest), stack(manifest));
    let server = &definition["containerDefinitions"][0];
    assert_eq!(server["image"], "123456789012.dkr.ecr.eu-west-1.amazonaws.com/b/c:1");
    assert!(server.get("user").is_none() && server.get("healthCheck").is_none(), "{server}");
    assert!(!stack.contains("AWS::ECR::Repository"), "{stack}");
    assert!(stack.contains("arn:aws:ecr:eu-west-1:123456789012:repository/b/c\n"), "{stack}");
}

#[test]
fn tasks_are_there_in_working_hours_alone() {
    let days = |days: &str| stack(&format!("scaling.working-hours = \"{days} 07:30-19:00 Europe/Berlin\"\n"));
    assert!(days("mon-fri").contains("Schedule: 'cron(30 7 ? * MON-FRI *)'"));
    // A week of cron begins on Sunday.
    assert!(days("mon-sun").contains("cron(0 19 ? * MON-SAT,SUN *)") && days("sat-sun").contains("? * SAT,SUN *"));
    assert!(days("sun").contains("? * SUN *"));
}

#[test]
fn express_mode_runs_the_task_definition_of_ecs() {
    let bundle = emit(EXPRESS, "auth.mode = \"none\"\n");
    let stack = &bundle.files[Path::new(ecs_express::STACK)];
    assert!(stack.contains("- Name: Main\n") && stack.contains("CpuArchitecture: ARM64"), "{stack}");
    assert!(stack.contains("ReadonlyRootFilesystem: true") && !stack.contains("Ec2"), "{stack}");
    assert!(bundle.files.contains_key(Path::new("Dockerfile")));
}

/// The number after a key, in the stack's attributes.
fn attribute(stack: &str, key: &str) -> u32 {
    let after = stack.split(&format!("Key: {key}\n")).nth(1).unwrap_or_else(|| panic!("no {key}: {stack}"));
    after.split('\'').nth(1).unwrap().parse().unwrap()
}

#[test]
fn server_and_load_balancer_are_told_the_same_times() {
    for manifest in [
        "",
        "ecs.idle-timeout = 16",
        "ecs.idle-timeout = 4000",
        "resources.timeout = 5",
        "resources.timeout = 109",
        "resources.timeout = 3600",
        "ecs = { spot = 50 }",
        "ecs = { spot = 50, stop-timeout = 70 }\nhealth = { interval = 10, timeout = 3 }",
    ] {
        let manifest = format!("{manifest}\n");
        let errors: Vec<_> = found(ECS, &manifest).into_iter().filter(|(of, _)| *of == Severity::Error).collect();
        assert!(errors.is_empty(), "{manifest}: {errors:?}");
        let server = &task_definition(&manifest)["containerDefinitions"][0];
        let variable = |name: &str| -> u32 {
            let all = server["environment"].as_array().unwrap();
            let found = all.iter().find(|variable| variable["name"] == name);
            found.and_then(|found| found["value"].as_str()?.parse().ok()).unwrap_or_else(|| panic!("{name}: {server}"))
        };
        let stack = stack(&manifest);
        let stop = u32::try_from(server["stopTimeout"].as_u64().unwrap()).unwrap();
        assert_eq!(stop, variable(env::STOP_TIMEOUT), "{manifest}");
        assert_eq!(stop, attribute(&stack, "deregistration_delay.timeout_seconds"), "{manifest}");
        assert!(stop > variable(env::LINGER) + STOP_MARGIN_SECONDS, "{manifest}");
        let idle = attribute(&stack, "idle_timeout.timeout_seconds");
        assert!(idle > KEEP_ALIVE_SECONDS && idle <= variable(env::IDLE_TIMEOUT), "{manifest}");
    }
}

#[test]
fn a_task_on_spot_lingers_until_the_load_balancer_has_noticed() {
    let linger = |manifest: &str| {
        let definition = task_definition(manifest).to_string();
        definition.split(env::LINGER).nth(1).unwrap()[11..].split('"').next().unwrap().to_owned()
    };
    // Three health checks in 30 seconds each, and the patience of the last.
    assert_eq!(linger("ecs.spot = 1\n"), "95");
    // A load balancer takes one failure for none.
    assert_eq!(linger("ecs.spot = 1\nhealth = { interval = 10, timeout = 4, retries = 1 }\n"), "24");
    assert_eq!(linger("health.interval = 10\n"), "5");
}

#[test]
fn requests_move_as_the_file_says_and_only_then() {
    for (word, expected) in [
        ("blue-green", "Strategy: BLUE_GREEN\n        BakeTimeInMinutes: 5\n      HealthCheck"),
        (
            "canary-10-30m",
            "Strategy: CANARY\n        BakeTimeInMinutes: 5\n        CanaryConfiguration:\n          CanaryPercent: 10\n          \
             CanaryBakeTimeInMinutes: 30\n",
        ),
        (
            "linear-10-2m",
            "Strategy: LINEAR\n        BakeTimeInMinutes: 5\n        LinearConfiguration:\n          StepPercent: 10\n          \
             StepBakeTimeInMinutes: 2\n",
        ),
    ] {
        let shifted = stack(&format!("ecs.shift = \"{word}\"\n"));
        assert!(shifted.contains(expected), "{word}: {shifted}");
        assert!(shifted.contains("AmazonECSInfrastructureRolePolicyForLoadBalancers"), "{shifted}");
        assert!(shifted.contains("AlternateTargetGroupArn:\n              Ref: AlternateTargetGroup"), "{shifted}");
        assert!(!shifted.contains("AlarmActions"), "nobody is named to be told: {shifted}");
        assert!(!shifted.contains("ALBRequestCountPerTarget"), "it looks at one of the groups alone: {shifted}");
    }
    let rolling = stack("ecs.shift = \"rolling\"\n");
    assert_eq!(rolling, stack(""));
    assert!(!rolling.contains("BakeTime") && !rolling.contains("Alternate"), "{rolling}");
}

#[test]
fn whoever_may_not_call_the_server_may_not_while_requests_move() {
    let inside = stack("ecs.shift = \"blue-green\"\n");
    let rule = inside.split("  ProductionRule:").nth(1).unwrap().split("\n  Target").next().unwrap();
    assert!(rule.contains("Field: host-header"), "{rule}");
    assert!(inside.contains("The Host header names another server"), "{inside}");
}
