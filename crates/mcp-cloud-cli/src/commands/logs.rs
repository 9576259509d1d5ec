//! `mcp-cloud logs`: shows what the server logs.

use std::time::SystemTime;

use mcp_cloud_app::{App, Target, app::Trigger};
use mcp_cloud_deploy::{
    Deployer,
    logs::{self, Followed, LogQuery, query::parse_time},
};
use tokio::sync::mpsc;

use crate::{
    app::Source, execution::failed, failure::Failure, interrupt::Interrupt, log_line, printer::Printer, remote,
};

/// Show what the server logs
///
/// Times are in UTC, and those that are asked for are written as an age (90s, 10m, 2h, 1d, 1w) or in RFC 3339. With
/// `--output json`, each event is one JSON object in one line.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    account: remote::Account,
    /// Go on with what comes, until interrupted; being interrupted is success then
    #[arg(short, long)]
    follow: bool,
    /// From when on [default: 10m; with --request or --trace 1d]
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Until when [default: now]
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "follow")]
    until: Option<i64>,
    /// Only lines with this text in them; what begins with one of { [ ? % " - is a filter pattern of CloudWatch Logs
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    filter: Option<String>,
    /// Only lines about the request with this id
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Only lines of the trace with this id, as W3C or as X-Ray writes it
    #[arg(long, value_name = "ID")]
    trace: Option<String>,
    /// Only the last so many lines of what is there already
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: Option<u32>,
    /// Who called, too, as the HTTP API in front of the server logs it
    #[arg(long)]
    access: bool,
}

fn time(text: &str) -> Result<i64, String> {
    parse_time(text, SystemTime::now()).map_err(|error| error.to_string())
}

/// Succeeds when everything was shown, however little that is; when it follows, once it is interrupted or nobody reads.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen()?;
    let app = args.source.load(&[], printer)?;
    let mut query = query(&args, &app)?;
    let shown = async {
        let deployer = args.account.connect(&app).await?;
        let stack = deployer.observe_stack(&app.name).await.map_err(failed)?;
        query.groups.insert(0, logs::server_group(&app, stack.map_or(Target::Sam, |stack| stack.target())));
        if args.follow { follow(&deployer, &query, printer).await } else { read(&deployer, &query, printer).await }
    };
    tokio::select! {
        outcome = shown => outcome,
        () = interrupt.wait() => if args.follow { Ok(()) } else { Err(remote::interrupted()) },
    }
}

fn query(args: &Args, app: &App) -> Result<LogQuery, Failure> {
    let mut groups = Vec::new();
    if args.access {
        let no_log = || {
            Failure::new(format!(
                "`--access` shows the log of an HTTP API, and the trigger is `{}`",
                app.lambda.trigger.as_str()
            ))
            .hint(format!("leave it out, or write `trigger = \"{}\"` under `[lambda]`", Trigger::HttpApi.as_str()))
            .exit_code(Failure::USAGE)
        };
        groups.push(logs::access_group(app).ok_or_else(no_log)?);
    }
    let age = if args.request.is_some() || args.trace.is_some() { "1d" } else { "10m" };
    let since = match args.since {
        Some(since) => since,
        None => parse_time(age, SystemTime::now())?,
    };
    let mut query = LogQuery::new(groups, since)
        .with_filter(args.filter.as_deref())
        .with_request(args.request.as_deref())
        .with_trace(args.trace.as_deref());
    query.range.until = args.until;
    query.limit = args.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(query)
}

async fn read(deployer: &Deployer, query: &LogQuery, printer: &Printer) -> Result<(), Failure> {
    let mut closed = false;
    // Who has seen enough closes the pipe; the rest is read in vain then, but it ends.
    deployer
        .read_logs(query, &mut |event| closed = closed || log_line::show(&event, printer).is_err())
        .await
        .map_err(failed)
}

async fn follow(deployer: &Deployer, query: &LogQuery, printer: &Printer) -> Result<(), Failure> {
    let (closed, mut nobody_reads) = mpsc::channel(1);
    let mut tell = |followed| match followed {
        Followed::Event(event) => {
            if log_line::show(&event, printer).is_err() {
                // Said once is enough.
                let _ = closed.try_send(());
            }
        }
        Followed::Waiting { group } => {
            printer.talk(format_args!("wait for the log group {group}, which is not there yet"));
        }
        Followed::Trouble(error) => printer.warning(format_args!("{}; it is tried again", failed(error.into()))),
    };
    tokio::select! {
        outcome = deployer.follow_logs(query, &mut tell) => outcome.map_err(failed),
        _ = nobody_reads.recv() => Ok(()),
    }
}
