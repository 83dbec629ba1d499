//! Where fuzzing begins: what the vectors of the formats hold, and a few things made here for the formats that have none.

use std::collections::BTreeMap;
use std::path::Path;

use automerge::transaction::Transactable as _;
use automerge::{ActorId, AutoCommit, ROOT};
use linli_core::audit::ExportItem;
use linli_core::authority::{Act, Genesis, HandOver, Owner, SpaceCertificate, Under};
use linli_core::hand_over::HandOverRequest;
use linli_core::identity::{KeyKind, Stretch, officer_word, printed_key, seal_key_file};
use linli_core::inbox::{InboxItem, Letter};
use linli_core::pairing::{Code, Message};
use linli_core::person::{PersonCertificate, PersonDetails};
use linli_model::document::commit_options;
use linli_replica::certificate::{Act as CommunityAct, Certificate, OfficerSet, PartyKind};
use linli_replica::codec;
use linli_replica::courier::Preamble;
use linli_replica::directory::Directory;
use linli_replica::id::{CommunityId, NodeId, OfficerId, PartyId, Timestamp};
use linli_store::StorageKey;
use linli_store::keyring::{Cost, SealedKey};
use minicbor::bytes::ByteVec;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde_json::{Value, json};

use crate::heal::key;

/// Bytes of all seeds of one target.
const SEEDS_BYTES_MAX: usize = 12 << 10;

/// Target → seeds.
pub(crate) type Seeds = BTreeMap<&'static str, Vec<Vec<u8>>>;

/// Makes every seed.
pub(crate) fn seeds() -> Seeds {
    let mut seeds = Seeds::new();
    of_replica(&mut seeds);
    of_core(&mut seeds);
    made(&mut seeds);
    typed(&mut seeds);
    stories(&mut seeds);
    for all in seeds.values_mut() {
        let mut room = SEEDS_BYTES_MAX;
        all.retain(|seed| {
            let fits = seed.len() <= room;
            room -= if fits { seed.len() } else { 0 };
            fits
        });
    }
    seeds
}

fn file(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The vectors of the replica: those that are accepted first.
fn of_replica(seeds: &mut Seeds) {
    for name in [
        "certificate",
        "courier",
        "custody",
        "entry",
        "erasure",
        "frame",
        "prune",
        "relay",
        "request",
    ] {
        let text = file(&format!("node/replica/tests/vectors/{name}.txt"));
        let text = String::from_utf8(text).unwrap();
        let mut vectors: Vec<(bool, Vec<u8>)> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let mut parts = line.split(' ').skip(1);
                let refused = parts.next() != Some("accept");
                (refused, unhex(parts.next().unwrap()))
            })
            .collect();
        vectors.sort_by_key(|(refused, _)| *refused);
        seeds.insert(name, vectors.into_iter().map(|(_, bytes)| bytes).collect());
    }
    seeds.insert(
        "blob-slice",
        (0..3).map(|which| part(which, &[])).chain([part(0, &[7; 40])]).collect(),
    );
}

/// The first part of a blob that the target knows: the true one, or other bytes.
fn part(which: u8, other: &[u8]) -> Vec<u8> {
    let size: [u64; 3] = [272, 20_000, 200_000];
    let flag = if other.is_empty() { 129 + which } else { which };
    [&[flag][..], &size[usize::from(which)].to_le_bytes(), &[0; 8], other].concat()
}

fn vectors(name: &str) -> Vec<Value> {
    serde_json::from_slice(&file(&format!("node/core/tests/vectors/{name}.json"))).unwrap()
}

fn field(vectors: &[Value], field: &str) -> Vec<Vec<u8>> {
    vectors.iter().filter_map(|vector| vector[field].as_str()).map(unhex).collect()
}

fn list(value: &Value) -> Vec<Vec<u8>> {
    value.as_array().unwrap().iter().map(|item| unhex(item.as_str().unwrap())).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len() / 2).map(|at| digit(at * 2)).collect()
}

