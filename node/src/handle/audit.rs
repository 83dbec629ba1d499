//! The audit: looking into it, checking it, and giving it to somebody else.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use linli_core::audit::{AuditRecord, Header, Verifier, What, closing, record_item, withheld_item};
use linli_replica::audit::{Head, Linked, Linker};
use linli_replica::id::{PartyId, SpaceTag};
use linli_replica::replica::{Save, Saved};
use linli_store::StoreError;
use serde_json::Value;
use tempfile::{NamedTempFile, TempPath};
use uuid::Uuid;

use super::refusals::{taken, unusable};
use super::{Reply, Work, acts, elders, json, read, spaces};
use crate::api::audit::{
    AuditExport, AuditExported, AuditFilter, AuditList, AuditPage, AuditRow, AuditVerdict,
    AuditVerify,
};
use crate::api::{ApiError, Code, Method as _};
use crate::audit::{AT_ONCE, rows_before};
use crate::node::{Node, now};

const PAGE_MAX: u64 = 1_000;

type Done = Result<(Value, BTreeSet<Save>), ApiError>;

/// Which records are meant.
struct Filter {
    elder: Option<Uuid>,
    /// The elder's spaces: an act in one is about the elder though its record may not say so.
    spaces: BTreeSet<SpaceTag>,
    party: Option<PartyId>,
    person: Option<String>,
    since_ms: u64,
    until_ms: u64,
}

impl Filter {
    fn of(node: &mut Node, asked: AuditFilter) -> Result<Self, ApiError> {
        let AuditFilter { elder, party, person, since_ms, until_ms } = asked;
        let elder = match elder {
            // Of an elder whose records are gone the audit still tells.
            Some(text) => Some(text.parse().or_else(|_| elders::find(node, &text))?),
            None => None,
        };
        let party = match party {
            Some(text) => Some(text.parse().or_else(|_| spaces::party(node, &text))?),
            None => None,
        };
        let of_elder = elder.into_iter().flat_map(|elder| node.catalogue.of_elder(elder));
        Ok(Self {
            spaces: of_elder.map(|(_, row)| row.space).collect(),
            elder,
            party,
            person,
            since_ms: since_ms.unwrap_or(0),
            until_ms: until_ms.unwrap_or(u64::MAX),
        })
    }

    fn is_in_period(&self, record: &AuditRecord) -> bool {
        (self.since_ms..=self.until_ms).contains(&record.at.0)
    }

    fn fits(&self, record: &AuditRecord) -> bool {
        let elder = record.elder.map(|bytes| Uuid::from_bytes(bytes.into()));
        let about = |wanted: Uuid| {
            elder == Some(wanted) || record.space.is_some_and(|space| self.spaces.contains(&space))
        };
        let by = |wanted: &String| {
            record.person.as_ref().is_some_and(|person| {
                person.name == *wanted || hex::encode(*person.key).starts_with(wanted)
            })
        };
        self.is_in_period(record)
            && self.elder.is_none_or(about)
            && self.party.is_none_or(|party| record.party == Some(party))
            && self.person.as_ref().is_none_or(by)
    }
}

fn unreadable(error: &StoreError) -> ApiError {
    ApiError::internal(format_args!("the audit cannot be read: {error}"))
}

pub(super) fn list(node: &mut Node, body: Value) -> Result<Reply, ApiError> {
    acts(node, &body)?;
    let asked = super::asked(&body);
    let request: AuditList = read(body)?;
    let filter = Filter::of(node, request.filter)?;
    let save = node.read_by_somebody(What::Listed, AuditList::NAME, filter.elder, 1, asked);
    let rows_max = usize::try_from(request.limit.clamp(1, PAGE_MAX)).unwrap_or(usize::MAX);
    let before = match request.before {
        Some(before) => before,
        None => node.store.audit_head().map_err(|e| unreadable(&e))?.sequence.saturating_add(1),
    };
    let rows = Vec::new();
    Ok(Reply::Work(Box::new(List { filter, before, rows_max, rows, saves: [save].into() })))
}

