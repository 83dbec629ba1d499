//! The vectors of `docs/spec`: what must be accepted, and what must be refused and why.
//!
//! Each line of a file is `name verdict bytes`: the verdict is `accept` or the reason of the refusal
//! as the code names it, the bytes are hexadecimal. The accepted ones are also rebuilt from their
//! recipe, so that a change of the format cannot pass unnoticed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ed25519_dalek::SigningKey;
use linli_replica::certificate::{Act, Certificate, CertificateError};
use linli_replica::courier::CourierError;
use linli_replica::custody::{Custody, CustodyError, Terms};
use linli_replica::entry::{Entry, EntryError, Header, Page, PageError, Suite, Urgency};
use linli_replica::erasure::{self, Order, OrderError};
use linli_replica::frame::{
    Adopt, BlobOffer, BlobSum, Blobs, BlobsOfSpace, Bye, ByeReason, Cell, Certificates, Frame,
    FrameError, Frontiers, Held, Hello, Naming, Offer, Pages, Ranges, Receipt, Spaces, Want,
    WantLog,
};
use linli_replica::frontier::{Frontier, Tip};
use linli_replica::id::{
    BlobId, CommunityId, DocTag, EntryId, EpochId, LogKey, SpaceTag, Timestamp,
};
use linli_replica::limits::CUSTODY_DOCUMENTS_MAX;
use linli_replica::reconcile::{Claim, Range};
use linli_replica::relays::{self, RelayError, RelayTold};
use linli_replica::request::{Request, RequestError};
use linli_replica::signed::EnvelopeError;

use crate::community::{Community, OFFICER, key, node};
use crate::network::{document, entry, space};

/// Name → verdict and bytes.
type Vectors = BTreeMap<String, (String, Vec<u8>)>;

fn path(file: &str) -> String {
    format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> Vectors {
    let text = std::fs::read_to_string(path(file)).unwrap();
    let mut vectors = Vectors::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = line.split(' ').collect();
        let [name, verdict, bytes] = parts[..] else { panic!("{line}") };
        let bytes = hex::decode(bytes).unwrap();
        assert!(vectors.insert(name.into(), (verdict.into(), bytes)).is_none(), "{name} twice");
    }
    vectors
}

/// Compares a file with what the code makes and says. With `LINLI_WRITE_VECTORS` it is written.
pub(crate) fn check(file: &str, made: &[(&str, Vec<u8>)], verdict: impl Fn(&[u8]) -> String) {
    if option_env!("LINLI_WRITE_VECTORS").is_some() {
        let mut text = String::from("# name verdict bytes; see docs/spec\n");
        for (name, bytes) in made {
            writeln!(text, "{name} {} {}", verdict(bytes), hex::encode(bytes)).unwrap();
        }
        std::fs::write(path(file), text).unwrap();
    }
    let vectors = read(file);
    assert_eq!(vectors.len(), made.len());
    let accepted = vectors.values().filter(|(verdict, _)| verdict == "accept").count();
    assert!(accepted > 0 && accepted < vectors.len(), "some of each");
    for (name, bytes) in made {
        let (expected, stored) = vectors.get(*name).expect(name);
        assert_eq!(stored, bytes, "{name}: the format has changed");
        assert_eq!(verdict(stored), *expected, "{name}");
    }
}

fn header() -> Header {
    Header {
        version: 1,
        suite: Suite::Epoch,
        space: SpaceTag([1; 32]),
        document: DocTag([2; 32]),
        log: LogKey(key(3).verifying_key().to_bytes()),
        sequence: 1,
        previous: EntryId::default(),
        epoch: EpochId([4; 32]),
        urgency: Urgency::Normal,
        nonce: [5; 24].into(),
        length: 272,
    }
}

/// The CBOR of an entry from any parts, sound or not.
fn raw(header: &Header, ciphertext: &[u8], key: &SigningKey) -> Vec<u8> {
    let header = header.encode();
    let mut hasher = blake3::Hasher::new_derive_key("linli 1 entry id");
    hasher.update(&header).update(ciphertext);
    let message = [b"linli 1 entry".as_slice(), hasher.finalize().as_bytes()].concat();
    let signature = ed25519_dalek::Signer::sign(key, &message).to_bytes();
    let mut bytes = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    encoder.array(3).unwrap().bytes(&header).unwrap().bytes(ciphertext).unwrap();
    encoder.bytes(&signature).unwrap();
    bytes
}

