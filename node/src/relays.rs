//! Which relays this node uses: those of its configuration first, then those of the community.

use std::collections::BTreeMap;

use linli_net::RelaySettings;
use linli_replica::directory::Directory;
use linli_replica::id::Timestamp;
use linli_replica::limits::RELAYS_MAX;
use linli_replica::relays::{self, RelayTold};

use crate::config::{self, Config, ConfigError, RelaysFrom};
use crate::node::{Node, now};

/// The relays of a node.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    configured: Vec<RelaySettings>,
    /// By the inviter, when this node joined.
    told: Vec<RelayTold>,
    from: RelaysFrom,
    used: Vec<RelaySettings>,
}

impl Relays {
    /// Those of the configuration, and those of the community as the directory has them at `at`.
    ///
    /// # Errors
    /// When a file with an authority's certificate cannot be read.
    pub(crate) fn new(
        config: &Config,
        told: &[RelayTold],
        directory: Option<(&Directory, Timestamp)>,
    ) -> Result<Self, ConfigError> {
        let configured = config.relays.iter().map(settings).collect::<Result<_, _>>()?;
        let from = config.relays_from;
        let mut relays = Self { configured, told: told.to_vec(), from, used: Vec::new() };
        relays.used = relays.list(directory);
        Ok(relays)
    }

    /// The relays to use, each once; what one source does not say of a relay another may.
    fn list(&self, directory: Option<(&Directory, Timestamp)>) -> Vec<RelaySettings> {
        let published = directory.map_or_else(Vec::new, |(directory, at)| {
            relays::relays(directory, at).into_iter().map(|(_, told)| told).collect()
        });
        let told = match self.from {
            RelaysFrom::Configured => Vec::new(),
            // What the inviter said may be old, and what is published may be wrong: the way to hear of
            // either is a relay that works.
            RelaysFrom::Community => [published, self.told.clone()].concat(),
        };
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut list: Vec<RelaySettings> = Vec::new();
        let told = told.iter().take(RELAYS_MAX).map(of);
        for relay in self.configured.iter().cloned().chain(told) {
            // The configuration's was checked; of the others' URLs those that make no sense are left out.
            let Ok(url) = relay.normal_url() else { continue };
            match places.get(&url).and_then(|place| list.get_mut(*place)) {
                Some(known) => {
                    known.quic_port = known.quic_port.or(relay.quic_port);
                    known.pin = known.pin.or(relay.pin);
                }
                None => {
                    places.insert(url, list.len());
                    list.push(relay);
                }
            }
        }
        list
    }

    /// Those in use.
    pub(crate) fn used(&self) -> &[RelaySettings] {
        &self.used
    }

    /// The URLs of those in use.
    pub(crate) fn urls(&self) -> Vec<String> {
        self.used.iter().map(|relay| relay.url.clone()).collect()
    }

    /// Those in use, as a joiner is told of them: bearer tokens are this node's own.
    pub(crate) fn told(&self) -> Vec<RelayTold> {
        let told = |relay: &RelaySettings| RelayTold {
            url: relay.url.clone(),
            quic_port: relay.quic_port,
            pin: relay.pin.map(Into::into),
        };
        self.used.iter().map(told).filter(RelayTold::is_sound).take(RELAYS_MAX).collect()
    }
}

fn of(told: &RelayTold) -> RelaySettings {
    let (quic_port, pin) = (told.quic_port, told.pin.as_ref().map(|pin| **pin));
    RelaySettings { quic_port, pin, ..RelaySettings::new(&told.url) }
}

fn settings(relay: &config::Relay) -> Result<RelaySettings, ConfigError> {
    let (auth_token, quic_port) = (relay.token.clone(), relay.quic_port);
    Ok(RelaySettings {
        auth_token,
        quic_port,
        pin: relay.known_by()?,
        ..RelaySettings::new(&relay.url)
    })
}

/// Uses the relays that the directory names at this moment.
pub(crate) fn follow(node: &mut Node) {
    let list = node.relays.list(Some((node.replica.directory(), now())));
    if list == node.relays.used {
        return;
    }
    match node.net.set_relays(&list) {
        Ok(()) => {
            tracing::info!(relays = list.len(), "uses other relays");
            node.relays.used = list;
        }
        Err(error) => tracing::error!(%error, "the relays could not be changed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://relay.example";

    fn told(url: &str) -> RelayTold {
        RelayTold { url: url.to_owned(), quic_port: Some(7842), pin: Some([7; 32].into()) }
    }

    fn configured(from: RelaysFrom) -> Config {
        let url = URL.to_owned();
        let named = config::Relay {
            url,
            token: Some("t".to_owned()),
            quic_port: None,
            ca_file: None,
            pin: None,
        };
        Config { relays: vec![named], relays_from: from, ..Config::default() }
    }

    #[test]
    fn what_the_inviter_said_is_used_beside_what_is_configured() {
        let inviter = [told("http://10.0.0.2:3340"), told("no url")];
        let urls = |config: &Config| Relays::new(config, &inviter, None).unwrap().urls();
        assert_eq!(urls(&Config::default()), ["http://10.0.0.2:3340"]);
        assert_eq!(urls(&configured(RelaysFrom::Community)), [URL, "http://10.0.0.2:3340"]);
        assert_eq!(urls(&configured(RelaysFrom::Configured)), [URL]);
        let none = Config { relays_from: RelaysFrom::Configured, ..Config::default() };
        assert_eq!(urls(&none), Vec::<String>::new());
    }

    #[test]
    fn one_relay_is_used_once_with_all_that_is_known_of_it() {
        let inviter = [told("https://relay.example:443/")];
        let relays = Relays::new(&configured(RelaysFrom::Community), &inviter, None).unwrap();
        let [relay] = relays.used() else { panic!("{relays:?}") };
        assert_eq!(relay.auth_token.as_deref(), Some("t"));
        assert_eq!((relay.quic_port, relay.pin), (Some(7842), Some([7; 32])));
        assert_eq!(relays.told(), [RelayTold { url: URL.to_owned(), ..told(URL) }]);
    }
}
