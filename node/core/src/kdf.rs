//! Every key derivation, each with its own context: BLAKE3 in `derive_key` mode.
//!
//! `docs/spec/keys.md` holds the table. A context is never used for two purposes, and a change of
//! what goes in changes the number in it.

use linli_replica::id::{DocTag, NodeId, SpaceTag};

use crate::authority::SpaceId;
use crate::secret::Secret;

/// Tag of a space: space id ‖ carrier-order key.
pub const SPACE_TAG: &str = "linli 1 space tag";
/// Secret that hides document names from carriers: the genesis' nonce.
pub const DOCUMENT_SECRET: &str = "linli 1 document secret";
/// Tag of the document that holds a space's certificates: the document secret.
pub const AUTHORITY_TAG: &str = "linli 1 authority document tag";
/// Key of the hash that makes document tags: the document secret.
pub const DOCUMENT_TAG_KEY: &str = "linli 1 document tag key";
/// Tag of a node's inbox: node id.
pub const INBOX_SPACE: &str = "linli 1 inbox space tag";
/// Tag of the one document in a node's inbox: node id.
pub const INBOX_DOCUMENT: &str = "linli 1 inbox document tag";
/// Content key of an epoch: the epoch's secret.
pub const CONTENT_KEY: &str = "linli 1 epoch content key";
/// Key that seals the secrets of an epoch's parents: the epoch's secret.
pub const HISTORY_KEY: &str = "linli 1 epoch history key";
/// What an epoch's certificate says of its content key: the content key.
pub const EPOCH_COMMITMENT: &str = "linli 1 epoch commitment";
/// Tag of the reserved document that holds the shares of a space's epochs: the space's tag.
pub const RECOVERY_TAG: &str = "linli 1 recovery document tag";
/// What a split says of each share: the share.
pub const SHARE_HASH: &str = "linli 1 recovery share hash";
/// What a recovery request says of its list of splits: the list.
pub const RECOVERY_SPLITS: &str = "linli 1 recovery splits";
/// What is mixed into the hash of a PIN: the node's storage key.
pub const PIN_PEPPER: &str = "linli 1 pin pepper";

/// Derives a key or a hash from `material` under one of the contexts above.
#[must_use]
pub fn derive(context: &'static str, material: &[u8]) -> [u8; 32] {
    blake3::derive_key(context, material)
}

/// Derives a secret from a secret.
#[must_use]
pub fn derive_secret(context: &'static str, secret: &Secret) -> Secret {
    Secret::new(derive(context, secret.expose()))
}

/// Returns the tag under which carriers hold a space. Nobody can find the space from its tag.
#[must_use]
pub fn space_tag(space: &SpaceId, carrier_key: &[u8; 32]) -> SpaceTag {
    linli_replica::id::space_tag(&space.0, carrier_key)
}

/// Returns the space and document tag of a node's inbox; anybody who knows the node can.
#[must_use]
pub fn inbox(node: &NodeId) -> (SpaceTag, DocTag) {
    (
        SpaceTag(derive(INBOX_SPACE, node.as_bytes())),
        DocTag(derive(INBOX_DOCUMENT, node.as_bytes())),
    )
}

/// Returns the tag of the reserved document that holds the shares of a space's epochs. Whoever holds
/// the space can: a recovery begins where nobody has a key of it.
#[must_use]
pub fn recovery_tag(space: &SpaceTag) -> DocTag {
    linli_replica::id::recovery_tag(space)
}

/// Makes the document tags of one space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentSecret(Secret);

impl DocumentSecret {
    /// Derives the secret from the nonce of the space's genesis.
    #[must_use]
    pub fn of_genesis(nonce: &[u8; 32]) -> Self {
        Self(Secret::new(derive(DOCUMENT_SECRET, nonce)))
    }

    /// Returns the tag of the document `name`, the same at every member.
    #[must_use]
    pub fn tag(&self, name: &str) -> DocTag {
        let key = derive_secret(DOCUMENT_TAG_KEY, &self.0);
        DocTag(*blake3::keyed_hash(key.expose(), name.as_bytes()).as_bytes())
    }

    /// Returns the tag of the reserved document that holds the space's certificates.
    ///
    /// It has a context of its own, so that no document name collides with it.
    #[must_use]
    pub fn authority_tag(&self) -> DocTag {
        DocTag(derive(AUTHORITY_TAG, self.0.expose()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_depend_on_everything_that_goes_in() {
        let (a, b) = (SpaceId([1; 32]), SpaceId([2; 32]));
        let material = [a.0, [3; 32]].concat();
        assert_eq!(space_tag(&a, &[3; 32]), SpaceTag(derive(SPACE_TAG, &material)));
        let tags = [space_tag(&a, &[3; 32]), space_tag(&a, &[4; 32]), space_tag(&b, &[3; 32])];
        assert!(tags[0] != tags[1] && tags[0] != tags[2] && tags[1] != tags[2]);
        let (x, y) = (DocumentSecret::of_genesis(&[1; 32]), DocumentSecret::of_genesis(&[2; 32]));
        assert_eq!(x.tag("profile"), DocumentSecret::of_genesis(&[1; 32]).tag("profile"));
        assert_ne!(x.tag("profile"), y.tag("profile"));
        assert_ne!(x.tag("profile"), x.tag("needs"));
        assert_ne!(x.tag(""), x.authority_tag());
        assert_ne!(inbox(&NodeId([1; 32])), inbox(&NodeId([2; 32])));
    }

    #[test]
    fn no_context_is_used_twice() {
        let contexts = [
            SPACE_TAG,
            DOCUMENT_SECRET,
            AUTHORITY_TAG,
            DOCUMENT_TAG_KEY,
            INBOX_SPACE,
            INBOX_DOCUMENT,
            CONTENT_KEY,
            HISTORY_KEY,
            EPOCH_COMMITMENT,
            RECOVERY_TAG,
            SHARE_HASH,
            RECOVERY_SPLITS,
            PIN_PEPPER,
        ];
        let distinct: std::collections::BTreeSet<_> = contexts.iter().collect();
        assert_eq!(distinct.len(), contexts.len());
        assert!(contexts.iter().all(|context| context.starts_with("linli 1 ")));
    }
}
