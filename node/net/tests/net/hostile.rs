//! Members that break the protocol: refused with a reason, and the node lives on.

use linli_net::{DisconnectReason, Lane, MAX_FRAME_BYTES, code};

use crate::support::{Node, Rogue, close_code, config, id, node};

async fn target() -> Node {
    node(config(1, &[1, 2, 3])).await
}

/// An honest member still gets through.
async fn lives_on(node_under_attack: &mut Node) {
    let mut honest = node(config(3, &[1, 3])).await;
    honest.dial(node_under_attack);
    honest.connected().await;
    node_under_attack.connected().await;
    honest.net.try_send(&id(1), Lane::Urgent, vec![9]).unwrap();
    assert_eq!(node_under_attack.frame().await, (Lane::Urgent, vec![9]));
}

#[tokio::test]
async fn an_oversize_frame_is_refused_at_its_length() {
    let mut target = target().await;
    let rogue = Rogue::new(2).await;
    let (connection, mut lanes) = rogue.open(&target).await;
    target.connected().await;
    let announced = u32::try_from(MAX_FRAME_BYTES).unwrap() + 1;
    lanes[1].write_all(&announced.to_be_bytes()).await.unwrap();
    assert_eq!(
        target.disconnected().await,
        DisconnectReason::FrameTooLarge {
            lane: Lane::Normal,
            announced_bytes: MAX_FRAME_BYTES + 1
        }
    );
    assert_eq!(close_code(&connection).await, u64::from(code::TOO_LARGE));
    lives_on(&mut target).await;
}

#[tokio::test]
async fn the_largest_length_there_is_costs_nothing() {
    let mut target = target().await;
    let rogue = Rogue::new(2).await;
    let (_connection, mut lanes) = rogue.open(&target).await;
    target.connected().await;
    lanes[0].write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    assert!(matches!(target.disconnected().await, DisconnectReason::FrameTooLarge { .. }));
    lives_on(&mut target).await;
}

#[tokio::test]
async fn a_lane_that_does_not_exist_is_refused() {
    let mut target = target().await;
    let rogue = Rogue::new(2).await;
    let connection = rogue.connect(&target).await;
    let mut stream = connection.open_uni().await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    assert_eq!(close_code(&connection).await, u64::from(code::GARBAGE));
    lives_on(&mut target).await;
}

#[tokio::test]
async fn a_lane_opened_twice_is_refused() {
    let mut target = target().await;
    let rogue = Rogue::new(2).await;
    let connection = rogue.connect(&target).await;
    for _ in 0..2 {
        let mut stream = connection.open_uni().await.unwrap();
        stream.write_all(&[1]).await.unwrap();
    }
    assert_eq!(close_code(&connection).await, u64::from(code::GARBAGE));
    lives_on(&mut target).await;
}

#[tokio::test]
async fn a_lane_that_ends_inside_a_frame_is_garbage() {
    let mut target = target().await;
    let rogue = Rogue::new(2).await;
    let (connection, mut lanes) = rogue.open(&target).await;
    target.connected().await;
    lanes[2].write_all(&[0, 0, 0, 10, 1, 2, 3]).await.unwrap();
    lanes[2].finish().unwrap();
    assert!(matches!(target.disconnected().await, DisconnectReason::Garbage { .. }));
    assert_eq!(close_code(&connection).await, u64::from(code::GARBAGE));
    lives_on(&mut target).await;
}

#[tokio::test]
async fn an_empty_frame_is_a_heartbeat_on_urgent_and_garbage_elsewhere() {
    let mut target = target().await;
    let rogue = Rogue::new(2).await;
    let (_connection, mut lanes) = rogue.open(&target).await;
    target.connected().await;
    lanes[0].write_all(&[0; 4]).await.unwrap();
    lanes[0].write_all(&[0, 0, 0, 1, 42]).await.unwrap();
    assert_eq!(target.frame().await, (Lane::Urgent, vec![42]));
    lanes[2].write_all(&[0; 4]).await.unwrap();
    assert!(matches!(target.disconnected().await, DisconnectReason::Garbage { .. }));
}

#[tokio::test]
async fn a_member_that_falls_silent_is_given_up() {
    let mut target = target().await;
    let rogue = Rogue::new(2).await;
    // QUIC itself answers and keeps the connection alive; only the heartbeats are missing.
    let (connection, _lanes) = rogue.open(&target).await;
    target.connected().await;
    assert_eq!(target.disconnected().await, DisconnectReason::Silent);
    assert_eq!(close_code(&connection).await, u64::from(code::SILENT));
}

#[tokio::test]
async fn last_frames_before_an_end_are_not_lost() {
    let mut target = target().await;
    let rogue = Rogue::new(2).await;
    let (_connection, mut lanes) = rogue.open(&target).await;
    target.connected().await;
    lanes[0].write_all(&[0, 0, 0, 1, 42, 0, 0, 0]).await.unwrap();
    lanes[0].finish().unwrap();
    assert_eq!(target.frame().await, (Lane::Urgent, vec![42]));
    assert!(matches!(target.disconnected().await, DisconnectReason::Garbage { .. }));
}
