//! The sections that concern every target.

use super::{Findings, choice, environment::secret};
use crate::{
    app::{
        sections::{Alarms, Auth, Endpoint, Health, Network, Scaling, State, Telemetry, WorkingHours},
        words::{AuthMode, Egress, Exposure, Sessions, Store, Traces},
    },
    config::{Table, plain},
    diagnostic::Severity,
};

/// Long enough for a slow tool, short enough to bound what a client that went away can cost.
pub(super) const TIMEOUT_SECONDS: u32 = 60;

/// The periods CloudWatch Logs offers, in days
/// (<https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>).
const RETENTION_DAYS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

pub(super) fn endpoint(config: &Table, health: &Health, findings: &mut Findings<'_>) -> Endpoint {
    let table = config.table("endpoint");
    let path = table.text("path").unwrap_or(mcp_cloud_contract::DEFAULT_PATH).to_owned();
    if path == health.path {
        let message = format!("path is `{}`, but that is where the server says that it is alive", plain(&path));
        let key = if table.get("path").is_some() { "endpoint.path" } else { "health.path" };
        findings.error(key, message, None);
    }
    Endpoint {
        path,
        domain: table.text("domain").map(str::to_owned),
        origins: table.texts("origins"),
        cors_max_age_seconds: table.number("cors-max-age").unwrap_or(600),
    }
}

pub(super) fn health(config: &Table) -> Health {
    let table = config.table("health");
    Health {
        path: table.text("path").unwrap_or(mcp_cloud_contract::HEALTH_PATH).to_owned(),
        interval_seconds: table.number("interval").unwrap_or(30),
        timeout_seconds: table.number("timeout").unwrap_or(5),
        retries: table.number("retries").unwrap_or(3),
        start_seconds: table.number("start").unwrap_or(10),
    }
}

pub(super) fn auth(config: &Table, findings: &mut Findings<'_>) -> Auth {
    let table = config.table("auth");
    let mode = choice(table, "mode", AuthMode::from_word).unwrap_or(AuthMode::Platform);
    let belongs: [(&str, &[AuthMode]); 5] = [
        ("issuer", &[AuthMode::Jwt]),
        ("jwks-url", &[AuthMode::Jwt]),
        ("user-pool", &[AuthMode::Cognito]),
        ("audiences", &[AuthMode::Jwt, AuthMode::Cognito]),
        ("scopes", &[AuthMode::Jwt, AuthMode::Cognito]),
    ];
    for (key, modes) in belongs {
        if table.get(key).is_some() && !modes.contains(&mode) {
            let modes: Vec<_> = modes.iter().map(|mode| format!("`{}`", mode.as_str())).collect();
            let message =
                format!("{key} says nothing while mode is `{}`; it belongs to {}", mode.as_str(), modes.join(" and "));
            findings.idle(&format!("auth.{key}"), message);
        }
    }
    let mut require = |key: &str, there: bool| {
        if !there {
            let message = format!("mode is `{}`, which needs {key}", mode.as_str());
            findings.error("auth.mode", message, None);
        }
    };
    let user_pool = table.text("user-pool").map(str::to_owned);
    let issuer = match mode {
        AuthMode::Jwt => {
            require("`issuer`", table.get("issuer").is_some());
            require("`audiences`: a token for another server would be let in", !table.texts("audiences").is_empty());
            table.text("issuer").map(str::to_owned)
        }
        AuthMode::Cognito => {
            require("`user-pool`", table.get("user-pool").is_some());
            user_pool.as_deref().and_then(cognito_issuer)
        }
        AuthMode::Platform | AuthMode::None => None,
    };
    let well_known = |issuer: &String| format!("{}/.well-known/jwks.json", issuer.trim_end_matches('/'));
    let jwks_url = table.text("jwks-url").map(str::to_owned).or_else(|| issuer.as_ref().map(well_known));
    Auth { mode, issuer, jwks_url, audiences: table.texts("audiences"), scopes: table.texts("scopes"), user_pool }
}

