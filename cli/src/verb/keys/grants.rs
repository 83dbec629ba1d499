use linli_node::api::grants::{GrantRow, KeysGrants, PartyRef};

use super::consent::{giver, obtained, scope};
use crate::{context::Context, failure::Exit, output::printable, verb::short};

#[derive(Debug, clap::Args)]
pub(crate) struct Grants {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// Those that are over too
    #[arg(long)]
    all: bool,
}

impl Grants {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let answer = context.look(KeysGrants { elder: self.elder, all: self.all }).await?;
        context.show(&answer, || match answer.is_empty() {
            true => context.text.say("nothing", &[]),
            false => answer.iter().map(|row| told(context, row)).collect::<Vec<_>>().join("\n"),
        })
    }
}

/// A party as a person calls it: its name, or what it is with the beginning of its id.
pub(in crate::verb) fn party(context: &Context, party: &PartyRef) -> String {
    match &party.name {
        Some(name) => printable(name),
        None => format!("{} {}", context.text.word("kind", &party.kind), short(&party.party)),
    }
}

/// One grant in words: who may do what, since when, what for and why, until when, and what ended it.
pub(super) fn told(context: &Context, row: &GrantRow) -> String {
    let (text, zone) = (&context.text, &context.zone);
    let arguments = [
        ("party", party(context, &row.party).into()),
        ("scope", scope(context, &row.scope).into()),
        ("purpose", printable(&row.purpose).into()),
        ("since", zone.show(row.since_ms).into()),
    ];
    let mut lines = vec![match row.right.as_str() {
        "owner" => text.say("grants-owner", &arguments),
        "steward" => text.say("grants-steward", &arguments),
        "write" => text.say("grants-write", &arguments),
        "read" => text.say("grants-read", &arguments),
        _ => text.say("grants-carry", &arguments),
    }];
    let by = [("by", party(context, &row.by).into())];
    if row.right != "owner" {
        lines.push(text.say("grants-by", &by));
    }
    lines.push(match row.ends_ms {
        Some(ends) => text.say("grants-until", &[("until", zone.show_end(ends).into())]),
        None => text.say("grants-open-end", &[]),
    });
    if !row.history {
        lines.push(text.say("grants-from-now", &[]));
    }
    lines.extend(why(context, row));
    lines.extend(over(context, row));
    lines.join("\n  ")
}

/// The consent a grant rests on.
fn why(context: &Context, row: &GrantRow) -> Option<String> {
    let text = &context.text;
    let id = row.consent.as_ref()?;
    let Some(consent) = &row.consent_row else {
        return Some(text.say("grants-consent-unseen", &[("consent", short(id).into())]));
    };
    let arguments = [
        ("consent", short(id).into()),
        ("giver", giver(context, consent).into()),
        ("how", obtained(context, consent).into()),
        ("at", context.zone.show(consent.recorded_ms).into()),
        ("who", printable(consent.recorded_by.as_deref().unwrap_or("–")).into()),
        ("state", text.word("state", &consent.state).into()),
    ];
    Some(text.say("grants-consent", &arguments))
}

/// What ended a grant.
fn over(context: &Context, row: &GrantRow) -> Option<String> {
    let text = &context.text;
    match (row.state.as_str(), &row.removal) {
        ("standing", _) => None,
        ("ended", _) => Some(text.say("grants-ended", &[])),
        ("handed_over", Some(removal)) => {
            let at = context.zone.show(removal.at_ms);
            Some(text.say("grants-handed-over", &[("at", at.into())]))
        }
        ("expelled", _) => Some(text.say("grants-expelled", &[])),
        (_, Some(removal)) => {
            let other = removal.hung_on.as_ref().map(|hung| party(context, hung));
            let other = other.unwrap_or_default();
            let arguments = [
                ("by", party(context, &removal.by).into()),
                ("at", context.zone.show(removal.at_ms).into()),
                ("other", other.into()),
            ];
            Some(match removal.hung_on {
                None => text.say("grants-revoked", &arguments),
                Some(_) => text.say("grants-hung", &arguments),
            })
        }
        (state, None) => Some(text.word("state", state)),
    }
}
