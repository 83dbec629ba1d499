//! An exported audit, checked without a node.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufReader, ErrorKind, Read},
    path::Path,
};

use linli_core::{
    audit::{AuditRecord, Broken, ExportReader, Shown, Summary, Why},
    limits::AUDIT_HEADER_BYTES_MAX,
};
use linli_node::api::audit::{AuditBroken, AuditFilter, AuditRow, AuditVerdict};
use linli_replica::id::Timestamp;
use serde::Serialize;

use super::{broken_words, exit, found, table};
use crate::{
    context::Context,
    failure::{CliError, Exit},
    output::printable,
};

/// What a file of an exported audit says, and whether it holds.
#[derive(Debug, Serialize)]
struct Verified {
    #[serde(flatten)]
    verdict: AuditVerdict,
    /// When it was exported, by the node's clock.
    exported_ms: u64,
    /// Of which community the certificates in the file make the node a member.
    community: Option<Community>,
    /// The records that fit, the latest first.
    rows: Vec<AuditRow>,
}

#[derive(Debug, Serialize)]
struct Community {
    id: String,
    name: String,
    /// Whether the node stood in it when the audit was exported.
    member: bool,
    /// Why not.
    reason: Option<String>,
}

/// Checks a file and shows what fits in it; needs neither node nor data directory.
pub(super) fn verify(
    context: &Context,
    path: &Path,
    filter: &AuditFilter,
    limit: u64,
) -> anyhow::Result<Exit> {
    let failed = |source| CliError::File { path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let begun = match next(&mut file).map_err(failed)? {
        Item::Bytes(item) => ExportReader::begin(&item),
        Item::End | Item::Damaged => Err(Broken { sequence: 0, why: Why::Malformed }),
    };
    let mut reader = match begun {
        Ok(reader) => reader,
        Err(broken) => {
            let no_audit = broken.sequence == 0 && broken.why == Why::Malformed;
            let broken = AuditBroken::from(broken);
            context.show(&broken, || match no_audit {
                true => context.text.say("audit-no-file", &[]),
                false => broken_words(context, &broken),
            })?;
            return Ok(Exit::FAILED);
        }
    };
    let mut kept = Kept { filter, rows: VecDeque::new(), rows_max: usize::try_from(limit)? };
    let (summary, broken) = match read(&mut reader, &mut file, &mut kept).map_err(failed)? {
        Ok(summary) => (summary, None),
        Err(broken) => (Summary::default(), Some(broken)),
    };
    let header = reader.header();
    let verified = Verified {
        verdict: AuditVerdict::new(header.node, summary, broken),
        exported_ms: header.at.0,
        community: community(&reader),
        // Of a file that does not hold nothing is shown as though it were true.
        rows: if broken.is_some() { Vec::new() } else { kept.rows.into_iter().rev().collect() },
    };
    context.show(&verified, || words(context, &verified))?;
    Ok(exit(&verified.verdict))
}

/// Reads and checks all items behind the first.
fn read(
    reader: &mut ExportReader,
    file: &mut impl Read,
    kept: &mut Kept<'_>,
) -> std::io::Result<Result<Summary, Broken>> {
    loop {
        let shown = match next(file)? {
            Item::End => return Ok(reader.finish()),
            // Whatever could not be read follows the last item that could.
            Item::Damaged => reader.item(&[]),
            Item::Bytes(item) => reader.item(&item),
        };
        match shown {
            Ok(Shown::Record(sequence, Some(record))) => kept.take(sequence, *record),
            Ok(Shown::Record(_, None) | Shown::Withheld(_) | Shown::Header | Shown::Closing) => {}
            Err(broken) => return Ok(Err(broken)),
        }
    }
}

/// The latest records that fit.
struct Kept<'a> {
    filter: &'a AuditFilter,
    rows: VecDeque<AuditRow>,
    rows_max: usize,
}

impl Kept<'_> {
    fn take(&mut self, sequence: u64, record: AuditRecord) {
        let row = AuditRow::new(sequence, record);
        let begins = |id: &Option<String>, wanted: &Option<String>| match (id, wanted) {
            (_, None) => true,
            (id, Some(wanted)) => id.as_ref().is_some_and(|id| id.starts_with(wanted.as_str())),
        };
        let AuditFilter { elder, party, person, since_ms, until_ms } = self.filter;
        let named = person.is_some() && row.person == *person;
        let fits = begins(&row.elder, elder)
            && begins(&row.party, party)
            && (named || begins(&row.person_id, person))
            && since_ms.is_none_or(|since| row.at_ms >= since)
            && until_ms.is_none_or(|until| row.at_ms <= until);
        if fits {
            self.rows.push_back(row);
            if self.rows.len() > self.rows_max {
                self.rows.pop_front();
            }
        }
    }
}

enum Item {
    Bytes(Vec<u8>),
    End,
    /// The file ends within an item, or an item says that it is too long.
    Damaged,
}

/// Reads one item behind its length.
fn next(file: &mut impl Read) -> std::io::Result<Item> {
    let mut head = Vec::new();
    file.by_ref().take(4).read_to_end(&mut head)?;
    if head.is_empty() {
        return Ok(Item::End);
    }
    let Ok(length) = <[u8; 4]>::try_from(head.as_slice()) else { return Ok(Item::Damaged) };
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > AUDIT_HEADER_BYTES_MAX {
        return Ok(Item::Damaged);
    }
    let mut item = vec![0; length];
    match file.read_exact(&mut item) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Item::Damaged),
        done => done.map(|()| Item::Bytes(item)),
    }
}

fn community(reader: &ExportReader) -> Option<Community> {
    let header = reader.header();
    let directory = header.community()?;
    let admitted = directory.admits(&header.node, Timestamp(header.at.0));
    let reason = admitted.err().map(|reason| reason.to_string());
    Some(Community {
        id: directory.community().to_string(),
        name: directory.name().to_owned(),
        member: reason.is_none(),
        reason,
    })
}

fn words(context: &Context, verified: &Verified) -> String {
    if verified.verdict.broken.is_some() {
        return found(context, &verified.verdict);
    }
    let mut lines =
        vec![table(context, &verified.rows), String::new(), found(context, &verified.verdict)];
    let at = [("at", context.zone.show(verified.exported_ms).into())];
    lines.push(context.text.say("audit-exported-at", &at));
    lines.push(match &verified.community {
        None => context.text.say("audit-no-community", &[]),
        Some(Community { id, name, member, reason }) => {
            let arguments = [
                ("name", printable(name).into()),
                ("community", id.as_str().into()),
                ("reason", reason.as_deref().unwrap_or_default().into()),
            ];
            match member {
                true => context.text.say("audit-member", &arguments),
                false => context.text.say("audit-not-member", &arguments),
            }
        }
    });
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_within_their_limit() {
        let item =
            |bytes: &[u8]| [&u32::try_from(bytes.len()).unwrap().to_le_bytes(), bytes].concat();
        let file = [item(b"one"), item(b"")].concat();
        let mut rest = file.as_slice();
        assert!(matches!(next(&mut rest).unwrap(), Item::Bytes(bytes) if bytes == b"one"));
        assert!(matches!(next(&mut rest).unwrap(), Item::Bytes(bytes) if bytes.is_empty()));
        assert!(matches!(next(&mut rest).unwrap(), Item::End));
        for end in 1..7 {
            assert!(matches!(next(&mut &file[..end]).unwrap(), Item::Damaged), "{end} bytes");
        }
        let huge = u32::MAX.to_le_bytes();
        assert!(matches!(next(&mut huge.as_slice()).unwrap(), Item::Damaged));
    }
}