/// An entry of a suite that this version does not know.
fn raw_suite(suite: u8) -> Vec<u8> {
    let mut bytes = raw(&header(), &[6; 272], &key(3));
    // Entry's array, the header's length, its array, the version: then the suite.
    let at = bytes.iter().position(|byte| *byte == 0x8b).unwrap() + 2;
    assert_eq!(bytes[at], 1);
    bytes[at] = suite;
    bytes
}

#[test]
fn entries() {
    let good = raw(&header(), &[6; 272], &key(3));
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let with = |change: &dyn Fn(&mut Header), length: usize| {
        let mut header = header();
        header.length = u32::try_from(length).unwrap();
        change(&mut header);
        raw(&header, &vec![6; length], &key(3))
    };
    let inbox = |h: &mut Header| {
        (h.suite, h.epoch, h.nonce) = (Suite::Inbox, EpochId::default(), [0; 24].into());
    };
    let recovery = |h: &mut Header| (h.suite, h.nonce) = (Suite::Recovery, [0; 24].into());
    let prune = |h: &mut Header| {
        (h.suite, h.epoch, h.nonce) = (Suite::Prune, EpochId::default(), [0; 24].into());
    };
    let made = [
        ("first", good.clone()),
        ("inbox", with(&inbox, 304)),
        ("recovery", with(&recovery, 256)),
        ("prune", with(&prune, 512)),
        ("urgent", with(&|h| h.urgency = Urgency::Urgent, 272)),
        ("later", with(&|h| (h.sequence, h.previous) = (9, EntryId([8; 32])), 528)),
        ("version-2", with(&|h| h.version = 2, 272)),
        ("sequence-0", with(&|h| h.sequence = 0, 272)),
        ("first-with-predecessor", with(&|h| h.previous = EntryId([8; 32]), 272)),
        ("second-without-predecessor", with(&|h| h.sequence = 2, 272)),
        ("unpadded", with(&|_| {}, 271)),
        ("no-content", with(&|_| {}, 16)),
        ("inbox-padded-as-epoch", with(&inbox, 272)),
        ("recovery-padded-as-epoch", with(&recovery, 272)),
        ("prune-padded-as-epoch", with(&prune, 272)),
        ("suite-5", raw_suite(5)),
        ("length-differs", with(&|h| h.length = 528, 272)),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing-byte", [good.clone(), vec![0]].concat()),
        ("signature-flipped", flipped(good.len() - 1)),
        ("ciphertext-flipped", flipped(300)),
        ("empty", Vec::new()),
    ];
    check("entry.txt", &made, |bytes| match Entry::decode(bytes) {
        Ok(entry) => match Page(vec![entry]).verify() {
            Ok(_) => "accept".into(),
            Err(PageError::BadSignature) => "BadSignature".into(),
            Err(error) => format!("{error:?}"),
        },
        Err(EntryError::Version(_)) => "Version".into(),
        Err(error) => format!("{error:?}"),
    });
}

#[test]
fn certificates() {
    let community = Community::new("North");
    let [enrol, certify] = community.member(1, true);
    let mut two = community.notice(1, "open on Sunday");
    two.sign(&key(9));
    let body = |bytes: &[u8]| {
        let mut envelope = linli_replica::signed::Envelope::new(bytes.to_vec());
        envelope.sign(&key(1));
        envelope.encode()
    };
    let good = community.genesis.encode();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    // A signature with its key takes 101 bytes at the end.
    let mut unsorted = two.encode();
    let at = unsorted.len() - 202;
    unsorted[at..].rotate_left(101);
    let made = [
        ("genesis", good.clone()),
        ("enrol", enrol.encode()),
        ("node", certify.encode()),
        ("officers", community.officers(None).encode()),
        ("officers-struck-out", community.officers(Some(vec![enrol.id()])).encode()),
        ("expel", community.expel(1).encode()),
        ("notice-signed-by-two", two.encode()),
        ("signatures-unsorted", unsorted),
        ("body-flipped", flipped(10)),
        ("signature-flipped", flipped(good.len() - 1)),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing-byte", [good.clone(), vec![0]].concat()),
        ("body-is-no-body", body(&[0xf6])),
        ("version-2", body(&[&[0x84, 2][..], &certify.envelope().body()[2..]].concat())),
        ("empty", Vec::new()),
    ];
    check("certificate.txt", &made, |bytes| match Certificate::decode(bytes) {
        Ok(_) => "accept".into(),
        Err(CertificateError::Version(_)) => "Version".into(),
        Err(CertificateError::Envelope(EnvelopeError::BadSignature)) => "BadSignature".into(),
        Err(CertificateError::Envelope(error)) => format!("Envelope{error:?}"),
        Err(CertificateError::Malformed) => "Malformed".into(),
    });
}

