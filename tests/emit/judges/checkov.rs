//! checkov: what is unsafe in files of every platform. What it finds stands in `tests/emit/checkov-skips.toml` with the
//! reason why it is meant, or fails; so does an entry there that nothing needs any more.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use mcp_cloud_tests::workspace_root;
use serde::Deserialize;
use serde_json::Value;

/// How checkov reads a file.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Bicep,
    CloudFormation,
    Dockerfile,
    Workflow,
}

impl Kind {
    fn framework(self) -> &'static str {
        match self {
            Self::Bicep => "bicep",
            Self::CloudFormation => "cloudformation",
            Self::Dockerfile => "dockerfile",
            Self::Workflow => "github_actions",
        }
    }

    /// What a file must be called for checkov to know it.
    fn file(self) -> &'static str {
        match self {
            Self::Bicep => "main.bicep",
            Self::CloudFormation => "template.yaml",
            Self::Dockerfile => "Dockerfile",
            Self::Workflow => ".github/workflows/workflow.yaml",
        }
    }
}

/// Something that checkov finds and that is meant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Skip {
    check: String,
    /// The name of the resource in its file, or `*` for all.
    resource: String,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Skips {
    skip: Vec<Skip>,
}

/// What stands in `tests/emit/checkov-skips.toml`.
pub(crate) fn skips() -> Vec<Skip> {
    let text = fs::read_to_string(workspace_root().join("tests/emit/checkov-skips.toml")).unwrap();
    toml::from_str::<Skips>(&text).unwrap().skip
}

/// Judges all the files there are at once: whether a skip is needed shows only then, and each start takes seconds.
pub(crate) fn checkov(files: &[(Kind, impl AsRef<Path>)], skips: &[Skip]) -> Result<(), String> {
    let Some((report, names)) = report(files)? else { return Ok(()) };
    let complaints = complaints(&report, &names, skips);
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
}

/// The files by what checkov calls them.
type Names = BTreeMap<String, String>;

