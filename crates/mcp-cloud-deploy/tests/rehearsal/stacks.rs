//! What the account in memory does with stacks that are in trouble, as CloudFormation documents it.

use aws_sdk_cloudformation::{
    Client,
    error::ProvideErrorMetadata as _,
    types::{DeletionMode, StackResource},
};
use mcp_cloud_deploy::rehearsal::{self, Connector};
use mcp_cloud_emulator::aws::{Lasting, Misfortune, Moment, StackMisfortune, When};

use crate::account::{REGION, Stage, block_on};

fn client(stage: &Stage) -> Client {
    Client::new(&rehearsal::config(Connector::new(stage.account.clone()), REGION))
}

/// Asks until nothing goes on any more.
async fn settled(client: &Client, stack: &str) -> String {
    loop {
        let found = client.describe_stacks().stack_name(stack).send().await.expect("it is there");
        let status = found.stacks()[0].stack_status().expect("it has one").as_str().to_owned();
        if !status.ends_with("_IN_PROGRESS") {
            return status;
        }
    }
}

async fn resources(client: &Client) -> Vec<StackResource> {
    let found = client.describe_stack_resources().stack_name("hello").send().await.expect("it is there");
    found.stack_resources().to_vec()
}

fn function_fails(when: When) -> StackMisfortune {
    let (resource_type, reason) = ("AWS::Lambda::Function".to_owned(), "No.".to_owned());
    StackMisfortune::ResourceFails { resource_type, when, reason, times: 1 }
}

#[test]
fn rollback_that_failed_is_continued_with_and_without_what_failed() {
    block_on(async {
        for skip in [false, true] {
            let stage = Stage::open();
            stage.deploy("one").await.expect("it deploys");
            stage.write("[resources]\nmemory = 512");
            stage.account.strike_stack(function_fails(When::Update));
            stage.account.strike_stack(StackMisfortune::UpdateRollbackFails { times: 1 });
            stage.deploy("one").await.expect_err("it is stuck");
            let client = client(&stage);
            let other =
                client.continue_update_rollback().stack_name("hello").resources_to_skip("ServerLogs").send().await;
            assert_eq!(other.expect_err("it did not fail").code(), Some("ValidationError"));
            let skipped = skip.then(|| vec!["Server".to_owned()]);
            let going_on = client.continue_update_rollback().stack_name("hello").set_resources_to_skip(skipped);
            going_on.send().await.expect("it goes on");
            assert_eq!(settled(&client, "hello").await, "UPDATE_ROLLBACK_COMPLETE");
            stage.deploy("one").await.expect("it deploys");
            assert_eq!(settled(&client, "hello").await, "UPDATE_COMPLETE");
        }
    });
}

#[test]
fn deletion_that_failed_may_spare_what_cannot_go() {
    block_on(async {
        let fails = || StackMisfortune::DeleteFails { resource_type: "AWS::Logs::LogGroup".to_owned(), times: 9 };
        for forced in [false, true] {
            let stage = Stage::open();
            stage.deploy("one").await.expect("it deploys");
            let client = client(&stage);
            let early = client.delete_stack().stack_name("hello").retain_resources("ServerLogs").send().await;
            assert_eq!(early.expect_err("nothing failed yet").code(), Some("ValidationError"));
            stage.account.strike_stack(fails());
            client.delete_stack().stack_name("hello").send().await.expect("it begins");
            assert_eq!(settled(&client, "hello").await, "DELETE_FAILED");
            assert_eq!(resources(&client).await.len(), 1);
            let delete = client.delete_stack().stack_name("hello");
            let delete = if forced {
                delete.deletion_mode(DeletionMode::ForceDeleteStack)
            } else {
                delete.retain_resources("ServerLogs")
            };
            delete.send().await.expect("it begins");
            let gone = client.describe_stacks().stack_name("hello");
            while gone.clone().send().await.is_ok() {}
            let inventory = stage.account.inventory();
            assert_eq!(inventory.of_type("AWS::Logs::LogGroup"), ["/aws/lambda/hello"], "{inventory}");
            assert!(inventory.of_type("AWS::CloudFormation::Stack").is_empty(), "{inventory}");
        }
    });
}

#[test]
fn protected_stack_is_not_deleted() {
    block_on(async {
        let stage = Stage::open();
        stage.deploy("one").await.expect("it deploys");
        let client = client(&stage);
        let protect = client.update_termination_protection().stack_name("hello");
        protect.enable_termination_protection(true).send().await.expect("it is protected");
        let refused = client.delete_stack().stack_name("hello").send().await.expect_err("it is protected");
        assert!(refused.message().is_some_and(|message| message.contains("TerminationProtection is enabled")));
    });
}

#[test]
fn lost_answer_of_an_execution_is_not_an_execution_twice() {
    block_on(async {
        let stage = Stage::open();
        stage.account.strike(Moment::nth("ExecuteChangeSet", 1), Misfortune::AnswerLost, Lasting::Times(1));
        // Whether the repetition is refused or not, the stack is made once.
        let _ = stage.deploy("one").await;
        stage.deploy("one").await.expect("it deploys");
        let made = stage.account.inventory();
        assert_eq!(made.of_type("AWS::Lambda::Function"), ["hello"], "{made}");
        assert_eq!(made.of_type("AWS::CloudFormation::Stack"), ["hello"], "{made}");
    });
}

#[test]
fn roles_need_a_capability_and_code_has_to_be_there() {
    block_on(async {
        let stage = Stage::open();
        let deployment = stage.deployment("one");
        let client = client(&stage);
        let create = client.create_change_set().stack_name("hello").change_set_name("first");
        let create = create.change_set_type("CREATE".into()).template_body(&deployment.template);
        let refused = create.clone().send().await.expect_err("nobody agreed to roles");
        assert_eq!(refused.code(), Some("InsufficientCapabilitiesException"));
        assert!(stage.account.inventory().is_empty(), "a stack is not made for what is refused");
        create.capabilities("CAPABILITY_IAM".into()).send().await.expect("it is made");
        let describe = client.describe_change_set().stack_name("hello").change_set_name("first");
        while describe
            .clone()
            .send()
            .await
            .expect("it is there")
            .status()
            .is_some_and(|status| status.as_str() != "CREATE_COMPLETE")
        {}
        client.execute_change_set().stack_name("hello").change_set_name("first").send().await.expect("it begins");
        assert_eq!(settled(&client, "hello").await, "ROLLBACK_COMPLETE");
        let events = client.describe_stack_events().stack_name("hello").send().await.expect("there are some");
        let reasons: Vec<_> = events.stack_events().iter().filter_map(|event| event.resource_status_reason()).collect();
        assert!(reasons.iter().any(|reason| reason.contains("S3 Error Code: NoSuchBucket")), "{reasons:?}");
        assert!(reasons.iter().any(|reason| reason.contains("failed to create: [Server]")), "{reasons:?}");
    });
}
