//! Who wrote or did something, and when, in words: views name parties by their ids alone.

use std::collections::BTreeMap;

use linli_node::api::{
    grants::PartyRef,
    network::{PartyList, PartyRow},
};
use serde_json::Value;

use super::{keys::party, short};
use crate::{
    context::Context,
    output::{field, printable},
};

/// The parties of the community with their public names.
#[derive(Default)]
pub(super) struct Parties(BTreeMap<String, Option<String>>);

impl Parties {
    /// Asks the node, where a person is to read the answer.
    pub(super) async fn ask(context: &Context) -> anyhow::Result<Self> {
        match context.json {
            true => Ok(Self::default()),
            false => Self::known(context).await,
        }
    }

    /// Asks the node.
    pub(super) async fn known(context: &Context) -> anyhow::Result<Self> {
        Ok(Self::of(context.ask(&PartyList {}).await?))
    }

    /// Takes what a node answered.
    pub(super) fn of(rows: Vec<PartyRow>) -> Self {
        Self(rows.into_iter().map(|row| (row.party, row.name)).collect())
    }

    /// Whoever wrote something, and on whose word that is known where it is not on their own.
    pub(super) fn author(&self, context: &Context, author: &Value) -> String {
        let who = self.signer(context, author);
        let by = author.get("attested_by").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let named = |id: &Value| {
            let id = id.as_str().unwrap_or_default();
            let name = self.0.get(id).and_then(Option::as_deref);
            name.map_or_else(|| short(id), printable)
        };
        let parties: Vec<String> = by.iter().map(named).collect();
        if parties.is_empty() {
            return who;
        }
        let arguments = [("who", who.into()), ("parties", parties.join(", ").into())];
        context.text.say("who-attested", &arguments)
    }

    /// A person and the party, or the party alone where nobody was named.
    fn signer(&self, context: &Context, author: &Value) -> String {
        let id = field(author, "party");
        let name = self.0.get(&id).cloned().flatten();
        let party = party(context, &PartyRef { party: id, kind: field(author, "kind"), name });
        match author.pointer("/person/name").and_then(Value::as_str) {
            None => party,
            Some(person) => {
                let arguments = [("person", printable(person).into()), ("party", party.into())];
                context.text.say("who-person", &arguments)
            }
        }
    }

    /// The public name of a party, or the beginning of its id.
    pub(super) fn name(&self, id: &str) -> String {
        let named = self.0.get(id).cloned().flatten();
        printable(&named.unwrap_or_else(|| id.chars().take(8).collect()))
    }

    /// Somebody's word: who gave it, and when by their clock.
    pub(super) fn statement(&self, context: &Context, statement: &Value) -> String {
        let author = statement.get("author").unwrap_or(&Value::Null);
        let arguments = [
            ("who", self.author(context, author).into()),
            ("at", at(context, statement, "at").into()),
        ];
        context.text.say("who-at", &arguments)
    }
}

/// The time in a field; a dash where it is missing.
pub(super) fn at(context: &Context, value: &Value, name: &str) -> String {
    context.zone.show_known(value.get(name).and_then(Value::as_u64))
}

/// The items of an array in a field; none where there is no array.
pub(super) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
