//! `[env.NAME]` takes the place of what stands elsewhere, and of nothing else.

use mcp_cloud_app::{App, LoadError, app::Trigger};

use crate::directory;

const MANIFEST: &str = "\
name = \"notes\"

[environment]
LOG = \"debug\"
UNITS = \"metric\"

[lambda]
memory = 512
policies = [\"arn:aws:iam::aws:policy/One\", \"arn:aws:iam::aws:policy/Two\"]

[env.prod]
environment.LOG = \"info\"
scaling.minimum = 2

[env.prod.lambda]
trigger = \"rest-api\"
policies = [\"arn:aws:iam::aws:policy/Three\"]

[env.staging]
name = \"try-notes\"
";

fn load(manifest: &str, environment: &str) -> Result<App, LoadError> {
    App::load_environment(directory(manifest).path(), environment)
}

#[test]
fn overlay_is_merged_key_by_key_and_lists_are_replaced() {
    let app = load(MANIFEST, "prod").unwrap();
    assert_eq!((app.environment["LOG"].as_str(), app.environment["UNITS"].as_str()), ("info", "metric"));
    assert_eq!((app.lambda.memory_mb, app.lambda.trigger), (512, Trigger::RestApi));
    assert_eq!(app.lambda.policies, ["arn:aws:iam::aws:policy/Three"]);
    assert_eq!(app.scaling.minimum, Some(2));
    let plain = App::load(directory(MANIFEST).path()).unwrap();
    assert_eq!((plain.environment["LOG"].as_str(), plain.lambda.trigger), ("debug", Trigger::FunctionUrl));
    assert_eq!((plain.lambda.policies.len(), plain.scaling.minimum), (2, None));
}

#[test]
fn two_environments_in_one_account_have_two_names() {
    assert_eq!(App::load(directory(MANIFEST).path()).unwrap().name, "notes");
    assert_eq!(load(MANIFEST, "prod").unwrap().name, "notes-prod");
    assert_eq!(load(MANIFEST, "staging").unwrap().name, "try-notes");
    assert_eq!(load(MANIFEST, "prod").unwrap().environment_name.as_deref(), Some("prod"));
    let long = format!("name = \"{}\"\n[env.production]\n", "a".repeat(40));
    let error = load(&long, "production").unwrap_err();
    assert!(error.to_string().contains("which with that of the environment has 51 characters"), "{error}");
    assert!(load(&format!("{long}name = \"short\"\n"), "production").is_ok());
}

#[test]
fn environment_that_is_not_there_is_named_with_those_that_are() {
    assert_eq!(App::environments(directory(MANIFEST).path()), ["prod", "staging"]);
    let error = load(MANIFEST, "production").unwrap_err();
    assert!(error.to_string().ends_with("mcp-cloud.toml` has no environment `production`"), "{error}");
    assert_eq!(error.hint().as_deref(), Some("it has `prod`, `staging`"));
    let none = load("name = \"a\"\n", "prod").unwrap_err();
    assert_eq!(none.hint().as_deref(), Some("an environment begins with `[env.prod]` in the file"));
}

#[test]
fn what_is_wrong_in_an_overlay_is_found_where_it_stands() {
    let text = |error: &LoadError| error.to_string().rsplit('/').next().unwrap().to_owned();
    let error = load("name = \"a\"\n[env.prod]\nlambda.memory = 64\n", "prod").unwrap_err();
    assert_eq!(text(&error), "mcp-cloud.toml:3:17: memory is 64 MB, but Lambda takes 128 to 10240 MB");
    let error = load("name = \"a\"\n[env.prod]\nlambda.memry = 64\n", "prod").unwrap_err();
    assert_eq!(text(&error), "mcp-cloud.toml:3:8: there is no key `memry` under `[lambda]`; did you mean `memory`?");
    for (overlay, expected) in [
        ("[env.Prod]\n", "the environment is `Prod`, but has to be the name of an environment: 1 to 16"),
        ("[env.prod.env.more]\n", "an environment has no environments of its own"),
        ("[env]\nprod = 1\n", "prod is a whole number, and should be a table that begins with `[env.prod]`"),
    ] {
        let error = App::load(directory(format!("name = \"a\"\n{overlay}")).path()).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
