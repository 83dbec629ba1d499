//! Who is let in, at the relay server and at the carrier.

use linli_replica::id::Timestamp;
use linli_replica::replica::Input;

use crate::LIMIT;
use crate::community::{RELAY, SPACE, certificates, enrolled, expel, log, node};
use crate::home::{Running, home};
use crate::member::{Member, behind};

/// Waits until the relay says why a member is not let in.
async fn denied(member: &Member) -> String {
    let denied = async {
        loop {
            if let Some(reason) = member.net.relays().into_iter().find_map(|relay| relay.denied) {
                return reason;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, denied).await.expect("the relay denies")
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_refused_by_the_relay_and_by_the_carrier() {
    let home = home(certificates(&[1]));
    let relay = Running::on(&home).await;
    // The stranger believes itself enrolled.
    let forged = certificates(&[1, 66]);
    let mut stranger = Member::of(66, &relay.addresses, forged.clone()).await;
    stranger
        .learns("the carrier refuses", |told| {
            told.refused_by
                .iter()
                .any(|(peer, words)| *peer == node(RELAY) && words.contains("not a member"))
        })
        .await;
    assert!(stranger.now(|told| told.connected.is_empty()));
    let outside = Member::start(behind(&relay.url, 66, &[RELAY]), forged).await;
    let reason = denied(&outside).await;
    assert!(reason.contains("not enrolled"), "{reason}");
    let status = relay.status().await;
    assert!(status["relay"]["refused"].as_u64() > Some(0), "{status}");
    assert_eq!(status["held"]["entries"], 0);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_whose_certificate_has_ended_is_refused() {
    let mut all = certificates(&[1]);
    all.extend(enrolled(2, Timestamp(1)));
    let home = home(all.clone());
    let relay = Running::on(&home).await;
    let late = Member::start(behind(&relay.url, 2, &[RELAY]), all).await;
    let reason = denied(&late).await;
    assert!(reason.contains("ended"), "{reason}");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expelled_member_is_put_out_of_both() {
    let all = certificates(&[1, 2]);
    let home = home(all.clone());
    let relay = Running::on(&home).await;
    let mut expelled = Member::start(behind(&relay.url, 2, &[RELAY]), all.clone()).await;
    expelled.input(Input::Want(SPACE));
    let written = log(2, 1, 300);
    expelled.write(&written);
    expelled.receipted(&written).await;

    let officer = Member::of(1, &relay.addresses, all).await;
    officer.certify(expel(2));
    expelled.learns("the carrier ends it", |told| told.connected.is_empty()).await;
    let reason = denied(&expelled).await;
    assert!(reason.contains("expelled"), "{reason}");
    let status = relay.status().await;
    let peers = status["peers"].as_array().unwrap();
    assert!(peers.iter().all(|peer| peer["node"] != node(2).to_string()), "{status}");
    // What it wrote before stays held: how far it counts is for stewards to say.
    assert_eq!(status["held"]["entries"], 1);
    relay.stop().await;
}
