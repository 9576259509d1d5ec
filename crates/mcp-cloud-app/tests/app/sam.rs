//! What Lambda and what stands in front of it take, and what becomes of values that mean something to CloudFormation, to
//! `make` or to a shell.

use std::{fs, io::Write as _, path::Path};

use mcp_cloud_app::{App, Code, Severity, Target, target::sam};

use crate::{directory, findings};

const VPC: &str = "vpc = \"vpc-0a1b2c3d\"\nsubnets = [\"subnet-0a1b2c3d\", \"subnet-1a1b2c3d\"]\n";
const CERTIFICATE: &str = "certificate = \"arn:aws:acm:eu-west-1:123456789012:certificate/0a1b2c3d\"\n";
const JWT: &str = "[auth]\nmode = \"jwt\"\nissuer = \"https://login.example/\"\naudiences = [\"a\"]\n";
const COGNITO: &str =
    "[auth]\nmode = \"cognito\"\nuser-pool = \"arn:aws:cognito-idp:eu-west-1:123456789012:userpool/eu-west-1_a1\"\n";

/// Holds that one of the findings of a manifest is this sentence.
#[track_caller]
fn finds(manifest: &str, sentence: &str) {
    let found = findings(format!("name = \"a\"\n{manifest}"));
    assert!(found.iter().any(|finding| finding.ends_with(sentence)), "{sentence:?} is not among {found:#?}");
}

/// Holds that nothing is wrong with a manifest.
#[track_caller]
fn passes(manifest: &str) {
    let directory = directory(format!("name = \"a\"\n{manifest}"));
    let app = App::load(directory.path()).unwrap();
    let found = Target::Sam.check(&app);
    assert!(found.iter().all(|finding| finding.severity != Severity::Error), "{found:#?}");
}

fn trigger(word: &str) -> String {
    format!("[lambda]\ntrigger = \"{word}\"\n")
}

fn load_balancer(more: &str) -> String {
    format!("[lambda]\ntrigger = \"alb\"\n{CERTIFICATE}[endpoint]\ndomain = \"a.example.com\"\n{more}")
}

#[test]
fn timeout_that_outlives_the_gateway_is_an_error_where_it_is_written() {
    finds(
        "[lambda]\ntrigger = \"http-api\"\ntimeout = 400\n",
        "4:11: timeout is 400 s, but the trigger `http-api` gives up after 30 s, while the function runs on and is paid for",
    );
    finds(
        "[resources]\ntimeout = 45\n[lambda]\ntrigger = \"rest-api\"\n",
        "3:11: timeout is 45 s, but the trigger `rest-api` gives up after 29 s, while the function runs on and is paid for",
    );
    passes(&trigger("http-api"));
    passes("[lambda]\ntrigger = \"rest-api-stream\"\ntimeout = 900\n");
}

#[test]
fn variables_have_names_and_sizes_that_lambda_takes() {
    finds("environment.AWS_REGION = \"x\"\n", "`AWS_REGION` is a variable that Lambda sets itself");
    finds(
        "environment._A = \"x\"\n",
        "`_A` is not a name Lambda takes for a variable: at least two letters, digits and `_`, the first a letter",
    );
    finds(
        &format!("environment.LONG = \"{}\"\n", "x".repeat(4050)),
        "the variables take 4117 bytes together with those of mcp-cloud, but Lambda takes 4096 at most",
    );
    passes(&format!("environment.LONG = \"{}\"\n", "x".repeat(4029)));
}

