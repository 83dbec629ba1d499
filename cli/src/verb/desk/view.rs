//! What a desk looks like: lines for a terminal of any size, made of its state and nothing else.

use linli_node::api::{plans::PlanInForce, watch::AlertRow};

use super::{
    line::{Line, Style, fit, width, wrap},
    state::{Asked, Desk, Prompt, Said, Screen, What},
};
use crate::{moment::Zone, output::printable, text::Text};

mod calls;
mod rows;

/// Columns and rows below which nothing useful can be shown; what does not fit is cut.
const SIZE_MIN: (usize, usize) = (20, 8);

/// Rows from which on the chosen alert is told in full below the list.
const DETAIL_ROWS: usize = 16;

/// Plans in force that are shown: more than two are not in force at once but in a drill.
const PLANS_MAX: usize = 3;

/// Lines of monitoring that is off: of more the first ones, and how many there are.
const OFF_MAX: usize = 3;

/// What a view is made with.
pub(super) struct View<'a> {
    pub(super) text: &'a Text,
    pub(super) zone: &'a Zone,
    columns: usize,
    rows: usize,
}

impl<'a> View<'a> {
    /// For a terminal of so many columns and rows.
    pub(super) fn new(text: &'a Text, zone: &'a Zone, (columns, rows): (usize, usize)) -> Self {
        let (columns, rows) = (columns.max(SIZE_MIN.0), rows.max(SIZE_MIN.1));
        Self { text, zone, columns, rows }
    }

    /// The lines: as many as the terminal has rows, none wider than it is.
    pub(super) fn lines(&self, desk: &Desk) -> Vec<Line> {
        let mut lines = vec![self.title(desk), self.status(desk)];
        lines.extend(desk.plans.iter().take(PLANS_MAX).map(|plan| self.plan(plan)));
        lines.extend(self.monitoring(desk));
        let foot = self.foot(desk);
        let left = self.rows.saturating_sub(lines.len() + foot.len());
        let mut middle = match &desk.screen {
            Screen::Board | Screen::Resolved => self.list(desk, left),
            Screen::Reading { lines, scroll, .. } => self.reading(lines.as_deref(), *scroll, left),
            Screen::Elders { found, place, .. } => self.elders(found.as_deref(), *place, left),
            Screen::Help => self.help(),
        };
        middle.resize(left, Line::default());
        lines.extend(middle);
        lines.extend(foot);
        lines
    }

    fn line(&self, text: &str, style: Style) -> Line {
        Line::of(text, style, self.columns)
    }

    /// What the screen is, who works here, and the time.
    fn title(&self, desk: &Desk) -> Line {
        let who = match (&desk.operator, desk.is_locked()) {
            (None, _) => self.text.say("desk-nobody", &[]),
            (Some(of), true) => self.text.say("desk-locked", &[("name", of.name.as_str().into())]),
            (Some(of), false) => of.name.clone(),
        };
        let waits = if desk.waits() { " …" } else { "" };
        let title = format!(" {}  {who}{waits}", self.text.say("desk-title", &[]));
        let clock = self.clock(desk.now);
        let room = self.columns.saturating_sub(width(&clock) + 2);
        Line::bar(&format!("{} {clock}", fit(&title, room)), Style::Chosen, self.columns)
    }

    /// Monitoring that is off: nobody is safe because nothing rings.
    fn monitoring(&self, desk: &Desk) -> Vec<Line> {
        let over = desk.monitoring.len().saturating_sub(OFF_MAX);
        let shown = if over > 0 { OFF_MAX - 1 } else { OFF_MAX };
        let off = |off| crate::verb::sensor::off(self.text, self.zone, off);
        let mut texts: Vec<String> = desk.monitoring.iter().take(shown).map(off).collect();
        if over > 0 {
            texts.push(self.text.say("desk-monitoring-more", &[("count", (over + 1).into())]));
        }
        let line = |text: String| {
            Line::bar(&fit(&format!(" {text}"), self.columns), Style::Loud, self.columns)
        };
        texts.into_iter().map(line).collect()
    }

    /// A plan that is in force.
    fn plan(&self, plan: &PlanInForce) -> Line {
        let arguments = [
            ("name", printable(&plan.name).into()),
            ("since", self.zone.show(plan.since_ms).into()),
            ("done", plan.done.into()),
            ("steps", plan.steps.into()),
        ];
        let key = if plan.drill { "plan-tried" } else { "plan-in-force" };
        let style = if plan.drill { Style::Bold } else { Style::Loud };
        let text = format!(" {}", self.text.say_key(key, &arguments));
        Line::bar(&fit(&text, self.columns), style, self.columns)
    }

