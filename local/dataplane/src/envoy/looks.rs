//! Looking at a condition again and again.

use std::time::Duration;

use tokio::time::sleep;

/// Pauses between looks, each twice as long as the one before: many who wait at the same time leave the machine to what they
/// wait for.
#[derive(Debug)]
pub(super) struct Looks {
    next: Duration,
    longest: Duration,
}

impl Looks {
    /// Pauses that begin with `first` and never exceed `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    /// Waits until the next look.
    pub async fn pause(&mut self) {
        sleep(self.advance()).await;
    }

    fn advance(&mut self) -> Duration {
        let now = self.next;
        self.next = (now * 2).min(self.longest);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_become_rarer_up_to_the_longest_pause() {
        let mut looks = Looks::new(Duration::from_millis(5), Duration::from_millis(30));
        let pauses: Vec<_> = (0..5).map(|_| looks.advance().as_millis()).collect();
        assert_eq!(pauses, [5, 10, 20, 30, 30]);
    }
}
