//! Frames, lanes, back-pressure.

use std::collections::BTreeSet;

use linli_net::{Backlog, Lane, MAX_FRAME_BYTES, NetEvent, SendError};

use crate::support::{LIMIT, Node, id, pair, until};

#[tokio::test]
async fn frames_of_every_size_arrive_in_order_on_every_lane() {
    let (a, mut b) = pair().await;
    let sizes = [1, 2, 255, 65_536, MAX_FRAME_BYTES];
    for lane in Lane::ALL {
        for (number, size) in sizes.into_iter().enumerate() {
            let mut frame = vec![u8::try_from(number).unwrap(); size];
            frame[0] = u8::try_from(number).unwrap();
            a.net.try_send(&id(2), lane, frame).unwrap();
        }
    }
    let mut got: Vec<(Lane, Vec<u8>)> = Vec::new();
    while got.len() < 3 * sizes.len() {
        got.push(b.frame().await);
    }
    for lane in Lane::ALL {
        let of_lane: Vec<_> = got.iter().filter(|(l, _)| *l == lane).collect();
        assert_eq!(of_lane.iter().map(|(_, f)| f.len()).collect::<Vec<_>>(), sizes);
        assert_eq!(of_lane.iter().map(|(_, f)| f[0]).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_said_so() {
    let (a, _b) = pair().await;
    assert_eq!(a.net.try_send(&id(2), Lane::Urgent, vec![]), Err(SendError::Empty));
    assert_eq!(
        a.net.try_send(&id(2), Lane::Bulk, vec![0; MAX_FRAME_BYTES + 1]),
        Err(SendError::TooLarge { bytes: MAX_FRAME_BYTES + 1 })
    );
    assert_eq!(a.net.try_send(&id(3), Lane::Bulk, vec![5]), Err(SendError::NotConnected(vec![5])));
}

#[tokio::test]
async fn urgent_overtakes_a_saturated_bulk_lane() {
    let (a, mut b) = pair().await;
    // The receiver takes nothing, so bulk fills its budget there and the queue here, and can go no further.
    let mut sent = 0;
    until(|| {
        sent = fill(&a, Lane::Bulk, sent);
        b.net.untaken_bytes(Lane::Bulk) >= 7 * MAX_FRAME_BYTES
    })
    .await;
    a.net.try_send(&id(2), Lane::Urgent, b"alert".to_vec()).unwrap();
    until(|| b.net.untaken_bytes(Lane::Urgent) > 0).await;
    assert_eq!(b.frame().await, (Lane::Urgent, b"alert".to_vec()));
    for expected in 0..sent {
        let (lane, frame) = b.frame().await;
        assert_eq!((lane, number(&frame)), (Lane::Bulk, expected), "no bulk frame is lost");
    }
}

#[tokio::test]
async fn an_owner_that_takes_nothing_for_long_keeps_its_connections() {
    let (a, mut b) = pair().await;
    let mut sent = 0;
    until(|| {
        sent = fill(&a, Lane::Urgent, sent);
        b.net.untaken_bytes(Lane::Urgent) >= 7 * MAX_FRAME_BYTES
    })
    .await;
    // Longer than the heartbeat's patience: heartbeats wait behind the urgent frames, and that is our own doing.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    for expected in 0..sent {
        let event = b.events.recv().await.unwrap();
        let NetEvent::Frame { lane, bytes, .. } = event else { panic!("{event:?}") };
        assert_eq!((lane, number(&bytes)), (Lane::Urgent, expected));
    }
    assert!(a.status(id(2)).connected.is_some());
}

#[tokio::test]
async fn a_full_lane_becomes_writable_when_the_receiver_takes() {
    let (mut a, mut b) = pair().await;
    let mut sent = 0;
    let refused = tokio::time::timeout(LIMIT, async {
        loop {
            match a.net.try_send(&id(2), Lane::Bulk, numbered(sent)) {
                Ok(()) => sent += 1,
                Err(SendError::Full(frame)) => break frame,
                Err(other) => panic!("{other}"),
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(number(&refused), sent, "the frame comes back whole");
    let taker = tokio::spawn(async move {
        for expected in 0..=sent {
            assert_eq!(number(&b.frame().await.1), expected);
        }
        b
    });
    a.wait(|event| match event {
        NetEvent::Writable { lane, .. } => {
            assert_eq!(lane, Lane::Bulk);
            Some(())
        }
        _ => None,
    })
    .await;
    a.net.try_send(&id(2), Lane::Bulk, refused).unwrap();
    tokio::time::timeout(LIMIT, taker).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_waits_for_room_goes_in_order_and_urgent_lanes_are_free_first() {
    let (mut a, mut b) = pair().await;
    let (mut backlog, frames) = (Backlog::default(), 64);
    for number in 0..frames {
        backlog.send(&a.net, id(2), Lane::Bulk, numbered(number));
    }
    assert_eq!(backlog.next_free(), None, "frames wait for the lane that was free");
    backlog.send(&a.net, id(2), Lane::Normal, b"2".to_vec());
    backlog.send(&a.net, id(2), Lane::Urgent, b"1".to_vec());
    backlog.send(&a.net, id(2), Lane::Urgent, vec![0; MAX_FRAME_BYTES + 1]);
    let free = [(); 3].map(|()| backlog.next_free());
    assert_eq!(free, [Some((id(2), Lane::Urgent)), Some((id(2), Lane::Normal)), None]);
    let taker = tokio::spawn(async move {
        let mut next = 0;
        while next < frames {
            let (lane, frame) = b.frame().await;
            if lane == Lane::Bulk {
                assert_eq!(number(&frame), next);
                next += 1;
            }
        }
    });
    let mut free = BTreeSet::new();
    while !free.contains(&(id(2), Lane::Bulk)) {
        let lane = a.wait(|event| match event {
            NetEvent::Writable { lane, .. } => Some(lane),
            _ => None,
        });
        let lane = lane.await;
        backlog.writable(&a.net, id(2), lane);
        free.extend(std::iter::from_fn(|| backlog.next_free()));
    }
    tokio::time::timeout(LIMIT, taker).await.unwrap().unwrap();
    backlog.send(&a.net, id(2), Lane::Bulk, numbered(frames));
    backlog.forget(&id(2));
    assert!(!backlog.has_free(), "what is gone is not sent to");
}

/// Sends numbered frames until one waits in the queue; hands back the next number.
fn fill(sender: &Node, lane: Lane, mut next: u32) -> u32 {
    while sender.status(id(2)).connected.unwrap().bytes_queued < MAX_FRAME_BYTES {
        sender.net.try_send(&id(2), lane, numbered(next)).unwrap();
        next += 1;
    }
    next
}

fn numbered(number: u32) -> Vec<u8> {
    let mut frame = vec![0; MAX_FRAME_BYTES];
    frame[..4].copy_from_slice(&number.to_be_bytes());
    frame
}

fn number(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[..4].try_into().unwrap())
}
