//! Whom an elder's alerts call, and when.

use jiff::SignedDuration;
use linli_node::api::alerts::{AlertLadder, AlertLadderSet, LadderStep};
use serde_json::Value;

use super::duration;
use crate::{
    context::Context,
    failure::Exit,
    output::field,
    text::Text,
    verb::who::{Parties, at, items},
};

#[derive(Debug, clap::Args)]
pub(super) struct LadderOf {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// For alerts of this kind only, such as fall or smoke
    #[arg(long)]
    kind: Option<String>,
    /// Whom, and how long after the alert: desk@0s, siren@1m, neighbour@2m, party:NAME@90s, contact:NUMBER@3m,
    /// dial-out:NUMBER@5m; once for each
    #[arg(long = "step", value_name = "STEP", value_parser = step)]
    steps: Vec<LadderStep>,
    /// How long who took an alert may take until somebody is on the way
    #[arg(long, default_value = "10m", value_parser = seconds)]
    respond: u64,
    /// Take the ladder away: the common one is climbed again
    #[arg(long, conflicts_with = "steps")]
    default: bool,
}

fn step(text: &str) -> Result<LadderStep, String> {
    let (act, after) = text.rsplit_once('@').ok_or("say when, as in siren@1m")?;
    let (way, who) = match act.split_once(':') {
        Some((way, who)) => (way, Some(who.to_owned())),
        None => (act, None),
    };
    Ok(LadderStep { way: way.to_owned(), who, after_s: seconds(after)? })
}

fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no time such as 90s or 3m");
    let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
    u64::try_from(duration.as_secs()).map_err(|_| wrong())
}

impl LadderOf {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let Self { elder, kind, steps, respond: respond_s, default } = self;
        if default || !steps.is_empty() {
            let acting = context.acting()?;
            let elder = elder.clone();
            context.ask(&AlertLadderSet { elder, kind, steps, respond_s, acting }).await?;
        }
        let answer = context.look(AlertLadder { elder }).await?;
        let parties = Parties::ask(context).await?;
        context.show(&answer, || told(context, &parties, &answer))
    }
}

fn told(context: &Context, parties: &Parties, answer: &Value) -> String {
    let text = &context.text;
    let mut lines = Vec::new();
    let kinds = answer.get("kinds").and_then(Value::as_object);
    for (kind, ladder) in kinds.into_iter().flatten() {
        lines.push(text.word("alert-kind", kind));
        lines.extend(one(text, parties, ladder));
    }
    let is_own = answer.get("others_own") == Some(&Value::Bool(true));
    lines.push(text.say(if is_own { "ladder-others" } else { "ladder-common" }, &[]));
    lines.extend(answer.get("others").map(|ladder| one(text, parties, ladder)).unwrap_or_default());
    if items(answer, "conflicts").iter().next().is_some() {
        lines.push(text.say("ladder-apart", &[]));
    }
    lines.join("\n")
}

fn one(text: &Text, parties: &Parties, ladder: &Value) -> Vec<String> {
    let step = |step| format!("  {}", words(text, parties, step));
    items(ladder, "steps").iter().map(step).collect()
}

/// A step in words: what, and how long after the alert.
fn words(text: &Text, parties: &Parties, step: &Value) -> String {
    let does = step.get("does").unwrap_or(&Value::Null);
    let who = match does.get("party").and_then(Value::as_str) {
        Some(party) => parties.name(party),
        None => match does.get("phone") {
            Some(_) => field(does, "phone"),
            None => String::new(),
        },
    };
    let after_ms = step.get("after_ms").and_then(Value::as_u64).unwrap_or_default();
    let arguments = [
        ("what", text.word("way", &field(does, "act")).into()),
        ("who", who.into()),
        ("after", duration(after_ms).into()),
    ];
    text.say("ladder-step", &arguments).trim_end().to_owned()
}

/// The steps of an alert: which were begun, by whom, and how they went.
pub(super) fn steps(context: &Context, parties: &Parties, shown: &Value) -> Vec<String> {
    let text = &context.text;
    let view = shown.get("view").unwrap_or(&Value::Null);
    let climbed = items(view, "climbed");
    let mut steps: Vec<&Value> =
        items(view.get("ladder").unwrap_or(&Value::Null), "steps").iter().collect();
    for step in climbed.iter().filter_map(|begun| begun.get("step")) {
        // What a person decided upon.
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    let mut lines = Vec::new();
    for step in steps {
        lines.push(words(text, parties, step));
        for begun in climbed.iter().filter(|begun| begun.get("step") == Some(step)) {
            let arguments = [
                ("at", at(context, begun, "at").into()),
                ("who", parties.author(context, begun).into()),
                ("how", went(text, begun).into()),
            ];
            lines.push(format!("  {}", text.say("ladder-begun", &arguments)));
        }
    }
    lines
}

/// How a step went: how its call ended, where the node made one, and whether it was carried out in the end.
pub(super) fn went(text: &Text, begun: &Value) -> String {
    let done = match begun.get("done").and_then(Value::as_bool) {
        Some(true) => "done",
        Some(false) => "failed",
        None => "begun",
    };
    let by_call = ["accepted", "declined", "spoken"];
    match begun.get("call").and_then(Value::as_str) {
        // A program called where the telephone reached nobody.
        Some(call) if done == "done" && !by_call.contains(&call) => {
            format!("{}; {}", text.word("step", call), text.word("step", done))
        }
        Some(call) => text.word("step", call),
        None => text.word("step", done),
    }
}
