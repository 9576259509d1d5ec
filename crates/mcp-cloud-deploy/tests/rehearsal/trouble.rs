//! Stacks in trouble, and gates that fail: what the deployer does, and where the next run leads.

use aws_sdk_cloudformation::{Client, types::Capability};
use mcp_cloud_deploy::{
    Deployer, Error, Plan, Step,
    apply::OnFailure,
    error::RolledBack,
    plan::{self, Choices},
    rehearsal::{self, Connector},
};
use mcp_cloud_emulator::aws::{Lasting, Misfortune, Moment, StackMisfortune, When};

use crate::account::{REGION, Reply, Run, Stage, block_on, serve};

fn cloudformation(stage: &Stage) -> Client {
    Client::new(&rehearsal::config(Connector::new(stage.account.clone()), REGION))
}

fn function_fails(when: When) -> StackMisfortune {
    let (resource_type, reason) = ("AWS::Lambda::Function".to_owned(), "No.".to_owned());
    StackMisfortune::ResourceFails { resource_type, when, reason, times: 1 }
}

fn deletion_fails(resource_type: &str, times: u32) -> StackMisfortune {
    StackMisfortune::DeleteFails { resource_type: resource_type.to_owned(), times }
}

fn choices(skip: &[&str], leave: &[&str]) -> Choices {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Choices { skip: names(skip), leave: names(leave) }
}

/// The error of a run that fails, which has a hint.
fn failed(run: Result<Run, Error>, status: &str) -> Error {
    let error = run.expect_err("it fails");
    assert!(error.to_string().contains(status), "{error}");
    assert!(error.hint().is_some(), "{error}");
    error
}

/// The deployment is home, and can go without leaving anything.
async fn is_home(stage: &Stage, code: &str) {
    let plan = stage.plan(code).await.expect("it can be planned");
    assert!(plan.is_empty(), "{:?}", plan.steps);
    stage.destroy().await.expect("it goes");
    assert!(stage.account.inventory().is_empty(), "{}", stage.account.inventory());
    assert!(stage.account.unknown_calls().is_empty(), "{:?}", stage.account.unknown_calls());
}

async fn deployed(code: &str) -> Stage {
    let stage = Stage::open();
    stage.deploy(code).await.expect("it deploys");
    stage
}

#[test]
fn rollback_that_failed_is_taken_up_with_and_without_what_failed() {
    block_on(async {
        for skip in [&[] as &[&str], &["Server"]] {
            let stage = deployed("one").await;
            stage.write("[resources]\nmemory = 512");
            stage.account.strike_stack(function_fails(When::Update));
            stage.account.strike_stack(StackMisfortune::UpdateRollbackFails { times: 1 });
            failed(stage.deploy("two").await, "UPDATE_ROLLBACK_FAILED");
            let run = stage.deploy_with("two", &choices(skip, &[])).await.expect("it deploys");
            assert!(matches!(&run.plan.steps[..], [Step::ContinueRollback { .. }, ..]), "{:?}", run.plan.steps);
            is_home(&stage, "two").await;
        }
    });
}

#[test]
fn update_that_fails_leaves_what_ran_before_with_its_code() {
    block_on(async {
        let stage = Stage::open();
        for code in ["one", "two"] {
            stage.write("[lambda]\nkeep-revisions = 1");
            stage.deploy(code).await.expect("it deploys");
        }
        let uploads = |stage: &Stage| {
            let inventory = stage.account.inventory();
            inventory.of_type("AWS::S3::Object").into_iter().filter(|key| key.ends_with(".zip")).count()
        };
        assert_eq!(uploads(&stage), 1, "what is older than the revisions that are kept is gone");
        stage.account.strike_stack(function_fails(When::Update));
        failed(stage.deploy("three").await, "UPDATE_ROLLBACK_COMPLETE");
        assert_eq!(uploads(&stage), 2, "nothing is pruned before the new version has answered");
        let deployer = stage.deployer().await.expect("it connects");
        let stack = deployer.observe_stack("hello").await.expect("it can be read").expect("it is there");
        let host = stack.outputs["McpEndpoint"].trim_start_matches("https://").trim_end_matches("/mcp").to_owned();
        let runs = stage.account.function_url(&host).expect("it answers");
        assert_eq!(&*runs.code, b"two");
        stage.deploy("three").await.expect("it deploys");
        assert_eq!(uploads(&stage), 1);
        is_home(&stage, "three").await;
    });
}

