//! An emergency card as it is shown.

use linli_node::api::cards::CardAnswer;

use crate::{
    context::Context,
    failure::Exit,
    output::{self, printable},
};

/// Shows a card, and where it stands that it was read.
pub(super) fn shown(context: &Context, answer: &CardAnswer) -> anyhow::Result<Exit> {
    context.show(answer, || {
        let mut lines: Vec<String> = answer.cards.iter().map(output::tree).collect();
        lines.extend(answer.alert.as_deref().map(|alert| {
            let key = if answer.raised { "card-raised" } else { "card-read" };
            context.text.say(key, &[("alert", printable(alert).into())])
        }));
        lines.join("\n")
    })
}
