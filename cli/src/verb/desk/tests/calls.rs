//! Calls that come in at a desk.

use linli_node::api::calls::{CallElder, CallOwner, CallRow};
use uuid::Uuid;

use super::{
    super::state::{Deed, Row},
    *,
};

fn elder(number: u8, name: &str) -> CallElder {
    CallElder {
        elder: Uuid::from_u128(number.into()).to_string(),
        names: vec![name.to_owned()],
        addresses: vec![format!("{number} East Street")],
        own: number == 1,
    }
}

/// A call that rings.
fn call(number: u8, elders: Vec<CallElder>) -> CallRow {
    CallRow {
        call: format!("call {number}"),
        number: Some(format!("1380000000{number}")),
        first_ms: NOW - 5_000 - u64::from(number),
        last_ms: NOW - 5_000,
        times: 1,
        rings: true,
        elders,
        ..CallRow::default()
    }
}

fn taken(call: CallRow, person: &str) -> CallRow {
    let owner = CallOwner { person: format!("id of {person}"), name: person.to_owned() };
    CallRow { owner: Some(owner), rings: false, ..call }
}

impl Driven {
    fn calls(&mut self, alerts: Vec<AlertRow>, calls: Vec<CallRow>) {
        let (mark, gone) = (format!("mark {}", self.watch), Vec::new());
        let calls = Some(calls);
        let watched = AlertWatched {
            mark,
            whole: true,
            alerts,
            gone,
            complete: true,
            calls,
            calls_dropped: 0,
            plans: Vec::new(),
            monitoring: Vec::new(),
        };
        self.happens(Event::Watched(self.watch, watched));
    }

    fn with_call(call: CallRow) -> Self {
        let mut driven = Self::with(vec![]);
        driven.calls(vec![], vec![call]);
        driven.effects.clear();
        driven
    }
}

fn about(call: &CallRow, what: What) -> (String, What) {
    (call.call.clone(), what)
}

#[test]
fn a_call_rings_twice_and_pauses_until_somebody_takes_it() {
    let rings = call(1, vec![]);
    let mut driven = Driven::with(vec![]);
    driven.bells();
    driven.calls(vec![], vec![rings.clone()]);
    assert_eq!(driven.bells(), 1, "at once");
    let mut strokes = Vec::new();
    for half in 1..=16 {
        driven.now.steady += 500;
        driven.happens(Event::Tick);
        if driven.bells() > 0 {
            strokes.push(half);
        }
    }
    assert_eq!(strokes, [1, 8, 9, 16], "in halves of a second: an alert rings each three seconds");
    for quiet in [
        vec![taken(rings.clone(), "王芳")],
        vec![CallRow { rings: false, ..rings.clone() }],
        vec![],
    ] {
        driven.calls(vec![], vec![rings.clone()]);
        driven.calls(vec![], quiet);
        driven.bells();
        driven.after_s(10);
        assert_eq!(driven.bells(), 0);
    }
    // What is heard of a node that is gone is old.
    driven.calls(vec![], vec![rings]);
    driven.happens(Event::Unwatched(driven.watch, Lost::Node));
    driven.bells();
    driven.after_s(4);
    assert_eq!(driven.bells(), 0);
}

#[test]
fn calls_stand_among_the_alerts_and_one_that_was_missed_stays() {
    let alerts = vec![alert(1, "a", 50), owned(alert(2, "b", 40), "王芳")];
    let missed = CallRow { rings: false, ..call(2, vec![]) };
    let calls = vec![call(1, vec![]), missed.clone(), taken(call(3, vec![]), "王芳")];
    let mut driven = Driven::with(vec![]);
    driven.calls(alerts.clone(), calls);
    let rows: Vec<String> = driven.desk.rows().iter().map(|row| row.id().to_owned()).collect();
    let (first, second) = (alerts[0].alert.as_str(), alerts[1].alert.as_str());
    let ids = [first, "call 1", second, "call 2", "call 3"];
    assert_eq!(rows, ids);
    assert_eq!(driven.desk.calls_waiting(), (1, 1));
    let board = screens::drawn_small(&driven.desk);
    assert!(board.contains("CALLS: 1 ring, 1 missed"), "{board}");
    assert!(board.contains("missed call") && board.contains("unknown "), "{board}");
    // Alerts that change take no call away.
    driven.watched(false, vec![owned(alerts[0].clone(), "李明")], &[]);
    assert_eq!(driven.desk.rows().len(), 5);
    driven.calls(alerts, vec![missed.clone()]);
    driven.after_s(3_600);
    assert!(driven.desk.rows().contains(&Row::Call(&missed)));
}

