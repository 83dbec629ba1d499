//! The desk without a terminal and without a node.

use linli_node::api::{
    seat::SeatAnswer,
    watch::{AlertOwner, AlertRow, AlertStep, AlertWatched},
};

use super::{
    keys::Key,
    state::{Asked, Clocks, Desk, Effect, Event, Health, Lost, Prompt, Said, Screen, What},
};

mod calls;
mod screens;

/// A moment: 2026-11-23 14:00:00 in Shanghai.
const NOW: u64 = 1_795_413_600_000;

fn step(way: &str, after_s: u64) -> AlertStep {
    AlertStep { way: way.to_owned(), after_ms: after_s * 1_000 }
}

/// An alert that nobody has, so many seconds old.
fn alert(number: u8, name: &str, age_s: u64) -> AlertRow {
    AlertRow {
        alert: format!("{number:08x}-0000-8000-8000-000000000000"),
        elder: Some(format!("{number:08x}-0000-4000-8000-000000000000")),
        names: vec![name.to_owned()],
        kind: Some("button".to_owned()),
        state: "raised".to_owned(),
        since_ms: NOW - age_s * 1_000,
        stored: true,
        hub_heard_ms: Some(NOW - 40_000),
        steps: vec![step("duty_desk", 0), step("siren", 60), step("neighbour", 120)],
        climbs: true,
        ..AlertRow::default()
    }
}

fn owned(row: AlertRow, person: &str) -> AlertRow {
    let owner = AlertOwner {
        person: format!("id of {person}"),
        name: person.to_owned(),
        party: "00".to_owned(),
        since_ms: row.since_ms + 1_000,
    };
    let climbs_on_ms = Some(NOW + 301_000);
    let state = "acknowledged".to_owned();
    AlertRow { owner: Some(owner), climbs: false, climbs_on_ms, state, ..row }
}

fn ended(row: AlertRow, person: &str) -> AlertRow {
    let (resolved_ms, outcome) = (Some(NOW - 60_000), Some("helped".to_owned()));
    let state = "resolved".to_owned();
    AlertRow { resolved_ms, outcome, state, climbs_on_ms: None, ..owned(row, person) }
}

/// A desk that is driven by hand.
struct Driven {
    desk: Desk,
    now: Clocks,
    /// The number of the latest watch.
    watch: u64,
    effects: Vec<Effect>,
}

impl Driven {
    fn new(quiet: bool) -> Self {
        let now = Clocks { wall: NOW, steady: 7_000 };
        let (desk, effects) = Desk::begin(now, Some("李明".to_owned()), quiet);
        let mut driven = Self { desk, now, watch: 0, effects: Vec::new() };
        driven.did(effects);
        driven
    }

    /// A desk at which 李明 sits and sees these alerts.
    fn with(alerts: Vec<AlertRow>) -> Self {
        let mut driven = Self::new(false);
        driven.seated("李明");
        driven.shows(alerts);
        driven.effects.clear();
        driven
    }

    fn did(&mut self, effects: Vec<Effect>) {
        for effect in &effects {
            if let Effect::Watch { number, .. } = effect {
                self.watch = *number;
            }
        }
        self.effects.extend(effects);
    }

    fn happens(&mut self, event: Event) {
        let effects = self.desk.handle(self.now, event);
        self.did(effects);
    }

    fn seated(&mut self, name: &str) {
        self.types("2468\r");
        self.sits(name);
    }

    fn sits(&mut self, name: &str) {
        let seat = format!("seat of {name}");
        let person = format!("id of {name}");
        let name = name.to_owned();
        self.happens(Event::Seated(SeatAnswer { seat, person, name, idle_minutes: 5 }));
    }

    fn watched(&mut self, whole: bool, alerts: Vec<AlertRow>, gone: &[&AlertRow]) {
        let gone = gone.iter().map(|row| row.alert.clone()).collect();
        let mark = format!("mark {}", self.watch);
        let (calls, plans) = (None, Vec::new());
        let watched = AlertWatched {
            mark,
            whole,
            alerts,
            gone,
            complete: true,
            calls,
            calls_dropped: 0,
            plans,
            monitoring: Vec::new(),
        };
        self.happens(Event::Watched(self.watch, watched));
    }