/// A list of byte strings.
fn joined(items: &[Vec<u8>]) -> Vec<u8> {
    codec::encode(&items.iter().map(|item| ByteVec::from(item.clone())).collect::<Vec<_>>())
}

fn of_core(seeds: &mut Seeds) {
    for (name, file, of) in [
        ("payload", "payload", "payload"),
        ("opening", "opening", "opening"),
        ("sealed-entry", "seal", "entry"),
        ("sealed-blob", "blob", "blob"),
        ("recovery-split", "recovery", "split"),
        ("recovery-request", "recovery", "request"),
    ] {
        seeds.insert(name, field(&vectors(file), of));
    }
    // The last of each story is what it is about.
    let stories = vectors("space-certificate");
    let last = stories.iter().map(|story| list(&story["certificates"]).pop().unwrap());
    let mut last: Vec<_> = last.collect();
    last.sort();
    last.dedup();
    seeds.insert("space-certificate", last);

    let exports: Vec<Vec<Vec<u8>>> = vectors("audit").iter().map(|v| list(&v["items"])).collect();
    let record = |item: &Vec<u8>| match codec::decode(item) {
        Ok(ExportItem::Record { record, .. }) => Some(Vec::from(record)),
        _ => None,
    };
    let chains: Vec<Vec<Vec<u8>>> =
        exports.iter().map(|items| items.iter().filter_map(record).collect()).collect();
    seeds.insert("audit-export", exports.iter().map(|items| joined(items)).collect());
    seeds.insert("audit-chain", chains.iter().map(|records| joined(records)).collect());
    let mut records = chains.concat();
    records.sort();
    records.dedup();
    seeds.insert("audit-record", records);
}

fn public(seed: u8) -> [u8; 32] {
    key(seed).verifying_key().to_bytes()
}

fn made(seeds: &mut Seeds) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (party, node) = (PartyId(public(2)), NodeId(public(1)));
    let details = |qualification: Option<&str>| PersonDetails {
        key: public(3),
        party,
        name: "王秀英".into(),
        role: "carer".into(),
        qualification: qualification.map(Into::into),
        ends: Timestamp(1_800_000_000_000),
    };
    let person = |by: u8, q| PersonCertificate::sign(&key(by), details(q)).unwrap().encode();
    seeds.insert("person", vec![person(1, None), person(2, Some("nurse"))]);

    let (genesis, over) = drafted(CommunityId([9; 32]), Under::Genesis);
    let items = InboxItem::space(genesis.encode(), &[over.encode()], Vec::new());
    let letter = Letter::sign(&key(2), node, Timestamp(1), items).to_vec();
    let other = Letter::sign(&key(2), NodeId(public(4)), Timestamp(1), Vec::new()).to_vec();
    seeds.insert("letter", vec![letter, other]);
    seeds.insert("hand-over", vec![hand_over()]);

    let notice = linli_core::recovery::Request::decode(&seeds["recovery-request"][0]);
    let notice = notice.map(|request| {
        let directory = request.directory(request.statement().at).unwrap();
        linli_core::recovery::RecoveryNotice::of(&request.record(), &directory).encode()
    });
    seeds.insert("recovery-notice", vec![notice.unwrap()]);

    let stretch = Stretch { memory_kib: 8, passes: 1, lanes: 1 };
    let kinds = [KeyKind::Party, KeyKind::Officer];
    let file = |kind| seal_key_file(&mut rng, kind, &key(1), "passphrase", stretch).unwrap();
    seeds.insert("key-file", kinds.map(file).to_vec());
    let storage = StorageKey::from_bytes([7; 32]);
    let cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };
    let sealed = SealedKey::seal(&storage, "passphrase", cost, &mut rng).unwrap();
    seeds.insert("storage-key", vec![sealed.encode()]);

    let code = Code::draw([5; 10], &mut rng);
    let bound = code.bind(&[1; 32]);
    let messages = [
        Message::Apply(vec![1, 2, 3].into()),
        Message::Certificates(vec![genesis.encode().into()]),
        Message::Enrolled {
            discovery: [3; 32].into(),
            relays: vec!["https://relay.example:443".into()],
            told: None,
        },
        Message::AwaitingOfficers { signed: 1, needed: 2 },
        Message::Refused("no".into()),
        Message::Resume,
    ];
    drop(bound);
    seeds.insert("pairing", messages.iter().map(Message::encode).collect());
    let printed = printed_key(&key(1));
    let words = [code.text().unwrap(), officer_word(&OfficerId(public(1))), printed.to_string()];
    seeds.insert("words", words.map(String::into_bytes).to_vec());
    let preamble = |encapped| Preamble { encapped }.encode().to_vec();
    let sealed = [preamble(Some(public(1))), vec![1; 100]].concat();
    seeds.insert("sealed-courier", vec![sealed, preamble(None)]);
    seeds.insert("change", changes());
}

