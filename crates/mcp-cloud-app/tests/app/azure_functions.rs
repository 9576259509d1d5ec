//! Azure Functions: what is refused and why, and what follows from what is said.

use std::{fs, path::Path};

use mcp_cloud_app::{App, Code, Severity, Target};
use tempfile::TempDir;

use crate::directory;

fn app(manifest: &str) -> (TempDir, App) {
    let directory = directory(format!("name = \"server\"\n{manifest}"));
    fs::write(directory.path().join("server.py"), "").unwrap();
    let app = App::load(directory.path()).unwrap();
    (directory, app)
}

fn found(manifest: &str) -> Vec<(Severity, String)> {
    let (_directory, app) = app(manifest);
    Target::AzureFunctions.check(&app).into_iter().map(|found| (found.severity, found.message)).collect()
}

fn refused(manifest: &str, expected: &str) {
    assert_eq!(found(manifest), [(Severity::Error, expected.to_owned())], "{manifest}");
}

fn warned(manifest: &str, expected: &str) {
    assert_eq!(found(manifest), [(Severity::Warning, expected.to_owned())], "{manifest}");
}

fn fine(manifest: &str) {
    assert_eq!(found(manifest), [], "{manifest}");
}

fn emitted(manifest: &str, file: &str) -> String {
    let (_directory, app) = app(manifest);
    let code = Code::Local { output_directory: app.manifest_directory.clone() };
    Target::AzureFunctions.emit(&app, &code).files.get(Path::new(file)).cloned().unwrap_or_default()
}

const ENTRA: &str = "auth.mode = \"jwt\"\n\
    auth.issuer = \"https://login.microsoftonline.com/0a1b2c3d-0000-1111-2222-333344445555/v2.0\"\n";
const CLIENT: &str = "6f7a8b9c-0000-1111-2222-333344445555";

#[test]
fn default_app_is_fine() {
    fine("");
    fine("auth.mode = \"none\"\n");
}

#[test]
fn sizes_that_flex_consumption_does_not_have_are_refused() {
    for memory in [512, 2048, 4096] {
        fine(&format!("resources.memory = {memory}\n"));
    }
    refused("resources.memory = 1024\n", "memory is 1024 MB, but an instance has 512, 2048 or 4096 MB");
    refused("azure-functions.memory = 513\n", "memory is 513 MB, but an instance has 512, 2048 or 4096 MB");
    refused("scaling.maximum = 1001\n", "maximum is 1001, but a Flex Consumption app takes 1000 instances at most");
    warned(
        "scaling.maximum = 39\n",
        "maximum is 39: not every region takes less than 40 instances, and a flood of requests starts more for a moment",
    );
    fine("scaling.maximum = 40\n");
    refused(
        "resources.timeout = 231\n",
        "timeout is 231 s, but the load balancer of Azure Functions gives up on a reply after 230 s",
    );
}

#[test]
fn what_cannot_be_a_package_is_refused() {
    refused(
        "build.image = \"nginx:1.27\"\n",
        "image is there already, but a Flex Consumption app is a package of files and runs no images",
    );
    let python = "build.command = [\"python\", \"server.py\"]\nbuild.files = [\"server.py\"]\n";
    fine(python);
    refused(
        &format!("{python}build.runtime-version = \"3\"\n"),
        "runtime-version is `3`, but the version of a Flex Consumption app is a minor one, such as `3.13`",
    );
    refused(
        "build.command = [\"node\", \"server.py\"]\nbuild.files = [\"server.py\"]\nbuild.runtime-version = \"22.1\"\n",
        "runtime-version is `22.1`, but the version of a Flex Consumption app is a major one, such as `22`",
    );
    warned(
        "build.command = [\"python\", \"%HOME%\"]\nbuild.files = [\"server.py\"]\n",
        "the word `%HOME%` of the command has a variable in it for the host, which puts in the value of `%NAME%`",
    );
}

