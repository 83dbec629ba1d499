//! Who called in: what nobody has seen to outlives a restart, sealed as all that a node keeps for itself.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use linli_model::phone;
use linli_model::private::Private;
use linli_replica::batch::{Record, Shelf};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::api::calls::CallOwner;
use crate::node::{Node, now};

/// The longest number that is kept, in characters: 20 digits as people write them.
pub(crate) const NUMBER_CHARS_MAX: usize = 32;

/// Calls that are kept: a bad night's at a large centre.
const CALLS_MAX: usize = 128;

/// Who calls again within this time is one call.
const AGAIN_MS: u64 = 2 * 60_000;

/// For how long a call rings: nobody says when a caller hangs up, and few let it ring for longer.
const RINGS: Duration = Duration::from_secs(60);

/// How long a call that somebody saw to is kept: two shifts.
const KEPT: Duration = Duration::from_secs(16 * 60 * 60);

/// The key of the record, which is one for all.
const KEY: &[u8] = b"callers";

/// A call as it is written down: one that nobody has seen to.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: Uuid,
    number: Option<Private>,
    first_ms: u64,
    last_ms: u64,
    times: u32,
    is_known: bool,
    owner: Option<CallOwner>,
    elder: Option<Uuid>,
    alert: Option<Uuid>,
}

impl Kept {
    fn of(call: &Caller) -> Self {
        let Caller { id, first_ms, last_ms, times, is_known, elder, alert, .. } = *call;
        let (number, owner) = (call.number.clone(), call.owner.clone());
        Self { id, number, first_ms, last_ms, times, is_known, owner, elder, alert }
    }

    /// As it is after a restart: it rings no more.
    fn back(self) -> Caller {
        let Self { id, number, first_ms, last_ms, times, is_known, owner, elder, alert } = self;
        Caller {
            id,
            number,
            first_ms,
            last_ms,
            times,
            is_known,
            called: None,
            hung_up: false,
            owner,
            elder,
            alert,
            done: false,
        }
    }
}

/// A call.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) id: Uuid,
    /// None where it is not shown.
    pub(crate) number: Option<Private>,
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
    pub(crate) times: u32,
    /// Somebody was known by this number when it called.
    is_known: bool,
    /// When it last called, by the clock that is never set; none: before this start.
    called: Option<Instant>,
    /// The caller hung up, as the telephone system says.
    pub(crate) hung_up: bool,
    /// Who takes it.
    pub(crate) owner: Option<CallOwner>,
    /// Who it is, as an operator says.
    pub(crate) elder: Option<Uuid>,
    /// The alert that was raised for it.
    pub(crate) alert: Option<Uuid>,
    /// Whoever took it has seen to it.
    pub(crate) done: bool,
}

impl Caller {
    /// Whether it rings, and nobody takes it.
    pub(crate) fn rings(&self) -> bool {
        let rings = self.called.is_some_and(|called| called.elapsed() < RINGS);
        self.owner.is_none() && !self.hung_up && rings
    }

    /// What makes room first: what was seen to, then who is nobody's.
    const fn worth(&self) -> (bool, bool, bool) {
        (!self.done, self.is_known || self.elder.is_some(), self.owner.is_some())
    }
}

/// Who called in, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    calls: VecDeque<Caller>,
    /// What is written down is not what is kept.
    changed: bool,
    /// Counts up with every call.
    pub(crate) revision: u64,
    /// Calls that made room for others, since the start.
    dropped: u64,
    /// Calls of which too many came at once to be noted, since the start.
    pub(crate) untold: Arc<AtomicU64>,
}

