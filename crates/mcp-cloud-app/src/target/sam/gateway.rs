//! What stands in front of the function: a function URL, a REST API or an HTTP API, and what they say to browsers.

use std::collections::BTreeMap;

use mcp_cloud_contract::RESOURCE_METADATA_PATH;
use serde::Serialize;

use super::{
    auth::{self, AWS_IAM, Guard},
    names,
};
use crate::{
    app::{App, Traces, Trigger},
    target::aws::{Value, in_order},
};

/// The stage of a REST API. It is part of the URL unless there is a domain; an HTTP API has one that is not.
pub(super) const STAGE: &str = "prod";
/// What an authorizer is called.
const TOKENS: &str = "Tokens";
/// How the functions of an API are asked who may call them: nobody.
const NO_AUTHORIZER: &str = "NONE";
/// Methods of MCP's transport, and with them of a browser.
const METHODS: [&str; 3] = ["GET", "POST", "DELETE"];
/// Headers that MCP clients send, in every version of the protocol. `Mcp-Param-*` are not among them: their names follow
/// from the server's tools, and the wildcard that would allow them allows every other header, too.
const REQUEST_HEADERS: [&str; 8] = [
    "authorization",
    "content-type",
    "accept",
    "mcp-protocol-version",
    "mcp-session-id",
    "last-event-id",
    "mcp-method",
    "mcp-name",
];
/// What a request that is signed for IAM has besides.
const SIGNATURE_HEADERS: [&str; 3] = ["x-amz-date", "x-amz-security-token", "x-amz-content-sha256"];
/// Headers that MCP clients read. Function URLs and REST APIs rename `WWW-Authenticate`
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html>).
const REPLY_HEADERS: [&str; 4] =
    ["mcp-session-id", "www-authenticate", "mcp-protocol-version", "x-amzn-remapped-www-authenticate"];

/// Headers that a browser may send.
fn request_headers(app: &App) -> Vec<&'static str> {
    let mut headers = REQUEST_HEADERS.to_vec();
    if auth::guard(app) == Guard::Iam {
        headers.extend(SIGNATURE_HEADERS);
    }
    headers
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct FunctionUrl<'a> {
    auth_type: &'static str,
    invoke_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cors: Option<Cors<'a>>,
}

/// What a function URL and an HTTP API answer browsers before anything reaches the function.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Cors<'a> {
    allow_origins: &'a [String],
    allow_methods: Vec<&'static str>,
    allow_headers: Vec<&'static str>,
    expose_headers: [&'static str; 4],
    max_age: u32,
}

/// There where pages may call. Credentials are those a page holds itself, never cookies, so they are not allowed.
fn cors(app: &App) -> Option<Cors<'_>> {
    (!app.endpoint.origins.is_empty()).then(|| Cors {
        allow_origins: &app.endpoint.origins,
        // A function URL answers `OPTIONS` itself, and takes no method of seven letters.
        allow_methods: if app.lambda.trigger.is_function_url() {
            METHODS.to_vec()
        } else {
            METHODS.into_iter().chain(["OPTIONS"]).collect()
        },
        allow_headers: request_headers(app),
        expose_headers: REPLY_HEADERS,
        max_age: app.endpoint.cors_max_age_seconds,
    })
}

/// SAM adds the two permissions a public function URL needs (`lambda:InvokeFunctionUrl`, and `lambda:InvokeFunction`
/// for calls through the URL); with IAM authorization both are the caller's to have.
pub(super) fn function_url(app: &App) -> Option<FunctionUrl<'_>> {
    let invoke_mode = match app.lambda.trigger {
        Trigger::FunctionUrl => "RESPONSE_STREAM",
        Trigger::FunctionUrlBuffered => "BUFFERED",
        Trigger::RestApi | Trigger::RestApiStream | Trigger::HttpApi | Trigger::Alb => return None,
    };
    // A function URL cannot read tokens; `limits` refuses an app that wants it to. Should one come here all the same,
    // nobody gets in rather than everybody.
    let auth_type = if auth::guard(app) == Guard::Nobody { "NONE" } else { AWS_IAM };
    Some(FunctionUrl { auth_type, invoke_mode, cors: cors(app) })
}

