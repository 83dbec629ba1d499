//! A node whose data went back to an earlier state says so to every member, as a notice in the directory: keys that it was
//! given since, and those of its own that nobody else was told, only others can give it.

use ed25519_dalek::SigningKey;
use linli_replica::certificate::{Act, Certificate};
use linli_replica::directory::Directory;
use linli_replica::id::{CertificateId, NodeId, Timestamp};

/// The topic of the notices. Their body is empty.
pub const TOPIC: &str = "restored";

/// Signs the notice of a node that found itself restored at a time of its clock.
#[must_use]
pub fn notice(directory: &Directory, at: Timestamp, key: &SigningKey) -> Certificate {
    let node = NodeId(key.verifying_key().to_bytes());
    let act = Act::Notice { node, topic: TOPIC.to_owned(), body: Vec::new().into() };
    Certificate::new(directory.community(), at, act).signed(key)
}

/// Lists the nodes that said they were restored, with the notices.
pub(crate) fn restored(
    directory: &Directory,
) -> impl Iterator<Item = (NodeId, CertificateId, Timestamp)> {
    directory.notices(TOPIC).iter().map(|notice| (notice.node, notice.id, notice.at))
}
