//! What every CBOR format of the core begins with, and what its lists obey.

use minicbor::Decoder;

/// Reads the version that begins each format: the first element of its outer array.
pub(crate) fn version(bytes: &[u8]) -> Option<u8> {
    let mut decoder = Decoder::new(bytes);
    decoder.array().ok()?;
    decoder.u8().ok()
}

/// Says whether a list is in order and holds each element once: the one way to write a set.
pub(crate) fn is_ascending<T: PartialOrd>(list: &[T]) -> bool {
    list.windows(2).all(|pair| matches!(pair, [a, b] if a < b))
}
