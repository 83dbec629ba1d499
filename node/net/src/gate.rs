//! Who may connect: the membership gate, before any application byte.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use iroh::{
    EndpointId,
    endpoint::{AfterHandshakeOutcome, Connection, EndpointHooks, Side, VarInt},
};
use tokio::time::Instant;

use crate::{
    MEMBER_ALPN, PAIR_ALPN,
    event::{EventSender, NetEvent},
    limits::{REFUSED_ENDPOINTS_MAX, REFUSED_REPORT_INTERVAL},
    reason::code,
    sync::{locked, read, write},
};

/// Why an endpoint was turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum RefusalReason {
    /// It is not enrolled with us.
    #[error("this endpoint is not a member here; pair with a member first")]
    NotMember,
    /// Nobody opened pairing.
    #[error("pairing is not open here; ask for an invitation")]
    PairingClosed,
}

#[derive(Debug)]
struct Refusals {
    total: u64,
    by_endpoint: BTreeMap<EndpointId, Refused>,
}

#[derive(Debug)]
struct Refused {
    count: u64,
    reported_at: Instant,
}

/// The members and the pairing switch, shared with the endpoint's hook.
#[derive(Debug)]
pub(crate) struct Gate {
    members: RwLock<BTreeSet<EndpointId>>,
    pairing_open: AtomicBool,
    refusals: Mutex<Refusals>,
    events: EventSender,
}

impl Gate {
    pub(crate) fn new(members: BTreeSet<EndpointId>, events: EventSender) -> Self {
        Self {
            members: RwLock::new(members),
            pairing_open: AtomicBool::new(false),
            refusals: Mutex::new(Refusals { total: 0, by_endpoint: BTreeMap::new() }),
            events,
        }
    }

    pub(crate) fn is_member(&self, id: &EndpointId) -> bool {
        read(&self.members).contains(id)
    }

    pub(crate) fn members(&self) -> BTreeSet<EndpointId> {
        read(&self.members).clone()
    }

    pub(crate) fn set_members(&self, members: BTreeSet<EndpointId>) {
        *write(&self.members) = members;
    }

    pub(crate) fn open_pairing(&self, open: bool) {
        self.pairing_open.store(open, Ordering::SeqCst);
    }

    /// How many connections were turned away since the start.
    pub(crate) fn refused_total(&self) -> u64 {
        locked(&self.refusals).total
    }

    /// Judges a proven endpoint.
    pub(crate) fn judge(
        &self,
        id: &EndpointId,
        alpn: &[u8],
        side: Side,
    ) -> Result<(), RefusalReason> {
        let dialled_by_us = matches!(side, Side::Client);
        if alpn == PAIR_ALPN {
            return if dialled_by_us || self.pairing_open.load(Ordering::SeqCst) {
                Ok(())
            } else {
                Err(RefusalReason::PairingClosed)
            };
        }
        if alpn == MEMBER_ALPN && self.is_member(id) {
            Ok(())
        } else {
            Err(RefusalReason::NotMember)
        }
    }

    /// Counts a refusal; each endpoint is reported at most once a minute, and a flood of endpoints not at all.
    pub(crate) fn refused(&self, endpoint: EndpointId, reason: RefusalReason) {
        let now = Instant::now();
        let mut refusals = locked(&self.refusals);
        refusals.total += 1;
        if refusals.by_endpoint.len() >= REFUSED_ENDPOINTS_MAX
            && !refusals.by_endpoint.contains_key(&endpoint)
        {
            refusals.by_endpoint.retain(|_, r| now - r.reported_at < REFUSED_REPORT_INTERVAL);
            if refusals.by_endpoint.len() >= REFUSED_ENDPOINTS_MAX {
                return;
            }
        }
        let entry = refusals.by_endpoint.entry(endpoint);
        let mut first = false;
        let refused = entry.or_insert_with(|| {
            first = true;
            Refused { count: 0, reported_at: now }
        });
        refused.count += 1;
        if first || now - refused.reported_at >= REFUSED_REPORT_INTERVAL {
            refused.reported_at = now;
            let count = refused.count;
            drop(refusals);
            self.events.control(NetEvent::Refused { endpoint, reason, count });
        }
    }
}

/// The hook iroh calls when a handshake has proved the other side's id.
#[derive(Debug)]
pub(crate) struct GateHook(pub(crate) std::sync::Arc<Gate>);

impl EndpointHooks for GateHook {
    async fn after_handshake(&self, connection: &Connection) -> AfterHandshakeOutcome {
        let id = connection.remote_id();
        match self.0.judge(&id, connection.alpn(), connection.side()) {
            Ok(()) => AfterHandshakeOutcome::Accept,
            Err(reason) => {
                self.0.refused(id, reason);
                AfterHandshakeOutcome::Reject {
                    error_code: VarInt::from_u32(code::REFUSED),
                    reason: reason.to_string().into_bytes(),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use iroh::SecretKey;

    use super::*;
    use crate::event::events;

    fn id(seed: u8) -> EndpointId {
        SecretKey::from_bytes(&[seed; 32]).public()
    }

    #[test]
    fn only_members_and_only_on_their_alpn() {
        let (sender, _events) = events();
        let gate = Gate::new(BTreeSet::from([id(1)]), sender);
        assert_eq!(gate.judge(&id(1), MEMBER_ALPN, Side::Server), Ok(()));
        assert_eq!(gate.judge(&id(2), MEMBER_ALPN, Side::Server), Err(RefusalReason::NotMember));
        assert_eq!(gate.judge(&id(1), b"other/1", Side::Server), Err(RefusalReason::NotMember));
        assert_eq!(
            gate.judge(&id(2), MEMBER_ALPN, Side::Client),
            Err(RefusalReason::NotMember),
            "we do not talk to a stranger that we dialled either"
        );
    }

    #[test]
    fn pairing_only_while_open() {
        let (sender, _events) = events();
        let gate = Gate::new(BTreeSet::new(), sender);
        let closed = Err(RefusalReason::PairingClosed);
        assert_eq!(gate.judge(&id(2), PAIR_ALPN, Side::Server), closed);
        assert_eq!(gate.judge(&id(2), PAIR_ALPN, Side::Client), Ok(()));
        gate.open_pairing(true);
        assert_eq!(gate.judge(&id(2), PAIR_ALPN, Side::Server), Ok(()));
        gate.open_pairing(false);
        assert_eq!(gate.judge(&id(2), PAIR_ALPN, Side::Server), closed);
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_are_counted_but_reported_once_a_minute() {
        let (sender, mut events) = events();
        let gate = Gate::new(BTreeSet::new(), sender);
        for _ in 0..100 {
            gate.refused(id(2), RefusalReason::NotMember);
        }
        assert_eq!(gate.refused_total(), 100);
        assert!(matches!(events.try_recv(), Some(NetEvent::Refused { count: 1, .. })));
        assert!(events.try_recv().is_none());
        tokio::time::advance(REFUSED_REPORT_INTERVAL).await;
        gate.refused(id(2), RefusalReason::NotMember);
        assert!(matches!(events.try_recv(), Some(NetEvent::Refused { count: 101, .. })));
    }
}
