//! The configuration: every key, every variable, and what a mistake is answered.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected has failed")]

use std::time::Duration;
use std::{fs, path::PathBuf};

use linli_node::config::{
    Config, ConfigError, Environment, LogFormat, MAX_CONFIG_BYTES, Mdns, RelaysFrom, VARIABLES,
};
use tempfile::TempDir;

const NODE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// The SHA-256 of a certificate.
const PIN: &str = "abababababababababababababababababababababababababababababababab";

/// Names and values.
type Variables = &'static [(&'static str, &'static str)];

fn file(text: &str) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("linli.toml");
    fs::write(&path, text).unwrap();
    (dir, path)
}

fn load(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let (_dir, path) = file(text);
    Config::load(&path, &Environment::of(variables))
}

#[test]
fn without_a_file_everything_has_its_default() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("linli.toml");
    let config = Config::load(&path, &Environment::default()).unwrap();
    assert_eq!(config, Config::default());
    assert_eq!((config.mdns, config.log.filter.as_str()), (Mdns::All, "linli=info,error"));
}

#[test]
fn every_key_is_read() {
    let text = format!(
        r#"
listen = "10.0.0.5:4400"
prefix_length = 24
relay_only = true
relays_from = "configured"
mdns = ["eth0", "wlan0"]
api = "127.0.0.1:4480"
desk_lock_minutes = 2

[log]
filter = "linli_net=debug"
format = "json"

[[relays]]
url = "https://relay.example:443"
token = "secret"
quic_port = 7842
ca_file = "relay.pem"
pin = "{PIN}"

[[peers]]
node = "{NODE}"
addresses = ["10.0.0.7:4400", "[fd00::7]:4400"]
"#
    );
    let (dir, path) = file(&text);
    let config = Config::load(&path, &Environment::default()).unwrap();
    assert_eq!(config.listen, Some("10.0.0.5:4400".parse().unwrap()));
    assert_eq!(config.prefix_length, Some(24));
    assert!(config.relay_only);
    assert_eq!(config.mdns, Mdns::Interfaces(vec!["eth0".to_owned(), "wlan0".to_owned()]));
    assert_eq!(config.api, Some("127.0.0.1:4480".parse().unwrap()));
    assert_eq!(config.desk_lock_minutes, Some(2));
    assert_eq!(
        (config.log.filter.as_str(), config.log.format),
        ("linli_net=debug", LogFormat::Json)
    );
    let relay = config.relays.first().unwrap();
    assert_eq!((relay.token.as_deref(), relay.quic_port), (Some("secret"), Some(7842)));
    assert_eq!(relay.ca_file, Some(dir.path().join("relay.pem")));
    assert_eq!((relay.pin, config.relays_from), (Some([0xab; 32]), RelaysFrom::Configured));
    assert!(!format!("{config:?}").contains("secret"));
    let peer = config.peers.first().unwrap();
    assert_eq!((peer.node.to_string().as_str(), peer.addresses.len()), (NODE, 2));
}

