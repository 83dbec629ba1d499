//! Entries by `docs/spec/entry.md`, and what officers are given by `docs/spec/recovery.md`.

use super::{Allowed, Class, Item, Sight, Value};

const TIME_BEGAN_MS: u64 = 1_600_000_000_000;
const TIME_ENDS_MS: u64 = 4_000_000_000_000;

/// Times: of this century, in milliseconds.
pub(super) const TIMES: std::ops::RangeInclusive<u64> = TIME_BEGAN_MS..=TIME_ENDS_MS;

/// Bytes of an urgent entry's content, in every case.
const URGENT_BYTES: usize = 4_096;

const ZEROS: Value = Value::Number(0);

impl Sight<'_> {
    /// Reads one entry.
    pub fn entry(&mut self, bytes: &[u8]) {
        self.search("an entry", bytes, Allowed::Nothing);
        let Some(value) = self.read(bytes) else { return };
        let Value::Array(parts) = &value else { return self.find("not an array") };
        let (header, ciphertext) = match parts.as_slice() {
            [header, ciphertext] => (header, ciphertext),
            [header, ciphertext, signature] => {
                self.random(signature, 64..=64, Item::Logs);
                (header, ciphertext)
            }
            _ => return self.find(format!("an entry has {} elements", parts.len())),
        };
        let Some(ciphertext) = self.bytes(ciphertext, "a ciphertext") else { return };
        let Some(header) = self.bytes(header, "a header") else { return };
        "an entry's header".clone_into(&mut self.what);
        let Some(header) = self.read(header) else { return };
        self.header(&header, ciphertext);
    }

    fn header(&mut self, header: &Value, ciphertext: &[u8]) {
        let Some(fields) = self.fields::<11>(header, "a header") else { return };
        let [
            version,
            suite,
            space,
            document,
            log,
            sequence,
            previous,
            epoch,
            urgency,
            nonce,
            length,
        ] = &fields;
        self.number(version, 1..=1, Item::Counts);
        self.number(suite, 1..=4, Item::Inboxes);
        let inbox = *suite == Value::Number(2);
        let sealed = *suite == Value::Number(1);
        let order = *suite == Value::Number(4);
        if inbox {
            self.of(space, &[Class::Inbox], Item::Inboxes);
        } else {
            self.of(space, &[Class::Space], Item::Spaces);
        }
        self.of(document, &[Class::Document], Item::Documents);
        self.of(log, &[Class::Log], Item::Logs);
        self.number(sequence, 1..=1 << 40, Item::Logs);
        let begins = *sequence == Value::Number(1);
        self.of_or_zeros(previous, Class::Entry, 32, begins, Item::Logs);
        self.of_or_zeros(epoch, Class::Epoch, 32, inbox || order, Item::Epochs);
        self.number(urgency, 0..=2, Item::Urgency);
        let zeros = matches!(nonce, Value::Bytes(bytes) if bytes.iter().all(|byte| *byte == 0));
        self.random(nonce, 24..=24, Item::Logs);
        if zeros == sealed {
            self.find("its nonce is not as the suite has it");
        }
        let added = if sealed {
            16
        } else if inbox {
            48
        } else {
            0
        };
        let padded = ciphertext.len().saturating_sub(added);
        let right = if *urgency == ZEROS { padded == URGENT_BYTES } else { is_bucket(padded) };
        let stated = u64::try_from(ciphertext.len()).ok().map(Value::Number);
        if right && stated.as_ref() == Some(length) {
            self.saw(Item::Sizes);
        } else {
            self.find(format!("a size that tells more than its bucket: {padded} bytes"));
        }
        if *suite == Value::Number(3) {
            self.split(ciphertext);
        }
        if order {
            self.order(ciphertext);
        }
    }

    fn of_or_zeros(&mut self, value: &Value, class: Class, length: usize, zeros: bool, item: Item) {
        if zeros {
            let right = *value == Value::Bytes(vec![0; length]);
            if right { self.saw(item) } else { self.find(format!("no zeros where {item:?} stand")) }
        } else {
            self.of(value, &[class], item);
        }
    }

    /// Content that is not sealed: length ‖ content ‖ zeros.
    pub(super) fn framed(&mut self, what: &str, content: &[u8]) -> Option<Value> {
        what.clone_into(&mut self.what);
        let framed = content.split_first_chunk::<4>().and_then(|(length, rest)| {
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            rest.split_at_checked(length)
        });
        let Some((content, padding)) = framed else {
            self.find("not framed");
            return None;
        };
        if padding.iter().any(|byte| *byte != 0) {
            self.find("something stands in the padding");
        }
        self.read(content)
    }

    /// What an entry of suite 3 holds: length ‖ split ‖ zeros.
    fn split(&mut self, content: &[u8]) {
        let Some(split) = self.framed("shares", content) else { return };
        let Some(fields) = self.fields::<6>(&split, "a split") else { return };
        let [version, officers, threshold, commitment, parents, shares] = &fields;
        self.number(version, 1..=1, Item::Shares);
        self.of(officers, &[Class::Certificate], Item::Shares);
        self.number(threshold, 1..=255, Item::Shares);
        self.random(commitment, 32..=32, Item::Shares);
        for parent in self.list(parents, "parents") {
            self.of(parent, &[Class::Epoch], Item::Epochs);
        }
        for share in self.list(shares, "shares") {
            let Some([hash, sealed]) = &self.fields::<2>(share, "a share") else { return };
            self.random(hash, 32..=32, Item::Shares);
            self.random(sealed, 0..=81, Item::Shares);
        }
    }
}

/// Buckets are 256 bytes wide up to 4 KiB, above as wide as the largest power of two in an eighth.
fn is_bucket(padded: usize) -> bool {
    let mut step = 256;
    while step * 2 <= padded / 8 {
        step *= 2;
    }
    padded > 0 && padded.is_multiple_of(step)
}
