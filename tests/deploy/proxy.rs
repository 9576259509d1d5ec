//! A proxy in front of MiniStack that writes down every call, and can bring bad luck.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write, copy, sink},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, mpsc::Sender},
    thread,
};

use serde_json::json;

/// A call as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    /// The service that it is signed for; absent where it is not signed.
    pub(crate) service: Option<String>,
    /// What the JSON protocols call: a service's name, a dot and the action.
    pub(crate) target: Option<String>,
    /// The action, of the protocols that name one.
    pub(crate) action: Option<String>,
}

impl Call {
    /// Whether it may change something. What is not known to be a read counts as a write.
    pub(crate) fn is_write(&self) -> bool {
        // A question to the server that is deployed, not to AWS.
        if self.service.is_none() && self.action.is_none() && self.path == "/mcp" {
            return false;
        }
        match &self.action {
            // Taking a role brings credentials, and leaves nothing behind.
            Some(action) if action == "AssumeRoleWithWebIdentity" => false,
            Some(action) => {
                !["Describe", "Filter", "Get", "List", "Simulate"].iter().any(|verb| action.starts_with(verb))
            }
            None => !matches!(self.method.as_str(), "GET" | "HEAD"),
        }
    }

    pub(crate) fn is(&self, action: &str) -> bool {
        self.action.as_deref() == Some(action)
    }
}

/// The request id of calls that are refused.
pub(crate) const REQUEST_ID: &str = "8c1f2f4e-0000-4000-8000-000000000001";

/// What happens to calls on their way.
#[derive(Debug, Clone, Default)]
pub(crate) enum Luck {
    #[default]
    Good,
    /// Templates get a resource that fails after so many seconds. Nothing in an app could bring that in.
    FailingResource { seconds: u8 },
    /// This action is refused with this code.
    Refused { action: &'static str, code: &'static str },
    /// One call never comes to its end: whoever waits for it is told, and its caller waits until it is killed.
    Caught(Trap),
}

/// Which call is caught, and when.
#[derive(Debug, Clone)]
pub(crate) struct Trap {
    pub(crate) calls: Calls,
    /// How many of those went before it since the calls were taken.
    pub(crate) after: usize,
    pub(crate) moment: Moment,
    pub(crate) caught: Sender<Call>,
}

/// Which calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calls {
    Reads,
    Writes,
}

/// How far a call that is caught came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nobody has heard of it.
    Unsent,
    /// It was done, and nobody hears of that.
    Unanswered,
}

impl Trap {
    /// Whether this is the call, the last one of those that were seen.
    fn catches(&self, seen: &[Call]) -> bool {
        // What is asked of the deployed server is not signed, and changes nothing either.
        let counted = |call: &&Call| (call.is_write() && call.service.is_some()) == (self.calls == Calls::Writes);
        seen.last().as_ref().is_some_and(counted) && seen.iter().filter(counted).count() == self.after + 1
    }
}

#[derive(Debug, Default)]
struct Shared {
    calls: Mutex<Vec<Call>>,
    luck: Mutex<Luck>,
    /// Where every request is written down in full.
    record: Mutex<Option<File>>,
    /// Sent as `Host`, for a name that no resolver knows.
    host: Option<String>,
}

/// A proxy that listens until the test's process ends.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Proxy {
    pub(crate) fn start(upstream: SocketAddr) -> Self {
        Self::listen(upstream, Shared::default())
    }

    /// Carries everything to `host`, which lives at `upstream`.
    pub(crate) fn to_host(upstream: SocketAddr, host: &str) -> Self {
        Self::listen(upstream, Shared { host: Some(host.to_owned()), ..Shared::default() })
    }

    fn listen(upstream: SocketAddr, shared: Shared) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(shared);
        let proxy = Self { address, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                // A client that goes away in the middle is no concern of anybody's.
                thread::spawn(move || drop(serve(client, upstream, &shared)));
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set_luck(&self, luck: Luck) {
        *lock(&self.shared.luck) = luck;
    }

    /// Writes down every request from now on in full, a line of JSON for each.
    pub(crate) fn record_to(&self, file: &Path) {
        *lock(&self.shared.record) = Some(File::create(file).expect("the record can be written"));
    }

    /// The calls since the last time they were taken.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *lock(&self.shared.calls))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds this")
}

