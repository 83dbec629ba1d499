//! The rows of the board: which there are, in which order, and which one is chosen.

use linli_node::api::{
    calls::CallRow,
    watch::{AlertRow, AlertWatched},
};

use super::{Asked, Desk, Effect, Said, Screen, What};
use crate::verb::short;

/// Where an alert stands on its ladder.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::verb::desk) struct Step<'a> {
    /// How many steps are due, from the first.
    pub(in crate::verb::desk) due: usize,
    /// The last one that is.
    pub(in crate::verb::desk) way: Option<&'a str>,
    /// The next one, and in how many milliseconds.
    pub(in crate::verb::desk) next: Option<(&'a str, u64)>,
}

/// A row of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::verb::desk) enum Row<'a> {
    Alert(&'a AlertRow),
    Call(&'a CallRow),
}

impl Row<'_> {
    /// The id of the alert or call.
    pub(in crate::verb::desk) fn id(&self) -> &str {
        match self {
            Self::Alert(row) => &row.alert,
            Self::Call(row) => &row.call,
        }
    }

    /// Whether a key may end it: somebody has it, or it could not be stored.
    const fn may_end(&self) -> bool {
        match self {
            Self::Alert(row) => row.owner.is_some() || !row.stored,
            Self::Call(row) => row.owner.is_some(),
        }
    }
}

impl Desk {
    /// Open alerts, the most urgent first: those that ring, others that nobody has (what was silent is heard again),
    /// those that somebody has; of each those in earnest, and of those the oldest.
    pub(in crate::verb::desk) fn open(&self) -> Vec<&AlertRow> {
        let open = self.alerts.values().filter(|row| row.resolved_ms.is_none());
        let mut open: Vec<&AlertRow> = open.collect();
        open.sort_by_key(|row| {
            (!self.rings(row), row.owner.is_some(), row.drill, row.since_ms, &row.alert)
        });
        open
    }

    /// Resolved alerts, the latest first.
    pub(in crate::verb::desk) fn resolved(&self) -> Vec<&AlertRow> {
        let resolved = self.alerts.values().filter(|row| row.resolved_ms.is_some());
        let mut resolved: Vec<&AlertRow> = resolved.collect();
        resolved.sort_by_key(|row| (std::cmp::Reverse(row.resolved_ms), &row.alert));
        resolved
    }