    fn shows(&mut self, alerts: Vec<AlertRow>) {
        self.watched(true, alerts, &[]);
    }

    fn types(&mut self, keys: &str) {
        for letter in keys.chars() {
            let key = match letter {
                '\r' => Key::Enter,
                '\u{1b}' => Key::Escape,
                letter => Key::Letter(letter),
            };
            self.happens(Event::Key(key));
        }
    }

    fn after_s(&mut self, seconds: u64) {
        self.now.wall += seconds * 1_000;
        self.now.steady += seconds * 1_000;
        self.happens(Event::Tick);
    }

    /// What was asked of the node since this was looked at.
    fn asks(&mut self) -> Vec<(String, What)> {
        let ask = |effect| {
            let Effect::Ask(asked, _) = effect else { return None };
            Some((asked.about, asked.what))
        };
        std::mem::take(&mut self.effects).into_iter().filter_map(ask).collect()
    }

    fn bells(&mut self) -> usize {
        let effects = std::mem::take(&mut self.effects);
        effects.iter().filter(|effect| **effect == Effect::Bell).count()
    }

    fn said(&self) -> &'static str {
        match self.desk.said() {
            Some(Said::Key(key, _)) => key,
            Some(Said::Words(_)) => "words",
            None => "",
        }
    }
}

fn act(of: &AlertRow, act: &'static str, with: Option<&'static str>) -> (String, What) {
    (of.alert.clone(), What::Act(act, with))
}

#[test]
fn the_most_urgent_alert_is_at_the_top() {
    let drill = AlertRow { drill: true, ..alert(1, "a", 900) };
    let had = owned(alert(2, "b", 800), "王芳");
    let had_drill = AlertRow { drill: true, ..owned(alert(3, "c", 950), "王芳") };
    let (older, newer) = (alert(4, "d", 100), alert(5, "e", 10));
    let heard_again = AlertRow { climbs: false, ..alert(6, "f", 990) };
    let rows = [&drill, &had, &had_drill, &newer, &heard_again, &older].map(Clone::clone).to_vec();
    let driven = Driven::with(rows);
    let order: Vec<&str> = driven.desk.open().iter().map(|row| row.names[0].as_str()).collect();
    assert_eq!(order, ["d", "e", "a", "f", "b", "c"]);
    assert_eq!(driven.desk.chosen, Some(older.alert));
}

#[test]
fn the_bell_rings_while_nobody_has_what_rings() {
    let rings = alert(1, "a", 5);
    let mut driven = Driven::with(vec![]);
    driven.after_s(4);
    assert_eq!(driven.bells(), 0);
    driven.watched(false, vec![rings.clone()], &[]);
    assert_eq!(driven.bells(), 1, "at once");
    for _ in 0..6 {
        driven.after_s(1);
    }
    assert_eq!(driven.bells(), 2, "every three seconds");
    driven.watched(false, vec![owned(rings.clone(), "王芳")], &[]);
    driven.bells();
    driven.after_s(10);
    assert_eq!(driven.bells(), 0, "somebody has it");
    let heard_again = AlertRow { climbs: false, ..rings.clone() };
    driven.watched(false, vec![heard_again], &[]);
    driven.after_s(10);
    assert_eq!(driven.bells(), 0, "what was silent was heard again");

    let mut quiet = Driven::new(true);
    quiet.shows(vec![rings]);
    quiet.after_s(10);
    assert_eq!(quiet.bells(), 0);
}

