//! Couriers: a sealed file from one node to another, which may be cut short, come twice, or never.

use linli_core::courier::{Opener, Sealer};
use linli_replica::courier::{
    Head, Load, PREAMBLE_BYTES, Packer, Part, Preamble, Reader, Writer, chunk, chunk_bytes,
};
use linli_replica::frontier::Frontier;
use linli_replica::id::{NodeId, SpaceTag, inbox_tag};
use linli_replica::replica::Input;

use super::dice::Dice;
use super::town::{Happened, Town};

/// A node packs all that another may want; the stick is carried over, by somebody who is not always careful.
pub(super) fn carry(town: &mut Town, dice: &mut Dice) -> Happened {
    let (Some(from), Some(to)) = (dice.pick(&town.honest), dice.pick(&town.honest)) else {
        return Happened::Nothing;
    };
    if from == to {
        return Happened::Nothing;
    }
    let Some(mut file) = pack(town, from, to, dice) else { return Happened::Refused };
    if dice.once_in(6) {
        town.went_wrong("courier file lost");
        return Happened::Done;
    }
    if dice.once_in(5) {
        town.went_wrong("courier file cut short");
        file.truncate(dice.below(file.len()));
    }
    if dice.once_in(5) {
        town.went_wrong("courier file damaged");
        let at = dice.below(file.len());
        if let Some(byte) = file.get_mut(at) {
            *byte ^= 1;
        }
    }
    let times = if dice.once_in(4) { 2 } else { 1 };
    if times == 2 {
        town.went_wrong("courier file twice");
    }
    for _ in 0..times {
        unpack(town, to, &file);
    }
    Happened::Done
}

fn pack(town: &mut Town, from: NodeId, to: NodeId, dice: &mut Dice) -> Option<Vec<u8>> {
    let now = town.net.now;
    let node = town.net.node(from);
    let (index, directory) = (node.replica.index(), node.replica.directory());
    let recipient = directory.admits(&to, node.clock(now)).ok()?;
    let own: Vec<SpaceTag> = node.core.spaces().chain([inbox_tag(&to)]).collect();
    let documents = own.iter().flat_map(|space| index.documents(space));
    let documents = documents.map(|(document, _)| (document, Frontier::default()));
    let certificates = directory.certificates().map(|certificate| certificate.id()).collect();
    let secret = *blake3::hash(&now.0.to_le_bytes()).as_bytes();
    let load = Load { certificates, ..Load::default() };
    let mut packer = Packer::new(index, &secret, Some(inbox_tag(&to)), load, documents);
    let mut sealer = Sealer::new(&mut dice.0, &recipient.seal_key).ok()?;
    let preamble = sealer.preamble();
    let (community, at) = (directory.community(), node.clock(now));
    let head = Head { community, from, to: Some(to), at, secret: secret.into(), taken: None };
    let key = node.keys.signing();
    let (mut writer, first) = Writer::begin(&preamble, &head, key);
    let mut file = preamble.encode().to_vec();
    file.extend(chunk(&sealer.seal(&first).ok()?));
    while let Some(frame) = packer.next(index, directory, &node.disk.store).ok()? {
        file.extend(chunk(&sealer.seal(&writer.frame(&frame, key)).ok()?));
    }
    file.extend(chunk(&sealer.seal(&writer.end(key)).ok()?));
    Some(file)
}

/// Takes in what of a file can be believed.
fn unpack(town: &mut Town, to: NodeId, file: &[u8]) -> Option<()> {
    let (first, mut rest) = file.split_first_chunk::<PREAMBLE_BYTES>()?;
    let preamble = Preamble::decode(first).ok()?;
    let mut opener = Opener::new(town.net.node(to).keys.seal(), preamble).ok()??;
    let mut reader = Reader::new(&preamble);
    let mut packer = None;
    while let Some((prefix, after)) = rest.split_first_chunk::<4>() {
        let (part, after) = after.split_at_checked(chunk_bytes(*prefix)?)?;
        rest = after;
        match reader.part(&opener.open(part).ok()?).ok()? {
            Part::Head(head) => {
                let node = town.net.node(to);
                let directory = node.replica.directory();
                head.check(directory.community(), to).ok()?;
                head.admitted(directory, node.clock(town.net.now)).ok()?;
                packer = Some(head.from);
            }
            Part::Frame(frame) => town.net.input(to, Input::Carried { from: packer?, frame }),
            Part::End => return Some(()),
        }
    }
    None
}
