//! Lambda's own way: paths, and JSON (<https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html>).

use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value};

use super::{Fault, Plus, Reply, decode, pairs};

/// Method, pattern and action; `*` is a parameter, whose names follow.
const ROUTES: &[(Method, &str, &str, &[&str])] = &[
    (Method::GET, "account-settings", "GetAccountSettings", &[]),
    (Method::GET, "functions", "ListFunctions", &[]),
    (Method::GET, "functions/*", "GetFunction", &["FunctionName"]),
    (Method::DELETE, "functions/*", "DeleteFunction", &["FunctionName"]),
    (Method::GET, "functions/*/configuration", "GetFunctionConfiguration", &["FunctionName"]),
    (Method::PUT, "functions/*/configuration", "UpdateFunctionConfiguration", &["FunctionName"]),
    (Method::GET, "functions/*/concurrency", "GetFunctionConcurrency", &["FunctionName"]),
    (Method::GET, "functions/*/versions", "ListVersionsByFunction", &["FunctionName"]),
    (Method::POST, "functions/*/versions", "PublishVersion", &["FunctionName"]),
    (Method::GET, "functions/*/aliases", "ListAliases", &["FunctionName"]),
    (Method::GET, "functions/*/aliases/*", "GetAlias", &["FunctionName", "Name"]),
    (Method::PUT, "functions/*/aliases/*", "UpdateAlias", &["FunctionName", "Name"]),
    (Method::GET, "functions/*/policy", "GetPolicy", &["FunctionName"]),
    (Method::GET, "functions/*/url", "GetFunctionUrlConfig", &["FunctionName"]),
    (Method::GET, "functions/*/urls", "ListFunctionUrlConfigs", &["FunctionName"]),
    (Method::GET, "functions/*/provisioned-concurrency", "GetProvisionedConcurrencyConfig", &["FunctionName"]),
    (Method::PUT, "functions/*/provisioned-concurrency", "PutProvisionedConcurrencyConfig", &["FunctionName"]),
    (Method::DELETE, "functions/*/provisioned-concurrency", "DeleteProvisionedConcurrencyConfig", &["FunctionName"]),
    (Method::POST, "functions/*/invocations", "Invoke", &["FunctionName"]),
];

pub(super) fn read(
    method: &Method,
    path: &str,
    query: &str,
    body: &Bytes,
) -> Result<(String, Map<String, Value>), Fault> {
    // The first segment is the date of the API.
    let segments: Vec<String> =
        path.split('/').filter(|part| !part.is_empty()).skip(1).map(|part| decode(part, Plus::IsPlus)).collect();
    let mut parameters: Map<String, Value> = pairs(query).map(|(name, value)| (name, Value::String(value))).collect();
    for (of_method, pattern, action, names) in ROUTES {
        let pattern: Vec<&str> = pattern.split('/').collect();
        let fits = pattern.len() == segments.len()
            && pattern.iter().zip(&segments).all(|(pattern, segment)| *pattern == "*" || pattern == segment);
        if !fits || of_method != method {
            continue;
        }
        let wild = pattern.iter().zip(segments).filter(|(pattern, _)| **pattern == "*");
        parameters.extend(names.iter().zip(wild).map(|(name, (_, value))| ((*name).to_owned(), Value::String(value))));
        if *action != "Invoke"
            && let Ok(Value::Object(members)) = serde_json::from_slice(body)
        {
            parameters.extend(members);
        }
        return Ok(((*action).to_owned(), parameters));
    }
    Ok((format!("{method} {}", segments.join("/")), parameters))
}

pub(super) fn write(reply: Result<Reply, Fault>) -> (u16, Vec<(&'static str, String)>, Bytes) {
    match reply {
        Ok(mut reply) => {
            if let Some(raw) = reply.raw {
                return (reply.status, reply.headers, raw);
            }
            reply.headers.push(("content-type", "application/json".to_owned()));
            let body = if reply.members.is_null() { String::new() } else { reply.members.to_string() };
            (reply.status, reply.headers, body.into())
        }
        Err(mut fault) => {
            fault.headers.push(("content-type", "application/json".to_owned()));
            fault.headers.push(("x-amzn-errortype", fault.code));
            let side = if fault.status < 500 { "User" } else { "Service" };
            let body = serde_json::json!({ "Type": side, "Message": fault.message, "message": fault.message });
            (fault.status, fault.headers, body.to_string().into())
        }
    }
}
