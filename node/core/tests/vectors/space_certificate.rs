use linli_core::authority::{
    Act, Community, Genesis, Grant, HandOver, Owner, Prune, Revoked, Right, SpaceCertificate,
    SpaceCertificates, SpaceState, Under,
};
use linli_replica::certificate::OfficerSet;
use linli_replica::id::{
    CertificateId, CommunityId, DocTag, LogKey, NodeId, OfficerId, PartyId, Timestamp,
};

use super::*;

const OFFICERS: CertificateId = CertificateId([0xee; 32]);
/// A party that was expelled for good.
const EXPELLED: u8 = 4;

struct Town(BTreeMap<NodeId, PartyId>, OfficerSet);

impl Town {
    /// Five parties with a node each, and the officers, of whom two must sign.
    fn new() -> Self {
        let nodes = (0..5).map(|i| (NodeId(key(i).verifying_key().to_bytes()), party(i)));
        let officers = (0..3).map(|i| OfficerId(officer(i).verifying_key().to_bytes()));
        let mut officers: Vec<_> = officers.collect();
        officers.sort();
        Self(nodes.collect(), OfficerSet { officers, threshold: 2 })
    }
}

fn officer(index: u8) -> SigningKey {
    key(200 + index)
}

impl Community for Town {
    fn party_of(&self, node: &NodeId) -> Option<PartyId> {
        self.0.get(node).copied()
    }

    fn officers(&self, set: &CertificateId) -> Option<&OfficerSet> {
        (*set == OFFICERS).then_some(&self.1)
    }

    fn is_expelled(&self, of: &PartyId) -> bool {
        *of == party(EXPELLED)
    }
}

fn party(index: u8) -> PartyId {
    PartyId([100 + index; 32])
}

#[derive(Clone)]
struct Story {
    certificates: Vec<SpaceCertificate>,
}

impl Story {
    fn new() -> Self {
        Self::of(0, Owner::Party(party(0)), None)
    }

    fn of(by: u8, owner: Owner, steward: Option<u8>) -> Self {
        let genesis = Genesis {
            community: CommunityId([9; 32]),
            owner,
            steward: steward.map(party),
            kind: "care".to_owned(),
            carrier_key: [1; 32].into(),
            nonce: [2; 32].into(),
        };
        let first = SpaceCertificate::begin(&key(by), party(by), Timestamp(1), genesis).unwrap();
        Self { certificates: vec![first] }
    }

    /// Adds what the node `by` signs; `heads` are places in the story.
    fn then(self, by: u8, under: Option<usize>, heads: &[usize], act: &Act) -> Self {
        let under = under.map_or(Under::Genesis, |at| Under::Grant(self.id(at)));
        self.add(by, under, heads, act, 0)
    }

    /// Adds what the node `by` signs as the owner or the steward by a hand-over.
    fn by_title(self, by: u8, title: usize, heads: &[usize], act: &Act) -> Self {
        let under = Under::HandOver(self.id(title));
        self.add(by, under, heads, act, 0)
    }

    /// Adds what `signed` officers sign with the node `by`.
    fn officers(
        self,
        by: u8,
        title: Option<usize>,
        heads: &[usize],
        act: &Act,
        signed: u8,
    ) -> Self {
        let title = title.map(|at| self.id(at));
        self.add(by, Under::Officers { set: OFFICERS, title }, heads, act, signed)
    }

    fn id(&self, at: usize) -> CertificateId {
        self.certificates[at].id()
    }

    fn add(mut self, by: u8, under: Under, heads: &[usize], act: &Act, officers: u8) -> Self {
        let heads = heads.iter().map(|at| self.id(*at)).collect();
        let (space, at) = (self.certificates[0].space(), Timestamp(2));
        let mut next =
            SpaceCertificate::sign(&key(by), space, party(by), under, heads, at, act).unwrap();
        (0..officers).for_each(|index| next.countersign(&officer(index)));
        self.certificates.push(next);
        self
    }
}

fn steward(to: u8) -> Act {
    Act::Grant(Grant {
        party: party(to),
        right: Right::Steward,
        purpose: "care".to_owned(),
        ends: None,
        consent: None,
        history: true,
    })
}

fn writer(to: u8) -> Act {
    Act::Grant(Grant {
        party: party(to),
        right: Right::Write,
        purpose: "care".to_owned(),
        ends: None,
        consent: None,
        history: true,
    })
}

