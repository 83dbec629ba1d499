//! Files beside a document: photo proof of a visit, a letter, a finding. The document holds what a file is and the key
//! that opens it; its sealed bytes are a blob.

use serde::{Deserialize, Serialize};

use crate::author::{Author, id32};
use crate::event::{Body, FactId, Facts, Known, Reason};
use crate::private::Private;
use crate::time::Timestamp;

/// Files that one order may have: a photo before and one after each of a month's daily visits.
pub const ATTACHMENTS_MAX: usize = 64;

/// Files that stand in an elder's record at once: two a month for ten years.
pub const RECORD_FILES_MAX: usize = 256;

/// Bytes of a file's kind, such as `image/jpeg`.
pub const CONTENT_TYPE_BYTES_MAX: usize = 127;

/// Bytes of a file's title.
pub const TITLE_BYTES_MAX: usize = 255;

/// Bytes of a file.
pub const FILE_BYTES_MAX: u64 = 50 << 20;

id32! {
    /// The BLAKE3 hash of a file's sealed bytes: where its blob is found.
    BlobId
}

/// Returns the bytes of the blob of a file of `size` bytes, at most [`FILE_BYTES_MAX`]: with its length, zeros up to its
/// bucket, and a tag of 16 bytes for each chunk of 65,520 (`docs/spec/blob.md`).
pub fn sealed_bytes(size: u64) -> u64 {
    let framed = size.saturating_add(8);
    let step = (framed / 8).checked_ilog2().map_or(256, |bits| (1_u64 << bits).max(256));
    let framed = framed.div_ceil(step).saturating_mul(step);
    framed.saturating_add(framed.div_ceil(65_520).saturating_mul(16))
}

/// What a file is (FHIR R4 Attachment), and how its blob is found and opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The media type (RFC 6838), such as `image/jpeg`.
    pub content_type: String,
    /// Bytes of the file.
    pub size: u64,
    /// What it is called.
    pub title: Option<Private>,
    /// When it was made, by the clock of who attached it.
    pub creation: Timestamp,
    /// The hash of the sealed bytes.
    pub blob: BlobId,
    /// How many they are.
    pub sealed: u64,
    /// How they are sealed, as `docs/spec/blob.md` numbers it: 1.
    pub suite: u8,
    /// The key of this file alone, 64 hexadecimal digits; none only where a view shows it.
    pub key: Option<Private>,
}

impl Attachment {
    /// Says whether every value is in its range.
    pub fn is_sound(&self) -> bool {
        let is_key = |key: &Private| {
            key.as_str().len() == 64 && key.as_str().bytes().all(|digit| digit.is_ascii_hexdigit())
        };
        let is_type = |text: &str| {
            let plain =
                text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/+-.!#$&^_".contains(&b));
            plain && text.len() <= CONTENT_TYPE_BYTES_MAX && text.split('/').count() == 2
        };
        is_type(&self.content_type)
            && (1..=FILE_BYTES_MAX).contains(&self.size)
            && self.sealed == sealed_bytes(self.size)
            && self.title.as_ref().is_none_or(|title| title.as_str().len() <= TITLE_BYTES_MAX)
            && self.suite == 1
            && self.key.as_ref().is_some_and(is_key)
    }

    /// The file as views show it: without its key.
    pub fn shown(&self) -> Self {
        Self { key: None, ..self.clone() }
    }
}

/// A file that stands beside a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attached {
    /// The fact.
    pub fact: FactId,
    /// Who attached it.
    pub by: Author,
    /// When, by the author's own clock.
    pub at: Timestamp,
    /// Whether it is proof of the service: attached by the party that held the order.
    pub proof: bool,
    /// The file, without its key.
    pub file: Attachment,
}

/// A fact that may put a file beside its document, or take one away.
pub trait FileBody: Body {
    /// The file that it puts there.
    fn file(&self) -> Option<&Attachment>;

    /// The fact whose file it takes away.
    fn takes_away(&self) -> Option<FactId>;
}

/// A file as its fact holds it, with its key.
pub fn file<'a, B: FileBody>(facts: &'a Facts<B>, attached: &Attached) -> Option<&'a Attachment> {
    let known = facts.known.iter().find(|known| known.id == attached.fact)?;
    known.fact.body.file()
}

/// Puts a file beside a document: sound, once for each party, and of each not more than `max`: nobody displaces the files of
/// others.
pub(crate) fn attach<B: Body>(
    files: &mut Vec<Attached>,
    known: &Known<B>,
    file: &Attachment,
    proof: bool,
    max: usize,
) -> Result<(), Reason> {
    let author = &known.author;
    let own = files.iter().filter(|of| of.by.party == author.party).count();
    if !file.is_sound() || own >= max {
        return Err(Reason::OutOfRange);
    }
    let same = |of: &Attached| of.file.blob == file.blob && of.by.party == author.party;
    if files.iter().any(same) {
        return Err(Reason::AlreadyDone);
    }
    let (fact, by, at) = (known.id, author.clone(), known.fact.at);
    files.push(Attached { fact, by, at, proof, file: file.shown() });
    Ok(())
}

/// Takes a file away for the party that attached it; for another where `others` says so.
pub(crate) fn detach<B: Body>(
    files: &mut Vec<Attached>,
    known: &Known<B>,
    attached: FactId,
    others: Result<(), Reason>,
) -> Result<(), Reason> {
    let found = files.iter().position(|of| of.fact == attached);
    let at = found.ok_or(Reason::WrongReference)?;
    if files.get(at).is_none_or(|of| of.by.party != known.author.party) {
        others?;
    }
    files.remove(at);
    Ok(())
}
