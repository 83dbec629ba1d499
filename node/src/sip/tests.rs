use super::*;

fn settings(more: &str) -> Sip {
    let text = format!(
        "server = \"127.0.0.1:9\"\naddress = \"127.0.0.1:9\"\nuser = \"linli\"\nlanguage = \"en\"\n{more}"
    );
    toml::from_str(&text).unwrap()
}

fn told(alert: u128, number: &str, drill: bool) -> Told {
    let (alert, way, phone) = (Uuid::from_u128(alert), Way::Contact, Some(number.into()));
    Told { alert, way, what: None, drill, phone }
}

#[test]
fn one_alert_and_all_drills_leave_lines_for_others_and_for_emergencies() {
    let (trunk, _) = Trunk::load(&settings(""));
    let mut held = Vec::new();
    let mut take = |alert, number, drill| {
        let line = trunk.line(&told(alert, number, drill));
        let is_free = line.is_some();
        held.extend(line);
        is_free
    };
    let contact = "13800138000";
    assert!(take(1, contact, false) && take(1, contact, false) && !take(1, contact, false));
    assert!(take(2, contact, true) && take(3, contact, true) && !take(4, contact, true));
    assert!(take(5, contact, false) && take(5, contact, false) && !take(6, contact, false));
    assert!(take(1, "120", false) && take(6, "120", false) && !take(6, "120", false));
    held.clear();
    assert!(trunk.line(&told(1, contact, false)).is_some());
    assert_eq!(trunk.of_one.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn in_a_drill_the_telephone_calls_no_emergency_service() {
    let trunk = Arc::new(Trunk::load(&settings("")).0);
    for (number, drill, end) in
        [("9120", true, CallEnd::NoNumber), ("9120", false, CallEnd::NoLine)]
    {
        let told = told(1, number, drill);
        let line = trunk.line(&told).unwrap();
        assert_eq!(Arc::clone(&trunk).call(told, [0; 16], line, Arc::default()).await, end);
    }
}

#[test]
fn what_is_lost_of_the_telephone_is_said_and_keeps_no_node_from_starting() {
    let more = "password_file = \"/nowhere\"\n[[prompts]]\nlanguage = \"en\"\nfile = \"/no.wav\"\n";
    let (trunk, wrong) = Trunk::load(&settings(more));
    assert_eq!(wrong.len(), 4, "{wrong:?}");
    assert!(!trunk.prompt(None, false).has_words);
    assert_eq!(trunk.password.as_str(), "");
}
