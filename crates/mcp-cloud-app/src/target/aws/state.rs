//! What outlives a request, and where secrets are kept, for whatever serves on AWS.

use std::collections::BTreeMap;

use mcp_cloud_contract::{DYNAMODB_EXPIRES_AT, DYNAMODB_KEY, env};
use serde::Serialize;

use super::{Resource, Statement, Tag, Value, tags};
use crate::{
    app::{App, Secret, Store},
    target::findings::Findings,
};

/// The table of `store = "dynamodb"`.
pub(in crate::target) const TABLE: &str = "StateTable";
/// The key that seals sessions, where the stack makes one.
pub(in crate::target) const SEALING_KEY: &str = "SealingKey";
/// Letters and digits of that key: 380 random bits, more than the 32 bytes that it takes.
const SEALING_KEY_LENGTH: u32 = 64;

/// Reports secrets that are kept elsewhere only.
pub(in crate::target) fn check(found: &mut Findings<'_>) {
    let app = found.app;
    let named = app.secrets.iter().map(|(name, secret)| (format!("secrets.{name}"), secret));
    let sealing_key = app.state.sealing_key.iter().map(|secret| ("state.sealing-key".to_owned(), secret));
    let redis = app.state.redis.iter().map(|secret| ("state.redis".to_owned(), secret));
    for (key, secret) in named.chain(sealing_key).chain(redis) {
        if secret.aws.is_none() {
            let message = format!("the secret `{key}` is kept nowhere on AWS");
            let hint = "put it into AWS Secrets Manager, and name its ARN: `aws = \"arn:aws:secretsmanager:…\"`";
            found.error(&key, message, hint);
        }
    }
    if app.state.store == Store::Redis && app.state.redis.is_none() {
        let message = "the store is `redis`, but nothing says where its URL is kept".to_owned();
        let hint =
            "keep the URL in AWS Secrets Manager, and name its ARN: `redis = { aws = \"arn:aws:secretsmanager:…\" }`";
        found.error("state.store", message, hint);
    }
}

/// A secret of Secrets Manager that the server is to have.
#[derive(Debug, Clone)]
pub(in crate::target) struct KeptSecret<'a> {
    arn: Kept<'a>,
    /// The member of its JSON that is meant; the whole text where absent.
    pub(in crate::target) key: Option<&'a str>,
}

#[derive(Debug, Clone)]
enum Kept<'a> {
    Elsewhere(&'a str),
    InThisStack(&'static str),
}

impl<'a> KeptSecret<'a> {
    fn of(secret: &'a Secret) -> Option<Self> {
        Some(Self { arn: Kept::Elsewhere(secret.aws.as_deref()?), key: secret.key.as_deref() })
    }

    pub(in crate::target) fn arn(&self) -> Value<'a> {
        match self.arn {
            Kept::Elsewhere(arn) => Value::text(arn),
            Kept::InThisStack(id) => Value::reference(id),
        }
    }

    /// The value itself, which CloudFormation looks up when it deploys and shows to nobody
    /// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html>).
    pub(in crate::target) fn resolved(&self) -> Value<'a> {
        let rest = self.key.map_or_else(|| ":SecretString".to_owned(), |key| format!(":SecretString:{key}"));
        match self.arn {
            Kept::Elsewhere(arn) => Value::text(format!("{{{{resolve:secretsmanager:{arn}{rest}}}}}")),
            Kept::InThisStack(id) => Value::substitute(format!("{{{{resolve:secretsmanager:${{{id}}}{rest}}}}}")),
        }
    }

    /// As the `ValueFrom` of a container's secret
    /// (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html>).
    pub(in crate::target) fn value_from(&self) -> Value<'a> {
        match (&self.arn, self.key) {
            (Kept::Elsewhere(arn), Some(key)) => Value::text(format!("{arn}:{key}::")),
            (Kept::Elsewhere(arn), None) => Value::text(*arn),
            (Kept::InThisStack(id), _) => Value::reference(*id),
        }
    }
}

/// Every secret that the server is to have, by its variable. One that is not kept on AWS is not among them: that is an
/// error of [`check`].
pub(in crate::target) fn secrets(app: &App) -> BTreeMap<&str, KeptSecret<'_>> {
    let mut secrets: BTreeMap<_, _> =
        app.secrets.iter().filter_map(|(name, secret)| Some((name.as_str(), KeptSecret::of(secret)?))).collect();
    if let Some(redis) = app.state.redis.as_ref().and_then(KeptSecret::of) {
        secrets.insert(env::REDIS_URL, redis);
    }
    if makes_sealing_key(app) {
        secrets.insert(env::SEALING_KEY, KeptSecret { arn: Kept::InThisStack(SEALING_KEY), key: None });
    } else if let Some(key) = app.state.sealing_key.as_ref().and_then(KeptSecret::of) {
        secrets.insert(env::SEALING_KEY, key);
    }
    secrets
}

