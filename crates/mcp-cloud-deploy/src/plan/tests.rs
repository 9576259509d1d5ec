use std::collections::BTreeMap;

use mcp_cloud_app::target::sam;

use super::*;
use crate::{
    artifact::Archive,
    deployment::{Bucket, Deployment, TAG_APP, TAG_BUCKET_OURS, Workload},
    error::Error,
    observe::{Alias, BucketContents, Function, Observed, Stack},
    revision::RevisionKey,
};

const BUCKET: &str = "mcp-cloud-123456789012-eu-west-1";

fn deployment() -> Deployment {
    let archive = Archive { bytes: vec![0; 2_140_000], sha256: "ab".repeat(32) };
    Deployment {
        stack: "hello".to_owned(),
        bucket: Bucket::Ours(BUCKET.to_owned()),
        template: "Transform: AWS::Serverless-2016-10-31\n".to_owned(),
        tags: BTreeMap::from([(TAG_APP.to_owned(), "hello".to_owned())]),
        keep: 3,
        workload: Workload::Function { key: format!("mcp-cloud/hello/{}.zip", archive.sha256), archive },
    }
}

fn key() -> String {
    deployment().key().expect("a function has code").to_owned()
}

fn planned(observed: &Observed) -> Result<Plan, Error> {
    deploy(&deployment(), observed, &Choices::default())
}

/// The key of the record of a version that answered.
fn record(version: u64) -> String {
    RevisionKey::new(version, &deployment().fingerprint(), deployment().code_sha256()).key("hello")
}

/// Everything as `deployment` wants it, in this state.
fn deployed(status: &str) -> Observed {
    let wanted = deployment();
    Observed {
        stack: Some(Stack {
            name: wanted.stack,
            id: "arn:aws:cloudformation:eu-west-1:123456789012:stack/hello/1".to_owned(),
            status: status.to_owned(),
            tags: wanted.tags,
            template: Some(wanted.template),
            outputs: BTreeMap::from([(
                sam::OUTPUT_FUNCTION_VERSION.to_owned(),
                "arn:aws:lambda:eu-west-1:123456789012:function:hello:7".to_owned(),
            )]),
            ..Stack::default()
        }),
        bucket: wanted.bucket,
        bucket_contents: Some(BucketContents {
            tags: BTreeMap::from([(TAG_BUCKET_OURS.to_owned(), "true".to_owned())]),
            keys: vec![key(), record(7)],
        }),
        function: Some(Function::default()),
        alias: Some(Alias { version: "7".to_owned(), ..Alias::default() }),
        service: None,
    }
}

#[test]
fn words_about_a_stack_are_nothing_to_update_it_for() {
    let mut observed = deployed("UPDATE_COMPLETE");
    let substance = deployment().template;
    let differs_by = |observed: &mut Observed, template: String| {
        stack(observed).template = Some(template);
        !planned(observed).unwrap().steps.iter().all(|step| !matches!(step, Step::CreateChangeSet { .. }))
    };
    assert!(!differs_by(&mut observed, format!("Description: before\n{substance}Outputs:\n  A:\n    Value: b\n")));
    assert!(differs_by(&mut observed, format!("{substance}Resources:\n  A:\n    Type: AWS::SNS::Topic\n")));
}

fn nothing() -> Observed {
    Observed {
        stack: None,
        bucket: Bucket::Ours(BUCKET.to_owned()),
        bucket_contents: None,
        function: None,
        alias: None,
        service: None,
    }
}

/// The kinds of steps, as they are named in JSON.
fn kinds(plan: &Plan) -> Vec<String> {
    let json = serde_json::to_value(plan).expect("a plan is data");
    let steps = json["steps"].as_array().expect("a plan lists its steps");
    steps.iter().map(|step| step["step"].as_str().expect("every step has a kind").to_owned()).collect()
}

fn stack(observed: &mut Observed) -> &mut Stack {
    observed.stack.as_mut().expect("there is a stack")
}

#[test]
fn plan_is_empty_when_nothing_changed() {
    for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE"] {
        let plan = planned(&deployed(status)).unwrap();
        assert!(plan.is_empty() && !plan.needs_consent(), "{plan:?}");
    }
}

