//! XML both ways, as much as AWS says in it: elements and text.

use serde_json::{Map, Value};

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Lists {
    /// One element, with an element `member` for each item.
    OfMembers,
    /// An element of the list's name for each item.
    Flat,
}

/// Deeper than anything a client says.
const DEEPEST: usize = 32;

pub(in super::super) fn write(root: &str, namespace: Option<&str>, document: &Value, lists: Lists) -> String {
    let mut out = head(root, namespace);
    content(&mut out, document, lists);
    out.push_str(&format!("</{root}>"));
    out
}

/// Writes members in this order; some clients read only what comes first.
pub(in super::super) fn write_in_order(
    root: &str,
    namespace: Option<&str>,
    members: &[(&str, &Value)],
    lists: Lists,
) -> String {
    let mut out = head(root, namespace);
    members.iter().for_each(|(name, member)| element(&mut out, name, member, lists));
    out.push_str(&format!("</{root}>"));
    out
}

fn head(root: &str, namespace: Option<&str>) -> String {
    let namespace = namespace.map(|namespace| format!(" xmlns=\"{namespace}\"")).unwrap_or_default();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root}{namespace}>")
}

fn element(out: &mut String, name: &str, value: &Value, lists: Lists) {
    match (value, lists) {
        (Value::Null, _) => {}
        (Value::Array(items), Lists::Flat) => items.iter().for_each(|item| element(out, name, item, lists)),
        _ => {
            out.push_str(&format!("<{name}>"));
            content(out, value, lists);
            out.push_str(&format!("</{name}>"));
        }
    }
}

fn content(out: &mut String, value: &Value, lists: Lists) {
    match value {
        Value::Null => {}
        Value::Bool(value) => out.push_str(&value.to_string()),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => escape(out, text),
        Value::Array(items) => items.iter().for_each(|item| element(out, "member", item, lists)),
        Value::Object(members) => members.iter().for_each(|(name, member)| element(out, name, member, lists)),
    }
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Readers turn it into a line feed otherwise.
            '\r' => out.push_str("&#xD;"),
            other => out.push(other),
        }
    }
}

/// Reads a document: elements with elements are maps, repeated ones lists, the rest is text. `None` for what is no XML.
pub(in super::super) fn read(text: &str) -> Option<Value> {
    let mut rest = text.trim_start();
    while rest.starts_with("<?") || rest.starts_with("<!--") {
        rest = rest.split_once('>')?.1.trim_start();
    }
    let (_, value) = read_element(&mut rest, 0)?;
    Some(value)
}

fn read_element(rest: &mut &str, depth: usize) -> Option<(String, Value)> {
    if depth > DEEPEST {
        return None;
    }
    let (tag, mut after) = rest.strip_prefix('<')?.split_once('>')?;
    let alone = tag.ends_with('/');
    let name = tag.trim_end_matches('/').split_whitespace().next()?.to_owned();
    if alone {
        *rest = after;
        return Some((name, Value::String(String::new())));
    }
    let mut members = Map::new();
    let mut text = String::new();
    loop {
        let (before, _) = after.split_once('<')?;
        text.push_str(before);
        after = after.get(before.len()..)?;
        if let Some(closing) = after.strip_prefix("</") {
            *rest = closing.strip_prefix(name.as_str())?.trim_start().strip_prefix('>')?;
            break;
        }
        let (member_name, member) = read_element(&mut after, depth + 1)?;
        match members.get_mut(&member_name) {
            Some(Value::Array(items)) => items.push(member),
            Some(first) => *first = Value::Array(vec![first.take(), member]),
            None => {
                members.insert(member_name, member);
            }
        }
    }
    let value = if members.is_empty() { Value::String(unescape(&text)) } else { Value::Object(members) };
    Some((name, value))
}

fn unescape(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#xD;", "\r"), ("&#xA;", "\n")];
    let plain = entities.into_iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain));
    plain.replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_written_in_both_ways() {
        let document = json!({ "Names": ["a & b", "c"], "None": null });
        assert!(
            write("R", None, &document, Lists::OfMembers)
                .ends_with("<R><Names><member>a &amp; b</member><member>c</member></Names></R>")
        );
        assert!(
            write("R", Some("urn:x"), &document, Lists::Flat)
                .ends_with("<R xmlns=\"urn:x\"><Names>a &amp; b</Names><Names>c</Names></R>")
        );
    }

    #[test]
    fn document_is_read() {
        let text = "<?xml version=\"1.0\"?><Delete xmlns=\"x\"><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key>\
                    </Object><Quiet>true</Quiet><Empty/></Delete>";
        assert_eq!(
            read(text),
            Some(json!({ "Object": [{ "Key": "a&b" }, { "Key": "c" }], "Quiet": "true", "Empty": "" }))
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[<>/a-c &;\"]{0,40}") {
            let _ = read(&text);
        }
    }
}
