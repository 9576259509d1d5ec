//! What Cloud Run takes, where it depends on more than one key.

use super::lower::{ONE_CPU, SERVICE_ACCOUNT_CHARACTERS, service_account};
use crate::{
    app::{App, Architecture, AuthMode, Egress, Secret, Sessions, Store},
    diagnostic::Diagnostic,
    target::{findings::Findings, variables},
};

const CPU_PAGE: &str = "https://cloud.google.com/run/docs/configuring/services/cpu";
const ISSUES_PAGE: &str = "https://cloud.google.com/run/docs/known-issues";
const LABELS_PAGE: &str = "https://cloud.google.com/run/docs/configuring/services/labels";
const PROBES_PAGE: &str = "https://cloud.google.com/run/docs/configuring/healthchecks";

/// Thousandths of a processor, and the least and most MiB of memory with them
/// (<https://cloud.google.com/run/docs/configuring/services/cpu>). From a whole processor on the service runs in the
/// second generation's environment, which has 512 MiB at least
/// (<https://cloud.google.com/run/docs/configuring/services/memory-limits>).
const SIZES: [(u32, u32, u32); 5] =
    [(1000, 512, 4096), (2000, 512, 8192), (4000, 2048, 16_384), (6000, 4096, 24_576), (8000, 4096, 32_768)];
/// The same below a whole processor, from that many thousandths on.
const SMALL_SIZES: [(u32, u32, u32); 2] = [(500, 128, 1024), (0, 128, 512)];
/// Longest request in seconds, also for a `resources.timeout` (<https://cloud.google.com/run/quotas>).
const TIMEOUT_SECONDS: u32 = 3600;
/// Seconds that a container has to start (<https://cloud.google.com/run/docs/configuring/healthchecks>).
const START_SECONDS: u32 = 240;
/// Variables Cloud Run sets itself (<https://cloud.google.com/run/docs/container-contract#env-vars>).
const RESERVED_VARIABLES: [&str; 4] = ["K_CONFIGURATION", "K_REVISION", "K_SERVICE", "PORT"];
/// How variables do not begin (<https://cloud.google.com/run/docs/configuring/services/environment-variables>).
const RESERVED_PREFIX: &str = "X_GOOGLE_";
/// Variables of a container, and bytes of each value (<https://cloud.google.com/run/quotas>).
const VARIABLES: usize = 1000;
const VARIABLE_BYTES: usize = 32_768;
/// Labels of a resource (<https://cloud.google.com/run/docs/configuring/services/labels>).
const LABELS: usize = 64;
const LABEL_CHARACTERS: usize = 63;
/// Regions in which a domain can be mapped to a service
/// (<https://cloud.google.com/run/docs/mapping-custom-domains#region_support>).
const MAPPING_REGIONS: [&str; 10] = [
    "asia-east1",
    "asia-northeast1",
    "asia-southeast1",
    "europe-north1",
    "europe-west1",
    "europe-west4",
    "us-central1",
    "us-east1",
    "us-east4",
    "us-west1",
];
/// Days that the bucket `_Default` keeps logs (<https://cloud.google.com/logging/quotas#logs_retention_periods>).
const LOG_RETENTION_DAYS: u32 = 30;

pub(super) fn check(app: &App) -> Vec<Diagnostic> {
    let mut found = Findings::new(app);
    size(&mut found);
    timeout(&mut found);
    health(&mut found);
    environment(&mut found);
    kept_secrets(&mut found);
    labels(&mut found);
    auth(&mut found);
    state(&mut found);
    network(&mut found);
    identity(&mut found);
    elsewhere(&mut found);
    found.found
}

fn size(found: &mut Findings<'_>) {
    let (cpu, memory) = (found.app.cloud_run.cpu_milli, found.app.cloud_run.memory_mb);
    let see = format!("see {CPU_PAGE}");
    let sizes = if cpu < ONE_CPU {
        SMALL_SIZES.into_iter().find(|(from, ..)| cpu >= *from)
    } else {
        SIZES.into_iter().find(|(exactly, ..)| cpu == *exactly)
    };
    let Some((_, least, most)) = sizes else {
        let message = format!("cpu is {cpu}, but from 1000 on Cloud Run has 1000, 2000, 4000, 6000 and 8000 only");
        return found.error("cloud-run.cpu", message, see);
    };
    if !(least..=most).contains(&memory) {
        let message = format!("memory is {memory} MiB, but with a cpu of {cpu} Cloud Run takes {least} to {most} MiB");
        found.error(found.said("cloud-run.memory", "resources.memory"), message, see);
    }
    let concurrency = found.app.scaling.concurrency;
    if cpu < ONE_CPU && concurrency != 1 && found.app.says("scaling.concurrency") {
        let message =
            format!("concurrency is {concurrency}, but with a cpu of {cpu} an instance serves one request at a time");
        found.error("scaling.concurrency", message, "write `cpu = 1000` under `[cloud-run]`, or leave concurrency out");
    }
}

