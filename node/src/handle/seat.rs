//! The seat of a shared desk.

use super::{Outcome, invalid, now_known};
use crate::api::Done;
use crate::api::seat::{SeatAnswer, SeatLeave, SeatTake};
use crate::node::Node;
use crate::seat::since_boot;

pub(super) fn take(node: &mut Node, request: SeatTake) -> Outcome<SeatAnswer> {
    if request.acting.seat.is_some() {
        return Err(invalid("a seat is taken with a PIN"));
    }
    let acting = node.people.acting(&node.pepper, Some(&request.acting))?;
    let acting = acting.ok_or_else(|| invalid("say who takes the seat"))?;
    let name = acting.certificate.person().name.clone();
    let seat = node.people.seat.take(&mut node.rng, since_boot(), acting);
    let idle_minutes = node.people.seat.idle_minutes();
    now_known(SeatAnswer { seat: seat.as_str().to_owned(), name, idle_minutes })
}

pub(super) fn leave(node: &mut Node, _: SeatLeave) -> Outcome<Done> {
    node.people.seat.leave();
    now_known(Done {})
}
