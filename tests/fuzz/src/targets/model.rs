//! What offices and people write: registers, dates, numbers, names of documents, facts. What devices send.

use linli_model::alert::AlertFact;
use linli_model::bluetooth::{CHARACTERISTICS, decode};
use linli_model::card::CardField;
use linli_model::consent::ConsentFact;
use linli_model::dates;
use linli_model::decimal::Decimal;
use linli_model::document::DocumentName;
use linli_model::event::{Body, Fact};
use linli_model::field::Place;
use linli_model::joins::JoinFact;
use linli_model::matching::{compare, normal_name};
use linli_model::national_id::NationalId;
use linli_model::order::OrderFact;
use linli_model::phone::Phone;
use linli_model::readings::Reading;
use linli_model::register;
use linli_model::rule::RuleFact;
use linli_model::sensor::SensorFact;
use linli_model::standing::OfferFact;
use linli_model::time::{Month, Offset, Timestamp};

use super::words;

/// A register as an office keeps it, in any encoding.
pub(super) fn register(bytes: &[u8]) {
    let register = match register::read(bytes) {
        Ok(register) => register,
        Err(error) => return words(&error),
    };
    let identities: Vec<_> = register.rows.iter().map(|row| row.identity("station")).collect();
    for row in &register.rows {
        for (_, value) in row.fields("station") {
            assert!(!value.is_empty(), "nothing is stated");
        }
    }
    for pair in identities.windows(2) {
        if let [a, b] = pair {
            let (one, other) = (compare(a, b), compare(b, a));
            assert_eq!(format!("{one:?}"), format!("{other:?}"), "who comes first decides");
        }
    }
}

/// What is typed into one field.
pub(super) fn typed(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match dates::parse(text) {
        Ok(date) => assert_eq!(dates::parse(&date.to_string()), Ok(date)),
        Err(error) => words(&error),
    }
    match NationalId::parse(text) {
        Ok(id) => {
            assert_eq!(id.as_str().len(), 18);
            assert_eq!(NationalId::parse(id.as_str()), Ok(id));
        }
        Err(error) => words(&error),
    }
    match Phone::parse(text) {
        Ok(phone) => {
            assert!(phone.as_str().bytes().all(|byte| byte.is_ascii_digit()));
            assert_eq!(Phone::parse(phone.as_str()), Ok(phone));
        }
        Err(error) => words(&error),
    }
    match Timestamp::parse_rfc3339(text) {
        Ok(time) => {
            let written = time.rfc3339();
            assert_eq!(written.and_then(|text| Timestamp::parse_rfc3339(&text)), Ok(time));
        }
        Err(error) => words(&error),
    }
    if let Err(error) = Timestamp::parse_local(text, Offset::CHINA) {
        words(&error);
    }
    match text.parse::<Decimal>() {
        Ok(number) => assert_eq!(number.to_string().parse(), Ok(number)),
        Err(error) => words(&error),
    }
    let name = normal_name(text);
    assert_eq!(normal_name(&name), name, "a name that is normal changes");
}

/// Names of documents and keys within them: each has one way to be written.
pub(super) fn name(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match text.parse::<DocumentName>() {
        Ok(name) => assert_eq!(name.to_string(), text),
        Err(error) => words(&error),
    }
    if let Ok(month) = text.parse::<Month>() {
        assert_eq!(month.to_string(), text);
    }
    if let Some(place) = Place::<CardField>::of_key(text) {
        assert_eq!(Place::<CardField>::of_key(&place.key()), Some(place));
    }
    match Reading::of_key(text) {
        Ok(reading) => {
            assert_eq!(reading.key(), text);
            let _ = (reading.month(), reading.is_plausible());
        }
        Err(error) => words(&error),
    }
}

/// What a device sends; the first byte says as which characteristic.
pub(super) fn bluetooth(bytes: &[u8]) {
    let Some((first, payload)) = bytes.split_first() else { return };
    let at = usize::from(*first) % CHARACTERISTICS.len();
    let Some((_, characteristic)) = CHARACTERISTICS.get(at) else { return };
    match decode(*characteristic, payload) {
        Ok(measurement) => {
            for (_, value) in measurement.values {
                assert_eq!(value.to_string().parse(), Ok(value));
            }
        }
        Err(error) => words(&error),
    }
}

/// The text of a fact, of every kind of document.
pub(super) fn fact(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    one::<OrderFact>(text);
    one::<AlertFact>(text);
    one::<JoinFact>(text);
    one::<RuleFact>(text);
    one::<SensorFact>(text);
    one::<ConsentFact>(text);
    one::<OfferFact>(text);
}

fn one<B: Body + PartialEq>(text: &str) {
    let Ok(fact) = serde_json::from_str::<Fact<B>>(text) else { return };
    match fact.text() {
        Ok((_, written)) => {
            let read = serde_json::from_str::<Fact<B>>(&written);
            assert_eq!(read.ok(), Some(fact.clone()), "what is written is read as something else");
            assert_eq!(fact.text().ok().map(|(_, text)| text), Some(written));
        }
        Err(error) => words(&error),
    }
    let _ = (fact.body.builds_on(), fact.body.is_note());
    let _ = serde_json::to_string(&fact.body.shown());
}
