//! Which records are certainly one person, and what a clerk must decide.

use serde::{Deserialize, Serialize};

/// What speaks against two records with one identity number being one person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The names differ.
    Name,
    /// A record says another sex than the other or than the number.
    Sex,
    /// A record says another date of birth than the other or than the number.
    BirthDate,
}
