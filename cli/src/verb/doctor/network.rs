//! What keeps a node from others, in words.

use std::collections::BTreeMap;

use linli_node::api::{
    network::{Path, PeerRow, StatusAnswer},
    reach::{ClockRow, RelayRow, RelayState, Standing, Why},
};

use super::{Check, well};
use crate::{context::Context, output::printable, text::Text};

/// For so long a node may reach nobody before that is out of the ordinary: a day.
const ALONE_MS: u64 = 24 * 60 * 60 * 1_000;

/// Looks at what the node knows of the network around it.
pub(super) fn checks(status: &StatusAnswer, context: &Context) -> Vec<Check> {
    let text = &context.text;
    let reach = &status.reach;
    let mut checks = vec![check("enrolled", enrolled(reach.standing, text))];
    if let Some(works) = reach.udp {
        checks.push(check("udp", (!works).then(|| text.say("doctor-no-udp", &[]))));
    }
    let looked_at = |relay: &&RelayRow| relay.state != RelayState::Untried;
    checks.extend(reach.relays.iter().filter(looked_at).map(|of| check("relay", relay(of, text))));
    checks.push(check("time", reach.clock.map(|apart| clock(apart, text))));
    checks.extend(reached(status, context));
    checks
}

fn check(name: &'static str, found: Option<String>) -> Check {
    Check { ok: found.is_none(), found, ..well(name) }
}

fn enrolled(standing: Standing, text: &Text) -> Option<String> {
    match standing {
        Standing::Member => None,
        Standing::NotEnrolled => Some(text.say("doctor-not-enrolled", &[])),
        Standing::Expelled => Some(text.say("doctor-expelled", &[])),
        Standing::Ended => Some(text.say("doctor-ended", &[])),
    }
}

fn relay(of: &RelayRow, text: &Text) -> Option<String> {
    let url = printable(&of.url);
    let words = of.words.as_deref().map(printable).unwrap_or_default();
    let with = [("url", url.into()), ("words", words.clone().into())];
    Some(match of.state {
        RelayState::Connected | RelayState::Ready | RelayState::Untried => return None,
        // The relay of this program says it in these words; another's are shown as they are.
        RelayState::Denied if words.contains("expelled") => {
            text.say("doctor-relay-expelled", &with)
        }
        RelayState::Denied if words.contains("ended") => text.say("doctor-relay-ended", &with),
        RelayState::Denied if words.contains("not enrolled") => {
            text.say("doctor-relay-not-enrolled", &with)
        }
        RelayState::Denied => text.say("doctor-relay-denied", &with),
        RelayState::NoName => text.say("doctor-relay-no-name", &with),
        RelayState::NoAnswer => text.say("doctor-relay-no-answer", &with),
        RelayState::NotTrusted => text.say("doctor-relay-not-trusted", &with),
        RelayState::WrongPin => text.say("doctor-relay-wrong-pin", &with),
        RelayState::WrongTime => text.say("doctor-relay-wrong-time", &with),
        RelayState::NoRelay => text.say("doctor-relay-no-relay", &with),
    })
}

fn clock(ClockRow { ahead_ms, parties }: ClockRow, text: &Text) -> String {
    let minutes = ahead_ms.unsigned_abs() / 60_000;
    let with = [("minutes", minutes.into()), ("parties", parties.into())];
    match ahead_ms > 0 {
        true => text.say("doctor-clock-behind", &with),
        false => text.say("doctor-clock-ahead", &with),
    }
}

/// Whether anybody was reached within a day; none where there is nobody to reach.
fn reached(status: &StatusAnswer, context: &Context) -> Option<Check> {
    let text = &context.text;
    if status.peers.is_empty() {
        return None;
    }
    let away = status.peers.iter().all(|peer| peer.path == Path::Away);
    let last = status.peers.iter().filter_map(|peer| peer.last_seen_ms).max();
    let alone = last.is_none_or(|last| status.now_ms.saturating_sub(last) >= ALONE_MS);
    let found = (away && alone).then(|| {
        let since = context.zone.show_known(last);
        let why = reasons(&status.peers, text);
        text.say("doctor-nobody", &[("since", since.into()), ("why", why.into())])
    });
    Some(check("reached", found))
}

/// The reasons why peers are away, the most frequent first.
fn reasons(peers: &[PeerRow], text: &Text) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for why in peers.iter().filter_map(|peer| peer.why) {
        *counts.entry(word(why, text)).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let said = |(why, count): &(String, usize)| {
        text.say("doctor-nobody-why", &[("count", (*count).into()), ("why", why.as_str().into())])
    };
    counts.iter().map(said).collect::<Vec<_>>().join("\n")
}

/// A reason in words.
pub(in crate::verb) fn word(why: Why, text: &Text) -> String {
    match why {
        Why::Lan => text.say("why-lan", &[]),
        Why::RelayOnly => text.say("why-relay-only", &[]),
        Why::NoUdp => text.say("why-no-udp", &[]),
        Why::HardNat => text.say("why-hard-nat", &[]),
        Why::NoPublicAddress => text.say("why-no-public-address", &[]),
        Why::Looking => text.say("why-looking", &[]),
        Why::FarSide => text.say("why-far-side", &[]),
        Why::Refused => text.say("why-refused", &[]),
        Why::NoAnswer => text.say("why-no-answer", &[]),
        Why::NoWay => text.say("why-no-way", &[]),
        Why::Failed => text.say("why-failed", &[]),
        Why::Dialling => text.say("why-dialling", &[]),
        Why::Waits => text.say("why-waits", &[]),
    }
}

/// How a relay is, in a word.
pub(in crate::verb) fn state(state: RelayState, text: &Text) -> String {
    match state {
        RelayState::Connected => text.say("relay-state-connected", &[]),
        RelayState::Ready => text.say("relay-state-ready", &[]),
        RelayState::Untried => text.say("relay-state-untried", &[]),
        RelayState::Denied => text.say("relay-state-denied", &[]),
        RelayState::NoName => text.say("relay-state-no-name", &[]),
        RelayState::NoAnswer => text.say("relay-state-no-answer", &[]),
        RelayState::NotTrusted => text.say("relay-state-not-trusted", &[]),
        RelayState::WrongPin => text.say("relay-state-wrong-pin", &[]),
        RelayState::WrongTime => text.say("relay-state-wrong-time", &[]),
        RelayState::NoRelay => text.say("relay-state-no-relay", &[]),
    }
}
