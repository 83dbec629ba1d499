//! The configuration: `linli.toml` in the data directory, then the `LINLI_*` variables over it.
//!
//! Every key and variable is described in `docs/operations.md`. A key nobody knows is an error, so
//! that a misspelt one is not passed over in silence.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use axum::http::Uri;
use linli_model::alert::Way;
use linli_model::contact::DAYS_MAX;
use linli_net::Pin;
use linli_replica::id::NodeId;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde::Deserialize;

mod environment;
mod parse;
mod sip;

pub use environment::{Environment, VARIABLES};
pub(crate) use sip::is_number;
pub use sip::{Language, Sip, SipPrompt};

/// The largest configuration that is read, in bytes: thousands of peers fit.
pub const MAX_CONFIG_BYTES: u64 = 1 << 20;

/// The largest certificate file that is read, in bytes: the whole public list of authorities fits.
pub const MAX_CA_BYTES: u64 = 1 << 20;

/// Minutes after which an idle seat may be left: up to a working day.
const DESK_LOCK: std::ops::RangeInclusive<u16> = 1..=480;
/// After this a hub opens the card to an alert of others: time for a person who is well to refuse, and
/// little against the way of an ambulance.
const OPEN_CARD_AFTER_SECONDS: u32 = 300;

/// A hub that says nothing for ten minutes has missed ten heartbeats: it is not a relay that restarts.
const SILENT_AFTER_SECONDS: u32 = 600;

/// The shortest silence that is one, in seconds: two heartbeats.
const MIN_SILENT_AFTER_SECONDS: u32 = 120;

/// Without contact for a week somebody asks an elder who lives alone: no standard says how long, a centre may.
const CONTACT_DAYS: u16 = 7;

/// The longest that a household may be given, in seconds: a day.
pub const MAX_OPEN_CARD_AFTER_SECONDS: u32 = 24 * 60 * 60;

/// What a node is started with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// UDP address to listen on; none: any free port on all interfaces.
    pub listen: Option<SocketAddr>,
    /// How many leading bits of `listen` are its network's; the node begins no direct path out of
    /// that network. None: to any address.
    pub prefix_length: Option<u8>,
    /// How many days a space keeps its epoch before this node begins another; none: no schedule.
    pub rotate_days: Option<u16>,
    /// No UDP at all: everything goes through relays.
    pub relay_only: bool,
    /// Where mDNS works.
    pub mdns: Mdns,
    /// Loopback TCP address of the device interface; none: there is none.
    pub api: Option<SocketAddr>,
    /// After how many idle minutes the seat of a shared desk is left; none: five.
    pub desk_lock_minutes: Option<u16>,
    /// After how many seconds a hub opens the emergency card to an alert that neither household nor
    /// family raised, unless they refuse; none: 300.
    pub open_card_after_seconds: Option<u32>,
    /// What is logged.
    pub log: Log,
    /// Which relays are used besides those named here.
    pub relays_from: RelaysFrom,
    /// Relays to stay connected to.
    pub relays: Vec<Relay>,
    /// Where nodes are that mDNS and relays do not find.
    pub peers: Vec<StaticPeer>,
    /// After how many seconds a centre raises an alert for a hub of which nothing is heard, 0 for
    /// never; none: 600.
    pub silent_after_seconds: Option<u32>,
    /// After how many days without contact a centre or station asks who lives alone, 0 for never; none: 7.
    pub contact_days: Option<u16>,
    /// Where tablets of the flat find the page at home.
    pub tablets: Tablets,
    /// What rings here when nobody takes care of an alert.
    pub bells: Vec<Bell>,
    /// The telephone; none: programs of `bells` dial, or nobody.
    pub sip: Option<Sip>,
}

/// The page at home.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tablets {
    /// TCP address of this machine in the flat's network, or on loopback; none: the page is not served.
    pub listen: Option<SocketAddr>,
    /// The number that the page shows when the hub does not answer; none: 120.
    pub phone: Option<String>,
}

