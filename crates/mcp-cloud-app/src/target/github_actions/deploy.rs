//! The steps of the job that deploys, a list for each target. What runs code of the server or of its packages comes
//! before the cloud is signed in to.

use std::collections::BTreeMap;

use super::{
    AWS_CREDENTIALS, AZURE_LOGIN, GOOGLE_AUTH, SETUP_GCLOUD,
    lower::{X86_RUNNER, checkout, is_container, literal, script, set_up, uses},
    schema::{Step, With},
};
use crate::{
    app::{App, Architecture, Build, CommandBuild, PipelineTarget, Runtime},
    target::{Code, azure_functions, cloud_run, container, ecs, relative, sam},
};

const ARM_RUNNER: &str = "ubuntu-24.04-arm";
const AWS_SAM_CLI: &str = "aws-sam-cli==1.170.0";
/// Builds the package of a Rust function for `sam build`, and brings the linker for the other processor.
const CARGO_LAMBDA: &str = "cargo-lambda==1.9.2";
const GCLOUD: &str = "587.0.0";
const BRIDGE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The machine that builds: one with the processor of the image, whose packages are installed by running it.
pub(super) fn runner(app: &App) -> &'static str {
    let is_arm = app.architecture == Architecture::Arm64 && !matches!(app.build, Build::Image(_));
    if is_arm && app.github_actions.target == PipelineTarget::Ecs { ARM_RUNNER } else { X86_RUNNER }
}

pub(super) fn steps(app: &App) -> Vec<Step> {
    let mut steps = vec![checkout()];
    if let Build::Command(command) = &app.build
        && !is_container(app.github_actions.target)
    {
        steps.extend(set_up(command));
    }
    steps.extend(match app.github_actions.target {
        PipelineTarget::Sam => with_sam(app),
        PipelineTarget::Ecs => to_ecs(app),
        PipelineTarget::CloudRun => to_cloud_run(app),
        PipelineTarget::AzureFunctions => to_azure_functions(app),
    });
    steps
}

/// The files of the target that is deployed are beside `mcp-cloud.toml`, wherever the workflow lies.
fn beside(app: &App) -> Code {
    Code::Local { output_directory: app.manifest_directory.clone() }
}

/// Takes a role by the workflow's own token.
fn sign_in_to_aws(app: &App) -> Step {
    let role = app.github_actions.role.as_deref().map_or_else(|| variable("AWS_ROLE_ARN"), literal);
    let region = app.aws.region.clone().unwrap_or_else(|| variable("AWS_REGION"));
    let mut step = uses(
        "Sign in to AWS",
        &AWS_CREDENTIALS,
        [("role-to-assume", With::Text(role)), ("aws-region", With::Text(region))],
    );
    if let Some(account) = &app.aws.account {
        step.with.insert("allowed-account-ids", With::Text(account.clone()));
    }
    step
}

/// A variable of the repository or of its environment.
fn variable(name: &str) -> String {
    format!("${{{{ vars.{name} }}}}")
}

fn with_sam(app: &App) -> Vec<Step> {
    let tools = format!(
        "python3 -m venv \"$RUNNER_TEMP/tools\"\n\
         \"$RUNNER_TEMP/tools/bin/pip\" install --only-binary :all: \"{AWS_SAM_CLI}\" \"{CARGO_LAMBDA}\"\n\
         echo \"$RUNNER_TEMP/tools/bin\" >> \"$GITHUB_PATH\"\n"
    );
    let mut build = String::from("sam build\n");
    let mut env = BTreeMap::new();
    if let Build::Command(_) = &app.build {
        // For `mcp-bridge`, which `sam build` builds then.
        env.insert("RUST_TARGET", app.architecture.rust_target().to_owned());
        build.insert_str(0, "rustup target add \"$RUST_TARGET\"\n");
    }
    let deploy = format!(
        "sam deploy --stack-name \"$STACK\" --resolve-s3 --capabilities {} \\\n  \
         --no-confirm-changeset --no-fail-on-empty-changeset\n",
        sam::CAPABILITIES.join(" ")
    );
    vec![
        script("Install the tools", tools, BTreeMap::new()),
        script("Build", build, env),
        sign_in_to_aws(app),
        script("Deploy", deploy, BTreeMap::from([("STACK", app.name.clone())])),
    ]
}

