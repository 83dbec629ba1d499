use clap::Subcommand;
use linli_node::api::grants::{ConsentList, ConsentRecord, ConsentRow, ConsentWithdraw};

use super::{exposure, grants::party};
use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, printable},
    verb::short,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Consent {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Record(Record),
    List {
        /// The elder's id or name, or a part that fits one only
        elder: String,
        /// Those that are over or withdrawn too
        #[arg(long)]
        all: bool,
    },
    Withdraw(Withdraw),
}

#[derive(Debug, clap::Args)]
struct Record {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// The party that may read: its id or name
    #[arg(long, value_name = "PARTY")]
    to: String,
    /// What for: the word that the grant names too
    #[arg(long)]
    purpose: String,
    /// care, health, emergency or order/ID; health and emergency each by itself
    #[arg(long = "category", value_name = "KIND", required = true)]
    categories: Vec<String>,
    #[command(flatten)]
    obtained: Obtained,
    /// The guardian's name, where it is not the elder's own word
    #[arg(long, value_name = "NAME")]
    guardian: Option<String>,
    /// The first day it holds [default: from this moment]
    #[arg(long, value_name = "DATE")]
    from: Option<String>,
    /// The last day it holds [default: until it is withdrawn]
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// Why it is needed, as it was explained
    #[arg(long, value_name = "TEXT")]
    necessity: Option<String>,
    /// How many days the party keeps what it reads, as it was explained
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u32>,
}

/// How the consent was obtained.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Obtained {
    /// Signed on paper: where it is kept
    #[arg(long, value_name = "PLACE")]
    paper: Option<String>,
    /// Said in the presence of a witness: who
    #[arg(long, value_name = "WITNESS")]
    spoken: Option<String>,
    /// Recorded on a call or before a camera: where it is kept
    #[arg(long, value_name = "PLACE")]
    recorded: Option<String>,
    /// Given on the elder's own device
    #[arg(long)]
    on_device: bool,
}

#[derive(Debug, clap::Args)]
struct Withdraw {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// The consent's id, or a part that fits one only
    consent: String,
    /// The guardian's name, where it is not the elder's own word
    #[arg(long, value_name = "NAME")]
    guardian: Option<String>,
    /// What was said
    #[arg(long)]
    note: Option<String>,
}

impl Obtained {
    /// The word for it, and where it can be found again.
    fn told(self) -> (&'static str, String) {
        match self {
            Self { paper: Some(place), .. } => ("paper", place),
            Self { spoken: Some(witness), .. } => ("spoken", witness),
            Self { recorded: Some(place), .. } => ("recorded", place),
            Self { .. } => ("on_device", String::new()),
        }
    }
}

impl Consent {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Record(record) => record.run(context).await,
            Act::List { elder, all } => {
                let answer = context.look(ConsentList { elder, all }).await?;
                context.show(&answer, || table(context, &answer))
            }
            Act::Withdraw(Withdraw { elder, consent, guardian, note }) => {
                let acting = context.acting()?;
                let request = ConsentWithdraw { elder, consent, guardian, note, acting };
                let answer = context.ask(&request).await?;
                context.show(&answer, || match answer.is_empty() {
                    true => context.text.say("consent-withdrawn-alone", &[]),
                    false => exposure::told(context, &answer),
                })
            }
        }
    }
}

impl Record {
    async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let begins_ms = match &self.from {
            Some(day) => Some(context.zone.time_of(&format!("{day}T00:00:00"))?),
            None => None,
        };
        let ends_ms = match &self.until {
            Some(day) => Some(context.zone.end_of(day)?),
            None => None,
        };
        let (obtained, proof) = self.obtained.told();
        let elder = self.elder.clone();
        let request = ConsentRecord {
            elder: self.elder,
            to: self.to,
            purpose: self.purpose,
            categories: self.categories,
            guardian: self.guardian,
            obtained: obtained.to_owned(),
            proof,
            begins_ms,
            ends_ms,
            necessity: self.necessity,
            keep_days: self.keep_days,
            acting: context.acting()?,
        };
        let answer = context.ask(&request).await?;
        if context.json {
            return context.show(&answer, String::new);
        }
        let rows = context.look(ConsentList { elder, all: true }).await?;
        let row = rows.iter().find(|row| row.consent == answer.consent);
        context
            .show(&answer, || row.map_or_else(|| short(&answer.consent), |row| told(context, row)))
    }
}

/// One consent in words.
fn told(context: &Context, consent: &ConsentRow) -> String {
    let kinds = consent.categories.iter().map(|kind| scope(context, kind));
    let arguments = [
        ("consent", short(&consent.consent).into()),
        ("party", party(context, &consent.to).into()),
        ("scope", kinds.collect::<Vec<_>>().join(", ").into()),
        ("purpose", printable(&consent.purpose).into()),
        ("giver", giver(context, consent).into()),
        ("how", obtained(context, consent).into()),
        ("begins", context.zone.show(consent.begins_ms).into()),
        ("until", until(context, consent).into()),
    ];
    context.text.say("consent-told", &arguments)
}

/// The last day a consent holds.
fn until(context: &Context, consent: &ConsentRow) -> String {
    let end = consent.ends_ms.map(|ends| context.zone.show_end(ends));
    end.unwrap_or_else(|| context.text.say("consent-open-end", &[]))
}

fn table(context: &Context, consents: &[ConsentRow]) -> String {
    let row = |consent: &ConsentRow| {
        let kinds = consent.categories.iter().map(|kind| scope(context, kind));
        vec![
            short(&consent.consent),
            context.text.word("state", &consent.state),
            party(context, &consent.to),
            printable(&consent.purpose),
            kinds.collect::<Vec<_>>().join(", "),
            giver(context, consent),
            obtained(context, consent),
            until(context, consent),
        ]
    };
    let columns =
        Columns(&["id", "state", "party", "purpose", "data", "given-by", "obtained", "ends"]);
    columns.table(&context.text, consents.iter().map(row).collect())
}

/// The word for a kind of data: `order/<id>` is one order.
pub(super) fn scope(context: &Context, scope: &str) -> String {
    match scope.strip_prefix("order/") {
        Some(id) => format!("{} {}", context.text.word("kind", "order"), short(id)),
        None => context.text.word("kind", scope),
    }
}

/// Whose word a consent is.
pub(super) fn giver(context: &Context, consent: &ConsentRow) -> String {
    match &consent.guardian {
        Some(name) => context.text.say("consent-guardian", &[("name", printable(name).into())]),
        None => context.text.say("consent-elder", &[]),
    }
}

/// How a consent was obtained, and where that can be found again.
pub(super) fn obtained(context: &Context, consent: &ConsentRow) -> String {
    let word = context.text.word("consent-how", &consent.obtained);
    match &consent.proof {
        Some(proof) => {
            let arguments = [("how", word.into()), ("proof", printable(proof).into())];
            context.text.say("consent-proved", &arguments)
        }
        None => word,
    }
}
