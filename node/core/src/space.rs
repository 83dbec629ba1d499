//! A space this node is a member of: certificates, keys, its own log key, and who writes which log.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;
use linli_replica::batch::{Record, Shelf};
use linli_replica::directory::Directory;
use linli_replica::id::{
    CertificateId, DocTag, EntryId, EpochId, LogKey, NodeId, PartyId, SpaceTag, Timestamp,
};
use linli_replica::limits::CLOCK_SKEW_MS_MAX;
use linli_replica::planted::{self, Bug};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::authority::{
    Act, CutPoint, EpochKey, Owner, Parent, SpaceCertificate, SpaceCertificates, SpaceId,
    SpaceState, Verdict, Written, open_parents,
};
use crate::document::Withheld;
use crate::kdf::DocumentSecret;
use crate::limits::RESTORED_MAX;
use crate::payload::Binding;
use crate::secret::Secret;

/// A space this node is a member of.
#[derive(Debug)]
pub struct Space {
    tag: SpaceTag,
    id: SpaceId,
    kind: String,
    names: DocumentSecret,
    certificates: SpaceCertificates,
    state: SpaceState,
    keys: BTreeMap<EpochId, EpochKey>,
    log: Secret,
    /// The key that signs this log, worked out once.
    log_key: OnceCell<SigningKey>,
    /// That it and this node are one, signed once.
    binding: OnceCell<Binding>,
    bindings: BTreeMap<LogKey, NodeId>,
    documents: BTreeMap<DocTag, String>,
    /// Which keys were given to whom.
    wrapped: BTreeSet<(EpochId, NodeId)>,
    /// Those of them whose letters are not known to be durable. A record that goes to disk before them does not have them.
    sending: BTreeSet<(EpochId, NodeId)>,
    carrier_key: Option<Secret>,
    /// Something changed since the record was last written that the next entry may need.
    changed: bool,
    /// Documents were named since then, or keys were given before: their entries say it again.
    named: bool,
    written: WrittenRecord,
}

/// How far the record that was written last is known to have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WrittenRecord {
    /// It waits behind other work perhaps, which an urgent entry overtakes.
    Behind,
    /// It goes to disk with an urgent entry.
    With(EntryId),
    /// It is durable.
    Durable,
}

/// What the store keeps of a space: one record, rewritten when it changes. Names of documents alone
/// do not make it be written again, for they stand in the entries.
#[derive(Encode, Decode)]
struct SpaceRecord {
    #[n(0)]
    certificates: Vec<ByteVec>,
    #[n(1)]
    keys: BTreeMap<EpochId, EpochKey>,
    #[n(2)]
    log: Secret,
    #[n(3)]
    bindings: BTreeMap<LogKey, NodeId>,
    #[n(4)]
    documents: BTreeMap<DocTag, String>,
    #[n(5)]
    wrapped: BTreeSet<(EpochId, NodeId)>,
    #[n(6)]
    carrier_key: Option<Secret>,
}

/// What a space knows and its record may not: keys, names, and certificates that others signed.
#[derive(Default)]
pub(crate) struct Kept {
    keys: BTreeMap<EpochId, EpochKey>,
    names: BTreeMap<DocTag, String>,
    certificates: Vec<SpaceCertificate>,
}

impl Kept {
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.names.is_empty() && self.certificates.is_empty()
    }

    /// Forgets keys.
    pub(crate) fn forget(&mut self, epochs: &BTreeSet<EpochId>) {
        self.keys.retain(|epoch, _| !epochs.contains(epoch));
    }
}

/// A space's record cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the record of a space cannot be read; restore the latest backup")]
pub struct BadSpaceRecord;

