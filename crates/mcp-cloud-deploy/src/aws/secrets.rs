//! Secrets Manager in the words of this crate. A value is in no error, whatever AWS repeats of it.

use std::{borrow::Cow, collections::HashMap};

use aws_config::Region;
use aws_sdk_secretsmanager::{
    Client,
    config::Builder,
    types::{Filter, FilterNameStringType, SecretListEntry, Tag},
};
use mcp_cloud_app::App;

use super::{Deployer, rfc3339};
use crate::{
    deployment::TAG_APP,
    error::AwsError,
    secrets::{Removal, SecretOutcome, SecretRecord, SecretValue, WrittenSecret},
};

/// The label of the version that is read unless another is asked for.
const CURRENT: &str = "AWSCURRENT";
const NOT_FOUND: &str = "ResourceNotFoundException";

impl Deployer {
    /// An ARN of another region is asked about there.
    fn secrets_of(&self, id: &str) -> Cow<'_, Client> {
        match self.other_region(id) {
            Some(region) => {
                let config = Builder::from(&self.config).region(Region::new(region.to_owned())).build();
                Cow::Owned(Client::from_conf(config))
            }
            None => Cow::Borrowed(&self.secrets),
        }
    }

    /// What is known about a secret besides its value; `None` when there is none.
    pub(crate) async fn describe_secret(&self, id: &str) -> Result<Option<SecretRecord>, AwsError> {
        let found = match self.secrets_of(id).describe_secret().secret_id(id).send().await {
            Ok(found) => found,
            Err(error) => {
                let error = AwsError::new(format!("look at the secret `{id}`"), error);
                return if error.is(NOT_FOUND) { Ok(None) } else { Err(error) };
            }
        };
        Ok(Some(SecretRecord {
            name: found.name().unwrap_or(id).to_owned(),
            arn: found.arn().unwrap_or(id).to_owned(),
            app: owner(found.tags()),
            created: found.created_date().and_then(rfc3339),
            changed: found.last_changed_date().and_then(rfc3339),
            used: found.last_accessed_date().and_then(rfc3339),
            leaves: found.deleted_date().and_then(rfc3339),
            version: found.version_ids_to_stages().and_then(current),
        }))
    }

    /// Every secret that was created for an app, those scheduled for deletion among them.
    pub(crate) async fn owned_secrets(&self, app: &str) -> Result<Vec<SecretRecord>, AwsError> {
        // The two filters are about any tags, not about the same one.
        let filter = |name, value: &str| Filter::builder().key(name).values(value).build();
        let list = self
            .secrets
            .list_secrets()
            .include_planned_deletion(true)
            .filters(filter(FilterNameStringType::TagKey, TAG_APP))
            .filters(filter(FilterNameStringType::TagValue, app));
        let mut records = Vec::new();
        let mut pages = list.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::new("list the secrets", error))?;
            records.extend(page.secret_list().iter().map(listed).filter(|record| record.app.as_deref() == Some(app)));
        }
        Ok(records)
    }

    /// The current value; `None` when there is none, or one that is no text.
    pub(crate) async fn secret_value(&self, id: &str) -> Result<Option<String>, AwsError> {
        match self.secrets_of(id).get_secret_value().secret_id(id).send().await {
            Ok(found) => Ok(found.secret_string),
            Err(error) => {
                let error = AwsError::new(format!("read the secret `{id}`"), error);
                if error.is(NOT_FOUND) { Ok(None) } else { Err(error) }
            }
        }
    }

    pub(crate) async fn create_secret(
        &self,
        app: &App,
        name: &str,
        value: &SecretValue,
    ) -> Result<WrittenSecret, AwsError> {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let tags = app.tags.iter().map(|(key, value)| tag(key, value)).chain([tag(TAG_APP, &app.name)]).collect();
        let created = self
            .secrets
            .create_secret()
            .name(name)
            .description(format!("A secret of {}", app.name))
            .set_tags(Some(tags))
            .secret_string(value.expose())
            .send()
            .await
            .map_err(|error| without(value, AwsError::new(format!("create the secret `{name}`"), error)))?;
        Ok(WrittenSecret {
            name: name.to_owned(),
            arn: created.arn.unwrap_or_else(|| name.to_owned()),
            version: created.version_id,
            outcome: SecretOutcome::Created,
        })
    }

    /// Puts a new version, which becomes the current one, and returns its id.
    pub(crate) async fn put_secret(&self, id: &str, value: &SecretValue) -> Result<Option<String>, AwsError> {
        self.secrets_of(id)
            .put_secret_value()
            .secret_id(id)
            .secret_string(value.expose())
            .send()
            .await
            .map(|put| put.version_id)
            .map_err(|error| without(value, AwsError::new(format!("write the secret `{id}`"), error)))
    }

    pub(crate) async fn restore_secret(&self, id: &str) -> Result<(), AwsError> {
        let restored = self.secrets_of(id).restore_secret().secret_id(id).send().await;
        restored.map(drop).map_err(|error| AwsError::new(format!("restore the secret `{id}`"), error))
    }

    /// Returns when it is gone.
    pub(crate) async fn delete_secret(&self, id: &str, removal: Removal) -> Result<Option<String>, AwsError> {
        let delete = self.secrets_of(id).delete_secret().secret_id(id);
        let delete = match removal {
            Removal::Now => delete.force_delete_without_recovery(true),
            Removal::AfterDays(days) => delete.recovery_window_in_days(days.into()),
        };
        let deleted = delete.send().await;
        deleted
            .map(|deleted| deleted.deletion_date().and_then(rfc3339))
            .map_err(|error| AwsError::new(format!("delete the secret `{id}`"), error))
    }
}

/// AWS may repeat in its message what it does not accept.
fn without(value: &SecretValue, mut error: AwsError) -> AwsError {
    error.message = error.message.filter(|message| !message.contains(value.expose()));
    error
}

fn listed(entry: &SecretListEntry) -> SecretRecord {
    SecretRecord {
        name: entry.name().unwrap_or_default().to_owned(),
        arn: entry.arn().unwrap_or_default().to_owned(),
        app: owner(entry.tags()),
        created: entry.created_date().and_then(rfc3339),
        changed: entry.last_changed_date().and_then(rfc3339),
        used: entry.last_accessed_date().and_then(rfc3339),
        leaves: entry.deleted_date().and_then(rfc3339),
        version: entry.secret_versions_to_stages().and_then(current),
    }
}

fn owner(tags: &[Tag]) -> Option<String> {
    tags.iter().find(|tag| tag.key() == Some(TAG_APP)).and_then(|tag| tag.value().map(str::to_owned))
}

fn current(stages: &HashMap<String, Vec<String>>) -> Option<String> {
    let is_current = |stages: &[String]| stages.iter().any(|stage| stage == CURRENT);
    stages.iter().find(|(_, stages)| is_current(stages)).map(|(version, _)| version.clone())
}
