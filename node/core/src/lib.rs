//! The keyed half of a node: authority, keys, opening and sealing. Sans-IO: the clock, randomness and
//! what is held come in as arguments, see [`engine`].
//!
//! An arriving entry is [held](linli_replica) before the core sees it. The core binds its log to a
//! node ([`payload::Binding`]), opens it under its epoch's key ([`seal`]), asks the certificates of its
//! space whether it counts ([`authority`]), and applies its changes when the document is looked at
//! ([`document`]). Only what is authorised is shown; the rest is listed with the reason.

pub mod apart;
pub mod audit;
pub mod authority;
pub mod blob;
pub mod checkpoint;
pub mod clocks;
pub(crate) mod codec;
pub mod courier;
pub mod document;
pub mod engine;
pub mod hand_over;
pub mod heartbeat;
pub mod identity;
pub mod inbox;
pub mod kdf;
pub mod limits;
pub mod opening;
pub mod pairing;
pub mod payload;
pub mod person;
pub mod recovery;
pub mod restored;
pub mod seal;
pub mod secret;
pub mod space;
