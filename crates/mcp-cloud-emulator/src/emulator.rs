//! One front door to every trigger: configure, listen, stop.

use std::{
    ffi::OsString,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    azure,
    container::{self, Container, Probe, Rules, Server, ServerError},
    front_door::{self, Backend},
    lambda::{self, Function, FunctionSettings},
    observation::{Observation, Observer},
    process::{Freeze, Program},
    trigger::{Settings, Trigger},
};

/// How long Cloud Run, and whoever starts a plain container, waits for the port.
const CONTAINER_PATIENCE: Duration = Duration::from_secs(60);

/// A server program behind one of its triggers, to be configured and then started with [`listen`](Self::listen).
#[derive(Debug)]
#[must_use = "an emulator does nothing until it listens"]
pub struct Emulator {
    trigger: Trigger,
    program: PathBuf,
    env: Vec<(OsString, OsString)>,
    timeout: Option<Duration>,
    freeze: Freeze,
    instances: usize,
    concurrency: usize,
    memory_mb: u32,
    settings: Settings,
    observer: Observer,
}

/// Why the emulator could not start. Nothing it started is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Another program listens there.
    #[error("cannot listen on {address}: the port is in use")]
    PortInUse {
        /// The address as asked for.
        address: SocketAddr,
    },
    /// The operating system refuses the address for another reason.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address as asked for.
        address: SocketAddr,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The program is not there, or is none.
    #[error("cannot start `{}`", program.display())]
    Program {
        /// The program as asked for.
        program: PathBuf,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The program ended before it listened.
    #[error("`{}` ended before it listened ({})", program.display(), exit_text(*code))]
    Exited {
        /// The program.
        program: PathBuf,
        /// Its exit code; `None` if a signal ended it.
        code: Option<i32>,
    },
    /// The program runs, but does not listen on the port its platform gave it.
    #[error("`{}` did not listen on {address} in time", program.display())]
    NotListening {
        /// The program, which has been killed.
        program: PathBuf,
        /// Where it should have listened.
        address: SocketAddr,
    },
}

fn exit_text(code: Option<i32>) -> String {
    code.map_or_else(|| "killed by a signal".to_owned(), |code| format!("exit status {code}"))
}

impl Emulator {
    /// Puts `program` behind `trigger`. A relative path is relative to the current folder.
    pub fn new(trigger: Trigger, program: impl Into<PathBuf>) -> Self {
        Self {
            trigger,
            program: program.into(),
            env: Vec::new(),
            timeout: None,
            freeze: Freeze::BetweenInvocations,
            instances: 4,
            concurrency: 1,
            memory_mb: 512,
            settings: Settings::default(),
            observer: Observer::default(),
        }
    }

    /// Gives the program an environment variable. It inherits none but `PATH` and a few like it, and those of its
    /// platform win over these.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets how long an invocation or a request may take.
    ///
    /// Default: 30 seconds for a function, 300 seconds on Cloud Run, 230 seconds on Azure, without end for
    /// [`Trigger::Direct`]. Limits of the gateway in front of a function hold besides.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets whether a function's process is stopped between invocations. Default: it is.
    pub fn freeze(mut self, freeze: Freeze) -> Self {
        self.freeze = freeze;
        self
    }

    /// Sets how many instances of a function may run at once, at least one; further requests wait. Default: four.
    pub fn instances(mut self, instances: usize) -> Self {
        self.instances = instances;
        self
    }

    /// Sets how many invocations an instance of a function takes at once. Default: one, which is a classic function.
    ///
    /// With more than one it is a function on Lambda Managed Instances: there is one instance, told
    /// `AWS_LAMBDA_MAX_CONCURRENCY`, with whom further requests wait; it is not frozen between invocations, may take 130
    /// seconds to start, and runs on when an invocation misses its deadline, which fails that invocation alone.
    /// [`instances`](Self::instances) and [`freeze`](Self::freeze) mean nothing then.
    ///
    /// Source: <https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html>. AWS
    /// takes up to 1600.
    pub fn concurrency(mut self, concurrency: usize) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Sets the memory a function is told it has, in MB. It is not enforced. Default: 512.
    pub fn memory_mb(mut self, memory_mb: u32) -> Self {
        self.memory_mb = memory_mb;
        self
    }

    /// Sets how the gateways in front of a function are configured.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets who is told what happens. It is called from the tasks that serve and must not block.
    pub fn observer(mut self, observe: impl Fn(Observation) + Send + Sync + 'static) -> Self {
        self.observer = Observer::new(observe);
        self
    }