    /// The time of day.
    fn clock(&self, time_ms: u64) -> String {
        let shown = self.zone.show(time_ms);
        shown.split_once(' ').map_or(shown.clone(), |(_, clock)| clock.to_owned())
    }

    /// How many ring, or what keeps the desk from knowing.
    fn status(&self, desk: &Desk) -> Line {
        let loud = |text: String| Line::bar(&format!(" !! {text}"), Style::Loud, self.columns);
        if let (Some(gone), Some(lasts)) = (desk.gone, desk.lacks_ms()) {
            let (since, lasts) = (self.clock(gone.wall), self.age(lasts));
            let arguments = [("since", since.into()), ("lasts", lasts.into())];
            return loud(self.text.say("desk-gone", &arguments));
        }
        if let Some((_, why)) = &desk.ill {
            return loud(self.text.say("desk-ill", &[("why", why.as_str().into())]));
        }
        if !desk.has_begun {
            return self.line(&format!(" {}", self.text.say("desk-begins", &[])), Style::Plain);
        }
        if !desk.complete {
            return loud(self.text.say("desk-looks", &[]));
        }
        let calls = self.calls(desk);
        let open = desk.open();
        let nobody = open.iter().filter(|row| row.owner.is_none()).count();
        // Somebody has it, does nothing, and it rings on.
        let late = open.iter().filter(|row| row.owner.is_some() && desk.rings(row)).count();
        let mine = open.iter().filter(|row| desk.is_mine(row)).count();
        let arguments = [
            ("open", open.len().into()),
            ("nobody", nobody.into()),
            ("late", late.into()),
            ("mine", mine.into()),
        ];
        let key = match (nobody, late) {
            (0, 0) => "desk-count",
            (_, 0) => "desk-count-rings",
            (0, _) => "desk-count-late",
            (_, _) => "desk-count-both",
        };
        let counts = self.text.say_key(key, &arguments);
        match (nobody + late, desk.calls_waiting()) {
            (0, (0, _)) => self.line(format!(" {counts}  {calls}").trim_end(), Style::Bold),
            // What rings is said first.
            (0, _) => loud(format!("{calls}  {counts}")),
            _ => loud(format!("{counts}  {calls}").trim_end().to_owned()),
        }
    }

    /// How long something lasts: minutes and seconds, with hours before them where there are any.
    fn age(&self, ms: u64) -> String {
        let seconds = ms / 1_000;
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        match hours {
            0 => format!("{minutes}:{seconds:02}"),
            1..=47 => format!("{hours}:{minutes:02}:{seconds:02}"),
            _ => self.text.say("desk-days", &[("days", (hours / 24).into())]),
        }
    }

    /// What is read, from a line on.
    fn reading(&self, lines: Option<&[String]>, scroll: usize, rows: usize) -> Vec<Line> {
        let Some(lines) = lines else {
            return vec![self.line(&self.text.say("desk-waits", &[]), Style::Plain)];
        };
        let from = lines.iter().skip(scroll).flat_map(|line| wrap(line, self.columns - 1));
        let mut shown: Vec<Line> =
            from.take(rows + 1).map(|line| self.line(&line, Style::Plain)).collect();
        if shown.len() > rows {
            shown.truncate(rows.saturating_sub(1));
            shown.push(self.line(&self.text.say("desk-more", &[]), Style::Faint));
        }
        shown
    }

    fn help(&self) -> Vec<Line> {
        let text = self.text.say("desk-help", &[]);
        let lines = text.lines().flat_map(|line| wrap(line, self.columns));
        lines.map(|line| self.line(&line, Style::Plain)).collect()
    }

