//! The `LINLI_*` variables, read in one place.

use std::{collections::BTreeMap, ffi::OsString, net::SocketAddr, path::PathBuf, str::FromStr};

use super::{Config, ConfigError, LogFormat, Relay, RelaysFrom, StaticPeer, parse};

/// The variables that stand over keys of the configuration: the name and the key.
pub const VARIABLES: [(&str, &str); 20] = [
    ("LINLI_LISTEN", "listen"),
    ("LINLI_PREFIX_LENGTH", "prefix_length"),
    ("LINLI_ROTATE_DAYS", "rotate_days"),
    ("LINLI_RELAY_ONLY", "relay_only"),
    ("LINLI_MDNS", "mdns"),
    ("LINLI_API", "api"),
    ("LINLI_DESK_LOCK_MINUTES", "desk_lock_minutes"),
    ("LINLI_OPEN_CARD_AFTER_SECONDS", "open_card_after_seconds"),
    ("LINLI_SILENT_AFTER_SECONDS", "silent_after_seconds"),
    ("LINLI_CONTACT_DAYS", "contact_days"),
    ("LINLI_TABLETS", "tablets.listen"),
    ("LINLI_TABLETS_PHONE", "tablets.phone"),
    ("LINLI_LOG", "log.filter"),
    ("LINLI_LOG_FORMAT", "log.format"),
    ("LINLI_RELAYS", "relays.url"),
    ("LINLI_RELAY_TOKEN", "relays.token"),
    ("LINLI_RELAY_CA", "relays.ca_file"),
    ("LINLI_RELAY_PIN", "relays.pin"),
    ("LINLI_RELAYS_FROM", "relays_from"),
    ("LINLI_PEERS", "peers"),
];

/// The environment of the process as it was when it was read, or as a test makes it.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, OsString>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Values may be passphrases.
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

impl Environment {
    /// Reads the variables of this process.
    #[must_use]
    pub fn read() -> Self {
        let named = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        Self { variables: std::env::vars_os().filter_map(named).collect() }
    }

