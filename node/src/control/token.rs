//! The bearer token of the device interface (RFC 6750, section 2.1).

use rand::{TryRng as _, rngs::SysRng};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::ControlError;
use crate::home::{Home, TOKEN_FILE};

/// Bytes drawn for a token: 256 bits cannot be guessed.
const TOKEN_BYTES: usize = 32;

/// The token, as it stands in the file.
pub(super) struct Token(Zeroizing<String>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Reads the token of the data directory, or draws it the first time.
    pub(super) fn load(home: &Home) -> Result<Self, ControlError> {
        let Some(bytes) = home.read_private(TOKEN_FILE)? else { return Self::draw(home) };
        let text = String::from_utf8(bytes).map(Zeroizing::new).unwrap_or_default();
        let token = text.trim();
        let is_whole =
            token.len() == TOKEN_BYTES * 2 && token.bytes().all(|b| b.is_ascii_hexdigit());
        match is_whole {
            true => Ok(Self(Zeroizing::new(token.to_owned()))),
            false => Err(ControlError::BadToken { path: home.token() }),
        }
    }

    fn draw(home: &Home) -> Result<Self, ControlError> {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        SysRng.try_fill_bytes(bytes.as_mut()).map_err(|_| ControlError::NoRandomness)?;
        let token = Zeroizing::new(hex::encode(bytes.as_ref()));
        home.write_private(TOKEN_FILE, token.as_bytes())?;
        Ok(Self(token))
    }

    /// Whether the value of an `Authorization` header carries this token. Takes the same time
    /// whichever of its bytes differ.
    pub(super) fn admits(&self, authorization: &[u8]) -> bool {
        const SCHEME: &[u8] = b"bearer ";
        let Some((scheme, given)) = authorization.split_at_checked(SCHEME.len()) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(SCHEME) && bool::from(given.ct_eq(self.0.as_bytes()))
    }
}
