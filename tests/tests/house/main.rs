//! Tidy checks of the tree: dependency arrows, pure crates, file sizes, manifests, documents.
//!
//! Each check is a function from plain data to [`Findings`]. It runs twice: over the tree, where it
//! must find nothing wrong, and over a bad example, where it must find exactly what is wrong. A
//! check that looked at nothing fails.

mod dependencies;
mod docs;
mod findings;
mod manifests;
mod planted;
mod refusals;
mod sources;
mod tree;

use findings::Findings;
