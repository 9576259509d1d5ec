//! Docker Compose: the real one reads the file, and the schema of the specification says what it passes over.

use std::{path::Path, process::Command};

use mcp_cloud_tests::{checker, docker_compose};

use super::{paths, verdict};

/// Judges Compose files, read with these variables set and no others.
pub(crate) fn compose(files: &[impl AsRef<Path>], variables: &[(&str, &str)]) -> Result<(), String> {
    for file in paths(files) {
        let Some(compose) = docker_compose() else { break };
        let mut config = Command::new(compose);
        config.env_clear().envs(variables.iter().copied()).arg("--file").arg(file).args(["config", "--quiet"]);
        let output = config.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // Warnings too: an unset variable, a member that means nothing any more.
        if !(output.status.success() && said.is_empty()) {
            return Err(format!("{}: {said}", file.display()));
        }
    }
    let Some(schemas) = checker("check-jsonschema") else { return Ok(()) };
    verdict(Command::new(schemas).args(["--builtin-schema", "vendor.compose-spec", "--verbose"]).args(paths(files)))
}

mod tests {
    use mcp_cloud_tests::{checker, docker_compose};

    use super::compose;
    use crate::judges::accepts_only_the_good_one;

    #[test]
    fn compose_file_is_judged_by_compose_itself() {
        let (Some(_), Some(_)) = (docker_compose(), checker("check-jsonschema")) else { return };
        let good = r#"services:
  hello:
    image: hello:1
    environment:
      KEY: ${KEY}
    ports: ["127.0.0.1:8080:8080"]
    read_only: true
    cap_drop: [ALL]
"#;
        let wrong = [
            ("image:", "imag:", "imag"),
            ("8080:8080", "8080:808O", "Invalid containerPort"),
            ("${KEY}", "${OTHER}", "variable is not set"),
            ("    image: hello:1\n", "", "neither an image nor a build context"),
            ("cap_drop: [ALL]", "cap_drop: ALL", "must be a"),
            ("services:", "version: '3'\nservices:", "obsolete"),
        ];
        let judge = |files: &[_]| compose(files, &[("KEY", "value")]);
        accepts_only_the_good_one(judge, "compose.yaml", good, &wrong);
    }

    /// What `docker compose config` lets through.
    #[test]
    fn compose_file_is_judged_by_the_schema_of_the_specification() {
        let Some(schemas) = checker("check-jsonschema") else { return };
        let judge = |files: &[std::path::PathBuf]| {
            let mut check = std::process::Command::new(&schemas);
            super::verdict(check.args(["--builtin-schema", "vendor.compose-spec"]).args(files))
        };
        let wrong = [("cap_drop: [ALL]", "cap_drop: ALL", "cap_drop"), ("image:", "imag:", "imag")];
        accepts_only_the_good_one(
            judge,
            "compose.yaml",
            "services:\n  a:\n    image: b\n    cap_drop: [ALL]\n",
            &wrong,
        );
    }
}
