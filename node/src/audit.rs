//! What this node writes into its audit by itself: every act it signs, every reading, and now and
//! then its signature over the chain.

use std::collections::{BTreeMap, VecDeque};

use linli_core::audit::{ActedBy, AuditRecord, Broken, Verifier, What, clip};
use linli_core::engine::{Authored, SpaceAct};
use linli_replica::audit::{Head, Linked};
use linli_replica::batch::{Batch, Record, Shelf};
use linli_replica::id::{NodeId, SpaceTag, Timestamp};
use linli_replica::replica::{Input, Save, Saved};
use linli_store::{Store, StoreError};
use uuid::Uuid;

use crate::catalogue::Name;
use crate::node::{Node, now, world};

/// The same person who reads the same again within this long adds to a count: somebody who looks at
/// a screen that renews itself reads once.
const REPEAT_MS: u64 = 60 * 1_000;

/// Readings that are remembered for their repeats: more than people at one node do in a minute.
const READINGS_MAX: usize = 1_024;

/// Records looked at before the driver looks for other inputs: some 20 ms.
pub(crate) const AT_ONCE: u64 = 4_000;

/// One kind of reading: who, what, of which method, and whom it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Reading {
    person: Option<ActedBy>,
    what: u16,
    of: &'static str,
    elder: Option<Uuid>,
    /// What was asked for: another page of a list is another reading.
    asked: Asked,
}

/// The hash of a request, without who asks.
pub(crate) type Asked = [u8; 32];

#[derive(Debug, Clone, Copy)]
struct Recent {
    since: Timestamp,
    repeats: u64,
    /// The record of the first.
    save: Save,
}

/// The audit's state while the node runs.
#[derive(Debug, Default)]
pub(crate) struct Audit {
    recent: BTreeMap<Reading, Recent>,
    /// Something was recorded that is not signed yet.
    unsigned: bool,
    /// The signature on its way to disk.
    signing: Option<Save>,
    /// How far the chain was followed and found whole.
    followed: Head,
    /// The last record that was signed.
    signed: u64,
    broken: Option<Broken>,
}

impl Audit {
    /// Begins where the node signed last.
    pub(crate) fn load(store: &Store, node: NodeId) -> Result<Self, StoreError> {
        let head = store.audit_head()?;
        let mut audit = Self::default();
        let mut last = head.sequence;
        while last > 0 {
            let first = last.saturating_sub(255).max(1);
            let rows = store.audit(first, last)?;
            if let Some(signed) = rows.iter().rev().find_map(|row| signed_by(row, node)) {
                (audit.followed, audit.signed) = (signed, signed.sequence);
                break;
            }
            last = first - 1;
        }
        audit.unsigned = !audit.is_signed(head);
        Ok(audit)
    }
}

impl Audit {
    /// Whether nothing but the signature itself follows what it covers.
    const fn is_signed(&self, head: Head) -> bool {
        head.sequence == 0 || (self.signed > 0 && head.sequence <= self.signed.saturating_add(1))
    }
}

/// Where a record says that this node signed up to.
fn signed_by(row: &Linked, node: NodeId) -> Option<Head> {
    let signed = AuditRecord::decode(&row.record).ok()?.signed?;
    let head = Head { sequence: signed.sequence, hash: signed.hash.into() };
    (signed.node == node).then_some(head)
}

impl Node {
    /// Begins a record of whoever acts in the present request.
    pub(crate) fn record_of(&mut self, what: What) -> AuditRecord {
        let record = AuditRecord::new(&mut self.rng, now(), what);
        AuditRecord { person: self.people.acted(), ..record }
    }

    /// Writes a record into the audit by itself. What belongs to an act goes into the act's own
    /// batch instead: [`AuditRecord::for_store`] among its records.
    pub(crate) fn note(&mut self, record: &AuditRecord) -> Save {
        self.author(Authored { records: vec![record.for_store()], ..Authored::default() })
    }

