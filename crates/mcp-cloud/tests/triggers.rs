//! `docs/triggers.md` says what the code says: it is made of [`Capabilities::TRIGGERS`] and of the comments on its
//! constants. `SNAPSHOTS=overwrite cargo test -p mcp-cloud --test triggers` makes it anew.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::{fmt::Write, fs, path::Path, time::Duration};

use mcp_cloud::Capabilities;

const SOURCE: &str = include_str!("../src/capabilities.rs");

#[test]
fn the_page_on_triggers_says_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/triggers.md");
    let page = page();
    if std::env::var_os("SNAPSHOTS").is_some_and(|value| value == "overwrite") {
        fs::write(&path, &page).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/triggers.md is stale: run `SNAPSHOTS=overwrite cargo test -p mcp-cloud --test triggers` and look at the \
         difference"
    );
}

fn page() -> String {
    let mut page = String::from(HEAD);
    page.push_str("\n## What works\n\n");
    page.push_str(&works(&Capabilities::TRIGGERS));
    page.push_str(LEGEND);
    page.push_str("\n## What fits\n\n");
    page.push_str(&fits());
    page.push_str(FITS);
    page.push_str("\n## Lambda Managed Instances\n\n");
    page.push_str(&managed_instances());
    for (name, capabilities) in Capabilities::TRIGGERS {
        write!(page, "\n## `{name}`\n\n{}\n\n", reason(name)).unwrap();
        for feature in FEATURES {
            let Finding { mark, sentence } = (feature.find)(capabilities);
            writeln!(page, "- {}: **{mark}.** {sentence}", feature.title).unwrap();
        }
        page.push_str("\nTo set:\n\n");
        for sentence in settings(name, capabilities) {
            writeln!(page, "- {sentence}").unwrap();
        }
    }
    page
}

const HEAD: &str = "\
<!-- Made of crates/mcp-cloud/src/capabilities.rs; do not edit. To make it anew:
     SNAPSHOTS=overwrite cargo test -p mcp-cloud --test triggers -->

# What each trigger can carry

The names are those of `mcp-cloud dev --trigger`. Behind every trigger, requests of both eras of the protocol are answered,
and what cannot be carried is refused at once, with a sentence that says so. The differences follow from three properties:

- whether a reply can be sent piece by piece (it *streams*);
- whether other requests reach the same process while one is being answered (it is *concurrent*);
- whether the process stands still between requests (it *freezes*).

A server reads them from the request: `RequestInfo::capabilities`.
";

const LEGEND: &str = "
*Messages*: progress and log messages. *Changes*: whether `listChanged` and `subscribe` stay among what the server says it
can do. *Asks*: requests to the client in mid-call (sampling, elicitation, roots). *GET*: the stream that belongs to no
request, and coming back to a stream with `Last-Event-ID`. *Runs on*: whether a legacy call goes on when its client goes
away; a modern one is cancelled by that.

Changes in a session, asking and `GET` are for clients of the legacy era (2025-11-25 and before) with a session, which the
server keeps where `MCP_CLOUD_SESSIONS=memory` says so. A client of 2026-07-28 is asked in the result instead
(`input_required`), which works everywhere.
";

const FITS: &str = "
A larger request is refused with 413. A larger reply becomes a JSON-RPC error that names both sizes; where only the messages
before the answer are too much, they are left out. Where a reply is *quoted*, it travels as a string in a JSON document, and
its quotation marks and line ends count twice. A handler that is still at work 250 ms before the limit of time is ended with
a JSON-RPC error, and a subscription with a result. The *keep-alive* is a comment in the stream, sent when nothing else was
for half of the silence that is allowed.
";

/// A feature, and how a trigger has it.
struct Feature {
    column: &'static str,
    title: &'static str,
    find: fn(Capabilities) -> Finding,
}

struct Finding {
    mark: &'static str,
    sentence: &'static str,
}

const fn found(mark: &'static str, sentence: &'static str) -> Finding {
    Finding { mark, sentence }
}

const FEATURES: &[Feature] = &[
    Feature { column: "Messages", title: "Progress and log messages", find: messages },
    Feature { column: "`subscriptions/listen`", title: "`subscriptions/listen`", find: listen },
    Feature { column: "Changes, modern", title: "Changes announced to modern clients", find: changes },
    Feature { column: "Changes, session", title: "Changes announced in a legacy session", find: changes_in_session },
    Feature { column: "Asks", title: "Requests to the client in mid-call", find: asks },
    Feature { column: "GET, resuming", title: "`GET` stream and resuming", find: get },
    Feature { column: "Runs on", title: "A legacy call runs on without its client", find: runs_on },
];

