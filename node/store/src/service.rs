//! What the service manager is told (`sd_notify(3)`): nothing where none asks.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// Tells the service manager how this process is.
#[derive(Debug)]
pub struct Service {
    /// How often it wants to hear that the process lives.
    every: Option<Duration>,
    told: Option<Instant>,
}

impl Default for Service {
    fn default() -> Self {
        Self { every: sd_notify::watchdog_enabled(), told: None }
    }
}

impl Service {
    /// Says that the process does its work, or what it waits for.
    pub fn ready(&self, status: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// Says that the process lives, as often as is asked for. To be called by the loop that would hang.
    pub fn alive(&mut self) {
        let Some(every) = self.every else { return };
        if self.told.is_none_or(|told| told.elapsed() >= every / 4) {
            self.told = Some(Instant::now());
            tell(&[NotifyState::Watchdog]);
        }
    }

    /// Says that the process is about to end.
    pub fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager could not be told");
    }
}
