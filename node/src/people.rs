//! The people of this party who act at this node.

use std::collections::BTreeMap;

use linli_core::audit::ActedBy;
use linli_core::engine::Acting;
use linli_core::identity::Stretch;
use linli_core::person::{
    PersonCertificate, PersonDetails, PinError, draw_person_key, end, open_person_key,
    seal_person_key,
};
use linli_core::secret::Secret;
use linli_replica::batch::{Record, Shelf};
use linli_replica::directory::Directory;
use linli_replica::id::Timestamp;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};
use rand_core::CryptoRng;

use crate::api::network::PersonRow;
use crate::api::{ApiError, Code};
use crate::node::now;
use crate::seat::Seats;

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
    /// When the person's signature ends to count.
    ends: Timestamp,
}

impl Entry {
    fn new(certificate: PersonCertificate, sealed_key: Vec<u8>) -> Self {
        let ends = certificate.person().ends;
        Self { certificate, sealed_key, wrong: 0, ends }
    }

    /// Whether the last moment has come: what is signed within it counts, what comes after does not.
    fn is_ended(&self) -> bool {
        now() >= self.ends
    }

    fn record(&self, id: &str) -> Record {
        let stored = StoredPerson {
            certificate: self.certificate.encode().into(),
            sealed_key: self.sealed_key.clone().into(),
        };
        Record {
            shelf: Shelf::Own,
            key: [PREFIX, id.as_bytes()].concat(),
            value: Some(linli_replica::codec::encode(&stored)),
        }
    }
}

