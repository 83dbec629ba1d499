//! What a desk looks like, in both languages, in small and large terminals.

use linli_node::config::Environment;

use super::{
    super::{line::width, view::View},
    *,
};
use crate::{
    moment::Zone,
    text::{Language, Text},
};

/// Set to write the screens that are kept.
const WRITE: &str = "LINLI_WRITE_SCREENS";

fn zone() -> Zone {
    Zone::choose(&Environment::of(&[("LINLI_TZ", "Asia/Shanghai")])).unwrap()
}

fn drawn(desk: &Desk, language: Language, size: (usize, usize)) -> Vec<String> {
    let (text, zone) = (Text::of(language), zone());
    let lines = View::new(&text, &zone, size).lines(desk);
    lines.iter().map(|line| line.text().trim_end().to_owned()).collect()
}

/// A small screen in English.
pub(super) fn drawn_small(desk: &Desk) -> String {
    drawn(desk, Language::En, (80, 24)).join("\n")
}

/// A morning at the desk.
fn busy() -> Driven {
    let fall =
        AlertRow { kind: Some("fall".to_owned()), stored: false, ..alert(1, "王秀英", 97) };
    let smoke = AlertRow {
        kind: Some("carbon_monoxide".to_owned()),
        hub_heard_ms: Some(NOW - 700_000),
        ..alert(2, "欧阳建国 / 歐陽建國", 4_000)
    };
    let drill = AlertRow { drill: true, hub_heard_ms: None, ..alert(3, "Li Na", 12) };
    let mine = owned(alert(4, "赵六", 300), "李明");
    let there = AlertRow {
        arrived_ms: Some(NOW),
        called_off: true,
        handed_to: vec!["ambulance".to_owned()],
        ..owned(alert(5, "孙七", 200_000), "王芳")
    };
    let silence =
        AlertRow { kind: Some("silence".to_owned()), climbs: false, ..alert(6, "周八", 7_300) };
    let old = ended(alert(7, "吴九", 4_000), "王芳");
    let yesterday = AlertRow {
        resolved_ms: Some(NOW - 86_000_000),
        ..ended(alert(8, "郑十", 86_400), "王芳")
    };
    Driven::with(vec![fall, smoke, drill, mine, there, silence, old, yesterday])
}

/// Every screen that is kept, by name.
fn screens() -> Vec<(&'static str, Driven)> {
    let chosen = |keys: &str| {
        let mut driven = busy();
        driven.desk.chosen = Some(alert(4, "", 0).alert);
        driven.types(keys);
        driven
    };
    let mut resolved = busy();
    resolved.desk.screen = Screen::Resolved;
    let mut begins = Driven::new(false);
    begins.happens(Event::Tick);
    let mut gone = busy();
    gone.happens(Event::Unwatched(gone.watch, Lost::Node));
    gone.now.wall += 45_000;
    gone.now.steady += 45_000;
    gone.happens(Event::Checked(Health::Silent));
    let mut reading = chosen("\r");
    let lines = (1..=60).map(|n| format!("  line {n} 王秀英 {}", "one two three ".repeat(n % 9)));
    let asked = Asked::of(alert(4, "", 0).alert, What::History);
    reading.happens(Event::Read(asked, lines.collect()));
    vec![
        ("board", busy()),
        ("resolved", resolved),
        ("begins", begins),
        ("gone", gone),
        ("outcome", chosen("e")),
        ("reading", reading),
        ("help", chosen("?")),
    ]
}

#[test]
fn screens_look_as_they_are_kept() {
    for (name, driven) in screens() {
        for (language, of) in [(Language::En, "en"), (Language::Zh, "zh")] {
            for size in [(80, 24), (120, 40)] {
                let drawn = format!("{}\n", drawn(&driven.desk, language, size).join("\n"));
                let file = format!("{name}-{of}-{}x{}.txt", size.0, size.1);
                let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/screens");
                let path = std::path::Path::new(folder).join(&file);
                if std::env::var_os(WRITE).is_some() {
                    std::fs::write(&path, &drawn).unwrap();
                }
                let kept = std::fs::read_to_string(&path).unwrap_or_default();
                assert_eq!(drawn, kept, "{file}: look at it, then set {WRITE}");
            }
        }
    }
}

#[test]
fn every_screen_fits_every_terminal() {
    for (name, driven) in screens() {
        for language in [Language::En, Language::Zh] {
            for columns in [20, 33, 79, 80, 81, 100, 120, 200] {
                for rows in [8, 11, 24, 40, 70] {
                    let (text, zone) = (Text::of(language), zone());
                    let lines = View::new(&text, &zone, (columns, rows)).lines(&driven.desk);
                    assert_eq!(lines.len(), rows, "{name} at {columns}x{rows}");
                    for line in lines {
                        assert!(width(&line.text()) <= columns, "{name} at {columns}: {line:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_keys_and_questions_are_whole_at_80_columns() {
    let keys = [
        "desk-keys",
        "desk-keys-call",
        "desk-keys-elders",
        "desk-keys-resolved",
        "desk-keys-read",
        "desk-help",
    ];
    for language in [Language::En, Language::Zh] {
        let text = Text::of(language);
        for line in keys
            .iter()
            .flat_map(|key| text.find(key).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
        {
            assert!(width(&line) < 80, "{line:?}: {}", width(&line));
        }
        for key in ["h", "e", "t", "q", "\u{1b}l\u{1b}a"] {
            let mut driven = busy();
            let row = if key == "t" { 5 } else { 4 };
            driven.desk.chosen = Some(alert(row, "", 0).alert);
            driven.types(key);
            let wide = drawn(&driven.desk, language, (200, 24)).join("\n");
            assert_eq!(drawn(&driven.desk, language, (80, 24)).len(), 24);
            let question = wide.lines().find(|line| line.contains("Esc") || line.contains("y/n"));
            let question = question.unwrap_or_else(|| panic!("{key:?}: {wide}"));
            assert!(width(question) <= 80, "{question:?}: {}", width(question));
        }
    }
}

#[test]
fn nobody_and_a_chosen_row_are_seen_without_colour() {
    let board = drawn(&busy().desk, Language::En, (80, 24)).join("\n");
    assert_eq!(board.matches("!! NOBODY  ").count(), 4, "{board}");
    assert!(board.contains("\n>!!"), "{board}");
    assert!(board.contains("YOU 李明") && board.contains("UNSAVED"), "{board}");
}

#[test]
fn what_was_given_up_is_not_said_to_be_heard_again() {
    let silence = AlertRow { climbs: false, ..alert(1, "a", 5_000) };
    let given_up = AlertRow { stored: false, ..silence.clone() };
    for (row, said) in [(silence, "heard again"), (given_up, "rings no more")] {
        let board = drawn_small(&Driven::with(vec![row]).desk);
        let seen = ["heard again", "rings no more"].map(|words| board.contains(words));
        assert_eq!(seen, [said == "heard again", said == "rings no more"], "{board}");
    }
}

#[test]
fn the_chosen_row_is_in_sight_among_hundreds() {
    let rows: Vec<AlertRow> =
        (0..200).map(|n| alert(n, &format!("elder {n:03}"), 1_000 - u64::from(n))).collect();
    let mut driven = Driven::with(rows);
    let mut seen = 0;
    for place in 0..200 {
        let shown = drawn(&driven.desk, Language::En, (80, 24)).join("\n");
        assert!(shown.contains(&format!(" elder {place:03} ")), "{place}: {shown}");
        seen += 1;
        driven.happens(Event::Key(Key::Down));
    }
    assert_eq!(seen, 200);
}
