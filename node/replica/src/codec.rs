//! CBOR in and out of memory.

use minicbor::{Decode, Encode};

/// Encodes a value. Encoding into memory cannot fail for the types of this crate.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(value, &mut bytes);
    bytes
}

/// Encodes a value behind what `bytes` holds.
pub fn append<T: Encode<()> + ?Sized>(value: &T, bytes: &mut Vec<u8>) {
    let result = minicbor::encode(value, bytes);
    assert!(result.is_ok(), "encoding into memory failed");
}

/// Begins an array of so many values behind what `bytes` holds.
pub fn begin_array(length: u64, bytes: &mut Vec<u8>) {
    let result = minicbor::Encoder::new(bytes).array(length).map(drop);
    assert!(result.is_ok(), "encoding into memory failed");
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
