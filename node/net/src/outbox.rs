//! The bounded outgoing queue of one lane of one connection.

use std::{collections::VecDeque, sync::Mutex};

use tokio::sync::Notify;

use crate::{limits::FRAME_OVERHEAD_BYTES, sync::locked};

/// Why a frame was not queued; the frame comes back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PushError {
    /// No room; whoever pushed is told when there is.
    Full(Vec<u8>),
    /// The connection has ended.
    Closed(Vec<u8>),
}

/// A frame to write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Next {
    pub(crate) frame: Vec<u8>,
    /// Half the queue is free again, and somebody was turned away before.
    pub(crate) writable: bool,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Vec<u8>>,
    bytes: usize,
    turned_away: bool,
    closed: bool,
}

/// Bounded queue: one side pushes without waiting, a writer task takes.
#[derive(Debug)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    filled: Notify,
    capacity_bytes: usize,
}

impl Outbox {
    pub(crate) fn new(capacity_bytes: usize) -> Self {
        Self { state: Mutex::default(), filled: Notify::new(), capacity_bytes }
    }

    /// Queues a frame, or hands it back.
    pub(crate) fn push(&self, frame: Vec<u8>) -> Result<(), PushError> {
        let mut state = locked(&self.state);
        if state.closed {
            return Err(PushError::Closed(frame));
        }
        let charge = frame.len() + FRAME_OVERHEAD_BYTES;
        if !state.frames.is_empty() && state.bytes + charge > self.capacity_bytes {
            state.turned_away = true;
            return Err(PushError::Full(frame));
        }
        state.bytes += charge;
        state.frames.push_back(frame);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    fn pop(&self) -> Option<Next> {
        let mut state = locked(&self.state);
        let frame = state.frames.pop_front()?;
        state.bytes = state.bytes.saturating_sub(frame.len() + FRAME_OVERHEAD_BYTES);
        let writable = state.turned_away && state.bytes <= self.capacity_bytes / 2;
        if writable {
            state.turned_away = false;
        }
        Some(Next { frame, writable })
    }

    /// Waits for the next frame. Cancel-safe; one taker only.
    pub(crate) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.pop() {
                return next;
            }
            self.filled.notified().await;
        }
    }

    /// Bytes waiting to be written.
    pub(crate) fn queued_bytes(&self) -> usize {
        locked(&self.state).bytes
    }

    /// Drops what is queued and refuses more.
    pub(crate) fn close(&self) {
        let mut state = locked(&self.state);
        state.closed = true;
        state.frames.clear();
        state.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_hands_back_and_reports_room_once() {
        let outbox = Outbox::new(300);
        for _ in 0..3 {
            outbox.push(vec![0; 36]).unwrap();
        }
        assert_eq!(outbox.queued_bytes(), 300);
        assert_eq!(outbox.push(vec![7]), Err(PushError::Full(vec![7])));
        assert!(!outbox.pop().unwrap().writable, "200 of 300 bytes are still taken");
        assert!(outbox.pop().unwrap().writable);
        assert!(!outbox.pop().unwrap().writable, "told once");
        assert_eq!(outbox.pop(), None);
        assert_eq!(outbox.queued_bytes(), 0);
    }

    #[test]
    fn an_empty_queue_takes_any_one_frame() {
        let outbox = Outbox::new(10);
        outbox.push(vec![0; 1000]).unwrap();
        assert_eq!(outbox.push(vec![]), Err(PushError::Full(vec![])));
    }

    #[test]
    fn a_closed_queue_keeps_nothing() {
        let outbox = Outbox::new(1000);
        outbox.push(vec![1]).unwrap();
        outbox.close();
        assert_eq!(outbox.pop(), None);
        assert_eq!(outbox.push(vec![2]), Err(PushError::Closed(vec![2])));
    }

    #[tokio::test]
    async fn the_taker_wakes_for_a_late_frame() {
        let outbox = std::sync::Arc::new(Outbox::new(1000));
        let taker = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.next().await.frame }
        });
        tokio::task::yield_now().await;
        outbox.push(vec![9]).unwrap();
        assert_eq!(taker.await.unwrap(), vec![9]);
    }
}
