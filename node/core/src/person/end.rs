//! People who are ended before their certificate's end date: a notice that their party publishes in
//! the directory, so that every node judges alike, whatever arrived first.

use linli_replica::certificate::Act;
use linli_replica::codec;
use linli_replica::directory::{Directory, Notice};
use linli_replica::id::{NodeId, Timestamp};
use minicbor::{Decode, Encode};

use super::Person;

/// What the topic begins with; the person's key follows, as 64 hexadecimal digits.
const TOPIC: &str = "person-ended/";

const VERSION: u8 = 1;

/// The body of the notice.
#[derive(Encode, Decode)]
struct Body {
    #[n(0)]
    version: u8,
    /// The last moment at which what the person signed counts.
    #[n(1)]
    ends: Timestamp,
}

/// Returns the act by which a node of a person's party ends the person: what they sign after `ends`
/// does not count. It names their key and nothing else of theirs.
#[must_use]
pub fn act(node: NodeId, key: &[u8; 32], ends: Timestamp) -> Act {
    let topic = format!("{TOPIC}{}", hex::encode(key));
    Act::Notice { node, topic, body: codec::encode(&Body { version: VERSION, ends }).into() }
}

/// Returns the key, as hexadecimal digits, of the person that a notice's topic ends.
#[must_use]
pub fn ended_by(topic: &str) -> Option<&str> {
    topic.strip_prefix(TOPIC).filter(|key| key.len() == 64)
}

/// Returns when a person's signature ends to count: their certificate's end date, or the earliest end
/// that nodes of their party have published.
///
/// What an expelled node published ends nobody: it could have ended everybody, as of any day.
#[must_use]
pub fn end_of(directory: &Directory, person: &Person) -> Timestamp {
    let ends = |notice: &Notice| {
        let stands = directory.node(&notice.node).is_some_and(|node| !node.expelled);
        let body: Body = codec::decode(&notice.body).ok()?;
        (stands && notice.party == person.party && body.version == VERSION).then_some(body.ends)
    };
    let topic = format!("{TOPIC}{}", hex::encode(*person.key));
    let published = directory.notices(&topic).iter().filter_map(ends);
    published.chain([person.ends]).min().unwrap_or(person.ends)
}
