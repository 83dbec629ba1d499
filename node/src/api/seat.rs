//! The seat of a shared desk.

use serde::{Deserialize, Serialize};

use super::{Acting, Done, methods};

methods! {
    "seat.take" SeatTake => SeatAnswer;
    "seat.leave" SeatLeave => Done;
}

/// Seats a person at the desk: whoever sat there before has left.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeatTake {
    /// Who, with the PIN.
    pub acting: Acting,
}

/// Who sits at the desk.
#[derive(Clone, Serialize, Deserialize)]
pub struct SeatAnswer {
    /// What stands for the PIN from now on: `acting` with this as `seat`.
    pub seat: String,
    /// The person's name.
    pub name: String,
    /// After how many idle minutes the seat is left.
    pub idle_minutes: u64,
}

impl std::fmt::Debug for SeatAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeatAnswer")
            .field("idle_minutes", &self.idle_minutes)
            .finish_non_exhaustive()
    }
}

/// Leaves the desk: whoever comes next gives a PIN.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SeatLeave {}
