//! One edit at a time.

use std::collections::BTreeMap;

use super::{between, golden_template};
use crate::change::{
    Action, Blueprint, Certainty, Changes, Fate, FunctionState, ResourceChange, WarningKind, drift, value::HIDDEN,
};

const MINIMAL: &str = "minimal/sam/template.yaml";
const WARM: &str = "function-url-warm/sam/template.yaml";

/// What replacing a text in a golden template changes.
fn edited(path: &str, from: &str, to: &str) -> Changes {
    let before = golden_template(path);
    assert!(before.contains(from), "{path} has `{from}`");
    between(Some(&before), Some(&before.replacen(from, to, 1)))
}

fn only(changes: &Changes) -> &ResourceChange {
    let [change] = changes.resources.as_slice() else { panic!("one resource changes, not:\n{changes}") };
    change
}

fn fields(changes: &Changes) -> Vec<(&str, Option<&str>, Option<&str>)> {
    let fields = &only(changes).fields;
    fields.iter().map(|field| (field.path.as_str(), field.before.as_deref(), field.after.as_deref())).collect()
}

/// A template of one resource.
fn template(kind: &str, properties: &str) -> String {
    let mut text = format!("Resources:\n  It:\n    Type: {kind}\n    Properties:\n      Same: here\n");
    for line in properties.lines() {
        text.push_str(&format!("      {line}\n"));
    }
    text
}

fn of_one(kind: &str, before: &str, after: &str) -> Changes {
    between(Some(&template(kind, before)), Some(&template(kind, after)))
}

#[test]
fn field_that_changes_is_shown_with_both_values() {
    let changes = edited(WARM, "MemorySize: 256", "MemorySize: 512");
    assert_eq!(fields(&changes), [("MemorySize", Some("256"), Some("512"))]);
    assert_eq!(only(&changes).action, Action::Modify);
    assert_eq!(changes.to_string(), "~ Server (AWS::Serverless::Function)\n    MemorySize: 256 → 512\n");
}

#[test]
fn default_that_is_said_is_no_change() {
    let says = |properties: &str| of_one("AWS::Serverless::Function", "", properties);
    for default in ["Timeout: 3", "MemorySize: '128'", "Architectures: [x86_64]", "Tracing: PassThrough", "Layers: []"]
    {
        assert!(says(default).is_empty(), "{default}");
    }
    assert_eq!(fields(&says("Timeout: 4")), [("Timeout", Some("3"), Some("4"))]);
    let url = of_one(
        "AWS::Serverless::Function",
        "FunctionUrlConfig: {AuthType: AWS_IAM}",
        "FunctionUrlConfig: {AuthType: AWS_IAM, InvokeMode: BUFFERED}",
    );
    assert!(url.is_empty(), "{url}");
    assert!(of_one("AWS::CloudWatch::Alarm", "", "TreatMissingData: missing").is_empty());
}

#[test]
fn retention_that_is_taken_away_is_for_ever() {
    let changes = edited(MINIMAL, "      RetentionInDays: 30\n", "");
    assert_eq!(fields(&changes), [("RetentionInDays", Some("30"), Some("never"))]);
}

#[test]
fn order_of_a_set_says_nothing_and_that_of_a_command_does() {
    let changes = of_one(
        "AWS::Serverless::Function",
        "VpcConfig: {SubnetIds: [a, b]}\nTags: {one: 1, two: 2}",
        "Tags: {two: '2', one: '1'}\nVpcConfig: {SubnetIds: [b, a]}",
    );
    assert!(changes.is_empty(), "{changes}");
    let changes = of_one("Some::Type", "Command: [a, b]", "Command: [b, a]");
    assert_eq!(fields(&changes), [("Command", Some("[a, b]"), Some("[b, a]"))]);
}

#[test]
fn item_of_a_set_is_shown_alone() {
    let changes = edited(WARM, "            - http://localhost:3000\n", "            - https://other.example\n");
    let path = "FunctionUrlConfig.Cors.AllowOrigins[]";
    let expected = [(path, Some("http://localhost:3000"), None), (path, None, Some("https://other.example"))];
    assert_eq!(fields(&changes), expected);
}

#[test]
fn policies_are_compared_by_name_and_a_single_action_is_a_list() {
    let one = "Policies:\n  - {PolicyName: A, PolicyDocument: {Statement: [{Effect: Allow, Action: s:One, Resource: '*'}]}}\n  \
               - {PolicyName: B, PolicyDocument: {Statement: []}}";
    let same = "Policies:\n  - {PolicyName: B, PolicyDocument: {Statement: []}}\n  \
                - {PolicyName: A, PolicyDocument: {Statement: {Effect: Allow, Action: [s:One], Resource: ['*']}}}";
    assert!(of_one("AWS::IAM::Role", one, same).is_empty());
    let other = same.replace("s:One", "s:Two");
    let path = "Policies[A].Statement[0].Action[]";
    assert_eq!(
        fields(&of_one("AWS::IAM::Role", one, &other)),
        [(path, Some("s:One"), None), (path, None, Some("s:Two"))]
    );
}

