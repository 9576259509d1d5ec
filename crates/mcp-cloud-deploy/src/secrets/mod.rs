//! The secrets of a server in Secrets Manager: which it needs, which are there, and how they get there.
//!
//! Everything that reads is [`Deployer::observe_secrets`] and [`Deployer::list_secrets`], and neither reads a value; what
//! is [`missing`] and the [`stamp`] that tells CloudFormation of a change follow from it. A value is read only to see
//! whether the new one is another, and never leaves this module.
//!
//! A function whose variables hold secrets gets a new value only by a deployment that changes something about it: a
//! reference without a version is what AWS advises, because a version that is gone breaks every later update of the
//! stack, but CloudFormation looks such a reference up again only when a property of its resource changes
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html>). So one
//! variable says which versions are current, and changes with them.

mod error;
mod reference;
mod value;

use std::{collections::BTreeMap, fmt};

use mcp_cloud_app::{App, app::SecretDelivery};
use mcp_cloud_contract::env;
use serde::Serialize;
use tokio::task::JoinSet;

pub use self::{
    error::SecretError,
    reference::SecretReference,
    value::{Characters, SecretValue},
};
use crate::{
    artifact::sha256,
    aws::Deployer,
    error::{AwsError, AwsFault, Error},
    observe::Stack,
};

/// What Secrets Manager says about a secret; its value is no part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SecretRecord {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The app that it was created for by us.
    pub app: Option<String>,
    /// When it was created, in RFC 3339.
    pub created: Option<String>,
    /// When it was last changed, in RFC 3339.
    pub changed: Option<String>,
    /// The day on which its value was last read, in RFC 3339; AWS keeps no time of day.
    pub used: Option<String>,
    /// When it will be gone, in RFC 3339; absent unless it is scheduled for deletion.
    pub leaves: Option<String>,
    /// The id of its current version; absent while it has no value.
    pub version: Option<String>,
}

/// What was found where a secret should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It is there, though perhaps without a value or scheduled for deletion.
    Found(SecretRecord),
    /// There is none.
    Absent,
    /// It belongs to another account, which lets nobody here look. Whether the server may read it is not known.
    Unseen,
}

/// A secret that an app needs, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedSecret {
    /// What the app needs.
    pub reference: SecretReference,
    /// What is there.
    pub found: Lookup,
}

/// A secret that an app needs and that is not there. Displays as part of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingSecret {
    /// The variable that should bring it.
    pub variable: String,
    /// Its ARN or name.
    pub secret: String,
    /// In which way it is not there.
    #[serde(flatten)]
    pub absence: Absence,
}

/// In which way a secret is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "absence", rename_all = "kebab-case")]
pub enum Absence {
    /// There is no such secret.
    NoSuchSecret,
    /// It was created and never given a value.
    NoValue,
    /// It is scheduled for deletion, and cannot be read.
    Leaving {
        /// When it will be gone, in RFC 3339.
        date: String,
    },
}

impl fmt::Display for MissingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { variable, secret, absence } = self;
        match absence {
            Absence::NoSuchSecret => write!(f, "`{variable}` (`{secret}` does not exist)"),
            Absence::NoValue => write!(f, "`{variable}` (`{secret}` has no value)"),
            Absence::Leaving { date } => write!(f, "`{variable}` (`{secret}` is to be deleted on {date})"),
        }
    }
}

/// A secret for a list: one that the app needs, or one that we made for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedSecret {
    /// The variables that bring it; none where the app does not name it any more.
    pub variables: Vec<String>,
    /// Its ARN, or the name it would have.
    pub secret: String,
    /// What is there; absent where nothing is, or where nobody here may look.
    pub record: Option<SecretRecord>,
    /// In which way it is missing; absent for one that is there or is not needed.
    pub missing: Option<Absence>,
}

/// What became of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretOutcome {
    /// It is new.
    Created,
    /// It has a new version; the one before stays readable as `AWSPREVIOUS`.
    Updated,
    /// It had this value already, and nothing was sent.
    Unchanged,
}

/// A secret that was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenSecret {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The id of its current version.
    pub version: Option<String>,
    /// What became of it.
    pub outcome: SecretOutcome,
}

/// When a secret that is removed is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// At once, for good.
    Now,
    /// After so many days, 7 to 30; until then it can be restored.
    AfterDays(u8),
}

/// The secrets that are not there. One that nobody here may look at is none of them.
#[must_use]
pub fn missing(observed: &[ObservedSecret]) -> Vec<MissingSecret> {
    let missing = |secret: &ObservedSecret| {
        let absence = absence(&secret.found)?;
        let ObservedSecret { reference, .. } = secret;
        Some(MissingSecret { variable: reference.variable.clone(), secret: reference.id().to_owned(), absence })
    };
    observed.iter().filter_map(missing).collect()
}