fn timeout(found: &mut Findings<'_>) {
    let timeout = found.app.cloud_run.timeout_seconds;
    if timeout > TIMEOUT_SECONDS {
        let message = format!("timeout is {timeout} s, but Cloud Run takes {TIMEOUT_SECONDS} s at most");
        let hint = format!("write `timeout = {TIMEOUT_SECONDS}` under `[cloud-run]`");
        found.error(found.said("cloud-run.timeout", "resources.timeout"), message, hint);
    }
}

/// <https://cloud.google.com/run/docs/known-issues#ah>
fn is_reserved(path: &str) -> bool {
    path.ends_with('z') || path == "/eventlog" || path == "/_ah" || path.starts_with("/_ah/")
}

fn health(found: &mut Findings<'_>) {
    let app = found.app;
    for (key, path) in [("health.path", &app.health.path), ("endpoint.path", &app.endpoint.path)] {
        if is_reserved(path) {
            let message = format!(
                "path is `{path}`, but Cloud Run keeps paths that end in `z`, `/eventlog` and `/_ah/` for itself, and \
                 such requests never reach the server"
            );
            found.error(key, message, format!("see {ISSUES_PAGE}"));
        }
    }
    let (interval, timeout, start) =
        (app.health.interval_seconds, app.health.timeout_seconds, app.health.start_seconds);
    if timeout > interval {
        let message =
            format!("timeout is {timeout} s, longer than the interval of {interval} s, which Cloud Run refuses");
        found.error("health.timeout", message, format!("see {PROBES_PAGE}"));
    }
    if start > START_SECONDS {
        let message = format!("start is {start} s, but a container on Cloud Run has {START_SECONDS} s to start");
        found.error("health.start", message, format!("see {PROBES_PAGE}"));
    }
}

fn environment(found: &mut Findings<'_>) {
    let app = found.app;
    let variables = app.environment.keys().map(|name| (name, "environment"));
    for (name, table) in variables.chain(app.secrets.keys().map(|name| (name, "secrets"))) {
        if RESERVED_VARIABLES.contains(&name.as_str()) || name.starts_with(RESERVED_PREFIX) {
            let message = format!("`{name}` is a variable that Cloud Run keeps for itself");
            found.error(&format!("{table}.{name}"), message, "");
        }
    }
    for (name, value) in &app.environment {
        if value.len() > VARIABLE_BYTES {
            let message = format!("`{name}` has {} bytes, but Cloud Run takes {VARIABLE_BYTES} at most", value.len());
            found.error(&format!("environment.{name}"), message, "");
        }
    }
    let variables = app.environment.len() + app.secrets.len();
    if variables > VARIABLES {
        let message = format!("there are {variables} variables, but Cloud Run takes {VARIABLES} at most");
        found.error("environment", message, "");
    }
}

fn kept_secrets(found: &mut Findings<'_>) {
    let app = found.app;
    for (name, secret) in &app.secrets {
        if secret.google.is_none() {
            let message =
                format!("the secret `{name}` has no `google`, the only place that Cloud Run can take it from");
            found.error(&format!("secrets.{name}"), message, "put it into Secret Manager: `google = \"…\"`");
        }
    }
}

fn labels(found: &mut Findings<'_>) {
    let app = found.app;
    if app.tags.len() > LABELS {
        let message = format!("there are {} tags, but a service takes {LABELS} labels at most", app.tags.len());
        found.error("tags", message, format!("see {LABELS_PAGE}"));
    }
    let allowed = |text: &str| {
        text.len() <= LABEL_CHARACTERS && text.chars().all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '_' | '-'))
    };
    for (key, value) in &app.tags {
        if !allowed(key) || !allowed(value) || !key.starts_with(|first: char| first.is_ascii_lowercase()) {
            let message = format!(
                "the tag `{}` cannot be a label of Google Cloud: key and value have at most {LABEL_CHARACTERS} \
                 lower-case letters, digits, `_` and `-`, and the key begins with a letter",
                key.escape_debug()
            );
            found.error(&format!("tags.{key}"), message, format!("see {LABELS_PAGE}"));
        }
    }
}

fn auth(found: &mut Findings<'_>) {
    let app = found.app;
    match app.auth.mode {
        AuthMode::Platform if app.cloud_run.invokers.is_empty() => found.warning(
            "auth.mode",
            "mode is `platform`, but nobody is named who may call",
            "name them under `[cloud-run]`: `invokers = [\"group:…\"]`",
        ),
        AuthMode::None if !app.cloud_run.invokers.is_empty() => found.error(
            "cloud-run.invokers",
            "invokers says who may call, but with `mode = \"none\"` everyone may",
            "leave one of the two out",
        ),
        AuthMode::Platform | AuthMode::None => {}
        AuthMode::Jwt | AuthMode::Cognito => found.error(
            "auth.mode",
            format!(
                "mode is `{}`, but Cloud Run checks tokens of Google only, so the server would be unguarded",
                app.auth.mode.as_str()
            ),
            "write `mode = \"platform\"` and name the `invokers`, or put an API Gateway in front of it that checks the \
             tokens and is the only invoker",
        ),
    }
}

