//! The process of a program that listens, started again when it has ended and there is a request.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use http::Request;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Mutex,
    time::{sleep, timeout},
};

use crate::{
    body,
    observation::Start,
    process::{Process, Program},
    proxy,
};

/// The platform's variables for a program that has to listen on this port.
type Environment = Box<dyn Fn(u16) -> Vec<(&'static str, String)> + Send + Sync>;

const POLL: Duration = Duration::from_millis(20);

/// How the platform finds out that the program is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It accepts a connection.
    Tcp,
    /// It answers `GET /`, whatever it says.
    Http,
}

/// Why there is no program that listens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("cannot start the program")]
    Start(#[source] io::Error),
    #[error("the program ended before it listened")]
    Exited { code: Option<i32> },
    #[error("the program does not listen on the port it was told")]
    NotListening { address: SocketAddr },
}

/// A program that listens on a port of 127.0.0.1.
pub(crate) struct Server {
    program: Program,
    environment: Environment,
    probe: Probe,
    patience: Duration,
    state: Mutex<Option<Up>>,
}

#[derive(Debug)]
struct Up {
    process: Process,
    address: SocketAddr,
    has_served: bool,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("program", &self.program)
            .field("probe", &self.probe)
            .finish_non_exhaustive()
    }
}

impl Server {
    pub(crate) fn new(
        program: Program,
        probe: Probe,
        patience: Duration,
        environment: impl Fn(u16) -> Vec<(&'static str, String)> + Send + Sync + 'static,
    ) -> Self {
        Self { program, environment: Box::new(environment), probe, patience, state: Mutex::new(None) }
    }

    /// Starts the program and waits until it is ready.
    pub(crate) async fn start(&self) -> Result<(), ServerError> {
        let mut state = self.state.lock().await;
        *state = Some(self.launch().await?);
        Ok(())
    }

    /// Where the program listens, and whether it has had a request before. Starts it again if it has ended.
    pub(crate) async fn instance(&self) -> Result<(SocketAddr, Start), ServerError> {
        let mut state = self.state.lock().await;
        let up = match state.take() {
            Some(up) if up.process.is_running() => up,
            _ => self.launch().await?,
        };
        let up = state.insert(up);
        let start = if up.has_served { Start::Warm } else { Start::Cold };
        up.has_served = true;
        Ok((up.address, start))
    }

    /// Ends the program: `SIGTERM`, and after `grace` `SIGKILL`.
    pub(crate) async fn terminate(&self, grace: Duration) {
        if let Some(up) = self.state.lock().await.take() {
            up.process.terminate(grace).await;
        }
    }

    /// Kills the program.
    pub(crate) async fn kill(&self) {
        if let Some(up) = self.state.lock().await.take() {
            up.process.kill("stopped").await;
        }
    }

    async fn launch(&self) -> Result<Up, ServerError> {
        let port = free_port().await.map_err(ServerError::Start)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let process = self.program.start(&(self.environment)(port)).map_err(ServerError::Start)?;
        let ready = async {
            while !answers(address, self.probe).await {
                sleep(POLL).await;
            }
        };
        tokio::select! {
            exit = process.exited() => Err(ServerError::Exited { code: exit.code }),
            ready = timeout(self.patience, ready) => match ready {
                Ok(()) => Ok(Up { process, address, has_served: false }),
                Err(_) => {
                    process.kill("did not listen in time").await;
                    Err(ServerError::NotListening { address })
                }
            },
        }
    }
}

async fn answers(address: SocketAddr, probe: Probe) -> bool {
    match probe {
        Probe::Tcp => TcpStream::connect(address).await.is_ok(),
        Probe::Http => proxy::forward(Request::new(body::empty()), address).await.is_ok(),
    }
}

/// A port nobody listens on at the moment. It lies below the range that Linux takes from for outgoing connections and
/// for whoever asks for any port (`ip_local_port_range` in ip(7)): from there it could be gone again before the program
/// listens, or the probe could meet itself.
async fn free_port() -> io::Result<u16> {
    const FIRST: u64 = 10_000;
    const COUNT: u64 = 22_000;
    let [start, _] = crate::runtime_api::random();
    for offset in 0..COUNT {
        let port = u16::try_from(FIRST + (start % COUNT + offset) % COUNT).unwrap_or_default();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.is_ok() {
            return Ok(port);
        }
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr().map(|address| address.port())
}
