//! The page at home: what was asked for on it, and how far that is.

use std::collections::BTreeSet;
use std::sync::Arc;

use linli_core::audit::{AuditRecord, What, clip};
use linli_model::alert::{self, AlertKind, AlertView, CauseId, Climb, Stage};
use linli_model::author::{PartyKind as Kind, Role};
use linli_model::document::DocumentName;
use linli_model::order::{self, OrderView};
use linli_model::time::Timestamp;
use linli_replica::certificate::PartyKind;
use linli_replica::id::{DocTag, NodeId};
use linli_replica::replica::Save;
use uuid::Uuid;

use super::{Outcome, alerts, invalid, not_found, now_known, orders, spaces};
use crate::api::alerts::AlertAct;
use crate::api::care::{OrderAct, OrderNew};
use crate::api::tablets::{
    HomeElder, HomeKind, HomeRequest, HomeStage, HomeState, PressAnswer, PressKind, TabletCancel,
    TabletCode, TabletList, TabletPair, TabletPress, TabletRemove, TabletRow, TabletState,
};
use crate::api::{ApiError, Code, Done};
use crate::catalogue::Name;
use crate::node::{Node, now};
use crate::tablets::{LABEL_MAX, PairError, TABLETS_MAX, Tablets};

/// A press within this time after one of the same kind joins that, unless somebody has it already.
const JOINS_MS: u64 = 60_000;

/// Presses that joined an earlier one which are known, so that they can be taken back.
const JOINED_MAX: usize = 64;

/// A meal is ordered once in this time: as long as one waits for it, and forgets having ordered.
const MEAL_JOINS_MS: u64 = 3 * 60 * 60_000;

/// How long what was pressed can be taken back on the page: afterwards somebody may be on the way.
const CANCEL_MS: u64 = 60_000;

/// A press that is older when it comes says when it was, in milliseconds; and so old at most, where the tablet's clock is right.
const PRESSED: std::ops::Range<u64> = 60_000..30 * 24 * 60 * 60_000;

/// How long what is over stays on the page.
const SHOWN_MS: u64 = 2 * 60 * 60_000;

/// Elders whom the page shows: a home has one or two.
const ELDERS_MAX: usize = 8;

/// What is ordered by one press.
const MEAL: &str = "daily.meal_delivery";

pub(crate) fn pair(node: &mut Node, request: TabletPair) -> Outcome<TabletCode> {
    household(node)?;
    let tablets = paired(node)?;
    let (code, expires_ms) = tablets.draw(&request.label, now().0).map_err(refused)?;
    let url = format!("http://{}/pair#{code}", tablets.address());
    now_known(TabletCode { code, url, expires_ms })
}

pub(crate) fn list(node: &mut Node, _: TabletList) -> Outcome<Vec<TabletRow>> {
    now_known(paired(node)?.rows())
}

pub(crate) fn remove(node: &mut Node, request: TabletRemove) -> Outcome<Done> {
    let label = paired(node)?.remove(&request.tablet).map_err(refused)?;
    let save = note(node, What::TabletRemoved, &label);
    Ok((Done {}, [save].into()))
}

/// Writes into the audit which tablet was paired or removed.
fn note(node: &mut Node, what: What, label: &str) -> Save {
    let detail = Some(clip(label));
    let record = AuditRecord { detail, ..node.record_of(what) };
    node.note(&record)
}

/// Writes down which tablets were paired since.
pub(crate) fn tick(node: &mut Node) {
    let labels = node.tablets.as_ref().map(|tablets| tablets.take_news()).unwrap_or_default();
    for label in labels {
        note(node, What::TabletPaired, &label);
    }
}

fn paired(node: &Node) -> Result<Arc<Tablets>, ApiError> {
    node.tablets.clone().ok_or_else(|| invalid("error-tablet-no-page"))
}

fn refused(error: PairError) -> ApiError {
    match error {
        PairError::Label => invalid("error-tablet-label").with("max", LABEL_MAX),
        PairError::Home(error) => invalid("error-tablet-list").because(error),
        PairError::NoRandomness => invalid("error-no-randomness"),
        PairError::TooMany => {
            ApiError::new(Code::Conflict, "error-tablet-many").with("max", TABLETS_MAX)
        }
        PairError::Unreadable => ApiError::new(Code::Conflict, "error-tablet-list"),
        PairError::Unknown => not_found("error-tablet-none"),
    }
}

