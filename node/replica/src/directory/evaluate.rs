//! The evaluation, from the officers down to what nodes publish.

use super::{
    Act, BTreeMap, BTreeSet, Certificate, CertificateId, Directory, Node, NodeId, Notice,
    OfficerId, OfficerSet, Party, PartyId, PartyKind, Refusal, Subject,
};
use crate::id::CommunityId;
use crate::limits::KEPT_MAX;

pub(super) fn signers(certificate: &Certificate, set: &OfficerSet) -> BTreeSet<OfficerId> {
    set.officers
        .iter()
        .filter(|officer| certificate.envelope().signed_by(officer.as_bytes()))
        .copied()
        .collect()
}

pub(super) fn signatures(certificate: &Certificate, set: &OfficerSet) -> usize {
    signers(certificate, set).len()
}

/// Returns the officers that a genesis or a change of officers names.
pub(super) fn set_of(certificate: &Certificate) -> Option<&OfficerSet> {
    match &certificate.body().act {
        Act::Genesis { officers, .. } | Act::Officers { officers, .. } => Some(officers),
        Act::Enrol { .. }
        | Act::Expel { .. }
        | Act::Node { .. }
        | Act::Extend { .. }
        | Act::Notice { .. } => None,
    }
}

/// Recomputes everything but the certificates themselves.
pub(super) fn evaluate(directory: &mut Directory) {
    let mut state = Evaluation {
        community: directory.community,
        certificates: &directory.certificates,
        sets: BTreeMap::new(),
        line: Vec::new(),
        strikes: Vec::new(),
        struck: BTreeMap::new(),
        parties: BTreeMap::new(),
        nodes: BTreeMap::new(),
        notices: BTreeMap::new(),
        refused: BTreeMap::new(),
    };
    let officers = state.officers();
    state.parties();
    state.nodes();
    state.extensions();
    state.expulsions();
    state.notices();
    let Evaluation { line, parties, nodes, notices, refused, struck, .. } = state;
    if let Some(officers) = officers {
        directory.officers = officers;
        directory.line = line;
    }
    directory.parties = parties;
    directory.nodes = nodes;
    directory.notices = notices;
    directory.refused = refused;
    directory.struck = struck;
}

/// A change of officers that struck keys out.
struct Strike<'a> {
    /// The place in the line of the set that it made.
    place: usize,
    /// The keys that left with it.
    struck: BTreeSet<OfficerId>,
    /// What goes on counting although it rests on them.
    kept: &'a [CertificateId],
}

/// Checks that what a change of officers keeps is in order, each once, and not too much.
fn is_bounded(certificate: &Certificate) -> bool {
    let Act::Officers { kept: Some(kept), .. } = &certificate.body().act else { return true };
    kept.len() <= KEPT_MAX && kept.windows(2).all(|pair| pair.first() < pair.last())
}

struct Evaluation<'a> {
    community: CommunityId,
    certificates: &'a BTreeMap<CertificateId, Certificate>,
    /// The sets that stand or stood, each with its place in the line.
    sets: BTreeMap<CertificateId, (usize, OfficerSet)>,
    line: Vec<CertificateId>,
    strikes: Vec<Strike<'a>>,
    /// Signatures that no act counts any more although it stands without them.
    struck: BTreeMap<CertificateId, BTreeSet<OfficerId>>,
    parties: BTreeMap<PartyId, Party>,
    nodes: BTreeMap<NodeId, Node>,
    notices: BTreeMap<String, Vec<Notice>>,
    refused: BTreeMap<CertificateId, Refusal>,
}

impl<'a> Evaluation<'a> {
    /// The certificates of this community, refusing the others.
    fn acts(&self) -> Vec<(CertificateId, &'a Certificate, &'a Act)> {
        self.certificates
            .iter()
            .filter(|(_, certificate)| certificate.body().community == self.community)
            .map(|(id, certificate)| (*id, certificate, &certificate.body().act))
            .collect()
    }

