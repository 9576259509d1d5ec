//! Commands that say what follows from the file alone call nobody, so no call of theirs can fail.

use mcp_cloud_tests::cli_binary;

use crate::account::{Account, Run};

#[test]
fn cost_and_policy_call_nobody_and_need_no_credentials() {
    let Some(account) = Account::open() else { return };
    let run = |arguments: &[&str]| {
        let mut command = account.command(cli_binary());
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env_remove("NO_PROXY");
        // Whoever calls somebody else than AWS is seen as well.
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"] {
            command.env(name, account.proxy.url());
        }
        Run::of(command.args(arguments).arg(account.app()))
    };
    let github = ["policy", "--github", "octo-org/hello", "--account", "123456789012"];
    let commands: [&[&str]; 6] = [
        &["cost"],
        &["cost", "--target", "all", "--output", "json"],
        &["policy"],
        &["policy", "--for", "deploy,doctor", "--output", "json"],
        &github,
        &["policy", "--principal", "arn:aws:iam::123456789012:user/alice"],
    ];
    for arguments in commands {
        let run = run(arguments);
        assert_eq!(run.code, Some(0), "{arguments:?}: {run}");
        assert!(!run.stdout.is_empty(), "{arguments:?}: {run}");
        assert_eq!(account.proxy.take_calls(), [], "{arguments:?}");
    }
    // It would have been seen.
    let run = account.run(&["status"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert!(!account.proxy.take_calls().is_empty(), "{run}");
}
