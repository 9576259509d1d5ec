//! The life of a service on ECS: made, left alone, changed, gone back to, removed; and what becomes of tasks that fail.

use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use http::{Response, StatusCode};
use mcp_cloud_deploy::{
    Deployer, Error, Observed, StepOutcome, change::WarningKind, error::RolledBack, service::Scaling,
};
use mcp_cloud_emulator::aws::TaskFate;
use serde_json::json;

use crate::account::{Stage, block_on, serve};

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

async fn observed(stage: &Stage) -> (Deployer, Observed) {
    let deployer = stage.deployer().await.expect("the account is there");
    let observed = stage.settled(&deployer).await.expect("it can be looked at");
    (deployer, observed)
}

#[test]
fn service_that_was_stopped_is_started_by_the_next_deployment_and_rests_again_if_that_fails() {
    block_on(async {
        let stage = Stage::open().on_ecs();
        stage.deploy("one").await.expect("it deploys");
        let deployer = stage.deployer().await.unwrap();
        let name = deployer.service_of(&stage.app()).await.expect("it is a service");
        deployer.stop_service(&name).await.expect("it stops");
        deployer.wait_for_tasks(&name, Duration::from_secs(600), &|_| ()).await.expect("its tasks end");
        let run = stage.deploy("one").await.expect("it deploys");
        assert_eq!(kinds(&run.plan), ["start-service", "ask", "keep-revision"]);
        assert!(stage.plan("one").await.unwrap().is_empty(), "nothing is left to do");

        let deployer = stage.deployer().await.unwrap();
        deployer.stop_service(&name).await.expect("it stops");
        let bad = stage.deployment("two").code_sha256().to_owned();
        stage.account.destine(&bad, TaskFate::Exits(1));
        let error = stage.deploy("two").await.expect_err("its tasks end");
        assert!(matches!(error, Error::RolloutFailed { rolled_back: RolledBack::To(_), .. }), "{error:?}");
        let (_, after) = observed(&stage).await;
        assert!(
            after.service.as_ref().is_some_and(mcp_cloud_deploy::observe::ObservedService::rests),
            "{:?}",
            after.service
        );
        assert_eq!(after.code_sha256("hello").as_deref(), Some(stage.deployment("one").code_sha256()));
        stage.destroy().await.expect("it goes");
        assert!(stage.account.inventory().is_empty(), "{}", stage.account.inventory());
    });
}

#[test]
fn service_out_of_its_working_hours_is_left_alone_until_there_is_something_to_ask() {
    block_on(async {
        let stage = Stage::open().on_ecs();
        stage.write("[scaling]\nworking-hours = \"mon-fri 08:00-18:00 Europe/Berlin\"");
        stage.deploy("one").await.expect("it deploys");
        // What the clock does in the evening.
        let (deployer, day) = observed(&stage).await;
        let service = day.service.expect("it is there");
        let night = Scaling { scalable_target: Some(json!({ "MinCapacity": 0, "MaxCapacity": 0 })), ..service.scaling };
        let unplanned = Scaling { scheduled_actions: Vec::new(), ..night.clone() };
        for scaling in [unplanned, night] {
            deployer.apply_scaling(&service.name, &scaling).await.expect("it scales so");
        }
        deployer.scale_service(&service.name, 0).await.expect("it scales so");
        deployer.wait_for_tasks(&service.name, Duration::from_secs(600), &|_| ()).await.expect("its tasks end");

        let plan = stage.plan("one").await.expect("it can be looked at");
        assert!(plan.is_empty(), "{plan:?}");
        let run = stage.deploy("two").await.expect("it deploys");
        let steps =
            ["push-image", "register-task-definition", "change-service", "start-service", "ask", "keep-revision"];
        assert_eq!(kinds(&run.plan), steps);
        let (_, after) = observed(&stage).await;
        assert_eq!(after.code_sha256("hello").as_deref(), Some(stage.deployment("two").code_sha256()));
    });
}

/// Names a target group of the service, and how many healthy targets it has.
async fn healthy(stage: &Stage) -> Vec<usize> {
    let deployer = stage.deployer().await.expect("AWS answers");
    let observed = stage.settled(&deployer).await.expect("AWS answers");
    let state = observed.service.and_then(|service| service.state).expect("there is a service");
    let mut found = Vec::new();
    for group in state.target_groups() {
        let targets = deployer.target_health(group).await.expect("AWS answers");
        found.push(targets.iter().filter(|target| target.state == "healthy").count());
    }
    found
}

const LINEAR: &str = "[ecs]\nshift = \"linear-10-1m\"\nbake = 2";

#[test]
fn requests_move_at_once_and_which_group_has_them_is_no_change() {
    block_on(async {
        let stage = Stage::open().on_ecs();
        stage.deploy("one").await.expect("it deploys");
        stage.write("[ecs]\nshift = \"blue-green\"");
        let run = stage.deploy("one").await.expect("what was rolling moves from now on");
        assert!(kinds(&run.plan).contains(&"execute-change-set".to_owned()), "{:?}", kinds(&run.plan));
        assert!(stage.plan("one").await.unwrap().is_empty(), "nothing is left to do");
        assert_eq!(healthy(&stage).await, [0, 1]);

        let run = stage.deploy("two").await.expect("all requests move");
        let steps = ["push-image", "register-task-definition", "change-service", "ask", "keep-revision"];
        assert_eq!(kinds(&run.plan), steps);
        assert_eq!(healthy(&stage).await, [1, 0]);
        assert!(stage.plan("two").await.unwrap().is_empty(), "that the groups have changed sides is no change");
    });
}