/// The right to read the secrets and no others; nothing where there are none.
pub(in crate::target) fn read_secrets(app: &App) -> Option<Statement<'_>> {
    let secrets = secrets(app);
    let mut elsewhere: Vec<_> = secrets
        .values()
        .filter_map(|secret| match secret.arn {
            Kept::Elsewhere(arn) => Some(arn),
            Kept::InThisStack(_) => None,
        })
        .collect();
    elsewhere.sort_unstable();
    elsewhere.dedup();
    let mut arns: Vec<_> = elsewhere.into_iter().map(Value::text).collect();
    arns.extend(makes_sealing_key(app).then(|| Value::reference(SEALING_KEY)));
    (!arns.is_empty()).then(|| Statement::allow(vec!["secretsmanager:GetSecretValue"], arns))
}

/// The variables that say where the store is; its URL, if it has one, is among the secrets.
pub(in crate::target) fn variables(app: &App) -> BTreeMap<String, Value<'_>> {
    let store = match app.state.store {
        Store::None => return BTreeMap::new(),
        Store::DynamoDb => Value::substitute(format!("dynamodb:${{{TABLE}}}")),
        Store::Redis => Value::text("redis"),
    };
    let ttl = Value::text(app.state.ttl_hours.to_string());
    BTreeMap::from([(env::STORE.to_owned(), store), (env::STORE_TTL.to_owned(), ttl)])
}

/// The right to use the table, item by item.
pub(in crate::target) fn use_table(app: &App) -> Option<Statement<'_>> {
    (app.state.store == Store::DynamoDb).then(|| {
        let actions = vec!["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"];
        Statement::allow(actions, vec![Value::attribute(TABLE, "Arn")])
    })
}

/// Whether the stack makes the key that seals sessions.
pub(in crate::target) fn makes_sealing_key(app: &App) -> bool {
    app.state.needs_sealing_key() && app.state.sealing_key.is_none()
}

/// The table, if there is one. It outlives the stack: what is in it is not the stack's to throw away; but one that was made
/// by a deployment which failed holds nothing yet, and goes with it
/// (<https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html>). It has no
/// name, so that one that was kept does not stand in the way of the next.
pub(in crate::target) fn table<'a, P>(app: &'a App, wrap: impl FnOnce(Table<'a>) -> P) -> Option<Resource<P>> {
    (app.state.store == Store::DynamoDb).then(|| Resource {
        deletion_policy: Some("RetainExceptOnCreate"),
        update_replace_policy: Some("Retain"),
        ..wrap(Table::of(app)).into()
    })
}

/// The table under a name that is known outside of the stack, if there is one.
pub(in crate::target) fn named_table(app: &App, name: String) -> Option<Table<'_>> {
    (app.state.store == Store::DynamoDb).then(|| Table { table_name: Some(name), ..Table::of(app) })
}

/// The key that seals sessions under a name that is known outside of the stack, if the stack makes one.
pub(in crate::target) fn named_sealing_key(app: &App, name: String) -> Option<GeneratedSecret<'_>> {
    sealing_key(app).map(|key| GeneratedSecret { name: Some(name), ..key })
}

/// The key that seals sessions, if the stack makes one. Without the stack there are no sessions to open, so it goes, too.
pub(in crate::target) fn sealing_key(app: &App) -> Option<GeneratedSecret<'_>> {
    makes_sealing_key(app).then(|| GeneratedSecret {
        name: None,
        description: format!("Seals the sessions of {}", app.name),
        generate_secret_string: GenerateSecretString { password_length: SEALING_KEY_LENGTH, exclude_punctuation: true },
        tags: tags(app),
    })
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct Table<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    table_name: Option<String>,
    billing_mode: &'static str,
    attribute_definitions: [Attribute; 1],
    key_schema: [KeyElement; 1],
    time_to_live_specification: TimeToLive,
    point_in_time_recovery_specification: PointInTimeRecovery,
    #[serde(rename = "SSESpecification")]
    encryption: Encryption,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
}

impl<'a> Table<'a> {
    fn of(app: &'a App) -> Self {
        Self {
            table_name: None,
            billing_mode: "PAY_PER_REQUEST",
            attribute_definitions: [Attribute { attribute_name: DYNAMODB_KEY, attribute_type: "S" }],
            key_schema: [KeyElement { attribute_name: DYNAMODB_KEY, key_type: "HASH" }],
            time_to_live_specification: TimeToLive { attribute_name: DYNAMODB_EXPIRES_AT, enabled: true },
            point_in_time_recovery_specification: PointInTimeRecovery { point_in_time_recovery_enabled: true },
            // With a key in the account (`aws/dynamodb`), whose use CloudTrail shows; without, with one that nobody sees.
            encryption: Encryption { enabled: true },
            tags: tags(app),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    attribute_name: &'static str,
    attribute_type: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct KeyElement {
    attribute_name: &'static str,
    key_type: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TimeToLive {
    attribute_name: &'static str,
    enabled: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PointInTimeRecovery {
    point_in_time_recovery_enabled: bool,
}

#[derive(Debug, Serialize)]
struct Encryption {
    #[serde(rename = "SSEEnabled")]
    enabled: bool,
}

/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::target) struct GeneratedSecret<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    description: String,
    generate_secret_string: GenerateSecretString,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GenerateSecretString {
    password_length: u32,
    exclude_punctuation: bool,
}
