//! What a device says against its own measurement.

use serde::Serialize;

/// A doubt about a measurement. The values beside it are as they were sent; whether they count is for others to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The device knows several people and not which of them this was: ask.
    UserUnknown,
    /// A time was sent, but it is not known.
    TimeUnknown,
    /// The device's clock was never set, so its time says nothing.
    ClockNotSet,
    /// The device's clock had a fault, so its time may be wrong.
    TimeFault,
    /// The device's battery was low.
    BatteryLow,
    /// The device has a fault.
    DeviceFault,
    /// The sensor has a fault.
    SensorMalfunction,
    /// The sensor does not touch the person.
    NoContact,
    /// The body moved (cuff).
    BodyMoved,
    /// The cuff was too loose.
    CuffLoose,
    /// The arm was not held as it should be (cuff).
    Position,
    /// The pulse was irregular.
    IrregularPulse,
    /// The pulse was faster than the device can follow.
    PulseAboveRange,
    /// The pulse was slower than the device can follow.
    PulseBelowRange,
    /// Too little blood (glucose).
    SampleInsufficient,
    /// The strip was put in wrongly.
    StripInsertion,
    /// The strip is none for this device.
    StripType,
    /// The strip was pulled out too soon.
    StripPulledEarly,
    /// More than the device can process (glucose).
    AboveRange,
    /// Less than the device can process (glucose).
    BelowRange,
    /// Too warm to measure (glucose).
    TooWarm,
    /// Too cold to measure (glucose).
    TooCold,
    /// The measurement has not ended (oximeter).
    Ongoing,
    /// An early estimate (oximeter).
    EarlyEstimate,
    /// The device is calibrating itself (oximeter).
    Calibrating,
    /// The device holds the measurement to be questionable (oximeter).
    Questionable,
    /// What is shown is updated later than usual (oximeter).
    UpdateDelayed,
    /// The processing of the signal is irregular (oximeter).
    SignalIrregular,
    /// The signal is inadequate (oximeter).
    SignalInadequate,
    /// The signal is poor (oximeter).
    SignalPoor,
    /// The signal is erratic (oximeter).
    SignalErratic,
    /// The analysis of the signal has not ended (oximeter).
    AnalysisOngoing,
    /// Little blood flows where the sensor is: cold fingers (oximeter).
    LowPerfusion,
    /// There is no pulse in the signal (oximeter).
    NoPulse,
    /// The pulse is questionable (oximeter).
    QuestionablePulse,
    /// Something disturbs the sensor: light, mostly (oximeter).
    SensorInterference,
    /// The sensor is none that the device knows (oximeter).
    UnknownSensor,
    /// The sensor is displaced (oximeter).
    SensorDisplaced,
    /// The sensor is disconnected (oximeter).
    SensorDisconnected,
    /// The device states something that this specification did not know yet.
    Other,
}

/// The doubts of a status field, by its bits. `silent` has the bits that are no doubts; a bit that is in neither is
/// [`Doubt::Other`], for a doubt that is not understood is one all the same.
pub(super) fn doubts(status: u32, table: &[(u8, Doubt)], silent: u32) -> Vec<Doubt> {
    let mut left = status & !silent;
    let mut doubts = Vec::new();
    for (bit, doubt) in table {
        let mask = 1_u32 << bit;
        if left & mask != 0 {
            doubts.push(*doubt);
            left &= !mask;
        }
    }
    if left != 0 {
        doubts.push(Doubt::Other);
    }
    doubts
}