#[test]
fn settings_of_the_host_are_refused() {
    for name in
        ["AzureWebJobsStorage", "functions_worker_runtime", "WEBSITE_RUN_FROM_PACKAGE", "AzureFunctionsJobHost__a"]
    {
        let expected = format!("`{name}` is a setting of the host of Azure Functions, and would configure that");
        refused(&format!("environment.{name} = \"a\"\n"), &expected);
    }
    refused(
        "environment = { LOG = \"a\", log = \"b\" }\n",
        "`log` and `LOG` are the same setting to Azure, which knows no capitals",
    );
    refused(
        "secrets.TOKEN.google = \"token\"\n",
        "the secret `TOKEN` has no `azure`, the only place that Azure Functions can take it from",
    );
}

#[test]
fn tags_that_azure_does_not_take_are_refused() {
    refused(
        "tags.\"a/b\" = \"\"\n",
        "the tag `a/b` has one of the characters `<>%&\\?/` in its name, which Azure does not take",
    );
    let long = "a".repeat(129);
    refused(
        &format!("tags.{long} = \"\"\n"),
        &format!("the tag `{long}` has a name of 129 characters, but Azure takes 1 to 128"),
    );
    refused(
        &format!("tags.a = \"{}\"\n", "a".repeat(257)),
        "the tag `a` has 257 characters, but Azure takes 256 at most",
    );
    let many: String = (0..51).map(|index| format!("tags.a{index} = \"\"\n")).collect();
    refused(&many, "there are 51 tags, but a resource takes 50 at most");
}

#[test]
fn nobody_thinks_a_server_is_guarded_that_is_not() {
    refused(
        "auth.mode = \"cognito\"\nauth.audiences = [\"a\"]\n\
         auth.user-pool = \"arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_a\"\n",
        "mode is `cognito`, but App Service checks tokens of Entra ID only, so the server would be unguarded",
    );
    let errors = |manifest: &str| -> Vec<_> {
        let errors = found(manifest).into_iter().filter(|(severity, _)| *severity == Severity::Error);
        errors.map(|(_, message)| message).collect()
    };
    let stranger =
        "issuer is none of Entra ID, and App Service checks tokens of no other, so the server would be unguarded";
    for issuer in [
        "https://a.example",
        "https://login.microsoftonline.com/common/v2.0",
        "https://login.microsoftonline.com.a.example/0a1b2c3d-0000-1111-2222-333344445555/v2.0",
        "https://login.microsoftonline.com/0a1b2c3d-0000-1111-2222-333344445555/v1.0",
    ] {
        let manifest = format!("auth = {{ mode = \"jwt\", issuer = \"{issuer}\", audiences = [\"{CLIENT}\"] }}\n");
        assert_eq!(errors(&manifest), [stranger], "{issuer}");
    }
    assert_eq!(
        errors(&format!("{ENTRA}auth.audiences = [\"https://mcp.example.com\"]\n")),
        ["none of the audiences is the client id of a registration in Entra ID, which App Service wants to know"]
    );
    assert_eq!(
        errors(&format!("{ENTRA}auth.audiences = [\"{CLIENT}\"]\nauth.jwks-url = \"https://a.example/keys\"\n")),
        ["jwks-url is given, but App Service takes the keys that its issuer names"]
    );
    refused(
        "network.exposure = \"private\"\n",
        "exposure is `private`, but the app is in no virtual network of Azure's, and faces the internet",
    );
    refused(
        "network.egress = \"platform\"\n",
        "egress is `platform`, but an app that is in no virtual network of Azure's reaches the internet",
    );
    refused("network.waf = true\n", "waf stands for AWS's firewall, which no app on Azure has");
    let ranges: Vec<_> = (0..513).map(|index| format!("\"10.{}.{}.0/24\"", index / 256, index % 256)).collect();
    refused(
        &format!("network.allow = [{}]\n", ranges.join(", ")),
        "allow has 513 ranges, but an app takes 512 at most",
    );
}

