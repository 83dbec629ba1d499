use std::path::PathBuf;

use linli_node::recovery::{Asked, asked, give};

use crate::{
    context::Context,
    failure::{CliError, Exit},
    local::officers,
    output::{complain, printable},
    prompt::{OWN_KEY_PASSPHRASE, agrees},
    verb::short,
};

#[derive(Debug, clap::Args)]
pub(super) struct RecoverShare {
    /// The file that whoever asks has given you
    file: PathBuf,
    /// Your sealed key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Do not ask whether to give the share
    #[arg(long)]
    yes: bool,
    /// A file whose first line opens your key file [default: LINLI_OFFICER_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    officer_passphrase_file: Option<PathBuf>,
}

impl RecoverShare {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let file = officers::read_recovery(&self.file)?;
        let key = officers::read_key(&self.key)?;
        let what = asked(&file)?;
        complain(&words(context, &what));
        if !self.yes && !agrees(&context.text.say("share-agrees", &[]))? {
            return Err(CliError::NotGiven.into());
        }
        let secret = OWN_KEY_PASSPHRASE.get(context, self.officer_passphrase_file.as_deref())?;
        let given = give(&file, &officers::open_key(&key, &secret)?)?;
        officers::replace(&self.file, &given)?;
        let what = asked(&given)?;
        context.show(&what, || {
            let count = u64::try_from(what.given.len()).unwrap_or(u64::MAX);
            let arguments = [
                ("path", self.file.display().to_string().into()),
                ("given", count.into()),
                ("needed", what.needed.into()),
            ];
            match count >= what.needed {
                true => context.text.say("share-given-last", &arguments),
                false => context.text.say("share-given", &arguments),
            }
        })
    }
}

/// What an officer must know before giving a share.
fn words(context: &Context, what: &Asked) -> String {
    let known = |text: &str| match text.is_empty() {
        true => "–".to_owned(),
        false => printable(text),
    };
    let kind = context.text.word("kind", &what.kind);
    let party = what.party_name.as_deref().map_or_else(|| kind.clone(), printable);
    let arguments = [
        ("community", printable(&what.community).into()),
        ("party", party.into()),
        ("kind", kind.into()),
        ("label", printable(&what.label).into()),
        ("node", short(&what.node).into()),
        ("person", known(&what.person).into()),
        ("about", known(&what.about).into()),
        ("space", what.space.as_str().into()),
        ("reason", known(&what.reason).into()),
        ("at", context.zone.show(what.at_ms).into()),
        ("needed", what.needed.into()),
        ("given", what.given.len().into()),
    ];
    let mut lines = vec![context.text.say("share-asked", &arguments)];
    lines.push(match what.rehearsal {
        true => context.text.say("share-rehearsal", &[]),
        false => context.text.say("share-for-good", &[]),
    });
    if !what.in_force {
        lines.push(context.text.say("share-former", &[]));
    }
    lines.join("\n")
}
