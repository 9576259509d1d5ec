//! A rehearsal: the configuration's own HTTP client answers, and its own sleep passes at once.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_config::SdkConfig;
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use mcp_cloud_deploy::mcp::{Gate, Http, gate::Asked};

use crate::{
    gate::app,
    server::{Ask, right},
};

/// Answers the first requests with these statuses, and the others rightly.
#[derive(Debug, Clone, Default)]
struct Stage {
    refusals: Arc<Mutex<VecDeque<u16>>>,
    slept: Arc<Mutex<Vec<Duration>>>,
}

impl HttpConnector for Stage {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let refusal = self.refusals.lock().expect("nobody panicked with it").pop_front();
        if let Some(status) = refusal {
            let status = status.try_into().expect("a status");
            return HttpConnectorFuture::ready(Ok(HttpResponse::new(status, SdkBody::from("{}"))));
        }
        let request = request.try_into_http1x().expect("a request");
        let (head, body) = request.into_parts();
        let body = Bytes::copy_from_slice(body.bytes().expect("it is in memory"));
        let message = serde_json::from_slice(&body).unwrap_or_default();
        let path = head.uri.path().to_owned();
        let (head, body) = right(&Ask { method: head.method, path, headers: head.headers, body, message }).into_parts();
        let body = SdkBody::from(body.pieces.concat());
        let reply = HttpResponse::try_from(http::Response::from_parts(head, body)).expect("a reply");
        HttpConnectorFuture::ready(Ok(reply))
    }
}

impl AsyncSleep for Stage {
    fn sleep(&self, duration: Duration) -> Sleep {
        self.slept.lock().expect("nobody panicked with it").push(duration);
        Sleep::new(std::future::ready(()))
    }
}

impl Stage {
    fn new(refusals: impl IntoIterator<Item = u16>) -> Self {
        Self { refusals: Arc::new(Mutex::new(refusals.into_iter().collect())), slept: Arc::default() }
    }

    fn http(&self) -> Http {
        let connector = SharedHttpConnector::new(self.clone());
        let client = http_client_fn(move |_, _| connector.clone());
        Http::over(&SdkConfig::builder().http_client(client).sleep_impl(self.clone()).build())
    }

    /// The waits between questions; the limits of answers are waits, too.
    fn waits(&self) -> Vec<Duration> {
        let slept = self.slept.lock().expect("nobody panicked with it").clone();
        slept.into_iter().filter(|slept| *slept < Duration::from_secs(10)).collect()
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_waited_for() {
    // No permission yet, no route yet, an instance that starts, all instances busy.
    let stage = Stage::new([403, 404, 502, 503, 429]);
    let gate = Gate::from(&app("auth.mode = \"none\"\n"), "https://notes.example/mcp");
    let answers = gate.ask(&stage.http(), &|_| {}).await;
    assert!(answers.passed(), "{:#?}", answers.questions);
    assert_eq!(stage.waits(), [500, 1000, 2000, 4000, 5000].map(Duration::from_millis));
}

#[tokio::test]
async fn patience_comes_to_its_end() {
    let stage = Stage::new(std::iter::repeat_n(503, 1000));
    let gate =
        Gate::from(&app("auth.mode = \"none\"\n"), "https://notes.example/mcp").with_patience(Duration::from_secs(20));
    let answers = gate.ask(&stage.http(), &|_| {}).await;
    assert_eq!(answers.failed().map(|asked| asked.question).collect::<Vec<_>>(), [Asked::Reachable]);
    let waited: Duration = stage.waits().iter().sum();
    assert!(waited <= Duration::from_secs(20) && waited > Duration::from_secs(15), "{waited:?}");
}
