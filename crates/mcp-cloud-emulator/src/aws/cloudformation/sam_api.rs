//! SAM's gateways: REST and HTTP APIs with their stages, domains and permissions. What is routed where is not kept.

use serde_json::{Map, Value, json};

use super::sam::{Made, hash, tags};

const STAGE: &str = "prod";

/// The events of all functions that come through this gateway: what it routes.
fn events(api: &str, property: &str, all: &Map<String, Value>) -> Vec<Value> {
    let functions = all.values().filter_map(|resource| resource.get("Properties")?.get("Events")?.as_object());
    functions
        .flatten()
        .filter(|(_, event)| event.get("Properties").and_then(|of| of.get(property)?.get("Ref")) == Some(&json!(api)))
        .map(|(_, event)| event.clone())
        .collect()
}

/// The members that are there.
fn some(properties: &Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    names.iter().filter_map(|name| Some(((*name).to_owned(), properties.get(*name)?.clone()))).collect()
}

pub(super) fn rest(made: &mut Made, id: &str, properties: &Map<String, Value>, all: &Map<String, Value>) {
    let body = hash(&json!([
        properties.get("Auth"),
        properties.get("Cors"),
        properties.get("GatewayResponses"),
        events(id, "RestApiId", all)
    ]));
    let mut api = some(
        properties,
        &["Name", "Description", "BinaryMediaTypes", "MinimumCompressionSize", "DisableExecuteApiEndpoint"],
    );
    api.insert("Body".to_owned(), json!({ "digest": body }));
    api.insert("Tags".to_owned(), tags(properties.get("Tags"), "restapi:createdBy"));
    made.add(id, "AWS::ApiGateway::RestApi", Value::Object(api));
    let deployment = format!("{id}Deployment{body}");
    made.add(&deployment, "AWS::ApiGateway::Deployment", json!({ "RestApiId": { "Ref": id } }));
    let stage_name = properties.get("StageName").and_then(Value::as_str).unwrap_or(STAGE);
    let stage = format!("{id}{stage_name}Stage");
    let mut settings = some(properties, &["AccessLogSetting", "MethodSettings", "TracingEnabled", "Variables"]);
    settings.insert("RestApiId".to_owned(), json!({ "Ref": id }));
    settings.insert("DeploymentId".to_owned(), json!({ "Ref": deployment }));
    settings.insert("StageName".to_owned(), json!(stage_name));
    made.add(&stage, "AWS::ApiGateway::Stage", Value::Object(settings));
    made.referable.insert(format!("{id}.Stage"), stage.clone());
    made.referable.insert(format!("{id}.Deployment"), deployment);
    if let Some(domain) = properties.get("Domain").and_then(Value::as_object) {
        let name = domain.get("DomainName").cloned().unwrap_or_default();
        let domain_id = format!("ApiGatewayDomainName{}", hash(&name));
        made.add(
            &domain_id,
            "AWS::ApiGateway::DomainName",
            json!({
                "DomainName": name, "RegionalCertificateArn": domain.get("CertificateArn"),
                "SecurityPolicy": domain.get("SecurityPolicy"),
            }),
        );
        made.add(
            &format!("{id}BasePathMapping"),
            "AWS::ApiGateway::BasePathMapping",
            json!({
                "DomainName": { "Ref": domain_id }, "RestApiId": { "Ref": id }, "Stage": { "Ref": stage },
            }),
        );
        records(made, domain, &domain_id);
        made.referable.insert(format!("{id}.DomainName"), domain_id);
    }
}

pub(super) fn http(made: &mut Made, id: &str, properties: &Map<String, Value>, all: &Map<String, Value>) {
    let body = hash(&json!([properties.get("Auth"), properties.get("CorsConfiguration"), events(id, "ApiId", all)]));
    let mut api = some(properties, &["DisableExecuteApiEndpoint", "Description"]);
    api.insert("Body".to_owned(), json!({ "digest": body, "title": properties.get("Name") }));
    made.add(id, "AWS::ApiGatewayV2::Api", Value::Object(api));
    let stage = format!("{id}ApiGatewayDefaultStage");
    let mut settings = some(properties, &["AccessLogSettings", "DefaultRouteSettings", "RouteSettings"]);
    settings.insert("ApiId".to_owned(), json!({ "Ref": id }));
    settings.insert("StageName".to_owned(), json!("$default"));
    settings.insert("AutoDeploy".to_owned(), json!(true));
    made.add(&stage, "AWS::ApiGatewayV2::Stage", Value::Object(settings));
    made.referable.insert(format!("{id}.Stage"), stage.clone());
    if let Some(domain) = properties.get("Domain").and_then(Value::as_object) {
        let name = domain.get("DomainName").cloned().unwrap_or_default();
        let domain_id = format!("ApiGatewayDomainNameV2{}", hash(&name));
        made.add(
            &domain_id,
            "AWS::ApiGatewayV2::DomainName",
            json!({
                "DomainName": name, "DomainNameConfigurations": [{ "CertificateArn": domain.get("CertificateArn") }],
            }),
        );
        made.add(
            &format!("{id}ApiMapping"),
            "AWS::ApiGatewayV2::ApiMapping",
            json!({
                "DomainName": { "Ref": domain_id }, "ApiId": { "Ref": id }, "Stage": { "Ref": stage },
            }),
        );
        records(made, domain, &domain_id);
        made.referable.insert(format!("{id}.DomainName"), domain_id);
    }
}

/// The records of a domain that Route 53 keeps.
fn records(made: &mut Made, domain: &Map<String, Value>, domain_id: &str) {
    let Some(zone) = domain.get("Route53").and_then(|route| route.get("HostedZoneId")) else { return };
    made.add(
        &format!("RecordSetGroup{}", hash(zone)),
        "AWS::Route53::RecordSetGroup",
        json!({
            "HostedZoneId": zone,
            "RecordSets": [{ "Name": domain.get("DomainName"), "Type": "A", "AliasTarget": {
                "DNSName": { "Fn::GetAtt": [domain_id, "RegionalDomainName"] },
                "HostedZoneId": { "Fn::GetAtt": [domain_id, "RegionalHostedZoneId"] },
            } }],
        }),
    );
}

/// Lets a gateway call the function.
pub(super) fn permission(
    made: &mut Made,
    function: &str,
    name: &str,
    event: &Value,
    target: &Value,
    all: &Map<String, Value>,
) {
    let of = |property: &str| event.get("Properties").and_then(|of| of.get(property)?.get("Ref")?.as_str());
    let path = event.get("Properties").and_then(|of| of.get("Path")?.as_str()).unwrap_or("/");
    let (api, id) = match event.get("Type").and_then(Value::as_str) {
        Some("Api") => {
            let api = of("RestApiId").unwrap_or("ServerlessRestApi");
            let stage = all.get(api).and_then(|api| api.get("Properties")?.get("StageName")?.as_str()).unwrap_or(STAGE);
            (api, format!("{function}{name}Permission{stage}"))
        }
        Some("HttpApi") => (of("ApiId").unwrap_or("ServerlessHttpApi"), format!("{function}{name}Permission")),
        _ => return,
    };
    made.add(&id, "AWS::Lambda::Permission", json!({
        "Action": "lambda:InvokeFunction", "FunctionName": target, "Principal": "apigateway.amazonaws.com",
        "SourceArn": { "Fn::Sub": format!("arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{api}}}/*/*{path}") },
    }));
}