fn out(who: u8) -> Act {
    Act::Revoke(Revoked::Party(party(who)))
}

fn prune() -> Prune {
    Prune {
        document: DocTag([7; 32]),
        log: LogKey([8; 32]),
        first: 4,
        last: 5,
        entry: EntryId([9; 32]),
        hash: [10; 32].into(),
    }
}

/// Stewards sign for a checkpoint, and take that back.
fn agreements() -> Vec<(&'static str, Story)> {
    let (sign, back) = (Act::Prune(prune()), Act::Withdraw(prune()));
    let alone = Story::new().then(0, None, &[0], &sign);
    let two = Story::new().then(0, None, &[0], &steward(1)).then(0, None, &[1], &steward(2));
    let one = two.clone().then(1, Some(1), &[2], &sign);
    let agreed = one.clone().then(0, None, &[3], &sign);
    let back_once = agreed.clone().then(2, Some(2), &[4], &back);
    let again = back_once.clone().then(1, Some(1), &[5], &sign).then(0, None, &[6], &sign);
    vec![
        ("the only steward signs for a checkpoint", alone.clone()),
        ("and makes another one afterwards", alone.clone().then(0, None, &[1], &steward(1))),
        ("and has made another one apart from it", alone.then(0, None, &[0], &steward(1))),
        ("one of several stewards signs", one),
        ("two stewards agree", agreed.clone()),
        ("removed by who had seen it", agreed.clone().then(0, None, &[4], &out(1))),
        ("removed by who had not seen it", agreed.then(0, None, &[2], &out(1))),
        ("taken back", back_once.clone()),
        ("taken back by who is removed apart from it", back_once.then(0, None, &[4], &out(2))),
        ("agreed again", again),
        (
            "a lone steward after removing the other",
            two.then(0, None, &[2], &out(1)).then(0, None, &[3], &out(2)).then(
                0,
                None,
                &[4],
                &sign,
            ),
        ),
        (
            "signed by who only writes",
            Story::new().then(0, None, &[0], &writer(1)).then(1, Some(1), &[1], &sign).then(
                1,
                Some(1),
                &[1],
                &back,
            ),
        ),
    ]
}

fn refused() -> Act {
    Act::Refuse { entries: vec![EntryId([6; 32])] }
}

fn hand_over(to: u8) -> Act {
    Act::HandOver(HandOver { to: Owner::Party(party(to)), steward: None })
}

fn to_community(steward: u8) -> Act {
    Act::HandOver(HandOver { to: Owner::Community, steward: Some(party(steward)) })
}

fn hand_overs() -> Vec<(&'static str, Story)> {
    let one = Story::new().then(0, None, &[0], &steward(1));
    let over = one.clone().officers(0, None, &[1], &hand_over(2), 2);
    let back = over.clone().officers(2, Some(2), &[2], &hand_over(0), 2);
    let rivals = over.clone().officers(0, None, &[1], &hand_over(3), 2);
    let lost = rivals.clone().then(1, Some(1), &[2], &steward(4)).by_title(3, 3, &[3], &steward(4));
    let lost = lost.by_title(2, 2, &[2], &steward(4));
    let heard = over.clone().by_title(2, 2, &[2], &steward(4));
    let heard = heard.officers(0, None, &[1], &hand_over(3), 2);
    let heard = heard.by_title(2, 2, &[3, 4], &steward(4)).then(1, Some(1), &[3, 4], &steward(4));
    let centres = Story::of(1, Owner::Community, Some(1));
    let gone = Story::new().officers(0, None, &[0], &hand_over(EXPELLED), 2);
    let taken = gone.clone().officers(1, Some(1), &[1], &to_community(1), 2);
    vec![
        ("handed over", over.clone().by_title(2, 2, &[2], &steward(3))),
        ("handed over and back", back.clone().by_title(0, 3, &[3], &steward(3))),
        ("by a title that was handed on", back.by_title(2, 2, &[3], &steward(3))),
        ("a former owner who knew", over.clone().then(0, None, &[2], &steward(3))),
        ("granted apart from handing over", over.clone().then(0, None, &[1], &steward(3))),
        ("removed apart from handing over", over.clone().then(0, None, &[1], &out(1))),
        ("a steward hands over", one.clone().then(1, Some(1), &[1], &hand_over(1))),
        ("the next owner removed", over.clone().then(1, Some(1), &[2], &out(2))),
        ("the former owner removed", over.then(1, Some(1), &[2], &out(0))),
        ("handed over twice, apart", rivals),
        ("handed over twice, one built on", lost),
        ("handed over again, which the others have heard of", heard),
        ("the owner alone hands over", one.clone().then(0, None, &[1], &hand_over(2))),
        ("too few officers confirm", one.clone().officers(0, None, &[1], &hand_over(2), 1)),
        ("enough officers hand over", centres.clone().officers(1, None, &[0], &hand_over(2), 2)),
        ("too few officers hand over", centres.clone().officers(1, None, &[0], &hand_over(2), 1)),
        ("the first steward hands over", centres.then(1, None, &[0], &hand_over(2))),
        ("officers hand over what is a party's", one.officers(1, None, &[1], &hand_over(2), 3)),
        (
            "officers grant what is an expelled party's",
            gone.officers(1, Some(1), &[1], &steward(1), 2),
        ),
        (
            "officers hand over what is an expelled party's",
            taken.clone().by_title(1, 2, &[2], &steward(3)),
        ),
        (
            "an expelled party hands over apart from that",
            taken.officers(EXPELLED, Some(1), &[1], &hand_over(3), 2),
        ),
    ]
}

