//! What passes by itself, and what stacks fail of.

use mcp_cloud_emulator::aws::{Lasting, Misfortune, Moment, StackMisfortune, When};

use crate::account::{Stage, block_on};

/// How many calls a first deployment makes when nothing goes wrong.
async fn calls_of_a_deployment() -> usize {
    let stage = Stage::open();
    stage.deploy("one").await.expect("it deploys");
    stage.account.calls().len()
}

#[test]
fn passing_misfortunes_are_survived() {
    block_on(async {
        let calls = calls_of_a_deployment().await;
        for misfortune in [Misfortune::Throttled, Misfortune::Unavailable, Misfortune::NoAnswer] {
            for number in 1..=calls {
                let stage = Stage::open();
                stage.account.strike(Moment::Call(number), misfortune, Lasting::Times(2));
                let run = stage.deploy("one").await;
                assert!(run.is_ok(), "{misfortune:?} at call {number}: {run:?}");
            }
        }
    });
}

#[test]
fn resource_that_fails_has_the_reason_in_the_words_of_aws() {
    block_on(async {
        let stage = Stage::open();
        stage.account.strike_stack(StackMisfortune::IamDelay { times: 1 });
        let error = stage.deploy("one").await.expect_err("the function cannot be made");
        let text = error.to_string();
        assert!(text.contains("ROLLBACK_COMPLETE") && text.contains("cannot be assumed by Lambda"), "{text}");
        stage.deploy("one").await.expect("the next run replaces it");

        let fails = |when| StackMisfortune::ResourceFails {
            resource_type: "AWS::Lambda::Function".to_owned(),
            when,
            reason: "No.".to_owned(),
            times: 1,
        };
        stage.write("[resources]\nmemory = 512");
        stage.account.strike_stack(fails(When::Update));
        let text = stage.deploy("one").await.expect_err("it is rolled back").to_string();
        assert!(text.contains("UPDATE_ROLLBACK_COMPLETE") && text.contains("`Server`"), "{text}");

        stage.account.strike_stack(fails(When::Update));
        stage.account.strike_stack(StackMisfortune::UpdateRollbackFails { times: 1 });
        let text = stage.deploy("one").await.expect_err("it is stuck").to_string();
        assert!(text.contains("UPDATE_ROLLBACK_FAILED"), "{text}");

        stage
            .account
            .strike_stack(StackMisfortune::DeleteFails { resource_type: "AWS::Logs::LogGroup".to_owned(), times: 1 });
        let text = stage.destroy().await.expect_err("the log group stays").to_string();
        assert!(text.contains("DELETE_FAILED") && text.contains("ServerLogs"), "{text}");
        stage.destroy().await.expect("the second time it goes");
        assert!(stage.account.inventory().is_empty(), "{}", stage.account.inventory());
    });
}
