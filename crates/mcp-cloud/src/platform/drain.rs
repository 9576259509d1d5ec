//! How a server that listens comes to its end, and how long it may take.
//!
//! Who sends requests may hear of the end later than the server. ECS takes a task out of its target groups first, waits
//! until the load balancer is done with it, and only then sends `SIGTERM`
//! (<https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html>, `DEACTIVATING` before
//! `STOPPING`); but a task on Fargate Spot gets `SIGTERM` with the notice, and may stay a target until it has stopped
//! (<https://repost.aws/knowledge-center/fargate-spot-termination-notice>), as a container may that somebody else stops. So
//! the server goes on to answer for as long as it is told to linger, while its health path says that it is about to stop.

use std::time::Duration;

use mcp_cloud_contract::{IDLE_MARGIN_SECONDS, IDLE_TIMEOUT_SECONDS, STOP_MARGIN_SECONDS, STOP_TIMEOUT_SECONDS, env};
use tokio::time::Instant;

use super::{ServeError, seconds};

/// How long the last word may take on its way out, once what is still being answered has been given up.
const LAST_WORD: Duration = Duration::from_millis(500);

/// What the environment says about the end, and about connections that are not in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    /// From the wish that the server end until it has to be done.
    stop: Duration,
    /// From that wish until nobody sends requests any more.
    linger: Duration,
    /// How long a connection is kept that is not in use.
    pub(super) idle: Duration,
}

impl Times {
    /// Reads `MCP_CLOUD_STOP_TIMEOUT`, `MCP_CLOUD_LINGER` and `MCP_CLOUD_IDLE_TIMEOUT`.
    pub(super) fn from_environment() -> Result<Self, ServeError> {
        Ok(Self::of(seconds(env::STOP_TIMEOUT, 1)?, seconds(env::LINGER, 0)?, seconds(env::IDLE_TIMEOUT, 1)?))
    }

    fn of(stop: Option<Duration>, linger: Option<Duration>, idle: Option<Duration>) -> Self {
        let stop = stop.unwrap_or(whole(STOP_TIMEOUT_SECONDS)).saturating_sub(whole(STOP_MARGIN_SECONDS));
        let idle = idle.unwrap_or(whole(IDLE_TIMEOUT_SECONDS)) + whole(IDLE_MARGIN_SECONDS);
        Self { stop, linger: linger.unwrap_or_default().min(stop), idle }
    }

    /// The end of a server that was asked for it just now.
    pub(super) fn moments(self, asked: Asked) -> Moments {
        let now = Instant::now();
        let linger = match asked {
            Asked::ByThePlatform => self.linger,
            // Nobody but the person who asked is waiting.
            Asked::ByAPerson => Duration::ZERO,
        };
        let over = now + self.stop;
        Moments { refuse: now + linger, give_up: over.checked_sub(LAST_WORD).unwrap_or(over), over }
    }
}

/// Who wants the server to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// `SIGTERM`.
    ByThePlatform,
    /// Ctrl-C.
    ByAPerson,
}

/// When what happens to a server that is about to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moments {
    /// Until then there may be new connections.
    pub(super) refuse: Instant,
    /// Until then what was begun may be finished.
    pub(super) give_up: Instant,
    /// Nothing is sent any more.
    pub(super) over: Instant,
}

fn whole(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

#[cfg(unix)]
pub(super) async fn asked() -> Asked {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => Asked::ByThePlatform,
        _ = tokio::signal::ctrl_c() => Asked::ByAPerson,
    }
}

#[cfg(not(unix))]
pub(super) async fn asked() -> Asked {
    let _ = tokio::signal::ctrl_c().await;
    Asked::ByAPerson
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stop: u64, linger: u64, idle: u64) -> Times {
        let [stop, linger, idle] = [stop, linger, idle].map(|seconds| Some(Duration::from_secs(seconds)));
        Times::of(stop, linger, idle)
    }

    #[tokio::test(start_paused = true)]
    async fn everything_happens_before_the_platform_kills() {
        let now = Instant::now();
        for (stop, linger) in [(1, 0), (1, 60), (2, 1), (10, 5), (70, 5), (120, 500)] {
            let moments = of(stop, linger, 1).moments(Asked::ByThePlatform);
            let killed = now + Duration::from_secs(stop);
            assert!(moments.over < killed || stop == 1, "{stop} {moments:?}");
            assert!(moments.give_up <= moments.over && moments.refuse <= moments.over, "{stop} {linger} {moments:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_waits_for_nobody_but_running_calls() {
        let now = Instant::now();
        assert_eq!(of(60, 20, 1).moments(Asked::ByAPerson).refuse, now);
        assert_eq!(of(60, 20, 1).moments(Asked::ByThePlatform).refuse, now + Duration::from_secs(20));
    }

    #[test]
    fn a_connection_is_kept_for_longer_than_by_whoever_stands_before_the_server() {
        for idle in [1, 60, 4_000] {
            assert!(of(10, 0, idle).idle > Duration::from_secs(idle));
        }
        assert!(
            Times::of(None, None, None).idle > Duration::from_secs(60),
            "a load balancer's, unless it is told otherwise"
        );
    }

    #[test]
    fn cloud_run_kills_after_ten_seconds() {
        let times = Times::of(None, None, None);
        assert_eq!((times.stop, times.linger), (Duration::from_secs(9), Duration::ZERO));
    }
}
