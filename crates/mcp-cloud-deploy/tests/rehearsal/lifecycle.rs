//! The life of a deployment: made, left alone, changed, removed.

use mcp_cloud_deploy::{StepOutcome, observe::Stack};

use crate::account::{Stage, block_on};

#[test]
fn deployment_lives_and_leaves_nothing_behind() {
    block_on(async {
        let stage = Stage::open();
        let run = stage.deploy("one").await.expect("it deploys");
        let statuses: Vec<_> = run.events.iter().map(|event| event.status.as_str()).collect();
        assert!(statuses.ends_with(&["CREATE_COMPLETE"]), "{statuses:?}");
        let stack = stack(&stage).await.expect("it is there");
        let url = stack.outputs.get("McpEndpoint").expect("the template says where it is");
        let host = url.trim_start_matches("https://").trim_end_matches("/mcp");
        let deployed = stage.account.function_url(host).expect("the URL leads to a function");
        assert_eq!((deployed.function_name.as_str(), &*deployed.code), ("hello", &b"one"[..]));
        assert_eq!(deployed.invoke_mode.as_deref(), Some("RESPONSE_STREAM"));

        stage.account.take_calls();
        let before = stage.account.inventory();
        let run = stage.deploy("one").await.expect("it deploys");
        assert!(run.plan.is_empty(), "{:?}", run.plan);
        let writes: Vec<_> = stage.account.take_calls().into_iter().filter(|call| call.writes).collect();
        assert!(writes.is_empty(), "{writes:?}");
        assert_eq!(stage.account.inventory(), before);

        stage.write("[resources]\nmemory = 512");
        let run = stage.deploy("two").await.expect("it deploys");
        let changes = run.outcomes.iter().find_map(|outcome| match outcome {
            StepOutcome::Changes(changes) => Some(changes),
            _ => None,
        });
        let changes = changes.expect("the changes are told");
        let function = changes.iter().find(|change| change.logical_id == "Server").expect("the function changes");
        assert_eq!(function.properties, ["Code", "MemorySize"], "{changes:?}");
        assert_eq!(function.replacement.as_deref(), Some("False"));
        let deployed = stage.account.function_url(host).expect("the URL is the same");
        assert_eq!((&*deployed.code, deployed.memory), (&b"two"[..], 512));

        stage.destroy().await.expect("it goes");
        assert!(stage.account.inventory().is_empty(), "{}", stage.account.inventory());
        assert!(stage.account.unknown_calls().is_empty(), "{:?}", stage.account.unknown_calls());
    });
}

async fn stack(stage: &Stage) -> Option<Stack> {
    let deployer = stage.deployer().await.expect("it connects");
    deployer.observe_stack("hello").await.expect("it can be read")
}