fn stories() -> Vec<(&'static str, Story)> {
    let one = Story::new().then(0, None, &[0], &steward(1));
    let two = one.clone().then(0, None, &[1], &steward(2));
    let deep = one.then(1, Some(1), &[1], &steward(2));
    let deep = deep.then(2, Some(2), &[2], &steward(3)).then(3, Some(3), &[3], &steward(4));
    let mutual = two.clone().then(1, Some(1), &[2], &out(2)).then(2, Some(2), &[2], &out(1));
    let overruled = two.clone().then(1, Some(1), &[2], &out(2)).then(0, None, &[2], &out(1));
    let removed = two.clone().then(0, None, &[2], &out(1));
    let admitted = Act::Admit { entries: vec![EntryId([6; 32])] };
    let judged = two.clone().then(1, Some(1), &[2], &refused()).then(2, Some(2), &[2], &admitted);
    let mut early = removed.clone();
    early.certificates.remove(2);
    vec![
        ("two stewards", two.clone()),
        ("a removal", removed.clone()),
        ("a grant made apart from the removal", removed.clone().then(0, None, &[2], &steward(1))),
        ("a grant that cites the removal", removed.clone().then(0, None, &[3], &steward(1))),
        ("a removed steward who knew", removed.clone().then(1, Some(1), &[3], &steward(4))),
        ("two stewards remove each other", mutual),
        ("the owner overrules a steward", overruled),
        ("delegated four deep", deep),
        ("the owner removed", two.clone().then(1, Some(1), &[2], &out(0))),
        ("another's grant", two.clone().then(2, Some(1), &[2], &steward(3))),
        ("held-back entries refused", two.clone().then(1, Some(1), &[2], &refused())),
        ("refused and admitted apart", judged),
        ("refused by a removed steward", removed.then(1, Some(1), &[3], &refused())),
        ("an unknown node", two.then(77, None, &[2], &steward(3))),
        ("a certificate missing", early),
    ]
}

/// Tells the state in the certificates' places in the story.
fn told(certificates: &[SpaceCertificate]) -> Value {
    let set: SpaceCertificates = certificates.iter().cloned().collect();
    let state = SpaceState::evaluate(certificates[0].space(), &set, &Town::new());
    let at = |id: &CertificateId| certificates.iter().position(|c| c.id() == *id);
    let listed: Vec<Value> = certificates
        .iter()
        .map(|certificate| {
            let id = certificate.id();
            let word = if let Some(refusal) = state.refused.get(&id) {
                format!("refused: {refusal:?}")
            } else if state.waiting.contains_key(&id) {
                "waiting".to_owned()
            } else if let Some(death) = state.dead.get(&id) {
                format!("dead by {}", at(&death.removal).unwrap())
            } else if let Some(by) = state.void.get(&id) {
                format!("void by {}", at(by).unwrap())
            } else {
                "counts".to_owned()
            };
            Value::from(word)
        })
        .collect();
    let members: Vec<String> = state.members.keys().map(ToString::to_string).collect();
    let mut heads: Vec<_> = state.heads.iter().map(at).collect();
    heads.sort();
    let mut told = json!({ "certificates": listed, "members": members, "heads": heads });
    if let Some(agreement) = state.agreements.get(&prune()) {
        let parties: Vec<String> = agreement.parties.iter().map(ToString::to_string).collect();
        told["agreement"] = json!({ "parties": parties, "stands": agreement.stands() });
    }
    told
}

