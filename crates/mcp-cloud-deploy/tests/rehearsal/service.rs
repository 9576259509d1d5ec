//! The life of a service on ECS: made, left alone, changed, gone back to, removed; and what becomes of tasks that fail.

use mcp_cloud_deploy::{Error, StepOutcome, error::RolledBack};
use mcp_cloud_emulator::aws::TaskFate;

use crate::account::{Stage, block_on};

fn kinds(plan: &mcp_cloud_deploy::Plan) -> Vec<String> {
    let json = serde_json::to_value(plan).expect("a plan is data");
    let steps = json["steps"].as_array().expect("a plan lists its steps");
    steps.iter().map(|step| step["step"].as_str().expect("every step has a kind").to_owned()).collect()
}

#[test]
fn service_lives_and_leaves_nothing_behind() {
    block_on(async {
        let stage = Stage::open().on_ecs();
        let run = stage.deploy("one").await.expect("it deploys");
        let first =
            ["create-bucket", "create-change-set", "execute-change-set", "push-image", "register-task-definition"];
        let then = ["change-service", "scale-service", "ask", "keep-revision"];
        assert_eq!(kinds(&run.plan), [first.as_slice(), then.as_slice()].concat());
        assert!(run.applied.questions.len() > 4, "{:?}", run.applied.questions);
        let observed = stage.settled(&stage.deployer().await.unwrap()).await.unwrap();
        assert_eq!(observed.running().as_deref(), Some("1"));
        let one = observed.code_sha256("hello").expect("its image is known");

        stage.account.take_calls();
        let run = stage.deploy("one").await.expect("it deploys");
        assert!(run.plan.is_empty(), "{:?}", run.plan);
        let calls = stage.account.take_calls();
        let writes: Vec<_> = calls.iter().filter(|call| call.writes).collect();
        assert!(writes.is_empty(), "{writes:?}");
        mcp_cloud_tests::report(format_args!("nothing to do: {} calls", calls.len()));

        let run = stage.deploy("two").await.expect("it deploys");
        let steps = ["push-image", "register-task-definition", "change-service", "ask", "keep-revision"];
        assert_eq!(kinds(&run.plan), steps);
        let observed = stage.settled(&stage.deployer().await.unwrap()).await.unwrap();
        assert_eq!(observed.running().as_deref(), Some("2"));
        assert_ne!(observed.code_sha256("hello"), Some(one.clone()));

        let run = stage.rollback(1).await.expect("it goes back");
        assert!(run.outcomes.iter().all(|outcome| !matches!(outcome, StepOutcome::NoChanges)), "{:?}", run.outcomes);
        let observed = stage.settled(&stage.deployer().await.unwrap()).await.unwrap();
        assert_eq!((observed.running().as_deref(), observed.code_sha256("hello")), (Some("1"), Some(one)));

        stage.write("[ecs]\nstop-timeout = 100");
        let run = stage.deploy("one").await.expect("it deploys");
        let stop = run.plan.changes.resource("TaskDefinition").expect("the task definition changes");
        assert!(stop.fields.iter().any(|field| field.path.ends_with("StopTimeout")), "{:?}", stop.fields);
        assert!(kinds(&run.plan).contains(&"execute-change-set".to_owned()), "the load balancer waits as long");

        stage.destroy().await.expect("it goes");
        assert!(stage.account.inventory().is_empty(), "{}", stage.account.inventory());
        assert!(stage.account.unknown_calls().is_empty(), "{:?}", stage.account.unknown_calls());
    });
}

#[test]
fn image_whose_tasks_end_is_taken_back_and_what_ran_before_serves() {
    block_on(async {
        let stage = Stage::open().on_ecs();
        stage.deploy("one").await.expect("it deploys");
        let bad = stage.deployment("two").code_sha256().to_owned();
        stage.account.destine(&bad, TaskFate::Exits(1));
        let error = stage.deploy("two").await.expect_err("its tasks end");
        let Error::RolloutFailed { rolled_back, .. } = &error else { panic!("{error:?}") };
        assert_eq!(*rolled_back, RolledBack::To("1".to_owned()), "{error}");
        assert!(error.hint().is_some(), "{error}");
        let observed = stage.settled(&stage.deployer().await.unwrap()).await.unwrap();
        assert_eq!(observed.code_sha256("hello").as_deref(), Some(stage.deployment("one").code_sha256()));
        assert!(stage.plan("one").await.unwrap().is_empty(), "nothing is left to do");
        stage.deploy("three").await.expect("the next one deploys");
    });
}

#[test]
fn first_image_whose_tasks_end_is_removed_with_all_around_it() {
    block_on(async {
        let stage = Stage::open().on_ecs();
        let bad = stage.deployment("one").code_sha256().to_owned();
        stage.account.destine(&bad, TaskFate::Exits(1));
        let error = stage.deploy("one").await.expect_err("its tasks end");
        assert!(matches!(error, Error::RolloutFailed { rolled_back: RolledBack::Removed, .. }), "{error:?}");
        stage.destroy().await.expect("only the bucket is left");
        assert!(stage.account.inventory().is_empty(), "{}", stage.account.inventory());
    });
}
