//! Lines as Lambda's documentation shows them, and lines that nobody thought of.

use proptest::prelude::*;

use super::*;

const ID: &str = "8c1f2f4e-0000-4000-8000-000000000001";

fn rendered(message: &str) -> Option<Rendered> {
    render(&LogEvent { timestamp: 1_700_000_000_123, message: message.to_owned(), ..LogEvent::default() })
}

/// Level, request, message and fields in one line, as a test can hold them against.
fn shown(message: &str) -> String {
    let Some(line) = rendered(message) else { return "nothing".to_owned() };
    let level = line.level.map(Level::as_str).unwrap_or("-").trim();
    let fields: String = line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    format!("{level} {} {:?} {}{fields}", line.request.as_deref().unwrap_or("-"), line.tone, line.message)
}

#[test]
fn report_is_condensed_to_what_matters() {
    let report = format!(
        "REPORT RequestId: {ID}\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 64 \
         MB\tInit Duration: 90.20 ms\t\nXRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\tSegmentId: 5\tSampled: true\t\n"
    );
    assert_eq!(
        shown(&report),
        "- 8c1f2f4e Platform duration 12 ms, 64 MB, cold start 90 ms trace=1-5759e988-bd862e3fe1be46a994272793"
    );
    let json = format!(
        "{{\"time\":\"2026-11-21T08:00:00Z\",\"type\":\"platform.report\",\"record\":{{\"requestId\":\"{ID}\",\"metrics\":\
         {{\"durationMs\":1.25,\"billedDurationMs\":2,\"memorySizeMB\":128,\"maxMemoryUsedMB\":24}},\"status\":\"success\"}}}}"
    );
    assert_eq!(shown(&json), "- 8c1f2f4e Platform duration 1.2 ms, 24 MB");
}

#[test]
fn failures_of_the_platform_stand_out() {
    for (line, expected) in [
        (
            format!("REPORT RequestId: {ID}\tDuration: 3000.00 ms\tMax Memory Used: 30 MB\tStatus: timeout"),
            "- 8c1f2f4e PlatformFailure timeout, duration 3000 ms, 30 MB",
        ),
        (
            format!("2026-11-21T08:00:00.000Z {ID} Task timed out after 3.00 seconds"),
            "- 8c1f2f4e PlatformFailure Task timed out after 3.00 seconds",
        ),
        (
            format!("RequestId: {ID} Error: Runtime exited with error: exit status 1\nRuntime.ExitError"),
            "- 8c1f2f4e PlatformFailure Error: Runtime exited with error: exit status 1\n  Runtime.ExitError",
        ),
        (
            "INIT_REPORT Init Duration: 10008.08 ms\tPhase: init\tStatus: timeout".to_owned(),
            "- - PlatformFailure the server did not start: timeout after 10008 ms",
        ),
        (
            "{\"type\":\"platform.initReport\",\"record\":{\"status\":\"error\",\"errorType\":\"Runtime.ExitError\",\
             \"metrics\":{\"durationMs\":12.0}}}"
                .to_owned(),
            "- - PlatformFailure the server did not start: error (Runtime.ExitError) after 12 ms",
        ),
    ] {
        assert_eq!(shown(&line), expected);
    }
}

#[test]
fn start_names_the_version_and_end_is_left_out() {
    assert_eq!(shown(&format!("START RequestId: {ID} Version: 7\n")), "- 8c1f2f4e Platform start, version 7");
    assert_eq!(shown(&format!("END RequestId: {ID}\n")), "nothing");
    let init =
        "INIT_START Runtime Version: provided:al2023.v88\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:1";
    assert_eq!(shown(init), "- - Platform cold start, runtime provided:al2023.v88");
    assert_eq!(shown("  \n"), "nothing");
}

#[test]
fn json_of_tracing_shows_level_message_spans_and_fields() {
    let line = "{\"timestamp\":\"2026-11-21T08:00:00Z\",\"level\":\"WARN\",\"fields\":{\"message\":\"slow\",\"took\":5},\
                \"target\":\"hello\",\"span\":{\"name\":\"mcp\",\"rpc.method\":\"tools/call\"},\"spans\":[{\"name\":\"mcp\",\
                \"rpc.method\":\"tools/call\",\"request_id\":\"8c1f2f4e-0000\"}]}";
    assert_eq!(shown(line), "WARN 8c1f2f4e Server slow rpc.method=tools/call target=hello took=5");
}

