//! What is asked: one MCP exchange, and the trigger that carries it.

use std::fmt;

use serde_json::Value;

use crate::answer::WrongAnswer;
use crate::event;

/// Where the event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Trigger {
    /// API Gateway HTTP API, payload 2.0.
    #[default]
    HttpApi,
    /// Lambda function URL: payload 2.0 with the URL's own domain name.
    FunctionUrl,
    /// API Gateway REST API, payload 1.0.
    RestApi,
    /// Application Load Balancer.
    Alb,
}

/// How the MCP client introduces itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Era {
    /// 2025-11-25: the request says nothing about its client.
    #[default]
    Legacy,
    /// 2026-07-28: each request carries its own metadata, and headers that mirror it.
    Modern,
}

/// What the MCP client calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Call {
    /// `tools/call` of `echo`, with a text of [`Case::size`] bytes.
    #[default]
    Echo,
    /// `tools/call` of `add`, two and three.
    Add,
    /// `tools/call` of `blob`: a result of [`Case::size`] bytes.
    Blob,
    /// `tools/call` of a tool that does not exist.
    UnknownTool,
    /// `tools/list`.
    ToolsList,
    /// `initialize`, which only the legacy era has.
    Initialize,
}

/// How the body sits in the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum BodyEncoding {
    /// As a JSON string.
    #[default]
    Text,
    /// As base64, which gateways do with media types they call binary.
    Base64,
}

/// In which order the message's members come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum MemberOrder {
    /// `method` before `params`.
    #[default]
    MethodFirst,
    /// `params` before `method`, as some serialisers write them.
    ParamsFirst,
}

/// How the program has to answer the Runtime API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum ReplyMode {
    /// One JSON document.
    #[default]
    Buffered,
    /// A response stream: prelude, eight zero bytes, body.
    Streamed,
}

/// One thing to ask, over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub struct Case {
    /// Trigger the event comes from
    #[arg(long, value_enum, default_value_t)]
    pub trigger: Trigger,
    /// Era of the protocol
    #[arg(long, value_enum, default_value_t)]
    pub era: Era,
    /// What is called
    #[arg(long, value_enum, default_value_t)]
    pub call: Call,
    /// Bytes of text in the call or in its result
    #[arg(long, default_value_t = 5)]
    pub size: usize,
    /// How the body sits in the event
    #[arg(long, value_enum, default_value_t)]
    pub body: BodyEncoding,
    /// Order of the message's members
    #[arg(long, value_enum, default_value_t)]
    pub members: MemberOrder,
    /// How the program has to answer
    #[arg(long, value_enum, default_value_t)]
    pub reply: ReplyMode,
}

impl Default for Case {
    /// `echo("hello")` through an HTTP API in the legacy era: the case every peer can answer.
    fn default() -> Self {
        Self {
            trigger: Trigger::default(),
            era: Era::default(),
            call: Call::default(),
            size: 5,
            body: BodyEncoding::default(),
            members: MemberOrder::default(),
            reply: ReplyMode::default(),
        }
    }
}

impl Case {
    /// The event a Lambda function gets.
    #[must_use]
    pub fn event(&self) -> Vec<u8> {
        event::build(self)
    }

