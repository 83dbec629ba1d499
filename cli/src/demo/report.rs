//! The report: every check, and what each node holds.

use linli_node::api::network::Documents;
use serde_json::{Value, json};

use super::{day::Day, place::Place};

/// Makes the report of the day.
pub(crate) async fn make(day: &Day<'_>) -> Value {
    let mut nodes = Vec::new();
    for place in day.town.places.iter().filter(|place| place.kind != "carrier") {
        let mut node = node(place).await;
        if let (Ok(address), Some(fields)) =
            (day.town.lab.address(place.site), node.as_object_mut())
        {
            fields.insert("address".to_owned(), address.to_string().into());
        }
        nodes.push(node);
    }
    let ground = match &day.town.ground {
        super::lab::Ground::Namespaces => "network namespaces".to_owned(),
        super::lab::Ground::Forwarder(why) => format!("loopback forwarders: {why}"),
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "ground": ground,
        "passed": day.checks.passed(),
        "broke_off": day.checks.broke_off,
        "checks": day.checks.made,
        "checks_not_made": day.checks.missing(),
        "alert_timeline_ms": day.timeline,
        "times_ms": day.times,
        "nodes": nodes,
    })
}

/// What a node holds; its frontier digests as one, and singly where it can read the document.
async fn node(place: &Place) -> Value {
    let (Ok(status), Ok(mut documents)) =
        (place.status().await, place.call(&Documents { readable: false }).await)
    else {
        return json!({ "site": place.site, "kind": place.kind, "runs": false });
    };
    documents.sort_by(|a, b| a.document.cmp(&b.document));
    let mut all = blake3::Hasher::new();
    for document in &documents {
        all.update(document.document.as_bytes()).update(document.frontier.as_bytes());
    }
    let frontiers: Vec<Value> = documents
        .iter()
        .map(|document| json!([document.document, document.frontier, document.entries]))
        .collect();
    let peers: Vec<Value> = status
        .peers
        .iter()
        .map(|peer| {
            json!({
                "label": peer.label, "path": peer.path, "synced": peer.synced,
                "sent_bytes": peer.sent_bytes, "received_bytes": peer.received_bytes,
            })
        })
        .collect();
    json!({
        "site": place.site,
        "kind": place.kind,
        "runs": true,
        "version": status.version,
        "documents_held": status.documents_held,
        "documents_readable": status.documents_readable,
        "entries_held": status.entries_held,
        "entries_carried": status.entries_carried,
        "entries_withheld": status.entries_withheld,
        "store_bytes": status.store_bytes,
        "frontier": all.finalize().to_hex().as_str(),
        "frontiers": frontiers,
        "peers": peers,
    })
}
