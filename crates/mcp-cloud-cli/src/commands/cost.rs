//! `mcp-cloud cost`: estimates what the server costs each month, and what it would cost elsewhere.

use mcp_cloud_app::{
    Target,
    cost::{FALLBACK_REGION, FreeTier, Usage},
};

use crate::{
    app::Source,
    commands::emit::{self, Targets},
    costs::{Costs, YEAR_DAYS},
    failure::Failure,
    printer::Printer,
};

/// What is compared when nothing else is asked for: what the table has prices of comes first.
const COMPARED: [Target; 5] = [Target::Sam, Target::Ecs, Target::EcsExpress, Target::CloudRun, Target::AzureFunctions];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// What to estimate for; the first one in detail [default: sam, and the others to compare]
    #[arg(long, value_name = "NAME", value_parser = emit::targets(), value_delimiter = ',')]
    target: Vec<Targets>,
    /// AWS region [default: the one in mcp-cloud.toml, else us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Requests in a month [default: 100000]
    #[arg(long, value_name = "NUMBER")]
    requests: Option<u64>,
    /// How long the server works on one, such as `120ms` or `2s` [default: 100ms]
    #[arg(long, value_name = "TIME", value_parser = milliseconds)]
    duration: Option<u64>,
    /// How large a reply is, in kB [default: 4]
    #[arg(long, value_name = "KB")]
    reply: Option<u64>,
    /// Share of the replies that are long streams, in percent [default: 0]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    streamed: Option<u8>,
    /// How long such a stream lasts [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = milliseconds)]
    stream_duration: Option<u64>,
    /// How large such a stream is, in kB [default: 100]
    #[arg(long, value_name = "KB")]
    stream_size: Option<u64>,
    /// What is logged about a request, in kB [default: 1]
    #[arg(long, value_name = "KB")]
    logs: Option<u64>,
    /// Take off what AWS gives each account for nothing
    #[arg(long)]
    free_tier: bool,
}

impl Args {
    fn usage(&self) -> Usage {
        let assumed = Usage::default();
        Usage {
            requests: self.requests.unwrap_or(assumed.requests),
            duration_milliseconds: self.duration.unwrap_or(assumed.duration_milliseconds),
            reply_kilobytes: self.reply.unwrap_or(assumed.reply_kilobytes),
            streamed_percent: self.streamed.unwrap_or(assumed.streamed_percent),
            stream_milliseconds: self.stream_duration.unwrap_or(assumed.stream_milliseconds),
            stream_kilobytes: self.stream_size.unwrap_or(assumed.stream_kilobytes),
            log_kilobytes: self.logs.unwrap_or(assumed.log_kilobytes),
            ..assumed
        }
    }
}

/// Estimates without asking anybody: neither AWS nor the network.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    let app = args.source.load(&[], printer)?;
    let targets = if args.target.is_empty() { COMPARED.to_vec() } else { emit::chosen(&args.target) };
    let region = args.region.clone().or_else(|| app.aws.region.clone()).unwrap_or_else(|| FALLBACK_REGION.to_owned());
    let free_tier = if args.free_tier { FreeTier::Counted } else { FreeTier::Ignored };
    let costs = Costs::of(&app, &targets, args.usage(), region, free_tier);
    if printer.json() {
        printer.data(costs.json());
    } else {
        for line in costs.lines() {
            printer.data(line);
        }
    }
    if costs.age_days > YEAR_DAYS {
        printer.warning(format_args!("the table of prices is {} days old", costs.age_days));
        printer.hint("a later version of mcp-cloud has a later one");
    }
    Ok(())
}

/// Reads `120ms` or `2s`.
fn milliseconds(text: &str) -> Result<u64, String> {
    let (number, factor) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 1000),
        (None, None) => return Err("a time has a unit: `120ms` or `2s`".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| format!("`{number}` is no whole number"))?;
    number.checked_mul(factor).ok_or_else(|| format!("`{text}` is longer than time is counted"))
}