impl Callers {
    /// Calls that are not shown, since the start: there were too many.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.saturating_add(self.untold.load(Ordering::Relaxed))
    }

    /// Begins with what nobody had seen to before this start; what is damaged is not known any more.
    pub(crate) fn load(own: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let value = own.iter().find(|(key, _)| key == KEY).map(|(_, value)| value);
        let kept = value.and_then(|value| serde_json::from_slice::<Vec<Kept>>(value).ok());
        let calls = kept.unwrap_or_default().into_iter().take(CALLS_MAX).map(Kept::back).collect();
        Self { calls, ..Self::default() }
    }

    /// What is to be written down, where something changed since.
    pub(crate) fn unsaved(&mut self) -> Option<Record> {
        std::mem::take(&mut self.changed).then(|| {
            let kept: Vec<Kept> =
                self.calls.iter().filter(|call| !call.done).map(Kept::of).collect();
            let value = serde_json::to_vec(&kept).unwrap_or_default();
            Record { shelf: Shelf::Own, key: KEY.to_vec(), value: Some(value) }
        })
    }

    /// The calls, the newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Caller> {
        self.calls.iter().rev()
    }

    /// A call.
    pub(crate) fn find(&mut self, id: Uuid) -> Option<&mut Caller> {
        self.changed = true;
        self.calls.iter_mut().find(|call| call.id == id)
    }

    /// Forgets what was seen to long ago.
    pub(crate) fn forget(&mut self) {
        let is_kept = |of: Instant| of.elapsed() < KEPT;
        self.calls.retain(|call| !call.done || call.called.is_some_and(is_kept));
    }

    /// Notes a call; answers with its id.
    fn note(&mut self, call: Caller) -> Uuid {
        self.revision += 1;
        self.changed = true;
        // Those who show no number may be different people; and what somebody takes already rings nowhere.
        let same = |before: &Caller| {
            call.number.is_some()
                && before.number == call.number
                && before.owner.is_none()
                && call.last_ms.saturating_sub(before.last_ms) < AGAIN_MS
        };
        let again = self.calls.iter().position(same).and_then(|place| self.calls.remove(place));
        let call = match again {
            Some(Caller { id, first_ms, times, elder, .. }) => {
                Caller { id, first_ms, times: times.saturating_add(1), elder, ..call }
            }
            None => call,
        };
        if self.calls.len() >= CALLS_MAX {
            // A flood of unknown numbers drives out no elder's call.
            let least = self.calls.iter().enumerate().min_by_key(|(_, call)| call.worth());
            let place = least.map_or(0, |(place, _)| place);
            self.calls.remove(place);
            self.dropped = self.dropped.saturating_add(1);
        }
        let id = call.id;
        self.calls.push_back(call);
        id
    }
}

