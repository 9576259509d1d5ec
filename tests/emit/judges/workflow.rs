//! GitHub workflows: the schema that GitHub's editors use, and zizmor, which knows how workflows are attacked.

use std::{path::Path, process::Command};

use mcp_cloud_tests::checker;

use super::{paths, verdict};

/// Judges workflows. Nothing that zizmor finds is let through, however slight or doubtful; what it would have to ask
/// GitHub is left out.
pub(crate) fn workflows(files: &[impl AsRef<Path>]) -> Result<(), String> {
    if let Some(schemas) = checker("check-jsonschema") {
        let schema = ["--builtin-schema", "vendor.github-workflows", "--verbose"];
        verdict(Command::new(schemas).args(schema).args(paths(files)))?;
    }
    let Some(zizmor) = checker("zizmor") else { return Ok(()) };
    let strictest = ["--persona", "auditor", "--strict-collection", "--no-ignores", "--no-config"];
    let quiet = ["--quiet", "--no-progress", "--color", "never", "--format", "plain"];
    verdict(Command::new(zizmor).arg("--offline").args(strictest).args(quiet).args(paths(files)))
}

mod tests {
    use mcp_cloud_tests::checker;

    use super::workflows;
    use crate::judges::accepts_only_the_good_one;

    #[test]
    fn workflow_is_judged_by_its_schema_and_by_zizmor() {
        let (Some(_), Some(_)) = (checker("check-jsonschema"), checker("zizmor")) else { return };
        let good = include_str!("good-workflow.yml");
        let wrong = [
            ("runs-on", "run-on", "run-on"),
            ("timeout-minutes: 20", "timeout-minutes: soon", "timeout-minutes"),
            ("id-token: write", "id-token: wirte", "wirte"),
            ("@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2", "@v4", "unpinned-uses"),
            ("persist-credentials: false", "persist-credentials: true", "artipacked"),
            ("permissions: {}", "permissions: write-all", "excessive-permissions"),
            ("echo hello", "echo ${{ github.head_ref }}", "template-injection"),
        ];
        accepts_only_the_good_one(workflows, "deploy.yml", good, &wrong);
    }
}
