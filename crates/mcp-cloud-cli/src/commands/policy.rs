//! `mcp-cloud policy`: prints the least that whoever deploys the server has to be allowed.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use mcp_cloud_app::App;
use mcp_cloud_deploy::policy::{
    Document, GithubRepository, LIMIT_CHARACTERS, Purpose, Scope, Trusted, policies, trust,
};
use serde_json::json;

use crate::{app::Source, failure::Failure, hosting::Hosting, printer::Printer};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Where the server is to run
    #[arg(long, value_enum, value_name = "TARGET", default_value_t)]
    target: Hosting,
    /// What the role is for; several are separated by commas [default: all of it]
    #[arg(long = "for", value_name = "PURPOSE", value_parser = purposes(), value_delimiter = ',')]
    purpose: Vec<Purpose>,
    /// AWS region [default: the one in mcp-cloud.toml, else any]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// AWS account [default: the one in mcp-cloud.toml, else any]
    #[arg(long, value_name = "DIGITS")]
    account: Option<String>,
    /// S3 bucket for the code [default: the one that is made for the account and region]
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// Print who takes the role instead: workflows of this repository of GitHub
    #[arg(long, value_name = "OWNER/NAME", conflicts_with = "principal")]
    github: Option<String>,
    /// Branch whose workflows take it [default: the one in mcp-cloud.toml]
    #[arg(long, value_name = "NAME", requires = "github")]
    branch: Option<String>,
    /// Print who takes the role instead: an account, a user or a role, by ARN
    #[arg(long, value_name = "ARN")]
    principal: Option<String>,
}

fn purposes() -> impl TypedValueParser<Value = Purpose> {
    PossibleValuesParser::new(Purpose::ALL.map(Purpose::as_str))
        .try_map(|name| Purpose::from_name(&name).ok_or("unknown purpose"))
}

/// Needs neither credentials nor the network: what an app needs follows from its file.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let target = args.target.target();
    let app = args.source.load(&[target], printer)?;
    let account = args.account.clone().or_else(|| app.aws.account.clone());
    let region = args.region.clone().or_else(|| app.aws.region.clone());
    let scope = Scope::of(&app, target, account.as_deref(), region.as_deref(), args.bucket.clone());
    if let Some(trusted) = trusted(&args, &app, account.is_some())? {
        printer.data(pretty(&trust(&scope, &trusted)));
        return Ok(());
    }
    let purposes = if args.purpose.is_empty() { Purpose::ALL.to_vec() } else { args.purpose.clone() };
    let documents = policies(&app, &scope, &purposes);
    if account.is_none() || region.is_none() {
        printer.warning("the policy holds in every account or region, because the file does not say which");
        printer.hint("name them: `account` and `region` under `[aws]`, or `--account` and `--region`");
    }
    if printer.json() {
        let documents =
            documents.iter().map(|document| json!({ "characters": document.characters(), "document": document }));
        printer.data(json!({ "app": app.name, "target": target.as_str(), "policies": documents.collect::<Vec<_>>() }));
        return Ok(());
    }
    if documents.len() > 1 {
        let number = documents.len();
        printer
            .talk(format_args!("{number} policies: one takes {LIMIT_CHARACTERS} characters, and a role takes several"));
    }
    for document in &documents {
        printer.data(pretty(document));
    }
    Ok(())
}

/// Who is meant to take the role, if that was asked for.
fn trusted(args: &Args, app: &App, account_is_known: bool) -> Result<Option<Trusted>, Failure> {
    if let Some(arn) = &args.principal {
        return Ok(Some(Trusted::Principal(arn.clone())));
    }
    let Some(name) = &args.github else { return Ok(None) };
    let repository = GithubRepository::from_name(name).ok_or_else(|| {
        Failure::new(format!("`{name}` is no repository of GitHub"))
            .hint("write it as `owner/name`")
            .exit_code(Failure::USAGE)
    })?;
    if !account_is_known {
        return Err(Failure::new("who vouches for GitHub is part of an account, and nothing says which")
            .hint("name it: `account` under `[aws]`, or `--account`")
            .exit_code(Failure::USAGE));
    }
    let branch = args.branch.clone().unwrap_or_else(|| app.github_actions.branch.clone());
    Ok(Some(Trusted::Github { repository, branch }))
}

fn pretty(document: &Document) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default()
}
