//! Connecting, refusing, replacing, coming back.

use std::time::Duration;

use linli_net::{
    DialFailure, DialPolicy, DisconnectReason, NetError, NetEvent, PeerPath, RefusalReason, start,
};

use crate::relay::{behind, relay};
use crate::support::{LIMIT, config, id, members, node, node_again, pair, reaches, until};

#[tokio::test]
async fn both_sides_get_the_same_secret_and_only_one_dialled() {
    let mut a = node(config(1, &[1, 2])).await;
    let mut b = node(config(2, &[1, 2])).await;
    a.dial(&b);
    let (secret_a, a_dialled) = a.connected().await;
    let (secret_b, b_dialled) = b.connected().await;
    assert_eq!(secret_a, secret_b);
    assert_ne!(secret_a, [0; 32]);
    assert!(a_dialled && !b_dialled);
    let status = a.status(id(2)).connected.unwrap();
    assert_eq!(status.path, PeerPath::Direct(b.net.bound_addresses()[0]));
    assert!(status.bytes_sent > 0 && status.bytes_received > 0);
}

#[tokio::test]
async fn each_connection_has_its_own_secret() {
    let mut a = node(config(1, &[1, 2])).await;
    let mut b = node(config(2, &[1, 2])).await;
    a.dial(&b);
    a.connected().await;
    let (first, _) = b.connected().await;
    a.net.disconnect(id(2));
    assert_eq!(a.disconnected().await, DisconnectReason::Local);
    b.disconnected().await;
    let (second, _) = b.connected().await;
    assert_ne!(first, second);
}

#[tokio::test]
async fn a_stranger_is_refused_before_any_byte_and_backs_off() {
    let mut a = node(config(1, &[1])).await;
    let mut b = node(config(2, &[1, 2])).await;
    b.dial(&a);
    let refused = a
        .wait(|event| match event {
            NetEvent::Refused { endpoint, reason, count } => Some((endpoint, reason, count)),
            NetEvent::Connected { .. } | NetEvent::Frame { .. } => panic!("a stranger got in"),
            _ => None,
        })
        .await;
    assert_eq!(refused, (id(2), RefusalReason::NotMember, 1));
    let words = b
        .wait(|event| match event {
            NetEvent::RefusedBy { peer, words } if peer == id(1) => Some(words),
            NetEvent::Connected { .. } => panic!("the stranger took it for a connection"),
            _ => None,
        })
        .await;
    assert!(words.contains("not a member"), "{words}");
    let status = b.status(id(1));
    assert!(matches!(status.last_failure, Some(DialFailure::Refused { .. })));
    assert!(status.retry_in.unwrap() > Duration::from_secs(10), "{:?}", status.retry_in);
    assert_eq!(a.net.refused_total(), 1);

    // Enrolled meanwhile: it need not wait for the back-off.
    a.net.set_members(members(&[1, 2]));
    b.net.dial_now(id(1));
    a.connected().await;
    b.connected().await;
}

#[tokio::test]
async fn a_removed_member_is_disconnected() {
    let (mut a, mut b) = pair().await;
    a.net.set_members(members(&[1]));
    assert_eq!(a.disconnected().await, DisconnectReason::NotMember);
    assert!(matches!(b.disconnected().await, DisconnectReason::RefusedByPeer { .. }));
    assert!(a.net.peers().is_empty());
}

#[tokio::test]
async fn a_peer_that_restarts_is_connected_again() {
    let mut a = node(config(1, &[1, 2])).await;
    let mut b = config(2, &[1, 2]);
    // An address of its own, so that no other test takes the port meanwhile.
    b.bind = Some("127.0.0.2:0".parse().unwrap());
    let mut b = node(b).await;
    a.dial(&b);
    a.connected().await;
    b.connected().await;
    let address = b.net.bound_addresses()[0];
    b.net.shutdown().await;
    drop(b);
    assert_eq!(a.disconnected().await, DisconnectReason::Shutdown);
    let mut again = config(2, &[1, 2]);
    again.bind = Some(address);
    let mut b = node_again(again).await;
    reaches(&mut a, &mut b).await;
}

#[tokio::test]
async fn a_peer_that_comes_back_elsewhere_is_found_at_its_told_address() {
    let (mut a, b) = pair().await;
    b.net.shutdown().await;
    a.disconnected().await;
    let b = node(config(2, &[1, 2])).await;
    a.dial(&b);
    a.connected().await;
    assert_eq!(
        a.status(id(2)).connected.unwrap().path,
        PeerPath::Direct(b.net.bound_addresses()[0])
    );
}

