//! CBOR in and out of memory.

use minicbor::{Decode, Encode};

/// Encodes a value. Encoding into memory cannot fail for the types of this crate.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let result = minicbor::encode(value, &mut bytes);
    assert!(result.is_ok(), "encoding into memory failed");
    bytes
}

/// Decodes a value that must fill `bytes` exactly.
///
/// # Errors
/// The bytes are not such a value, or something follows it.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, minicbor::decode::Error> {
    let mut decoder = minicbor::Decoder::new(bytes);
    let value = decoder.decode()?;
    if decoder.position() == bytes.len() {
        Ok(value)
    } else {
        Err(minicbor::decode::Error::message("bytes follow the value"))
    }
}
