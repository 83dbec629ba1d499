//! Which ladder an elder's alerts climb (document `<elder>/ladders`, in the elder's care space).
//!
//! A field document: one ladder for each kind of alert, and one for all others. What household, family and centre wrote
//! apart stands side by side until a person chooses; until then an alert climbs all of it, so that nobody is left out.

use automerge::{Automerge, transaction::Transactable};

use super::{AlertKind, Ladder, STEPS_MAX};
use crate::author::{Authors, PartyKind};
use crate::field::{self, FieldName, FieldsView, Place, Stated, WriteError};

/// For which alerts a ladder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LadderOf {
    /// For alerts of this kind.
    Kind(AlertKind),
    /// For those of every kind that has none of its own.
    Others,
}

const OTHERS: &str = "others";

impl FieldName for LadderOf {
    fn key(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind.word(),
            Self::Others => OTHERS,
        }
    }

    fn of_key(key: &str) -> Option<Self> {
        let kind = || AlertKind::ALL.into_iter().find(|kind| kind.word() == key).map(Self::Kind);
        if key == OTHERS { Some(Self::Others) } else { kind() }
    }

    fn accepts(self, value: &str) -> bool {
        read(value).is_some()
    }
}

/// Writes a ladder; what stood there before is replaced.
///
/// # Errors
/// When Automerge refuses the write.
pub fn set(doc: &mut impl Transactable, of: LadderOf, ladder: &Ladder) -> Result<(), WriteError> {
    let key = || of.key().to_owned();
    let text = serde_json::to_string(ladder).map_err(|_| WriteError::Form { key: key() })?;
    field::set(doc, Place::Field(of), &text)
}

/// Takes a ladder away: such alerts climb the one for others again, or the common one.
///
/// # Errors
/// When Automerge refuses the write.
pub fn clear(doc: &mut impl Transactable, of: LadderOf) -> Result<(), WriteError> {
    field::clear(doc, Place::Field(of))
}

/// Reads the ladders of an elder.
pub fn view(doc: &Automerge, authors: &impl Authors) -> FieldsView {
    field::view::<LadderOf>(doc, authors)
}

/// The ladder that an alert of a kind climbs; none where there is none of this elder. What is no emergency climbs
/// none that was written for others: that may dial 120.
pub fn ladder(view: &FieldsView, kind: AlertKind) -> Option<Ladder> {
    let stated = |value: &&Stated| value.by.iter().any(|by| may_write(by.author.kind));
    let others = kind.is_emergency().then_some(LadderOf::Others);
    [LadderOf::Kind(kind)].into_iter().chain(others).find_map(|of| {
        let values = view.fields.get(of.key())?.values.iter();
        together(values.filter(stated).filter_map(|s| read(s.value.as_str())))
    })
}

/// Whether parties of a kind decide who is called.
pub(super) fn may_write(kind: PartyKind) -> bool {
    use PartyKind as K;
    matches!(kind, K::Household | K::Family | K::Centre | K::Station)
}

/// All steps of several ladders; an owner has the shortest time of all. What is too much for one ladder comes last.
pub(super) fn together(ladders: impl Iterator<Item = Ladder>) -> Option<Ladder> {
    ladders.reduce(|all, one| {
        let mut steps = all.steps;
        steps.extend(one.steps);
        steps.sort();
        steps.dedup();
        steps.truncate(STEPS_MAX);
        Ladder { steps, respond_ms: all.respond_ms.min(one.respond_ms) }
    })
}

fn read(text: &str) -> Option<Ladder> {
    serde_json::from_str::<Ladder>(text).ok()?.checked()
}
