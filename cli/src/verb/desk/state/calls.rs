//! Calls that come in: their bell, who calls, and what is done about them.

use linli_node::api::calls::{CallElder, CallRow};
use uuid::Uuid;

use super::{Asked, Deed, Desk, Effect, Prompt, Said, Screen, What};

/// The bell of a call is two strokes, as a telephone's is; an alert's is one. Then it waits for this.
const PAUSE_MS: u64 = 4_000;
/// Between the two strokes.
const STROKE_MS: u64 = 400;

impl Desk {
    /// Rings the bell where a call rings. What is heard of a node that is gone is over meanwhile.
    pub(super) fn ring_for_calls(&mut self) -> Option<Effect> {
        if self.quiet || self.gone.is_some() || !self.calls.values().any(|call| call.rings) {
            self.strokes = None;
            return None;
        }
        let (at, twice) = match self.strokes {
            Some((at, false)) if self.since(at) >= STROKE_MS => (at, true),
            Some((at, _)) if self.since(at) < PAUSE_MS => return None,
            Some(_) | None => (self.steady, false),
        };
        self.strokes = Some((at, twice));
        Some(Effect::Bell)
    }

    /// Calls of which nobody has taken one: those that ring, and those that were missed.
    pub(in crate::verb::desk) fn calls_waiting(&self) -> (usize, usize) {
        let nobody = self.calls.values().filter(|call| call.owner.is_none());
        let (ring, missed): (Vec<_>, Vec<_>) = nobody.partition(|call| call.rings);
        (ring.len(), missed.len())
    }

    /// Calls in the order of their list, the oldest first.
    pub(super) fn calls_by(&self, which: impl Fn(&CallRow) -> bool) -> Vec<&CallRow> {
        let mut calls: Vec<&CallRow> = self.calls.values().filter(|call| which(call)).collect();
        calls.sort_by_key(|call| (call.first_ms, &call.call));
        calls
    }

    pub(in crate::verb::desk) fn call(&self, call: &str) -> Option<&CallRow> {
        self.calls.get(call)
    }

    /// The chosen call, where the list that is shown has calls.
    pub(in crate::verb::desk) fn chosen_call(&self) -> Option<&CallRow> {
        if self.shows_resolved() { None } else { self.call(self.chosen.as_ref()?) }
    }

    /// Whether a call is with whoever works here.
    pub(in crate::verb::desk) fn is_my_call(&self, call: &CallRow) -> bool {
        let person = self.operator.as_ref().map(|operator| &operator.person);
        person.is_some() && call.owner.as_ref().map(|owner| &owner.person) == person
    }

    /// Keys that are about a call.
    pub(super) fn answer_call(&mut self, call: String, key: char) -> Vec<Effect> {
        let act = |act| Asked::of(call.clone(), What::Call(act, None));
        match key {
            'a' => self.attempt(act("take")),
            'e' => self.attempt(act("done")),
            't' => self.asks_whether(act("take-over")),
            'c' => self.about_caller(call, Deed::Card),
            'n' => self.about_caller(call, Deed::Raise),
            '/' => self.ask(Prompt::Find { call, typed: String::new(), then: None }),
            _ => Vec::new(),
        }
    }

    /// Does something about the elder of a call: the one whose number it is; where several are, or nobody is, the one
    /// whom the person at the desk says.
    fn about_caller(&mut self, call: String, deed: Deed) -> Vec<Effect> {
        let elders = self.call(&call).map(|call| call.elders.clone()).unwrap_or_default();
        match elders.as_slice() {
            [] => self.ask(Prompt::Find { call, typed: String::new(), then: Some(deed) }),
            [elder] => match id(elder) {
                Some(elder) => self.deed(call, deed, elder),
                None => Vec::new(),
            },
            _ => {
                let asked = Asked::of(call, What::Find(Some(deed)));
                self.screen = Screen::Elders { asked, found: Some(elders), place: 0 };
                Vec::new()
            }
        }
    }

    fn deed(&mut self, call: String, deed: Deed, elder: Uuid) -> Vec<Effect> {
        let what = match deed {
            Deed::Card => What::CallerCard(elder),
            Deed::Raise => What::Call("raise", Some(elder)),
        };
        self.attempt(Asked::of(call, what))
    }

    /// Elders that were looked for are there.
    pub(super) fn found(&mut self, asked: &Asked, elders: Vec<CallElder>) -> Vec<Effect> {
        self.answered(asked);
        if let Screen::Elders { asked: of, found, .. } = &mut self.screen
            && of == asked
        {
            *found = Some(elders);
        }
        Vec::new()
    }

    /// Takes the elder at the place that is chosen for the one who calls, or is called about.
    pub(super) fn choose_elder(&mut self) -> Vec<Effect> {
        let Screen::Elders { asked, found, place } = &self.screen else { return Vec::new() };
        let (call, what) = (asked.about.clone(), asked.what);
        let Some(elder) = found.as_ref().and_then(|found| id(found.get(*place)?)) else {
            return Vec::new();
        };
        self.screen = Screen::Board;
        let said = Asked::of(call.clone(), What::Call("who", Some(elder)));
        let What::Find(deed) = what else { return Vec::new() };
        // Whoever raises an alert says so with it.
        let mut effects = match deed {
            Some(Deed::Raise) => Vec::new(),
            Some(Deed::Card) | None => self.attempt(said),
        };
        effects.extend(deed.map(|deed| self.deed(call, deed, elder)).unwrap_or_default());
        effects
    }

    /// An alert was raised for a call: it is what keys act upon.
    pub(super) fn raised(
        &mut self,
        asked: &Asked,
        alert: String,
        stored: bool,
        owned: bool,
    ) -> Vec<Effect> {
        self.answered(asked);
        let key = match (stored, owned) {
            (true, true) => "desk-raised",
            (true, false) => "desk-raised-nobody",
            (false, _) => "desk-raised-unstored",
        };
        self.say(Said::Key(key, self.about(&asked.about)));
        self.chosen = Some(alert);
        Vec::new()
    }

    /// Says why an act about a call would come to nothing, where that is known here.
    pub(super) fn refuses_call(&mut self, call: &str, act: &str) -> bool {
        let Some(row) = self.call(call) else { return false };
        let is_mine = self.is_my_call(row);
        let why = match &row.owner {
            None if matches!(act, "done" | "take-over") => ("desk-call-first", String::new()),
            Some(_) if is_mine && matches!(act, "take" | "take-over") => {
                ("desk-call-yours", String::new())
            }
            Some(owner) if !is_mine && act != "take-over" => {
                ("desk-call-has-it", owner.name.clone())
            }
            None | Some(_) => return false,
        };
        self.say(Said::Key(why.0, why.1));
        true
    }
}

fn id(elder: &CallElder) -> Option<Uuid> {
    elder.elder.parse().ok()
}