#[test]
fn every_variable_stands_over_its_key() {
    let peers = format!("{NODE}@10.0.0.7:1,10.0.0.8:2");
    // As openssl writes it.
    let colons = ["AB"; 32].join(":");
    let values = [
        ("LINLI_LISTEN", "127.0.0.1:1"),
        ("LINLI_PREFIX_LENGTH", "8"),
        ("LINLI_ROTATE_DAYS", "90"),
        ("LINLI_RELAY_ONLY", "true"),
        ("LINLI_MDNS", "loopback"),
        ("LINLI_API", "[::1]:5"),
        ("LINLI_DESK_LOCK_MINUTES", "15"),
        ("LINLI_OPEN_CARD_AFTER_SECONDS", "20"),
        ("LINLI_SILENT_AFTER_SECONDS", "300"),
        ("LINLI_CONTACT_DAYS", "3"),
        ("LINLI_TABLETS", "10.0.0.5:8080"),
        ("LINLI_TABLETS_PHONE", "+86 571-88001234"),
        ("LINLI_LOG", "debug"),
        ("LINLI_LOG_FORMAT", "json"),
        ("LINLI_RELAYS", "https://a.example http://10.0.0.1:3340"),
        ("LINLI_RELAY_TOKEN", "secret"),
        ("LINLI_RELAY_CA", "/etc/relay.pem"),
        ("LINLI_RELAY_PIN", colons.as_str()),
        ("LINLI_RELAYS_FROM", "configured"),
        ("LINLI_PEERS", peers.as_str()),
    ];
    assert!(VARIABLES.iter().map(|(name, _)| name).eq(values.iter().map(|(name, _)| name)));
    let text = "listen = \"0.0.0.0:9\"\nmdns = \"off\"\n[[relays]]\nurl = \"https://b.example\"\n";
    let config = load(text, &values).unwrap();
    assert_eq!(config.silent_after(), Some(Duration::from_secs(300)));
    assert_eq!(config.contact_days(), Some(3));
    assert_eq!(load("silent_after_seconds = 0", &[]).unwrap().silent_after(), None);
    assert_eq!(config.open_card_after_ms(), 20_000);
    assert_eq!(load("", &[]).unwrap().open_card_after_ms(), 300_000);
    assert_eq!(config.listen, Some("127.0.0.1:1".parse().unwrap()));
    assert_eq!(config.prefix_length, Some(8));
    assert_eq!(config.rotate_days, Some(90));
    assert!(config.relay_only);
    assert_eq!(config.mdns, Mdns::Loopback);
    assert_eq!(config.relays_from, RelaysFrom::Configured);
    assert_eq!(config.desk_lock_minutes, Some(15));
    assert_eq!(config.tablets.listen, Some("10.0.0.5:8080".parse().unwrap()));
    assert_eq!(config.tablets.phone.as_deref(), Some("+86 571-88001234"));
    assert_eq!(config.api, Some("[::1]:5".parse().unwrap()));
    assert_eq!((config.log.filter.as_str(), config.log.format), ("debug", LogFormat::Json));
    let urls: Vec<&str> = config.relays.iter().map(|relay| relay.url.as_str()).collect();
    assert_eq!(urls, ["https://a.example", "http://10.0.0.1:3340"]);
    for relay in &config.relays {
        assert_eq!(relay.token.as_deref(), Some("secret"));
        assert_eq!(relay.ca_file, Some(PathBuf::from("/etc/relay.pem")));
        assert_eq!(relay.pin, Some([0xab; 32]));
    }
    assert_eq!(config.peers.first().unwrap().addresses.len(), 2);
    // An empty variable is one that is not set.
    let config = load(text, &[("LINLI_LISTEN", "")]).unwrap();
    assert_eq!(config.listen, Some("0.0.0.0:9".parse().unwrap()));
}

#[test]
fn a_mistake_in_the_file_names_file_and_line() {
    let cases = [
        ("listne = \"0.0.0.0:1\"", 1, "listne"),
        ("\n\nlisten = 7", 3, "socket address"),
        ("listen = \"here\"", 1, ""),
        ("[log]\nformat = \"xml\"", 2, "xml"),
        ("mdns = \"eth0\"", 1, "eth0"),
        ("mdns = []", 1, "interfaces"),
        ("relays = [", 1, ""),
        ("[[relays]]\ntoken = \"t\"", 1, "url"),
        ("[[relays]]\nurl = \"https://r\"\npin = \"ab\"", 3, "64 hexadecimal"),
        ("relays_from = \"everywhere\"", 1, "everywhere"),
        ("[[peers]]\nnode = \"12\"\naddresses = []", 2, "64 hexadecimal"),
        ("[[bells]]\nways = [\"gong\"]\nring = [\"x\"]", 2, "gong"),
    ];
    for (text, expected, word) in cases {
        let (_dir, path) = file(text);
        let error = Config::load(&path, &Environment::default()).unwrap_err();
        let shown = error.to_string();
        let ConfigError::Syntax { file, line, .. } = error else { panic!("{text}: {shown}") };
        assert_eq!((file, line), (path, expected), "{text}: {shown}");
        assert!(shown.contains(word) && shown.contains("docs/operations.md"), "{text}: {shown}");
    }
    let (_dir, path) = file("");
    fs::write(&path, b"api = \"\n\xff\"").unwrap();
    let error = Config::load(&path, &Environment::default()).unwrap_err();
    assert!(matches!(error, ConfigError::Syntax { line: 2, .. }), "{error:?}");
}

