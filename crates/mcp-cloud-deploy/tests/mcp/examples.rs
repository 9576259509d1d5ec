//! The gate before the example servers, behind every trigger of a function.

use mcp_cloud_app::{App, app::Trigger};
use mcp_cloud_deploy::mcp::{Answers, Gate, Http, Outcome, gate::Asked};
use mcp_cloud_tests::{Dev, workspace_root};

const TRIGGERS: [Trigger; 6] = [
    Trigger::FunctionUrl,
    Trigger::FunctionUrlBuffered,
    Trigger::RestApi,
    Trigger::RestApiStream,
    Trigger::HttpApi,
    Trigger::Alb,
];

async fn ask(example: &str, trigger: Trigger, claimed: Trigger) -> Answers {
    let directory = workspace_root().join("examples").join(example);
    let dev = Dev::start(&directory, &["--trigger", trigger.as_str()]);
    let mut app = App::load(&directory).expect("it is an app");
    app.lambda.trigger = claimed;
    Gate::from(&app, dev.url()).ask(&Http::plain(), &|_| {}).await
}

fn outcome(answers: &Answers, question: Asked) -> &Outcome {
    let asked = answers.questions.iter().find(|asked| asked.question == question);
    &asked.expect("every question is there").outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn example_passes_behind_every_trigger() {
    for trigger in TRIGGERS {
        let answers = ask("hello", trigger, trigger).await;
        assert!(answers.passed(), "{}: {:#?}", trigger.as_str(), answers.questions);
        let events = Outcome::Passed { answer: Some("events".to_owned()) };
        match trigger.streams() {
            true => assert_eq!(*outcome(&answers, Asked::Stream), events),
            false => assert!(matches!(outcome(&answers, Asked::Stream), Outcome::Skipped { .. })),
        }
        let tools: Vec<_> = answers.surface.iter().flat_map(|surface| surface.tools.keys()).collect();
        assert_eq!(tools, ["add", "countdown", "echo"], "{}", trigger.as_str());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_tells_of_changes_is_asked_for_a_subscription() {
    let answers = ask("everything", Trigger::FunctionUrl, Trigger::FunctionUrl).await;
    assert!(answers.passed(), "{:#?}", answers.questions);
    let as_they_come = Outcome::Passed { answer: Some("events, as they come".to_owned()) };
    assert_eq!(*outcome(&answers, Asked::Stream), as_they_come);
    // Behind a trigger that buffers nothing is promised, so there is nothing to subscribe to.
    let answers = ask("everything", Trigger::HttpApi, Trigger::FunctionUrl).await;
    assert!(answers.passed(), "{:#?}", answers.questions);
    assert_eq!(*outcome(&answers, Asked::Stream), Outcome::Passed { answer: Some("events".to_owned()) });
}