    /// The rows of the list that is shown: alerts that ring, calls that ring, other alerts, calls that were missed, and
    /// calls that somebody takes.
    pub(in crate::verb::desk) fn rows(&self) -> Vec<Row<'_>> {
        if self.shows_resolved() {
            return self.resolved().into_iter().map(Row::Alert).collect();
        }
        let (ringing, others): (Vec<_>, Vec<_>) =
            self.open().into_iter().partition(|row| self.rings(row));
        let calls = |which: fn(&CallRow) -> bool| self.calls_by(which).into_iter().map(Row::Call);
        let mut rows: Vec<Row<'_>> = ringing.into_iter().map(Row::Alert).collect();
        rows.extend(calls(|call| call.rings));
        rows.extend(others.into_iter().map(Row::Alert));
        rows.extend(calls(|call| !call.rings && call.owner.is_none()));
        rows.extend(calls(|call| call.owner.is_some()));
        rows
    }

    /// Whether it is what was resolved that is looked at.
    pub(super) fn shows_resolved(&self) -> bool {
        match &self.screen {
            Screen::Resolved => true,
            Screen::Reading { asked, .. } => {
                self.row(&asked.about).is_some_and(|row| row.resolved_ms.is_some())
            }
            Screen::Board | Screen::Elders { .. } | Screen::Help => false,
        }
    }

    /// Whether the bell rings for an alert: its ladder is climbed, since nobody has it, or whoever has it forgot.
    pub(in crate::verb::desk) fn rings(&self, row: &AlertRow) -> bool {
        row.resolved_ms.is_none() && self.climbs(row)
    }

    /// Whether an alert waits for somebody.
    pub(in crate::verb::desk) fn waits_for_somebody(&self, row: &AlertRow) -> bool {
        row.owner.is_none() || self.rings(row)
    }

    /// Whether the ladder of an alert is climbed.
    pub(in crate::verb::desk) fn climbs(&self, row: &AlertRow) -> bool {
        row.climbs || row.climbs_on_ms.is_some_and(|at| self.now >= at)
    }

    /// How old an alert is, in milliseconds.
    pub(in crate::verb::desk) const fn age(&self, row: &AlertRow) -> u64 {
        self.now.saturating_sub(row.since_ms)
    }

    /// Where an alert stands on its ladder.
    pub(in crate::verb::desk) fn step<'a>(&self, row: &'a AlertRow) -> Step<'a> {
        let age = self.age(row);
        let due = row.steps.partition_point(|step| step.after_ms <= age);
        let way = due.checked_sub(1).and_then(|last| row.steps.get(last));
        let next = row.steps.get(due).map(|step| (step.way.as_str(), step.after_ms - age));
        Step { due, way: way.map(|step| step.way.as_str()), next }
    }

    /// Whether an alert is with whoever works here.
    pub(in crate::verb::desk) fn is_mine(&self, row: &AlertRow) -> bool {
        let person = self.operator.as_ref().map(|operator| &operator.person);
        person.is_some() && row.owner.as_ref().map(|owner| &owner.person) == person
    }

    pub(in crate::verb::desk) fn row(&self, alert: &str) -> Option<&AlertRow> {
        self.alerts.get(alert)
    }

    /// The chosen alert, where it is in the list that is shown.
    pub(in crate::verb::desk) fn chosen(&self) -> Option<&AlertRow> {
        let row = self.row(self.chosen.as_ref()?)?;
        (row.resolved_ms.is_some() == self.shows_resolved()).then_some(row)
    }

    /// Whether an alert or a call is not over.
    pub(super) fn is_open(&self, id: &str) -> bool {
        let alert = self.row(id).is_some_and(|row| row.resolved_ms.is_none());
        alert || self.call(id).is_some()
    }

    /// Whom an alert or a call is about, for a message.
    pub(super) fn about(&self, id: &str) -> String {
        if let Some(call) = self.call(id) {
            let names: Vec<_> = call.elders.iter().map(|elder| elder.names.join(" / ")).collect();
            return match names.is_empty() {
                true => call.number.clone().unwrap_or_else(|| short(id)),
                false => names.join(" / "),
            };
        }
        let names = self.row(id).map(|row| row.names.join(" / ")).unwrap_or_default();
        if names.is_empty() { short(id) } else { names }
    }

    pub(super) fn watched(&mut self, watched: AlertWatched) -> Vec<Effect> {
        let AlertWatched {
            mark,
            whole,
            alerts,
            gone,
            complete,
            calls,
            calls_dropped,
            plans,
            monitoring,
        } = watched;
        (self.plans, self.monitoring, self.calls_dropped) = (plans, monitoring, calls_dropped);
        (self.mark, self.gone, self.again, self.has_begun) = (Some(mark), None, None, true);
        self.complete = complete;
        let was_empty = self.rows().is_empty();
        let taken = self.taken_away(&alerts);
        // That a hub was heard is nothing that happened to an alert.
        let differs = |row: &&AlertRow| {
            let hub_heard_ms = row.hub_heard_ms;
            let before = self.row(&row.alert).cloned();
            before.is_none_or(|before| AlertRow { hub_heard_ms, ..before } != **row)
        };
        let changed = alerts.iter().filter(differs).map(|row| row.alert.clone());
        let mut changed: Vec<String> = changed.collect();
        if whole {
            self.before = self.alerts.keys().cloned().collect();
        }
        for row in &alerts {
            self.before.remove(&row.alert);
        }
        // What rang rings on until the node has looked at everything.
        if complete {
            for alert in std::mem::take(&mut self.before) {
                self.alerts.remove(&alert);
            }
        }
        self.alerts.extend(alerts.into_iter().map(|row| (row.alert.clone(), row)));
        for alert in gone {
            self.alerts.remove(&alert);
            changed.push(alert);
        }
        if let Some(calls) = calls {
            self.calls = calls.into_iter().map(|call| (call.call.clone(), call)).collect();
        }
        self.choose_again(was_empty);
        self.ended = self.ended.clone().filter(|id| self.is_open(id));
        if let Some(taken) = taken {
            self.say(taken);
        }
        let mut effects = vec![self.watch_on()];
        effects.extend(self.read_again(&changed));
        effects
    }

    /// Says that somebody took over what whoever works here had.
    fn taken_away(&self, alerts: &[AlertRow]) -> Option<Said> {
        alerts.iter().find_map(|row| {
            let was_mine = self.is_mine(self.row(&row.alert)?);
            let owner = row.owner.as_ref().filter(|_| was_mine && !self.is_mine(row))?;
            Some(Said::Key("desk-taken-away", owner.name.clone()))
        })
    }

    /// Where the chosen alert is no more, none is: a key that is on its way must not hit another one. Where there was
    /// none, the most urgent one is; after an alert that was ended here too, unless a key that ends the one would end
    /// the other.
    fn choose_again(&mut self, was_empty: bool) {
        let is_chosen = self.chosen().is_some() || self.chosen_call().is_some();
        let is_list = matches!(self.screen, Screen::Board | Screen::Resolved);
        if is_chosen || !is_list {
            return;
        }
        let ends = |asked: &Asked| Some(&asked.about) == self.chosen.as_ref() && asked.what.ends();
        let ended =
            self.chosen.is_some() && (self.chosen == self.ended || self.asked.iter().any(ends));
        if self.chosen.take().is_some() && !ended {
            self.say(Said::Key("desk-over", String::new()));
        } else if ended || was_empty {
            let rows = self.rows();
            let first = rows.first().filter(|row| was_empty || !row.may_end());
            self.chosen = first.map(|row| row.id().to_owned());
        }
    }

    /// Reads the history that is shown once more, where its alert changed. A card is read when somebody asks.
    fn read_again(&mut self, changed: &[String]) -> Option<Effect> {
        let Screen::Reading { asked, lines: Some(_), .. } = &self.screen else { return None };
        let is_due = asked.what == What::History && changed.contains(&asked.about);
        if !is_due || self.asked.contains(asked) {
            return None;
        }
        let (asked, seat) = (asked.clone(), self.seat.clone()?);
        self.asked.push(asked.clone());
        Some(Effect::Ask(asked, seat))
    }

    /// Chooses another row, so many further down.
    pub(super) fn choose(&mut self, by: isize) {
        let rows = self.rows();
        let place = rows.iter().position(|row| Some(row.id()) == self.chosen.as_deref());
        let last = rows.len().saturating_sub(1);
        let place = place.map_or(0, |place| place.saturating_add_signed(by).min(last));
        self.chosen = rows.get(place).map(|row| row.id().to_owned());
    }

    /// Says why an act would come to nothing, where that is known here.
    pub(super) fn refuses(&mut self, asked: &Asked) -> bool {
        if let What::Call(act, _) = asked.what {
            return self.refuses_call(&asked.about, act);
        }
        let What::Act(act, _) = asked.what else { return false };
        let Some(row) = self.row(&asked.about) else { return false };
        let is_mine = self.is_mine(row);
        let owner = row.owner.as_ref().map(|owner| owner.name.clone());
        let why = match (act, owner) {
            ("reopen", _) => None,
            // What cannot be stored can be ended, and nothing else.
            ("resolve" | "false-alarm", None) if !row.stored => None,
            (_, _) if row.resolved_ms.is_some() => Some(("desk-resolved", String::new())),
            ("ack", None) => None,
            (_, None) => Some(("desk-first", String::new())),
            ("ack" | "take-over", Some(_)) if is_mine => Some(("desk-yours", String::new())),
            (_, Some(owner)) if !is_mine && act != "take-over" => Some(("desk-has-it", owner)),
            (_, Some(_)) => None,
        };
        why.map(|(key, name)| self.say(Said::Key(key, name))).is_some()
    }
}