/// A space's genesis, and a hand-over of it.
fn drafted(community: CommunityId, under: Under) -> (SpaceCertificate, SpaceCertificate) {
    let genesis = Genesis {
        community,
        owner: Owner::Community,
        steward: Some(PartyId(public(10))),
        kind: "care".into(),
        carrier_key: [1; 32].into(),
        nonce: [2; 32].into(),
    };
    let (node, party) = (key(20), PartyId(public(10)));
    let begun = SpaceCertificate::begin(&node, party, Timestamp(3), genesis).unwrap();
    let over = HandOver { to: Owner::Party(PartyId(public(11))), steward: None };
    let (heads, act) = (vec![begun.id()], Act::HandOver(over));
    let over =
        SpaceCertificate::sign(&node, begun.space(), party, under, heads, Timestamp(4), &act);
    (begun, over.unwrap())
}

fn hand_over() -> Vec<u8> {
    let mut officers: Vec<OfficerId> = (1..=3).map(|seed| OfficerId(public(seed))).collect();
    officers.sort();
    let officers = OfficerSet { officers, threshold: 2 };
    let act = CommunityAct::Genesis { name: "North".into(), officers, nonce: [0; 32].into() };
    let signed = |act: Certificate| act.signed(&key(1)).signed(&key(2));
    let genesis = signed(Certificate::new(CommunityId::default(), Timestamp(1), act));
    let under = genesis.id();
    let community = CommunityId(under.0);
    let act = |act| Certificate::new(community, Timestamp(2), act);
    let mut directory = Directory::new(genesis).unwrap();
    for (seed, kind) in [(10, PartyKind::Centre), (11, PartyKind::Household)] {
        let party = PartyId(public(seed));
        let certify = CommunityAct::Node {
            party,
            node: NodeId(public(seed + 10)),
            seal_key: [4; 32].into(),
            ends: Timestamp(100),
            label: "desk".into(),
            carrier: false,
        };
        let enrol = signed(act(CommunityAct::Enrol { under, party, kind, name: None }));
        directory.add([enrol, act(certify).signed(&key(seed))]);
    }
    let (begun, over) = drafted(community, Under::Officers { set: under, title: None });
    let drafts = vec![(begun.tags().unwrap().0, "care".to_owned(), over)];
    let words = ("Wang Xiuying".to_owned(), None);
    let request = HandOverRequest::new(&key(20), &directory, words, drafts, Timestamp(5));
    request.unwrap().encode()
}

