//! `mcp-cloud image push`: pushes the image to a registry.

use std::path::PathBuf;

use mcp_cloud_app::{App, target::ecs::OUTPUT_REPOSITORY};
use mcp_cloud_deploy::{
    Deployer,
    image::{self, Contents, Key, Pushed},
};
use serde_json::json;

use super::{Platforms, Shown};
use crate::{
    app::Source,
    execution::failed,
    failure::Failure,
    images::{self, Building, Order},
    printer::Printer,
    progress::Progress,
    remote, tasks,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    account: remote::Account,
    #[command(flatten)]
    platforms: Platforms,
    #[command(flatten)]
    building: Building,
    /// Where to, as REGISTRY/REPOSITORY[:TAG] [default: the repository in mcp-cloud.toml, else that of the deployed stack;
    /// the tag is made of the digest]
    #[arg(long, value_name = "REFERENCE")]
    to: Option<String>,
    /// Folder with the image, as `image build` wrote it, instead of building it
    #[arg(long, value_name = "DIR", conflicts_with_all = ["platform", "bridge", "base"])]
    oci_layout: Option<PathBuf>,
    /// Sign it with this key as cosign does: a file, or a URI that cosign takes
    #[arg(long, value_name = "KEY")]
    sign: Option<String>,
}

/// Prints the reference of the image by its digest. What is there already is not sent.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let app = args.source.load(&[], printer)?;
    tasks::interruptible(push(&args, &app, printer)).await
}

async fn push(args: &Args, app: &App, printer: &Printer) -> Result<(), Failure> {
    let (repository, deployer) = destination(args, app).await?;
    let contents = match &args.oci_layout {
        Some(layout) => Contents::read(layout).map_err(failed)?,
        None => {
            let order = Order {
                app,
                directory: &args.source.directory,
                platforms: &args.platforms.platform,
                building: &args.building,
                command: "image push",
            };
            images::build(order, printer).await?.contents
        }
    };
    let reference = if is_tagged(&repository) { repository } else { format!("{repository}:{}", contents.tag()) };
    let pushed = send(&reference, &contents, deployer.as_ref(), printer).await?;
    if let Some(key) = &args.sign {
        image::sign_image(&pushed, &Key::new(key.as_str()), deployer.as_ref()).await.map_err(failed)?;
    }
    let shown = Shown::of(&contents);
    let by_digest = format!("{}@{}", without_tag(&reference), pushed.digest);
    if printer.json() {
        let outcome = json!({
            "image": shown,
            "reference": by_digest,
            "tagged": reference,
            "sent_bytes": pushed.sent_bytes,
            "signed": args.sign.is_some(),
        });
        printer.data(outcome);
    } else {
        printer.talk(format_args!("{}, of which {} bytes were sent", shown.sizes(), pushed.sent_bytes));
        printer.data(by_digest);
    }
    Ok(())
}

async fn send(
    reference: &str,
    contents: &Contents,
    deployer: Option<&Deployer>,
    printer: &Printer,
) -> Result<Pushed, Failure> {
    let progress = Progress::start(printer, &format!("push the image to {reference}"));
    let report = |note: &str| progress.note(note);
    let pushed = match deployer {
        Some(deployer) => deployer.push_image(reference, contents, &report).await,
        None => image::push_image(reference, contents, &report).await,
    };
    pushed.map_err(failed)
}

/// Where to, and who logs in where that is a registry of AWS.
async fn destination(args: &Args, app: &App) -> Result<(String, Option<Deployer>), Failure> {
    let named = args.to.clone().or_else(|| app.ecs.repository.clone());
    let mut place = args.account.place(app);
    if let Some(named) = named {
        let Some((account, region)) = image::ecr_place(&named) else { return Ok((named, None)) };
        place.region = Some(region.to_owned());
        place.account.get_or_insert_with(|| account.to_owned());
        return Ok((named, Some(Deployer::connect(place).await.map_err(failed)?)));
    }
    let deployer = Deployer::connect(place).await.map_err(failed)?;
    let stack = deployer.observe_stack(&app.name).await.map_err(failed)?;
    let repository = stack.and_then(|stack| stack.outputs.get(OUTPUT_REPOSITORY).cloned());
    let nowhere = || {
        Failure::new(format!("there is no repository to push the image of `{}` to", app.name))
            .hint("name one with `--to`, or deploy the server with `--target ecs`, which makes one")
            .exit_code(Failure::USAGE)
    };
    Ok((repository.ok_or_else(nowhere)?, Some(deployer)))
}

/// Whether a reference names more than a repository; a colon before the last slash is that of a port.
fn is_tagged(reference: &str) -> bool {
    without_tag(reference) != reference
}

fn without_tag(reference: &str) -> &str {
    let name = reference.rfind('/').map_or(0, |slash| slash + 1);
    match reference.get(name..).and_then(|name| name.find([':', '@'])) {
        Some(end) => reference.get(..name + end).unwrap_or(reference),
        None => reference,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_of_a_registry_is_no_tag() {
        assert!(!is_tagged("localhost:5000/team/hello"));
        assert!(is_tagged("localhost:5000/team/hello:1"));
        assert_eq!(without_tag("localhost:5000/team/hello:1"), "localhost:5000/team/hello");
        assert!(!is_tagged("hello"));
    }
}
