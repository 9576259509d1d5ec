//! Cloud Run: what is refused and why, and what follows from what is said.

use std::{fs, path::Path};

use mcp_cloud_app::{App, Bundle, Code, Severity, Target};
use tempfile::TempDir;

use crate::directory;

/// A file that nothing is to be said about, and lines for it. Those of tables come last.
fn app(manifest: &str) -> (TempDir, App) {
    let common = "name = \"server\"\ngoogle.project = \"notes-123456\"\n";
    let invokers = if manifest.contains("invokers") || manifest.contains("auth.mode") {
        ""
    } else {
        "cloud-run.invokers = [\"user:ann@example.com\"]\n"
    };
    let directory = directory(format!("{common}{invokers}{manifest}"));
    let app = App::load(directory.path()).unwrap();
    (directory, app)
}

fn found(app: &App) -> Vec<(Severity, String)> {
    Target::CloudRun.check(app).into_iter().map(|found| (found.severity, found.message)).collect()
}

fn refused(manifest: &str, expected: &str) {
    assert_eq!(found(&app(manifest).1), [(Severity::Error, expected.to_owned())], "{manifest}");
}

fn warned(manifest: &str, expected: &str) {
    assert_eq!(found(&app(manifest).1), [(Severity::Warning, expected.to_owned())], "{manifest}");
}

fn fine(manifest: &str) {
    assert_eq!(found(&app(manifest).1), [], "{manifest}");
}

fn emit(app: &App) -> Bundle {
    Target::CloudRun.emit(app, &Code::Local { output_directory: app.manifest_directory.clone() })
}

fn emitted(manifest: &str, file: &str) -> String {
    emit(&app(manifest).1).files[Path::new(file)].clone()
}

#[test]
fn sizes_that_cloud_run_does_not_have_are_refused() {
    for (cpu, memory) in [(80, 512), (500, 1024), (1000, 512), (2000, 8192), (4000, 2048), (6000, 4096), (8000, 32_768)]
    {
        fine(&format!("cloud-run.cpu = {cpu}\ncloud-run.memory = {memory}\n"));
    }
    refused(
        "cloud-run.cpu = 1500\n",
        "cpu is 1500, but from 1000 on Cloud Run has 1000, 2000, 4000, 6000 and 8000 only",
    );
    let cases = [
        (400, 513, 128, 512),
        (500, 1025, 128, 1024),
        (1000, 256, 512, 4096),
        (1000, 4097, 512, 4096),
        (2000, 8193, 512, 8192),
        (4000, 1024, 2048, 16_384),
        (6000, 2048, 4096, 24_576),
        (8000, 2048, 4096, 32_768),
    ];
    for (cpu, memory, least, most) in cases {
        refused(
            &format!("cloud-run.cpu = {cpu}\nresources.memory = {memory}\n"),
            &format!("memory is {memory} MiB, but with a cpu of {cpu} Cloud Run takes {least} to {most} MiB"),
        );
    }
    refused(
        "cloud-run.cpu = 500\nscaling.concurrency = 2\n",
        "concurrency is 2, but with a cpu of 500 an instance serves one request at a time",
    );
}

#[test]
fn less_than_a_processor_serves_one_request_in_the_first_generation() {
    let small = emitted("cloud-run.cpu = 500\n", "service.yaml");
    assert!(small.contains("containerConcurrency: 1\n") && small.contains("execution-environment: gen1\n"), "{small}");
    let whole = emitted("", "service.yaml");
    assert!(whole.contains("containerConcurrency: 80\n") && whole.contains("execution-environment: gen2\n"), "{whole}");
}

#[test]
fn times_that_cloud_run_does_not_wait_are_refused() {
    refused("resources.timeout = 3601\n", "timeout is 3601 s, but Cloud Run takes 3600 s at most");
    refused(
        "health = { interval = 5, timeout = 6 }\n",
        "timeout is 6 s, longer than the interval of 5 s, which Cloud Run refuses",
    );
    fine("health = { interval = 5, timeout = 5 }\n");
    refused("health.start = 241\n", "start is 241 s, but a container on Cloud Run has 240 s to start");
}

