//! Contingency plans: written beforehand, started when it comes to it, and ticked off.

use std::{fs::File, io::Read as _, path::PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use linli_node::api::plans::{PlanAct, PlanCheck, PlanList, PlanRow, PlanShow, PlanWrite};

use super::{short, who::Parties};
use crate::{
    context::Context,
    failure::{CliError, Exit},
    output::{Columns, printable},
};

mod told;

pub(super) use told::in_force;

/// Bytes of a plan that are read: more than the node takes, so that it says so itself.
const FILE_BYTES_MAX: u64 = 64 * 1024;

#[derive(Debug, clap::Args)]
pub(crate) struct Plan {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Write {
        /// The file, in TOML
        file: PathBuf,
        /// It is a new version of this plan
        #[arg(long)]
        plan: Option<String>,
    },
    List,
    Show(Which),
    Start(Which),
    Drill(Which),
    Stop(Which),
    Tick {
        #[command(flatten)]
        which: Which,
        /// The step
        step: String,
        /// It is not done after all
        #[arg(long)]
        undo: bool,
    },
    Check {
        #[command(flatten)]
        which: Which,
        /// The step
        step: String,
        /// The elder's id or name, or a part that fits one only
        elder: String,
        /// How the elder was found
        #[arg(long, value_parser = ["well", "needs-help", "not-reached"])]
        found: String,
        /// What else
        #[arg(long)]
        note: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The plan's id or name, or a part that fits one only
    plan: String,
    /// Which start of it [default: what is in force, or was last]
    #[arg(long, value_name = "START")]
    run: Option<String>,
}

impl Plan {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Write { file, plan } => {
                let (text, acting) = (read(&file)?, context.acting()?);
                let answer = context.ask(&PlanWrite { plan, text, acting }).await?;
                context.show(&answer, || answer.plan.clone())
            }
            Act::List => {
                let answer = context.ask(&PlanList {}).await?;
                context.show(&answer, || table(context, &answer))
            }
            Act::Show(Which { plan, run }) => {
                let answer = context.look(PlanShow { plan, run }).await?;
                let parties = Parties::ask(context).await?;
                context.show(&answer, || told::told(context, &parties, &answer))
            }
            Act::Start(which) => which.act(context, "start", None).await,
            Act::Drill(which) => which.act(context, "drill", None).await,
            Act::Stop(which) => which.act(context, "stop", None).await,
            Act::Tick { which, step, undo } => {
                which.act(context, if undo { "untick" } else { "tick" }, Some(step)).await
            }
            Act::Check { which: Which { plan, run }, step, elder, found, note } => {
                let (found, acting) = (found.replace('-', "_"), context.acting()?);
                let request = PlanCheck { plan, step, elder, found, note, run, acting };
                let answer = context.ask(&request).await?;
                context.show(&answer, || context.text.say("saved", &[]))
            }
        }
    }
}

impl Which {
    async fn act(self, context: &Context, act: &str, step: Option<String>) -> anyhow::Result<Exit> {
        let Self { plan, run } = self;
        let (act, acting) = (act.to_owned(), context.acting()?);
        let answer = context.ask(&PlanAct { plan, act, step, run, acting }).await?;
        context.show(&answer, || context.text.say("saved", &[]))
    }
}

fn read(file: &PathBuf) -> anyhow::Result<String> {
    let name = || printable(&file.display().to_string());
    let mut bytes = Vec::new();
    let opened = File::open(file).with_context(name)?;
    opened.take(FILE_BYTES_MAX).read_to_end(&mut bytes).with_context(name)?;
    let wrong = |_| CliError::Value { value: name(), example: "heat.toml" };
    Ok(String::from_utf8(bytes).map_err(wrong)?)
}

fn table(context: &Context, plans: &[PlanRow]) -> String {
    let text = &context.text;
    let row = |row: &PlanRow| {
        let force: Vec<String> = row.in_force.iter().map(|one| in_force(context, one)).collect();
        let conflict = if row.conflict { text.say("plan-differs", &[]) } else { String::new() };
        vec![
            short(&row.plan),
            printable(&row.name),
            text.word("hazard", &row.hazard),
            format!("{}{conflict}", row.version),
            if force.is_empty() { "–".to_owned() } else { force.join("; ") },
        ]
    };
    let columns = Columns(&["plan", "name", "hazard", "version", "in-force"]);
    columns.table(text, plans.iter().map(row).collect())
}
