//! App → the structures of [`schema`](super::schema).

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

use mcp_cloud_contract::env;

use super::{
    IAM_POLICY, IMAGE_TO_COME, SERVICE,
    schema::{
        Binding, CloudBuild, Container, ContainerPort, EnvValue, EnvVar, EnvVarSource, HttpGet, Limits, Options,
        Policy, Probe, Resources, RevisionAnnotations, RevisionMetadata, RevisionSpec, RevisionTemplate,
        SecretKeySelector, Service, ServiceAnnotations, ServiceMetadata, ServiceSpec, Step, Substitutions,
        TrafficTarget,
    },
};
use crate::{
    app::{App, Architecture, AuthMode, Build, Exposure, Store},
    target::{Code, container, relative, variables},
};

/// A whole processor; with less, an instance serves one request at a time, in the first generation's environment
/// (<https://cloud.google.com/run/docs/configuring/services/cpu>).
pub(super) const ONE_CPU: u32 = 1000;
/// Characters of a service account's id (<https://cloud.google.com/iam/docs/service-accounts-create>).
pub(super) const SERVICE_ACCOUNT_CHARACTERS: std::ops::RangeInclusive<usize> = 6..=30;

pub(super) fn service<'a>(app: &'a App, code: &'a Code) -> Service<'a> {
    let metadata = ServiceMetadata {
        name: &app.name,
        namespace: app.google.project.as_deref(),
        labels: &app.tags,
        annotations: ServiceAnnotations {
            description: &app.description,
            ingress: match app.network.exposure {
                Exposure::Public => "all",
                Exposure::Private => "internal",
            },
            // Of the service and not of the revision: else each revision that keeps a share of the traffic has its own.
            min_scale: app.cloud_run.minimum.to_string(),
        },
    };
    let template = RevisionTemplate {
        metadata: RevisionMetadata {
            labels: &app.tags,
            annotations: RevisionAnnotations {
                max_scale: app.cloud_run.maximum.to_string(),
                execution_environment: if app.cloud_run.cpu_milli < ONE_CPU { "gen1" } else { "gen2" },
                // The processor is there, and paid for, while requests are served; an open stream is one.
                cpu_throttling: "true",
                startup_cpu_boost: "true",
            },
        },
        spec: RevisionSpec {
            container_concurrency: concurrency(app),
            timeout_seconds: app.cloud_run.timeout_seconds,
            service_account_name: service_account(app),
            containers: [container(app, code)],
        },
    };
    let traffic = [TrafficTarget { percent: 100, latest_revision: true }];
    Service {
        api_version: "serving.knative.dev/v1",
        kind: "Service",
        metadata,
        spec: ServiceSpec { template, traffic },
    }
}

fn container<'a>(app: &'a App, code: &'a Code) -> Container<'a> {
    Container {
        image: image(app, code).unwrap_or(IMAGE_TO_COME),
        ports: [ContainerPort { name: "http1", container_port: container::PORT }],
        env: environment(app),
        resources: Resources {
            limits: Limits {
                cpu: format!("{}m", app.cloud_run.cpu_milli),
                memory: format!("{}Mi", app.cloud_run.memory_mb),
            },
        },
        // Once a second, because nobody is served before it succeeds; it may fail as long as the start may take.
        startup_probe: Probe {
            http_get: health(app),
            period_seconds: 1,
            timeout_seconds: 1,
            failure_threshold: app.health.start_seconds.max(1),
        },
        liveness_probe: Probe {
            http_get: health(app),
            period_seconds: app.health.interval_seconds,
            timeout_seconds: app.health.timeout_seconds,
            failure_threshold: app.health.retries,
        },
    }
}

/// The image, where it is there already.
fn image<'a>(app: &'a App, code: &'a Code) -> Option<&'a str> {
    match (code, &app.build) {
        (Code::Image { reference, .. }, _) => Some(reference),
        (Code::Local { .. } | Code::S3 { .. }, Build::Image(image)) => Some(image),
        (Code::Local { .. } | Code::S3 { .. }, Build::Cargo(_) | Build::Command(_)) => None,
    }
}

