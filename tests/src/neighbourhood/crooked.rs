//! A carrier that lies: what it sends is withheld, swapped, doubled, cut, taken from an earlier day,
//! or a receipt of what it never kept. It cannot sign for others; all else it does as it likes.

use linli_replica::entry::{Entry, Urgency};
use linli_replica::frame::{Frame, Frontiers, Held, Pages, Receipt};
use linli_replica::frontier::{Frontier, Tip};
use linli_replica::id::{DocTag, EntryId, NodeId};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::wire::LANES;

/// How a carrier lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    /// It says nothing of half of the documents, and gives nothing of them.
    Withhold,
    /// It sends frames late, in another order, on other lanes.
    Reorder,
    /// It sends frames again and again.
    Duplicate,
    /// It cuts pages and frames short, and flips bits.
    Truncate,
    /// It sends frames of earlier connections again.
    Replay,
    /// It says that it holds what it is offered, and more.
    FalseReceipt,
}

impl Trick {
    /// Every trick.
    pub const ALL: [Self; 6] = [
        Self::Withhold,
        Self::Reorder,
        Self::Duplicate,
        Self::Truncate,
        Self::Replay,
        Self::FalseReceipt,
    ];
}

/// A frame, to whom and on which lane.
type Sent = (NodeId, Urgency, Vec<u8>);

/// Frames kept to be sent again.
const OLD_MAX: usize = 200;

/// A lying node.
#[derive(Debug)]
pub struct Crooked {
    trick: Trick,
    rng: ChaCha8Rng,
    late: Vec<Sent>,
    old: Vec<Sent>,
    /// How many frames it made something else of.
    pub lies: usize,
}

impl Crooked {
    /// Makes a liar.
    #[must_use]
    pub fn new(trick: Trick, seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        Self { trick, rng, late: Vec::new(), old: Vec::new(), lies: 0 }
    }

    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.rng.next_u64() % bound).unwrap_or(0)
    }

    /// Says what is sent in place of a frame. A hello is always honest: without it there is no session
    /// to lie in.
    pub fn twist(&mut self, to: NodeId, lane: Urgency, bytes: Vec<u8>) -> Vec<Sent> {
        let Ok(frame) = Frame::decode(&bytes) else { return vec![(to, lane, bytes)] };
        if matches!(frame, Frame::Hello(_)) {
            return vec![(to, lane, bytes)];
        }
        let sent = match self.trick {
            Trick::Withhold => withheld(frame).map(|frame| vec![(to, lane, frame.encode())]),
            Trick::Reorder => self.reordered(to, &bytes),
            Trick::Duplicate => {
                let times = 1 + self.below(3);
                Some(vec![(to, lane, bytes.clone()); times])
            }
            Trick::Truncate => self.cut(frame, &bytes).map(|bytes| vec![(to, lane, bytes)]),
            Trick::Replay => Some(self.replayed(to, lane, &bytes)),
            Trick::FalseReceipt => self
                .receipted(frame)
                .map(|frames| frames.into_iter().map(|frame| (to, lane, frame.encode())).collect()),
        };
        let honest = vec![(to, lane, bytes)];
        let sent = sent.unwrap_or_else(|| honest.clone());
        self.lies += usize::from(sent != honest);
        sent
    }

    /// Takes what was held back until now.
    pub fn take_late(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.late)
    }

    /// Holds a frame back, or sends it with those that were, the last first, on any lane.
    fn reordered(&mut self, to: NodeId, bytes: &[u8]) -> Option<Vec<Sent>> {
        let lane = LANES.get(self.below(LANES.len())).copied()?;
        self.late.push((to, lane, bytes.to_vec()));
        if self.below(3) > 0 {
            return Some(Vec::new());
        }
        let mut all = self.take_late();
        all.reverse();
        Some(all)
    }

    /// Cuts the last entry off a page, or bytes off a frame, or flips one.
    fn cut(&mut self, frame: Frame, bytes: &[u8]) -> Option<Vec<u8>> {
        let Frame::Pages(Pages { mut pages }) = frame else {
            // Now and then a whole frame, which ends the session.
            let cut = bytes.get(..self.below(bytes.len()))?.to_vec();
            return (self.below(20) == 0).then_some(cut);
        };
        let at = self.below(pages.len());
        let page = pages.get_mut(at)?;
        if self.below(2) == 0 {
            page.pop();
        } else {
            let entry = page.last_mut()?;
            let at = self.below(entry.len());
            *entry.get_mut(at)? ^= 1;
        }
        pages.retain(|page| !page.is_empty());
        Some(Frame::Pages(Pages { pages }).encode())
    }

    /// Keeps frames, and sends some of them again later, on connections that came after.
    fn replayed(&mut self, to: NodeId, lane: Urgency, bytes: &[u8]) -> Vec<Sent> {
        if self.old.len() < OLD_MAX {
            self.old.push((to, lane, bytes.to_vec()));
        }
        let mut sent = vec![(to, lane, bytes.to_vec())];
        if self.below(4) == 0 {
            let at = self.below(self.old.len());
            let old = self.old.get(at).cloned();
            sent.extend(old.map(|(_, lane, bytes)| (to, lane, bytes)));
        }
        sent
    }

    /// Receipts what is wanted as if it were held, and places that no log has.
    fn receipted(&mut self, frame: Frame) -> Option<Vec<Frame>> {
        let Frame::Want(want) = &frame else { return None };
        let false_tip = Tip { sequence: 1_000, id: EntryId([9; 32]) };
        let documents = want
            .logs
            .iter()
            .map(|log| Held {
                document: log.document,
                frontier: Frontier([(log.log, vec![false_tip])].into()),
            })
            .collect();
        let receipt = Frame::Receipt(Receipt { documents });
        // What it says it holds it does not ask for.
        if self.below(2) == 0 { Some(vec![receipt]) } else { Some(vec![receipt, frame]) }
    }
}

/// Half of the documents, the same half each time.
fn is_withheld(document: &DocTag) -> bool {
    document.0.first().is_some_and(|byte| byte.is_multiple_of(2))
}

fn withheld(frame: Frame) -> Option<Frame> {
    if let Frame::Frontiers(Frontiers { mut documents }) = frame {
        documents.retain(|offer| !is_withheld(&offer.document));
        return Some(Frame::Frontiers(Frontiers { documents }));
    }
    let Frame::Pages(Pages { mut pages }) = frame else { return None };
    let of = |entry: &[u8]| Entry::decode(entry).ok().map(|entry| entry.header().document);
    pages.retain(|page| {
        let document = page.first().and_then(|entry| of(entry));
        document.is_none_or(|document| !is_withheld(&document))
    });
    Some(Frame::Pages(Pages { pages }))
}
