//! When the requests of an open loop are due.

use std::time::{Duration, Instant};

/// A thread's part of the load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share {
    /// Requests in a second, of all threads together.
    pub(super) rate: f64,
    /// Which thread this is, from 0.
    pub(super) number: usize,
    /// How many threads there are.
    pub(super) count: usize,
}

/// The moments of one thread's requests: evenly spaced, and set before the first is sent. A late
/// reply moves none of them.
#[derive(Debug)]
pub(super) struct Schedule {
    first: Instant,
    interval: Duration,
    total: u64,
    next: u64,
}

impl Schedule {
    /// The moments from `start` on, for so long.
    pub(super) fn new(share: Share, start: Instant, time: Duration) -> Schedule {
        // A rate is at least one request in the time of the run, and at most one a nanosecond.
        let gap = Duration::from_secs_f64((1.0 / share.rate).clamp(1e-9, time.as_secs_f64()));
        let count = u32::try_from(share.count).unwrap_or(u32::MAX);
        let number = u32::try_from(share.number).unwrap_or(u32::MAX);
        let (interval, offset) = (gap * count, gap * (number + 1));
        let total = match time.checked_sub(offset) {
            Some(rest) => rest.as_nanos() / interval.as_nanos() + 1,
            None => 0,
        };
        let total = u64::try_from(total).unwrap_or(u64::MAX).min(super::MOST_REQUESTS);
        Schedule { first: start + offset, interval, total, next: 0 }
    }

    /// The first moment, and the time from one to the next.
    pub(super) fn grid(&self) -> (Instant, Duration) {
        (self.first, self.interval)
    }

    /// The moment of the next request, if there is one to come.
    pub(super) fn peek(&self) -> Option<Instant> {
        let offset = u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX) * self.next;
        (self.next < self.total).then(|| self.first + Duration::from_nanos(offset))
    }

    /// Takes the next request if its moment has come.
    pub(super) fn take(&mut self, now: Instant) -> Option<Instant> {
        let moment = self.peek().filter(|moment| *moment <= now)?;
        self.next += 1;
        Some(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(rate: f64, number: usize, count: usize, millis: u64) -> Vec<Duration> {
        let start = Instant::now();
        let share = Share { rate, number, count };
        let mut schedule = Schedule::new(share, start, Duration::from_millis(millis));
        let late = start + Duration::from_hours(1);
        std::iter::from_fn(|| schedule.take(late)).map(|moment| moment - start).collect()
    }

    #[test]
    fn the_moments_are_evenly_spaced_and_as_many_as_the_rate_says() {
        let found = moments(100.0, 0, 1, 50);
        let expected: Vec<_> = (1..=5).map(|n| Duration::from_millis(10 * n)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn threads_take_turns() {
        let mut all = [moments(1000.0, 0, 3, 30), moments(1000.0, 1, 3, 30)].concat();
        all.extend(moments(1000.0, 2, 3, 30));
        all.sort();
        assert_eq!(all, moments(1000.0, 0, 1, 30));
    }

    #[test]
    fn nothing_is_due_before_its_moment_and_everything_after_it() {
        let start = Instant::now();
        let share = Share { rate: 10.0, number: 0, count: 1 };
        let mut schedule = Schedule::new(share, start, Duration::from_secs(1));
        assert_eq!(schedule.take(start + Duration::from_millis(99)), None);
        let stalled = start + Duration::from_millis(350);
        let due: Vec<_> = std::iter::from_fn(|| schedule.take(stalled)).collect();
        assert_eq!(due.len(), 3);
        assert_eq!(due[0], start + Duration::from_millis(100), "not the moment of its sending");
    }

    #[test]
    fn a_rate_that_is_too_low_for_the_time_still_asks_once() {
        assert_eq!(moments(0.001, 0, 1, 20).len(), 1);
    }
}