fn absence(found: &Lookup) -> Option<Absence> {
    match found {
        Lookup::Unseen => None,
        Lookup::Absent => Some(Absence::NoSuchSecret),
        Lookup::Found(record) => match (&record.leaves, &record.version) {
            (Some(date), _) => Some(Absence::Leaving { date: date.clone() }),
            (None, None) => Some(Absence::NoValue),
            (None, Some(_)) => None,
        },
    }
}

/// Writes into an app which versions of its secrets are current, as a variable of the function, so that its template
/// changes when a secret has, and CloudFormation looks it up again. Does nothing where the server reads its secrets
/// itself, or has none. The same versions give the same text.
pub fn stamp(app: &mut App, observed: &[ObservedSecret]) {
    if app.lambda.secrets != SecretDelivery::Resolve {
        return;
    }
    let versions: BTreeMap<_, _> = observed
        .iter()
        .filter_map(|secret| match &secret.found {
            Lookup::Found(record) => Some((secret.reference.variable.as_str(), record.version.as_deref()?)),
            Lookup::Absent | Lookup::Unseen => None,
        })
        .collect();
    if versions.is_empty() {
        return;
    }
    let text: String = versions.into_iter().map(|(variable, version)| format!("{variable}={version}\n")).collect();
    let short = sha256(text.as_bytes()).get(..16).unwrap_or_default().to_owned();
    app.environment.insert(env::SECRETS_VERSION.to_owned(), short);
}

/// Whether a secret may be removed: it is ours, and nothing that is deployed refers to it.
///
/// # Errors
///
/// [`SecretError::NotOurs`] and [`SecretError::InUse`].
pub fn check_removal(app: &str, record: &SecretRecord, stack: Option<&Stack>) -> Result<(), SecretError> {
    let (name, app) = (record.name.clone(), app.to_owned());
    if record.app.as_ref() != Some(&app) {
        return Err(SecretError::NotOurs { name, app });
    }
    let template = stack.filter(|stack| stack.is_ours()).and_then(|stack| stack.template.as_deref());
    if template.is_some_and(|template| reference::refers(template, &record.arn, &record.name)) {
        return Err(SecretError::InUse { name, app });
    }
    Ok(())
}

impl Deployer {
    /// Looks at every secret that an app needs, all at once: one read call for each, and no value is read. Whether a
    /// member of a secret's JSON is there is not looked at either, because only the value could tell.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when a call fails.
    pub async fn observe_secrets(&self, app: &App) -> Result<Vec<ObservedSecret>, Error> {
        let references = SecretReference::needed(app);
        let mut calls = JoinSet::new();
        let mut found = BTreeMap::new();
        for reference in &references {
            let id = reference.id().to_owned();
            if found.insert(id.clone(), Lookup::Absent).is_none() {
                let deployer = self.clone();
                calls.spawn(async move { (deployer.look(&id).await, id) });
            }
        }
        while let Some(ended) = calls.join_next().await {
            // A task that was stopped or panicked is no answer: the error says what was tried.
            let (outcome, id) = ended.map_err(|error| AwsError::local("look at the secrets".to_owned(), error))?;
            found.insert(id, outcome?);
        }
        let observed = references.into_iter().map(|reference| {
            let found = found.get(reference.id()).cloned().unwrap_or(Lookup::Absent);
            ObservedSecret { reference, found }
        });
        Ok(observed.collect())
    }

    async fn look(&self, id: &str) -> Result<Lookup, AwsError> {
        match self.describe_secret(id).await {
            Ok(Some(record)) => Ok(Lookup::Found(record)),
            Ok(None) => Ok(Lookup::Absent),
            Err(error) if error.fault == AwsFault::Denied && self.is_elsewhere(id) == Some(Elsewhere::Account) => {
                Ok(Lookup::Unseen)
            }
            Err(error) => Err(error),
        }
    }

    /// The secrets that an app needs and that are not there: a deployment without them would fail half-way.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when a call fails.
    pub async fn missing_secrets(&self, app: &App) -> Result<Vec<MissingSecret>, Error> {
        Ok(missing(&self.observe_secrets(app).await?))
    }

    /// Lists the secrets that an app needs, and those that were created for it by us, needed or not. No value is read.
    /// Secrets Manager may take some minutes to list what is new.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when a call fails.
    pub async fn list_secrets(&self, app: &App) -> Result<Vec<ListedSecret>, Error> {
        let mut listed: BTreeMap<String, ListedSecret> = BTreeMap::new();
        for ObservedSecret { reference, found } in self.observe_secrets(app).await? {
            let missing = absence(&found);
            let record = match found {
                Lookup::Found(record) => Some(record),
                Lookup::Absent | Lookup::Unseen => None,
            };
            let secret = reference.id().to_owned();
            let entry = ListedSecret { variables: Vec::new(), secret: secret.clone(), record, missing };
            listed.entry(secret).or_insert(entry).variables.push(reference.variable);
        }
        for record in self.owned_secrets(&app.name).await? {
            let secret = record.arn.clone();
            let entry =
                ListedSecret { variables: Vec::new(), secret: secret.clone(), record: Some(record), missing: None };
            listed.entry(secret).or_insert(entry);
        }
        Ok(listed.into_values().collect())
    }

