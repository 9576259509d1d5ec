//! Tasks of a service on Fargate that cannot run: what is said of them, and what serves meanwhile.

use serde_json::Value;

use crate::{
    account::Run,
    fargate::{Fargate, write_program},
    fargate_tasks::{ANOTHER_IMAGE, Deployed},
};

const TOKEN: &str = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:hello/token-AbCdEf";
/// Takes all the memory that there is.
const GREEDY: &str = "fn main() {
    let mut held = Vec::new();
    loop {
        held.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}
";

fn inventory(account: &Fargate) -> Value {
    account.run_script("ecs_inventory.py", &[])
}

/// The last sentence of a command that failed, and what is said about it.
fn failure(run: &Run) -> (&str, &str) {
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run}");
    let line = |start: &str| run.stderr.lines().rev().find_map(|line| line.strip_prefix(start)).unwrap_or_default();
    (line("error: "), line("hint: "))
}

#[test]
fn tasks_that_cannot_run_are_told_why_and_what_ran_before_serves() {
    let Some(account) = Fargate::open() else { return };
    let nothing = inventory(&account);
    let deployed = Deployed::on(account);
    let first = deployed.digest();

    // Known before anything is changed.
    let before = inventory(&deployed.account);
    let run = deployed.deploy(&format!("secrets.TOKEN.aws = \"{TOKEN}\"\n"));
    let (sentence, hint) = failure(&run);
    assert_eq!(sentence, format!("the server needs a secret that is not there: `TOKEN` (`{TOKEN}` does not exist)"));
    assert_eq!(hint, "run `mcp-cloud secrets set TOKEN`");
    assert_eq!(inventory(&deployed.account), before, "nothing was changed: {run}");
    deployed.serves("1");

    // Gone when the tasks look for it.
    let remover = deployed.start("remove_images.py", &["hello", "new"]);
    let run = deployed.deploy(ANOTHER_IMAGE);
    let removed = remover.end();
    let (sentence, hint) = failure(&run);
    assert!(sentence.contains("stopped: CannotPullContainerError: "), "{run}");
    assert!(sentence.ends_with("; version 1 answers again"), "{run}");
    assert!(hint.starts_with("check that the registry has the image by this name"), "{run}");
    assert_eq!(removed.as_array().map(Vec::len), Some(1), "{removed}");
    deployed.serves("1");

    // Gone when somebody wants to go back to it.
    let run = deployed.deploy(ANOTHER_IMAGE);
    assert_eq!(run.code, Some(0), "{run}");
    let _ = deployed.account.run_script("remove_images.py", &["hello", &first]);
    let run = deployed.run(&["rollback", "--yes"]);
    let (sentence, hint) = failure(&run);
    assert_eq!(sentence, format!("the image {first} of version 1 is not in its repository any more"));
    assert_eq!(hint, "deploy the commit that it was built from again");
    deployed.serves("2");

    let run = deployed.deploy_server(&write_program(deployed.app(), "greedy", GREEDY), ANOTHER_IMAGE);
    let (sentence, hint) = failure(&run);
    assert!(sentence.contains("exited with 137: OutOfMemoryError: Container killed due to memory usage"), "{run}");
    assert!(sentence.ends_with("; version 2 answers again"), "{run}");
    assert_eq!(hint, "raise `memory` under `[resources]` in `mcp-cloud.toml`");
    deployed.serves("2");

    let run = deployed.run(&["destroy", "--yes"]);
    assert_eq!(run.code, Some(0), "{run}");
    assert_eq!(inventory(&deployed.account), nothing, "{run}");
    assert_eq!(deployed.container(), "", "no task runs");
}
