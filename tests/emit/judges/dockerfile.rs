//! Dockerfiles: hadolint.

use std::{path::Path, process::Command};

use mcp_cloud_tests::checker;

use super::{paths, verdict};

/// Judges Dockerfiles; remarks on style are complaints too.
pub(crate) fn hadolint(files: &[impl AsRef<Path>]) -> Result<(), String> {
    let Some(hadolint) = checker("hadolint") else { return Ok(()) };
    verdict(Command::new(hadolint).args(["--no-color", "--failure-threshold", "style"]).args(paths(files)))
}

mod tests {
    use mcp_cloud_tests::checker;

    use super::hadolint;
    use crate::judges::accepts_only_the_good_one;

    #[test]
    fn dockerfile_is_judged_by_hadolint() {
        let Some(_) = checker("hadolint") else { return };
        let good = "FROM rust:1.94 AS build\nWORKDIR /source\nCOPY . .\nRUN cargo build --release\n\n\
                    FROM gcr.io/distroless/static:nonroot\nCOPY --from=build /source/hello /hello\nUSER 65532:65532\n\
                    ENTRYPOINT [\"/hello\"]\n";
        let wrong = [
            ("rust:1.94", "rust", "DL3006"),
            ("WORKDIR /source", "WORKDIR source", "DL3000"),
            ("cargo build --release", "cd /source && cargo build", "DL3003"),
            ("[\"/hello\"]", "/hello", "DL3025"),
            ("ENTRYPOINT", "ENTRY", "unexpected"),
        ];
        accepts_only_the_good_one(hadolint, "Dockerfile", good, &wrong);
    }
}
