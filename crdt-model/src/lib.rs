//! What an elder, an order, an alert is, and what may happen to it.
//!
//! The crate holds the documents of linli and their rules. It is pure: no clock, no randomness, no files, no network;
//! a time is an argument and the same input always gives the same bytes.
//!
//! # The story
//! Every document is one Automerge document whose keys all lie at its root. Two nodes that create the same document
//! far apart therefore merge into one. There are two kinds of document:
//!
//! * **Field documents** ([`profile`], [`card`]): one key a field, one scalar string a value. Nothing is ever decided
//!   by the last writer: where two people wrote different things without knowing of one another, both values are
//!   shown with their authors ([`field::FieldView`]), and a person resolves them by writing again.
//! * **Event documents** ([`order`], [`alert`], [`joins`], [`standing`],
//!   [`consent`], [`contact`], [`plan`], [`files`], [`sensor`]): one key a *fact*. The key is a hash of the
//!   fact ([`event::FactId`]), so a fact can be added once and never changed, and adding it twice changes nothing. A
//!   fact names the facts it builds on, so order comes from what its author had seen, never from a clock. State is a
//!   fold over the facts that checks author, role and legality; what is refused or superseded stays in the view with
//!   the [`event::Reason`].
//!
//! What a file beside a document is, and the key of it, is a fact ([`order::OrderFact::Attached`],
//! [`files::FileFact::Attached`]); its sealed bytes are a blob.
//!
//! [`readings`] lie between: a key is the whole content of an observation, so a repeated upload is the same key.
//!
//! A view is read from the *history* of writes ([`history`]), not from the current values alone: a write by an author
//! who does not count (unknown, or held back) then hides nothing that it had overwritten. Who wrote an operation is
//! answered by the caller ([`author::Authors`]), because Automerge actors are bound to logs outside this crate.
//!
//! Views serialise to one sequence of bytes ([`document::canonical`]) for the same writes and authors, whatever the
//! order in which the changes arrived.
//!
//! Beside the documents stand the things an office deals with: [`national_id`], [`phone`], [`dates`], the [`register`] files
//! of stations, and [`matching`], which says which rows are certainly one person and what a clerk must decide.
//! [`contact`] says when somebody who lives alone is to be asked how they are. [`rule`] turns readings into causes for alerts, [`trend`] draws them together over a day or a year, [`catalogue`] names the services, [`area`] says where an address lies,
//! [`bluetooth`] reads what cuffs, meters and scales send.

pub mod alert;
pub mod area;
pub mod attachment;
pub mod author;
pub mod bluetooth;
pub mod card;
pub mod catalogue;
pub mod codes;
pub mod consent;
pub mod contact;
pub mod dates;
pub mod decimal;
pub mod document;
pub mod event;
pub mod field;
pub mod files;
pub mod history;
pub mod joins;
pub mod limits;
pub mod linkage;
pub mod matching;
pub mod national_id;
pub mod order;
pub mod phone;
pub mod plan;
pub mod private;
pub mod profile;
pub mod readings;
pub mod register;
pub mod rule;
pub mod sensor;
pub mod silence;
pub mod standing;
pub mod time;
pub mod trend;
