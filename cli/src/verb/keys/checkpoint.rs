use linli_node::api::checkpoints::{CheckpointAnswer, CheckpointWithdraw, KeysCheckpoint};

use crate::{context::Context, failure::Exit};

/// Spaces in one request: an alert waits for no more than these.
const AT_ONCE: u64 = 8;

#[derive(Debug, clap::Args)]
pub(crate) struct Checkpoint {
    #[command(flatten)]
    what: What,
    /// Sign for the checkpoint that reaches furthest and agrees with all that is held here; write none. Where stewards
    /// of two parties have signed, carriers are ordered to drop what it stands for
    #[arg(long)]
    agree: bool,
    /// Take back what was signed for a checkpoint, and the order: its id, or the beginning of it
    #[arg(long, value_name = "ID", conflicts_with_all = ["agree", "all"])]
    withdraw: Option<String>,
}

/// Whose spaces.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// The elder's id or name, or a part that fits one only
    elder: Option<String>,
    /// All spaces of this node
    #[arg(long)]
    all: bool,
}

impl Checkpoint {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let acting = context.acting()?;
        let (elder, agree) = (self.what.elder, self.agree);
        if let (Some(elder), Some(entry)) = (&elder, self.withdraw) {
            let request = CheckpointWithdraw { elder: elder.clone(), entry, acting };
            let done = context.client().await?.call(&request).await?;
            return context.show(&done, || {
                let key = match (done.prunes_from_ms, done.due) {
                    (None, _) => "checkpoint-withdrawn",
                    (Some(_), false) => "checkpoint-withdrawn-ordered",
                    (Some(_), true) => "checkpoint-withdrawn-due",
                };
                let at = done.prunes_from_ms.map(|at| context.zone.show(at)).unwrap_or_default();
                context.text.say(key, &[("at", at.into())])
            });
        }
        let mut request = KeysCheckpoint { elder, after: None, limit: AT_ONCE, agree, acting };
        let client = context.client().await?;
        let mut sum = CheckpointAnswer::default();
        loop {
            let answer = client.call(&request).await?;
            sum.total = answer.total;
            sum.seen += answer.seen;
            sum.made += answer.made;
            sum.signed += answer.signed;
            sum.ordered += answer.ordered;
            sum.left += answer.left;
            sum.failed += answer.failed;
            if answer.next.is_none() {
                break;
            }
            request.after = answer.next;
        }
        context.show(&sum, || {
            let arguments = [
                ("seen", sum.seen.into()),
                ("made", sum.made.into()),
                ("signed", sum.signed.into()),
                ("ordered", sum.ordered.into()),
                ("left", sum.left.into()),
                ("failed", sum.failed.into()),
            ];
            let key = if agree { "checkpoint-agreed" } else { "checkpoint-done" };
            context.text.say(key, &arguments)
        })
    }
}
