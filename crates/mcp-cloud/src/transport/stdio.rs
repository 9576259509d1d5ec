//! MCP over standard input and output: one client, one message a line (MCP 2026-07-28, basic/transports/stdio). Both
//! eras, chosen for each message.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt},
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    Stage,
    attended::{Attended, Said},
    envelope::{self, Envelope, Message},
    era::{self, Era, Eras},
    headers,
    result::Finish,
    signal::Signal,
};
use crate::{
    capabilities::Capabilities,
    handler::{Answer, Client, ErrorObject, Handler, Incoming, Outbox, Request, Unreachable},
    tasks::Task,
};

/// How long requests may go on after the input has ended.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves one client until the input ends.
///
/// # Errors
///
/// When reading or writing fails.
pub(crate) async fn serve(
    handler: Arc<dyn Handler>,
    eras: Eras,
    server_info: Option<Bytes>,
    input: impl AsyncBufRead + Unpin,
    output: impl AsyncWrite + Unpin + Send + 'static,
) -> io::Result<()> {
    let (sender, lines) = mpsc::unbounded_channel();
    let writing = tokio::spawn(write(output, lines));
    let handler = handler.connect(Client::new(Output(sender.clone())));
    let stage = watch::Sender::new(Stage::Serving);
    let mut connection = Connection {
        handler,
        eras,
        server_info,
        output: sender,
        running: Arc::default(),
        tasks: JoinSet::new(),
        stage,
    };
    let read = connection.read(input).await;
    // What is under way is answered; what would go on for ever ends well.
    connection.stage.send_replace(Stage::Stopping);
    let _ = timeout(DRAIN, async { while connection.tasks.join_next().await.is_some() {} }).await;
    drop(connection);
    // Handlers may have kept a way to the client, so the channel is not what ends the writing.
    let written = match timeout(DRAIN, writing).await {
        Ok(Ok(written)) => written,
        Ok(Err(_)) | Err(_) => Ok(()),
    };
    read.and(written)
}

/// One client, while its input lasts.
struct Connection {
    handler: Arc<dyn Handler>,
    eras: Eras,
    server_info: Option<Bytes>,
    output: mpsc::UnboundedSender<Bytes>,
    running: Arc<Mutex<HashMap<Bytes, Signal>>>,
    tasks: JoinSet<()>,
    stage: watch::Sender<Stage>,
}

impl Connection {
    async fn read(&mut self, mut input: impl AsyncBufRead + Unpin) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            if input.read_until(b'\n', &mut line).await? == 0 {
                return Ok(());
            }
            let message = Bytes::copy_from_slice(line.trim_ascii());
            if message.is_empty() {
                continue;
            }
            if !envelope::is_batch(&message) {
                self.take(&message);
                continue;
            }
            match envelope::batch(&message) {
                Ok(messages) => messages.iter().for_each(|one| self.take(&message.slice_ref(one.get().as_bytes()))),
                Err(error) => self.say(Answer::error(None, &error)),
            }
            while self.tasks.try_join_next().is_some() {}
        }
    }

    fn take(&mut self, message: &Bytes) {
        let envelope = match Envelope::parse(message) {
            Ok(envelope) => envelope,
            Err(error) => return self.say(Answer::error(None, &error)),
        };
        let refuse = |error: &ErrorObject| Answer::error(envelope.id(), error);
        match (era::of_message(self.eras, &envelope), &envelope.message) {
            (_, Message::Response) => self.handler.receive(Incoming::Response(message.clone())),
            (Ok(era), Message::Notification { method, params }) => {
                if let ("notifications/cancelled", Some(params)) = (&**method, params)
                    && let Some(id) = envelope::cancelled_id(params)
                    && let Some(cancelled) = lock(&self.running).remove(id.as_bytes())
                {
                    cancelled.raise();
                }
                let params = params.map(|params| message.slice_ref(params.as_bytes()));
                let notification = request(message, None, method, params, era);
                self.handler.receive(Incoming::Notification(Box::new(notification)));
            }
            (Err(_), Message::Notification { .. }) => {}
            (Err(error), Message::Request { .. }) => self.say(refuse(&error)),
            (Ok(era), Message::Request { id, method, params }) => {
                if era == Era::Modern
                    && let Err(refusal) = headers::check_method_exists(method)
                {
                    return self.say(refuse(&refusal.error));
                }
                let id = message.slice_ref(id.as_bytes());
                let params = params.map(|params| message.slice_ref(params.as_bytes()));
                self.run(request(message, Some(id), method, params, era));
            }
        }
    }

    /// Starts to answer a request.
    fn run(&mut self, request: Request) {
        let id = request.id.clone().unwrap_or_default();
        let cancelled = Signal::default();
        lock(&self.running).insert(id.clone(), cancelled.clone());
        let finish = Finish::new(&request.method, request.era, self.server_info.clone(), false, true);
        let mut attended = Attended::new(id.clone(), finish, PIPE);
        attended.is_subscription = &*request.method == "subscriptions/listen";
        attended.stage = Some(self.stage.subscribe());
        attended.cancelled = Some(cancelled.clone());
        attended.span = tracing::info_span!("mcp", rpc.method = &*request.method);
        attended.conversation = Some(self.handler.call(request));
        let (output, running) = (self.output.clone(), Arc::clone(&self.running));
        let task: Task = Box::pin(async move {
            let last = loop {
                match attended.next().await {
                    Said::Message(message) => drop(output.send(message)),
                    Said::Answer(answer) => break Some(answer),
                    Said::Cancelled => break None,
                    Said::Nothing | Said::Reconnect => {}
                }
            };
            let mut running = lock(&running);
            if running.get(&id).is_some_and(|found| found.is(&cancelled)) {
                running.remove(&id);
            }
            drop(running);
            if let Some(answer) = last {
                let _ = output.send(answer.into_message());
            }
        });
        self.tasks.spawn(task);
    }

    fn say(&self, answer: Answer) {
        let _ = self.output.send(answer.into_message());
    }
}

/// What a pipe between two processes carries.
const PIPE: Capabilities = Capabilities { max_silence: None, ..Capabilities::SOCKET };

fn request(message: &Bytes, id: Option<Bytes>, method: &str, params: Option<Bytes>, era: Era) -> Request {
    let http = http::Request::new(()).into_parts().0;
    // The client on the other end answers what it is asked, if its era lets it be asked.
    let can_ask = era == Era::Legacy;
    Request { message: message.clone(), id, method: method.into(), params, era, can_ask, trace: None, http }
}

async fn write(mut output: impl AsyncWrite + Unpin, mut lines: mpsc::UnboundedReceiver<Bytes>) -> io::Result<()> {
    while let Some(message) = lines.recv().await {
        if message.contains(&b'\n') || message.contains(&b'\r') {
            // A message is one line; outside of its strings, line ends mean nothing, and inside there are none.
            let line: Vec<u8> = message.iter().copied().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
            output.write_all(&line).await?;
        } else {
            output.write_all(&message).await?;
        }
        output.write_all(b"\n").await?;
        if lines.is_empty() {
            output.flush().await?;
        }
    }
    output.flush().await
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Standard output, as the way to the client.
struct Output(mpsc::UnboundedSender<Bytes>);

impl Outbox for Output {
    fn send(&self, message: Bytes) -> Result<(), Unreachable> {
        self.0.send(message).map_err(|_| Unreachable::Gone)
    }

    fn can_ask(&self) -> bool {
        !self.is_gone()
    }

    fn is_gone(&self) -> bool {
        self.0.is_closed()
    }
}
