use linli_node::api::calls::CallList;
use serde_json::Value;

use super::{
    about, short,
    who::{at, items},
};
use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, field, printable},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Calls {}

impl Calls {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let answer = context.look(CallList {}).await?;
        context.show(&answer, || table(context, items(&answer, "calls")))
    }
}

/// A line for each elder whose number it may be, and one where nobody is known by it.
fn table(context: &Context, calls: &[Value]) -> String {
    let columns = Columns(&["at", "telephone", "count", "elder", "whose", "id", "alert", "owner"]);
    let rows = calls.iter().flat_map(|call| {
        let line = |elder: &Value| {
            let whose = match elder.get("own").and_then(Value::as_bool) {
                Some(true) => context.text.say("call-own", &[]),
                Some(false) => context.text.say("call-contact", &[]),
                None => String::new(),
            };
            let alerts: Vec<String> =
                items(elder, "alerts").iter().map(|alert| short(&field(alert, "alert"))).collect();
            vec![
                at(context, call, "last_ms"),
                field(call, "number"),
                field(call, "times"),
                about(elder),
                whose,
                short(&field(elder, "elder")),
                alerts.join(" "),
                call.pointer("/owner/name")
                    .and_then(Value::as_str)
                    .map(printable)
                    .unwrap_or_default(),
            ]
        };
        let elders = items(call, "elders");
        let nobody = elders.is_empty().then(|| line(&Value::Null));
        elders.iter().map(line).chain(nobody).collect::<Vec<_>>()
    });
    columns.table(&context.text, rows.collect())
}
