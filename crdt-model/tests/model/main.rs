//! Tests of the documents over real Automerge documents of several authors.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail loudly"
)]

mod alerts;
mod bluetooth;
mod cards;
mod community;
mod consents;
mod contacts;
mod convergence;
mod facts;
mod fields;
mod files;
mod joins;
mod ladders;
mod linkage;
mod orders;
mod plans;
mod readings;
mod rules;
mod sensors;
