use clap::Subcommand;
use linli_node::api::{
    Acting,
    network::{PersonAdd, PersonList, PersonRow},
};

use super::short;
use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, printable},
    prompt::{NEW_PIN, PIN, Secret},
};

mod end;
mod pin;
mod seat;

#[derive(Debug, clap::Args)]
pub(crate) struct Person {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Add(Add),
    List,
    End(end::End),
    Pin(pin::Pin),
    Reset(pin::Reset),
    Switch {
        /// The person's id or name
        person: String,
    },
    Leave,
}

#[derive(Debug, clap::Args)]
struct Add {
    /// The person's name
    name: String,
    /// The role, such as operator
    #[arg(long)]
    role: String,
    /// The qualification: a code, or the number of a certificate
    #[arg(long, value_name = "TEXT")]
    qualification: Option<String>,
    /// The last day the person may act [default: a year from now]
    #[arg(long, value_name = "DATE")]
    ends: Option<String>,
}

impl Person {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Add(add) => {
                let ends_ms = match &add.ends {
                    Some(day) => Some(context.zone.end_of(day)?),
                    None => None,
                };
                let acting = context.acting()?;
                let pin = new_pin(context, acting.as_ref())?.as_str().to_owned();
                let Add { name, role, qualification, .. } = add;
                let request = PersonAdd { name, role, qualification, pin, ends_ms, acting };
                let answer = context.ask(&request).await?;
                context.show(&answer, || table(context, std::slice::from_ref(&answer)))
            }
            Act::End(end) => end.run(context).await,
            Act::Pin(pin) => pin.run(context).await,
            Act::Reset(reset) => reset.run(context).await,
            Act::Switch { person } => seat::switch(context, person).await,
            Act::Leave => seat::leave(context).await,
            Act::List => {
                let answer = context.ask(&PersonList {}).await?;
                context.show(&answer, || table(context, &answer))
            }
        }
    }
}

/// The PIN of a person who is set up: where somebody acts with a PIN of their own, it is not that one.
fn new_pin(context: &Context, acting: Option<&Acting>) -> anyhow::Result<Secret> {
    match acting {
        Some(Acting { seat: None, .. }) => NEW_PIN.get_new(context, None),
        Some(Acting { seat: Some(_), .. }) | None => PIN.get_new(context, None),
    }
}

fn table(context: &Context, people: &[PersonRow]) -> String {
    let row = |person: &PersonRow| {
        vec![
            short(&person.id),
            printable(&person.name),
            context.text.word("role", &printable(&person.role)),
            printable(person.qualification.as_deref().unwrap_or("–")),
            context.zone.show_end(person.ends_ms),
            context.text.word("state", if person.ended { "ended" } else { "acts" }),
        ]
    };
    Columns(&["id", "name", "role", "qualification", "ends", "state"])
        .table(&context.text, people.iter().map(row).collect())
}