#[test]
fn it_rings_on_while_the_node_is_gone_and_comes_back_by_itself() {
    let mut driven = Driven::with(vec![alert(1, "a", 5)]);
    let stale = driven.watch;
    driven.happens(Event::Unwatched(stale, Lost::Node));
    assert_eq!(driven.desk.gone, Some(driven.now));
    driven.bells();
    driven.after_s(2);
    let watch = driven.effects.iter().find(|effect| matches!(effect, Effect::Watch { .. }));
    let Some(Effect::Watch { after, .. }) = watch else { panic!("{:?}", driven.effects) };
    assert!(after.is_some(), "only changes are asked for");
    assert_eq!(driven.watch, stale + 1);
    // What an earlier watch says late is not listened to.
    let (alerts, gone) = (Vec::new(), Vec::new());
    let late = AlertWatched {
        mark: String::new(),
        whole: true,
        alerts,
        gone,
        complete: true,
        calls: None,
        calls_dropped: 0,
        plans: Vec::new(),
        monitoring: Vec::new(),
    };
    driven.happens(Event::Watched(stale, late));
    assert_eq!(driven.desk.open().len(), 1);
    driven.bells();
    driven.after_s(10);
    assert_eq!(driven.bells(), 1, "what rang rings on");
    driven.happens(Event::Checked(Health::Silent));
    driven.shows(vec![owned(alert(1, "a", 5), "王芳")]);
    assert_eq!(driven.desk.gone, None);

    // With nothing on the board, a node that stays away rings too.
    let mut driven = Driven::with(vec![]);
    driven.happens(Event::Checked(Health::Silent));
    driven.after_s(2);
    assert_eq!(driven.bells(), 0);
    driven.after_s(4);
    assert_eq!(driven.bells(), 1);
    driven.happens(Event::Checked(Health::Well));
    assert_eq!(driven.desk.gone, None);
    driven.happens(Event::Checked(Health::Ill("the disk is full".to_owned())));
    let ill = driven.desk.ill.as_ref().map(|(_, why)| why.as_str());
    assert_eq!(ill, Some("the disk is full"));
}

#[test]
fn a_node_that_hangs_rings_although_it_says_so() {
    let ill = || Event::Checked(Health::Ill("it hangs".to_owned()));
    let mut driven = Driven::with(vec![]);
    driven.happens(ill());
    driven.after_s(4);
    assert_eq!(driven.bells(), 0);
    driven.happens(ill());
    driven.after_s(1);
    assert_eq!(driven.bells(), 1);
    driven.happens(Event::Checked(Health::Well));
    driven.after_s(10);
    assert_eq!(driven.bells(), 0);
    // What does not answer is not back because it says that it hangs.
    driven.happens(Event::Unwatched(driven.watch, Lost::Node));
    let gone = driven.desk.gone;
    driven.after_s(2);
    driven.happens(ill());
    assert_eq!(driven.desk.gone, gone);
    driven.shows(vec![]);
    assert_eq!(driven.desk.gone, None);
}

#[test]
fn an_alert_that_was_acknowledged_and_forgotten_rings_again() {
    let had = owned(alert(1, "a", 50), "王芳");
    let mut driven = Driven::with(vec![alert(2, "b", 10), had.clone()]);
    driven.watched(false, vec![owned(alert(2, "b", 10), "李明")], &[]);
    driven.effects.clear();
    driven.after_s(300);
    assert_eq!(driven.bells(), 0, "whoever has it has time");
    let mine = AlertRow { state: "responding".to_owned(), climbs_on_ms: None, ..had.clone() };
    driven.watched(false, vec![AlertRow { alert: alert(2, "", 0).alert, ..mine }], &[]);
    driven.after_s(1);
    assert_eq!(driven.bells(), 1);
    assert_eq!(driven.desk.open().first().map(|row| &row.alert), Some(&had.alert));
    driven.types("q");
    assert_eq!(driven.desk.prompt, Some(Prompt::End));
    let board = screens::drawn_small(&driven.desk);
    assert!(board.contains("RINGS ON: 1 of 2") && board.contains("!!"), "{board}");
}

