//! Says what somebody should know before agreeing: data that goes, URLs that change, requests that fail meanwhile.

use mcp_cloud_app::target::sam::OUTPUT_ENDPOINT;
use serde::Serialize;
use serde_json::Value;

use super::{
    Action, Certainty, Changes, Fate, ResourceChange,
    compare::canonical,
    parts::{FUNCTION, URL},
    template::{Template, TemplateError, scalar},
    types,
};

/// Something to know before agreeing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What it is about.
    pub kind: WarningKind,
    /// The resource, if it is about one.
    pub resource: Option<String>,
    /// One sentence, without a final period.
    pub message: String,
    /// What can be done: lower case, without a final period.
    pub hint: String,
}

/// What a warning is about, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WarningKind {
    /// A template cannot be read, so what changes is not known.
    Unreadable,
    /// CloudFormation will not do it.
    Refused,
    /// What a resource holds is gone afterwards.
    DataLost,
    /// Clients need another URL.
    UrlChanges,
    /// Requests fail meanwhile.
    Downtime,
    /// Anybody may call what was guarded before.
    Open,
    /// Instances are kept warm, or no longer are.
    Warm,
    /// What a resource holds stays, outside of the stack.
    DataKept,
}

pub(super) fn unreadable_before(error: &TemplateError) -> Warning {
    Warning {
        kind: WarningKind::Unreadable,
        resource: None,
        message: format!("What is deployed cannot be compared, so everything counts as changed: {error}"),
        hint: "look at what CloudFormation computes, above all at what it removes or replaces".to_owned(),
    }
}

pub(super) fn unreadable_after(error: &TemplateError) -> Warning {
    Warning {
        kind: WarningKind::Unreadable,
        resource: None,
        message: format!("What is wanted cannot be compared, so everything counts as changed: {error}"),
        hint: "this is a defect of `mcp-cloud`: please report it".to_owned(),
    }
}

/// Every warning, the worst first.
pub(super) fn of(changes: &Changes, before: &Template, after: &Template) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for change in &changes.resources {
        warnings.extend(refused(change, before, after));
        warnings.extend(data(change));
        warnings.extend(open(change, before, after));
        warnings.extend(warm(change, before, after));
        warnings.extend(weights(change, before, after));
    }
    warnings.extend(url(changes, before, after));
    warnings.extend(downtime(changes, &warnings));
    warnings.sort_by_key(|warning| warning.kind);
    warnings
}

/// Why a resource is replaced, to follow "because".
pub(super) fn reason(change: &ResourceChange) -> String {
    let (mut fields, mut others) = (Vec::new(), Vec::new());
    for cause in &change.causes {
        let (list, name) = match &cause.through {
            Some(through) => (&mut others, through.as_str()),
            None => (&mut fields, cause.field.as_str()),
        };
        if !list.contains(&name) {
            list.push(name);
        }
    }
    let verb = |names: &[&str], one: &str, several: &str| match names {
        [] => None,
        [name] => Some(format!("{name} {one}")),
        [names @ .., last] => Some(format!("{} and {last} {several}", names.join(", "))),
    };
    let reasons = [verb(&fields, "changes", "change"), verb(&others, "is replaced", "are replaced")];
    reasons.into_iter().flatten().collect::<Vec<_>>().join(", and ")
}

/// What becomes of the data of a resource, to follow a semicolon.
pub(super) fn fate(change: &ResourceChange) -> Option<&'static str> {
    Some(match (change.data?, change.action, change.certainty()) {
        (Fate::Kept, Action::Remove, _) => "it stays, outside of the stack",
        (Fate::Kept, ..) => "the old one stays, outside of the stack",
        (Fate::Lost, Action::Replace, Certainty::Perhaps) => "what it holds would be lost",
        (Fate::Lost, ..) => "what it holds is lost",
    })
}

