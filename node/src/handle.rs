//! The methods of the control interface: each reads its request, acts on the node, and answers once
//! what it wrote is durable.

use std::collections::BTreeSet;

use linli_core::audit::What;
use linli_replica::replica::Save;
use serde_json::Value;

use crate::api::{ApiError, Code, Method};
use crate::audit::Asked;
use crate::node::Node;

pub(crate) mod alerts;
mod audit;
mod backup;
pub(crate) mod calls;
pub(crate) mod cards;
pub(crate) mod checkpoints;
pub(crate) mod consents;
mod contacts;
pub(crate) mod courier;
mod datamap;
mod desk;
mod dial;
pub(crate) mod elders;
mod erasures;
mod exposure;
pub(crate) mod facts;
mod files;
mod grants;
pub(crate) mod hand_over;
pub(crate) mod held;
mod import;
mod joins;
mod ladders;
pub(crate) mod leave;
pub(crate) mod network;
mod offers;
mod officers;
pub(crate) mod orders;
mod payloads;
mod people;
pub(crate) mod plans;
mod readings;
pub(crate) mod recovery;
mod refusals;
mod report;
pub(crate) mod rotation;
mod rules;
mod seat;
mod sensors;
pub(crate) mod spaces;
pub(crate) mod tablets;
mod trends;
mod watch;

/// What a method leads to.
pub(crate) enum Reply {
    /// An answer, once the saves are durable.
    Answer {
        answer: Value,
        saves: BTreeSet<Save>,
        /// Whether it must not wait for the disk longer than a second.
        urgent: bool,
    },
    /// What somebody is shown, once it is recorded who was; a store that cannot record it does not
    /// keep anybody from what a person in need depends on.
    Read { answer: Value, saves: BTreeSet<Save> },
    /// Long work, done a little at a time.
    Work(Box<dyn Work>),
    /// What changes about alerts after a revision of the board, once something does.
    Watch { after: u64, resolved: bool },
}

/// Work that takes longer than the driver may.
pub(crate) trait Work: Send {
    /// Does a little; none until the work is done.
    fn step(&mut self, node: &mut Node) -> Option<Result<(Value, BTreeSet<Save>), ApiError>>;

    /// Says whether the last step found nothing to do until something outside is done.
    fn waits(&self) -> bool {
        false
    }
}

type Outcome<T> = Result<(T, BTreeSet<Save>), ApiError>;

/// Does one method.
pub(crate) fn handle(node: &mut Node, method: &str, body: Value) -> Result<Reply, ApiError> {
    node.people.goes_on(None);
    let done = dispatch(node, method, body);
    node.people.goes_on(None);
    done
}

fn dispatch(node: &mut Node, method: &str, body: Value) -> Result<Reply, ApiError> {
    match method {
        "status" => answer(node, body, network::status),
        "documents" => reading(node, body, What::Listed, network::documents),
        "invite" => answer(node, body, crate::invitation::begin),
        "invite.state" => answer(node, body, crate::invitation::state),
        "invite.confirm" => answer(node, body, crate::invitation::confirm),
        "person.add" => answer(node, body, people::add),
        "person.list" => answer(node, body, people::list),
        "person.end" => answer(node, body, people::end),
        "person.pin" => answer(node, body, people::pin),
        "person.reset" => answer(node, body, people::reset),
        "party.list" => answer(node, body, network::parties),
        "officers" => answer(node, body, officers::officers),
        "officers.replace" => answer(node, body, officers::replace),
        "expel" => answer(node, body, officers::expel),
        "request.list" => answer(node, body, officers::list),
        "request.export" => answer(node, body, officers::export),
        "request.import" => answer(node, body, officers::import),
        "request.sign" => answer(node, body, officers::sign),
        "request.drop" => answer(node, body, officers::forget),
        "desk" => answer(node, body, desk::list),
        "leave" => answer(node, body, leave::leave),
        "backup" => backup::begin(node, read(body)?).map(Reply::Work),
        "stop" => answer(node, body, network::stop),
        "elder.add" => answer(node, body, elders::add),
        "elder.show" => reading(node, body, What::Read, elders::show),
        "elder.edit" => answer(node, body, elders::edit),
        "elder.relate" => answer(node, body, elders::relate),
        "elder.list" => reading(node, body, What::Listed, elders::list),
        "elder.import" => import::begin(node, read(body)?).map(Reply::Work),
        "join.list" => reading(node, body, What::Listed, joins::list),
        "elder.card" => opening(node, body, cards::of_elder),
        "join.decide" => answer(node, body, joins::decide),
        "reading.add" => urgent(node, body, readings::add),
        "reading.list" => reading(node, body, What::Listed, trends::list),
        "reading.chart" => reading(node, body, What::Listed, trends::chart),
        "offer.sign" => answer(node, body, offers::sign),
        "offer.list" => answer(node, body, offers::list),
        "order.new" => answer(node, body, orders::new),
        "order.list" => reading(node, body, What::Listed, orders::list),
        "order.show" => reading(node, body, What::Read, orders::show),
        "order.act" => answer(node, body, orders::act),
        "photo.add" => files::add(node, read(body)?).map(Reply::Work),
        "photo.list" => reading(node, body, What::Listed, files::list),
        "photo.save" => {
            acts(node, &body)?;
            let asked = asked(&body);
            files::save(node, read(body)?, asked).map(Reply::Work)
        }
        "photo.remove" => answer(node, body, files::remove),
        "seat.take" => answer(node, body, seat::take),
        "seat.leave" => answer(node, body, seat::leave),
        "courier.list" => courier::list(read(body)?).map(Reply::Work),
        "courier.pack" => courier::pack(node, read(body)?).map(Reply::Work),
        "courier.unpack" => courier::unpack(node, read(body)?).map(Reply::Work),
        "audit.list" => audit::list(node, body),
        "audit.verify" => Ok(Reply::Work(audit::verify(node, &read(body)?))),
        "audit.export" => audit::export(node, body),
        _ => alarm(node, method, body),
    }
}