#[test]
fn secrets_are_kept_on_aws() {
    finds("[secrets.KEY]\ngoogle = \"key\"\n", "the secret `secrets.KEY` is kept nowhere on AWS");
    finds(
        "[state]\nsessions = \"sealed\"\n[state.sealing-key]\nfile = \"seal\"\n",
        "the secret `state.sealing-key` is kept nowhere on AWS",
    );
    finds("[state]\nstore = \"redis\"\n", "the store is `redis`, but nothing says where its URL is kept");
    let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf";
    finds(
        &format!("[environment]\nKEY_ARN = \"x\"\n[secrets.KEY]\naws = \"{arn}\"\n[lambda]\nsecrets = \"arn\"\n"),
        "`KEY_ARN` says where the secret `KEY` is, and is something else, too",
    );
    passes(&format!("[environment]\nKEY_ARN = \"x\"\n[secrets.KEY]\naws = \"{arn}\"\n"));
}

#[test]
fn tags_are_those_that_aws_takes() {
    finds("tags.\"aws:x\" = \"y\"\n", "the tag `aws:x` begins with `aws:`, which AWS keeps for itself");
    finds(
        "tags.x = \"a{b\"\n",
        "the tag `x` has a character AWS does not take: letters, digits, spaces and `_.:/=+-@` are allowed",
    );
}

#[test]
fn role_has_no_more_policies_than_it_takes() {
    let policies: Vec<_> = (0..11).map(|n| format!("\"arn:aws:iam::aws:policy/p{n}\"")).collect();
    finds(
        &format!("[lambda]\npolicies = [{}]\n", policies.join(",")),
        "policies has 11 ARNs, but a role takes 10 at most",
    );
}

#[test]
fn tokens_are_asked_for_only_where_somebody_reads_them() {
    for word in ["function-url", "function-url-buffered", "rest-api", "rest-api-stream"] {
        let sentence = format!(
            "mode is `jwt`, but the trigger `{word}` cannot check such tokens, and the server does not do it itself"
        );
        finds(&format!("{JWT}{}", trigger(word)), &sentence);
    }
    finds(
        &format!("{COGNITO}{}", trigger("function-url")),
        "mode is `cognito`, but the trigger `function-url` cannot check such tokens, and the server does not do it itself",
    );
    passes(&format!("{JWT}{}", trigger("http-api")));
    passes(&format!("{COGNITO}audiences = [\"a\"]\n{}", trigger("http-api")));
}

#[test]
fn rest_api_asks_for_tokens_on_a_domain_and_by_scope() {
    let rest = trigger("rest-api");
    finds(
        &format!("{COGNITO}scopes = [\"a/b\"]\n{rest}"),
        "tokens are asked for, but without a domain the stage is part of the REST API's URL, and clients do not look for \
         who issues them there",
    );
    let domain = format!("{rest}{CERTIFICATE}[endpoint]\ndomain = \"a.example.com\"\n");
    finds(
        &format!("{COGNITO}{domain}"),
        "without scopes a REST API takes the ID tokens of Cognito only, and MCP clients send access tokens",
    );
    finds(
        &format!("{COGNITO}scopes = [\"a/b\", \"a/c\"]\naudiences = [\"x\"]\n{domain}"),
        "a REST API lets in tokens of every app client of the pool that have the scope, not only of `audiences`",
    );
    finds(
        &format!("{COGNITO}scopes = [\"a/b\", \"a/c\"]\n{domain}"),
        "there are several scopes, and API Gateway lets in a token that has any one of them",
    );
    passes(&format!("{COGNITO}scopes = [\"a/b\"]\n{domain}"));
}

#[test]
fn http_api_knows_for_whom_tokens_are() {
    let http = trigger("http-api");
    finds(&format!("{COGNITO}{http}"), "an HTTP API has to know for whom tokens are, and there are no `audiences`");
    finds(
        &format!("{JWT}jwks-url = \"https://login.example/k\"\n{http}"),
        "jwks-url is not asked by an HTTP API, which finds the keys by the issuer's `/.well-known/openid-configuration`",
    );
    let many = |prefix: &str, count| (0..count).map(|n| format!("\"{prefix}{n}\"")).collect::<Vec<_>>().join(",");
    finds(
        &format!("{JWT}scopes = [{}]\n{http}", many("s", 11)),
        "there are 11 scopes, but an HTTP API takes 10 at most",
    );
    finds(
        &format!("{}audiences = [{}]\n{http}", JWT.replace("audiences = [\"a\"]\n", ""), many("a", 51)),
        "there are 51 audiences, but an HTTP API takes 50 at most",
    );
}

