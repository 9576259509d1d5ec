//! What looks on and talks to the server: `doctor` and `invoke`, each with what is told of a call that failed.

use std::{fmt, sync::Arc};

use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{Request, Response};
use mcp_cloud_app::{App, Target, target::sam::OUTPUT_ENDPOINT};
use mcp_cloud_deploy::{
    Error,
    doctor::{Examination, Finding, Verdict},
    mcp::{Access, Client, client::ClientError},
    rehearsal::matrix::Scene,
};
use mcp_cloud_emulator::aws::{Account, Deployed};
use serde_json::{Map, Value, json};

use crate::{
    account::{Reply, Stage, serve},
    scenes::{destroyed, written},
    server::{Ask, result},
};

/// What is told of a run that did not come to its end.
#[derive(Debug)]
pub(crate) enum Told {
    /// A failure.
    Failure(Error),
    /// What the server was not asked, or did not answer.
    Unanswered(ClientError),
    /// Findings that are others than where nothing fails.
    Findings(Vec<Finding>),
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure(error) => write!(f, "{error}"),
            Self::Unanswered(error) => write!(f, "{error}"),
            Self::Findings(findings) => {
                findings.iter().try_for_each(|finding| write!(f, "{}: {}; ", finding.question, finding.answer))
            }
        }
    }
}

impl From<Error> for Told {
    fn from(error: Error) -> Self {
        Self::Failure(error)
    }
}

impl From<ClientError> for Told {
    fn from(error: ClientError) -> Self {
        Self::Unanswered(error)
    }
}

/// `mcp-cloud doctor`.
pub(crate) struct Examines<'a> {
    stage: &'a Stage,
    app: Arc<App>,
    target: Target,
    /// What it finds where nothing fails.
    undisturbed: Vec<Finding>,
}

impl<'a> Examines<'a> {
    /// Looks at an app on the account of a stage, and at what may be deployed there of another.
    pub(crate) async fn of(stage: &'a Stage, app: App, target: Target) -> Self {
        let mut scene = Self { stage, app: Arc::new(app), target, undisturbed: Vec::new() };
        scene.undisturbed = scene.findings(&stage.account.fork()).await;
        scene
    }

    /// What it finds where nothing fails.
    pub(crate) fn undisturbed(&self) -> &[Finding] {
        &self.undisturbed
    }

    async fn findings(&self, account: &Account) -> Vec<Finding> {
        let stage = self.stage.over(account);
        let examination = Examination::new(App::clone(&self.app)).with_target(Some(self.target));
        examination.run(stage.deployer(), &|_| {}).await
    }
}

impl Scene for Examines<'_> {
    type Failure = Told;

    async fn run(&self, account: &Account) -> Result<(), Told> {
        let findings = self.findings(account).await;
        let groups = |findings: &[Finding]| {
            findings.iter().map(|finding| finding.group).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(groups(&findings), groups(&self.undisturbed), "every group is told about");
        let others: Vec<_> = findings.into_iter().filter(|finding| !self.undisturbed.contains(finding)).collect();
        if others.is_empty() { Ok(()) } else { Err(Told::Findings(others)) }
    }

    async fn unfinished(&self, account: &Account) -> Result<Vec<String>, Told> {
        Ok(written(account))
    }

    /// What nobody wrote to is as it was, and whether that can be removed is asked elsewhere.
    async fn end(&self, _: &Account) -> Result<Vec<String>, Told> {
        Ok(Vec::new())
    }
}

/// `mcp-cloud invoke`.
pub(crate) struct Calls<'a>(pub(crate) &'a Stage);

impl Scene for Calls<'_> {
    type Failure = Told;

    async fn run(&self, account: &Account) -> Result<(), Told> {
        let stage = self.0.over(account);
        let deployer = stage.deployer().await?;
        let not_deployed = || Error::NotDeployed { stack: "hello".to_owned() };
        let stack = deployer.observe_stack("hello").await?.ok_or_else(not_deployed)?;
        let authorization = Access::of(&stage.app()).authorization(None).unwrap_or_default();
        let client = Client::new(&deployer.http(), &stack.outputs[OUTPUT_ENDPOINT], authorization);
        let mut client = client.map_err(ClientError::Http)?;
        client.connect(None).await?;
        let tools = client.tools().await?;
        let schema = tools.iter().find(|tool| tool["name"] == "echo").map(|tool| &tool["inputSchema"]);
        let result = client.call("echo", Map::new(), schema.unwrap_or(&Value::Null), &mut |_| {}).await?;
        client.close().await;
        assert_eq!(result["content"][0]["text"], "echo", "{result}");
        Ok(())
    }

    async fn unfinished(&self, account: &Account) -> Result<Vec<String>, Told> {
        Ok(written(account))
    }

    async fn end(&self, account: &Account) -> Result<Vec<String>, Told> {
        Ok(destroyed(self.0, account).await?)
    }
}

/// A server that is right, and does what its tools are asked for.
pub(crate) fn serve_calls(deployed: Deployed, request: Request<Bytes>) -> Reply {
    let message: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    if message["method"] != "tools/call" {
        return serve(deployed, request);
    }
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let said = json!({
        "resultType": "complete", "content": [{ "type": "text", "text": message["params"]["name"] }],
    });
    let ask = Ask { method: head.method, path, headers: head.headers, body, message };
    let (head, body) = result(&ask, said).into_parts();
    Box::pin(std::future::ready(Response::from_parts(head, SdkBody::from(body.pieces.concat()))))
}

/// What is told, sentence by sentence, each with its hint.
pub(crate) fn sentences(told: &Told) -> Vec<(String, Option<String>)> {
    match told {
        Told::Failure(error) => vec![(error.to_string(), error.hint())],
        Told::Unanswered(error) => vec![(error.to_string(), error.hint().map(str::to_owned))],
        // What could not be asked says why, and no more: what is wrong says what to do.
        Told::Findings(findings) => findings
            .iter()
            .filter(|finding| finding.verdict == Verdict::Ng)
            .map(|finding| (finding.answer.clone(), finding.hint.clone()))
            .collect(),
    }
}
