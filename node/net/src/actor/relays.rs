//! This node's relays: which there are, and a hurry to leave the home relay when it fails.
//!
//! iroh compares relays every 20 to 26 s and moves then. Somebody's alarm does not wait for that: when the home relay
//! is away for three seconds they are compared at once, and one that can be reached but takes no connection is set aside
//! for a minute, where there is another.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use iroh::{RelayConfig, RelayUrl, Watcher as _};
use tokio::time::Instant;

use super::Actor;
use crate::{
    dial::Peer,
    limits::{RELAY_ASIDE, RELAY_COMPARE_INTERVAL, RELAY_GRACE, RELAY_STUCK},
    sync::locked,
};

/// What is to be done about the relays.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Compare all of them.
    Compare,
    /// Use this one no more for a while.
    SetAside(RelayUrl),
    /// Use this one again.
    TakeBack(RelayUrl),
    /// Another one is home: whoever could not be reached may be now.
    Moved,
}

/// How the home relay stands. Pure: time is an argument.
#[derive(Debug, Default)]
pub(super) struct Home {
    /// The one that was connected last.
    last: Option<RelayUrl>,
    down_since: Option<Instant>,
    compared_at: Option<Instant>,
    /// A link through this relay fell silent: the relay may have, and TCP takes long to notice.
    doubted: Option<String>,
    aside: Option<(RelayUrl, Instant)>,
}

impl Home {
    /// A link through this relay fell silent.
    pub(super) fn doubt(&mut self, url: String) {
        self.doubted = Some(url);
    }

    /// What is to be done, with so many relays, while this one is home and connected or not.
    fn step(
        &mut self,
        now: Instant,
        relays: usize,
        home: Option<(RelayUrl, bool)>,
    ) -> Option<Step> {
        if let Some((url, _)) = self.aside.take_if(|(_, since)| now - *since >= RELAY_ASIDE) {
            return Some(Step::TakeBack(url));
        }
        let url = match home {
            Some((url, true)) => {
                self.down_since = None;
                let doubted = self.doubted.take().is_some_and(|doubted| doubted == url.as_str());
                let moved = self.last.as_ref().is_some_and(|last| *last != url);
                self.last = Some(url);
                let compare = doubted && relays > 1 && self.may_compare(now);
                return if moved { Some(Step::Moved) } else { compare.then_some(Step::Compare) };
            }
            Some((url, false)) => Some(url),
            None => None,
        };
        let down = now - *self.down_since.get_or_insert(now);
        if down < RELAY_GRACE || relays == 0 {
            return None;
        }
        if let Some(url) = url.filter(|_| down >= RELAY_STUCK && relays > 1 && self.aside.is_none())
        {
            self.down_since = Some(now);
            self.aside = Some((url.clone(), now));
            return Some(Step::SetAside(url));
        }
        self.may_compare(now).then_some(Step::Compare)
    }

    /// Says whether relays may be compared out of turn, and that they are then.
    fn may_compare(&mut self, now: Instant) -> bool {
        let may = self.compared_at.is_none_or(|at| now - at >= RELAY_COMPARE_INTERVAL);
        if may {
            self.compared_at = Some(now);
        }
        may
    }
}

impl Actor {
    /// Uses these relays from now on.
    pub(super) async fn set_relays(&mut self, relays: Vec<RelayConfig>) {
        let of = |relay: RelayConfig| (relay.url.clone(), Arc::new(relay));
        let relays: BTreeMap<_, _> = relays.into_iter().map(of).collect();
        let old = std::mem::replace(&mut self.relays, relays.clone());
        if old == relays {
            return;
        }
        let discovering = relays.values().any(|relay| relay.quic.is_some());
        self.shared.discovering.store(discovering, Ordering::Relaxed);
        *locked(&self.shared.own_relays) = relays.keys().cloned().collect();
        self.home.aside.take_if(|(url, _)| !relays.contains_key(url));
        for gone in old.keys().filter(|url| !relays.contains_key(*url)) {
            self.endpoint.remove_relay(gone).await;
        }
        for (url, relay) in relays.into_iter().filter(|(url, new)| old.get(url) != Some(new)) {
            self.endpoint.insert_relay(url, relay).await;
        }
        for peer in locked(&self.shared.peers).values_mut() {
            peer.addresses_changed();
        }
    }

