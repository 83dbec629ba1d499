use std::path::{PathBuf, absolute};

use clap::Subcommand;
use linli_node::api::blobs::{
    FileRow, OrderPhotoAdd, OrderPhotoList, OrderPhotoRemove, OrderPhotoSave,
};

use super::super::short;
use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, Spinner, printable},
};

#[derive(Debug, clap::Args)]
pub(super) struct Photo {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Add {
        /// The order's id, or a part that fits one only
        order: String,
        /// The photo or document, at most 50 MiB
        file: PathBuf,
        /// What it is called, instead of the file's name
        #[arg(long)]
        title: Option<String>,
    },
    List {
        /// The order's id, or a part that fits one only
        order: String,
    },
    Save {
        /// The order's id, or a part that fits one only
        order: String,
        /// The file's id, or a part that fits one only
        photo: String,
        /// Where to write it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    Remove {
        /// The order's id, or a part that fits one only
        order: String,
        /// The file's id, or a part that fits one only
        photo: String,
    },
}

impl Photo {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let text = &context.text;
        match self.act {
            Act::Add { order, file, title } => {
                let path = absolute(&file)?.display().to_string();
                let acting = context.acting()?;
                let spinner = Spinner::start(context, text.say("file-seals", &[]));
                let answer = context.ask(&OrderPhotoAdd { order, path, title, acting }).await?;
                drop(spinner);
                context.show(&answer, || text.say("file-added", &numbers(&answer)))
            }
            Act::List { order } => {
                let answer = context.look(OrderPhotoList { order }).await?;
                context.show(&answer, || table(context, &answer))
            }
            Act::Save { order, photo, out } => {
                let path = absolute(&out)?.display().to_string();
                let spinner = Spinner::start(context, text.say("file-opens", &[]));
                let answer = context.look(OrderPhotoSave { order, file: photo, path }).await?;
                drop(spinner);
                context.show(&answer, || text.say("file-saved", &numbers(&answer)))
            }
            Act::Remove { order, photo } => {
                let acting = context.acting()?;
                let answer = context.ask(&OrderPhotoRemove { order, file: photo, acting }).await?;
                context.show(&answer, || text.say("file-removed", &[]))
            }
        }
    }
}

fn numbers(row: &FileRow) -> [(&'static str, fluent_bundle::FluentValue<'_>); 2] {
    [("file", row.file.as_str().into()), ("bytes", row.bytes.into())]
}

fn table(context: &Context, files: &[FileRow]) -> String {
    let text = &context.text;
    let row = |file: &FileRow| {
        let whole = file.come.saturating_mul(100) / file.sealed.max(1);
        let state = match file.here {
            true => text.say("file-here", &[]),
            false => text.say("file-comes", &[("percent", whole.into())]),
        };
        let proof = if file.proof { text.say("file-proof", &[]) } else { String::new() };
        vec![
            short(&file.file),
            file.title.as_deref().map(printable).unwrap_or_default(),
            file.content_type.clone(),
            file.bytes.to_string(),
            context.zone.show(file.at_ms),
            short(&file.party),
            file.person.as_deref().map(printable).unwrap_or_default(),
            proof,
            state,
        ]
    };
    let columns = Columns(&[
        "file",
        "title",
        "media-type",
        "bytes",
        "since",
        "party",
        "person",
        "proof",
        "here",
    ]);
    columns.table(text, files.iter().map(row).collect())
}