impl Space {
    /// Begins to keep a space from its certificates; none where they hold no genesis.
    pub(crate) fn new(
        certificates: SpaceCertificates,
        log: Secret,
        directory: &Directory,
    ) -> Option<Self> {
        let (id, kind, (tag, names)) = certificates.iter().find_map(|(_, certificate)| {
            let genesis = certificate.genesis()?;
            Some((certificate.space(), genesis.kind.clone(), certificate.tags()?))
        })?;
        let state = SpaceState::evaluate(id, &certificates, directory);
        Some(Self {
            tag,
            id,
            kind,
            names,
            certificates,
            state,
            keys: BTreeMap::new(),
            log,
            log_key: OnceCell::new(),
            binding: OnceCell::new(),
            bindings: BTreeMap::new(),
            documents: BTreeMap::new(),
            wrapped: BTreeSet::new(),
            sending: BTreeSet::new(),
            carrier_key: None,
            changed: true,
            named: false,
            written: WrittenRecord::Behind,
        })
    }

    /// Reads a record this node wrote before. The store gives back only what this node sealed, so the
    /// signatures that were checked then are not checked again.
    pub(crate) fn from_record(value: &[u8], directory: &Directory) -> Result<Self, BadSpaceRecord> {
        let record: SpaceRecord =
            linli_replica::codec::decode(value).map_err(|_| BadSpaceRecord)?;
        let certificates = record
            .certificates
            .iter()
            .map(|bytes| SpaceCertificate::reopen(bytes))
            .collect::<Result<SpaceCertificates, _>>()
            .map_err(|_| BadSpaceRecord)?;
        let mut space = Self::new(certificates, record.log, directory).ok_or(BadSpaceRecord)?;
        space.keys = record.keys;
        space.bindings = record.bindings;
        space.documents = record.documents;
        space.wrapped = record.wrapped;
        space.carrier_key = record.carrier_key;
        Ok(space)
    }

    /// Returns the record to store: what has changed is thereby written.
    pub(crate) fn record(&mut self) -> Record {
        self.changed = false;
        self.written = WrittenRecord::Behind;
        self.named = !self.sending.is_empty();
        Record { shelf: Shelf::Space, key: self.tag.0.to_vec(), value: Some(self.encode()) }
    }

    /// Says whether the record is to be written with the next entry.
    pub(crate) const fn is_changed(&self) -> bool {
        self.changed
    }

    /// Says whether an urgent entry must bring the record: it overtakes whatever else does.
    pub(crate) fn is_overtaken(&self) -> bool {
        self.changed || self.written != WrittenRecord::Durable
    }

    /// Notes that the record goes to disk with an urgent entry. It is written once more when the node is closed: an older
    /// one that waited may have become durable after it.
    pub(crate) const fn written_with(&mut self, entry: EntryId) {
        self.named = true;
        self.written = WrittenRecord::With(entry);
    }

    /// Notes that an own entry is durable, and what went to disk with it.
    pub(crate) fn stored(&mut self, entry: EntryId) {
        if self.written == WrittenRecord::With(entry) {
            self.written = WrittenRecord::Durable;
        }
    }

    /// Says whether the record lacks names of documents.
    pub(crate) const fn is_named(&self) -> bool {
        self.named
    }

    /// Has the record written again: the last one may be lost.
    pub(crate) const fn mark(&mut self) {
        self.changed = true;
        self.named = true;
        self.written = WrittenRecord::Behind;
    }