#[test]
fn load_balancer_compares_audiences_and_one_scope() {
    let network = format!("[network]\n{VPC}public-subnets = [\"subnet-2a1b2c3d\", \"subnet-3a1b2c3d\"]\n");
    let balancer = load_balancer(&network);
    passes(&format!("{JWT}{balancer}"));
    let audiences: Vec<_> = (0..11).map(|n| format!("\"a{n}\"")).collect();
    let jwt = JWT.replace("[\"a\"]", &format!("[{}]", audiences.join(",")));
    finds(&format!("{jwt}{balancer}"), "there are 11 audiences, but a load balancer takes 10 at most");
    finds(
        &format!("{COGNITO}{balancer}"),
        "without `audiences` a load balancer would let in tokens for another server",
    );
    finds(
        &format!("{JWT}scopes = [\"a\", \"b\"]\n{balancer}"),
        "there are 2 scopes, but a load balancer does not promise that a token with one of them is refused",
    );
    let jwt = JWT.replace("login.example/", &format!("login.example/{}", "x".repeat(300)));
    finds(&format!("{jwt}{balancer}"), "a load balancer takes URLs of 256 characters, and this has 322");
    let path = format!("{JWT}{}", balancer.replace("[network]", &format!("path = \"/{}\"\n[network]", path(100))));
    finds(
        &path,
        "path has 101 characters, but with `/.well-known/oauth-protected-resource` before it a load balancer takes 91 at \
         most",
    );
}

fn path(length: usize) -> String {
    format!("{}/{}", "x".repeat(60), "y".repeat(length - 61))
}

#[test]
fn load_balancer_has_a_network_a_domain_and_a_certificate() {
    finds("[auth]\nmode = \"none\"\n[lambda]\ntrigger = \"alb\"\n", "a load balancer is in a VPC, and none is named");
    finds(
        "[auth]\nmode = \"none\"\n[lambda]\ntrigger = \"alb\"\n",
        "a load balancer has no certificate for the name AWS gives it, so it needs a domain",
    );
    finds(
        &format!("[auth]\nmode = \"none\"\n{}", load_balancer(&format!("[network]\n{VPC}"))),
        "the load balancer faces the internet, which takes 2 public subnets, and there are 0",
    );
}

#[test]
fn load_balancer_without_tokens_stays_in_its_network() {
    finds(
        &load_balancer(&format!("[network]\n{VPC}exposure = \"public\"\n")),
        "exposure is `public`, but IAM does not stand in front of a load balancer, so only its own network may reach it",
    );
    let manifest = format!("name = \"a\"\n{}", load_balancer(&format!("[network]\n{VPC}")));
    assert!(template(&manifest).contains("Scheme: internal\n"));
}

#[test]
fn private_server_is_behind_a_load_balancer() {
    finds(
        "[network]\nexposure = \"private\"\n",
        "exposure is `private`, but the trigger `function-url` is reached from the internet",
    );
    finds(
        &format!("[network]\nexposure = \"private\"\n{}", trigger("rest-api")),
        "exposure is `private`, but a private REST API belongs to an endpoint of the VPC, which the file cannot name",
    );
}

#[test]
fn rest_api_answers_one_origin() {
    finds(
        &format!("[endpoint]\norigins = [\"https://a.example\", \"https://b.example\"]\n{}", trigger("rest-api")),
        "there are 2 origins, but a REST API can answer browsers with one",
    );
}

