//! Family members, neighbours and others whom an elder's profile and emergency card name.

use linli_node::api::care::ElderRelate;

use crate::{context::Context, failure::Exit};

/// What somebody is to an elder: the first digit of GB/T 4761, in the order of these words.
const KINSHIP: [&str; 9] = [
    "self",
    "spouse",
    "son",
    "daughter",
    "grandchild",
    "parent",
    "grandparent",
    "sibling",
    "other",
];

#[derive(Debug, clap::Args)]
pub(super) struct Related {
    /// The elder's id or name, or a part that fits one only
    elder: String,
    /// What the person is called
    #[arg(long)]
    name: String,
    /// The telephone number
    #[arg(long)]
    phone: String,
    /// What the person is to the elder
    #[arg(long, value_parser = KINSHIP, default_value = "other")]
    kinship: String,
    /// Write it on the emergency card too
    #[arg(long)]
    card: bool,
}

impl Related {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let Self { elder, name, phone, kinship, card } = self;
        let code = KINSHIP.iter().position(|word| *word == kinship).unwrap_or_default();
        let (kinship, acting) = (code.to_string(), context.acting()?);
        let request = ElderRelate { elder, name, phone, kinship, card, acting };
        let answer = context.ask(&request).await?;
        context.show(&answer, || context.text.say("saved", &[]))
    }
}