#[test]
fn tokens_of_entra_are_checked_in_front_of_the_host() {
    let warning = |message: &str| (Severity::Warning, message.to_owned());
    let streams = warning(
        "with App Service in front of it, streamed replies of a Flex Consumption app have been seen to fail with 500",
    );
    let audience = format!("{ENTRA}auth.audiences = [\"api://{CLIENT}\"]\n");
    assert_eq!(
        found(&audience),
        [warning("without `scopes` App Service does not tell clients where to sign in"), streams.clone()]
    );
    let scoped = format!("{audience}auth.scopes = [\"api://{CLIENT}/read\", \"api://{CLIENT}/write\"]\n");
    let scopes = warning("App Service tells clients of the scopes, but lets in tokens without them");
    assert_eq!(found(&scoped), [streams, scopes]);
    let main = emitted(&scoped, "main.bicep");
    assert!(main.contains(&format!("clientId: '{CLIENT}'")), "{main}");
    assert!(main.contains("requireAuthentication: true") && main.contains("'Return401'"), "{main}");
    let setting = "name: 'WEBSITE_AUTH_PRM_DEFAULT_WITH_SCOPES'\n          value: ";
    assert!(main.contains(&format!("{setting}'api://{CLIENT}/read,api://{CLIENT}/write'")), "{main}");
}

#[test]
fn host_asks_for_a_key_unless_somebody_else_asks() {
    let level = |manifest: &str| {
        let host: serde_json::Value = serde_json::from_str(&emitted(manifest, "host.json")).unwrap();
        let http = &host["customHandler"]["http"];
        assert_eq!(http["routes"], serde_json::json!([{ "route": "{*route}" }]));
        http["defaultAuthorizationLevel"].as_str().unwrap().to_owned()
    };
    assert_eq!(level(""), "function");
    assert_eq!(level("auth.mode = \"none\"\n"), "anonymous");
    assert_eq!(level(&format!("{ENTRA}auth.audiences = [\"{CLIENT}\"]\n")), "anonymous");
    let cognito = "auth.mode = \"cognito\"\nauth.audiences = [\"a\"]\n\
         auth.user-pool = \"arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_a\"\n";
    assert_eq!(level(cognito), "function");
}

#[test]
fn state_that_instances_could_not_share_is_refused() {
    assert!(
        found("state.sessions = \"memory\"\nscaling.maximum = 1\n").contains(&(
            Severity::Error,
            "sessions are in the memory of one process, but a Flex Consumption app starts another one when it likes"
                .to_owned()
        ))
    );
    refused(
        "state.sessions = \"sealed\"\n",
        "sessions are sealed, but no `azure` under `[state.sealing-key]` says where the key is, so no instance could open \
         what another one sealed",
    );
    fine("state.sessions = \"sealed\"\nstate.sealing-key.azure = \"https://notes.vault.azure.net/secrets/seal\"\n");
    refused(
        "state.store = \"dynamodb\"\n",
        "store is `dynamodb`, which a server on Azure could reach with keys of AWS only",
    );
    refused(
        "state.store = \"redis\"\nstate.redis.file = \"redis\"\n",
        "store is `redis`, but no `azure` under `[state.redis]` says where its URL is kept",
    );
}

#[test]
fn what_only_other_targets_have_is_told_of() {
    warned(
        "resources.architecture = \"arm64\"\n",
        "architecture is `arm64`, but Azure Functions has x86_64 only, and runs that",
    );
    warned(
        "scaling.working-hours = \"mon-fri 08:00-18:00 UTC\"\n",
        "working-hours change nothing: an app without requests costs nothing but its `minimum`",
    );
    warned(
        "alarms.notify = \"arn:aws:sns:eu-central-1:123456789012:oncall\"\n",
        "alarms go to a topic of AWS, so there are none on Azure",
    );
    warned(
        "endpoint.domain = \"mcp.example.com\"\n",
        "the domain `mcp.example.com` is no part of what is emitted: Azure wants to see its DNS records first",
    );
    for days in [7, 731] {
        refused(
            &format!("telemetry.log-retention = {days}\n"),
            &format!("log-retention is {days} days, but Log Analytics keeps logs for 30 to 730 days"),
        );
    }
}

