use std::collections::BTreeMap;

use super::*;
use crate::{
    artifact::Archive,
    deployment::{TAG_APP, TAG_BUCKET_OURS},
};

const BUCKET: &str = "mcp-cloud-123456789012-eu-west-1";

fn deployment() -> Deployment {
    let archive = Archive { bytes: vec![0; 2_140_000], sha256: "ab".repeat(32) };
    Deployment {
        stack: "hello".to_owned(),
        bucket: Bucket::Ours(BUCKET.to_owned()),
        key: format!("mcp-cloud/hello/{}.zip", archive.sha256),
        archive,
        template: "Transform: AWS::Serverless-2016-10-31\n".to_owned(),
        tags: BTreeMap::from([(TAG_APP.to_owned(), "hello".to_owned())]),
    }
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
            ..Stack::default()
        }),
        bucket: wanted.bucket,
        bucket_contents: Some(BucketContents {
            tags: BTreeMap::from([(TAG_BUCKET_OURS.to_owned(), "true".to_owned())]),
            keys: vec![wanted.key],
        }),
    }
}

fn nothing() -> Observed {
    Observed { stack: None, bucket: Bucket::Ours(BUCKET.to_owned()), bucket_contents: None }
}

/// The kinds of steps, as they are named in JSON.
fn kinds(plan: &Plan) -> Vec<String> {
    let json = serde_json::to_value(plan).expect("a plan is data");
    let steps = json.as_array().expect("a plan is a list");
    steps.iter().map(|step| step["step"].as_str().expect("every step has a kind").to_owned()).collect()
}

fn stack(observed: &mut Observed) -> &mut Stack {
    observed.stack.as_mut().expect("there is a stack")
}

#[test]
fn plan_is_empty_when_nothing_changed() {
    for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE"] {
        let plan = deploy(&deployment(), &deployed(status)).unwrap();
        assert!(plan.is_empty() && !plan.needs_consent(), "{plan:?}");
    }
}

#[test]
fn template_is_the_same_with_or_without_a_last_newline() {
    let mut observed = deployed("CREATE_COMPLETE");
    let template = stack(&mut observed).template.clone().unwrap_or_default();
    stack(&mut observed).template = Some(template.trim_end().to_owned());
    assert!(deploy(&deployment(), &observed).unwrap().is_empty());
}

#[test]
fn first_deployment_computes_changes_before_anything_that_stays() {
    let plan = deploy(&deployment(), &nothing()).unwrap();
    assert_eq!(kinds(&plan), ["create-change-set", "create-bucket", "upload", "execute-change-set"]);
    let consent: Vec<_> = plan.steps.iter().map(Step::needs_consent).collect();
    assert_eq!(consent, [false, true, true, true]);
}

#[test]
fn changed_template_or_tags_update_the_stack() {
    let mut observed = deployed("CREATE_COMPLETE");
    stack(&mut observed).template = Some("Resources: {}".to_owned());
    assert_eq!(kinds(&deploy(&deployment(), &observed).unwrap()), ["create-change-set", "execute-change-set"]);
    let mut observed = deployed("CREATE_COMPLETE");
    stack(&mut observed).tags.insert("team".to_owned(), "blue".to_owned());
    assert_eq!(kinds(&deploy(&deployment(), &observed).unwrap()), ["create-change-set", "execute-change-set"]);
}

#[test]
fn stack_that_was_rolled_back_is_never_taken_for_unchanged() {
    let plan = deploy(&deployment(), &deployed("UPDATE_ROLLBACK_COMPLETE")).unwrap();
    assert_eq!(kinds(&plan), ["create-change-set", "execute-change-set"]);
}

#[test]
fn missing_code_is_uploaded_again() {
    let mut observed = deployed("CREATE_COMPLETE");
    observed.bucket_contents = Some(BucketContents { keys: Vec::new(), ..observed.bucket_contents.unwrap() });
    assert_eq!(kinds(&deploy(&deployment(), &observed).unwrap()), ["upload"]);
}