#[test]
fn addresses_are_kept_out_only_where_they_can_be() {
    finds(
        &format!("[network]\nallow = [\"10.0.0.0/8\"]\n{}", trigger("http-api")),
        "the trigger `http-api` is reached from everywhere, and `allow` says who may",
    );
    let ranges =
        |count: usize| (0..count).map(|n| format!("\"10.{}.{}.0/24\"", n / 256, n % 256)).collect::<Vec<_>>().join(",");
    finds(
        &load_balancer(&format!("[network]\n{VPC}allow = [{}]\n", ranges(31))),
        "allow has 31 ranges, which are 62 rules, but a security group takes 60 at most",
    );
    finds(
        &format!("[network]\nallow = [{}]\n{}", ranges(600), trigger("rest-api")),
        "allow has 600 ranges, more than fit into the 8192 bytes of a REST API's policy",
    );
}

#[test]
fn domain_belongs_to_a_trigger_that_can_have_one() {
    finds("[endpoint]\ndomain = \"a.example.com\"\n", "a function URL cannot have a domain of its own");
    finds(
        &format!("[endpoint]\ndomain = \"a.example.com\"\n{}", trigger("http-api")),
        "there is a domain, but no certificate for it",
    );
    finds(&format!("{}{CERTIFICATE}", trigger("http-api")), "certificate says nothing without a domain");
    finds("[lambda]\nhosted-zone = \"Z0123\"\n", "hosted-zone says nothing without a domain");
}

#[test]
fn vpc_firewall_and_egress_fit_the_trigger() {
    finds(&format!("[network]\n{VPC}"), "a function in a VPC cannot stream from its URL");
    finds(
        "[network]\negress = \"platform\"\n",
        "egress is `platform`, but a function outside of a VPC reaches the internet",
    );
    finds("[network]\nwaf = true\n", "no firewall can stand in front of the trigger `function-url`");
    passes(&format!("[network]\n{VPC}waf = true\negress = \"platform\"\n{}", trigger("rest-api-stream")));
}

#[test]
fn what_a_stack_names_is_in_its_region() {
    finds(
        &format!("[aws]\nregion = \"eu-central-1\"\n{}{CERTIFICATE}", trigger("rest-api")),
        "the certificate is in `eu-west-1`, but has to be in the stack's region, `eu-central-1`",
    );
    finds(
        "[aws]\nregion = \"eu-central-1\"\n[alarms]\nnotify = \"arn:aws:sns:eu-west-1:123456789012:a\"\n",
        "the topic is in `eu-west-1`, but has to be in the stack's region, `eu-central-1`",
    );
    let secret = "[secrets.KEY]\naws = \"arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf\"\n";
    finds(
        &format!("[aws]\nregion = \"eu-central-1\"\n{secret}"),
        "the secret `secrets.KEY` is in `eu-west-1`, but CloudFormation looks secrets up in the stack's region, \
         `eu-central-1`",
    );
    passes(&format!("[aws]\nregion = \"eu-central-1\"\n{secret}[lambda]\nsecrets = \"arn\"\n"));
}

#[test]
fn image_is_one_that_lambda_can_run() {
    finds(
        "[build]\nimage = \"ghcr.io/a/b:1\"\n",
        "Lambda runs images of Elastic Container Registry only, and this is none",
    );
    let image = "[build]\nimage = \"123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:1\"\n";
    finds(
        &format!("{image}[aws]\nregion = \"eu-central-1\"\n"),
        "the image is in `eu-west-1`, but Lambda takes one of its own region, `eu-central-1`",
    );
    finds(image, "Lambda hands events to an image by its Runtime API, and sends nothing to `PORT`");
    passes(image);
}

#[test]
fn command_brings_what_it_runs() {
    finds(
        "[build]\ncommand = [\"npx\", \"server\"]\nfiles = [\"Cargo.toml\"]\n",
        "`npx` fetches what it runs, which a function cannot: its file system is read-only, and it starts anew time and \
         again",
    );
    finds(
        "[build]\ncommand = [\"node\", \"a.js\"]\nruntime-version = \"18\"\nfiles = [\"Cargo.toml\"]\n",
        "runtime-version is `18`, but Lambda has `22`, `24`, `26`",
    );
    finds(
        "environment.AWS_LAMBDA_EXEC_WRAPPER = \"x\"\n[build]\ncommand = [\"node\", \"a.js\"]\nfiles = [\"Cargo.toml\"]\n",
        "`AWS_LAMBDA_EXEC_WRAPPER` is set by mcp-cloud itself: it starts the bridge",
    );
}

