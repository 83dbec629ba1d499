//! The escalation ladders of open alerts: every node that holds an alert climbs by itself.

use std::collections::BTreeMap;

use linli_model::alert::{self, Climb};
use linli_model::document::DocumentName;
use linli_model::time::Timestamp;
use linli_replica::id::DocTag;

use crate::catalogue::Name;
use crate::node::{Node, now};
use crate::views;

/// How far this node has climbed each open alert.
#[derive(Debug, Default)]
pub(crate) struct Ladders {
    open: BTreeMap<DocTag, State>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    /// Since when this node holds the alert.
    pub(crate) held_since: Timestamp,
    /// Steps done here.
    pub(crate) steps: usize,
}

impl Ladders {
    /// Notes an alert that is held here.
    pub(crate) fn note(&mut self, document: DocTag) {
        let held_since = Timestamp(now().0);
        self.open.entry(document).or_insert(State { held_since, steps: 0 });
    }

    pub(crate) fn state(&self, document: &DocTag) -> Option<State> {
        self.open.get(document).copied()
    }

    pub(crate) fn open(&self) -> u64 {
        u64::try_from(self.open.len()).unwrap_or(u64::MAX)
    }
}

/// Climbs every open alert as far as its time has come.
pub(crate) fn climb(node: &mut Node) {
    let at = Timestamp(now().0);
    for document in node.ladders.open.keys().copied().collect::<Vec<_>>() {
        let Ok((opened, Name::Plain(DocumentName::Alert(id)))) = views::open(node, document) else {
            // What is erased, or was lost with a full disk, waits for nobody.
            if node.catalogue.get(&document).is_none() {
                node.ladders.open.remove(&document);
            }
            continue;
        };
        let (doc, authors) = opened.parts();
        let view = alert::view(id, doc.document(), authors);
        let Some(state) = node.ladders.open.get_mut(&document) else { continue };
        match view.climb(state.held_since, at) {
            Climb::Over => drop(node.ladders.open.remove(&document)),
            Climb::Paused { .. } => {}
            Climb::Climbing { due, .. } => {
                for step in state.steps..due {
                    tracing::warn!(alert = %id, step, "nobody has this alert: the ladder goes on");
                }
                state.steps = state.steps.max(due);
            }
        }
    }
}
