//! Google: Cloud Run services and Cloud Build builds by the discovery documents of their APIs.

use std::{path::Path, process::Command};

use mcp_cloud_tests::checker;

use super::{paths, script, verdict};

/// Judges Knative services, as `gcloud run services replace` takes them.
pub(crate) fn cloud_run(files: &[impl AsRef<Path>]) -> Result<(), String> {
    script("discovery.py", &["run.v1", "Service"], files)
}

/// Judges what `gcloud builds submit --config` takes, by the API and by the schema that editors use.
pub(crate) fn cloud_build(files: &[impl AsRef<Path>]) -> Result<(), String> {
    script("discovery.py", &["cloudbuild.v1", "Build"], files)?;
    let Some(schemas) = checker("check-jsonschema") else { return Ok(()) };
    verdict(Command::new(schemas).args(["--builtin-schema", "vendor.cloudbuild", "--verbose"]).args(paths(files)))
}

mod tests {
    use mcp_cloud_tests::{checker, python};

    use super::{cloud_build, cloud_run};
    use crate::judges::accepts_only_the_good_one;

    #[test]
    fn cloud_run_service_is_judged_by_the_api() {
        let Some(_) = python() else { return };
        let good = r#"apiVersion: serving.knative.dev/v1
kind: Service
metadata:
  name: hello
  annotations:
    run.googleapis.com/ingress: all
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/maxScale: "10"
    spec:
      containerConcurrency: 80
      containers:
        - image: europe-docker.pkg.dev/project/repository/hello:1
          ports:
            - containerPort: 8080
          env:
            - name: GREETING
              value: "on"
          resources:
            limits:
              memory: 512Mi
"#;
        let wrong = [
            ("image:", "imag:", "'imag' was unexpected"),
            ("80\n      containers", "many\n      containers", "'many' is not of type 'integer'"),
            ("\"10\"", "10", "10 is not of type 'string'"),
            ("\"on\"", "true", "True is not of type 'string'"),
            ("kind: Service", "kind: Servic", "'Service' was expected"),
            ("  name: hello\n", "", "'name' is a required property"),
            ("metadata:\n", "metadata: {\n", "is not YAML"),
        ];
        accepts_only_the_good_one(cloud_run, "service.yaml", good, &wrong);
    }

    #[test]
    fn build_is_judged_by_the_api_and_by_its_schema() {
        let (Some(_), Some(_)) = (python(), checker("check-jsonschema")) else { return };
        let good = r#"steps:
  - name: gcr.io/cloud-builders/docker
    args: [build, --tag, "$_IMAGE", .]
images: ["$_IMAGE"]
substitutions:
  _IMAGE: hello
timeout: 1200s
options:
  logging: CLOUD_LOGGING_ONLY
"#;
        let wrong = [
            ("args:", "arguments:", "'arguments' was unexpected"),
            ("CLOUD_LOGGING_ONLY", "CLOUD", "'CLOUD' is not one of"),
            ("1200s", "20m", "'20m' does not match"),
            ("\"$_IMAGE\", .]", "1, .]", "1 is not of type 'string'"),
        ];
        accepts_only_the_good_one(cloud_build, "cloudbuild.yaml", good, &wrong);
    }
}
