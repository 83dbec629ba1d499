//! When a store that failed is tried again: after 1, 2, 4 … 60 seconds.

use crate::limits::{STORE_RETRY_S_MAX, WANTS_MAX};

/// Counts ticks, not the clock, which may be set back.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff {
    /// Ticks until the next attempt.
    left: u32,
    /// Ticks waited after the last failure; zero where nothing failed since something was stored.
    wait: u32,
}

impl Backoff {
    /// Something could not be stored. What was on its way beside it fails for the same reason.
    pub(crate) fn failed(&mut self) {
        if self.left == 0 {
            self.wait = self.wait.saturating_mul(2).clamp(1, STORE_RETRY_S_MAX);
            self.left = self.wait;
        }
    }

    /// Something was stored.
    pub(crate) const fn worked(&mut self) {
        (self.left, self.wait) = (0, 0);
    }

    pub(crate) const fn tick(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    /// Says whether nothing is to be asked for now.
    pub(crate) const fn waits(&self) -> bool {
        self.left > 0
    }

    /// How many logs may be asked of a peer at once: one to try with, until it was stored.
    pub(crate) const fn window(&self) -> usize {
        match (self.left, self.wait) {
            (0, 0) => WANTS_MAX,
            (0, _) => 1,
            (..) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_rarer_until_one_succeeds() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.window(), WANTS_MAX);
        let mut waited = Vec::new();
        for _ in 0..8 {
            backoff.failed();
            backoff.failed();
            let mut ticks = 0;
            while backoff.waits() {
                assert_eq!(backoff.window(), 0);
                backoff.tick();
                ticks += 1;
            }
            assert_eq!(backoff.window(), 1);
            waited.push(ticks);
        }
        assert_eq!(waited, [1, 2, 4, 8, 16, 32, 60, 60]);
        backoff.worked();
        assert_eq!(backoff.window(), WANTS_MAX);
    }
}