/// The stack comes first: it makes the repository. The image is deployed by the digest under which it was pushed, and
/// nothing that is pushed later takes its place.
fn to_ecs(app: &App) -> Vec<Step> {
    let deploy =
        format!("{} \\\n  --no-fail-on-empty-changeset --parameter-overrides \"Image=$IMAGE\"\n", deploy_stack());
    // CloudFormation is done when the service is steady; that it still is, and by this image, is worth a look.
    let wait = format!(
        "{OUTPUT}aws ecs wait services-stable --cluster \"$(output {})\" --services \"$(output {})\"\noutput {}\n",
        ecs::OUTPUT_CLUSTER,
        ecs::OUTPUT_SERVICE,
        ecs::OUTPUT_ENDPOINT
    );
    let stack = || ("STACK", app.name.clone());
    let rest = |image: String| {
        let env = BTreeMap::from([stack(), ("IMAGE", image)]);
        [script("Deploy", deploy, env), script("Wait", wait, BTreeMap::from([stack()]))]
    };
    if let Build::Image(image) = &app.build {
        return std::iter::once(sign_in_to_aws(app)).chain(rest(image.clone())).collect();
    }
    let mut steps = vec![build_image(app), sign_in_to_aws(app)];
    steps.push(push_to_ecr(app));
    steps.extend(rest("${{ steps.push.outputs.image }}".to_owned()));
    steps
}

fn deploy_stack() -> String {
    format!(
        "aws cloudformation deploy --template-file {} --stack-name \"$STACK\" --capabilities {}",
        ecs::STACK,
        ecs::CAPABILITIES.join(" ")
    )
}

/// A function of the shell that says an output of the stack.
const OUTPUT: &str = "\
output() {
  aws cloudformation describe-stacks --stack-name \"$STACK\" --output text \\
    --query \"Stacks[0].Outputs[?OutputKey=='$1'].OutputValue\"
}
";

fn build_image(app: &App) -> Step {
    const BUILD: &str = "\
docker buildx build --platform \"$PLATFORM\" --provenance=false --load --tag \"$NAME\" --file Dockerfile \"$CONTEXT\"
";
    let env = BTreeMap::from([
        ("CONTEXT", literal(&container::context(app, &beside(app)))),
        ("NAME", app.name.clone()),
        ("PLATFORM", container::platform(app.architecture).to_owned()),
    ]);
    script("Build the image", BUILD, env)
}

/// Tags are of the commit and the run: a repository whose tags cannot be changed takes each only once.
fn push_to_ecr(app: &App) -> Step {
    const PUSH: &str = "\
aws ecr get-login-password | docker login --username AWS --password-stdin \"${repository%%/*}\"
tag=\"$repository:$GITHUB_SHA-$GITHUB_RUN_ID-$GITHUB_RUN_ATTEMPT\"
docker tag \"$NAME\" \"$tag\"
docker push \"$tag\"
image=$(docker inspect --format '{{index .RepoDigests 0}}' \"$tag\")
echo \"image=$image\" >> \"$GITHUB_OUTPUT\"
";
    let mut env = BTreeMap::from([("NAME", app.name.clone())]);
    let run = if let Some(repository) = &app.ecs.repository {
        env.insert("REPOSITORY", repository.clone());
        format!("repository=$REPOSITORY\n{PUSH}")
    } else {
        env.insert("STACK", app.name.clone());
        format!(
            "if ! aws cloudformation describe-stacks --stack-name \"$STACK\" > /dev/null 2>&1; then\n  {}\nfi\n\
             {OUTPUT}repository=$(output {})\n{PUSH}",
            deploy_stack(),
            ecs::OUTPUT_REPOSITORY
        )
    };
    Step { id: Some("push"), ..script("Push the image", run, env) }
}

/// Cloud Build makes the image, and deploys it by its digest.
fn to_cloud_run(app: &App) -> Vec<Step> {
    let project = app.google.project.clone().unwrap_or_else(|| variable("GOOGLE_PROJECT"));
    let auth = uses(
        "Sign in to Google Cloud",
        &GOOGLE_AUTH,
        [
            ("project_id", With::Text(project)),
            ("service_account", With::Text(variable("GOOGLE_SERVICE_ACCOUNT"))),
            ("workload_identity_provider", With::Text(variable("GOOGLE_WORKLOAD_IDENTITY_PROVIDER"))),
        ],
    );
    let gcloud = uses("Install gcloud", &SETUP_GCLOUD, [("version", With::Text(GCLOUD.to_owned()))]);
    let deploy = match cloud_run::sources(app, &beside(app)) {
        Some((root, emitted)) => {
            // Its logs are in Cloud Logging, which whoever deploys may not be allowed to read.
            let submit = format!("gcloud builds submit --config={} --suppress-logs", cloud_run::CLOUD_BUILD);
            let mut env = BTreeMap::from([("ROOT", literal(&root))]);
            let ignored = if emitted.is_empty() {
                String::new()
            } else {
                // It is looked for among the sources.
                env.insert("IGNORED", literal(&format!("{emitted}{}", cloud_run::GCLOUD_IGNORED)));
                " --ignore-file=\"$IGNORED\"".to_owned()
            };
            script("Build and deploy", format!("{submit}{ignored} \"$ROOT\"\n"), env)
        }
        None => {
            let replace = format!(
                "gcloud run services replace {} --region=\"$REGION\" --quiet\n\
                 gcloud run services set-iam-policy \"$SERVICE\" {} --region=\"$REGION\" --quiet\n",
                cloud_run::SERVICE,
                cloud_run::IAM_POLICY
            );
            let env = BTreeMap::from([("REGION", app.google.region.clone()), ("SERVICE", app.name.clone())]);
            script("Deploy", replace, env)
        }
    };
    vec![auth, gcloud, deploy]
}

fn to_azure_functions(app: &App) -> Vec<Step> {
    let deploy = format!(
        "\
name=$(az deployment group create --resource-group \"$RESOURCE_GROUP\" --template-file {} \\
  --query properties.outputs.{}.value --output tsv)
az functionapp deployment source config-zip --resource-group \"$RESOURCE_GROUP\" --name \"$name\" \\
  --src \"$RUNNER_TEMP/package.zip\"
",
        azure_functions::MAIN,
        azure_functions::OUTPUT_APP_NAME
    );
    let login = uses(
        "Sign in to Azure",
        &AZURE_LOGIN,
        [
            ("client-id", With::Text(variable("AZURE_CLIENT_ID"))),
            ("subscription-id", With::Text(variable("AZURE_SUBSCRIPTION_ID"))),
            ("tenant-id", With::Text(variable("AZURE_TENANT_ID"))),
        ],
    );
    let package = match &app.build {
        Build::Cargo(cargo) => {
            let package = relative(&app.manifest_directory, &cargo.package_directory.join("Cargo.toml"));
            let env = BTreeMap::from([("BINARY", literal(&cargo.binary)), ("MANIFEST", literal(&package))]);
            script("Build the package", format!("{LINUX}{CARGO}{ZIP}"), env)
        }
        Build::Command(command) => {
            let directory = relative(&app.manifest_directory, &command.directory);
            let files = literal(&command.files.join("\n"));
            let env = BTreeMap::from([("DIRECTORY", literal(&directory)), ("FILES", files)]);
            let bridge = format!(
                "cargo install mcp-bridge --version {BRIDGE_VERSION} --locked --root \"$RUNNER_TEMP/bridge\"\n"
            );
            let install = install(command);
            script("Build the package", format!("{LINUX}{bridge}{COMMAND}{install}{ZIP}"), env)
        }
        Build::Image(_) => script("Build the package", ZIP, BTreeMap::new()),
    };
    let env = BTreeMap::from([("RESOURCE_GROUP", variable("AZURE_RESOURCE_GROUP"))]);
    vec![package, login, script("Deploy", deploy, env)]
}

