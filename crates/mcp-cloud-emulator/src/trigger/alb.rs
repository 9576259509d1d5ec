//! Application Load Balancers with a Lambda target group. They never stream.
//!
//! Source: <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html>.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde_json::{Value, json};

use super::{AlbHeaders, Facts, Failure, Malformed, Settings, reply, request};

/// Largest request body.
pub const REQUEST_BYTES: usize = 1024 * 1024;
/// Largest reply, the whole JSON document.
pub const REPLY_BYTES: usize = 1024 * 1024;
/// Host name of the emulated load balancer.
pub const DOMAIN: &str = "mcp-846800462.us-east-1.elb.amazonaws.com";

/// The event a load balancer sends for `request`.
#[must_use]
pub fn event(request: &Request<Bytes>, settings: &Settings, facts: &Facts) -> Value {
    let headers = request::headers(request, DOMAIN, facts);
    // Names and values of the query are not decoded.
    let query = request::query_pairs(request.uri().query().unwrap_or_default());
    let media_type = request::media_type(request.headers());
    let is_text = request.body().is_empty()
        || request::is_text(media_type.as_deref()) && !request.headers().contains_key(header::CONTENT_ENCODING);
    let (body, is_base64) = request::encoded_body(request.body(), !is_text);
    let mut event = json!({
        "requestContext": {
            "elb": {
                "targetGroupArn":
                    "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/mcp/6d0ecf831eec9f09",
            },
        },
        "httpMethod": request.method().as_str(),
        "path": request.uri().path(),
        "body": body,
        "isBase64Encoded": is_base64,
    });
    match settings.alb_headers {
        AlbHeaders::SingleValue => {
            event["queryStringParameters"] = request::last(&query).into();
            event["headers"] = request::last(&headers).into();
        }
        AlbHeaders::MultiValue => {
            event["multiValueQueryStringParameters"] = request::multi(&query).into();
            event["multiValueHeaders"] = request::multi(&headers).into();
        }
    }
    event
}

/// The response a load balancer makes of a buffered `reply`.
///
/// # Errors
///
/// If the reply is larger than [`REPLY_BYTES`], or is not
/// `{"statusCode":…,"headers":{…},"body":"…","isBase64Encoded":…}`, with `multiValueHeaders` instead of `headers` where
/// the target group says so.
pub fn response(reply: &[u8], settings: &Settings) -> Result<Response<Bytes>, Malformed> {
    if reply.len() > REPLY_BYTES {
        return Err(Malformed::new("it is larger than 1 MB"));
    }
    let object = reply::object(reply)?;
    let status = reply::status(&object)?;
    let mut headers = match settings.alb_headers {
        AlbHeaders::SingleValue => reply::single_headers(object.get("headers"))?,
        AlbHeaders::MultiValue => reply::multi_headers(object.get("multiValueHeaders"))?,
    };
    for name in request::HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove(header::CONTENT_LENGTH);
    reply::default_content_type(&mut headers, "application/octet-stream");
    Ok(reply::response(status, headers, reply::body(&object)?))
}

/// How a load balancer answers when it has no response of the function's.
#[must_use]
pub fn failure(failure: Failure) -> Response<Bytes> {
    match failure {
        Failure::RequestTooLarge => reply::document(
            StatusCode::PAYLOAD_TOO_LARGE,
            "text/html",
            "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n\
             <center><h1>413 Request Entity Too Large</h1></center>\r\n</body>\r\n</html>\r\n",
        ),
        Failure::MalformedReply | Failure::FunctionError | Failure::FunctionTimeout | Failure::GatewayTimeout => {
            reply::document(
                StatusCode::BAD_GATEWAY,
                "text/html",
                "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
             <center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n",
            )
        }
    }
}
