use linli_node::api::people::PersonEnd;

use crate::{context::Context, failure::Exit};

#[derive(Debug, clap::Args)]
pub(super) struct End {
    /// The person's id or name
    #[arg(value_name = "PERSON")]
    whom: String,
    /// The last day the person may act [default: the person ends at once]
    #[arg(long, value_name = "DATE")]
    on: Option<String>,
}

impl End {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let at_ms = match &self.on {
            Some(day) => Some(context.zone.end_of(day)?),
            None => None,
        };
        let request = PersonEnd { person: self.whom, at_ms, acting: context.acting()? };
        let answer = context.ask(&request).await?;
        context.show(&answer, || super::table(context, std::slice::from_ref(&answer)))
    }
}
