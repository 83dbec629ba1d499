//! Ending this party's people, and changing the PINs they act with.

use serde::{Deserialize, Serialize};

use super::network::PersonRow;
use super::{Acting, Done, methods};

methods! {
    "person.end" PersonEnd => PersonRow;
    "person.pin" PersonPin => Done;
    "person.reset" PersonReset => PersonRow;
}

/// Ends a person of this party: what they sign afterwards counts nowhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PersonEnd {
    /// The person's id or name.
    pub person: String,
    /// From when on; from this moment where it is not given. An end is moved earlier, never later.
    pub at_ms: Option<u64>,
    /// Who acts: a steward, where this party has one.
    pub acting: Option<Acting>,
}

/// Changes a person's PIN.
#[derive(Clone, Serialize, Deserialize)]
pub struct PersonPin {
    /// Who, with the present PIN.
    pub acting: Acting,
    /// The PIN from now on: four characters or more.
    pub pin: String,
}

impl std::fmt::Debug for PersonPin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonPin(…)")
    }
}

/// Gives a person who has forgotten the PIN a new key behind a new one; the old key is ended.
#[derive(Clone, Serialize, Deserialize)]
pub struct PersonReset {
    /// The person's id or name.
    pub person: String,
    /// The PIN from now on: four characters or more.
    pub pin: String,
    /// Who acts: a steward, where this party has one.
    pub acting: Option<Acting>,
}

impl std::fmt::Debug for PersonReset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PersonReset(…)")
    }
}