fn messages(capabilities: Capabilities) -> Finding {
    if capabilities.streams {
        found("at once", "They are sent while the call runs.")
    } else {
        found(
            "with the result",
            "A reply is sent in one piece, so they arrive when the call is over; a client that takes only JSON gets none.",
        )
    }
}

fn listen(capabilities: Capabilities) -> Finding {
    match (capabilities.streams, capabilities.concurrent) {
        (true, true) => found(
            "yes",
            "The stream stays open until the client leaves, and ends with a result where the limit of time or the server's end comes first.",
        ),
        (true, false) => found(
            "alone",
            "The stream stays open until the limit of time, and is paid for as long. No other request reaches the process \
             meanwhile, so it tells only of what the process notices by itself.",
        ),
        (false, _) => found(
            "no",
            "It is refused with 404 and `-32601`, because a reply is sent in one piece. A client can ask again instead: its \
             lists say how long they hold.",
        ),
    }
}

fn changes(capabilities: Capabilities) -> Finding {
    if capabilities.streams {
        found("yes", "`server/discover` promises what the handler does.")
    } else {
        found("no", "`server/discover` leaves the promises out, since `subscriptions/listen` could not keep them.")
    }
}

fn changes_in_session(capabilities: Capabilities) -> Finding {
    if capabilities.can_ask() {
        found("yes", "They arrive on the session's own stream.")
    } else {
        found("no", "`initialize` leaves the promises out: there is no stream on which changes could arrive.")
    }
}

fn asks(capabilities: Capabilities) -> Finding {
    match (capabilities.can_ask(), capabilities.streams) {
        (true, _) => found("yes", "In a session, and for a client that takes event streams."),
        (false, true) => found(
            "no",
            "The request fails at once in the handler: the client's answer would be another request, and none reaches the \
             process while this one is being answered.",
        ),
        (false, false) => found(
            "no",
            "The request fails at once in the handler: the client would see it only together with the result.",
        ),
    }
}

fn get(capabilities: Capabilities) -> Finding {
    match (capabilities.can_ask(), capabilities.streams) {
        (true, _) => found("yes", "In a session."),
        (false, true) => {
            found("no", "`GET` answers 405: while it was held open, no other request would reach the process.")
        }
        (false, false) => found("no", "`GET` answers 405: a reply is sent in one piece, and such a stream never ends."),
    }
}

fn runs_on(capabilities: Capabilities) -> Finding {
    if capabilities.freezes {
        found("no", "Nothing is computed between requests, so nothing may be left running after one.")
    } else {
        found("yes", "The handler finishes what it began.")
    }
}

fn works(triggers: &[(&str, Capabilities)]) -> String {
    let mut table = String::from("| |");
    for feature in FEATURES {
        write!(table, " {} |", feature.column).unwrap();
    }
    write!(table, "\n|---|{}\n", "---|".repeat(FEATURES.len())).unwrap();
    for (name, capabilities) in triggers {
        write!(table, "| `{name}` |").unwrap();
        for feature in FEATURES {
            write!(table, " {} |", (feature.find)(*capabilities).mark).unwrap();
        }
        table.push('\n');
    }
    table
}

fn fits() -> String {
    let mut table = String::from(
        "| | Largest request | Largest reply | Longest reply | Longest silence | Keep-alive |\n|---|---|---|---|---|---|\n",
    );
    for (name, capabilities) in Capabilities::TRIGGERS {
        let reply = capabilities.max_response_body.map_or_else(|| "no limit".to_owned(), size);
        let quoted = if capabilities.response_is_quoted { ", quoted" } else { "" };
        let longest = match capabilities.max_duration {
            Some(longest) if is_function(capabilities) => format!("{}, or the function's timeout", time(longest)),
            Some(longest) => time(longest),
            None if is_function(capabilities) => "the function's timeout, up to 15 min".to_owned(),
            None => "no limit".to_owned(),
        };
        let silence = capabilities.max_silence.filter(|_| capabilities.streams).map_or_else(|| "any".to_owned(), time);
        let alive =
            capabilities.keep_alive().map_or_else(|| "none".to_owned(), |pause| format!("every {}", time(pause)));
        let request = size(capabilities.max_request_body);
        writeln!(table, "| `{name}` | {request} | {reply}{quoted} | {longest} | {silence} | {alive} |").unwrap();
    }
    table
}