fn health(app: &App) -> HttpGet<'_> {
    HttpGet { path: &app.health.path, port: container::PORT }
}

pub(super) fn concurrency(app: &App) -> u32 {
    if app.cloud_run.cpu_milli < ONE_CPU { 1 } else { app.scaling.concurrency }
}

/// Who the service acts as; nobody but the project's default account where neither the file nor the project says.
pub(super) fn service_account(app: &App) -> Option<Cow<'_, str>> {
    if let Some(account) = &app.cloud_run.service_account {
        return Some(Cow::Borrowed(account));
    }
    let project = app.google.project.as_ref()?;
    SERVICE_ACCOUNT_CHARACTERS
        .contains(&app.name.len())
        .then(|| Cow::Owned(format!("{}@{project}.iam.gserviceaccount.com", app.name)))
}

/// `PORT` is not among them: Cloud Run sets it to the container's port, and refuses a service that does
/// (<https://cloud.google.com/run/docs/container-contract#env-vars>).
fn environment(app: &App) -> Vec<EnvVar<'_>> {
    let mut values = variables::of_server(app);
    // Cloud Run is in front of it, and lets in only whom the policy names.
    values.insert(env::ALLOW_UNAUTHENTICATED.to_owned(), "1".to_owned());
    values.entry(env::REQUEST_TIMEOUT.to_owned()).or_insert_with(|| app.cloud_run.timeout_seconds.to_string());
    if app.state.store == Store::Redis {
        values.insert(env::STORE.to_owned(), Store::Redis.as_str().to_owned());
        values.insert(env::STORE_TTL.to_owned(), app.state.ttl_hours.to_string());
    }
    let mut variables: Vec<_> = values
        .into_iter()
        .map(|(name, value)| EnvVar { name: Cow::Owned(name), value: EnvValue::Value(value) })
        .collect();
    for (name, secret) in variables::secrets(app) {
        if let Some(google) = &secret.google {
            let secret_key_ref = SecretKeySelector { name: google, key: &secret.google_version };
            let value = EnvValue::ValueFrom(EnvVarSource { secret_key_ref });
            variables.push(EnvVar { name: Cow::Borrowed(name), value });
        }
    }
    variables.sort_by(|one, other| one.name.cmp(&other.name));
    variables
}

/// The whole policy of the service: whoever is not named here is not let in any more once it is set.
pub(super) fn policy(app: &App) -> Policy<'_> {
    let members: Vec<_> = match app.auth.mode {
        AuthMode::None => vec!["allUsers"],
        AuthMode::Platform => app.cloud_run.invokers.iter().map(String::as_str).collect(),
        AuthMode::Jwt | AuthMode::Cognito => Vec::new(),
    };
    let bindings = if members.is_empty() { Vec::new() } else { vec![Binding { role: "roles/run.invoker", members }] };
    Policy { bindings }
}

/// Where the sources are, and where the emitted files are, as seen from the directory that holds both.
#[derive(Debug)]
pub(super) struct Layout {
    /// That directory, absolute.
    directory: PathBuf,
    /// That directory, as seen from the emitted files.
    pub(super) root: String,
    /// The sources, as seen from there.
    context: String,
    /// The emitted files, as seen from there; ends in a slash unless empty.
    pub(super) emitted: String,
}

impl Layout {
    pub(super) fn of(app: &App, code: &Code) -> Option<Self> {
        let emitted = code.directory(app);
        let sources = match (code, &app.build) {
            (Code::Image { .. }, _) | (_, Build::Image(_)) => return None,
            (_, Build::Cargo(cargo)) => &cargo.workspace_directory,
            (_, Build::Command(command)) => &command.directory,
        };
        let root = common(sources, emitted);
        let below = relative(&root, emitted);
        Some(Self {
            root: relative(emitted, &root),
            context: relative(&root, sources),
            emitted: if below == "." { String::new() } else { format!("{below}/") },
            directory: root,
        })
    }
}