    /// Returns these variables and no others.
    #[must_use]
    pub fn of(variables: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), OsString::from(*value));
        Self { variables: variables.iter().map(own).collect() }
    }

    /// Returns a variable that is set and not empty.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn text(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        match self.variables.get(name) {
            None => Ok(None),
            Some(value) => match value.to_str() {
                Some(text) => Ok(Some(text).filter(|text| !text.is_empty())),
                None => Err(wrong(name, "is not UTF-8: write it again".to_owned())),
            },
        }
    }

    /// Returns a variable as a path, where it is set and not empty.
    #[must_use]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.variables.get(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// Puts the variables over the configuration.
    pub(super) fn apply(&self, config: &mut Config) -> Result<(), ConfigError> {
        if let Some(listen) = self.value("LINLI_LISTEN", "an address such as 0.0.0.0:4400")? {
            config.listen = Some(listen);
        }
        if let Some(length) = self.value("LINLI_PREFIX_LENGTH", "a number of bits such as 24")? {
            config.prefix_length = Some(length);
        }
        if let Some(days) = self.value("LINLI_ROTATE_DAYS", "a number of days such as 90")? {
            config.rotate_days = Some(days);
        }
        if let Some(relay_only) = self.value("LINLI_RELAY_ONLY", "true or false")? {
            config.relay_only = relay_only;
        }
        if let Some(words) = self.text("LINLI_MDNS")? {
            config.mdns =
                parse::mdns(words.split(',')).map_err(|what| wrong("LINLI_MDNS", what))?;
        }
        if let Some(api) = self.value("LINLI_API", "an address such as 127.0.0.1:4480")? {
            config.api = Some(api);
        }
        if let Some(minutes) =
            self.value("LINLI_DESK_LOCK_MINUTES", "a number of minutes such as 5")?
        {
            config.desk_lock_minutes = Some(minutes);
        }
        if let Some(after) = self.value("LINLI_OPEN_CARD_AFTER_SECONDS", "seconds such as 300")? {
            config.open_card_after_seconds = Some(after);
        }
        if let Some(after) = self.value("LINLI_SILENT_AFTER_SECONDS", "seconds such as 600")? {
            config.silent_after_seconds = Some(after);
        }
        if let Some(days) = self.value("LINLI_CONTACT_DAYS", "a number of days such as 7")? {
            config.contact_days = Some(days);
        }
        if let Some(listen) = self.value("LINLI_TABLETS", "an address such as 192.168.1.5:8080")? {
            config.tablets.listen = Some(listen);
        }
        if let Some(phone) = self.text("LINLI_TABLETS_PHONE")? {
            config.tablets.phone = Some(phone.to_owned());
        }
        if let Some(filter) = self.text("LINLI_LOG")? {
            filter.clone_into(&mut config.log.filter);
        }
        config.log.format = match self.text("LINLI_LOG_FORMAT")? {
            None => config.log.format,
            Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(other) => {
                let what = format!("`{other}` is no format: write text or json");
                return Err(wrong("LINLI_LOG_FORMAT", what));
            }
        };
        self.apply_relays(config)?;
        if let Some(peers) = self.text("LINLI_PEERS")? {
            config.peers = peers.split_whitespace().map(peer).collect::<Result<_, _>>()?;
        }
        Ok(())
    }

    /// Relays that are named in a variable stand instead of the file's; the token and the authorities
    /// are for them, or else for those of the file that have none.
    fn apply_relays(&self, config: &mut Config) -> Result<(), ConfigError> {
        if let Some(urls) = self.text("LINLI_RELAYS")? {
            let relay = |url: &str| Relay {
                url: url.to_owned(),
                token: None,
                quic_port: None,
                ca_file: None,
                pin: None,
            };
            config.relays = urls.split_whitespace().map(relay).collect();
        }
        config.relays_from = match self.text("LINLI_RELAYS_FROM")? {
            None => config.relays_from,
            Some("community") => RelaysFrom::Community,
            Some("configured") => RelaysFrom::Configured,
            Some(other) => {
                let what = format!("`{other}` is no source: write community or configured");
                return Err(wrong("LINLI_RELAYS_FROM", what));
            }
        };
        let token = self.text("LINLI_RELAY_TOKEN")?;
        let pin = self.text("LINLI_RELAY_PIN")?.map(parse::digest).transpose();
        let pin = pin.map_err(|what| wrong("LINLI_RELAY_PIN", what))?;
        let ca_file = match self.path("LINLI_RELAY_CA") {
            None => None,
            Some(path) => Some(std::path::absolute(path).map_err(|error| {
                wrong("LINLI_RELAY_CA", format!("is no path of a file: {error}"))
            })?),
        };
        for relay in &mut config.relays {
            relay.token = relay.token.take().or_else(|| token.map(str::to_owned));
            relay.ca_file = relay.ca_file.take().or_else(|| ca_file.clone());
            relay.pin = relay.pin.or(pin);
        }
        Ok(())
    }

    fn value<T: FromStr>(&self, name: &str, example: &str) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let value = text.parse();
        value.map(Some).map_err(|_| wrong(name, format!("`{text}` does not fit: write {example}")))
    }
}

/// Reads `<node id>@<address>,<address>`.
fn peer(text: &str) -> Result<StaticPeer, ConfigError> {
    let unfit = || {
        let what = format!("`{text}` does not fit: write the node's id, @ and its addresses");
        wrong("LINLI_PEERS", what)
    };
    let (node, addresses) = text.split_once('@').ok_or_else(unfit)?;
    let node = node.parse().map_err(|_| unfit())?;
    let addresses: Result<Vec<SocketAddr>, _> = addresses.split(',').map(str::parse).collect();
    Ok(StaticPeer { node, addresses: addresses.map_err(|_| unfit())? })
}

fn wrong(name: &str, what: String) -> ConfigError {
    ConfigError::Value { origin: name.to_owned(), what }
}
