//! The demonstration: a neighbourhood of separate processes that lives one day on a network that is cut.
//!
//! What is expected of the nodes is worked out from the input files and from what this driver did, never
//! from what the nodes say; a check that compared nothing has failed.

mod call;
mod check;
mod courier;
mod day;
mod evening;
mod inputs;
mod keys;
mod kills;
pub(crate) mod lab;
mod markers;
mod morning;
mod offline;
mod place;
mod relay;
mod report;
mod town;
mod visit;
mod wait;

use std::path::PathBuf;

pub(crate) use self::check::CHECKS;
use self::{day::Day, lab::Ground};
use crate::{context::Context, failure::Exit};

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Options {
    /// Where the report is written.
    pub(crate) report: Option<PathBuf>,
    /// Whether the nodes are left running until the program is interrupted.
    pub(crate) stay: bool,
    /// The checks whose conditions are spoilt.
    pub(crate) spoil: Vec<String>,
}

/// Lives the day and checks it.
///
/// # Errors
/// When the neighbourhood cannot be built at all. What goes wrong later is a check that failed.
pub(crate) async fn run(
    context: &Context,
    ground: Ground,
    options: Options,
) -> anyhow::Result<Exit> {
    let mut day = Day::begin(context, ground, options.spoil)?;
    if let Err(error) = day.live().await {
        day.broke_off(&error);
    }
    let passed = day.finish(options.report.as_deref()).await?;
    if options.stay {
        day.stay().await?;
    }
    Ok(if passed { Exit::DONE } else { Exit::FAILED })
}
