//! linli-core

pub mod authority;
pub(crate) mod codec;
pub mod identity;
pub mod inbox;
pub mod kdf;
pub mod limits;
pub mod payload;
pub mod person;
pub mod seal;
pub mod secret;