/// A program of this machine that rings, sounds or dials.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bell {
    /// For which steps of a ladder: `duty_desk`, `party`, `siren`, `neighbour`, `contact`, `dial_out`.
    pub ways: Vec<Way>,
    /// The program that rings, and its arguments.
    pub ring: Vec<String>,
    /// What is run once it need not ring any more.
    #[serde(default)]
    pub still: Option<Vec<String>>,
}

/// Which relays a node uses besides those of its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelaysFrom {
    /// Those that the community's carriers publish, or that the inviter told of.
    #[default]
    Community,
    /// None.
    Configured,
}

/// A relay of the community.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// `https://relay.example:443` or, in a closed network, `http://10.0.0.2:3340`.
    pub url: String,
    /// The bearer token it asks for.
    #[serde(default)]
    pub token: Option<String>,
    /// UDP port where it tells a node its public address (QUIC address discovery).
    #[serde(default)]
    pub quic_port: Option<u16>,
    /// A file with the certificates of further authorities (PEM or DER) to trust, for a relay that signs its
    /// own; a relative path starts at the data directory.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// SHA-256 of its own certificate, 64 hexadecimal digits: trusted besides what authorities signed.
    #[serde(default, deserialize_with = "parse::pin")]
    pub pin: Option<Pin>,
}

impl Relay {
    /// The certificate by which the relay is known: the pin, or the only one of its file of authorities.
    ///
    /// # Errors
    /// When that file cannot be read or holds no certificate.
    pub fn known_by(&self) -> Result<Option<Pin>, ConfigError> {
        let (None, Some(file)) = (self.pin, &self.ca_file) else { return Ok(self.pin) };
        Ok(match certificates(file)?.as_slice() {
            [only] => Some(linli_net::pin(only)),
            _ => None,
        })
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("url", &self.url)
            .field("has_token", &self.token.is_some())
            .field("quic_port", &self.quic_port)
            .field("ca_file", &self.ca_file)
            .field("pin", &self.pin.map(hex::encode))
            .finish()
    }
}

/// Where mDNS speaks and listens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mdns {
    /// On every interface but loopback: `"all"`.
    #[default]
    All,
    /// On loopback only, for several nodes of one machine: `"loopback"`.
    Loopback,
    /// Nowhere: `"off"`.
    Off,
    /// On these interfaces only: `["eth0"]`.
    Interfaces(Vec<String>),
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Which events: directives of `tracing`, such as `info` or `linli_net=debug,warn`.
    pub filter: String,
    /// How they are written.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        // What others' crates warn of, a member can cause as often as it likes: a line for each packet.
        Self { filter: "linli=info,error".to_owned(), format: LogFormat::default() }
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For a person.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// Where a node is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaticPeer {
    /// The node's id.
    #[serde(deserialize_with = "parse::node")]
    pub node: NodeId,
    /// Its UDP addresses.
    pub addresses: Vec<SocketAddr>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is not TOML, or holds what nobody knows.
    #[error("{file}:{line}: {what}: correct the line; docs/operations.md lists the keys")]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// A value that cannot be used.
    #[error("{origin}: {what}")]
    Value {
        /// The file and key, or the variable.
        origin: String,
        /// What is wrong, and what to write.
        what: String,
    },
    /// The file is too large to be a configuration.
    #[error("{file} is larger than {max} bytes: it is not what it should be")]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The limit.
        max: u64,
    },
    /// The file cannot be read.
    #[error("cannot read {file}: check that it is there and that its permissions allow it")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

