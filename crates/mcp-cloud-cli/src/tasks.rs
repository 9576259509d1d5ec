//! What the commands share that have to do with the tasks of a service.

use std::time::Duration;

use mcp_cloud_app::App;
use mcp_cloud_deploy::{Deployer, service::ServiceName};

use crate::{
    app::Source, duration, execution::failed, failure::Failure, interrupt::Interrupt, printer::Printer,
    progress::Progress, remote,
};

/// Which service, and for how long it is waited for.
#[derive(Debug, clap::Args)]
pub(crate) struct Service {
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) account: remote::Account,
    /// How long at most to wait for the tasks, such as `90s`, `10m` or `1h`
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
}

/// A service that was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) app: App,
    pub(crate) deployer: Deployer,
    pub(crate) name: ServiceName,
}

/// Finds the service of an app.
pub(crate) async fn find(source: &Source, account: &remote::Account, printer: &Printer) -> Result<Found, Failure> {
    let app = source.load(&[], printer)?;
    let deployer = account.connect(&app).await?;
    let name = deployer.service_of(&app).await.map_err(failed)?;
    Ok(Found { app, deployer, name })
}

impl Found {
    /// Says what is about to be changed where.
    pub(crate) fn announce(&self, printer: &Printer) {
        remote::announce(&self.app, &self.deployer, printer);
    }

    /// Waits until the service has the tasks that it is to have.
    pub(crate) async fn wait(&self, what: &str, limit: Duration, printer: &Printer) -> Result<(), Failure> {
        let progress = Progress::start(printer, what);
        let report = |event: &_| progress.note(&format!("{event}"));
        self.deployer.wait_for_tasks(&self.name, limit, &report).await.map_err(failed)
    }
}

/// Does something that can be interrupted: what AWS has begun goes on.
pub(crate) async fn interruptible<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let mut interrupt = Interrupt::listen()?;
    tokio::select! {
        outcome = work => outcome,
        () = interrupt.wait() => Err(remote::interrupted()),
    }
}
