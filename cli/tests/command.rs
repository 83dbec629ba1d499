//! The binary as a person or a script runs it: its two streams, its languages and its exit codes.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected has failed"
)]

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::{self, JoinHandle},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// What a run came to.
#[derive(Debug)]
struct Run {
    code: i32,
    out: String,
    err: String,
}

/// Runs `linli` with these words and variables and no others.
fn linli(words: &[&str], variables: &[(&str, &str)]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_linli"))
        .args(words)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A data directory as `init` leaves it, as far as the command line looks at it.
fn home() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(path.join("key.sealed"), "sealed").unwrap();
    (dir, path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A node that answers one request with what it is told, and returns the request.
fn node(home: &Path, status: &'static str, answer: &Value) -> JoinHandle<(String, Value)> {
    let listener = UnixListener::bind(home.join("control.sock")).unwrap();
    let body = answer.to_string();
    thread::spawn(move || {
        // The first connection only finds out that somebody listens.
        drop(listener.accept().unwrap());
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = String::new();
        let body_of = |request: &str| -> Option<(String, Value)> {
            let (head, body) = request.split_once("\r\n\r\n")?;
            let name = head.split(' ').nth(1)?.to_owned();
            Some((name, serde_json::from_str(body).ok()?))
        };
        let mut buffer = [0; 4096];
        let seen = loop {
            let read = stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "the request broke off: {request}");
            request.push_str(str::from_utf8(&buffer[..read]).unwrap());
            if let Some(seen) = body_of(&request) {
                break seen;
            }
        };
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        stream.write_all((head + &body).as_bytes()).unwrap();
        seen
    })
}

#[test]
fn help_goes_to_standard_output_in_both_languages() {
    let en = linli(&["--help"], &[]);
    assert_eq!((en.code, en.err.as_str()), (0, ""));
    assert!(en.out.contains("Care that goes on"), "{}", en.out);
    assert!(en.out.contains("  alert ") && en.out.contains("--json"), "{}", en.out);
    let by_flag = linli(&["--lang", "zh", "order", "--help"], &[]);
    let by_variable = linli(&["order", "--help"], &[("LINLI_LANG", "zh")]);
    let by_locale = linli(&["order", "--help"], &[("LANG", "zh_CN.UTF-8")]);
    for zh in [by_flag, by_variable, by_locale] {
        assert_eq!(zh.code, 0);
        assert!(zh.out.contains("订单，从请求到回访"), "{}", zh.out);
    }
    let version = linli(&["--version"], &[]);
    assert_eq!(
        (version.code, version.out.trim()),
        (0, concat!("linli ", env!("CARGO_PKG_VERSION")))
    );
}

#[test]
fn what_is_not_a_verb_is_refused_on_standard_error() {
    for words in [&["fly"][..], &[], &["elder"], &["invite", "friend"], &["status", "now"]] {
        let run = linli(words, &[]);
        assert_eq!((run.code, run.out.as_str()), (2, ""), "{words:?}");
        assert!(run.err.contains("--help"), "{words:?}: {}", run.err);
    }
}

#[test]
fn a_node_that_is_not_running_has_an_exit_code_of_its_own() {
    let (_dir, home) = home();
    let data = ["--data", text(&home)];
    for verb in
        [&["status"][..], &["peers"], &["elder", "list"], &["alert", "raise", "x"], &["stop"]]
    {
        let run = linli(&[&data[..], verb].concat(), &[]);
        assert_eq!((run.code, run.out.as_str()), (8, ""), "{verb:?}");
        assert_eq!(run.err.trim(), "linli: the node is not running: start it with `linli up`");
    }
    let zh = linli(&["--lang", "zh", "status"], &[("LINLI_DATA", text(&home))]);
    assert_eq!((zh.code, zh.err.trim()), (8, "linli：节点没有运行：请用 `linli up` 启动"));
    let json = linli(&["--json", "status"], &[("LINLI_DATA", text(&home))]);
    let said: Value = serde_json::from_str(&json.err).unwrap();
    assert_eq!((json.code, said["code"].as_str()), (8, Some("not-running")));
}

#[test]
fn a_device_without_an_address_or_a_node_is_told_what_to_do() {
    let (_dir, home) = home();
    let send = || linli(&["device", "send", "button"], &[("LINLI_DATA", text(&home))]);
    let without = send();
    assert_eq!((without.code, without.out.as_str()), (2, ""), "{without:?}");
    assert!(without.err.contains("linli.toml"), "{}", without.err);
    fs::write(home.join("linli.toml"), "api = \"127.0.0.1:4480\"\n").unwrap();
    let silent = send();
    assert_eq!((silent.code, silent.out.as_str()), (8, ""), "{silent:?}");
    assert!(silent.err.contains("linli up"), "{}", silent.err);
}

#[test]
fn the_data_directory_is_looked_at_before_anything_else() {
    let (_dir, home) = home();
    let empty = tempfile::tempdir().unwrap();
    let missing = linli(&["status"], &[("XDG_DATA_HOME", text(empty.path()))]);
    assert_eq!(missing.code, 3, "{missing:?}");
    assert!(missing.err.contains("linli init"), "{}", missing.err);
    let nowhere = linli(&["status"], &[]);
    assert_eq!(nowhere.code, 2, "{nowhere:?}");
    assert!(nowhere.err.contains("--data"), "{}", nowhere.err);
    let again = linli(
        &["--data", text(&home), "init", "--label", "x"],
        &[("LINLI_PASSPHRASE", "long enough")],
    );
    assert_eq!(again.code, 5, "{again:?}");
    assert_eq!(fs::read(home.join("key.sealed")).unwrap(), b"sealed");
    fs::set_permissions(&home, fs::Permissions::from_mode(0o755)).unwrap();
    let open = linli(&["--data", text(&home), "status"], &[]);
    assert_eq!(open.code, 4, "{open:?}");
    assert!(open.err.contains("chmod go-rwx"), "{}", open.err);
}

#[test]
fn a_mistake_in_the_configuration_names_file_and_line() {
    let (_dir, home) = home();
    fs::write(home.join("linli.toml"), "relay_only = false\nlisten = 4400\n").unwrap();
    let variables = [("LINLI_DATA", text(&home)), ("LINLI_PASSPHRASE", "long enough")];
    let run = linli(&["up"], &variables);
    assert_eq!((run.code, run.out.as_str()), (2, ""), "{run:?}");
    assert!(run.err.contains("linli.toml, line 2:"), "{}", run.err);
    let zh = linli(&["--lang", "zh", "up"], &variables);
    assert!(zh.err.contains("linli.toml 第 2 行"), "{}", zh.err);
    fs::write(home.join("linli.toml"), "").unwrap();
    let run = linli(&["up"], &[variables[0], variables[1], ("LINLI_API", "0.0.0.0:80")]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.err.contains("127.0.0.1"), "{}", run.err);
    let run = linli(&["up"], &[variables[0], variables[1], ("LINLI_LOG", "linli=loudly")]);
    assert_eq!(run.code, 2, "{run:?}");
    assert!(run.err.contains("log.filter"), "{}", run.err);
}

#[test]
fn a_secret_that_nobody_can_be_asked_for_is_an_error() {
    let (_dir, home) = home();
    let up = linli(&["up"], &[("LINLI_DATA", text(&home))]);
    assert_eq!(up.code, 2, "{up:?}");
    assert!(up.err.contains("LINLI_PASSPHRASE"), "{}", up.err);
    let add = linli(&["--as", "li", "alert", "ack", "7"], &[("LINLI_DATA", text(&home))]);
    assert_eq!(add.code, 2, "{add:?}");
    assert!(add.err.contains("LINLI_PIN"), "{}", add.err);
    let empty = tempfile::tempdir().unwrap();
    let fresh = empty.path().join("fresh");
    let init = ["--data", text(&fresh), "init", "--label", "x"];
    let short = linli(&init, &[("LINLI_PASSPHRASE", "short")]);
    assert_eq!(short.code, 2, "{short:?}");
    assert!(short.err.contains('8'), "{}", short.err);
    let file = linli(&[&init[..], &["--passphrase-file", "/no/such/file"]].concat(), &[]);
    assert_eq!(file.code, 3, "{file:?}");
}

#[test]
fn a_call_carries_who_acts_and_shows_the_answer() {
    let (_dir, home) = home();
    let answer = json!({ "alert": "a1", "state": "acknowledged", "stored": true });
    let asked = node(&home, "200 OK", &answer);
    let variables = [("LINLI_DATA", text(&home)), ("LINLI_PIN", "4711")];
    let run = linli(&["--as", "li", "--lang", "zh", "alert", "ack", "a1"], &variables);
    assert_eq!((run.code, run.out.as_str(), run.err.as_str()), (0, "a1\t已确认看到\n", ""));
    let (path, body) = asked.join().unwrap();
    assert_eq!(path, "/v1/alert.act");
    let acting = json!({ "person": "li", "pin": "4711" });
    assert_eq!(
        body,
        json!({ "alert": "a1", "act": "ack", "from": null, "outcome": null, "service": null,
            "within_minutes": null, "acting": acting })
    );
}

#[test]
fn json_is_the_nodes_answer_and_nothing_else() {
    let (_dir, home) = home();
    let answer = json!({ "total": 1, "elders": [{
        "elder": "e1", "names": ["王秀英"], "birth_date": null, "address": "北门",
        "conflicts": 0, "joined": [],
    }] });
    let asked = node(&home, "200 OK", &answer);
    let run = linli(&["elder", "list", "王", "--json"], &[("LINLI_DATA", text(&home))]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert_eq!(serde_json::from_str::<Value>(&run.out).unwrap(), answer);
    let body = json!({ "find": "王", "offset": 0, "limit": 100 });
    assert_eq!(asked.join().unwrap(), ("/v1/elder.list".to_owned(), body));
}

#[test]
fn the_nodes_refusal_decides_the_exit_code() {
    let cases = [
        ("404 Not Found", "not-found", 3, "没有找到"),
        ("403 Forbidden", "forbidden", 4, "不允许"),
        ("202 Accepted", "waits", 6, "正在等待"),
        ("507 Insufficient Storage", "full", 7, "已满"),
    ];
    for (status, code, exit, words) in cases {
        let (_dir, home) = home();
        let detail = json!({ "key": "error-of-a-later-node", "arguments": {} });
        let refused = json!({ "code": code, "message": "as the node says it", "detail": detail });
        let asked = node(&home, status, &refused);
        let run = linli(&["--lang", "zh", "elder", "show", "x"], &[("LINLI_DATA", text(&home))]);
        asked.join().unwrap();
        assert_eq!((run.code, run.out.as_str()), (exit, ""), "{code}");
        assert!(run.err.contains(words) && run.err.contains("as the node says it"), "{}", run.err);
    }
}

#[test]
fn an_order_that_waits_and_a_node_that_may_not_leave_say_so_in_the_exit_code() {
    let (_dir, first) = home();
    let answer = json!({ "order": "o1", "state": "open", "waits": "no standing offer" });
    let asked = node(&first, "200 OK", &answer);
    let run = linli(&["order", "new", "e1", "meal"], &[("LINLI_DATA", text(&first))]);
    asked.join().unwrap();
    assert_eq!((run.code, run.out.as_str()), (6, "o1\topen\nwaits: no standing offer\n"));
    let (_dir, accepted) = home();
    let answer = json!({ "order": "o1", "state": "claimed", "next": "arbiter_to_confirm" });
    let asked = node(&accepted, "200 OK", &answer);
    let run = linli(&["order", "accept", "o1"], &[("LINLI_DATA", text(&accepted))]);
    asked.join().unwrap();
    assert_eq!((run.code, run.out.as_str()), (0, "o1\tclaimed\nnext: the arbiter to confirm\n"));
    let (_dir, held) = home();
    let why = "the node's own words";
    let answer =
        json!({ "order": "o1", "state": "claimed", "next": "arbiter_to_confirm", "waits": why });
    let asked = node(&held, "200 OK", &answer);
    let run = linli(&["--lang", "zh", "order", "accept", "o1"], &[("LINLI_DATA", text(&held))]);
    asked.join().unwrap();
    assert_eq!(run.code, 6);
    assert!(run.out.contains("确认之前请勿上门"), "{}", run.out);
    let (_dir, second) = home();
    let asked = node(
        &second,
        "200 OK",
        &json!({ "may_leave": false, "waiting_entries": 12, "waiting_files": 3 }),
    );
    let run = linli(&["leave"], &[("LINLI_DATA", text(&second))]);
    asked.join().unwrap();
    assert_eq!(run.code, 6);
    assert!(run.out.starts_with("Not yet: 12 entries and 3 files"), "{}", run.out);
}

#[test]
fn lists_name_the_elder_or_the_beginning_of_the_id() {
    let id = "0f9c2a4e-0000-4000-8000-000000000001";
    let rows = [
        json!({ "elder": id, "names": ["王秀英", "王秀\u{1b}[2J"] }),
        json!({ "elder": id, "names": null }),
        json!({ "elder": null }),
    ];
    for verb in ["alert", "order"] {
        let (_dir, home) = home();
        let asked = node(&home, "200 OK", &json!(rows));
        let run = linli(&["--lang", "en", verb, "list"], &[("LINLI_DATA", text(&home))]);
        asked.join().unwrap();
        let lines: Vec<&str> = run.out.lines().collect();
        assert!(lines[0].contains("elder"), "{}", run.out);
        assert!(lines[1].contains("王秀英 / 王秀 [2J"), "{}", run.out);
        assert!(lines[2].contains("0f9c2a4e ") && !lines[2].contains("0000"), "{}", run.out);
        assert!(!lines[3].contains("0f9c2a4e"), "{}", run.out);
    }
}

#[test]
fn the_doctor_finds_what_is_wrong() {
    let (_dir, home) = home();
    fs::write(home.join("linli.toml"), "mdns = 1\n").unwrap();
    let run = linli(&["doctor", "--json"], &[("LINLI_DATA", text(&home))]);
    assert_eq!(run.code, 1, "{run:?}");
    let checks: Vec<Value> = serde_json::from_str(&run.out).unwrap();
    let ok = |name: &str| {
        checks.iter().find(|check| check["name"] == name).map(|check| check["ok"].clone())
    };
    assert_eq!(ok("directory"), Some(json!(true)));
    assert_eq!(ok("writable"), Some(json!(true)));
    assert_eq!(ok("configuration"), Some(json!(false)));
    assert_eq!(ok("running"), Some(json!(false)));
    assert!(!home.join("doctor.check").exists());
}

#[test]
fn completions_name_the_verbs() {
    for shell in ["bash", "fish", "zsh"] {
        let run = linli(&["completions", shell], &[]);
        assert_eq!(run.code, 0);
        assert!(run.out.contains("take-over") && run.out.contains("doctor"), "{shell}");
    }
}