    /// The JSON-RPC message.
    pub(crate) fn message(&self) -> String {
        let (method, params) = (self.method(), self.params());
        match self.members {
            MemberOrder::MethodFirst => {
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
            }
            MemberOrder::ParamsFirst => {
                format!(r#"{{"params":{params},"method":"{method}","jsonrpc":"2.0","id":1}}"#)
            }
        }
    }

    /// The headers an MCP client sends with a message of `length` bytes, sorted by name.
    pub(crate) fn headers(&self, length: usize) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("accept", "application/json, text/event-stream".to_owned()),
            ("accept-encoding", "gzip, deflate, br".to_owned()),
            ("accept-language", "*".to_owned()),
            ("content-length", length.to_string()),
            ("content-type", "application/json".to_owned()),
        ];
        if self.era() == Era::Modern {
            headers.push(("mcp-method", self.method().to_owned()));
            if let Some(tool) = self.tool() {
                headers.push(("mcp-name", tool.to_owned()));
            }
        }
        if self.call != Call::Initialize {
            headers.push(("mcp-protocol-version", self.protocol_version().to_owned()));
        }
        headers.push(("sec-fetch-mode", "cors".to_owned()));
        headers.push(("user-agent", "bench/1.0".to_owned()));
        headers
    }

    /// Checks the JSON-RPC response to [`Case::message`].
    pub(crate) fn check(&self, response: &Value) -> Result<(), WrongAnswer> {
        let wrong = |expected: &str| Err(WrongAnswer::unexpected(expected, response));
        if response["jsonrpc"] != "2.0" || response["id"] != 1 {
            return wrong("a JSON-RPC response with the request's id");
        }
        let result = &response["result"];
        if self.call == Call::UnknownTool {
            let refused = response["error"]["code"].is_i64() || result["isError"] == true;
            return if refused { Ok(()) } else { wrong("an error, the tool does not exist") };
        }
        if self.era() == Era::Modern && result["resultType"] != "complete" {
            return wrong("a result of type `complete`");
        }
        let right = match self.call {
            Call::Initialize => result["protocolVersion"] == self.protocol_version(),
            Call::ToolsList => result["tools"]
                .as_array()
                .is_some_and(|tools| ["echo", "add"].iter().all(|name| tools.iter().any(|tool| tool["name"] == *name))),
            Call::Echo | Call::Add | Call::Blob | Call::UnknownTool => {
                result["content"][0]["text"] == self.expected_text() && result["isError"] != true
            }
        };
        if right { Ok(()) } else { wrong("the result of the call") }
    }

    fn era(&self) -> Era {
        if self.call == Call::Initialize { Era::Legacy } else { self.era }
    }

    fn protocol_version(&self) -> &'static str {
        match self.era() {
            Era::Legacy => "2025-11-25",
            Era::Modern => "2026-07-28",
        }
    }

    fn method(&self) -> &'static str {
        match self.call {
            Call::Echo | Call::Add | Call::Blob | Call::UnknownTool => "tools/call",
            Call::ToolsList => "tools/list",
            Call::Initialize => "initialize",
        }
    }

    fn tool(&self) -> Option<&'static str> {
        match self.call {
            Call::Echo => Some("echo"),
            Call::Add => Some("add"),
            Call::Blob => Some("blob"),
            Call::UnknownTool => Some("nothing"),
            Call::ToolsList | Call::Initialize => None,
        }
    }

    fn params(&self) -> String {
        let meta = match self.era() {
            Era::Legacy => "",
            Era::Modern => concat!(
                r#","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","#,
                r#""io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0"},"#,
                r#""io.modelcontextprotocol/clientCapabilities":{}}"#
            ),
        };
        let arguments = match self.call {
            Call::Echo => format!(r#"{{"text":{}}}"#, Value::from(self.expected_text())),
            Call::Add => r#"{"a":2,"b":3}"#.to_owned(),
            Call::Blob => format!(r#"{{"n":{}}}"#, self.size),
            Call::UnknownTool => "{}".to_owned(),
            Call::ToolsList => return format!("{{{}}}", meta.trim_start_matches(',')),
            Call::Initialize => {
                return concat!(
                    r#"{"protocolVersion":"2025-11-25","capabilities":{},"#,
                    r#""clientInfo":{"name":"bench","version":"1.0"}}"#
                )
                .to_owned();
            }
        };
        format!(r#"{{"name":"{}","arguments":{arguments}{meta}}}"#, self.tool().unwrap_or_default())
    }

    /// The text in the tool's result.
    fn expected_text(&self) -> String {
        match self.call {
            Call::Add => "5".to_owned(),
            Call::Blob => "x".repeat(self.size),
            _ if self.size == 5 => "hello".to_owned(),
            // Prose, with as many characters to escape as prose has.
            _ => "A tool said: \"it is done\", and it was so, as far as anybody could tell.\n"
                .chars()
                .cycle()
                .take(self.size)
                .collect(),
        }
    }
}

/// Names the case by what differs from the default.
impl fmt::Display for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let trigger = match self.trigger {
            Trigger::HttpApi => "http-api",
            Trigger::FunctionUrl => "function-url",
            Trigger::RestApi => "rest-api",
            Trigger::Alb => "alb",
        };
        let call = match self.call {
            Call::Echo => "echo",
            Call::Add => "add",
            Call::Blob => "blob",
            Call::UnknownTool => "unknown tool",
            Call::ToolsList => "tools/list",
            Call::Initialize => "initialize",
        };
        write!(formatter, "{trigger}, {call}")?;
        if self.size != 5 {
            write!(formatter, " of {} bytes", self.size)?;
        }
        if self.era() == Era::Modern {
            formatter.write_str(", 2026-07-28")?;
        }
        if self.body == BodyEncoding::Base64 {
            formatter.write_str(", base64")?;
        }
        if self.members == MemberOrder::ParamsFirst {
            formatter.write_str(", params first")?;
        }
        if self.reply == ReplyMode::Streamed {
            formatter.write_str(", streamed")?;
        }
        Ok(())
    }
}