fn household(node: &Node) -> Result<(), ApiError> {
    match spaces::own_kind(node)? == PartyKind::Household {
        true => Ok(()),
        false => Err(ApiError::new(Code::Forbidden, "error-tablet-household")),
    }
}

pub(crate) fn press(node: &mut Node, request: TabletPress) -> Outcome<PressAnswer> {
    if request.elder.is_none() && request.kind != PressKind::Help {
        return Err(invalid("error-press-elder"));
    }
    let listed: Vec<Uuid> = at_home(node)?.into_iter().map(|(elder, _)| elder).collect();
    let one = request.elder.as_ref().and_then(|id| first(node, &listed, id));
    let elders = match one {
        Some(elder) => vec![elder],
        // Whomever a tablet knows that was away for long: somebody must come.
        None if request.kind == PressKind::Help => listed,
        None => Vec::new(),
    };
    if elders.is_empty() {
        return Err(not_found("error-press-none"));
    }
    // Help does not wait until all that ever was is read.
    let open = match request.kind {
        PressKind::Meal => requests(node, &elders),
        PressKind::Help | PressKind::Call => {
            let open = node.ladders.documents().map(|document| (document, true)).collect();
            found(node, &elders, open)
        }
    };
    let (mut made, mut saves, mut failed) = (Vec::new(), BTreeSet::new(), None);
    for elder in elders {
        let press = request.press;
        let one = match request.kind {
            PressKind::Meal => meal(node, elder, press, &open),
            PressKind::Help | PressKind::Call => raise(node, elder, &request, &open),
        };
        match one {
            Ok((request, new)) => {
                made.push(request);
                saves.extend(new);
            }
            // What keeps one elder's alert away keeps away no other's.
            Err(error) => {
                tracing::error!(%error, "what was pressed at home could not be raised");
                failed = Some(error);
            }
        }
    }
    // Somebody comes where one alert is raised; the tablet would not leave off sending otherwise.
    if let Some(error) = failed.filter(|_| made.is_empty()) {
        return Err(error);
    }
    // What was made by this press before may not be durable yet.
    saves.insert(node.replica.last_save());
    Ok((PressAnswer { requests: made, stored: true }, saves))
}

type Made = Result<(String, BTreeSet<Save>), ApiError>;

/// What was asked for a moment ago for the same elder, and nobody has seen to yet.
fn joined(open: &[HomeRequest], kind: PressKind, elder: Uuid, within_ms: u64) -> Option<String> {
    let fits = |request: &&HomeRequest| {
        let waits = match kind {
            PressKind::Meal => !matches!(request.stage, HomeStage::Done | HomeStage::Cancelled),
            PressKind::Help | PressKind::Call => {
                matches!(request.stage, HomeStage::Stored | HomeStage::Reached)
            }
        };
        waits
            && request.kind == kind.into()
            && request.elder == elder.to_string()
            && now().0.abs_diff(request.at_ms) < within_ms
    };
    open.iter().find(fits).map(|request| request.request.clone())
}

fn raise(node: &mut Node, elder: Uuid, asked: &TabletPress, open: &[HomeRequest]) -> Made {
    let (press, kind) = (asked.press, asked.kind);
    let what = if kind == PressKind::Call { AlertKind::Call } else { AlertKind::Button };
    let cause = cause(press, elder);
    let id = alert::alert_id(&cause).to_string();
    if alerts::find(node, &id).is_ok() {
        return Ok((id, BTreeSet::new()));
    }
    if let Some(earlier) = joined(open, kind, elder, JOINS_MS) {
        node.joined_presses.retain(|(joined, _)| *joined != press);
        node.joined_presses.push((press, earlier.clone()));
        let over = node.joined_presses.len().saturating_sub(JOINED_MAX);
        node.joined_presses.drain(..over);
        return Ok((earlier, BTreeSet::new()));
    }
    let ago = asked.ago_ms.filter(|ago| PRESSED.contains(ago));
    let happened = ago.map(|ago| Timestamp(now().0.saturating_sub(ago)));
    let event = alerts::Event { happened, ..alerts::Event::now(cause, what) };
    let (_, saves) = alerts::raise_cause(node, elder, event, None)?;
    Ok((id, saves))
}

