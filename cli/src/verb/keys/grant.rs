use linli_node::api::grants::{GrantRow, KeysGrant, KeysGrants};

use super::grants::told;
use crate::{context::Context, failure::Exit};

#[derive(Debug, clap::Args)]
pub(crate) struct Grant {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// The party's id or name
    party: String,
    #[arg(long, value_parser = ["care", "health", "emergency"])]
    scope: String,
    #[arg(long, value_parser = ["read", "write"])]
    right: String,
    /// What for: the word that the consent names too
    #[arg(long)]
    purpose: String,
    /// The last day it holds [default: with the consent]
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// The consent it rests on [default: one that covers it]
    #[arg(long, value_name = "ID")]
    consent: Option<String>,
    /// Open only what is written from now on
    #[arg(long)]
    from_now: bool,
}

impl Grant {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let ends_ms = match &self.until {
            Some(day) => Some(context.zone.end_of(day)?),
            None => None,
        };
        let request = KeysGrant {
            elder: self.elder,
            party: self.party,
            scope: self.scope,
            right: self.right,
            purpose: self.purpose,
            consent: self.consent,
            ends_ms,
            from_now: self.from_now,
            acting: context.acting()?,
        };
        let answer = context.ask(&request).await?;
        if context.json {
            return context.show(&answer, String::new);
        }
        let rows = context.look(KeysGrants { elder: request.elder.clone(), all: false }).await?;
        // The newest of those that say this.
        let given =
            rows.iter().filter(|row| is_asked(row, &request)).max_by_key(|row| row.since_ms);
        context.show(&answer, || {
            given.map_or_else(|| context.text.say("saved", &[]), |row| told(context, row))
        })
    }
}

fn is_asked(row: &GrantRow, asked: &KeysGrant) -> bool {
    let named = row.party.name.as_deref() == Some(asked.party.as_str());
    (named || row.party.party.starts_with(&asked.party))
        && row.scope == asked.scope
        && row.right == asked.right
        && row.purpose == asked.purpose
}