/// Changes of one author, as entries hold them.
fn changes() -> Vec<Vec<u8>> {
    let mut doc = AutoCommit::new().with_actor(ActorId::from([7; 16].as_slice()));
    let mut changes = Vec::new();
    for text in ["王秀英", "Wang", ""] {
        doc.put(ROOT, "name", text).unwrap();
        doc.put(ROOT, "schema", 1_u64).unwrap();
        let hash = doc.commit_with(commit_options(linli_model::time::Timestamp(1))).unwrap();
        changes.push(doc.get_change_by_hash(&hash).unwrap().raw_bytes().to_vec());
    }
    doc.delete(ROOT, "name").unwrap();
    let list = doc.put_object(ROOT, "list", automerge::ObjType::List).unwrap();
    (0..3).for_each(|at| doc.insert(&list, at, at as i64).unwrap());
    let hash = doc.commit().unwrap();
    changes.push(doc.get_change_by_hash(&hash).unwrap().raw_bytes().to_vec());
    changes
}

/// What facts of orders and alerts say: `#0` stands for the first fact, `@1` for the second node.
fn bodies() -> Vec<Value> {
    let elder = "018cc251-f400-7000-8000-000000000002";
    vec![
        json!({"kind": "opened", "nonce": elder, "arbiter": {"party": "@1", "node": "@1", "kind": "centre"},
            "request": {"service": "meal", "elder": elder, "household": "@0", "channel": "phone",
                "priority": "routine", "wanted_at": null, "addresses": ["North Gate 1"], "note": null}}),
        json!({"kind": "offered", "opened": "#0", "to": "@2", "under": null}),
        json!({"kind": "accepted", "offer": "#1", "price_fen": 1_500}),
        json!({"kind": "confirmed", "claim": "#2"}),
        json!({"kind": "raised", "cause": "button/1", "what": "button", "ladder": {"steps": [], "respond_ms": 600_000},
            "place": null, "note": null}),
        json!({"kind": "acknowledged", "raise": "#0"}),
        json!({"kind": "resolved", "ack": "#1", "outcome": "helped", "note": null}),
        json!({"kind": "proposed", "a": {"source": "n", "record": "1"},
            "b": {"source": "w", "record": "2"}, "score": 90, "doubts": []}),
        json!({"kind": "decided", "a": {"source": "n", "record": "1"},
            "b": {"source": "w", "record": "2"}, "same": true, "note": null}),
        json!({"kind": "given", "offer": {"provider": "@2", "service": "meal", "area": "",
            "ceiling_fen": 2_000, "begins": 0, "ends": 99}}),
        json!({"kind": "ended", "given": "#0", "from": 5}),
    ]
}

/// Stories of the targets that have a state.
fn stories(seeds: &mut Seeds) {
    let story = |kind: u8, facts: &[(u8, usize)]| {
        let mut story = vec![kind];
        for (who, body) in facts {
            let text = json!({"at": 1, "node": format!("@{who}"), "person": null, "after": [],
                "body": bodies()[*body]});
            let text = text.to_string();
            story.extend([*who, *who]);
            story.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            story.extend(text.into_bytes());
        }
        story
    };
    let order = story(0, &[(0, 0), (1, 1), (2, 2), (1, 3)]);
    let alert = story(1, &[(0, 4), (1, 5), (1, 6)]);
    let (joins, offers) = (story(2, &[(1, 7), (1, 8)]), story(4, &[(1, 9), (1, 10)]));
    seeds.insert("fold", vec![order, alert, joins, offers]);
    let town = [[0, 0, 0, 3], [1, 0, 0, 90], [0, 1, 1, 3], [1, 1, 1, 90], [2, 0, 0, 99]].concat();
    let removed = [[3, 0, 0, 3], [4, 0, 14, 3], [0, 0, 2, 6], [7, 1, 0, 31], [6, 0, 0, 4]].concat();
    seeds.insert("directory", vec![[town.clone(), removed].concat(), town]);
    let granted = [[0, 0, 0, 1, 1, 3], [0, 1, 65, 1, 2, 2], [5, 0, 0, 1, 0, 0]].concat();
    let removal = [[3, 0, 0, 1, 1, 0], [6, 0, 0, 1, 1, 1], [7, 0, 0, 1, 1, 0]].concat();
    let over = [[8, 24, 192, 1, 2, 0], [0, 2, 134, 1, 3, 3]].concat();
    let all = [vec![0], granted.clone(), removal, over].concat();
    seeds.insert("space-set", vec![all, [vec![5], granted].concat()]);
    let talk =
        [[0, 20, 0], [2, 3, 9], [5, 0, 3], [5, 1, 3], [5, 2, 3], [5, 3, 7], [6, 10, 0]].concat();
    let acts =
        [[10, 1, 0], [11, 1, 0], [0, 40, 0], [7, 0, 0], [0, 60, 0], [8, 1, 0], [9, 0, 0]].concat();
    let pages = [vec![3, 1, 0, 0, 3, 1, 2, 3], vec![4, 0, 5], vec![3, 1, 0, 0, 1, 9]].concat();
    seeds.insert("session", vec![talk, acts, pages]);
    let honest = vec![0, 0, 1, 5, 2, 3, 3];
    let changed = vec![0, 128, 1, 0, 6, 0, 20, 9, 0, 40, 1, 64, 0, 0, 2, 1, 2];
    seeds.insert("document", vec![honest.clone(), changed, [vec![1], honest].concat()]);
    seeds.insert("checkpoint", vec![vec![], vec![0, 0, 0, 5], vec![0, 1, 0, 16, 0, 0, 1, 1]]);
}