impl Config {
    /// Reads the configuration of a data directory: `linli.toml`, where there is one, then the
    /// variables.
    ///
    /// # Errors
    /// When a file or a variable cannot be read or used.
    pub fn load(file: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let mut config = match read_capped(file, MAX_CONFIG_BYTES) {
            Err(ConfigError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Self::default()
            }
            Err(error) => return Err(error),
            Ok(bytes) => parse::file(file, &bytes)?,
        };
        environment.apply(&mut config)?;
        config.check(file)?;
        let base = file.parent().unwrap_or(Path::new(""));
        for relay in &mut config.relays {
            relay.ca_file = relay.ca_file.take().map(|path| base.join(path));
        }
        if let Some(sip) = &mut config.sip {
            sip.start_at(base);
        }
        Ok(config)
    }

    /// After how long a hub opens the emergency card to an alert of others, in milliseconds.
    #[must_use]
    pub fn open_card_after_ms(&self) -> u64 {
        u64::from(self.open_card_after_seconds.unwrap_or(OPEN_CARD_AFTER_SECONDS)) * 1_000
    }

    /// After how long a hub is silent; none where nobody listens.
    #[must_use]
    pub fn silent_after(&self) -> Option<Duration> {
        let after = self.silent_after_seconds.unwrap_or(SILENT_AFTER_SECONDS);
        (after > 0).then(|| Duration::from_secs(after.into()))
    }

    /// After how many days without contact somebody who lives alone is asked; none for never.
    #[must_use]
    pub fn contact_days(&self) -> Option<u16> {
        Some(self.contact_days.unwrap_or(CONTACT_DAYS)).filter(|days| *days > 0)
    }

    /// Reads the further certificate authorities of all relays, as X.509 DER.
    ///
    /// # Errors
    /// When a file cannot be read or holds no certificate.
    pub fn authorities(&self) -> Result<Vec<Vec<u8>>, ConfigError> {
        let mut authorities = Vec::new();
        for file in self.relays.iter().filter_map(|relay| relay.ca_file.as_deref()) {
            for authority in certificates(file)? {
                if !authorities.contains(&authority) {
                    authorities.push(authority);
                }
            }
        }
        Ok(authorities)
    }

    /// Refuses values that can be read and make no sense.
    fn check(&self, file: &Path) -> Result<(), ConfigError> {
        let wrong = |key: &str, what: String| ConfigError::Value {
            origin: format!("{}: {key}", file.display()),
            what,
        };
        if let Some(length) = self.prefix_length {
            self.check_prefix(length).map_err(|what| wrong("prefix_length", what))?;
        }
        if self.contact_days.is_some_and(|days| days > DAYS_MAX) {
            return Err(wrong("contact_days", format!("write 0 to {DAYS_MAX} days")));
        }
        if self.rotate_days == Some(0) {
            let what = "0 days is no schedule: write 1 or more, or leave it out".to_owned();
            return Err(wrong("rotate_days", what));
        }
        if let Some(api) = self.api.filter(|address| !address.ip().is_loopback()) {
            let what = format!("{api} can be reached from outside: use 127.0.0.1 or [::1]");
            return Err(wrong("api", what));
        }
        if let Some(minutes) = self.desk_lock_minutes.filter(|minutes| !DESK_LOCK.contains(minutes))
        {
            let what = format!("{minutes} minutes do not fit: write 1 to 480");
            return Err(wrong("desk_lock_minutes", what));
        }
        if self.open_card_after_seconds.is_some_and(|after| after > MAX_OPEN_CARD_AFTER_SECONDS) {
            let what = format!("write 0 to {MAX_OPEN_CARD_AFTER_SECONDS} seconds");
            return Err(wrong("open_card_after_seconds", what));
        }
        if let Some(what) = self.tablets.listen.and_then(beyond_home) {
            return Err(wrong("tablets.listen", what));
        }
        if self.tablets.phone.as_deref().is_some_and(|phone| !is_phone(phone)) {
            let what = "write a telephone number, such as 0571-88001234".to_owned();
            return Err(wrong("tablets.phone", what));
        }
        let too_short = |after: &u32| (1..MIN_SILENT_AFTER_SECONDS).contains(after);
        if self.silent_after_seconds.is_some_and(|after| too_short(&after)) {
            let what = format!(
                "a hub speaks once a minute: write {MIN_SILENT_AFTER_SECONDS} seconds or more, or 0 for never"
            );
            return Err(wrong("silent_after_seconds", what));
        }
        for relay in &self.relays {
            if !is_web_address(&relay.url) {
                let what =
                    format!("`{}` is no address of a relay: write https://host:port", relay.url);
                return Err(wrong("relays", what));
            }
        }
        let none = self.relays.is_empty() && self.relays_from == RelaysFrom::Configured;
        if self.relay_only && none {
            let what = "there is no relay to go through: name one under [[relays]]".to_owned();
            return Err(wrong("relay_only", what));
        }
        let empty = |words: &Vec<String>| words.first().is_none_or(String::is_empty);
        let names_none = |bell: &&Bell| {
            bell.ways.is_empty() || empty(&bell.ring) || bell.still.as_ref().is_some_and(empty)
        };
        if self.bells.iter().find(names_none).is_some() {
            let what = "a bell needs ways and a program, such as ways = [\"siren\"] and ring = [\"/usr/bin/aplay\", \"/srv/siren.wav\"]";
            return Err(wrong("bells", what.to_owned()));
        }
        if let Some(sip) = &self.sip {
            sip.check().map_err(|(key, what)| wrong(key, what))?;
        }
        if let Some(peer) = self.peers.iter().find(|peer| peer.addresses.is_empty()) {
            let what =
                format!("the peer {} has no address: write one such as 10.0.0.7:4400", peer.node);
            return Err(wrong("peers", what));
        }
        Ok(())
    }

