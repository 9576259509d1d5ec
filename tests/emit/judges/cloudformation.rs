//! CloudFormation, plain or SAM: cfn-lint, and the SAM translator, which is what CloudFormation itself runs.

use std::{fs, path::Path, process::Command};

use mcp_cloud_tests::{checker, python, workspace_root};
use serde_json::Value;

use super::{paths, verdict};

/// Judges templates by everything that cfn-lint calls an error or a warning; notes are about taste.
pub(crate) fn cfn_lint(files: &[impl AsRef<Path>]) -> Result<(), String> {
    let Some(cfn_lint) = checker("cfn-lint") else { return Ok(()) };
    verdict(Command::new(cfn_lint).arg("--template").args(paths(files)))
}

/// What CloudFormation makes of the templates, written into the folder as `0.json`, `1.json`, …; nothing where the
/// translator is not installed.
pub(crate) fn expanded(files: &[impl AsRef<Path>], folder: &Path) -> Result<Vec<Value>, String> {
    let Some(python) = python() else { return Ok(Vec::new()) };
    let script = workspace_root().join("tests/emit/expand.py");
    verdict(Command::new(python).arg(script).arg(folder).args(paths(files)))?;
    let read = |index| serde_json::from_slice(&fs::read(folder.join(format!("{index}.json"))).unwrap()).unwrap();
    Ok((0..files.len()).map(read).collect())
}

/// Judges templates as they are and as CloudFormation expands them.
pub(crate) fn cloudformation(files: &[impl AsRef<Path>]) -> Result<(), String> {
    cfn_lint(files)?;
    let folder = tempfile::tempdir().unwrap();
    let expanded = expanded(files, folder.path())?;
    let expanded: Vec<_> = (0..expanded.len()).map(|index| folder.path().join(format!("{index}.json"))).collect();
    if expanded.is_empty() { Ok(()) } else { cfn_lint(&expanded) }
}

mod tests {
    use std::fs;

    use mcp_cloud_tests::{checker, python};

    use super::{cloudformation, expanded};
    use crate::judges::accepts_only_the_good_one;

    #[test]
    fn plain_template_is_judged_by_cfn_lint() {
        let (Some(_), Some(_)) = (checker("cfn-lint"), python()) else { return };
        let good = r#"Resources:
  Logs:
    Type: AWS::Logs::LogGroup
    DeletionPolicy: Delete
    UpdateReplacePolicy: Delete
    Properties:
      RetentionInDays: 30
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      RequiresCompatibilities: [FARGATE]
      NetworkMode: awsvpc
      Cpu: "256"
      Memory: "512"
      ContainerDefinitions:
        - Name: server
          Image: hello:1
          LogConfiguration:
            LogDriver: awslogs
            Options:
              awslogs-group: !Ref Logs
              awslogs-region: !Ref AWS::Region
"#;
        let wrong = [
            ("\"512\"", "\"999\"", "E3047"),
            ("awsvpc", "bridge", "E3048"),
            ("!Ref Logs", "!Ref Log", "E1020"),
            ("RetentionInDays: 30", "RetentionInDays: 31", "E3030"),
            ("NetworkMode", "NetworkMod", "E3002"),
        ];
        accepts_only_the_good_one(cloudformation, "stack.yaml", good, &wrong);
    }

    #[test]
    fn sam_template_is_judged_by_the_translator() {
        let Some(_) = python() else { return };
        let good = fs::read_to_string(crate::own_template()).unwrap();
        let judge = |files: &[_]| expanded(files, tempfile::tempdir().unwrap().path()).map(|_| ());
        let wrong = [
            ("CodeUri: examples/hello", "CodeUrl: examples/hello", "CodeUrl"),
            ("FunctionUrlConfig:", "FunctionUrlConf:", "FunctionUrlConf"),
        ];
        accepts_only_the_good_one(judge, "template.yaml", &good, &wrong);
    }
}