#[test]
fn stack_that_never_came_to_life_is_replaced() {
    block_on(async {
        let stage = Stage::open();
        stage.account.strike_stack(StackMisfortune::IamDelay { times: 1 });
        let error = failed(stage.deploy("one").await, "cannot be assumed by Lambda");
        assert!(error.hint().is_some_and(|hint| hint.contains("repeat the command")), "{error}");
        stage.deploy("one").await.expect("the next run replaces it");
        is_home(&stage, "one").await;

        let stage = Stage::open();
        stage.account.strike_stack(function_fails(When::Create));
        stage.account.strike_stack(deletion_fails("AWS::IAM::Role", 1));
        failed(stage.deploy("one").await, "ROLLBACK_FAILED");
        let early =
            stage.deploy_with("one", &choices(&[], &["ServerRole"])).await.expect_err("nothing can be left yet");
        assert!(matches!(early, Error::NothingToLeave { .. }), "{early}");
        stage.deploy("one").await.expect("the next run replaces it");
        is_home(&stage, "one").await;
    });
}

#[test]
fn what_cannot_be_deleted_is_left_on_request_and_named() {
    block_on(async {
        let stage = deployed("one").await;
        let early = stage.destroy_with(&choices(&[], &["ServerRole"])).await.expect_err("it could be deleted");
        assert!(matches!(early, Error::NothingToLeave { .. }) && early.hint().is_some(), "{early}");
        stage.account.strike_stack(deletion_fails("AWS::IAM::Role", 9));
        failed(stage.destroy().await, "DELETE_FAILED");
        // It may be deployed again over what is left, too.
        stage.deploy_with("one", &choices(&[], &["ServerRole"])).await.expect("it is made anew");
        failed(stage.destroy().await, "DELETE_FAILED");
        let run = stage.destroy_with(&choices(&[], &["ServerRole"])).await.expect("it goes");
        let left: Vec<_> = run.applied.left_behind.iter().map(|left| left.resource_type.as_str()).collect();
        assert_eq!(left, ["AWS::IAM::Role"]);
        let inventory = stage.account.inventory();
        assert_eq!(inventory.names().count(), inventory.of_type("AWS::IAM::Role").len(), "{inventory}");
        assert!(inventory.of_type("AWS::IAM::Role").contains(&run.applied.left_behind[0].physical_id.as_str()));
    });
}

#[test]
fn table_outlives_a_deployment_but_not_one_that_failed() {
    block_on(async {
        let stage = Stage::open();
        stage.write("[state]\nstore = \"dynamodb\"");
        stage.account.strike_stack(function_fails(When::Create));
        failed(stage.deploy("one").await, "ROLLBACK_COMPLETE");
        assert_eq!(stage.account.inventory().of_type("AWS::DynamoDB::Table").len(), 0, "it held nothing");
        stage.deploy("one").await.expect("the next run replaces it");
        let run = stage.destroy().await.expect("it goes");
        let inventory = stage.account.inventory();
        let [left] = &run.applied.left_behind[..] else { panic!("{:?}", run.applied.left_behind) };
        assert_eq!(inventory.of_type("AWS::DynamoDB::Table"), [left.physical_id.as_str()], "{inventory}");
        assert_eq!(inventory.names().count(), 1, "{inventory}");
        assert!(left.hint().contains(&left.physical_id), "{}", left.hint());
    });
}

#[test]
fn empty_shell_is_used_when_it_is_ours_and_left_alone_when_it_is_not() {
    block_on(async {
        for (name, ours) in [("mcp-cloud-0123", true), ("release-7", false)] {
            let stage = Stage::open();
            let create = cloudformation(&stage).create_change_set().stack_name("hello").change_set_name(name);
            let create = create.change_set_type("CREATE".into()).template_body(&stage.deployment("one").template);
            create.capabilities(Capability::CapabilityIam).send().await.expect("it is made");
            let before = stage.account.inventory();
            if ours {
                stage.deploy("one").await.expect("it deploys");
                is_home(&stage, "one").await;
                continue;
            }
            for run in [stage.deploy("one").await, stage.destroy().await] {
                let error = run.expect_err("it is somebody else's");
                assert!(matches!(error, Error::StackNotOurs { .. }) && error.hint().is_some(), "{error}");
            }
            assert_eq!(stage.account.inventory(), before);
        }
    });
}

