//! Every call of every command fails in turn, in each of the ways in which calls fail.

use std::fmt::Debug;

use mcp_cloud_deploy::{
    AwsFault, Error,
    doctor::Verdict,
    rehearsal::matrix::{Case, Rehearsal, Scene, matrix_of},
    secrets::Removal,
};
use mcp_cloud_emulator::aws::{Account, Call, Misfortune};

use crate::{
    account::{ACCOUNT, REGION, Stage, block_on},
    onlookers::{Calls, Examines, Told, sentences, serve_calls},
    scenes::{Deploys, Doing, EARLIER, Goes, GoesBack, Keeps, Looks, VALUE, value},
};

/// Rehearses a scene, and holds that every case comes to a good end and is told well. At least so many calls are made.
fn rehearse<S: Scene>(
    name: &str,
    scene: &S,
    before: &Account,
    at_least: usize,
    is_told_well: fn(&Case<S::Failure>),
) -> Vec<Call> {
    let calls = rehearse_at(&|_| true, name, scene, before, is_told_well);
    assert!(calls.len() >= at_least, "{name} makes {} calls, and made {at_least}", calls.len());
    calls
}

/// The same, and only these calls are struck. Returns those that are.
fn rehearse_at<S: Scene>(
    wanted: &(dyn Fn(&Call) -> bool + Sync),
    name: &str,
    scene: &S,
    before: &Account,
    is_told_well: fn(&Case<S::Failure>),
) -> Vec<Call> {
    let rehearsal = block_on(matrix_of(scene, before, wanted, &Misfortune::ALL, &|_, _| {}));
    let rehearsal = rehearsal.expect("undisturbed it comes to its end");
    let failed: Vec<_> = rehearsal
        .failed()
        .map(|case| {
            let defects: Vec<_> = case.defects.iter().map(ToString::to_string).collect();
            format!("{case}: {:?}\n  {}", case.error.as_ref().map(ToString::to_string), defects.join("\n  "))
        })
        .collect();
    let Rehearsal { calls, cases } = rehearsal;
    let all = calls.len();
    let calls: Vec<_> = calls.into_iter().filter(wanted).collect();
    mcp_cloud_tests::report(format_args!("{name}: {} of {all} calls, {} cases", calls.len(), cases.len()));
    assert!(failed.is_empty(), "{name}: {} of {} cases fail:\n{}", failed.len(), cases.len(), failed.join("\n"));
    cases.iter().for_each(is_told_well);
    assert_eq!(cases.len(), calls.len() * Misfortune::ALL.len());
    calls
}

/// An error is of the fault that struck, and is told well.
fn is_of_its_fault(case: &Case<Error>) {
    let Some(error) = &case.error else { return };
    let text = error.to_string();
    let expected = match case.misfortune {
        Misfortune::Throttled => Some(AwsFault::Throttled),
        Misfortune::ExpiredToken => Some(AwsFault::Expired),
        Misfortune::AccessDenied => Some(AwsFault::Denied),
        Misfortune::NoAnswer | Misfortune::AnswerLost => Some(AwsFault::Unreachable),
        Misfortune::Unavailable => Some(AwsFault::Unavailable),
        _ => None,
    };
    match error {
        // The answer to a HEAD request has no body that could tell the one from the other.
        Error::Aws(error) if error.fault == AwsFault::Unavailable && text.contains("look for the bucket") => {
            assert!(matches!(case.misfortune, Misfortune::Throttled | Misfortune::Unavailable), "{case}: {text}");
        }
        Error::Aws(error) => assert_eq!(Some(error.fault), expected, "{case}: {text}"),
        // What the registry says is told in the registry's words.
        Error::Image(_) => {}
        // Tasks that do not come to run, because a call of theirs was struck.
        Error::RolloutFailed { .. } => {}
        // Whether a bucket that may not be seen is there, nobody can tell.
        Error::BucketNotOurs { .. } => assert_eq!(case.misfortune, Misfortune::AccessDenied, "{case}: {text}"),
        other => panic!("{case}: {other}"),
    }
    is_told_well(case, &text, error.hint());
}

