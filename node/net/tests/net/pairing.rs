//! The pairing transport.

use linli_net::{MAX_PAIR_FRAME_BYTES, NetEvent, PairError, PairStream, PairTarget, RefusalReason};

use crate::support::{LIMIT, Node, config, id, node};

fn target(inviter: &Node) -> PairTarget {
    PairTarget {
        id: inviter.id(),
        addresses: inviter.net.bound_addresses().into_iter().collect(),
        relays: Vec::new(),
    }
}

async fn incoming(inviter: &mut Node) -> PairStream {
    inviter
        .wait(|event| match event {
            NetEvent::Pairing(stream) => Some(stream),
            _ => None,
        })
        .await
}

/// Neither is a member of anything.
async fn paired() -> (Node, Node, PairStream, PairStream) {
    let mut inviter = node(config(1, &[])).await;
    let joiner = node(config(2, &[])).await;
    inviter.net.offer_pairing(true);
    let ours = joiner.net.pair_dial(&target(&inviter)).await.unwrap();
    let theirs = incoming(&mut inviter).await;
    (inviter, joiner, ours, theirs)
}

#[tokio::test]
async fn both_ends_hold_the_same_secret_and_each_others_id() {
    let (_inviter, _joiner, mut ours, mut theirs) = paired().await;
    assert_eq!(ours.secret(), theirs.secret());
    assert_ne!(ours.secret().0, [0; 32]);
    assert_eq!((ours.remote(), theirs.remote()), (id(1), id(2)));
    assert!(ours.initiator() && !theirs.initiator());

    ours.send(b"hello").await.unwrap();
    ours.send(b"").await.unwrap();
    assert_eq!(theirs.receive(LIMIT).await.unwrap().unwrap(), b"hello");
    assert_eq!(theirs.receive(LIMIT).await.unwrap().unwrap(), b"");
    let big = vec![7; MAX_PAIR_FRAME_BYTES];
    theirs.send(&big).await.unwrap();
    assert_eq!(ours.receive(LIMIT).await.unwrap().unwrap(), big);
    let (finished, end) = tokio::join!(ours.finish(), theirs.receive(LIMIT));
    finished.unwrap();
    assert_eq!(end.unwrap(), None);
}

#[tokio::test]
async fn a_frame_over_the_cap_is_not_sent() {
    let (_inviter, _joiner, mut ours, _theirs) = paired().await;
    let error = ours.send(&vec![0; MAX_PAIR_FRAME_BYTES + 1]).await.unwrap_err();
    assert!(matches!(error, PairError::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn without_an_offer_pairing_is_refused_in_words() {
    let mut inviter = node(config(1, &[2])).await;
    let joiner = node(config(2, &[1])).await;
    let error = joiner.net.pair_dial(&target(&inviter)).await.unwrap_err();
    let PairError::Refused { words } = error else { panic!("{error}") };
    assert!(words.contains("pairing is not open"), "{words}");
    let reason = inviter
        .wait(|event| match event {
            NetEvent::Refused { reason, .. } => Some(reason),
            NetEvent::Pairing(_) => panic!("pairing was closed"),
            _ => None,
        })
        .await;
    assert_eq!(reason, RefusalReason::PairingClosed);
}

#[tokio::test]
async fn a_refusal_reaches_the_joiner_in_words() {
    let (_inviter, _joiner, mut ours, theirs) = paired().await;
    theirs.refuse("the code was used already");
    let error = ours.receive(LIMIT).await.unwrap_err();
    assert!(error.to_string().contains("used already"), "{error}");
}

#[tokio::test]
async fn only_a_few_pairings_at_once() {
    let (mut inviter, joiner, first, first_in) = paired().await;
    let mut streams = vec![(first, first_in)];
    while streams.len() < 4 {
        let ours = joiner.net.pair_dial(&target(&inviter)).await.unwrap();
        streams.push((ours, incoming(&mut inviter).await));
    }
    let error = joiner.net.pair_dial(&target(&inviter)).await.unwrap_err();
    assert!(error.to_string().contains("try again later"), "{error}");
    streams.clear();
    let again = joiner.net.pair_dial(&target(&inviter)).await.unwrap();
    assert_eq!(again.remote(), id(1));
}
