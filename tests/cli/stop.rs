//! Ctrl-C, `kill` and a closed terminal: whenever they come, nothing that was started stays.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use mcp_cloud_tests::{Program, Signal, descendants, is_running};

use crate::package::{LIMIT, Package, SERVER};

/// Long enough to stop without a platform's grace period, and shorter than any of them.
const AT_ONCE: Duration = Duration::from_secs(5);

fn is_listening(line: &str) -> bool {
    line.contains("/mcp")
}

fn serve(package: &Package, arguments: &[&str]) -> (Program, Vec<u32>) {
    let program = Program::start(&mut package.dev(arguments));
    let _ = program.stderr_line(LIMIT, is_listening);
    let started = descendants(program.id());
    assert!(!started.is_empty(), "the server is a child of the command");
    (program, started)
}

/// Waits for the ends of processes whose parent may have to reap them first.
#[track_caller]
fn assert_gone(started: &[u32]) {
    let deadline = Instant::now() + AT_ONCE;
    while started.iter().any(|id| is_running(*id)) {
        assert!(Instant::now() < deadline, "of {started:?}, some still run");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn ctrl_c_while_serving_stops_the_server_and_is_success() {
    let package = Package::with_main(SERVER);
    let (program, started) = serve(&package, &["--trigger", "direct"]);
    program.signal_group(Signal::INT);
    let finished = program.finish(LIMIT);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""), "{}", finished.stderr);
    assert!(!finished.stderr.contains("error"), "{}", finished.stderr);
    assert_gone(&started);
}

#[test]
fn kill_and_a_closed_terminal_while_serving_stop_the_server_too() {
    let package = Package::with_main(SERVER);
    for signal in [Signal::TERM, Signal::HUP] {
        let (program, started) = serve(&package, &["--trigger", "direct"]);
        program.signal(signal);
        let finished = program.finish(LIMIT);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""), "{signal:?}: {}", finished.stderr);
        assert_gone(&started);
    }
}

#[test]
fn second_ctrl_c_does_not_wait_for_a_server_that_ignores_the_first() {
    // Cloud Run gives a container ten seconds between SIGTERM and SIGKILL; a signal that is ignored stays so in `exec`.
    let stubborn = format!(
        "fn main() {{
            use std::os::unix::process::CommandExt;
            if std::env::args().nth(1).is_none() {{
                let itself = std::env::current_exe().unwrap();
                let mut shell = std::process::Command::new(\"sh\");
                let error = shell.args([\"-c\", \"trap '' TERM; exec \\\"$0\\\" again\"]).arg(itself).exec();
                panic!(\"{{error}}\");
            }}
            serve();
        }}
        {}",
        SERVER.replace("fn main()", "fn serve()")
    );
    let package = Package::with_main(&stubborn);
    let (program, started) = serve(&package, &["--trigger", "cloud-run"]);
    program.signal(Signal::INT);
    thread::sleep(Duration::from_millis(500));
    assert!(is_running(program.id()), "it gives the server the time the platform would");
    program.signal(Signal::INT);
    let finished = program.finish(AT_ONCE);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(130), ""), "{}", finished.stderr);
    assert!(finished.stderr.ends_with("error: interrupted\n"), "{}", finished.stderr);
    assert_gone(&started);
}

#[test]
fn interrupt_during_the_build_ends_cargo_and_all_it_started() {
    let endless = "fn main() {
        std::fs::write(std::env::var_os(\"MOON_STARTED\").unwrap(), \"\").unwrap();
        std::thread::sleep(std::time::Duration::from_secs(600));
    }";
    let package = Package::with_files(&[("src/main.rs", "fn main() {}"), ("build.rs", endless)]);
    let mark = package.path().join("started");
    let program = Program::start(package.dev(&[]).env("MOON_STARTED", &mark));
    wait_for(&mark);
    let started = descendants(program.id());
    assert!(started.len() >= 2, "cargo and the build script run: {started:?}");
    program.signal(Signal::TERM);
    let finished = program.finish(AT_ONCE);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(143), ""), "{}", finished.stderr);
    assert!(finished.stderr.ends_with("error: interrupted\n"), "{}", finished.stderr);
    assert_gone(&started);
}

fn wait_for(file: &Path) {
    let deadline = Instant::now() + LIMIT;
    while fs::metadata(file).is_err() {
        assert!(Instant::now() < deadline, "{} does not appear", file.display());
        thread::sleep(Duration::from_millis(20));
    }
}
