//! Tests of the documents over real Automerge documents of several authors.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod community;
mod facts;
mod fields;
