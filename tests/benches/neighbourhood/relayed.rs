//! Through a relay: first sync, alerts, and a copy at its carrier.

use std::path::Path;
use std::time::{Duration, Instant};

use linli_replica::batch::Batch;
use tokio::sync::mpsc;

use crate::alert::{Alarm, Times};
use crate::echo::{ECHO_BYTES, Echo};
use crate::site::{Running, What, dial, open, start, start_as};
use crate::street::{Relaying, Street, behind};
use crate::sync::{copy, fill, synced};
use crate::town::{Shape, begin};
use crate::{median, percentile, plain};

/// First syncs through the relay, each beside a direct one.
const PAIRS: usize = 5;
const COPIES: usize = 3;
const ALERTS: usize = 300;
const GAP: Duration = Duration::from_millis(20);

pub(crate) async fn measure(directory: &Path, shape: Shape) {
    let street = Street::new(2);
    let at = |name: &str| directory.join(name);
    let (hub, carrier) = (at("relayed hub"), at("relay"));
    street.found(&carrier);
    street.town.found(&hub);
    let (news, _) = mpsc::unbounded_channel();
    let (town, with) = (&street.town, street.town.centre.party);
    let begun = start(&hub, &town.hub, &news).await;
    let space = begun.with(move |site| begin(site, "alert", with)).await;
    begun.settle().await;
    begun.stop().await;
    fill(town, &hub, shape).await;
    let relay = Relaying::start(&carrier).await;
    first(&street, directory, &hub, &relay).await;
    alerts(&street, directory, &hub, &relay, space).await;
    relay.stop().await;
    copies(&street, directory, &hub).await;
}

/// First syncs through the relay and directly, in turn.
async fn first(street: &Street, directory: &Path, hub: &Path, relay: &Relaying) {
    let mut ratios = Vec::new();
    for round in 0..PAIRS {
        let path = directory.join(format!("direct centre {round}"));
        let direct = once(street, hub, &path, None).await;
        let path = directory.join(format!("relayed centre {round}"));
        let relayed = once(street, hub, &path, Some(&relay.url)).await;
        ratios.push(relayed.as_secs_f64() / direct.as_secs_f64());
        println!("first sync {round}: through the relay {relayed:.2?}, directly {direct:.2?}");
    }
    println!("first sync: through the relay ÷ directly, median {:.2}", median(&mut ratios));
}

/// From the connection until the centre holds all.
async fn once(street: &Street, hub: &Path, path: &Path, url: Option<&str>) -> Duration {
    let town = &street.town;
    town.found(path);
    let (news, mut hearing) = mpsc::unbounded_channel();
    let (hub, centre) = pair(street, (hub, path), url, &news).await;
    let all = hub.entries().await;
    dial(&hub, &centre);
    let begin = loop {
        let heard = hearing.recv().await.unwrap();
        if heard.node == centre.id && heard.what == What::Connected {
            break heard.at;
        }
    };
    let end = synced(&mut hearing, &centre, all).await;
    hub.stop().await;
    centre.stop().await;
    std::fs::remove_dir_all(path).unwrap();
    end - begin
}

async fn pair(
    street: &Street,
    (hub, centre): (&Path, &Path),
    url: Option<&str>,
    news: &mpsc::UnboundedSender<crate::site::News>,
) -> (Running, Running) {
    let town = &street.town;
    let way = |config| match url {
        None => config,
        Some(url) => behind(config, url),
    };
    (start_as(hub, &town.hub, news, way).await, start_as(centre, &town.centre, news, way).await)
}

/// Alerts through the relay, each beside an echo of as many bytes through it.
async fn alerts(
    street: &Street,
    directory: &Path,
    hub: &Path,
    relay: &Relaying,
    space: linli_replica::id::SpaceTag,
) {
    let path = directory.join("alerted through the relay");
    street.town.found(&path);
    let (news, mut hearing) = mpsc::unbounded_channel();
    let (hub, centre) = pair(street, (hub, &path), Some(&relay.url), &news).await;
    let all = hub.entries().await;
    dial(&hub, &centre);
    synced(&mut hearing, &centre, all).await;
    hub.settle().await;
    centre.settle().await;
    let echo = Echo::through([&street.others[0].0, &street.others[1].0], &relay.url).await;
    let mut alarm = Alarm { hub: &hub, centre: &centre, news: hearing, space, pressed: 0 };
    let (mut times, mut echoes) = (Times::default(), Vec::new());
    for _ in 0..ALERTS {
        alarm.raise(&mut times).await;
        tokio::time::sleep(GAP).await;
        echoes.push(echo.once().await.as_secs_f64() * 1e3);
        tokio::time::sleep(GAP).await;
    }
    let (bare, late) = (median(&mut echoes), percentile(&mut echoes, 99));
    println!("echo of {ECHO_BYTES} bytes through the relay: p50 {bare:.2} ms, p99 {late:.2} ms");
    let steps = ["durable at the hub", "durable at the centre", "receipt back at the hub"];
    for (step, times) in steps.iter().zip(&mut times) {
        let (middle, late) = (median(times), percentile(times, 99));
        println!(
            "alert through the relay, {step}: p50 {middle:.2} ms, p99 {late:.2} ms; ÷ echo p50 {:.2}",
            middle / bare
        );
    }
    echo.stop().await;
    hub.stop().await;
    centre.stop().await;
}

/// Everything a hub holds to an empty carrier, beside the same entries into plain redb.
async fn copies(street: &Street, directory: &Path, hub: &Path) {
    let known = open(hub);
    known.commit(Batch { certificates: street.of_carrier.clone(), ..Batch::default() }).unwrap();
    drop(known);
    let entries = plain::entries(hub);
    let mut ratios = Vec::new();
    for round in 0..COPIES {
        let floor = plain::commit(&directory.join(format!("bare {round}")), &entries);
        let path = directory.join(format!("carrier {round}"));
        street.found(&path);
        let relay = Relaying::start(&path).await;
        let (news, _hearing) = mpsc::unbounded_channel();
        let copied = directory.join(format!("carried hub {round}"));
        copy(hub, &copied);
        let hub = start(&copied, &street.town.hub, &news).await;
        let all = hub.entries().await;
        let begin = Instant::now();
        let carrier = crate::site::endpoint(&street.carrier.id());
        hub.net.set_addresses(carrier, relay.addresses.iter().copied(), &[]).unwrap();
        hub.net.set_dial_policy(linli_net::DialPolicy::Only([carrier].into()));
        while relay.entries().await < all {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let took = begin.elapsed();
        hub.stop().await;
        relay.stop().await;
        let rate = |time: Duration| entries.len() as f64 / time.as_secs_f64();
        ratios.push(took.as_secs_f64() / floor.as_secs_f64());
        println!(
            "into a carrier {round}: {took:.2?}, {:.0} entries a second, durable; bare redb commits \
             {floor:.2?}, {:.0}",
            rate(took),
            rate(floor)
        );
    }
    println!("into a carrier ÷ bare redb commits, median {:.2}", median(&mut ratios));
}