fn data(change: &ResourceChange) -> Option<Warning> {
    let fate = change.data?;
    let id = &change.logical_id;
    let held = types::of(&change.resource_type).holds;
    let (what, save) = held.map_or(("data", "save them first"), |held| (held.what, held.save));
    let becomes = match (change.action, change.certainty()) {
        (Action::Replace, Certainty::Always) => format!("`{id}` is replaced, because {}", reason(change)),
        (Action::Replace, Certainty::Perhaps) => format!("`{id}` may be replaced, because {}", reason(change)),
        _ => format!("`{id}` is removed"),
    };
    let (kind, message, hint) = match fate {
        Fate::Lost => {
            let lost = if change.certainty() == Certainty::Perhaps && change.action == Action::Replace {
                "would be"
            } else {
                "will be"
            };
            (WarningKind::DataLost, format!("{becomes}; its {what} {lost} gone"), save.to_owned())
        }
        Fate::Kept => (
            WarningKind::DataKept,
            match change.action {
                Action::Remove => format!("`{id}` leaves the stack, but stays with its {what}, and is still paid for"),
                _ => format!(
                    "{becomes}; the new one is empty, and the old one stays with its {what}, and is still paid for"
                ),
            },
            "delete it by hand once nobody needs it".to_owned(),
        ),
    };
    Some(Warning { kind, resource: Some(id.clone()), message, hint })
}

/// What CloudFormation refuses: another type behind an id, and two resources of one name.
fn refused(change: &ResourceChange, before: &Template, after: &Template) -> Option<Warning> {
    if change.action != Action::Replace {
        return None;
    }
    let id = &change.logical_id;
    let (one, other) = (before.resources.get(id)?, after.resources.get(id)?);
    let message = if one.resource_type != other.resource_type {
        format!("`{id}` would be of another type, which CloudFormation refuses")
    } else {
        let property = types::of(&one.resource_type).own_name?;
        let (old, new) = (one.properties.get(property)?, other.properties.get(property)?);
        if canonical(property, old) != canonical(property, new) {
            return None;
        }
        let may = if change.certainty() == Certainty::Always { "has to" } else { "may have to" };
        format!(
            "`{id}` {may} be replaced, because {}, but keeps its name (`{property}`), which CloudFormation refuses: there \
             cannot be two of it",
            reason(change)
        )
    };
    let hint = "remove the deployment first (`mcp-cloud destroy`), or give the app another name".to_owned();
    Some(Warning { kind: WarningKind::Refused, resource: Some(id.clone()), message, hint })
}

fn url(changes: &Changes, before: &Template, after: &Template) -> Option<Warning> {
    let changed = changes.outputs.iter().any(|output| output.path == OUTPUT_ENDPOINT);
    if !changed || !before.outputs.contains_key(OUTPUT_ENDPOINT) || !after.outputs.contains_key(OUTPUT_ENDPOINT) {
        return None;
    }
    let parts = changes.resources.iter().flat_map(|change| &change.parts);
    let url = parts.filter(|part| part.resource_type == URL).find_map(|part| part.cause.clone());
    let message = match url {
        Some(field) => format!("The URL of the server changes, because `{field}` changes"),
        None => "The URL of the server changes".to_owned(),
    };
    let hint = "tell whoever calls it: the old URL no longer answers".to_owned();
    Some(Warning { kind: WarningKind::UrlChanges, resource: None, message, hint })
}

fn downtime(changes: &Changes, warnings: &[Warning]) -> Option<Warning> {
    let refused = |id: &String| {
        warnings.iter().any(|warning| warning.kind == WarningKind::Refused && warning.resource.as_ref() == Some(id))
    };
    let serving = |change: &&ResourceChange| types::of(&change.resource_type).serves && !refused(&change.logical_id);
    let replaced = changes.resources.iter().filter(|change| change.action == Action::Replace).filter(serving);
    let names: Vec<_> = replaced.map(|change| format!("`{}`", change.logical_id)).collect();
    if names.is_empty() {
        return None;
    }
    let message = format!("Requests may fail while {} {} replaced", names.join(", "), verb(names.len()));
    let hint = "deploy when few requests come".to_owned();
    Some(Warning { kind: WarningKind::Downtime, resource: None, message, hint })
}

