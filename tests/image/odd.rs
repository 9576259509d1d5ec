//! What registries do that Debian's does not and no other runs here: ECR's silence about where it put a manifest and its tags
//! that cannot be moved, tokens, a list of referrers, and bad days. A registry of a few lines that knows nothing of ours.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use mcp_cloud_image::{Credentials, Digest, Error, Fault, Provenance, Reference, RegistryError, Silent, registry};
use serde_json::{Value, json};

use crate::{image, pushed::run};

const TOKEN: &str = "a-token";
/// `me:pass` in Base64.
const LOGIN: &str = "Basic bWU6cGFzcw==";

/// What is odd about it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Oddity {
    /// Like ECR: says nowhere where a manifest is, keeps a list of referrers.
    Silent,
    /// Wants a token from a service that wants a password.
    Tokens,
    /// Is overloaded whenever it is asked something for the first time.
    Overloaded,
    /// Tags stay where they are.
    Immutable,
    /// Lets everybody read and nobody write.
    ReadOnly,
}

#[derive(Default)]
struct Kept {
    content: BTreeMap<String, Vec<u8>>,
    manifests: BTreeMap<String, Vec<u8>>,
    requests: Vec<String>,
}

struct Odd {
    address: String,
    oddity: Oddity,
    kept: Mutex<Kept>,
}

struct Request {
    method: String,
    path: String,
    authorization: String,
    body: Vec<u8>,
}

type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);

impl Odd {
    fn open(oddity: Oddity) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let odd = Arc::new(Self { address, oddity, kept: Mutex::default() });
        let served = Arc::clone(&odd);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let served = Arc::clone(&served);
                thread::spawn(move || served.serve(stream));
            }
        });
        odd
    }

    fn reference(&self) -> Reference {
        Reference::parse(&format!("{}/me/hello:1", self.address)).expect("a reference")
    }

    fn requests(&self) -> Vec<String> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).requests.clone()
    }

    fn serve(&self, stream: TcpStream) {
        let Some(request) = read(&stream) else { return };
        let (status, headers, body) = self.answer(&request);
        let mut head = format!("HTTP/1.1 {status} Said\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let body = if request.method == "HEAD" { Vec::new() } else { body };
        let _ = (&stream).write_all(&[head.as_bytes(), b"\r\n", &body].concat());
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{} {}", request.method, request.path);
        let first = !kept.requests.contains(&line);
        kept.requests.push(line);
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        if path == "/token" {
            let known = request.authorization == LOGIN;
            return if known {
                said(200, &json!({ "token": TOKEN }))
            } else {
                refusal(401, "UNAUTHORIZED", "who are you")
            };
        }
        if self.oddity == Oddity::Tokens && request.authorization != format!("Bearer {TOKEN}") {
            let realm = format!("Bearer realm=\"http://{}/token\",service=\"odd\"", self.address);
            return (401, vec![("www-authenticate", realm)], Vec::new());
        }
        if self.oddity == Oddity::Overloaded && first {
            return (503, Vec::new(), Vec::new());
        }
        if self.oddity == Oddity::ReadOnly && request.method == "POST" {
            return refusal(403, "DENIED", "not yours");
        }
        let Some(path) = path.strip_prefix("/v2/me/hello/") else { return (200, Vec::new(), Vec::new()) };
        match path.split_once('/').unwrap_or((path, "")) {
            ("blobs", "uploads/") => (202, vec![("location", "/v2/me/hello/blobs/upload".to_owned())], Vec::new()),
            ("blobs", "upload") => {
                let digest = Digest::of(&request.body);
                assert_eq!(query.replace("%3A", ":"), format!("digest={digest}"));
                kept.content.insert(digest.to_string(), request.body.clone());
                (201, vec![("location", format!("/v2/me/hello/blobs/{digest}"))], Vec::new())
            }
            ("blobs", digest) => found(kept.content.get(digest)),
            ("referrers", digest) => said(200, &referrers(&kept, digest)),
            (_, name) if request.method == "PUT" => {
                let taken = kept.manifests.get(name).is_some_and(|there| *there != request.body);
                if self.oddity == Oddity::Immutable && taken {
                    return refusal(400, "TAG_INVALID", "The image tag '1' already exists and cannot be overwritten");
                }
                for name in [name.to_owned(), Digest::of(&request.body).to_string()] {
                    kept.manifests.insert(name, request.body.clone());
                }
                (201, Vec::new(), Vec::new())
            }
            (_, name) => found(kept.manifests.get(name)),
        }
    }
}

