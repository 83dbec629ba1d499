//! The telephone: the section `[sip]` of the configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use linli_model::alert::AlertKind;
use linli_model::private::Private;
use serde::Deserialize;

/// Digits of a number at most: E.164 has 15, and a prefix.
const DIGITS_MAX: usize = 20;

/// Recordings at most: one a kind and language.
const PROMPTS_MAX: usize = 64;

/// A telephone network that this node calls through, and that tells it who calls.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sip {
    /// UDP address of the network's server; what comes from elsewhere is not looked at.
    pub server: SocketAddr,
    /// UDP address of this node, for calls that come in; calls outwards use free ports of the same address.
    pub address: SocketAddr,
    /// The name after the `@`; none: the server's address.
    #[serde(default)]
    pub domain: Option<String>,
    /// The account.
    pub user: String,
    /// A file with its password; a relative path starts at the data directory. None: the server asks for none.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// The number that is shown to whoever is called; none: the account.
    #[serde(default)]
    pub caller_id: Option<String>,
    /// The number of the neighbour of this household; none: `neighbour` steps do not telephone.
    #[serde(default)]
    pub neighbour: Option<Private>,
    /// Where who calls in is sent, such as `sip:201@10.0.0.2`; none: the server is told that nobody is here.
    #[serde(default)]
    pub desk: Option<String>,
    /// The language in which is spoken: `zh` or `en`.
    #[serde(default)]
    pub language: Language,
    /// What is said.
    #[serde(default)]
    pub prompts: Vec<SipPrompt>,
}

/// A language that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

/// A recording.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SipPrompt {
    /// Its language.
    #[serde(default)]
    pub language: Language,
    /// For alerts of this kind only; none: for every kind that has none of its own.
    #[serde(default)]
    pub kind: Option<AlertKind>,
    /// In a drill, and only there.
    #[serde(default)]
    pub drill: bool,
    /// The recording: WAV, one channel, 8,000 samples a second of 16 bits, at most 40 seconds; a relative path starts
    /// at the data directory.
    pub file: PathBuf,
}

impl Sip {
    /// Refuses values that can be read and make no sense; names the key.
    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        for (key, address) in [("sip.server", self.server), ("sip.address", self.address)] {
            if address.ip().is_unspecified() || address.port() == 0 {
                return Err((
                    key,
                    format!("{address} is no place: write one such as 10.0.0.7:5060"),
                ));
            }
        }
        if self.server.is_ipv4() != self.address.is_ipv4() {
            let what = "write both addresses as IPv4, or both as IPv6".to_owned();
            return Err(("sip.address", what));
        }
        let caller = self.caller_id.as_ref().unwrap_or(&self.user);
        for (key, word) in [("sip.user", &self.user), ("sip.caller_id", caller)] {
            if !is_word(word) {
                return Err((key, "write letters, digits, and + - _ . only".to_owned()));
            }
        }
        if self.domain.as_ref().is_some_and(|domain| !is_word(domain)) {
            return Err(("sip.domain", "write a name such as pbx.example".to_owned()));
        }
        if self.neighbour.as_ref().is_some_and(|number| !is_number(number.as_str())) {
            let what = format!("write 3 to {DIGITS_MAX} digits, a + before them or not");
            return Err(("sip.neighbour", what));
        }
        let is_uri = |desk: &String| desk.strip_prefix("sip:").is_some_and(is_place);
        if self.desk.as_ref().is_some_and(|desk| !is_uri(desk)) {
            return Err(("sip.desk", "write an address such as sip:201@10.0.0.2".to_owned()));
        }
        match self.prompts.len() <= PROMPTS_MAX {
            true => Ok(()),
            false => Err(("sip.prompts", format!("there are more than {PROMPTS_MAX}"))),
        }
    }

    /// Lets relative paths start at the data directory.
    pub(super) fn start_at(&mut self, base: &Path) {
        let files = self.prompts.iter_mut().map(|prompt| &mut prompt.file);
        for file in files.chain(&mut self.password_file) {
            *file = base.join(&file);
        }
    }
}

/// Whether a text can be dialled.
pub(crate) fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (3..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_word(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_.".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(fits)
}

fn is_place(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-_.@:[]".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(fits)
}
