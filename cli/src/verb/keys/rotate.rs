use indicatif::{ProgressBar, ProgressStyle};
use linli_node::api::grants::{KeysRotate, RotateAnswer};

use crate::{
    context::Context,
    failure::Exit,
    output::{complain, printable},
};

/// Spaces in one request: progress is shown, and an alert waits for no more than these.
const AT_ONCE: u64 = 32;

#[derive(Debug, clap::Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    what: What,
    /// care, health, emergency or order [default: all]
    #[arg(long)]
    scope: Option<String>,
    /// Go on with what was begun at this time: spaces rotated since then are passed over
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
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
    /// Only where somebody who was expelled could read; they lose their rights first
    #[arg(long)]
    expelled: bool,
}

impl Rotate {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let since_ms = match &self.since {
            Some(time) => Some(context.zone.time_of(time)?),
            None => None,
        };
        let mut request = KeysRotate {
            elder: self.what.elder,
            scope: self.scope,
            expelled: self.what.expelled,
            since_ms,
            after: None,
            limit: AT_ONCE,
            acting: context.acting()?,
        };
        let client = context.client().await?;
        let mut sum: Option<RotateAnswer> = None;
        let bar = bar(context);
        loop {
            let answer = client.call(&request).await?;
            if sum.is_none() && answer.next.is_some() && !context.json {
                let begun = context.zone.show(answer.since_ms).replace(' ', "T");
                let arguments = [("begun", printable(&begun).into())];
                complain(&context.text.say("rotate-begun", &arguments));
            }
            bar.set_length(answer.total);
            bar.inc(answer.seen);
            request.since_ms = Some(answer.since_ms);
            request.after.clone_from(&answer.next);
            let done = answer.next.is_none();
            sum = Some(match sum {
                None => answer,
                Some(sum) => RotateAnswer {
                    seen: sum.seen + answer.seen,
                    rotated: sum.rotated + answer.rotated,
                    revoked: sum.revoked + answer.revoked,
                    failed: sum.failed + answer.failed,
                    ..answer
                },
            });
            if done {
                break;
            }
        }
        bar.finish_and_clear();
        let Some(sum) = sum else { return Ok(Exit::DONE) };
        context.show(&sum, || {
            let arguments = [
                ("seen", sum.seen.into()),
                ("rotated", sum.rotated.into()),
                ("revoked", sum.revoked.into()),
                ("failed", sum.failed.into()),
            ];
            context.text.say("rotate-done", &arguments)
        })
    }
}

fn bar(context: &Context) -> ProgressBar {
    if context.json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    bar
}