#[derive(Debug, Serialize)]
#[serde(tag = "Type", content = "Properties")]
pub(super) enum Event<'a> {
    #[serde(rename_all = "PascalCase")]
    Api {
        rest_api_id: Value<'a>,
        path: String,
        method: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        auth: Option<EventAuth>,
        #[serde(skip_serializing_if = "Option::is_none")]
        response_transfer_mode: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        timeout_in_millis: Option<u32>,
    },
    #[serde(rename_all = "PascalCase")]
    HttpApi {
        api_id: Value<'a>,
        path: String,
        method: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        auth: Option<EventAuth>,
    },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct EventAuth {
    authorizer: &'static str,
}

/// What the API hands to the function: the endpoint, and with OAuth where clients find out how to get a token, which
/// nobody needs a token for. Everything else the API answers itself; nobody asks a function for its health.
pub(super) fn events(app: &App) -> Vec<(&'static str, Event<'static>)> {
    let trigger = app.lambda.trigger;
    if !trigger.is_rest_api() && trigger != Trigger::HttpApi {
        return Vec::new();
    }
    let path = &app.endpoint.path;
    let mut events = Vec::new();
    if trigger == Trigger::HttpApi && !app.endpoint.origins.is_empty() {
        // Each method by itself, because `ANY` would take preflights from the API, which answers those of routes it
        // does not have (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html).
        for (name, method) in ["Get", "Post", "Delete"].into_iter().zip(METHODS) {
            events.push((name, event(app, path.clone(), method, false)));
        }
    } else {
        // Every method goes to the server, because the API would answer the others itself, in words no MCP client
        // knows.
        events.push(("Endpoint", event(app, path.clone(), "ANY", false)));
    }
    if auth::guard(app) == Guard::Tokens {
        let of_path = format!("{RESOURCE_METADATA_PATH}{path}");
        events.push(("Metadata", event(app, RESOURCE_METADATA_PATH.to_owned(), "GET", true)));
        events.push(("MetadataOfPath", event(app, of_path, "GET", true)));
    }
    events
}