/// A call that fails is heard of, and what is said of it is told well.
fn is_heard_of(case: &Case<Told>) {
    let told = case.error.as_ref().unwrap_or_else(|| panic!("{case}: nobody hears of it"));
    for (text, hint) in sentences(told) {
        is_told_well(case, &text, hint);
    }
}

/// What is said has a sentence, a hint where something can be done about it, and no secret.
fn is_told_well<F: Debug>(case: &Case<F>, text: &str, hint: Option<String>) {
    assert!(text.starts_with(char::is_lowercase) || text.starts_with("CloudFormation"), "{case}: {text}");
    assert!(!text.ends_with('.') && text.len() > 20, "{case}: {text}");
    let hint = hint.unwrap_or_else(|| panic!("{case}: {text}: nothing is said about what can be done"));
    assert!(hint.starts_with(char::is_lowercase) && !hint.ends_with('.'), "{case}: {hint}");
    let everything = format!("{text} {hint} {:?} {:?}", case.error, case.call);
    for secret in [VALUE, EARLIER] {
        assert!(!everything.contains(secret), "{case} shows a secret");
    }
}

/// An account where the app is deployed, once with each of these codes and so much memory.
fn deployed(codes: &[(&str, u32)]) -> Stage {
    let stage = Stage::open();
    for (code, memory) in codes {
        stage.write(&format!("[resources]\nmemory = {memory}"));
        block_on(stage.deploy(code)).expect("it deploys");
    }
    stage
}

#[test]
fn first_deployment_comes_home_whichever_call_fails() {
    let stage = Stage::open();
    rehearse("deploy, first", &Deploys(&stage, "one"), &stage.account, 35, is_of_its_fault);
}

/// An account whose tasks come and go without delay: how often it is asked until they have is nobody's concern here.
fn hurried() -> Stage {
    let stage = Stage::open().on_ecs();
    stage.account.hurry();
    stage
}

/// What a service takes beyond what a function takes, whose calls are struck elsewhere.
fn is_of_service(call: &Call) -> bool {
    ["application-autoscaling", "ecr", "ecs", "elasticloadbalancing"].contains(&call.service)
}

/// Rehearses something with a service; each of these is struck at least once.
fn rehearse_service<S: Scene<Failure = Error>>(name: &str, scene: &S, before: &Account, actions: &[&str]) {
    let calls = rehearse_at(&is_of_service, name, scene, before, is_of_its_fault);
    for action in actions {
        assert!(calls.iter().any(|call| call.action == *action), "{name} calls {action}: {calls:?}");
    }
}

#[test]
#[ignore = "makes some ten thousands of calls, each of which takes 3 ms of processor time without optimisation"]
fn first_deployment_of_a_service_comes_home_whichever_call_fails() {
    let stage = hurried();
    let actions = ["CreateService", "DescribeTargetHealth", "GetAuthorizationToken", "RegisterTaskDefinition"];
    rehearse_service("deploy a service, first", &Deploys(&stage, "one"), &stage.account, &actions);
}

#[test]
#[ignore = "makes some ten thousands of calls, each of which takes 3 ms of processor time without optimisation"]
fn update_of_a_service_comes_home_whichever_call_fails() {
    let stage = hurried();
    block_on(stage.deploy("one")).expect("it deploys");
    stage.write("[ecs]\nstop-timeout = 100");
    let actions = ["DescribeTargetHealth", "DescribeImages", "RegisterTaskDefinition", "TagResource", "UpdateService"];
    rehearse_service("deploy a service, again", &Deploys(&stage, "one"), &stage.account, &actions);
}

#[test]
fn removal_of_a_service_comes_to_its_end_whichever_call_fails() {
    let stage = hurried();
    block_on(stage.deploy("one")).expect("it deploys");
    let actions = ["DeleteService", "DeleteTaskDefinitions", "DeregisterScalableTarget", "DeregisterTaskDefinition"];
    rehearse_service("destroy a service", &Goes(&stage), &stage.account, &actions);
}

