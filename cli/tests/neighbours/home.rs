//! The page at home: pressed in a real browser, and guarded from whoever else is on the flat's network.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
};

use linli_tests::capability::{Capability, requires};
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    community::{add_elder, centre_and_hub, folder, id, met, parted, sees},
    site::{Desk, Site, wait},
};

/// The number that the page shows when the hub is away.
const PHONE: &str = "0571-88001234";

/// Starts the hub again with a page; returns its port.
fn with_page(hub: &mut Site) -> u16 {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut file = File::options().append(true).open(hub.data().join("linli.toml")).unwrap();
    write!(file, "[tablets]\nlisten = \"127.0.0.1:{port}\"\nphone = \"{PHONE}\"\n").unwrap();
    hub.stop();
    hub.up();
    port
}

/// One HTTP request with these lines in its head; returns the status and all that came back.
fn http(port: u16, request: &str, head: &[&str], body: &str) -> (u16, String) {
    let mut stream = wait("the page is served", || TcpStream::connect(("127.0.0.1", port)).ok());
    let lines = head.iter().map(|line| format!("{line}\r\n")).collect::<String>();
    let length = body.len();
    write!(
        stream,
        "{request} HTTP/1.1\r\nConnection: close\r\n{lines}Content-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

/// Pairs a tablet; returns the line of the head that proves it.
fn paired(hub: &Desk, port: u16, label: &str) -> String {
    let code = hub.ask(&["device", "tablet", "add", "--label", label]);
    let form = format!("code={}", code["code"].as_str().unwrap());
    let host = format!("Host: 127.0.0.1:{port}");
    let (status, answer) = http(port, "POST /pair", &[&host], &form);
    assert!(status == 303 && answer.contains("location: /\r\n"), "{answer}");
    assert!(answer.contains("HttpOnly; SameSite=Strict"), "{answer}");
    let cookie = answer.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap();
    format!("Cookie: {cookie}")
}

fn alerts(desk: &Desk, kind: &str) -> Vec<Value> {
    let all = desk.ask(&["alert", "list", "--all"]);
    all.as_array().unwrap().iter().filter(|row| row["kind"] == kind).cloned().collect()
}

/// What is asked for at home, as a paired tablet is told.
fn home(port: u16, cookie: &str) -> Value {
    let host = format!("Host: 127.0.0.1:{port}");
    let (status, answer) = http(port, "GET /state", &[&host, cookie], "");
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

const PRESS: &str = "0b9aa7c0-5e4d-4f3a-9d53-2f7f5c7b9a11";

#[test]
fn who_is_not_paired_sees_nobody_and_presses_nothing() {
    let folder = folder();
    let (_centre, mut hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    let without = hub.run(&["device", "tablet", "add"]);
    assert!(without.refusal().1.contains("[tablets]"), "{without:?}");
    let port = with_page(&mut hub);
    let host = format!("Host: 127.0.0.1:{port}");
    let json = "Content-Type: application/json";
    let form = "Content-Type: application/x-www-form-urlencoded";
    let press = json!({ "press": PRESS, "kind": "help", "elder": elder }).to_string();

    let (status, page) = http(port, "GET /", &[&host], "");
    assert!(status == 200 && !page.contains("王秀英"), "{page}");
    assert!(
        page.contains("content-security-policy: default-src 'none'; script-src 'self'"),
        "{page}"
    );
    for (request, kind, body) in [
        ("GET /state", json, ""),
        ("POST /press", json, press.as_str()),
        ("POST /cancel", json, "{}"),
    ] {
        let (status, answer) = http(port, request, &[&host, kind], body);
        assert!(status == 401 && !answer.contains("王秀英"), "{request}: {answer}");
    }
    let (status, answer) = http(port, "POST /press", &[&host, form], "");
    assert!(status == 303 && answer.contains("location: /pair\r\n"), "{answer}");
    let (status, answer) = http(port, "POST /pair", &[&host], "code=000000000000");
    assert!(status == 303 && answer.contains("location: /pair#wrong"), "{answer}");

    let cookie = paired(&hub, port, "kitchen");
    assert_eq!(home(port, &cookie)["state"]["elders"][0]["name"], "王秀英");
    // Under another name, and from pages of others, not even with the cookie.
    for (status, head) in [
        (403, vec!["Host: evil.example", cookie.as_str(), json]),
        (403, vec!["Host: 127.0.0.1:1", &cookie, json]),
        (403, vec![&host, "Origin: http://evil.example", &cookie, json]),
        (403, vec![&host, "Origin: null", &cookie, json]),
        (403, vec![&host, "Sec-Fetch-Site: same-site", &cookie, json]),
        (400, vec![&host, &cookie, "Content-Type: text/plain"]),
    ] {
        let answer = http(port, "POST /press", &head, &press);
        assert_eq!(answer.0, status, "{head:?}: {}", answer.1);
    }
    let (status, _) = http(port, "POST /press", &[&host, &cookie, json], &"x".repeat(5_000));
    assert_eq!(status, 413);
    assert_eq!(alerts(&hub, "button"), Vec::<Value>::new());

    // The same press twice, and another right after it, are one alert.
    for _ in 0..2 {
        let (status, answer) = http(port, "POST /press", &[&host, &cookie, json], &press);
        assert!(status == 200 && answer.contains("\"stored\":true"), "{answer}");
    }
    let another = press.replace("0b9aa7c0", "0b9aa7c1");
    assert_eq!(http(port, "POST /press", &[&host, &cookie, json], &another).0, 200);
    assert_eq!(alerts(&hub, "button").len(), 1);
    // Each of them takes back what they came to.
    let back = json!({ "request": PRESS.replace("0b9aa7c0", "0b9aa7c1") }).to_string();
    assert_eq!(http(port, "POST /cancel", &[&host, &cookie, json], &back).0, 200);
    assert_eq!(home(port, &cookie)["state"]["requests"][0]["stage"], "cancelled");
    // Help for somebody whom the hub does not list is help for everybody.
    let unknown = press.replace(&elder, PRESS).replace("0b9aa7c0-", "0b9aa7c2-");
    assert_eq!(http(port, "POST /press", &[&host, &cookie, json], &unknown).0, 200);
    assert_eq!(alerts(&hub, "button").len(), 2);
    // A form is answered by a page that nobody keeps, and that says what came of this press.
    let (status, answer) = http(port, "POST /press", &[&host, &cookie, form], "");
    assert!(status == 200 && answer.contains("已求助") && answer.contains(PHONE), "{answer}");
    assert!(answer.contains("cache-control: no-store") && answer.contains("60;url=/"), "{answer}");

    // A tablet that was given away is one no more, from the next request on, and stays so.
    let listed = hub.ask(&["device", "tablet", "list"]);
    assert_eq!(listed[0]["label"], "kitchen");
    assert!(listed[0]["seen_ms"].is_u64(), "{listed}");
    hub.ask(&["device", "tablet", "remove", "kitchen"]);
    assert_eq!(http(port, "GET /state", &[&host, &cookie], "").0, 401);
    hub.kill();
    hub.up();
    assert_eq!(http(port, "GET /state", &[&host, &cookie], "").0, 401);
    assert_eq!(hub.ask(&["device", "tablet", "list"]), json!([]));
}

#[test]
fn a_call_and_a_meal_reach_the_desk_and_alarm_nobody() {
    let folder = folder();
    let (centre, mut hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    hub.ask(&["elder", "edit", &elder, "card/allergies", "青霉素"]);
    // Others' ladders dial; a wish to be called climbs none of them.
    let ladder = ["--step", "dial-out:120@0s", "--step", "siren@0s"];
    hub.ask(&[&["alert", "ladder", &elder], &ladder[..]].concat());
    centre.ask(&["person", "add", "高主任", "--role", "operator"]);
    let port = with_page(&mut hub);
    met(&hub, &centre);
    let cookie = paired(&hub, port, "kitchen");
    let host = format!("Host: 127.0.0.1:{port}");
    let json = "Content-Type: application/json";
    for kind in ["call", "meal"] {
        let press = json!({ "press": PRESS, "kind": kind, "elder": elder }).to_string();
        for _ in 0..2 {
            assert_eq!(http(port, "POST /press", &[&host, &cookie, json], &press).0, 200);
        }
        let nobody = json!({ "press": PRESS, "kind": kind, "elder": null }).to_string();
        assert_eq!(http(port, "POST /press", &[&host, &cookie, json], &nobody).0, 400);
    }
    let call = wait("the desk has the call", || alerts(&centre, "call").pop());
    assert_eq!(call["names"], json!(["王秀英"]));
    let call = call["alert"].as_str().unwrap();
    let shown = centre.ask(&["alert", "show", call]);
    let steps = shown["view"]["ladder"]["steps"].as_array().unwrap();
    assert!(steps.len() == 1 && steps[0]["does"]["act"] == "duty_desk", "{shown}");
    let card = centre.run(&["--as", "高主任", "alert", "card", call]);
    assert_eq!(card.refusal().0, "forbidden");
    let report = centre.ask(&["alert", "report"]);
    assert_eq!((&report["alerts"], &report["kinds"]["call"]), (&json!(0), &json!(1)), "{report}");
    let meal = centre
        .await_answer(&["order", "list"], |list| list[0]["order"].as_str().map(str::to_owned));
    assert_eq!(centre.ask(&["order", "show", &meal])["request"]["service"], "daily.meal_delivery");
    assert_eq!(hub.ask(&["order", "list"]).as_array().unwrap().len(), 1);

    // Both are shown as with the centre, also after a power cut of the hub.
    let stages = |wanted: [&str; 2]| {
        wait(&wanted.join(" and "), || {
            let shown = home(port, &cookie)["state"]["requests"].clone();
            let stage = |kind: &str| {
                let all = shown.as_array()?.iter();
                Some(all.clone().find(|row| row["kind"] == kind)?["stage"].clone())
            };
            let found = [stage("call")?, stage("meal")?];
            (found == wanted).then_some(())
        });
    };
    stages(["reached", "reached"]);
    hub.kill();
    hub.up();
    centre.ask(&["--as", "高主任", "alert", "ack", call]);
    stages(["taken", "reached"]);
    for id in [call, &meal] {
        let back = json!({ "request": id }).to_string();
        assert_eq!(http(port, "POST /cancel", &[&host, &cookie, json], &back).0, 200);
    }
    stages(["cancelled", "cancelled"]);
    centre.ask(&["--as", "高主任", "alert", "false-alarm", call]);
    stages(["done", "cancelled"]);
    let back = json!({ "request": call }).to_string();
    assert_eq!(http(port, "POST /cancel", &[&host, &cookie, json], &back).0, 409, "it is over");
}

#[test]
fn an_old_couple_presses_and_sees_who_comes() {
    if !requires(Capability::Browser) {
        return;
    }
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let wang = add_elder(&hub, "王秀英");
    let li = add_elder(&hub, "李德顺");
    sees(&centre, &li);
    centre.ask(&["person", "add", "高主任", "--role", "operator"]);
    let port = with_page(&mut hub);
    met(&hub, &centre);
    let page = format!("http://127.0.0.1:{port}/");
    let mut tablet = Browser::begin(&folder.path().join("profile"));

    // Not paired yet.
    tablet.open(&page);
    tablet.does("at", json!({ "path": "/pair" }));
    tablet.is_accessible();
    tablet.shot("pair-zh.png");
    assert!(!tablet.text().contains("王秀英"));
    let url = hub.ask(&["device", "tablet", "add"])["url"].as_str().unwrap().to_owned();
    tablet.open(&url);
    tablet.does("at", json!({ "path": "/" }));
    tablet.sees("王秀英");
    tablet.is_accessible();
    tablet.shot("home-zh.png");

    // One tap, or two.
    tablet.does("double", json!({ "name": "求助 王秀英" }));
    tablet.sees("中心已收到");
    let all = wait("the centre has the alert", || {
        Some(alerts(&centre, "button")).filter(|all| !all.is_empty())
    });
    assert_eq!((all.len(), &all[0]["elder"]), (1, &json!(wang)));
    let spoken = tablet.does("spoken", json!({})).to_string();
    assert!(spoken.contains("zh-CN 已按求助"), "{spoken}");
    let alert = all[0]["alert"].as_str().unwrap();
    centre.ask(&["--as", "高主任", "alert", "ack", alert]);
    tablet.sees("话务员 高主任");
    centre.ask(&["--as", "高主任", "alert", "respond", alert]);
    tablet.sees("正在赶来");
    tablet.shot("coming-zh.png");
    tablet.is_accessible();

    // She is well after all.
    tablet.click("求助 李德顺");
    tablet.sees("中心已收到");
    tablet.click("我没事，取消");
    tablet.sees("已取消求助");
    centre.await_answer(&["alert", "list"], |list| {
        let second = list.as_array()?.iter().find(|row| row["elder"] == json!(li))?;
        let shown = centre.ask(&["alert", "show", second["alert"].as_str()?]);
        (shown["view"]["called_off"] == true).then_some(())
    });

    without_the_hub(&centre, &mut hub, &mut tablet, &page);
    in_english(&mut tablet);
    without_a_centre(&mut centre, &hub, &mut tablet);

    let said = tablet.does("plain", json!({ "url": page }));
    assert!(said.as_str().unwrap().contains("已求助"), "{said}");
    wait("both asked for help", || (alerts(&centre, "button").len() == 5).then_some(()));
    assert_eq!(tablet.does("errors", json!({})), json!([]));
    hub.ask(&["device", "tablet", "remove", "tablet"]);
    tablet.does("at", json!({ "path": "/pair" }));
    assert!(!tablet.text().contains("王秀英"));
}

/// What is pressed while the hub is away waits on the tablet, says so, and arrives once, also when the tablet restarts.
fn without_the_hub(centre: &Desk, hub: &mut Site, tablet: &mut Browser, page: &str) {
    let before = id(hub);
    hub.kill();
    parted(centre, &before);
    tablet.click("请回电 李德顺");
    tablet.sees("还没有送到家里的主机");
    tablet.sees(PHONE);
    tablet.shot("away-zh.png");
    tablet.is_accessible();
    tablet.does("again", json!({}));
    tablet.open(page);
    tablet.sees("还没有送到家里的主机");
    tablet.sees("家里的主机没有应答");
    tablet.sees("高主任");
    assert_eq!(alerts(centre, "call"), Vec::<Value>::new());
    // It is said aloud too, with the number, and not that anybody is being told.
    tablet.click("求助 王秀英");
    let spoken = tablet.does("spoken", json!({}));
    let last = spoken.as_array().unwrap().last().unwrap().as_str().unwrap();
    assert!(last.contains("还没有送到家里的主机") && last.contains(PHONE), "{spoken}");
    tablet.click("我没事，取消");
    // A tablet that knows nobody keeps what is pressed too.
    let kept = tablet.does("forget", json!({}));
    tablet.open(page);
    tablet.click("求助 Help");
    tablet.sees("还没有送到家里的主机");
    tablet.click("我没事，取消");
    tablet.does("remember", json!({ "kept": kept }));
    hub.up();
    let call = wait("the call arrives", || alerts(centre, "call").pop());
    assert_eq!(call["names"], json!(["李德顺"]));
    tablet.does("gone", json!({ "text": "家里的主机没有应答" }));
    tablet.does("gone", json!({ "text": "还没有送到家里的主机" }));
    assert_eq!(alerts(centre, "call").len(), 1);
}

/// Help that stays at the hub: the page says so, aloud too, and shows whom to call.
fn without_a_centre(centre: &mut Site, hub: &Desk, tablet: &mut Browser) {
    let before = id(centre);
    centre.kill();
    parted(hub, &before);
    tablet.click("Help 王秀英");
    tablet.sees("cannot reach the centre");
    let notice = format!("The centre does not have it yet. In need, telephone {PHONE}");
    tablet.sees("The centre does not have it yet");
    tablet.sees(PHONE);
    tablet.shot("no-centre-en.png");
    tablet.is_accessible();
    let spoken = tablet.does("spoken", json!({})).to_string();
    assert!(spoken.contains(&notice), "{spoken}");
    centre.up();
    let button = wait("the centre has it", || {
        alerts(centre, "button")
            .into_iter()
            .find(|row| row["owner"].is_null() && row["names"] == json!(["王秀英"]))
    });
    centre.ask(&["--as", "高主任", "alert", "ack", button["alert"].as_str().unwrap()]);
    tablet.sees("Somebody has it");
    tablet.does("gone", json!({ "text": "The centre does not have it yet" }));
}

/// In English, by keyboard, with letters twice as large, on a telephone.
fn in_english(tablet: &mut Browser) {
    tablet.click("English");
    tablet.sees("On the way");
    tablet.is_accessible();
    tablet.shot("home-en.png");
    let mut passed = Vec::new();
    while passed.last().is_none_or(|name| name != "Meal 王秀英") {
        tablet.does("key", json!({ "key": "Tab" }));
        passed.push(tablet.does("focused", json!({})).as_str().unwrap().to_owned());
        assert!(passed.len() < 12, "{passed:?}");
    }
    tablet.does("key", json!({ "key": "Enter" }));
    tablet.sees("Meal 王秀英");
    tablet.sees("Cancel");
    for (width, height, name) in [(390, 700, "phone-en.png"), (800, 1280, "large-en.png")] {
        tablet.does("size", json!({ "width": width, "height": height }));
        tablet.shot(name);
        let beyond = tablet.does("zoom", json!({ "percent": 200 }));
        assert!(beyond.as_i64().unwrap() <= 0, "{name}: {beyond} beyond the edge");
        tablet.shot(&format!("twice-{name}"));
        tablet.does("zoom", json!({ "percent": 100 }));
    }
}

#[test]
fn what_nobody_pressed_is_shown_and_who_comes_says_when() {
    if !requires(Capability::Browser) {
        return;
    }
    let folder = folder();
    let (centre, mut hub) = centre_and_hub(folder.path());
    let wang = add_elder(&hub, "王秀英");
    sees(&centre, &wang);
    centre.ask(&["person", "add", "高主任", "--role", "operator"]);
    let port = with_page(&mut hub);
    met(&hub, &centre);
    let page = format!("http://127.0.0.1:{port}/");
    let mut tablet = Browser::begin(&folder.path().join("profile"));
    let url = hub.ask(&["device", "tablet", "add"])["url"].as_str().unwrap().to_owned();
    tablet.open(&url);
    tablet.sees("王秀英");
    let audit = wait("the pairing is in the audit", || {
        let audit = hub.ask(&["keys", "audit"]).to_string();
        audit.contains("tablet-paired").then_some(audit)
    });
    assert!(!audit.contains("tablet-removed"), "{audit}");

    let fall = hub.ask(&["alert", "raise", &wang, "--kind", "fall"])["alert"].clone();
    let fall = fall.as_str().unwrap();
    tablet.sees("跌倒");
    wait("it is said aloud", || {
        tablet.does("spoken", json!({})).to_string().contains("跌倒").then_some(())
    });
    assert!(!tablet.text().contains("我没事，取消"), "nobody pressed it");
    centre.await_answer(&["alert", "list"], |list| (list[0]["alert"] == fall).then_some(()));
    centre.ask(&["--as", "高主任", "alert", "ack", fall]);
    let far = centre.run(&["--as", "高主任", "alert", "respond", fall, "--eta", "241"]);
    assert!(far.code > 0, "{far:?}");
    centre.ask(&["--as", "高主任", "alert", "respond", fall, "--eta", "20"]);
    let comes = format!("话务员 高主任 约 {} 到", expected(&centre, fall));
    tablet.sees(&comes);
    wait("it is said aloud", || {
        tablet.does("spoken", json!({})).to_string().contains(&comes).then_some(())
    });
    tablet.shot("expected-zh.png");
    tablet.is_accessible();
    tablet.click("English");
    tablet.sees("comes at about");
    tablet.shot("expected-en.png");
    tablet.is_accessible();
    centre.ask(&["--as", "高主任", "alert", "respond", fall, "--eta", "0"]);
    tablet.sees("was expected at");
    tablet.shot("late-en.png");
    tablet.click("中文");
    tablet.sees("原定");
    tablet.shot("late-zh.png");
    tablet.is_accessible();

    kept_for_two_hours(&centre, &mut hub, &mut tablet, &page);
    assert_eq!(tablet.does("errors", json!({})), json!([]));
    hub.ask(&["device", "tablet", "remove", "tablet"]);
    let audit = hub.ask(&["keys", "audit"]).to_string();
    assert!(audit.contains("tablet-removed"), "{audit}");
}

/// The hour and minute at which somebody is expected, in China, as the page writes it.
fn expected(node: &Desk, alert: &str) -> String {
    let at = node.ask(&["alert", "show", alert])["view"]["expected"].as_i64().unwrap();
    let at = jiff::Timestamp::from_millisecond(at).unwrap();
    at.in_tz("Asia/Shanghai").unwrap().strftime("%H:%M").to_string()
}

/// A press that waited on the tablet for two hours says when it was, and of two open pages one sends it.
fn kept_for_two_hours(centre: &Desk, hub: &mut Site, tablet: &mut Browser, page: &str) {
    let before = id(hub);
    hub.kill();
    parted(centre, &before);
    tablet.click("求助");
    tablet.sees("还没有送到家里的主机");
    let mut kept = tablet.does("forget", json!({}));
    let unsent: Value = serde_json::from_str(kept["linli-unsent"].as_str().unwrap()).unwrap();
    let mut unsent = unsent.as_array().unwrap().clone();
    unsent[0]["at_ms"] = (unsent[0]["at_ms"].as_u64().unwrap() - 2 * 3_600_000).into();
    kept["linli-unsent"] = json!(unsent).to_string().into();
    tablet.does("remember", json!({ "kept": kept }));
    tablet.does("tab", json!({ "url": page }));
    tablet.sees("还没有送到家里的主机");
    tablet.does("senders", json!({}));
    hub.up();
    let press = wait("the press arrives", || alerts(centre, "button").pop());
    let shown = centre.ask(&["alert", "show", press["alert"].as_str().unwrap()]);
    let [happened, since] = ["happened", "since"].map(|at| shown["view"][at].as_u64().unwrap());
    assert!(since - happened >= 2 * 3_600_000, "{happened} {since}");
    tablet.does("gone", json!({ "text": "还没有送到家里的主机" }));
    assert_eq!(tablet.does("senders", json!({})), json!(1), "one page sends");
    assert_eq!(alerts(centre, "button").len(), 1);
}