/// Carries one request and its reply; the connection ends with the reply, so where that ends needs no parsing.
fn serve(client: TcpStream, upstream: SocketAddr, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut client = client;
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let headers = headers(&mut reader)?;
    let header = |wanted: &str| {
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
    };
    if header("expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or_default();
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let text = String::from_utf8_lossy(&body);
    let action = match header("x-amz-target") {
        Some(target) => target.rsplit('.').next().map(str::to_owned),
        None => text.split('&').find_map(|pair| pair.strip_prefix("Action=")).map(str::to_owned),
    };
    let luck = lock(&shared.luck).clone();
    // `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`
    let scope = header("authorization").and_then(|value| value.split_once("Credential=")).map(|(_, scope)| scope);
    let service = scope.and_then(|scope| scope.split('/').nth(3)).map(str::to_owned);
    let target = header("x-amz-target").map(str::to_owned);
    let call = Call { method, path, service, target, action: action.clone() };
    if let Some(file) = &mut *lock(&shared.record) {
        // Of the bodies only the code is no text.
        let text = std::str::from_utf8(&body).ok();
        let request = json!({
            "method": call.method, "path": call.path, "service": call.service, "headers": headers, "body": text,
        });
        writeln!(file, "{request}")?;
    }
    let caught = {
        let mut seen = lock(&shared.calls);
        seen.push(call.clone());
        match &luck {
            Luck::Caught(trap) if trap.catches(&seen) => Some(trap.clone()),
            _ => None,
        }
    };
    if let Some(Trap { moment: Moment::Unsent, caught, .. }) = &caught {
        return keep_waiting(&call, caught, &mut client);
    }
    match luck {
        Luck::Refused { action: refused, code } if action.as_deref() == Some(refused) => {
            return client.write_all(refusal(code).as_bytes());
        }
        Luck::FailingResource { seconds } if action.as_deref() == Some("CreateChangeSet") => {
            body = with_failing_resource(&text, seconds).into_bytes();
        }
        _ => {}
    }
    let mut server = TcpStream::connect(upstream)?;
    let mut head = line;
    for (name, value) in &headers {
        let replaced = ["connection", "content-length", "expect"].iter().any(|other| name.eq_ignore_ascii_case(other));
        match &shared.host {
            Some(host) if name.eq_ignore_ascii_case("host") => head.push_str(&format!("Host: {host}\r\n")),
            _ if replaced => {}
            _ => head.push_str(&format!("{name}: {value}\r\n")),
        }
    }
    head.push_str(&format!("Connection: close\r\nContent-Length: {}\r\n\r\n", body.len()));
    server.write_all(head.as_bytes())?;
    server.write_all(&body)?;
    if let Some(Trap { caught, .. }) = &caught {
        copy(&mut server, &mut sink())?;
        return keep_waiting(&call, caught, &mut client);
    }
    copy(&mut server, &mut client)?;
    Ok(())
}

/// Tells that a call was caught. Its connection ends with its caller.
fn keep_waiting(call: &Call, caught: &Sender<Call>, client: &mut TcpStream) -> std::io::Result<()> {
    // Nobody waits for it where the caller was ended for another reason.
    let _ = caught.send(call.clone());
    client.read(&mut [0]).map(drop)
}

fn headers(reader: &mut impl BufRead) -> std::io::Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => return Ok(headers),
        }
    }
}

/// The answer of the query protocol to a call that is not allowed.
fn refusal(code: &str) -> String {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>User: arn:aws:iam::000000000000:user/test \
         is not authorized to perform this.</Message></Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    );
    format!(
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/xml\r\nx-amzn-RequestId: {REQUEST_ID}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Inserts a condition that is never met at the head of the resources of a form-encoded template.
fn with_failing_resource(body: &str, seconds: u8) -> String {
    const RESOURCES: &str = "%0AResources%3A%0A";
    let never = format!(
        "\n  Never:\n    Type: AWS::CloudFormation::WaitCondition\n    Properties:\n      Handle: \
                         !Ref NeverHandle\n      Timeout: '{seconds}'\n  NeverHandle:\n    Type: \
                         AWS::CloudFormation::WaitConditionHandle\n"
    );
    let encoded: String = never
        .bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    let encoded = encoded.trim_start_matches("%0A");
    body.replacen(RESOURCES, &format!("{RESOURCES}{encoded}"), 1)
}
