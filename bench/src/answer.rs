//! Takes apart what a program posted to the Runtime API, and checks it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::case::{Case, ReplyMode};

/// What separates the prelude of a response stream from its body.
const DELIMITER: [u8; 8] = [0; 8];
/// How much of a wrong answer an error shows.
const SHOWN: usize = 300;

/// What is wrong with an answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WrongAnswer {
    /// A buffered reply was asked for and a stream came, or the other way round.
    #[error("expected a {expected:?} reply, got a {got:?} one")]
    Mode {
        /// What the case asks for.
        expected: ReplyMode,
        /// What came.
        got: ReplyMode,
    },
    /// Something that must be JSON is not.
    #[error("{what} is not JSON: {shown}")]
    Json {
        /// What was to be read.
        what: &'static str,
        /// Its beginning.
        shown: String,
        /// Where the parser stopped.
        source: serde_json::Error,
    },
    /// The body is said to be base64 and is not.
    #[error("the body is not base64")]
    Base64(#[source] base64::DecodeError),
    /// Something else was expected.
    #[error("expected {expected}, got {shown}")]
    Unexpected {
        /// What was expected.
        expected: String,
        /// The beginning of what came.
        shown: String,
    },
}

impl WrongAnswer {
    pub(crate) fn unexpected(expected: &str, got: &Value) -> Self {
        Self::Unexpected { expected: expected.to_owned(), shown: shown(got.to_string().as_bytes()) }
    }
}

/// The beginning of `bytes`, fit for an error message.
pub(crate) fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..SHOWN).unwrap_or(bytes)).into_owned()
}

/// Checks the bytes a program posted as its answer to `case`.
///
/// # Errors
///
/// Says what differs from the answer expected.
pub fn check(case: &Case, mode: ReplyMode, posted: &[u8]) -> Result<(), WrongAnswer> {
    if mode != case.reply {
        return Err(WrongAnswer::Mode { expected: case.reply, got: mode });
    }
    let (envelope, body) = match mode {
        ReplyMode::Buffered => {
            let envelope = json("the reply", posted)?;
            let body = buffered_body(&envelope)?;
            (envelope, body)
        }
        ReplyMode::Streamed => {
            let Some(at) = posted.windows(DELIMITER.len()).position(|eight| eight == DELIMITER) else {
                return Err(WrongAnswer::Unexpected {
                    expected: "a prelude and eight zero bytes".to_owned(),
                    shown: shown(posted),
                });
            };
            let (prelude, rest) = posted.split_at(at);
            (json("the prelude", prelude)?, rest.get(DELIMITER.len()..).unwrap_or_default().to_vec())
        }
    };
    if envelope["statusCode"] != 200 && case.call != crate::case::Call::UnknownTool {
        return Err(WrongAnswer::unexpected("status 200", &envelope));
    }
    let Some(content_type) = content_type(&envelope) else {
        return Err(WrongAnswer::unexpected("a content type", &envelope));
    };
    let response = if content_type.starts_with("text/event-stream") {
        last_event(&body)
    } else if content_type.starts_with("application/json") {
        &body
    } else {
        return Err(WrongAnswer::unexpected("JSON or an event stream", &envelope));
    };
    case.check(&json("the body", response)?)
}

fn json(what: &'static str, bytes: &[u8]) -> Result<Value, WrongAnswer> {
    serde_json::from_slice(bytes).map_err(|source| WrongAnswer::Json { what, shown: shown(bytes), source })
}

fn buffered_body(envelope: &Value) -> Result<Vec<u8>, WrongAnswer> {
    let Some(text) = envelope["body"].as_str() else {
        return Err(WrongAnswer::unexpected("a body", envelope));
    };
    if envelope["isBase64Encoded"] == true {
        STANDARD.decode(text).map_err(WrongAnswer::Base64)
    } else {
        Ok(text.as_bytes().to_vec())
    }
}

fn content_type(envelope: &Value) -> Option<&str> {
    ["headers", "multiValueHeaders"].into_iter().filter_map(|member| envelope[member].as_object()).find_map(|headers| {
        let (_, value) = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"))?;
        value.as_str().or_else(|| value[0].as_str())
    })
}

/// The data of the last event of an SSE stream that has any.
fn last_event(stream: &[u8]) -> &[u8] {
    stream
        .split(|&byte| byte == b'\n')
        .filter_map(|line| line.strip_prefix(b"data:"))
        .map(<[u8]>::trim_ascii)
        .rfind(|data| !data.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"hello"}]}}"#;

    fn envelope(status: u16, body: &str) -> Vec<u8> {
        let value = serde_json::json!({
            "statusCode": status, "headers": {"Content-Type": "application/json"}, "body": body
        });
        value.to_string().into_bytes()
    }

    #[test]
    fn accepts_the_right_answer_buffered_and_streamed() {
        check(&Case::default(), ReplyMode::Buffered, &envelope(200, RIGHT)).unwrap();
        let streamed = Case { reply: ReplyMode::Streamed, ..Case::default() };
        let prelude = r#"{"statusCode":200,"headers":{"content-type":"text/event-stream"}}"#;
        let posted = format!("{prelude}\0\0\0\0\0\0\0\0data: \n\ndata: {RIGHT}\n\n");
        check(&streamed, ReplyMode::Streamed, posted.as_bytes()).unwrap();
    }

    #[test]
    fn refuses_another_text_status_id_or_mode() {
        let case = Case::default();
        check(&case, ReplyMode::Buffered, &envelope(200, &RIGHT.replace("hello", "hallo"))).unwrap_err();
        check(&case, ReplyMode::Buffered, &envelope(200, &RIGHT.replace(r#""id":1"#, r#""id":2"#))).unwrap_err();
        check(&case, ReplyMode::Buffered, &envelope(500, RIGHT)).unwrap_err();
        check(&case, ReplyMode::Streamed, &envelope(200, RIGHT)).unwrap_err();
        check(&case, ReplyMode::Buffered, b"").unwrap_err();
    }
}