#[test]
fn variables_that_may_be_secret_are_hidden_and_where_they_are_kept_is_not() {
    let one = "Environment:\n  Variables: {API_TOKEN: swordfish, LEVEL: info, REDIS: 'redis://me:swordfish@host/0'}";
    let other = "Environment:\n  Variables: {API_TOKEN: '{{resolve:secretsmanager:arn:x}}', LEVEL: debug, REDIS: \
                 'redis://me:swordfish2@host/0'}";
    let changes = of_one("AWS::Serverless::Function", one, other);
    let expected = [
        ("Environment.Variables.API_TOKEN", Some(HIDDEN), Some("{{resolve:secretsmanager:arn:x}}")),
        ("Environment.Variables.LEVEL", Some("info"), Some("debug")),
        ("Environment.Variables.REDIS", Some(HIDDEN), Some(HIDDEN)),
    ];
    assert_eq!(fields(&changes), expected);
    assert!(!format!("{changes:?}{changes}").contains("swordfish"));
}

#[test]
fn table_with_another_key_is_replaced_and_its_items_are_lost_unless_it_is_kept() {
    let changes = edited(
        WARM,
        "        - AttributeName: id\n          KeyType",
        "        - AttributeName: other\n          KeyType",
    );
    let table = changes.resource("StateTable").unwrap();
    let follows = &changes.resource("ServerRole").unwrap().fields[0];
    assert_eq!(follows.path, "Policies[UseTable].Statement[0].Resource[0]");
    assert_eq!(follows.after.as_deref(), Some("the same, of the new StateTable"));
    assert_eq!((table.action, table.certainty()), (Action::Replace, Certainty::Perhaps));
    // `UpdateReplacePolicy: Retain` is in the template.
    assert_eq!(table.data, Some(Fate::Kept));
    let plain = |name: &str| template("AWS::DynamoDB::Table", &format!("TableName: {name}"));
    let changes = between(Some(&plain("one")), Some(&plain("two")));
    assert_eq!(only(&changes).data, Some(Fate::Lost));
    assert_eq!(changes.warnings[0].kind, WarningKind::DataLost);
    assert_eq!(
        changes.to_string().lines().next(),
        Some("± It (AWS::DynamoDB::Table) is replaced, because TableName changes; what it holds is lost")
    );
}

#[test]
fn alias_makes_another_url() {
    let before = golden_template(MINIMAL).replace("      AutoPublishAlias: live\n", "");
    let after = before.replace("      Role:\n", "      AutoPublishAlias: live\n      Role:\n");
    let changes = between(Some(&before), Some(&after));
    let url = changes.resource("Server").unwrap().parts.iter().find(|part| part.logical_id == "ServerUrl").unwrap();
    assert_eq!((url.action, url.cause.as_deref()), (Action::Replace, Some("AutoPublishAlias")));
    let warning = changes.warnings.iter().find(|warning| warning.kind == WarningKind::UrlChanges).unwrap();
    assert_eq!(warning.message, "The URL of the server changes, because `AutoPublishAlias` changes");
    assert!(changes.outputs.iter().any(|output| output.path == "McpEndpoint"), "{changes}");
}

#[test]
fn what_names_a_replaced_resource_follows_it() {
    let changes = edited("alb/sam/template.yaml", "Scheme: internet-facing", "Scheme: internal");
    let causes = |id: &str| changes.resource(id).map(|change| change.causes.clone()).unwrap_or_default();
    assert_eq!(causes("LoadBalancer")[0].field, "Scheme");
    let listener = &causes("Listener")[0];
    assert_eq!((listener.field.as_str(), listener.through.as_deref()), ("LoadBalancerArn", Some("LoadBalancer")));
    assert_eq!(listener.certainty, Certainty::Always);
}

#[test]
fn tags_of_the_stack_replace_what_takes_no_other_tags() {
    let text = golden_template("minimal/ecs-express/ecs-express.yaml");
    let (none, tags) = (BTreeMap::new(), BTreeMap::from([("team".to_owned(), "one".to_owned())]));
    let before = Blueprint { template: &text, parameters: &none, tags: &none };
    let parameters = BTreeMap::from([("Image".to_owned(), "repository/image:1".to_owned())]);
    let before = Blueprint { parameters: &parameters, ..before };
    let changes = Changes::between(Some(before), Some(Blueprint { tags: &tags, ..before }));
    let service = changes.resources.iter().find(|change| change.action == Action::Replace).unwrap();
    assert_eq!(service.resource_type, "AWS::ECS::ExpressGatewayService");
    assert_eq!(changes.tags[0].path, "team");
}

