//! The seat of a shared desk: whoever gave their PIN there acts without giving it again, until the
//! seat is left idle, left on purpose, or taken by somebody else. Screens at which several people work at once
//! have seats of their own, which nobody else takes.

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

/// The people's opened keys are held in memory, and wiped when a seat is left.
pub(crate) struct Seats {
    idle: Duration,
    shared: Option<Taken>,
    own: Vec<Taken>,
}

impl Default for Seats {
    fn default() -> Self {
        Self::new(IDLE_MINUTES)
    }
}

/// Minutes a seat may be idle, unless the configuration says otherwise.
const IDLE_MINUTES: u16 = 5;

/// Seats of their own at once: as many as a node has connections at its control socket. Of more, the one that was
/// idle for longest is left.
const OWN_MAX: usize = crate::control::limits::MAX_CONNECTIONS;

struct Taken {
    acting: Acting,
    key: SeatKey,
    until: Duration,
}

impl Taken {
    fn opens(&self, key: &str) -> bool {
        self.key.as_bytes().ct_eq(key.as_bytes()).into()
    }
}

impl Seats {
    /// Makes seats that nobody has taken, left after so many idle minutes.
    pub(crate) const fn new(idle_minutes: u16) -> Self {
        // A u16 of minutes is 45 days at most.
        let idle = Duration::from_secs(60 * idle_minutes as u64);
        Self { idle, shared: None, own: Vec::new() }
    }

    /// Seats a person at a seat of their own, or at the shared one: whoever sat there before has left.
    pub(crate) fn take(
        &mut self,
        rng: &mut impl CryptoRng,
        now: Duration,
        acting: Acting,
        own: bool,
    ) -> SeatKey {
        let mut bytes = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *bytes);
        let key = Zeroizing::new(hex::encode(*bytes));
        let taken = Taken { acting, key: key.clone(), until: now + self.idle };
        if own {
            if self.own.len() >= OWN_MAX {
                self.own.sort_by_key(|taken| taken.until);
                self.own.remove(0);
            }
            self.own.push(taken);
        } else {
            self.shared = Some(taken);
        }
        key
    }

    /// Returns who sits there, to whoever has the key; every use begins the idle time anew.
    pub(crate) fn acting(&mut self, now: Duration, key: &str) -> Option<Acting> {
        self.tick(now);
        let mut all = self.shared.iter_mut().chain(&mut self.own);
        let taken = all.find(|taken| taken.opens(key))?;
        taken.until = now + self.idle;
        Some(taken.acting.clone())
    }

    /// Leaves the seat that a key opens; the shared one where none is given.
    pub(crate) fn leave(&mut self, key: Option<&str>) {
        let is_left = |taken: &Taken| key.is_none_or(|key| taken.opens(key));
        self.shared.take_if(|taken| is_left(taken));
        self.own.retain(|taken| key.is_none() || !is_left(taken));
    }

    /// Leaves every seat of a person, who has another PIN or acts no more.
    pub(crate) fn leave_of(&mut self, person: &[u8; 32]) {
        let is_left = |taken: &Taken| *taken.acting.certificate.person().key == *person;
        self.shared.take_if(|taken| is_left(taken));
        self.own.retain(|taken| !is_left(taken));
    }

    /// Leaves the seats that were idle for too long.
    pub(crate) fn tick(&mut self, now: Duration) {
        self.shared.take_if(|taken| now >= taken.until);
        self.own.retain(|taken| now < taken.until);
    }

    /// How long a seat may be idle, in minutes.
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
        let (mut seat, begun) = (Seats::new(5), since_boot());
        let minutes = |n: u64| begun + Duration::from_secs(60 * n);
        let key = seat.take(&mut rng, begun, person(1), false);
        for minute in [4, 8, 12] {
            assert!(seat.acting(minutes(minute), &key).is_some(), "after {minute} minutes");
        }
        assert!(seat.acting(minutes(17), &key).is_none(), "five idle minutes have passed");
        assert!(seat.acting(minutes(12), &key).is_none(), "what was left stays left");
        assert!(seat.shared.is_none(), "the person's key is not kept");
    }

    #[test]
    fn only_the_key_of_whoever_sits_there_opens() {
        let mut rng = StdRng::seed_from_u64(1);
        let (mut seat, now) = (Seats::new(5), since_boot());
        assert!(seat.acting(now, "").is_none());
        let former = seat.take(&mut rng, now, person(1), false);
        let present = seat.take(&mut rng, now, person(2), false);
        assert!(seat.acting(now, &former).is_none(), "somebody else has taken the seat");
        let name = |acting: Acting| acting.certificate.person().key;
        let sits = seat.acting(now, &present).map(name);
        assert_eq!(sits, Some(name(person(2))));
        assert!(seat.acting(now, present.get(..63).unwrap()).is_none());
        seat.leave(None);
        assert!(seat.acting(now, &present).is_none());
    }

    #[test]
    fn every_seat_of_a_person_is_left_at_once() {
        let mut rng = StdRng::seed_from_u64(1);
        let (mut seats, now) = (Seats::new(5), since_boot());
        let mut take = |seed, own| seats.take(&mut rng, now, person(seed), own);
        let mine = [take(1, false), take(1, true), take(1, true)];
        let other = take(2, true);
        seats.leave_of(&person(1).certificate.person().key);
        assert!(mine.iter().all(|key| seats.acting(now, key).is_none()));
        assert!(seats.acting(now, &other).is_some());
    }

    #[test]
    fn seats_of_their_own_are_apart() {
        let mut rng = StdRng::seed_from_u64(1);
        let (mut seats, now) = (Seats::new(5), since_boot());
        let mut take = |seats: &mut Seats, own, at| seats.take(&mut rng, at, person(1), own);
        let shared = take(&mut seats, false, now);
        let [first, second] = [(); 2].map(|()| take(&mut seats, true, now));
        for key in [&shared, &first, &second] {
            assert!(seats.acting(now, key).is_some());
        }
        seats.leave(None);
        assert!(seats.acting(now, &shared).is_none() && seats.acting(now, &first).is_some());
        let shared = take(&mut seats, false, now);
        seats.leave(Some(&first));
        assert!(seats.acting(now, &first).is_none());
        assert!(seats.acting(now, &shared).is_some() && seats.acting(now, &second).is_some());
        seats.leave(Some(&shared));
        assert!(seats.acting(now, &shared).is_none());
        // As many as there may be; then the one that was idle for longest is left.
        let later = now + Duration::from_secs(1);
        let others: Vec<SeatKey> = (0..OWN_MAX).map(|_| take(&mut seats, true, later)).collect();
        assert!(seats.acting(later, &second).is_none());
        assert!(others.iter().all(|key| seats.acting(later, key).is_some()));
        seats.tick(later + Duration::from_secs(300));
        assert!(seats.own.is_empty(), "no person's key is kept");
    }
}