    /// Looks after the home relay, once a second.
    pub(super) async fn watch_home_relay(&mut self) {
        let home = self.endpoint.home_relay_status().get();
        let home = home.first().map(|status| (status.url().clone(), status.is_connected()));
        let Some(step) = self.home.step(Instant::now(), self.relays.len(), home) else { return };
        tracing::debug!(?step, "about the home relay");
        match step {
            Step::Compare => self.compare_relays().await,
            Step::SetAside(url) => drop(self.endpoint.remove_relay(&url).await),
            Step::TakeBack(url) => {
                if let Some(relay) = self.relays.get(&url) {
                    self.endpoint.insert_relay(url, Arc::clone(relay)).await;
                }
            }
            Step::Moved => {
                locked(&self.shared.peers).values_mut().for_each(Peer::network_is_back);
            }
        }
    }

    /// Makes iroh compare the relays now: it does so whenever one is put in, be it there already.
    async fn compare_relays(&self) {
        let aside = self.home.aside.as_ref().map(|(url, _)| url);
        if let Some((url, relay)) = self.relays.iter().find(|(url, _)| Some(*url) != aside) {
            self.endpoint.insert_relay(url.clone(), Arc::clone(relay)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn url(name: &str) -> RelayUrl {
        format!("https://{name}.example").parse().unwrap()
    }

    /// Steps second by second; returns what was to be done, and when.
    fn steps(
        home: &mut Home,
        relays: usize,
        seconds: u64,
        stands: Option<(&str, bool)>,
    ) -> Vec<(u64, Step)> {
        let begun = home.compared_at.unwrap_or_else(Instant::now) + RELAY_COMPARE_INTERVAL;
        let stands = stands.map(|(name, connected)| (url(name), connected));
        let step = |second| {
            let now = begun + Duration::from_secs(second);
            Some((second, home.step(now, relays, stands.clone())?))
        };
        (0..seconds).filter_map(step).collect()
    }

    #[test]
    fn a_home_relay_that_stands_is_left_alone() {
        assert_eq!(steps(&mut Home::default(), 2, 600, Some(("a", true))), []);
        assert_eq!(
            steps(&mut Home::default(), 2, 3, Some(("a", false))),
            [],
            "a moment is nothing"
        );
        assert_eq!(steps(&mut Home::default(), 0, 600, None), []);
    }

    #[test]
    fn relays_are_compared_when_the_home_relay_is_gone_and_again_while_it_is() {
        let mut home = Home::default();
        assert_eq!(
            steps(&mut home, 1, 14, Some(("a", false))),
            [(3, Step::Compare), (13, Step::Compare)]
        );
        assert_eq!(steps(&mut Home::default(), 2, 4, None), [(3, Step::Compare)]);
    }

    #[test]
    fn a_relay_that_lets_nobody_in_is_set_aside_unless_it_is_the_last() {
        let mut home = Home::default();
        let out = steps(&mut home, 2, 80, Some(("a", false)));
        let aside = out.iter().position(|(_, step)| *step == Step::SetAside(url("a"))).unwrap();
        let back = out.iter().position(|(_, step)| *step == Step::TakeBack(url("a"))).unwrap();
        assert_eq!(out[back].0 - out[aside].0, RELAY_ASIDE.as_secs());
        let alone = steps(&mut Home::default(), 1, 600, Some(("a", false)));
        assert!(alone.iter().all(|(_, step)| *step == Step::Compare), "{alone:?}");
    }

    #[test]
    fn a_relay_behind_which_a_link_fell_silent_is_compared_with_the_others() {
        let stands = |home: &mut Home, relays| steps(home, relays, 3, Some(("a", true)));
        for (relays, expected) in [(1, vec![]), (2, vec![(0, Step::Compare)])] {
            let mut home = Home::default();
            home.doubt(url("a").to_string());
            assert_eq!(stands(&mut home, relays), expected);
            assert_eq!(stands(&mut home, relays), [], "once");
        }
        let mut home = Home::default();
        home.doubt(url("b").to_string());
        assert_eq!(stands(&mut home, 2), [], "it is not home");
    }

    #[test]
    fn another_home_means_that_others_may_be_reached() {
        let mut home = Home::default();
        assert_eq!(steps(&mut home, 2, 2, Some(("a", true))), []);
        assert_eq!(steps(&mut home, 2, 2, Some(("b", true))), [(0, Step::Moved)]);
    }
}
