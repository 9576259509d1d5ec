//! What a function is: code and settings that can be published as versions, and what points at these.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::aws::clock::Time;

/// Code and settings at one time.
#[derive(Clone)]
pub(in super::super) struct Edition {
    pub(in super::super) code: Bytes,
    /// In Base64, as Lambda says it.
    pub(in super::super) code_sha256: String,
    /// Settings in the shape of CloudFormation's properties.
    pub(in super::super) settings: Map<String, Value>,
    pub(in super::super) modified: Time,
}

/// Neither code nor settings: an environment may hold secrets.
impl std::fmt::Debug for Edition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edition").field("code_sha256", &self.code_sha256).finish_non_exhaustive()
    }
}

impl Edition {
    pub(in super::super) fn new(code: Bytes, settings: Map<String, Value>, modified: Time) -> Self {
        let code_sha256 = BASE64_STANDARD.encode(Sha256::digest(&code));
        Self { code, code_sha256, settings, modified }
    }

    /// Whether publishing it would make no other version.
    fn is_same(&self, other: &Self) -> bool {
        // Tags and concurrency belong to the function.
        let of_function = ["Tags", "ReservedConcurrentExecutions"];
        let settings = |edition: &Self| -> Vec<(String, Value)> {
            let settings = edition.settings.iter().filter(|(name, _)| !of_function.contains(&name.as_str()));
            settings.map(|(name, value)| (name.clone(), value.clone())).collect()
        };
        self.code_sha256 == other.code_sha256 && settings(self) == settings(other)
    }

    /// A setting that is text.
    pub(in super::super) fn text(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(Value::as_str)
    }
}

/// A function.
#[derive(Debug, Clone)]
pub(in super::super) struct Function {
    pub(in super::super) latest: Edition,
    pub(in super::super) revision: String,
    pub(in super::super) versions: BTreeMap<u64, Edition>,
    next_version: u64,
    pub(in super::super) aliases: BTreeMap<String, Alias>,
    /// By qualifier; empty for the function itself.
    pub(in super::super) urls: BTreeMap<String, Url>,
    /// By qualifier, then by the id of the statement.
    pub(in super::super) policies: BTreeMap<String, BTreeMap<String, Value>>,
    /// By qualifier.
    pub(in super::super) provisioned: BTreeMap<String, u64>,
    pub(in super::super) reserved: Option<u64>,
    /// How often somebody has to ask until the last update is through.
    pub(in super::super) updating: u32,
}

/// What points at a version, or at two for a while.
#[derive(Debug, Clone)]
pub(in super::super) struct Alias {
    pub(in super::super) version: String,
    /// Shares of other versions.
    pub(in super::super) weights: Map<String, Value>,
    pub(in super::super) description: String,
    pub(in super::super) revision: String,
}

impl Alias {
    /// Every version that it leads to.
    pub(in super::super) fn versions(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.version.as_str()).chain(self.weights.keys().map(String::as_str))
    }
}

/// A function URL.
#[derive(Debug, Clone)]
pub(in super::super) struct Url {
    pub(in super::super) id: String,
    pub(in super::super) auth_type: String,
    pub(in super::super) invoke_mode: String,
    pub(in super::super) cors: Option<Value>,
}

impl Url {
    pub(in super::super) fn host(&self, region: &str) -> String {
        format!("{}.lambda-url.{region}.on.aws", self.id)
    }

    pub(in super::super) fn address(&self, region: &str) -> String {
        format!("https://{}/", self.host(region))
    }
}

impl Function {
    pub(in super::super) fn new(latest: Edition, revision: String) -> Self {
        Self {
            latest,
            revision,
            versions: BTreeMap::new(),
            next_version: 1,
            aliases: BTreeMap::new(),
            urls: BTreeMap::new(),
            policies: BTreeMap::new(),
            provisioned: BTreeMap::new(),
            reserved: None,
            updating: 0,
        }
    }

    pub(in super::super) fn code_size(&self) -> usize {
        self.versions.values().chain([&self.latest]).map(|edition| edition.code.len()).sum()
    }

    /// Publishes what is there; the newest version is the answer where nothing has changed since, as an error.
    pub(in super::super) fn publish(&mut self, now: Time, revision: String) -> Result<u64, u64> {
        if let Some((number, newest)) = self.versions.last_key_value()
            && newest.is_same(&self.latest)
        {
            return Err(*number);
        }
        let number = self.next_version;
        self.next_version += 1;
        let mut edition = self.latest.clone();
        edition.modified = now;
        self.versions.insert(number, edition);
        self.revision = revision;
        Ok(number)
    }

    /// What a qualifier leads to: a version's number as text, and the edition. `None` where it leads nowhere.
    pub(in super::super) fn edition(&self, qualifier: Option<&str>) -> Option<(String, &Edition)> {
        let Some(qualifier) = qualifier.filter(|qualifier| !qualifier.is_empty()) else {
            return Some(("$LATEST".to_owned(), &self.latest));
        };
        let version = self.aliases.get(qualifier).map_or(qualifier, |alias| alias.version.as_str());
        let edition = self.versions.get(&version.parse().ok()?)?;
        Some((version.to_owned(), edition))
    }
}