/// Looks back through the audit until a page is full.
struct List {
    filter: Filter,
    before: u64,
    rows_max: usize,
    rows: Vec<(u64, AuditRecord)>,
    saves: BTreeSet<Save>,
}

impl Work for List {
    fn step(&mut self, node: &mut Node) -> Option<Done> {
        let rows = match rows_before(&node.store, self.before) {
            Ok(rows) => rows,
            Err(error) => return Some(Err(unreadable(&error))),
        };
        let ended = rows.is_empty();
        for row in rows {
            if self.rows.len() == self.rows_max {
                return Some(self.page(node, true));
            }
            self.before = row.head.sequence;
            match AuditRecord::decode(&row.record) {
                Ok(record) if self.filter.fits(&record) => {
                    self.rows.push((row.head.sequence, record));
                }
                Ok(_) | Err(_) => {}
            }
        }
        ended.then(|| self.page(node, false))
    }
}

impl List {
    fn page(&mut self, node: &mut Node, more: bool) -> Done {
        let rows = std::mem::take(&mut self.rows);
        let uuid = |record: &AuditRecord| record.elder.map(|id| Uuid::from_bytes(id.into()));
        let names = elders::names(node, &rows.iter().filter_map(|(_, r)| uuid(r)).collect());
        let directory = node.replica.directory();
        let row = |(sequence, record): (u64, AuditRecord)| {
            let party = record.party.and_then(|party| directory.party(&party));
            let name = party.and_then(|party| party.name.clone());
            let found = uuid(&record).and_then(|elder| names.get(&elder));
            let names = found.into_iter().flatten().cloned().collect();
            AuditRow { names, party_name: name, ..AuditRow::new(sequence, record) }
        };
        let rows = rows.into_iter().map(row).collect();
        let page = AuditPage { rows, next: more.then_some(self.before) };
        json(&page).map(|page| (page, std::mem::take(&mut self.saves)))
    }
}

pub(super) fn verify(node: &Node, _: &AuditVerify) -> Box<dyn Work> {
    Box::new(Verify(Verifier::new(node.core.node(), Head::default())))
}

/// Follows the chain of this node from its beginning.
struct Verify(Verifier);

impl Work for Verify {
    fn step(&mut self, node: &mut Node) -> Option<Done> {
        let rows = match after(node, self.0.head().sequence, u64::MAX) {
            Ok(rows) => rows,
            Err(error) => return Some(Err(error)),
        };
        let ended = rows.is_empty();
        let broken = rows.iter().find_map(|row| self.0.take(row).err());
        let over = ended || broken.is_some();
        let answer = || json(&AuditVerdict::new(node.core.node(), self.0.finish(), broken));
        over.then(|| answer().map(|answer| (answer, BTreeSet::new())))
    }
}

/// Some of the records after one and up to another.
fn after(node: &Node, sequence: u64, last: u64) -> Result<Vec<Linked>, ApiError> {
    let until = sequence.saturating_add(AT_ONCE).min(last);
    let rows = (until > sequence).then(|| node.store.audit(sequence.saturating_add(1), until));
    rows.unwrap_or_else(|| Ok(Vec::new())).map_err(|error| unreadable(&error))
}