/// Azure Functions runs x86 only. A static program needs no library that the host may not have.
const LINUX: &str = "\
export CARGO_BUILD_TARGET=x86_64-unknown-linux-musl
rustup target add \"$CARGO_BUILD_TARGET\"
sudo apt-get update
sudo apt-get install --yes --no-install-recommends musl-tools
mkdir \"$RUNNER_TEMP/package\"
cp host.json \"$RUNNER_TEMP/package\"
";
const CARGO: &str = "\
cargo build --release --locked --target-dir \"$RUNNER_TEMP/target\" --manifest-path \"$MANIFEST\" --bin \"$BINARY\"
cp \"$RUNNER_TEMP/target/$CARGO_BUILD_TARGET/release/$BINARY\" \"$RUNNER_TEMP/package\"
";
const COMMAND: &str = "\
cp \"$RUNNER_TEMP/bridge/bin/mcp-bridge\" \"$RUNNER_TEMP/package\"
cd \"$DIRECTORY\"
while IFS= read -r file; do
  if [ -n \"$file\" ]; then cp --parents --recursive -- \"$file\" \"$RUNNER_TEMP/package\"; fi
done <<< \"$FILES\"
";
const ZIP: &str = "\
cd \"$RUNNER_TEMP/package\"
zip --recurse-paths --quiet \"$RUNNER_TEMP/package.zip\" .
";

/// What a command needs besides its files, where the runtime looks for it.
fn install(command: &CommandBuild) -> &'static str {
    let (package, lock) = (command.has_file("package.json"), command.has_file("package-lock.json"));
    match command.runtime {
        Runtime::Node if package && lock => "(cd \"$RUNNER_TEMP/package\" && npm ci --omit=dev --ignore-scripts)\n",
        Runtime::Node if package => {
            "(cd \"$RUNNER_TEMP/package\" && npm install --omit=dev --ignore-scripts --no-package-lock)\n"
        }
        Runtime::Python if command.has_file("requirements.txt") => {
            "python -m pip install --requirement requirements.txt \\\n  \
             --target \"$RUNNER_TEMP/package/.python_packages/lib/site-packages\"\n"
        }
        Runtime::Node | Runtime::Python | Runtime::None => "",
    }
}
