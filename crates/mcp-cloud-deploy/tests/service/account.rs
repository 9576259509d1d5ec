//! The same against an account in memory, in which services take their time, tasks fail in every way, and the circuit
//! breaker goes back.

use std::{collections::BTreeMap, sync::Mutex, time::Duration};

use mcp_cloud_app::target::ecs::Scaling;
use mcp_cloud_deploy::{
    Deployer, Error,
    rehearsal::{self, Connector},
    service::{Ending, Error as ServiceError, OneOff, RolloutEvent, ServiceName, Switched, changes, moves_for},
};
use mcp_cloud_emulator::aws::{Account, Lasting, Misfortune, Moment, TaskFate};
use serde_json::{Value, json};

use crate::{
    apps::{create_body, lowered, surroundings},
    script::ACCOUNT,
};

const REGION: &str = "eu-west-1";
const APP: &str = "minimal";
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// An account with everything around a service in it.
struct Stage {
    app: &'static str,
    account: Account,
    deployer: Deployer,
    known: BTreeMap<String, String>,
    name: ServiceName,
}

impl Stage {
    async fn open() -> Self {
        Self::open_for(APP).await
    }

    /// The same for another golden app.
    async fn open_for(app: &'static str) -> Self {
        let account = Account::new(ACCOUNT, REGION);
        let config = rehearsal::config(Connector::new(account.clone()), REGION);
        let cloudformation = aws_sdk_cloudformation::Client::new(&config);
        let set = cloudformation
            .create_change_set()
            .stack_name("server")
            .change_set_name("first")
            .change_set_type("CREATE".into())
            .template_body(surroundings(app))
            .capabilities("CAPABILITY_NAMED_IAM".into());
        let set = set.send().await.unwrap().id.unwrap();
        loop {
            let found = cloudformation.describe_change_set().change_set_name(&set).send().await.unwrap();
            if found.status().unwrap().as_str() == "CREATE_COMPLETE" {
                break;
            }
        }
        cloudformation.execute_change_set().change_set_name(&set).send().await.unwrap();
        let outputs = loop {
            let stacks = cloudformation.describe_stacks().stack_name("server").send().await.unwrap();
            let stack = &stacks.stacks()[0];
            if stack.stack_status().unwrap().as_str() == "CREATE_COMPLETE" {
                break stack.outputs().to_vec();
            }
        };
        let outputs = outputs.into_iter().map(|output| (output.output_key.unwrap(), output.output_value.unwrap()));
        let mut known: BTreeMap<_, _> = outputs.collect();
        known.insert("AWS_REGION".to_owned(), REGION.to_owned());
        known.insert("AWS_ACCOUNT_ID".to_owned(), ACCOUNT.to_owned());
        let service = lowered(app);
        let name = ServiceName { cluster: service.cluster, service: service.name };
        Self { app, account, deployer: Deployer::over(config, None).await.unwrap(), known, name }
    }

    /// The same with nothing wrong, and with a service of its own.
    async fn fork(&self) -> Self {
        let account = self.account.fork();
        let config = rehearsal::config(Connector::new(account.clone()), REGION);
        let deployer = Deployer::over(config, None).await.unwrap();
        Self { app: self.app, account, deployer, known: self.known.clone(), name: self.name.clone() }
    }

    /// What is registered for an image of this name.
    fn task_definition(&self, image: &str) -> Value {
        let mut known = self.known.clone();
        known.insert("IMAGE".to_owned(), format!("registry.example.com/{image}@sha256:{}", "0".repeat(64)));
        lowered(self.app).with(&known).task_definition
    }

    fn body(&self, task_definition: &str) -> Value {
        let mut body = create_body(&lowered(self.app).with(&self.known));
        body["taskDefinition"] = json!(task_definition);
        body
    }

    async fn create(&self, image: &str) -> (String, Result<(), Error>) {
        let arn = self.deployer.register_task_definition(&self.task_definition(image)).await.unwrap();
        self.deployer.create_service(&self.body(&arn)).await.unwrap();
        (arn.clone(), self.deployer.rollout(&self.name, &arn, LIMIT, &|_| ()).await)
    }