#[test]
fn update_comes_home_whichever_call_fails() {
    // The oldest revision is one too many then.
    let stage = deployed(&[("one", 256), ("two", 256)]);
    stage.write("[resources]\nmemory = 512\n[lambda]\nkeep-revisions = 2");
    rehearse("deploy, update", &Deploys(&stage, "three"), &stage.account, 33, is_of_its_fault);
}

#[test]
fn deployment_with_nothing_to_do_does_nothing_whichever_call_fails() {
    let stage = deployed(&[("one", 256)]);
    rehearse("deploy, no-op", &Deploys(&stage, "one"), &stage.account, 8, is_of_its_fault);
}

#[test]
fn rollback_comes_home_whichever_call_fails() {
    let stage = deployed(&[("one", 256), ("two", 512)]);
    rehearse("rollback", &GoesBack(&stage, 1), &stage.account, 30, is_of_its_fault);
}

#[test]
fn removal_comes_to_its_end_whichever_call_fails() {
    let stage = deployed(&[("one", 256), ("two", 512)]);
    rehearse("destroy", &Goes(&stage), &stage.account, 15, is_of_its_fault);
}

#[test]
fn what_reads_alone_changes_nothing_whichever_call_fails() {
    let stage = deployed(&[("one", 256), ("two", 512)]);
    rehearse("status, secrets list, wait, logs", &Looks(&stage), &stage.account, 15, is_of_its_fault);
}

#[test]
fn doctor_tells_of_whichever_call_fails_and_changes_nothing() {
    let stage = deployed(&[("one", 256)]);
    let certificate = stage.account.make_certificate(&["mcp.example.com"], "ISSUED");
    let secret = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:hello/key-AbCdEf");
    stage.account.place_secret("hello/key", &secret, VALUE);
    // An image has nothing to be compiled.
    let image = format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/hello@sha256:{}", "0".repeat(64));
    let app = stage.app_of(&format!(
        "build.image = \"{image}\"\nscaling.maximum = 10\nlambda.certificate = \"{certificate}\"\nsecrets.KEY.aws = \
         \"{secret}\""
    ));
    let scene = block_on(Examines::of(&stage, app));
    let wrong = scene.undisturbed().iter().filter(|finding| finding.verdict == Verdict::Ng);
    assert_eq!(wrong.map(|finding| format!("{finding:?}")).collect::<Vec<_>>(), Vec::<String>::new());
    stage.account.take_calls();
    let calls = rehearse("doctor", &scene, &stage.account, 15, is_heard_of);
    for service in ["acm", "cloudformation", "iam", "lambda", "secretsmanager", "sts"] {
        assert!(calls.iter().any(|call| call.service == service), "{service} is asked: {calls:?}");
    }
    assert!(calls.iter().all(|call| !call.writes), "{calls:?}");
}

#[test]
fn invoke_tells_of_whichever_call_fails_and_changes_nothing() {
    let stage = deployed(&[("one", 256)]).with(serve_calls);
    stage.account.take_calls();
    let calls = rehearse("invoke", &Calls(&stage), &stage.account, 2, is_heard_of);
    assert!(calls.iter().all(|call| !call.writes), "{calls:?}");
}

#[test]
fn secrets_are_as_wanted_whichever_call_fails() {
    let stage = Stage::open();
    rehearse("secrets set, new", &Keeps(&stage, Doing::Set), &stage.account, 3, is_of_its_fault);
    block_on(async {
        let deployer = stage.deployer().await.expect("it connects");
        let app = stage.app();
        let reference = mcp_cloud_deploy::secrets::SecretReference::of(&app, "GITHUB_TOKEN");
        deployer.set_secret(&app, &reference, None, value(EARLIER)).await.expect("it is set");
    });
    stage.account.take_calls();
    for (name, doing, at_least) in [
        ("secrets set", Doing::Set, 4),
        ("secrets rotate", Doing::Rotate, 4),
        ("secrets remove", Doing::Remove(Removal::AfterDays(7)), 4),
        ("secrets remove --now", Doing::Remove(Removal::Now), 4),
    ] {
        rehearse(name, &Keeps(&stage, doing), &stage.account, at_least, is_of_its_fault);
    }
}
