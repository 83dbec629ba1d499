use clap_complete::Shell;

use crate::{command, context::Context, failure::Exit, output};

#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell to complete in
    shell: Shell,
}

impl Completions {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut command::translated(&context.text),
            "linli",
            &mut script,
        );
        output::print(&String::from_utf8(script)?);
        std::future::ready(Ok(Exit::DONE)).await
    }
}
