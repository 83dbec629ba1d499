use std::path::{PathBuf, absolute};

use clap::Subcommand;
use linli_node::api::courier::{
    CourierList, CourierListed, CourierPack, CourierPacked, CourierUnpack, CourierUnpacked, FileEnd,
};

use super::short;
use crate::{
    context::Context,
    failure::Exit,
    output::{Spinner, printable},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Courier {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Pack {
        /// A node's id, its device's name or its party's name; `all` for everybody
        #[arg(long = "for", value_name = "NODE|all")]
        to: String,
        /// Pack everything, whatever the node has said to hold
        #[arg(long)]
        whole: bool,
        /// The file to write, on the stick
        file: PathBuf,
    },
    Unpack {
        /// The file on the stick
        file: PathBuf,
    },
    List {
        /// The file on the stick
        file: PathBuf,
    },
}

impl Courier {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Pack { to, whole, file } => {
                let file = absolute(&file)?.display().to_string();
                let spinner = Spinner::start(context, context.text.say("courier-packs", &[]));
                let answer = context.ask(&CourierPack { to, file, whole }).await?;
                drop(spinner);
                context.show(&answer, || packed(context, &answer))
            }
            Act::List { file } => {
                let file = absolute(&file)?.display().to_string();
                let answer = context.ask(&CourierList { file }).await?;
                context.show(&answer, || listed(context, &answer))
            }
            Act::Unpack { file } => {
                let file = absolute(&file)?.display().to_string();
                let spinner = Spinner::start(context, context.text.say("courier-unpacks", &[]));
                let answer = context.ask(&CourierUnpack { file }).await?;
                drop(spinner);
                context.show(&answer, || unpacked(context, &answer))?;
                Ok(match answer.end {
                    FileEnd::Whole => Exit::DONE,
                    FileEnd::Cut => Exit::WAITS,
                    FileEnd::Damaged => Exit::USAGE,
                })
            }
        }
    }
}

fn packed(context: &Context, answer: &CourierPacked) -> String {
    let text = &context.text;
    if !answer.written {
        return text.say("courier-nothing", &[]);
    }
    let numbers = [
        ("documents", answer.documents.into()),
        ("entries", answer.entries.into()),
        ("certificates", answer.certificates.into()),
        ("receipts", answer.receipts.into()),
        ("kib", answer.bytes.div_ceil(1024).into()),
    ];
    let brings = text.say("courier-packed", &numbers);
    let whom = match &answer.label {
        Some(label) => text.say("courier-sealed", &[("label", printable(label).into())]),
        None => text.say("courier-for-all", &[]),
    };
    format!("{brings}\n{whom}")
}

fn listed(context: &Context, answer: &CourierListed) -> String {
    let text = &context.text;
    let size = [("kib", answer.bytes.div_ceil(1024).into()), ("parts", answer.parts.into())];
    let (Some(node), Some(at)) = (&answer.node, answer.packed_ms) else {
        return text.say("courier-listed-foreign", &size);
    };
    let label = answer.label.as_deref().map_or_else(|| short(node), printable);
    let whom = match answer.sealed {
        true => text.say("courier-listed-sealed", &[]),
        false => text.say("courier-listed-for-all", &[]),
    };
    let numbers = [
        ("label", label.into()),
        ("at", context.zone.show(at).into()),
        ("entries", answer.entries.into()),
        ("certificates", answer.certificates.into()),
        ("receipts", answer.receipts.into()),
        ("kib", answer.bytes.div_ceil(1024).into()),
    ];
    let mut lines = vec![text.say("courier-listed", &numbers), whom];
    let parts = [("parts", answer.parts.into())];
    match answer.end {
        Some(FileEnd::Cut) => lines.push(text.say("courier-listed-cut", &parts)),
        Some(FileEnd::Damaged) => lines.push(text.say("courier-listed-damaged", &parts)),
        Some(FileEnd::Whole) | None => {}
    }
    lines.join("\n")
}

fn unpacked(context: &Context, answer: &CourierUnpacked) -> String {
    let text = &context.text;
    let label = answer.label.as_deref().map_or_else(|| short(&answer.node), printable);
    let mut lines = vec![text.say(
        "courier-unpacked",
        &[
            ("label", label.into()),
            ("at", context.zone.show(answer.packed_ms).into()),
            ("entries", answer.entries.into()),
            ("documents", answer.documents.into()),
            ("certificates", answer.certificates.into()),
            ("receipts", answer.receipts.into()),
        ],
    )];
    if answer.elsewhere > 0 {
        lines.push(text.say("courier-elsewhere", &[("pages", answer.elsewhere.into())]));
    }
    if answer.gaps > 0 {
        lines.push(text.say("courier-gaps", &[("pages", answer.gaps.into())]));
    }
    if answer.over_quota > 0 {
        lines.push(text.say("courier-over-quota", &[("pages", answer.over_quota.into())]));
    }
    if answer.refused > 0 {
        lines.push(text.say("courier-not-taken", &[("pages", answer.refused.into())]));
    }
    let parts = [("parts", answer.parts.into())];
    match answer.end {
        FileEnd::Whole => {}
        FileEnd::Cut => lines.push(text.say("courier-was-cut", &parts)),
        FileEnd::Damaged => lines.push(text.say("courier-was-damaged", &parts)),
    }
    lines.join("\n")
}