    /// Follows the chain of officer sets from the genesis to the one in force.
    fn officers(&mut self) -> Option<(CertificateId, OfficerSet)> {
        let mut successors: BTreeMap<
            CertificateId,
            Vec<(CertificateId, &Certificate, &OfficerSet)>,
        > = BTreeMap::new();
        let mut current = None;
        for (id, certificate) in self.certificates {
            match &certificate.body().act {
                Act::Genesis { officers, .. } if id.0 == self.community.0 => {
                    current = Some((*id, officers.clone()));
                }
                Act::Officers { previous, officers, .. }
                    if certificate.body().community == self.community =>
                {
                    successors.entry(*previous).or_default().push((*id, certificate, officers));
                    self.refused.insert(*id, Refusal::UnknownOfficers);
                }
                Act::Genesis { .. }
                | Act::Officers { .. }
                | Act::Enrol { .. }
                | Act::Expel { .. }
                | Act::Node { .. }
                | Act::Extend { .. }
                | Act::Notice { .. } => {
                    if certificate.body().community != self.community {
                        self.refused.insert(*id, Refusal::OtherCommunity);
                    }
                }
            }
        }
        let mut current = current?;
        // A successor's id is the hash of a body that names its predecessor: the chain has no circle.
        loop {
            self.sets.insert(current.0, (self.line.len(), current.1.clone()));
            self.line.push(current.0);
            let rivals = successors.remove(&current.0).unwrap_or_default();
            let Some(next) = self.succession(&current.1, rivals) else { return Some(current) };
            self.strike(&current.1, &next);
            current = next;
        }
    }

    /// Notes which keys a successor strikes out.
    fn strike(&mut self, before: &OfficerSet, next: &(CertificateId, OfficerSet)) {
        let certificates: &'a BTreeMap<CertificateId, Certificate> = self.certificates;
        let act = certificates.get(&next.0).map(|certificate| &certificate.body().act);
        if let Some(Act::Officers { kept: Some(kept), .. }) = act {
            let stay = &next.1.officers;
            let struck = before.officers.iter().filter(|o| !stay.contains(o)).copied().collect();
            self.strikes.push(Strike { place: self.line.len(), struck, kept });
        }
    }

    /// Picks the one successor that stands, or none.
    fn succession(
        &mut self,
        set: &OfficerSet,
        mut rivals: Vec<(CertificateId, &Certificate, &OfficerSet)>,
    ) -> Option<(CertificateId, OfficerSet)> {
        let needed = usize::from(set.threshold);
        rivals.retain(|(id, certificate, next)| {
            let signed = signatures(certificate, set);
            if !next.is_sound() || !is_bounded(certificate) {
                self.refused.insert(*id, Refusal::UnsoundOfficers);
            } else if signed < needed {
                self.refused.insert(*id, Refusal::Pending { signed, needed });
            }
            next.is_sound() && is_bounded(certificate) && signed >= needed
        });
        if let [(id, _, next)] = rivals.as_slice() {
            self.refused.remove(id);
            return Some((*id, (*next).clone()));
        }
        // Whoever signed two of them is not counted; m of the others choose.
        let mut counts: BTreeMap<OfficerId, usize> = BTreeMap::new();
        for officer in rivals.iter().flat_map(|(_, certificate, _)| signers(certificate, set)) {
            *counts.entry(officer).or_default() += 1;
        }
        let mut chosen = None;
        for (id, certificate, next) in rivals {
            self.refused.insert(id, Refusal::RivalOfficers);
            let single =
                signers(certificate, set).iter().filter(|o| counts.get(o) == Some(&1)).count();
            if single >= needed {
                chosen = Some((id, next.clone()));
            }
        }
        if let Some((id, _)) = &chosen {
            self.refused.remove(id);
        }
        chosen
    }

