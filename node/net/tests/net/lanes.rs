//! Frames, lanes, back-pressure.

use linli_net::{Lane, MAX_FRAME_BYTES, NetEvent, SendError};

use crate::support::{LIMIT, id, pair};

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
    // The receiver takes nothing, so bulk fills its budget, the window and the queue until nothing moves. The queue
    // is full for good once it stays full while the sender's own tasks have had every chance to drain it: that is
    // when a frame sent on the normal lane has come back, which travels behind nothing.
    let mut sent = 0_u32;
    let mut fill = || {
        while a.net.try_send(&id(2), Lane::Bulk, numbered(sent)).is_ok() {
            sent += 1;
        }
        sent
    };
    let capacity_frames = 8 + 2 + 4;
    tokio::time::timeout(LIMIT, async {
        while fill() < capacity_frames - 2 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    a.net.try_send(&id(2), Lane::Urgent, b"alert".to_vec()).unwrap();
    let queued = fill();
    let mut before = 0;
    loop {
        let (lane, frame) = b.frame().await;
        if lane == Lane::Urgent {
            assert_eq!(frame, b"alert");
            break;
        }
        before += 1;
    }
    assert!(before < queued / 2, "{before} of {queued} bulk frames came before the alert");
    let mut expected = before;
    while expected < queued {
        let (lane, frame) = b.frame().await;
        assert_eq!((lane, number(&frame)), (Lane::Bulk, expected), "no bulk frame is lost");
        expected += 1;
    }
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

fn numbered(number: u32) -> Vec<u8> {
    let mut frame = vec![0; MAX_FRAME_BYTES];
    frame[..4].copy_from_slice(&number.to_be_bytes());
    frame
}

fn number(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[..4].try_into().unwrap())
}
