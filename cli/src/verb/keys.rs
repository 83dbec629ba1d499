//! The privacy officer's work, one file a verb.

use clap::Subcommand;

use crate::{context::Context, failure::Exit};

mod audit;
mod checkpoint;
mod checkpoints;
mod consent;
mod datamap;
mod erase;
mod erasures;
mod expel;
mod exposure;
mod grant;
mod grants;
mod hand_over;
mod held;
mod inbox;
mod officer;
mod officers;
mod passphrase;
mod recover;
mod recover_share;
mod recoveries;
mod requests;
mod revoke;
mod rotate;
mod sign;
pub(super) mod words;

pub(super) use grants::party;
pub(super) use officers::passphrase as officer_passphrase;

#[derive(Debug, clap::Args)]
pub(crate) struct Keys {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Audit(audit::Audit),
    Passphrase(passphrase::Passphrase),
    Inbox(inbox::Inbox),
    Officer(officer::Officer),
    Officers(officers::Officers),
    Requests(requests::Requests),
    Sign(sign::Sign),
    Expel(expel::Expel),
    Consent(consent::Consent),
    Grant(grant::Grant),
    Grants(grants::Grants),
    Revoke(revoke::Revoke),
    Exposure(exposure::Ask),
    Rotate(rotate::Rotate),
    HandOver(hand_over::HandOver),
    Held(held::Held),
    Checkpoint(checkpoint::Checkpoint),
    Checkpoints(checkpoints::Checkpoints),
    Recover(recover::Recover),
    RecoverShare(recover_share::RecoverShare),
    Recoveries(recoveries::Recoveries),
    Erase(erase::Erase),
    Erasures(erasures::Erasures),
    Datamap(datamap::Map),
}

impl Keys {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Audit(verb) => verb.run(context).await,
            Act::Passphrase(verb) => verb.run(context).await,
            Act::Inbox(verb) => verb.run(context).await,
            Act::Officer(verb) => verb.run(context),
            Act::Officers(verb) => verb.run(context).await,
            Act::Requests(verb) => verb.run(context).await,
            Act::Sign(verb) => verb.run(context),
            Act::Expel(verb) => verb.run(context).await,
            Act::Consent(verb) => verb.run(context).await,
            Act::Grant(verb) => verb.run(context).await,
            Act::Grants(verb) => verb.run(context).await,
            Act::Revoke(verb) => verb.run(context).await,
            Act::Exposure(verb) => verb.run(context).await,
            Act::Rotate(verb) => verb.run(context).await,
            Act::HandOver(verb) => verb.run(context).await,
            Act::Held(verb) => verb.run(context).await,
            Act::Checkpoint(verb) => verb.run(context).await,
            Act::Checkpoints(verb) => verb.run(context).await,
            Act::Recover(verb) => verb.run(context).await,
            Act::RecoverShare(verb) => verb.run(context),
            Act::Recoveries(verb) => verb.run(context).await,
            Act::Erase(verb) => verb.run(context).await,
            Act::Erasures(verb) => verb.run(context).await,
            Act::Datamap(verb) => verb.run(context).await,
        }
    }
}
