//! The documents of payload mode: a request as `Data` and `Metadata`, a response out of `Outputs` or `ReturnValue`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Map, Value, json};

use super::FUNCTION_NAME;
use crate::trigger::{
    Facts,
    request::{decoded_query_pairs, media_type, text, title_case, utc_time},
};

/// Name of the function's HTTP output.
const OUTPUT: &str = "res";

/// Why the host can make no response of a handler's reply; the function then fails with an empty `500`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the handler's reply is malformed: {reason}")]
pub struct Malformed {
    /// What is wrong with it.
    pub reason: String,
}

impl Malformed {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// The document the host posts for `request`.
#[must_use]
pub fn request(request: &Request<Bytes>, facts: &Facts) -> Value {
    let uri = request.uri();
    let host = text(request.headers(), "host").unwrap_or("localhost");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut query = Map::new();
    for (name, value) in decoded_query_pairs(uri.query().unwrap_or_default()) {
        match query.get_mut(&name) {
            Some(Value::String(before)) => {
                before.push(',');
                before.push_str(&value);
            }
            _ => {
                query.insert(name, value.into());
            }
        }
    }
    let mut headers: Map<String, Value> = Map::new();
    let mut joined: Map<String, Value> = Map::new();
    for name in request.headers().keys() {
        let values: Vec<String> = request
            .headers()
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        let name = title_case(name.as_str());
        joined.insert(name.clone(), values.join(",").into());
        headers.insert(name, values.into());
    }
    let parameters = json!({"route": uri.path().trim_start_matches('/')});
    let mut data = json!({
        "Url": format!("http://{host}{path}"),
        "Method": request.method().as_str(),
        "Query": query.clone(),
        "Headers": headers,
        "Params": parameters,
        "Identities": [{
            "AuthenticationType": null,
            "IsAuthenticated": false,
            "Actor": null,
            "BootstrapContext": null,
            "Claims": [],
            "Label": null,
            "Name": null,
            "NameClaimType": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name",
            "RoleClaimType": "http://schemas.microsoft.com/ws/2008/06/identity/claims/role",
        }],
    });
    if !request.body().is_empty() {
        let is_binary = media_type(request.headers())
            .is_some_and(|media_type| media_type == "application/octet-stream" || media_type.starts_with("multipart/"));
        data["Body"] = if is_binary {
            STANDARD.encode(request.body()).into()
        } else {
            String::from_utf8_lossy(request.body()).into_owned().into()
        };
    }
    json!({
        "Data": {"req": data},
        "Metadata": {
            "Query": query,
            "Headers": joined,
            "Params": parameters,
            "sys": {
                "MethodName": FUNCTION_NAME,
                "UtcNow": utc_time(facts.time),
                "RandGuid": facts.request_id,
            },
        },
    })
}

/// The response the host makes of the handler's reply: of `Outputs.res`, or of `ReturnValue` if there is none.
///
/// In an output, only `statusCode` is the status; `status` alone is ignored. Strings are bodies as they are.
///
/// # Errors
///
/// If the reply is not `{"Outputs":{"res":{"statusCode":…,"body":…,"headers":{…}}},…}`, and has no `ReturnValue` either:
/// there the host itself would answer `200` and `{}`, which no handler can want.
pub fn response(reply: &[u8]) -> Result<Response<Bytes>, Malformed> {
    let Ok(Value::Object(reply)) = serde_json::from_slice(reply) else {
        return Err(Malformed::new("it is not a JSON object"));
    };
    if let Some(Value::Object(outputs)) = field(&reply, "Outputs")
        && let Some(output) = field(outputs, OUTPUT)
    {
        return output_response(output);
    }
    match field(&reply, "ReturnValue") {
        None | Some(Value::Null) => Err(Malformed::new("it has neither the output `res` nor a `ReturnValue`")),
        Some(value) => returned_response(value),
    }
}

/// The host's JSON reader takes names in any case.
fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn output_response(output: &Value) -> Result<Response<Bytes>, Malformed> {
    let parsed;
    let output = match output {
        Value::Object(output) => output,
        // The output's text is read again, so a string that holds an object will do.
        Value::String(text) => {
            parsed = serde_json::from_str::<Map<String, Value>>(text)
                .map_err(|_| Malformed::new("the output `res` is no object"))?;
            &parsed
        }
        _ => return Err(Malformed::new("the output `res` is no object")),
    };
    object_response(output, field(output, "statusCode"))
}

fn returned_response(value: &Value) -> Result<Response<Bytes>, Malformed> {
    match value {
        Value::Object(object) if field(object, "body").is_some() => {
            object_response(object, field(object, "statusCode").or_else(|| field(object, "status")))
        }
        // Strings that can be base64 are taken for it, so a bare token comes out as bytes.
        Value::String(text) => {
            let body = STANDARD.decode(text).map_or_else(|_| Bytes::from(text.clone()), Bytes::from);
            let mut response = Response::new(body);
            default_content_type(&mut response);
            Ok(response)
        }
        value => {
            let mut response = Response::new(Bytes::from(value.to_string()));
            default_content_type(&mut response);
            Ok(response)
        }
    }
}

fn object_response(object: &Map<String, Value>, status_code: Option<&Value>) -> Result<Response<Bytes>, Malformed> {
    let body = match field(object, "body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) => Bytes::from(text.clone()),
        Some(value) => Bytes::from(value.to_string()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status(status_code)?;
    let headers = match field(object, "headers") {
        None | Some(Value::Null) => None,
        Some(Value::Object(headers)) => Some(headers),
        Some(_) => return Err(Malformed::new("`headers` is no object")),
    };
    for (name, value) in headers.into_iter().flatten() {
        let value = match value {
            Value::String(value) => value.clone(),
            value => value.to_string(),
        };
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value)) else {
            return Err(Malformed::new("a header has an invalid name or value"));
        };
        // One value a name.
        if name != http::header::CONTENT_LENGTH && name != http::header::TRANSFER_ENCODING {
            response.headers_mut().insert(name, value);
        }
    }
    default_content_type(&mut response);
    if [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&response.status()) {
        *response.body_mut() = Bytes::new();
    }
    Ok(response)
}

/// The status; `200` if there is none, or none that is a number.
fn status(status: Option<&Value>) -> Result<StatusCode, Malformed> {
    let number = match status {
        None | Some(Value::Null) => return Ok(StatusCode::OK),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => match text.parse::<i32>() {
            Ok(number) => u64::try_from(number).ok(),
            Err(_) => return Ok(StatusCode::OK),
        },
        Some(_) => None,
    };
    number
        .and_then(|number| u16::try_from(number).ok())
        .filter(|number| (200..600).contains(number))
        .and_then(|number| StatusCode::from_u16(number).ok())
        .ok_or_else(|| Malformed::new("`statusCode` is no final HTTP status"))
}

/// Without a type of the handler's own, whatever it returned is text.
fn default_content_type(response: &mut Response<Bytes>) {
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().entry(CONTENT_TYPE).or_insert(text);
}
