//! An officer's key, drawn or brought back on any machine: there is no node in this.

use linli_core::identity::{
    KeyFile, KeyKind, Stretch, draw_signing_key, open_key_file, seal_key_file,
};

use super::{SetupError, generator};

/// Draws an officer's key, or takes one over that was printed, and seals it under a passphrase; returns
/// the key and the bytes of its file, which were opened once more to be sure of them.
///
/// # Errors
/// There are no random bytes, or too little memory to stretch the passphrase.
pub fn seal_officer_key(
    printed: Option<KeyFile>,
    passphrase: &str,
) -> Result<(KeyFile, Vec<u8>), SetupError> {
    let mut rng = generator()?;
    let key = printed.map_or_else(|| draw_signing_key(&mut rng), |file| file.key);
    let kind = KeyKind::Officer;
    let bytes = seal_key_file(&mut rng, kind, &key, passphrase, Stretch::RECOMMENDED)?;
    let opened = open_key_file(&bytes, passphrase)?;
    if opened.key == key { Ok((opened, bytes)) } else { Err(SetupError::Damaged) }
}

/// Opens an officer's key file.
///
/// # Errors
/// It is none, or the passphrase is wrong.
pub fn open_officer_key(bytes: &[u8], passphrase: &str) -> Result<KeyFile, SetupError> {
    let file = open_key_file(bytes, passphrase)?;
    if file.kind == KeyKind::Officer { Ok(file) } else { Err(SetupError::NotOfficerKey) }
}