#[test]
fn what_rang_rings_on_until_a_node_that_starts_has_looked_at_everything() {
    let (rang, over) = (alert(1, "a", 50), alert(2, "b", 60));
    let mut driven = Driven::with(vec![rang.clone(), over]);
    let watched = |whole, alerts: Vec<AlertRow>, complete| AlertWatched {
        mark: "of another run".to_owned(),
        whole,
        alerts,
        gone: Vec::new(),
        complete,
        calls: None,
        calls_dropped: 0,
        plans: Vec::new(),
        monitoring: Vec::new(),
    };
    driven.happens(Event::Watched(driven.watch, watched(true, vec![], false)));
    assert_eq!(driven.desk.open().len(), 2);
    driven.effects.clear();
    driven.after_s(5);
    assert_eq!(driven.bells(), 1);
    let board = screens::drawn_small(&driven.desk);
    assert!(board.contains("STILL LOOKING"), "{board}");
    driven.happens(Event::Watched(driven.watch, watched(false, vec![rang.clone()], false)));
    assert_eq!(driven.desk.open().len(), 2);
    driven.happens(Event::Watched(driven.watch, watched(false, vec![], true)));
    assert_eq!(driven.desk.open(), [&rang]);
    // A desk that begins at such a node does not say that nothing is open.
    let mut driven = Driven::new(false);
    driven.happens(Event::Watched(driven.watch, watched(true, vec![], false)));
    let board = screens::drawn_small(&driven.desk);
    assert!(!board.contains("No alert is open") && !board.contains("nobody waits"), "{board}");
    driven.happens(Event::Watched(driven.watch, watched(false, vec![], true)));
    assert!(screens::drawn_small(&driven.desk).contains("No alert is open"));
}

#[test]
fn a_wall_clock_that_is_set_back_stops_no_timer() {
    let mut driven = Driven::with(vec![alert(1, "a", 50)]);
    driven.after_s(3);
    driven.happens(Event::Checked(Health::Well));
    driven.happens(Event::Unwatched(driven.watch, Lost::Node));
    driven.effects.clear();
    driven.now.wall -= 3_600_000;
    driven.after_s(5);
    assert!(driven.effects.contains(&Effect::Check), "{:?}", driven.effects);
    let watches = |effect: &Effect| matches!(effect, Effect::Watch { .. });
    assert!(driven.effects.iter().any(watches), "{:?}", driven.effects);
    assert_eq!(driven.bells(), 1);
    driven.after_s(5);
    assert_eq!(driven.bells(), 1);
    assert_eq!(driven.desk.lacks_ms(), Some(10_000));
    driven.after_s(300);
    assert!(driven.desk.is_locked());
}

#[test]
fn what_waits_for_a_pin_is_shown_and_forgotten() {
    let rings = alert(1, "王秀英", 5);
    for (seconds, asked) in [(29, vec![act(&rings, "ack", None)]), (31, vec![])] {
        let mut driven = Driven::new(false);
        driven.shows(vec![rings.clone()]);
        driven.types("\u{1b}a");
        let board = screens::drawn_small(&driven.desk);
        assert!(board.contains("After the PIN: acknowledge, 王秀英"), "{board}");
        driven.after_s(seconds);
        assert_eq!(screens::drawn_small(&driven.desk).contains("After the PIN"), !asked.is_empty());
        driven.seated("李明");
        assert_eq!(driven.asks(), asked, "{seconds}");
    }
}

#[test]
fn a_second_key_ends_no_second_alert() {
    let (mine, other) = (owned(alert(1, "a", 50), "李明"), owned(alert(2, "b", 40), "李明"));
    for answered_first in [true, false] {
        let mut driven = Driven::with(vec![mine.clone(), other.clone()]);
        driven.types("f");
        assert_eq!(driven.asks(), [act(&mine, "false-alarm", None)]);
        let asked = Asked::of(mine.alert.clone(), What::Act("false-alarm", None));
        if answered_first {
            driven.happens(Event::Acted(asked.clone()));
        }
        driven.watched(false, vec![], &[&mine]);
        driven.types("f");
        assert!(driven.asks().is_empty(), "{answered_first}");
        if !answered_first {
            driven.happens(Event::Acted(asked));
        }
        // It is opened again, and ended by others: that is no end made here.
        driven.watched(false, vec![mine.clone(), alert(3, "c", 5)], &[]);
        driven.desk.chosen = Some(mine.alert.clone());
        driven.watched(false, vec![], &[&mine]);
        assert_eq!((driven.desk.chosen.as_ref(), driven.said()), (None, "desk-over"));
    }
    // Nobody can have what could not be stored, and a key ends it all the same.
    let [first, second] = [1, 2].map(|number| AlertRow { stored: false, ..alert(number, "a", 50) });
    let mut driven = Driven::with(vec![first.clone(), second]);
    driven.types("fy");
    assert_eq!(driven.asks(), [act(&first, "false-alarm", None)]);
    driven.watched(false, vec![], &[&first]);
    driven.types("fy");
    assert_eq!(driven.asks(), []);
}

