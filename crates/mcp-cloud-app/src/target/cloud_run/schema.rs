//! The parts of Cloud Run, IAM and Cloud Build that are emitted, as types; fields are in the order in which they are
//! printed.
//!
//! The service is described at <https://cloud.google.com/run/docs/reference/yaml/v1>, the policy at
//! <https://cloud.google.com/iam/docs/reference/rest/v1/Policy>, the build at
//! <https://cloud.google.com/build/docs/build-config-file-schema>.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;

/// `service.yaml`, as `gcloud run services replace` takes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Service<'a> {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) metadata: ServiceMetadata<'a>,
    pub(super) spec: ServiceSpec<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceMetadata<'a> {
    pub(super) name: &'a str,
    /// The project. `gcloud` refuses to deploy to another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "labels_are_empty")]
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) annotations: ServiceAnnotations<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct ServiceAnnotations<'a> {
    #[serde(rename = "run.googleapis.com/description")]
    pub(super) description: &'a str,
    #[serde(rename = "run.googleapis.com/ingress")]
    pub(super) ingress: &'static str,
    #[serde(rename = "run.googleapis.com/minScale")]
    pub(super) min_scale: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceSpec<'a> {
    pub(super) template: RevisionTemplate<'a>,
    pub(super) traffic: [TrafficTarget; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RevisionTemplate<'a> {
    pub(super) metadata: RevisionMetadata<'a>,
    pub(super) spec: RevisionSpec<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RevisionMetadata<'a> {
    #[serde(skip_serializing_if = "labels_are_empty")]
    pub(super) labels: &'a BTreeMap<String, String>,
    pub(super) annotations: RevisionAnnotations,
}

#[derive(Debug, Serialize)]
pub(super) struct RevisionAnnotations {
    #[serde(rename = "autoscaling.knative.dev/maxScale")]
    pub(super) max_scale: String,
    #[serde(rename = "run.googleapis.com/execution-environment")]
    pub(super) execution_environment: &'static str,
    #[serde(rename = "run.googleapis.com/cpu-throttling")]
    pub(super) cpu_throttling: &'static str,
    #[serde(rename = "run.googleapis.com/startup-cpu-boost")]
    pub(super) startup_cpu_boost: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RevisionSpec<'a> {
    pub(super) container_concurrency: u32,
    pub(super) timeout_seconds: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) service_account_name: Option<Cow<'a, str>>,
    pub(super) containers: [Container<'a>; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container<'a> {
    pub(super) image: &'a str,
    pub(super) ports: [ContainerPort; 1],
    pub(super) env: Vec<EnvVar<'a>>,
    pub(super) resources: Resources,
    pub(super) startup_probe: Probe<'a>,
    pub(super) liveness_probe: Probe<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerPort {
    pub(super) name: &'static str,
    pub(super) container_port: u16,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvVar<'a> {
    pub(super) name: Cow<'a, str>,
    #[serde(flatten)]
    pub(super) value: EnvValue<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum EnvValue<'a> {
    Value(String),
    ValueFrom(EnvVarSource<'a>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvVarSource<'a> {
    pub(super) secret_key_ref: SecretKeySelector<'a>,
}

/// What Kubernetes calls a key is the version of the secret here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecretKeySelector<'a> {
    pub(super) name: &'a str,
    pub(super) key: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Resources {
    pub(super) limits: Limits,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Limits {
    pub(super) cpu: String,
    pub(super) memory: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Probe<'a> {
    pub(super) http_get: HttpGet<'a>,
    pub(super) period_seconds: u32,
    pub(super) timeout_seconds: u32,
    pub(super) failure_threshold: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HttpGet<'a> {
    pub(super) path: &'a str,
    pub(super) port: u16,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TrafficTarget {
    pub(super) percent: u32,
    pub(super) latest_revision: bool,
}

/// `iam-policy.yaml`, as `gcloud run services set-iam-policy` takes it.
#[derive(Debug, Serialize)]
pub(super) struct Policy<'a> {
    pub(super) bindings: Vec<Binding<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Binding<'a> {
    pub(super) role: &'static str,
    pub(super) members: Vec<&'a str>,
}

/// `cloudbuild.yaml`.
#[derive(Debug, Serialize)]
pub(super) struct CloudBuild<'a> {
    pub(super) steps: Vec<Step>,
    pub(super) substitutions: Substitutions<'a>,
    pub(super) options: Options,
}

/// A step, which is either a program with arguments or a script. Cloud Build substitutes in arguments and variables, and
/// not in scripts, which find in their variables what they need.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Step {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entrypoint: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) args: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) env: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) script: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Substitutions<'a> {
    #[serde(rename = "_REGION")]
    pub(super) region: &'a str,
    #[serde(rename = "_REPOSITORY")]
    pub(super) repository: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Options {
    pub(super) logging: &'static str,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn labels_are_empty(labels: &&BTreeMap<String, String>) -> bool {
    labels.is_empty()
}