#[test]
fn working_hours_need_instances_that_are_kept_warm() {
    finds(
        "[scaling]\nworking-hours = \"mon-fri 08:00-18:00 UTC\"\n",
        "working-hours say when instances are kept warm, and none are",
    );
}

#[test]
fn description_is_text_and_nothing_that_is_looked_up() {
    finds(
        "description = \"{{resolve:ssm:x}}\"\n",
        "description has `{{resolve:` in it, and CloudFormation would put what that names in its place",
    );
}

fn emit(folder: &Path) -> mcp_cloud_app::Bundle {
    let app = App::load(folder).unwrap();
    Target::Sam.emit(&app, &Code::Local { output_directory: app.manifest_directory.clone() })
}

fn template(manifest: &str) -> String {
    emit(directory(manifest).path()).files.remove(Path::new(sam::TEMPLATE)).unwrap()
}

#[test]
fn values_that_look_like_functions_of_cloudformation_stay_text() {
    let template = template(
        "name = \"a\"\ndescription = \"${AWS::AccountId} !Ref x\"\n[environment]\nA1 = \"${AWS::StackName}\"\nB2 = \
         \"!GetAtt A.B\"\nC3 = \"{{resolve:ssm:/a}}\"\nD4 = \"Fn::Sub: x\"\n",
    );
    // `Fn::Sub` alone would look into text, and none of these stands in one.
    for line in [
        "Description: '${AWS::AccountId} !Ref x'",
        "A1: '${AWS::StackName}'",
        "B2: '!GetAtt A.B'",
        "C3: '{{resolve:ssm:/a}}'",
        "D4: 'Fn::Sub: x'",
    ] {
        assert!(template.contains(line), "{line} is not in {template}");
    }
}

#[test]
fn words_of_a_command_mean_themselves_to_make_and_to_a_shell() {
    let manifest = r##"
name = "a"
[build]
command = ["./run", "$HOME", "$(shell id)", "`id`", "it's", "a b", "#", "\\", "*", "-n"]
files = ["it's $a/x y", "run"]
"##;
    let folder = directory(manifest);
    fs::create_dir(folder.path().join("it's $a")).unwrap();
    fs::write(folder.path().join("it's $a/x y"), "x").unwrap();
    fs::write(folder.path().join("run"), "#!/bin/sh\n").unwrap();
    let makefile = emit(folder.path()).files.remove(Path::new("sam/Makefile")).unwrap();
    let makefile_path = folder.path().join("Makefile.emitted");
    fs::write(&makefile_path, makefile).unwrap();
    let bridge = folder.path().join("bridge");
    fs::write(&bridge, "#!/bin/sh\nfor word in \"$@\"; do echo \"<$word>\"; done\n").unwrap();
    let artifacts = folder.path().join("artifacts of it");
    fs::create_dir(&artifacts).unwrap();
    let Ok(built) = std::process::Command::new("make")
        .args(["--makefile".as_ref(), makefile_path.as_os_str(), "build-Server".as_ref()])
        .current_dir(folder.path())
        .env("ARTIFACTS_DIR", &artifacts)
        .env("MCP_BRIDGE", &bridge)
        .output()
    else {
        let _ = writeln!(std::io::stderr(), "SKIP make");
        return;
    };
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    assert!(artifacts.join("it's $a/x y").is_file());
    let bootstrap = fs::read_to_string(artifacts.join("bootstrap")).unwrap();
    let script = bootstrap.replace("/var/task/mcp-bridge", "./mcp-bridge");
    let said = std::process::Command::new("sh").args(["-c", &script]).current_dir(&artifacts).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    let words = ["--", "./run", "$HOME", "$(shell id)", "`id`", "it's", "a b", "#", "\\", "*", "-n"];
    assert_eq!(said.lines().collect::<Vec<_>>(), words.map(|word| format!("<{word}>")));
}

