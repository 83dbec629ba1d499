use std::path::{PathBuf, absolute};

use clap::Subcommand;
use linli_node::api::blobs::{FileRow, PhotoAdd, PhotoList, PhotoRemove, PhotoSave};

use super::short;
use crate::{
    context::Context,
    failure::Exit,
    output::{Columns, Spinner, printable},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Photo {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Add {
        /// The elder's or the order's id, or a part that fits one only; of an elder the name too
        of: String,
        /// The photo or document, at most 50 MiB
        file: PathBuf,
        /// What it is called, instead of the file's name
        #[arg(long)]
        title: Option<String>,
        /// Where an elder's stands: with the health record, or with the care record where it is not medical [default: health]
        #[arg(long, value_parser = ["health", "care"])]
        scope: Option<String>,
    },
    List {
        /// The elder's or the order's id, or a part that fits one only; of an elder the name too
        of: String,
    },
    Save {
        /// The elder's or the order's id, or a part that fits one only; of an elder the name too
        of: String,
        /// The file's id, or a part that fits one only
        photo: String,
        /// Where to write it
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    Remove {
        /// The elder's or the order's id, or a part that fits one only; of an elder the name too
        of: String,
        /// The file's id, or a part that fits one only
        photo: String,
    },
}

/// What files stand beside.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Beside {
    Elder,
    Order,
}

impl Beside {
    /// The elder or the order that a request names.
    fn named(self, of: String) -> (Option<String>, Option<String>) {
        match self {
            Self::Elder => (Some(of), None),
            Self::Order => (None, Some(of)),
        }
    }
}

impl Photo {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        self.of(context, Beside::Elder).await
    }

    /// Does it beside an elder or an order.
    pub(crate) async fn of(self, context: &Context, beside: Beside) -> anyhow::Result<Exit> {
        let text = &context.text;
        match self.act {
            Act::Add { of, file, title, scope } => {
                let path = absolute(&file)?.display().to_string();
                let acting = context.acting()?;
                let (elder, order) = beside.named(of);
                let spinner = Spinner::start(context, text.say("file-seals", &[]));
                let request = PhotoAdd { elder, order, path, title, scope, acting };
                let answer = context.ask(&request).await?;
                drop(spinner);
                context.show(&answer, || text.say("file-added", &numbers(&answer)))
            }
            Act::List { of } => {
                let (elder, order) = beside.named(of);
                let answer = context.look(PhotoList { elder, order }).await?;
                context.show(&answer, || table(context, &answer))
            }
            Act::Save { of, photo, out } => {
                let path = absolute(&out)?.display().to_string();
                let (elder, order) = beside.named(of);
                let spinner = Spinner::start(context, text.say("file-opens", &[]));
                let request = PhotoSave { elder, order, file: photo, path };
                let answer = context.look(request).await?;
                drop(spinner);
                context.show(&answer, || text.say("file-saved", &numbers(&answer)))
            }
            Act::Remove { of, photo } => {
                let acting = context.acting()?;
                let (elder, order) = beside.named(of);
                let request = PhotoRemove { elder, order, file: photo, acting };
                let answer = context.ask(&request).await?;
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
            file.scope.as_deref().map(|scope| text.word("kind", scope)).unwrap_or_default(),
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
        "scope",
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
