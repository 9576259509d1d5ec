//! What can go wrong before the first request.

use std::path::Path;

use mcp_cloud_emulator::{Emulator, Observation, Running, StartError, Trigger};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::support::{PATIENCE, Seen, get, loopback, open, program, start};

async fn fails(emulator: Emulator) -> StartError {
    match emulator.listen(loopback()).await {
        Ok(_) => panic!("started"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_port_in_use_is_said_with_its_address() {
    let taken = TcpListener::bind(loopback()).await.unwrap();
    let address = taken.local_addr().unwrap();
    for trigger in Trigger::ALL {
        let emulator = Emulator::new(trigger, program("container.py"));
        let error = emulator.listen(address).await.unwrap_err();
        assert!(matches!(error, StartError::PortInUse { address: said } if said == address), "{error}");
    }
}

#[tokio::test]
async fn a_program_that_is_none_is_said_before_anything_starts() {
    for (path, kind) in [
        (Path::new("/nothing/here").to_owned(), std::io::ErrorKind::NotFound),
        (program("."), std::io::ErrorKind::InvalidInput),
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"), std::io::ErrorKind::PermissionDenied),
    ] {
        for trigger in Trigger::ALL {
            let error = fails(Emulator::new(trigger, &path)).await;
            let StartError::Program { program, source } = error else {
                panic!("{error}");
            };
            assert_eq!((program, source.kind()), (path.clone(), kind));
        }
    }
}

#[tokio::test]
async fn a_server_that_ends_at_once_is_said_with_its_code() {
    for trigger in [Trigger::CloudRun, Trigger::Direct, Trigger::AzurePayload] {
        let emulator = Emulator::new(trigger, program("container.py")).env("FAIL_INIT", "exit");
        let error = fails(emulator).await;
        assert!(matches!(error, StartError::Exited { code: Some(7), .. }), "{error}");
    }
}

#[tokio::test]
async fn names_of_triggers_are_read_as_they_are_written() {
    for trigger in Trigger::ALL {
        assert_eq!(trigger.to_string().parse(), Ok(trigger));
    }
    let unknown = "lambda".parse::<Trigger>().unwrap_err();
    assert_eq!(unknown.to_string(), "there is no trigger named `lambda`");
}

#[tokio::test]
async fn nothing_is_left_running_after_a_stop_or_a_drop() {
    for stopped in [true, false] {
        for (trigger, name) in [
            (Trigger::FunctionUrlBuffered, "function.py"),
            (Trigger::Direct, "container.py"),
            (Trigger::AzureForwarding, "container.py"),
        ] {
            let (running, seen) = start(trigger, name, |emulator| emulator).await;
            let address = running.address();
            assert_eq!(get(address, "/x").await.status, 200);
            end(running, stopped).await;
            gone(&seen).await;
            assert!(TcpStream::connect(address).await.is_err(), "{trigger}");
        }
    }
}

#[tokio::test]
async fn a_function_at_work_is_stopped_too() {
    let (running, seen) = start(Trigger::FunctionUrlBuffered, "function.py", |emulator| emulator).await;
    let address = running.address();
    let waiting = tokio::spawn(async move { open(address, "GET", "/hang", &[]).await });
    seen.wait(|observation| match observation {
        Observation::ServerStarted { .. } => Some(()),
        _ => None,
    })
    .await;
    timeout(PATIENCE, running.stop()).await.unwrap();
    gone(&seen).await;
    drop(waiting.await);
}

async fn end(running: Running, stopped: bool) {
    if stopped {
        running.stop().await;
    }
}

async fn gone(seen: &Seen) {
    seen.wait(|observation| match observation {
        Observation::ServerExited { .. } => Some(()),
        _ => None,
    })
    .await;
}
