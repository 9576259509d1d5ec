//! The same against MiniStack, which somebody else has written. Without Docker it starts no tasks, and says that all of them
//! run: what is held against it is what it takes and what it answers.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use mcp_cloud_deploy::{Deployer, service::ServiceName};
use mcp_cloud_tests::Program;
use serde_json::json;
use tempfile::TempDir;

use crate::apps::{create_body, lowered};

const START: Duration = Duration::from_secs(60);

struct MiniStack {
    _program: Program,
    address: SocketAddr,
    _folder: TempDir,
}

fn start() -> Option<MiniStack> {
    let program = mcp_cloud_tests::checker("ministack")?;
    let folder = tempfile::tempdir().unwrap();
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(["PATH", "HOME"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", address.port().to_string())
        .env("MINISTACK_HOST", "127.0.0.1")
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        // A socket that nobody listens at: there is no Docker, on whichever machine.
        .env("DOCKER_HOST", format!("unix://{}", folder.path().join("none").display()))
        .env("STATE_DIR", folder.path().join("state"))
        .env("TMPDIR", folder.path())
        .current_dir(folder.path());
    let running = MiniStack { _program: Program::start(&mut command), address, _folder: folder };
    let begun = Instant::now();
    while TcpStream::connect(running.address).is_err() {
        assert!(begun.elapsed() < START, "ministack does not answer");
        sleep(Duration::from_millis(50));
    }
    Some(running)
}

async fn deployer(address: SocketAddr) -> Deployer {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .endpoint_url(format!("http://{address}"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "a test")))
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Deployer::over(config, None).await.unwrap()
}

#[tokio::test]
async fn service_is_made_changed_and_removed_where_somebody_else_answers() {
    let Some(running) = start() else { return };
    let deployer = deployer(running.address).await;
    let wanted = lowered("minimal").with(&crate::models::known());
    let name = ServiceName { cluster: "default".to_owned(), service: wanted.name.clone() };
    assert!(deployer.service(&name).await.unwrap().is_none());
    assert!(deployer.task_definition("notes").await.unwrap().is_none());
    let first = deployer.register_task_definition(&wanted.task_definition).await.unwrap();
    let found = deployer.task_definition(&first).await.unwrap().unwrap();
    assert_eq!((found.family.as_str(), found.revision, found.status.as_str()), ("notes", 1, "ACTIVE"));
    let mut body = create_body(&wanted);
    body["cluster"] = json!(name.cluster);
    body["taskDefinition"] = json!(first);
    // It knows no targets of tasks that do not run.
    body.as_object_mut().unwrap().remove("loadBalancers");
    let ecs = deployer.create_service(&body).await.unwrap();
    assert_eq!(ecs.status, "ACTIVE");
    deployer.rollout(&name, &first, Duration::from_secs(60), &|_| ()).await.unwrap();
    let second = deployer.register_task_definition(&wanted.task_definition).await.unwrap();
    deployer.update_service(&name, &json!({ "taskDefinition": second })).await.unwrap();
    deployer.rollout(&name, &second, Duration::from_secs(60), &|_| ()).await.unwrap();
    assert_eq!(deployer.task_definitions("notes").await.unwrap(), [second.clone(), first.clone()]);
    deployer.remove_service(&name).await.unwrap();
    assert!(deployer.service(&name).await.unwrap().is_none());
    deployer.remove_task_definitions(&[first, second]).await.unwrap();
    assert!(deployer.task_definitions("notes").await.unwrap().is_empty());
}