/// A request's CBOR of any parts, sound or not.
fn raw_request(magic: &str, version: u8, lists: [&[Vec<u8>]; 2]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    encoder.array(4).unwrap().str(magic).unwrap().u8(version).unwrap();
    for list in lists {
        encoder.array(u64::try_from(list.len()).unwrap()).unwrap();
        for item in list {
            encoder.bytes(item).unwrap();
        }
    }
    bytes
}

#[test]
fn requests() {
    let (north, south) = (Community::new("North"), Community::new("South"));
    let [enrol, certify] = north.member(1, false);
    let unsigned = north.unsigned(1);
    let (genesis, other) = (north.genesis.encode(), south.genesis.encode());
    let of = |acts: &[Vec<u8>], known: &[Vec<u8>]| raw_request("linli request", 1, [acts, known]);
    let known = [genesis.clone(), certify.encode()];
    let good = of(&[unsigned.encode()], &known);
    let flipped = |at: usize| {
        let mut bytes = of(&[enrol.encode()], &known);
        bytes[at] ^= 1;
        bytes
    };
    let stranger = unsigned.clone().signed(&key(9)).encode();
    let next = north.officers(None).encode();
    let founding = {
        let body = linli_replica::signed::Envelope::new(north.genesis.envelope().body().to_vec());
        body.encode()
    };
    let made = [
        ("unsigned", good.clone()),
        ("signed", of(&[unsigned.clone().signed(&key(OFFICER)).encode()], &known)),
        ("founding", of(&[founding, unsigned.encode()], &[])),
        ("two-acts", of(&[unsigned.encode(), north.unsigned(2).encode()], &known)),
        ("version-2", raw_request("linli request", 2, [&[unsigned.encode()], &known])),
        ("other-magic", raw_request("linli key", 1, [&[unsigned.encode()], &known])),
        ("no-acts", of(&[], &known)),
        ("nine-acts", of(&vec![unsigned.encode(); 9], &known)),
        ("one-act-twice", of(&vec![unsigned.encode(); 2], &known)),
        ("known-129", of(&[unsigned.encode()], &vec![genesis.clone(); 129])),
        ("act-of-a-node", of(&[certify.encode()], &known)),
        ("without-the-genesis", of(&[unsigned.encode()], &[certify.encode()])),
        ("another-communitys-genesis", of(&[unsigned.encode()], &[other])),
        ("two-communities", of(&[unsigned.encode(), south.unsigned(2).encode()], &known)),
        ("officers-that-were", of(&[unsigned.encode()], &[genesis, next])),
        ("signed-by-a-stranger", of(&[stranger], &known)),
        ("act-flipped", flipped(60)),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing-byte", [good.clone(), vec![0]].concat()),
        ("empty", Vec::new()),
    ];
    check("request.txt", &made, |bytes| match Request::decode(bytes) {
        Ok(request) => {
            assert_eq!(request.encode(), bytes);
            "accept".into()
        }
        Err(RequestError::Version(_)) => "Version".into(),
        Err(RequestError::Certificate(_)) => "Certificate".into(),
        Err(error) => format!("{error:?}"),
    });
}