    async fn update(&self, image: &str) -> (String, Result<(), Error>, Vec<String>) {
        let arn = self.deployer.register_task_definition(&self.task_definition(image)).await.unwrap();
        self.deployer.update_service(&self.name, &json!({ "taskDefinition": arn })).await.unwrap();
        let heard = Mutex::new(Vec::new());
        let report = |event: &RolloutEvent| heard.lock().unwrap().push(event.to_string());
        let limit = LIMIT + moves_for(&self.body(&arn));
        let ended = self.deployer.rollout(&self.name, &arn, limit, &report).await;
        (arn, ended, heard.into_inner().unwrap())
    }

    /// How many healthy targets are in each of the two groups that requests move between.
    async fn healthy(&self) -> [usize; 2] {
        let mut found = [0; 2];
        for (count, output) in found.iter_mut().zip(["TargetGroupArn", "AlternateTargetGroupArn"]) {
            let targets = self.deployer.target_health(&self.known[output]).await.unwrap();
            *count = targets.iter().filter(|target| target.state == "healthy").count();
        }
        found
    }

    fn nothing_is_unknown(&self) {
        assert!(self.account.unknown_calls().is_empty(), "{:?}", self.account.unknown_calls());
    }
}

#[tokio::test]
async fn service_is_made_changed_and_removed_with_nothing_left() {
    let stage = Stage::open().await;
    let before = stage.account.inventory().to_string();
    let (first, ended) = stage.create("one").await;
    ended.unwrap();
    let state = stage.deployer.service(&stage.name).await.unwrap().unwrap();
    assert_eq!((state.task_definition.as_str(), state.running), (first.as_str(), state.desired));

    let registered = stage.deployer.task_definition(&first).await.unwrap().unwrap();
    let found = changes(
        (Some(&registered.raw), Some(&state.raw)),
        (Some(&stage.task_definition("one")), Some(&stage.body(&first))),
    );
    assert!(found.is_empty(), "{found}");

    let (second, ended, heard) = stage.update("two").await;
    ended.unwrap();
    assert!(heard.iter().any(|event| event.contains("is healthy")), "{heard:?}");
    assert!(heard.iter().any(|event| event.contains("is draining")), "{heard:?}");
    let mut once = heard.clone();
    once.retain(|event| event.starts_with("(service"));
    let all = once.len();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), all, "{heard:?}");
    assert_eq!(stage.deployer.task_definitions(&registered.family).await.unwrap(), [second.clone(), first.clone()]);

    stage.deployer.remove_service(&stage.name).await.unwrap();
    assert!(stage.deployer.service(&stage.name).await.unwrap().is_none());
    stage.deployer.remove_service(&stage.name).await.unwrap();
    stage.deployer.remove_task_definitions(&[first, second]).await.unwrap();
    assert_eq!(stage.account.inventory().to_string(), before);
    stage.nothing_is_unknown();
}

#[tokio::test]
async fn every_way_to_fail_goes_back_and_says_why() {
    for (fate, text, hint) in [
        (TaskFate::Exits(1), "`server` exited with 1", "exec format error"),
        (TaskFate::ImageMissing, "CannotPullContainerError", "registry"),
        (TaskFate::SecretMissing, "unable to retrieve secret", "secret"),
        (TaskFate::OutOfMemory, "OutOfMemoryError", "memory"),
        (TaskFate::WrongArchitecture, "`server` exited with 1", "processor"),
        (TaskFate::FailsTargetHealth, "failed ELB health checks", "health path"),
        (TaskFate::FailsHealthCheck, "failed container health checks", "--health"),
    ] {
        let stage = Stage::open().await;
        stage.account.destine("two", fate);
        let (first, ended) = stage.create("one").await;
        ended.unwrap();
        let (_, ended, heard) = stage.update("two").await;
        let error = ended.unwrap_err();
        let told = error.to_string();
        let serves = format!("; `{}` serves", first.rsplit('/').next().unwrap());
        assert!(told.contains("was rolled back") && told.contains(text) && told.ends_with(&serves), "{fate:?}: {told}");
        assert!(error.hint().is_some_and(|told| told.contains(hint)), "{fate:?}: {:?}", error.hint());
        assert!(heard.iter().any(|event| event.starts_with("task ")), "{fate:?}: {heard:?}");
        let state = stage.deployer.service(&stage.name).await.unwrap().unwrap();
        assert_eq!(state.task_definition, first, "{fate:?}");
        stage.nothing_is_unknown();
    }
}

