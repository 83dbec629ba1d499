//! The mDNS names of members: recognised by members only, another each day. Pure.

use std::collections::BTreeMap;

use iroh::EndpointId;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Days since 1970-01-01 UTC. Days have 86,400 s in Unix time.
pub fn day_of(unix_ms: u64) -> u64 {
    unix_ms / DAY_MS
}

/// The name under which a member appears on the local network on a day: 32 hexadecimal digits.
///
/// The first 16 bytes of keyed BLAKE3 (key: the community's discovery secret) over `linli 1 mdns alias`, the node id
/// (32 bytes) and the day (`u64` big-endian). Whoever lacks the secret can neither tell whose it is nor link two days.
pub fn alias(discovery_secret: &[u8; 32], id: &EndpointId, day: u64) -> String {
    let mut hasher = blake3::Hasher::new_keyed(discovery_secret);
    hasher.update(b"linli 1 mdns alias").update(id.as_bytes()).update(&day.to_be_bytes());
    hasher.finalize().to_hex().chars().take(32).collect()
}

/// The aliases by which members may be known at a time: of yesterday, today and tomorrow, since clocks differ.
pub fn aliases_at<'a>(
    discovery_secret: &[u8; 32],
    ids: impl IntoIterator<Item = &'a EndpointId>,
    unix_ms: u64,
) -> BTreeMap<String, EndpointId> {
    let today = day_of(unix_ms);
    let days = [today.saturating_sub(1), today, today.saturating_add(1)];
    ids.into_iter().flat_map(|id| days.map(|day| (alias(discovery_secret, id, day), *id))).collect()
}

#[cfg(test)]
mod tests {
    use iroh::SecretKey;

    use super::*;

    fn id(seed: u8) -> EndpointId {
        SecretKey::from_bytes(&[seed; 32]).public()
    }

    #[test]
    fn days_begin_at_midnight_utc() {
        assert_eq!(day_of(0), 0);
        assert_eq!(day_of(DAY_MS - 1), 0);
        assert_eq!(day_of(DAY_MS), 1);
        assert_eq!(day_of(1_704_067_200_000), 19_723, "2024-01-01");
    }

    #[test]
    fn an_alias_depends_on_secret_id_and_day_and_shows_none() {
        let base = alias(&[7; 32], &id(1), 19_723);
        assert_eq!(base.len(), 32);
        assert!(base.chars().all(|c| c.is_ascii_hexdigit()));
        assert_ne!(base, alias(&[8; 32], &id(1), 19_723));
        assert_ne!(base, alias(&[7; 32], &id(2), 19_723));
        assert_ne!(base, alias(&[7; 32], &id(1), 19_724));
        assert!(!id(1).to_string().contains(base.get(..8).unwrap()));
    }

    #[test]
    fn clocks_a_day_apart_still_recognise_each_other() {
        let now = 1_704_067_200_000 + 5;
        let known = aliases_at(&[7; 32], &[id(1)], now);
        assert_eq!(known.len(), 3);
        for their_clock in [now - DAY_MS, now, now + DAY_MS] {
            assert_eq!(known.get(&alias(&[7; 32], &id(1), day_of(their_clock))), Some(&id(1)));
        }
        assert_eq!(known.get(&alias(&[7; 32], &id(1), day_of(now) + 2)), None);
    }
}
