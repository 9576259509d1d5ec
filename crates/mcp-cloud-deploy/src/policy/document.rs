//! Policies as IAM takes them.

use std::collections::BTreeMap;

use serde::Serialize;

/// Characters of one managed policy, white space not counted
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
pub const LIMIT_CHARACTERS: usize = 6144;
/// The version of the language, which is no date of ours.
const VERSION: &str = "2012-10-17";

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Document {
    version: &'static str,
    /// What it allows.
    pub statement: Vec<Statement>,
}

impl Document {
    pub(super) fn new(statement: Vec<Statement>) -> Self {
        Self { version: VERSION, statement }
    }

    /// As many characters as IAM counts.
    #[must_use]
    pub fn characters(&self) -> usize {
        let json = serde_json::to_string(self).unwrap_or_default();
        json.chars().filter(|letter| !letter.is_whitespace()).count()
    }
}

/// Something that is allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
#[non_exhaustive]
pub struct Statement {
    effect: &'static str,
    /// Who may; only where a role says who takes it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub principal: BTreeMap<&'static str, String>,
    /// What.
    pub action: Vec<String>,
    /// On what, as ARNs; nothing where a role says who takes it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resource: Vec<String>,
    /// When: operator, then key, then value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: BTreeMap<&'static str, BTreeMap<&'static str, String>>,
}

impl Statement {
    pub(super) fn allow(action: Vec<String>, resource: Vec<String>) -> Self {
        Self { effect: "Allow", principal: BTreeMap::new(), action, resource, condition: BTreeMap::new() }
    }

    /// The same to somebody.
    pub(super) fn to(mut self, kind: &'static str, principal: String) -> Self {
        self.principal.insert(kind, principal);
        self
    }

    /// The same under a condition, if there is one.
    pub(super) fn under(mut self, condition: Option<(&'static str, &'static str, impl Into<String>)>) -> Self {
        if let Some((operator, key, value)) = condition {
            self.condition.entry(operator).or_default().insert(key, value.into());
        }
        self
    }
}

/// Puts statements into as few documents as they fit into, in their order. A statement that is too large by itself is cut
/// between its actions.
pub(super) fn split(statements: Vec<Statement>) -> Vec<Document> {
    let mut documents: Vec<Document> = Vec::new();
    let mut waiting: Vec<_> = statements.into_iter().rev().collect();
    while let Some(mut statement) = waiting.pop() {
        let alone = Document::new(vec![statement.clone()]);
        if alone.characters() > LIMIT_CHARACTERS && statement.action.len() > 1 {
            let rest = statement.action.split_off(statement.action.len() / 2);
            waiting.push(Statement { action: rest, ..statement.clone() });
            waiting.push(statement);
            continue;
        }
        if let Some(last) = documents.last_mut() {
            last.statement.push(statement.clone());
            if last.characters() <= LIMIT_CHARACTERS {
                continue;
            }
            last.statement.pop();
        }
        documents.push(alone);
    }
    documents
}
