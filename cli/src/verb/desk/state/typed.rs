//! What keys do.

use super::{Asked, Deed, Desk, Effect, Key, Pin, Prompt, Said, Screen, What};

/// How many rows a page key moves.
const PAGE: isize = 10;
/// How much somebody types for a name or a PIN, in letters.
pub(super) const TYPED_MAX: usize = 64;

/// Whom an alert is handed to, by the key that says so: 110, 119, 120.
const SERVICES: [(char, &str); 3] = [('1', "police"), ('2', "fire"), ('3', "ambulance")];
/// Within how many minutes somebody is there, by the key that says so.
const WITHIN: [(char, &str); 6] =
    [('1', "10"), ('2', "20"), ('3', "30"), ('4', "45"), ('5', "60"), ('6', "90")];
/// How an alert ended, by the key that says so.
const OUTCOMES: [(char, &str); 4] =
    [('1', "helped"), ('2', "hospital"), ('3', "drill"), ('4', "died")];

impl Desk {
    pub(super) fn key(&mut self, key: Key) -> Vec<Effect> {
        match self.prompt.take() {
            Some(_) if key == Key::Escape => Vec::new(),
            Some(_) if key == Key::Interrupt => self.leave(),
            Some(prompt) => self.replied(prompt, key),
            None => self.commanded(key),
        }
    }

    /// What is pasted is text where text is asked for, and never a command: it may be anything.
    pub(super) fn pasted(&mut self, text: &str) {
        let typed = match &mut self.prompt {
            Some(Prompt::Name { typed, .. } | Prompt::Find { typed, .. }) => typed,
            Some(Prompt::Pin { typed, .. }) => &mut *typed.0,
            Some(
                Prompt::TakeOver { .. }
                | Prompt::Service(_)
                | Prompt::Outcome(_)
                | Prompt::Within(_)
                | Prompt::Forget(_)
                | Prompt::End,
            )
            | None => return self.say(Said::Key("desk-pasted", String::new())),
        };
        for letter in text.chars().filter(|letter| !letter.is_control()) {
            edit(typed, Key::Letter(letter));
        }
    }

    fn replied(&mut self, prompt: Prompt, key: Key) -> Vec<Effect> {
        match (prompt, key) {
            (Prompt::Name { typed, then }, key) => self.name(typed, then, key),
            (Prompt::Pin { person, typed, then }, key) => self.pin(person, typed, then, key),
            (Prompt::Find { call, typed, then }, key) => self.looks_for(call, typed, then, key),
            (Prompt::TakeOver { about, from }, Key::Letter('y' | 'Y')) => {
                let what = match self.call(&about) {
                    Some(_) => What::Call("take-over", None),
                    None => What::Act("take-over", None),
                };
                self.attempt(Asked { about, what, word: Some(from) })
            }
            (Prompt::End, Key::Letter('y' | 'Y')) => self.leave_now(),
            (Prompt::Forget(alert), Key::Letter('y' | 'Y')) => self.act(alert, "false-alarm", None),
            (Prompt::TakeOver { .. } | Prompt::Forget(_) | Prompt::End, _) => Vec::new(),
            (Prompt::Service(alert), key) => match word(&SERVICES, key) {
                Some(service) => self.act(alert, "hand-to", Some(service)),
                None => self.ask(Prompt::Service(alert)),
            },
            (Prompt::Outcome(alert), key) => match word(&OUTCOMES, key) {
                Some(outcome) => self.act(alert, "resolve", Some(outcome)),
                None => self.ask(Prompt::Outcome(alert)),
            },
            (Prompt::Within(alert), Key::Enter) => self.act(alert, "respond", None),
            (Prompt::Within(alert), key) => match word(&WITHIN, key) {
                Some(minutes) => self.act(alert, "respond", Some(minutes)),
                None => self.ask(Prompt::Within(alert)),
            },
        }
    }

