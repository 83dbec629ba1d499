//! The `linli` command: runs a node, and asks the running node of a data directory for everything else.
//!
//! One file a verb under `verb/`. Results go to standard output, messages and questions to standard
//! error. `docs/operations.md` lists the variables and exit codes.

mod command;
mod context;
mod demo;
mod failure;
mod local;
mod logs;
mod moment;
mod output;
mod page;
mod prompt;
mod text;
mod verb;

use std::process::ExitCode;

use linli_node::config::Environment;

use crate::{command::Cli, context::Context, failure::Exit, text::Text};

/// A first sync takes 7 % less processor time than with the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let environment = Environment::read();
    let text = Text::choose(command::asked_language().as_deref(), &environment);
    let mut cli = match command::parse(&text) {
        Ok(cli) => cli,
        Err(error) => return command::refuse(&error),
    };
    cli.verb.enter();
    let json = cli.json;
    match run(cli, environment, text.clone()) {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::complain(&failure::shown(&error, &text, json));
            failure::exit(&error).into()
        }
    }
}

fn run(cli: Cli, environment: Environment, text: Text) -> anyhow::Result<Exit> {
    let mut runtime = match cli.verb.works_long() {
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    let context = Context::new(&cli, environment, text)?;
    runtime.enable_all().build()?.block_on(cli.verb.run(&context))
}
