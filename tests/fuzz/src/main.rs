//! The targets under libFuzzer: each is given any bytes as its frame, entry, certificate or document. `LINLI_FUZZ` says which; `tests/fuzz/run` sets it.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use peak_alloc::PeakAlloc;

mod cbor;
mod heal;
mod moves;
mod mutate;
#[allow(dead_code, reason = "the ordinary test asks more of a target")]
mod targets;
/// The street of the tests.
#[allow(dead_code, reason = "it can do more than is done here")]
#[path = "../../src"]
mod tests {
    pub(crate) mod neighbourhood;
}

use mutate::Chance;
use targets::Target;
use tests::neighbourhood;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

fn target() -> &'static Target {
    static TARGET: OnceLock<&'static Target> = OnceLock::new();
    TARGET.get_or_init(|| {
        let name = std::env::var("LINLI_FUZZ").unwrap_or_default();
        let names = || targets::TARGETS.iter().map(|target| target.name).collect::<Vec<_>>();
        targets::target(&name)
            .unwrap_or_else(|| panic!("LINLI_FUZZ is one of {}", names().join(", ")))
    })
}

fn peak(run: &dyn Fn()) -> usize {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    run();
    MEMORY.peak_usage().saturating_sub(before)
}

fuzz_target!(|input: &[u8]| target().check(input, peak));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 2 == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    let mut bytes = data.get(..size).unwrap_or_default().to_vec();
    mutate::mutate(&mut bytes, max_size.min(data.len()), &mut Chance(u64::from(seed)));
    data[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
});