fn sound_frames() -> Vec<(&'static str, Frame)> {
    let tip = |sequence, id| Tip { sequence, id: EntryId([id; 32]) };
    let frontier = Frontier([(LogKey([3; 32]), vec![tip(5, 1), tip(5, 2)])].into());
    let one =
        entry(&key(3), space(7), document(7, 1), 1, EntryId::default(), (Urgency::Urgent, 1, 1));
    let range = |start: &[u8], end: &[u8], claim| Range {
        start: start.to_vec().into(),
        end: end.to_vec().into(),
        claim,
    };
    let community = Community::new("North");
    let ranges = Ranges {
        answer: true,
        certificates: vec![range(&[], &[], Claim::Fingerprint([1; 16].into()))],
        documents: vec![
            range(&[], &[8], Claim::Items(vec![2; 16].into())),
            range(&[8], &[9, 1], Claim::Missing(vec![3; 8].into())),
        ],
    };
    let hello = Hello {
        version: 1,
        community: CommunityId([1; 32]),
        agreed: [2; 16].into(),
        spaces: 300,
        carrier: true,
    };
    let offer = Offer { document: DocTag([2; 32]), frontier: frontier.clone(), urgent: true };
    let after = vec![tip(4, 9)];
    let wanted = WantLog { document: DocTag([2; 32]), log: LogKey([3; 32]), after };
    let held = Held { document: DocTag([2; 32]), frontier };
    let certificates = vec![community.genesis.encode().into()];
    let sound = vec![
        ("hello", Frame::Hello(hello)),
        ("spaces", Frame::Spaces(Spaces { naming: Naming::Answer, names: vec![4; 32].into() })),
        ("kept", Frame::Spaces(Spaces { naming: Naming::Kept, names: vec![4; 16].into() })),
        ("adopt", Frame::Adopt(Adopt { tags: vec![SpaceTag([1; 32])] })),
        ("ranges", Frame::Ranges(ranges)),
        ("certificates", Frame::Certificates(Certificates { certificates })),
        ("frontiers", Frame::Frontiers(Frontiers { documents: vec![offer] })),
        ("want", Frame::Want(Want { logs: vec![wanted] })),
        ("pages", Frame::Pages(Pages { pages: vec![vec![one.encode().into()]] })),
        ("receipt", Frame::Receipt(Receipt { documents: vec![held.clone()] })),
        ("cell", Frame::Cell(Cell::new(space(7), 3, vec![1; 272], &key(3)))),
        ("bye", Frame::Bye(Bye { reason: ByeReason::Closing })),
        ("custody", Frame::Custody(custody(vec![held]))),
    ];
    sound.into_iter().chain(words().map(|(name, word)| (name, Frame::Blobs(word)))).collect()
}

