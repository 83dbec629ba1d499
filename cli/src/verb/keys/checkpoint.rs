use linli_node::api::checkpoints::{CheckpointAnswer, KeysCheckpoint};

use crate::{context::Context, failure::Exit};

/// Spaces in one request: an alert waits for no more than these.
const AT_ONCE: u64 = 8;

#[derive(Debug, clap::Args)]
pub(crate) struct Checkpoint {
    #[command(flatten)]
    what: What,
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
        let elder = self.what.elder;
        let mut request = KeysCheckpoint { elder, after: None, limit: AT_ONCE, acting };
        let client = context.client().await?;
        let mut sum = CheckpointAnswer::default();
        loop {
            let answer = client.call(&request).await?;
            sum.total = answer.total;
            sum.seen += answer.seen;
            sum.made += answer.made;
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
                ("left", sum.left.into()),
                ("failed", sum.failed.into()),
            ];
            context.text.say("checkpoint-done", &arguments)
        })
    }
}