    /// A prefix needs the address it is of.
    fn check_prefix(&self, length: u8) -> Result<(), String> {
        let Some(ip) = self.listen.map(|address| address.ip()).filter(|ip| !ip.is_unspecified())
        else {
            return Err(
                "write the node's own address too, such as listen = \"10.0.0.7:4400\"".to_owned()
            );
        };
        let most = if ip.is_ipv4() { 32 } else { 128 };
        match (1..=most).contains(&length) {
            true => Ok(()),
            false => Err(format!("{length} bits are no network around {ip}: write 1 to {most}")),
        }
    }
}

/// Why tablets cannot find the node at an address, or strangers could; none where neither is so.
fn beyond_home(address: SocketAddr) -> Option<String> {
    let at_home = match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    };
    (!at_home || address.port() == 0).then(|| {
        format!(
            "{address} is no address in the flat: write this machine's own, such as 192.168.1.5:8080"
        )
    })
}

fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (3..=20).contains(&digits)
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b' '))
}

/// Whether the text is `http` or `https` with a host.
fn is_web_address(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    })
}

/// The certificates of a PEM or DER file, as DER.
fn certificates(file: &Path) -> Result<Vec<Vec<u8>>, ConfigError> {
    /// The first byte of every DER certificate: a sequence (X.690, 8.9).
    const SEQUENCE: u8 = 0x30;
    let bytes = read_capped(file, MAX_CA_BYTES)?;
    if bytes.first() == Some(&SEQUENCE) {
        return Ok(vec![bytes]);
    }
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes)
        .map(|certificate| certificate.map(|certificate| certificate.as_ref().to_vec()))
        .collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) | Err(_) => Err(ConfigError::Value {
            origin: file.display().to_string(),
            what: "holds no certificate: give a file in PEM or DER".to_owned(),
        }),
    }
}

/// Reads a file whole, up to a limit.
pub(crate) fn read_capped(file: &Path, max: u64) -> Result<Vec<u8>, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { file: file.to_owned(), source };
    let mut reader = io::Read::take(fs::File::open(file).map_err(unreadable)?, max + 1);
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut reader, &mut bytes).map_err(unreadable)?;
    match u64::try_from(bytes.len()).is_ok_and(|length| length <= max) {
        true => Ok(bytes),
        false => Err(ConfigError::TooLarge { file: file.to_owned(), max }),
    }
}