pub(super) fn export(node: &mut Node, body: Value) -> Result<Reply, ApiError> {
    acts(node, &body)?;
    let request: AuditExport = read(body)?;
    let filter = Filter::of(node, request.filter)?;
    let end = node.store.audit_settled().map_err(|error| unreadable(&error))?.sequence;
    let path = PathBuf::from(&request.to);
    if path.symlink_metadata().is_ok() {
        return Err(taken());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Readable by its owner only.
    let draft = NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")));
    let (file, draft) = draft.map_err(|error| unusable(&path, &error))?.into_parts();
    let acted = node.record_of(What::Exported);
    let elder = filter.elder.map(|elder| elder.into_bytes().into());
    let recorded = node.note(&AuditRecord { elder, party: filter.party, ..acted });
    Ok(Reply::Work(Box::new(Export {
        recorded,
        filter,
        path,
        draft: Some(draft),
        file: BufWriter::new(file),
        verifier: Verifier::new(node.core.node(), Head::default()),
        end,
        period: None,
        writing: None,
    })))
}

/// Follows the whole chain to find the period, then writes that part.
struct Export {
    filter: Filter,
    path: PathBuf,
    /// What is written; it goes with this work where that does not come to its end.
    draft: Option<TempPath>,
    file: BufWriter<File>,
    verifier: Verifier,
    /// The last record there was when the export was asked for.
    end: u64,
    /// The head before the first record of the period, and the last record's number.
    period: Option<(Head, u64)>,
    writing: Option<Writing>,
    /// What the audit says of the export: nothing is written before that is durable.
    recorded: Save,
}

struct Writing {
    header: Vec<u8>,
    before: Head,
    head: Head,
    last: u64,
    linker: Linker,
    shown: u64,
    withheld: u64,
}

impl Work for Export {
    fn step(&mut self, node: &mut Node) -> Option<Done> {
        let done = match (node.replica.saved(self.recorded), self.writing.take()) {
            (Saved::Pending(_), writing) => {
                self.writing = writing;
                Ok(None)
            }
            (Saved::Lost, _) => Err(ApiError::new(Code::Full, "error-audit-unrecorded")),
            (Saved::Durable, None) => self.look(node).map(|()| None),
            (Saved::Durable, Some(writing)) => self.write(node, writing),
        };
        done.transpose()
    }
}

impl Export {
    /// Looks for the period; where all was seen, writing may begin.
    fn look(&mut self, node: &Node) -> Result<(), ApiError> {
        let rows = after(node, self.verifier.head().sequence, self.end)?;
        for row in &rows {
            let before = self.verifier.head();
            self.verifier.take(row).map_err(|broken| {
                ApiError::new(Code::Conflict, "error-audit-broken").because(broken)
            })?;
            let record = AuditRecord::decode(&row.record);
            if record.is_ok_and(|record| self.filter.is_in_period(&record)) {
                let (first, _) = self.period.unwrap_or((before, 0));
                self.period = Some((first, row.head.sequence));
            }
        }
        if rows.is_empty() {
            let head = self.verifier.head();
            let (before, last) = self.period.unwrap_or((head, head.sequence));
            let directory = node.replica.directory();
            let header = Header::new(node.core.node(), now(), before, directory).item();
            self.item(&header)?;
            let (shown, withheld, linker) = (0, 0, Linker::default());
            let head = before;
            self.writing = Some(Writing { header, before, head, last, linker, shown, withheld });
        }
        Ok(())
    }

    fn write(
        &mut self,
        node: &mut Node,
        mut writing: Writing,
    ) -> Result<Option<(Value, BTreeSet<Save>)>, ApiError> {
        let rows = after(node, writing.head.sequence, writing.last)?;
        for row in &rows {
            // The node's own signatures are always shown: they are what the rest rests on.
            let record = AuditRecord::decode(&row.record);
            let shown =
                record.is_ok_and(|record| record.what == What::Signed || self.filter.fits(&record));
            match shown {
                true => self.item(&record_item(row))?,
                false => self.item(&withheld_item(row, &writing.linker))?,
            }
            writing.shown += u64::from(shown);
            writing.withheld += u64::from(!shown);
            writing.head = row.head;
        }
        if !rows.is_empty() {
            self.writing = Some(writing);
            return Ok(None);
        }
        self.item(&closing(node.core.signing_key(), &writing.header, &writing.head))?;
        let written = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        written.map_err(|error| unusable(&self.path, &error))?;
        let named = self.draft.take().map(|draft| draft.persist_noclobber(&self.path));
        named.transpose().map_err(|failed| unusable(&self.path, &failed.error))?;
        let answer = AuditExported {
            first: writing.before.sequence.saturating_add(1),
            last: writing.head.sequence,
            shown: writing.shown,
            withheld: writing.withheld,
        };
        Ok(Some((json(&answer)?, BTreeSet::new())))
    }

    fn item(&mut self, item: &[u8]) -> Result<(), ApiError> {
        let length = u32::try_from(item.len()).unwrap_or(u32::MAX).to_le_bytes();
        let written = self.file.write_all(&length).and_then(|()| self.file.write_all(item));
        written.map_err(|error| unusable(&self.path, &error))
    }
}
