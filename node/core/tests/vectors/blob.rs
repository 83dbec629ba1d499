use linli_core::blob::{BlobError, open, seal};
use linli_replica::limits::BLOB_BYTES_MAX;

use super::*;

/// Bytes of a file that takes two chunks.
const LARGE: u64 = 70_000;

fn file(bytes: u64) -> Vec<u8> {
    (0..bytes).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

fn sealed(key: u8, file: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::new();
    seal(&Secret::new([key; 32]), file, file.len() as u64, &mut sealed).unwrap();
    sealed
}

fn vector(name: &str, key: u8, blob: &[u8], verdict: &str) -> Value {
    let key = hex::encode([key; 32]);
    json!({ "name": name, "key": key, "blob": hex::encode(blob), "verdict": verdict })
}

fn made() -> Vec<Value> {
    let good = sealed(1, "一张照片".as_bytes());
    let mut flipped = good.clone();
    flipped[0] ^= 1;
    let large = sealed(2, &file(LARGE));
    let hash = blake3::hash(&large).to_hex();
    vec![
        vector("a small file", 1, &good, "e4b880e5bca0e785a7e78987"),
        vector("another key", 3, &good, "Damaged"),
        vector("a byte flipped", 1, &flipped, "Damaged"),
        vector("cut short", 1, &good[..good.len() - 1], "Damaged"),
        vector("nothing", 1, &[], "Damaged"),
        json!({ "name": "two chunks", "key": hex::encode([2; 32]), "file": LARGE,
            "size": large.len(), "id": hash.as_str() }),
    ]
}

#[test]
fn blobs() {
    for vector in vectors("blob.json", made()) {
        let key = Secret::new(array(&vector["key"]));
        if let Some(bytes) = vector["file"].as_u64() {
            let mut blob = Vec::new();
            seal(&key, &file(bytes)[..], bytes, &mut blob).unwrap();
            assert_eq!(blob.len() as u64, vector["size"].as_u64().unwrap());
            assert_eq!(blake3::hash(&blob).to_hex().as_str(), vector["id"]);
            assert!(blob.len() as u64 <= BLOB_BYTES_MAX);
            let mut out = Vec::new();
            assert_eq!(open(&key, &blob[..], blob.len() as u64, &mut out).unwrap(), bytes);
            assert_eq!(out, file(bytes));
            continue;
        }
        let blob = bytes(&vector["blob"]);
        let mut out = Vec::new();
        let verdict = match open(&key, &blob[..], blob.len() as u64, &mut out) {
            Ok(_) => hex::encode(out),
            Err(BlobError::Damaged) => "Damaged".to_owned(),
            Err(error) => panic!("{error:?}"),
        };
        assert_eq!(verdict, vector["verdict"], "{}", vector["name"]);
    }
}
