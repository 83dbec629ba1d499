//! What is done with an input, one function a decoder. Each asserts what must hold of any bytes whatever.

use std::error::Error;
use std::fmt::Debug;

use crate::heal::{Terms, healed};

mod authority;
mod core;
mod fold;
mod model;
mod replica;
mod street;

/// A decoder, or a few that belong together, and how much memory it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// Its name, and that of the folder of its seeds.
    pub(crate) name: &'static str,
    /// What is done with an input.
    pub(crate) run: fn(&[u8]),
    /// Whether it is done once more with the signatures made good, and how terms are signed there.
    signed: Option<Option<Terms>>,
    /// Bytes that it may hold at once for each byte of an input.
    pub(crate) multiple: usize,
    /// Bytes that it may hold at once besides.
    pub(crate) constant: usize,
}

/// A byte of a list may become 24 of a vector, and as many again while that grows. Targets read what they have written as
/// well, and take some inputs apart as trees of 32 bytes a byte.
const MULTIPLE: usize = 128;

/// Hash tables, keys and texts of refusals.
const CONSTANT: usize = 64 << 10;

impl Target {
    const fn new(name: &'static str, run: fn(&[u8])) -> Self {
        Self { name, run, signed: None, multiple: MULTIPLE, constant: CONSTANT }
    }

    const fn signed(self, terms: Option<Terms>) -> Self {
        Self { signed: Some(terms), ..self }
    }

    const fn of_memory(self, multiple: usize, constant: usize) -> Self {
        Self { multiple, constant, ..self }
    }

    /// Says whether an input takes long: it is a whole story.
    pub(crate) fn is_long(&self) -> bool {
        LONG.contains(&self.name)
    }

    /// Runs an input, as it is and with the signatures in it made good; `peak` runs something and says how many bytes it
    /// held at once.
    pub(crate) fn check(&self, input: &[u8], peak: impl Fn(&dyn Fn()) -> usize) {
        self.once(input, &peak);
        let healed = self.signed.and_then(|terms| healed(input, terms));
        if let Some(healed) = healed.filter(|healed| healed != input) {
            self.once(&healed, &peak);
        }
    }

    fn once(&self, input: &[u8], peak: &impl Fn(&dyn Fn()) -> usize) {
        let allowed = self.multiple * input.len() + self.constant;
        let held = || peak(&|| (self.run)(input));
        // Whatever is made once stays: then the second time tells.
        let held = Some(held()).filter(|held| *held <= allowed).unwrap_or_else(held);
        assert!(held <= allowed, "{} held {held} bytes of {} given", self.name, input.len());
    }
}

/// Finds a target.
pub(crate) fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

const RECEIPT: Terms = Terms { context: "linli 1 receipt", key_at: 1 };
const ERASURE: Terms = Terms { context: "linli 1 erase order", key_at: 2 };
const PRUNE: Terms = Terms { context: "linli 1 prune order", key_at: 2 };
const LETTER: Terms = Terms { context: "linli 1 letter", key_at: 0 };

/// Those of whole stories, of some milliseconds each.
const LONG: [&str; 4] = ["fold", "session", "document", "checkpoint"];

/// Every target.
pub(crate) const TARGETS: &[Target] = &[
    Target::new("frame", replica::frame).signed(None),
    Target::new("entry", replica::entry).signed(None),
    Target::new("certificate", replica::certificate).signed(None),
    Target::new("request", replica::request).signed(None),
    Target::new("courier", replica::courier),
    Target::new("custody", replica::custody).signed(Some(RECEIPT)),
    Target::new("erasure", replica::erasure).signed(Some(ERASURE)),
    Target::new("prune", replica::prune).signed(Some(PRUNE)),
    Target::new("relay", replica::relay),
    Target::new("blob-slice", replica::blob_slice).of_memory(MULTIPLE, 1 << 20),
    Target::new("space-certificate", core::space_certificate).signed(None),
    Target::new("person", core::person).signed(None),
    Target::new("payload", core::payload).signed(None),
    Target::new("letter", core::letter).signed(Some(LETTER)),
    Target::new("opening", core::opening).signed(None),
    Target::new("hand-over", core::hand_over).signed(None),
    Target::new("recovery-request", core::recovery_request).signed(None),
    Target::new("recovery-split", core::recovery_split),
    Target::new("recovery-notice", core::recovery_notice),
    Target::new("key-file", core::key_file),
    Target::new("storage-key", core::storage_key),
    Target::new("words", core::words_typed),
    Target::new("pairing", core::pairing),
    Target::new("audit-record", core::audit_record),
    Target::new("audit-export", core::audit_export),
    Target::new("audit-chain", core::audit_chain),
    Target::new("sealed-entry", core::sealed_entry),
    Target::new("sealed-blob", core::sealed_blob).of_memory(MULTIPLE, 512 << 10),
    Target::new("sealed-courier", core::sealed_courier),
    Target::new("change", core::change).of_memory(1 << 12, 64 << 20),
    Target::new("register", model::register).of_memory(512, 256 << 10),
    Target::new("typed", model::typed),
    Target::new("name", model::name),
    Target::new("fact", model::fact),
    Target::new("bluetooth", model::bluetooth),
    Target::new("directory", authority::directory).of_memory(0, 1 << 20),
    Target::new("space-set", authority::space_set).of_memory(0, 1 << 20),
    Target::new("fold", fold::fold).of_memory(512, 4 << 20),
    Target::new("session", street::session).of_memory(512, 16 << 20),
    Target::new("document", street::document).of_memory(512, 16 << 20),
    Target::new("checkpoint", street::checkpoint).of_memory(512, 16 << 20),
];

/// Reads bytes, writes what was read and reads that: it must be the same. Returns it; none where the bytes are refused,
/// in words.
fn again<T: PartialEq + Debug, E: Error>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, E>,
    encode: impl Fn(&T) -> Vec<u8>,
) -> Option<T> {
    let read = match decode(bytes) {
        Ok(read) => read,
        Err(error) => {
            words(&error);
            return None;
        }
    };
    let written = encode(&read);
    match decode(&written) {
        Ok(same) => {
            assert_eq!(same, read, "what is written is read as something else");
            assert_eq!(encode(&same), written, "it is written in two ways");
        }
        Err(error) => panic!("what is written is not read again: {error}"),
    }
    Some(read)
}

/// Checks that an error says something to a person, and not too much.
fn words(error: &dyn Error) {
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        let says = text.split(' ').count() >= 3 && text.len() <= 1_500;
        assert!(says, "no words for a person: {text:?}");
        next = error.source();
    }
}
