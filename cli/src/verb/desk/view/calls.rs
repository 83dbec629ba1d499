//! Calls that come in, and elders of whom one is meant.

use linli_node::api::calls::{CallElder, CallRow};

use super::{
    super::{
        line::{Line, Style},
        state::Desk,
    },
    View,
    rows::Cell,
};

impl View<'_> {
    /// How many calls ring, were missed, and are not shown; nothing where there are none.
    pub(super) fn calls(&self, desk: &Desk) -> String {
        let (ring, missed) = desk.calls_waiting();
        let arguments = [("ring", ring.into()), ("missed", missed.into())];
        let shown = match (ring, missed) {
            (0, 0) => String::new(),
            (0, _) => self.text.say("desk-calls-missed", &arguments),
            _ => self.text.say("desk-calls-ring", &arguments),
        };
        match desk.calls_dropped {
            0 => shown,
            dropped => {
                let dropped = self.text.say("desk-calls-dropped", &[("dropped", dropped.into())]);
                format!("{shown}  {dropped}").trim_start().to_owned()
            }
        }
    }

    /// Who calls, or is called about: all whose number it is.
    pub(super) fn caller(&self, call: &CallRow) -> String {
        let names: Vec<String> = call.elders.iter().map(|elder| self.elder(elder)).collect();
        match names.is_empty() {
            true => self.text.say("desk-caller-unknown", &[]),
            false => names.join(" / "),
        }
    }

    fn elder(&self, elder: &CallElder) -> String {
        match elder.names.is_empty() {
            true => crate::verb::short(&elder.elder),
            false => elder.names.join(" / "),
        }
    }

    fn number(&self, call: &CallRow) -> String {
        call.number.clone().unwrap_or_else(|| self.text.say("desk-number-hidden", &[]))
    }

    /// A call among the alerts: the same columns.
    pub(super) fn call(&self, desk: &Desk, call: &CallRow) -> Vec<Cell> {
        let chosen = if Some(&call.call) == desk.chosen.as_ref() { '>' } else { ' ' };
        let (mark, key) = match (call.rings, &call.owner) {
            (true, _) => ("))", "desk-call"),
            (false, None) => (" )", "desk-call-missed"),
            (false, Some(_)) => ("  ", "desk-call"),
        };
        let style = if call.rings { Style::Loud } else { Style::Plain };
        let who = match &call.owner {
            None => self.text.say("desk-call-nobody", &[]),
            Some(owner) if desk.is_my_call(call) => {
                self.text.say("desk-you", &[("name", owner.name.as_str().into())])
            }
            Some(owner) => owner.name.clone(),
        };
        let times = if call.times > 1 { format!("x{}", call.times) } else { String::new() };
        vec![
            (format!("{chosen}{mark}"), style),
            (self.age(desk.now.saturating_sub(call.first_ms)), Style::Plain),
            (self.caller(call), Style::Bold),
            (self.text.say_key(key, &[]), style),
            (who, style),
            (self.number(call), Style::Plain),
            (times, Style::Plain),
        ]
    }

    /// What is known of a call, in three lines.
    pub(super) fn about_call(&self, call: &CallRow) -> Vec<String> {
        let text = self.text;
        let head = [
            ("number", self.number(call).into()),
            ("elder", self.caller(call).into()),
            ("since", self.clock(call.first_ms).into()),
        ];
        let whose = call.elders.iter().map(|elder| self.whose(elder)).collect::<Vec<_>>();
        let alert = call.alert.as_deref().map(|alert| {
            text.say("desk-call-alert", &[("alert", crate::verb::short(alert).into())])
        });
        vec![text.say("desk-about-call", &head), whose.join("; "), alert.unwrap_or_default()]
    }

    /// An elder, the address, and whose the number is.
    fn whose(&self, elder: &CallElder) -> String {
        let key = if elder.own { "call-own" } else { "call-contact" };
        let whose = self.text.say_key(key, &[]);
        let (name, place) = (self.elder(elder), elder.addresses.join(" / "));
        [name, place, whose].into_iter().filter(|of| !of.is_empty()).collect::<Vec<_>>().join(", ")
    }

    /// Elders of whom one is meant.
    pub(super) fn elders(
        &self,
        found: Option<&[CallElder]>,
        place: usize,
        rows: usize,
    ) -> Vec<Line> {
        let Some(found) = found else {
            return vec![self.line(&self.text.say("desk-waits", &[]), Style::Plain)];
        };
        let room = rows.saturating_sub(1).max(1);
        let from = (place + 1).saturating_sub(room);
        let key = if found.is_empty() { "desk-elders-none" } else { "desk-elders" };
        let mut lines = vec![self.line(&format!(" {}", self.text.say_key(key, &[])), Style::Bold)];
        for (number, elder) in found.iter().enumerate().skip(from).take(room) {
            let (mark, style) =
                if number == place { ('>', Style::Chosen) } else { (' ', Style::Plain) };
            let words = [self.elder(elder), elder.addresses.join(" / ")].join("  ");
            let id = crate::verb::short(&elder.elder);
            lines.push(self.line(&format!("{mark} {id}  {words}"), style));
        }
        lines
    }
}
