//! What the carrier keeps for those who are away.

use std::time::{SystemTime, UNIX_EPOCH};

use linli_relay::Options;
use linli_replica::id::Timestamp;
use linli_replica::replica::{Input, Policy};

use crate::community::{ENDS, RELAY, SPACE, alert, certificates, enrolled, log, node, notice};
use crate::home::{Running, home, options, record};
use crate::member::{Member, config, waiting};

#[tokio::test(flavor = "multi_thread")]
async fn members_who_never_meet_exchange_entries() {
    let all = certificates(&[1, 2]);
    let home = home(all.clone());
    let relay = Running::on(&home).await;

    let mut writer = Member::of(1, &relay.addresses, all.clone()).await;
    writer.input(Input::Want(SPACE));
    let written = log(1, 20, 1_000);
    writer.write(&written);
    writer.receipted(&written).await;
    writer.stop().await;

    let mut reader = Member::of(2, &relay.addresses, all).await;
    reader.input(Input::Want(SPACE));
    reader.learns("the entries come", |told| told.holds(&written)).await;

    let answer = log(2, 1, 300);
    reader.write(&answer);
    reader.receipted(&answer).await;
    assert_eq!(relay.status().await["held"]["entries"], 21);
    reader.stop().await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_not_of_the_space_gets_nothing_of_it() {
    let all = certificates(&[1, 2]);
    let home = home(all.clone());
    let relay = Running::on(&home).await;
    let mut writer = Member::of(1, &relay.addresses, all.clone()).await;
    writer.input(Input::Want(SPACE));
    let written = log(1, 1, 300);
    writer.write(&written);
    writer.receipted(&written).await;

    let mut other = Member::of(2, &relay.addresses, all).await;
    let news = notice(1);
    writer.certify(news.clone());
    other.learns("the notice comes", |told| told.certificates.contains(&news.id())).await;
    other.learns("they compare", |told| told.synced.contains(&node(RELAY))).await;
    assert!(other.now(|told| told.held.is_empty()));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_entries_certificates_and_quotas() {
    let all = certificates(&[1, 2]);
    let home = home(all.clone());
    let relay = Running::on(&home).await;
    let mut writer = Member::of(1, &relay.addresses, all.clone()).await;
    writer.input(Input::Want(SPACE));
    let (written, news) = (log(1, 5, 1_000), notice(1));
    writer.certify(news.clone());
    writer.write(&written);
    writer.receipted(&written).await;
    writer.stop().await;
    let before = relay.status().await;
    relay.stop().await;

    let relay = Running::on(&home).await;
    let after = relay.status().await;
    assert_eq!(after["held"], before["held"]);
    assert_eq!(after["held"]["entries"], 5);
    let used = |status: &serde_json::Value| {
        let peers = status["peers"].as_array().unwrap();
        let peer = peers.iter().find(|peer| peer["node"] == node(1).to_string()).unwrap();
        peer["bytes"].as_u64().unwrap()
    };
    assert!(used(&before) > 5_000);
    assert_eq!(after["quota"]["community_used"], before["quota"]["community_used"]);
    assert_eq!(used(&after), used(&before));

    let mut reader = Member::of(2, &relay.addresses, all).await;
    reader.input(Input::Want(SPACE));
    reader.learns("the entries come", |told| told.holds(&written)).await;
    reader.learns("the notice comes", |told| told.certificates.contains(&news.id())).await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_quota_of_the_community_lets_alerts_pass() {
    let all = certificates(&[1]);
    let home = home(all.clone());
    let policy = Policy { community_bytes: 6_000, ..Policy::CARRIER };
    let relay = Running::start(Options { policy, ..options(home.path()) }).await;
    let mut member = Member::of(1, &relay.addresses, all).await;
    member.input(Input::Want(SPACE));
    let written = log(1, 2, 4_000);
    member.write(&written[..1]);
    member.receipted(&written[..1]).await;
    member.write(&written[1..]);
    relay.shows(|status| status["quota"]["refused"].as_u64() > Some(0)).await;
    let alert = alert(1, 4_096);
    member.write(&alert);
    member.receipted(&alert).await;
    let status = relay.status().await;
    assert_eq!(status["held"]["entries"], 2);
    assert!(status["quota"]["community_used"].as_u64() > Some(6_000));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_up_quota_refuses_one_member_and_serves_the_others() {
    let all = certificates(&[1, 2]);
    let home = home(all.clone());
    let policy = Policy { quota_bytes: 6_000, ..Policy::CARRIER };
    let relay = Running::start(Options { policy, ..options(home.path()) }).await;
    let mut greedy = Member::of(1, &relay.addresses, all.clone()).await;
    greedy.input(Input::Want(SPACE));
    let written = log(1, 2, 4_000);
    greedy.write(&written[..1]);
    greedy.receipted(&written[..1]).await;
    greedy.write(&written[1..]);
    relay.shows(|status| status["quota"]["refused"].as_u64() > Some(0)).await;
    assert_eq!(relay.status().await["held"]["entries"], 1);

    let mut modest = Member::of(2, &relay.addresses, all).await;
    modest.input(Input::Want(SPACE));
    let answer = log(2, 1, 4_000);
    modest.write(&answer);
    modest.receipted(&answer).await;
    modest.learns("what was kept comes", |told| told.holds(&written[..1])).await;
    assert!(!modest.now(|told| told.holds(&written[1..])));
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_whose_certificate_has_ended_extends_it() {
    let ended = Timestamp(1);
    let mut all = certificates(&[1]);
    all.retain(|certificate| !enrolled(RELAY, ENDS).contains(certificate));
    all.extend(enrolled(RELAY, ended));
    let home = home(all.clone());
    let relay = Running::on(&home).await;
    relay.shows(|status| status["carrier"] == true && status["admitted"] == true).await;
    relay.stop().await;

    let relay = Running::on(&home).await;
    assert_eq!(relay.status().await["admitted"], true, "the extension was kept");
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_extends_its_certificate_in_time_and_tells_members() {
    let day_ms = 24 * 60 * 60 * 1_000;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let soon = Timestamp(u64::try_from(since.as_millis()).unwrap()).plus_ms(30 * day_ms);
    let mut all = certificates(&[1]);
    all.retain(|certificate| !enrolled(RELAY, ENDS).contains(certificate));
    all.extend(enrolled(RELAY, soon));
    let home = home(all.clone());
    let relay = Running::on(&home).await;
    let mut member = Member::of(1, &relay.addresses, all).await;
    member
        .learns("the extension comes", |told| {
            told.ends.get(&node(RELAY)).is_some_and(|ends| ends.since_ms(soon) > 300 * day_ms)
        })
        .await;
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_dials_the_member_who_invited_it() {
    let all = certificates(&[1]);
    let home = home(all.clone());
    let mut inviter = Member::start(waiting(config(1, &[RELAY])), all).await;
    let addresses: Vec<String> =
        inviter.net.bound_addresses().iter().map(ToString::to_string).collect();
    record(&home, b"inviter", linli_replica::codec::encode(&(node(1), addresses)));
    let relay = Running::on(&home).await;
    inviter.learns("the relay dials", |told| told.connected.contains_key(&node(RELAY))).await;
    relay.stop().await;
}