    /// Adds to what the core wrote the records of the acts in it.
    pub(crate) fn audited(&mut self, mut authored: Authored) -> Authored {
        for SpaceAct { space, certificate } in std::mem::take(&mut authored.acts) {
            let (kind, elder) = self.about(space);
            let record =
                AuditRecord::of_space_certificate(&mut self.rng, space, &kind, &certificate);
            let Some(record) = record else { continue };
            let elder = elder.map(|elder| elder.into_bytes().into());
            let person = self.people.acted();
            authored.records.push(AuditRecord { person, elder, ..record }.for_store());
        }
        authored
    }

    /// Says what a space is for and which elder it is about. One that cannot be read any more is
    /// recorded by its tag alone.
    fn about(&mut self, space: SpaceTag) -> (String, Option<Uuid>) {
        let world = world(&self.replica, &self.store);
        let Ok(held) = self.core.space(world, space) else { return (String::new(), None) };
        (held.kind().to_owned(), held.documents().find_map(|(_, name)| elder_of(name)))
    }

    /// Adds the records of community certificates that are put in here.
    pub(crate) fn audited_input(&mut self, mut input: Input) -> Input {
        if let Input::Authored { certificates, records, .. } = &mut input {
            for certificate in certificates.iter() {
                let mut record = AuditRecord::of_certificate(&mut self.rng, now(), certificate);
                if let Some(space) = record.space {
                    let (kind, elder) = self.about(space);
                    record.of = Some(kind);
                    record.elder = elder.map(|elder| elder.into_bytes().into());
                }
                if record.what == What::PersonEnded {
                    let whom = record.detail.as_ref().and_then(|id| self.people.described(id));
                    record.detail = whom.map(|whom| clip(&whom)).or(record.detail);
                }
                let person = self.people.acted();
                records.push(AuditRecord { person, ..record }.for_store());
            }
        }
        if let Input::Authored { records, .. } | Input::Learned { records, .. } = &input {
            self.audit.unsigned |= records.iter().any(|record| record.shelf == Shelf::Audit);
        }
        input
    }

    /// Records a reading, or counts it as a repeat; returns what is to become durable.
    pub(crate) fn read_by_somebody(
        &mut self,
        what: What,
        of: &'static str,
        elder: Option<Uuid>,
        count: u64,
        asked: Asked,
    ) -> Save {
        let at = now();
        let reading =
            Reading { person: self.people.acted(), what: what.number(), of, elder, asked };
        // A reading whose record was lost with a full disk repeats nothing.
        if let Some(recent) = self.audit.recent.get_mut(&reading)
            && at.since_ms(recent.since) < REPEAT_MS
            && self.replica.saved(recent.save) != Saved::Lost
        {
            recent.repeats += 1;
            return recent.save;
        }
        let over = self.audit.recent.len() >= READINGS_MAX;
        let repeats = self.take_repeats(at, over);
        if !repeats.is_empty() {
            self.feed(Input::Learned { pages: Vec::new(), records: repeats });
        }
        let about = elder.map(|elder| elder.into_bytes().into());
        let record =
            AuditRecord { elder: about, count, of: Some(of.to_owned()), ..self.record_of(what) };
        let save = self.note(&record);
        self.audit.recent.insert(reading, Recent { since: at, repeats: 0, save });
        save
    }

    /// Takes the repeats whose minute is over, or all, as records.
    fn take_repeats(&mut self, at: Timestamp, all: bool) -> Vec<Record> {
        let over = |_: &Reading, recent: &mut Recent| all || at.since_ms(recent.since) >= REPEAT_MS;
        let done: Vec<(Reading, Recent)> = self.audit.recent.extract_if(.., over).collect();
        let repeated = done.into_iter().filter(|(_, recent)| recent.repeats > 0);
        let record = |(reading, recent): (Reading, Recent)| {
            let what = What::of_number(reading.what);
            AuditRecord {
                person: reading.person,
                elder: reading.elder.map(|elder| elder.into_bytes().into()),
                of: Some(reading.of.to_owned()),
                count: recent.repeats,
                detail: Some(REPEATED.to_owned()),
                ..AuditRecord::new(&mut self.rng, at, what)
            }
            .for_store()
        };
        repeated.map(record).collect()
    }
}

