//! Who wrote something: the node, its party, and the person who acted.

use automerge::ActorId;
use serde::{Deserialize, Serialize};

use crate::private::Private;

/// Defines a 32-byte id that is written as 64 hexadecimal digits.
macro_rules! id32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::author::IdError;

            /// Reads exactly 64 lower-case hexadecimal digits.
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; 32];
                if text.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err($crate::author::IdError);
                }
                hex::decode_to_slice(text, &mut bytes).map_err(|_| $crate::author::IdError)?;
                Ok(Self(bytes))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use id32;

/// The text is no id of 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no id: 64 hexadecimal digits (0-9, a-f) are expected")]
pub struct IdError;

id32! {
    /// A party: the public half of its root key.
    PartyId
}
id32! {
    /// A node: the public half of its key.
    NodeId
}

/// What a party is in the community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartyKind {
    /// An elder's home and its hub.
    Household,
    /// A community centre.
    Centre,
    /// A day-care station.
    Station,
    /// A provider of services.
    Provider,
    /// An elder's family.
    Family,
    /// A civil-affairs office.
    Regulator,
    /// A third-party evaluator.
    Evaluator,
}

/// What a person does at their party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The elder the record is about.
    Elder,
    /// A relative of the elder.
    Family,
    /// An operator at a centre's desk (话务员).
    Operator,
    /// A carer who visits.
    Carer,
    /// A social worker.
    SocialWorker,
    /// A grid worker (网格员).
    GridWorker,
    /// A volunteer.
    Volunteer,
    /// A doctor or nurse.
    Clinician,
    /// A clerk who keeps registers.
    Clerk,
    /// A steward of the party's people and spaces.
    Steward,
    /// An official of the regulator.
    Official,
    /// An evaluator.
    Evaluator,
}

impl Role {
    /// Says whether a party of this kind can have a person in this role.
    pub fn fits(self, kind: PartyKind) -> bool {
        use PartyKind as K;
        let kinds: &[PartyKind] = match self {
            Self::Elder => &[K::Household],
            Self::Family => &[K::Household, K::Family],
            Self::Operator | Self::Clerk | Self::GridWorker | Self::SocialWorker => {
                &[K::Centre, K::Station]
            }
            Self::Carer | Self::Volunteer | Self::Clinician => {
                &[K::Centre, K::Station, K::Provider]
            }
            Self::Steward => &[K::Household, K::Family, K::Centre, K::Station, K::Provider],
            Self::Official => &[K::Regulator],
            Self::Evaluator => &[K::Evaluator],
        };
        kinds.contains(&kind)
    }
}

/// Somebody who acts at a party's nodes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Person {
    /// The id the party gave; unique within the party.
    pub id: String,
    /// The name to show.
    pub name: Private,
    /// What the person does there.
    pub role: Role,
}

/// The author of a write as far as it is proved: the log's node, its party, and the person where known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Author {
    /// The node whose log holds the write.
    pub node: NodeId,
    /// The party that certified the node.
    pub party: PartyId,
    /// What that party is.
    pub kind: PartyKind,
    /// The person, where the caller can prove one.
    pub person: Option<Person>,
    /// The parties whose word it is that this author wrote it, where the author's own signature is not at hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attested_by: Vec<PartyId>,
}

/// Answers who wrote an operation.
///
/// `None` means that nobody the reader may believe wrote it: unknown, not authorised, or held back. Such a write is
/// never shown as a fact and hides nothing that it had overwritten.
pub trait Authors {
    /// The author of the operation `counter` of `actor`.
    fn author(&self, actor: &ActorId, counter: u64) -> Option<&Author>;
}

/// A table from actor to author, for callers in which an actor has one author throughout.
impl Authors for std::collections::BTreeMap<ActorId, Author> {
    fn author(&self, actor: &ActorId, _counter: u64) -> Option<&Author> {
        self.get(actor)
    }
}