/// What offices keep and people type.
fn typed(seeds: &mut Seeds) {
    let head = |name: &str| {
        let bytes = file(&format!("crdt-model/data/registers/{name}.csv"));
        bytes.split_inclusive(|byte| *byte == b'\n').take(6).collect::<Vec<_>>().concat()
    };
    let (north, west) = (head("register-north"), head("register-west"));
    let text = String::from_utf8(north.clone()).unwrap();
    let utf16 = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    seeds.insert("register", vec![north, west, utf16]);
    let lines = |text: &str| text.lines().map(|line| line.as_bytes().to_vec()).collect();
    seeds.insert("typed", lines(TYPED));
    seeds.insert("name", lines(NAMES));
    seeds.insert("bluetooth", BLUETOOTH.lines().map(unhex).collect());
    let consents: Vec<Value> =
        serde_json::from_slice(&file("crdt-model/tests/vectors/consents.json")).unwrap();
    let consents = consents.iter().map(|vector| vector["body"].clone());
    let bodies: Vec<Value> = consents.chain(bodies()).collect();
    let fact = |body: &Value| {
        let (node, after) = ("01".repeat(32), ["03".repeat(32)]);
        let fact = json!({"at": 1, "node": node, "person": null, "after": after, "body": body});
        let text = fact.to_string().replace('#', "@");
        (0..10).fold(text, |text, at| text.replace(&format!("@{at}"), &"0a".repeat(32)))
    };
    seeds.insert("fact", bodies.iter().map(|body| fact(body).into_bytes()).collect());
}

const TYPED: &str = "2024-01-02
2024年1月2日
610125193512231372
610125351223137
+86 138 0000 0000
029-88881234
2024-01-01T09:18:00.000Z
2024-01-01 17:18:00
36.5
-0.25
 Ｗang  王秀英 ";

/// The place of a characteristic and a frame of it with every field; at last one that measured nothing.
const BLUETOOTH: &str = "001e780050005d00e80701011112004800022500
010b0100e8070101111200f6ff3ab0110400
0207da0300ffe807010111120006
031d2c01ffff0002
041fd2f3d1f2e807010111120020403000000af0
051f60004700610048005f00460020000800000af0
060f463ce8070101111200ffde00ab02
0004ff070008ff07fe07";

const NAMES: &str = "profile
card
card/0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
readings/2024-01
order/018cc251-f400-7000-8000-000000000001
alert/018cc251-f400-7000-8000-000000000001
joins
consents";