#[test]
fn values_that_make_no_sense_are_refused_with_what_to_write() {
    let cases: [(&str, Variables, &str); 25] = [
        ("[tablets]\nlisten = \"0.0.0.0:8080\"", &[], "192.168.1.5:8080"),
        ("[tablets]\nlisten = \"8.8.8.8:8080\"", &[], "192.168.1.5:8080"),
        ("[tablets]\nlisten = \"192.168.1.5:0\"", &[], "192.168.1.5:8080"),
        ("[tablets]\nphone = \"call me\"", &[], "telephone number"),
        ("", &[("LINLI_TABLETS", "tablet")], "192.168.1.5:8080"),
        ("api = \"0.0.0.0:4480\"", &[], "127.0.0.1"),
        ("[[relays]]\nurl = \"relay.example\"", &[], "https://"),
        ("[[relays]]\nurl = \"ftp://relay.example\"", &[], "https://"),
        ("relay_only = true\nrelays_from = \"configured\"", &[], "[[relays]]"),
        ("desk_lock_minutes = 481", &[], "1 to 480"),
        ("open_card_after_seconds = 86401", &[], "0 to 86400"),
        ("silent_after_seconds = 119", &[], "120 seconds"),
        ("[[bells]]\nways = []\nring = [\"x\"]", &[], "ways = "),
        ("[[bells]]\nways = [\"siren\"]\nring = []", &[], "ring = "),
        ("[[bells]]\nways = [\"siren\"]\nring = [\"x\"]\nstill = [\"\"]", &[], "ring = "),
        ("prefix_length = 24", &[], "listen = "),
        ("prefix_length = 8\nlisten = \"0.0.0.0:1\"", &[], "listen = "),
        ("prefix_length = 0\nlisten = \"10.0.0.5:1\"", &[], "1 to 32"),
        ("prefix_length = 129\nlisten = \"[fd00::7]:1\"", &[], "1 to 128"),
        ("", &[("LINLI_PREFIX_LENGTH", "/24")], "such as 24"),
        ("", &[("LINLI_LISTEN", "4400")], "0.0.0.0:4400"),
        ("", &[("LINLI_RELAY_ONLY", "yes")], "true or false"),
        ("", &[("LINLI_MDNS", ",")], "\"all\""),
        ("", &[("LINLI_LOG_FORMAT", "xml")], "text or json"),
        ("", &[("LINLI_PEERS", "here@10.0.0.1:1")], "the node's id"),
    ];
    for (text, variables, word) in cases {
        let error = load(text, variables).unwrap_err();
        assert!(matches!(error, ConfigError::Value { .. }), "{text}{variables:?}: {error:?}");
        assert!(error.to_string().contains(word), "{text}{variables:?}: {error}");
    }
    let peer = format!("[[peers]]\nnode = \"{NODE}\"\naddresses = []");
    assert!(matches!(load(&peer, &[]).unwrap_err(), ConfigError::Value { .. }));
}

#[test]
fn a_huge_file_is_not_read() {
    let (_dir, path) = file("");
    fs::File::options().write(true).open(&path).unwrap().set_len(MAX_CONFIG_BYTES + 1).unwrap();
    let error = Config::load(&path, &Environment::default()).unwrap_err();
    assert!(matches!(error, ConfigError::TooLarge { .. }), "{error:?}");
}

#[test]
fn authorities_are_read_as_pem_and_as_der() {
    // Not a certificate, but a DER sequence of the integer 5: its form is what is looked at here.
    let der = [0x30, 0x03, 0x02, 0x01, 0x05];
    let pem = "-----BEGIN CERTIFICATE-----\nMAMCAQU=\n-----END CERTIFICATE-----\n";
    let (dir, path) = file("[[relays]]\nurl = \"https://a.example\"\nca_file = \"ca\"\n");
    let ca = dir.path().join("ca");
    let config = Config::load(&path, &Environment::default()).unwrap();
    for bytes in [der.as_slice(), pem.as_bytes(), format!("{pem}{pem}").as_bytes()] {
        fs::write(&ca, bytes).unwrap();
        assert_eq!(config.authorities().unwrap(), [der.to_vec()]);
    }
    fs::write(&ca, "no certificate").unwrap();
    assert!(matches!(config.authorities().unwrap_err(), ConfigError::Value { .. }));
    fs::remove_file(&ca).unwrap();
    assert!(matches!(config.authorities().unwrap_err(), ConfigError::Unreadable { .. }));
}

#[test]
fn the_operators_page_describes_every_key_and_variable() {
    let page = include_str!("../../docs/operations.md");
    let keys = [
        "listen",
        "prefix_length",
        "relay_only",
        "mdns",
        "api",
        "open_card_after_seconds",
        "log.filter",
        "log.format",
        "relays.url",
        "relays.token",
        "relays.quic_port",
        "relays.ca_file",
        "bells.ways",
        "bells.ring",
        "bells.still",
        "sip.server",
        "sip.address",
        "sip.domain",
        "sip.user",
        "sip.password_file",
        "sip.caller_id",
        "sip.neighbour",
        "sip.desk",
        "sip.language",
        "sip.prompts.file",
        "sip.prompts.kind",
        "sip.prompts.language",
        "sip.prompts.drill",
        "peers.node",
        "peers.addresses",
    ];
    for key in keys.iter().chain(VARIABLES.iter().map(|(_, key)| key)) {
        assert!(page.contains(&format!("| `{key}")), "{key}");
    }
    for (name, _) in VARIABLES {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    // The example on the page is a configuration, and an unknown key tells which ones there are.
    let example = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(load(example, &[]).unwrap().peers.len(), 1);
    let unknown = load("nobody_knows = 1", &[]).unwrap_err().to_string();
    for key in keys {
        assert!(
            unknown.contains(&format!("`{}`", key.split('.').next().unwrap())),
            "{key}: {unknown}"
        );
    }
}
