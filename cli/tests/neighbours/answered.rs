//! Every step of an alert that was acknowledged is there after the node was killed.
//!
//! `LINLI_KILLS=300 cargo nextest run --workspace -E 'test(no_acknowledged_step)'` kills so often.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use linli_node::api::Acting;
use linli_node::api::alerts::{AlertAct, AlertRaise, AlertShow};
use linli_node::api::seat::SeatTake;
use linli_node::control::{Client, ClientError};
use rand::RngExt as _;
use serde_json::Value;
use tokio::runtime::Builder;

use crate::community::{add_elder, agree, centre_and_hub, folder, met, sees};
use crate::site::Desk;

/// Kills where `LINLI_KILLS` does not say how many.
const KILLS: usize = 10;
/// Steps that are acknowledged before each kill, at least.
const STEPS: usize = 50;
/// How long after them the kill comes, at most: a step takes less.
const INTO: Duration = Duration::from_millis(30);
/// How many write at once: while one waits for its answer, another is half way through.
const WRITERS: usize = 3;
/// How long a round may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// What is done with an alert, and the facts that it leaves.
const ACTS: [(&str, &str); 4] = [
    ("ack", "acknowledged"),
    ("respond", "responding"),
    ("arrive", "arrived"),
    ("resolve", "resolved"),
];

/// Who acts, at each of the two.
const PERSON: &str = "高主任";

/// The facts of each alert whose writing was acknowledged.
type Journal = BTreeMap<String, Vec<&'static str>>;

#[test]
fn no_acknowledged_step_of_an_alert_is_lost_when_a_node_is_killed() {
    let kills = std::env::var("LINLI_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    // Before it knows where the household's alerts are raised, the centre raises them where it alone reads.
    let first = hub.ask(&["alert", "raise", &elder])["alert"].as_str().unwrap().to_owned();
    centre.await_answer(&["alert", "show", &first], |_| Some(()));
    for (site, role) in [(&centre, "operator"), (&hub, "family")] {
        site.ask(&["person", "add", PERSON, "--role", role]);
    }
    let mut journal = Journal::new();
    for round in 0..kills {
        let killed = if round % 2 == 0 { &mut centre } else { &mut hub };
        let acting = sits(killed);
        let (begun, steps) = (Instant::now(), AtomicUsize::new(0));
        let into = INTO.mul_f64(rand::rng().random());
        let written = thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    let (desk, elder, steps) = ((**killed).clone(), &elder, &steps);
                    let (cause, acting) = (format!("{round}-{writer}"), acting.clone());
                    scope.spawn(move || write(&desk, elder, &cause, &acting, steps))
                })
                .collect();
            while steps.load(Ordering::Relaxed) < STEPS && begun.elapsed() < PATIENCE {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(into);
            killed.kill();
            writers.into_iter().flat_map(|writer| writer.join().unwrap()).collect::<Journal>()
        });
        let count: usize = written.values().map(Vec::len).sum();
        assert!(count >= STEPS, "round {round}: {count} steps were acknowledged");
        killed.up();
        is_all_there(killed, &written);
        journal.extend(written);
    }
    met(&hub, &centre);
    agree(&hub, &centre);
    for site in [&hub, &centre] {
        is_all_there(site, &journal);
    }
}

/// Seats the person: what stands for the PIN.
fn sits(desk: &Desk) -> Acting {
    let acting = Acting { person: PERSON.to_owned(), pin: "2468".to_owned(), seat: None };
    let seat =
        at(desk, async |client| client.call(&SeatTake { acting, own: true }).await).unwrap().seat;
    Acting { person: String::new(), pin: String::new(), seat: Some(seat) }
}

/// Raises alerts and answers them until the node is gone.
fn write(desk: &Desk, elder: &str, cause: &str, acting: &Acting, steps: &AtomicUsize) -> Journal {
    let mut journal = Journal::new();
    let _gone = at(desk, async |client| {
        for number in 0.. {
            let raise = AlertRaise {
                elder: elder.to_owned(),
                kind: "button".to_owned(),
                cause: Some(format!("{cause}-{number}")),
                ..AlertRaise::default()
            };
            let alert = client.call(&raise).await?.alert;
            steps.fetch_add(1, Ordering::Relaxed);
            let facts = journal.entry(alert.clone()).or_default();
            facts.push("raised");
            for (act, fact) in ACTS {
                let act = AlertAct {
                    alert: alert.clone(),
                    act: act.to_owned(),
                    outcome: (act == "resolve").then(|| "helped".to_owned()),
                    acting: Some(acting.clone()),
                    ..AlertAct::default()
                };
                client.call(&act).await?;
                steps.fetch_add(1, Ordering::Relaxed);
                facts.push(fact);
            }
        }
        Ok(())
    });
    journal
}

/// Checks that a node has every step, and that it stands.
fn is_all_there(desk: &Desk, journal: &Journal) {
    assert!(!journal.is_empty());
    for (alert, facts) in journal {
        let show = AlertShow { alert: alert.clone() };
        let shown = at(desk, async |client| client.call(&show).await).unwrap();
        let stand = |fact: &&str| {
            let timeline = shown["view"]["timeline"].as_array().unwrap().iter();
            let mut of_kind = timeline.filter(|entry| entry["body"]["kind"] == **fact);
            of_kind.any(|entry| entry["not_standing"] == Value::Null)
        };
        let lost: Vec<_> = facts.iter().filter(|fact| !stand(fact)).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?} of {shown}");
    }
}

/// Speaks to a node. What it refuses fails the test; that it is gone does not.
fn at<T>(
    desk: &Desk,
    speak: impl AsyncFnOnce(&Client) -> Result<T, ClientError>,
) -> Result<T, ClientError> {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let spoken = runtime.block_on(async {
        let client = Client::connect(&desk.data().join("control.sock")).await?;
        speak(&client).await
    });
    match spoken {
        Err(ClientError::Refused(refusal)) => panic!("refused: {refusal:?}"),
        spoken => spoken,
    }
}
