//! Chance: each step of a plan throws its own dice, so that leaving steps out changes nothing in the others.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// The dice of one step.
#[derive(Debug)]
pub(super) struct Dice(pub(super) ChaCha8Rng);

impl Dice {
    /// Takes the dice of a step of a seed.
    pub(super) fn of(seed: u64, step: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("linli 1 simulator dice");
        hasher.update(&seed.to_le_bytes()).update(&step.to_le_bytes());
        Self(ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()))
    }

    /// Throws a number below `bound`; zero where there is none.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.0.next_u64() % bound).unwrap_or(0)
    }

    /// Says yes once in `times`.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Picks one of several; none of none.
    pub(super) fn pick<T: Copy>(&mut self, several: &[T]) -> Option<T> {
        several.get(self.below(several.len())).copied()
    }
}
