//! What every target of AWS takes.

use crate::target::findings::Findings;

/// Tags of one resource (<https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html>).
const TAGS: usize = 50;
const TAG_KEY_CHARACTERS: usize = 128;
const TAG_VALUE_CHARACTERS: usize = 256;
/// Managed policies of one role, unless the account has been given more
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
const MANAGED_POLICIES: usize = 10;

/// Reports more managed policies than a role takes; `key` is where they are said.
pub(in crate::target) fn policies(key: &str, policies: &[String], found: &mut Findings<'_>) {
    if policies.len() > MANAGED_POLICIES {
        let message = format!("policies has {} ARNs, but a role takes {MANAGED_POLICIES} at most", policies.len());
        found.error(key, message, "");
    }
}

/// Reports tags that AWS does not take.
pub(in crate::target) fn tags(found: &mut Findings<'_>) {
    let app = found.app;
    if app.tags.len() > TAGS {
        let message = format!("there are {} tags, but a resource takes {TAGS} at most", app.tags.len());
        found.error("tags", message, "");
    }
    let allowed = |letter: char| letter.is_alphanumeric() || " _.:/=+-@".contains(letter);
    for (key, value) in &app.tags {
        let (shown, length) = (key.escape_debug(), value.chars().count());
        let message = if key.is_empty() || key.chars().count() > TAG_KEY_CHARACTERS {
            format!(
                "the tag `{shown}` has a key of {} characters, but AWS takes 1 to {TAG_KEY_CHARACTERS}",
                key.chars().count()
            )
        } else if key.to_ascii_lowercase().starts_with("aws:") {
            format!("the tag `{shown}` begins with `aws:`, which AWS keeps for itself")
        } else if length > TAG_VALUE_CHARACTERS {
            format!("the tag `{shown}` has {length} characters, but AWS takes {TAG_VALUE_CHARACTERS} at most")
        } else if !key.chars().all(allowed) || !value.chars().all(allowed) {
            format!(
                "the tag `{shown}` has a character AWS does not take: letters, digits, spaces and `_.:/=+-@` are allowed"
            )
        } else {
            continue;
        };
        found.error(&format!("tags.{key}"), message, "");
    }
}
