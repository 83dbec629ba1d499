//! What a carrier saw, read byte by byte by somebody else.
//!
//! `docs/spec/relay.md` lists, numbered, what a carrier may learn ([`Item`]). [`Sight`] reads
//! everything that a carrier was told, says and stores by the pages of `docs/spec`, with no code of
//! the product: every array has the length that its page gives it, every value is of its class and
//! one that the test knows ([`Known`]), every number has its bounds and every length its bucket. What
//! is beyond the list is a finding; what it has looked at is counted.
//!
//! What it cannot do: values that are random or hashes by their page (nonces, ciphertexts, signatures,
//! sums) are checked for their length, and searched for what a carrier must not have.

use std::collections::{BTreeMap, BTreeSet};

mod entries;
mod frames;
mod prunes;
mod truth;
mod value;

pub use value::Value;

/// What a carrier may learn: an entry of the list in `docs/spec/relay.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// The community's certificates that concern it.
    Community = 1,
    /// Endpoints, and that they are enrolled.
    Endpoints,
    /// Random tags of spaces.
    Spaces,
    /// Random tags of documents.
    Documents,
    /// Pseudonymous logs: their keys, and the order of their entries.
    Logs,
    /// Ids of epochs.
    Epochs,
    /// Sizes in buckets.
    Sizes,
    /// That something is urgent.
    Urgency,
    /// Which endpoint asks for which tag.
    Names,
    /// Who holds what.
    Holdings,
    /// Whose inbox something is for.
    Inboxes,
    /// Shares of epochs' secrets, sealed to officers.
    Shares,
    /// Heartbeats.
    Heartbeats,
    /// What is erased, and who has erased it.
    Erasures,
    /// Sums and hashes under a connection's secret.
    Sums,
    /// What it counts itself.
    Counts,
    /// Blobs: which there are, of which document, and their sealed bytes.
    Blobs,
    /// Orders to prune, and what was pruned.
    Prunes,
}

impl Item {
    /// Every item, in the order of the list.
    pub const ALL: [Self; 18] = [
        Self::Community,
        Self::Endpoints,
        Self::Spaces,
        Self::Documents,
        Self::Logs,
        Self::Epochs,
        Self::Sizes,
        Self::Urgency,
        Self::Names,
        Self::Holdings,
        Self::Inboxes,
        Self::Shares,
        Self::Heartbeats,
        Self::Erasures,
        Self::Sums,
        Self::Counts,
        Self::Blobs,
        Self::Prunes,
    ];
}

/// Classes of 32 bytes of which each has its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The community's id.
    Community,
    /// An endpoint: a node's key.
    Endpoint,
    /// An enrolled party's key.
    Party,
    /// An officer's key.
    Officer,
    /// A community certificate's id.
    Certificate,
    /// A space's tag.
    Space,
    /// An inbox's tag.
    Inbox,
    /// A document's tag.
    Document,
    /// A log's key.
    Log,
    /// An entry's id.
    Entry,
    /// An epoch's id.
    Epoch,
    /// The id of a space that an order to carriers shows.
    ShownSpace,
    /// An order to erase or to prune.
    Order,
    /// A blob's id.
    Blob,
}

/// What the test knows to be true, from everywhere but the carrier.
#[derive(Debug, Clone, Default)]
pub struct Known {
    values: BTreeMap<Class, BTreeSet<[u8; 32]>>,
    /// What nobody without a key may see anywhere, with what it is.
    private: BTreeMap<Vec<u8>, String>,
    /// What stands in the community's certificates and nowhere else.
    of_directory: BTreeMap<Vec<u8>, String>,
    /// Endpoints: there too, and where a carrier counts and says for whom it keeps what.
    endpoints: BTreeMap<Vec<u8>, String>,
}

/// Bytes of a key or a hash that betray it, wherever they begin.
const TRACE_BYTES: usize = 12;

impl Known {
    /// Adds values of a class.
    pub fn add(&mut self, class: Class, values: impl IntoIterator<Item = [u8; 32]>) {
        self.values.entry(class).or_default().extend(values);
    }

    /// Says whether a value is of a class.
    #[must_use]
    pub fn has(&self, class: Class, value: &[u8]) -> bool {
        let values = self.values.get(&class);
        <&[u8; 32]>::try_from(value)
            .is_ok_and(|value| values.is_some_and(|all| all.contains(value)))
    }

    /// Says whether a value of a class begins so.
    fn begins(&self, class: Class, prefix: &[u8]) -> bool {
        self.values.get(&class).into_iter().flatten().any(|value| value.starts_with(prefix))
    }

    /// Adds what must not be seen at all: as it is, and as hexadecimal digits.
    pub fn forbid(&mut self, what: &str, bytes: &[u8]) {
        for trace in traces(bytes) {
            self.private.insert(trace, what.to_owned());
        }
    }

    /// Adds what must not be seen but in the community's certificates.
    pub fn forbid_beyond_directory(&mut self, what: &str, bytes: &[u8]) {
        for trace in traces(bytes) {
            self.of_directory.insert(trace, what.to_owned());
        }
    }

    /// Adds an endpoint, which stands in certificates, counts, status and log.
    pub fn forbid_beyond_counts(&mut self, what: &str, bytes: &[u8]) {
        for trace in traces(bytes) {
            self.endpoints.insert(trace, what.to_owned());
        }
    }