#[test]
fn nobody_gets_in_by_a_trigger_that_cannot_read_tokens() {
    // `check` refuses both; what is emitted all the same is closed.
    for word in ["function-url", "function-url-buffered"] {
        let template = template(&format!("name = \"a\"\n{JWT}{}", trigger(word)));
        assert!(template.contains("AuthType: AWS_IAM"), "{template}");
    }
    let template = template(&format!("name = \"a\"\n{JWT}{}", trigger("rest-api")));
    assert!(template.contains("DefaultAuthorizer: AWS_IAM"), "{template}");
}

#[test]
fn image_that_was_pushed_is_deployed_whatever_the_server_is_made_of() {
    let directory = directory("name = \"a\"\n");
    let app = App::load(directory.path()).unwrap();
    let reference = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a@sha256:00".to_owned();
    let code = Code::Image { output_directory: app.manifest_directory.clone(), reference };
    let bundle = Target::Sam.emit(&app, &code);
    let template = &bundle.files[Path::new(sam::TEMPLATE)];
    assert!(template.contains("PackageType: Image"), "{template}");
    assert!(!template.contains("Runtime:") && !template.contains("BuildMethod"), "{template}");
    assert!(bundle.files[Path::new(sam::CONFIG)].contains("image_repository = "), "{bundle:?}");
}

const SECRETS: &str = r#"
name = "a"
[secrets.ONE]
aws = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:one-AbCdEf"
key = "password"
[secrets.TWO]
aws = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:one-AbCdEf"
[state]
sessions = "sealed"
store = "dynamodb"
"#;

#[test]
fn secrets_are_looked_up_at_deployment_or_read_by_the_server() {
    let resolved = template(SECRETS);
    for line in [
        "ONE: '{{resolve:secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:one-AbCdEf:SecretString:password}}'",
        "TWO: '{{resolve:secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:one-AbCdEf:SecretString}}'",
        "Fn::Sub: '{{resolve:secretsmanager:${SealingKey}:SecretString}}'",
        "Fn::Sub: 'dynamodb:${StateTable}'",
    ] {
        assert!(resolved.contains(line), "{line} is not in {resolved}");
    }
    // What CloudFormation looks up is none of the function's business.
    assert!(!resolved.contains("GetSecretValue"), "{resolved}");

    let named = template(&format!("{SECRETS}[lambda]\nsecrets = \"arn\"\n"));
    assert!(!named.contains("{{resolve:"), "{named}");
    let statement = "\
                Action:
                  - secretsmanager:GetSecretValue
                Resource:
                  - arn:aws:secretsmanager:eu-west-1:123456789012:secret:one-AbCdEf
                  - Ref: SealingKey
";
    let variables = ["ONE_ARN: arn:aws:", "ONE_KEY: password", "TWO_ARN: arn:aws:", "MCP_CLOUD_SEALING_KEY_ARN:\n"];
    for line in variables.into_iter().chain([statement]) {
        assert!(named.contains(line), "{line} is not in {named}");
    }
    assert!(!named.contains("TWO_KEY"), "{named}");
}

#[test]
fn table_outlives_its_stack_and_a_key_does_not() {
    let template = template(SECRETS);
    assert_eq!(template.matches("DeletionPolicy: RetainExceptOnCreate").count(), 1);
    assert_eq!(template.matches("UpdateReplacePolicy: Retain\n").count(), 1);
    assert!(template.contains("PasswordLength: 64"), "{template}");
}

