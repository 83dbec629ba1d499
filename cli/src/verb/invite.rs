use std::{path::PathBuf, time::Duration};

use linli_node::{
    api::network::{self, InviteAnswer, InviteConfirm, InvitePhase, InviteState},
    control::Client,
};

use super::{KINDS, keys::officer_passphrase};
use crate::{
    context::Context,
    failure::{CliError, Exit},
    moment::seconds_of,
    output::{self, Spinner, printable},
    prompt,
};

/// How often the node is asked how far the invitation is.
const ASK_INTERVAL: Duration = Duration::from_millis(300);

#[derive(Debug, clap::Args)]
pub(crate) struct Invite {
    /// What the invited party is
    #[arg(value_parser = KINDS)]
    kind: String,
    /// Its public name; none for a household
    #[arg(long)]
    name: Option<String>,
    /// How long the code is good for
    #[arg(long, default_value = "10m", value_name = "DURATION")]
    valid: String,
    /// Confirm without asking: for scripts on one machine
    #[arg(long)]
    yes: bool,
    /// A file whose first line opens the officers' key files [default: LINLI_OFFICER_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    officer_passphrase_file: Option<PathBuf>,
}

impl Invite {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let valid_s = seconds_of(&self.valid)?;
        let client = context.client().await?;
        let file = self.officer_passphrase_file.as_deref();
        let officer_passphrase = officer_passphrase(context, &client, file).await?;
        let request =
            network::Invite { kind: self.kind, name: self.name, officer_passphrase, valid_s };
        let invitation = client.call(&request).await?;
        context.show(&invitation, || code(context, &invitation))?;
        let phase = wait(context, &client, &invitation, self.yes).await?;
        match &phase {
            InvitePhase::Failed { reason } => {
                Err(CliError::InvitationFailed { reason: reason.clone() }.into())
            }
            InvitePhase::Enrolled { node } => context.show(&phase, || {
                context.text.say("invite-enrolled", &[("node", node.as_str().into())])
            }),
            InvitePhase::AwaitingOfficers { signed, needed, request } => {
                context.show(&phase, || {
                    let arguments = [
                        ("signed", (*signed).into()),
                        ("needed", (*needed).into()),
                        ("id", super::short(request).into()),
                    ];
                    context.text.say("invite-awaits-officers", &arguments)
                })?;
                Ok(Exit::WAITS)
            }
            InvitePhase::Waiting | InvitePhase::Pending { .. } => Ok(Exit::WAITS),
        }
    }
}

/// The code as a picture and as text.
fn code(context: &Context, invitation: &InviteAnswer) -> String {
    let arguments = [
        ("code", invitation.code.as_str().into()),
        ("expires", context.zone.show(invitation.expires_ms).into()),
    ];
    let typed = context.text.say("invite-code", &arguments);
    match output::qr(&invitation.code) {
        Some(picture) => format!("{picture}\n{typed}"),
        None => typed,
    }
}

/// Asks until the invitation has come to an end, and once whether the numbers are the same.
async fn wait(
    context: &Context,
    client: &Client,
    invitation: &InviteAnswer,
    yes: bool,
) -> anyhow::Result<InvitePhase> {
    let state = InviteState { id: invitation.id.clone() };
    let mut confirmed = false;
    let mut spinner = Some(Spinner::start(context, context.text.say("invite-waits", &[])));
    loop {
        let phase = client.call(&state).await?;
        match &phase {
            InvitePhase::Pending { number, label } if !confirmed => {
                drop(spinner.take());
                let decided = decide(context, &phase, number, label, yes);
                // Where nobody could be asked, the other device need not wait either.
                let accept = *decided.as_ref().unwrap_or(&false);
                client.call(&InviteConfirm { id: invitation.id.clone(), accept }).await?;
                if !decided? {
                    return Err(CliError::NumbersDiffer.into());
                }
                confirmed = true;
                spinner = Some(Spinner::start(context, context.text.say("invite-enrols", &[])));
            }
            InvitePhase::Waiting | InvitePhase::Pending { .. } => {}
            InvitePhase::Enrolled { .. }
            | InvitePhase::AwaitingOfficers { .. }
            | InvitePhase::Failed { .. } => return Ok(phase),
        }
        tokio::time::sleep(ASK_INTERVAL).await;
    }
}

/// Shows the number and asks whether the other screen shows the same.
fn decide(
    context: &Context,
    phase: &InvitePhase,
    number: &str,
    label: &str,
    yes: bool,
) -> anyhow::Result<bool> {
    let arguments = [("number", number.into()), ("label", printable(label).into())];
    context.show(phase, || context.text.say("invite-number", &arguments))?;
    match yes {
        true => Ok(true),
        false => prompt::agrees(&context.text.say("invite-ask", &[])),
    }
}
