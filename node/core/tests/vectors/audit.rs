use linli_core::audit::{
    AuditRecord, Broken, ExportReader, Header, Summary, What, closing, record_item, withheld_item,
};
use linli_replica::audit::{Head, Linked, Linker};
use linli_replica::certificate::{Act, Certificate, OfficerSet, PartyKind};
use linli_replica::directory::Directory;
use linli_replica::id::{CommunityId, NodeId, OfficerId, PartyId, Timestamp};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::*;

const AT: Timestamp = Timestamp(1_700_000_000_000);

fn node() -> NodeId {
    NodeId(key(9).verifying_key().to_bytes())
}

fn directory() -> Directory {
    let (officer, party) = (key(3), key(8));
    let id = OfficerId(officer.verifying_key().to_bytes());
    let officers = OfficerSet { officers: vec![id], threshold: 1 };
    let act = Act::Genesis { name: "桃园".to_owned(), officers, nonce: [1; 32].into() };
    let genesis = Certificate::new(CommunityId::default(), AT, act).signed(&officer);
    let community = CommunityId(genesis.id().0);
    let (under, kind, name) = (genesis.id(), PartyKind::Centre, None);
    let of = PartyId(party.verifying_key().to_bytes());
    let enrol = Act::Enrol { under, party: of, kind, name };
    let (ends, label, seal_key) = (Timestamp(1_800_000_000_000), "desk".to_owned(), [7; 32].into());
    let act = Act::Node { party: of, node: node(), seal_key, ends, label, carrier: false };
    let mut directory = Directory::new(genesis).unwrap();
    directory.add(vec![
        Certificate::new(community, AT, enrol).signed(&officer),
        Certificate::new(community, AT, act).signed(&party),
    ]);
    directory
}

/// Links records behind a head; where there is none, the node signs what was linked so far.
fn link(records: Vec<Option<Vec<u8>>>, signer: u8) -> Vec<Linked> {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let (linker, mut head, mut chain) = (Linker::default(), Head::default(), Vec::new());
    for record in records {
        let signature = || AuditRecord::signature(&mut rng, AT, &key(signer), &head).encode();
        let record = record.unwrap_or_else(signature);
        head = linker.next(&head, &linker.digest(&record)).unwrap();
        chain.push(Linked { head, record });
    }
    chain
}

fn records() -> Vec<Option<Vec<u8>>> {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let granted = AuditRecord {
        elder: Some([6; 16].into()),
        party: Some(PartyId([2; 32])),
        of: Some("care".to_owned()),
        detail: Some("read: care at home".to_owned()),
        ..AuditRecord::new(&mut rng, AT, What::Granted)
    };
    let read =
        AuditRecord { elder: Some([6; 16].into()), ..AuditRecord::new(&mut rng, AT, What::Read) };
    let later = AuditRecord::new(&mut rng, AT, What::Unknown(900));
    vec![Some(granted.encode()), Some(read.encode()), None, Some(later.encode())]
}

/// An export of a chain, with the numbers that are withheld.
fn export(chain: &[Linked], withheld: &[u64]) -> Vec<Vec<u8>> {
    let header = Header::new(node(), AT, Head::default(), &directory()).item();
    let last = chain.last().map_or(Head::default(), |last| last.head);
    let end = closing(&key(9), &header, &last);
    let item = |linked: &Linked| match withheld.contains(&linked.head.sequence) {
        true => withheld_item(linked, &Linker::default()),
        false => record_item(linked),
    };
    [header].into_iter().chain(chain.iter().map(item)).chain([end]).collect()
}

fn edited(mut items: Vec<Vec<u8>>, edit: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<Vec<u8>> {
    edit(&mut items);
    items
}

fn made() -> Vec<Value> {
    let chain = link(records(), 9);
    let good = export(&chain, &[]);
    let mut other = records();
    other[0] = other[1].clone();
    let mut anew = link(other.clone(), 9);
    // The signature of the true chain, as somebody without the key must leave it.
    other[2] = Some(chain[2].record.clone());
    let forged = link(other, 9);
    anew.truncate(2);
    let vectors = [
        ("an export", good.clone(), "Ok 4, withheld 0"),
        ("two records withheld", export(&chain, &[1, 4]), "Ok 4, withheld 2"),
        ("nothing recorded", export(&[], &[]), "Ok 0, withheld 0"),
        ("a record changed", edited(good.clone(), |i| i[1][80] ^= 1), "Hash at 1"),
        ("a hash changed", edited(good.clone(), |i| i[2][8] ^= 1), "Hash at 2"),
        ("a record missing", edited(good.clone(), |i| drop(i.remove(2))), "Gap at 3"),
        ("records swapped", edited(good.clone(), |i| i.swap(1, 2)), "Gap at 2"),
        ("a record twice", edited(good.clone(), |i| i.insert(2, good[1].clone())), "Order at 1"),
        ("made anew with all hashes", export(&forged, &[]), "Signature at 2"),
        ("signed by another node", export(&link(records(), 7), &[]), "Signer at 2"),
        ("cut short", good[..4].to_vec(), "Unfinished at 3"),
        ("records missing at the end", edited(good.clone(), |i| drop(i.remove(4))), "Gap at 4"),
        (
            "closed by another's end",
            edited(good.clone(), |i| i[5] = export(&anew, &[])[3].clone()),
            "Closing at 2",
        ),
        (
            "its beginning changed",
            edited(good.clone(), |i| {
                let end = i[0].len() - 1;
                i[0][end] ^= 1;
            }),
            "Closing at 4",
        ),
        ("something follows", edited(good.clone(), |i| i.push(good[1].clone())), "Order at 5"),
        ("a later version", edited(good.clone(), |i| i[0][4] = 2), "Malformed at 0"),
        (
            "a longer way to write it",
            edited(good.clone(), |i| i[1] = long_way(&i[1])),
            "Malformed at 1",
        ),
    ];
    vectors
        .into_iter()
        .map(|(name, items, expect)| {
            let items: Vec<String> = items.iter().map(hex::encode).collect();
            json!({ "name": name, "items": items, "expect": expect })
        })
        .collect()
}

/// The same item with its first number in two bytes.
fn long_way(item: &[u8]) -> Vec<u8> {
    [&item[..1], &[0x18], &item[1..]].concat()
}

fn read(items: &[Value]) -> Result<Summary, Broken> {
    let mut reader = ExportReader::begin(&bytes(&items[0]))?;
    items[1..].iter().try_for_each(|item| reader.item(&bytes(item)).map(drop))?;
    let summary = reader.finish()?;
    assert!(reader.header().community().unwrap().admits(&node(), AT).is_ok());
    Ok(summary)
}

#[test]
fn audits() {
    for vector in vectors("audit.json", made()) {
        let outcome = match read(vector["items"].as_array().unwrap()) {
            Ok(found) => format!("Ok {}, withheld {}", found.verified, found.withheld),
            Err(broken) => format!("{:?} at {}", broken.why, broken.sequence),
        };
        assert_eq!(vector["expect"], outcome, "{}", vector["name"]);
    }
}
