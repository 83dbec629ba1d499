use std::path::PathBuf;

use crate::{
    context::Context,
    demo::{self, CHECKS, Options, lab},
    failure::Exit,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Demo {
    /// Write what was seen to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Leave the nodes running at the end, and say how to talk to each
    #[arg(long)]
    stay: bool,
    /// Spoil the condition of a check, which must then fail; may be given again
    #[arg(long = "break", value_name = "CHECK", value_parser = CHECKS)]
    spoil: Vec<String>,
    /// Put the network on forwarders between loopback addresses, also where there are namespaces
    #[arg(long)]
    forwarders: bool,
    #[arg(skip)]
    ground: Option<lab::Ground>,
}

impl Demo {
    /// Moves the program into a network of its own. To be called before anything else is done.
    pub(crate) fn enter(&mut self) {
        self.ground = Some(lab::enter(self.forwarders));
    }

    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let Self { report, stay, spoil, forwarders, ground } = self;
        let ground = ground.unwrap_or_else(|| lab::enter(forwarders));
        demo::run(context, ground, Options { report, stay, spoil }).await
    }
}
