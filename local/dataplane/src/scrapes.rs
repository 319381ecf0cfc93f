//! What the CloudWatch agent makes of the counters that it scrapes: the first scrape of a task sets the baseline, each
//! later one gives what was counted since, stamped with its own time. Time is an argument here, so no test waits.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, SystemTime};

use crate::stats::{Classes, Series, since};

/// Series in one PutMetricData, which takes at most 1000 data; each series has one per class.
const LARGEST_BATCH: usize = 1000 / 5;
/// Batches kept while CloudWatch cannot be reached; older ones are dropped, as the agent drops them.
const MOST_WAITING: usize = 4096;

/// One scrape of one Envoy.
#[derive(Debug, Clone)]
pub struct Scraped {
    /// The task's id.
    pub task: String,
    /// What its counts are published under.
    pub series: Series,
    /// The counters, or `None` if Envoy did not answer.
    pub counters: Option<Classes>,
}

/// Counts of one scrape, to be published together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The time of the scrape.
    pub at: SystemTime,
    /// Counts by series.
    pub counts: Vec<(Series, Classes)>,
}

/// Baselines of the running tasks, and the batches that are not published yet.
#[derive(Debug, Default)]
pub struct Scrapes {
    baselines: BTreeMap<String, Classes>,
    waiting: VecDeque<Batch>,
}

impl Scrapes {
    /// Adds the scrapes that were made of all running tasks at `at`. A task that is not among them has ended, and what it
    /// counted since its last scrape is lost.
    pub fn add(&mut self, at: SystemTime, scraped: Vec<Scraped>) {
        let before = std::mem::take(&mut self.baselines);
        let mut counts: BTreeMap<Series, Classes> = BTreeMap::new();
        for Scraped { task, series, counters } in scraped {
            let baseline = before.get(&task).copied();
            if let (Some(old), Some(new)) = (baseline, counters) {
                let sums = counts.entry(series).or_default();
                *sums = std::array::from_fn(|class| sums[class] + since(old[class], new[class]));
            }
            if let Some(known) = counters.or(baseline) {
                self.baselines.insert(task, known);
            }
        }
        let counts: Vec<_> = counts.into_iter().collect();
        self.waiting.extend(counts.chunks(LARGEST_BATCH).map(|counts| Batch { at, counts: counts.to_vec() }));
        let excess = self.waiting.len().saturating_sub(MOST_WAITING);
        self.waiting.drain(..excess);
    }

    /// The oldest batch, if its scrape is at least `delay` old at `now`.
    pub fn due(&self, now: SystemTime, delay: Duration) -> Option<&Batch> {
        let oldest = self.waiting.front()?;
        (oldest.at + delay <= now).then_some(oldest)
    }

    /// Removes `batch`, which was published, unless it was dropped meanwhile.
    pub fn published(&mut self, batch: &Batch) {
        if self.waiting.front() == Some(batch) {
            self.waiting.pop_front();
        }
    }
}

