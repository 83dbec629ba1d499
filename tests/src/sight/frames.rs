//! Frames by `docs/spec/frames.md`, certificates by `docs/spec/certificate.md`, records by
//! `docs/spec/relay.md`.

use std::collections::BTreeSet;

use super::entries::TIMES;
use super::{Allowed, Class, Item, Sight, Value};

/// Bytes of a heartbeat's content, in every case.
const HEARTBEAT_BYTES: usize = 4_247;

const NUMBERS: std::ops::RangeInclusive<u64> = 0..=1 << 40;

impl Sight<'_> {
    /// Reads one frame of a connection with this secret, and says of which kind it was.
    pub fn frame(&mut self, bytes: &[u8], secret: &[u8; 32]) -> Option<u64> {
        let certificates = bytes.get(..2) == Some(&[0x82, 4]);
        let allowed = if certificates { Allowed::Directory } else { Allowed::Nothing };
        self.search("a frame", bytes, allowed);
        let value = self.read(bytes)?;
        let [Value::Number(kind), body] = &self.fields::<2>(&value, "a frame")? else {
            self.find("a kind that is no number");
            return None;
        };
        self.what = format!("a frame of kind {kind}");
        self.body(*kind, body, secret);
        Some(*kind)
    }

    fn body(&mut self, kind: u64, body: &Value, secret: &[u8; 32]) -> Option<()> {
        match kind {
            0 => {
                let fields = self.fields(body, "a body")?;
                self.hello(&fields);
            }
            1 => {
                let fields = self.fields(body, "a body")?;
                self.names(&fields, secret);
            }
            2 => {
                let [tags] = &self.fields(body, "a body")?;
                for tag in self.list(tags, "tags") {
                    self.of(tag, &[Class::Space, Class::Inbox], Item::Spaces);
                }
            }
            3 => {
                let [answer, certificates, documents] = &self.fields(body, "a body")?;
                self.yes_or_no(answer, Item::Sums);
                self.ranges(certificates, Class::Certificate)?;
                self.ranges(documents, Class::Document)?;
            }
            4 => {
                let [list] = &self.fields(body, "a body")?;
                for envelope in self.list(list, "certificates") {
                    let envelope = self.bytes(envelope, "an envelope")?;
                    self.certificate(envelope);
                }
            }
            5 | 6 | 8 => self.holdings(kind, body)?,
            7 => {
                let [pages] = &self.fields(body, "a body")?;
                for page in self.list(pages, "pages") {
                    for entry in self.list(page, "a page") {
                        let entry = self.bytes(entry, "an entry")?;
                        self.entry(entry);
                    }
                }
            }
            9 => {
                let fields = self.fields(body, "a body")?;
                self.cell(&fields);
            }
            10 => {
                let [reason] = &self.fields(body, "a body")?;
                self.number(reason, 0..=3, Item::Endpoints);
            }
            12 => self.blobs(body, secret)?,
            _ => self.find("an unknown kind"),
        }
        Some(())
    }

    /// What is said about blobs, by `docs/spec/blob.md`.
    fn blobs(&mut self, word: &Value, secret: &[u8; 32]) -> Option<()> {
        let (said, rest) = self.list(word, "a word").split_first()?;
        let Value::Number(said) = said else {
            self.find("a word that is no number");
            return None;
        };
        let rest = Value::Array(rest.to_vec());
        match said {
            0 => {
                let [sums] = &self.fields(&rest, "sums")?;
                for of in self.list(sums, "sums") {
                    let [space, sum] = &self.fields(of, "a sum")?;
                    self.name(space, secret)?;
                    self.random(sum, 16..=16, Item::Sums);
                }
            }
            1 => {
                let [names] = &self.fields(&rest, "names")?;
                self.name(names, secret)?;
            }
            2 => {
                let [spaces] = &self.fields(&rest, "what is held")?;
                for of in self.list(spaces, "spaces") {
                    let [space, blobs] = &self.fields(of, "a space")?;
                    self.name(space, secret)?;
                    for of in self.list(blobs, "blobs") {
                        let [blob, document, size] = &self.fields(of, "a blob")?;
                        self.of(blob, &[Class::Blob], Item::Blobs);
                        self.of(document, &[Class::Document], Item::Blobs);
                        self.blob_size(size);
                    }
                }
            }
            3 => {
                let [blob, offset] = &self.fields(&rest, "a want")?;
                self.part(blob, offset);
            }
            4 => {
                let [blob, offset, slice] = &self.fields(&rest, "a part")?;
                self.part(blob, offset);
                self.slice(slice);
            }
            5 => {
                let [blob] = &self.fields(&rest, "what is lacking")?;
                self.of(blob, &[Class::Blob], Item::Blobs);
            }
            _ => self.find("an unknown word"),
        }
        Some(())
    }

    fn part(&mut self, blob: &Value, offset: &Value) {
        self.of(blob, &[Class::Blob], Item::Blobs);
        let begins = matches!(offset, Value::Number(at) if at % 131_072 == 0);
        if begins { self.number(offset, 0..=1 << 26, Item::Blobs) } else { self.find("no part") }
    }

    /// Whole groups of hashes between whole parts of a file in buckets: a multiple of 16 bytes.
    fn slice(&mut self, slice: &Value) {
        let whole = matches!(slice, Value::Bytes(bytes) if bytes.len() % 16 == 0);
        if whole { self.random(slice, 16..=133_120, Item::Blobs) } else { self.find("no slice") }
    }

    /// The size of a bucket, with a tag for each chunk.
    fn blob_size(&mut self, size: &Value) {
        let framed = |size: u64| size - size.div_ceil(65_536) * 16;
        let in_bucket = |framed: u64| {
            let step = (framed / 8).checked_ilog2().map_or(256, |bits| (1 << bits).max(256));
            framed > 0 && framed.is_multiple_of(step)
        };
        let right = matches!(size, Value::Number(size) if *size > 16 && in_bucket(framed(*size)));
        if right { self.number(size, 0..=1 << 26, Item::Sizes) } else { self.find("no bucket") }
    }

    /// The name of a space under the connection's secret; several, joined.
    fn name(&mut self, names: &Value, secret: &[u8; 32]) -> Option<()> {
        let naming = Value::Number(0);
        self.names(&[naming, names.clone()], secret);
        matches!(names, Value::Bytes(names) if !names.is_empty()).then_some(())
    }

    /// Who holds, wants and receipts what.
    fn holdings(&mut self, kind: u64, body: &Value) -> Option<()> {
        let [list] = &self.fields(body, "a body")?;
        for part in self.list(list, "a list") {
            if kind == 5 {
                let [document, frontier, urgent] = &self.fields(part, "an offer")?;
                self.of(document, &[Class::Document], Item::Holdings);
                self.frontier(frontier)?;
                self.yes_or_no(urgent, Item::Urgency);
            } else if kind == 6 {
                let [document, log, after] = &self.fields(part, "a want")?;
                self.of(document, &[Class::Document], Item::Holdings);
                self.of(log, &[Class::Log], Item::Holdings);
                self.tips(after)?;
            } else {
                let [document, frontier] = &self.fields(part, "what is held")?;
                self.of(document, &[Class::Document], Item::Holdings);
                self.frontier(frontier)?;
            }
        }
        Some(())
    }

    fn hello(&mut self, fields: &[Value; 5]) {
        let [version, community, agreed, spaces, carrier] = fields;
        self.number(version, 1..=1, Item::Endpoints);
        self.of(community, &[Class::Community], Item::Community);
        self.random(agreed, 16..=16, Item::Sums);
        self.number(spaces, NUMBERS, Item::Names);
        self.yes_or_no(carrier, Item::Endpoints);
    }

    /// Every name is the hash of a tag under the connection's secret, and says nothing to who lacks it; nor does
    /// their order.
    fn names(&mut self, fields: &[Value; 2], secret: &[u8; 32]) {
        let [naming, names] = fields;
        self.number(naming, 0..=3, Item::Names);
        let Some(names) = self.bytes(names, "names") else { return };
        let key = blake3::derive_key("linli 1 session names", secret);
        let tags = [Class::Space, Class::Inbox].map(|class| self.known.values.get(&class));
        let right: BTreeSet<[u8; 16]> = tags
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|tag| blake3::keyed_hash(&key, tag).as_bytes().first_chunk::<16>().copied())
            .collect();
        let (chunks, rest) = names.as_chunks::<16>();
        for name in chunks {
            if right.contains(name) { self.saw(Item::Names) } else { self.find("no tag's name") }
        }
        if !chunks.is_sorted_by(|one, next| one < next) {
            self.find("names in an order that tells of their tags");
        }
        if !rest.is_empty() {
            self.find("something follows the names");
        }
    }

    fn ranges(&mut self, ranges: &Value, class: Class) -> Option<()> {
        for range in self.list(ranges, "ranges") {
            let [start, end, claim] = &self.fields(range, "a range")?;
            for bound in [start, end] {
                let bound = self.bytes(bound, "a bound")?;
                let right = bound.is_empty() || self.known.begins(class, bound);
                if right { self.saw(Item::Sums) } else { self.find("a bound that begins no key") }
            }
            let [what, said] = &self.fields(claim, "a claim")?;
            self.number(what, 0..=2, Item::Sums);
            let said = self.bytes(said, "a claim")?;
            let whole =
                if *what == Value::Number(0) { said.len() == 16 } else { said.len() % 8 == 0 };
            if whole { self.saw(Item::Sums) } else { self.find("a claim of a wrong length") }
        }
        Some(())
    }

    fn frontier(&mut self, frontier: &Value) -> Option<()> {
        let Value::Map(logs) = frontier else {
            self.find("a frontier that is no map");
            return None;
        };
        for (log, tips) in logs {
            self.of(log, &[Class::Log], Item::Holdings);
            self.tips(tips)?;
        }
        Some(())
    }

    fn tips(&mut self, tips: &Value) -> Option<()> {
        for tip in self.list(tips, "tips") {
            let [sequence, id] = &self.fields(tip, "a tip")?;
            self.number(sequence, NUMBERS, Item::Holdings);
            self.of(id, &[Class::Entry], Item::Holdings);
        }
        Some(())
    }

    fn cell(&mut self, fields: &[Value; 5]) {
        let [space, log, counter, content, signature] = fields;
        self.of(space, &[Class::Space], Item::Heartbeats);
        self.of(log, &[Class::Log], Item::Heartbeats);
        self.number(counter, TIMES, Item::Heartbeats);
        self.random(content, HEARTBEAT_BYTES..=HEARTBEAT_BYTES, Item::Sizes);
        self.random(signature, 64..=64, Item::Heartbeats);
        if let Value::Bytes(content) = content {
            let epoch = content.get(..32).map(|epoch| Value::Bytes(epoch.to_vec()));
            self.of(&epoch.unwrap_or(Value::Null), &[Class::Epoch], Item::Epochs);
        }
    }

    /// Reads one certificate of the community.
    pub fn certificate(&mut self, envelope: &[u8]) {
        self.search("a certificate", envelope, Allowed::Directory);
        let Some(value) = self.read(envelope) else { return };
        let Some([body, signatures]) = &self.fields(&value, "an envelope") else { return };
        for signature in self.list(signatures, "signatures") {
            let Some([key, signature]) = &self.fields(signature, "a signature") else { return };
            self.of(key, &[Class::Officer, Class::Party, Class::Endpoint], Item::Community);
            self.random(signature, 64..=64, Item::Community);
        }
        let Some(body) = self.bytes(body, "a body") else { return };
        let Some(body) = self.read(body) else { return };
        let Some([version, community, at, act]) = &self.fields(&body, "a body") else { return };
        self.number(version, 1..=1, Item::Community);
        self.number(at, TIMES, Item::Community);
        let Some([Value::Number(kind), act]) = &self.fields(act, "an act") else { return };
        let begins = *kind == 0 && *community == Value::Bytes(vec![0; 32]);
        if begins {
            self.saw(Item::Community)
        } else {
            self.of(community, &[Class::Community], Item::Community)
        }
        if self.act(*kind, act).is_none() {
            self.find(format!("an act of kind {kind} that is not as its page has it"));
        }
    }

    fn act(&mut self, kind: u64, act: &Value) -> Option<()> {
        let item = Item::Community;
        match kind {
            0 => {
                let [_name, officers, nonce] = &self.fields(act, "a genesis")?;
                self.officers(officers)?;
                self.random(nonce, 32..=32, item);
            }
            1 => {
                let [previous, officers] = &self.fields(act, "officers")?;
                self.of(previous, &[Class::Certificate], item);
                self.officers(officers)?;
            }
            2 => {
                // What is not there is left out at the end of an array.
                let fields = self.list(act, "an enrolment").to_vec();
                let (under, party, kind, name) = match fields.as_slice() {
                    [under, party, kind] => (under, party, kind, &Value::Null),
                    [under, party, kind, name] => (under, party, kind, name),
                    _ => return None,
                };
                self.of(under, &[Class::Certificate], item);
                self.of(party, &[Class::Party], item);
                self.number(kind, 0..=7, item);
                let public = !matches!(kind, Value::Number(0 | 4));
                let named = fields.len() == 4;
                if named && !(public && matches!(name, Value::Text(_))) {
                    self.find("a household's or a family's name");
                }
            }
            3 => {
                let [under, subject] = &self.fields(act, "an expulsion")?;
                self.of(under, &[Class::Certificate], item);
                let [kind, subject] = &self.fields(subject, "a subject")?;
                self.number(kind, 0..=1, item);
                let [subject] = &self.fields(subject, "a subject")?;
                self.of(subject, &[Class::Party, Class::Endpoint], item);
            }
            4 => {
                let [party, node, seal_key, ends, _label, carrier] = &self.fields(act, "a node")?;
                self.of(party, &[Class::Party], item);
                self.of(node, &[Class::Endpoint], Item::Endpoints);
                self.random(seal_key, 32..=32, item);
                self.number(ends, TIMES, item);
                self.yes_or_no(carrier, item);
            }
            5 => {
                let [node, ends] = &self.fields(act, "an extension")?;
                self.of(node, &[Class::Endpoint], Item::Endpoints);
                self.number(ends, TIMES, item);
            }
            6 => {
                let [node, topic, body] = &self.fields(act, "a notice")?;
                self.of(node, &[Class::Endpoint], Item::Endpoints);
                let body = self.bytes(body, "a notice")?;
                let body = self.read(body)?;
                return self.notice(topic, &body);
            }
            _ => return None,
        }
        Some(())
    }

    fn officers(&mut self, set: &Value) -> Option<()> {
        let [keys, threshold] = &self.fields(set, "officers")?;
        for key in self.list(keys, "officers") {
            self.of(key, &[Class::Officer], Item::Community);
        }
        self.number(threshold, 1..=64, Item::Community);
        Some(())
    }

    /// What a carrier is told by notices: orders to erase, that they were carried out, where relays are.
    fn notice(&mut self, topic: &Value, body: &Value) -> Option<()> {
        let item = Item::Erasures;
        let Value::Text(topic) = topic else { return None };
        match topic.as_str() {
            "erase" => {
                let [version, terms, signature] = &self.fields(body, "an order")?;
                self.number(version, 1..=1, item);
                self.random(signature, 64..=64, item);
                let terms = self.bytes(terms, "terms")?;
                let terms = self.read(terms)?;
                let [community, space, key, documents, at] = &self.fields(&terms, "terms")?;
                self.of(community, &[Class::Community], item);
                self.of(space, &[Class::ShownSpace], item);
                self.random(key, 32..=32, item);
                if *documents != Value::Null {
                    for document in self.list(documents, "documents") {
                        self.of(document, &[Class::Document], item);
                    }
                }
                self.number(at, TIMES, item);
            }
            "erased" => {
                let [version, orders] = &self.fields(body, "a confirmation")?;
                self.number(version, 1..=1, item);
                for order in self.list(orders, "orders") {
                    self.of(order, &[Class::Order], item);
                }
            }
            "relay" => {
                let [version, relays] = &self.fields(body, "a notice of relays")?;
                self.number(version, 1..=1, Item::Community);
                for relay in self.list(relays, "relays").to_vec() {
                    self.relay(&relay)?;
                }
            }
            _ => return None,
        }
        Some(())
    }

    /// Where a relay is: its address, and what is there of port and certificate.
    fn relay(&mut self, relay: &Value) -> Option<()> {
        let item = Item::Community;
        let (url, rest) = self.list(relay, "a relay").split_first()?;
        let Value::Text(url) = url else { return None };
        if !url.starts_with("http") || url.len() > 256 {
            return None;
        }
        self.saw(item);
        let (port, pin) = match rest {
            [] => return Some(()),
            [port] => (port, None),
            [port, pin] => (port, Some(pin)),
            _ => return None,
        };
        if *port != Value::Null || pin.is_none() {
            self.number(port, 1..=65_535, item);
        }
        if let Some(pin) = pin {
            self.random(pin, 32..=32, item);
        }
        Some(())
    }

    /// What a carrier keeps of a blob beside its bytes.
    fn kept(&mut self, value: &[u8]) -> Option<()> {
        let value = self.read(value)?;
        let [blob, from] = &self.fields(&value, "a blob that is kept")?;
        let [id, space, document, size] = &self.fields(blob, "a blob")?;
        self.of(id, &[Class::Blob], Item::Blobs);
        self.of(space, &[Class::Space], Item::Blobs);
        self.of(document, &[Class::Document], Item::Blobs);
        self.blob_size(size);
        self.of(from, &[Class::Endpoint], Item::Counts);
        Some(())
    }

    /// Reads one of a carrier's own records: whom it keeps how much for, and what it has erased.
    pub fn record(&mut self, key: &[u8], value: &[u8]) {
        self.search("a record", &[key, value].concat(), Allowed::Endpoints);
        if let Some(rest) = key.strip_prefix(b"carried/") {
            let Some((node, space)) = rest.split_at_checked(32) else {
                return self.find("its key");
            };
            self.of(&Value::Bytes(node.to_vec()), &[Class::Endpoint], Item::Counts);
            let spaces = [Class::Space, Class::Inbox];
            self.of(&Value::Bytes(space.to_vec()), &spaces, Item::Counts);
            self.random(&Value::Bytes(value.to_vec()), 16..=16, Item::Counts);
        } else if let Some(blob) = key.strip_prefix(b"blob/") {
            self.of(&Value::Bytes(blob.to_vec()), &[Class::Blob], Item::Blobs);
            if self.kept(value).is_none() {
                self.find("a blob that is not kept as its page has it");
            }
        } else if let Some(order) = key.strip_prefix(b"erased/") {
            self.of(&Value::Bytes(order.to_vec()), &[Class::Order], Item::Erasures);
            self.random(&Value::Bytes(value.to_vec()), 1..=1, Item::Erasures);
        } else if self.pruning(key, value).is_none() {
            self.find(format!("a record `{}`", String::from_utf8_lossy(key)));
        }
    }
}