#[test]
fn an_act_waits_for_the_pin_which_is_shown_nowhere() {
    let rings = alert(1, "a", 5);
    let mut driven = Driven::new(false);
    driven.shows(vec![rings.clone()]);
    driven.types("\u{1b}a");
    assert!(driven.asks().is_empty(), "nobody has given a PIN");
    driven.types("2468");
    let shown = format!("{:?}", driven.desk);
    assert!(!shown.contains("2468") && !shown.contains("['2'"), "{shown}");
    driven.types("\r");
    let sit = driven.effects.iter().find_map(|effect| {
        let Effect::Sit { person, pin } = effect else { return None };
        Some((person.clone(), pin.0.as_str().to_owned()))
    });
    assert_eq!(sit, Some(("李明".to_owned(), "2468".to_owned())));
    assert!(!format!("{:?}", driven.effects).contains("2468"));
    // A wrong one is asked for again, and the act is not forgotten.
    driven.happens(Event::NotSeated("wrong".to_owned()));
    driven.effects.clear();
    driven.seated("李明");
    let looks = driven
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::Watch { after: None, seat: Some(_), .. }));
    assert!(looks, "the audit learns who looks: {:?}", driven.effects);
    assert_eq!(driven.asks(), [act(&rings, "ack", None)]);
}

#[test]
fn somebody_else_works_at_a_desk_without_its_being_left() {
    let mut driven = Driven::with(vec![alert(1, "a", 5)]);
    driven.types("u王芳\r2468\r");
    driven.happens(Event::NotSeated("wrong".to_owned()));
    assert!(!driven.desk.is_locked(), "who sat there sits there still");
    let typed = Prompt::Name { typed: "王芳".to_owned(), then: None };
    assert_eq!(driven.desk.prompt, Some(typed));
    driven.types("\r");
    driven.effects.clear();
    driven.seated("王芳");
    assert!(driven.effects.iter().any(|effect| matches!(effect, Effect::Leave(_))));
    driven.types("a");
    let seat = |effect: &Effect| {
        let Effect::Ask(_, seat) = effect else { return None };
        Some(seat.0.as_str().to_owned())
    };
    let seats: Vec<String> = driven.effects.iter().filter_map(seat).collect();
    assert_eq!(seats, ["seat of 王芳"]);
}

#[test]
fn an_idle_desk_locks_and_goes_on_showing_what_rings() {
    let rings = alert(1, "a", 5);
    let mut driven = Driven::with(vec![rings.clone()]);
    driven.types("d");
    driven.shows(vec![rings.clone(), ended(alert(2, "b", 600), "李明")]);
    driven.after_s(299);
    assert!(!driven.desk.is_locked());
    driven.effects.clear();
    driven.after_s(1);
    assert!(driven.desk.is_locked() && driven.desk.screen == Screen::Board);
    assert!(driven.effects.iter().any(|effect| matches!(effect, Effect::Leave(_))));
    assert_eq!((driven.desk.open().len(), driven.desk.resolved().len()), (1, 0));
    driven.after_s(5);
    assert!(driven.bells() > 0);
    for keys in ["a", "c", "\r", "d"] {
        driven.types("\u{1b}");
        driven.desk.chosen = Some(rings.alert.clone());
        driven.types(keys);
        assert!(matches!(driven.desk.prompt, Some(Prompt::Pin { .. })), "{keys:?}");
    }
    assert!(driven.asks().is_empty());

    // The node left the seat first: the act waits for the PIN.
    let mut driven = Driven::with(vec![rings.clone()]);
    driven.types("a");
    let asked = Asked::of(rings.alert.clone(), What::Act("ack", None));
    driven.happens(Event::Lapsed(asked));
    assert!(driven.desk.is_locked());
    driven.effects.clear();
    driven.seated("李明");
    assert_eq!(driven.asks(), [act(&rings, "ack", None)]);
}

