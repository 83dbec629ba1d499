//! Officers' keys as people write them down: Bech32m (BIP 350), typed in any case, with spaces or
//! dashes anywhere. Up to four wrong characters are found for certain.

use bech32::{Bech32m, Hrp};
use ed25519_dalek::{SigningKey, VerifyingKey};
use linli_replica::id::OfficerId;
use zeroize::{Zeroize as _, Zeroizing};

const OFFICER: Hrp = Hrp::parse_unchecked("linlioff");
const PRINTED: Hrp = Hrp::parse_unchecked("linlisecret");
/// Characters of a word with room for dashes and spaces.
const WORD_CHARS_MAX: usize = 256;

/// The text is not the key it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAWord {
    /// No officer's public key.
    #[error("this is not an officer's key (linlioff1…), or it was mistyped; copy it again, whole")]
    Officer,
    /// No printed form of an officer's secret key.
    #[error(
        "this is not the printed form of an officer's key (linlisecret1…), or it was mistyped; read it again"
    )]
    Printed,
}

/// Writes an officer's public key: `linlioff1` and 58 characters.
#[must_use]
pub fn officer_word(officer: &OfficerId) -> String {
    // Only a text over 1,023 characters is refused.
    bech32::encode::<Bech32m>(OFFICER, officer.as_bytes()).unwrap_or_default()
}

/// Reads an officer's public key.
///
/// # Errors
/// It is none: another word, a wrong character, or no point of the curve.
pub fn read_officer(text: &str) -> Result<OfficerId, NotAWord> {
    let bytes = read(text, OFFICER).ok_or(NotAWord::Officer)?;
    let usable = VerifyingKey::from_bytes(&bytes).is_ok_and(|key| !key.is_weak());
    if usable { Ok(OfficerId(*bytes)) } else { Err(NotAWord::Officer) }
}

/// Says whether a text means to be the printed form of a secret key, right or wrong.
#[must_use]
pub fn is_printed(text: &str) -> bool {
    let mut written = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    PRINTED.as_str().chars().all(|c| written.next().is_some_and(|w| w.eq_ignore_ascii_case(&c)))
}

/// Writes an officer's secret key in groups of four characters, to be printed and locked away.
#[must_use]
pub fn printed_key(key: &SigningKey) -> Zeroizing<String> {
    let seed = Zeroizing::new(key.to_bytes());
    // Room for all of it: a text that grew would leave its beginning in freed memory.
    let mut word = Zeroizing::new(String::with_capacity(WORD_CHARS_MAX));
    bech32::encode_lower_to_fmt::<Bech32m, _>(&mut *word, PRINTED, &*seed).unwrap_or_default();
    let mut grouped = Zeroizing::new(String::with_capacity(word.len() * 5 / 4 + 1));
    for (at, c) in word.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            grouped.push('-');
        }
        grouped.push(c);
    }
    grouped
}

/// Reads the printed form of an officer's secret key.
///
/// # Errors
/// It is none, or a character is wrong.
pub fn read_printed(text: &str) -> Result<SigningKey, NotAWord> {
    let seed = read(text, PRINTED).ok_or(NotAWord::Printed)?;
    Ok(SigningKey::from_bytes(&seed))
}

fn read(text: &str, prefix: Hrp) -> Option<Zeroizing<[u8; 32]>> {
    if text.len() > WORD_CHARS_MAX {
        return None;
    }
    let mut word = Zeroizing::new(String::with_capacity(text.len()));
    let kept = text.chars().filter(|c| !c.is_whitespace() && *c != '-');
    word.extend(kept.map(|c| c.to_ascii_lowercase()));
    let checked = bech32::primitives::decode::CheckedHrpstring::new::<Bech32m>(&word).ok()?;
    let mut bytes = Zeroizing::new([0; 32]);
    let mut length = 0;
    for mut byte in checked.byte_iter() {
        *bytes.get_mut(length)? = byte;
        length += 1;
        byte.zeroize();
    }
    (length == bytes.len() && checked.hrp() == prefix).then_some(bytes)
}
