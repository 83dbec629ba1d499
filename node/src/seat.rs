//! The seat of a shared desk: whoever gave their PIN there acts without giving it again, until the
//! seat is left idle, left on purpose, or taken by somebody else.

use std::time::Duration;

use linli_core::engine::Acting;
use rand_core::CryptoRng;
use rustix::time::{ClockId, clock_gettime};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// What opens the seat in place of a PIN: 32 random bytes in hexadecimal.
pub(crate) type SeatKey = Zeroizing<String>;

/// Returns the time since the machine started, that in which it slept included: whoever comes to an open
/// lid in the morning is not who closed it.
pub(crate) fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The person's opened key is held in memory, and wiped when the seat is left.
pub(crate) struct Seat {
    idle: Duration,
    taken: Option<Taken>,
}

impl Default for Seat {
    fn default() -> Self {
        Self::new(IDLE_MINUTES)
    }
}

/// Minutes a seat may be idle, unless the configuration says otherwise.
const IDLE_MINUTES: u16 = 5;

struct Taken {
    acting: Acting,
    key: SeatKey,
    until: Duration,
}

impl Seat {
    /// Makes a seat that nobody has taken, left after so many idle minutes.
    pub(crate) const fn new(idle_minutes: u16) -> Self {
        // A u16 of minutes is 45 days at most.
        Self { idle: Duration::from_secs(60 * idle_minutes as u64), taken: None }
    }

    /// Seats a person; whoever sat there before has left.
    pub(crate) fn take(
        &mut self,
        rng: &mut impl CryptoRng,
        now: Duration,
        acting: Acting,
    ) -> SeatKey {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        let key = Zeroizing::new(hex::encode(*bytes));
        self.taken = Some(Taken { acting, key: key.clone(), until: now + self.idle });
        key
    }

    /// Returns who sits there, to whoever has the key; every use begins the idle time anew.
    pub(crate) fn acting(&mut self, now: Duration, key: &str) -> Option<Acting> {
        self.tick(now);
        let taken = self.taken.as_mut()?;
        if !bool::from(taken.key.as_bytes().ct_eq(key.as_bytes())) {
            return None;
        }
        taken.until = now + self.idle;
        Some(taken.acting.clone())
    }

    /// Leaves the seat.
    pub(crate) fn leave(&mut self) {
        self.taken = None;
    }

    /// Leaves the seat where it was idle for too long.
    pub(crate) fn tick(&mut self, now: Duration) {
        self.taken.take_if(|taken| now >= taken.until);
    }

    /// How long the seat may be idle, in minutes.
    pub(crate) const fn idle_minutes(&self) -> u64 {
        self.idle.as_secs() / 60
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use linli_core::person::{PersonCertificate, PersonDetails};
    use linli_replica::id::{PartyId, Timestamp};
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    use super::*;

    fn person(seed: u8) -> Acting {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let details = PersonDetails {
            key: key.verifying_key().to_bytes(),
            party: PartyId([1; 32]),
            name: "n".to_owned(),
            role: "r".to_owned(),
            qualification: None,
            ends: Timestamp(u64::MAX),
        };
        let certificate = PersonCertificate::sign(&SigningKey::from_bytes(&[9; 32]), details);
        Acting { certificate: certificate.unwrap(), key }
    }

    #[test]
    fn a_seat_is_left_when_it_is_idle_and_not_while_it_is_used() {
        let mut rng = StdRng::seed_from_u64(1);
        let (mut seat, begun) = (Seat::new(5), since_boot());
        let minutes = |n: u64| begun + Duration::from_secs(60 * n);
        let key = seat.take(&mut rng, begun, person(1));
        for minute in [4, 8, 12] {
            assert!(seat.acting(minutes(minute), &key).is_some(), "after {minute} minutes");
        }
        assert!(seat.acting(minutes(17), &key).is_none(), "five idle minutes have passed");
        assert!(seat.acting(minutes(12), &key).is_none(), "what was left stays left");
        assert!(seat.taken.is_none(), "the person's key is not kept");
    }

    #[test]
    fn only_the_key_of_whoever_sits_there_opens() {
        let mut rng = StdRng::seed_from_u64(1);
        let (mut seat, now) = (Seat::new(5), since_boot());
        assert!(seat.acting(now, "").is_none());
        let former = seat.take(&mut rng, now, person(1));
        let present = seat.take(&mut rng, now, person(2));
        assert!(seat.acting(now, &former).is_none(), "somebody else has taken the seat");
        let name = |acting: Acting| acting.certificate.person().key;
        let sits = seat.acting(now, &present).map(name);
        assert_eq!(sits, Some(name(person(2))));
        assert!(seat.acting(now, present.get(..63).unwrap()).is_none());
        seat.leave();
        assert!(seat.acting(now, &present).is_none());
    }
}
