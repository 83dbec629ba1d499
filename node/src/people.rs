//! The people of this party who act at this node.

use std::collections::BTreeMap;

use linli_core::audit::ActedBy;
use linli_core::engine::Acting;
use linli_core::identity::Stretch;
use linli_core::person::{
    PersonCertificate, PersonDetails, PinError, draw_person_key, open_person_key,
};
use linli_core::secret::Secret;
use linli_replica::batch::{Record, Shelf};
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;

use crate::api::network::PersonRow;
use crate::api::{ApiError, Code, Detail};
use crate::seat::Seat;

const PREFIX: &[u8] = b"person/";

/// Cost of trying a PIN. The storage key is mixed in, so that this only has to slow down somebody at
/// the node itself.
const STRETCH: Stretch = Stretch { memory_kib: 8 << 10, passes: 2, lanes: 1 };

/// Characters a PIN must have.
const PIN_CHARS_MIN: usize = 4;

/// Wrong PINs in a row before a person is locked until the node is started again.
const WRONG_PINS_MAX: u32 = 10;

#[derive(Encode, Decode)]
struct StoredPerson {
    #[n(0)]
    certificate: ByteVec,
    #[n(1)]
    sealed_key: ByteVec,
}

struct Entry {
    certificate: PersonCertificate,
    sealed_key: Vec<u8>,
    wrong: u32,
}

/// The people of this party, by id.
#[derive(Default)]
pub(crate) struct People {
    people: BTreeMap<String, Entry>,
    /// Who acts in the present request, as the audit names them.
    acted: Option<ActedBy>,
    /// Who sits at the shared desk.
    pub(crate) seat: Seat,
}

impl People {
    pub(crate) fn load(records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        let mut people = Self::default();
        for (key, value) in records {
            let Some(id) = key.strip_prefix(PREFIX) else { continue };
            let Ok(stored) = linli_replica::codec::decode::<StoredPerson>(&value) else { continue };
            if let (Ok(id), Ok(certificate)) =
                (String::from_utf8(id.to_vec()), PersonCertificate::decode(&stored.certificate))
            {
                let sealed_key = stored.sealed_key.into();
                people.people.insert(id, Entry { certificate, sealed_key, wrong: 0 });
            }
        }
        people
    }

    /// Draws a person's key, certifies them with the node's key, and returns the record to store.
    pub(crate) fn add(
        &mut self,
        rng: &mut impl CryptoRng,
        node_key: &ed25519_dalek::SigningKey,
        pepper: &Secret,
        pin: &str,
        details: PersonDetails,
    ) -> Result<(PersonRow, Record), ApiError> {
        if pin.chars().count() < PIN_CHARS_MIN {
            let message = format!("a PIN has {PIN_CHARS_MIN} characters or more; choose another");
            return Err(ApiError::new(Code::Invalid, message));
        }
        let (key, sealed_key) =
            draw_person_key(rng, pin, pepper, STRETCH).map_err(|error| pin_error(&error))?;
        let details = PersonDetails { key: key.verifying_key().to_bytes(), ..details };
        let certificate = PersonCertificate::sign(node_key, details)
            .map_err(|error| ApiError::new(Code::Invalid, error.to_string()))?;
        let id = hex::encode(key.verifying_key().to_bytes());
        let stored = StoredPerson {
            certificate: certificate.encode().into(),
            sealed_key: sealed_key.clone().into(),
        };
        let record = Record {
            shelf: Shelf::Own,
            key: [PREFIX, id.as_bytes()].concat(),
            value: Some(linli_replica::codec::encode(&stored)),
        };
        let row = row(&id, &certificate);
        self.people.insert(id, Entry { certificate, sealed_key, wrong: 0 });
        Ok((row, record))
    }

    pub(crate) fn rows(&self) -> Vec<PersonRow> {
        self.people.iter().map(|(id, entry)| row(id, &entry.certificate)).collect()
    }

    /// Says who acts in the present request; none where nobody gave a PIN.
    pub(crate) fn acted(&self) -> Option<ActedBy> {
        self.acted.clone()
    }

    /// Notes who goes on acting, in work that takes more than one turn; none when a request ends.
    pub(crate) fn goes_on(&mut self, acting: Option<&Acting>) {
        self.acted = acting.map(|acting| ActedBy::from(&acting.certificate));
    }

    /// Opens the key of whoever acts.
    pub(crate) fn acting(
        &mut self,
        pepper: &Secret,
        acting: Option<&crate::api::Acting>,
    ) -> Result<Option<Acting>, ApiError> {
        let Some(acting) = acting else { return Ok(None) };
        if let Some(key) = &acting.seat {
            let seated =
                self.seat.acting(crate::seat::since_boot(), key).ok_or_else(nobody_sits)?;
            self.goes_on(Some(&seated));
            return Ok(Some(seated));
        }
        let named = |(id, entry): &(&String, &mut Entry)| {
            id.starts_with(&acting.person) || entry.certificate.person().name == acting.person
        };
        let mut found: Vec<_> = self.people.iter_mut().filter(named).collect();
        let (Some((_, entry)), true) = (found.pop(), found.is_empty()) else {
            let message = "nobody here has this name, or several have; give the person's id";
            return Err(ApiError::new(Code::NotFound, message));
        };
        if entry.wrong >= WRONG_PINS_MAX {
            let message =
                "too many wrong PINs; the person is locked until the node is started again";
            return Err(ApiError::new(Code::WrongSecret, message));
        }
        match open_person_key(&entry.sealed_key, &acting.pin, pepper) {
            Ok(key) => {
                entry.wrong = 0;
                self.acted = Some(ActedBy::from(&entry.certificate));
                Ok(Some(Acting { certificate: entry.certificate.clone(), key }))
            }
            Err(error) => {
                entry.wrong += 1;
                Err(pin_error(&error))
            }
        }
    }
}

fn nobody_sits() -> ApiError {
    let message = "the desk is locked: take the seat again with `linli person switch NAME`, or go on without a name after `linli person lock`";
    ApiError::new(Code::WrongSecret, message).with(Detail::new("seat-locked", &[]))
}

fn pin_error(error: &PinError) -> ApiError {
    let code = match error {
        PinError::WrongPin => Code::WrongSecret,
        PinError::Unusable(_) => Code::Internal,
    };
    ApiError::new(code, error.to_string())
}

fn row(id: &str, certificate: &PersonCertificate) -> PersonRow {
    let person = certificate.person();
    PersonRow {
        id: id.to_owned(),
        name: person.name.clone(),
        role: person.role.clone(),
        ends_ms: person.ends.0,
    }
}
