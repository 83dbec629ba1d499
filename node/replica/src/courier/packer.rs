//! What goes into a courier file: what the receiver lacks, and nothing else; alerts first.

use std::collections::{BTreeSet, VecDeque};

use crate::custody::Custody;
use crate::directory::Directory;
use crate::entry::Urgency;
use crate::fingerprint::Salt;
use crate::frame::{Adopt, Certificates, Frame, Naming, Pages, Spaces};
use crate::frontier::{Frontier, Tip, covers};
use crate::held::{Held, HeldError};
use crate::id::{CertificateId, DocTag, LogKey, SpaceTag};
use crate::index::Index;
use crate::limits::{FRAME_BYTES_FULL, FRAME_NAMES_MAX, FRAME_TAGS_MAX};
use crate::prune::document_tag;
use crate::session::serve::{Cursor, refill, start};

/// What a file is to bring, besides entries.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// Certificates of the community.
    pub certificates: Vec<CertificateId>,
    /// Spaces that the packer wants, to be named to a carrier under the file's secret.
    pub names: Vec<SpaceTag>,
    /// Whether a carrier is asked to keep the spaces of what is in the file.
    pub adopt: bool,
    /// Custody receipts.
    pub custody: Vec<Custody>,
}

/// What was put into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packed {
    /// Documents of which something is in it.
    pub documents: u64,
    /// Entries.
    pub entries: u64,
    /// Their bytes.
    pub entry_bytes: u64,
    /// Certificates.
    pub certificates: u64,
    /// Their bytes.
    pub certificate_bytes: u64,
}

/// A log of which the receiver lacks something, and what it holds of it.
#[derive(Debug)]
struct Lacking {
    document: DocTag,
    log: LogKey,
    tips: Vec<Tip>,
}

/// Makes the frames of a file one by one: it keeps a page or two, and what is left to be packed.
#[derive(Debug)]
pub struct Packer {
    salt: Salt,
    load: Load,
    /// Spaces of what is in the file.
    adopt: Vec<SpaceTag>,
    /// Orders to prune and the checkpoints of urgent logs that begin late, urgent logs, the receiver's inbox, normal logs, bulk.
    queues: [VecDeque<Lacking>; 5],
    open: Option<(Lacking, Cursor)>,
    packed: Packed,
}

impl Packer {
    /// Looks for what the receiver lacks of some documents: each comes with what it is known to
    /// hold. `inbox` is the receiver's, `secret` the file's.
    pub fn new(
        index: &Index,
        secret: &[u8; 32],
        inbox: Option<SpaceTag>,
        load: Load,
        documents: impl IntoIterator<Item = (DocTag, Frontier)>,
    ) -> Self {
        let mut queues: [VecDeque<Lacking>; 5] = Default::default();
        let mut spaces = BTreeSet::new();
        let mut packed = Packed::default();
        for (document, known) in documents {
            let Some(held) = index.frontier(&document) else { continue };
            let space = index.space_of(&document);
            // Whoever takes a log that begins late must have the order that says so.
            let orders = space.is_some_and(|space| document == document_tag(&space));
            let mut lacks = false;
            // Nor does anybody begin one late before the checkpoint is there that stands for the rest.
            let stands_in = space.map(|space| index.checkpoint_logs(&space, &document));
            let mut logs: Vec<_> = held.0.into_iter().collect();
            logs.sort_by_key(|(log, _)| !stands_in.iter().any(|logs| logs.contains(log)));
            // What begins late and is urgent goes before all that is not, but not before that.
            let mut late = index.bases(&document).map(|(log, _)| log);
            let hurries = late.any(|log| index.urgency(&document, &log) == Some(Urgency::Urgent));
            for (log, tips) in logs {
                let known = known.tips(&log);
                if covers(known, &tips) {
                    continue;
                }
                let [first, urgent, letters, normal, bulk] = &mut queues;
                let is_letter = space.is_some() && space == inbox;
                let checkpoints = stands_in.iter().any(|logs| logs.contains(&log));
                let queue = match index.urgency(&document, &log) {
                    _ if orders || (hurries && checkpoints) => first,
                    Some(Urgency::Urgent) => urgent,
                    Some(Urgency::Normal | Urgency::Bulk) | None if is_letter => letters,
                    Some(Urgency::Normal) => normal,
                    Some(Urgency::Bulk) | None => bulk,
                };
                let lacking = Lacking { document, log, tips: known.to_vec() };
                if orders {
                    queue.push_front(lacking)
                } else {
                    queue.push_back(lacking)
                }
                spaces.extend(space);
                lacks = true;
            }
            packed.documents += u64::from(lacks);
        }
        let adopt = if load.adopt { spaces.into_iter().collect() } else { Vec::new() };
        Self { salt: Salt::new(secret), load, adopt, queues, open: None, packed }
    }