/// One press is one alert of an elder, however often it is sent.
fn cause(press: Uuid, elder: Uuid) -> CauseId {
    CauseId(format!("tablet/{press}/{elder}"))
}

fn meal(node: &mut Node, elder: Uuid, press: Uuid, open: &[HomeRequest]) -> Made {
    let id = orders::id(node, press).to_string();
    if orders::document(node, &id).is_ok() {
        return Ok((id, BTreeSet::new()));
    }
    if let Some(earlier) = joined(open, PressKind::Meal, elder, MEAL_JOINS_MS) {
        return Ok((earlier, BTreeSet::new()));
    }
    let asked = OrderNew {
        elder: elder.to_string(),
        service: MEAL.to_owned(),
        channel: "terminal".to_owned(),
        ..OrderNew::default()
    };
    let (_, saves) = orders::begin(node, asked, press)?;
    Ok((id, saves))
}

pub(crate) fn cancel(node: &mut Node, request: TabletCancel) -> Outcome<Done> {
    let elders: Vec<Uuid> = at_home(node)?.into_iter().map(|(elder, _)| elder).collect();
    let mut saves = BTreeSet::new();
    let pressed = request.request;
    let raised = elders.iter().map(|elder| alert::alert_id(&cause(pressed, *elder)));
    let made = raised.chain([pressed, orders::id(node, pressed)]).map(|id| id.to_string());
    let joined = node.joined_presses.iter().filter(|(press, _)| *press == pressed);
    let ids: BTreeSet<String> = made.chain(joined.map(|(_, earlier)| earlier.clone())).collect();
    let meant: Vec<_> = requests(node, &elders)
        .into_iter()
        .filter(|found| ids.contains(&found.request) && found.stage != HomeStage::Cancelled)
        .collect();
    if meant.iter().any(|found| !found.may_cancel) {
        return Err(ApiError::new(Code::Conflict, "error-press-late"));
    }
    for found in meant {
        let new = match found.kind {
            HomeKind::Help | HomeKind::Call | HomeKind::Alert => {
                let act = "call-off".to_owned();
                let act = AlertAct { alert: found.request, act, ..AlertAct::default() };
                alerts::act(node, act)?.1
            }
            HomeKind::Meal => {
                let act = "cancel".to_owned();
                let act = OrderAct { order: found.request, act, ..OrderAct::default() };
                orders::act(node, act)?.1
            }
        };
        saves.extend(new);
    }
    Ok((Done {}, saves))
}

pub(crate) fn state(node: &mut Node, _: TabletState) -> Outcome<HomeState> {
    let elders = at_home(node)?;
    let ids: Vec<Uuid> = elders.iter().map(|(elder, _)| *elder).collect();
    let requests = requests(node, &ids);
    let directory = node.replica.directory();
    let is_centre = |id: &NodeId| directory.node(id).is_some_and(|n| n.kind == PartyKind::Centre);
    let centre = node.peers.iter().any(|(id, peer)| peer.connected && is_centre(id));
    let elder = |(elder, name): (Uuid, String)| HomeElder { elder: elder.to_string(), name };
    now_known(HomeState { elders: elders.into_iter().map(elder).collect(), requests, centre })
}

/// The elders of this home, by name; of records of one person the first.
fn at_home(node: &mut Node) -> Result<Vec<(Uuid, String)>, ApiError> {
    household(node)?;
    crate::reactions::react(node);
    let groups = super::joins::groups(node);
    let mut elders: Vec<(Uuid, String)> = node
        .catalogue
        .elders()
        .map(|(elder, _, summary)| (elder, summary.names.join(" / ")))
        .collect();
    elders.sort();
    let mut same = BTreeSet::new();
    elders.retain(|(elder, _)| {
        let first = !same.contains(&elder.to_string());
        same.extend(groups.get(elder).into_iter().flatten().cloned());
        first
    });
    elders.sort_by(|a, b| (&a.1, a.0).cmp(&(&b.1, b.0)));
    elders.truncate(ELDERS_MAX);
    Ok(elders)
}

