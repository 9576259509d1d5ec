//! Time in a rehearsal: whoever sleeps longest wakes last, and nobody waits for it.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use mcp_cloud_emulator::aws::Account;

/// How often the others get a turn before this thread rests; then somebody waits for something of this machine.
const TURNS: u32 = 200;
/// What this thread rests.
const REST: Duration = Duration::from_millis(1);
/// For how long one who sleeps longer is waited for, in real time; they may have been forgotten.
const PATIENCE: Duration = Duration::from_secs(2);

/// The account's time. While a program of this machine is at work on an answer, it is the machine's time.
#[derive(Clone)]
pub(super) struct AccountTime {
    account: Account,
    busy: Arc<AtomicUsize>,
    sleepers: Arc<Mutex<Sleepers>>,
}

#[derive(Debug, Default)]
struct Sleepers {
    now: Duration,
    next: u64,
    /// When they wake, and who.
    waking: BTreeSet<(Duration, u64)>,
}

impl fmt::Debug for AccountTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountTime").finish_non_exhaustive()
    }
}

impl AccountTime {
    /// The time of this account; `busy` counts the programs that are at work.
    pub(super) fn new(account: Account, busy: Arc<AtomicUsize>) -> Self {
        Self { account, busy, sleepers: Arc::default() }
    }

    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pass(self, duration: Duration) {
        let bed = Bed::new(self.clone(), duration);
        let started = Instant::now();
        for turn in 0.. {
            // Whoever is awake does what they can first.
            tokio::task::yield_now().await;
            if self.busy.load(Ordering::SeqCst) > 0 {
                if started.elapsed() >= duration {
                    return;
                }
            } else if bed.is_first() || started.elapsed() >= PATIENCE {
                return bed.wake();
            }
            if turn >= TURNS {
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// A place among those who sleep; it is given up by waking, and by not being waited for any more.
struct Bed {
    time: AccountTime,
    place: (Duration, u64),
}

impl Bed {
    fn new(time: AccountTime, duration: Duration) -> Self {
        let mut sleepers = time.sleepers();
        sleepers.next += 1;
        let place = (sleepers.now.saturating_add(duration), sleepers.next);
        sleepers.waking.insert(place);
        drop(sleepers);
        Self { time, place }
    }

    fn is_first(&self) -> bool {
        self.time.sleepers().waking.first() == Some(&self.place)
    }

    fn wake(self) {
        let mut sleepers = self.time.sleepers();
        let passed = self.place.0.saturating_sub(sleepers.now);
        sleepers.now += passed;
        drop(sleepers);
        self.time.account.pass(passed);
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.time.sleepers().waking.remove(&self.place);
    }
}

impl AsyncSleep for AccountTime {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(self.clone().pass(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleepers_wake_in_the_order_of_their_time_and_nobody_waits() {
        let time = AccountTime::new(Account::new("123456789012", "eu-west-1"), Arc::default());
        let begun = Instant::now();
        let woken = Mutex::new(Vec::new());
        let sleep = async |hours: u64| {
            time.sleep(Duration::from_secs(3600 * hours)).await;
            woken.lock().expect("nobody panicked with it").push(hours);
        };
        tokio::join!(sleep(3), sleep(1), async {
            sleep(2).await;
            sleep(2).await;
        });
        assert_eq!(woken.into_inner().expect("nobody panicked with it"), [1, 2, 3, 2]);
        assert!(begun.elapsed() < Duration::from_secs(60));
    }

    #[tokio::test]
    async fn who_is_not_waited_for_holds_nobody_up() {
        let time = AccountTime::new(Account::new("123456789012", "eu-west-1"), Arc::default());
        tokio::select! {
            biased;
            () = time.sleep(Duration::from_secs(1)) => {}
            () = std::future::ready(()) => {}
        }
        time.sleep(Duration::from_secs(5)).await;
        assert!(time.sleepers().waking.is_empty());
        assert_eq!(time.sleepers().now, Duration::from_secs(5));
    }
}