#[test]
fn template_is_the_same_with_or_without_a_last_newline() {
    let mut observed = deployed("CREATE_COMPLETE");
    let template = stack(&mut observed).template.clone().unwrap_or_default();
    stack(&mut observed).template = Some(template.trim_end().to_owned());
    assert!(planned(&observed).unwrap().is_empty());
}

#[test]
fn first_deployment_makes_the_bucket_first_because_the_lock_is_in_it() {
    let plan = planned(&nothing()).unwrap();
    let steps = ["create-bucket", "upload", "create-change-set", "execute-change-set", "ask", "keep-revision"];
    assert_eq!(kinds(&plan), steps);
    let consent: Vec<_> = plan.steps.iter().map(Step::needs_consent).collect();
    assert_eq!(consent, [true, true, false, true, false, true]);
}

#[test]
fn changed_template_or_tags_update_the_stack() {
    let mut observed = deployed("CREATE_COMPLETE");
    stack(&mut observed).template = Some("Resources: {}".to_owned());
    assert_eq!(
        kinds(&planned(&observed).unwrap()),
        ["create-change-set", "execute-change-set", "ask", "keep-revision"]
    );
    let mut observed = deployed("CREATE_COMPLETE");
    stack(&mut observed).tags.insert("team".to_owned(), "blue".to_owned());
    assert_eq!(
        kinds(&planned(&observed).unwrap()),
        ["create-change-set", "execute-change-set", "ask", "keep-revision"]
    );
}

#[test]
fn stack_that_was_rolled_back_is_never_taken_for_unchanged() {
    let plan = planned(&deployed("UPDATE_ROLLBACK_COMPLETE")).unwrap();
    assert_eq!(kinds(&plan), ["create-change-set", "execute-change-set", "ask", "keep-revision"]);
}

#[test]
fn missing_code_is_uploaded_again() {
    let mut observed = deployed("CREATE_COMPLETE");
    observed.bucket_contents = Some(BucketContents { keys: Vec::new(), ..observed.bucket_contents.unwrap() });
    let steps = ["upload", "ask", "keep-revision"];
    assert_eq!(kinds(&planned(&observed).unwrap()), steps, "its record is gone as well");
}

#[test]
fn failed_stack_is_replaced_and_the_plan_says_so() {
    let plan = planned(&deployed("ROLLBACK_COMPLETE")).unwrap();
    assert_eq!(kinds(&plan), ["remove-stack", "create-change-set", "execute-change-set", "ask", "keep-revision"]);
    assert_eq!(
        plan.steps[0].to_string(),
        "delete the stack `hello`, which failed (ROLLBACK_COMPLETE) and can only be replaced"
    );
    assert!(plan.steps[0].needs_consent());
}

#[test]
fn what_an_interrupted_run_left_is_cleaned_up() {
    let mut observed = deployed("REVIEW_IN_PROGRESS");
    let shell = stack(&mut observed);
    (shell.tags, shell.template) = (BTreeMap::new(), None);
    shell.change_sets = vec!["mcp-cloud-1".to_owned()];
    let plan = planned(&observed).unwrap();
    assert_eq!(kinds(&plan), ["remove-change-set", "create-change-set", "execute-change-set", "ask", "keep-revision"]);
    let plan = destroy("hello", &observed, &Choices::default()).unwrap();
    assert_eq!(kinds(&plan), ["remove-stack", "remove-objects", "remove-bucket"]);
    assert!(!plan.steps[0].needs_consent(), "nothing is in it");
}

#[test]
fn change_sets_of_others_are_left_alone() {
    let mut observed = deployed("CREATE_COMPLETE");
    stack(&mut observed).change_sets = vec!["release-7".to_owned()];
    assert!(planned(&observed).unwrap().is_empty());
}

#[test]
fn bucket_that_was_left_half_made_is_completed() {
    let mut observed = deployed("CREATE_COMPLETE");
    observed.bucket_contents = Some(BucketContents::default());
    let steps = ["create-bucket", "upload", "ask", "keep-revision"];
    assert_eq!(kinds(&planned(&observed).unwrap()), steps);
}

#[test]
fn stack_of_another_is_neither_changed_nor_removed() {
    let mut observed = deployed("CREATE_COMPLETE");
    stack(&mut observed).tags = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
    assert!(matches!(planned(&observed), Err(Error::StackNotOurs { .. })));
    assert!(matches!(destroy("hello", &observed, &Choices::default()), Err(Error::StackNotOurs { .. })));
}

