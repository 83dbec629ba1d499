use linli_node::api::{
    Acting,
    people::{PersonPin, PersonReset},
};

use crate::{
    context::Context,
    failure::Exit,
    prompt::{NEW_PIN, PIN},
};

#[derive(Debug, clap::Args)]
pub(super) struct Pin {
    /// The person's id or name
    #[arg(value_name = "PERSON")]
    whom: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Reset {
    /// The person's id or name
    #[arg(value_name = "PERSON")]
    whom: String,
}

impl Pin {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let present = PIN.get(context, None)?.as_str().to_owned();
        let pin = NEW_PIN.get_new(context, None)?.as_str().to_owned();
        let acting = Acting { person: self.whom, pin: present, seat: None };
        let answer = context.ask(&PersonPin { acting, pin }).await?;
        context.show(&answer, || context.text.say("pin-changed", &[]))
    }
}

impl Reset {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let acting = context.acting()?;
        let pin = super::new_pin(context, acting.as_ref())?.as_str().to_owned();
        let answer = context.ask(&PersonReset { person: self.whom, pin, acting }).await?;
        context.show(&answer, || super::table(context, std::slice::from_ref(&answer)))
    }
}