#[test]
fn paths_that_cloud_run_keeps_for_itself_are_refused() {
    for (key, path) in [
        ("health", "/healthz"),
        ("health", "/a/z"),
        ("endpoint", "/eventlog"),
        ("endpoint", "/_ah"),
        ("endpoint", "/_ah/mcp"),
    ] {
        refused(
            &format!("{key}.path = \"{path}\"\n"),
            &format!(
                "path is `{path}`, but Cloud Run keeps paths that end in `z`, `/eventlog` and `/_ah/` for itself, and \
                 such requests never reach the server"
            ),
        );
    }
    fine("health.path = \"/eventlog/a\"\n");
}

#[test]
fn variables_that_cloud_run_does_not_take_are_refused() {
    for name in ["PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "X_GOOGLE_A"] {
        let expected = format!("`{name}` is a variable that Cloud Run keeps for itself");
        refused(&format!("environment.{name} = \"a\"\n"), &expected);
        refused(&format!("secrets.{name}.google = \"a\"\n"), &expected);
    }
    let long = "a".repeat(32_769);
    refused(&format!("environment.LONG = \"{long}\"\n"), "`LONG` has 32769 bytes, but Cloud Run takes 32768 at most");
    let many: String = (0..1001).map(|index| format!("environment.A{index} = \"\"\n")).collect();
    refused(&many, "there are 1001 variables, but Cloud Run takes 1000 at most");
    refused(
        "secrets.TOKEN.file = \"token\"\n",
        "the secret `TOKEN` has no `google`, the only place that Cloud Run can take it from",
    );
}

#[test]
fn tags_that_are_no_labels_are_refused() {
    for tag in ["Team = \"a\"", "team = \"A\"", "\"1a\" = \"a\"", "\"a b\" = \"a\"", "a = \"ü\""] {
        let found = found(&app(&format!("tags.{tag}\n")).1);
        assert!(found.len() == 1 && found[0].1.contains("cannot be a label of Google Cloud"), "{tag}: {found:?}");
    }
    refused(
        &format!("tags.a = \"{}\"\n", "a".repeat(64)),
        "the tag `a` cannot be a label of Google Cloud: key and value have at most 63 lower-case letters, digits, `_` and \
         `-`, and the key begins with a letter",
    );
    let many: String = (0..65).map(|index| format!("tags.a{index} = \"\"\n")).collect();
    refused(&many, "there are 65 tags, but a service takes 64 labels at most");
    fine("tags = { cost-center = \"0042\", a_b = \"\" }\n");
}

#[test]
fn nobody_thinks_a_server_is_guarded_that_is_not() {
    refused(
        "auth.mode = \"jwt\"\nauth.issuer = \"https://a.example\"\nauth.audiences = [\"a\"]\n",
        "mode is `jwt`, but Cloud Run checks tokens of Google only, so the server would be unguarded",
    );
    refused(
        "auth.mode = \"cognito\"\nauth.audiences = [\"a\"]\n\
         auth.user-pool = \"arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_a\"\n",
        "mode is `cognito`, but Cloud Run checks tokens of Google only, so the server would be unguarded",
    );
    refused(
        "auth.mode = \"none\"\ncloud-run.invokers = [\"user:ann@example.com\"]\n",
        "invokers says who may call, but with `mode = \"none\"` everyone may",
    );
    warned("cloud-run.invokers = []\n", "mode is `platform`, but nobody is named who may call");
    refused(
        "network.allow = [\"10.0.0.0/8\"]\n",
        "allow says which addresses may call, but Cloud Run by itself cannot look at them",
    );
    refused("network.waf = true\n", "waf stands for AWS's firewall, which no service on Cloud Run has");
    refused(
        "network.egress = \"platform\"\n",
        "egress is `platform`, but a service on Cloud Run that is in no VPC of Google's reaches the internet",
    );
}

