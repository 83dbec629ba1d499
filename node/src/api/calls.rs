//! Who called in.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Acting, Done, methods};

methods! {
    "call.note" CallNote => CallAnswer;
    "call.ended" CallEnded => Done;
    "call.list" CallList => Value;
    "call.act" CallAct => CallActed;
}

/// Notes that somebody calls.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallNote {
    /// The number, as the telephone system has it; none where it is not shown.
    pub number: Option<String>,
}

/// A call's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallAnswer {
    /// The id, a UUID: that of the call before where the number called just now.
    pub call: String,
}

/// Says that the caller hung up.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallEnded {
    /// The call's id, as `call.note` answered it.
    pub call: uuid::Uuid,
}

/// Lists who called in.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CallList {}

/// Does something with a call.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CallAct {
    /// The call's id.
    pub call: String,
    /// `take`, `take-over`, `who`, `raise` or `done`.
    pub act: String,
    /// With `who` and `raise`: the elder, as in `elder.show`.
    pub elder: Option<String>,
    /// With `take-over`: from whom, a person's id; refused where somebody else has it by now.
    pub from: Option<String>,
    /// Who acts: a named person.
    pub acting: Option<Acting>,
}

/// What an act came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CallActed {
    /// The alert that was raised for the call, if one was.
    pub alert: Option<String>,
    /// Whether that is on disk; an alert goes out even where it is not yet.
    pub stored: bool,
    /// Whether it is in the hands of whoever acts.
    #[serde(default)]
    pub owned: bool,
}

/// A call as a board shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRow {
    /// The id, a UUID.
    pub call: String,
    /// The number; none where it is not shown.
    pub number: Option<String>,
    /// When it called first, in milliseconds since 1970.
    pub first_ms: u64,
    /// When it called last.
    pub last_ms: u64,
    /// How often.
    pub times: u32,
    /// Whether it rings, and nobody takes it.
    pub rings: bool,
    /// Whose number it is, or who it is as an operator said.
    pub elders: Vec<CallElder>,
    /// Who takes it; none is nobody.
    pub owner: Option<CallOwner>,
    /// The alert that was raised for it.
    pub alert: Option<String>,
    /// Whether it was seen to.
    pub done: bool,
}

/// An elder who may have called, or about whom somebody calls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallElder {
    /// The id.
    pub elder: String,
    /// Names; several where they differ.
    pub names: Vec<String>,
    /// Addresses; several where they differ.
    pub addresses: Vec<String>,
    /// It is the elder's own number, and not only a contact's.
    pub own: bool,
}

/// Who takes a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallOwner {
    /// The person's id.
    pub person: String,
    /// The name.
    pub name: String,
}