#[test]
fn requests_stay_with_the_tasks_when_the_stack_writes_the_rule_anew() {
    block_on(async {
        let stage = Stage::open().on_ecs();
        stage.write(LINEAR);
        stage.deploy("one").await.expect("it deploys");
        stage.deploy("two").await.expect("requests move step by step");
        assert_eq!(healthy(&stage).await, [0, 1]);

        stage.write(&format!("[tags]\nteam = \"books\"\n{LINEAR}"));
        stage.account.take_calls();
        let run = stage.deploy("two").await.expect("the server answers");
        assert!(run.plan.changes.resource("ProductionRule").is_some(), "CloudFormation writes the rule anew");
        let warnings = &run.plan.changes.warnings;
        let told = warnings.iter().find(|warning| warning.resource.as_deref() == Some("ProductionRule"));
        assert_eq!(told.map(|warning| warning.kind), Some(WarningKind::Downtime), "{warnings:?}");
        let calls = stage.account.take_calls();
        let place = |action: &str| calls.iter().position(|call| call.action == action);
        assert!(place("ModifyRule").is_some() && place("ModifyRule") < place("UpdateService"), "{calls:?}");
        // Tasks have the tags too, so that there are new ones.
        assert_eq!(healthy(&stage).await, [1, 0]);
    });
}

#[test]
fn new_tasks_that_fail_at_requests_are_taken_back_and_what_ran_before_serves() {
    block_on(async {
        let stage = Stage::open().on_ecs();
        stage.write(LINEAR);
        stage.deploy("one").await.expect("it deploys");
        let bad = stage.deployment("two").code_sha256().to_owned();
        stage.account.destine(&bad, TaskFate::FailsRequests);
        let error = stage.deploy("two").await.expect_err("an alarm takes it back");
        assert!(matches!(error, Error::RolloutFailed { rolled_back: RolledBack::To(_), .. }), "{error:?}");
        assert_eq!(healthy(&stage).await, [1, 0]);
        assert!(stage.plan("one").await.unwrap().is_empty(), "nothing is left to do");
    });
}

#[test]
fn service_whose_requests_move_goes_back_and_goes_but_does_not_become_another() {
    block_on(async {
        let stage = Stage::open().on_ecs();
        stage.write(LINEAR);
        stage.deploy("one").await.expect("it deploys");
        stage.deploy("two").await.expect("it deploys");
        stage.rollback(1).await.expect("it goes back");
        assert_eq!(healthy(&stage).await, [1, 0]);
        stage.write("");
        let error = stage.plan("one").await.expect_err("the stack would take away what the service needs");
        assert!(matches!(error, Error::StopsMoving { .. }) && error.hint().is_some(), "{error:?}");

        stage.destroy().await.expect("it goes");
        assert!(stage.account.inventory().is_empty(), "{}", stage.account.inventory());
        assert!(stage.account.unknown_calls().is_empty(), "{:?}", stage.account.unknown_calls());
    });
}

/// A stage on which the server of this code fails at every request.
fn answering_wrongly(stage: Stage, code: &str) -> Stage {
    let wrong = stage.deployment(code).code_sha256().to_owned();
    stage.with(move |deployed, request| {
        let mut answered = serve(deployed.clone(), request);
        if deployed.version.contains(&wrong) {
            let mut response = Response::new(SdkBody::empty());
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            answered = Box::pin(std::future::ready(response));
        }
        answered
    })
}

#[test]
fn deployment_that_introduces_moving_and_fails_its_gate_leaves_the_service_as_it_was() {
    for shift in ["[ecs]\nshift = \"blue-green\"", LINEAR] {
        block_on(async {
            let stage = Stage::open().on_ecs();
            stage.deploy("one").await.expect("it deploys");
            stage.write(shift);
            let stage = answering_wrongly(stage, "two");
            let error = stage.deploy("two").await.expect_err("it answers wrongly");
            assert!(matches!(error, Error::GateFailed { rolled_back: RolledBack::To(_), .. }), "{shift}: {error:?}");
            let (_, after) = observed(&stage).await;
            assert_eq!(after.code_sha256("hello").as_deref(), Some(stage.deployment("one").code_sha256()), "{shift}");
            stage.write("");
            let plan = stage.plan("one").await.expect("it can be looked at");
            assert!(plan.is_empty(), "{shift}: {plan:?}");

            stage.write(shift);
            stage.deploy("three").await.expect("the next one deploys");
            stage.destroy().await.expect("it goes");
            assert!(stage.account.inventory().is_empty(), "{shift}: {}", stage.account.inventory());
        });
    }
}

#[test]
fn gate_that_fails_moves_requests_back_at_once() {
    block_on(async {
        let stage = Stage::open().on_ecs();
        stage.write(LINEAR);
        stage.deploy("one").await.expect("it deploys");
        let stage = answering_wrongly(stage, "two");
        stage.account.take_calls();
        let error = stage.deploy("two").await.expect_err("it answers wrongly");
        assert!(matches!(error, Error::GateFailed { rolled_back: RolledBack::To(_), .. }), "{error:?}");
        let updates = stage.account.take_calls().iter().filter(|call| call.action == "UpdateService").count();
        assert_eq!(updates, 3, "there, back at once, and as it was deployed before");
        assert!(stage.plan("one").await.unwrap().is_empty(), "nothing is left to do");
        stage.deploy("three").await.expect("the next one deploys");
    });
}