fn said(status: u16, body: &Value) -> Answer {
    (status, vec![("content-type", "application/json".to_owned())], body.to_string().into_bytes())
}

fn refusal(status: u16, code: &str, message: &str) -> Answer {
    said(status, &json!({"errors": [{ "code": code, "message": message }]}))
}

fn found(content: Option<&Vec<u8>>) -> Answer {
    match content {
        Some(content) => (200, vec![("docker-content-digest", Digest::of(content).to_string())], content.clone()),
        None => refusal(404, "MANIFEST_UNKNOWN", "no such thing"),
    }
}

fn referrers(kept: &Kept, subject: &str) -> Value {
    let refers = |(name, content): (&String, &Vec<u8>)| {
        let manifest: Value = serde_json::from_slice(content).ok()?;
        let refers = name.starts_with("sha256:") && manifest["subject"]["digest"] == subject;
        refers.then(|| json!({"mediaType": manifest["mediaType"], "digest": name, "size": content.len(), "artifactType": manifest["artifactType"]}))
    };
    let list: Vec<_> = kept.manifests.iter().filter_map(refers).collect();
    json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": list})
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let header = |name: &str| {
        let lower = |line: &String| {
            line.split_once(": ").filter(|(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        lines.iter().find_map(lower).unwrap_or_default()
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let mut words = lines.first()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    Some(Request { method, path, authorization: header("authorization"), body })
}

fn push(odd: &Odd, credentials: &Credentials, title: &str) -> Result<registry::Pushed, Error> {
    let image = image(title).with_provenance(&Provenance::default()).expect("an image");
    run(registry::push(&image, &odd.reference(), credentials, &mut Silent))
}

fn fault(error: Error) -> Fault {
    match error {
        Error::Registry(RegistryError { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_registry_that_does_not_say_where_a_manifest_is_has_it() {
    let odd = Odd::open(Oddity::Silent);
    let first = push(&odd, &Credentials::password("AWS", "token"), "hello").expect("a push");
    assert_eq!(first.sent_manifests, 4, "no tag stands for the list that the registry keeps");
    let second = push(&odd, &Credentials::password("AWS", "token"), "hello").expect("a push");
    assert_eq!((second.sent_bytes, second.sent_manifests), (0, 0));
}

#[test]
fn a_token_is_fetched_where_one_is_wanted() {
    let odd = Odd::open(Oddity::Tokens);
    push(&odd, &Credentials::password("me", "pass"), "hello").expect("a push");
    let asked: Vec<_> = odd.requests().into_iter().filter(|request| request.contains("/token")).collect();
    assert!(asked.iter().any(|request| request.contains("scope=repository%3Ame%2Fhello%3Apull%2Cpush")), "{asked:?}");
    assert!(asked.len() <= 2, "tokens are used again: {asked:?}");
    let refused = push(&odd, &Credentials::password("me", "wrong"), "hello").expect_err("a wrong password");
    assert_eq!(fault(refused), Fault::Credentials("who are you".to_owned()));
}

#[test]
fn an_overloaded_registry_is_asked_again() {
    let odd = Odd::open(Oddity::Overloaded);
    push(&odd, &Credentials::Anonymous, "hello").expect("a push");
}

#[test]
fn a_tag_that_cannot_be_moved_is_said_to_be_taken() {
    let odd = Odd::open(Oddity::Immutable);
    push(&odd, &Credentials::Anonymous, "hello").expect("a push");
    let refused = push(&odd, &Credentials::Anonymous, "changed").expect_err("the tag is taken");
    assert_eq!(refused.hint().as_deref(), Some("push under another tag"));
    let Fault::TagTaken(why) = fault(refused) else { panic!("another fault") };
    assert!(why.contains("cannot be overwritten"), "{why}");
}

#[test]
fn who_may_only_read_is_told_so() {
    let odd = Odd::open(Oddity::ReadOnly);
    let refused = push(&odd, &Credentials::Anonymous, "hello").expect_err("nobody may write");
    assert!(refused.to_string().starts_with("cannot push the content sha256:"), "{refused}");
    assert_eq!(fault(refused), Fault::Forbidden("not yours".to_owned()));
}