#[tokio::test]
async fn two_that_dial_at_once_end_with_one_connection() {
    for round in 0..5_u8 {
        let (low, high) = (10 + 2 * round, 11 + 2 * round);
        let mut a = node(config(low, &[low, high])).await;
        let mut b = node(config(high, &[low, high])).await;
        a.dial(&b);
        b.dial(&a);
        // A marked frame each way proves that both ends stand on the same connection.
        let mut got = (false, false);
        let (mut last_a, mut last_b) = (None, None);
        tokio::time::timeout(LIMIT, async {
            while got != (true, true) || last_a != last_b {
                tokio::select! {
                    event = a.events.recv() => match event.unwrap() {
                        NetEvent::Connected { connection_secret, .. } => {
                            last_a = Some(connection_secret);
                            got.1 = false;
                            let _ = a.net.try_send(&id(high), linli_net::Lane::Normal, vec![1]);
                        }
                        NetEvent::Frame { .. } => got.0 = true,
                        _ => {}
                    },
                    event = b.events.recv() => match event.unwrap() {
                        NetEvent::Connected { connection_secret, .. } => {
                            last_b = Some(connection_secret);
                            got.0 = false;
                            let _ = b.net.try_send(&id(low), linli_net::Lane::Normal, vec![2]);
                        }
                        NetEvent::Frame { .. } => got.1 = true,
                        _ => {}
                    },
                }
            }
        })
        .await
        .expect("both settle on one connection");
        let (at_a, at_b) = (a.status(b.id()), b.status(a.id()));
        let (at_a, at_b) = (at_a.connected.unwrap(), at_b.connected.unwrap());
        assert_ne!(at_a.initiator, at_b.initiator, "one connection has one dialler");
    }
}

#[tokio::test]
async fn a_port_in_use_is_said_so() {
    let a = node(config(1, &[])).await;
    let mut second = config(2, &[]);
    second.bind = Some(a.net.bound_addresses()[0]);
    let Err(error) = start(second).await else { panic!("two nodes on one port") };
    assert!(matches!(error, NetError::PortInUse { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_is_dialled_against_the_policy() {
    let mut a = node(config(1, &[1, 2])).await;
    let b = node(config(2, &[1, 2])).await;
    a.net.set_addresses(id(2), b.net.bound_addresses(), &[]).unwrap();
    a.net.set_dial_policy(DialPolicy::Only(members(&[3])));
    a.net.dial_now(id(2));
    a.net.set_dial_policy(DialPolicy::Only(members(&[2])));
    a.connected().await;
    assert_eq!(a.status(id(2)).failures, 0);
}

#[tokio::test]
async fn dropping_the_events_stops_the_network() {
    let (a, mut b) = pair().await;
    drop(a.events);
    assert_eq!(b.disconnected().await, DisconnectReason::Shutdown);
    // It answers no longer, rather than waiting for an actor that is gone.
    a.net.shutdown().await;
    assert!(a.net.peers().is_empty());
}

#[tokio::test]
async fn the_first_answer_after_silence_ends_the_waits_of_all() {
    let mut a = node(config(1, &[1, 2, 3])).await;
    let nobody = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    a.net.set_addresses(id(2), [nobody.local_addr().unwrap()], &[]).unwrap();
    a.net.set_dial_policy(DialPolicy::Everyone);
    until(|| a.net.peers().iter().any(|peer| peer.failures > 0)).await;
    let c = node(config(3, &[1, 2, 3])).await;
    a.dial(&c);
    a.connected().await;
    until(|| a.status(id(2)).failures == 0).await;
    until(|| a.status(id(2)).dialing).await;
}

#[tokio::test]
async fn those_who_are_neither_related_nor_near_are_dialled_for_want_of_a_carrier_only() {
    let (_server, url) = relay().await;
    let all = [71, 72, 73, 74];
    let through = |seed| {
        let mut config = behind(&url, "key", seed, &all);
        config.dial = DialPolicy::Nobody;
        config
    };
    let mut me = node(through(71)).await;
    let [related, carrier, stranger] =
        [node(through(72)).await, node(through(73)).await, node(through(74)).await];
    let related_only = DialPolicy::Related { related: members(&[72]), carriers: members(&[73]) };
    me.net.set_dial_policy(related_only);
    let known = |id| me.net.peers().iter().any(|peer| peer.peer == id);
    until(|| [&related, &carrier, &stranger].iter().all(|node| known(node.id()))).await;
    until(|| {
        me.status(related.id()).connected.is_some() && me.status(carrier.id()).connected.is_some()
    })
    .await;
    // There is a carrier: whoever else is at the relay is left alone, until there is none.
    let before = me.status(stranger.id());
    assert!(before.connected.is_none() && !before.dialing && before.failures == 0, "{before:?}");
    carrier.net.shutdown().await;
    until(|| me.status(stranger.id()).connected.is_some()).await;
    reaches(&mut me, &mut { stranger }).await;
}
