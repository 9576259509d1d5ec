//! Writes a case as the event of its trigger, members in the order AWS sends them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::case::{BodyEncoding, Case, Trigger};

const API_DOMAIN: &str = "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com";
const URL_DOMAIN: &str = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-west-1.on.aws";
const BALANCER_DOMAIN: &str = "bench-1234567890.eu-west-1.elb.amazonaws.com";

/// The event, as the Runtime API hands it over.
pub(crate) fn build(case: &Case) -> Vec<u8> {
    let message = case.message();
    let domain = match case.trigger {
        Trigger::HttpApi | Trigger::RestApi => API_DOMAIN,
        Trigger::FunctionUrl => URL_DOMAIN,
        Trigger::Alb => BALANCER_DOMAIN,
    };
    let headers = headers(case, message.len(), domain);
    let (body, encoded) = match case.body {
        BodyEncoding::Text => (Value::from(message), false),
        BodyEncoding::Base64 => (Value::from(STANDARD.encode(message)), true),
    };
    let single = object(&headers, |value| Value::from(value).to_string());
    let event = match case.trigger {
        Trigger::HttpApi | Trigger::FunctionUrl => payload_2(domain, &single, &body, encoded),
        Trigger::RestApi => {
            let multiple = object(&headers, |value| Value::from(vec![value]).to_string());
            payload_1(&single, &multiple, &body, encoded)
        }
        Trigger::Alb => format!(
            r#"{{"requestContext":{{"elb":{{"targetGroupArn":"arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/bench/49e9d65c45c6791a"}}}},"httpMethod":"POST","path":"/mcp","queryStringParameters":{{}},"headers":{single},"body":{body},"isBase64Encoded":{encoded}}}"#
        ),
    };
    event.into_bytes()
}

/// What the client sends and what the gateway adds, sorted by name.
fn headers(case: &Case, length: usize, domain: &str) -> Vec<(&'static str, String)> {
    let mut headers = case.headers(length);
    for (name, value) in [
        ("host", domain),
        ("x-amzn-trace-id", "Root=1-5e1b4151-5ac6c58f5b5daa6e9a7d4c2e"),
        ("x-forwarded-for", "203.0.113.17"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
    ] {
        headers.push((name, value.to_owned()));
    }
    headers.sort_unstable();
    headers
}

fn object(headers: &[(&'static str, String)], value_of: impl Fn(&str) -> String) -> String {
    let members: Vec<String> = headers.iter().map(|(name, value)| format!(r#""{name}":{}"#, value_of(value))).collect();
    format!("{{{}}}", members.join(","))
}

fn payload_2(domain: &str, headers: &str, body: &Value, encoded: bool) -> String {
    let prefix = domain.split('.').next().unwrap_or_default();
    format!(
        concat!(
            r#"{{"version":"2.0","routeKey":"$default","rawPath":"/mcp","rawQueryString":"","headers":{headers},"#,
            r#""requestContext":{{"accountId":"123456789012","apiId":"{prefix}","domainName":"{domain}","#,
            r#""domainPrefix":"{prefix}","http":{{"method":"POST","path":"/mcp","protocol":"HTTP/1.1","#,
            r#""sourceIp":"203.0.113.17","userAgent":"bench/1.0"}},"requestId":"GTn5bHk4DoEFZ9Q=","#,
            r#""routeKey":"$default","stage":"$default","time":"20/Nov/2026:10:00:00 +0000","#,
            r#""timeEpoch":1795168800000}},"body":{body},"isBase64Encoded":{encoded}}}"#
        ),
        headers = headers,
        prefix = prefix,
        domain = domain,
        body = body,
        encoded = encoded,
    )
}

fn payload_1(headers: &str, multiple: &str, body: &Value, encoded: bool) -> String {
    format!(
        concat!(
            r#"{{"resource":"/mcp","path":"/mcp","httpMethod":"POST","headers":{headers},"#,
            r#""multiValueHeaders":{multiple},"queryStringParameters":null,"multiValueQueryStringParameters":null,"#,
            r#""pathParameters":null,"stageVariables":null,"requestContext":{{"resourceId":"abc123","#,
            r#""resourcePath":"/mcp","httpMethod":"POST","extendedRequestId":"GTn5bHk4DoEFZ9Q=","#,
            r#""requestTime":"20/Nov/2026:10:00:00 +0000","path":"/prod/mcp","accountId":"123456789012","#,
            r#""protocol":"HTTP/1.1","stage":"prod","domainPrefix":"a1b2c3d4e5","requestTimeEpoch":1795168800000,"#,
            r#""requestId":"c6af9ac6-7b61-11e6-9a41-93e8deadbeef","identity":{{"cognitoIdentityPoolId":null,"#,
            r#""accountId":null,"cognitoIdentityId":null,"caller":null,"sourceIp":"203.0.113.17","#,
            r#""principalOrgId":null,"accessKey":null,"cognitoAuthenticationType":null,"#,
            r#""cognitoAuthenticationProvider":null,"userArn":null,"userAgent":"bench/1.0","user":null}},"#,
            r#""domainName":"{domain}","deploymentId":"d1e2f3","apiId":"a1b2c3d4e5"}},"body":{body},"#,
            r#""isBase64Encoded":{encoded}}}"#
        ),
        headers = headers,
        multiple = multiple,
        domain = API_DOMAIN,
        body = body,
        encoded = encoded,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Call, Era, MemberOrder};

    #[test]
    fn every_event_is_json_and_carries_the_message() {
        for trigger in [Trigger::HttpApi, Trigger::FunctionUrl, Trigger::RestApi, Trigger::Alb] {
            for era in [Era::Legacy, Era::Modern] {
                for call in [Call::Echo, Call::Add, Call::Blob, Call::UnknownTool, Call::ToolsList, Call::Initialize] {
                    for body in [BodyEncoding::Text, BodyEncoding::Base64] {
                        let members = MemberOrder::ParamsFirst;
                        let case = Case { trigger, era, call, body, members, size: 200, ..Case::default() };
                        let event: Value = serde_json::from_slice(&case.event()).unwrap();
                        let text = event["body"].as_str().unwrap();
                        let message = match body {
                            BodyEncoding::Text => text.as_bytes().to_vec(),
                            BodyEncoding::Base64 => STANDARD.decode(text).unwrap(),
                        };
                        let message: Value = serde_json::from_slice(&message).unwrap();
                        assert_eq!(message["jsonrpc"], "2.0", "{case}");
                        assert!(message["params"].is_object(), "{case}");
                    }
                }
            }
        }
    }

    #[test]
    fn modern_requests_mirror_their_method_and_tool_in_headers() {
        let case = Case { era: Era::Modern, ..Case::default() };
        let event: Value = serde_json::from_slice(&case.event()).unwrap();
        assert_eq!(event["headers"]["mcp-method"], "tools/call");
        assert_eq!(event["headers"]["mcp-name"], "echo");
        assert_eq!(event["headers"]["mcp-protocol-version"], "2026-07-28");
    }
}
