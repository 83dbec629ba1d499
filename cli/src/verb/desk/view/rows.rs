//! The list of alerts, and what is known of the chosen one.

use linli_node::api::watch::AlertRow;

use super::{
    super::{
        line::{Line, Style, fit},
        state::{Desk, Row, Screen},
    },
    View,
};
use crate::text::Argument;

/// After this a hub that was not heard is marked: it speaks once a minute.
const HEARD_MS: u64 = 180_000;

/// The columns at 80 of them: mark, age, elder, kind, who has it, ladder, hub. What a terminal has more goes to the
/// elder, the kind, who has it and the ladder.
const WIDTHS: [usize; 7] = [4, 8, 13, 13, 16, 18, 8];

/// One cell of a row.
pub(super) type Cell = (String, Style);

impl View<'_> {
    fn widths(&self) -> [usize; 7] {
        let mut widths = WIDTHS;
        let more = self.columns.saturating_sub(WIDTHS.iter().sum()) / 4;
        for wide in widths.iter_mut().skip(2).take(4) {
            *wide += more.min(12);
        }
        widths
    }

    /// The list: its heading, and as many rows as fit, the chosen one among them.
    pub(super) fn list(&self, desk: &Desk, left: usize) -> Vec<Line> {
        let rows = desk.rows();
        let resolved = desk.screen == Screen::Resolved;
        let today = |row: &Row<'_>| {
            let day = |ms: u64| self.zone.show(ms).split(' ').next().map(str::to_owned);
            let Row::Alert(row) = row else { return true };
            !resolved || row.resolved_ms.is_none_or(|at| day(at) == day(desk.now))
        };
        let rows: Vec<Row<'_>> = rows.into_iter().filter(today).collect();
        let room = left.saturating_sub(1);
        let place = rows.iter().position(|row| Some(row.id()) == desk.chosen.as_deref());
        let from = place.map_or(0, |place| (place + 1).saturating_sub(room));
        let mut lines = vec![self.heading(resolved, from, room, rows.len())];
        if rows.is_empty() && desk.has_begun && desk.complete {
            let key = if resolved { "desk-none-resolved" } else { "desk-none" };
            lines.push(self.line(&format!("    {}", self.text.say_key(key, &[])), Style::Plain));
        }
        for row in rows.into_iter().skip(from).take(room) {
            let cells = match row {
                Row::Alert(alert) if resolved => self.resolved(alert),
                Row::Alert(alert) => self.open(desk, alert),
                Row::Call(call) => self.call(desk, call),
            };
            lines.push(self.cells(cells, Some(row.id()) == desk.chosen.as_deref()));
        }
        lines
    }

    fn heading(&self, resolved: bool, from: usize, room: usize, count: usize) -> Line {
        let names = match resolved {
            true => ["resolved-at", "elder", "alert-kind", "owner", "outcome"].as_slice(),
            false => &["age", "elder", "alert-kind", "owner", "ladder", "hub"],
        };
        let to = (from + room).min(count);
        let mark = if count > room { format!("{to}/{count}") } else { String::new() };
        let names = names.iter().map(|name| self.text.say_key(&format!("column-{name}"), &[]));
        let texts = std::iter::once(mark).chain(names);
        let cells = texts.map(|text| (text, Style::Bold)).collect();
        self.cells(cells, false)
    }

    fn cells(&self, cells: Vec<Cell>, chosen: bool) -> Line {
        let mut line = Line::default();
        let mut left = self.columns;
        for ((text, style), wide) in cells.into_iter().zip(self.widths()) {
            let wide = wide.min(left);
            if wide == 0 {
                break;
            }
            left -= wide;
            // What is loud stays loud.
            let is_loud = matches!(style, Style::Loud | Style::Warn);
            let style = if chosen && !is_loud { Style::Chosen } else { style };
            // A blank between columns, also where the text is cut.
            line = line.with(format!("{} ", fit(&text, wide.saturating_sub(1))), style);
        }
        line
    }

    fn open(&self, desk: &Desk, row: &AlertRow) -> Vec<Cell> {
        let waits = desk.waits_for_somebody(row);
        let chosen = if Some(&row.alert) == desk.chosen.as_ref() { '>' } else { ' ' };
        let mark = match (waits, desk.rings(row)) {
            (true, true) => "!!",
            (true, false) => " !",
            (false, _) => "  ",
        };
        let kind = self.text.word("alert-kind", row.kind.as_deref().unwrap_or("other"));
        let kind = match row.drill {
            true => self.text.say("desk-drill", &[("kind", kind.into())]),
            false => kind,
        };
        let loud = |style| if waits { Style::Loud } else { style };
        let age = self.age(desk.age(row));
        vec![
            (format!("{chosen}{mark}"), loud(Style::Plain)),
            (age, if waits { Style::Bold } else { Style::Plain }),
            (self.whom(row), Style::Bold),
            (kind, if row.drill { Style::Faint } else { Style::Plain }),
            (self.has_it(desk, row), loud(Style::Plain)),
            (self.ladder(desk, row), Style::Plain),
            self.hub(desk, row),
        ]
    }

    /// Who has an alert, and how far that person is.
    fn has_it(&self, desk: &Desk, row: &AlertRow) -> String {
        let Some(owner) = &row.owner else { return self.text.say("desk-has-nobody", &[]) };
        let name = [("name", owner.name.as_str().into())];
        match desk.is_mine(row) {
            true => self.text.say("desk-you", &name),
            false => owner.name.clone(),
        }
    }

    /// Where an alert stands on its ladder: how many steps of how many, and the next one; how far its owner is.
    fn ladder(&self, desk: &Desk, row: &AlertRow) -> String {
        if row.arrived_ms.is_some() {
            return self.text.say("desk-there", &[]);
        }
        if row.state == "responding" && !desk.climbs(row) {
            return match row.expected_ms {
                Some(at) => {
                    let key = if at < desk.now { "desk-late" } else { "desk-expected" };
                    self.text.say_key(key, &[("at", fit(&self.clock(at), 5).into())])
                }
                None => self.text.say("desk-on-the-way", &[]),
            };
        }
        if !desk.climbs(row) {
            return match row.climbs_on_ms.map(|at| at.saturating_sub(desk.now)) {
                Some(left) => self.text.say("desk-rings-on", &[("in", self.age(left).into())]),
                // It was given up.
                None if !row.stored => self.text.say("desk-rings-no-more", &[]),
                None if row.owner.is_none() => self.text.say("desk-heard-again", &[]),
                None => String::new(),
            };
        }
        let step = desk.step(row);
        let count = row.steps.len();
        let next = step
            .next
            .map(|(way, left)| format!(" {} {}", self.age(left), self.text.word("desk-way", way)));
        format!("{}/{count}{}", step.due, next.unwrap_or_default())
    }

    /// Whether an alert is stored, and when the hub of its household was heard.
    fn hub(&self, desk: &Desk, row: &AlertRow) -> Cell {
        if !row.stored {
            return (self.text.say("desk-unstored", &[]), Style::Loud);
        }
        match row.hub_heard_ms.map(|at| desk.now.saturating_sub(at)) {
            None => ("–".to_owned(), Style::Plain),
            Some(ago) if ago > HEARD_MS => (format!("!{}", self.age(ago)), Style::Warn),
            Some(ago) => (self.age(ago), Style::Plain),
        }
    }

    fn resolved(&self, row: &AlertRow) -> Vec<Cell> {
        let kind = self.text.word("alert-kind", row.kind.as_deref().unwrap_or("other"));
        let kind = match row.drill {
            true => self.text.say("desk-drill", &[("kind", kind.into())]),
            false => kind,
        };
        let owner = row.owner.as_ref().map(|owner| owner.name.clone()).unwrap_or_default();
        let outcome = row.outcome.as_deref().map(|word| self.text.word("outcome", word));
        // Hours and minutes.
        let at = row.resolved_ms.map(|at| fit(&self.clock(at), 5)).unwrap_or_default();
        let texts = [String::new(), at, self.whom(row), kind, owner, outcome.unwrap_or_default()];
        texts.into_iter().map(|text| (text, Style::Plain)).collect()
    }

    /// What is known of the chosen alert or call, in three lines.
    pub(super) fn detail(&self, desk: &Desk) -> Vec<Line> {
        let alert = desk.chosen().map(|row| self.about(desk, row));
        let call = || desk.chosen_call().map(|call| self.about_call(call));
        let mut lines = alert.or_else(call).unwrap_or_default();
        lines.resize(3, String::new());
        let rule = "-".repeat(self.columns);
        let lines = lines.iter().map(|line| self.line(&format!(" {line}"), Style::Plain));
        std::iter::once(self.line(&rule, Style::Faint)).chain(lines).collect()
    }

    fn about(&self, desk: &Desk, row: &AlertRow) -> Vec<String> {
        let text = self.text;
        let head: [Argument<'_>; 5] = [
            ("alert", crate::verb::short(&row.alert).into()),
            ("elder", self.whom(row).into()),
            ("kind", text.word("alert-kind", row.kind.as_deref().unwrap_or("other")).into()),
            ("state", text.word("state", &row.state).into()),
            ("since", self.clock(row.since_ms).into()),
        ];
        vec![text.say("desk-about", &head), self.climbed(desk, row), self.known(desk, row)]
    }

    /// The ladder in words: the step that was due last, and the next; or that it calls nobody at this moment.
    fn climbed(&self, desk: &Desk, row: &AlertRow) -> String {
        if !desk.climbs(row) {
            return self.text.say("desk-rests", &[]);
        }
        let step = desk.step(row);
        let way = step.way.map(|way| self.text.word("desk-way", way)).unwrap_or_default();
        let count = row.steps.len();
        let of = [("due", step.due.into()), ("count", count.into()), ("way", way.into())];
        let last = self.text.say("desk-step", &of);
        match step.next {
            Some((way, left)) => {
                let way = self.text.word("desk-way", way);
                let next = [("way", way.into()), ("in", self.age(left).into())];
                format!("{last}  {}", self.text.say("desk-next", &next))
            }
            None => last,
        }
    }

    /// Whether it is stored, when the hub was heard, and what else is known.
    fn known(&self, desk: &Desk, row: &AlertRow) -> String {
        let text = self.text;
        let stored = match row.stored {
            true => text.say("desk-is-stored", &[]),
            false => text.say("desk-not-stored", &[]),
        };
        let hub = match row.hub_heard_ms {
            Some(at) => {
                let ago = self.age(desk.now.saturating_sub(at));
                text.say("desk-hub-heard", &[("ago", ago.into())])
            }
            None => text.say("desk-hub-unheard", &[]),
        };
        let mut known = vec![stored, hub];
        let happened = |at| text.say("desk-happened", &[("at", self.zone.show(at).into())]);
        known.extend(row.happened_ms.map(happened));
        known.extend(row.called_off.then(|| text.say("desk-called-off", &[])));
        known.extend(row.handed_to.iter().map(|service| text.word("desk-service", service)));
        known.join("  ")
    }
}