/// What checkov reports; nothing where it is not installed.
fn report(files: &[(Kind, impl AsRef<Path>)]) -> Result<Option<(Value, Names)>, String> {
    let Some(checkov) = mcp_cloud_tests::checkov() else { return Ok(None) };
    assert!(!files.is_empty(), "there is something to judge");
    // Copies: checkov goes by names, and reads its settings from the folder it is started in.
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(checkov);
    command.current_dir(folder.path()).args(["--skip-download", "--compact", "--output", "json"]);
    let mut names = Names::new();
    for (index, (kind, path)) in files.iter().enumerate() {
        let copy = format!("{index}/{}", kind.file());
        fs::create_dir_all(folder.path().join(&copy).parent().unwrap()).unwrap();
        fs::copy(path, folder.path().join(&copy)).unwrap();
        command.args(["--framework", kind.framework(), "--file", &copy]);
        names.insert(copy, path.as_ref().display().to_string());
    }
    let output = command.output().unwrap();
    match serde_json::from_slice(&output.stdout) {
        Ok(report) => Ok(Some((report, names))),
        Err(_) => Err(format!("checkov failed: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// What is wrong by a report.
fn complaints(report: &Value, names: &Names, skips: &[Skip]) -> Vec<String> {
    // One framework: its report; several: a list.
    let reports = report.as_array().map_or(std::slice::from_ref(report), Vec::as_slice);
    let all = |kind: &str| -> Vec<&Value> {
        reports.iter().filter_map(|report| report["results"][kind].as_array()).flatten().collect()
    };
    let file = |check: &Value| check["file_path"].as_str().unwrap().trim_start_matches('/').to_owned();
    let failed = all("failed_checks");
    let mut looked_at: Vec<_> = failed.iter().chain(&all("passed_checks")).map(|check| file(check)).collect();
    looked_at.sort();
    let mut complaints = Vec::new();
    for (copy, name) in names {
        if looked_at.binary_search(copy).is_err() {
            complaints.push(format!("{name}: checkov found nothing to check, or cannot read it"));
        }
    }
    // A comment in a file that silences a check has no place beside the list.
    for silenced in all("skipped_checks") {
        complaints.push(format!(
            "{}: {} is skipped in the file",
            names[&file(silenced)],
            silenced["check_id"].as_str().unwrap()
        ));
    }
    let mut needed = vec![false; skips.len()];
    for check in failed {
        let (id, resource) = (check["check_id"].as_str().unwrap(), check["resource"].as_str().unwrap());
        let logical = resource.rsplit('.').next().unwrap_or(resource);
        let meant = |skip: &Skip| {
            skip.check == id && (skip.resource == "*" || skip.resource == logical || skip.resource == resource)
        };
        let mut known = false;
        for (index, _) in skips.iter().enumerate().filter(|(_, skip)| meant(skip)) {
            (needed[index], known) = (true, true);
        }
        if !known {
            complaints.push(format!("{}: {resource}: {id}: {}", names[&file(check)], check["check_name"]));
        }
    }
    for (skip, _) in skips.iter().zip(needed).filter(|(_, needed)| !needed) {
        complaints.push(format!("nothing needs the skip of {} for `{}` any more", skip.check, skip.resource));
    }
    complaints.extend(
        skips
            .iter()
            .filter(|skip| skip.reason.trim().is_empty())
            .map(|skip| format!("the skip of {} for `{}` gives no reason", skip.check, skip.resource)),
    );
    complaints
}

mod tests {
    use std::{fs, path::PathBuf};

    use tempfile::TempDir;

    use super::{Kind, Skip, checkov, complaints, report};

    const TOPIC: &str = "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties:\n      \
                         KmsMasterKeyId: alias/aws/sns\n";
    const IMAGE: &str = "FROM hello:1\nCOPY hello /hello\nUSER 65532\nHEALTHCHECK CMD [\"/hello\"]\n";
    const WORKFLOW: &str = include_str!("good-workflow.yml");
    const STORAGE: &str = "resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' = {\n  name: 'hello'\n  \
                           sku: {\n    name: 'Standard_GRS'\n  }\n  properties: {\n    minimumTlsVersion: 'TLS1_2'\n    \
                           networkAcls: {\n      bypass: 'AzureServices'\n      defaultAction: 'Deny'\n    }\n    \
                           supportsHttpsTrafficOnly: true\n  }\n}\n";

    fn skip(check: &str, resource: &str, reason: &str) -> Skip {
        Skip { check: check.to_owned(), resource: resource.to_owned(), reason: reason.to_owned() }
    }

    fn written(files: &[(Kind, &str, String)]) -> (TempDir, Vec<(Kind, PathBuf)>) {
        let folder = tempfile::tempdir().unwrap();
        let write = |(kind, name, content): &(Kind, &str, String)| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            (*kind, path)
        };
        let files = files.iter().map(write).collect();
        (folder, files)
    }

    #[test]
    fn checkov_accepts_good_files_of_every_kind() {
        let (_folder, files) = written(&[
            (Kind::CloudFormation, "topic.yaml", TOPIC.to_owned()),
            (Kind::Dockerfile, "image", IMAGE.to_owned()),
            (Kind::Workflow, "deploy.yml", WORKFLOW.to_owned()),
            (Kind::Bicep, "storage.bicep", STORAGE.to_owned()),
        ]);
        assert_eq!(checkov(&files, &[]), Ok(()));
    }

    #[test]
    fn checkov_refuses_what_is_unsafe_or_unreadable_in_files_of_every_kind() {
        let Some(_) = mcp_cloud_tests::checkov() else { return };
        let (_folder, files) = written(&[
            (Kind::CloudFormation, "open.yaml", TOPIC.replace("KmsMasterKeyId: alias/aws/sns", "TopicName: open")),
            (Kind::CloudFormation, "broken.yaml", TOPIC.replace("Resources:", "Resources: [")),
            (
                Kind::CloudFormation,
                "silenced.yaml",
                TOPIC.replace(
                    "    Properties:\n      KmsMasterKeyId: alias/aws/sns",
                    "    # checkov:skip=CKV_AWS_26:it is a test\n    Properties:\n      TopicName: open",
                ),
            ),
            (Kind::Dockerfile, "root", IMAGE.replace("65532", "root")),
            (Kind::Workflow, "injected.yml", WORKFLOW.replace("echo hello", "echo ${{ github.head_ref }}")),
            (Kind::Bicep, "plain.bicep", STORAGE.replace("Only: true", "Only: false")),
            (Kind::Bicep, "broken.bicep", STORAGE.replace("name: 'hello'", "name 'hello'")),
        ]);
        let said = checkov(&files, &[]).expect_err("all of it was accepted");
        for complaint in [
            "open.yaml: AWS::SNS::Topic.Topic: CKV_AWS_26",
            "broken.yaml: checkov found nothing to check",
            "silenced.yaml: CKV_AWS_26 is skipped in the file",
            "root: 3/Dockerfile.USER: CKV_DOCKER_8",
            "injected.yml: jobs(deploy)",
            "plain.bicep: Microsoft.Storage/storageAccounts.storage: CKV_AZURE_3",
            "broken.bicep: checkov found nothing to check",
        ] {
            assert!(said.contains(complaint), "`{complaint}` is not in:\n{said}");
        }
    }

    #[test]
    fn skip_holds_for_what_it_names_and_must_be_needed_and_explained() {
        let open = TOPIC.replace("KmsMasterKeyId: alias/aws/sns", "TopicName: open");
        let (_folder, files) = written(&[(Kind::CloudFormation, "open.yaml", open)]);
        let Some((report, names)) = report(&files).unwrap() else { return };
        let judge = |skips: &[Skip]| complaints(&report, &names, skips).join("\n");
        assert_eq!(judge(&[skip("CKV_AWS_26", "Topic", "it is a test")]), "");
        assert_eq!(judge(&[skip("CKV_AWS_26", "*", "it is a test")]), "");
        for (skips, complaint) in [
            (vec![], "CKV_AWS_26"),
            (vec![skip("CKV_AWS_26", "Topi", "it")], "open.yaml: AWS::SNS::Topic.Topic: CKV_AWS_26"),
            (vec![skip("CKV_AWS_26", "Topi", "it")], "nothing needs the skip of CKV_AWS_26 for `Topi`"),
            (vec![skip("CKV_AWS_26", "*", " ")], "gives no reason"),
            (vec![skip("CKV_AWS_26", "*", "it"), skip("CKV_AWS_1", "*", "it")], "nothing needs the skip of CKV_AWS_1"),
        ] {
            let said = judge(&skips);
            assert!(said.contains(complaint), "{said}");
        }
    }
}