#[test]
fn alarms_count_no_answers_as_failures_and_there_are_none_that_nobody_hears() {
    for word in ["function-url", "rest-api", "http-api", "alb"] {
        let quiet = template(&format!("name = \"a\"\n{}", trigger(word)));
        assert!(!quiet.contains("AWS::CloudWatch::Alarm"), "{quiet}");
        let alarms = "[alarms]\nnotify = \"arn:aws:sns:eu-west-1:123456789012:a\"\nerrors = 7\nlatency = 1234\n";
        let loud = template(&format!("name = \"a\"\n{alarms}{}", trigger(word)));
        assert_eq!(loud.matches("Type: AWS::CloudWatch::Alarm").count(), 3, "{loud}");
        assert!(!loud.to_ascii_lowercase().contains("4xx"), "{loud}");
        assert!(loud.contains("Threshold: 7\n") && loud.contains("Threshold: 1234\n"), "{loud}");
        assert_eq!(loud.matches("ReturnData: true").count(), 1, "an alarm compares one number");
        assert!(loud.contains("ExtendedStatistic: p99\n"), "{loud}");
    }
}

#[test]
fn pages_of_others_may_not_call() {
    for word in ["function-url", "rest-api", "http-api"] {
        let closed = template(&format!("name = \"a\"\n{}", trigger(word)));
        assert!(!closed.contains("Cors"), "{closed}");
        let open = template(&format!("name = \"a\"\n[endpoint]\norigins = [\"https://a.example\"]\n{}", trigger(word)));
        for header in ["authorization", "mcp-protocol-version", "mcp-session-id", "last-event-id", "mcp-name"] {
            assert!(open.contains(header), "{header} is not in {open}");
        }
        assert!(open.contains("https://a.example") && !open.contains("'*'"), "{open}");
        assert!(!open.contains("AllowCredentials"), "{open}");
    }
}

#[test]
fn oauth_metadata_is_there_without_a_token() {
    let template = template(&format!("name = \"a\"\nendpoint.path = \"/v1/mcp\"\n{JWT}{}", trigger("http-api")));
    for path in ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/v1/mcp"] {
        let event =
            format!("Path: {path}\n            Method: GET\n            Auth:\n              Authorizer: NONE\n");
        assert!(template.contains(&event), "{event} is not in {template}");
    }
}

/// The line that makes SAM publish a version.
fn fingerprint(manifest: &str) -> String {
    let template = template(&format!("name = \"a\"\n{manifest}"));
    template.lines().find(|line| line.contains("MCP_CLOUD_SETTINGS: ")).unwrap().to_owned()
}

#[test]
fn what_is_part_of_a_version_publishes_one_and_nothing_else_does() {
    let plain = fingerprint("");
    for manifest in [
        "description = \"another\"\n",
        "[resources]\ntimeout = 61\n",
        "[resources]\narchitecture = \"x86_64\"\n",
        "[telemetry]\ntraces = \"platform\"\n",
        &format!("[network]\n{VPC}[lambda]\ntrigger = \"function-url-buffered\"\n"),
        "[build]\ncommand = [\"node\", \"a.js\"]\nfiles = [\"Cargo.toml\"]\n",
    ] {
        assert_ne!(fingerprint(manifest), plain, "{manifest} is part of a version");
    }
    let node = |version| {
        fingerprint(&format!(
            "[build]\ncommand = [\"node\", \"a.js\"]\nruntime-version = \"{version}\"\nfiles = [\"Cargo.toml\"]\n"
        ))
    };
    assert_ne!(node("22"), node("24"));
    // For these Lambda would publish none, and the stack would fail.
    for manifest in ["tags.a = \"b\"\n", "[scaling]\nmaximum = 7\n", "[scaling]\nminimum = 1\n"] {
        assert_eq!(fingerprint(manifest), plain, "{manifest} is no part of a version");
    }
    // At these SAM looks itself.
    for manifest in ["environment.A1 = \"b\"\n", "[lambda]\nmemory = 512\n"] {
        assert_eq!(fingerprint(manifest), plain, "{manifest}");
    }
}

