//! A service of ECS over the SDK's own clients: with answers that are written down here, and with an account in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod account;
mod apps;
mod compare;
mod ministack;
mod models;
mod operate;
mod raw;
mod rollout;
mod script;

use mcp_cloud_deploy::service::{Ending, Error, FailedRollout, ServiceName, StopKind};

#[test]
fn hints_are_one_lower_case_sentence_without_a_period() {
    let service = || ServiceName { cluster: "servers".to_owned(), service: "hello".to_owned() };
    let limit = std::time::Duration::from_secs(60);
    let failed = |ending: Ending, kind| {
        Error::Rollout(Box::new(FailedRollout {
            service: service(),
            wanted: "arn:aws:ecs:eu-west-1:123456789012:task-definition/hello:2".to_owned(),
            ending,
            cause: None,
            kind,
            serving: None,
        }))
    };
    let kinds = [
        StopKind::Exited,
        StopKind::TargetUnhealthy,
        StopKind::Unhealthy,
        StopKind::Spot,
        StopKind::Capacity,
        StopKind::Start,
        StopKind::Memory,
        StopKind::Secret,
        StopKind::Image,
        StopKind::Architecture,
    ];
    let mut errors: Vec<_> = kinds.into_iter().map(|kind| failed(Ending::Failed, Some(kind))).collect();
    errors.extend([
        failed(Ending::RolledBack, None),
        failed(Ending::TimedOut(limit), None),
        failed(Ending::Overtaken("hello:3".to_owned()), None),
        failed(Ending::Gone, None),
        Error::NoService { service: service() },
        Error::NoTask { service: service(), task: None },
        Error::NoSessions { task: "1a".to_owned() },
        Error::StillThere { service: service(), limit },
        Error::TaskTooLong { task: "1a".to_owned(), limit },
    ]);
    for error in errors {
        let hint = error.hint().unwrap_or_else(|| panic!("{error} has none"));
        let begins = |letter: char| letter.is_lowercase() || letter == '`' || hint.starts_with("AWS");
        assert!(hint.starts_with(begins) && !hint.ends_with('.') && !hint.contains(". "), "{hint}");
    }
}
