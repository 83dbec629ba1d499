//! Who may do what in a space: its certificates, and what they amount to.
//!
//! `docs/spec/space-certificate.md` is the format and the rules. A certificate is an [`Envelope`]
//! whose body is a [`Body`]; [`SpaceState::evaluate`] judges the set of them, in whatever order they
//! came. The certificates of a space are sealed entries of a reserved document in it.

mod certificate;
mod epoch;
mod evaluate;
mod graph;
mod prune;
mod set;
mod state;
mod verdict;

pub use certificate::{
    Act, Body, CutPoint, Genesis, Grant, HandOver, Owner, Parent, Revoked, Right, SpaceCertificate,
    SpaceCertificateError, SpaceId, Under,
};
pub use epoch::{Epoch, EpochError, EpochKey, mint, open_parents};
pub use prune::{Agreement, Prune};
pub use verdict::{Verdict, Written};

#[cfg(doc)]
use linli_replica::signed::Envelope;
pub use set::SpaceCertificates;
pub use state::{Community, Cut, Death, EpochState, Member, Refusal, SpaceState, StandingGrant};

#[cfg(test)]
mod tests;