    /// Returns the space as its record holds it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let record = SpaceRecord {
            certificates: self.encoded_certificates(),
            keys: self.keys.clone(),
            log: self.log.clone(),
            bindings: self.bindings.clone(),
            documents: self.documents.clone(),
            wrapped: self.wrapped.difference(&self.sending).copied().collect(),
            carrier_key: self.carrier_key.clone(),
        };
        linli_replica::codec::encode(&record)
    }

    /// Returns the tag carriers see.
    #[must_use]
    pub const fn tag(&self) -> SpaceTag {
        self.tag
    }

    /// Returns what the space is for, such as `care`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns who may do what, as last judged.
    #[must_use]
    pub const fn state(&self) -> &SpaceState {
        &self.state
    }

    /// Returns the certificates.
    #[must_use]
    pub const fn certificates(&self) -> &SpaceCertificates {
        &self.certificates
    }

    /// Lists the documents whose names this node has seen.
    pub fn documents(&self) -> impl Iterator<Item = (&DocTag, &str)> {
        self.documents.iter().map(|(tag, name)| (tag, name.as_str()))
    }

    /// Returns the name of a document, once an entry that states it was opened.
    #[must_use]
    pub fn name_of(&self, document: &DocTag) -> Option<&str> {
        self.documents.get(document).map(String::as_str)
    }

    /// Returns the tag of a document.
    #[must_use]
    pub fn document(&self, name: &str) -> DocTag {
        self.names.tag(name)
    }

    /// Returns the tag of the document that holds the certificates.
    #[must_use]
    pub fn authority_document(&self) -> DocTag {
        self.names.authority_tag()
    }

    /// Returns the node a log is bound to.
    #[must_use]
    pub fn writer(&self, log: &LogKey) -> Option<NodeId> {
        self.bindings.get(log).copied()
    }

    pub(crate) fn log_key(&self) -> SigningKey {
        self.log_key.get_or_init(|| SigningKey::from_bytes(self.log.expose())).clone()
    }

    /// Returns the binding of the log that this node writes to. `node` is this node's key.
    pub(crate) fn binding(&self, node: &SigningKey) -> Binding {
        let sign = || Binding::new(node, &self.log_key(), self.tag);
        self.binding.get_or_init(sign).clone()
    }

    /// Returns the log that this node writes to.
    pub(crate) fn own_log(&self) -> LogKey {
        crate::identity::log_key(&self.log_key())
    }

    /// Lists the certificates that count, with what they cite: what others are told. What does not count
    /// stays where it came from.
    pub(crate) fn counting(&self) -> impl Iterator<Item = &SpaceCertificate> {
        let state = &self.state;
        let aside =
            |id: &CertificateId| state.refused.contains_key(id) || state.waiting.contains_key(id);
        let mut next: Vec<CertificateId> =
            self.certificates.iter().map(|(id, _)| *id).filter(|id| !aside(id)).collect();
        let mut counting = BTreeSet::new();
        while let Some(id) = next.pop() {
            if let Some(certificate) = self.certificates.get(&id).filter(|_| counting.insert(id)) {
                next.extend(&certificate.body().heads);
            }
        }
        self.certificates.iter().filter(move |(id, _)| counting.contains(*id)).map(|(_, c)| c)
    }

    pub(crate) fn encoded_certificates(&self) -> Vec<ByteVec> {
        self.certificates.iter().map(|(_, certificate)| certificate.encode().into()).collect()
    }

    pub(crate) fn keys(&self) -> &BTreeMap<EpochId, EpochKey> {
        &self.keys
    }

    /// Keeps the secret that signs orders to carriers: the stewards'.
    pub(crate) fn keep_carrier_key(&mut self, key: Secret) {
        self.carrier_key = Some(key);
        self.changed = true;
    }

    /// Returns the key that signs orders to carriers, where this node keeps it.
    pub(crate) fn carrier_key(&self) -> Option<SigningKey> {
        self.carrier_key.as_ref().map(|key| SigningKey::from_bytes(key.expose()))
    }

    /// Forgets the names of documents.
    pub(crate) fn forget_documents(&mut self, documents: &BTreeSet<DocTag>) {
        self.documents.retain(|document, _| !documents.contains(document));
        self.changed = true;
    }

    /// Returns the node that began the space, and keeps its carrier-order key.
    #[must_use]
    pub fn began_by(&self) -> Option<NodeId> {
        self.genesis().map(|genesis| genesis.body().by)
    }

    /// Returns the genesis certificate.
    pub(crate) fn genesis(&self) -> Option<&SpaceCertificate> {
        self.certificates.get(&CertificateId(self.id.0))
    }

    /// Returns the id, which only members know.
    pub(crate) const fn id(&self) -> SpaceId {
        self.id
    }

    /// Says whether a node was given any key of the space.
    pub(crate) fn knows(&self, node: NodeId) -> bool {
        self.wrapped.iter().any(|(_, wrapped)| *wrapped == node)
    }

    /// Replaces the log key: this node writes to fresh logs from here on.
    pub(crate) fn renew_log(&mut self, log: Secret) {
        self.log = log;
        self.log_key = OnceCell::new();
        self.binding = OnceCell::new();
        self.changed = true;
    }

    /// Judges the certificates again, after they or the community's changed.
    pub(crate) fn judge(&mut self, directory: &Directory) {
        self.state = SpaceState::evaluate(self.id, &self.certificates, directory);
    }

    /// Adds a certificate; says whether it brought something. [`Self::judge`] must follow.
    pub(crate) fn add(&mut self, certificate: SpaceCertificate) -> bool {
        if certificate.space() != self.id {
            return false;
        }
        let news = self.certificates.add(certificate);
        self.changed |= news;
        news
    }

    /// Takes a key in once the epoch's certificate vouches for it, and the former keys it opens.
    pub(crate) fn learn(&mut self, epoch: EpochId, key: EpochKey) -> bool {
        let mut found = vec![(epoch, key)];
        let mut learned = false;
        while let Some((id, key)) = found.pop() {
            let Some(Act::Epoch(epoch)) =
                self.certificates.get(&CertificateId(id.0)).and_then(SpaceCertificate::act)
            else {
                continue;
            };
            let better = !matches!(
                (self.keys.get(&id), &key),
                (Some(EpochKey::Secret(_)), _) | (Some(_), EpochKey::Content(_))
            );
            if !better || key.check(epoch).is_err() {
                continue;
            }
            if let Some(secret) = key.secret() {
                let parents = open_parents(epoch, secret).into_iter();
                found.extend(parents.filter_map(|(id, s)| Some((id, EpochKey::Secret(s.ok()?)))));
            }
            self.keys.insert(id, key);
            learned = true;
        }
        self.changed |= learned;
        learned
    }

    /// Opens the former epochs of the keys that are known, as far as their certificates have come; says
    /// whether one was news.
    pub(crate) fn deepen(&mut self) -> bool {
        let mut found = Vec::new();
        for (id, key) in &self.keys {
            let certificate = self.certificates.get(&CertificateId(id.0));
            if let (Some(secret), Some(Act::Epoch(epoch))) =
                (key.secret(), certificate.and_then(SpaceCertificate::act))
            {
                let lacks = |parent: &&Parent| {
                    self.keys.get(&parent.epoch).is_none_or(|key| key.secret().is_none())
                        && self.certificates.get(&CertificateId(parent.epoch.0)).is_some()
                };
                if epoch.parents.iter().any(|parent| lacks(&parent)) {
                    let parents = open_parents(epoch, secret).into_iter();
                    found.extend(parents.filter_map(|(id, secret)| Some((id, secret.ok()?))));
                }
            }
        }
        let mut news = false;
        for (id, secret) in found {
            news |= self.learn(id, EpochKey::Secret(secret));
        }
        news
    }

    pub(crate) fn content_key(&self, epoch: &EpochId) -> Option<Secret> {
        self.keys.get(epoch).map(EpochKey::content_key)
    }

    /// Notes who writes a log; says whether that is news. The first binding stands.
    pub(crate) fn bind(&mut self, log: LogKey, node: NodeId) -> bool {
        let news = !self.bindings.contains_key(&log);
        self.bindings.entry(log).or_insert(node);
        self.changed |= news;
        news
    }

    /// Notes a document's name where it is the one its tag comes from; says whether that is news.
    pub(crate) fn note(&mut self, document: DocTag, name: &str) -> bool {
        let right = self.document(name) == document && !self.documents.contains_key(&document);
        if right {
            self.documents.insert(document, name.to_owned());
            self.named = true;
        }
        right
    }

    /// Notes that a node was given an epoch's key; says whether that is news.
    pub(crate) fn note_wrap(&mut self, epoch: EpochId, node: NodeId) -> bool {
        let news = self.wrapped.insert((epoch, node));
        self.changed |= news;
        news
    }

    /// Lists the members that are not to read on: expelled, or past their end by this clock.
    pub(crate) fn out(&self, directory: &Directory, now: Timestamp) -> BTreeSet<PartyId> {
        let mut out = self.state.ended(now);
        let expelled = |party: &&PartyId| directory.party(party).is_some_and(|p| p.expelled);
        out.extend(self.state.members.keys().filter(expelled));
        out
    }

    /// Lists the stewards of this time.
    #[must_use]
    pub fn stewards(&self, directory: &Directory, now: Timestamp) -> BTreeSet<PartyId> {
        self.state.stewards(&self.out(directory, now), now)
    }

    /// Says whether an entry counts as its party's word. `within` says whether it is the entry of a cut's
    /// point, or before it in the same branch.
    pub(crate) fn counts(
        &self,
        written: &Written,
        within: impl Fn(&CutPoint) -> bool,
    ) -> Result<(), Withheld> {
        match self.state.verdict(written, within) {
            Verdict::Counts | Verdict::Uncut => Ok(()),
            Verdict::NoRight if planted::is(Bug::NoAuthority) => Ok(()),
            Verdict::PastCut(_) if planted::is(Bug::NoCut) => Ok(()),
            Verdict::NoRight => Err(Withheld::NoRight),
            Verdict::Ended => Err(Withheld::Ended),
            Verdict::PastCut(_) => Err(Withheld::PastCut),
        }
    }

    /// Says whether a cut of its party names the log that this node writes to.
    pub(crate) fn cuts_own_log(&self, party: &PartyId) -> bool {
        let own = self.own_log();
        let cuts = self.state.cuts.get(party).into_iter().flatten();
        cuts.flat_map(|cut| cut.logs.keys()).any(|(log, _)| *log == own)
    }

    /// Lists the epochs whose key is known and which no other such epoch follows, with the key: what
    /// a reader must be given. With history, their secrets open the former ones.
    pub(crate) fn latest_keys(&self) -> impl Iterator<Item = (EpochId, &EpochKey)> {
        let known = self.state.epochs.iter().filter(|(id, _)| self.keys.contains_key(*id));
        let followed: BTreeSet<EpochId> =
            known.flat_map(|(_, state)| state.epoch.parents.iter().map(|p| p.epoch)).collect();
        let counts = self.keys.iter().filter(|(id, _)| self.state.epochs.contains_key(*id));
        counts.filter(move |(id, _)| !followed.contains(*id)).map(|(id, key)| (*id, key))
    }

    /// Says whether entries may be held back by a cut or by the end of a grant.
    pub(crate) fn may_hold_back(&self) -> bool {
        let members = self.state.members.values().chain(self.state.former.values());
        let mut grants = members.flat_map(|member| &member.grants);
        !self.state.cuts.is_empty() || grants.any(|grant| grant.ends.is_some())
    }

    /// Lists the epochs that are written under, of those that cover every removal the ones that no
    /// other of them follows: who began each, and when by its clock.
    pub fn latest_epochs(&self) -> impl Iterator<Item = (NodeId, Timestamp)> {
        let covering = self.state.epochs.iter().filter(|(_, state)| state.covers);
        let followed: BTreeSet<EpochId> =
            covering.clone().flat_map(|(_, state)| state.after.iter().copied()).collect();
        covering.filter(move |(id, _)| !followed.contains(*id)).filter_map(|(id, _)| {
            let body = self.certificates.get(&CertificateId(id.0))?.body();
            Some((body.by, body.at))
        })
    }

    /// Says whether a node was given an epoch's key by this one.
    pub(crate) fn has_wrapped(&self, epoch: EpochId, node: NodeId) -> bool {
        self.wrapped.contains(&(epoch, node))
    }

    /// Notes that an epoch's key is on its way to the disk in a letter to a node.
    pub(crate) fn sending(&mut self, epoch: EpochId, node: NodeId) {
        self.sending.insert((epoch, node));
    }

    /// Notes that the letter is durable.
    pub(crate) fn note_sent(&mut self, epoch: EpochId, node: NodeId) {
        self.sending.remove(&(epoch, node));
        self.wrapped.insert((epoch, node));
    }

    /// Forgets that a node was given an epoch's key: the letter was lost.
    pub(crate) fn forget_wrap(&mut self, epoch: EpochId, node: NodeId) {
        self.sending.remove(&(epoch, node));
        self.wrapped.remove(&(epoch, node));
        self.changed = true;
    }

    /// Says whether a node that was restored is to be given all keys anew: not twice for one notice, nor without end.
    pub(crate) fn owes_restored(&self, notice: CertificateId, node: NodeId) -> bool {
        let epochs = &self.state.epochs;
        let of_node = self.wrapped.iter().filter(|(_, wrapped)| *wrapped == node);
        let answered = of_node.filter(|(epoch, _)| !epochs.contains_key(epoch)).count();
        answered < RESTORED_MAX && !self.has_wrapped(EpochId(notice.0), node)
    }

    /// Forgets what a node was given before it was restored, and notes that this notice of it was answered: among what was
    /// given, as if it were an epoch.
    pub(crate) fn answer_restored(&mut self, notice: CertificateId, node: NodeId) {
        let epochs = &self.state.epochs;
        self.wrapped.retain(|(epoch, wrapped)| *wrapped != node || !epochs.contains_key(epoch));
        self.note_wrap(EpochId(notice.0), node);
    }

    /// Forgets what nodes were given: it may never have been sent.
    pub(crate) fn forget_wraps(&mut self) {
        self.wrapped.clear();
        self.changed = true;
    }

    /// Notes that this node has the keys it has.
    pub(crate) fn note_own_wraps(&mut self, me: NodeId) {
        self.wrapped.extend(self.keys.keys().map(|epoch| (*epoch, me)));
        self.changed = true;
    }

    /// Returns the node that signed a certificate.
    pub(crate) fn signer(&self, id: &CertificateId) -> Option<NodeId> {
        self.certificates.get(id).map(|certificate| certificate.body().by)
    }

    /// Returns the party to which a certificate gives a right: a grant's, or the genesis' first steward.
    #[must_use]
    pub fn holder(&self, id: &CertificateId) -> Option<PartyId> {
        self.certificates.get(id)?.holder()
    }

    /// Returns to whom a title gives the space: the genesis, or a hand-over.
    #[must_use]
    pub fn owner_by(&self, title: &CertificateId) -> Option<Owner> {
        self.certificates.get(title)?.title().map(|(owner, _)| owner)
    }

    /// Keeps what another copy of the space had learned.
    pub(crate) fn keep(&mut self, kept: &Kept, directory: &Directory) {
        let mut news = false;
        for certificate in &kept.certificates {
            news |= self.add(certificate.clone());
        }
        for (epoch, key) in &kept.keys {
            self.keys.entry(*epoch).or_insert_with(|| key.clone());
        }
        for (document, name) in &kept.names {
            self.note(*document, name);
        }
        if news {
            self.judge(directory);
        }
    }

    /// Returns what stays true whatever becomes of the record: of certificates those that neither this node signed nor are
    /// among what was `lost`.
    pub(crate) fn into_kept(self, me: NodeId, lost: &BTreeSet<CertificateId>) -> Kept {
        let others = self.certificates.iter().filter(|(_, other)| other.body().by != me);
        let arrived = others.filter(|(id, _)| !lost.contains(id));
        let certificates = arrived.map(|(_, certificate)| certificate.clone()).collect();
        Kept { keys: self.keys, names: self.documents, certificates }
    }

    /// Says whether whoever signed `later` knew of `earlier`.
    pub(crate) fn knew(&self, later: CertificateId, earlier: CertificateId) -> bool {
        let (mut seen, mut next) = (BTreeSet::new(), vec![later]);
        while let Some(id) = next.pop() {
            if id == earlier {
                return true;
            }
            if let Some(certificate) = self.certificates.get(&id).filter(|_| seen.insert(id)) {
                next.extend(&certificate.body().heads);
            }
        }
        false
    }

    /// Says whether a node's own certificate had ended when it signed an entry.
    pub(crate) fn ended(&self, ends: Timestamp, entry: EntryId, at: Timestamp) -> bool {
        at > ends.plus_ms(CLOCK_SKEW_MS_MAX) && !self.state.admitted.contains(&entry)
    }
}