#[test]
fn protected_stack_is_not_removed() {
    let mut observed = deployed("CREATE_COMPLETE");
    stack(&mut observed).protected = true;
    assert!(matches!(destroy("hello", &observed, &Choices::default()), Err(Error::Protected { .. })));
    assert!(planned(&observed).unwrap().is_empty(), "to leave it as it is, is allowed");
}

#[test]
fn failed_rollback_is_taken_up_before_the_update() {
    let observed = deployed("UPDATE_ROLLBACK_FAILED");
    let choices = Choices { skip: vec!["ServerLogs".to_owned()], ..Choices::default() };
    let plan = deploy(&deployment(), &observed, &choices).unwrap();
    assert_eq!(kinds(&plan)[..2], ["continue-rollback", "create-change-set"]);
    assert_eq!(
        plan.steps[0].to_string(),
        "take up the rollback of the stack `hello`, which failed, and leave as they are: ServerLogs"
    );
    assert!(plan.steps[0].needs_consent());
}

#[test]
fn version_that_was_not_asked_is_asked_without_touching_the_stack() {
    let mut observed = deployed("UPDATE_COMPLETE");
    observed.bucket_contents.as_mut().unwrap().keys.retain(|key| !key.ends_with(".json"));
    assert_eq!(kinds(&planned(&observed).unwrap()), ["ask", "keep-revision"]);
}

#[test]
fn alias_that_was_moved_is_moved_back() {
    let mut observed = deployed("UPDATE_COMPLETE");
    observed.alias = Some(Alias { version: "5".to_owned(), ..Alias::default() });
    let plan = planned(&observed).unwrap();
    assert_eq!(kinds(&plan), ["move-alias", "ask", "keep-revision"]);
    assert_eq!(plan.steps[0].to_string(), "point the alias `live` of the function `hello` to version 7 (now 5)");
    let shifting = BTreeMap::from([("6".to_owned(), 0.1)]);
    observed.alias = Some(Alias { version: "7".to_owned(), shifting });
    assert_eq!(kinds(&planned(&observed).unwrap())[0], "move-alias", "a shift that was left half-way is ended");
}

#[test]
fn function_that_somebody_deleted_is_made_again_and_data_stays() {
    let mut observed = deployed("CREATE_COMPLETE");
    observed.function = None;
    stack(&mut observed).template =
        Some("Resources:\n  Logs:\n    Type: AWS::Logs::LogGroup\n  Server:\n    Type: X\n".to_owned());
    let plan = planned(&observed).unwrap();
    assert_eq!(kinds(&plan)[..2], ["forget-function", "create-change-set"]);
    assert!(plan.steps[0].needs_consent());
    let Step::ForgetFunction { stays, .. } = &plan.steps[0] else { panic!("it is forgotten first") };
    assert_eq!(stays.as_slice(), ["Logs"]);
}

#[test]
fn only_so_many_revisions_are_kept_and_the_code_they_need() {
    let mut observed = deployed("UPDATE_COMPLETE");
    let old_code = format!("mcp-cloud/hello/{}.zip", "cd".repeat(32));
    let older = RevisionKey::new(3, "f", &"cd".repeat(32)).key("hello");
    let keys = vec![key(), older.clone(), record(4), record(5), record(6), old_code.clone()];
    observed.bucket_contents.as_mut().unwrap().keys = keys;
    stack(&mut observed).template = Some("Resources: {}".to_owned());
    let plan = planned(&observed).unwrap();
    let [.., Step::RemoveVersions { oldest_kept, .. }, Step::RemoveObjects { keys, .. }] = plan.steps.as_slice() else {
        panic!("the old ones are removed: {plan:?}")
    };
    assert_eq!(*oldest_kept, 5, "5, 6 and the one that comes are three");
    assert_eq!(keys.as_slice(), [older, record(4), old_code]);
}

