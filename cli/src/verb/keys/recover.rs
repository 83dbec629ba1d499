use std::path::{Path, PathBuf};

use linli_node::api::recovery::{RecoveryBegin, RecoveryFinish};

use crate::{context::Context, failure::Exit, local::officers, output::printable, verb::short};

#[derive(Debug, clap::Args)]
pub(super) struct Recover {
    /// The elder's id or name, or the space's tag as `linli documents --json` shows it
    #[arg(required_unless_present = "finish", conflicts_with = "finish")]
    space: Option<String>,
    /// For an elder: which of their spaces
    #[arg(long, default_value = "care", value_parser = ["care", "health", "emergency"])]
    scope: String,
    /// For what reason: the officers see it, and the record keeps it
    #[arg(long, value_name = "TEXT", required_unless_present = "finish")]
    reason: Option<String>,
    /// Whose space it is, as the officers can recognise it [default: the elder's name, where known]
    #[arg(long, value_name = "TEXT")]
    about: Option<String>,
    /// Do everything up to the check of the key, and open nothing
    #[arg(long)]
    rehearse: bool,
    /// Where to write the file that goes round among the officers
    #[arg(long, value_name = "FILE", required_unless_present = "finish")]
    to: Option<PathBuf>,
    /// Finish with the file that came back; with several, where each officer had a copy
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["to", "reason", "about", "rehearse"])]
    finish: Vec<PathBuf>,
}

impl Recover {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match (self.space.clone(), self.to.clone()) {
            (Some(space), Some(to)) => self.begin(context, space, &to).await,
            (Some(_) | None, _) => self.end(context).await,
        }
    }

    async fn begin(self, context: &Context, space: String, to: &Path) -> anyhow::Result<Exit> {
        let request = RecoveryBegin {
            space,
            scope: self.scope,
            reason: self.reason.unwrap_or_default(),
            about: self.about,
            rehearsal: self.rehearse,
            acting: context.acting()?,
        };
        let answer = context.ask(&request).await?;
        officers::replace(to, &hex::decode(&answer.request)?)?;
        context.show(&answer, || {
            let arguments = [
                ("path", to.display().to_string().into()),
                ("needed", answer.needed.into()),
                ("officers", answer.officers.len().into()),
            ];
            context.text.say("recovery-begun", &arguments)
        })
    }

    async fn end(self, context: &Context) -> anyhow::Result<Exit> {
        let files = self
            .finish
            .iter()
            .map(|path| officers::read_recovery(path))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let request = hex::encode(linli_node::recovery::joined(&files)?);
        let answer = context.ask(&RecoveryFinish { request, acting: context.acting()? }).await?;
        context.show(&answer, || {
            let officers: Vec<String> =
                answer.officers.iter().map(|word| officers::beginning(word)).collect();
            let arguments = [
                ("space", short(&answer.space).into()),
                ("kind", context.text.word("kind", &answer.kind).into()),
                ("epochs", answer.epochs.into()),
                ("officers", officers.join(", ").into()),
            ];
            let mut lines = vec![match answer.rehearsal {
                true => context.text.say("recovery-rehearsed", &arguments),
                false => context.text.say("recovery-done", &arguments),
            }];
            lines.extend(answer.refused.iter().map(|refused| printable(refused)));
            lines.join("\n")
        })
    }
}
