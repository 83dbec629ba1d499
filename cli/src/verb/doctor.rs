use linli_node::{
    api::network::Status,
    home::{Home, HomeError},
};
use serde::Serialize;

use crate::{
    context::Context,
    failure::{self, Exit},
    moment,
};

mod network;
pub(super) use network::{state, word};

/// A clock before the first release of this program is wrong: 2026-01-01.
const CLOCK_LEAST_MS: u64 = 1_767_225_600_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    /// Its name; the message `check-<name>` says it to people.
    name: &'static str,
    ok: bool,
    /// What was found where it is not well.
    found: Option<String>,
}

impl Doctor {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let mut checks = vec![clock()];
        match context.home() {
            Err(error) => checks.push(failed("directory", &error.into(), context)),
            Ok(home) => {
                checks.push(well("directory"));
                checks.push(configuration(&home, context));
                checks.push(writable(&home, context));
                checks.extend(node(context).await);
            }
        }
        let exit = if checks.iter().all(|check| check.ok) { Exit::DONE } else { Exit::FAILED };
        context.show(&checks, || {
            let lines: Vec<String> = checks.iter().map(|check| line(check, context)).collect();
            lines.join("\n")
        })?;
        Ok(exit)
    }
}

fn well(name: &'static str) -> Check {
    Check { name, ok: true, found: None }
}

fn failed(name: &'static str, error: &anyhow::Error, context: &Context) -> Check {
    Check { name, ok: false, found: Some(failure::explained(error, &context.text)) }
}

fn clock() -> Check {
    let now = moment::now_ms();
    let found = (now < CLOCK_LEAST_MS).then(|| format!("{now} ms"));
    Check { name: "clock", ok: found.is_none(), found }
}

fn configuration(home: &Home, context: &Context) -> Check {
    let checked = context.config(home).and_then(|config| {
        config.authorities()?;
        Ok(())
    });
    match checked {
        Ok(()) => well("configuration"),
        Err(error) => failed("configuration", &error, context),
    }
}

/// Writes and removes a file, as a full or read-only disk would not allow.
fn writable(home: &Home, context: &Context) -> Check {
    const NAME: &str = "doctor.check";
    let tried = home.write_private(NAME, &[0; 4096]).and_then(|()| {
        let path = home.path().join(NAME);
        std::fs::remove_file(&path).map_err(|error| HomeError::from_io(&path, error))
    });
    match tried {
        Ok(()) => well("writable"),
        Err(error) => failed("writable", &error.into(), context),
    }
}

/// Asks the running node, and takes each of its warnings for a failed check.
async fn node(context: &Context) -> Vec<Check> {
    let status = match context.ask(&Status {}).await {
        Ok(status) => status,
        Err(error) => return vec![failed("running", &error, context)],
    };
    let mut checks = vec![well("running")];
    let has_community = status.community.is_some();
    let found = (!has_community).then(|| context.text.say("status-no-community", &[]));
    checks.push(Check { name: "community", ok: has_community, found });
    if has_community {
        checks.extend(network::checks(&status, context));
    }
    let went_back = status.went_back.iter().map(|node| super::peers::went_back(context, node));
    let unfounded =
        status.prunes_unfounded.iter().map(|row| super::status::unfounded(context, row));
    let warnings = status.warnings.into_iter().chain(went_back).chain(unfounded);
    checks.extend(warnings.map(|found| Check { name: "warning", ok: false, found: Some(found) }));
    checks
}

fn line(check: &Check, context: &Context) -> String {
    let what = context.text.say_key(&format!("check-{}", check.name), &[]);
    match &check.found {
        None => context.text.say("doctor-well", &[("what", what.into())]),
        Some(found) => {
            let found = found.replace('\n', "\n    ");
            context.text.say("doctor-ill", &[("what", what.into()), ("found", found.into())])
        }
    }
}
