//! Whom the relay lets in: nodes of its community's directory, by proven endpoint id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use iroh_base::EndpointId;
use iroh_relay::server::{Access, AccessControl, ClientRequest, ConnectionId};
use linli_replica::directory::{Directory, NotMember};
use linli_replica::id::{NodeId, Timestamp};

use crate::clock::now;
use crate::limits::CONNECTIONS_MAX;

/// How a node stands in the directory.
#[derive(Debug, Clone, Copy)]
struct Standing {
    expelled: bool,
    ends: Timestamp,
}

/// A snapshot of the directory, shared with the relay server, and who is connected to it.
#[derive(Debug)]
pub(crate) struct Gate {
    nodes: RwLock<BTreeMap<NodeId, Standing>>,
    connected: Mutex<BTreeMap<NodeId, usize>>,
    refused: AtomicU64,
}

impl Gate {
    pub(crate) fn new(directory: &Directory) -> Self {
        Self {
            nodes: RwLock::new(snapshot(directory)),
            connected: Mutex::default(),
            refused: AtomicU64::new(0),
        }
    }

    /// Takes over what the directory has become.
    pub(crate) fn update(&self, directory: &Directory) {
        *self.nodes.write().unwrap_or_else(PoisonError::into_inner) = snapshot(directory);
    }

    /// Says whether a node may use the relay at `at`.
    pub(crate) fn judge(&self, node: &NodeId, at: Timestamp) -> Result<(), NotMember> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        match nodes.get(node) {
            None => Err(NotMember::Unknown),
            Some(Standing { expelled: true, .. }) => Err(NotMember::Expelled),
            Some(Standing { ends, .. }) if *ends < at => Err(NotMember::Ended),
            Some(_) => Ok(()),
        }
    }

    /// Lists who may connect at `at`.
    pub(crate) fn members(&self, at: Timestamp) -> BTreeSet<NodeId> {
        let nodes = self.nodes.read().unwrap_or_else(PoisonError::into_inner);
        let admitted = nodes.iter().filter(|(_, node)| !node.expelled && node.ends >= at);
        admitted.map(|(id, _)| *id).collect()
    }

    /// Lists who is connected to the relay.
    pub(crate) fn connected(&self) -> BTreeSet<NodeId> {
        self.connections().keys().copied().collect()
    }

    /// Counts the connections that were refused since the start.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Lets a connection of a member in, unless it has too many.
    fn enter(&self, node: NodeId) -> Access {
        let mut connections = self.connections();
        let count = connections.entry(node).or_default();
        if *count >= CONNECTIONS_MAX {
            drop(connections);
            return self
                .refuse(node, "this node has too many connections at once; try again later");
        }
        *count += 1;
        Access::Allow
    }

    fn refuse(&self, node: NodeId, reason: &str) -> Access {
        self.refused.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(?node, %reason, "the relay refused an endpoint");
        Access::Deny { reason: Some(reason.to_owned()) }
    }

    fn connections(&self) -> MutexGuard<'_, BTreeMap<NodeId, usize>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccessControl for Gate {
    async fn on_connect(&self, request: &ClientRequest) -> Access {
        let node = NodeId(*request.endpoint_id().as_bytes());
        match self.judge(&node, now()) {
            Ok(()) => self.enter(node),
            Err(reason) => self.refuse(node, &reason.to_string()),
        }
    }

    fn on_disconnect(&self, endpoint: EndpointId, _connection: ConnectionId) {
        let node = NodeId(*endpoint.as_bytes());
        let mut connections = self.connections();
        if let Some(count) = connections.get_mut(&node) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                connections.remove(&node);
            }
        }
    }
}

fn snapshot(directory: &Directory) -> BTreeMap<NodeId, Standing> {
    let standing = |node: &linli_replica::directory::Node| Standing {
        expelled: node.expelled,
        ends: node.ends,
    };
    directory.nodes().map(|(id, node)| (*id, standing(node))).collect()
}
