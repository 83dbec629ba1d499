//! First sync, opening everything, and an open connection with nothing to do.

use std::path::Path;
use std::time::{Duration, Instant};

use linli_replica::replica::Input;
use tokio::sync::mpsc;

use crate::site::{News, Running, What, dial, start, world};
use crate::town::{CHANGES, Shape, Town, name, populate};
use crate::{median, plain, processor_seconds};

/// First syncs, each beside its reference.
const PAIRS: usize = 5;

type Hearing = mpsc::UnboundedReceiver<News>;

/// Copies a store that nobody has open.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        std::fs::copy(item.path(), to.join(item.file_name())).unwrap();
    }
}

/// A hub's directory full of documents.
pub(crate) async fn fill(town: &Town, path: &Path, shape: Shape) {
    let (news, _) = mpsc::unbounded_channel();
    let begin = Instant::now();
    let hub = start(path, &town.hub, &news).await;
    populate(&hub, town.centre.party, shape).await;
    hub.stop().await;
    println!(
        "{} documents of {CHANGES} changes in {} spaces: written and durable in {:.1?}",
        shape.documents(),
        shape.spaces,
        begin.elapsed()
    );
}

/// Waits until a comparison ends after which a node holds as much as it is to hold.
pub(crate) async fn synced(news: &mut Hearing, node: &Running, all: u64) -> Instant {
    loop {
        let heard = news.recv().await.unwrap();
        if heard.node == node.id && matches!(heard.what, What::Synced(held) if held >= all) {
            return heard.at;
        }
    }
}

/// First sync of a filled hub to an empty centre, with the floor beside it.
pub(crate) async fn first(town: &Town, directory: &Path, hub_path: &Path, shape: Shape) {
    let entries = plain::entries(hub_path);
    let bytes: usize = entries.iter().map(Vec::len).sum();
    println!("{} entries, {:.1} MB as they travel", entries.len(), bytes as f64 / 1e6);
    let mut ratios = Vec::new();
    for round in 0..PAIRS {
        let idle = processor_seconds();
        let floor = plain::transfer(&directory.join(format!("plain {round}")), &entries).await;
        let before = processor_seconds();
        let path = directory.join(format!("centre {round}"));
        let (ours, used) = once(town, hub_path, &path, shape, round + 1 == PAIRS).await;
        ratios.push(ours.as_secs_f64() / floor.as_secs_f64());
        println!(
            "first sync {round}: ours {ours:.2?} ({used:.2} s of processor), the bytes alone {floor:.2?} \
             ({:.2} s)",
            before - idle
        );
        std::fs::remove_file(directory.join(format!("plain {round}"))).unwrap();
        std::fs::remove_dir_all(path).unwrap();
    }
    println!("first sync: ours ÷ the bytes alone, median {:.2}", median(&mut ratios));
}

async fn once(
    town: &Town,
    hub_path: &Path,
    path: &Path,
    shape: Shape,
    look: bool,
) -> (Duration, f64) {
    town.found(path);
    let (news, mut hearing) = mpsc::unbounded_channel();
    let hub = start(hub_path, &town.hub, &news).await;
    let centre = start(path, &town.centre, &news).await;
    let all = hub.entries().await;
    let (begin, before) = (Instant::now(), processor_seconds());
    dial(&hub, &centre);
    let end = synced(&mut hearing, &centre, all).await;
    let used = processor_seconds() - before;
    if look {
        nothing_to_do(&mut hearing, &hub, &centre).await;
        open_all(&centre, shape).await;
    }
    hub.stop().await;
    centre.stop().await;
    (end - begin, used)
}

/// Compares what both hold alike.
async fn nothing_to_do(news: &mut Hearing, hub: &Running, centre: &Running) {
    hub.settle().await;
    centre.settle().await;
    // Receipts of the last commits may be under way.
    tokio::time::sleep(Duration::from_secs(1)).await;
    while news.try_recv().is_ok() {}
    let before = [hub.with(|site| site.sent).await, centre.with(|site| site.sent).await];
    let begin = Instant::now();
    let peer = centre.id;
    hub.with(move |site| site.feed(Input::Reconcile { peer })).await;
    let took = synced(news, hub, 0).await - begin;
    let after = [hub.with(|site| site.sent).await, centre.with(|site| site.sent).await];
    let [ours, theirs] =
        [0, 1].map(|at| (after[at].frames - before[at].frames, after[at].bytes - before[at].bytes));
    println!(
        "nothing to do: {} frame and {} bytes out, {} frame and {} bytes back, {took:.2?}",
        ours.0, ours.1, theirs.0, theirs.1
    );
}

/// Opens every document: each entry is decrypted, judged and applied.
async fn open_all(centre: &Running, shape: Shape) {
    let (took, opened) = centre
        .with(move |site| {
            let begin = Instant::now();
            let mut opened = 0;
            for space in site.core.spaces().collect::<Vec<_>>() {
                let all = world(&site.replica, &site.store);
                if site.core.space(all, space).unwrap().kind() != "care" {
                    continue;
                }
                for number in 0..shape.documents_each {
                    let world = world(&site.replica, &site.store);
                    let name = name(space, number);
                    let document = site.core.document(world, space, &name).unwrap();
                    assert!(document.withheld().is_empty() && document.heads().len() == 1);
                    opened += 1;
                }
            }
            (begin.elapsed(), opened)
        })
        .await;
    assert_eq!(opened, shape.documents());
    println!("opening all {opened} documents at the second node: {took:.2?}");
}