#[test]
fn what_the_node_does_not_show_of_calls_is_said() {
    let mut driven = Driven::with(vec![]);
    let watched = AlertWatched {
        mark: String::new(),
        whole: false,
        alerts: vec![],
        gone: vec![],
        complete: true,
        calls: None,
        calls_dropped: 7,
        plans: Vec::new(),
        monitoring: Vec::new(),
    };
    assert!(!screens::drawn_small(&driven.desk).contains("not shown"));
    driven.happens(Event::Watched(driven.watch, watched));
    let board = screens::drawn_small(&driven.desk);
    assert!(board.contains("nobody waits; 0 with you  7 calls not shown\n"), "{board}");
}

#[test]
fn each_act_on_a_call_is_one_key() {
    let one = Uuid::from_u128(1);
    let known = call(1, vec![elder(1, "王秀英")]);
    let mine = taken(known.clone(), "李明");
    for (row, keys, what) in [
        (&known, "a", What::Call("take", None)),
        (&known, "c", What::CallerCard(one)),
        (&known, "n", What::Call("raise", Some(one))),
        (&mine, "n", What::Call("raise", Some(one))),
        (&mine, "e", What::Call("done", None)),
    ] {
        let mut driven = Driven::with_call(row.clone());
        driven.types(keys);
        assert_eq!(driven.asks(), [about(row, what)], "{keys:?}");
    }
    for (row, keys, said) in [
        (known.clone(), "e", "desk-call-first"),
        (known.clone(), "t", "desk-call-first"),
        (mine, "a", "desk-call-yours"),
        (taken(known.clone(), "王芳"), "a", "desk-call-has-it"),
        (taken(known.clone(), "王芳"), "n", "desk-call-has-it"),
        (taken(known.clone(), "王芳"), "e", "desk-call-has-it"),
    ] {
        let mut driven = Driven::with_call(row);
        driven.types(keys);
        assert_eq!((driven.asks(), driven.said()), (vec![], said), "{keys:?}");
    }
    let others = taken(known, "王芳");
    let mut driven = Driven::with_call(others.clone());
    driven.types("ty");
    let asked = driven.effects.iter().find_map(|effect| {
        let Effect::Ask(asked, _) = effect else { return None };
        Some(asked.clone())
    });
    let from = Some("id of 王芳".to_owned());
    let what = What::Call("take-over", None);
    assert_eq!(asked, Some(Asked { about: others.call, what, word: from }));
}

#[test]
fn of_several_elders_and_of_none_the_person_at_the_desk_says_who_it_is() {
    let both = call(1, vec![elder(1, "王秀英"), elder(2, "李大山")]);
    let second = Uuid::from_u128(2);
    let mut driven = Driven::with_call(both.clone());
    driven.types("n");
    assert!(driven.asks().is_empty());
    driven.happens(Event::Key(Key::Down));
    driven.types("\r");
    assert_eq!(driven.asks(), [about(&both, What::Call("raise", Some(second)))]);

    let stranger = call(2, vec![]);
    let mut driven = Driven::with_call(stranger.clone());
    driven.types("c东街\r");
    let asked = Asked {
        about: stranger.call.clone(),
        what: What::Find(Some(Deed::Card)),
        word: Some("东街".to_owned()),
    };
    assert_eq!(driven.asks(), [about(&stranger, asked.what)]);
    driven.happens(Event::Found(asked, vec![elder(1, "王秀英"), elder(2, "李大山")]));
    let shown = screens::drawn_small(&driven.desk);
    assert!(shown.contains("李大山") && shown.contains("2 East Street"), "{shown}");
    driven.happens(Event::Key(Key::Down));
    driven.types("\r");
    let who = about(&stranger, What::Call("who", Some(second)));
    assert_eq!(driven.asks(), [who, about(&stranger, What::CallerCard(second))]);
    // The alert that is raised is what keys act upon.
    let asked = Asked::of(stranger.call.clone(), What::Call("raise", Some(second)));
    let mine = owned(alert(7, "李大山", 1), "李明");
    let alert = mine.alert.clone();
    let raised =
        |owned| Event::Raised { asked: asked.clone(), alert: alert.clone(), stored: true, owned };
    driven.happens(raised(false));
    assert_eq!(driven.said(), "desk-raised-nobody");
    driven.happens(raised(true));
    driven.desk.screen = Screen::Board;
    driven.calls(vec![mine.clone()], vec![taken(stranger, "李明")]);
    assert_eq!((driven.desk.chosen(), driven.said()), (Some(&mine), "desk-raised"));
}

#[test]
fn at_a_locked_desk_an_act_on_a_call_waits_for_the_pin() {
    let known = call(1, vec![elder(1, "王秀英")]);
    let mut driven = Driven::new(false);
    driven.calls(vec![], vec![known.clone()]);
    driven.types("\u{1b}n");
    assert!(driven.asks().is_empty());
    let board = screens::drawn_small(&driven.desk);
    assert!(board.contains("After the PIN: raise an alert, 王秀英"), "{board}");
    driven.seated("李明");
    assert_eq!(driven.asks(), [about(&known, What::Call("raise", Some(Uuid::from_u128(1))))]);
}