#[tokio::test]
async fn first_deployment_that_fails_leaves_nothing_that_serves_and_can_be_removed() {
    let stage = Stage::open().await;
    stage.account.destine("one", TaskFate::Exits(2));
    let (_, ended) = stage.create("one").await;
    let told = ended.unwrap_err().to_string();
    assert!(told.contains(" failed: ") && told.contains("exited with 2") && told.ends_with("nothing serves"), "{told}");
    stage.deployer.remove_service(&stage.name).await.unwrap();
    stage.nothing_is_unknown();
}

#[tokio::test]
async fn deployment_without_room_ends_at_the_limit_while_the_old_one_serves() {
    let stage = Stage::open().await;
    stage.account.destine("two", TaskFate::NoCapacity);
    let (first, ended) = stage.create("one").await;
    ended.unwrap();
    let (_, ended, _) = stage.update("two").await;
    let error = ended.unwrap_err();
    let told = error.to_string();
    let serves = format!("; `{}` serves", first.rsplit('/').next().unwrap());
    assert!(told.contains("is not done after 20 min: ") && told.ends_with(&serves), "{told}");
    assert!(error.hint().is_some_and(|hint| hint.contains("no room")), "{:?}", error.hint());
}

#[tokio::test]
async fn deployment_of_the_same_definition_is_followed_by_its_id() {
    let stage = Stage::open().await;
    let (first, ended) = stage.create("one").await;
    ended.unwrap();
    // What ran well runs no more, as with a secret that was removed since.
    stage.account.destine("one", TaskFate::SecretMissing);
    let again = json!({ "taskDefinition": first, "forceNewDeployment": true });
    stage.deployer.update_service(&stage.name, &again).await.unwrap();
    let ended = stage.deployer.rollout(&stage.name, &first, LIMIT, &|_| ()).await;
    let told = ended.unwrap_err().to_string();
    assert!(told.contains("was rolled back") && told.contains("unable to retrieve secret"), "{told}");
}

#[tokio::test]
async fn whatever_passes_by_itself_is_survived_at_every_call() {
    let stage = Stage::open().await;
    for operation in [
        "RegisterTaskDefinition",
        "CreateService",
        "DescribeServices",
        "ListTasks",
        "DescribeTasks",
        "DescribeTargetHealth",
        "UpdateService",
        "DeleteService",
        "DeregisterTaskDefinition",
        "DeleteTaskDefinitions",
    ] {
        for misfortune in [Misfortune::Throttled, Misfortune::Unavailable, Misfortune::NoAnswer, Misfortune::AnswerLost]
        {
            let stage = stage.fork().await;
            stage.account.strike(Moment::nth(operation, 1), misfortune, Lasting::Times(2));
            let (arn, ended) = stage.create("one").await;
            assert!(ended.is_ok(), "{misfortune:?} at {operation}: {ended:?}");
            stage.deployer.scale_service(&stage.name, 2).await.unwrap();
            stage.deployer.remove_service(&stage.name).await.unwrap();
            let mut revisions = stage.deployer.task_definitions(&lowered(APP).name).await.unwrap();
            assert!(revisions.contains(&arn), "{misfortune:?} at {operation}: {revisions:?}");
            // A registration whose answer was lost has made one more.
            revisions.truncate(3);
            stage.deployer.remove_task_definitions(&revisions).await.unwrap();
            assert!(stage.deployer.service(&stage.name).await.unwrap().is_none());
            stage.nothing_is_unknown();
        }
    }
}

#[tokio::test]
async fn what_is_denied_is_told_with_what_was_tried() {
    let stage = Stage::open().await;
    for (operation, tried) in [
        ("RegisterTaskDefinition", "cannot register the task definition `notes`"),
        ("CreateService", "cannot create the service `notes`"),
        ("DescribeServices", "cannot look at the service `notes/notes`"),
        ("ListTasks", "cannot list the tasks of `notes/notes`"),
        ("DescribeTargetHealth", "cannot read the health of the load balancer's targets"),
    ] {
        let stage = stage.fork().await;
        stage.account.strike(Moment::nth(operation, 1), Misfortune::AccessDenied, Lasting::Forever);
        let body = stage.task_definition("one");
        let registered = stage.deployer.register_task_definition(&body).await;
        let ended = match registered {
            Err(error) => Err(Error::from(error)),
            Ok(arn) => match stage.deployer.create_service(&stage.body(&arn)).await {
                Err(error) => Err(Error::from(error)),
                Ok(_) => stage.deployer.rollout(&stage.name, &arn, LIMIT, &|_| ()).await,
            },
        };
        let error = ended.unwrap_err();
        assert!(error.to_string().starts_with(tried), "{error}");
        assert!(error.hint().is_some_and(|hint| hint.contains("right to do this")), "{:?}", error.hint());
    }
}

