//! Secrets Manager: secrets, their versions and their recovery windows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    clock::Time,
    state::{State, unknown},
    wire::{Asked, Fault, Reply},
};

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// A secret.
#[derive(Clone)]
pub(super) struct Secret {
    pub(super) arn: String,
    /// By id: the value and its stages.
    versions: BTreeMap<String, (String, Vec<String>)>,
    pub(super) tags: Vec<Value>,
    description: Option<String>,
    created: Time,
    changed: Time,
    /// When it will be gone, if it was deleted.
    pub(super) deleted: Option<Time>,
}

/// No values.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret").field("arn", &self.arn).field("versions", &self.versions.len()).finish_non_exhaustive()
    }
}

impl Secret {
    /// The value that is current.
    pub(super) fn value(&self) -> Option<&str> {
        self.of_stage("AWSCURRENT").map(|(_, value)| value)
    }

    fn of_stage(&self, stage: &str) -> Option<(&str, &str)> {
        let mut versions = self.versions.iter();
        let (id, (value, _)) = versions.find(|(_, (_, stages))| stages.iter().any(|of_version| of_version == stage))?;
        Some((id, value))
    }

    fn put(&mut self, id: &str, value: String, now: Time) {
        for (_, stages) in self.versions.values_mut() {
            stages.retain(|stage| stage != "AWSPREVIOUS");
            if stages.iter().any(|stage| stage == "AWSCURRENT") {
                *stages = vec!["AWSPREVIOUS".to_owned()];
            }
        }
        self.versions.insert(id.to_owned(), (value, vec!["AWSCURRENT".to_owned()]));
        self.changed = now;
    }

    fn described(&self, name: &str) -> Value {
        let stages: BTreeMap<_, _> = self
            .versions
            .iter()
            .filter(|(_, (_, stages))| !stages.is_empty())
            .map(|(id, (_, stages))| (id, stages))
            .collect();
        let mut described = json!({
            "ARN": self.arn, "Name": name, "Tags": self.tags, "CreatedDate": self.created.seconds(),
            "LastChangedDate": self.changed.seconds(), "VersionIdsToStages": stages,
        });
        if let Some(members) = described.as_object_mut() {
            members.extend(self.description.clone().map(|text| ("Description".to_owned(), text.into())));
            members.extend(self.deleted.map(|time| ("DeletedDate".to_owned(), time.seconds().into())));
        }
        described
    }
}

pub(super) fn answer(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    expire(state);
    match asked.action.as_str() {
        "CreateSecret" => create(state, asked),
        "PutSecretValue" => put(state, asked),
        "GetSecretValue" => value(state, asked),
        "DescribeSecret" => {
            let (name, secret) = find(state, asked)?;
            Ok(Reply::of(secret.described(&name)))
        }
        "ListSecrets" => Ok(list(state, asked)),
        "UpdateSecret" => update(state, asked),
        "DeleteSecret" => delete(state, asked),
        "RestoreSecret" => {
            let (name, secret) = find(state, asked)?;
            secret.deleted = None;
            Ok(Reply::of(json!({ "ARN": secret.arn, "Name": name })))
        }
        "TagResource" => tag(state, asked),
        "UntagResource" => untag(state, asked),
        _ => Err(unknown(asked)),
    }
}

/// What was deleted goes when its time has come.
fn expire(state: &mut State) {
    let now = state.clock;
    state.secrets.retain(|_, secret| secret.deleted.is_none_or(|gone| gone > now));
}

/// Finds a secret by name, ARN, or ARN without its ending.
pub(super) fn named<'a>(state: &'a State, id: &str) -> Option<(&'a str, &'a Secret)> {
    let of_arn = |secret: &Secret| {
        secret.arn == id || secret.arn.rsplit_once('-').is_some_and(|(without_ending, _)| without_ending == id)
    };
    let mut secrets = state.secrets.iter();
    secrets.find(|(name, secret)| *name == id || of_arn(secret)).map(|(name, secret)| (name.as_str(), secret))
}