#[test]
fn version_that_takes_over_step_by_step_is_watched_by_itself() {
    let at_once = template("name = \"a\"\n[lambda]\nshift = \"all-at-once\"\n");
    assert!(!at_once.contains("DeploymentPreference") && !at_once.contains("codedeploy"), "{at_once}");
    for (word, kind) in
        [("canary-10-30m", "Canary10Percent30Minutes"), ("linear-10-2m", "Linear10PercentEvery2Minutes")]
    {
        let shifted = template(&format!("name = \"a\"\n[lambda]\nshift = \"{word}\"\n"));
        let preference = format!(
            "      DeploymentPreference:\n        Type: {kind}\n        Alarms:\n          - Ref: NewVersionAlarm\n        Role:\n"
        );
        assert!(shifted.contains(&preference), "{preference} is not in {shifted}");
        assert!(shifted.contains("- Name: ExecutedVersion"), "{shifted}");
        assert!(!shifted.contains("AlarmActions"), "nobody is named to be told: {shifted}");
    }
}

#[test]
fn nobody_can_change_warm_instances_while_a_version_takes_over() {
    let scaling = "[scaling]\nminimum = 2\nworking-hours = \"mon-fri 08:00-18:00 UTC\"\n";
    finds(
        &format!("{scaling}[lambda]\nshift = \"linear-10-10m\"\n"),
        "while a version takes over step by step, Lambda lets nobody change how many instances are kept warm, so \
         working-hours that begin or end then go unheeded until the next time",
    );
    passes(&format!("{scaling}[lambda]\nshift = \"linear-10-10m\"\n"));
}

#[test]
fn warm_instances_are_those_of_an_alias_that_every_trigger_invokes() {
    let scaling = "[scaling]\nminimum = 2\nworking-hours = \"sat 08:05-12:30 Europe/Paris\"\n";
    let template = template(&format!("name = \"a\"\n{scaling}"));
    for line in [
        "AutoPublishAlias: live",
        "ProvisionedConcurrentExecutions: 2",
        "Schedule: 'cron(5 8 ? * SAT *)'",
        "Schedule: 'cron(30 12 ? * SAT *)'",
        "Timezone: Europe/Paris",
    ] {
        assert!(template.contains(line), "{line} is not in {template}");
    }
}

#[test]
fn firewall_counts_what_tool_calls_run_into_and_blocks_the_rest() {
    let manifest =
        format!("name = \"a\"\n[scaling]\nrequests-per-minute = 100\n[network]\nwaf = true\n{}", trigger("rest-api"));
    let template = template(&manifest);
    assert!(template.contains("Limit: 500\n") && template.contains("EvaluationWindowSec: 300\n"), "{template}");
    for rule in ["SizeRestrictions_BODY", "NoUserAgent_HEADER"] {
        let counted = format!("- Name: {rule}\n                  ActionToUse:\n                    Count: {{}}\n");
        assert!(template.contains(&counted), "{counted} is not in {template}");
    }
    assert_eq!(template.matches("ManagedRuleGroupStatement").count(), 3);
    assert!(template.contains("/restapis/${RestApi}/stages/${RestApi.Stage}"), "{template}");
}

#[test]
fn addresses_are_refused_without_letting_in_who_may_not_call() {
    let policy = |mode: &str| {
        let manifest = format!(
            "name = \"a\"\nauth.mode = \"{mode}\"\n[network]\nallow = [\"10.0.0.0/8\"]\n{}",
            trigger("rest-api")
        );
        template(&manifest)
    };
    let signed = policy("platform");
    assert!(signed.contains("- Effect: Deny\n              Principal: '*'\n"), "{signed}");
    assert!(!signed.contains("- Effect: Allow\n              Principal: '*'\n"), "{signed}");
    assert!(policy("none").contains("- Effect: Allow\n              Principal: '*'\n"));
}
