//! The seat of a shared desk.

use super::{Outcome, invalid, now_known};
use crate::api::Done;
use crate::api::seat::{SeatAnswer, SeatLeave, SeatTake};
use crate::node::Node;
use crate::seat::since_boot;

pub(super) fn take(node: &mut Node, request: SeatTake) -> Outcome<SeatAnswer> {
    if request.acting.seat.is_some() {
        return Err(invalid("error-seat-pin"));
    }
    let acting = node.people.acting(&node.pepper, Some(&request.acting))?;
    let acting = acting.ok_or_else(|| invalid("error-seat-who"))?;
    let of = acting.certificate.person();
    let (person, name) = (hex::encode(*of.key), of.name.clone());
    let seat = node.people.seats.take(&mut node.rng, since_boot(), acting, request.own);
    let idle_minutes = node.people.seats.idle_minutes();
    now_known(SeatAnswer { seat: seat.as_str().to_owned(), person, name, idle_minutes })
}

pub(super) fn leave(node: &mut Node, request: SeatLeave) -> Outcome<Done> {
    node.people.seats.leave(request.seat.as_deref());
    now_known(Done {})
}
