//! What a node does each second by itself.

use linli_replica::certificate::{Act, Certificate};
use linli_replica::replica::Input;

use crate::node::{Node, now};

pub(crate) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A node's certificate runs for a year, and is renewed when less than this is left.
pub(crate) const NODE_TERM_MS: u64 = 365 * DAY_MS;
const RENEW_BEFORE_MS: u64 = 60 * DAY_MS;

pub(crate) fn tick(node: &mut Node) {
    crate::ladder::climb(node);
    crate::handle::cards::tick(node);
    crate::handle::orders::hand_over(node);
    crate::handle::rotation::sweep(node);
    let records = node.receipts.take_unsaved();
    if !records.is_empty() {
        node.feed(Input::Learned { pages: Vec::new(), records });
    }
    renew(node);
    crate::audit::tick(node);
    node.people.seat.tick(crate::seat::since_boot());
    crate::recovery::split_some(node);
    node.tell_members();
    crate::requests::tick(node);
    crate::invitation::tick(node);
}

/// Extends this node's own certificate, so that an unattended hub is never locked out.
fn renew(node: &mut Node) {
    let me = node.core.node();
    let at = now();
    let directory = node.replica.directory();
    let Some(own) = directory.node(&me) else { return };
    if own.expelled || own.ends.since_ms(at) > RENEW_BEFORE_MS {
        return;
    }
    let act = Act::Extend { node: me, ends: at.plus_ms(NODE_TERM_MS) };
    let certificate =
        Certificate::new(directory.community(), at, act).signed(node.core.signing_key());
    node.feed(Input::Authored {
        pages: Vec::new(),
        certificates: vec![certificate],
        records: Vec::new(),
        urgent: false,
    });
}
