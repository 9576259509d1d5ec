//! Every call of every command fails in turn, in each of the ways in which calls fail.

use mcp_cloud_deploy::{
    AwsFault, Error,
    rehearsal::matrix::{Case, Rehearsal, Scene, matrix},
    secrets::Removal,
};
use mcp_cloud_emulator::aws::{Account, Misfortune};

use crate::{
    account::{Stage, block_on},
    scenes::{Deploys, Doing, EARLIER, Goes, GoesBack, Keeps, Looks, VALUE, value},
};

/// Rehearses a scene, and holds that every case comes to a good end and is told well. At least so many calls are made.
fn rehearse(name: &str, scene: &impl Scene, before: &Account, at_least: usize) {
    let rehearsal = block_on(matrix(scene, before, &Misfortune::ALL)).expect("undisturbed it comes to its end");
    let Rehearsal { calls, cases } = &rehearsal;
    mcp_cloud_tests::report(format_args!("{name}: {} calls, {} cases", calls.len(), cases.len()));
    let failed: Vec<_> = rehearsal
        .failed()
        .map(|case| {
            let defects: Vec<_> = case.defects.iter().map(ToString::to_string).collect();
            format!("{case}: {:?}\n  {}", case.error.as_ref().map(ToString::to_string), defects.join("\n  "))
        })
        .collect();
    assert!(failed.is_empty(), "{name}: {} of {} cases fail:\n{}", failed.len(), cases.len(), failed.join("\n"));
    cases.iter().for_each(is_told_well);
    assert!(calls.len() >= at_least, "{name} makes {} calls, and made {at_least}", calls.len());
    assert_eq!(cases.len(), calls.len() * Misfortune::ALL.len());
}

/// An error has a sentence, a hint where something can be done about it, and no secret.
fn is_told_well(case: &Case) {
    let Some(error) = &case.error else { return };
    let (text, hint) = (error.to_string(), error.hint());
    assert!(text.starts_with(char::is_lowercase) || text.starts_with("CloudFormation"), "{case}: {text}");
    assert!(!text.ends_with('.') && text.len() > 20, "{case}: {text}");
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
        // Whether a bucket that may not be seen is there, nobody can tell.
        Error::BucketNotOurs { .. } => assert_eq!(case.misfortune, Misfortune::AccessDenied, "{case}: {text}"),
        other => panic!("{case}: {other}"),
    }
    let hint = hint.unwrap_or_else(|| panic!("{case}: {text}: nothing is said about what can be done"));
    assert!(hint.starts_with(char::is_lowercase) && !hint.ends_with('.'), "{case}: {hint}");
    let everything = format!("{text} {hint} {error:?} {:?}", case.call);
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
    rehearse("deploy, first", &Deploys(&stage, "one"), &stage.account, 35);
}

#[test]
fn update_comes_home_whichever_call_fails() {
    // The oldest revision is one too many then.
    let stage = deployed(&[("one", 256), ("two", 256)]);
    stage.write("[resources]\nmemory = 512\n[lambda]\nkeep-revisions = 2");
    rehearse("deploy, update", &Deploys(&stage, "three"), &stage.account, 33);
}

#[test]
fn deployment_with_nothing_to_do_does_nothing_whichever_call_fails() {
    let stage = deployed(&[("one", 256)]);
    rehearse("deploy, no-op", &Deploys(&stage, "one"), &stage.account, 8);
}

#[test]
fn rollback_comes_home_whichever_call_fails() {
    let stage = deployed(&[("one", 256), ("two", 512)]);
    rehearse("rollback", &GoesBack(&stage, 1), &stage.account, 30);
}

#[test]
fn removal_comes_to_its_end_whichever_call_fails() {
    let stage = deployed(&[("one", 256), ("two", 512)]);
    rehearse("destroy", &Goes(&stage), &stage.account, 15);
}

#[test]
fn what_reads_alone_changes_nothing_whichever_call_fails() {
    let stage = deployed(&[("one", 256), ("two", 512)]);
    rehearse("status, secrets list, wait, logs", &Looks(&stage), &stage.account, 15);
}

#[test]
fn secrets_are_as_wanted_whichever_call_fails() {
    let stage = Stage::open();
    rehearse("secrets set, new", &Keeps(&stage, Doing::Set), &stage.account, 3);
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
        rehearse(name, &Keeps(&stage, doing), &stage.account, at_least);
    }
}
