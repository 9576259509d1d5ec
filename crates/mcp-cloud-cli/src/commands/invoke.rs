//! `mcp-cloud invoke`: calls a tool of a server, as an MCP client does.

use std::{fs, io::Read, path::Path, time::Duration};

use clap::ValueEnum;
use mcp_cloud_deploy::mcp::{Client, Era, arguments, client::Notification, http::Limits};
use serde_json::{Map, Value};

use crate::{
    content,
    failure::Failure,
    printer::Printer,
    server::{Location, unanswered, unsendable},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Tool to call; with `--list`, the directory of the server
    #[arg(required_unless_present = "list")]
    tool: Option<String>,
    #[command(flatten)]
    location: Location,
    /// Arguments as a JSON object; `@FILE` reads it from a file, `-` from standard input
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    arguments: Option<String>,
    /// One argument; text, or JSON where the tool takes no text. May be repeated
    #[arg(long = "arg", value_name = "NAME=VALUE")]
    pairs: Vec<String>,
    /// Era of the protocol to speak
    #[arg(long, value_enum, default_value_t)]
    era: Wanted,
    /// Show the tools instead of calling one
    #[arg(long, conflicts_with_all = ["arguments", "pairs"])]
    list: bool,
    /// Seconds that the answer may take
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    timeout: u64,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Wanted {
    /// The modern one, and the legacy one where the server does not know it
    #[default]
    Auto,
    /// Each request carries its own metadata
    #[value(name = "2026-07-28")]
    Modern,
    /// 2025-11-25 and before: `initialize` first
    Legacy,
}

/// Fails when the tool says that it failed; its words are on standard output all the same.
pub(crate) async fn run(mut args: Args, printer: &Printer) -> Result<(), Failure> {
    if args.list
        && let Some(directory) = args.tool.take()
    {
        args.location.source.directory = directory.into();
    }
    let given = args.arguments.as_deref().map_or(Ok(Map::new()), read)?;
    let server = args.location.find(printer).await?;
    let limits = Limits { time: Duration::from_secs(args.timeout), ..Client::LIMITS };
    let client = Client::new(&server.http, &server.url, server.authorization()?).map_err(unsendable)?;
    let mut client = client.with_limits(limits);
    let era = match args.era {
        Wanted::Auto => None,
        Wanted::Modern => Some(Era::Modern),
        Wanted::Legacy => Some(Era::Legacy),
    };
    client.connect(era).await.map_err(unanswered)?;
    let outcome = talk(&args, given, &mut client, printer).await;
    client.close().await;
    outcome
}

async fn talk(
    args: &Args,
    mut given: Map<String, Value>,
    client: &mut Client,
    printer: &Printer,
) -> Result<(), Failure> {
    let tools = client.tools().await.map_err(unanswered)?;
    let Some(name) = &args.tool else {
        content::list(tools, printer);
        return Ok(());
    };
    let Some(tool) = tools.iter().find(|tool| tool.get("name").and_then(Value::as_str) == Some(name)) else {
        let names: Vec<_> = tools.iter().filter_map(|tool| tool.get("name")?.as_str()).collect();
        let hint = if names.is_empty() { "it has none".to_owned() } else { format!("it has `{}`", names.join("`, `")) };
        return Err(Failure::new(format!("the server has no tool `{name}`")).hint(hint).exit_code(Failure::USAGE));
    };
    let schema = tool.get("inputSchema").unwrap_or(&Value::Null);
    arguments::add(&mut given, &args.pairs, schema).and_then(|()| arguments::check(&given, schema)).map_err(
        |error| {
            let usage = arguments::usage(schema);
            Failure::new(error).exit_code(Failure::USAGE).hint(format!("its arguments are `{}`", usage.trim()))
        },
    )?;
    let mut heard = |notification: Notification| content::notification(&notification, printer);
    let result = client.call(name, given, schema, &mut heard).await.map_err(unanswered)?;
    content::result(name, &result, printer)
}

/// Reads the arguments from where they are said to be.
fn read(place: &str) -> Result<Map<String, Value>, Failure> {
    let failed = |attempt: String, error| Failure::new(error).context(attempt).exit_code(Failure::USAGE);
    let text = if place == "-" {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| failed("cannot read standard input".to_owned(), error))?;
        text
    } else if let Some(file) = place.strip_prefix('@') {
        fs::read_to_string(Path::new(file)).map_err(|error| failed(format!("cannot read `{file}`"), error))?
    } else {
        place.to_owned()
    };
    arguments::parse(&text).map_err(|error| Failure::new(error).exit_code(Failure::USAGE))
}
