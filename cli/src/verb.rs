//! The verbs, one file each.

use clap::Subcommand;
use serde_json::Value;

use crate::{
    context::Context,
    failure::Exit,
    output::{field, printable},
};

mod alert;
mod backup;
mod calls;
mod card;
mod community;
mod completions;
mod courier;
mod demo;
mod desk;
mod device;
mod doctor;
mod documents;
mod elder;
mod fields;
mod init;
mod invite;
mod join;
mod joins;
mod keys;
mod leave;
mod offer;
mod order;
mod party;
mod peers;
mod person;
mod photo;
mod plan;
mod reading;
mod relay;
mod restore;
mod rule;
mod sensor;
mod service;
mod status;
mod stop;
mod up;
mod who;

pub(crate) use up::told_to_stop;

/// Runs one verb each; what a verb is for stands in `locales/*/about.ftl`.
macro_rules! verbs {
    ($($verb:ident $module:ident,)+) => {
        /// What is to be done.
        #[derive(Debug, Subcommand)]
        pub(crate) enum Verb {
            $(#[allow(missing_docs, reason = "clap would show it as help")]
            $verb($module::$verb),)+
        }

        impl Verb {
            /// Does it.
            pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
                match self {
                    $(Self::$verb(verb) => verb.run(context).await,)+
                }
            }
        }
    };
}

verbs! {
    Init init,
    Community community,
    Up up,
    Stop stop,
    Status status,
    Peers peers,
    Documents documents,
    Doctor doctor,
    Invite invite,
    Join join,
    Keys keys,
    Person person,
    Party party,
    Elder elder,
    Joins joins,
    Reading reading,
    Device device,
    Photo photo,
    Offer offer,
    Order order,
    Alert alert,
    Plan plan,
    Sensor sensor,
    Rule rule,
    Desk desk,
    Calls calls,
    Leave leave,
    Courier courier,
    Backup backup,
    Restore restore,
    Relay relay,
    Service service,
    Completions completions,
    Demo demo,
}

impl Verb {
    /// Goes where the verb does its work, before anything else is done.
    pub(crate) fn enter(&mut self) {
        if let Self::Demo(demo) = self {
            demo.enter();
        }
    }

    /// Whether it works for others until it is told to stop, and so wants every processor.
    pub(crate) fn works_long(&self) -> bool {
        matches!(self, Self::Up(_)) || matches!(self, Self::Relay(relay) if relay.works_long())
    }
}

/// The kinds of parties.
pub(crate) const KINDS: [&str; 8] =
    ["household", "centre", "station", "provider", "family", "regulator", "evaluator", "carrier"];

/// The first eight digits of an id: enough for a person to tell two apart.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

/// Whom a row is about: the names, or the beginning of the elder's id where they may not be read.
pub(crate) fn about(row: &Value) -> String {
    let names = row.get("names").and_then(Value::as_array);
    let names: Vec<&str> = names.into_iter().flatten().filter_map(Value::as_str).collect();
    match names.is_empty() {
        true => short(&field(row, "elder")),
        false => printable(&names.join(" / ")),
    }
}
