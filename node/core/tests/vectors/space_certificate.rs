use linli_core::authority::{
    Act, Community, Genesis, Grant, Owner, Revoked, Right, SpaceCertificate, SpaceCertificates,
    SpaceState, Under,
};
use linli_replica::certificate::OfficerSet;
use linli_replica::id::{CertificateId, CommunityId, NodeId, PartyId, Timestamp};

use super::*;

struct Town(BTreeMap<NodeId, PartyId>);

impl Community for Town {
    fn party_of(&self, node: &NodeId) -> Option<PartyId> {
        self.0.get(node).copied()
    }

    fn officers(&self, _: &CertificateId) -> Option<&OfficerSet> {
        None
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
        let genesis = Genesis {
            community: CommunityId([9; 32]),
            owner: Owner::Party(party(0)),
            steward: None,
            kind: "care".to_owned(),
            carrier_key: [1; 32].into(),
            nonce: [2; 32].into(),
        };
        let first = SpaceCertificate::begin(&key(0), party(0), Timestamp(1), genesis).unwrap();
        Self { certificates: vec![first] }
    }

    /// Adds what the node `by` signs; `heads` are places in the story.
    fn then(mut self, by: u8, under: Option<usize>, heads: &[usize], act: &Act) -> Self {
        let id = |at: usize| self.certificates[at].id();
        let under = under.map_or(Under::Genesis, |at| Under::Grant(id(at)));
        let heads = heads.iter().map(|at| id(*at)).collect();
        let (space, at) = (self.certificates[0].space(), Timestamp(2));
        let next =
            SpaceCertificate::sign(&key(by), space, party(by), under, heads, at, act).unwrap();
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

fn out(who: u8) -> Act {
    Act::Revoke(Revoked::Party(party(who)))
}

fn refused() -> Act {
    Act::Refuse { entries: vec![EntryId([6; 32])] }
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
    let nodes = (0..5).map(|i| (NodeId(key(i).verifying_key().to_bytes()), party(i)));
    let set: SpaceCertificates = certificates.iter().cloned().collect();
    let state = SpaceState::evaluate(certificates[0].space(), &set, &Town(nodes.collect()));
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
    json!({ "certificates": listed, "members": members, "heads": heads })
}

fn made() -> Vec<Value> {
    let story = |(name, story): (&str, Story)| {
        let bytes: Vec<String> =
            story.certificates.iter().map(|c| hex::encode(c.encode())).collect();
        json!({ "name": name, "certificates": bytes, "expect": told(&story.certificates) })
    };
    let mut vectors: Vec<Value> = stories().into_iter().map(story).collect();
    let good = Story::new().certificates[0].encode();
    let mut flipped = good.clone();
    flipped[40] ^= 1;
    let unsigned = linli_replica::signed::Envelope::new(
        Story::new().certificates[0].envelope().body().to_vec(),
    );
    let bad = [
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