    /// Finds the secret that is meant, scheduled for deletion or not; `None` when there is none. Where the file names an
    /// ARN that is gone, one of the same name that was made anew is found.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when a call fails.
    pub async fn find_secret(&self, reference: &SecretReference) -> Result<Option<SecretRecord>, Error> {
        let found = self.describe_secret(reference.id()).await?;
        if found.is_some() || reference.arn.is_none() || self.is_elsewhere(reference.id()).is_some() {
            return Ok(found);
        }
        Ok(self.describe_secret(&reference.name).await?)
    }

    /// Gives a secret a value: creates it, tagged as the app's, where none was found, or puts a new version. Where a
    /// member of its JSON is meant, the other members stay. A value that it has already is not written again. One that is
    /// scheduled for deletion is restored first: whoever calls has asked.
    ///
    /// # Errors
    ///
    /// [`SecretError::NoObject`], [`SecretError::Elsewhere`], and [`Error::Aws`] when a call fails.
    pub async fn set_secret(
        &self,
        app: &App,
        reference: &SecretReference,
        found: Option<&SecretRecord>,
        value: SecretValue,
    ) -> Result<WrittenSecret, Error> {
        let key = reference.key.as_deref();
        let Some(record) = found else {
            if let Some(arn) = reference.arn.as_ref().filter(|arn| self.is_elsewhere(arn).is_some()) {
                return Err(SecretError::Elsewhere { arn: arn.clone() }.into());
            }
            return Ok(self.create_secret(app, &reference.name, &value.alone(key)).await?);
        };
        let (name, arn) = (record.name.clone(), record.arn.clone());
        if record.leaves.is_some() {
            self.restore_secret(&arn).await?;
        }
        let current = match self.secret_value(&arn).await {
            Ok(current) => current.map(SecretValue::from_aws),
            // Whoever may write and not read writes; a member could not be put in without the others.
            Err(error) if error.fault == AwsFault::Denied && key.is_none() => None,
            Err(error) => return Err(error.into()),
        };
        let wanted = match current {
            Some(current) => value
                .instead_of(&current, key)
                .map_err(|_| SecretError::NoObject { name: name.clone(), key: key.unwrap_or_default().to_owned() })?,
            None => Some(value.alone(key)),
        };
        let Some(wanted) = wanted else {
            let version = record.version.clone();
            return Ok(WrittenSecret { name, arn, version, outcome: SecretOutcome::Unchanged });
        };
        let version = self.put_secret(&arn, &wanted).await?;
        Ok(WrittenSecret { name, arn, version, outcome: SecretOutcome::Updated })
    }

    /// Gives a secret that is there another value; the one before stays readable as `AWSPREVIOUS`.
    ///
    /// # Errors
    ///
    /// [`SecretError::NoSuchSecret`], [`SecretError::Leaving`], [`SecretError::SameValue`], and those of
    /// [`set_secret`](Self::set_secret).
    pub async fn rotate_secret(
        &self,
        app: &App,
        reference: &SecretReference,
        value: SecretValue,
    ) -> Result<WrittenSecret, Error> {
        let variable = reference.variable.clone();
        let Some(record) = self.find_secret(reference).await? else {
            return Err(SecretError::NoSuchSecret { name: reference.id().to_owned(), variable }.into());
        };
        if let Some(date) = record.leaves {
            return Err(SecretError::Leaving { name: record.name, variable, date }.into());
        }
        let written = self.set_secret(app, reference, Some(&record), value).await?;
        if written.outcome == SecretOutcome::Unchanged {
            return Err(SecretError::SameValue { name: written.name }.into());
        }
        Ok(written)
    }

    /// Removes a secret; returns when it is gone, in RFC 3339. One that is scheduled for deletion already stays so.
    ///
    /// # Errors
    ///
    /// [`Error::Aws`] when the call fails.
    pub async fn remove_secret(&self, record: &SecretRecord, removal: Removal) -> Result<Option<String>, Error> {
        if record.leaves.is_some() && removal != Removal::Now {
            return Ok(record.leaves.clone());
        }
        Ok(self.delete_secret(&record.arn, removal).await?)
    }

    fn is_elsewhere(&self, id: &str) -> Option<Elsewhere> {
        let (region, account) = reference::place(id)?;
        if account != self.account() {
            return Some(Elsewhere::Account);
        }
        (region != self.region()).then_some(Elsewhere::Region)
    }

    /// The region of an ARN, where it is another than the deployer's.
    pub(crate) fn other_region<'a>(&self, id: &'a str) -> Option<&'a str> {
        reference::place(id).map(|(region, _)| region).filter(|region| *region != self.region())
    }
}

/// Where a secret is that is not here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Elsewhere {
    Account,
    Region,
}

#[cfg(test)]
mod tests;