#[test]
fn function_that_somebody_deleted_is_made_again_and_data_stays() {
    block_on(async {
        let stage = Stage::open();
        stage.write("[state]\nstore = \"dynamodb\"");
        stage.deploy("one").await.expect("it deploys");
        let kept = |stage: &Stage| {
            let inventory = stage.account.inventory();
            let names = |kind| inventory.of_type(kind).into_iter().map(str::to_owned).collect::<Vec<_>>();
            (names("AWS::DynamoDB::Table"), names("AWS::Logs::LogGroup"))
        };
        let before = kept(&stage);
        stage.account.delete_function("hello");
        let run = stage.deploy("one").await.expect("it is made again");
        let forgets = run.plan.steps.iter().any(|step| matches!(step, Step::ForgetFunction { .. }));
        assert!(forgets, "{:?}", run.plan.steps);
        assert_eq!(kept(&stage), before);
        assert_eq!(stage.account.inventory().of_type("AWS::Lambda::Function"), ["hello"]);
        assert!(stage.plan("one").await.expect("it can be planned").is_empty());
    });
}

#[test]
fn change_set_that_says_more_than_the_plan_is_not_executed_and_leaves_nothing() {
    block_on(async {
        let stage = Stage::open();
        stage.write("[state]\nstore = \"dynamodb\"");
        stage.deploy("one").await.expect("it deploys");
        stage.write("");
        let deployer = stage.deployer().await.expect("it connects");
        let observed = stage.settled(&deployer).await.expect("it can be read");
        let deployment = stage.deployment("one");
        let plan = plan::deploy(&deployment, &observed, &Choices::default()).expect("it can be planned");
        // What was shown says nothing of the table.
        let plan = Plan { changes: Default::default(), ..plan };
        let before = stage.account.inventory();
        let run = stage.execute(plan, &deployer, &deployment, &observed, OnFailure::RollBack).await;
        let error = run.expect_err("nobody agreed to it");
        let Error::BeyondPlan { beyond } = &error else { panic!("{error}") };
        assert!(beyond.iter().any(|sentence| sentence.contains("StateTable")), "{beyond:?}");
        assert!(error.hint().is_some_and(|hint| hint.contains("`--accept-beyond-plan`")), "{error}");
        assert_eq!(stage.account.inventory(), before, "neither a change set nor the lock is left");
    });
}

async fn version_behind_the_alias(deployer: &Deployer) -> String {
    let observed = deployer.observe("hello", None).await.expect("it can be read");
    observed.alias.expect("there is one").version
}

#[test]
fn alias_that_somebody_moved_is_moved_back() {
    block_on(async {
        let stage = deployed("one").await;
        stage.deploy("two").await.expect("it deploys");
        let lambda = aws_sdk_lambda::Client::new(&rehearsal::config(Connector::new(stage.account.clone()), REGION));
        let moved = lambda.update_alias().function_name("hello").name("live").function_version("1").send().await;
        moved.expect("it is moved");
        let run = stage.deploy("two").await.expect("it deploys");
        let executes = run.plan.steps.iter().any(|step| matches!(step, Step::ExecuteChangeSet { .. }));
        assert!(matches!(&run.plan.steps[..], [Step::MoveAlias { .. }, ..]) && !executes, "{:?}", run.plan.steps);
        assert_eq!(version_behind_the_alias(&stage.deployer().await.expect("it connects")).await, "2");
        is_home(&stage, "two").await;
    });
}

/// A program whose code is `bad` answers nothing that a client understands.
fn bad_or_right(deployed: mcp_cloud_emulator::aws::Deployed, request: http::Request<bytes::Bytes>) -> Reply {
    if &*deployed.code == b"bad" {
        let answer = http::Response::new(aws_smithy_types::body::SdkBody::from("It works!"));
        return Box::pin(std::future::ready(answer));
    }
    serve(deployed, request)
}

#[test]
fn first_deployment_that_does_not_answer_is_removed() {
    block_on(async {
        let stage = Stage::open().with(bad_or_right);
        let error = failed(stage.deploy("bad").await, "what was created is removed");
        assert!(matches!(error, Error::GateFailed { rolled_back: RolledBack::Removed, .. }), "{error:?}");
        let inventory = stage.account.inventory();
        let remains = inventory.names().filter(|name| !name.starts_with("AWS::S3::")).count();
        assert_eq!(remains, 0, "{inventory}");
        stage.deploy("one").await.expect("it deploys");
        is_home(&stage, "one").await;
    });
}

