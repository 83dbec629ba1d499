//! Checking a chain, one record at a time.

use std::collections::VecDeque;

use ed25519_dalek::{Signature, VerifyingKey};
use linli_replica::audit::{Head, Linked, Linker};
use linli_replica::id::NodeId;
use minicbor::Decoder;

use super::{AuditRecord, SIGN_CONTEXT, SignedHead, What, message};
use crate::limits::{AUDIT_RECORD_BYTES_MAX, AUDIT_UNSIGNED_MAX};

/// The first link that does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the audit is broken at record {sequence}: {why}")]
pub struct Broken {
    /// The number of the record at which it shows; for [`Why::Signature`] and [`Why::Closing`] that
    /// of the last record the signature speaks of.
    pub sequence: u64,
    /// What is wrong there.
    pub why: Why,
}

/// Why a link does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The record cannot be read, or is too large.
    #[error("it cannot be read")]
    Malformed,
    /// The record or its hash was changed, or what stands before it.
    #[error("its hash does not follow from it and the record before")]
    Hash,
    /// One or more records before it are missing.
    #[error("records before it are missing")]
    Gap,
    /// It stands in the wrong place, or twice.
    #[error("it is out of order")]
    Order,
    /// A signature does not hold for the records before it: since the signature before, something
    /// was changed and the hashes made anew, or the signature itself was changed.
    #[error("the node's signature does not hold for the records up to it")]
    Signature,
    /// Another node signed.
    #[error("another node signed it")]
    Signer,
    /// The file ends before it is closed.
    #[error("the file ends early: records after it are missing")]
    Unfinished,
    /// The signature that closes the file does not hold for its beginning and its last record.
    #[error(
        "the signature that closes the file does not hold: its beginning or its end was changed"
    )]
    Closing,
}

/// What was found of a chain that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// The number of the first record looked at.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// Records that a good signature of the node covers.
    pub verified: u64,
    /// Records after the last good signature: linked, but not signed, so they prove nothing.
    pub unsigned: u64,
    /// Records of which only the digest is there.
    pub withheld: u64,
}

/// Checks a chain of one node.
#[derive(Debug)]
pub struct Verifier {
    linker: Linker,
    node: NodeId,
    key: Option<VerifyingKey>,
    before: Head,
    head: Head,
    /// The last record that a good signature covers.
    signed: u64,
    /// Heads since then, each with whether its record is a signature.
    recent: VecDeque<(Head, bool)>,
    withheld: u64,
}

impl Verifier {
    /// Begins behind a head: the default one for a whole chain.
    #[must_use]
    pub fn new(node: NodeId, before: Head) -> Self {
        Self {
            linker: Linker::default(),
            key: VerifyingKey::from_bytes(&node.0).ok(),
            node,
            before,
            head: before,
            signed: before.sequence,
            recent: VecDeque::new(),
            withheld: 0,
        }
    }

    /// Returns how far the chain was followed.
    #[must_use]
    pub const fn head(&self) -> Head {
        self.head
    }

    /// Returns the number of the last record that a good signature covers.
    #[must_use]
    pub const fn signed(&self) -> u64 {
        self.signed
    }

    /// Takes the next record, as it is kept.
    ///
    /// # Errors
    /// The first link that does not hold; nothing is to be taken after it.
    pub fn take(&mut self, linked: &Linked) -> Result<(), Broken> {
        self.record(&linked.head, &linked.record)
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn record(&mut self, head: &Head, record: &[u8]) -> Result<(), Broken> {
        let broken = |why| Broken { sequence: head.sequence, why };
        if record.len() > AUDIT_RECORD_BYTES_MAX {
            return Err(broken(Why::Malformed));
        }
        let digest = self.linker.digest(record);
        self.follow(head, &digest)?;
        let is_signature = what_of(record).ok_or(broken(Why::Malformed))? == What::Signed.number();
        if is_signature {
            let record = AuditRecord::decode(record).map_err(|_| broken(Why::Malformed))?;
            self.signature(&record.signed.ok_or(broken(Why::Malformed))?)?;
        }
        self.note(is_signature);
        Ok(())
    }

    /// Takes the digest of a record that is withheld.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn withheld(&mut self, head: &Head, digest: &[u8; 32]) -> Result<(), Broken> {
        self.follow(head, digest)?;
        self.withheld += 1;
        self.note(false);
        Ok(())
    }

    fn follow(&mut self, head: &Head, digest: &[u8; 32]) -> Result<(), Broken> {
        let next = self.linker.next(&self.head, digest);
        let expected = next.map_or(u64::MAX, |next| next.sequence);
        let why = match head.sequence.cmp(&expected) {
            std::cmp::Ordering::Greater => Why::Gap,
            std::cmp::Ordering::Less => Why::Order,
            std::cmp::Ordering::Equal if next == Some(*head) => {
                self.head = *head;
                return Ok(());
            }
            std::cmp::Ordering::Equal => Why::Hash,
        };
        Err(Broken { sequence: head.sequence, why })
    }

    fn note(&mut self, is_signature: bool) {
        self.recent.push_back((self.head, is_signature));
        if self.recent.len() > AUDIT_UNSIGNED_MAX {
            self.recent.pop_front();
        }
    }

    fn signature(&mut self, signed: &SignedHead) -> Result<(), Broken> {
        let broken = |why| Broken { sequence: signed.sequence, why };
        if signed.node != self.node {
            return Err(broken(Why::Signer));
        }
        let head = Head { sequence: signed.sequence, hash: signed.hash.into() };
        self.check(SIGN_CONTEXT, &head, &signed.signature, Why::Signature)?;
        if head.sequence <= self.signed {
            // It covers nothing that is not covered, or what stands before the first record.
            return Ok(());
        }
        if !self.recent.iter().any(|(recent, _)| *recent == head) {
            return Err(broken(Why::Signature));
        }
        self.recent.retain(|(recent, _)| recent.sequence > head.sequence);
        self.signed = head.sequence;
        Ok(())
    }

    pub(super) fn check(
        &self,
        context: &[u8],
        head: &Head,
        signature: &[u8; 64],
        why: Why,
    ) -> Result<(), Broken> {
        let key = self.key.ok_or(Broken { sequence: head.sequence, why: Why::Signer })?;
        key.verify_strict(&message(context, &self.node, head), &Signature::from_bytes(signature))
            .map_err(|_| Broken { sequence: head.sequence, why })
    }

    /// Notes that a signature outside the chain covers all of it.
    pub(super) fn close(&mut self) {
        self.signed = self.head.sequence;
        self.recent.clear();
    }

    /// Returns what was found. What follows the last good signature counts as unsigned; a signature
    /// itself is not counted there.
    #[must_use]
    pub fn finish(&self) -> Summary {
        let after =
            |(head, is_signature): &&(Head, bool)| head.sequence > self.signed && !is_signature;
        let unsigned = self.recent.iter().filter(after).count();
        Summary {
            first: self.before.sequence.saturating_add(1),
            last: self.head.sequence,
            verified: self.signed.saturating_sub(self.before.sequence),
            unsigned: u64::try_from(unsigned).unwrap_or(u64::MAX),
            withheld: self.withheld,
        }
    }
}

/// Reads what a record is about without reading the rest.
fn what_of(record: &[u8]) -> Option<u16> {
    let mut decoder = Decoder::new(record);
    decoder.array().ok()?;
    decoder.skip().ok()?;
    decoder.skip().ok()?;
    decoder.skip().ok()?;
    decoder.u16().ok()
}