/// What the record of repeats says of its count.
const REPEATED: &str = "repeated";

/// The elder a document is about, by its name.
fn elder_of(name: &str) -> Option<Uuid> {
    match Name::parse(name)? {
        Name::Elder(elder, _) => Some(elder),
        Name::Plain(_) => None,
    }
}

/// Writes down repeats whose minute is over, and signs the chain where it has grown.
pub(crate) fn tick(node: &mut Node) {
    let repeats = node.take_repeats(now(), false);
    if !repeats.is_empty() {
        node.feed(Input::Learned { pages: Vec::new(), records: repeats });
    }
    match due(node) {
        Ok(None) => {}
        Ok(Some(head)) => {
            let key = node.core.signing_key().clone();
            let record = AuditRecord::signature(&mut node.rng, now(), &key, &head);
            node.audit.signing = Some(node.note(&record));
            node.audit.signed = head.sequence;
        }
        Err(error) => tracing::error!(%error, "the audit cannot be read"),
    }
}

/// Follows the chain some way, and says how far it is to be signed.
fn due(node: &mut Node) -> Result<Option<Head>, StoreError> {
    if !node.audit.unsigned || node.audit.broken.is_some() {
        return Ok(None);
    }
    let lost = match node.audit.signing.map(|save| node.replica.saved(save)) {
        Some(Saved::Pending(_)) => return Ok(None),
        Some(Saved::Lost) => true,
        Some(Saved::Durable) | None => false,
    };
    let head = node.store.audit_settled()?;
    if !lost && node.audit.is_signed(head) {
        node.audit.unsigned = false;
        return Ok(None);
    }
    Ok(follow(node, head)?.filter(|head| head.sequence > 0))
}

/// Checks what was added to the chain, some records at a time; none until it was all found whole.
fn follow(node: &mut Node, head: Head) -> Result<Option<Head>, StoreError> {
    let first = node.audit.followed.sequence.saturating_add(1);
    let last = head.sequence.min(node.audit.followed.sequence.saturating_add(AT_ONCE));
    let mut verifier = Verifier::new(node.core.node(), node.audit.followed);
    for row in node.store.audit(first, last)? {
        if let Err(broken) = verifier.take(&row) {
            tracing::error!(%broken, "the audit does not hold and is not signed on");
            let words = format!("{broken}; see `linli keys audit --verify`");
            node.warnings.insert("audit", words);
            node.audit.broken = Some(broken);
            return Ok(None);
        }
    }
    node.audit.followed = verifier.head();
    Ok((node.audit.followed == head).then_some(head))
}

/// Signs all that was recorded, when the node stops in order.
pub(crate) fn close(node: &mut Node) -> Result<(), StoreError> {
    let records = node.take_repeats(now(), true);
    node.audit.unsigned |= !records.is_empty();
    node.store.commit(Batch { records, ..Batch::default() })?;
    if !node.audit.unsigned || node.audit.broken.is_some() {
        return Ok(());
    }
    let head = node.store.audit_settled()?;
    // Whatever is left to follow after a long import is followed at the next start.
    if !node.audit.is_signed(head) && follow(node, head)? == Some(head) {
        let key = node.core.signing_key().clone();
        let record = AuditRecord::signature(&mut node.rng, now(), &key, &head);
        node.store.commit(Batch { records: vec![record.for_store()], ..Batch::default() })?;
    }
    Ok(())
}

/// The last rows of the chain before a number, the latest first, some at a time.
pub(crate) fn rows_before(store: &Store, before: u64) -> Result<VecDeque<Linked>, StoreError> {
    let Some(last) = before.checked_sub(1).filter(|last| *last > 0) else {
        return Ok(VecDeque::new());
    };
    let first = last.saturating_sub(AT_ONCE - 1).max(1);
    Ok(store.audit(first, last)?.into_iter().rev().collect())
}