    /// Takes back that bytes must not be seen.
    fn allow(&mut self, bytes: &[u8]) {
        for trace in traces(bytes) {
            self.private.remove(&trace);
        }
    }

    /// Counts what must not be seen.
    #[must_use]
    pub fn forbidden(&self) -> usize {
        self.private.len() + self.of_directory.len() + self.endpoints.len()
    }
}

/// What may stand in bytes beside what is the carrier's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Allowed {
    /// Nothing.
    Nothing,
    /// Endpoints.
    Endpoints,
    /// Endpoints and parties.
    Directory,
}

/// Forms in which bytes would betray themselves.
fn traces(bytes: &[u8]) -> [Vec<u8>; 2] {
    let part = bytes.get(..TRACE_BYTES).unwrap_or(bytes);
    [part.to_vec(), part.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()]
}

/// Reads what a carrier saw.
#[derive(Debug)]
pub struct Sight<'a> {
    known: &'a Known,
    /// What is beyond the list.
    pub findings: Vec<String>,
    /// How often each item of the list was seen.
    pub saw: BTreeMap<Item, usize>,
    /// How many values were looked at.
    pub values: usize,
    /// How many bytes were searched.
    pub bytes: usize,
    /// What is being read.
    what: String,
}

impl<'a> Sight<'a> {
    /// Begins to read.
    #[must_use]
    pub fn new(known: &'a Known) -> Self {
        let (findings, saw, what) = (Vec::new(), BTreeMap::new(), String::new());
        Self { known, findings, saw, values: 0, bytes: 0, what }
    }

    fn find(&mut self, what: impl std::fmt::Display) {
        self.findings.push(format!("{}: {what}", self.what));
    }

    fn saw(&mut self, item: Item) {
        *self.saw.entry(item).or_default() += 1;
        self.values += 1;
    }

    /// Searches bytes, as they are, for what a carrier must not have.
    pub fn search(&mut self, what: &str, bytes: &[u8], allowed: Allowed) {
        what.clone_into(&mut self.what);
        self.bytes += bytes.len();
        let parties = self.known.of_directory.iter().filter(|_| allowed < Allowed::Directory);
        let endpoints = self.known.endpoints.iter().filter(|_| allowed < Allowed::Endpoints);
        let found: Vec<String> = self
            .known
            .private
            .iter()
            .chain(parties)
            .chain(endpoints)
            .filter(|(trace, _)| contains(bytes, trace))
            .map(|(_, what)| format!("{what} stands in it"))
            .collect();
        found.into_iter().for_each(|found| self.find(found));
    }

    fn read(&mut self, bytes: &[u8]) -> Option<Value> {
        Value::read(bytes).map_err(|error| self.find(error)).ok()
    }

    /// The elements of an array of a length that its page gives.
    fn fields<const N: usize>(&mut self, value: &Value, what: &str) -> Option<[Value; N]> {
        let Value::Array(list) = value else {
            self.find(format!("{what} is no array"));
            return None;
        };
        let fields = <[Value; N]>::try_from(list.clone());
        fields
            .map_err(|list| self.find(format!("{what} has {} elements, not {N}", list.len())))
            .ok()
    }

    fn list<'v>(&mut self, value: &'v Value, what: &str) -> &'v [Value] {
        if let Value::Array(list) = value {
            return list;
        }
        self.find(format!("{what} is no list"));
        &[]
    }

    /// 32 bytes of one of some classes.
    fn of(&mut self, value: &Value, classes: &[Class], item: Item) {
        let is_known = |bytes: &[u8]| classes.iter().any(|class| self.known.has(*class, bytes));
        let known = matches!(value, Value::Bytes(bytes) if is_known(bytes));
        if known { self.saw(item) } else { self.find(format!("not one of {classes:?}")) }
    }

    /// Bytes that are random, or a hash.
    fn random(&mut self, value: &Value, lengths: std::ops::RangeInclusive<usize>, item: Item) {
        if matches!(value, Value::Bytes(bytes) if lengths.contains(&bytes.len())) {
            self.saw(item);
        } else {
            self.find(format!("not {lengths:?} bytes, where {item:?} stand"));
        }
    }

    fn number(&mut self, value: &Value, bounds: std::ops::RangeInclusive<u64>, item: Item) {
        if matches!(value, Value::Number(number) if bounds.contains(number)) {
            self.saw(item);
        } else {
            self.find(format!("not a number in {bounds:?}, where {item:?} stand"));
        }
    }

    fn yes_or_no(&mut self, value: &Value, item: Item) {
        if matches!(value, Value::Bool(_)) { self.saw(item) } else { self.find("not yes or no") }
    }

    fn bytes<'v>(&mut self, value: &'v Value, what: &str) -> Option<&'v [u8]> {
        if let Value::Bytes(bytes) = value {
            return Some(bytes);
        }
        self.find(format!("{what} is not bytes"));
        None
    }
}

fn contains(bytes: &[u8], trace: &[u8]) -> bool {
    let Some(first) = trace.first() else { return false };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        let here = rest.get(at..).unwrap_or_default();
        if here.starts_with(trace) {
            return true;
        }
        rest = here.get(1..).unwrap_or_default();
    }
    false
}