    /// Listens on `address`, port 0 for any, and starts the program unless it is a function, whose first instance
    /// starts with its first event.
    ///
    /// # Errors
    ///
    /// If the address cannot be had, or the program cannot be started or does not listen where it should.
    pub async fn listen(self, address: SocketAddr) -> Result<Running, StartError> {
        // First, so that a port in use starts nothing.
        let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::PortInUse { address },
            _ => StartError::Listen { address, source },
        })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address, source })?;
        check(&self.program).map_err(|source| StartError::Program { program: self.program.clone(), source })?;
        let observer = self.observer.clone();
        let backend = Arc::new(self.backend().await?);
        let closing = watch::Sender::new(false);
        let serving = tokio::spawn(front_door::serve(listener, Arc::clone(&backend), observer, closing.subscribe()));
        Ok(Running { address, backend, closing, serving })
    }

    async fn backend(self) -> Result<Backend, StartError> {
        let program = Program::new(self.program.clone(), self.env, self.observer);
        let name = program.name();
        let backend = match self.trigger {
            Trigger::FunctionUrl
            | Trigger::FunctionUrlBuffered
            | Trigger::RestApi
            | Trigger::RestApiStream
            | Trigger::HttpApi
            | Trigger::Alb => Backend::Lambda(lambda::Backend {
                trigger: self.trigger,
                settings: self.settings,
                function: Function::new(
                    program,
                    FunctionSettings {
                        timeout: self.timeout.unwrap_or(Duration::from_secs(30)),
                        memory_mb: self.memory_mb,
                        freeze: self.freeze,
                        instances: self.instances,
                        concurrency: self.concurrency,
                    },
                ),
            }),
            Trigger::CloudRun => Backend::Container(Container {
                rules: Rules::CloudRun,
                server: Server::new(program, Probe::Tcp, CONTAINER_PATIENCE, move |port| {
                    container::cloud_run_environment(&name, port)
                }),
                timeout: Some(self.timeout.unwrap_or(Duration::from_secs(300))),
            }),
            Trigger::Direct => Backend::Container(Container {
                rules: Rules::Direct,
                server: Server::new(program, Probe::Tcp, CONTAINER_PATIENCE, container::direct_environment),
                timeout: self.timeout,
            }),
            Trigger::AzurePayload => azure_host(azure::Mode::Payload, program, self.timeout),
            Trigger::AzureForwarding => azure_host(azure::Mode::Forwarding, program, self.timeout),
            Trigger::AzureProxying => azure_host(azure::Mode::Proxying, program, self.timeout),
        };
        let started = match &backend {
            Backend::Lambda(_) => Ok(()),
            Backend::Container(container) => container.server.start().await,
            Backend::Azure(host) => host.server.start().await,
        };
        let program = self.program;
        started.map_err(|error| match error {
            ServerError::Start(source) => StartError::Program { program, source },
            ServerError::Exited { code } => StartError::Exited { program, code },
            ServerError::NotListening { address } => StartError::NotListening { program, address },
        })?;
        Ok(backend)
    }
}

fn azure_host(mode: azure::Mode, program: Program, timeout: Option<Duration>) -> Backend {
    let app_root = program.path.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    Backend::Azure(azure::Host {
        mode,
        server: Server::new(program, Probe::Http, azure::INIT_TIMEOUT, move |port| azure::environment(port, &app_root)),
        timeout: timeout.unwrap_or(azure::TIMEOUT),
    })
}

/// A function is not started before there is a request; that it can be has to be known now.
fn check(program: &Path) -> io::Result<()> {
    let metadata = std::fs::metadata(program)?;
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        if metadata.permissions().mode() & 0o111 == 0 {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
    }
    Ok(())
}

/// An emulator that listens. Dropping it closes the front door and kills the program.
#[derive(Debug)]
#[must_use = "dropping this stops the emulator"]
pub struct Running {
    address: SocketAddr,
    backend: Arc<Backend>,
    closing: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, ends the program as its platform would, and waits up to two seconds for responses under way.
    ///
    /// A container gets `SIGTERM` and ten seconds; functions and Azure's handlers are killed.
    pub async fn stop(mut self) {
        self.closing.send_replace(true);
        // Together: a stream without end ends with its program, and a program may wait for its streams.
        let _ = tokio::join!(self.backend.stop(), &mut self.serving);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
