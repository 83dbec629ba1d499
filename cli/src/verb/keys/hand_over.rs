use std::path::PathBuf;

use linli_node::api::{
    hand_over::{HandOverAnswer, KeysHandOver},
    officers::RequestState,
};

use super::{consent::scope, officers::passphrase, words};
use crate::{context::Context, failure::Exit, verb::short};

#[derive(Debug, clap::Args)]
pub(crate) struct HandOver {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// The next owner: a party's id or name, or `community`
    to: String,
    #[arg(long, value_parser = ["care", "health", "emergency", "all"], default_value = "all")]
    scope: String,
    /// What this party keeps of what it owns, until the next owner takes it away [default: nothing]
    #[arg(long, value_parser = ["read", "write", "steward"])]
    keep: Option<String>,
    /// Who acts for the community, where that is to own it: a party's id or name
    #[arg(long, value_name = "PARTY")]
    steward: Option<String>,
    /// A file whose first line opens the officers' key files [default: LINLI_OFFICER_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    officer_passphrase_file: Option<PathBuf>,
}

impl HandOver {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let client = context.client().await?;
        let file = self.officer_passphrase_file.as_deref();
        let request = KeysHandOver {
            elder: self.elder,
            to: self.to,
            steward: self.steward,
            scope: (self.scope != "all").then_some(self.scope),
            keep: self.keep,
            officer_passphrase: passphrase(context, &client, file).await?,
            acting: context.acting()?,
        };
        let answer = client.call(&request).await?;
        context.show(&answer, || told(context, &answer))?;
        let waits = answer.request.as_ref().is_some_and(|r| r.state != RequestState::Counts);
        Ok(if waits { Exit::WAITS } else { Exit::DONE })
    }
}

fn told(context: &Context, answer: &HandOverAnswer) -> String {
    let text = &context.text;
    let line = |row: &linli_node::api::hand_over::HandedRow| {
        let arguments = [("scope", scope(context, &row.scope).into())];
        text.say_key(&format!("handed-{}", row.state.replace('_', "-")), &arguments)
    };
    let mut lines: Vec<String> = answer.spaces.iter().map(line).collect();
    if let Some(request) = &answer.request {
        lines.push(words::request(context, request));
        lines.push(match request.state {
            RequestState::Counts => text.say("request-counts", &[]),
            RequestState::Waits | RequestState::Outdated => {
                text.say("request-waits", &[("id", short(&request.id).into())])
            }
        });
    }
    lines.join("\n")
}
