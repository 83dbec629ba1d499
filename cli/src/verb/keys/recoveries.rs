use linli_node::api::recovery::{RecoveryList, RecoveryRow};

use crate::{
    context::Context,
    failure::Exit,
    local::officers,
    output::{Columns, printable},
    verb::short,
};

#[derive(Debug, clap::Args)]
pub(super) struct Recoveries {}

impl Recoveries {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let answer = context.ask(&RecoveryList {}).await?;
        context.show(&answer, || {
            let columns =
                Columns(&["since", "space", "elder", "party", "officers", "state", "reasons"]);
            columns.table(&context.text, answer.iter().map(|row| cells(context, row)).collect())
        })
    }
}

fn cells(context: &Context, row: &RecoveryRow) -> Vec<String> {
    let officers: Vec<String> = row.officers.iter().map(|word| officers::beginning(word)).collect();
    let who = [row.party_name.as_deref(), row.person.as_deref()];
    let who: Vec<String> = who.into_iter().flatten().map(printable).collect();
    vec![
        context.zone.show(row.at_ms),
        short(&row.space),
        printable(&row.names.join(" / ")),
        if who.is_empty() { short(&row.party) } else { who.join(", ") },
        officers.join(", "),
        match (row.rehearsal, row.proved) {
            (true, _) => context.text.say("recovery-state-rehearsed", &[]),
            (false, true) => context.text.say("recovery-state-proved", &[]),
            (false, false) => context.text.say("recovery-state-told", &[]),
        },
        row.reason.as_deref().map_or_else(|| context.text.say("sealed", &[]), printable),
    ]
}
