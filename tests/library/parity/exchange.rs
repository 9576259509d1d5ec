//! One exchange of a client with the server: what is sent, what must come back, and what of it may depend on the
//! trigger.

use mcp_cloud_emulator::Trigger;
use serde_json::{Value, json};

use crate::wire::Reply;

/// A request of a client, and what must come back.
pub(super) struct Exchange {
    pub(super) name: &'static str,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
    /// The id that the answer must carry.
    id: Value,
    wanted: Wanted,
    differs: Differs,
}

/// What is sent.
pub(super) enum Body {
    Text(String),
    /// A request made of the message that came back last.
    After(fn(&Value) -> Value),
}

/// What must come back.
enum Wanted {
    /// A result with all of these texts in it.
    Result(Vec<&'static str>),
    /// An error, with this member `data`.
    Error { status: u16, code: i64, data: Value },
    /// Answers to these ids in any order, each a result or an error with this code.
    Answers(Vec<(Value, Option<i64>)>),
    /// No body.
    Nothing(u16),
    /// No JSON-RPC at all.
    Text(u16, &'static str),
}

/// What of a reply may depend on the trigger. Everything else must be the same, byte for byte.
enum Differs {
    Nothing,
    /// A server does not promise notifications of changes where nothing can be sent but answers.
    PromisesWhereBuffered,
    /// The value of this member of the result, whose text holds the time it was made at.
    Member(&'static str),
    /// The error's message: of a header that is repeated, each gateway makes something else.
    Wording,
}

/// A POST with a body that may be anything.
pub(super) fn post(name: &'static str, headers: &[(&'static str, &str)], body: impl ToString) -> Exchange {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Exchange {
        name,
        method: "POST",
        path: "/mcp",
        headers,
        body: Body::Text(body.to_string()),
        id: Value::Null,
        wanted: Wanted::Result(Vec::new()),
        differs: Differs::Nothing,
    }
}

/// A request of the legacy era, from a client that agreed on 2025-11-25.
pub(super) fn legacy(name: &'static str, method: &str, params: Value) -> Exchange {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    post(name, &[("mcp-protocol-version", "2025-11-25")], body).with_id(1)
}

/// A request of the modern era, from a client without capabilities.
pub(super) fn modern(name: &'static str, method: &str, params: Value) -> Exchange {
    able(name, method, params, json!({}))
}

/// A request of the modern era, from a client with these capabilities.
pub(super) fn able(name: &'static str, method: &str, params: Value, capabilities: Value) -> Exchange {
    let body = modern_body(method, params, capabilities);
    let named = &body["params"];
    let named = ["name", "uri", "taskId"].into_iter().find_map(|member| named[member].as_str().map(str::to_owned));
    let mut exchange =
        post(name, &[("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)], &body).with_id("m");
    // Names of the other methods are repeated nowhere.
    let is_named = ["tools/call", "prompts/get", "resources/read"].contains(&method) || method.starts_with("tasks/");
    exchange.headers.extend(named.filter(|_| is_named).map(|named| ("mcp-name", named)));
    exchange
}

/// The body of a request of the modern era.
pub(super) fn modern_body(method: &str, mut params: Value, capabilities: Value) -> Value {
    params["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
    params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = capabilities;
    json!({ "jsonrpc": "2.0", "id": "m", "method": method, "params": params })
}

impl Exchange {
    pub(super) fn with_method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    pub(super) fn with_path(mut self, path: &'static str) -> Self {
        self.path = path;
        self
    }

    /// Sends one more header, or a second one of that name.
    pub(super) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Sends the header with this value, or not at all.
    pub(super) fn with_header_instead(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.headers.retain(|(found, _)| *found != name);
        self.headers.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    /// The id that the answer must carry.
    pub(super) fn with_id(mut self, id: impl Into<Value>) -> Self {
        self.id = id.into();
        self
    }

    /// Sends what is made of the message that came back last.
    pub(super) fn after(mut self, body: fn(&Value) -> Value) -> Self {
        self.body = Body::After(body);
        self
    }

    /// A result with all of these texts in it must come back.
    pub(super) fn gives<const N: usize>(mut self, texts: [&'static str; N]) -> Self {
        self.wanted = Wanted::Result(texts.to_vec());
        self
    }

    /// An error without `data` must come back.
    pub(super) fn refused(self, status: u16, code: i64) -> Self {
        self.refused_with(status, code, Value::Null)
    }

    /// An error with `data` must come back.
    pub(super) fn refused_with(mut self, status: u16, code: i64, data: Value) -> Self {
        self.wanted = Wanted::Error { status, code, data };
        self
    }

    /// An array of answers must come back, each a result or an error with this code.
    pub(super) fn answers<const N: usize>(mut self, answers: [(Value, Option<i64>); N]) -> Self {
        self.wanted = Wanted::Answers(answers.to_vec());
        self
    }

    /// A status and no body must come back.
    pub(super) fn taken(mut self, status: u16) -> Self {
        self.wanted = Wanted::Nothing(status);
        self
    }

    /// What is no JSON-RPC must come back.
    pub(super) fn says(mut self, status: u16, text: &'static str) -> Self {
        self.wanted = Wanted::Text(status, text);
        self
    }

    /// The server introduces itself, and promises only what the trigger can carry.
    pub(super) fn promises_what_the_trigger_carries(mut self) -> Self {
        self.differs = Differs::PromisesWhereBuffered;
        self
    }

    /// This member of the result holds the time it was made at, so no two are the same.
    pub(super) fn with_new(mut self, member: &'static str) -> Self {
        self.differs = Differs::Member(member);
        self
    }

    /// A header is repeated. Gateways keep both, join them or drop the first, so that the transport sees another fault.
    pub(super) fn with_any_wording(mut self) -> Self {
        self.differs = Differs::Wording;
        self
    }

    /// Fails unless this is what must come back, wherever it comes from.
    pub(super) fn check(&self, trigger: Trigger, reply: &Reply) {
        let name = format!("{trigger}: {}: {reply:?}", self.name);
        let message = reply.message();
        match &self.wanted {
            Wanted::Result(texts) => {
                assert_eq!(reply.status, 200, "{name}");
                assert!(message["result"].is_object() && message["id"] == self.id, "{name}");
                for text in texts {
                    assert!(reply.body.contains(text), "`{text}` is missing: {name}");
                }
            }
            Wanted::Error { status, code, data } => {
                let error = &message["error"];
                let found = (reply.status, error["code"].as_i64(), &error["data"], &message["id"]);
                assert_eq!(found, (*status, Some(*code), data, &self.id), "{name}");
                assert!(error["message"].as_str().is_some_and(|text| text.len() > 5), "{name}");
            }
            Wanted::Answers(wanted) => {
                assert_eq!(reply.status, 200, "{name}");
                let answers = message.as_array().unwrap_or_else(|| panic!("{name}"));
                assert_eq!(answers.len(), wanted.len(), "{name}");
                for (id, code) in wanted {
                    let answer = answers.iter().find(|answer| answer["id"] == *id).unwrap_or_else(|| panic!("{name}"));
                    assert_eq!(answer["error"]["code"].as_i64(), *code, "{name}");
                    assert_eq!(answer["result"].is_object(), code.is_none(), "{name}");
                }
            }
            Wanted::Nothing(status) => assert_eq!((reply.status, reply.body.trim_end()), (*status, ""), "{name}"),
            Wanted::Text(status, text) => assert_eq!((reply.status, reply.body.as_str()), (*status, *text), "{name}"),
        }
        if reply.status == 405 {
            assert_eq!(reply.header("allow"), Some("POST"), "{name}");
        }
    }

    /// Fails unless the reply is the one that came without any platform between.
    pub(super) fn compare(&self, trigger: Trigger, reply: &Reply, direct: &Reply) {
        let name = format!("{trigger}: {}", self.name);
        assert_eq!(reply.status, direct.status, "{name}");
        if matches!(self.wanted, Wanted::Nothing(_)) {
            // A gateway or a host may name a type for a reply that has no body, and behind a streaming gateway it
            // carries a newline, without which it would never end.
            return;
        }
        assert_eq!(reply.media_type, direct.media_type, "{name}");
        let without = |reply: &Reply, part: &str, member: &str| {
            let mut message = reply.message();
            assert!(message[part][member].take().is_string(), "{name}: {reply:?}");
            message
        };
        match &self.differs {
            Differs::PromisesWhereBuffered if !trigger.streams() => {
                assert!(direct.body.contains("listChanged") && !reply.body.contains("listChanged"), "{name}");
                assert_eq!(reply.message(), without_promises(direct.message()), "{name}");
            }
            Differs::Nothing | Differs::PromisesWhereBuffered => assert_eq!(reply.body, direct.body, "{name}"),
            Differs::Member(member) => {
                assert_eq!(without(reply, "result", member), without(direct, "result", member), "{name}");
            }
            Differs::Wording => {
                assert_eq!(without(reply, "error", "message"), without(direct, "error", "message"), "{name}");
            }
        }
    }
}

/// An introduction without what only a stream that stays open could keep.
fn without_promises(mut introduction: Value) -> Value {
    for (area, promise) in
        [("tools", "listChanged"), ("prompts", "listChanged"), ("resources", "listChanged"), ("resources", "subscribe")]
    {
        let area = introduction["result"]["capabilities"][area].as_object_mut();
        area.and_then(|area| area.remove(promise)).expect("the server promises it where it can");
    }
    introduction
}
