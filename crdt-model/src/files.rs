//! The files of an elder (document `<elder>/files`, in the elder's health space, and in the care space for what is not medical): a
//! discharge letter, a prescription, photos, a contract.

use automerge::Automerge;
use serde::{Deserialize, Serialize};

use crate::attachment::{self, Attached, Attachment, FileBody, RECORD_FILES_MAX};
use crate::author::{Author, Authors, PartyKind};
use crate::document::Schema;
use crate::event::{Body, Entry, FactId, Facts, Reason, Refused, Waiting};

/// A fact of an elder's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum FileFact {
    /// A file is kept with the elder.
    Attached {
        /// The file.
        file: Attachment,
    },
    /// A file is taken away.
    Detached {
        /// Where it was attached.
        attached: FactId,
    },
}

impl Body for FileFact {
    fn builds_on(&self) -> Vec<FactId> {
        self.takes_away().into_iter().collect()
    }

    fn shown(&self) -> Self {
        match self {
            Self::Attached { file } => Self::Attached { file: file.shown() },
            Self::Detached { .. } => self.clone(),
        }
    }
}

impl FileBody for FileFact {
    fn file(&self) -> Option<&Attachment> {
        if let Self::Attached { file } = self { Some(file) } else { None }
    }

    fn takes_away(&self) -> Option<FactId> {
        if let Self::Detached { attached } = self { Some(*attached) } else { None }
    }
}

/// The canonical view of an elder's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FilesView {
    /// The document's schema.
    pub schema: Schema,
    /// The files that stand, in the one order of facts.
    pub attached: Vec<Attached>,
    /// Every fact in order, standing or not.
    pub timeline: Vec<Entry<FileFact>>,
    /// What is no fact.
    pub refused: Vec<Refused>,
    /// What acts upon facts that are not here.
    pub waiting: Vec<Waiting>,
}

/// Whether a party of an author's kind keeps files with an elder: all who serve, and whoever assesses.
///
/// # Errors
/// [`Reason::PartyMayNot`].
pub fn may_attach(author: &Author) -> Result<(), Reason> {
    match author.kind {
        PartyKind::Centre
        | PartyKind::Station
        | PartyKind::Household
        | PartyKind::Family
        | PartyKind::Provider
        | PartyKind::Evaluator => Ok(()),
        PartyKind::Regulator => Err(Reason::PartyMayNot),
    }
}

/// Whether a party of an author's kind takes away files that others attached: a centre does.
///
/// # Errors
/// [`Reason::PartyMayNot`].
pub fn may_detach(author: &Author) -> Result<(), Reason> {
    if author.kind == PartyKind::Centre { Ok(()) } else { Err(Reason::PartyMayNot) }
}

/// Reads the files of an elder.
pub fn view(doc: &Automerge, authors: &impl Authors) -> FilesView {
    let facts = Facts::<FileFact>::read(doc, authors);
    let mut view = FilesView {
        schema: facts.schema,
        attached: Vec::new(),
        timeline: Vec::new(),
        refused: facts.refused.clone(),
        waiting: facts.waiting.clone(),
    };
    for known in &facts.known {
        let files = &mut view.attached;
        let verdict = match &known.fact.body {
            FileFact::Attached { file } => may_attach(&known.author)
                .and_then(|()| attachment::attach(files, known, file, false, RECORD_FILES_MAX)),
            FileFact::Detached { attached } => {
                attachment::detach(files, known, *attached, may_detach(&known.author))
            }
        };
        view.timeline.push(Entry::new(known, verdict));
    }
    view
}