#[test]
fn keys_act_on_the_alert_that_was_chosen_while_rows_move() {
    let (first, second) = (alert(1, "a", 50), alert(2, "b", 20));
    let mut driven = Driven::with(vec![first.clone(), second.clone()]);
    driven.happens(Event::Key(Key::Down));
    driven.watched(false, vec![alert(3, "c", 90), alert(4, "d", 80)], &[]);
    driven.types("a");
    assert_eq!(driven.asks(), [act(&second, "ack", None)]);
    // It is over: a key that is on its way hits nothing.
    driven.watched(false, vec![], &[&second]);
    assert_eq!(driven.said(), "desk-over");
    driven.types("ar");
    assert_eq!((driven.asks(), driven.said()), (vec![], "desk-choose"));
    // After what was ended here the next one is chosen, whichever is heard first.
    for answered_first in [true, false] {
        let mine = owned(first.clone(), "李明");
        let mut driven = Driven::with(vec![mine.clone(), second.clone()]);
        driven.happens(Event::Key(Key::Down));
        driven.types("e1");
        assert_eq!(driven.asks(), [act(&mine, "resolve", Some("helped"))]);
        let asked = Asked::of(mine.alert.clone(), What::Act("resolve", Some("helped")));
        if answered_first {
            driven.happens(Event::Acted(asked));
        }
        driven.watched(false, vec![], &[&mine]);
        assert_eq!(driven.desk.chosen.as_ref(), Some(&second.alert));
    }
}

#[test]
fn each_act_is_one_key_and_what_must_be_known_with_it() {
    let mine = owned(alert(1, "a", 50), "李明");
    for (keys, asked) in [
        ("r\r", act(&mine, "respond", None)),
        ("r2", act(&mine, "respond", Some("20"))),
        ("rx6", act(&mine, "respond", Some("90"))),
        ("v", act(&mine, "arrive", None)),
        ("f", act(&mine, "false-alarm", None)),
        ("h1", act(&mine, "hand-to", Some("police"))),
        ("h2", act(&mine, "hand-to", Some("fire"))),
        ("hx3", act(&mine, "hand-to", Some("ambulance"))),
        ("e2", act(&mine, "resolve", Some("hospital"))),
        ("e4", act(&mine, "resolve", Some("died"))),
        ("o", act(&mine, "reopen", None)),
        ("c", (mine.alert.clone(), What::Card)),
        ("\r", (mine.alert.clone(), What::History)),
    ] {
        let mut driven = Driven::with(vec![mine.clone()]);
        driven.types(keys);
        assert_eq!(driven.asks(), [asked], "{keys:?}");
        driven.types(keys);
        assert!(
            driven.asks().is_empty(),
            "{keys:?}: it is asked once as long as it is not answered"
        );
    }
    for (row, keys, said) in [
        (mine.clone(), "a", "desk-yours"),
        (mine.clone(), "ty", "desk-yours"),
        (owned(mine.clone(), "王芳"), "a", "desk-has-it"),
        (owned(mine.clone(), "王芳"), "r", "desk-has-it"),
        (owned(mine.clone(), "王芳"), "e1", "desk-has-it"),
        (alert(1, "a", 50), "r", "desk-first"),
        (alert(1, "a", 50), "h1", "desk-first"),
        (alert(1, "a", 50), "ty", "desk-first"),
    ] {
        let mut driven = Driven::with(vec![row]);
        driven.types(keys);
        assert_eq!((driven.asks(), driven.said()), (vec![], said), "{keys:?}");
    }
    let others = owned(mine, "王芳");
    let mut driven = Driven::with(vec![others.clone()]);
    for no in ["tn", "t\u{1b}", "t\r"] {
        driven.types(no);
        assert!(driven.asks().is_empty() && driven.desk.prompt.is_none(), "{no:?}");
    }
    driven.types("ty");
    let from = driven.effects.iter().find_map(|effect| {
        let Effect::Ask(asked, _) = effect else { return None };
        asked.word.clone()
    });
    assert_eq!(from.as_deref(), Some("id of 王芳"));
    assert_eq!(driven.asks(), [act(&others, "take-over", None)]);
}