#[tokio::test]
async fn scaling_rest_and_work_are_what_the_account_says() {
    let stage = Stage::open().await;
    let (_, ended) = stage.create("one").await;
    ended.unwrap();
    let (deployer, name) = (&stage.deployer, &stage.name);
    let wanted = lowered("every-field").with(&stage.known).scaling;
    assert!(deployer.apply_scaling(name, &wanted).await.unwrap());
    assert!(!deployer.apply_scaling(name, &wanted).await.unwrap(), "{:?}", deployer.scaling(name).await.unwrap());
    let mut fewer = wanted.clone();
    fewer.scaling_policies.truncate(1);
    fewer.scheduled_actions.clear();
    assert!(deployer.apply_scaling(name, &fewer).await.unwrap());
    assert!(!deployer.apply_scaling(name, &fewer).await.unwrap());

    assert_eq!(deployer.stop_service(name).await.unwrap(), Switched::Now);
    assert_eq!(deployer.stop_service(name).await.unwrap(), Switched::Before);
    assert_eq!(deployer.service(name).await.unwrap().unwrap().desired, 0);
    assert!(!deployer.apply_scaling(name, &fewer).await.unwrap(), "that it rests is no difference");
    assert_eq!(deployer.start_service(name, 1).await.unwrap(), Switched::Now);
    assert_eq!(deployer.start_service(name, 1).await.unwrap(), Switched::Before);
    assert_eq!(deployer.service(name).await.unwrap().unwrap().desired, 2, "no fewer than it scales to");

    assert!(deployer.apply_scaling(name, &Scaling::default()).await.unwrap());
    assert_eq!(deployer.scaling(name).await.unwrap(), Scaling::default());
    deployer.remove_scaling(name).await.unwrap();
    stage.nothing_is_unknown();
}

#[tokio::test]
async fn task_beside_the_service_ends_with_what_its_program_exits_with() {
    let stage = Stage::open().await;
    let (first, ended) = stage.create("one").await;
    ended.unwrap();
    stage.account.destine("one", TaskFate::Exits(3));
    let one_off = OneOff { container: "server".to_owned(), command: vec!["/server".to_owned()], limit: LIMIT };
    let run = stage.deployer.run_task(&stage.name, &one_off).await.unwrap();
    assert_eq!(run.exit_code, Some(3), "{run:?}");
    assert_eq!(run.stop.task_definition, first);
    assert_eq!(run.log.unwrap().group, "/ecs/notes");
    stage.nothing_is_unknown();
}

#[tokio::test]
async fn registry_is_there_and_empty_before_the_first_image() {
    let stage = Stage::open().await;
    let login = stage.deployer.registry_login().await.unwrap();
    assert!(login.registry.starts_with(ACCOUNT) && !login.password.is_empty(), "{login:?}");
    let repository = stage.deployer.repository("notes").await.unwrap().unwrap();
    assert_eq!(Some(&repository.uri), stage.known.get("RepositoryUri"));
    assert!(stage.deployer.images("notes").await.unwrap().is_empty());
    assert!(stage.deployer.image_manifest("notes", "1.0").await.unwrap().is_none());
    stage.deployer.remove_images("notes", &[format!("sha256:{}", "0".repeat(64))]).await.unwrap();
    assert!(stage.deployer.has_cluster("notes").await.unwrap() && !stage.deployer.has_cluster("other").await.unwrap());
    let group = &stage.known["TargetGroupArn"];
    let balancers = stage.deployer.load_balancers_of(group).await.unwrap().unwrap();
    let host = stage.deployer.load_balancer_host(&balancers[0]).await.unwrap();
    assert_eq!(host.as_ref(), stage.known.get("LoadBalancerName"));
    stage.nothing_is_unknown();
}

