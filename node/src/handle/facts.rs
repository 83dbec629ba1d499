//! Adding a fact to an event document.

use std::collections::BTreeSet;

use linli_core::engine::{Acting, Authored, CoreError, Edit, EditError};
use linli_core::seal::SealError;
use linli_model::author::Author;
use linli_model::event::{Body, Fact, FactError, FactId, Facts, put_fact};
use linli_model::time::Timestamp;
use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, SpaceTag};
use linli_replica::replica::Save;

use crate::api::{ApiError, Code};
use crate::catalogue::Name;
use crate::node::{Node, world};

/// A fact's id, and what was written for it: nothing where it changes nothing.
type Sealed = Result<(FactId, Option<Authored>), EditError<FactError>>;

/// Adds a fact to a document of the catalogue.
pub(crate) fn add<B: Body>(
    node: &mut Node,
    document: DocTag,
    urgency: Urgency,
    person: Option<&Acting>,
    body: B,
) -> Result<(FactId, BTreeSet<Save>), ApiError> {
    let row = node.catalogue.get(&document);
    let (space, name) = row
        .map(|row| (row.space, row.name.clone()))
        .ok_or_else(|| super::not_found("error-no-document"))?;
    add_to(node, space, &name, urgency, person, body)
}

/// Adds two facts to a document as one entry, so that whoever has the first has the second, which
/// builds on it.
pub(crate) fn add_both<B: Body>(
    node: &mut Node,
    space: SpaceTag,
    name: &Name,
    person: Option<&Acting>,
    first: B,
    second: impl FnOnce(FactId) -> B,
) -> Result<BTreeSet<Save>, ApiError> {
    let world = world(&node.replica, &node.store);
    let author = author(node, person)?;
    let text = name.to_string();
    let (doc, authors) = node.core.document(world, space, &text)?.parts();
    let facts = Facts::<B>::read(doc.document(), authors);
    let at = Timestamp(world.now.0);
    let first = Fact::new(at, &author, &facts, first);
    let (id, _) = first.text()?;
    let second = Fact { after: vec![id], ..Fact::new(at, &author, &facts, second(id)) };
    second.text()?;
    let mut both = |urgency| {
        let what = Edit { space, name: &text, urgency, isolated: true, person };
        let world = crate::node::world(&node.replica, &node.store);
        node.core.edit(world, &mut node.rng, what, |doc| {
            [&first, &second].into_iter().try_for_each(|fact| put_fact(doc, fact).map(drop))
        })
    };
    let authored = match both(Urgency::Urgent) {
        Err(error) if is_too_large(&error) => both(Urgency::Normal),
        sealed => sealed,
    }?;
    Ok(authored.map(|authored| node.author(authored)).into_iter().collect())
}

fn author(node: &Node, person: Option<&Acting>) -> Result<Author, ApiError> {
    let world = world(&node.replica, &node.store);
    node.core
        .own_author(world, person)
        .ok_or_else(|| ApiError::new(Code::Forbidden, "error-not-enrolled"))
}

/// Adds a fact to a document, which begins with it where there is none yet.
pub(crate) fn add_to<B: Body>(
    node: &mut Node,
    space: SpaceTag,
    name: &Name,
    urgency: Urgency,
    person: Option<&Acting>,
    body: B,
) -> Result<(FactId, BTreeSet<Save>), ApiError> {
    let (id, authored) = make(node, space, name, urgency, person, body)?;
    let saves = authored.map(|authored| node.author(authored)).into_iter().collect();
    Ok((id, saves))
}

/// Makes a fact of a document of the catalogue, to be given to the node with what else belongs to it.
pub(crate) fn write<B: Body>(
    node: &mut Node,
    document: DocTag,
    urgency: Urgency,
    person: Option<&Acting>,
    body: B,
) -> Result<Authored, ApiError> {
    let row = node.catalogue.get(&document);
    let (space, name) = row
        .map(|row| (row.space, row.name.clone()))
        .ok_or_else(|| super::not_found("error-no-document"))?;
    Ok(make(node, space, &name, urgency, person, body)?.1.unwrap_or_default())
}

/// Adds a fact as an urgent entry; none where it exceeds the one size that those have.
pub(crate) fn add_urgent<B: Body>(
    node: &mut Node,
    space: SpaceTag,
    name: &Name,
    person: Option<&Acting>,
    body: B,
) -> Result<Option<BTreeSet<Save>>, ApiError> {
    match seal(node, space, &name.to_string(), Urgency::Urgent, person, body)? {
        Err(error) if is_too_large(&error) => Ok(None),
        sealed => Ok(Some(sealed?.1.map(|authored| node.author(authored)).into_iter().collect())),
    }
}

/// Makes a fact of a document, which begins with it where there is none yet; none where it changes
/// nothing. It is to be given to the node with what else belongs to it.
///
/// What is urgent and exceeds the one size of urgent entries goes as a normal one: another size would tell what it
/// is.
pub(crate) fn make<B: Body>(
    node: &mut Node,
    space: SpaceTag,
    name: &Name,
    urgency: Urgency,
    person: Option<&Acting>,
    body: B,
) -> Result<(FactId, Option<Authored>), ApiError> {
    let text = name.to_string();
    match seal(node, space, &text, urgency, person, body.clone())? {
        Err(error) if is_too_large(&error) => {
            Ok(seal(node, space, &text, Urgency::Normal, person, body)??)
        }
        sealed => Ok(sealed?),
    }
}

fn seal<B: Body>(
    node: &mut Node,
    space: SpaceTag,
    name: &str,
    urgency: Urgency,
    person: Option<&Acting>,
    body: B,
) -> Result<Sealed, ApiError> {
    author(node, person)?;
    let what = Edit { space, name, urgency, isolated: true, person };
    let world = world(&node.replica, &node.store);
    Ok(node.core.add_fact(world, &mut node.rng, what, body))
}

const fn is_too_large(error: &EditError<FactError>) -> bool {
    matches!(error, EditError::Core(CoreError::Seal(SealError::TooLargeForUrgent(_))))
}