fn event(app: &App, path: String, method: &'static str, open: bool) -> Event<'static> {
    let auth = open.then_some(EventAuth { authorizer: NO_AUTHORIZER });
    if app.lambda.trigger == Trigger::HttpApi {
        return Event::HttpApi { api_id: Value::reference(names::HTTP_API), path, method, auth };
    }
    // SAM spells it as Lambda does, and writes API Gateway's `STREAM` and its streaming URI from it.
    let streams = app.lambda.trigger == Trigger::RestApiStream;
    Event::Api {
        rest_api_id: Value::reference(names::REST_API),
        path,
        method,
        auth,
        response_transfer_mode: streams.then_some("RESPONSE_STREAM"),
        timeout_in_millis: streams.then(|| app.lambda.timeout_seconds * 1000),
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RestApi<'a> {
    name: Value<'a>,
    description: &'a str,
    stage_name: &'static str,
    open_api_version: &'static str,
    endpoint_configuration: EndpointConfiguration,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_execute_api_endpoint: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<Domain<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracing_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cors: Option<RestCors>,
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "gateway_responses_in_order")]
    gateway_responses: Vec<(&'static str, GatewayResponse)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<RestAuth<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: &'a BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EndpointConfiguration {
    #[serde(rename = "Type")]
    kind: &'static str,
}

/// Values of headers are in quotes of API Gateway's own.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RestCors {
    allow_origin: String,
    allow_methods: String,
    allow_headers: String,
    max_age: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GatewayResponse {
    response_parameters: ResponseParameters,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResponseParameters {
    headers: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RestAuth<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    default_authorizer: Option<&'static str>,
    /// A browser asks whether it may ask without saying who it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    add_default_authorizer_to_cors_preflight: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoke_role: Option<&'static str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    authorizers: BTreeMap<&'static str, CognitoAuthorizer<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_policy: Option<ResourcePolicy<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CognitoAuthorizer<'a> {
    user_pool_arn: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    authorization_scopes: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourcePolicy<'a> {
    custom_statements: Vec<ResourceStatement<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceStatement<'a> {
    effect: &'static str,
    principal: &'static str,
    action: &'static str,
    resource: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<BTreeMap<&'static str, BTreeMap<&'static str, &'a [String]>>>,
}

pub(super) fn rest_api(app: &App) -> Option<RestApi<'_>> {
    app.lambda.trigger.is_rest_api().then(|| RestApi {
        name: Value::reference("AWS::StackName"),
        description: &app.description,
        stage_name: STAGE,
        // Without it SAM adds a second stage called `Stage`.
        open_api_version: "3.0.1",
        // An edge endpoint cuts a stream that is silent for 30 seconds, a regional one after 5 minutes.
        endpoint_configuration: EndpointConfiguration { kind: "REGIONAL" },
        disable_execute_api_endpoint: app.endpoint.domain.is_some().then_some(true),
        domain: domain(app),
        tracing_enabled: (app.telemetry.traces == Traces::Platform).then_some(true),
        cors: rest_cors(app),
        gateway_responses: gateway_responses(app),
        auth: rest_auth(app),
        tags: &app.tags,
    })
}

fn quoted(value: &str) -> String {
    format!("'{value}'")
}

/// A REST API answers with one origin, whoever asks.
fn rest_cors(app: &App) -> Option<RestCors> {
    app.endpoint.origins.first().map(|origin| RestCors {
        allow_origin: quoted(origin),
        allow_methods: quoted("GET,POST,DELETE,OPTIONS"),
        allow_headers: quoted(&request_headers(app).join(",")),
        max_age: quoted(&app.endpoint.cors_max_age_seconds.to_string()),
    })
}

/// What the API says itself: a page can read it as it reads the server's replies, and who has no token learns where to
/// get one (RFC 9728, section 5.1).
fn gateway_responses(app: &App) -> Vec<(&'static str, GatewayResponse)> {
    let mut headers = BTreeMap::new();
    if let Some(origin) = app.endpoint.origins.first() {
        headers.insert("Access-Control-Allow-Origin", quoted(origin));
        headers.insert("Access-Control-Expose-Headers", quoted(&REPLY_HEADERS.join(",")));
    }
    let response = |headers| GatewayResponse { response_parameters: ResponseParameters { headers } };
    let mut responses = Vec::new();
    if !headers.is_empty() {
        responses.push(("DEFAULT_4XX", response(headers.clone())));
        responses.push(("DEFAULT_5XX", response(headers.clone())));
    }
    if let (Guard::Tokens, Some(domain)) = (auth::guard(app), &app.endpoint.domain) {
        let path = &app.endpoint.path;
        let challenge = format!("Bearer resource_metadata=\"https://{domain}{RESOURCE_METADATA_PATH}{path}\"");
        headers.insert("WWW-Authenticate", quoted(&challenge));
        responses.push(("UNAUTHORIZED", response(headers)));
    }
    responses
}

fn rest_auth(app: &App) -> Option<RestAuth<'_>> {
    let guard = auth::guard(app);
    let authorizers = match &app.auth.user_pool {
        Some(user_pool_arn) => {
            BTreeMap::from([(TOKENS, CognitoAuthorizer { user_pool_arn, authorization_scopes: &app.auth.scopes })])
        }
        None => BTreeMap::new(),
    };
    let default_authorizer = match guard {
        Guard::Nobody => None,
        Guard::Tokens if !authorizers.is_empty() => Some(TOKENS),
        // A REST API cannot read anybody else's tokens, which `limits` says; nobody gets in rather than everybody.
        Guard::Tokens | Guard::Iam => Some(AWS_IAM),
    };
    let resource_policy = resource_policy(app);
    (default_authorizer.is_some() || resource_policy.is_some()).then_some(RestAuth {
        default_authorizer,
        add_default_authorizer_to_cors_preflight: (default_authorizer.is_some() && !app.endpoint.origins.is_empty())
            .then_some(false),
        // Without a role of `NONE` the caller would need the right to invoke the function, too.
        invoke_role: (default_authorizer == Some(AWS_IAM)).then_some("NONE"),
        authorizers,
        resource_policy,
    })
}

/// Who calls from elsewhere is refused. With IAM nothing is allowed here: for callers of the same account that would be
/// enough, whatever their own policies say
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html>).
fn resource_policy(app: &App) -> Option<ResourcePolicy<'_>> {
    let statement = |effect, condition| ResourceStatement {
        effect,
        principal: "*",
        action: "execute-api:Invoke",
        resource: ["execute-api:/*"],
        condition,
    };
    (!app.network.allow.is_empty()).then(|| {
        let elsewhere =
            BTreeMap::from([("NotIpAddress", BTreeMap::from([("aws:SourceIp", app.network.allow.as_slice())]))]);
        let mut custom_statements = vec![statement("Deny", Some(elsewhere))];
        if auth::guard(app) != Guard::Iam {
            custom_statements.push(statement("Allow", None));
        }
        ResourcePolicy { custom_statements }
    })
}