/// What is said about blobs.
fn words() -> [(&'static str, Blobs); 6] {
    let blob = BlobId([6; 32]);
    let offer = BlobOffer { blob, document: DocTag([2; 32]), size: 300_000 };
    let space = [4; 16].into();
    let held = BlobsOfSpace { space, blobs: vec![offer] };
    [
        ("blob-sums", Blobs::Sums(vec![BlobSum { space, sum: [5; 16].into() }])),
        ("blob-ask", Blobs::Ask(vec![4; 32].into())),
        ("blob-held", Blobs::Held(vec![held])),
        ("blob-want", Blobs::Want(blob, 131_072)),
        ("blob-part", Blobs::Part(blob, 131_072, vec![7; 20].into())),
        ("blob-lacking", Blobs::Lacking(blob)),
    ]
}

/// Node 3 holds documents of space 7.
fn custody(documents: Vec<Held>) -> Custody {
    let (community, at, space) = (CommunityId([1; 32]), Timestamp(1_704_067_200_000), space(7));
    Terms { community, by: node(3), at, space, documents }.sign(&key(3))
}

#[test]
fn custody_receipts() {
    let community = CommunityId([1; 32]);
    let tip = Tip { sequence: 4, id: EntryId([9; 32]) };
    let held = |document, tips| Held {
        document: DocTag([document; 32]),
        frontier: Frontier([(LogKey([3; 32]), tips)].into()),
    };
    let good = custody(vec![held(2, vec![tip])]);
    let terms = good.verify(community).unwrap();
    let many = custody(vec![held(2, vec![tip]); CUSTODY_DOCUMENTS_MAX + 1]);
    assert_eq!(many.verify(community), Err(CustodyError::Malformed));
    let with = |change: &dyn Fn(&mut Custody)| {
        let mut custody = good.clone();
        change(&mut custody);
        linli_replica::codec::encode(&custody)
    };
    let made = [
        ("receipt", with(&|_| {})),
        ("nothing-held", with(&|c| *c = custody(Vec::new()))),
        ("another-node", with(&|c| *c = terms.sign(&key(4)))),
        (
            "another-community",
            with(&|c| {
                *c = Terms { community: CommunityId([2; 32]), ..terms.clone() }.sign(&key(3));
            }),
        ),
        ("terms-flipped", with(&|c| c.terms[40] ^= 1)),
        ("signature-flipped", with(&|c| c.signature[63] ^= 1)),
        ("version-2", with(&|c| c.version = 2)),
        ("no-tips", with(&|c| *c = custody(vec![held(2, Vec::new())]))),
        ("terms-truncated", with(&|c| c.terms = c.terms[..c.terms.len() - 1].to_vec().into())),
    ];
    check("custody.txt", &made, |bytes| {
        let custody: Custody = linli_replica::codec::decode(bytes).unwrap();
        match custody.verify(community) {
            Ok(_) => "accept".into(),
            Err(CustodyError::Version(_)) => "Version".into(),
            Err(error) => format!("{error:?}"),
        }
    });
}

#[test]
fn courier_files() {
    check("courier.txt", &crate::courier::vectors(), |bytes| match crate::courier::read(bytes).1 {
        Ok(()) => "accept".into(),
        Err(CourierError::Damaged { .. }) => "Damaged".into(),
        Err(CourierError::Cut { .. }) => "Cut".into(),
        Err(error) => format!("{error:?}"),
    });
}

#[test]
fn frames() {
    let sound = sound_frames();
    let mut made: Vec<(&str, Vec<u8>)> =
        sound.iter().map(|(name, frame)| (*name, frame.encode())).collect();
    assert_eq!(made.len(), 19, "every kind of frame");
    let tip = |sequence, id| Tip { sequence, id: EntryId([id; 32]) };
    let offers = |tips| {
        let frontier = Frontier([(LogKey([3; 32]), tips)].into());
        let offer = Offer { document: DocTag([2; 32]), frontier, urgent: false };
        Frame::Frontiers(Frontiers { documents: vec![offer] }).encode()
    };
    let names = Spaces { naming: Naming::Ask, names: vec![4; 17].into() };
    let bye = Frame::Bye(Bye { reason: ByeReason::Closing }).encode();
    let extra = Frame::Hello(Hello {
        version: 1,
        community: CommunityId([1; 32]),
        agreed: [2; 16].into(),
        spaces: 1,
        carrier: false,
    });
    // A later version's sixth field of the hello is ignored.
    let mut later = extra.encode();
    assert_eq!(later[2], 0x85);
    later[2] = 0x86;
    later.push(0x07);
    made.extend([
        ("hello-with-a-later-field", later),
        ("unknown-kind", vec![0x82, 0x18, 99, 0x80]),
        ("names-of-17-bytes", Frame::Spaces(names).encode()),
        ("tips-unordered", offers(vec![tip(5, 2), tip(5, 1)])),
        ("tip-twice", offers(vec![tip(5, 1), tip(5, 1)])),
        ("tip-zero", offers(vec![tip(0, 1)])),
        ("no-tips", offers(Vec::new())),
        ("five-branches", offers((1..=5).map(|id| tip(5, id)).collect())),
        ("page-of-65", Frame::Pages(Pages { pages: vec![vec![Vec::new().into(); 65]] }).encode()),
        ("blob-ask-of-17-bytes", Frame::Blobs(Blobs::Ask(vec![4; 17].into())).encode()),
        ("blob-unknown-word", vec![0x82, 12, 0x82, 6, 0x80]),
        ("truncated", bye[..bye.len() - 1].to_vec()),
        ("trailing-byte", [bye, vec![0]].concat()),
        ("empty", Vec::new()),
        ("not-cbor", vec![0xff]),
    ]);
    check("frame.txt", &made, |bytes| match Frame::decode(bytes) {
        Ok(_) => "accept".into(),
        Err(FrameError::TooLarge(_)) => "TooLarge".into(),
        Err(error) => format!("{error:?}"),
    });
    for (name, frame) in sound {
        assert_eq!(Frame::decode(&frame.encode()), Ok(frame), "{name}");
    }
}

/// The CBOR of an order from any parts.
pub(crate) fn raw_order(context: &str, version: u8, terms: &[u8], key: &SigningKey) -> Vec<u8> {
    let id = blake3::derive_key(context, terms);
    let message = [context.as_bytes(), &id].concat();
    let signature = ed25519_dalek::Signer::sign(key, &message).to_bytes();
    let mut bytes = Vec::new();
    let mut encoder = minicbor::Encoder::new(&mut bytes);
    encoder.array(3).unwrap().u8(version).unwrap().bytes(terms).unwrap();
    encoder.bytes(&signature).unwrap();
    bytes
}

const ERASE: &str = "linli 1 erase order";

#[test]
fn erasure_orders() {
    let community = CommunityId([1; 32]);
    let carrier = key(9);
    let whole = erasure::Terms {
        community,
        space: [2; 32].into(),
        carrier_key: carrier.verifying_key().to_bytes().into(),
        documents: None,
        at: Timestamp(1_704_067_200_000),
    };
    let of = |documents: &[u8]| {
        let documents = Some(documents.iter().map(|tag| DocTag([*tag; 32])).collect());
        erasure::Terms { documents, ..whole.clone() }.sign(&carrier)
    };
    let good = whole.sign(&carrier);
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let terms = linli_replica::codec::encode(&whole);
    assert_eq!(raw_order(ERASE, 1, &terms, &carrier), good);
    let elsewhere = erasure::Terms { community: CommunityId([3; 32]), ..whole.clone() };
    // The neutral point as key and as half of a signature: a check that is not strict takes it of anybody.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut weak = erasure::Terms { carrier_key: neutral.into(), ..whole.clone() }.sign(&carrier);
    let signature = weak.len() - 64;
    weak[signature..].fill(0);
    weak[signature] = 1;
    let made = [
        ("space", good.clone()),
        ("documents", of(&[4, 5])),
        ("another-key", whole.sign(&key(8))),
        ("weak-key", weak),
        ("another-community", elsewhere.sign(&carrier)),
        ("terms-flipped", flipped(60)),
        ("signature-flipped", flipped(good.len() - 1)),
        ("no-documents", of(&[])),
        ("documents-unsorted", of(&[5, 4])),
        ("document-twice", of(&[4, 4])),
        ("version-2", raw_order(ERASE, 2, &terms, &carrier)),
        ("terms-truncated", raw_order(ERASE, 1, &terms[..terms.len() - 1], &carrier)),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing-byte", [good.clone(), vec![0]].concat()),
        ("empty", Vec::new()),
    ];
    check("erasure.txt", &made, |bytes| match Order::decode(bytes, community) {
        Ok(order) => {
            assert_eq!(order.erase().space, whole.tag());
            "accept".into()
        }
        Err(OrderError::Malformed) => "malformed".into(),
        Err(OrderError::Version(_)) => "version".into(),
        Err(OrderError::OtherCommunity) => "other-community".into(),
        Err(OrderError::BadSignature) => "bad-signature".into(),
    });
}

#[test]
fn notices_of_relays() {
    let told = |url: &str, quic_port, pin: Option<[u8; 32]>| RelayTold {
        url: url.into(),
        quic_port,
        pin: pin.map(Into::into),
    };
    let body = |relays: Vec<RelayTold>| {
        let act = relays::notice(node(1), relays);
        let Act::Notice { topic, body, .. } = act else { panic!("{act:?}") };
        assert_eq!(topic, "relay");
        body.to_vec()
    };
    let full = || told("https://relay.example:443", Some(7842), Some([6; 32]));
    let plain = || told("http://10.0.0.2:3340", None, None);
    let good = body(vec![full()]);
    let mut later = good.clone();
    later[1] = 2;
    let of = |url: &str| body(vec![told(url, None, None)]);
    let made = [
        ("one", good.clone()),
        ("two", body(vec![full(), plain()])),
        ("none", body(Vec::new())),
        ("longest", of(&format!("https://{}", "a".repeat(292)))),
        ("three", body(vec![full(), plain(), plain()])),
        ("too-long", of(&format!("https://{}", "a".repeat(293)))),
        ("ftp", of("ftp://relay.example")),
        ("no-host", of("https://")),
        ("space", of("https://relay .example")),
        ("letters-beyond-ascii", of("https://网.example")),
        ("version-2", later),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("trailing-byte", [good, vec![0]].concat()),
        ("empty", Vec::new()),
    ];
    check("relay.txt", &made, |bytes| match relays::decode(bytes) {
        Ok(_) => "accept".into(),
        Err(RelayError::Malformed) => "malformed".into(),
        Err(RelayError::Version(_)) => "version".into(),
        Err(RelayError::TooMany) => "too-many".into(),
        Err(RelayError::Url) => "url".into(),
    });
}
