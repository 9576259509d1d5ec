//! The instrument is held against programs whose behaviour is known: a floor that answers one thing only, the usual
//! glue, and programs that do not serve at all.

use std::time::Duration;

use mcp_cloud_bench::case::{BodyEncoding, Call, Era, MemberOrder, ReplyMode, Trigger};
use mcp_cloud_bench::http_load::{Load, load};
use mcp_cloud_bench::processors::Processors;
use mcp_cloud_bench::simulator::{Rounds, play};
use mcp_cloud_bench::{Case, Error, Program};

fn floor() -> Program {
    Program::new("floor", env!("CARGO_BIN_EXE_floor"))
}

fn glue() -> Program {
    Program::new("glue", env!("CARGO_BIN_EXE_rmcp-lambda-http"))
}

#[test]
fn times_every_invocation_after_the_warm_up() {
    let samples = play(&floor(), &Case::default(), Rounds::new(20, 200)).unwrap();
    assert_eq!(samples.cycles.len(), 200);
    assert_eq!(samples.answers.len(), 200);
    assert_eq!(samples.tails.len(), 200);
    assert_eq!(samples.connections, 1);
    assert!(samples.first_next < samples.first_answer);
    assert!(samples.answers.iter().zip(&samples.cycles).all(|(answer, cycle)| answer < cycle));
    assert!(samples.processor_time > Duration::ZERO);
    assert!(samples.peak_kib > 100);
}

#[test]
fn refuses_an_answer_to_another_question() {
    let add = Case { call: Call::Add, ..Case::default() };
    let error = play(&floor(), &add, Rounds::new(0, 3)).unwrap_err();
    assert!(matches!(error, Error::Answer { .. }), "{error}");
}

#[test]
fn refuses_a_buffered_answer_where_a_stream_is_due() {
    let streamed = Case { trigger: Trigger::FunctionUrl, reply: ReplyMode::Streamed, ..Case::default() };
    let error = play(&floor(), &streamed, Rounds::new(0, 3)).unwrap_err();
    assert!(matches!(error, Error::Answer { .. }), "{error}");
}

#[test]
fn says_when_a_program_is_missing_ends_or_says_nothing() {
    let missing = Program::new("missing", "/nonexistent/bootstrap");
    assert!(matches!(play(&missing, &Case::default(), Rounds::cold()), Err(Error::Start { .. })));
    let ends = Program::new("ends", "true");
    assert!(matches!(play(&ends, &Case::default(), Rounds::cold()), Err(Error::EndedEarly { .. })));
    let silent = Program::new("silent", "sleep").with_argument("60");
    let impatient = Rounds { limit: Duration::from_millis(200), ..Rounds::cold() };
    assert!(matches!(play(&silent, &Case::default(), impatient), Err(Error::TimedOut { .. })));
}

#[test]
fn ends_even_if_the_program_leaves_a_process_behind() {
    // The shell is what is started and ended; the floor it leaves behind still holds its connection.
    let floor = env!("CARGO_BIN_EXE_floor");
    let leaves = Program::new("leaves", "sh").with_argument("-c").with_argument(format!("{floor} & wait"));
    play(&leaves, &Case::default(), Rounds::new(0, 3)).unwrap();
}

#[test]
fn the_glue_answers_both_eras_and_every_call_as_the_instrument_expects() {
    for era in [Era::Legacy, Era::Modern] {
        for trigger in [Trigger::HttpApi, Trigger::FunctionUrl, Trigger::Alb] {
            for call in [Call::Echo, Call::Add, Call::Blob, Call::UnknownTool, Call::ToolsList, Call::Initialize] {
                let case = Case { era, trigger, call, size: 300, ..Case::default() };
                play(&glue(), &case, Rounds::new(1, 2)).unwrap();
            }
        }
    }
    let unusual = Case { body: BodyEncoding::Base64, members: MemberOrder::ParamsFirst, ..Case::default() };
    play(&glue(), &unusual, Rounds::new(1, 2)).unwrap();
}

#[test]
fn sees_the_last_byte_of_a_stream_come_after_the_first() {
    let streamed = Case { trigger: Trigger::FunctionUrl, reply: ReplyMode::Streamed, ..Case::default() };
    let samples = play(&glue().with_argument("stream"), &streamed, Rounds::new(0, 3)).unwrap();
    assert!(samples.tails.iter().zip(&samples.answers).all(|(tail, answer)| tail < answer));
}

#[test]
fn the_floor_returns_as_many_bytes_as_it_is_told() {
    let blob = Case { call: Call::Blob, size: 100_000, ..Case::default() };
    let samples = play(&floor().with_argument("--size").with_argument("100000"), &blob, Rounds::new(1, 3)).unwrap();
    assert!(samples.answer_bytes > 100_000);
}

fn brief(connections: usize) -> Load {
    Load { connections, warm_up: Duration::from_millis(20), timed: Duration::from_millis(100) }
}

#[test]
fn a_load_counts_the_answers_of_every_http_peer() {
    let processors = Processors::choose().unwrap();
    for program in [env!("CARGO_BIN_EXE_hyper-floor"), env!("CARGO_BIN_EXE_rmcp-http")] {
        let program = Program::new("peer", program);
        for (connections, processors) in [(1, processors.shared()), (16, processors)] {
            let loaded = load(&program, &Case::default(), brief(connections), processors).unwrap();
            assert!(loaded.rate > 0.0 && loaded.peak_kib > 100);
        }
    }
}

#[test]
fn a_load_refuses_an_answer_to_another_question() {
    let add = Case { call: Call::Add, ..Case::default() };
    let floor = Program::new("floor", env!("CARGO_BIN_EXE_hyper-floor"));
    let error = load(&floor, &add, brief(1), Processors::choose().unwrap()).unwrap_err();
    assert!(matches!(error, Error::Answer { .. }), "{error}");
}

#[test]
fn a_load_says_when_a_server_ends_before_it_listens() {
    let error = load(&Program::new("ends", "true"), &Case::default(), brief(1), Processors::choose().unwrap());
    assert!(matches!(error, Err(Error::EndedEarly { .. })));
}
