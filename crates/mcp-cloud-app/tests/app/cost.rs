//! What a server is said to cost, from the file to the last cent.

use mcp_cloud_app::{
    App, Target,
    cost::{Estimate, Footprint, FreeTier, Gateway, Kind, Storage, Usage, estimate},
};
use serde_json::json;

use crate::directory;

fn footprint(manifest: &str, target: Target) -> Footprint {
    let directory = directory(format!("name = \"a\"\n{manifest}"));
    Footprint::of(&App::load(directory.path()).unwrap(), target).unwrap()
}

fn cost(manifest: &str, target: Target, usage: &Usage) -> Estimate {
    estimate(&footprint(manifest, target), usage, "us-east-1", FreeTier::Ignored)
}

fn line<'a>(estimate: &'a Estimate, item: &str) -> &'a mcp_cloud_app::cost::Line {
    estimate.lines.iter().find(|line| line.item == item).unwrap_or_else(|| panic!("{item} in {:#?}", estimate.lines))
}

#[test]
fn small_function_costs_what_a_calculator_says() {
    // 1,000,000 requests of 100 ms with 512 MB on Arm: 0.20 and 50,000 GB-s × 0.0000133334; no cold starts, no logs.
    let usage = Usage {
        requests: 1_000_000,
        cold_starts_per_thousand: 0,
        log_kilobytes: 0,
        code_megabytes: 0,
        reply_kilobytes: 0,
        ..Usage::default()
    };
    let estimate = cost("resources.architecture = \"arm64\"\n[lambda]\nmemory = 512\n", Target::Sam, &usage);
    assert_eq!(line(&estimate, "lambda-requests").monthly_usd.exact(), "0.2");
    assert_eq!(line(&estimate, "lambda-arm64").quantity.to_string(), "50000");
    assert_eq!(line(&estimate, "lambda-arm64").monthly_usd.exact(), "0.66667");
    assert_eq!(estimate.total().exact(), "0.86667");
    assert_eq!(estimate.per_million_requests(), estimate.total());
    assert_eq!(estimate.fixed().exact(), "0");
}

#[test]
fn twice_the_requests_cost_twice_as_much_and_what_is_fixed_stays() {
    let manifest = "scaling.minimum = 2\n[alarms]\nnotify = \"arn:aws:sns:eu-west-1:123456789012:a\"\n";
    // Powers of two, of which no part is rounded.
    let once = cost(manifest, Target::Sam, &Usage { requests: 1 << 20, ..Usage::default() });
    let twice = cost(manifest, Target::Sam, &Usage { requests: 1 << 21, ..Usage::default() });
    assert_eq!(once.fixed(), twice.fixed());
    assert_eq!(once.variable() + once.variable(), twice.variable());
    assert_eq!(once.total(), once.fixed() + once.variable());
    let none = cost(manifest, Target::Sam, &Usage { requests: 0, ..Usage::default() });
    assert_eq!(none.total(), once.fixed());
    assert_eq!(none.per_million_requests().exact(), "0");
}

#[test]
fn instances_kept_warm_cost_by_their_hours() {
    // 2 × 730 h × 3600 s × 0.25 GB × 0.0000033334 a second.
    let manifest = "resources.architecture = \"arm64\"\n[lambda]\nmemory = 256\n[scaling]\nminimum = 2\n";
    let always = cost(manifest, Target::Sam, &Usage::default());
    assert_eq!(line(&always, "lambda-provisioned-arm64").monthly_usd.exact(), "4.3800876");
    let manifest = format!("{manifest}working-hours = \"mon-fri 08:00-18:00 Europe/Berlin\"\n");
    let by_day = cost(&manifest, Target::Sam, &Usage::default());
    // 50 of 168 hours.
    assert_eq!(line(&by_day, "lambda-provisioned-arm64").quantity.to_string(), "391071.428571");
    assert!(by_day.lines.iter().all(|line| line.item != "lambda-arm64"), "one is paid, not both");
}

#[test]
fn service_costs_its_tasks_and_what_stands_in_front_of_them() {
    let manifest = "auth.mode = \"none\"\nresources.architecture = \"arm64\"\n";
    let estimate = cost(manifest, Target::Ecs, &Usage::default());
    let footprint = footprint(manifest, Target::Ecs);
    let tasks = footprint.tasks.unwrap();
    assert_eq!((tasks.cpu_units, tasks.memory_mb, tasks.public_address), (256, 512, true));
    assert_eq!(footprint.storage, Storage::Images);
    // The load balancer: 730 h × 0.0225.
    assert_eq!(line(&estimate, "load-balancer").monthly_usd.exact(), "16.425");
    assert_eq!(line(&estimate, "load-balancer").kind, Kind::Fixed);
    let addresses: Vec<_> = estimate.lines.iter().filter(|line| line.item == "public-ipv4").collect();
    assert_eq!(addresses.len(), 2, "those of the tasks, and those of the load balancer");
    assert!(estimate.lines.iter().all(|line| !line.item.starts_with("lambda")));
    assert!(estimate.not_counted.iter().any(|what| what.contains("Container Insights")));
}

#[test]
fn spot_costs_a_part_of_the_price() {
    let cpu = |spot: u32| {
        let manifest = format!("[ecs]\nspot = {spot}\n");
        line(&cost(&manifest, Target::Ecs, &Usage::default()), "fargate-cpu-arm64").monthly_usd
    };
    let (none, half, all) = (cpu(0), cpu(50), cpu(100));
    assert!(all < half && half < none);
    assert_eq!(all.exact(), "1.772805");
    assert_eq!(none.exact(), "5.90935");
}