fn state(found: &mut Findings<'_>) {
    let app = found.app;
    let kept = |secret: &Option<Secret>| secret.as_ref().is_some_and(|secret| secret.google.is_some());
    if app.state.sessions == Sessions::Sealed && !kept(&app.state.sealing_key) && app.cloud_run.maximum > 1 {
        found.error(
            "state.sealing-key",
            "sessions are sealed, but no `google` under `[state.sealing-key]` says where the key is, so no instance \
             could open what another one sealed",
            "put a key into Secret Manager, and name it there",
        );
    }
    match app.state.store {
        Store::None => {}
        Store::DynamoDb => found.error(
            "state.store",
            "store is `dynamodb`, which a server on Google Cloud could reach with keys of AWS only",
            "write `store = \"redis\"`, and under `[state.redis]` where its URL is kept",
        ),
        Store::Redis if kept(&app.state.redis) => {}
        Store::Redis => found.error(
            "state.store",
            "store is `redis`, but no `google` under `[state.redis]` says where its URL is kept",
            "put the URL into Secret Manager, and name it there",
        ),
    }
}

fn network(found: &mut Findings<'_>) {
    let app = found.app;
    if !app.network.allow.is_empty() {
        found.error(
            "network.allow",
            "allow says which addresses may call, but Cloud Run by itself cannot look at them",
            "leave it out, and let a load balancer with Cloud Armor stand in front of the service",
        );
    }
    if app.network.waf {
        found.error(
            "network.waf",
            "waf stands for AWS's firewall, which no service on Cloud Run has",
            "leave it out, and let a load balancer with Cloud Armor stand in front of the service",
        );
    }
    if app.network.egress == Egress::Platform {
        found.error(
            "network.egress",
            "egress is `platform`, but a service on Cloud Run that is in no VPC of Google's reaches the internet",
            "leave it out, or see https://cloud.google.com/run/docs/configuring/vpc-direct-vpc",
        );
    }
    if let Some(domain) = &app.endpoint.domain {
        let (name, region) = (&app.name, &app.google.region);
        let hint = if MAPPING_REGIONS.contains(&region.as_str()) {
            format!(
                "`gcloud beta run domain-mappings create --service={name} --domain={domain} --region={region}`, or a load balancer, does"
            )
        } else {
            format!("let a load balancer stand in front of it: domains cannot be mapped to services in `{region}`")
        };
        found.warning(
            "endpoint.domain",
            format!("the domain `{domain}` is no part of the service, and nothing emitted maps it"),
            hint,
        );
    }
}

/// Who the service acts as.
fn identity(found: &mut Findings<'_>) {
    let app = found.app;
    if service_account(app).is_some() {
        return;
    }
    let (least, most) = (SERVICE_ACCOUNT_CHARACTERS.start(), SERVICE_ACCOUNT_CHARACTERS.end());
    let why = if app.google.project.is_none() {
        "no `project` is named".to_owned()
    } else {
        format!("the name has {} characters, while a service account's has {least} to {most}", app.name.len())
    };
    found.warning(
        "cloud-run.service-account",
        format!("the service acts as the project's default account, which may do far too much: {why}"),
        "name an account of its own under `[cloud-run]`: `service-account = \"…\"`",
    );
    if let Some(name) = variables::secrets(app).keys().next() {
        found.warning(
            "cloud-run.service-account",
            format!("the account that the service acts as has to read the secret `{name}`, and is not named"),
            "",
        );
    }
}

/// What the file says for other targets.
fn elsewhere(found: &mut Findings<'_>) {
    let app = found.app;
    if app.says("resources.architecture") && app.architecture != Architecture::X86_64 {
        found.warning(
            "resources.architecture",
            "architecture is `arm64`, but Cloud Run has x86_64 only, and runs that",
            "",
        );
    }
    if app.scaling.working_hours.is_some() {
        found.warning(
            "scaling.working-hours",
            "working-hours change nothing: a service on Cloud Run without requests costs nothing but its `minimum`",
            "",
        );
    }
    if app.alarms.is_some() {
        found.warning(
            "alarms",
            "alarms go to a topic of AWS, so there are none on Cloud Run",
            "set up alerting in Cloud Monitoring: https://cloud.google.com/run/docs/monitoring",
        );
    }
    let days = app.telemetry.log_retention_days;
    if days != LOG_RETENTION_DAYS {
        found.warning(
            "telemetry.log-retention",
            format!("log-retention is {days} days, but logs of Cloud Run are kept as long as the project's, {LOG_RETENTION_DAYS} days unless changed"),
            format!("`gcloud logging buckets update _Default --location=global --retention-days={days}` changes it for the whole project"),
        );
    }
}
