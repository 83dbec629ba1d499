//! What authority costs, beside the cryptography in it alone, in the same run and on one core.
//!
//! - grants: 10,000 grants of one space, and one grant each in 10,000 spaces, opened into state; against
//!   checking as many signatures, and against opening as many HPKE items, alone;
//! - rotation: new keys for eight readers of each space after an expulsion; against the HPKE wraps alone.
//!
//! `cargo bench -p linli-core --bench authority -- rotation 100000` rotates so many spaces; without a
//! number 2,000; without a word both are run.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a program that measures"
)]

mod grants;
mod rotation;
mod town;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let asked = |name| words.is_empty() || words.iter().any(|word| word == name);
    let spaces = words.iter().find_map(|word| word.parse().ok()).unwrap_or(2_000);
    if asked("grants") {
        grants::of_one_space();
        grants::of_many_spaces();
    }
    if asked("rotation") {
        rotation::after_an_expulsion(spaces);
    }
}

/// The value in the middle.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
