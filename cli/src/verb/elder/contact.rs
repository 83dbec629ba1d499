//! Contact with elders who live alone.

use linli_node::api::contacts::{ContactDue, ContactNote, ContactTakeBack, DueAnswer, DueRow};

use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, printable},
    verb::who::Parties,
};

#[derive(Debug, clap::Args)]
pub(super) struct Due {
    /// Those with whom contact is due later, and those who are away, too
    #[arg(long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Contact {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// How somebody was in contact
    #[arg(
        long,
        value_parser = ["phone", "visit", "message"],
        required_unless_present = "take_back",
        conflicts_with = "take_back"
    )]
    by: Option<String>,
    /// When, such as 2026-03-01T08:30:00 [default: now]
    #[arg(long, requires = "by")]
    time: Option<String>,
    /// What was said
    #[arg(long, requires = "by")]
    note: Option<String>,
    /// It was a mistake: the id of the contact, or a part that fits one only
    #[arg(long, value_name = "CONTACT")]
    take_back: Option<String>,
}

impl Contact {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let Self { elder, by, time, note, take_back } = self;
        let acting = context.acting()?;
        if let Some(contact) = take_back {
            let answer = context.ask(&ContactTakeBack { elder, contact, acting }).await?;
            return context.show(&answer, || context.text.say("saved", &[]));
        }
        let when_ms = time.map(|time| context.zone.time_of(&time)).transpose()?;
        let by = by.unwrap_or_default();
        let answer = context.ask(&ContactNote { elder, by, when_ms, note, acting }).await?;
        context.show(&answer, || answer.contact.clone())
    }
}

impl Due {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let answer = context.look(ContactDue { all: self.all }).await?;
        let parties = Parties::ask(context).await?;
        context.show(&answer, || table(context, &parties, &answer))
    }
}

fn table(context: &Context, parties: &Parties, answer: &DueAnswer) -> String {
    let text = &context.text;
    let row = |row: &DueRow| {
        let means = row.by.as_ref().map(|by| text.word("contact", by));
        let author = row.author.as_ref().map(|author| parties.author(context, author));
        let dash = || "–".to_owned();
        vec![
            printable(&row.names.join(" / ")),
            row.phone.as_deref().map_or_else(dash, printable),
            text.word("due", &row.state),
            row.day.clone(),
            row.days.to_string(),
            means.as_ref().map_or_else(dash, |_| context.zone.show(row.from_ms)),
            means.unwrap_or_else(dash),
            author.unwrap_or_else(dash),
            row.alert.as_deref().map_or_else(dash, crate::verb::short),
        ]
    };
    let columns = Columns(&[
        "name",
        "phone",
        "contact",
        "due-on",
        "contact-days",
        "last-contact",
        "contact-by",
        "contact-who",
        "alert",
    ]);
    columns.table(text, answer.elders.iter().map(row).collect())
}
