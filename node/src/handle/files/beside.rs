//! What files stand beside: an order, or an elder, in the health space and in the care space.

use std::collections::BTreeMap;

use linli_core::authority::Right;
use linli_core::engine::Acting;
use linli_core::secret::Secret;
use linli_model::attachment::{self, Attached, Attachment};
use linli_model::author::PartyKind;
use linli_model::document::DocumentName;
use linli_model::event::{Entry, FactId, Facts, Reason};
use linli_model::files::{self, FileFact};
use linli_model::order::{OrderFact, OrderView};
use linli_replica::entry::Urgency;
use linli_replica::id::{DocTag, SpaceTag};
use uuid::Uuid;

use crate::api::{ApiError, Code};
use crate::catalogue::Name;
use crate::handle::{Outcome, elders, facts, invalid, not_found, orders, spaces};
use crate::node::{Node, world};

/// The document that a file stands beside: an order, or the files of an elder in one space.
#[derive(Clone)]
pub(super) struct Beside {
    pub(super) space: SpaceTag,
    pub(super) document: DocTag,
    pub(super) name: Name,
    /// What the space of an elder's files is for.
    pub(super) scope: Option<&'static str>,
}

/// Where a file is to be put.
pub(super) enum Place {
    There(Beside),
    /// In the health space of an elder, which begins with the file.
    Health(Uuid),
}

/// What stands there, and what this node may do about it.
pub(super) struct Standing {
    pub(super) attached: Vec<Attached>,
    /// Facts that do not stand, and why.
    pub(super) refused: BTreeMap<FactId, Reason>,
    /// The order's opening.
    pub(super) opened: Option<FactId>,
    pub(super) elder: Option<Uuid>,
    pub(super) may_attach: bool,
    /// Whether it takes away what others attached.
    pub(super) may_detach: bool,
}

/// Finds where a file of an elder, in one of its scopes, or of an order is to be put.
pub(super) fn place(
    node: &mut Node,
    elder: Option<&str>,
    order: Option<&str>,
    scope: Option<&str>,
) -> Result<Place, ApiError> {
    let (text, scope) = match (elder, order, scope) {
        (Some(text), None, scope) => (text, scope.unwrap_or(spaces::HEALTH)),
        (None, Some(order), None) => return Ok(Place::There(Beside::order(node, order)?)),
        (None, Some(_), Some(_)) => return Err(invalid("error-photo-scope")),
        (Some(_), Some(_), _) | (None, None, _) => return Err(invalid("error-photo-beside")),
    };
    let elder = elders::find(node, text)?;
    let (space, scope) = match scope {
        spaces::CARE => (elders::care_of(node, elder), spaces::CARE),
        spaces::HEALTH => (elders::space_of(node, elder, spaces::HEALTH), spaces::HEALTH),
        _ => return Err(invalid("error-photo-scope")),
    };
    match space {
        Some(space) => Ok(Place::There(Beside::elder(node, elder, space, scope)?)),
        None if scope == spaces::CARE => Err(not_found("error-elder-no-profile")),
        None if elders::begins_health(node, elder)? => Ok(Place::Health(elder)),
        None => Err(ApiError::new(Code::Forbidden, "error-photo-health")),
    }
}

/// Finds all that files of an elder or an order stand beside, the health space first.
pub(super) fn places(
    node: &mut Node,
    elder: Option<&str>,
    order: Option<&str>,
) -> Result<Vec<Beside>, ApiError> {
    let text = match (elder, order) {
        (Some(text), None) => text,
        (None, Some(order)) => return Ok(vec![Beside::order(node, order)?]),
        (Some(_), Some(_)) | (None, None) => return Err(invalid("error-photo-beside")),
    };
    let elder = elders::find(node, text)?;
    let files = Name::Elder(elder, DocumentName::Files);
    let all = node.catalogue.of_elder(elder).filter(|(_, row)| row.name == files);
    let all: Vec<SpaceTag> = all.map(|(_, row)| row.space).collect();
    let mut places = Vec::new();
    for scope in [spaces::HEALTH, spaces::CARE] {
        for space in &all {
            if spaces::kind_of(node, *space)? == scope {
                places.push(Beside::elder(node, elder, *space, scope)?);
            }
        }
    }
    Ok(places)
}

impl Place {
    /// The document, in a space that begins where there is none.
    pub(super) fn there(&self, node: &mut Node) -> Result<Beside, ApiError> {
        match self {
            Self::There(beside) => Ok(beside.clone()),
            Self::Health(elder) => {
                let space = elders::health(node, *elder)?;
                Beside::elder(node, *elder, space, spaces::HEALTH)
            }
        }
    }
}

