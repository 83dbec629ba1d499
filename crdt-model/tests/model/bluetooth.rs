//! Frames of each characteristic, built by hand from its specification.

use std::collections::BTreeSet;

use linli_model::bluetooth::{
    BLOOD_PRESSURE, BodySite, CHARACTERISTICS, Doubt, GLUCOSE, HEART_RATE, Measurement, NoValue,
    OXIMETER_CONTINUOUS, OXIMETER_SPOT, PayloadError, Sample, SampleKind, SampleSite, TEMPERATURE,
    WEIGHT, decode,
};
use linli_model::limits::PAYLOAD_BYTES_MAX;
use linli_model::readings::Measure;
use linli_model::time::DeviceTime;
use proptest::prelude::*;

/// 2024-01-01 17:18:00.
const TIME: &str = "E8 07 01 01 11 12 00";

fn bytes(hex: &str) -> Vec<u8> {
    hex.replace("TIME", TIME)
        .split_whitespace()
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

fn read(characteristic: u16, hex: &str) -> Measurement {
    decode(characteristic, &bytes(hex)).unwrap()
}

fn refused(characteristic: u16, hex: &str) -> PayloadError {
    decode(characteristic, &bytes(hex)).unwrap_err()
}

fn time() -> DeviceTime {
    DeviceTime::new(2024, [1, 1], [17, 18, 0]).unwrap()
}

/// What was measured: `systolic 120, …`, and what is missing.
fn values(measurement: &Measurement) -> String {
    let values = measurement.values.iter().map(|(measure, value)| format!("{measure:?} {value}"));
    let missing = measurement.missing.iter().map(|(measure, why)| format!("{measure:?} {why:?}"));
    values.chain(missing).collect::<Vec<_>>().join(", ")
}

fn doubts<const N: usize>(doubts: [Doubt; N]) -> BTreeSet<Doubt> {
    doubts.into()
}

/// A frame of each form with every optional field; but for the list of heartbeats, each is of the greatest length.
const FULL: [(u16, &str); 15] = [
    (BLOOD_PRESSURE, "1E 78 00 50 00 5D 00 TIME 48 00 02 25 00"),
    (BLOOD_PRESSURE, "1F A0 F0 6B F0 7C F0 TIME D0 F2 FF 12 00"),
    (GLUCOSE, "0B 01 00 TIME F6 FF 3A B0 11 04 00"),
    (GLUCOSE, "1F FF FF TIME 3C 00 2E B2 F8 01 08"),
    (TEMPERATURE, "06 6D 01 00 FF TIME 01"),
    (TEMPERATURE, "07 DA 03 00 FF TIME 06"),
    (HEART_RATE, "1E 48 2C 01 41 03 44 03"),
    (HEART_RATE, "1D 2C 01 FF FF 00 02"),
    (OXIMETER_SPOT, "0F 61 00 48 00 TIME 80 01 20 00 00 0A F0"),
    (OXIMETER_SPOT, "1F D2 F3 D1 F2 TIME 20 40 30 00 00 0A F0"),
    (OXIMETER_CONTINUOUS, "1F 60 00 47 00 61 00 48 00 5F 00 46 00 20 00 08 00 00 0A F0"),
    (OXIMETER_CONTINUOUS, "1F 60 00 47 00 61 00 48 00 5F 00 46 00 80 80 00 80 00 0A F0"),
    (WEIGHT, "0E 3C 32 TIME 02 DE 00 C7 06"),
    (WEIGHT, "0F 46 3C TIME FF DE 00 AB 02"),
    (WEIGHT, "0E FF FF TIME 00 00 00 00 00"),
];

#[test]
fn a_blood_pressure_with_every_field() {
    let full = read(BLOOD_PRESSURE, FULL[0].1);
    assert_eq!(values(&full), "Systolic 120, Diastolic 80, HeartRate 72");
    assert_eq!((full.at, full.user), (Some(time()), Some(2)));
    assert_eq!(full.doubts, doubts([Doubt::BodyMoved, Doubt::IrregularPulse, Doubt::Position]));
    // 16.0 and 10.7 kPa; a cuff of several people that does not know whom it measured.
    let full = read(BLOOD_PRESSURE, FULL[1].1);
    assert_eq!(values(&full), "Systolic 120, Diastolic 80.3, HeartRate 72");
    assert_eq!((full.at, full.user), (Some(time()), None));
    assert_eq!(full.doubts, doubts([Doubt::UserUnknown, Doubt::CuffLoose, Doubt::PulseBelowRange]));
}

#[test]
fn a_blood_pressure_of_the_least() {
    let least = read(BLOOD_PRESSURE, "00 78 00 50 00 FF 07");
    assert_eq!(values(&least), "Systolic 120, Diastolic 80");
    let nothing = (least.at, least.user, least.sequence, least.doubts.is_empty());
    assert_eq!(nothing, (None, None, None, true));
    let failed = read(BLOOD_PRESSURE, "04 FF 07 00 08 FF 07 FE 07");
    assert_eq!(
        values(&failed),
        "Systolic NotANumber, Diastolic NotAtThisResolution, HeartRate AboveRange"
    );
    let range = read(BLOOD_PRESSURE, "10 78 00 50 00 5D 00 08 00");
    assert_eq!(range.doubts, doubts([Doubt::PulseAboveRange]));
    // What a status reserves is a doubt, for the value stands where it stood.
    for status in ["18 00", "40 00", "00 80", "58 FF"] {
        let other = read(BLOOD_PRESSURE, &format!("10 78 00 50 00 5D 00 {status}"));
        assert_eq!(values(&other), "Systolic 120, Diastolic 80");
        assert_eq!(other.doubts, doubts([Doubt::Other]), "{status}");
    }
}

#[test]
fn a_glucose_with_every_field() {
    let full = read(GLUCOSE, FULL[2].1);
    assert_eq!(values(&full), "GlucoseMeter 3.22");
    assert_eq!(full.sequence, Some(1));
    // Ten minutes before the base time.
    assert_eq!(full.at, DeviceTime::new(2024, [1, 1], [17, 8, 0]).ok());
    let sample = Sample { kind: SampleKind::CapillaryWholeBlood, site: Some(SampleSite::Finger) };
    assert_eq!((full.sample, full.doubts), (Some(sample), doubts([Doubt::SampleInsufficient])));

    let full = read(GLUCOSE, FULL[3].1);
    assert_eq!(values(&full), "Glucose 5.58");
    assert_eq!(full.sequence, Some(0xFFFF));
    assert_eq!(full.at, DeviceTime::new(2024, [1, 1], [18, 18, 0]).ok());
    assert_eq!(full.sample, Some(Sample { kind: SampleKind::Plasma, site: None }));
    assert_eq!(full.doubts, doubts([Doubt::BatteryLow, Doubt::TimeFault]));
}

#[test]
fn glucose_of_capillary_blood_is_a_meters() {
    for (kind, measure) in (1..=9).zip([
        Measure::GlucoseMeter,
        Measure::GlucoseMeter,
        Measure::Glucose,
        Measure::Glucose,
        Measure::Glucose,
        Measure::Glucose,
        Measure::Glucose,
        Measure::Glucose,
        Measure::Glucose,
    ]) {
        let read = read(GLUCOSE, &format!("02 01 00 TIME 3A B0 F{kind}"));
        assert_eq!(read.values.first().map(|(measure, _)| *measure), Some(measure), "{kind}");
    }
}

#[test]
fn a_control_solution_is_no_persons() {
    for sample in ["FA", "1A", "41", "4A", "48", "40"] {
        let error = refused(GLUCOSE, &format!("02 01 00 TIME 3A B0 {sample}"));
        assert_eq!(error, PayloadError::ControlSolution, "{sample}");
    }
    for sample in ["F0", "FB", "FF", "01", "51", "E1"] {
        let error = refused(GLUCOSE, &format!("02 01 00 TIME 3A B0 {sample}"));
        assert_eq!(error, PayloadError::Reserved, "{sample}");
    }
}

#[test]
fn a_glucose_without_value_says_so() {
    assert_eq!(values(&read(GLUCOSE, "00 01 00 TIME")), "GlucoseMeter NotSent");
    let high = read(GLUCOSE, "0A 01 00 TIME FE 07 11 20 00");
    assert_eq!(values(&high), "GlucoseMeter AboveRange");
    assert_eq!(high.doubts, doubts([Doubt::AboveRange]));
    let all = read(GLUCOSE, "08 01 00 TIME FF FF").doubts;
    assert_eq!((all.len(), all.contains(&Doubt::Other)), (13, true));
    // An offset at its end stands for any beyond it.
    for offset in ["FF 7F", "00 80"] {
        let read = read(GLUCOSE, &format!("01 01 00 TIME {offset}"));
        assert_eq!((read.at, read.doubts), (None, doubts([Doubt::TimeUnknown])));
    }
    let last = "01 01 00 0F 27 0C 1F 17 3B 3B 01 00";
    assert_eq!(refused(GLUCOSE, last), PayloadError::Time);
}

#[test]
fn a_temperature_with_every_field() {
    let full = read(TEMPERATURE, FULL[4].1);
    assert_eq!(values(&full), "Temperature 36.5");
    assert_eq!((full.at, full.site), (Some(time()), Some(BodySite::Armpit)));
    // 98.6 °F.
    let full = read(TEMPERATURE, FULL[5].1);
    assert_eq!(values(&full), "Temperature 37");
    assert_eq!((full.at, full.site), (Some(time()), Some(BodySite::Mouth)));

    assert_eq!(values(&read(TEMPERATURE, "00 42 0E 00 FE")), "Temperature 36.5");
    assert_eq!(values(&read(TEMPERATURE, "00 FF FF 7F 00")), "Temperature NotANumber");
    assert_eq!(refused(TEMPERATURE, "04 6D 01 00 FF 00"), PayloadError::Reserved);
    assert_eq!(refused(TEMPERATURE, "04 6D 01 00 FF 0A"), PayloadError::Reserved);
    assert_eq!(refused(TEMPERATURE, "00 01 00 00 7F"), PayloadError::Number);
    assert_eq!(refused(TEMPERATURE, "00 01 00 00 F9"), PayloadError::Number);
}

#[test]
fn a_heart_rate_with_every_field() {
    let full = read(HEART_RATE, FULL[6].1);
    assert_eq!((values(&full), full.doubts.len()), ("HeartRate 72".to_owned(), 0));
    let full = read(HEART_RATE, FULL[7].1);
    assert_eq!(values(&full), "HeartRate 300");
    assert_eq!(full.doubts, doubts([Doubt::NoContact]));

    // A strap that cannot tell has no contact bit to trust.
    assert_eq!(read(HEART_RATE, "02 48").doubts, read(HEART_RATE, "00 48").doubts);
    let many = format!("10 48{}", " 41 03".repeat(31));
    assert_eq!(bytes(&many).len(), PAYLOAD_BYTES_MAX);
    assert_eq!(values(&read(HEART_RATE, &many)), "HeartRate 72");
    assert_eq!(refused(HEART_RATE, &format!("{many} 41 03")), PayloadError::Long);
    assert_eq!(refused(HEART_RATE, "10 48"), PayloadError::Short);
    assert_eq!(refused(HEART_RATE, "10 48 41 03 44"), PayloadError::Short);
}

#[test]
fn a_spot_check_with_every_field() {
    let full = read(OXIMETER_SPOT, FULL[8].1);
    assert_eq!(values(&full), "OxygenSaturation 97, HeartRate 72");
    assert_eq!((full.at, full.doubts), (Some(time()), doubts([Doubt::LowPerfusion])));
    // 97.8 % and 72.1 /min, by a clock that was never set.
    let full = read(OXIMETER_SPOT, FULL[9].1);
    assert_eq!(values(&full), "OxygenSaturation 97.8, HeartRate 72.1");
    assert_eq!(full.at, None);
    assert_eq!(
        full.doubts,
        doubts([
            Doubt::ClockNotSet,
            Doubt::Ongoing,
            Doubt::Questionable,
            Doubt::SignalPoor,
            Doubt::LowPerfusion
        ])
    );
    let bare = read(OXIMETER_SPOT, "00 61 00 FF 07");
    assert_eq!(values(&bare), "OxygenSaturation 97, HeartRate NotANumber");
}

#[test]
fn a_continuous_measurement_with_every_field() {
    // The normal average counts, not the fast or the slow one.
    let full = read(OXIMETER_CONTINUOUS, FULL[10].1);
    assert_eq!(values(&full), "OxygenSaturation 96, HeartRate 71");
    assert_eq!(full.doubts, doubts([Doubt::Ongoing, Doubt::SignalInadequate]));
    let full = read(OXIMETER_CONTINUOUS, FULL[11].1);
    assert_eq!(values(&full), "OxygenSaturation Invalid, HeartRate Invalid");
    assert_eq!(full.doubts, doubts([Doubt::SensorDisconnected]));

    let slow = read(OXIMETER_CONTINUOUS, "02 60 00 47 00 5F 00 46 00");
    assert_eq!(values(&slow), "OxygenSaturation 96, HeartRate 71");
    let gone = read(OXIMETER_CONTINUOUS, "04 60 00 FF 07 00 20");
    let (missing, nothing) = (gone.missing, gone.values.is_empty());
    assert!(nothing);
    assert!(missing.contains(&(Measure::OxygenSaturation, NoValue::Unsuccessful)));
    let all = read(OXIMETER_CONTINUOUS, "08 60 00 47 00 FF FF FF").doubts;
    assert_eq!((all.len(), all.contains(&Doubt::Other)), (17, true));
}

#[test]
fn a_demonstration_is_no_persons() {
    for status in ["00 04", "00 08", "FF FF"] {
        for (characteristic, flags) in [(OXIMETER_SPOT, "02"), (OXIMETER_CONTINUOUS, "04")] {
            let error = refused(characteristic, &format!("{flags} 61 00 48 00 {status}"));
            assert_eq!(error, PayloadError::Demonstration, "{status}");
        }
    }
}

#[test]
fn a_weight_with_every_field() {
    let full = read(WEIGHT, FULL[12].1);
    assert_eq!(values(&full), "Weight 64.3, Height 173.5");
    assert_eq!((full.at, full.user), (Some(time()), Some(2)));
    // 154.3 lb and 68.3 in.
    let full = read(WEIGHT, FULL[13].1);
    assert_eq!(values(&full), "Weight 69.99, Height 173.482");
    assert_eq!((full.user, full.doubts), (None, doubts([Doubt::UserUnknown])));
    let full = read(WEIGHT, FULL[14].1);
    assert_eq!(values(&full), "Weight Unsuccessful, Height NotSent");
    assert_eq!(full.user, Some(0));

    assert_eq!(values(&read(WEIGHT, "00 3D 32")), "Weight 64.305");
    assert_eq!(values(&read(WEIGHT, "01 FF FF")), "Weight Unsuccessful");
}

#[test]
fn a_time_is_known_unknown_or_refused() {
    let with = |time: &str| decode(WEIGHT, &bytes(&format!("02 3C 32 {time}")));
    for time in [
        "00 00 00 00 00 00 00",
        "00 00 01 01 11 12 00",
        "E8 07 00 01 11 12 00",
        "E8 07 01 00 11 12 00",
    ] {
        let read = with(time).unwrap();
        assert_eq!((read.at, read.doubts), (None, doubts([Doubt::TimeUnknown])), "{time}");
        assert_eq!(read.values.len(), 1);
    }
    for time in [
        "E8 07 02 1E 11 12 00",
        "E8 07 0D 01 11 12 00",
        "E8 07 01 01 18 12 00",
        "2D 06 01 01 11 12 00",
        "FF FF 01 01 11 12 00",
    ] {
        assert_eq!(with(time), Err(PayloadError::Time), "{time}");
    }
}

#[test]
fn each_cut_of_a_frame_and_each_byte_more_is_refused() {
    for (characteristic, hex) in FULL {
        let mut frame = bytes(hex);
        for length in 0..frame.len() {
            let cut = decode(characteristic, &frame[..length]);
            // A list of heartbeats may end after each of them.
            let heartbeats = characteristic == HEART_RATE && frame.len() - length == 2;
            assert!(cut == Err(PayloadError::Short) || heartbeats && cut.is_ok(), "{hex} {length}");
        }
        frame.push(0);
        let error =
            if characteristic == HEART_RATE { PayloadError::Short } else { PayloadError::Trailing };
        assert_eq!(decode(characteristic, &frame), Err(error), "{hex}");
        frame.resize(PAYLOAD_BYTES_MAX + 1, 0);
        assert_eq!(decode(characteristic, &frame), Err(PayloadError::Long));
    }
}

#[test]
fn reserved_flags_and_other_characteristics_are_refused() {
    for (characteristic, hex) in FULL {
        let mut frame = bytes(hex);
        let known = match characteristic {
            TEMPERATURE => 3,
            WEIGHT => 4,
            _ => 5,
        };
        let flags = frame[0];
        for bit in known..8 {
            frame[0] = flags | 1 << bit;
            assert_eq!(decode(characteristic, &frame), Err(PayloadError::Reserved));
        }
    }
    let read: BTreeSet<u16> = CHARACTERISTICS.iter().map(|(_, number)| *number).collect();
    for characteristic in (0..=u16::MAX).filter(|number| !read.contains(number)) {
        let error = decode(characteristic, &[0; 7]);
        assert_eq!(error, Err(PayloadError::Characteristic { characteristic }));
    }
    let error = PayloadError::Characteristic { characteristic: 0x2A36 };
    assert!(error.to_string().starts_with("the characteristic 0x2A36 is not read here"));
}

#[test]
fn all_flags_with_any_rest_are_read_or_refused() {
    // A generator of its own, so that the rests are the same every time.
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    for (_, characteristic) in CHARACTERISTICS {
        for flags in 0..=u8::MAX {
            for length in 0..=PAYLOAD_BYTES_MAX {
                let rest: Vec<u8> = (0..length).map(|_| next()).collect();
                if let Ok(read) = decode(characteristic, &[vec![flags], rest].concat()) {
                    holds(&read);
                }
            }
        }
    }
}

/// Every measure at most once, and every value a decimal that reads back.
fn holds(read: &Measurement) {
    let measures: Vec<_> = read
        .values
        .iter()
        .map(|(measure, _)| measure)
        .chain(read.missing.iter().map(|(measure, _)| measure))
        .collect();
    assert_eq!(measures.iter().collect::<BTreeSet<_>>().len(), measures.len());
    assert!(!measures.is_empty());
    for (_, value) in &read.values {
        assert_eq!(value.to_string().parse(), Ok(*value));
    }
    assert!(read.user != Some(0xFF));
}

proptest! {
    #[test]
    fn a_changed_frame_is_read_or_refused(
        at in 0..FULL.len(),
        changes in prop::collection::vec((0_usize..24, any::<u8>()), 0..6),
    ) {
        let (characteristic, hex) = FULL[at];
        let mut frame = bytes(hex);
        for (place, byte) in changes {
            if let Some(old) = frame.get_mut(place) {
                *old = byte;
            }
        }
        if let Ok(read) = decode(characteristic, &frame) {
            holds(&read);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        at in 0..CHARACTERISTICS.len(),
        payload in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        match decode(CHARACTERISTICS[at].1, &payload) {
            Ok(read) => holds(&read),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