    fn name(&mut self, mut typed: String, then: Option<Asked>, key: Key) -> Vec<Effect> {
        if key == Key::Enter && !typed.trim().is_empty() {
            let (person, typed) = (typed.trim().to_owned(), Pin::default());
            return self.ask(Prompt::Pin { person, typed, then });
        }
        edit(&mut typed, key);
        self.ask(Prompt::Name { typed, then })
    }

    fn pin(
        &mut self,
        person: String,
        mut typed: Pin,
        then: Option<Asked>,
        key: Key,
    ) -> Vec<Effect> {
        if key == Key::Enter && !typed.0.is_empty() {
            self.sitting = Some((person.clone(), then));
            return vec![Effect::Sit { person, pin: typed }];
        }
        edit(&mut typed.0, key);
        self.ask(Prompt::Pin { person, typed, then })
    }

    fn looks_for(
        &mut self,
        call: String,
        mut typed: String,
        then: Option<Deed>,
        key: Key,
    ) -> Vec<Effect> {
        if key == Key::Enter && !typed.trim().is_empty() {
            let word = Some(typed.trim().to_owned());
            return self.attempt(Asked { about: call, what: What::Find(then), word });
        }
        edit(&mut typed, key);
        self.ask(Prompt::Find { call, typed, then })
    }

    pub(super) fn ask(&mut self, prompt: Prompt) -> Vec<Effect> {
        self.prompt = Some(prompt);
        Vec::new()
    }

    fn act(&mut self, alert: String, act: &'static str, with: Option<&'static str>) -> Vec<Effect> {
        self.attempt(Asked::of(alert, What::Act(act, with)))
    }

    fn commanded(&mut self, key: Key) -> Vec<Effect> {
        match key {
            Key::Interrupt | Key::Letter('q') => return self.leave(),
            Key::Letter('u') => return self.ask(Prompt::Name { typed: String::new(), then: None }),
            Key::Letter('l') => return self.lock().into_iter().collect(),
            Key::Letter('?') => self.screen = Screen::Help,
            Key::Letter('d') => return self.turn(),
            Key::Escape | Key::Backspace => return self.back(),
            Key::Up => self.go(-1),
            Key::Down => self.go(1),
            Key::PageUp => self.go(-PAGE),
            Key::PageDown | Key::Letter(' ') => self.go(PAGE),
            Key::First => self.go(isize::MIN),
            Key::Last => self.go(isize::MAX),
            Key::Enter => return self.answer('\r'),
            Key::Letter(letter) => return self.answer(letter),
        }
        Vec::new()
    }

    /// Keys that are about the chosen alert, or the one that is read.
    fn answer(&mut self, key: char) -> Vec<Effect> {
        let alert = match &self.screen {
            Screen::Help => return Vec::new(),
            Screen::Elders { .. } if key == '\r' => return self.choose_elder(),
            Screen::Elders { .. } => return Vec::new(),
            Screen::Reading { asked, .. } => Some(asked.about.clone()),
            Screen::Board | Screen::Resolved => self.chosen().map(|row| row.alert.clone()),
        };
        if let Some(call) = self.call_in_hand() {
            return self.answer_call(call, key);
        }
        let Some(alert) = alert else {
            self.say(Said::Key("desk-choose", String::new()));
            return Vec::new();
        };
        let of = |what| Asked::of(alert.clone(), what);
        match key {
            '\r' => self.attempt(of(What::History)),
            'c' => self.attempt(of(What::Card)),
            'a' => self.act(alert, "ack", None),
            'r' => self.asks_first("respond", alert, Prompt::Within),
            'v' => self.act(alert, "arrive", None),
            'f' if self.row(&alert).is_some_and(|row| !row.stored) => {
                self.asks_first("false-alarm", alert, Prompt::Forget)
            }
            'f' => self.act(alert, "false-alarm", None),
            'o' => self.act(alert, "reopen", None),
            't' => self.asks_whether(of(What::Act("take-over", None))),
            'h' => self.asks_first("hand-to", alert, Prompt::Service),
            'e' => self.asks_first("resolve", alert, Prompt::Outcome),
            _ => Vec::new(),
        }
    }