fn managed_instances() -> String {
    let classic: Vec<_> =
        Capabilities::TRIGGERS.into_iter().filter(|(_, capabilities)| is_function(*capabilities)).collect();
    let managed: Vec<_> = classic.iter().map(|(name, classic)| (*name, classic.on_managed_instances())).collect();
    for ((name, classic), (_, managed)) in classic.iter().zip(&managed) {
        let mut otherwise = *managed;
        (otherwise.concurrent, otherwise.freezes) = (classic.concurrent, classic.freezes);
        assert_eq!(otherwise, *classic, "the page says that the limits of {name} are the same");
    }
    format!(
        "A classic function gives an instance one request at a time and freezes it in between; what stands above and below \
         holds\nfor those. A managed instance takes many at once and is not frozen: `AWS_LAMBDA_MAX_CONCURRENCY`, more than 1 \
         there, tells the\nserver. The limits are the same. The same triggers on managed instances:\n\n{}\nSessions are kept in \
         the memory of one instance, so what needs a session needs a function that never has two.\n",
        works(&managed)
    )
}

/// Whether a trigger is one of a Lambda function: no other platform gives a process one request at a time.
fn is_function(capabilities: Capabilities) -> bool {
    !capabilities.concurrent
}

fn settings(name: &str, capabilities: Capabilities) -> Vec<String> {
    let has_twin = has_twin(name);
    let mode = match capabilities.streams {
        true if has_twin => {
            "`MCP_CLOUD_RESPONSE_MODE=stream`: requests do not say that the gateway streams. `dev` sets it, and `emit` for a \
             function."
        }
        false if has_twin => "`MCP_CLOUD_RESPONSE_MODE`: nothing, or `buffered`.",
        _ => "`MCP_CLOUD_RESPONSE_MODE`: nothing; it makes no difference here.",
    };
    let sessions = if capabilities.can_ask() {
        "`MCP_CLOUD_SESSIONS=memory` for what needs a session, where every request of a client reaches the same process: \
         there is one instance, or something before them keeps a client at one."
    } else if is_function(capabilities) && capabilities.on_managed_instances().can_ask() {
        "`MCP_CLOUD_SESSIONS`: nothing on a classic function, where a session brings nothing. On a single managed instance, \
         `memory`."
    } else {
        "`MCP_CLOUD_SESSIONS`: nothing; a session brings nothing here."
    };
    let timeout = if is_function(capabilities) {
        "`MCP_CLOUD_REQUEST_TIMEOUT`: nothing; every invocation says when it ends, and the sooner of that and the limit above \
         holds."
            .to_owned()
    } else {
        let unless = capabilities.max_duration.map_or_else(|| "there is no limit".to_owned(), time);
        format!("`MCP_CLOUD_REQUEST_TIMEOUT`: the seconds a request may take, where it is not as above ({unless}).")
    };
    vec![mode.to_owned(), sessions.to_owned(), timeout]
}

/// Whether another trigger sends the same requests but takes replies in another form.
fn has_twin(name: &str) -> bool {
    let stem = |name: &str| match name {
        "function-url-buffered" => "function-url".to_owned(),
        "rest-api-stream" => "rest-api".to_owned(),
        "azure-proxying" => "azure-forwarding".to_owned(),
        other => other.to_owned(),
    };
    Capabilities::TRIGGERS.iter().filter(|(other, _)| stem(other) == stem(name)).count() > 1
}

/// Why a trigger is as it is: the comment on its constant.
fn reason(name: &str) -> String {
    let entry = format!("(\"{name}\", Self::");
    let (_, rest) = SOURCE.split_once(&entry).unwrap_or_else(|| panic!("{name} stands in TRIGGERS"));
    let (constant, _) = rest.split_once(')').unwrap();
    let (before, _) = SOURCE.split_once(&format!("const {constant}: Self")).unwrap();
    let mut lines: Vec<_> =
        before.lines().rev().skip(1).map_while(|line| line.trim_start().strip_prefix("///")).map(str::trim).collect();
    lines.reverse();
    assert!(!lines.is_empty(), "{constant} has a comment that says why");
    lines.join("\n")
}

fn size(bytes: usize) -> String {
    const MIB: usize = 1024 * 1024;
    assert_eq!(bytes % MIB, 0, "a limit is a whole number of MiB");
    format!("{} MiB", bytes / MIB)
}

fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds >= 120 && seconds.is_multiple_of(60) { format!("{} min", seconds / 60) } else { format!("{seconds} s") }
}
