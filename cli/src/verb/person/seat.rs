use linli_node::{
    api::{
        Acting,
        seat::{SeatAnswer, SeatLeave, SeatTake},
    },
    home::SEAT_FILE,
};
use serde::Serialize;

use crate::{context::Context, failure::Exit, output::printable, prompt::PIN};

/// Who sits at the desk; what stands for the PIN is in its file and nowhere else.
#[derive(Debug, Serialize)]
struct Seated {
    name: String,
    idle_minutes: u64,
}

/// Seats a person at a shared desk, with one PIN for all that follows.
pub(super) async fn switch(context: &Context, person: String) -> anyhow::Result<Exit> {
    let pin = PIN.get(context, None)?.as_str().to_owned();
    let acting = Acting { person, pin, seat: None };
    let request = SeatTake { acting, own: false };
    let SeatAnswer { seat, name, idle_minutes, .. } = context.ask(&request).await?;
    context.home()?.write_private(SEAT_FILE, seat.as_bytes())?;
    let seated = Seated { name, idle_minutes };
    context.show(&seated, || {
        let minutes = seated.idle_minutes.into();
        let arguments = [("name", printable(&seated.name).into()), ("minutes", minutes)];
        context.text.say("seat-taken", &arguments)
    })
}

/// Leaves the seat: nobody is named any more.
pub(super) async fn leave(context: &Context) -> anyhow::Result<Exit> {
    context.home()?.remove_private(SEAT_FILE)?;
    let answer = context.ask(&SeatLeave::default()).await?;
    context.show(&answer, || context.text.say("seat-left", &[]))
}
