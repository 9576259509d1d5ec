//! Azure: `host.json` and `function.json` by their schemas, Bicep by its grammar and the types of the management SDK.
//!
//! The Bicep compiler is in no package registry. What the script does in its place is said there.

use std::path::Path;

use mcp_cloud_tests::node_modules;

use super::script;

/// Judges files named `host.json` or `function.json`.
pub(crate) fn functions(files: &[impl AsRef<Path>]) -> Result<(), String> {
    let Some(modules) = node_modules() else { return Ok(()) };
    script("azure_functions.py", &[modules.join("schemastore/schemas/json").to_str().unwrap()], files)
}

/// Judges Bicep files. Security is checkov's, which reads Bicep with another parser.
pub(crate) fn bicep(files: &[impl AsRef<Path>]) -> Result<(), String> {
    script("bicep.py", &[], files)
}

mod tests {
    use mcp_cloud_tests::{node_modules, python};

    use super::{bicep, functions};
    use crate::judges::accepts_only_the_good_one;

    #[test]
    fn host_json_is_judged_by_its_schema() {
        let (Some(_), Some(_)) = (python(), node_modules()) else { return };
        let good = r#"{
            "version": "2.0",
            "extensions": { "http": { "routePrefix": "" } },
            "customHandler": {
                "description": { "defaultExecutablePath": "hello" },
                "enableProxyingHttpRequest": true
            }
        }"#;
        let wrong = [
            ("customHandler", "customHandle", "'customHandle' was unexpected"),
            ("2.0", "3.0", "'3.0' is not one of"),
            ("true", r#""yes""#, "'yes' is not of type 'boolean'"),
            ("routePrefix", "prefix", "'prefix' was unexpected"),
            ("defaultExecutablePath", "executable", "'executable' was unexpected"),
        ];
        accepts_only_the_good_one(functions, "host.json", good, &wrong);
    }

    #[test]
    fn function_json_is_judged_by_its_schema() {
        let (Some(_), Some(_)) = (python(), node_modules()) else { return };
        let good = r#"{
            "bindings": [
                {
                    "type": "httpTrigger",
                    "direction": "in",
                    "name": "request",
                    "authLevel": "anonymous",
                    "methods": ["get", "post"],
                    "route": "{*path}"
                },
                { "type": "http", "direction": "out", "name": "reply" }
            ]
        }"#;
        let wrong = [
            ("httpTrigger", "httpTrigge", "'httpTrigge'"),
            ("anonymous", "everybody", "'everybody'"),
            ("post", "pots", "'pots'"),
            ("\"route\"", "\"rout\"", "'rout'"),
            ("\"name\": \"reply\"", "\"dataType\": \"string\"", "'name' is a required property"),
        ];
        accepts_only_the_good_one(functions, "function.json", good, &wrong);
    }

    #[test]
    fn bicep_is_judged_by_its_grammar_its_names_and_the_types_of_its_resources() {
        let Some(_) = python() else { return };
        let wrong = [
            ("'hello${suffix}'", "'hello${suffix}", "is not Bicep"),
            ("name: 'hello-plan'", "name 'hello-plan'", "is not Bicep"),
            ("{ name: 'custom', version", "{ name: 'custom' version", "needs a comma"),
            ("storage.name", "storag.name", "nothing is named `storag`"),
            ("httpsOnly: true", "httpsOnly: secure", "nothing is named `secure`"),
            ("uniqueString", "uniquString", "there is no function `uniquString`"),
            ("location string", "location strin", "there is no type `strin`"),
            ("httpsOnly", "httpsOnl", "has no member `httpsOnl`"),
            ("Microsoft.Web/sites@", "Microsoft.Web/site@", "`Microsoft.Web/site` is not among those"),
            ("serverfarms@2024-04-01", "serverfarms", "names no API version"),
            ("serverfarms@2024-04-01", "serverfarms@latest", "names no API version"),
            ("StorageV2", "StorageV9", "cannot be `StorageV9`"),
            ("maximumInstanceCount: 40", "maximumInstanceCount: '40'", "is not a int"),
            ("  kind: 'StorageV2'\n", "", "lacks `kind`"),
        ];
        accepts_only_the_good_one(bicep, "main.bicep", include_str!("good.bicep"), &wrong);
    }
}
