//! Where relays are, as a function of the certificates.

use linli_replica::certificate::{Act, Certificate};
use linli_replica::directory::Directory;
use linli_replica::id::Timestamp;
use linli_replica::relays::{RelayTold, TOPIC, notice, published_by, relays};

use crate::community::{Community, ENDS, node};

fn told(url: &str) -> RelayTold {
    RelayTold { url: url.into(), quic_port: None, pin: None }
}

/// What a node says at some time of its relays.
fn says(community: &Community, number: u8, at: u64, urls: &[&str]) -> Certificate {
    let relays = urls.iter().map(|url| told(url)).collect();
    community.says(number, at, notice(node(number), relays))
}

/// The relays in a directory of these certificates, whatever the order they came in.
fn urls(community: &Community, certificates: &[Certificate], now: Timestamp) -> Vec<String> {
    let list = |certificates: Vec<Certificate>| {
        let mut directory = Directory::new(community.genesis.clone()).unwrap();
        for certificate in certificates {
            directory.add([certificate]);
        }
        relays(&directory, now).into_iter().map(|(_, told)| told.url).collect::<Vec<_>>()
    };
    let found = list(certificates.to_vec());
    assert_eq!(found, list(certificates.iter().rev().cloned().collect()));
    found
}

const NOW: Timestamp = Timestamp(10);

#[test]
fn what_a_carrier_said_last_counts_while_it_is_a_member() {
    let community = Community::new("North");
    let mut all = community.member(1, true).to_vec();
    all.extend(community.member(2, true));
    all.extend([
        says(&community, 1, 3, &["https://old.example"]),
        says(&community, 1, 5, &["https://a.example", "http://10.0.0.2:3340"]),
        says(&community, 2, 4, &["https://b.example"]),
    ]);
    let expected = ["https://a.example", "https://b.example", "http://10.0.0.2:3340"];
    assert_eq!(urls(&community, &all, NOW), expected);
    assert_eq!(urls(&community, &all, Timestamp(ENDS.0 + 1)), Vec::<String>::new());
    all.push(community.expel(1));
    assert_eq!(urls(&community, &all, NOW), ["https://b.example"]);
    all.push(says(&community, 2, 6, &[]));
    assert_eq!(urls(&community, &all, NOW), Vec::<String>::new());
}

#[test]
fn who_is_no_carrier_names_no_relay_and_nobody_speaks_for_another() {
    let community = Community::new("North");
    let mut all = community.member(1, true).to_vec();
    all.extend(community.member(2, false));
    all.extend([
        says(&community, 1, 3, &["https://a.example"]),
        says(&community, 2, 4, &["https://home.example"]),
        // In the carrier's name, by the home.
        community.says(2, 5, notice(node(1), vec![told("https://home.example")])),
    ]);
    assert_eq!(urls(&community, &all, NOW), ["https://a.example"]);
    // What cannot be read hides no other carrier's, and nothing of before comes back.
    all.extend(community.member(3, true));
    all.push(says(&community, 3, 5, &["https://c.example"]));
    let body = b"no notice".to_vec().into();
    all.push(community.says(3, 6, Act::Notice { node: node(3), topic: TOPIC.into(), body }));
    assert_eq!(urls(&community, &all, NOW), ["https://a.example"]);
}

#[test]
fn more_relays_than_a_node_uses_are_left_out_alike_everywhere() {
    let community = Community::new("North");
    let mut all = Vec::new();
    for number in 1..=6 {
        all.extend(community.member(number, true));
        let (one, other) =
            (format!("https://a{number}.example"), format!("https://b{number}.example"));
        all.push(says(&community, number, u64::from(number), &[&one, &other]));
    }
    let found = urls(&community, &all, NOW);
    assert_eq!(found.len(), 8);
    assert_eq!(
        (found[0].as_str(), found[7].as_str()),
        ("https://a6.example", "https://b5.example"),
        "each party's latest, then what else there is"
    );
    // Who dates a notice ahead gets no place by it.
    let ahead = says(&community, 1, NOW.0 + 601_000, &["https://ahead.example"]);
    all.push(ahead);
    assert!(!urls(&community, &all, NOW).contains(&"https://ahead.example".to_owned()));
    let mut directory = Directory::new(community.genesis).unwrap();
    directory.add(all);
    assert_eq!(published_by(&directory, &node(2)).unwrap().len(), 2);
    assert_eq!(published_by(&directory, &node(7)), None);
}