#[test]
fn policy_names_everyone_only_where_the_file_says_so() {
    let policy = |manifest: &str| emitted(manifest, "iam-policy.yaml").lines().skip(2).collect::<Vec<_>>().join("\n");
    assert_eq!(policy("cloud-run.invokers = []\n"), "bindings: []");
    assert!(policy("auth.mode = \"none\"\n").ends_with("members:\n      - allUsers"));
    assert!(policy("").ends_with("role: roles/run.invoker\n    members:\n      - user:ann@example.com"));
    let jwt = "auth.mode = \"jwt\"\nauth.issuer = \"https://a.example\"\nauth.audiences = [\"a\"]\n";
    assert_eq!(policy(jwt), "bindings: []");
    let ingress = |manifest: &str| emitted(manifest, "service.yaml").contains("ingress: internal\n");
    assert!(ingress("network.exposure = \"private\"\n") && !ingress(""));
}

#[test]
fn state_that_instances_could_not_share_is_refused() {
    refused(
        "state.sessions = \"sealed\"\n",
        "sessions are sealed, but no `google` under `[state.sealing-key]` says where the key is, so no instance could open \
         what another one sealed",
    );
    fine("state.sessions = \"sealed\"\nscaling.maximum = 1\n");
    fine("state.sessions = \"sealed\"\nstate.sealing-key.google = \"seal\"\n");
    refused(
        "state.store = \"dynamodb\"\n",
        "store is `dynamodb`, which a server on Google Cloud could reach with keys of AWS only",
    );
    refused(
        "state.store = \"redis\"\nstate.redis.file = \"redis\"\n",
        "store is `redis`, but no `google` under `[state.redis]` says where its URL is kept",
    );
    let manifest = "state.store = \"redis\"\nstate.redis = { google = \"redis-url\", google-version = \"4\" }\n";
    fine(manifest);
    let service = emitted(manifest, "service.yaml");
    let reference = "- name: MCP_CLOUD_REDIS_URL\n              valueFrom:\n                secretKeyRef:\n                  \
                     name: redis-url\n                  key: '4'\n";
    assert!(service.contains(reference), "{service}");
    assert!(service.contains("need") && service.contains("secretAccessor on these secrets: redis-url.\n"), "{service}");
}

#[test]
fn account_that_may_do_too_much_is_told_of() {
    let said = |manifest: &str| {
        let directory = directory(format!("cloud-run.invokers = [\"user:ann@example.com\"]\n{manifest}"));
        found(&App::load(directory.path()).unwrap())
    };
    let warning = |message: &str| (Severity::Warning, message.to_owned());
    let too_much = "the service acts as the project's default account, which may do far too much: ";
    assert_eq!(said("name = \"server\"\n"), [warning(&format!("{too_much}no `project` is named"))]);
    assert_eq!(
        said("name = \"notes\"\ngoogle.project = \"notes-123456\"\nsecrets.TOKEN.google = \"token\"\n"),
        [
            warning(&format!("{too_much}the name has 5 characters, while a service account's has 6 to 30")),
            warning("the account that the service acts as has to read the secret `TOKEN`, and is not named"),
        ]
    );
    let own = emitted("", "service.yaml");
    assert!(own.contains("serviceAccountName: server@notes-123456.iam.gserviceaccount.com\n"), "{own}");
}

#[test]
fn what_only_other_targets_have_is_told_of() {
    warned(
        "resources.architecture = \"arm64\"\n",
        "architecture is `arm64`, but Cloud Run has x86_64 only, and runs that",
    );
    warned(
        "scaling.working-hours = \"mon-fri 08:00-18:00 UTC\"\n",
        "working-hours change nothing: a service on Cloud Run without requests costs nothing but its `minimum`",
    );
    warned(
        "alarms.notify = \"arn:aws:sns:eu-central-1:123456789012:oncall\"\n",
        "alarms go to a topic of AWS, so there are none on Cloud Run",
    );
    warned(
        "telemetry.log-retention = 90\n",
        "log-retention is 90 days, but logs of Cloud Run are kept as long as the project's, 30 days unless changed",
    );
    let domain = "the domain `mcp.example.com` is no part of the service, and nothing emitted maps it";
    warned("endpoint.domain = \"mcp.example.com\"\n", domain);
    let hint = |region: &str| {
        let (_directory, app) = app(&format!("endpoint.domain = \"mcp.example.com\"\ngoogle.region = \"{region}\"\n"));
        Target::CloudRun.check(&app)[0].hint.clone().unwrap()
    };
    assert!(hint("europe-west1").contains("--service=server --domain=mcp.example.com --region=europe-west1"));
    assert!(hint("europe-west3").contains("domains cannot be mapped to services in `europe-west3`"));
}

