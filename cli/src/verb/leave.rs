use linli_node::api::network;

use crate::{context::Context, failure::Exit};

#[derive(Debug, clap::Args)]
pub(crate) struct Leave {
    /// How many other nodes must hold all that was written here
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    copies: u64,
}

impl Leave {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let answer = context.ask(&network::Leave { copies: self.copies }).await?;
        context.show(&answer, || match answer.may_leave {
            true => context.text.say("leave-may", &[("copies", self.copies.into())]),
            false => {
                let (entries, files) = (answer.waiting_entries, answer.waiting_files);
                let numbers = [("waiting", entries.into()), ("files", files.into())];
                context.text.say("leave-not-yet", &numbers)
            }
        })?;
        Ok(if answer.may_leave { Exit::DONE } else { Exit::WAITS })
    }
}
