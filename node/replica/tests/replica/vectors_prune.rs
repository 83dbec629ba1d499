//! The vectors of `docs/spec/prune.md`.

use linli_replica::id::{CommunityId, DocTag, EntryId, LogKey, PruneId, Timestamp};
use linli_replica::prune::{Checkpoint, Cut, Order, PruneError, Terms, document_tag};

use crate::community::key;
use crate::vectors::{check, raw_order};

const CONTEXT: &str = "linli 1 prune order";
const COMMUNITY: CommunityId = CommunityId([1; 32]);

fn cut(log: u8, sequence: u64) -> Cut {
    Cut { log: LogKey([log; 32]), sequence, entry: EntryId([7; 32]) }
}

fn order() -> Terms {
    let checkpoint =
        Checkpoint { log: LogKey([5; 32]), first: 7, last: 9, entry: EntryId([8; 32]) };
    Terms {
        community: COMMUNITY,
        space: [2; 32].into(),
        carrier_key: key(9).verifying_key().to_bytes().into(),
        document: DocTag([3; 32]),
        cuts: vec![cut(4, 10), cut(5, 7)],
        checkpoint: Some(checkpoint),
        withdraws: Vec::new(),
        at: Timestamp(1_704_067_200_000),
    }
}

/// Orders signed with the right key, that say what is to be refused; the first two are not.
fn said() -> Vec<(&'static str, Vec<u8>)> {
    let with = |change: &dyn Fn(&mut Terms)| {
        let mut terms = order();
        change(&mut terms);
        terms.sign(&key(9))
    };
    let stands =
        |change: fn(&mut Checkpoint)| with(&|terms| terms.checkpoint.iter_mut().for_each(change));
    let withdraws = |ids: &[u8]| {
        let ids: Vec<PruneId> = ids.iter().map(|id| PruneId([*id; 32])).collect();
        with(&|t| (t.cuts, t.checkpoint, t.withdraws) = (Vec::new(), None, ids.clone()))
    };
    let tag = order().tag();
    let recovery = blake3::derive_key("linli 1 recovery document tag", tag.as_bytes());
    vec![
        ("order", with(&|_| {})),
        ("withdrawal", withdraws(&[1, 2])),
        ("another-community", with(&|terms| terms.community = CommunityId([3; 32]))),
        ("logs-unsorted", with(&|terms| terms.cuts.reverse())),
        ("log-twice", with(&|terms| terms.cuts.push(cut(5, 7)))),
        ("sequence-0", with(&|terms| terms.cuts[0].sequence = 0)),
        ("cut-into-checkpoint", with(&|terms| terms.cuts[1].sequence = 8)),
        ("no-checkpoint", with(&|terms| terms.checkpoint = None)),
        ("checkpoint-for-nothing", with(&|terms| terms.cuts.clear())),
        ("checkpoint-backwards", stands(|checkpoint| checkpoint.first = 10)),
        ("checkpoint-too-long", stands(|checkpoint| checkpoint.last = 7 + 1_024)),
        ("nothing", withdraws(&[])),
        ("withdraws-unsorted", withdraws(&[2, 1])),
        ("prune-document", with(&|terms| terms.document = document_tag(&tag))),
        ("recovery-document", with(&|terms| terms.document = DocTag(recovery))),
    ]
}

#[test]
fn prune_orders() {
    let good = order().sign(&key(9));
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let terms = linli_replica::codec::encode(&order());
    assert_eq!(raw_order(CONTEXT, 1, &terms, &key(9)), good);
    // The neutral point as key and as half of a signature: a check that is not strict takes it of anybody.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut weak = Terms { carrier_key: neutral.into(), ..order() }.sign(&key(9));
    let signature = weak.len() - 64;
    weak[signature..].fill(0);
    weak[signature] = 1;
    let mut made = said();
    made.extend([
        ("another-key", order().sign(&key(8))),
        ("weak-key", weak),
        ("terms-flipped", flipped(60)),
        ("signature-flipped", flipped(good.len() - 1)),
        ("version-2", raw_order(CONTEXT, 2, &terms, &key(9))),
        ("terms-truncated", raw_order(CONTEXT, 1, &terms[..terms.len() - 1], &key(9))),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing-byte", [good.clone(), vec![0]].concat()),
        ("empty", Vec::new()),
    ]);
    check("prune.txt", &made, |bytes| match Order::decode(bytes, COMMUNITY) {
        Ok(_) => "accept".into(),
        Err(PruneError::Malformed) => "malformed".into(),
        Err(PruneError::Version(_)) => "version".into(),
        Err(PruneError::OtherCommunity) => "other-community".into(),
        Err(PruneError::OtherSpace) => "other-space".into(),
        Err(PruneError::BadSignature) => "bad-signature".into(),
    });
}