/// A rule that ECS moves requests by is written anew with what the template says of them, and not with what ECS has said
/// since; they are moved back when the update is through.
fn weights(change: &ResourceChange, before: &Template, after: &Template) -> Option<Warning> {
    let id = &change.logical_id;
    let shares = |template: &Template| {
        let actions = template.resources.get(id).and_then(|rule| rule.properties.get("Actions")?.as_array());
        let groups = |action: &Value| action.pointer("/ForwardConfig/TargetGroups")?.as_array().map(Vec::len);
        actions.into_iter().flatten().filter_map(groups).any(|groups| groups > 1)
    };
    if change.action != Action::Modify || !shares(before) || !shares(after) {
        return None;
    }
    Some(Warning {
        kind: WarningKind::Downtime,
        resource: Some(id.clone()),
        message: format!(
            "CloudFormation writes `{id}` anew: if the last deployment moved requests away from where the template has them, \
             they fail until they are moved back, which is done as soon as the stack is updated"
        ),
        hint: "deploy when few requests come".to_owned(),
    })
}

fn verb(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

/// What keeps strangers out, and does no longer.
fn open(change: &ResourceChange, before: &Template, after: &Template) -> Option<Warning> {
    const GUARDS: [(&str, &str); 2] = [("FunctionUrlConfig", "AuthType"), ("Auth", "DefaultAuthorizer")];
    let id = &change.logical_id;
    let (one, other) = (before.resources.get(id)?, after.resources.get(id)?);
    let (section, field) = GUARDS.into_iter().find(|(section, field)| {
        let guard = |properties: &serde_json::Map<String, Value>| {
            let guard = properties.get(*section).and_then(|section| section.get(*field)).and_then(scalar);
            guard.filter(|guard| guard != "NONE")
        };
        let still_there = *section != "FunctionUrlConfig" || other.properties.contains_key(*section);
        guard(&one.properties).is_some() && guard(&other.properties).is_none() && still_there
    })?;
    Some(Warning {
        kind: WarningKind::Open,
        resource: Some(id.clone()),
        message: format!("Nothing in front of the server asks who calls any longer: `{section}.{field}` of `{id}`"),
        hint: "if that is not meant, say who may call: `mode` under `[auth]`".to_owned(),
    })
}

/// What is kept warm costs money while nobody calls, and a new version starts without.
fn warm(change: &ResourceChange, before: &Template, after: &Template) -> Option<Warning> {
    if change.action == Action::Remove {
        return None;
    }
    let id = &change.logical_id;
    let count = |template: &Template| {
        let function = template.resources.get(id).filter(|resource| resource.resource_type == FUNCTION)?;
        scalar(function.properties.get("ProvisionedConcurrencyConfig")?.get("ProvisionedConcurrentExecutions")?)
    };
    let (message, hint) = match (count(before), count(after)) {
        (None, Some(new)) => (
            format!("`{id}` keeps {new} instances warm, which are paid for by the hour"),
            "leave out `provisioned` under `[lambda]` if cold starts do no harm",
        ),
        (Some(old), Some(new)) if old != new => (
            format!("`{id}` keeps {new} instances warm instead of {old}, which are paid for by the hour"),
            "look at how many of them are used at once",
        ),
        (Some(old), Some(_)) => (
            format!("The {old} instances of `{id}` that are kept warm start anew with the new version"),
            "this takes a few minutes",
        ),
        (Some(_), None) => (
            format!("`{id}` keeps no instances warm any longer, so some requests wait for a cold start"),
            "set `provisioned` under `[lambda]` if that is not meant",
        ),
        (None, None) => return None,
    };
    Some(Warning { kind: WarningKind::Warm, resource: Some(id.clone()), message, hint: hint.to_owned() })
}
