//! Which events are new to somebody who asks again and again. Pure: no network, no clock.

use std::collections::{BTreeMap, BTreeSet};

use super::LogEvent;

/// How late an event may come after younger ones: instances send theirs in batches, and CloudWatch Logs takes a while.
const LATE_MILLISECONDS: i64 = 60_000;

/// What has been told so far, as far back as an event may come late. Each event is told once, whatever the pages it comes
/// in.
#[derive(Debug, Clone)]
pub struct Window {
    /// Where the question after this one begins, in milliseconds since 1970.
    since: i64,
    newest: i64,
    /// The ids of what was told, by time.
    told: BTreeMap<i64, BTreeSet<String>>,
}

impl Window {
    /// Begins with events of this time, in milliseconds since 1970.
    #[must_use]
    pub fn new(since: i64) -> Self {
        Self { since, newest: since, told: BTreeMap::new() }
    }

    /// From when on to ask, in milliseconds since 1970.
    #[must_use]
    pub fn since(&self) -> i64 {
        self.since
    }

    /// Takes the answer to a question, in any order and with repetitions, and returns what is new in the order of time.
    pub fn take(&mut self, events: Vec<LogEvent>) -> Vec<LogEvent> {
        let mut new: Vec<_> = events
            .into_iter()
            .filter(|event| event.timestamp >= self.since)
            .filter(|event| self.told.entry(event.timestamp).or_default().insert(identity(event)))
            .collect();
        new.sort_by_key(LogEvent::order);
        if let Some(last) = new.last() {
            self.newest = self.newest.max(last.timestamp);
        }
        self.since = self.since.max(self.newest.saturating_sub(LATE_MILLISECONDS));
        self.told = self.told.split_off(&self.since);
        new
    }
}

/// An event without an id, as some emulators send them, is told from others by all that is known of it.
fn identity(event: &LogEvent) -> String {
    let LogEvent { group, stream, id, ingested, message, .. } = event;
    if id.is_empty() { format!("{group}\n{stream}\n{ingested}\n{message}") } else { format!("{group}\n{id}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(timestamp: i64, id: &str) -> LogEvent {
        LogEvent { timestamp, id: id.to_owned(), ..LogEvent::default() }
    }

    fn ids(events: &[LogEvent]) -> Vec<&str> {
        events.iter().map(|event| event.id.as_str()).collect()
    }

    #[test]
    fn event_that_comes_late_is_told_and_none_is_told_twice() {
        let mut window = Window::new(0);
        assert_eq!(ids(&window.take(vec![event(100_000, "b"), event(90_000, "a")])), ["a", "b"]);
        assert_eq!(window.since(), 40_000);
        assert_eq!(ids(&window.take(vec![event(40_000, "late"), event(90_000, "a"), event(100_000, "b")])), ["late"]);
        assert!(window.take(vec![event(40_000, "late")]).is_empty());
    }

    #[test]
    fn what_is_told_is_forgotten_once_it_cannot_come_again() {
        let mut window = Window::new(0);
        for minute in 0..100 {
            let _ = window.take(vec![event(minute * 60_000, &minute.to_string())]);
        }
        assert!(window.told.len() <= 2, "{:?}", window.told);
    }

    #[test]
    fn events_without_an_id_are_told_apart_by_what_they_say() {
        let mut window = Window::new(0);
        let says = |message: &str| LogEvent { message: message.to_owned(), timestamp: 5, ..LogEvent::default() };
        assert_eq!(window.take(vec![says("a"), says("b"), says("a")]).len(), 2);
        assert!(window.take(vec![says("b")]).is_empty());
    }

    proptest! {
        #[test]
        fn every_event_within_a_minute_is_told_exactly_once(
            arrivals in proptest::collection::vec((0..60_000_i64, 0..40_usize, any::<bool>()), 1..80),
        ) {
            // Event number `index` happens at its time and may be seen in several answers, whatever their order.
            let mut window = Window::new(0);
            let mut told = Vec::new();
            for answer in arrivals.chunks(7) {
                let events = answer.iter().flat_map(|(time, index, twice)| {
                    let event = event(*time, &format!("{time}-{index}"));
                    std::iter::repeat_n(event, if *twice { 2 } else { 1 })
                });
                told.extend(window.take(events.collect()).into_iter().map(|event| event.id));
            }
            let mut expected: Vec<_> = arrivals.iter().map(|(time, index, _)| format!("{time}-{index}")).collect();
            expected.sort();
            expected.dedup();
            told.sort();
            prop_assert_eq!(told, expected);
        }

        #[test]
        fn any_times_are_taken(times in proptest::collection::vec(any::<i64>(), 0..20), since in any::<i64>()) {
            let mut window = Window::new(since);
            let new = window.take(times.iter().map(|time| event(*time, &time.to_string())).collect());
            prop_assert!(new.windows(2).all(|pair| pair[0].timestamp <= pair[1].timestamp));
            prop_assert!(window.since() >= since);
        }
    }
}
