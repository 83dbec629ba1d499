//! The encoding of a file: UTF-8 with or without a mark, or GB18030.

use encoding_rs::{DecoderResult, GB18030};
use serde::Serialize;

use super::RegisterError;

/// The encoding of a register file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// UTF-8 that begins with a byte order mark.
    Utf8Marked,
    /// UTF-8.
    Utf8,
    /// GB18030, which contains GBK and GB2312.
    Gb18030,
}

impl std::fmt::Display for Encoding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Utf8Marked | Self::Utf8 => "UTF-8",
            Self::Gb18030 => "GB18030",
        })
    }
}

/// Decodes a file. Without a mark it is UTF-8 when it is valid UTF-8, else GB18030; when it is neither, the error is of
/// the encoding in which more of the file could be read.
pub(super) fn decode(bytes: &[u8]) -> Result<(Encoding, String), RegisterError> {
    not_text(bytes)?;
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        return match std::str::from_utf8(rest) {
            Ok(text) => Ok((Encoding::Utf8Marked, text.to_owned())),
            Err(error) => {
                let offset = error.valid_up_to().saturating_add(3);
                Err(broken(Encoding::Utf8Marked, bytes, offset))
            }
        };
    }
    let as_utf8 = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok((Encoding::Utf8, text.to_owned())),
        Err(error) => error.valid_up_to(),
    };
    match gb18030(bytes) {
        Ok(text) => Ok((Encoding::Gb18030, text)),
        Err(offset) if offset >= as_utf8 => Err(broken(Encoding::Gb18030, bytes, offset)),
        Err(_) => Err(broken(Encoding::Utf8, bytes, as_utf8)),
    }
}

fn not_text(bytes: &[u8]) -> Result<(), RegisterError> {
    let found = match bytes {
        [b'P', b'K', 3, 4, ..] => "it looks like an XLSX or ZIP file",
        [0xd0, 0xcf, 0x11, 0xe0, ..] => "it looks like an XLS file",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it looks like UTF-16",
        _ if bytes.contains(&0) => "it contains zero bytes",
        _ => return Ok(()),
    };
    Err(RegisterError::NotText { found })
}

fn broken(encoding: Encoding, bytes: &[u8], offset: usize) -> RegisterError {
    let before = bytes.get(..offset).unwrap_or(bytes);
    let line = before.iter().filter(|b| **b == b'\n').count().saturating_add(1);
    RegisterError::Broken { encoding, offset, line }
}

/// The text, or the offset of the first byte that is no GB18030.
fn gb18030(bytes: &[u8]) -> Result<String, usize> {
    let mut decoder = GB18030.new_decoder_without_bom_handling();
    let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
    let mut text = String::with_capacity(room.unwrap_or(0));
    let (result, read) = decoder.decode_to_string_without_replacement(bytes, &mut text, true);
    match result {
        DecoderResult::InputEmpty => Ok(text),
        DecoderResult::Malformed(wrong, after) => {
            Err(read.saturating_sub(usize::from(wrong).saturating_add(usize::from(after))))
        }
        DecoderResult::OutputFull => Err(read),
    }
}
