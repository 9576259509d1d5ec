//! What the transport adds to a handler's result, and takes away from it: what the protocol wants on every result of
//! the modern era, what an authenticated caller's result must say about caches, and what a server must not promise
//! where the trigger cannot keep it. Everything else stays the bytes it was.

use bytes::Bytes;
use memchr::memmem;
use serde_json::Value;

use super::era::Era;
use crate::{
    handler::Answer,
    json::{Malformed, Scanner, read},
};

const META: &str = "_meta";
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// What is to be done with a request's result.
#[derive(Debug, Clone)]
pub(super) struct Finish {
    era: Era,
    kind: Kind,
    /// What the server says of itself, as JSON.
    server_info: Option<Bytes>,
    /// Whether the caller is known, so that nobody else may be given the result.
    private: bool,
    /// Whether change notifications reach this client.
    notifies: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Tells what the server can do.
    Introduction,
    /// May be cached by the client (MCP 2026-07-28, server/utilities/caching).
    Cacheable,
    Other,
}

impl Finish {
    pub(super) fn new(method: &str, era: Era, server_info: Option<Bytes>, private: bool, notifies: bool) -> Self {
        let kind = match method {
            "initialize" | "server/discover" => Kind::Introduction,
            "tools/list" | "prompts/list" | "resources/list" | "resources/templates/list" | "resources/read" => {
                Kind::Cacheable
            }
            _ => Kind::Other,
        };
        Self { era, kind, server_info, private, notifies }
    }

    pub(super) fn apply(&self, answer: &mut Answer) {
        if self.kind == Kind::Introduction && !self.notifies {
            mask(answer);
        }
        if self.era == Era::Modern {
            self.complete(answer);
        }
    }