#[test]
fn who_loses_an_alert_to_somebody_else_is_told() {
    let mine = owned(alert(1, "a", 50), "李明");
    let mut driven = Driven::with(vec![mine.clone()]);
    driven.watched(false, vec![AlertRow { state: "responding".to_owned(), ..mine }], &[]);
    assert_eq!(driven.said(), "");
    driven.watched(false, vec![owned(alert(1, "a", 50), "王芳")], &[]);
    assert_eq!(driven.desk.said(), Some(&Said::Key("desk-taken-away", "王芳".to_owned())));
}

#[test]
fn what_is_read_is_read_on_demand_and_a_history_follows_its_alert() {
    let row = alert(1, "a", 50);
    let history = Asked::of(row.alert.clone(), What::History);
    let card = Asked::of(row.alert.clone(), What::Card);
    for (key, asked, again) in [("\r", history, 1), ("c", card, 0)] {
        let mut driven = Driven::with(vec![row.clone()]);
        driven.types(key);
        driven.effects.clear();
        driven.happens(Event::Read(asked.clone(), vec!["one".to_owned(), "two".to_owned()]));
        let lines = Some(vec!["one".to_owned(), "two".to_owned()]);
        let screen = Screen::Reading { asked: asked.clone(), lines, scroll: 0 };
        assert_eq!(driven.desk.screen, screen);
        driven.watched(false, vec![alert(2, "b", 10)], &[]);
        assert!(driven.asks().is_empty(), "another alert changed");
        driven.watched(false, vec![owned(row.clone(), "王芳")], &[]);
        assert_eq!(driven.asks().len(), again, "{key:?}");
        driven.types("\u{1b}");
        assert_eq!(driven.desk.screen, Screen::Board);
    }
    let mut driven = Driven::with(vec![row.clone()]);
    driven.types("c");
    let asked = Asked::of(row.alert, What::Card);
    driven.happens(Event::Refused(asked, "the household keeps it closed".to_owned()));
    assert_eq!((&driven.desk.screen, driven.said()), (&Screen::Board, "words"));
}

#[test]
fn a_desk_is_not_left_by_mistake_while_somebody_rings() {
    let ends = |driven: &Driven| driven.effects.contains(&Effect::End);
    let mut driven = Driven::with(vec![alert(1, "a", 50)]);
    driven.types("qn");
    driven.happens(Event::Key(Key::Interrupt));
    assert!(!ends(&driven) && driven.desk.prompt == Some(Prompt::End));
    driven.types("y");
    assert!(ends(&driven));
    let mut driven = Driven::with(vec![]);
    driven.types("q");
    assert!(ends(&driven));
}

#[test]
fn a_desk_ends_once_it_is_known_how_an_act_ended() {
    let ends = |driven: &Driven| driven.effects.contains(&Effect::End);
    let mine = owned(alert(1, "a", 50), "李明");
    let asked = Asked::of(mine.alert.clone(), What::Act("resolve", Some("helped")));
    let mut driven = Driven::with(vec![mine.clone()]);
    driven.types("e1q");
    assert!(!ends(&driven));
    driven.after_s(5);
    driven.happens(Event::Acted(asked.clone()));
    assert!(ends(&driven));
    // One that was refused is shown, and keeps the desk.
    let mut driven = Driven::with(vec![mine.clone()]);
    driven.types("e1q");
    driven.happens(Event::Refused(asked, "it is another's".to_owned()));
    driven.after_s(1);
    assert!(!ends(&driven) && driven.said() == "words");
    driven.types("q");
    assert!(ends(&driven));
    let mut driven = Driven::with(vec![mine]);
    driven.types("e1qq");
    assert!(ends(&driven), "who asks twice does not wait");
    // What waits for a PIN is an act too.
    for is_right in [true, false] {
        let rings = alert(1, "a", 50);
        let mut driven = Driven::new(false);
        driven.shows(vec![rings.clone()]);
        driven.types("\u{1b}a2468\rqy");
        assert!(!ends(&driven));
        if is_right {
            driven.sits("李明");
            assert!(!ends(&driven));
            assert_eq!(driven.asks(), [act(&rings, "ack", None)]);
            driven.happens(Event::Acted(Asked::of(rings.alert, What::Act("ack", None))));
        } else {
            driven.happens(Event::NotSeated("it is another PIN".to_owned()));
        }
        driven.after_s(1);
        assert_eq!(ends(&driven), is_right);
    }
}

