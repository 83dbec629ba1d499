//! Whom an elder's alerts call, and when.

use linli_model::alert::plan::{self, LadderOf};
use linli_model::alert::{AlertKind, Ladder, LadderAct, Step};
use linli_model::author::PartyId;
use linli_model::document::DocumentName;
use linli_model::field::FieldsView;
use linli_model::private::Private;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Outcome, elders, invalid, not_found, now_known, spaces};
use crate::api::alerts::{AlertLadder, AlertLadderSet, LadderStep};
use crate::api::{ApiError, Done};
use crate::catalogue::Name;
use crate::node::{Node, world};

/// The ladder that an alert of an elder climbs: the common one where this node knows no other.
pub(super) fn of(node: &mut Node, elder: Uuid, what: AlertKind) -> Ladder {
    read(node, elder)
        .and_then(|view| plan::ladder(&view, what))
        .unwrap_or_else(|| Ladder::common(what))
}

fn read(node: &mut Node, elder: Uuid) -> Option<FieldsView> {
    let space = elders::space_of(node, elder, spaces::CARE)?;
    let name = Name::Elder(elder, DocumentName::Ladders).to_string();
    let opened = node.core.document(world(&node.replica, &node.store), space, &name).ok()?;
    let (doc, authors) = opened.parts();
    Some(plan::view(doc.document(), authors))
}

pub(crate) fn show(node: &mut Node, request: AlertLadder) -> Outcome<Value> {
    let elder = elders::find(node, &request.elder)?;
    let view = read(node, elder);
    let own = |of: LadderOf, kind| {
        let view = view.as_ref()?;
        let own = view.fields.contains_key(linli_model::field::FieldName::key(of));
        own.then(|| plan::ladder(view, kind))?
    };
    let of_kind = |kind: AlertKind| Some((kind.word(), own(LadderOf::Kind(kind), kind)?));
    let kinds: serde_json::Map<String, Value> = AlertKind::ALL
        .into_iter()
        .filter_map(of_kind)
        .map(|(word, ladder)| (word.to_owned(), json!(ladder)))
        .collect();
    let others = own(LadderOf::Others, AlertKind::Other);
    now_known(json!({
        "elder": elder.to_string(),
        "kinds": kinds,
        "others": others.clone().unwrap_or_default(),
        "others_own": others.is_some(),
        "conflicts": view.map(|view| view.conflicts()).unwrap_or_default(),
    }))
}

pub(crate) fn set(node: &mut Node, request: AlertLadderSet) -> Outcome<Done> {
    let person = node.people.acting(&node.pepper, request.acting.as_ref())?;
    let elder = elders::find(node, &request.elder)?;
    let of = match &request.kind {
        None => LadderOf::Others,
        Some(word) => AlertKind::ALL
            .into_iter()
            .find(|kind| kind.word() == word)
            .map(LadderOf::Kind)
            .ok_or_else(|| invalid("error-alert-kind"))?,
    };
    let steps: Vec<Step> =
        request.steps.iter().map(|one| step(node, one)).collect::<Result<_, _>>()?;
    let ladder = if steps.is_empty() {
        None
    } else {
        let respond_ms = request.respond_s.saturating_mul(1_000);
        Some(Ladder::new(steps, respond_ms)?)
    };
    let space =
        elders::space_of(node, elder, spaces::CARE).ok_or_else(|| not_found("error-no-profile"))?;
    let write = |doc: &mut automerge::AutoCommit| match &ladder {
        Some(ladder) => plan::set(doc, of, ladder),
        None => plan::clear(doc, of),
    };
    let name = DocumentName::Ladders;
    let (saves, _) = elders::write(node, space, elder, name, person.as_ref(), write)?;
    Ok((Done {}, saves))
}

/// Reads one step.
fn step(node: &Node, step: &LadderStep) -> Result<Step, ApiError> {
    let who = || {
        let wanted = step.who.as_deref().filter(|who| !who.is_empty());
        wanted.ok_or_else(|| invalid("error-ladder-whom"))
    };
    let phone = || Ok::<_, ApiError>(Private::from(who()?));
    let does = match step.way.as_str() {
        "desk" => LadderAct::DutyDesk,
        "siren" => LadderAct::Siren,
        "neighbour" => LadderAct::Neighbour,
        "party" => LadderAct::Party { party: PartyId(spaces::party(node, who()?)?.0) },
        "contact" => LadderAct::Contact { phone: phone()? },
        "dial-out" => LadderAct::DialOut { phone: phone()? },
        _ => {
            return Err(invalid("error-ladder-step"));
        }
    };
    Ok(Step { after_ms: step.after_s.saturating_mul(1_000), does })
}
