//! Edits a JSON document in place: what is not touched stays as it was written, to the byte.

use std::ops::Range;

use serde_json::Value;

/// Where a member of an object stands.
struct Member {
    name: Range<usize>,
    value: Range<usize>,
}

/// Sets a member of an object that is itself a member of the document's outermost object; what is missing is added.
/// `None` where the text is no JSON, or what should be an object is none.
pub(super) fn set(text: &str, outer: &str, inner: &str, value: &Value) -> Option<String> {
    let document: Value = serde_json::from_str(text).ok()?;
    let outer_value = document.as_object()?.get(outer);
    if outer_value.is_some_and(|value| !value.is_object()) {
        return None;
    }
    let indent = indentation(text);
    let root = skip(text, 0);
    let Some(outer_member) = find(text, root, outer) else {
        let whole = serde_json::json!({ inner: value });
        return insert(text, root, outer, &whole, &indent, 1);
    };
    match find(text, outer_member.value.start, inner) {
        None => insert(text, outer_member.value.start, inner, value, &indent, 2),
        Some(member) => {
            let mut edited = text.to_owned();
            edited.replace_range(member.value, &pretty(value, &indent, 2));
            Some(edited)
        }
    }
}

/// Adds a member at the end of the object that begins here.
fn insert(text: &str, object: usize, name: &str, value: &Value, indent: &str, depth: usize) -> Option<String> {
    let last = members(text, object)?.pop();
    let member = format!("{}: {}", Value::from(name), pretty(value, indent, depth));
    let line = format!("\n{}", indent.repeat(depth));
    let mut edited = text.to_owned();
    match last {
        Some(last) => edited.insert_str(last.value.end, &format!(",{line}{member}")),
        None => {
            let end = skip(text, object + 1);
            edited.replace_range(object + 1..end, &format!("{line}{member}\n{}", indent.repeat(depth - 1)));
        }
    }
    Some(edited)
}

fn pretty(value: &Value, indent: &str, depth: usize) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    // The printer indents by two spaces, and a string holds no line feed.
    let lines = text.lines().enumerate().map(|(number, line)| {
        let content = line.trim_start_matches(' ');
        let levels = (line.len() - content.len()) / 2;
        if number == 0 { content.to_owned() } else { format!("{}{content}", indent.repeat(levels + depth)) }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What the document indents by: the first line that is indented says it.
fn indentation(text: &str) -> String {
    let first =
        text.lines().map(|line| (line, line.trim_start())).find(|(line, rest)| line != rest && !rest.is_empty());
    first.map_or_else(|| "  ".to_owned(), |(line, rest)| line.get(..line.len() - rest.len()).unwrap_or("  ").to_owned())
}

/// The last member of this name, which is the one that readers take.
fn find(text: &str, object: usize, name: &str) -> Option<Member> {
    let members = members(text, object)?;
    members.into_iter().rev().find(|member| {
        text.get(member.name.clone()).and_then(|text| serde_json::from_str::<String>(text).ok()).as_deref()
            == Some(name)
    })
}

/// The members of the object that begins here. The text is known to be JSON.
fn members(text: &str, object: usize) -> Option<Vec<Member>> {
    let mut members = Vec::new();
    if byte(text, object)? != b'{' {
        return None;
    }
    let mut at = skip(text, object + 1);
    while byte(text, at)? != b'}' {
        let name = at..end_of_value(text, at)?;
        let colon = skip(text, name.end);
        let start = skip(text, colon + 1);
        let value = start..end_of_value(text, start)?;
        at = skip(text, value.end);
        members.push(Member { name, value });
        if byte(text, at)? == b',' {
            at = skip(text, at + 1);
        }
    }
    Some(members)
}

/// Where the value that begins here ends.
fn end_of_value(text: &str, start: usize) -> Option<usize> {
    let (mut depth, mut at, mut in_string) = (0_usize, start, false);
    loop {
        match (byte(text, at)?, in_string) {
            (b'\\', true) => at += 1,
            (b'"', _) => {
                in_string = !in_string;
                if !in_string && depth == 0 {
                    return Some(at + 1);
                }
            }
            (_, true) => {}
            (b'{' | b'[', false) => depth += 1,
            (b'}' | b']' | b',', false) if depth == 0 => return Some(at),
            (b'}' | b']', false) => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            (b' ' | b'\t' | b'\n' | b'\r', false) if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
}

fn byte(text: &str, at: usize) -> Option<u8> {
    text.as_bytes().get(at).copied()
}

fn skip(text: &str, from: usize) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_there_stays_as_it_was_written() {
        let text = "{\n\t\"z\" : [1, {\"a\":\"}\\\"\"}],\n\t\"servers\": {\n\t\t\"old\": {\"url\":\"x\"}\n\t},\n\t\"b\": 1.0e2\n}\n";
        let edited = set(text, "servers", "new", &json!({ "url": "y" })).expect("it is JSON");
        let expected = "{\n\t\"z\" : [1, {\"a\":\"}\\\"\"}],\n\t\"servers\": {\n\t\t\"old\": {\"url\":\"x\"},\n\t\t\"new\": {\n\
                        \t\t\t\"url\": \"y\"\n\t\t}\n\t},\n\t\"b\": 1.0e2\n}\n";
        assert_eq!(edited, expected);
        let again = set(&edited, "servers", "new", &json!({ "url": "y" }));
        assert_eq!(again.as_deref(), Some(expected), "the same again changes nothing");
        let other = set(&edited, "servers", "new", &json!({ "url": "z" })).expect("it is JSON");
        assert_eq!(other, expected.replace("\"y\"", "\"z\""));
    }

    #[test]
    fn what_is_missing_is_added() {
        let expected = "{\n  \"servers\": {\n    \"new\": {\n      \"a\": 1\n    }\n  }\n}";
        for text in ["{}", "{ }", "{\n}", "{\"servers\":{}}"] {
            let edited = set(text, "servers", "new", &json!({ "a": 1 })).expect("it is JSON");
            let value: Value = serde_json::from_str(&edited).expect("it stays JSON");
            assert_eq!(value, json!({ "servers": { "new": { "a": 1 } } }), "{edited}");
        }
        assert_eq!(set("{}", "servers", "new", &json!({ "a": 1 })).as_deref(), Some(expected));
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        for text in ["", "[]", "// comment\n{}", "{\"servers\":[]}", "{\"a\":1,}", "{\"servers\":null}"] {
            assert_eq!(set(text, "servers", "new", &json!({})), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn document_keeps_everything_else(
            names in proptest::collection::btree_map("[a-c\"\\\\ü]{0,3}", "[a-z\"\\\\{}\\[\\],: \n]{0,6}", 0..4),
            inner in "[a-c\"]{0,2}",
            pretty: bool,
        ) {
            let mut document = json!(names);
            document["servers"] = json!({ "kept": names });
            let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
            let edited = set(&text.expect("it is written"), "servers", &inner, &json!({ "url": ["x"] })).expect("it is JSON");
            document["servers"][inner] = json!({ "url": ["x"] });
            proptest::prop_assert_eq!(serde_json::from_str::<Value>(&edited).expect("it stays JSON"), document);
        }
    }
}
