//! The gate asks a real server: the example's program, run as Lambda runs it.

use std::collections::BTreeMap;

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use mcp_cloud_deploy::{Error, error::RolledBack};
use mcp_cloud_emulator::{Emulator, Running, Trigger, aws::Deployed};
use mcp_cloud_tests::{Profile, hello_binary};
use tokio::{net::TcpStream, runtime::Runtime};

use crate::account::{Stage, block_on};

/// The program behind its function URL, on a runtime of its own.
struct Program {
    runtime: Runtime,
    running: Option<Running>,
}

impl Program {
    fn start(path: &std::path::Path, environment: impl IntoIterator<Item = (String, String)>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be built");
        let emulator = environment
            .into_iter()
            .fold(Emulator::new(Trigger::FunctionUrl, path), |emulator, (name, value)| emulator.env(name, value));
        let address = ([127, 0, 0, 1], 0).into();
        let running = runtime.block_on(emulator.listen(address)).expect("it starts");
        Self { runtime, running: Some(running) }
    }

    fn address(&self) -> std::net::SocketAddr {
        self.running.as_ref().expect("it runs").address()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }
}

async fn carry(address: std::net::SocketAddr, request: Request<Bytes>) -> Result<Response<SdkBody>, hyper::Error> {
    let stream = TcpStream::connect(address).await.expect("it listens");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let (mut head, body) = request.into_parts();
    let host = head.uri.host().unwrap_or_default().to_owned();
    head.headers.insert("host", host.parse().expect("a host"));
    head.uri = head.uri.path_and_query().expect("a path").as_str().parse().expect("a path");
    let response = sender.send_request(Request::from_parts(head, Full::new(body))).await?;
    let (head, body) = response.into_parts();
    Ok(Response::from_parts(head, SdkBody::from(body.collect().await?.to_bytes())))
}

/// The environment that the template gives to the function.
fn environment() -> BTreeMap<String, String> {
    let stage = Stage::open();
    block_on(async {
        stage.deploy("one").await.expect("it deploys");
        let deployer = stage.deployer().await.expect("it connects");
        let stack = deployer.observe_stack("hello").await.expect("it can be read").expect("it is there");
        let host = stack.outputs["McpEndpoint"].trim_start_matches("https://").trim_end_matches("/mcp").to_owned();
        stage.account.function_url(&host).expect("it is deployed").environment
    })
}

/// The stage with the example behind the function URL, and the example; these variables are others than the template's.
fn with_hello(others: &[(&str, &str)]) -> (Stage, Program) {
    let mut environment = environment();
    environment.extend(others.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let program = Program::start(hello_binary(Profile::Dev), environment);
    let address = program.address();
    let stage = Stage::open().with(move |_: Deployed, request| {
        Box::pin(async move {
            carry(address, request).await.unwrap_or_else(|_| {
                let mut response = Response::new(SdkBody::empty());
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                response
            })
        })
    });
    (stage, program)
}

#[test]
fn real_server_is_asked_in_both_eras_and_its_tools_are_recorded() {
    let (stage, _program) = with_hello(&[]);
    block_on(async {
        let run = stage.deploy("one").await.unwrap_or_else(|error| panic!("{error}"));
        assert!(run.applied.questions.len() > 3, "{:?}", run.applied.questions);
        let deployer = stage.deployer().await.expect("it connects");
        let observed = stage.settled(&deployer).await.expect("it can be read");
        let [key] = &observed.revisions("hello")[..] else { panic!("one revision answered") };
        let revision = deployer.revision(observed.bucket.name(), "hello", key).await.expect("it can be read");
        let surface = revision.and_then(|revision| revision.surface).expect("it was asked");
        assert_eq!(surface.tools.keys().collect::<Vec<_>>(), ["add", "countdown", "echo"]);
        stage.destroy().await.expect("it goes");
        assert!(stage.account.inventory().is_empty(), "{}", stage.account.inventory());
    });
}

#[test]
fn real_server_at_another_path_is_no_deployment() {
    let (stage, _program) = with_hello(&[("MCP_CLOUD_PATH", "/elsewhere")]);
    block_on(async {
        let error = stage.deploy("one").await.expect_err("nobody finds it there");
        assert!(matches!(error, Error::GateFailed { rolled_back: RolledBack::Removed, .. }), "{error:?}");
    });
}