/// The methods of alerts, and of calls and places that belong to them.
fn alarm(node: &mut Node, method: &str, body: Value) -> Result<Reply, ApiError> {
    match method {
        "alert.raise" => urgent(node, body, alerts::raise),
        "alert.list" => reading(node, body, What::Listed, alerts::list),
        "alert.show" => reading(node, body, What::Read, alerts::show),
        "alert.act" => answer(node, body, alerts::act),
        "alert.watch" => watch::watch(node, body),
        "alert.report" => Ok(Reply::Work(report::begin(node, &read(body)?))),
        "alert.ladder" => reading(node, body, What::Read, ladders::show),
        "alert.ladder.set" => answer(node, body, ladders::set),
        "plan.write" => answer(node, body, plans::write),
        "plan.list" => answer(node, body, plans::list),
        "plan.show" => reading(node, body, What::Listed, plans::show),
        "plan.act" => answer(node, body, plans::act),
        "plan.check" => answer(node, body, plans::check),
        "contact.note" => answer(node, body, contacts::note),
        "contact.take-back" => answer(node, body, contacts::take_back),
        "contact.due" => reading(node, body, What::Listed, contacts::due),
        "position.set" => answer(node, body, cards::set_position),
        "alert.card" => opening(node, body, cards::of_alert),
        "alert.dial" => urgent(node, body, dial::dial),
        "call.note" => answer(node, body, calls::note),
        "call.ended" => answer(node, body, calls::ended),
        "call.act" => urgent(node, body, calls::act),
        "call.list" => reading(node, body, What::Listed, calls::list),
        _ => at_home(node, method, body),
    }
}

/// The methods of the page and of the sensors at home.
fn at_home(node: &mut Node, method: &str, body: Value) -> Result<Reply, ApiError> {
    match method {
        "sensor.expect" => answer(node, body, sensors::expect),
        "sensor.drop" => answer(node, body, sensors::drop_one),
        "sensor.seen" => answer(node, body, sensors::seen),
        "sensor.list" => reading(node, body, What::Listed, sensors::list),
        "monitoring.off" => answer(node, body, sensors::off),
        "monitoring.on" => answer(node, body, sensors::on),
        "reading.payload" => answer(node, body, payloads::add),
        "rule.list" => reading(node, body, What::Listed, rules::list),
        "rule.set" => answer(node, body, rules::set),
        "rule.unset" => answer(node, body, rules::unset),
        "rule.try" => reading(node, body, What::Listed, rules::try_on),
        "tablet.pair" => answer(node, body, tablets::pair),
        "tablet.list" => answer(node, body, tablets::list),
        "tablet.remove" => answer(node, body, tablets::remove),
        "tablet.state" => answer(node, body, tablets::state),
        "tablet.press" => urgent(node, body, tablets::press),
        "tablet.cancel" => answer(node, body, tablets::cancel),
        _ => authority(node, method, body),
    }
}

/// The methods by which it is decided who may read what.
fn authority(node: &mut Node, method: &str, body: Value) -> Result<Reply, ApiError> {
    match method {
        "erasure.order" => answer(node, body, erasures::order),
        "erasure.list" => answer(node, body, erasures::list),
        "keys.consent.record" => answer(node, body, consents::record),
        "keys.consent.list" => reading(node, body, What::Listed, consents::list),
        "keys.consent.withdraw" => answer(node, body, consents::withdraw),
        "keys.grant" => answer(node, body, grants::grant),
        "keys.grants" => reading(node, body, What::Listed, grants::list),
        "keys.revoke" => answer(node, body, exposure::revoke),
        "keys.exposure" => reading(node, body, What::Listed, exposure::ask),
        "keys.rotate" => answer(node, body, rotation::rotate),
        "keys.checkpoint" => answer(node, body, checkpoints::make),
        "keys.checkpoint-withdraw" => answer(node, body, checkpoints::withdraw),
        "keys.checkpoints" => reading(node, body, What::Listed, checkpoints::list),
        "keys.hand-over" => answer(node, body, hand_over::begin),
        "keys.datamap" => Ok(Reply::Work(datamap::begin(node, &read(body)?))),
        "keys.held.list" => reading(node, body, What::Listed, held::list),
        "keys.held.show" => reading(node, body, What::Read, held::show),
        "keys.held.judge" => answer(node, body, held::judge),
        "recovery.begin" => answer(node, body, recovery::begin),
        "recovery.finish" => answer(node, body, recovery::finish),
        "recovery.list" => answer(node, body, recovery::list),
        _ => Err(ApiError::new(Code::NotFound, "error-no-method")),
    }
}