fn find<'a>(state: &'a mut State, asked: &Asked) -> Result<(String, &'a mut Secret), Fault> {
    let missing = || Fault::new(400, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.");
    let id = asked.required("SecretId")?;
    let name = named(state, id).map(|(name, _)| name.to_owned()).ok_or_else(missing)?;
    let secret = state.secrets.get_mut(&name).ok_or_else(missing)?;
    Ok((name, secret))
}

fn living<'a>(state: &'a mut State, asked: &Asked) -> Result<(String, &'a mut Secret), Fault> {
    let (name, secret) = find(state, asked)?;
    if secret.deleted.is_some() {
        let message = "You can't perform this operation on the secret because it was marked for deletion.";
        return Err(Fault::new(400, "InvalidRequestException", message));
    }
    Ok((name, secret))
}

/// Makes a secret; the reason why not where the name is taken.
pub(super) fn make(state: &mut State, name: &str, value: Option<String>, tags: Vec<Value>) -> Result<String, Fault> {
    expire(state);
    if let Some(there) = state.secrets.get(name) {
        return Err(if there.deleted.is_some() {
            let message = "You can't create this secret because a secret with this name is already scheduled for \
                           deletion.";
            Fault::new(400, "InvalidRequestException", message)
        } else {
            let message = format!("The operation failed because the secret {name} already exists.");
            Fault::new(400, "ResourceExistsException", message)
        });
    }
    let ending = state.letters(6);
    let arn = state.arn("secretsmanager", &format!("secret:{name}-{ending}"));
    let mut secret = empty(state, &arn, tags);
    if let Some(value) = value {
        secret.put(&state.uuid(), value, state.clock);
    }
    state.secrets.insert(name.to_owned(), secret);
    Ok(arn)
}

/// Puts a secret in the place of whatever has its name.
pub(super) fn place(state: &mut State, name: &str, arn: &str, value: &str) {
    let mut secret = empty(state, arn, Vec::new());
    secret.put(&state.uuid(), value.to_owned(), state.clock);
    state.secrets.insert(name.to_owned(), secret);
}

fn empty(state: &State, arn: &str, tags: Vec<Value>) -> Secret {
    let (arn, now) = (arn.to_owned(), state.clock);
    Secret { arn, versions: BTreeMap::new(), tags, description: None, created: now, changed: now, deleted: None }
}

fn create(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let name = asked.required("Name")?;
    let value = asked.text("SecretString").or(asked.text("SecretBinary")).map(str::to_owned);
    let token = asked.text("ClientRequestToken");
    // The same call again is answered as the first time.
    let again = |secret: &Secret| {
        token.is_some_and(|token| secret.versions.get(token).map(|(value, _)| value) == value.as_ref())
    };
    if let Some(secret) = state.secrets.get(name).filter(|secret| again(secret)) {
        return Ok(Reply::of(json!({ "ARN": secret.arn, "Name": name, "VersionId": token })));
    }
    let tags = asked.parameters.get("Tags").and_then(Value::as_array).cloned().unwrap_or_default();
    let arn = make(state, name, None, tags)?;
    let id = token.map_or_else(|| state.uuid(), str::to_owned);
    let now = state.clock;
    let mut reply = json!({ "ARN": arn, "Name": name });
    if let Some(secret) = state.secrets.get_mut(name) {
        secret.description = asked.text("Description").map(str::to_owned);
        if let (Some(value), Some(members)) = (value, reply.as_object_mut()) {
            secret.put(&id, value, now);
            members.insert("VersionId".to_owned(), id.into());
        }
    }
    Ok(Reply::of(reply))
}

fn put(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let now = state.clock;
    let id = asked.text("ClientRequestToken").map_or_else(|| state.uuid(), str::to_owned);
    let value = asked.text("SecretString").or(asked.text("SecretBinary")).map(str::to_owned);
    let invalid =
        || Fault::new(400, "InvalidParameterException", "You must provide either SecretString or SecretBinary.");
    let value = value.ok_or_else(invalid)?;
    let (name, secret) = living(state, asked)?;
    match secret.versions.get(&id) {
        Some((there, _)) if *there == value => {}
        Some(_) => {
            let message = "A resource with the ID you requested already exists.";
            return Err(Fault::new(400, "ResourceExistsException", message));
        }
        None => secret.put(&id, value, now),
    }
    let stages = secret.versions.get(&id).map(|(_, stages)| stages.clone()).unwrap_or_default();
    Ok(Reply::of(json!({ "ARN": secret.arn, "Name": name, "VersionId": id, "VersionStages": stages })))
}

