//! Orders to prune and what is kept of them, by `docs/spec/prune.md`.

use super::entries::TIMES;
use super::{Class, Item, Sight, Value};

const SEQUENCES: std::ops::RangeInclusive<u64> = 1..=1 << 40;

impl Sight<'_> {
    /// What an entry of suite 4 holds.
    pub(super) fn order(&mut self, content: &[u8]) {
        let Some(order) = self.framed("an order to prune", content) else { return };
        let Some([version, terms, signature]) = &self.fields(&order, "an order") else { return };
        self.number(version, 1..=1, Item::Prunes);
        self.random(signature, 64..=64, Item::Prunes);
        let Some(terms) = self.bytes(terms, "terms") else { return };
        let Some(terms) = self.read(terms) else { return };
        let Some([community, space, key, document, cuts, checkpoint, withdraws, at]) =
            &self.fields(&terms, "terms")
        else {
            return;
        };
        self.of(community, &[Class::Community], Item::Prunes);
        self.of(space, &[Class::ShownSpace], Item::Prunes);
        self.random(key, 32..=32, Item::Prunes);
        self.of(document, &[Class::Document], Item::Prunes);
        for cut in self.list(cuts, "cuts") {
            let Some([log, sequence, entry]) = &self.fields(cut, "a cut") else { return };
            self.of(log, &[Class::Log], Item::Prunes);
            self.number(sequence, SEQUENCES, Item::Prunes);
            self.of(entry, &[Class::Entry], Item::Prunes);
        }
        self.checkpoint(checkpoint);
        self.orders(withdraws);
        self.number(at, TIMES, Item::Prunes);
    }

    fn checkpoint(&mut self, checkpoint: &Value) {
        if *checkpoint == Value::Null {
            return;
        }
        let Some([log, first, last, entry]) = &self.fields(checkpoint, "a checkpoint") else {
            return;
        };
        self.of(log, &[Class::Log], Item::Prunes);
        self.number(first, SEQUENCES, Item::Prunes);
        self.number(last, SEQUENCES, Item::Prunes);
        self.of(entry, &[Class::Entry], Item::Prunes);
    }

    fn orders(&mut self, orders: &Value) {
        for order in self.list(orders, "orders") {
            self.of(order, &[Class::Order], Item::Prunes);
        }
    }

    /// Records of orders, of where logs begin, and of how long the carrier was awake.
    pub(super) fn pruning(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        if key == b"awake" {
            self.random(&Value::Bytes(value.to_vec()), 16..=16, Item::Prunes);
            return Some(());
        }
        let (note, rest) = match (key.strip_prefix(b"prune/"), key.strip_prefix(b"base/")) {
            (Some(rest), _) => (true, rest),
            (_, rest) => (false, rest?),
        };
        let ([space, document, last], []) = rest.as_chunks::<32>() else { return None };
        let bytes = |bytes: &[u8]| Value::Bytes(bytes.to_vec());
        self.of(&bytes(space), &[Class::Space], Item::Prunes);
        self.of(&bytes(document), &[Class::Document], Item::Prunes);
        if note {
            self.of(&bytes(last), &[Class::Order], Item::Prunes);
            let value = self.read(value)?;
            return self.note(&value);
        }
        self.of(&bytes(last), &[Class::Log], Item::Prunes);
        let (_sequence, rest) = value.split_first_chunk::<8>()?;
        let ([entry, order], []) = rest.as_chunks::<32>() else { return None };
        self.of(&bytes(entry), &[Class::Entry], Item::Prunes);
        self.of(&bytes(order), &[Class::Order], Item::Prunes);
        Some(())
    }

    fn note(&mut self, note: &Value) -> Option<()> {
        let [log, sequence, at, since, cuts, checkpoint, withdraws, done] =
            &self.fields(note, "a note")?;
        self.of(log, &[Class::Log], Item::Prunes);
        self.number(sequence, SEQUENCES, Item::Prunes);
        self.number(at, TIMES, Item::Prunes);
        self.number(since, 0..=*TIMES.end(), Item::Prunes);
        for cut in self.list(cuts, "cuts") {
            self.of(cut, &[Class::Entry], Item::Prunes);
        }
        self.checkpoint(checkpoint);
        self.orders(withdraws);
        self.yes_or_no(done, Item::Prunes);
        Some(())
    }
}