    /// Checks the officers' signatures under a set that stands, or stood.
    fn signed(
        &mut self,
        id: CertificateId,
        certificate: &Certificate,
        under: CertificateId,
    ) -> bool {
        let Some((place, set)) = self.sets.get(&under) else {
            self.refused.insert(id, Refusal::UnknownOfficers);
            return false;
        };
        let (by, needed) = (signers(certificate, set), usize::from(set.threshold));
        if by.len() < needed {
            self.refused.insert(id, Refusal::Pending { signed: by.len(), needed });
            return false;
        }
        let later = self.strikes.iter().filter(|strike| strike.place > *place);
        let hitting = later.filter(|strike| strike.kept.binary_search(&id).is_err());
        let struck: BTreeSet<OfficerId> = hitting
            .flat_map(|strike| &strike.struck)
            .filter(|o| by.contains(*o))
            .copied()
            .collect();
        if by.len() - struck.len() < needed {
            self.refused.insert(id, Refusal::StruckOut);
            return false;
        }
        if !struck.is_empty() {
            self.struck.insert(id, struck);
        }
        true
    }

    fn parties(&mut self) {
        for (id, certificate, act) in self.acts() {
            let Act::Enrol { under, party, kind, name } = act else { continue };
            if !self.signed(id, certificate, *under) {
                continue;
            }
            if self.parties.contains_key(party) {
                self.refused.insert(id, Refusal::Superseded);
                continue;
            }
            self.parties.insert(*party, Party { kind: *kind, name: name.clone(), expelled: false });
        }
    }

    fn nodes(&mut self) {
        for (id, certificate, act) in self.acts() {
            let Act::Node { party, node, seal_key, ends, label, carrier } = act else { continue };
            let refusal = match self.parties.get(party) {
                None => Refusal::UnknownParty,
                Some(_) if !certificate.envelope().signed_by(party.as_bytes()) => {
                    Refusal::WrongSigner
                }
                Some(_) if self.nodes.contains_key(node) => Refusal::Superseded,
                Some(owner) => {
                    // A relay is there to carry, and a provider goes from home to home.
                    let carries = matches!(owner.kind, PartyKind::Carrier | PartyKind::Provider);
                    let (label, carrier) = (label.clone(), *carrier || carries);
                    let record = Node {
                        party: *party,
                        kind: owner.kind,
                        seal_key: **seal_key,
                        ends: *ends,
                        label,
                        carrier,
                        expelled: false,
                    };
                    self.nodes.insert(*node, record);
                    continue;
                }
            };
            self.refused.insert(id, refusal);
        }
    }

    fn extensions(&mut self) {
        for (id, certificate, act) in self.acts() {
            let Act::Extend { node, ends } = act else { continue };
            match self.nodes.get_mut(node) {
                None => {
                    self.refused.insert(id, Refusal::UnknownNode);
                }
                Some(_) if !certificate.envelope().signed_by(node.as_bytes()) => {
                    self.refused.insert(id, Refusal::WrongSigner);
                }
                Some(record) => record.ends = record.ends.max(*ends),
            }
        }
    }

    fn expulsions(&mut self) {
        for (id, certificate, act) in self.acts() {
            let Act::Expel { under, subject } = act else { continue };
            if !self.signed(id, certificate, *under) {
                continue;
            }
            match subject {
                Subject::Party(party) => {
                    if let Some(record) = self.parties.get_mut(party) {
                        record.expelled = true;
                    }
                    for node in self.nodes.values_mut().filter(|node| node.party == *party) {
                        node.expelled = true;
                    }
                }
                Subject::Node(node) => {
                    if let Some(record) = self.nodes.get_mut(node) {
                        record.expelled = true;
                    }
                }
            }
        }
    }

    fn notices(&mut self) {
        for (id, certificate, act) in self.acts() {
            let Act::Notice { node, topic, body } = act else { continue };
            let Some(record) = self.nodes.get(node) else {
                self.refused.insert(id, Refusal::UnknownNode);
                continue;
            };
            if !certificate.envelope().signed_by(node.as_bytes()) {
                self.refused.insert(id, Refusal::WrongSigner);
                continue;
            }
            let (party, at) = (record.party, certificate.body().at);
            let notice = Notice { id, node: *node, party, at, body: body.to_vec() };
            self.notices.entry(topic.clone()).or_default().push(notice);
        }
        for notices in self.notices.values_mut() {
            notices.sort_by_key(|notice| (notice.at, notice.id));
        }
    }
}