/// The people of this party, by id.
#[derive(Default)]
pub(crate) struct People {
    people: BTreeMap<String, Entry>,
    /// Who acts in the present request, as the audit names them.
    acted: Option<ActedBy>,
    /// Who sits at the shared desk, and at seats of their own.
    pub(crate) seats: Seats,
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
                people.people.insert(id, Entry::new(certificate, stored.sealed_key.into()));
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
        long_enough(pin)?;
        let (key, sealed_key) =
            draw_person_key(rng, pin, pepper, STRETCH).map_err(|error| pin_error(&error))?;
        let details = PersonDetails { key: key.verifying_key().to_bytes(), ..details };
        let certificate = PersonCertificate::sign(node_key, details)
            .map_err(|error| ApiError::new(Code::Invalid, "error-person-unfit").because(error))?;
        let id = hex::encode(key.verifying_key().to_bytes());
        let entry = Entry::new(certificate, sealed_key);
        let (row, record) = (row(&id, &entry), entry.record(&id));
        self.people.insert(id, entry);
        Ok((row, record))
    }

    /// Seals a person's key under another PIN, and returns the record to store.
    pub(crate) fn change_pin(
        &mut self,
        rng: &mut impl CryptoRng,
        pepper: &Secret,
        acting: &crate::api::Acting,
        pin: &str,
    ) -> Result<Record, ApiError> {
        long_enough(pin)?;
        let (id, entry) = self.named(&acting.person)?;
        let key = open_person_key(&entry.sealed_key, &acting.pin, pepper)
            .map_err(|error| pin_error(&error))?;
        entry.sealed_key =
            seal_person_key(rng, &key, pin, pepper, STRETCH).map_err(|error| pin_error(&error))?;
        let record = entry.record(&id);
        // Whoever took one with the former PIN need not be who changed it.
        self.seats.leave_of(key.verifying_key().as_bytes());
        Ok(record)
    }

    /// Ends a person here, before the directory has it: an end holds at once where it was made.
    pub(crate) fn end(&mut self, key: &[u8; 32], at: Timestamp) {
        if let Some(entry) = self.people.get_mut(&hex::encode(key)) {
            entry.ends = entry.ends.min(at);
        }
    }

    /// Takes over what the directory says of these people's ends.
    pub(crate) fn learn(&mut self, directory: &Directory) {
        for entry in self.people.values_mut() {
            entry.ends = end::end_of(directory, entry.certificate.person());
        }
    }

    pub(crate) fn rows(&self) -> Vec<PersonRow> {
        self.people.iter().map(|(id, entry)| row(id, entry)).collect()
    }

    /// Returns the row of a person by their key.
    pub(crate) fn row(&self, key: &[u8; 32]) -> Result<PersonRow, ApiError> {
        let id = hex::encode(key);
        self.people.get(&id).map(|entry| row(&id, entry)).ok_or_else(nobody)
    }

    /// Finds a person who has not ended: what their party said of them, with the end as it stands.
    pub(crate) fn find(&mut self, named: &str) -> Result<PersonDetails, ApiError> {
        let (_, entry) = self.named(named)?;
        let person = entry.certificate.person();
        Ok(PersonDetails {
            key: *person.key,
            party: person.party,
            name: person.name.clone(),
            role: person.role.clone(),
            qualification: person.qualification.clone(),
            ends: entry.ends,
        })
    }

    /// Says whether somebody here is in a role and has not ended.
    pub(crate) fn has_role(&self, role: &str) -> bool {
        let is = |entry: &Entry| entry.certificate.person().role == role && !entry.is_ended();
        self.people.values().any(is)
    }

    /// Describes whom a key is of, for the audit.
    pub(crate) fn described(&self, id: &str) -> Option<String> {
        let person = self.people.get(id)?.certificate.person();
        Some(format!("{} {} {id}", person.role, person.name))
    }

    /// Finds the one person of a name, or of an id that begins so, who has not ended.
    fn named(&mut self, named: &str) -> Result<(String, &mut Entry), ApiError> {
        let fits = |(id, entry): &(&String, &mut Entry)| {
            id.starts_with(named) || entry.certificate.person().name == named
        };
        let found = self.people.iter_mut().filter(fits);
        let (ended, mut standing): (Vec<_>, Vec<_>) = found.partition(|(_, e)| e.is_ended());
        match (standing.pop(), standing.is_empty(), ended.is_empty()) {
            (Some((id, entry)), true, _) if !named.is_empty() => Ok((id.clone(), entry)),
            (None, _, false) if !named.is_empty() => Err(has_ended()),
            _ => Err(nobody()),
        }
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
                self.seats.acting(crate::seat::since_boot(), key).ok_or_else(nobody_sits)?;
            let person = seated.certificate.person().key;
            let id = hex::encode(*person);
            if self.people.get(&id).is_none_or(Entry::is_ended) {
                self.seats.leave_of(&person);
                return Err(has_ended());
            }
            self.goes_on(Some(&seated));
            return Ok(Some(seated));
        }
        let (_, entry) = self.named(&acting.person)?;
        if entry.wrong >= WRONG_PINS_MAX {
            return Err(ApiError::new(Code::WrongSecret, "error-pin-locked"));
        }
        match open_person_key(&entry.sealed_key, &acting.pin, pepper) {
            Ok(key) => {
                entry.wrong = 0;
                let certificate = entry.certificate.clone();
                self.acted = Some(ActedBy::from(&certificate));
                Ok(Some(Acting { certificate, key }))
            }
            Err(error) => {
                entry.wrong += 1;
                Err(pin_error(&error))
            }
        }
    }
}

fn nobody_sits() -> ApiError {
    ApiError::new(Code::WrongSecret, "error-seat-locked")
}

fn pin_error(error: &PinError) -> ApiError {
    match error {
        PinError::WrongPin => ApiError::new(Code::WrongSecret, "error-pin-wrong"),
        PinError::Unusable(_) => ApiError::new(Code::Internal, "error-pin-unusable"),
    }
}

fn nobody() -> ApiError {
    ApiError::new(Code::NotFound, "error-person-none")
}

fn has_ended() -> ApiError {
    ApiError::new(Code::Forbidden, "error-person-ended")
}

fn long_enough(pin: &str) -> Result<(), ApiError> {
    if pin.chars().count() < PIN_CHARS_MIN {
        return Err(ApiError::new(Code::Invalid, "error-pin-short").with("min", PIN_CHARS_MIN));
    }
    Ok(())
}

fn row(id: &str, entry: &Entry) -> PersonRow {
    let person = entry.certificate.person();
    PersonRow {
        id: id.to_owned(),
        name: person.name.clone(),
        role: person.role.clone(),
        qualification: person.qualification.clone(),
        ends_ms: entry.ends.0,
        ended: entry.is_ended(),
    }
}
