//! What verifying an audit of 1,000,000 records costs, beside hashing the bytes of the same records
//! alone in the same run: records of about 200 bytes, signed once in 1,000.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a program that measures"
)]

use std::hint::black_box;
use std::time::Instant;

use ed25519_dalek::SigningKey;
use linli_core::audit::{ActedBy, AuditRecord, Verifier, What};
use linli_replica::audit::{Head, Linked, Linker};
use linli_replica::id::{CertificateId, NodeId, PartyId, SpaceTag, Timestamp};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

const RECORDS: u64 = 1_000_000;
const SIGNED_EVERY: u64 = 1_000;
const PAIRS: usize = 5;

fn main() {
    let key = SigningKey::from_bytes(&[1; 32]);
    let chain = chain(&key);
    let bytes: usize = chain.iter().map(|linked| linked.record.len()).sum();
    println!("{} records, {} MB", chain.len(), bytes / 1_000_000);
    let node = NodeId(key.verifying_key().to_bytes());
    let (mut verify, mut hash, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let before = Instant::now();
        let mut verifier = Verifier::new(node, Head::default());
        chain.iter().try_for_each(|linked| verifier.take(linked)).unwrap();
        assert_eq!(black_box(verifier.finish()).unsigned, 0);
        let verified = before.elapsed().as_secs_f64();
        let before = Instant::now();
        for linked in &chain {
            black_box(blake3::hash(&linked.record));
        }
        let hashed = before.elapsed().as_secs_f64();
        verify.push(verified);
        hash.push(hashed);
        ratios.push(verified / hashed);
    }
    println!(
        "verify {:.2} s, hash alone {:.2} s, ratio {:.2}",
        median(&mut verify),
        median(&mut hash),
        median(&mut ratios)
    );
}

fn chain(key: &SigningKey) -> Vec<Linked> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let (linker, mut head, mut chain) = (Linker::default(), Head::default(), Vec::new());
    let person = ActedBy {
        key: [7; 32].into(),
        name: "王秀英".to_owned(),
        certificate: CertificateId([8; 32]),
    };
    for n in 1..=RECORDS {
        let at = Timestamp(1_700_000_000_000 + n);
        let record = match n % SIGNED_EVERY {
            0 => AuditRecord::signature(&mut rng, at, key, &head),
            _ => AuditRecord {
                person: Some(person.clone()),
                elder: Some([6; 16].into()),
                party: Some(PartyId([2; 32])),
                space: Some(SpaceTag([3; 32])),
                of: Some("elder.show".to_owned()),
                ..AuditRecord::new(&mut rng, at, What::Read)
            },
        };
        let record = record.encode();
        head = linker.next(&head, &linker.digest(&record)).unwrap();
        chain.push(Linked { head, record });
    }
    chain
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
