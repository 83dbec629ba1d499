//! The seat of a shared desk.

use serde::{Deserialize, Serialize};

use super::{Acting, Done, methods};

methods! {
    "seat.take" SeatTake => SeatAnswer;
    "seat.leave" SeatLeave => Done;
}

/// Seats a person at the shared desk, where whoever sat there before has left, or at a seat of their own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SeatTake {
    /// Who, with the PIN.
    pub acting: Acting,
    /// A seat of their own: whoever sits elsewhere stays.
    #[serde(default)]
    pub own: bool,
}

/// Who sits at the desk.
#[derive(Clone, Serialize, Deserialize)]
pub struct SeatAnswer {
    /// What stands for the PIN from now on: `acting` with this as `seat`.
    pub seat: String,
    /// The person's id.
    pub person: String,
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

/// Leaves a seat: whoever comes next gives a PIN.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct SeatLeave {
    /// What stands for the PIN at it; none: the shared one.
    pub seat: Option<String>,
}

impl std::fmt::Debug for SeatLeave {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeatLeave(…)")
    }
}