impl Beside {
    fn elder(
        node: &mut Node,
        elder: Uuid,
        space: SpaceTag,
        scope: &'static str,
    ) -> Result<Self, ApiError> {
        let name = Name::Elder(elder, DocumentName::Files);
        let world = world(&node.replica, &node.store);
        let document = node.core.space(world, space)?.document(&name.to_string());
        Ok(Self { space, document, name, scope: Some(scope) })
    }

    fn order(node: &mut Node, text: &str) -> Result<Self, ApiError> {
        let document = orders::document(node, text)?;
        let row = node.catalogue.get(&document);
        let row = row.ok_or_else(|| not_found("error-order-none"))?;
        Ok(Self { space: row.space, document, name: row.name.clone(), scope: None })
    }

    pub(super) fn read(&self, node: &mut Node) -> Result<Standing, ApiError> {
        let Name::Elder(elder, _) = self.name else {
            let view = orders::read(node, self.document)?;
            let me = node.core.node().0;
            return Ok(Standing {
                may_attach: may_attach(node, &view),
                may_detach: view.arbiter.is_some_and(|arbiter| arbiter.node.0 == me),
                refused: refused(&view.timeline),
                opened: view.opened,
                elder: view.request.map(|request| request.elder),
                attached: view.attached,
            });
        };
        let world = world(&node.replica, &node.store);
        let author = node.core.own_author(world, None);
        let party = node.core.party();
        let state = node.core.space(world, self.space)?.state();
        let writes = state.right(&party, world.now) >= Some(Right::Write);
        let may = |rule: fn(&_) -> Result<(), Reason>| {
            writes && author.as_ref().is_some_and(|author| rule(author).is_ok())
        };
        let (may_attach, may_detach) = (may(files::may_attach), may(files::may_detach));
        let opened = node.core.document(world, self.space, &self.name.to_string())?;
        let (doc, authors) = opened.parts();
        let view = files::view(doc.document(), authors);
        let (refused, elder) = (refused(&view.timeline), Some(elder));
        let attached = view.attached;
        Ok(Standing { attached, refused, opened: None, elder, may_attach, may_detach })
    }

    pub(super) fn attach(
        &self,
        node: &mut Node,
        person: Option<&Acting>,
        file: Attachment,
    ) -> Outcome<FactId> {
        let Self { space, name, .. } = self;
        if let Name::Elder(..) = name {
            let fact = FileFact::Attached { file };
            return facts::add_to(node, *space, name, Urgency::Normal, person, fact);
        }
        let opened = self.read(node)?.opened;
        let opened = opened.ok_or_else(|| orders::not_yet("error-order-not-opened"))?;
        let fact = OrderFact::Attached { opened, file };
        facts::add_to(node, *space, name, Urgency::Normal, person, fact)
    }

    pub(super) fn detach(
        &self,
        node: &mut Node,
        person: Option<&Acting>,
        attached: FactId,
    ) -> Outcome<FactId> {
        let Self { space, name, .. } = self;
        if let Name::Elder(..) = name {
            let fact = FileFact::Detached { attached };
            return facts::add_to(node, *space, name, Urgency::Normal, person, fact);
        }
        let fact = OrderFact::Detached { attached };
        facts::add_to(node, *space, name, Urgency::Normal, person, fact)
    }

    /// The key of a file that stands.
    pub(super) fn key(&self, node: &mut Node, of: &Attached) -> Result<Secret, ApiError> {
        let world = world(&node.replica, &node.store);
        let opened = node.core.document(world, self.space, &self.name.to_string())?;
        let (doc, authors) = opened.parts();
        let doc = doc.document();
        let file = match self.name {
            Name::Elder(..) => {
                attachment::file(&Facts::<FileFact>::read(doc, authors), of).cloned()
            }
            Name::Plain(_) => {
                attachment::file(&Facts::<OrderFact>::read(doc, authors), of).cloned()
            }
        };
        let mut key = [0; 32];
        file.and_then(|file| file.key)
            .and_then(|text| hex::decode_to_slice(text.as_str(), &mut key).ok())
            .ok_or_else(|| ApiError::internal("there is no key of this file"))?;
        Ok(Secret::new(key))
    }
}

fn refused<B>(timeline: &[Entry<B>]) -> BTreeMap<FactId, Reason> {
    let refused = timeline.iter().filter_map(|entry| Some((entry.id, entry.not_standing.clone()?)));
    refused.collect()
}

/// Says so before a file is worked through for nothing; the rules of the order have the last word.
fn may_attach(node: &Node, view: &OrderView) -> bool {
    let author = node.core.own_author(world(&node.replica, &node.store), None);
    let holder = view.holder.as_ref().map(|holder| holder.provider);
    author.is_some_and(|author| match author.kind {
        PartyKind::Centre | PartyKind::Station | PartyKind::Household | PartyKind::Family => true,
        PartyKind::Provider => holder == Some(author.party),
        PartyKind::Regulator | PartyKind::Evaluator => false,
    })
}