#[test]
fn each_secret_of_each_vault_is_allowed_once_and_nothing_else() {
    let manifest = "secrets.A.azure = \"https://one-a.vault.azure.net/secrets/x\"\n\
         secrets.B.azure = \"https://one-a.vault.azure.net/secrets/x/0123456789abcdef0123456789abcdef\"\n\
         secrets.C.azure = \"https://two.vault.azure.net/secrets/y\"\n";
    let main = emitted(manifest, "main.bicep");
    assert_eq!(main.matches("'secret-access.bicep' = {").count(), 2, "{main}");
    assert!(main.contains("param resourceGroupOf_one_a string = resourceGroup().name\n"), "{main}");
    assert!(main.contains("scope: resourceGroup(resourceGroupOf_two)\n"), "{main}");
    let pinned =
        "'@Microsoft.KeyVault(SecretUri=https://one-a.vault.azure.net/secrets/x/0123456789abcdef0123456789abcdef)'";
    assert!(main.contains(pinned), "{main}");
    assert!(emitted("", "secret-access.bicep").is_empty());
    assert!(!emitted(manifest, "secret-access.bicep").is_empty());
}

#[test]
fn names_are_as_long_as_azure_takes_them() {
    let main = |name: &str| {
        let directory = directory(format!("name = \"{name}\"\n"));
        let app = App::load(directory.path()).unwrap();
        let code = Code::Local { output_directory: app.manifest_directory.clone() };
        Target::AzureFunctions.emit(&app, &code).files[Path::new("main.bicep")].clone()
    };
    // With the 13 characters of the suffix 60 and 24.
    let long = main(&format!("{}-b", "a".repeat(45)));
    assert!(long.contains(&format!("var name = '{}-${{suffix}}'\n", "a".repeat(45))), "{long}");
    assert!(long.contains(&format!("name: '{}${{suffix}}'\n", "a".repeat(11))), "{long}");
    let short = main("a-1");
    assert!(short.contains("name: 'a1${suffix}'\n"), "{short}");
    // Two apps in one group have names of their own however they begin.
    assert!(short.contains("var suffix = uniqueString(resourceGroup().id, 'a-1')\n"), "{short}");
}

#[test]
fn package_has_the_program_and_no_secret() {
    let ignored = emitted(
        "secrets.A = { azure = \"https://a-b.vault.azure.net/secrets/x\", file = \"server\" }\n",
        ".funcignore",
    );
    let lines: Vec<_> = ignored.lines().skip(1).collect();
    assert_eq!(lines, ["/*", "!/host.json", "!/server", "**/.env", "/server"]);
    let python = "build.command = [\"python\", \"server.py\"]\n";
    let some = emitted(&format!("{python}build.files = [\"./server.py\", \"src\"]\n"), ".funcignore");
    let lines: Vec<_> = some.lines().skip(1).collect();
    let expected = ["/*", "!/.python_packages", "!/host.json", "!/mcp-bridge", "!/server.py", "!/src", "**/.env"];
    assert_eq!(lines, expected);
    let all = emitted(&format!("{python}build.files = [\".\"]\n"), ".funcignore");
    assert!(!all.lines().any(|line| line == "/*"), "{all}");
    let main = emitted(&format!("{python}build.files = [\"server.py\"]\n"), "main.bicep");
    assert!(main.contains("name: 'python'\n        version: '3.13'\n"), "{main}");
    assert!(main.contains("value: '/home/site/wwwroot/.python_packages/lib/site-packages'\n"), "{main}");
}

#[test]
fn values_stay_what_they_are() {
    let main = emitted(
        "environment.A = \"it's ${resourceGroup().id} \\\\ \\n '''\"\ntags.\"a'b${c}\" = \"${d}'\"\n",
        "main.bicep",
    );
    assert!(main.contains(r"value: 'it\'s \${resourceGroup().id} \\ \n \'\'\''"), "{main}");
    assert!(main.contains(r"'a\'b\${c}': '\${d}\''"), "{main}");
}