#[test]
fn failed_stack_is_replaced_and_the_plan_says_so() {
    let plan = deploy(&deployment(), &deployed("ROLLBACK_COMPLETE")).unwrap();
    assert_eq!(kinds(&plan), ["remove-stack", "create-change-set", "execute-change-set"]);
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
    let plan = deploy(&deployment(), &observed).unwrap();
    assert_eq!(kinds(&plan), ["remove-change-set", "create-change-set", "execute-change-set"]);
    let plan = destroy("hello", &observed).unwrap();
    assert_eq!(kinds(&plan), ["remove-stack", "remove-objects", "remove-bucket"]);
    assert!(!plan.steps[0].needs_consent(), "nothing is in it");
}

#[test]
fn change_sets_of_others_are_left_alone() {
    let mut observed = deployed("CREATE_COMPLETE");
    stack(&mut observed).change_sets = vec!["release-7".to_owned()];
    assert!(deploy(&deployment(), &observed).unwrap().is_empty());
}

#[test]
fn bucket_that_was_left_half_made_is_completed() {
    let mut observed = deployed("CREATE_COMPLETE");
    observed.bucket_contents = Some(BucketContents::default());
    assert_eq!(kinds(&deploy(&deployment(), &observed).unwrap()), ["create-bucket", "upload"]);
}

#[test]
fn stack_of_another_is_neither_changed_nor_removed() {
    let mut observed = deployed("CREATE_COMPLETE");
    stack(&mut observed).tags = BTreeMap::from([("team".to_owned(), "blue".to_owned())]);
    assert!(matches!(deploy(&deployment(), &observed), Err(Error::StackNotOurs { .. })));
    assert!(matches!(destroy("hello", &observed), Err(Error::StackNotOurs { .. })));
}

#[test]
fn protected_stack_is_not_removed() {
    let mut observed = deployed("CREATE_COMPLETE");
    stack(&mut observed).protected = true;
    assert!(matches!(destroy("hello", &observed), Err(Error::Protected { .. })));
    assert!(deploy(&deployment(), &observed).unwrap().is_empty(), "to leave it as it is, is allowed");
}

#[test]
fn stuck_stack_is_not_changed_and_can_be_removed() {
    let observed = deployed("UPDATE_ROLLBACK_FAILED");
    assert!(matches!(deploy(&deployment(), &observed), Err(Error::Stuck { .. })));
    assert_eq!(kinds(&destroy("hello", &observed).unwrap())[0], "remove-stack");
}

#[test]
fn named_bucket_must_exist_and_stays() {
    let named = Bucket::Named("mine".to_owned());
    let wanted = Deployment { bucket: named.clone(), ..deployment() };
    let observed = Observed { bucket: named.clone(), ..nothing() };
    assert!(matches!(deploy(&wanted, &observed), Err(Error::NoBucket { .. })));
    let observed = Observed { bucket: named, ..deployed("CREATE_COMPLETE") };
    assert_eq!(kinds(&destroy("hello", &observed).unwrap()), ["remove-stack", "remove-objects"]);
}

#[test]
fn destroy_leaves_the_bucket_while_another_app_uses_it() {
    let mut observed = deployed("CREATE_COMPLETE");
    let contents = observed.bucket_contents.as_mut().unwrap();
    contents.keys.push("mcp-cloud/hello-2/x.zip".to_owned());
    let plan = destroy("hello", &observed).unwrap();
    assert_eq!(kinds(&plan), ["remove-stack", "remove-objects"]);
    let Step::RemoveObjects { keys, .. } = &plan.steps[1] else { panic!("uploads are removed") };
    assert_eq!(keys.as_slice(), [deployment().key]);
}

#[test]
fn destroy_removes_no_bucket_that_lacks_our_tag() {
    let mut observed = deployed("CREATE_COMPLETE");
    observed.bucket_contents.as_mut().unwrap().tags.clear();
    assert_eq!(kinds(&destroy("hello", &observed).unwrap()), ["remove-stack", "remove-objects"]);
}

#[test]
fn destroy_of_what_is_not_there_does_nothing() {
    assert!(destroy("hello", &nothing()).unwrap().is_empty());
}

#[test]
fn size_of_an_upload_is_readable() {
    let upload = |bytes| Step::Upload { bucket: "b".to_owned(), key: "k".to_owned(), bytes }.to_string();
    assert_eq!(upload(999), "upload 999 bytes of code to `s3://b/k`");
    assert_eq!(upload(1_001), "upload 2 kB of code to `s3://b/k`");
    assert_eq!(upload(2_140_000), "upload 2.1 MB of code to `s3://b/k`");
}