#[test]
fn json_of_other_loggers_shows_the_same() {
    for (line, expected) in [
        ("{\"level\":50,\"time\":1,\"msg\":\"broken\",\"pid\":7}", "ERROR - Server broken pid=7"),
        ("{\"severity\":\"info\",\"message\":\"ok\",\"requestId\":\"abc\"}", "INFO abc Server ok"),
        ("{\"a\":{\"b\":1}}", "- - Server  a={\"b\":1}"),
        (
            "{\"requestId\":\"JKJaXmPLvHcESHA=\",\"time\":\"21/Nov/2026\",\"ip\":\"192.0.2.1\",\"route\":\"POST /mcp\",\
             \"status\":\"503\",\"authorizer\":\"-\"}",
            "ERROR JKJaXmPL Server POST /mcp 503 ip=192.0.2.1",
        ),
        ("{not json", "- - Server {not json"),
    ] {
        assert_eq!(shown(line), expected);
    }
}

#[test]
fn text_of_loggers_gives_up_its_time_and_level() {
    for (line, expected) in [
        ("2026-11-21T08:00:00.123456Z  INFO hello: served took=5", "INFO - Server hello: served took=5"),
        (
            "\u{1b}[2m2026-11-21T08:00:00.1Z\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m \u{1b}[2mhello\u{1b}[0m: no",
            "ERROR - Server hello: no",
        ),
        ("Error in the house", "- - Server Error in the house"),
        ("[WARN] mind the gap", "WARN - Server mind the gap"),
        ("thread 'main' panicked at x:1:2:\nno\n", "- - Server thread 'main' panicked at x:1:2:\n  no"),
    ] {
        assert_eq!(shown(line), expected);
    }
    let python = format!("[ERROR]\t2026-11-21T08:00:00.123Z\t{ID}\tno\tway");
    assert_eq!(shown(&python), "ERROR 8c1f2f4e Server no\tway");
}

#[test]
fn nothing_is_shown_that_a_terminal_would_obey() {
    let line = rendered("a\u{1b}]0;title\u{7}b\u{1b}[2Jc\rd\u{202e}e\u{9b}f").expect("it says something");
    assert_eq!(line.message, "a\u{fffd}]0;title\u{fffd}bc\u{fffd}d\u{fffd}e\u{fffd}f");
}

fn fit_to_be_shown(line: &Rendered) -> bool {
    let one_line = |text: &str| !text.contains(|letter: char| letter.is_control());
    let lines = |text: &str| !text.contains(|letter: char| letter.is_control() && letter != '\n' && letter != '\t');
    one_line(&line.time)
        && line.request.as_deref().is_none_or(one_line)
        && lines(&line.message)
        && line.fields.iter().all(|(name, value)| one_line(name) && one_line(value))
}

proptest! {
    #[test]
    fn any_line_is_rendered_or_left_out(message in any::<String>(), timestamp in any::<i64>()) {
        let line = render(&LogEvent { message, timestamp, ..LogEvent::default() });
        prop_assert!(line.is_none_or(|line| fit_to_be_shown(&line)));
    }

    #[test]
    fn any_line_that_begins_as_the_platforms_do_is_rendered(
        word in prop::sample::select(vec!["START", "END", "REPORT", "INIT_START", "INIT_REPORT", "RequestId:"]),
        middle in prop::sample::select(vec!["", "RequestId: ", "Init Duration: ", "Runtime Version: ", ID]),
        rest in any::<String>(),
    ) {
        let line = rendered(&format!("{word} {middle}{rest}"));
        prop_assert!(line.is_none_or(|line| fit_to_be_shown(&line)));
    }

    #[test]
    fn any_object_is_rendered(
        names in proptest::collection::vec("level|message|type|record|span|spans|fields|requestId|route|status|\\PC{0,5}", 0..6),
        values in proptest::collection::vec("[0-9]{1,4}|\"\\PC{0,9}\"|null|\\{\"status\":\"error\"\\}|\\[\\{\"a\":1\\},2\\]|\"platform\\.[a-z]{1,9}\"", 6),
    ) {
        let members: Vec<_> =
            names.iter().zip(&values).map(|(name, value)| format!("{}:{value}", serde_json::Value::from(name.as_str()))).collect();
        let line = rendered(&format!("{{{}}}", members.join(",")));
        prop_assert!(line.is_none_or(|line| fit_to_be_shown(&line)));
    }
}