    /// A question or a message, and the keys.
    fn foot(&self, desk: &Desk) -> Vec<Line> {
        let mut foot = match &desk.screen {
            // Rows are worth more where there are few.
            Screen::Board if self.rows >= DETAIL_ROWS => self.detail(desk),
            Screen::Board
            | Screen::Resolved
            | Screen::Reading { .. }
            | Screen::Elders { .. }
            | Screen::Help => Vec::new(),
        };
        // What was said before a question belongs to it: that a PIN was wrong.
        let said = desk.said().map(|said| format!(" {}", self.said(said)));
        foot.extend(said.map(|said| self.line(&said, Style::Warn)));
        if let Some(Prompt::Name { then: Some(then), .. } | Prompt::Pin { then: Some(then), .. }) =
            &desk.prompt
        {
            foot.push(self.line(&format!(" {}", self.then(desk, then)), Style::Warn));
        }
        if let Some(prompt) = &desk.prompt {
            let question = format!(" {}", self.question(desk, prompt));
            foot.push(Line::bar(&question, Style::Chosen, self.columns));
        }
        let keys = match &desk.screen {
            Screen::Board if desk.chosen_call().is_some() => self.text.say("desk-keys-call", &[]),
            Screen::Board => self.text.say("desk-keys", &[]),
            Screen::Elders { .. } => self.text.say("desk-keys-elders", &[]),
            Screen::Resolved => self.text.say("desk-keys-resolved", &[]),
            Screen::Reading { .. } | Screen::Help => self.text.say("desk-keys-read", &[]),
        };
        foot.extend(keys.lines().map(|line| self.line(&format!(" {line}"), Style::Faint)));
        foot
    }

    /// What is done once the PIN is given.
    fn then(&self, desk: &Desk, then: &Asked) -> String {
        let act = match then.what {
            What::Act(act, _) | What::Call(act, _) => act,
            What::History => "history",
            What::Card | What::CallerCard(_) => "card",
            What::Find(_) => "find",
        };
        let act = self.text.word("desk-act", act);
        let elder = self.of(desk, &then.about);
        self.text.say("desk-then", &[("act", act.into()), ("elder", elder.into())])
    }

    fn said(&self, said: &Said) -> String {
        match said {
            Said::Words(words) => words.lines().collect::<Vec<_>>().join(" "),
            Said::Key(key, name) => self.text.say_key(key, &[("name", name.as_str().into())]),
        }
    }

    fn question(&self, desk: &Desk, prompt: &Prompt) -> String {
        let of = |about: &String| self.of(desk, about);
        match prompt {
            Prompt::Name { typed, .. } => {
                self.text.say("desk-ask-name", &[("typed", format!("{typed}_").into())])
            }
            // Nothing of a PIN is shown, nor how long it is.
            Prompt::Pin { person, .. } => {
                let named = desk.operator.as_ref().filter(|of| of.person == *person);
                let name = named.map_or(person.as_str(), |of| of.name.as_str());
                self.text.say("desk-ask-pin", &[("name", name.into())])
            }
            Prompt::Find { typed, .. } => {
                self.text.say("desk-ask-find", &[("typed", format!("{typed}_").into())])
            }
            Prompt::TakeOver { about, .. } => {
                let alert = desk.row(about).and_then(|row| row.owner.as_ref()).map(|of| &of.name);
                let call = desk.call(about).and_then(|row| row.owner.as_ref()).map(|of| &of.name);
                let name = alert.or(call).cloned().unwrap_or_default();
                let arguments = [("elder", of(about).into()), ("name", name.into())];
                self.text.say("desk-ask-take-over", &arguments)
            }
            Prompt::Service(alert) => {
                self.text.say("desk-ask-service", &[("elder", of(alert).into())])
            }
            Prompt::Outcome(alert) => {
                self.text.say("desk-ask-outcome", &[("elder", of(alert).into())])
            }
            Prompt::Within(alert) => {
                self.text.say("desk-ask-within", &[("elder", of(alert).into())])
            }
            Prompt::Forget(alert) => {
                self.text.say("desk-ask-forget", &[("elder", of(alert).into())])
            }
            Prompt::End => self.text.say("desk-ask-end", &[]),
        }
    }

    /// Whom an alert or a call is about.
    fn of(&self, desk: &Desk, about: &str) -> String {
        let alert = desk.row(about).map(|row| self.whom(row));
        alert.or_else(|| Some(self.caller(desk.call(about)?))).unwrap_or_default()
    }

    /// Whom an alert is about.
    fn whom(&self, row: &AlertRow) -> String {
        match (row.names.is_empty(), &row.elder) {
            (false, _) => row.names.join(" / "),
            (true, Some(elder)) => crate::verb::short(elder),
            (true, None) => "–".to_owned(),
        }
    }
}
