//! A change from outside, bounded before Automerge decodes it.
//!
//! The columns of a change are run-length coded: nine bytes may claim 2^62 operations, and Automerge
//! walks through every one of them. So the runs are counted first. The format is Automerge's binary
//! format, chunks of type 1 (<https://automerge.org/automerge-binary-format-spec/>).

use automerge::Change;

use super::Withheld;
use crate::limits::CHANGE_BYTES_MAX;

pub(crate) const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
pub(crate) const CHUNK_TYPE_CHANGE: u8 = 1;

/// Operations in one change, and values in one of its columns. A month of readings at three-minute
/// intervals has 14,880.
const OPERATIONS_MAX: u64 = 1 << 16;

/// Bytes that the texts of a column take once repeated ones are written out.
const TEXT_BYTES_MAX: u64 = 16 << 20;

/// Columns of one change: 13 are known.
const COLUMNS_MAX: u64 = 64;

/// The kinds of columns, as the lowest three bits of a column's number say.
const GROUP: u64 = 0;
const ACTOR: u64 = 1;
const DELTA: u64 = 3;
const BOOLEAN: u64 = 4;
const TEXT: u64 = 5;
const RAW: u64 = 7;
const DEFLATED: u64 = 8;

/// What a change unfolds to when it is decoded.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// Values of its longest column.
    pub(crate) values: u64,
    /// Bytes of the texts of its columns.
    pub(crate) text_bytes: u64,
}

impl Cost {
    /// Adds another change's.
    pub(crate) const fn add(&mut self, other: Self) {
        self.values = self.values.saturating_add(other.values);
        self.text_bytes = self.text_bytes.saturating_add(other.text_bytes);
    }
}

/// Reads a raw change, refusing before Automerge decodes it whatever would inflate.
///
/// # Errors
/// [`Withheld::BadChange`].
pub fn read_change(bytes: &[u8]) -> Result<Change, Withheld> {
    if bytes.len() > CHANGE_BYTES_MAX || cost(bytes).is_none() {
        return Err(Withheld::BadChange);
    }
    let change = Change::try_from(bytes).map_err(|_| Withheld::BadChange)?;
    // Automerge refuses a whole batch over a second statement of an author; ours state none. And it
    // writes a change again from its operations: one that would come out otherwise is lost to it.
    let again = Change::from(change.decode());
    if change.author().is_some() || again.raw_bytes() != bytes {
        return Err(Withheld::BadChange);
    }
    Ok(change)
}

/// Checks that a chunk is one change whose columns stay within the limits, and counts what is in them.
pub(crate) fn cost(bytes: &[u8]) -> Option<Cost> {
    let mut chunk = Reader(bytes);
    let [a, b, c, d, _, _, _, _, kind] = *chunk.take(9)?.first_chunk::<9>()?;
    if [a, b, c, d] != MAGIC || kind != CHUNK_TYPE_CHANGE {
        return None;
    }
    let length = chunk.unsigned()?;
    let mut body = Reader(chunk.take(length)?);
    if !chunk.0.is_empty() {
        return None;
    }
    let dependencies = body.unsigned()?;
    body.take(dependencies.checked_mul(32)?)?;
    body.skip_sized()?; // actor
    body.unsigned()?; // sequence
    body.unsigned()?; // first operation
    body.signed()?; // time
    body.skip_sized()?; // message
    let others = body.unsigned()?;
    for _ in 0..others {
        body.skip_sized()?; // another actor
    }
    let count = body.unsigned()?;
    if count > COLUMNS_MAX {
        return None;
    }
    let mut columns = Vec::new();
    for _ in 0..count {
        columns.push((body.unsigned()?, body.unsigned()?));
    }
    let mut cost = Cost::default();
    for (number, length) in columns {
        let data = body.take(length)?;
        if number & DEFLATED != 0 {
            return None;
        }
        let column = match number & 7 {
            RAW => Cost::default(),
            BOOLEAN => booleans(data)?,
            kind => runs(data, kind, others)?,
        };
        cost.values = cost.values.max(column.values);
        cost.text_bytes = cost.text_bytes.saturating_add(column.text_bytes);
    }
    Some(cost)
}

/// Counts the values of a run-length coded column: `n value` repeats a value, `-n values` lists
/// some, `0 n` stands for n times nothing. An actor is 0 for the change's own or one of the `others`.
fn runs(data: &[u8], kind: u64, others: u64) -> Option<Cost> {
    let mut data = Reader(data);
    let (mut values, mut texts, mut grouped) = (0_u64, 0_u64, 0_u64);
    while !data.0.is_empty() {
        let run = data.signed()?;
        let (repeats, listed) = match run {
            0 => (data.unsigned()?, 0),
            1.. => (run.unsigned_abs(), 1),
            _ => (1, run.unsigned_abs()),
        };
        values = values.checked_add(repeats.checked_mul(listed.max(1))?)?;
        if values > OPERATIONS_MAX {
            return None;
        }
        for _ in 0..listed {
            match kind {
                TEXT => {
                    let length = data.unsigned()?;
                    data.take(length)?;
                    texts = texts.checked_add(length.checked_mul(repeats)?)?;
                }
                ACTOR if data.unsigned()? > others => return None,
                ACTOR => {}
                DELTA => drop(data.signed()?),
                GROUP => grouped = grouped.checked_add(data.unsigned()?.checked_mul(repeats)?)?,
                _ => drop(data.unsigned()?),
            }
        }
    }
    let within = texts <= TEXT_BYTES_MAX && grouped <= OPERATIONS_MAX;
    within.then_some(Cost { values, text_bytes: texts })
}

/// Counts the values of a column of lengths of runs, false and true in turn.
fn booleans(data: &[u8]) -> Option<Cost> {
    let mut data = Reader(data);
    let mut values = 0_u64;
    while !data.0.is_empty() {
        values = values.checked_add(data.unsigned()?)?;
    }
    (values <= OPERATIONS_MAX).then_some(Cost { values, text_bytes: 0 })
}

/// Reads numbers and pieces of bytes, one behind the other.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = tail;
        Some(head)
    }

    fn skip_sized(&mut self) -> Option<()> {
        let length = self.unsigned()?;
        self.take(length).map(|_| ())
    }

    /// Reads a LEB128 number of at most 64 bits, its bits, and whether its sign bit is set.
    fn leb(&mut self) -> Option<(u64, u32, bool)> {
        let (mut value, mut shift) = (0_u64, 0_u32);
        loop {
            let byte = *self.take(1)?.first()?;
            let bits = u64::from(byte & 0x7f);
            value |= bits
                .checked_shl(shift)
                .filter(|shifted| shifted >> shift == bits || shift == 63)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some((value, shift, byte & 0x40 != 0));
            }
            if shift >= 70 {
                return None;
            }
        }
    }

    pub(crate) fn unsigned(&mut self) -> Option<u64> {
        self.leb().map(|(value, ..)| value)
    }

    fn signed(&mut self) -> Option<i64> {
        let (value, bits, negative) = self.leb()?;
        let sign = if negative && bits < 64 { u64::MAX << bits } else { 0 };
        let value = (value | sign).cast_signed();
        // Nobody writes the one number that has no positive counterpart.
        (value != i64::MIN).then_some(value)
    }
}