/// The innermost directory that holds both.
fn common(one: &Path, other: &Path) -> PathBuf {
    one.components().zip(other.components()).take_while(|(one, other)| one == other).map(|(part, _)| part).collect()
}

/// What is not sent to Cloud Build, which keeps a copy of what it gets: what is built anew there, and secrets.
pub(super) fn ignored(app: &App, layout: &Layout) -> String {
    let mut lines: Vec<_> = [".git", "target", "node_modules", "**/.env"].map(str::to_owned).into();
    let secrets = app.secrets.values().chain(&app.state.sealing_key).chain(&app.state.redis);
    for file in secrets.filter_map(|secret| secret.file.as_deref()) {
        let file = container::normal(&app.manifest_directory.join(file));
        lines.push(container::ignore_pattern(&relative(&layout.directory, &file)));
    }
    lines.sort();
    lines.dedup();
    lines.push(String::new());
    lines.join("\n")
}

/// Builds the image, pushes it, and deploys exactly what was pushed: by digest, which no later push can change.
pub(super) fn cloud_build<'a>(app: &'a App, layout: &Layout) -> CloudBuild<'a> {
    /// Builders by version (<https://cloud.google.com/build/docs/cloud-builders>).
    const DOCKER: &str = "gcr.io/cloud-builders/docker:24.0.9";
    const GCLOUD: &str = "gcr.io/google.com/cloudsdktool/google-cloud-cli:587.0.0-slim";
    let Layout { context, emitted, .. } = layout;
    // Substitutions begin with `$`, so a `$` in a path is written twice.
    let literal = |text: &str| text.replace('$', "$$");
    let text = |text: &str| text.to_owned();
    let image = format!("${{_REGION}}-docker.pkg.dev/${{PROJECT_ID}}/${{_REPOSITORY}}/{}:${{BUILD_ID}}", app.name);
    let step = |id, name, args| Step { id, name, entrypoint: None, args, env: Vec::new(), script: None };
    let build = vec![
        text("build"),
        format!("--platform={}", container::platform(Architecture::X86_64)),
        literal(&format!("--file={emitted}{}", container::DOCKERFILE)),
        format!("--tag={image}"),
        literal(context),
    ];
    let pin = Step {
        env: vec![format!("IMAGE={image}"), literal(&format!("SERVICE={emitted}{SERVICE}"))],
        script: Some(format!(
            "digest=\"$(docker inspect --format '{{{{index .RepoDigests 0}}}}' \"$IMAGE\")\" && sed -i \"s|image: \
             {IMAGE_TO_COME}\\$|image: $digest|\" \"$SERVICE\" && grep -F \"image: $digest\" \"$SERVICE\""
        )),
        ..step("pin", DOCKER, Vec::new())
    };
    let services = |id, arguments: Vec<String>| {
        let all = ["run", "services"].map(text).into_iter().chain(arguments);
        let place = ["--project=${PROJECT_ID}", "--region=${_REGION}", "--quiet"].map(text);
        Step { entrypoint: Some("gcloud"), ..step(id, GCLOUD, all.chain(place).collect()) }
    };
    let service = literal(&format!("{emitted}{SERVICE}"));
    let policy = literal(&format!("{emitted}{IAM_POLICY}"));
    let steps = vec![
        // The recipe has mounts that only BuildKit knows.
        Step { env: vec![text("DOCKER_BUILDKIT=1")], ..step("build", DOCKER, build) },
        step("push", DOCKER, vec![text("push"), image]),
        pin,
        services("deploy", vec![text("replace"), service]),
        services("allow", vec![text("set-iam-policy"), app.name.clone(), policy]),
    ];
    CloudBuild {
        steps,
        substitutions: Substitutions { region: &app.google.region, repository: &app.cloud_run.repository },
        // The build writes no bucket of its own.
        options: Options { logging: "CLOUD_LOGGING_ONLY" },
    }
}