fn read<M: Method>(body: Value) -> Result<M, ApiError> {
    read_value(body)
}

fn read_value<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, ApiError> {
    serde_json::from_value(body).map_err(|error| {
        // Whatever else it says may quote what stood there.
        match error.to_string().strip_prefix("missing field ") {
            Some(field) => {
                ApiError::new(Code::BadRequest, "error-request-lacks").with("field", field)
            }
            None => ApiError::new(Code::BadRequest, "error-request-type"),
        }
    })
}

fn answer<M: Method>(
    node: &mut Node,
    body: Value,
    act: impl FnOnce(&mut Node, M) -> Outcome<M::Answer>,
) -> Result<Reply, ApiError> {
    let (answer, saves) = act(node, read(body)?)?;
    Ok(Reply::Answer { answer: json(&answer)?, saves, urgent: false })
}

fn urgent<M: Method>(
    node: &mut Node,
    body: Value,
    act: impl FnOnce(&mut Node, M) -> Outcome<M::Answer>,
) -> Result<Reply, ApiError> {
    let (answer, saves) = act(node, read(body)?)?;
    Ok(Reply::Answer { answer: json(&answer)?, saves, urgent: true })
}

/// A method by which somebody looks at records: who it was is in the audit before it is answered.
fn reading<M: Method>(
    node: &mut Node,
    body: Value,
    what: What,
    show: impl FnOnce(&mut Node, M) -> Outcome<M::Answer>,
) -> Result<Reply, ApiError> {
    acts(node, &body)?;
    let asked = asked(&body);
    let of = body.get("elder").and_then(Value::as_str).map(ToOwned::to_owned);
    let (answer, mut saves) = show(node, read(body)?)?;
    let answer = json(&answer)?;
    let elder = answer.get("elder").and_then(Value::as_str).and_then(|id| id.parse().ok());
    let elder = elder.or_else(|| elders::find(node, &of?).ok());
    let rows =
        ["elders", "calls", "readings"].into_iter().find_map(|list| answer.get(list)?.as_array());
    let rows = answer.as_array().or(rows);
    let count = rows.map_or(1, |rows| u64::try_from(rows.len()).unwrap_or(u64::MAX));
    saves.insert(node.read_by_somebody(what, M::NAME, elder, count, asked));
    Ok(Reply::Read { answer, saves })
}

/// What a request asks for, whoever asks.
fn asked(body: &Value) -> Asked {
    let fields = body.as_object().into_iter().flatten().filter(|(name, _)| *name != "acting");
    let mut hasher = blake3::Hasher::new();
    for (name, value) in fields {
        hasher
            .update(name.as_bytes())
            .update(&[0])
            .update(value.to_string().as_bytes())
            .update(&[0]);
    }
    *hasher.finalize().as_bytes()
}

/// A method that opens an emergency card: it is shown once the record of it is durable, never before.
fn opening<M: Method>(
    node: &mut Node,
    body: Value,
    show: impl FnOnce(&mut Node, M) -> Outcome<M::Answer>,
) -> Result<Reply, ApiError> {
    Ok(match reading(node, body, What::CardOpened, show)? {
        Reply::Read { answer, saves } => Reply::Answer { answer, saves, urgent: false },
        reply @ (Reply::Answer { .. } | Reply::Work(_) | Reply::Watch { .. }) => reply,
    })
}

/// Opens the key of whoever a request names in `acting`.
fn acts(node: &mut Node, body: &Value) -> Result<(), ApiError> {
    let acting = body.get("acting").filter(|acting| !acting.is_null()).cloned();
    let acting: Option<crate::api::Acting> = acting.map(read_value).transpose()?;
    node.people.acting(&node.pepper, acting.as_ref()).map(drop)
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<Value, ApiError> {
    serde_json::to_value(value).map_err(ApiError::internal)
}

/// An answer that waits for nothing.
pub(crate) fn now_known<T>(answer: T) -> Outcome<T> {
    Ok((answer, BTreeSet::new()))
}

pub(crate) fn invalid(key: &'static str) -> ApiError {
    ApiError::new(Code::Invalid, key)
}

pub(crate) fn not_found(key: &'static str) -> ApiError {
    ApiError::new(Code::NotFound, key)
}

/// Lets a party that has just joined into what is for everybody of its kind.
pub(crate) fn welcome(node: &mut Node) {
    offers::let_in(node);
    spaces::let_in(node);
}