/// Under which of the listed elders somebody stands, whose record may have been joined with theirs.
fn first(node: &mut Node, listed: &[Uuid], elder: &str) -> Option<Uuid> {
    let is = |one: &&Uuid| one.to_string() == elder;
    if let Some(one) = listed.iter().find(is) {
        return Some(*one);
    }
    let groups = super::joins::groups(node);
    let is_joined =
        |one: &&Uuid| groups.get(*one).is_some_and(|of| of.iter().any(|id| id == elder));
    listed.iter().find(is_joined).copied()
}

/// What was asked for at home and is not long over, the latest first.
fn requests(node: &mut Node, elders: &[Uuid]) -> Vec<HomeRequest> {
    let is_request =
        |name: &Name| matches!(name, Name::Plain(DocumentName::Alert(_) | DocumentName::Order(_)));
    let open: BTreeSet<DocTag> = node.ladders.documents().collect();
    let over = |document: &DocTag| node.long_over.contains(document) && !open.contains(document);
    let documents: Vec<(DocTag, bool)> = node
        .catalogue
        .rows()
        .filter(|(document, row)| is_request(&row.name) && !over(document))
        .map(|(document, row)| (*document, matches!(row.name, Name::Plain(DocumentName::Alert(_)))))
        .collect();
    found(node, elders, documents)
}

/// Of these documents, each with whether it is an alert, what was asked for at home.
fn found(node: &mut Node, elders: &[Uuid], documents: Vec<(DocTag, bool)>) -> Vec<HomeRequest> {
    let mut found = Vec::new();
    for (document, is_alert) in documents {
        let request = match is_alert {
            true => alerts::read(node, document)
                .map(|view| (of_alert(node, document, &view), is_other_alert(&view))),
            false => orders::read(node, document).map(|view| {
                let is_other = view.request.as_ref().is_some_and(|asked| asked.service != MEAL);
                (of_order(node, document, &view), is_other)
            }),
        };
        let request = match request {
            Ok((Some(request), _)) => request,
            // It is of another kind, and stays so.
            Ok((None, true)) => {
                node.long_over.insert(document);
                continue;
            }
            Ok((None, false)) | Err(_) => continue,
        };
        let is_over = matches!(request.stage, HomeStage::Done)
            || request.kind == HomeKind::Meal && request.stage == HomeStage::Cancelled;
        let since = request.stage_ms.unwrap_or(request.at_ms).max(request.at_ms);
        if is_over && now().0.saturating_sub(since) > SHOWN_MS {
            node.long_over.insert(document);
        } else if let Some(elder) = first(node, elders, &request.elder) {
            found.push(HomeRequest { elder: elder.to_string(), ..request });
        }
    }
    found.sort_by(|a, b| (b.at_ms, &b.request).cmp(&(a.at_ms, &a.request)));
    found
}

/// Whether an alert is not about what happens at home, or a drill.
fn is_other_alert(view: &AlertView) -> bool {
    let other = [AlertKind::NoContact, AlertKind::CardOpened];
    view.drill || view.what.is_some_and(|what| other.contains(&what))
}

/// What the page shows an alert as.
fn kind_of(what: AlertKind) -> HomeKind {
    if what == AlertKind::Button {
        HomeKind::Help
    } else if what == AlertKind::Call {
        HomeKind::Call
    } else {
        HomeKind::Alert
    }
}

