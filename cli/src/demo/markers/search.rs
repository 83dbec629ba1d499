//! Finding a text however it is written: in other encodings, in letters, compressed, or in a frame.

use std::io::Read as _;

use aho_corasick::AhoCorasick;
use anyhow::Result;
use encoding_rs::GB18030;
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};

/// The most that one compressed stream is unpacked to, in bytes: no document is larger.
const UNPACKED_MAX: u64 = 8 << 20;
/// How the bytes of a frame begin in a log.
const FRAME: &str = "bytes=";

/// Looks for several texts at once.
#[derive(Debug)]
pub(super) struct Search {
    texts: AhoCorasick,
    beginnings: AhoCorasick,
    /// Which text a pattern spells.
    of: Vec<usize>,
}

impl Search {
    pub(super) fn new(texts: &[&str]) -> Result<Self> {
        let spelt = |(number, text): (usize, &&str)| {
            spellings(text).into_iter().map(move |spelling| (spelling, number))
        };
        let (patterns, of): (Vec<_>, Vec<_>) = texts.iter().enumerate().flat_map(spelt).unzip();
        let texts = AhoCorasick::new(patterns)?;
        Ok(Self { texts, beginnings: AhoCorasick::new(BEGINNINGS)?, of })
    }

    /// The first text that stands in the bytes, or in what is compressed in them.
    pub(super) fn find(&self, bytes: &[u8]) -> Option<usize> {
        let here = |bytes: &[u8]| {
            let found = self.texts.find(bytes)?;
            self.of.get(found.pattern().as_usize()).copied()
        };
        here(bytes)
            .or_else(|| here(&unpacked(DeflateDecoder::new(bytes))))
            .or_else(|| self.packed(bytes).find_map(|bytes| here(&bytes)))
    }

    fn packed<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = Vec<u8>> + 'a {
        self.beginnings.find_iter(bytes).map(|found| {
            let stream = bytes.get(found.start()..).unwrap_or_default();
            match found.pattern().as_usize() {
                0 => unpacked(GzDecoder::new(stream)),
                5 => unpacked(DeflateDecoder::new(content(stream))),
                _ => unpacked(ZlibDecoder::new(stream)),
            }
        })
    }
}

/// The frames that a log shows.
pub(super) fn frames(log: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    log.split(|byte| *byte == b'\n').filter_map(|line| {
        let (_, rest) = str::from_utf8(line).ok()?.split_once(FRAME)?;
        hex::decode(rest.split(' ').next()?).ok().filter(|frame| !frame.is_empty())
    })
}

/// How compressed streams begin: gzip (RFC 1952), zlib (RFC 1950) at each level, and a chunk of an
/// Automerge document.
const BEGINNINGS: [&[u8]; 6] =
    [b"\x1f\x8b\x08", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x85\x6f\x4a\x83"];

/// Unpacks a stream. Where it breaks off, what came before is looked at all the same.
fn unpacked(stream: impl std::io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.take(UNPACKED_MAX).read_to_end(&mut bytes);
    bytes
}

/// What follows the head of a chunk: magic, four bytes of checksum, the kind, a length in LEB128.
fn content(chunk: &[u8]) -> &[u8] {
    let length = chunk.get(9..).unwrap_or_default();
    let digits = length.iter().take_while(|byte| **byte >= 0x80).count() + 1;
    length.get(digits..).unwrap_or_default()
}

/// A text in every spelling it could have on a disk.
fn spellings(text: &str) -> Vec<Vec<u8>> {
    let units = || text.encode_utf16();
    let mut all = vec![
        text.as_bytes().to_vec(),
        units().flat_map(u16::to_le_bytes).collect(),
        units().flat_map(u16::to_be_bytes).collect(),
        GB18030.encode(text).0.into_owned(),
    ];
    let written: Vec<Vec<u8>> = all
        .iter()
        .flat_map(|bytes| [hex::encode(bytes).into_bytes(), hex::encode_upper(bytes).into_bytes()])
        .collect();
    let coded: Vec<Vec<u8>> = all.iter().flat_map(|bytes| base64(bytes)).collect();
    all.extend(written);
    all.extend(coded);
    all
}

/// The letters that are sure to stand in base64 (RFC 4648) wherever these bytes stand in a longer text:
/// for each of the three places they can begin at, without the letters that neighbours share.
fn base64(bytes: &[u8]) -> Vec<Vec<u8>> {
    const LETTERS: [&[u8; 64]; 2] = [
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    ];
    let mut found = Vec::new();
    for letters in LETTERS {
        for shift in 0..3_usize {
            let bits: Vec<bool> = bytes
                .iter()
                .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1))
                .collect();
            // A letter has six bits; the first whole one begins at the next multiple of six.
            let skip = (6 - shift * 8 % 6) % 6;
            let whole = bits.get(skip..).unwrap_or_default().chunks_exact(6).map(|six| {
                let index = six.iter().fold(0, |number: usize, bit| number * 2 + usize::from(*bit));
                letters.get(index).copied().unwrap_or_default()
            });
            found.push(whole.collect());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use automerge::{AutoCommit, ROOT, transaction::Transactable as _};
    use flate2::{Compression, write};

    use super::*;

    const TEXT: &str = "记号-楼上请敲三下-7c41";

    fn is_found(bytes: &[u8]) -> bool {
        Search::new(&["something else", TEXT]).unwrap().find(bytes) == Some(1)
    }

    #[test]
    fn a_text_is_found_however_it_is_written() {
        assert!(is_found(format!("x{TEXT}y").as_bytes()));
        assert!(is_found(&GB18030.encode(&format!("字{TEXT}")).0));
        assert!(is_found(hex::encode_upper(TEXT).as_bytes()));
        let utf16: Vec<u8> = TEXT.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert!(is_found(&utf16));
        assert!(!is_found("记号-楼上请敲四下-7c41".as_bytes()));
    }

    #[test]
    fn base64_is_found_at_every_shift() {
        // RFC 4648: "foobar" is Zm9vYmFy; with one and two letters before it, the letters shift.
        let forms = base64(b"foobar");
        let holds = |text: &str| {
            let bytes = text.as_bytes();
            forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form))
        };
        for text in ["Zm9vYmFy", "eGZvb2Jhcg==", "eHhmb29iYXI="] {
            assert!(holds(text), "{text}");
        }
        assert!(!holds("YmFyZm9v"));
    }

    #[test]
    fn what_is_compressed_is_found() {
        let long = TEXT.repeat(50);
        let mut zlib = write::ZlibEncoder::new(b"before".to_vec(), Compression::default());
        zlib.write_all(long.as_bytes()).unwrap();
        assert!(is_found(&zlib.finish().unwrap()));
        let mut gzip = write::GzEncoder::new(b"before".to_vec(), Compression::default());
        gzip.write_all(long.as_bytes()).unwrap();
        assert!(is_found(&gzip.finish().unwrap()));
    }

    #[test]
    fn a_change_of_automerge_in_a_frame_of_a_log_is_found() {
        let mut document = AutoCommit::new();
        let value = TEXT.repeat(50);
        document.put(ROOT, "note", value).unwrap();
        document.commit();
        let mut change = document.get_changes(&[]).remove(0);
        let packed = change.bytes().to_vec();
        assert!(packed.len() < 500, "Automerge compresses it: {} bytes", packed.len());
        let log = format!("12:00 received peer=ab lane=Bulk bytes={}\n", hex::encode(&packed));
        let frames: Vec<Vec<u8>> = frames(log.as_bytes()).collect();
        assert_eq!(frames, [packed]);
        assert!(is_found(&frames[0]));
    }
}