#[test]
fn first_deployment_that_does_not_answer_shows_the_end_of_its_log_before_that_is_removed() {
    let logs = |lines: u32| {
        let stage = Stage::open();
        let account = stage.account.clone();
        let stage = stage.with(move |deployed, request| {
            for line in 0..lines {
                account.log("/aws/lambda/hello", "one", &format!("line {line}"));
                // Says nothing that a person wants to know.
                account.log("/aws/lambda/hello", "one", "END RequestId: 8c1f2f4e-0000-4000-8000-000000000001");
            }
            bad_or_right(deployed, request)
        });
        let error = block_on(async { failed(stage.deploy("bad").await, "what was created is removed") });
        assert!(matches!(error, Error::GateFailed { rolled_back: RolledBack::Removed, .. }), "{error:?}");
        assert!(stage.account.inventory().of_type("AWS::Logs::LogGroup").is_empty());
        let shown = stage.shown.lock().expect("nobody panicked with it");
        shown.iter().map(|event| event.message.clone()).collect::<Vec<_>>()
    };
    assert!(logs(0).is_empty());
    let shown = logs(25);
    assert_eq!(shown.len(), 20, "{shown:?}");
    assert_eq!((shown[0].as_str(), shown[19].as_str()), ("line 5", "line 24"), "{shown:?}");
}

#[test]
fn log_that_cannot_be_read_keeps_nobody_from_removing_it() {
    block_on(async {
        // The others end a run whatever it calls.
        for misfortune in [Misfortune::AccessDenied, Misfortune::Throttled, Misfortune::Unavailable] {
            let stage = Stage::open().with(bad_or_right);
            stage.account.strike(Moment::nth("FilterLogEvents", 1), misfortune, Lasting::Forever);
            failed(stage.deploy("bad").await, "what was created is removed");
            assert!(stage.account.inventory().of_type("AWS::Logs::LogGroup").is_empty(), "{misfortune:?}");
        }
    });
}

#[test]
fn update_that_does_not_answer_is_taken_back() {
    block_on(async {
        let stage = deployed("one").await.with(bad_or_right);
        let before = stage.deployment("one").template;
        stage.write("[resources]\nmemory = 512");
        let error = failed(stage.deploy("bad").await, "version 1 answers again");
        assert!(matches!(&error, Error::GateFailed { rolled_back: RolledBack::To(to), .. } if to == "1"), "{error:?}");
        let deployer = stage.deployer().await.expect("it connects");
        let stack = deployer.observe_stack("hello").await.expect("it can be read").expect("it is there");
        assert_eq!(stack.template.as_deref().map(str::trim_end), Some(before.trim_end()));
        let host = stack.outputs["McpEndpoint"].trim_start_matches("https://").trim_end_matches("/mcp").to_owned();
        assert_eq!(&*stage.account.function_url(&host).expect("it answers").code, b"one");
        stage.deploy("two").await.expect("it deploys");
        is_home(&stage, "two").await;
    });
}

#[test]
fn way_back_that_fails_as_well_is_told_and_found_by_the_next_run() {
    block_on(async {
        for struck in ["UpdateAlias", "CreateChangeSet"] {
            let stage = deployed("one").await.with(bad_or_right);
            // The change set of the deployment itself is the first.
            let nth = if struck == "UpdateAlias" { 1 } else { 2 };
            stage.account.strike(Moment::nth(struck, nth), Misfortune::AccessDenied, Lasting::Forever);
            let error = failed(stage.deploy("bad").await, "and the way back failed");
            assert!(matches!(error, Error::GateFailed { rolled_back: RolledBack::Failed(_), .. }), "{error:?}");
            stage.account.heal();
            let by_command = Stage::over(&stage, &stage.account.fork());
            by_command.rollback(1).await.expect("it goes back");
            assert!(by_command.rollback_plan(1).await.is_ok_and(|plan| plan.is_empty()), "{struck}");
            stage.deploy("two").await.expect("it deploys");
            is_home(&stage, "two").await;
        }
    });
}
