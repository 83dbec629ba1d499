//! The floor: the same bytes over the same lanes, unchecked, into plain redb.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use linli_net::{DialPolicy, Lane, NetConfig, NetEvent, NetEvents, SecretKey, SendError};
use linli_replica::held::Held as _;
use linli_replica::id::{DocTag, LogKey};
use linli_replica::limits::{COMMIT_ENTRIES_MAX, FRAME_BYTES_FULL};
use linli_store::limits::MAIN_CACHE_BYTES;
use redb::{Durability, TableDefinition};

use crate::site::{loopback, open};

const PLAIN: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("plain");

/// Everything a store holds, as it travels: of each log only the last signature.
pub(crate) fn entries(path: &Path) -> Vec<Vec<u8>> {
    let store = open(path);
    let logs: Vec<(DocTag, LogKey)> = store
        .branches()
        .unwrap()
        .map(|branch| branch.map(|(_, document, log, _)| (document, log)).unwrap())
        .collect();
    let mut encoded = Vec::new();
    for (document, log) in logs {
        let entries = store.entries(document, log, 0, usize::MAX).unwrap();
        let (last, before) = entries.split_last().unwrap();
        encoded.extend(before.iter().map(linli_replica::entry::Entry::encode_unsigned));
        encoded.push(last.encode());
    }
    encoded
}

/// Puts entries into frames, each with its length before it.
fn frames(entries: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut frames = vec![Vec::new()];
    for entry in entries {
        if frames.last().is_some_and(|frame| frame.len() + entry.len() > FRAME_BYTES_FULL) {
            frames.push(Vec::new());
        }
        let frame = frames.last_mut().unwrap();
        frame.extend(u32::try_from(entry.len()).unwrap().to_le_bytes());
        frame.extend(entry);
    }
    frames
}

/// Sends entries from one endpoint to another, and returns how long it took until all were durable,
/// the connection included. A machine that is too busy may lose the connection: then it begins anew.
pub(crate) async fn transfer(path: &Path, entries: &[Vec<u8>]) -> Duration {
    loop {
        if let Some(took) = attempt(path.to_owned(), entries).await {
            return took;
        }
        println!("the connection of the reference was lost; once more");
        std::fs::remove_file(path).unwrap();
    }
}

async fn attempt(path: PathBuf, entries: &[Vec<u8>]) -> Option<Duration> {
    let frames = frames(entries);
    let count = frames.len();
    let [(from, mut from_events), (to, mut to_events)] = {
        let key = |seed| SecretKey::from_bytes(&[seed; 32]).public();
        let members = [key(1), key(2)].into();
        let config = NetConfig { members, ..loopback([1; 32]) };
        let first = linli_net::start(config.clone()).await.unwrap();
        let second = NetConfig { secret_key: SecretKey::from_bytes(&[2; 32]), ..config };
        [first, linli_net::start(second).await.unwrap()]
    };
    let (batches, writing) = mpsc::channel::<Vec<u8>>();
    let writer = std::thread::spawn(move || write(&path, &writing, count));
    let begin = Instant::now();
    from.set_addresses(to.id(), to.bound_addresses(), &[]).unwrap();
    from.set_dial_policy(DialPolicy::Everyone);
    let peer = to.id();
    let sending = async {
        next(&mut from_events, |event| matches!(event, NetEvent::Connected { .. })).await?;
        for mut frame in frames {
            while let Err(error) = from.try_send(&peer, Lane::Bulk, frame) {
                let SendError::Full(back) = error else { return None };
                frame = back;
                next(&mut from_events, |event| matches!(event, NetEvent::Writable { .. })).await?;
            }
        }
        Some(())
    };
    let receiving = async {
        for _ in 0..count {
            let frame = |event: &NetEvent| matches!(event, NetEvent::Frame { .. });
            if let NetEvent::Frame { bytes, .. } = next(&mut to_events, frame).await? {
                batches.send(bytes).unwrap();
            }
        }
        Some(())
    };
    let done =
        tokio::try_join!(async { sending.await.ok_or(()) }, async { receiving.await.ok_or(()) });
    drop(batches);
    let end = tokio::task::spawn_blocking(|| writer.join().unwrap()).await.unwrap();
    tokio::join!(from.shutdown(), to.shutdown());
    done.ok().map(|_| end - begin)
}

/// Writes entries straight into plain redb, in transactions as large as the replica's; returns how long it took.
pub(crate) fn commit(path: &Path, entries: &[Vec<u8>]) -> Duration {
    let frames = frames(entries);
    let (batches, writing) = mpsc::channel();
    let count = frames.len();
    for frame in frames {
        batches.send(frame).unwrap();
    }
    let begin = Instant::now();
    write(path, &writing, count) - begin
}

/// The next event of interest; none once the connection is lost.
async fn next(events: &mut NetEvents, interest: fn(&NetEvent) -> bool) -> Option<NetEvent> {
    loop {
        let event = events.recv().await?;
        if matches!(event, NetEvent::Disconnected { .. }) {
            return None;
        }
        if interest(&event) {
            return Some(event);
        }
    }
}

/// Writes what arrives in transactions as large as the replica's; returns when all was durable.
fn write(path: &Path, arriving: &mpsc::Receiver<Vec<u8>>, count: usize) -> Instant {
    let database = redb::Builder::new().set_cache_size(MAIN_CACHE_BYTES).create(path).unwrap();
    let mut waiting: Vec<Vec<u8>> = Vec::new();
    let mut number = 0;
    for at in 1..=count {
        let Ok(frame) = arriving.recv() else { break };
        let mut rest = frame.as_slice();
        while let Some((length, more)) = rest.split_first_chunk() {
            let length = usize::try_from(u32::from_le_bytes(*length)).unwrap();
            let (entry, after) = more.split_at(length);
            waiting.push(entry.to_vec());
            rest = after;
        }
        while waiting.len() >= COMMIT_ENTRIES_MAX || (at == count && !waiting.is_empty()) {
            let size = waiting.len().min(COMMIT_ENTRIES_MAX);
            let mut txn = database.begin_write().unwrap();
            txn.set_durability(Durability::Immediate).unwrap();
            {
                let mut table = txn.open_table(PLAIN).unwrap();
                for entry in waiting.drain(..size) {
                    number += 1;
                    table.insert(number, entry.as_slice()).unwrap();
                }
            }
            txn.commit().unwrap();
        }
    }
    Instant::now()
}