#[tokio::test]
async fn requests_move_from_one_group_to_the_other_and_that_is_no_change() {
    for app in ["ecs-blue-green", "ecs-linear"] {
        let stage = Stage::open_for(app).await;
        let before = stage.account.inventory().to_string();
        let (first, ended) = stage.create("one").await;
        ended.unwrap();
        let desired = usize::try_from(stage.deployer.service(&stage.name).await.unwrap().unwrap().desired).unwrap();
        assert_eq!(stage.healthy().await, [desired, 0], "{app}");
        let mut last = first;
        for (image, expected) in [("two", [0, desired]), ("three", [desired, 0])] {
            let (arn, ended, heard) = stage.update(image).await;
            ended.unwrap();
            assert_eq!(stage.healthy().await, expected, "{app}: {heard:?}");
            let state = stage.deployer.service(&stage.name).await.unwrap().unwrap();
            let registered = stage.deployer.task_definition(&arn).await.unwrap().unwrap();
            let found = changes(
                (Some(&registered.raw), Some(&state.raw)),
                (Some(&stage.task_definition(image)), Some(&stage.body(&arn))),
            );
            assert!(found.is_empty(), "{app}: {found}");
            // What comes after it may have to go back to it.
            stage.deployer.remove_task_definitions(&[last]).await.unwrap();
            last = arn;
        }
        stage.deployer.remove_service(&stage.name).await.unwrap();
        stage.deployer.remove_task_definitions(&[last]).await.unwrap();
        // The weights of the rule are what they were, too: an even number of moves.
        assert_eq!(stage.account.inventory().to_string(), before, "{app}");
        stage.nothing_is_unknown();
    }
}

#[tokio::test]
async fn deployment_is_not_done_before_the_last_request_has_moved_and_old_tasks_are_gone() {
    let stage = Stage::open_for("ecs-linear").await;
    let (_, ended) = stage.create("one").await;
    ended.unwrap();
    let arn = stage.deployer.register_task_definition(&stage.task_definition("two")).await.unwrap();
    stage.deployer.update_service(&stage.name, &json!({ "taskDefinition": arn })).await.unwrap();
    // Nine steps of three minutes, and half an hour after the last one.
    assert_eq!(moves_for(&stage.body(&arn)), Duration::from_secs(57 * 60));
    let all_have_moved = Duration::from_secs(40 * 60);
    let ended = stage.deployer.rollout(&stage.name, &arn, all_have_moved, &|_| ()).await;
    let Err(Error::Service(ServiceError::Rollout(failed))) = &ended else { panic!("{ended:?}") };
    assert!(matches!(failed.ending, Ending::TimedOut(_)), "{failed:?}");
    assert_eq!(stage.healthy().await, [2, 2], "old tasks are there beside the new ones");
    stage.deployer.rollout(&stage.name, &arn, LIMIT * 2, &|_| ()).await.unwrap();
    assert_eq!(stage.healthy().await, [0, 2]);
}

#[tokio::test]
async fn new_tasks_that_fail_are_taken_back_before_and_after_requests_have_moved() {
    for (fate, text) in [
        (TaskFate::Exits(1), "`server` exited with 1"),
        (TaskFate::FailsTargetHealth, "failed ELB health checks"),
        (TaskFate::FailsRequests, "alarm detected"),
    ] {
        let stage = Stage::open_for("ecs-linear").await;
        stage.account.destine("two", fate);
        let (first, ended) = stage.create("one").await;
        ended.unwrap();
        let (_, ended, _) = stage.update("two").await;
        let error = ended.unwrap_err();
        let told = error.to_string();
        let serves = format!("; `{}` serves", first.rsplit('/').next().unwrap());
        assert!(told.contains("was rolled back") && told.contains(text) && told.ends_with(&serves), "{fate:?}: {told}");
        let state = stage.deployer.service(&stage.name).await.unwrap().unwrap();
        assert_eq!(state.task_definition, first, "{fate:?}");
        assert_eq!(stage.healthy().await, [2, 0], "{fate:?}");
        let (third, ended, _) = stage.update("three").await;
        ended.unwrap();
        assert_eq!(stage.deployer.service(&stage.name).await.unwrap().unwrap().task_definition, third);
        assert_eq!(stage.healthy().await, [0, 2], "{fate:?}");
        stage.nothing_is_unknown();
    }
}