fn made() -> Vec<Value> {
    let story = |(name, story): (&str, Story)| {
        let bytes: Vec<String> =
            story.certificates.iter().map(|c| hex::encode(c.encode())).collect();
        json!({ "name": name, "certificates": bytes, "expect": told(&story.certificates) })
    };
    let told = stories().into_iter().chain(hand_overs()).chain(agreements());
    let mut vectors: Vec<Value> = told.map(story).collect();
    let good = Story::new().certificates[0].encode();
    let mut flipped = good.clone();
    flipped[40] ^= 1;
    let unsigned = linli_replica::signed::Envelope::new(
        Story::new().certificates[0].envelope().body().to_vec(),
    );
    // A hand-over to the community that names nobody who could act for it.
    let nobody = {
        let over = Story::new().then(0, None, &[0], &to_community(1)).certificates.remove(1);
        let named = linli_replica::codec::encode(&to_community(1));
        let unnamed = vec![0x82, 0x08, 0x81, 0x81, 0x82, 0x01, 0x80];
        let body = over.envelope().body();
        let at = body.windows(named.len()).position(|part| part == named).unwrap();
        // The act is the last field: a byte string with its length in the two bytes before.
        let length = u8::try_from(unnamed.len()).unwrap();
        let body = [&body[..at - 2], &[0x40 + length], &unnamed].concat();
        let mut envelope = linli_replica::signed::Envelope::new(body);
        envelope.sign(&key(0));
        envelope.encode()
    };
    // Acts about a checkpoint that begins before its log, and about one of 65 parts.
    let with = |act: Act, from: Prune, to: Prune| {
        let signed = Story::new().then(0, None, &[0], &act).certificates.remove(1);
        let (from, to) = [from, to].map(|prune| linli_replica::codec::encode(&prune)).into();
        let body = signed.envelope().body();
        let at = body.windows(from.len()).position(|part| part == from).unwrap();
        let body = [&body[..at], &to, &body[at + to.len()..]].concat();
        let mut envelope = linli_replica::signed::Envelope::new(body);
        envelope.sign(&key(0));
        envelope.encode()
    };
    let before = with(Act::Prune(prune()), prune(), Prune { first: 0, ..prune() });
    let backwards = with(Act::Withdraw(prune()), prune(), Prune { first: 6, ..prune() });
    let longest = Prune { first: 30, last: 93, ..prune() };
    let long = with(Act::Prune(longest), longest, Prune { last: 94, ..longest });
    let bad = [
        ("signed for a checkpoint before its log", before, "Malformed"),
        ("taken back of a checkpoint that ends before it begins", backwards, "Malformed"),
        ("signed for a checkpoint of 65 parts", long, "Malformed"),
        ("handed to the community without a steward", nobody, "Malformed"),
        ("a flipped bit", flipped, "Envelope(BadSignature)"),
        ("cut short", good[..good.len() - 1].to_vec(), "Envelope(Malformed)"),
        ("unsigned", unsigned.encode(), "Unsigned"),
    ];
    vectors.extend(bad.map(|(name, bytes, expect)| {
        json!({ "name": name, "certificates": [hex::encode(bytes)], "expect": expect })
    }));
    vectors
}

#[test]
fn space_certificates() {
    for vector in vectors("space-certificate.json", made()) {
        let certificates: Result<Vec<_>, _> = vector["certificates"]
            .as_array()
            .unwrap()
            .iter()
            .map(|certificate| SpaceCertificate::decode(&bytes(certificate)))
            .collect();
        let outcome = match certificates {
            Ok(certificates) => told(&certificates),
            Err(error) => Value::from(format!("{error:?}")),
        };
        assert_eq!(vector["expect"], outcome, "{}", vector["name"]);
    }
}