/// Notes that a number calls; answers with the call's id.
pub(crate) fn note(node: &mut Node, number: Option<Private>) -> Uuid {
    let comparable = number.as_ref().and_then(|number| phone::comparable(number.as_str()));
    let is_known =
        comparable.as_deref().is_some_and(|text| node.catalogue.callers(text).next().is_some());
    // Of one number written in two ways there is one call.
    let number = comparable.map(Private::from).or(number);
    let (id, at) = (node.draw_uuid(), now().0);
    let call = Caller {
        id,
        number,
        first_ms: at,
        last_ms: at,
        times: 1,
        is_known,
        called: Some(Instant::now()),
        hung_up: false,
        owner: None,
        elder: None,
        alert: None,
        done: false,
    };
    node.board.touch_calls();
    node.callers.note(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: u128, at: u64, is_known: bool) -> Caller {
        Caller {
            id: Uuid::from_u128(number + u128::from(at) * 1_000_000),
            number: Some(Private::from(number.to_string())),
            first_ms: at,
            last_ms: at,
            times: 1,
            is_known,
            called: Some(Instant::now()),
            hung_up: false,
            owner: None,
            elder: None,
            alert: None,
            done: false,
        }
    }

    #[test]
    fn who_calls_again_soon_is_one_call() {
        let mut callers = Callers::default();
        let first = callers.note(call(1, 1_000, true));
        callers.note(call(2, 1_500, true));
        assert_eq!(callers.note(call(1, AGAIN_MS, true)), first);
        let kept: Vec<_> = callers.calls.iter().map(|c| (c.id, c.first_ms, c.times)).collect();
        assert_eq!(kept.last(), Some(&(first, 1_000, 2)));
        assert_eq!((kept.len(), callers.revision), (2, 3));
        assert_ne!(callers.note(call(1, 2 * AGAIN_MS, true)), first);
        // Those who show none may be several people.
        let hidden = |at| Caller { number: None, ..call(3, at, false) };
        assert_ne!(callers.note(hidden(5)), callers.note(hidden(6)));
    }

    #[test]
    fn a_flood_is_bounded_and_drives_out_no_elder() {
        let mut callers = Callers::default();
        let elder = callers.note(call(7, 1, true));
        for number in 0..10_000 {
            callers.note(call(1_000 + number, 2, false));
        }
        assert_eq!(callers.calls.len(), CALLS_MAX);
        assert_eq!(callers.dropped, 10_001 - u64::try_from(CALLS_MAX).unwrap());
        assert!(callers.calls.iter().any(|call| call.id == elder));
        for number in 0..10_000 {
            callers.note(call(100_000 + number, 3, true));
        }
        assert_eq!(callers.calls.len(), CALLS_MAX);
    }

    #[test]
    fn what_nobody_saw_to_outlives_a_restart_and_rings_no_more() {
        let mut callers = Callers::default();
        assert!(callers.unsaved().is_none());
        let missed = callers.note(call(1, 1_000, true));
        let over = callers.note(call(2, 1_000, true));
        callers.find(over).unwrap().done = true;
        let record = callers.unsaved().unwrap();
        assert!(callers.unsaved().is_none(), "once");
        let mut again = Callers::load(&[(record.key, record.value.unwrap())]);
        assert!(again.find(over).is_none());
        let back = again.find(missed).unwrap();
        assert_eq!((back.first_ms, back.number.clone()), (1_000, Some("1".into())));
        assert!(!back.rings() && !back.done);
        // Who calls again rings again, and is the same.
        assert_eq!(again.note(call(1, 2_000, true)), missed);
        assert!(again.find(missed).unwrap().rings());
        assert_eq!(Callers::load(&[(KEY.to_vec(), b"x".to_vec())]).newest().count(), 0);
    }

    #[test]
    fn who_hung_up_rings_no_more_and_waits_for_somebody() {
        let mut callers = Callers::default();
        let id = callers.note(call(1, 1_000, true));
        assert!(callers.find(id).unwrap().rings());
        callers.find(id).unwrap().hung_up = true;
        assert!(!callers.find(id).unwrap().rings() && !callers.find(id).unwrap().done);
        assert_eq!(callers.note(call(1, 1_001, true)), id);
        assert!(callers.find(id).unwrap().rings(), "and calls again");
    }

    fn taken(mut call: Caller) -> Caller {
        call.owner = Some(CallOwner { person: "p".to_owned(), name: "n".to_owned() });
        call
    }

    #[test]
    fn who_calls_again_rings_again_where_somebody_has_the_call_before() {
        let mut callers = Callers::default();
        let first = callers.note(taken(call(1, 1_000, true)));
        assert!(!callers.find(first).unwrap().rings());
        let again = callers.note(call(1, 1_001, true));
        assert_ne!(again, first);
        assert!(callers.find(again).unwrap().rings());
    }

    #[test]
    fn what_nobody_saw_to_is_kept_and_what_was_seen_to_makes_room_first() {
        let mut callers = Callers::default();
        let called = Instant::now().checked_sub(KEPT);
        if called.is_none() {
            return;
        }
        let missed = callers.note(Caller { called, ..call(1, 1, false) });
        let over = callers.note(Caller { called, done: true, ..taken(call(2, 1, true)) });
        callers.forget();
        assert!(callers.find(missed).is_some_and(|call| !call.rings()));
        assert!(callers.find(over).is_none());

        let over = callers.note(Caller { done: true, ..taken(call(3, 1, true)) });
        let talks = callers.note(taken(call(4, 1, false)));
        for number in 0..u128::try_from(CALLS_MAX).unwrap() {
            callers.note(call(1_000 + number, 2, false));
        }
        assert!(callers.find(over).is_none() && callers.find(missed).is_none());
        assert!(callers.find(talks).is_some());
    }
}
