//! What fuzzing found, and where it begins, on every run: the seeds and the findings go through the targets of
//! `tests/fuzz`, as they are and changed by chance.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests stop at the first thing that cannot be"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use linli_tests::neighbourhood;
use peak_alloc::PeakAlloc;

#[path = "../fuzz/src"]
mod fuzz {
    pub(crate) mod cbor;
    pub(crate) mod heal;
    pub(crate) mod moves;
    pub(crate) mod mutate;
    pub(crate) mod targets;
}
#[path = "fuzz/seeds.rs"]
mod seeds;

use fuzz::{cbor, heal, moves, mutate, targets};
use mutate::{Chance, mutate};
use targets::{TARGETS, Target};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// One at a time: memory is counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

fn peak(run: &dyn Fn()) -> usize {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    run();
    MEMORY.peak_usage().saturating_sub(before)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files below a folder, by the name of their target.
fn kept(folder: &Path) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut kept = BTreeMap::new();
    for target in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let files = std::fs::read_dir(target.path()).unwrap().map(|file| file.unwrap().path());
        let mut files: Vec<PathBuf> = files.collect();
        files.sort();
        let name = target.file_name().into_string().unwrap();
        kept.insert(name, files.iter().map(|file| std::fs::read(file).unwrap()).collect());
    }
    kept
}

/// Seeds are made of the vectors: whoever changes those makes them anew with `LINLI_WRITE_SEEDS=1`.
#[test]
fn the_seeds_that_are_kept_are_those_that_are_made() {
    let made = seeds::seeds();
    let folder = folder().join("seeds");
    if option_env!("LINLI_WRITE_SEEDS").is_some() {
        let _ = std::fs::remove_dir_all(&folder);
        for (target, seeds) in &made {
            std::fs::create_dir_all(folder.join(target)).unwrap();
            for (at, seed) in seeds.iter().enumerate() {
                std::fs::write(folder.join(target).join(format!("{at:02}")), seed).unwrap();
            }
        }
    }
    let kept = kept(&folder);
    for target in TARGETS {
        assert!(made.get(target.name).is_some_and(|seeds| !seeds.is_empty()), "{}", target.name);
    }
    assert_eq!(made.len(), TARGETS.len(), "seeds of a target that there is not");
    for (target, seeds) in made {
        assert!(kept[target] == seeds, "{target}: make the seeds anew with LINLI_WRITE_SEEDS=1");
    }
}

#[test]
fn seeds_and_findings_hold() {
    let _alone = ALONE.lock().unwrap();
    for folder in ["seeds", "findings"] {
        for (name, inputs) in kept(&self::folder().join(folder)) {
            let target = targets::target(&name).unwrap();
            inputs.iter().for_each(|input| target.check(input, peak));
        }
    }
}

/// Changes the seeds of a target so often.
fn change(target: &Target, seeds: &[Vec<u8>], times: u64) {
    for time in 0..times {
        let mut chance = Chance(time);
        let mut input = seeds[chance.below(seeds.len())].clone();
        mutate(&mut input, 1 << 16, &mut chance);
        target.check(&input, peak);
    }
}

#[test]
fn changed_seeds_hold() {
    let _alone = ALONE.lock().unwrap();
    let seeds = kept(&folder().join("seeds"));
    for target in TARGETS.iter().filter(|target| !target.is_long()) {
        change(target, &seeds[target.name], 1_500);
    }
}

#[test]
fn changed_moves_hold() {
    let _alone = ALONE.lock().unwrap();
    let seeds = kept(&folder().join("seeds"));
    for target in TARGETS.iter().filter(|target| target.is_long()) {
        change(target, &seeds[target.name], 25);
    }
}
