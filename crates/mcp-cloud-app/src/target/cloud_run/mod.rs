//! Cloud Run: a service that `gcloud run services replace service.yaml` deploys, who may call it, and a build that makes
//! its image.
//!
//! `gcloud builds submit --config cloudbuild.yaml` does everything: it builds the image, pushes it to the repository in
//! Artifact Registry, writes its digest into the service, deploys that, and sets the policy. Before the first time, the
//! repository, the service account and the secrets have to be there, and the account needs
//! `roles/secretmanager.secretAccessor` on each secret. The account that builds needs `roles/artifactregistry.writer`,
//! `roles/run.admin`, and `roles/iam.serviceAccountUser` on the service's account.
//!
//! With `auth.mode = "platform"` a caller sends an ID token of Google in `Authorization`, as `gcloud run services proxy`
//! does for a client on the same machine. Cloud Run takes the signature off the token before the server sees it.
//!
//! The image keeps the contract of Cloud Run functions as well: it listens on `PORT`, serves several requests at a time,
//! and finds neither `/robots.txt` nor `/favicon.ico`.
//!
//! `limits` holds an app against what Cloud Run takes, `lower` turns it into the structures of `schema`, and the printer
//! writes those down.

mod limits;
mod lower;
mod schema;

use super::{Bundle, Code, Target, container, variables, yaml};
use crate::{app::App, diagnostic::Diagnostic};

/// The service.
pub const SERVICE: &str = "service.yaml";
/// What stands for the image in the service until it has been pushed. No image can have a name in upper case, so a
/// service that is deployed with it by accident is refused.
pub const IMAGE_TO_COME: &str = "IMAGE_PUSHED_BY_CLOUD_BUILD";
/// Who may call it.
pub const IAM_POLICY: &str = "iam-policy.yaml";
/// The build of the image, whose recipe is beside it; both absent where the image is there already.
pub const CLOUD_BUILD: &str = "cloudbuild.yaml";

/// What is not sent to be built; absent where nothing is.
pub const GCLOUD_IGNORED: &str = ".gcloudignore";

/// Holds an app against the limits of Cloud Run.
#[must_use]
pub fn check(app: &App) -> Vec<Diagnostic> {
    limits::check(app)
}

/// The directory that is sent to Cloud Build, as seen from the emitted files, and those as seen from there, with a slash at
/// the end unless they lie in it; nothing where the image is there already.
pub(super) fn sources(app: &App, code: &Code) -> Option<(String, String)> {
    lower::Layout::of(app, code).map(|layout| (layout.root, layout.emitted))
}

/// Lowers an app to its service, its policy and, where it is built here, its build.
#[must_use]
pub fn emit(app: &App, code: &Code) -> Bundle {
    let mut bundle = Bundle::default();
    let layout = lower::Layout::of(app, code);
    let region = &app.google.region;
    let mut comment = match layout {
        Some(_) => {
            format!("# {CLOUD_BUILD} deploys this, and puts the image's digest where {IMAGE_TO_COME} stands.\n")
        }
        None => format!("# Deploy it with `gcloud run services replace {SERVICE} --region={region}`.\n"),
    };
    let secrets: Vec<_> = variables::secrets(app).values().filter_map(|secret| secret.google.as_deref()).collect();
    if !secrets.is_empty() {
        comment.push_str("# Its service account needs roles/secretmanager.secretAccessor on these secrets: ");
        comment.push_str(&secrets.join(", "));
        comment.push_str(".\n");
    }
    let body = yaml::to_string(&lower::service(app, code));
    bundle.text(SERVICE, Target::CloudRun, "#", &format!("{comment}{body}"));
    let comment = format!(
        "# Set it with `gcloud run services set-iam-policy {} {IAM_POLICY} --region={region}`: nobody else may call then.\n",
        app.name
    );
    let body = yaml::to_string(&lower::policy(app));
    bundle.text(IAM_POLICY, Target::CloudRun, "#", &format!("{comment}{body}"));
    if let Some(layout) = layout {
        container::files(&mut bundle, app, code);
        bundle.text(GCLOUD_IGNORED, Target::CloudRun, "#", &lower::ignored(app, &layout));
        // It is looked for among the sources, unless it is named.
        let ignored = container::shell_word(&format!("{}{GCLOUD_IGNORED}", layout.emitted));
        let ignored = if layout.emitted.is_empty() { String::new() } else { format!(" --ignore-file={ignored}") };
        let root = container::shell_word(&layout.root);
        let comment = format!("# Run it with `gcloud builds submit --config={CLOUD_BUILD}{ignored} {root}`.\n");
        let body = yaml::to_string(&lower::cloud_build(app, &layout));
        bundle.text(CLOUD_BUILD, Target::CloudRun, "#", &format!("{comment}{body}"));
    }
    bundle
}