fn of_alert(node: &Node, document: DocTag, view: &AlertView) -> Option<HomeRequest> {
    if is_other_alert(view) {
        return None;
    }
    let (kind, raised_ms) = (kind_of(view.what?), view.since?.0);
    let directory = node.replica.directory();
    let is_centre = |node: &linli_model::author::NodeId| {
        directory.node(&NodeId(node.0)).is_some_and(|known| known.kind == PartyKind::Centre)
    };
    let reached = view.delivered.iter().filter(|(node, _)| is_centre(node)).map(|(_, at)| at.0);
    let resolved = view.resolved.and_then(|fact| {
        view.timeline.iter().find(|entry| entry.id == fact).map(|entry| entry.at.0)
    });
    // Who does nothing has it no more: others are told again.
    let goes_on = node
        .ladders
        .state(&document)
        .is_some_and(|state| matches!(view.climb(state.watch(view)), Climb::Climbing { .. }));
    let owner = view.owner.as_ref().filter(|_| !goes_on || view.responding.is_some());
    let (stage, stage_ms) = if view.stage == Stage::Resolved {
        (HomeStage::Done, resolved)
    } else if let Some(at) = view.arrived {
        (HomeStage::There, Some(at.0))
    } else if let Some(at) = view.responding {
        (HomeStage::Coming, Some(at.0))
    } else if let Some(owner) = owner {
        (HomeStage::Taken, Some(owner.since.0))
    } else if let Some(at) = reached.min() {
        (HomeStage::Reached, Some(at))
    } else {
        (HomeStage::Stored, None)
    };
    let taken_back = view.called_off && stage != HomeStage::Done;
    Some(HomeRequest {
        request: view.id.to_string(),
        kind,
        what: view.what.filter(|_| kind == HomeKind::Alert).map(|what| alerts::word(&what)),
        elder: alerts::elder(view)?.to_string(),
        at_ms: view.happened.map_or(raised_ms, |at| at.0),
        stage: if taken_back { HomeStage::Cancelled } else { stage },
        stage_ms,
        who: owner.map(|owner| owner.person.name.as_str().to_owned()),
        role: owner.map(|owner| role(owner.person.role)),
        expected_ms: view.expected.map(|at| at.0).filter(|_| stage == HomeStage::Coming),
        goes_on,
        may_cancel: kind != HomeKind::Alert
            && !taken_back
            && stage != HomeStage::Done
            && is_fresh(raised_ms),
    })
}

fn role(role: Role) -> String {
    alerts::word(&role).replace('_', "-")
}

fn is_fresh(at_ms: u64) -> bool {
    now().0.abs_diff(at_ms) < CANCEL_MS
}

fn of_order(node: &Node, document: DocTag, view: &OrderView) -> Option<HomeRequest> {
    let asked = view.request.as_ref().filter(|asked| asked.service == MEAL)?;
    let at_ms = view.opened_at?.0;
    let directory = node.replica.directory();
    let holders = || {
        let frontier = node.replica.index().frontier(&document).unwrap_or_default();
        node.receipts.holders(&document, &frontier)
    };
    let is_centre = |id: &NodeId| directory.node(id).is_some_and(|n| n.kind == PartyKind::Centre);
    let answered = view.timeline.iter().any(|entry| entry.author.kind == Kind::Centre);
    let stage = match view.stage {
        order::Stage::Done | order::Stage::CalledBack => HomeStage::Done,
        order::Stage::Cancelled => HomeStage::Cancelled,
        order::Stage::Started => HomeStage::Coming,
        order::Stage::Confirmed => HomeStage::Taken,
        order::Stage::NotOpen
        | order::Stage::Open
        | order::Stage::Offered
        | order::Stage::Claimed => match answered || holders().iter().any(is_centre) {
            true => HomeStage::Reached,
            false => HomeStage::Stored,
        },
    };
    let holder = view.holder.as_ref();
    let name = |party: &linli_model::author::PartyId| {
        directory.party(&linli_replica::id::PartyId(party.0))?.name.clone()
    };
    let free = matches!(stage, HomeStage::Stored | HomeStage::Reached);
    Some(HomeRequest {
        request: view.id.to_string(),
        kind: HomeKind::Meal,
        what: None,
        elder: asked.elder.to_string(),
        at_ms,
        stage,
        stage_ms: view.done_at.or_else(|| holder.map(|holder| holder.since)).map(|at| at.0),
        who: holder.and_then(|holder| name(&holder.provider)),
        role: None,
        expected_ms: None,
        goes_on: false,
        may_cancel: free && is_fresh(at_ms),
    })
}
