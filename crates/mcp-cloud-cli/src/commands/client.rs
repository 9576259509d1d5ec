//! `mcp-cloud client`: tells an MCP client about a server.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use mcp_cloud_deploy::mcp::{
    Access,
    connect::{McpClient, WriteError, Written},
};
use serde_json::json;

use crate::{failure::Failure, printer::Printer, server::Location};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Client that is told
    #[arg(value_name = "CLIENT", value_parser = clients())]
    client: McpClient,
    #[command(flatten)]
    location: Location,
    /// Write the entry into the client's file instead of printing it; everything else in the file stays as it is
    #[arg(long)]
    write: bool,
    /// File to write [default: the client's, of the project in the current directory or of you]
    #[arg(long, value_name = "PATH", requires = "write")]
    file: Option<PathBuf>,
    /// What the client calls the server [default: the app's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

fn clients() -> impl TypedValueParser<Value = McpClient> {
    PossibleValuesParser::new(McpClient::ALL.map(|(name, _)| name)).try_map(|name| {
        let found = McpClient::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, client)| *client).ok_or("no such client")
    })
}

/// Changes nothing where the client knows the server already.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let server = args.location.find(printer).await?;
    let name = args.name.as_ref().unwrap_or(&server.name);
    let entry = args.client.entry(name, &server.url, server.access, &server.region);
    let file = match &args.file {
        Some(file) => file.clone(),
        None => file(args.client)?,
    };
    let outcome = if args.write { Some(entry.write(&file).map_err(unwritten)?) } else { None };
    let outcome = match outcome {
        None => "printed",
        Some(Written::Added) => "added",
        Some(Written::Replaced) => "replaced",
        Some(Written::Unchanged) => "unchanged",
    };
    if printer.json() {
        printer.data(json!({ "outcome": outcome, "file": file, "name": name, "entry": entry.value }));
        return Ok(());
    }
    let file = file.display();
    match outcome {
        "printed" => {
            printer.data(serde_json::to_string_pretty(&entry.document()).unwrap_or_default());
            printer.talk(format_args!("this belongs into `{file}`; `--write` puts it there"));
        }
        "unchanged" => printer.talk(format_args!("`{file}` has `{name}` already")),
        _ => printer.talk(format_args!("{outcome} `{name}` in `{file}`; restart the client if it runs")),
    }
    if let Some(needs) = needs(args.client, server.access) {
        printer.talk(needs);
    }
    Ok(())
}

fn file(client: McpClient) -> Result<PathBuf, Failure> {
    let home = std::env::home_dir().ok_or_else(|| {
        Failure::new("it is not known where your home directory is").hint("name the file with `--file`")
    })?;
    let project =
        std::env::current_dir().map_err(|error| Failure::new(error).context("cannot tell the current directory"))?;
    Ok(client.file(&project, &home))
}

/// What an entry needs on the machine of whoever uses it.
fn needs(client: McpClient, access: Access) -> Option<&'static str> {
    match access {
        Access::Signed { .. } => Some(
            "IAM guards the server (`auth.mode` is `platform`), and no client signs requests by itself: the entry starts \
             AWS's own proxy with `uvx` (https://docs.astral.sh/uv/), which signs with your AWS credentials",
        ),
        _ if client == McpClient::ClaudeDesktop => Some(
            "Claude Desktop's file takes programs only: the entry starts `mcp-remote` with `npx`, which needs Node.js",
        ),
        Access::Open | Access::Token => None,
    }
}

fn unwritten(error: WriteError) -> Failure {
    let failure = Failure::new(error);
    failure.hint("leave `--write` out, and put what is printed into the file yourself")
}