/// <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html>
fn cognito_issuer(user_pool_arn: &str) -> Option<String> {
    let mut parts = user_pool_arn.split(':').skip(1);
    let (partition, _, region, _, resource) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    Some(format!("https://cognito-idp.{region}.{suffix}/{}", resource.strip_prefix("userpool/")?))
}

pub(super) fn state(config: &Table, scaling: &Scaling, findings: &mut Findings<'_>) -> State {
    let table = config.table("state");
    let sessions = choice(table, "sessions", Sessions::from_word).unwrap_or(Sessions::None);
    let store = choice(table, "store", Store::from_word).unwrap_or(Store::None);
    if sessions == Sessions::Memory && scaling.maximum != Some(1) {
        let message = "sessions are in the memory of one process, but there may be several, and a client's next request \
                       would reach one that does not know it";
        let hint = "write `maximum = 1` under `[scaling]`, or `sessions = \"sealed\"`, which any instance can open";
        findings.error("state.sessions", message, Some(hint));
    }
    if sessions == Sessions::Sealed {
        not_yet("state.sessions", "sealed sessions", findings);
    }
    if store != Store::None {
        not_yet("state.store", "a store that instances share", findings);
    }
    let of = |key: &str, findings: &mut Findings<'_>| {
        table.get(key).is_some().then(|| secret(table, key, &format!("state.{key}"), findings))
    };
    let sealing_key = of("sealing-key", findings);
    let redis = of("redis", findings);
    if sealing_key.is_some() && sessions != Sessions::Sealed {
        findings.idle("state.sealing-key", "sealing-key seals sessions, but sessions are not `sealed`");
    }
    if redis.is_some() && store != Store::Redis {
        findings.idle("state.redis", "redis is the URL of a store that is not `redis`");
    }
    State { sessions, store, ttl_hours: table.number("ttl").unwrap_or(24), sealing_key, redis }
}

/// Warns of what files can be emitted for already, and what this version of the library cannot do yet. A server that is
/// told of it says so and ends, which is better than one that forgets its sessions.
fn not_yet(key: &str, what: &str, findings: &mut Findings<'_>) {
    let message =
        format!("the library of this version does not have {what} yet, and a server that is told of it will not start");
    let hint = "leave it out until it does, unless the server is not made with the library";
    findings.report(Severity::Warning, key, message, Some(hint));
}

pub(super) fn telemetry(config: &Table, findings: &mut Findings<'_>) -> Telemetry {
    let table = config.table("telemetry");
    let log_retention_days = table.number("log-retention").unwrap_or(30);
    if !RETENTION_DAYS.contains(&log_retention_days) {
        let next = RETENTION_DAYS.into_iter().find(|period| *period > log_retention_days).unwrap_or(1);
        let message = format!(
            "log-retention is {log_retention_days} days, but CloudWatch Logs has no such period; the next longer one is \
             {next} days"
        );
        findings.error("telemetry.log-retention", message, None);
    }
    let traces = choice(table, "traces", Traces::from_word).unwrap_or(Traces::None);
    let otlp_endpoint = table.text("otlp-endpoint").map(str::to_owned);
    match (traces, &otlp_endpoint) {
        (Traces::Otlp, None) => {
            findings.error(
                "telemetry.traces",
                "traces go to a collector, but no `otlp-endpoint` says where it is",
                None,
            );
        }
        (Traces::None | Traces::Platform, Some(_)) => {
            let message = "otlp-endpoint says nothing while traces is not `otlp`";
            findings.idle("telemetry.otlp-endpoint", message);
        }
        _ => {}
    }
    Telemetry { log_retention_days, traces, otlp_endpoint }
}

