//! One file per verb: its arguments, and one function that does it.

pub(crate) mod check;
pub(crate) mod client;
pub(crate) mod completions;
pub(crate) mod cost;
pub(crate) mod deploy;
pub(crate) mod destroy;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod emit;
pub(crate) mod exec;
pub(crate) mod image;
pub(crate) mod init;
pub(crate) mod invoke;
pub(crate) mod logs;
pub(crate) mod man;
pub(crate) mod policy;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod scale;
pub(crate) mod secrets;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod stop;
pub(crate) mod wait;

use crate::{cli::Command, failure::Failure, printer::Printer};

pub(crate) async fn run(command: Command, printer: &Printer) -> Result<(), Failure> {
    match command {
        Command::Dev(args) => dev::run(args, printer).await,
        Command::Init(args) => init::run(args, printer).await,
        Command::Check(args) => check::run(args, printer).await,
        Command::Cost(args) => cost::run(args, printer).await,
        Command::Policy(args) => policy::run(args, printer).await,
        Command::Emit(args) => emit::run(args, printer).await,
        Command::Deploy(args) => deploy::run(args, printer).await,
        Command::Rollback(args) => rollback::run(args, printer).await,
        Command::Logs(args) => logs::run(args, printer).await,
        Command::Secrets(args) => secrets::run(args, printer).await,
        Command::Status(args) => status::run(args, printer).await,
        Command::Image(args) => image::run(args, printer).await,
        Command::Start(args) => start::run(args, printer).await,
        Command::Stop(args) => stop::run(args, printer).await,
        Command::Scale(args) => scale::run(args, printer).await,
        Command::Run(args) => run::run(args, printer).await,
        Command::Exec(args) => exec::run(args, printer).await,
        Command::Destroy(args) => destroy::run(args, printer).await,
        Command::Doctor(args) => doctor::run(args, printer).await,
        Command::Wait(args) => wait::run(args, printer).await,
        Command::Completions(args) => completions::run(args, printer).await,
        Command::Man(args) => man::run(args, printer).await,
        Command::Invoke(args) => invoke::run(args, printer).await,
        Command::Client(args) => client::run(args, printer).await,
    }
}
