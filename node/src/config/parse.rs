//! Reads `linli.toml` and single values.

use std::path::Path;

use linli_net::Pin;
use linli_replica::id::NodeId;
use serde::{Deserialize, Deserializer, de};

use super::{Config, ConfigError, Mdns};

/// Reads the file's text; an error names the line.
pub(super) fn file(path: &Path, bytes: &[u8]) -> Result<Config, ConfigError> {
    let syntax = |at: usize, what: &str| ConfigError::Syntax {
        file: path.to_owned(),
        line: line_of(bytes, at),
        what: what.trim().to_owned(),
    };
    let text = str::from_utf8(bytes).map_err(|error| syntax(error.valid_up_to(), "not UTF-8"))?;
    toml::from_str(text)
        .map_err(|error| syntax(error.span().map_or(0, |span| span.start), error.message()))
}

/// The line, from 1, that holds the byte.
fn line_of(bytes: &[u8], at: usize) -> usize {
    bytes.iter().take(at).filter(|byte| **byte == b'\n').count() + 1
}

/// Reads a node id: 64 hexadecimal digits.
pub(super) fn node<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NodeId, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

/// Reads the SHA-256 of a certificate.
pub(super) fn pin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Pin>, D::Error> {
    digest(&String::deserialize(deserializer)?).map(Some).map_err(de::Error::custom)
}

/// Reads 64 hexadecimal digits, colons between them or not.
pub(super) fn digest(text: &str) -> Result<Pin, String> {
    let mut pin = Pin::default();
    hex::decode_to_slice(text.replace(':', ""), &mut pin)
        .map_err(|_| format!("`{text}` is no fingerprint: write the 64 hexadecimal digits that the relay logs at its start"))?;
    Ok(pin)
}

/// Reads `all`, `loopback`, `off`, or the names of interfaces.
pub(super) fn mdns<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Mdns, String> {
    let words: Vec<&str> =
        words.into_iter().map(str::trim).filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        [] => Err("names no interface: write \"all\", \"loopback\", \"off\" or names".to_owned()),
        ["all"] => Ok(Mdns::All),
        ["loopback"] => Ok(Mdns::Loopback),
        ["off"] => Ok(Mdns::Off),
        names => Ok(Mdns::Interfaces(names.iter().map(|name| (*name).to_owned()).collect())),
    }
}

impl<'de> Deserialize<'de> for Mdns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> de::Visitor<'de> for Words {
            type Value = Mdns;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("\"all\", \"loopback\", \"off\" or a list of interfaces")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Mdns, E> {
                match mdns([word]) {
                    Ok(Mdns::Interfaces(_)) | Err(_) => {
                        Err(E::invalid_value(de::Unexpected::Str(word), &self))
                    }
                    Ok(named) => Ok(named),
                }
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Mdns, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = items.next_element::<String>()? {
                    names.push(name);
                }
                match names.is_empty() {
                    true => Err(de::Error::invalid_length(0, &self)),
                    false => Ok(Mdns::Interfaces(names)),
                }
            }
        }
        deserializer.deserialize_any(Words)
    }
}
