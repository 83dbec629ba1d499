//! The files of an elder: who keeps them, who takes them away, and that no view shows a key.

use linli_model::attachment::{self, Attachment, RECORD_FILES_MAX};
use linli_model::author::{PartyKind, Role};
use linli_model::document::canonical;
use linli_model::event::{Facts, Reason};
use linli_model::files::{self, FileFact as F, FilesView};

use crate::community::{Node, directory, node};
use crate::orders::photo;

fn hub() -> Node {
    node(1, PartyKind::Household, Some(Role::Family))
}

fn centre() -> Node {
    node(2, PartyKind::Centre, None)
}

fn verdicts(view: &FilesView) -> Vec<Option<Reason>> {
    view.timeline.iter().map(|entry| entry.not_standing.clone()).collect()
}

#[test]
fn whoever_serves_keeps_files_and_no_view_shows_their_keys() {
    let kinds = [
        (PartyKind::Household, None),
        (PartyKind::Provider, None),
        (PartyKind::Evaluator, None),
        (PartyKind::Regulator, Some(Reason::PartyMayNot)),
    ];
    for (kind, verdict) in kinds {
        let who = node(3, kind, None);
        let people = directory(&[&who]);
        let mut doc = who.doc();
        who.say(&mut doc, &people, 1, F::Attached { file: photo(1) });
        who.say(&mut doc, &people, 2, F::Attached { file: Attachment { suite: 2, ..photo(2) } });
        let view = files::view(doc.document(), &people);
        let bad = verdict.clone().unwrap_or(Reason::OutOfRange);
        assert_eq!(verdicts(&view), [verdict.clone(), Some(bad)], "{kind:?}");
        assert_eq!(view.attached.len(), usize::from(verdict.is_none()));
        let shown = String::from_utf8(canonical(&view).unwrap()).unwrap();
        assert!(!shown.contains(&"ab".repeat(32)), "a view shows the key of a file");
        let facts = Facts::<F>::read(doc.document(), &people);
        let file = view.attached.first().and_then(|of| attachment::file(&facts, of));
        assert_eq!(file, verdict.is_none().then(|| photo(1)).as_ref());
    }
}

#[test]
fn a_file_is_taken_away_by_who_attached_it_or_a_centre() {
    let (hub, centre) = (hub(), centre());
    let people = directory(&[&hub, &centre]);
    let mut doc = hub.doc();
    let one = hub.say(&mut doc, &people, 1, F::Attached { file: photo(1) });
    let two = hub.say(&mut doc, &people, 2, F::Attached { file: photo(2) });
    hub.say(&mut doc, &people, 3, F::Attached { file: photo(2) });
    doc.set_actor(centre.actor.clone());
    let letter = centre.say(&mut doc, &people, 4, F::Attached { file: photo(3) });
    centre.say(&mut doc, &people, 5, F::Detached { attached: one });
    doc.set_actor(hub.actor.clone());
    hub.say(&mut doc, &people, 6, F::Detached { attached: letter });
    hub.say(&mut doc, &people, 7, F::Detached { attached: two });
    hub.say(&mut doc, &people, 8, F::Detached { attached: one });
    let view = files::view(doc.document(), &people);
    let why = [
        None,
        None,
        Some(Reason::AlreadyDone),
        None,
        None,
        Some(Reason::PartyMayNot),
        None,
        Some(Reason::WrongReference),
    ];
    assert_eq!(verdicts(&view), why);
    assert_eq!(view.attached.iter().map(|of| of.fact).collect::<Vec<_>>(), [letter]);
}

#[test]
fn a_record_holds_so_many_files_and_no_more() {
    let hub = hub();
    let people = directory(&[&hub]);
    let mut doc = hub.doc();
    for number in 0..=RECORD_FILES_MAX {
        let mut file = photo(1);
        file.blob.0[..2].copy_from_slice(&u16::try_from(number).unwrap().to_be_bytes());
        hub.say(&mut doc, &people, 1, F::Attached { file });
    }
    let view = files::view(doc.document(), &people);
    assert_eq!(view.attached.len(), RECORD_FILES_MAX);
}