fn value(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let stage = asked.text("VersionStage").unwrap_or("AWSCURRENT").to_owned();
    let (name, secret) = living(state, asked)?;
    let missing = || {
        let message = format!("Secrets Manager can't find the specified secret value for staging label: {stage}");
        Fault::new(400, "ResourceNotFoundException", message)
    };
    let found = match asked.text("VersionId") {
        Some(id) => secret.versions.get_key_value(id).map(|(id, (value, _))| (id.as_str(), value.as_str())),
        None => secret.of_stage(&stage),
    };
    let (id, value) = found.ok_or_else(missing)?;
    Ok(Reply::of(json!({
        "ARN": secret.arn, "Name": name, "VersionId": id, "SecretString": value, "VersionStages": [stage],
        "CreatedDate": secret.changed.seconds(),
    })))
}

fn list(state: &State, asked: &Asked) -> Reply {
    let filters = asked.parameters.get("Filters").and_then(Value::as_array).cloned().unwrap_or_default();
    let fits = |name: &str, secret: &Secret| {
        filters.iter().all(|filter| {
            let values = filter.get("Values").and_then(Value::as_array).into_iter().flatten();
            let tags = |member: &'static str| secret.tags.iter().filter_map(move |tag| tag.get(member)?.as_str());
            values.filter_map(Value::as_str).any(|value| match filter.get("Key").and_then(Value::as_str) {
                Some("name") => name.starts_with(value),
                Some("tag-key") => tags("Key").any(|key| key.starts_with(value)),
                Some("tag-value") => tags("Value").any(|of_tag| of_tag.starts_with(value)),
                _ => true,
            })
        })
    };
    let with_deleted = asked.is_on("IncludePlannedDeletion");
    let found =
        state.secrets.iter().filter(|(name, secret)| (with_deleted || secret.deleted.is_none()) && fits(name, secret));
    let found: Vec<Value> = found
        .map(|(name, secret)| {
            let mut described = secret.described(name);
            if let Some(members) = described.as_object_mut() {
                let stages = members.remove("VersionIdsToStages").unwrap_or_default();
                members.insert("SecretVersionsToStages".to_owned(), stages);
            }
            described
        })
        .collect();
    Reply::of(json!({ "SecretList": found }))
}

fn update(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let (now, id) = (state.clock, state.uuid());
    let (name, secret) = living(state, asked)?;
    if let Some(description) = asked.text("Description") {
        secret.description = Some(description.to_owned());
    }
    if let Some(value) = asked.text("SecretString") {
        secret.put(asked.text("ClientRequestToken").unwrap_or(&id), value.to_owned(), now);
    }
    Ok(Reply::of(json!({ "ARN": secret.arn, "Name": name })))
}

fn delete(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let mut gone = state.clock;
    let at_once = asked.is_on("ForceDeleteWithoutRecovery");
    let days = u32::try_from(asked.number("RecoveryWindowInDays").unwrap_or(30)).unwrap_or(30);
    if !at_once && !(7..=30).contains(&days) {
        let message = "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).";
        return Err(Fault::new(400, "InvalidParameterException", message));
    }
    if !at_once {
        gone.pass(DAY * days);
    }
    // What is on its way out already can still be had out at once.
    let (name, secret) = if at_once { find(state, asked) } else { living(state, asked) }?;
    secret.deleted = Some(gone);
    let reply = json!({ "ARN": secret.arn, "Name": name, "DeletionDate": gone.seconds() });
    if at_once {
        state.secrets.remove(&name);
    }
    Ok(Reply::of(reply))
}

fn tag(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let tags = asked.parameters.get("Tags").and_then(Value::as_array).cloned().unwrap_or_default();
    let (_, secret) = living(state, asked)?;
    for tag in tags {
        secret.tags.retain(|there| there.get("Key") != tag.get("Key"));
        secret.tags.push(tag);
    }
    Ok(Reply::empty())
}

fn untag(state: &mut State, asked: &Asked) -> Result<Reply, Fault> {
    let keys = asked.list("TagKeys");
    let (_, secret) = living(state, asked)?;
    secret
        .tags
        .retain(|tag| !tag.get("Key").and_then(Value::as_str).is_some_and(|key| keys.iter().any(|gone| gone == key)));
    Ok(Reply::empty())
}