#[test]
fn whoever_sits_at_a_desk_is_named_with_each_watch() {
    let mut driven = Driven::with(vec![alert(1, "a", 50)]);
    driven.watched(false, vec![alert(2, "b", 5)], &[]);
    let nameless = |effect: &Effect| matches!(effect, Effect::Watch { seat: None, .. });
    assert!(!driven.effects.iter().any(nameless), "{:?}", driven.effects);
}

#[test]
fn a_history_is_not_read_again_with_each_heartbeat() {
    let row = alert(1, "a", 50);
    let asked = Asked::of(row.alert.clone(), What::History);
    let mut driven = Driven::with(vec![row.clone()]);
    driven.types("\r");
    driven.happens(Event::Read(asked, vec!["one".to_owned()]));
    driven.effects.clear();
    driven.watched(false, vec![AlertRow { hub_heard_ms: Some(NOW), ..row.clone() }], &[]);
    assert!(driven.asks().is_empty());
    driven.watched(false, vec![AlertRow { arrived_ms: Some(NOW), ..row }], &[]);
    assert_eq!(driven.asks().len(), 1);
}

#[test]
fn what_could_not_be_stored_is_ended_though_nobody_can_take_it() {
    let row = AlertRow { stored: false, ..alert(1, "a", 50) };
    for (keys, asked) in [
        ("fy", vec![act(&row, "false-alarm", None)]),
        ("f", vec![]),
        ("fn", vec![]),
        ("ff", vec![]),
        ("e1", vec![act(&row, "resolve", Some("helped"))]),
    ] {
        let mut driven = Driven::with(vec![row.clone()]);
        driven.types(keys);
        assert_eq!(driven.asks(), asked);
    }
}

#[test]
fn what_is_pasted_is_text_where_text_is_asked_for_and_never_a_command() {
    let mut driven = Driven::with(vec![alert(1, "a", 50)]);
    let paste = |text: &str| Event::Pasted(text.to_owned().into());
    driven.happens(paste("a\rq"));
    assert_eq!((driven.asks(), driven.said()), (vec![], "desk-pasted"));
    driven.types("u");
    driven.happens(paste("王\r\n芳\u{1b}"));
    let typed = Prompt::Name { typed: "王芳".to_owned(), then: None };
    assert_eq!(driven.desk.prompt, Some(typed));
    driven.types("\u{1b}q");
    driven.happens(paste("y"));
    assert!(!driven.effects.contains(&Effect::End));
}

#[test]
fn the_first_line_tells_what_nobody_has_from_what_rings_on() {
    let rings = alert(2, "b", 20);
    let late = AlertRow { climbs: true, ..owned(alert(1, "a", 50), "李明") };
    let first = |rows: &[&AlertRow]| {
        let rows = rows.iter().map(|row| (*row).clone()).collect();
        screens::drawn_small(&Driven::with(rows).desk).lines().nth(1).unwrap().to_owned()
    };
    assert!(first(&[&rings]).contains("NOBODY ANSWERS 1 of 1 open; 0 with you"));
    assert!(first(&[&late]).contains("RINGS ON: 1 of 1 open, who has it does nothing; 1 with you"));
    let both = first(&[&late, &rings]);
    assert!(both.contains("NOBODY ANSWERS 1 of 2 open, 1 RING ON; 1 with you"), "{both}");
}

#[test]
fn who_comes_is_shown_with_the_time_and_who_is_late_as_late() {
    let comes = |expected_ms| {
        let row = owned(alert(1, "a", 50), "李明");
        let row =
            AlertRow { state: "responding".to_owned(), expected_ms, climbs_on_ms: None, ..row };
        screens::drawn_small(&Driven::with(vec![row]).desk)
    };
    assert!(comes(None).contains("on the way"));
    assert!(comes(Some(NOW + 600_000)).contains("here at 14:10"));
    assert!(comes(Some(NOW - 60_000)).contains("late, 13:59"));
}
