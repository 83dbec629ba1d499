use clap::Subcommand;
use linli_node::api::network::{PersonAdd, PersonList, PersonRow};

use super::short;
use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, printable},
    prompt::PIN,
};

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
                let pin = PIN.get_new(context, None)?.as_str().to_owned();
                let request = PersonAdd { name: add.name, role: add.role, pin, ends_ms };
                let answer = context.ask(&request).await?;
                context.show(&answer, || table(context, std::slice::from_ref(&answer)))
            }
            Act::Switch { person } => seat::switch(context, person).await,
            Act::Leave => seat::leave(context).await,
            Act::List => {
                let answer = context.ask(&PersonList {}).await?;
                context.show(&answer, || table(context, &answer))
            }
        }
    }
}

fn table(context: &Context, people: &[PersonRow]) -> String {
    let row = |person: &PersonRow| {
        vec![
            short(&person.id),
            printable(&person.name),
            context.text.word("role", &printable(&person.role)),
            context.zone.show_end(person.ends_ms),
        ]
    };
    Columns(&["id", "name", "role", "ends"]).table(&context.text, people.iter().map(row).collect())
}
