//! `mcp-cloud dev`: builds a server, runs it behind an emulated platform and shows what reaches it.

use std::{collections::BTreeMap, net::Ipv4Addr, path::PathBuf, time::Duration};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use mcp_cloud_app::FILE_NAME;
use mcp_cloud_contract as contract;
use mcp_cloud_emulator::Trigger;
use serde_json::json;
use tokio::{net::TcpListener, sync::mpsc, time::timeout};

use crate::{
    app,
    cargo::{Binary, BuildError, Selection},
    emulation::{Emulation, OTHER_PORT, ServeError},
    failure::Failure,
    interrupt::{self, Interrupt},
    printer::Printer,
    traffic::{show, watch},
};

/// How long what was seen last may take to be shown.
const AFTERMATH: Duration = Duration::from_millis(300);
/// Largest `PerExecutionEnvironmentMaxConcurrency`
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_LambdaManagedInstancesCapacityProviderConfig.html>).
const MAX_CONCURRENCY: i64 = 1600;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Directory of the server's package
    #[arg(default_value = ".")]
    pub(crate) directory: PathBuf,
    /// What the server stands behind
    #[arg(long, value_name = "NAME", default_value = Trigger::FunctionUrl.name(), value_parser = triggers())]
    pub(crate) trigger: Trigger,
    /// Invocations that one instance of a function takes at once, as on Lambda Managed Instances
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=MAX_CONCURRENCY))]
    pub(crate) concurrency: u16,
    /// Port on 127.0.0.1; 0 takes any free one
    #[arg(long, default_value_t = contract::DEFAULT_PORT)]
    pub(crate) port: u16,
    /// Package that holds the server, where the directory has several
    #[arg(long, value_name = "NAME")]
    pub(crate) package: Option<String>,
    /// Binary that is the server, where the package has several
    #[arg(long, value_name = "NAME")]
    pub(crate) bin: Option<String>,
    /// Build with optimisations
    #[arg(long)]
    pub(crate) release: bool,
}

fn triggers() -> impl TypedValueParser<Value = Trigger> {
    PossibleValuesParser::new(Trigger::ALL.map(Trigger::name)).try_map(|name| name.parse::<Trigger>())
}

/// Serves until a signal asks it to end, which is success; interrupted before it served, it exits with 130.
pub(crate) async fn run(args: Args, printer: &Printer) -> Result<(), Failure> {
    if args.concurrency > 1 && !args.trigger.is_lambda() {
        return Err(not_a_function(args.trigger));
    }
    let mut interrupt = Interrupt::listen()?;
    let address = (Ipv4Addr::LOCALHOST, args.port);
    let server = tokio::select! {
        built = build(&args, printer) => built?,
        () = interrupt.wait() => return Err(interrupted()),
    };
    let (sender, mut observations) = mpsc::unbounded_channel();
    let observe = move |observation| {
        // Nobody listens any more once the command has ended.
        let _ = sender.send(observation);
    };
    let serve = async {
        let running = tokio::select! {
            running = server.emulation.listen(address.into(), observe) => running.map_err(cannot_serve)?,
            () = interrupt.wait() => return Err(interrupted()),
        };
        server.announce(running.address().port(), printer);
        interrupt.wait().await;
        tokio::select! {
            () = running.stop() => Ok(()),
            () = interrupt.wait() => Err(interrupted()),
        }
    };
    let outcome = tokio::select! {
        outcome = serve => outcome,
        never = watch(&mut observations, printer) => never,
    };
    while let Ok(Some(seen)) = timeout(AFTERMATH, observations.recv()).await {
        show(&seen, printer);
    }
    outcome
}

/// A server that was built, and what to call it.
struct Server {
    name: String,
    path: String,
    emulation: Emulation,
}

impl Server {
    /// Says where the server is, and how a client is told.
    fn announce(&self, port: u16, printer: &Printer) {
        let (name, trigger) = (&self.name, self.emulation.trigger);
        let url = format!("http://127.0.0.1:{port}{}", self.path);
        if printer.json() {
            printer.data(json!({ "event": "listening", "url": url, "server": name, "trigger": trigger.name() }));
        } else {
            printer.talk(format_args!("{name} serves {url} behind {trigger}, until Ctrl-C"));
            printer.talk(format_args!("to connect a client: claude mcp add --transport http {name} {url}"));
        }
    }
}

async fn build(args: &Args, printer: &Printer) -> Result<Server, Failure> {
    let directory = std::fs::canonicalize(&args.directory).map_err(|error| {
        let attempt = format!("cannot open the directory `{}`", args.directory.display());
        Failure::new(error).context(attempt).hint(BuildError::NAME_A_DIRECTORY).exit_code(Failure::USAGE)
    })?;
    let app = if directory.join(FILE_NAME).is_file() { Some(app::load(&directory, printer)?) } else { None };
    let mut selection = Selection { package: args.package.clone(), binary: args.bin.clone(), release: args.release };
    let (mut name, mut path, mut environment) = (None, contract::DEFAULT_PATH.to_owned(), BTreeMap::new());
    let (mut package_directory, mut function) = (directory, None);
    if let Some(app) = app {
        function = Some(app.lambda.clone());
        let Some(package) = app.cargo() else { return Err(app::not_cargo("dev")) };
        if selection.package.is_none() && selection.binary.is_none() {
            (selection.package, selection.binary) = (Some(package.package.clone()), Some(package.binary.clone()));
        }
        package_directory.clone_from(&package.package_directory);
        environment.insert(contract::env::PATH.to_owned(), app.endpoint.path.clone());
        environment.extend(app.environment);
        (name, path) = (Some(app.name), app.endpoint.path);
    }
    let target = Binary::find(&package_directory, &selection).await.map_err(cannot_build)?;
    // A port that is in use is known now; after the build it would have cost a minute.
    drop(TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await.map_err(|error| cannot_listen(args.port, error))?);
    let program = target.build().await.map_err(cannot_build)?;
    Ok(Server {
        name: name.unwrap_or(target.name),
        path,
        emulation: Emulation {
            trigger: args.trigger,
            concurrency: args.concurrency.into(),
            program,
            environment,
            function,
        },
    })
}

fn not_a_function(trigger: Trigger) -> Failure {
    Failure::new(format!("`--concurrency` is for functions on Lambda, and behind `{trigger}` there is none"))
        .hint("leave it out, or choose a trigger of Lambda's with `--trigger`")
        .exit_code(Failure::USAGE)
}

fn interrupted() -> Failure {
    Failure::new("interrupted").exit_code(interrupt::exit_code())
}

fn cannot_listen(port: u16, error: std::io::Error) -> Failure {
    Failure::new(error).context(format!("cannot listen on 127.0.0.1:{port}")).hint(OTHER_PORT)
}

fn cannot_build(error: BuildError) -> Failure {
    let code = if error.is_usage() { Failure::USAGE } else { Failure::FAILED };
    let hint = error.hint();
    Failure::new(error).exit_code(code).perhaps_hint(hint)
}

fn cannot_serve(error: ServeError) -> Failure {
    let hint = error.hint();
    Failure::new(error).perhaps_hint(hint)
}