    /// The call that keys act upon: the chosen one, or the one whose card is read.
    fn call_in_hand(&self) -> Option<String> {
        let call = match &self.screen {
            Screen::Reading { asked, .. } => self.call(&asked.about),
            Screen::Board => self.chosen_call(),
            Screen::Resolved | Screen::Elders { .. } | Screen::Help => None,
        };
        call.map(|call| call.call.clone())
    }

    /// Asks whether to take over from whoever has it, unless that would come to nothing.
    pub(super) fn asks_whether(&mut self, asked: Asked) -> Vec<Effect> {
        if self.operator.is_some() && self.refuses(&asked) {
            return Vec::new();
        }
        let alert = self.row(&asked.about).and_then(|row| row.owner.as_ref()).map(|of| &of.person);
        let call = self.call(&asked.about).and_then(|row| row.owner.as_ref()).map(|of| &of.person);
        match alert.or(call).cloned() {
            Some(from) => self.ask(Prompt::TakeOver { about: asked.about, from }),
            None => self.attempt(asked),
        }
    }

    /// Asks what else must be known, unless the act would come to nothing.
    fn asks_first(
        &mut self,
        act: &'static str,
        alert: String,
        prompt: fn(String) -> Prompt,
    ) -> Vec<Effect> {
        let asked = Asked::of(alert.clone(), What::Act(act, None));
        let refused = self.operator.is_some() && self.refuses(&asked);
        if refused { Vec::new() } else { self.ask(prompt(alert)) }
    }

    /// Ends the desk; asks first where somebody rings.
    fn leave(&mut self) -> Vec<Effect> {
        let rings = self.open().iter().any(|row| self.rings(row)) || self.calls_waiting().0 > 0;
        if rings && !self.leaving { self.ask(Prompt::End) } else { self.leave_now() }
    }

    /// Ends the desk once it is known how every act ended; at once where that was asked for already.
    fn leave_now(&mut self) -> Vec<Effect> {
        if self.leaving {
            return vec![Effect::End];
        }
        self.leaving = true;
        self.say(Said::Key("desk-leaves", String::new()));
        Vec::new()
    }

    /// Turns between what is open and what was resolved.
    fn turn(&mut self) -> Vec<Effect> {
        if self.is_locked() {
            self.ask_who(None);
            return Vec::new();
        }
        self.screen = if self.shows_resolved() { Screen::Board } else { Screen::Resolved };
        self.chosen = None;
        vec![self.watch_all()]
    }

    fn back(&mut self) -> Vec<Effect> {
        let resolved = self.shows_resolved();
        match self.screen {
            Screen::Resolved => return self.turn(),
            Screen::Reading { .. } if resolved => self.screen = Screen::Resolved,
            Screen::Board | Screen::Reading { .. } | Screen::Elders { .. } | Screen::Help => {
                self.screen = Screen::Board;
            }
        }
        Vec::new()
    }

    /// Moves in the list, or in what is read.
    fn go(&mut self, by: isize) {
        match &mut self.screen {
            Screen::Reading { lines, scroll, .. } => {
                let last = lines.as_ref().map_or(0, Vec::len).saturating_sub(1);
                *scroll = scroll.saturating_add_signed(by).min(last);
            }
            Screen::Elders { found, place, .. } => {
                let last = found.as_ref().map_or(0, Vec::len).saturating_sub(1);
                *place = place.saturating_add_signed(by).min(last);
            }
            Screen::Board | Screen::Resolved => self.choose(by),
            Screen::Help => {}
        }
    }
}

/// Adds a letter to what is typed, or takes the last one away.
fn edit(typed: &mut String, key: Key) {
    if let Key::Letter(letter) = key
        && typed.chars().count() < TYPED_MAX
    {
        typed.push(letter);
    }
    if key == Key::Backspace {
        typed.pop();
    }
}

fn word(words: &[(char, &'static str)], key: Key) -> Option<&'static str> {
    words.iter().find(|(letter, _)| Key::Letter(*letter) == key).map(|(_, word)| *word)
}