#[test]
fn nothing_deploys_an_image_that_was_not_pushed() {
    let service = emitted("", "service.yaml");
    assert!(service.contains("- image: IMAGE_PUSHED_BY_CLOUD_BUILD\n"), "{service}");
    let build = emitted("", "cloudbuild.yaml");
    assert!(
        build.contains("sed -i \"s|image: IMAGE_PUSHED_BY_CLOUD_BUILD\\$|image: $digest|\" \"$SERVICE\""),
        "{build}"
    );
    assert!(!build.contains("latest"), "{build}");
}

#[test]
fn image_is_deployed_as_it_is_and_built_by_nobody() {
    let digest = format!("ghcr.io/example/notes@sha256:{}", "0".repeat(64));
    let (_directory, app_of_image) = app(&format!("build.image = \"{digest}\"\n"));
    let bundle = emit(&app_of_image);
    let names: Vec<_> = bundle.files.keys().map(|path| path.display().to_string()).collect();
    assert_eq!(names, ["iam-policy.yaml", "service.yaml"]);
    assert!(bundle.files[Path::new("service.yaml")].contains(&format!("- image: {digest}\n")));
    let (_directory, built) = app("");
    let code = Code::Image { reference: digest.clone(), output_directory: built.manifest_directory.clone() };
    let bundle = Target::CloudRun.emit(&built, &code);
    assert_eq!(bundle.files.len(), 2);
    assert!(bundle.files[Path::new("service.yaml")].contains(&format!("- image: {digest}\n")));
}

#[test]
fn build_is_sent_what_holds_the_sources_and_the_emitted_files() {
    let (directory, app) = app("secrets.TOKEN = { google = \"token\", file = \"secrets/a b#*\" }\n");
    fs::create_dir_all(directory.path().join("deploy/$HOME")).unwrap();
    let emitted = |folder: &Path| Target::CloudRun.emit(&app, &Code::Local { output_directory: folder.to_owned() });
    let below = emitted(&app.manifest_directory.join("deploy/$HOME"));
    let build = &below.files[Path::new("cloudbuild.yaml")];
    let command = "# Run it with `gcloud builds submit --config=cloudbuild.yaml \
                   --ignore-file='deploy/$HOME/.gcloudignore' ../..`.\n";
    assert!(build.contains(command), "{build}");
    // What begins with a dollar is replaced unless it is written twice.
    assert!(build.contains("'--file=deploy/$$HOME/Dockerfile'"), "{build}");
    assert!(build.contains("- SERVICE=deploy/$$HOME/service.yaml\n"), "{build}");
    assert!(build.contains("- deploy/$$HOME/iam-policy.yaml\n"), "{build}");
    let ignored = &below.files[Path::new(".gcloudignore")];
    assert!(ignored.lines().any(|line| line == r"secrets/a b#\*"), "{ignored}");
    let beside = emitted(&app.manifest_directory.parent().unwrap().join("deploy"));
    let root = app.manifest_directory.file_name().unwrap().to_string_lossy().into_owned();
    let build = &beside.files[Path::new("cloudbuild.yaml")];
    assert!(build.contains("--ignore-file=deploy/.gcloudignore ..`.\n"), "{build}");
    assert!(build.contains("--file=deploy/Dockerfile") && build.contains(&root), "{build}");
}

#[test]
fn values_stay_what_they_are() {
    let service = emitted(
        "description = \"it's: # ${HOME} 'x'\"\nenvironment.A = \"$HOME ${HOME} $$ $(A) it's\\n\\\"b\\\"\"\n",
        "service.yaml",
    );
    assert!(service.contains(r"run.googleapis.com/description: 'it''s: # ${HOME} ''x'''"), "{service}");
    assert!(service.contains(r#"value: "$HOME ${HOME} $$ $(A) it's\n\"b\"""#), "{service}");
    assert!(!service.contains("name: PORT"), "{service}");
}