/// <https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-api-domainconfiguration.html>
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Domain<'a> {
    domain_name: &'a str,
    certificate_arn: &'a str,
    endpoint_configuration: &'static str,
    security_policy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    route53: Option<Route53<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Route53<'a> {
    hosted_zone_id: &'a str,
}

fn domain(app: &App) -> Option<Domain<'_>> {
    Some(Domain {
        domain_name: app.endpoint.domain.as_deref()?,
        certificate_arn: app.lambda.certificate.as_deref()?,
        endpoint_configuration: "REGIONAL",
        security_policy: "TLS_1_2",
        route53: app.lambda.hosted_zone.as_deref().map(|hosted_zone_id| Route53 { hosted_zone_id }),
    })
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HttpApi<'a> {
    name: Value<'a>,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    disable_execute_api_endpoint: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<Domain<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cors_configuration: Option<Cors<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<HttpAuth<'a>>,
    access_log_settings: AccessLogSettings<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: &'a BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HttpAuth<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_iam_authorizer: Option<bool>,
    default_authorizer: &'static str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    authorizers: BTreeMap<&'static str, JwtAuthorizer<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct JwtAuthorizer<'a> {
    identity_source: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    authorization_scopes: &'a [String],
    jwt_configuration: JwtConfiguration<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JwtConfiguration<'a> {
    issuer: &'a str,
    audience: &'a [String],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AccessLogSettings<'a> {
    destination_arn: Value<'a>,
    format: &'static str,
}

/// Who asked for what, and what became of it; no header and no query, in which secrets may be
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html>).
const ACCESS_LOG_FORMAT: &str = "{\"requestId\":\"$context.requestId\",\"time\":\"$context.requestTime\",\
     \"ip\":\"$context.identity.sourceIp\",\"route\":\"$context.routeKey\",\"status\":\"$context.status\",\
     \"latency\":\"$context.responseLatency\",\"length\":\"$context.responseLength\",\
     \"authorizer\":\"$context.authorizer.error\",\"integration\":\"$context.integrationErrorMessage\"}";

/// An HTTP API writes its own log by itself. A REST API could only once the account has a role for it, which is no
/// stack's to give (<https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html>), and a load
/// balancer writes to buckets only.
pub(super) fn http_api(app: &App) -> Option<HttpApi<'_>> {
    (app.lambda.trigger == Trigger::HttpApi).then(|| HttpApi {
        name: Value::reference("AWS::StackName"),
        description: &app.description,
        disable_execute_api_endpoint: app.endpoint.domain.is_some().then_some(true),
        domain: domain(app),
        cors_configuration: cors(app),
        auth: http_auth(app),
        access_log_settings: AccessLogSettings {
            destination_arn: Value::attribute(names::ACCESS_LOGS, "Arn"),
            format: ACCESS_LOG_FORMAT,
        },
        tags: &app.tags,
    })
}

fn http_auth(app: &App) -> Option<HttpAuth<'_>> {
    match auth::guard(app) {
        Guard::Nobody => None,
        Guard::Iam => Some(HttpAuth {
            enable_iam_authorizer: Some(true),
            default_authorizer: AWS_IAM,
            authorizers: BTreeMap::new(),
        }),
        Guard::Tokens => {
            let authorizer = JwtAuthorizer {
                identity_source: "$request.header.Authorization",
                authorization_scopes: &app.auth.scopes,
                jwt_configuration: JwtConfiguration {
                    issuer: app.auth.issuer.as_deref().unwrap_or_default(),
                    audience: &app.auth.audiences,
                },
            };
            Some(HttpAuth {
                enable_iam_authorizer: None,
                default_authorizer: TOKENS,
                authorizers: BTreeMap::from([(TOKENS, authorizer)]),
            })
        }
    }
}

fn gateway_responses_in_order<S: serde::Serializer>(
    responses: &Vec<(&'static str, GatewayResponse)>,
    to: S,
) -> Result<S::Ok, S::Error> {
    in_order(responses, to)
}