    /// Adds what a modern result must have and does not.
    fn complete(&self, answer: &mut Answer) {
        let Some(result) = answer.result_json() else { return };
        if !result.starts_with(b"{") {
            return;
        }
        let found = Members::of(result, answer);
        // `server/discover` is cacheable too; `initialize` belongs to the other era.
        let cacheable = matches!(self.kind, Kind::Cacheable | Kind::Introduction);
        let is_complete = found.result_type.as_ref().is_none_or(|value| value.text == r#""complete""#);
        let mut added = Vec::new();
        let mut add = |name: &str, value: &[u8]| {
            added.extend_from_slice(b",\"");
            added.extend_from_slice(name.as_bytes());
            added.extend_from_slice(b"\":");
            added.extend_from_slice(value);
        };
        if found.result_type.is_none() {
            add("resultType", br#""complete""#);
        }
        if cacheable && is_complete {
            if found.ttl_ms.is_none() {
                add("ttlMs", b"0");
            }
            if found.cache_scope.is_none() {
                add("cacheScope", br#""private""#);
            }
        }
        // The edits from the end to the beginning, so that each leaves the places of the others as they were.
        let mut edits = Vec::new();
        if let Some(info) = &self.server_info {
            match &found.meta {
                None => {
                    let mut meta = format!(r#"{{"{SERVER_INFO}":"#).into_bytes();
                    meta.extend_from_slice(info);
                    meta.push(b'}');
                    add(META, &meta);
                }
                Some(meta) if meta.text.starts_with('{') && !meta.text.contains(SERVER_INFO) => {
                    let mut entry = format!(r#""{SERVER_INFO}":"#).into_bytes();
                    entry.extend_from_slice(info);
                    if !meta.text.trim_start_matches('{').trim_start().starts_with('}') {
                        entry.push(b',');
                    }
                    edits.push((meta.start + 1..meta.start + 1, entry));
                }
                Some(_) => {}
            }
        }
        if let Some(scope) = found.cache_scope.filter(|scope| self.private && scope.text == r#""public""#) {
            edits.push((scope.start..scope.start + scope.text.len(), br#""private""#.to_vec()));
        }
        let end = result.len() - 1;
        let is_empty = result.get(1..end).is_none_or(|inside| inside.trim_ascii().is_empty());
        edits.push((end..end, if is_empty && !added.is_empty() { added.split_off(1) } else { added }));
        edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        for (range, with) in edits {
            answer.splice_result(range, &with);
        }
    }
}

/// The members of a result that are looked at, where they are there.
#[derive(Default)]
struct Members<'a> {
    result_type: Option<Member<'a>>,
    ttl_ms: Option<Member<'a>>,
    cache_scope: Option<Member<'a>>,
    meta: Option<Member<'a>>,
}

/// A member's value as it stands in the result.
struct Member<'a> {
    start: usize,
    text: &'a str,
}

impl<'a> Members<'a> {
    fn of(result: &'a [u8], answer: &Answer) -> Self {
        // A result is large where it has content, and has none of these names but at its beginning or end: looking for
        // them is much quicker than reading it all. What is found may belong to something inside, so then it is read. The
        // names have quotation marks, so none reaches into a plain run.
        let [before, _, behind] = answer.plain().split(answer.as_message());
        let has = |name: &str| [before, behind].iter().any(|part| memmem::find(part, name.as_bytes()).is_some());
        let starts_complete = result.starts_with(br#"{"resultType":"complete""#);
        let others = [r#""_meta""#, r#""ttlMs""#, r#""cacheScope""#];
        if !others.into_iter().any(has) && (starts_complete || !has(r#""resultType""#)) {
            let text = r#""complete""#;
            let result_type = starts_complete.then_some(Member { start: br#"{"resultType":"#.len(), text });
            return Self { result_type, ..Self::default() };
        }
        Self::read(result).unwrap_or_default()
    }

    fn read(result: &'a [u8]) -> Result<Self, Malformed> {
        let mut members = Self::default();
        let mut scanner = Scanner::new(result, 0);
        scanner.object(|scanner, name| {
            let name = name.text(result).unwrap_or_default();
            let value = scanner.value()?;
            let text = std::str::from_utf8(value.of(result)).unwrap_or_default();
            let member = Some(Member { start: value.start, text });
            match &*name {
                b"resultType" => members.result_type = member,
                b"ttlMs" => members.ttl_ms = member,
                b"cacheScope" => members.cache_scope = member,
                b"_meta" => members.meta = member,
                _ => {}
            }
            Ok::<_, Malformed>(())
        })?;
        scanner.end()?;
        Ok(members)
    }
}

/// Takes out of an introduction what only a stream that stays open could keep: notifications of changes.
fn mask(answer: &mut Answer) {
    let Some(result) = answer.result_json() else { return };
    let length = result.len();
    let Ok(mut introduction) = read::<Value>(result) else { return };
    let Some(capabilities) = introduction.get_mut("capabilities").and_then(Value::as_object_mut) else { return };
    let mut masked = false;
    for (area, promise) in
        [("tools", "listChanged"), ("prompts", "listChanged"), ("resources", "listChanged"), ("resources", "subscribe")]
    {
        let area = capabilities.get_mut(area).and_then(Value::as_object_mut);
        masked |= area.is_some_and(|area| area.remove(promise).is_some());
    }
    if masked {
        answer.splice_result(0..length, introduction.to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn finished(finish: &Finish, result: &str) -> Value {
        let mut answer = Answer::raw_result(b"1", result);
        finish.apply(&mut answer);
        let message: Value = serde_json::from_slice(answer.as_message()).expect(result);
        message["result"].clone()
    }

    fn modern(method: &str, private: bool) -> Finish {
        Finish::new(method, Era::Modern, Some(Bytes::from_static(br#"{"name":"s"}"#)), private, true)
    }

    #[test]
    fn a_modern_result_gets_what_it_lacks_and_keeps_what_it_has() {
        let info = json!({ SERVER_INFO: { "name": "s" } });
        for (result, expected) in [
            ("{}", json!({ "resultType": "complete", META: info })),
            (" { } ".trim(), json!({ "resultType": "complete", META: info })),
            (r#"{"a":1}"#, json!({ "a": 1, "resultType": "complete", META: info })),
            (r#"{"resultType":"task","a":1}"#, json!({ "resultType": "task", "a": 1, META: info })),
            (r#"{"_meta":{}}"#, json!({ "resultType": "complete", META: info })),
            (
                r#"{"_meta":{"x":1},"resultType":"complete"}"#,
                json!({ "resultType": "complete", META: { "x": 1, SERVER_INFO: { "name": "s" } } }),
            ),
            (
                r#"{"a":{"_meta":1,"resultType":2}}"#,
                json!({ "a": { "_meta": 1, "resultType": 2 }, "resultType": "complete", META: info }),
            ),
        ] {
            assert_eq!(finished(&modern("tools/call", false), result), expected, "{result}");
        }
        let own = format!(r#"{{"_meta":{{"{SERVER_INFO}":{{"name":"own"}}}}}}"#);
        assert_eq!(finished(&modern("tools/call", false), &own)[META][SERVER_INFO]["name"], "own");
    }

    #[test]
    fn a_list_says_how_long_and_for_whom_it_holds() {
        let list = finished(&modern("tools/list", false), r#"{"tools":[]}"#);
        assert_eq!((&list["ttlMs"], &list["cacheScope"]), (&json!(0), &json!("private")));
        let public = r#"{"tools":[],"ttlMs":5,"cacheScope":"public"}"#;
        assert_eq!(finished(&modern("tools/list", false), public)["cacheScope"], "public");
        assert_eq!(finished(&modern("tools/list", true), public)["cacheScope"], "private");
        let pending = finished(&modern("resources/read", false), r#"{"resultType":"input_required"}"#);
        assert!(pending.get("ttlMs").is_none(), "what is not complete is not cached");
    }

    #[test]
    fn a_legacy_result_stays_as_it_is() {
        let legacy = Finish::new("tools/list", Era::Legacy, Some(Bytes::from_static(b"{}")), true, false);
        assert_eq!(finished(&legacy, r#"{"tools":[]}"#), json!({ "tools": [] }));
    }

    #[test]
    fn notifications_are_not_promised_where_they_cannot_arrive() {
        let promise = r#"{"capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true,"x":1}}}"#;
        let masked = finished(&Finish::new("initialize", Era::Legacy, None, false, false), promise);
        assert_eq!(masked, json!({ "capabilities": { "tools": {}, "resources": { "x": 1 } } }));
        let kept = finished(&Finish::new("initialize", Era::Legacy, None, false, true), promise);
        assert_eq!(kept, serde_json::from_str::<Value>(promise).unwrap());
    }

    proptest::proptest! {
        #[test]
        fn any_object_stays_an_object(text in "[a-z_\"\\\\{}:,]{0,30}", nested: bool) {
            let inner = json!({ "text": text, META: if nested { json!({ "k": text }) } else { json!(null) } });
            let result = finished(&modern("tools/list", true), &inner.to_string());
            proptest::prop_assert_eq!(&result["text"], &json!(text));
            proptest::prop_assert_eq!(&result["resultType"], &json!("complete"));
        }
    }
}