pub(super) fn scaling(config: &Table, findings: &mut Findings<'_>) -> Scaling {
    let table = config.table("scaling");
    let (minimum, maximum) = (table.number("minimum"), table.number("maximum"));
    if let (Some(minimum), Some(maximum)) = (minimum, maximum)
        && minimum > maximum
    {
        let message = format!("minimum is {minimum}, more than the maximum of {maximum}");
        findings.error("scaling.minimum", message, None);
    }
    let working_hours = table.text("working-hours").and_then(|text| {
        let hours = parse_working_hours(text);
        if hours.is_none() {
            let message = format!("working-hours are `{}`, which end before they begin", plain(text));
            findings.error("scaling.working-hours", message, Some("hours past midnight are not possible"));
        }
        hours
    });
    Scaling {
        minimum,
        maximum,
        concurrency: table.number("concurrency").unwrap_or(80),
        requests_per_minute: table.number("requests-per-minute").unwrap_or(600),
        cpu_percent: table.number("cpu").unwrap_or(60),
        connections: table.number("connections"),
        working_hours,
    }
}

/// Takes apart what has the right form already; nothing comes out of hours or days that end before they begin.
fn parse_working_hours(text: &str) -> Option<WorkingHours> {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let mut parts = text.split(' ');
    let (days, hours, time_zone) = (parts.next()?, parts.next()?, parts.next()?);
    let (first_day, last_day) = days.split_once('-').unwrap_or((days, days));
    let day = |name: &str| DAYS.iter().position(|day| *day == name);
    let time = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        Some((hour.parse::<u8>().ok()?, minute.parse::<u8>().ok()?))
    };
    let (start, end) = hours.split_once('-')?;
    let (start, end) = (time(start)?, time(end)?);
    (start < end && day(first_day)? <= day(last_day)?).then(|| WorkingHours {
        first_day: first_day.to_owned(),
        last_day: last_day.to_owned(),
        start,
        end,
        time_zone: time_zone.to_owned(),
    })
}

pub(super) fn network(config: &Table, findings: &mut Findings<'_>) -> Network {
    let table = config.table("network");
    let vpc = table.text("vpc").map(str::to_owned);
    let subnets = table.texts("subnets");
    for key in ["subnets", "public-subnets", "security-groups"] {
        if vpc.is_none() && !table.texts(key).is_empty() {
            findings.error(&format!("network.{key}"), format!("{key} belong to a VPC, and no `vpc` is named"), None);
        }
    }
    if vpc.is_some() && subnets.len() < 2 {
        let message = format!(
            "there {} in the VPC, but two in different zones are needed: one zone can fail",
            if subnets.len() == 1 { "is one of the `subnets`" } else { "are no `subnets`" }
        );
        findings.error("network.vpc", message, None);
    }
    let security_groups = table.texts("security-groups");
    if security_groups.len() > 4 {
        let message = format!("security-groups has {}, but with the server's own AWS takes 5", security_groups.len());
        let hint =
            "see https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups";
        findings.error("network.security-groups", message, Some(hint));
    }
    let allow = table.texts("allow");
    for range in &allow {
        if range.split(['.', '/']).take(4).any(|byte| byte.parse::<u8>().is_err()) {
            findings.error("network.allow", format!("`{}` is no range of addresses", plain(range)), None);
        }
    }
    Network {
        exposure: choice(table, "exposure", Exposure::from_word).unwrap_or(Exposure::Public),
        vpc,
        subnets,
        public_subnets: table.texts("public-subnets"),
        security_groups,
        egress: choice(table, "egress", Egress::from_word).unwrap_or(Egress::Internet),
        allow,
        waf: table.switch("waf").unwrap_or(false),
    }
}

pub(super) fn alarms(config: &Table, findings: &mut Findings<'_>) -> Option<Alarms> {
    config.get("alarms")?;
    let table = config.table("alarms");
    let Some(notify) = table.text("notify") else {
        if table.get("notify").is_none() {
            let hint = "name the topic: `notify = \"arn:aws:sns:…\"`";
            findings.error("alarms", "there are alarms that nobody is told of", Some(hint));
        }
        return None;
    };
    Some(Alarms {
        notify: notify.to_owned(),
        errors_percent: table.number("errors").unwrap_or(5),
        latency_milliseconds: table.number("latency").unwrap_or(10_000),
    })
}
