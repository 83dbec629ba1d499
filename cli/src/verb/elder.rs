use std::{
    collections::BTreeMap,
    path::{PathBuf, absolute},
};

use clap::Subcommand;
use linli_node::api::alerts::PositionSet;
use linli_node::api::cards::ElderCard;
use linli_node::api::care::{
    ElderAdd, ElderEdit, ElderImport, ElderList, ElderPage, ElderShow, ImportAnswer,
};

use crate::{
    context::Context,
    failure::{CliError, Exit, detailed},
    moment::now_ms,
    output::{Columns, Spinner, printable},
};

mod contact;
mod related;
mod told;

#[derive(Debug, clap::Args)]
pub(crate) struct Elder {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Add(Add),
    Show {
        /// The elder's id or name, or a part that fits one only
        elder: String,
    },
    Edit(Edit),
    Related(related::Related),
    List(List),
    Import(Import),
    Locate(Locate),
    Due(contact::Due),
    Contact(contact::Contact),
    Card {
        /// The elder's id or name, or a part that fits one only
        elder: String,
        /// Why, such as call
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Locate {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// Degrees north by WGS 84, such as 30.274152
    #[arg(allow_hyphen_values = true)]
    latitude: String,
    /// Degrees east, such as 120.155070
    #[arg(allow_hyphen_values = true)]
    longitude: String,
    /// Within how many metres
    #[arg(long, value_name = "METRES")]
    accuracy: Option<u32>,
    /// When it was measured, such as 2026-03-01T08:30:00 [default: now]
    #[arg(long)]
    time: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Add {
    #[arg(long)]
    name: String,
    /// 1 for a man, 2 for a woman (GB/T 2261.1)
    #[arg(long)]
    sex: Option<String>,
    /// Such as 1941-05-02
    #[arg(long, value_name = "DATE")]
    birth_date: Option<String>,
    /// 18 digits (GB 11643)
    #[arg(long, value_name = "ID")]
    national_id: Option<String>,
    #[arg(long)]
    phone: Option<String>,
    #[arg(long)]
    address: Option<String>,
    /// Any other field, as field=value; may be given again
    #[arg(long = "field", value_name = "FIELD=VALUE")]
    fields: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Edit {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// The field, such as phone, or card/allergies
    field: String,
    /// The value; an empty one clears the field
    value: String,
}

#[derive(Debug, clap::Args)]
struct List {
    /// Only those whose name, id or phone holds this
    find: Option<String>,
    /// How many to pass over
    #[arg(long, default_value_t = 0)]
    offset: u64,
    /// How many to list
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
}

#[derive(Debug, clap::Args)]
struct Import {
    /// The register: CSV in any encoding that offices use
    file: PathBuf,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
}

impl Elder {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Add(add) => {
                let request = ElderAdd { fields: add.fields()?, acting: context.acting()? };
                let answer = context.ask(&request).await?;
                context.show(&answer, || answer.elder.clone())
            }
            Act::Show { elder } => {
                let answer = context.look(ElderShow { elder }).await?;
                let parties = super::who::Parties::ask(context).await?;
                context.show(&answer, || told::told(context, &parties, &answer))
            }
            Act::Edit(Edit { elder, field, value }) => {
                let request = ElderEdit { elder, field, value, acting: context.acting()? };
                let answer = context.ask(&request).await?;
                context.show(&answer, || context.text.say("saved", &[]))
            }
            Act::Related(related) => related.run(context).await,
            Act::List(List { find, offset, limit }) => {
                let answer = context.look(ElderList { find, offset, limit }).await?;
                context.show(&answer, || page(context, &answer))
            }
            Act::Import(import) => import.run(context).await,
            Act::Due(due) => due.run(context).await,
            Act::Contact(contact) => contact.run(context).await,
            Act::Locate(Locate { elder, latitude, longitude, accuracy, time }) => {
                let time_ms = match &time {
                    Some(time) => context.zone.time_of(time)?,
                    None => now_ms(),
                };
                let accuracy_m = accuracy;
                let request = PositionSet { elder, latitude, longitude, accuracy_m, time_ms };
                let answer = context.ask(&request).await?;
                context.show(&answer, || context.text.say("saved", &[]))
            }
            Act::Card { elder, reason } => {
                let request = ElderCard { elder, reason, acting: context.acting()? };
                super::card::shown(context, &context.ask(&request).await?).await
            }
        }
    }
}

impl Add {
    /// The fields of the profile by their names.
    fn fields(self) -> Result<BTreeMap<String, String>, CliError> {
        let named = [
            ("name", Some(self.name)),
            ("sex", self.sex),
            ("birth_date", self.birth_date),
            ("national_id", self.national_id),
            ("phone", self.phone),
            ("address", self.address),
        ];
        let mut fields: BTreeMap<String, String> =
            named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        for field in self.fields {
            let Some((name, value)) = field.split_once('=') else {
                return Err(CliError::Value { value: field, example: "interests=opera" });
            };
            fields.insert(name.to_owned(), value.to_owned());
        }
        Ok(fields)
    }
}

impl Import {
    async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let path = absolute(&self.file)?.display().to_string();
        let request = ElderImport { path, dry_run: self.dry_run, acting: context.acting()? };
        let client = context.client().await?;
        let spinner = Spinner::start(context, context.text.say("import-runs", &[]));
        let answer = client.call(&request).await?;
        drop(spinner);
        context.show(&answer, || imported(context, &answer))
    }
}

fn page(context: &Context, page: &ElderPage) -> String {
    let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "–".to_owned(), printable);
    let rows = page.elders.iter().map(|elder| {
        vec![
            elder.elder.clone(),
            printable(&elder.names.join(" | ")),
            shown(&elder.birth_date),
            shown(&elder.address),
            elder.conflicts.to_string(),
            elder.joined.len().to_string(),
        ]
    });
    let columns = Columns(&["elder", "name", "birth-date", "address", "conflicts", "joined"]);
    let table = columns.table(&context.text, rows.collect());
    let listed = u64::try_from(page.elders.len()).unwrap_or(u64::MAX);
    let arguments = [("listed", listed.into()), ("total", page.total.into())];
    format!("{table}\n\n{}", context.text.say("elder-page", &arguments))
}

fn imported(context: &Context, answer: &ImportAnswer) -> String {
    let refused = u64::try_from(answer.refused.len()).unwrap_or(u64::MAX);
    let arguments = [
        ("rows", answer.rows.into()),
        ("added", answer.added.into()),
        ("known", answer.known.into()),
        ("refused", refused.into()),
        ("encoding", answer.encoding.as_str().into()),
    ];
    let mut lines = vec![context.text.say("import-done", &arguments)];
    lines.extend(answer.refused.iter().map(|(line, refused)| {
        let reason = detailed(refused, &context.text);
        let arguments = [("line", (*line).into()), ("reason", reason.into())];
        context.text.say("import-refused", &arguments)
    }));
    lines.join("\n")
}
