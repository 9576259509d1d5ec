//! What is deployed answers MCP clients that nobody here wrote, and its logs show that they called.

use std::{collections::BTreeSet, time::Duration};

use mcp_cloud_tests::{Finished, Program, Signal, cli_binary};

#[path = "../clients/client.rs"]
mod client;

use self::client::Client;
use crate::{account::Account, proxy::Proxy};

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn deployed_server_answers_every_client_and_its_logs_show_the_call() {
    let Some(account) = Account::open() else { return };
    let run = account.run(&["deploy", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    every_client_gets_the_right_answers(&account, run.stdout.trim_end());
    followed_logs_show_the_call(&account);
    assert_eq!(account.run(&["destroy", "--yes"]).code, Some(0));
}

/// The name of a function URL is known to no resolver here; the emulated service tells functions apart by `Host`.
fn every_client_gets_the_right_answers(account: &Account, url: &str) {
    let (host, path) = url.trim_start_matches("https://").split_once('/').expect("a URL has a path");
    let gateway = Proxy::to_host(account.ministack.address(), host);
    let url = format!("{}/{path}", gateway.url());
    for client in Client::ALL.into_iter().filter(Client::is_installed) {
        for era in client.eras() {
            let (seen, _) = client.talk(&url, *era);
            assert_eq!(seen.protocol_version, era.protocol_version(), "{client:?}: {seen:?}");
            assert_eq!(seen.server.as_deref(), Some("hello"), "{client:?}: {seen:?}");
            assert_eq!(seen.tools, ["add", "countdown", "echo"], "{client:?}: {seen:?}");
            assert_eq!((seen.echo.as_str(), seen.add.as_str()), ("Grüße, 世界", "42"), "{client:?}: {seen:?}");
            assert_eq!((seen.countdown.as_str(), seen.progress.len()), ("lift-off", 3), "{client:?}: {seen:?}");
        }
    }
}

fn followed_logs_show_the_call(account: &Account) {
    let run = account.run(&["logs"]);
    assert_eq!(run.code, Some(0), "{run}");
    let known: BTreeSet<String> = run.stdout.lines().filter_map(started).map(str::to_owned).collect();
    assert!(!known.is_empty(), "the clients called: {run}");
    let follow = Program::start(account.command(cli_binary()).args(["logs", "-f"]).arg(account.app()));
    for id in &known {
        let _ = follow.stdout_line(LIMIT, |line| started(line) == Some(id));
    }
    let run = account.run(&["invoke", "add", "--arg", "a=40", "--arg", "b=2"]);
    assert_eq!((run.code, run.stdout.trim_end()), (Some(0), "42"), "{run}");
    let line = follow.stdout_line(LIMIT, |line| started(line).is_some_and(|id| !known.contains(id)));
    let id = started(&line).expect("it was found by that").to_owned();
    let _ = follow.stdout_line(LIMIT, |line| line.contains(&format!(" {id} duration ")));
    follow.signal_group(Signal::INT);
    let Finished { code, stderr, .. } = follow.finish(LIMIT);
    assert_eq!(code, Some(0), "{stderr}");
}

/// The first digits of the id of the request that a line says has started.
fn started(line: &str) -> Option<&str> {
    line.split_once(" start, version ")?.0.rsplit(' ').next()
}
