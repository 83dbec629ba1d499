//! What a carrier keeps of a document that was pruned, against what it held: the checkpoint and the one entry that
//! stays of each log, for 40 changes by two nodes.

use linli_core::authority::Right;
use linli_core::engine::CoreError;
use linli_model::profile::ProfileField;
use linli_replica::certificate::PartyKind;
use linli_replica::entry::Entry;
use linli_replica::id::NodeId;
use linli_tests::neighbourhood::{Neighbourhood, grant};

/// Of all bytes, that it is to stay below.
const WANTED: f64 = 0.20;

const PROFILE: &str = "profile";

pub(crate) fn measure() {
    let mut net = Neighbourhood::new(1);
    let [a, b] = [PartyKind::Household, PartyKind::Centre].map(|kind| net.join(kind));
    let space = net.begin(a, vec![grant(net.party(b), Right::Steward, true)]);
    net.heal();
    for round in 0..20 {
        for id in [a, b] {
            net.set(id, space, ProfileField::Note, &format!("note {round} of {id:?}")).unwrap();
            net.drain();
        }
    }
    net.heal();
    net.act(b, |core, world, rng| {
        let document = core.space(world, space)?.document(PROFILE);
        Ok::<_, CoreError>(core.checkpoint(world, rng, space, document)?.unwrap())
    })
    .unwrap();
    net.drain();
    let document = net.space(b, space, |space| space.document(PROFILE));
    let mut written = |id: NodeId| {
        let log = net.forger(id, space, PROFILE).log_id();
        let mut entries = net.entries(b, space);
        entries.retain(|e| e.header().document == document && e.header().log == log);
        entries.sort_by_key(|entry| entry.header().sequence);
        entries
    };
    let bytes = |entries: &[Entry]| entries.iter().map(Entry::size_bytes).sum::<usize>() as f64;
    let (by_a, by_b) = (written(a), written(b));
    let full = bytes(&by_a) + bytes(&by_b[..20]);
    let (checkpoint, stays) = (bytes(&by_b[20..]), bytes(&by_a[19..]) + bytes(&by_b[19..20]));
    println!(
        "checkpoint: {:.3} of the log's bytes, with what stays {:.3} (wanted {WANTED:.2})",
        checkpoint / full,
        (checkpoint + stays) / full
    );
}
