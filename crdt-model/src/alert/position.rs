//! Where somebody is, while an alert about them is open.

use serde::{Deserialize, Serialize};

use crate::decimal::Decimal;
use crate::time::Timestamp;

/// A place on the earth by WGS 84 (FHIR R4 `Location.position`); maps in China show it moved (GCJ-02). `Debug` shows
/// nothing of it, so that it cannot slip into a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// When it was measured, by the device's clock.
    pub at: Timestamp,
    /// Degrees north, −90 to 90.
    pub latitude: Decimal,
    /// Degrees east, −180 to 180.
    pub longitude: Decimal,
    /// Within how many metres it lies there, where the device says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_m: Option<u32>,
}

impl Position {
    /// Whether there is such a place.
    pub fn is_on_earth(&self) -> bool {
        let within = |value: Decimal, most: i64| {
            Decimal::new(-most, 0) <= value && value <= Decimal::new(most, 0)
        };
        within(self.latitude, 90) && within(self.longitude, 180)
    }
}

impl std::fmt::Debug for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Position(…)")
    }
}
