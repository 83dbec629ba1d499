use super::*;
use crate::entry::{Header, Urgency};
use crate::id::EpochId;
use crate::limits::ENTRY_BYTES_MAX;

const AT: Timestamp = Timestamp(1_704_067_200_000);
const COMMUNITY: CommunityId = CommunityId([1; 32]);

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn cut(log: u8, sequence: u64) -> Cut {
    Cut { log: LogKey([log; 32]), sequence, entry: EntryId([log; 32]) }
}

fn terms() -> Terms {
    let checkpoint =
        Checkpoint { log: LogKey([5; 32]), first: 7, last: 9, entry: EntryId([8; 32]) };
    Terms {
        community: COMMUNITY,
        space: [7; 32].into(),
        carrier_key: key(9).verifying_key().to_bytes().into(),
        document: DocTag([3; 32]),
        cuts: vec![cut(4, 10), cut(5, 7)],
        checkpoint: Some(checkpoint),
        withdraws: Vec::new(),
        at: AT,
    }
}

/// An entry that holds an order, in a log of some node's.
fn entry(content: &[u8], space: SpaceTag, document: DocTag) -> Entry {
    let size = (4 + content.len()).next_multiple_of(256);
    let mut padded = u32::try_from(content.len()).unwrap().to_le_bytes().to_vec();
    padded.extend_from_slice(content);
    padded.resize(size, 0);
    let header = Header {
        version: 1,
        suite: Suite::Prune,
        space,
        document,
        log: LogKey(key(2).verifying_key().to_bytes()),
        sequence: 1,
        previous: EntryId::default(),
        epoch: EpochId::default(),
        urgency: Urgency::Normal,
        nonce: [0; 24].into(),
        length: u32::try_from(size).unwrap(),
    };
    Entry::assemble(&header, padded, &key(2)).unwrap()
}

#[test]
fn an_order_is_checked_without_any_key() {
    let (terms, tag) = (terms(), terms().tag());
    let content = terms.sign(&key(9));
    let order = Order::of_entry(&entry(&content, tag, document_tag(&tag)), COMMUNITY).unwrap();
    assert_eq!(order.terms(), &terms);
    assert_eq!(order.id(), terms.id());
    assert_eq!(terms.cut(&LogKey([5; 32])), Some(&cut(5, 7)));
    assert_eq!(terms.cut(&LogKey([6; 32])), None);
    assert_eq!(Order::again(&entry(&content, tag, document_tag(&tag))), Some(order));

    let refused = |terms: &Terms, by: u8| Order::decode(&terms.sign(&key(by)), COMMUNITY);
    assert_eq!(refused(&terms, 8), Err(PruneError::BadSignature), "another key");
    let elsewhere = Terms { community: CommunityId([2; 32]), ..terms };
    assert_eq!(refused(&elsewhere, 9), Err(PruneError::OtherCommunity));
    for (space, document) in
        [(tag, DocTag([3; 32])), (SpaceTag([1; 32]), document_tag(&SpaceTag([1; 32])))]
    {
        let misplaced = Order::of_entry(&entry(&content, space, document), COMMUNITY);
        assert_eq!(misplaced, Err(PruneError::OtherSpace));
    }
    for at in 0..content.len() {
        let mut bytes = content.clone();
        bytes[at] ^= 1;
        assert!(Order::decode(&bytes, COMMUNITY).is_err(), "byte {at} was changed unnoticed");
        assert!(Order::decode(&content[..at], COMMUNITY).is_err(), "cut at {at}");
    }
}

#[test]
fn an_order_that_contradicts_itself_is_refused() {
    let good = terms();
    let tag = good.tag();
    let of = |change: &dyn Fn(&mut Terms)| {
        let mut terms = good.clone();
        change(&mut terms);
        Order::decode(&terms.sign(&key(9)), COMMUNITY).map(drop)
    };
    let checkpoint =
        |change: fn(&mut Checkpoint)| of(&|terms| change(terms.checkpoint.as_mut().unwrap()));
    let bad = Err(PruneError::Malformed);
    assert_eq!(of(&|_| {}), Ok(()));
    assert_eq!(of(&|t| t.cuts.reverse()), bad, "logs out of order");
    assert_eq!(of(&|t| t.cuts.push(cut(5, 7))), bad, "a log twice");
    assert_eq!(of(&|t| t.cuts[0].sequence = 0), bad);
    assert_eq!(of(&|t| t.cuts[1].sequence = 8), bad, "a part of the checkpoint would go");
    assert_eq!(of(&|t| t.cuts.clear()), bad, "a checkpoint for nothing");
    assert_eq!(of(&|t| t.checkpoint = None), bad, "nothing stands for what goes");
    assert_eq!(checkpoint(|c| c.first = 0), bad);
    assert_eq!(checkpoint(|c| c.first = 10), bad, "ends before it begins");
    assert_eq!(checkpoint(|c| c.last = 7 + CHECKPOINT_ENTRIES_MAX), bad, "too long");
    assert_eq!(of(&|t| t.document = document_tag(&tag)), bad, "orders themselves");
    let recovery = DocTag(blake3::derive_key("linli 1 recovery document tag", tag.as_bytes()));
    assert_eq!(of(&|t| t.document = recovery), bad, "shares for officers");
    let withdraw = |ids: &[u8]| {
        let ids: Vec<PruneId> = ids.iter().map(|id| PruneId([*id; 32])).collect();
        of(&|t| {
            (t.cuts, t.checkpoint, t.withdraws) = (Vec::new(), None, ids.clone());
        })
    };
    assert_eq!(withdraw(&[1, 2]), Ok(()));
    assert_eq!(withdraw(&[2, 1]), bad);
    assert_eq!(withdraw(&[1, 1]), bad);
    assert_eq!(withdraw(&[]), bad, "an order that says nothing");
}

#[test]
fn the_largest_order_fits_an_entry_and_a_larger_one_is_refused() {
    let log = |n: usize| {
        let mut log = [0xff; 32];
        log[..2].copy_from_slice(&u16::try_from(n).unwrap().to_be_bytes());
        LogKey(log)
    };
    let of = |count: usize| {
        let cut = |n| Cut { log: log(n), sequence: u64::MAX, entry: EntryId([1; 32]) };
        let cuts = (0..count).map(cut).collect();
        let withdraws = (0..PRUNE_WITHDRAWN_MAX).map(|n| PruneId(log(n).0)).collect();
        Terms { cuts, withdraws, ..terms() }
    };
    let tag = terms().tag();
    let largest = of(PRUNE_LOGS_MAX).sign(&key(9));
    let entry = entry(&largest, tag, document_tag(&tag));
    assert!(entry.encode().len() <= ENTRY_BYTES_MAX);
    assert!(Order::of_entry(&entry, COMMUNITY).is_ok());
    let larger = of(PRUNE_LOGS_MAX + 1).sign(&key(9));
    assert_eq!(Order::decode(&larger, COMMUNITY), Err(PruneError::Malformed));
}