/// The next time to scrape after `now`: the middle of a data point's period, so that each period has exactly one scrape.
pub fn next_scrape(now: SystemTime, period: Duration) -> SystemTime {
    let elapsed = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let period = period.as_millis().max(1);
    let behind = (elapsed.as_millis() + period / 2) % period;
    let wait = u64::try_from(period - behind).unwrap_or(u64::MAX);
    now + Duration::from_millis(wait)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::stats::Labels;

    const AS_SLOW_AS_AWS: Duration = Duration::from_secs(120);

    fn series(node: &str) -> Series {
        Series { labels: Labels { cluster: "demo".into(), family: "shop".into() }, node: node.into() }
    }

    fn scraped(task: &str, good: u64, bad: u64) -> Scraped {
        Scraped { task: task.into(), series: series("shop-1"), counters: Some([0, good, 0, 0, bad]) }
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn taken(scrapes: &mut Scrapes, now: SystemTime, delay: Duration) -> Vec<Batch> {
        let mut batches = Vec::new();
        while let Some(batch) = scrapes.due(now, delay).cloned() {
            scrapes.published(&batch);
            batches.push(batch);
        }
        batches
    }

    fn batch(seconds: u64, good: u64, bad: u64) -> Batch {
        Batch { at: at(seconds), counts: vec![(series("shop-1"), [0, good, 0, 0, bad])] }
    }

    #[test]
    fn as_slow_as_aws_a_minute_is_published_two_minutes_after_its_scrape() {
        let mut scrapes = Scrapes::default();
        scrapes.add(at(30), vec![scraped("a", 40, 4)]);
        scrapes.add(at(90), vec![scraped("a", 100, 5)]);
        assert_eq!(scrapes.due(at(209), AS_SLOW_AS_AWS), None);
        // The baseline's 44 requests are nobody's.
        assert_eq!(taken(&mut scrapes, at(210), AS_SLOW_AS_AWS), [batch(90, 60, 1)]);
        scrapes.add(at(150), vec![scraped("a", 100, 5)]);
        assert_eq!(taken(&mut scrapes, at(270), AS_SLOW_AS_AWS), [batch(150, 0, 0)], "a quiet task is zeros");
    }

    #[test]
    fn a_task_that_ends_loses_what_was_not_scraped_and_the_next_one_begins_with_a_baseline() {
        let mut scrapes = Scrapes::default();
        scrapes.add(at(1), vec![scraped("a", 10, 0)]);
        scrapes.add(at(2), vec![]);
        scrapes.add(at(3), vec![scraped("b", 7, 0)]);
        scrapes.add(at(4), vec![scraped("b", 9, 1)]);
        assert_eq!(taken(&mut scrapes, at(4), Duration::ZERO), [batch(4, 2, 1)]);
    }

    #[test]
    fn an_envoy_that_does_not_answer_once_gives_everything_at_its_next_scrape() {
        let mut scrapes = Scrapes::default();
        scrapes.add(at(1), vec![scraped("a", 10, 0)]);
        scrapes.add(at(2), vec![Scraped { counters: None, ..scraped("a", 0, 0) }]);
        scrapes.add(at(3), vec![scraped("a", 16, 0)]);
        assert_eq!(taken(&mut scrapes, at(3), Duration::ZERO), [batch(3, 6, 0)]);
    }

    #[test]
    fn tasks_of_a_node_add_up_and_a_counter_that_begins_again_counts_from_zero() {
        let mut scrapes = Scrapes::default();
        scrapes.add(at(1), vec![scraped("a", 10, 0), scraped("b", 5, 0)]);
        scrapes.add(at(2), vec![scraped("a", 12, 0), scraped("b", 3, 0)]);
        assert_eq!(taken(&mut scrapes, at(2), Duration::ZERO), [batch(2, 5, 0)]);
    }

    #[test]
    fn what_cannot_be_published_waits_and_is_bounded() {
        let mut scrapes = Scrapes::default();
        for second in 0..=MOST_WAITING as u64 + 10 {
            scrapes.add(at(second), vec![scraped("a", second, 0)]);
        }
        let waiting = taken(&mut scrapes, at(10_000), Duration::ZERO);
        assert_eq!((waiting.len(), waiting[0].at), (MOST_WAITING, at(11)));
    }

    #[test]
    fn every_period_has_one_scrape_in_its_middle() {
        let minute = Duration::from_secs(60);
        assert_eq!(next_scrape(at(120), minute), at(150));
        assert_eq!(next_scrape(at(149), minute), at(150));
        assert_eq!(next_scrape(at(150), minute), at(210));
        let second = Duration::from_secs(1);
        let half = Duration::from_millis(500);
        assert_eq!(next_scrape(at(7), second), at(7) + half);
        assert_eq!(next_scrape(at(7) + half, second), at(8) + half);
    }
}