    /// What was put into the file so far.
    #[must_use]
    pub const fn packed(&self) -> Packed {
        self.packed
    }

    /// Says whether the file would bring nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Load { certificates, names, custody, .. } = &self.load;
        let said = certificates.is_empty() && names.is_empty() && custody.is_empty();
        said && self.open.is_none() && self.queues.iter().all(VecDeque::is_empty)
    }

    /// Makes the next frame; none where all is packed.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn next(
        &mut self,
        index: &Index,
        directory: &Directory,
        held: &dyn Held,
    ) -> Result<Option<Frame>, HeldError> {
        let said = self
            .certificates(directory)
            .or_else(|| self.names())
            .or_else(|| self.tags())
            .or_else(|| self.load.custody.pop().map(Frame::Custody));
        if said.is_some() { Ok(said) } else { self.pages(index, held) }
    }

    fn certificates(&mut self, directory: &Directory) -> Option<Frame> {
        let mut certificates = Vec::new();
        let mut bytes = 0;
        while bytes < FRAME_BYTES_FULL {
            let Some(id) = self.load.certificates.pop() else { break };
            let Some(certificate) = directory.certificate(&id) else { continue };
            let encoded = certificate.encode();
            bytes += encoded.len();
            certificates.push(encoded.into());
        }
        self.packed.certificates += count(certificates.len());
        self.packed.certificate_bytes += count(bytes);
        (!certificates.is_empty()).then_some(Frame::Certificates(Certificates { certificates }))
    }

    fn names(&mut self) -> Option<Frame> {
        let left = self.load.names.len().saturating_sub(FRAME_NAMES_MAX);
        let spaces = self.load.names.split_off(left);
        let names = self.salt.names(&spaces).into_flattened();
        let frame = Frame::Spaces(Spaces { naming: Naming::Ask, names: names.into() });
        (!spaces.is_empty()).then_some(frame)
    }

    fn tags(&mut self) -> Option<Frame> {
        let tags = self.adopt.split_off(self.adopt.len().saturating_sub(FRAME_TAGS_MAX));
        (!tags.is_empty()).then_some(Frame::Adopt(Adopt { tags }))
    }

    fn pages(&mut self, index: &Index, held: &dyn Held) -> Result<Option<Frame>, HeldError> {
        let mut pages = Vec::new();
        let mut bytes = 0;
        while let Some((lacking, mut cursor)) = self.take(index, held)? {
            let (document, log) = (lacking.document, lacking.log);
            if cursor.ready.is_empty() {
                refill(index, held, (document, log), &mut cursor)?;
            }
            let Some((page, size)) = cursor.ready.pop_front() else { continue };
            if bytes > 0 && bytes + size > FRAME_BYTES_FULL {
                cursor.ready.push_front((page, size));
                self.open = Some((lacking, cursor));
                break;
            }
            bytes += size;
            self.packed.entries += count(page.len());
            self.packed.entry_bytes += count(page.iter().map(|entry| entry.len()).sum());
            pages.push(page);
            self.open = Some((lacking, cursor));
        }
        Ok((!pages.is_empty()).then_some(Frame::Pages(Pages { pages })))
    }

    /// The log that is being packed, or the next.
    fn take(
        &mut self,
        index: &Index,
        held: &dyn Held,
    ) -> Result<Option<(Lacking, Cursor)>, HeldError> {
        if let Some(open) = self.open.take() {
            return Ok(Some(open));
        }
        while let Some(lacking) = self.queues.iter_mut().find_map(VecDeque::pop_front) {
            let key = (lacking.document, lacking.log);
            if let Some((after, lane)) = start(index, held, key, &lacking.tips)? {
                return Ok(Some((lacking, Cursor::new(after, lane))));
            }
        }
        Ok(None)
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}