#[test]
fn versions_before_the_only_one_that_is_kept_are_removed() {
    let mut observed = deployed("UPDATE_COMPLETE");
    observed.bucket_contents.as_mut().unwrap().keys = vec![key(), record(5), record(6)];
    stack(&mut observed).template = Some("Resources: {}".to_owned());
    let plan = deploy(&Deployment { keep: 1, ..deployment() }, &observed, &Choices::default()).unwrap();
    let [.., Step::RemoveVersions { oldest_kept, .. }, Step::RemoveObjects { keys, .. }] = plan.steps.as_slice() else {
        panic!("the old ones are removed: {plan:?}")
    };
    assert_eq!((*oldest_kept, keys.as_slice()), (7, [record(5), record(6)].as_slice()));
}

#[test]
fn rollback_moves_the_alias_before_the_stack() {
    let mut observed = deployed("UPDATE_COMPLETE");
    stack(&mut observed).template = Some("Resources: {}".to_owned());
    let plan = rollback(&deployment(), "5", &observed).unwrap();
    let steps = ["move-alias", "create-change-set", "execute-change-set", "ask", "keep-revision"];
    assert_eq!(kinds(&plan), steps);
    assert!(rollback(&deployment(), "7", &deployed("UPDATE_COMPLETE")).unwrap().is_empty());
}

#[test]
fn rollback_needs_the_code_and_a_deployment() {
    let archive = Archive { bytes: Vec::new(), sha256: "cd".repeat(32) };
    let workload = Workload::Function { key: "mcp-cloud/hello/gone.zip".to_owned(), archive };
    let gone = Deployment { workload, ..deployment() };
    assert!(matches!(rollback(&gone, "5", &deployed("UPDATE_COMPLETE")), Err(Error::CodeGone { .. })));
    assert!(matches!(rollback(&deployment(), "5", &nothing()), Err(Error::NotDeployed { .. })));
}

#[test]
fn stuck_stack_is_not_changed_and_can_be_removed() {
    let observed = deployed("IMPORT_ROLLBACK_FAILED");
    assert!(matches!(planned(&observed), Err(Error::Stuck { .. })));
    assert_eq!(kinds(&destroy("hello", &observed, &Choices::default()).unwrap())[0], "remove-stack");
}

#[test]
fn named_bucket_must_exist_and_stays() {
    let named = Bucket::Named("mine".to_owned());
    let wanted = Deployment { bucket: named.clone(), ..deployment() };
    let observed = Observed { bucket: named.clone(), ..nothing() };
    assert!(matches!(deploy(&wanted, &observed, &Choices::default()), Err(Error::NoBucket { .. })));
    let observed = Observed { bucket: named, ..deployed("CREATE_COMPLETE") };
    assert_eq!(kinds(&destroy("hello", &observed, &Choices::default()).unwrap()), ["remove-stack", "remove-objects"]);
}

#[test]
fn destroy_leaves_the_bucket_while_another_app_uses_it() {
    let mut observed = deployed("CREATE_COMPLETE");
    let contents = observed.bucket_contents.as_mut().unwrap();
    contents.keys.push("mcp-cloud/hello-2/x.zip".to_owned());
    let plan = destroy("hello", &observed, &Choices::default()).unwrap();
    assert_eq!(kinds(&plan), ["remove-stack", "remove-objects"]);
    let Step::RemoveObjects { keys, .. } = &plan.steps[1] else { panic!("uploads are removed") };
    assert_eq!(keys.as_slice(), [key(), record(7)]);
}

#[test]
fn destroy_removes_no_bucket_that_lacks_our_tag() {
    let mut observed = deployed("CREATE_COMPLETE");
    observed.bucket_contents.as_mut().unwrap().tags.clear();
    assert_eq!(kinds(&destroy("hello", &observed, &Choices::default()).unwrap()), ["remove-stack", "remove-objects"]);
}

#[test]
fn destroy_of_what_is_not_there_does_nothing() {
    assert!(destroy("hello", &nothing(), &Choices::default()).unwrap().is_empty());
}

#[test]
fn size_of_an_upload_is_readable() {
    let upload = |bytes| Step::Upload { bucket: "b".to_owned(), key: "k".to_owned(), bytes }.to_string();
    assert_eq!(upload(999), "upload 999 bytes of code to `s3://b/k`");
    assert_eq!(upload(1_001), "upload 2 kB of code to `s3://b/k`");
    assert_eq!(upload(2_140_000), "upload 2.1 MB of code to `s3://b/k`");
}
