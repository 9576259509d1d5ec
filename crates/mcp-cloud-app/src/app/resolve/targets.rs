//! The sections of one target or cloud, and what of the others they complete.

use super::choice;
use crate::{
    app::{
        sections::Scaling,
        targets::{Aws, Azure, AzureFunctions, CloudRun, Compose, Ecs, GithubActions, Google, Lambda},
        words::{PipelineTarget, SecretDelivery, Shift, TaskShift, Trigger},
    },
    config::Table,
};

/// Twice the least: Lambda gives processor time by memory, and a cold start feels it.
const LAMBDA_MEMORY_MB: u32 = 256;
/// Some weeks of a server that is deployed every few days; what they take is a few MB each.
const KEEP_REVISIONS: u32 = 10;
/// The least that Fargate and Azure have; a Rust server needs a tenth of it, one in Node.js or Python most.
const MEMORY_MB: u32 = 512;
/// Bounds what a flood of calls can cost.
const ECS_MAXIMUM: u32 = 4;
/// What a task gets to end however short its requests are, as with ECS itself
/// (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html>).
const STOP_SECONDS: u32 = 30;
/// Long enough for an alarm to ring over what new tasks do with all requests, short enough to wait for.
const BAKE_MINUTES: u32 = 5;
const CLOUD_RUN_MAXIMUM: u32 = 10;
/// The least that a Flex Consumption app takes
/// (<https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#scale>).
const AZURE_MAXIMUM: u32 = 40;

fn text(table: &Table, key: &str) -> Option<String> {
    table.text(key).map(str::to_owned)
}

pub(super) fn aws(config: &Table) -> Aws {
    let table = config.table("aws");
    Aws { region: text(table, "region"), account: text(table, "account") }
}

pub(super) fn lambda(config: &Table, scaling: &Scaling, memory_mb: Option<u32>, timeout_seconds: u32) -> Lambda {
    let table = config.table("lambda");
    let trigger = choice(table, "trigger", Trigger::from_word).unwrap_or(Trigger::FunctionUrl);
    let said = config.table("resources").number("timeout").is_some();
    Lambda {
        trigger,
        memory_mb: table.number("memory").or(memory_mb).unwrap_or(LAMBDA_MEMORY_MB),
        timeout_seconds: table.number("timeout").unwrap_or(if said {
            timeout_seconds
        } else {
            timeout_seconds.min(trigger.longest_reply_seconds())
        }),
        policies: table.texts("policies"),
        secrets: choice(table, "secrets", SecretDelivery::from_word).unwrap_or(SecretDelivery::Resolve),
        certificate: text(table, "certificate"),
        hosted_zone: text(table, "hosted-zone"),
        provisioned: scaling.minimum.unwrap_or(0),
        reserved: scaling.maximum,
        shift: choice(table, "shift", Shift::from_word).unwrap_or(Shift::AllAtOnce),
        keep_revisions: table.number("keep-revisions").unwrap_or(KEEP_REVISIONS),
    }
}

pub(super) fn ecs(config: &Table, scaling: &Scaling, memory_mb: Option<u32>, timeout_seconds: u32) -> Ecs {
    let table = config.table("ecs");
    let spot_percent = table.number("spot").unwrap_or(0);
    // On Spot the end comes before the load balancer knows, and less than two minutes are left for both.
    let stop_timeout_seconds =
        if spot_percent > 0 { 115 } else { timeout_seconds.saturating_add(10).clamp(STOP_SECONDS, 120) };
    let minimum = scaling.minimum.unwrap_or(1);
    Ecs {
        cpu: table.number("cpu").unwrap_or(256),
        memory_mb: table.number("memory").or(memory_mb).unwrap_or(MEMORY_MB),
        minimum,
        maximum: scaling.maximum.unwrap_or(ECS_MAXIMUM.max(minimum)),
        spot_percent,
        policies: table.texts("policies"),
        certificate: text(table, "certificate"),
        hosted_zone: text(table, "hosted-zone"),
        cluster: text(table, "cluster"),
        idle_timeout_seconds: table.number("idle-timeout").unwrap_or(120),
        stop_timeout_seconds: table.number("stop-timeout").unwrap_or(stop_timeout_seconds),
        shift: choice(table, "shift", TaskShift::from_word).unwrap_or(TaskShift::Rolling),
        bake_minutes: table.number("bake").unwrap_or(BAKE_MINUTES),
        keep_revisions: table.number("keep-revisions").unwrap_or(KEEP_REVISIONS),
        exec: table.switch("exec").unwrap_or(false),
        repository: text(table, "repository"),
    }
}

pub(super) fn google(config: &Table) -> Google {
    let table = config.table("google");
    Google {
        project: text(table, "project"),
        region: text(table, "region").unwrap_or_else(|| "us-central1".to_owned()),
    }
}

pub(super) fn cloud_run(config: &Table, scaling: &Scaling, memory_mb: Option<u32>, timeout_seconds: u32) -> CloudRun {
    let table = config.table("cloud-run");
    let minimum = scaling.minimum.unwrap_or(0);
    CloudRun {
        cpu_milli: table.number("cpu").unwrap_or(1000),
        memory_mb: table.number("memory").or(memory_mb).unwrap_or(MEMORY_MB),
        minimum,
        maximum: scaling.maximum.unwrap_or(CLOUD_RUN_MAXIMUM.max(minimum)),
        timeout_seconds: table.number("timeout").unwrap_or(timeout_seconds),
        service_account: text(table, "service-account"),
        repository: text(table, "repository").unwrap_or_else(|| "mcp-servers".to_owned()),
        invokers: table.texts("invokers"),
    }
}

pub(super) fn azure(config: &Table) -> Azure {
    Azure { location: text(config.table("azure"), "location") }
}

pub(super) fn azure_functions(config: &Table, scaling: &Scaling, memory_mb: Option<u32>) -> AzureFunctions {
    let table = config.table("azure-functions");
    let minimum = scaling.minimum.unwrap_or(0);
    AzureFunctions {
        memory_mb: table.number("memory").or(memory_mb).unwrap_or(MEMORY_MB),
        minimum,
        maximum: scaling.maximum.unwrap_or(AZURE_MAXIMUM.max(minimum)),
    }
}

pub(super) fn compose(config: &Table, memory_mb: Option<u32>) -> Compose {
    let table = config.table("compose");
    Compose {
        port: table
            .number("port")
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or(mcp_cloud_contract::DEFAULT_PORT),
        cpu_milli: table.number("cpu").unwrap_or(1000),
        memory_mb: table.number("memory").or(memory_mb).unwrap_or(MEMORY_MB),
        tls: table.switch("tls").unwrap_or(false),
    }
}

pub(super) fn github_actions(config: &Table) -> GithubActions {
    let table = config.table("github-actions");
    GithubActions {
        branch: text(table, "branch").unwrap_or_else(|| "main".to_owned()),
        target: choice(table, "target", PipelineTarget::from_word).unwrap_or(PipelineTarget::Sam),
        role: text(table, "role"),
    }
}
