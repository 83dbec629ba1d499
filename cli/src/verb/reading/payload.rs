//! What a Bluetooth device sent, passed on by hand or by a script.

use linli_node::api::payloads::{PayloadAdd, PayloadAnswer, PayloadReading};

use crate::{context::Context, failure::Exit};

#[derive(Debug, clap::Args)]
pub(super) struct Payload {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// The characteristic, such as 2A35 for blood pressure
    #[arg(long)]
    characteristic: String,
    /// The bytes that it notified, in hexadecimal digits
    #[arg(long)]
    payload: String,
    /// What it was measured with
    #[arg(long)]
    device: String,
    /// The device's own number for the elder, where several people use it
    #[arg(long)]
    user: Option<u8>,
}

impl Payload {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let Self { elder, characteristic, payload, device, user } = self;
        let request = PayloadAdd { elder, characteristic, payload, device, user };
        let answer = context.ask(&request).await?;
        context.show(&answer, || shown(context, &answer))
    }
}

fn shown(context: &Context, answer: &PayloadAnswer) -> String {
    let text = &context.text;
    let clock = if answer.by_device { "payload-by-device" } else { "payload-by-hub" };
    let at = [("at", context.zone.show(answer.at_ms).into())];
    let missing = answer.missing.iter().map(|of| {
        let measure = text.word("measure", &of.measure);
        let why = text.word("missing", &of.why);
        text.say("payload-missing", &[("measure", measure.into()), ("why", why.into())])
    });
    let doubts = answer
        .doubts
        .iter()
        .map(|of| text.say("payload-doubt", &[("doubt", text.word("doubt", of).into())]));
    let lines = std::iter::once(text.say_key(clock, &at));
    let lines = lines.chain(answer.readings.iter().map(|of| reading(context, of)));
    lines.chain(missing).chain(doubts).collect::<Vec<_>>().join("\n")
}

fn reading(context: &Context, of: &PayloadReading) -> String {
    let text = &context.text;
    let mut words = vec![text.word("measure", &of.measure), of.value.clone(), of.unit.clone()];
    if !of.plausible {
        words.push(text.say("reading-implausible", &[]));
    }
    if !of.new {
        words.push(text.say("reading-known", &[]));
    }
    if let Some(alert) = &of.alert {
        let arguments = [("alert", alert.as_str().into())];
        words.push(match of.raised {
            true => text.say("reading-raised", &arguments),
            false => text.say("reading-joined", &arguments),
        });
    }
    words.join("  ")
}