#[test]
fn template_of_every_trigger_is_read() {
    let of = |manifest: &str| footprint(manifest, Target::Sam);
    assert_eq!(of("[lambda]\ntrigger = \"http-api\"\n").gateway, Some(Gateway::HttpApi));
    let rest = of("[lambda]\ntrigger = \"rest-api-stream\"\n[network]\nwaf = true\n");
    assert_eq!((rest.gateway, rest.firewall_rules), (Some(Gateway::RestApi), Some(4)));
    assert!(rest.function.unwrap().streams);
    assert!(!of("[lambda]\ntrigger = \"function-url-buffered\"\n").function.unwrap().streams);
    let alb = "certificate = \"arn:aws:acm:eu-west-1:123456789012:certificate/0a1b2c3d\"\ntrigger = \"alb\"\n";
    let balanced = of(&format!(
        "[auth]\nmode = \"none\"\n[lambda]\n{alb}[endpoint]\ndomain = \"a.example.com\"\n[network]\nvpc = \"vpc-0a1b2c3d\"\nsubnets = \
         [\"subnet-1a1b2c3d\", \"subnet-2a1b2c3d\"]\npublic-subnets = [\"subnet-3a1b2c3d\", \"subnet-4a1b2c3d\", \"subnet-5a1b2c3d\"]\n"
    ));
    let load_balancer = balanced.load_balancer.unwrap();
    assert_eq!((load_balancer.public_addresses, load_balancer.invokes_function), (3, true));
    let alarms = of("[alarms]\nnotify = \"arn:aws:sns:eu-west-1:123456789012:a\"\n");
    assert_eq!(alarms.alarm_metrics, 5, "an expression over three metrics, and two alarms of one");
}

#[test]
fn secret_is_paid_once_however_often_it_is_named() {
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a/b-AbCdEf";
    let manifest =
        format!("[secrets]\nONE = {{ aws = \"{arn}\", key = \"one\" }}\nTWO = {{ aws = \"{arn}\", key = \"two\" }}\n");
    let footprint = footprint(&manifest, Target::Sam);
    assert_eq!((footprint.secrets, footprint.secrets_read_at_start), (1, false));
    let sealed = footprint_of_sealed();
    assert_eq!(sealed.secrets, 1, "the key that the stack makes");
}

fn footprint_of_sealed() -> Footprint {
    footprint("[state]\nsessions = \"sealed\"\nstore = \"dynamodb\"\n", Target::Sam)
}

#[test]
fn footprint_survives_being_kept_and_one_of_another_version_is_read() {
    let footprint = footprint_of_sealed();
    assert_eq!(footprint.tables, 1);
    let kept = serde_json::to_string(&footprint).unwrap();
    assert_eq!(serde_json::from_str::<Footprint>(&kept).unwrap(), footprint);
    let older: Footprint = serde_json::from_value(json!({ "secrets": 2, "unheard_of": true })).unwrap();
    assert_eq!((older.secrets, older.function), (2, None));
}

#[test]
fn template_of_somebody_else_is_read_without_a_panic() {
    for template in [
        json!(null),
        json!({ "Resources": [] }),
        json!({ "Resources": { "A": 1, "B": { "Type": 2 }, "C": { "Type": "AWS::Lambda::Function" } } }),
        json!({ "Resources": { "T": { "Type": "AWS::ApplicationAutoScaling::ScalableTarget", "Properties": {
            "ServiceNamespace": "lambda",
            "ScheduledActions": [{ "Schedule": "cron(0 25)", "ScalableTargetAction": { "MinCapacity": -1 } }] } } } }),
    ] {
        let footprint = Footprint::of_template(&template);
        let _ = estimate(&footprint, &Usage::default(), "us-east-1", FreeTier::Counted);
    }
}

#[test]
fn free_tier_is_taken_off_when_it_is_asked_for() {
    let footprint = footprint("", Target::Sam);
    let paid = estimate(&footprint, &Usage::default(), "us-east-1", FreeTier::Ignored);
    let free = estimate(&footprint, &Usage::default(), "us-east-1", FreeTier::Counted);
    assert_eq!(line(&free, "lambda-requests").monthly_usd.exact(), "0");
    assert_eq!(line(&free, "lambda-requests").quantity, line(&paid, "lambda-requests").quantity);
    assert!(free.total() < paid.total());
}

#[test]
fn prices_of_another_region_are_said_to_be() {
    let footprint = footprint("[lambda]\ntrigger = \"http-api\"\n", Target::Sam);
    let of = |region: &str| estimate(&footprint, &Usage::default(), region, FreeTier::Ignored);
    let sydney = of("ap-southeast-2");
    assert!(sydney.of_other_region().iter().any(|line| line.item == "http-api" && line.region == "us-east-1"));
    assert!(sydney.of_other_region().iter().all(|line| line.item != "transfer-out"));
    assert!(of("us-east-1").of_other_region().is_empty());
    assert!(of("ap-northeast-1").total() > of("us-east-1").total());
}

#[test]
fn difference_names_what_changes_and_nothing_else() {
    let of = |memory: u32| cost(&format!("[lambda]\nmemory = {memory}\n"), Target::Sam, &Usage::default());
    let (before, after) = (of(256), of(512));
    let difference = Estimate::difference(Some(&before), Some(&after));
    assert_eq!(difference.changes.len(), 1, "{difference:#?}");
    assert_eq!(difference.changes[0].what, "time of the function");
    assert_eq!(difference.more(), after.total() - before.total());
    assert_eq!(Estimate::difference(Some(&before), Some(&before)).changes, []);
    let first = Estimate::difference(None, Some(&after));
    assert_eq!((first.before.exact().as_str(), first.after), ("0", after.total()));
    let last = Estimate::difference(Some(&after), None);
    assert_eq!(last.more().exact(), format!("-{}", after.total().exact()));
}
