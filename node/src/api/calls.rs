//! Who called in.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::methods;

methods! {
    "call.note" CallNote => CallAnswer;
    "call.list" CallList => Value;
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

/// Lists who called in.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CallList {}
