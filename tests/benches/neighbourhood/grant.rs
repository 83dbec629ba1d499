//! A grant at one node, until who was granted shows the document at another.

use std::path::Path;
use std::time::{Duration, Instant};

use linli_core::authority::{Owner, Right};
use linli_core::engine::{Edit, NewSpace};
use linli_model::profile::{self, ProfileField};
use linli_replica::entry::Urgency;
use linli_replica::id::SpaceTag;
use linli_tests::neighbourhood::grant;
use tokio::sync::mpsc;

use crate::percentile;
use crate::site::{News, Running, Site, What, dial, start, world};
use crate::town::Town;

const GRANTS: usize = 300;
const GAP: Duration = Duration::from_millis(20);

/// Begins a space that only the hub reads, with a profile in it.
fn begin(site: &mut Site) -> SpaceTag {
    let owner = Owner::Party(site.core.party());
    let new = NewSpace { kind: "care", owner, steward: None, grants: Vec::new() };
    let beginning = world(&site.replica, &site.store);
    let (space, authored) = site.core.begin_space(beginning, &mut site.rng, new).unwrap();
    site.author(authored);
    let urgency = Urgency::Normal;
    let what = Edit { space, name: "profile", urgency, isolated: false, person: None };
    let world = world(&site.replica, &site.store);
    let set = |doc: &mut _| profile::set(doc, ProfileField::Name, "Wang");
    let authored = site.core.edit(world, &mut site.rng, what, set).unwrap().unwrap();
    site.author(authored);
    space
}

/// Grants the centre one space after the other, both connected and idle, and waits until it reads each.
pub(crate) async fn measure(town: &Town, directory: &Path) {
    let (at_hub, at_centre) = (directory.join("granting hub"), directory.join("granted centre"));
    town.found(&at_hub);
    town.found(&at_centre);
    let (news, mut hearing) = mpsc::unbounded_channel();
    let hub = start(&at_hub, &town.hub, &news).await;
    let centre = start(&at_centre, &town.centre, &news).await;
    let mut spaces = Vec::new();
    for _ in 0..GRANTS {
        spaces.push(hub.with(begin).await);
    }
    hub.settle().await;
    dial(&hub, &centre);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut times = Vec::new();
    for space in spaces {
        times.push(one(town, &hub, &centre, &mut hearing, space).await);
        tokio::time::sleep(GAP).await;
    }
    hub.stop().await;
    centre.stop().await;
    let [p50, p99] = [50, 99].map(|percent| percentile(&mut times, percent));
    println!("grant, until the other node reads ({GRANTS}): p50 {p50:.2} ms, p99 {p99:.2} ms");
}

/// Milliseconds from one grant until the profile is read.
async fn one(
    town: &Town,
    hub: &Running,
    centre: &Running,
    hearing: &mut mpsc::UnboundedReceiver<News>,
    space: SpaceTag,
) -> f64 {
    let to = town.centre.party;
    let document = hub
        .with(move |site| {
            let world = world(&site.replica, &site.store);
            site.core.space(world, space).unwrap().document("profile")
        })
        .await;
    centre.with(move |site| site.awaited = Some((space, document))).await;
    let begin = Instant::now();
    hub.with(move |site| {
        let world = world(&site.replica, &site.store);
        let grant = grant(to, Right::Write, true);
        let authored = site.core.grant(world, &mut site.rng, space, grant).unwrap();
        site.author(authored);
    })
    .await;
    loop {
        let News { at, node, what } = hearing.recv().await.unwrap();
        if (node, what) == (centre.id, What::Read(document)) {
            return (at - begin).as_secs_f64() * 1e3;
        }
    }
}
