//! The button at the hub, until the centre's receipt is back.

use std::path::Path;
use std::time::{Duration, Instant};

use linli_core::engine::Edit;
use linli_model::alert::{AlertFact, AlertKind, CauseId, Ladder, alert_id};
use linli_model::event::{Fact, Facts, put_fact};
use linli_model::time::Timestamp;
use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, SpaceTag};
use tokio::sync::mpsc;

use crate::beside::Beside;
use crate::site::{News, Running, Site, What, dial, now, start, world};
use crate::sync::copy;
use crate::town::{Town, begin};
use crate::{median, percentile};

/// Idle alerts after each first sync.
const IDLE_ALERTS: usize = 150;
/// Alerts during first syncs, over as many of these as it takes.
const BUSY_ALERTS_MIN: usize = 200;
const IDLE_GAP: Duration = Duration::from_millis(20);
const BUSY_GAP: Duration = Duration::from_millis(20);
const STEPS: [&str; 3] = ["durable at the hub", "durable at the centre", "receipt back at the hub"];

/// From the button to each step, in milliseconds.
pub(crate) type Times = [Vec<f64>; 3];

/// Begins the space for alerts at the hub, and lets the centre know of it.
pub(crate) async fn prepare(town: &Town, hub: &Path, centre: &Path) -> SpaceTag {
    town.found(hub);
    town.found(centre);
    let (news, _hearing) = mpsc::unbounded_channel();
    let (hub, centre) =
        (start(hub, &town.hub, &news).await, start(centre, &town.centre, &news).await);
    let with = town.centre.party;
    let space = hub.with(move |site| begin(site, "alert", with)).await;
    dial(&hub, &centre);
    while centre.entries().await < hub.entries().await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    hub.settle().await;
    centre.settle().await;
    hub.stop().await;
    centre.stop().await;
    space
}

/// Presses the button once: the fact that `linli-node` writes.
fn press(site: &mut Site, space: SpaceTag, number: usize) -> DocTag {
    let cause = CauseId(format!("button/{number}/{}", now().0));
    let name = format!("alert/{}", alert_id(&cause));
    let (what, ladder) = (AlertKind::Button, Ladder::default());
    let (place, note, card, drill) = (None, None, None, false);
    let raised =
        AlertFact::Raised { cause, what, ladder, place, note, card, drill, happened: None };
    let world = world(&site.replica, &site.store);
    let author = site.core.own_author(world, None).unwrap();
    let (doc, authors) = site.core.document(world, space, &name).unwrap().parts();
    let facts = Facts::<AlertFact>::read(doc.document(), authors);
    let fact = Fact::new(Timestamp(world.now.0), &author, &facts, raised);
    let urgency = Urgency::Urgent;
    let what = Edit { space, name: &name, urgency, isolated: true, person: None };
    let edit = site.core.edit(world, &mut site.rng, what, |doc| put_fact(doc, &fact).map(drop));
    let document = site.core.space(world, space).unwrap().document(&name);
    site.author(edit.unwrap().unwrap());
    document
}

pub(crate) struct Alarm<'a> {
    pub(crate) hub: &'a Running,
    pub(crate) centre: &'a Running,
    pub(crate) news: mpsc::UnboundedReceiver<News>,
    pub(crate) space: SpaceTag,
    pub(crate) pressed: usize,
}

impl Alarm<'_> {
    /// Raises one alert and waits for the receipt; returns how much the centre held
    /// when it was last through with a comparison, where it was meanwhile.
    pub(crate) async fn raise(&mut self, times: &mut Times) -> u64 {
        let (space, number) = (self.space, self.pressed);
        self.pressed += 1;
        let begin = Instant::now();
        let document = self.hub.with(move |site| press(site, space, number)).await;
        let steps = [
            (self.hub.id, What::Durable(document)),
            (self.centre.id, What::Durable(document)),
            (self.hub.id, What::Receipt(document)),
        ];
        let mut synced = 0;
        let mut seen = [None; 3];
        while seen.contains(&None) {
            let News { at, node, what } = self.news.recv().await.unwrap();
            if let What::Synced(held) = what
                && node == self.centre.id
            {
                synced = held;
            }
            for (step, seen) in steps.iter().zip(&mut seen) {
                if *step == (node, what) && seen.is_none() {
                    *seen = Some(at - begin);
                }
            }
        }
        for (times, took) in times.iter_mut().zip(seen) {
            times.push(took.unwrap().as_secs_f64() * 1e3);
        }
        synced
    }
}

/// Alerts during first syncs between two nodes, and between the same two when nothing else happens.
pub(crate) async fn measure(town: &Town, directory: &Path, space: SpaceTag) {
    let (mut idle, mut busy) = (Times::default(), Times::default());
    let mut beside = Beside::start(directory).await;
    let mut round = 0;
    while busy[0].len() < BUSY_ALERTS_MIN || round < 2 {
        let path = directory.join(format!("alerted centre {round}"));
        copy(&directory.join("informed centre"), &path);
        let (news, hearing) = mpsc::unbounded_channel();
        let hub = start(&directory.join("hub"), &town.hub, &news).await;
        let centre = start(&path, &town.centre, &news).await;
        let all = hub.entries().await;
        dial(&hub, &centre);
        let mut alarm = Alarm { hub: &hub, centre: &centre, news: hearing, space, pressed: 0 };
        // The first waits for the connection.
        alarm.raise(&mut Times::default()).await;
        while alarm.raise(&mut busy).await < all {
            tokio::time::sleep(BUSY_GAP).await;
        }
        hub.settle().await;
        centre.settle().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        for _ in 0..IDLE_ALERTS {
            alarm.raise(&mut idle).await;
            tokio::time::sleep(IDLE_GAP).await;
            beside.once().await;
        }
        hub.stop().await;
        centre.stop().await;
        std::fs::remove_dir_all(path).unwrap();
        round += 1;
    }
    println!("alerts: {} idle, {} during {round} first syncs", idle[0].len(), busy[0].len());
    for (step, (idle, busy)) in STEPS.iter().zip(idle.iter_mut().zip(&mut busy)) {
        let quiet = [median(idle), percentile(idle, 99)];
        let loud = [median(busy), percentile(busy, 99)];
        println!(
            "alert {step}: idle p50 {:.2} ms, p99 {:.2} ms; busy p50 {:.2} ms, p99 {:.2} ms; \
             busy ÷ idle p50 {:.2}, p99 {:.2}",
            quiet[0],
            quiet[1],
            loud[0],
            loud[1],
            loud[0] / quiet[0],
            loud[1] / quiet[1]
        );
    }
    let [.., receipt] = &mut idle;
    beside.tell(median(receipt)).await;
}