#[test]
fn condition_that_does_not_hold_leaves_a_resource_out() {
    let text = golden_template("minimal/ecs/ecs-stack.yaml");
    let (none, image) = (BTreeMap::new(), BTreeMap::from([("Image".to_owned(), "repository/image:1".to_owned())]));
    let without = Blueprint { template: &text, parameters: &none, tags: &none };
    let changes = Changes::between(Some(without), Some(Blueprint { parameters: &image, ..without }));
    let added: Vec<_> = changes.resources.iter().filter(|change| change.action == Action::Add).collect();
    assert!(added.iter().any(|change| change.resource_type == "AWS::ECS::Service"), "{changes}");
}

#[test]
fn other_package_under_the_same_name_is_refused() {
    let changes = edited(MINIMAL, "      Runtime: provided.al2023\n", "      PackageType: Image\n");
    assert_eq!(changes.warnings[0].kind, WarningKind::Refused, "{:?}", changes.warnings);
}

#[test]
fn guard_that_goes_is_told() {
    let changes = edited(WARM, "AuthType: AWS_IAM", "AuthType: NONE");
    assert!(changes.warnings.iter().any(|warning| warning.kind == WarningKind::Open), "{:?}", changes.warnings);
}

#[test]
fn template_that_cannot_be_read_changes_everything_and_says_so() {
    let text = golden_template(MINIMAL);
    let changes = between(Some("Resources: [unclosed, SECRET"), Some(&text));
    assert_eq!(changes.resources.len(), 3);
    assert!(changes.resources.iter().all(|change| change.action == Action::Modify));
    assert_eq!(changes.warnings[0].kind, WarningKind::Unreadable);
    assert!(!format!("{changes:?}").contains("SECRET"));
}

#[test]
fn json_is_the_same_as_yaml() {
    let yaml = golden_template(WARM);
    let value: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
    let json = serde_json::to_string_pretty(&value).unwrap();
    assert!(between(Some(&json), Some(&yaml)).is_empty());
}

fn running() -> FunctionState {
    let template: serde_json::Value = serde_saphyr::from_str(&golden_template(WARM)).unwrap();
    let said = template["Resources"]["Server"]["Properties"]["Environment"]["Variables"].as_object().unwrap();
    let mut variables: BTreeMap<_, _> =
        said.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
    variables.insert("MCP_CLOUD_STORE".to_owned(), "dynamodb:notes-StateTable-1ABC".to_owned());
    variables.insert("NOTES_KEY".to_owned(), "swordfish".to_owned());
    FunctionState {
        memory_mb: Some(256),
        timeout_seconds: Some(60),
        architectures: Some(vec!["arm64".to_owned()]),
        runtime: Some("provided.al2023".to_owned()),
        handler: Some("bootstrap".to_owned()),
        environment: Some(variables),
        layers: Some(Vec::new()),
        log_group: Some("/aws/lambda/notes".to_owned()),
        role: Some("arn:aws:iam::123456789012:role/notes-ServerRole-1".to_owned()),
        subnet_ids: Some(Vec::new()),
        security_group_ids: Some(Vec::new()),
        tracing: Some("PassThrough".to_owned()),
        code_sha256: Some("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned()),
        ephemeral_storage_mb: Some(512),
    }
}

#[test]
fn function_as_it_was_deployed_has_not_drifted() {
    assert_eq!(drift(&golden_template(WARM), &running()).unwrap(), []);
}

#[test]
fn drift_names_every_field_that_is_not_as_deployed() {
    let code = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let object = format!("CodeUri: {{Bucket: b, Key: mcp-cloud/notes/{code}.zip}}");
    let template = golden_template(WARM).replace("CodeUri: '.'", &object);
    assert_eq!(drift(&template, &running()).unwrap(), []);
    let mut state = FunctionState {
        memory_mb: Some(512),
        ephemeral_storage_mb: Some(1024),
        tracing: Some("Active".to_owned()),
        layers: Some(vec!["arn:aws:lambda:eu-west-1:1:layer:spy:1".to_owned()]),
        code_sha256: Some("AAAA".to_owned()),
        ..running()
    };
    let variables = state.environment.as_mut().unwrap();
    variables.insert("MCP_CLOUD_STORE".to_owned(), "memory".to_owned());
    variables.insert("ADDED".to_owned(), "swordfish".to_owned());
    variables.remove("MCP_CLOUD_STORE_TTL");
    let found = drift(&template, &state).unwrap();
    let paths: Vec<_> = found.iter().map(|field| field.path.as_str()).collect();
    let expected = [
        "MemorySize",
        "EphemeralStorage.Size",
        "Tracing",
        "Layers",
        "Environment.Variables.ADDED",
        "Environment.Variables.MCP_CLOUD_STORE",
        "Environment.Variables.MCP_CLOUD_STORE_TTL",
        "CodeUri",
    ];
    assert_eq!(paths, expected);
    assert!(!format!("{found:?}").contains("swordfish"));
}
