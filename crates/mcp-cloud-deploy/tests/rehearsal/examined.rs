//! What `doctor` says of a service: where it runs, what is well, and what is not.

use mcp_cloud_app::Target;
use mcp_cloud_deploy::doctor::{Examination, Finding, Group, Verdict};

use crate::account::{Stage, block_on};

/// A service that runs.
async fn deployed() -> Stage {
    let stage = Stage::open().on_ecs();
    stage.deploy("one").await.expect("it deploys");
    stage
}

async fn examined(stage: &Stage, target: Option<Target>) -> Vec<Finding> {
    Examination::new(stage.app()).with_target(target).run(stage.deployer(), &|_| {}).await
}

fn found<'a>(findings: &'a [Finding], group: Group, question: &str) -> &'a Finding {
    let mut of_group = findings.iter().filter(|finding| finding.group == group);
    of_group.find(|finding| finding.question.contains(question)).unwrap_or_else(|| panic!("{question}: {findings:#?}"))
}

fn has(findings: &[Finding], group: Group) -> bool {
    findings.iter().any(|finding| finding.group == group)
}

#[test]
fn what_is_deployed_says_where_it_runs() {
    block_on(async {
        let nothing = Stage::open().on_ecs();
        let findings = examined(&nothing, None).await;
        assert!(has(&findings, Group::Function) && !has(&findings, Group::Service), "{findings:#?}");
        let findings = examined(&nothing, Some(Target::Ecs)).await;
        let service = found(&findings, Group::Service, "service `hello`");
        assert_eq!((service.verdict, service.answer.as_str()), (Verdict::Skip, "nothing is deployed yet"));

        let stage = deployed().await;
        let findings = examined(&stage, None).await;
        assert!(has(&findings, Group::Service) && !has(&findings, Group::Function), "{findings:#?}");
        let wrong: Vec<_> = findings.iter().filter(|finding| finding.verdict == Verdict::Ng).collect();
        // This machine may be unable to compile for Arm.
        assert!(wrong.iter().all(|finding| finding.group == Group::Tools), "{wrong:#?}");
        for question in ["service `hello/hello`", "its last deployment", "its tasks", "targets", "its image"] {
            assert_eq!(found(&findings, Group::Service, question).verdict, Verdict::Ok, "{question}");
        }
        assert_eq!(found(&findings, Group::Rights, "change the service").verdict, Verdict::Ok);
        assert_eq!(found(&findings, Group::Quotas, "Fargate").answer, "0.25 of 6 vCPU used");

        let findings = examined(&stage, Some(Target::Sam)).await;
        let stack = found(&findings, Group::Stack, "stack `hello`");
        assert_eq!(stack.verdict, Verdict::Ng, "{stack:?}");
        assert!(stack.hint.is_some(), "{stack:?}");
        assert_eq!(found(&findings, Group::Function, "all of it").verdict, Verdict::Skip);
        assert!(stage.account.unknown_calls().is_empty(), "{:?}", stage.account.unknown_calls());
    });
}

#[test]
fn image_that_is_gone_is_told_before_a_task_needs_it() {
    block_on(async {
        let stage = deployed().await;
        let digest = format!("sha256:{}", stage.deployment("one").code_sha256());
        let deployer = stage.deployer().await.expect("it connects");
        deployer.remove_images("hello", &[digest]).await.expect("it is removed");
        let findings = examined(&stage, None).await;
        let image = found(&findings, Group::Service, "its image");
        assert_eq!(image.verdict, Verdict::Ng, "{image:?}");
        assert!(image.answer.contains("is gone from its repository"), "{image:?}");
        stage.deploy("one").await.expect("it is pushed again");
        let findings = examined(&stage, None).await;
        assert_eq!(found(&findings, Group::Service, "its image").verdict, Verdict::Ok);
    });
}

#[test]
fn processors_that_a_deployment_would_lack_are_told() {
    block_on(async {
        let stage = deployed().await;
        stage.account.allow_processors(1.5);
        let findings = examined(&stage, None).await;
        let processors = found(&findings, Group::Quotas, "Fargate");
        assert_eq!(processors.verdict, Verdict::Ng, "{processors:?}");
        assert!(processors.hint.as_ref().is_some_and(|hint| hint.contains("--service-code fargate")), "{processors:?}");
    });
}

#[test]
fn service_that_somebody_deleted_and_one_that_rests_are_told_apart() {
    block_on(async {
        let stage = deployed().await;
        let deployer = stage.deployer().await.expect("it connects");
        let name = mcp_cloud_deploy::service::ServiceName { cluster: "hello".to_owned(), service: "hello".to_owned() };
        deployer.stop_service(&name).await.expect("it rests");
        let findings = examined(&stage, None).await;
        assert_eq!(found(&findings, Group::Service, "its tasks").answer, "it rests: none is to run");
        deployer.remove_service(&name).await.expect("it goes");
        let findings = examined(&stage, None).await;
        let service = found(&findings, Group::Service, "service `hello/hello`");
        assert_eq!(service.verdict, Verdict::Ng, "{service:?}");
        assert!(service.hint.as_ref().is_some_and(|hint| hint.contains("mcp-cloud deploy")), "{service:?}");
    });
}

#[test]
fn what_others_made_and_the_file_names_has_to_be_there() {
    block_on(async {
        let stage = Stage::open().on_ecs();
        let repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/hello";
        stage.write(&format!("[ecs]\ncluster = \"servers\"\nrepository = \"{repository}\""));
        let findings = examined(&stage, Some(Target::Ecs)).await;
        for question in ["cluster `servers`", "repository `"] {
            let finding = found(&findings, Group::Service, question);
            assert_eq!((finding.verdict, finding.hint.is_some()), (Verdict::Ng, true), "{finding:?}");
        }
        stage.account.make_cluster("servers");
        stage.account.make_repository("team/hello", "IMMUTABLE");
        let findings = examined(&stage, Some(Target::Ecs)).await;
        for question in ["cluster `servers`", "repository `"] {
            assert_eq!(found(&findings, Group::Service, question).verdict, Verdict::Ok, "{findings:#?}");
        }
    });
}
