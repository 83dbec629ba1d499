//! Calls out and in, with somebody else's program as the telephone network.

use std::fs::{self, File};
use std::io::Write as _;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use linli_tests::capability::{Capability, requires};
use serde_json::Value;

use crate::{
    community::{add_elder, centre, folder},
    site::{Site, plain, wait},
};

/// A scenario beside this file.
fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/neighbours/sipp").join(name)
}

/// A port of this machine that nobody has.
fn port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The telephone network; it ends with the test.
struct Network {
    program: Child,
    log: PathBuf,
    port: u16,
}

impl Network {
    fn start(folder: &Path) -> Self {
        let (port, log) = (port(), folder.join("network.log"));
        File::create(&log).unwrap();
        let program = Command::new("sipp")
            .arg("-sf")
            .arg(scenario("network.xml"))
            .args(["-i", "127.0.0.1", "-nostdin", "-p", &port.to_string()])
            .args(["-mp", &self::port().to_string(), "-trace_logs", "-log_file"])
            .arg(&log)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { program, log, port }
    }

    /// The numbers that were called.
    fn called(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.log).unwrap();
        let number = |line: &str| Some(line.split_once("by sip:")?.1.split('@').next()?.to_owned());
        text.lines().filter_map(number).collect()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

/// A centre with a telephone; the port at which it hears who calls.
fn with_telephone(folder: &Path, network: u16) -> (Site, u16) {
    let mut centre = centre(folder, None, "\"off\"");
    centre.stop();
    let own = port();
    fs::write(centre.data().join("sip-password"), "let me in\n").unwrap();
    fs::write(centre.data().join("said.wav"), recording()).unwrap();
    let mut file = File::options().append(true).open(centre.data().join("linli.toml")).unwrap();
    write!(
        file,
        "[sip]\nserver = \"127.0.0.1:{network}\"\naddress = \"127.0.0.1:{own}\"\nuser = \"linli\"\n\
         password_file = \"sip-password\"\ndesk = \"sip:201@127.0.0.1\"\n\
         [[sip.prompts]]\nfile = \"said.wav\"\n[[sip.prompts]]\nfile = \"said.wav\"\ndrill = true\n"
    )
    .unwrap();
    centre.up();
    centre.ask(&["person", "add", "高主任", "--role", "operator"]);
    (centre, own)
}

/// A recording of ten seconds.
fn recording() -> Vec<u8> {
    let samples = [0x10, 0].repeat(80_000);
    let length = u32::try_from(samples.len()).unwrap().to_le_bytes();
    let form = [1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0];
    [b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0", &form[..], b"data", &length, &samples].concat()
}

/// How the calls of an alert went: the number, whether the step is done, and how the call ended.
fn calls(shown: &Value) -> Vec<(String, Option<bool>, Option<String>)> {
    let climbed = shown["view"]["climbed"].as_array().unwrap().iter();
    let call = |begun: &Value| {
        let word = |value: &Value| value.as_str().map(str::to_owned);
        let number = word(&begun["step"]["does"]["phone"])?;
        Some((number, begun["done"].as_bool(), word(&begun["call"])))
    };
    let mut calls: Vec<_> = climbed.filter_map(call).collect();
    calls.sort();
    calls
}

fn sets_ladder(centre: &Site, elder: &str, steps: &[String]) {
    let steps = steps.iter().flat_map(|step| ["--step", step]);
    centre.ask(&["alert", "ladder", elder].into_iter().chain(steps).collect::<Vec<_>>());
}

#[test]
fn calls_end_as_the_telephone_network_says_and_only_key_one_is_a_yes() {
    if !requires(Capability::Program("sipp")) {
        return;
    }
    let folder = folder();
    let network = Network::start(folder.path());
    let (centre, _) = with_telephone(folder.path(), network.port);
    let elder = add_elder(&centre, "王秀英");
    let steps = (1..=8).map(|number| format!("contact:1380000000{number}@0s"));
    sets_ladder(&centre, &elder, &steps.collect::<Vec<_>>());
    let alert = centre.ask(&["alert", "raise", &elder])["alert"].as_str().unwrap().to_owned();
    let wanted: Vec<_> = [
        (1, true, "accepted"),
        (2, false, "unconfirmed"),
        (3, false, "busy"),
        (4, false, "no_answer"),
        (5, true, "accepted"),
        (6, false, "unconfirmed"),
        (7, false, "no_line"),
        (8, true, "declined"),
    ]
    .into_iter()
    .map(|(number, done, call)| (format!("1380000000{number}"), Some(done), Some(call.to_owned())))
    .collect();
    let show = ["alert", "show", &alert];
    let shown = centre.await_answer(&show, |shown| (calls(shown) == wanted).then(|| shown.clone()));
    // Whoever pressed 1 has not taken the alert: the ladder goes on.
    assert_eq!(shown["view"]["owner"], Value::Null);
    assert_eq!(shown["climb"]["climb"], "climbing");
    let words = plain(&centre.command(&show)).output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("said by key that they come") && words.contains("busy"), "{words}");
    // What is done is not done again; what is not, is tried again later.
    let called = network.called();
    for number in [1, 5, 8] {
        let number = format!("1380000000{number}");
        assert_eq!(called.iter().filter(|one| **one == number).count(), 1, "{called:?}");
    }
    let log = fs::read_to_string(centre.data().with_extension("log")).unwrap();
    assert!(!log.contains("13800000") && !log.contains("panicked"), "{log}");
}

#[test]
fn whoever_takes_an_alert_hangs_up_what_still_rings() {
    if !requires(Capability::Program("sipp")) {
        return;
    }
    let folder = folder();
    let network = Network::start(folder.path());
    let (centre, _) = with_telephone(folder.path(), network.port);
    let elder = add_elder(&centre, "王秀英");
    sets_ladder(&centre, &elder, &["contact:13800000004@0s".to_owned()]);
    let alert = centre.ask(&["alert", "raise", &elder])["alert"].as_str().unwrap().to_owned();
    wait("it rings", || (!network.called().is_empty()).then_some(()));
    centre.ask(&["--as", "高主任", "alert", "ack", &alert]);
    // Left alone it rings on until nobody answers.
    let hung_up = [("13800000004".to_owned(), Some(false), None::<String>)];
    centre.await_answer(&["alert", "show", &alert], |shown| {
        let calls = calls(shown);
        calls.first()?.1.map(|_| assert_eq!(calls, hung_up))
    });
}

/// It is made again after a start as what it was: a person's decision, which nobody's having the alert hangs up.
#[test]
fn a_call_that_a_person_decided_upon_rings_on_after_a_restart() {
    if !requires(Capability::Program("sipp")) {
        return;
    }
    let folder = folder();
    let network = Network::start(folder.path());
    let (mut centre, _) = with_telephone(folder.path(), network.port);
    let elder = add_elder(&centre, "王秀英");
    let alert = centre.ask(&["alert", "raise", &elder])["alert"].as_str().unwrap().to_owned();
    centre.ask(&["--as", "高主任", "alert", "ack", &alert]);
    centre.ask(&["--as", "高主任", "alert", "dial", &alert, "13800000004", "--no-wait"]);
    wait("it rings", || (!network.called().is_empty()).then_some(()));
    centre.kill();
    centre.up();
    // What is hung up ends without a word.
    let rang_out = [("13800000004".to_owned(), Some(false), Some("no_answer".to_owned()))];
    centre.await_answer(&["alert", "show", &alert], |shown| {
        calls(shown).first()?.1.map(|_| assert_eq!(calls(shown), rang_out))
    });
}

#[test]
fn a_drill_calls_contacts_and_no_emergency_service_and_an_operator_may_dial_one() {
    if !requires(Capability::Program("sipp")) {
        return;
    }
    let folder = folder();
    let network = Network::start(folder.path());
    let (centre, _) = with_telephone(folder.path(), network.port);
    let elder = add_elder(&centre, "王秀英");
    let steps =
        ["contact:120@0s", "dial-out:120@0s", "contact:+86110@0s", "contact:13800000008@0s"];
    sets_ladder(&centre, &elder, &steps.map(str::to_owned));
    let drill = centre.ask(&["alert", "drill", &elder])["alert"].as_str().unwrap().to_owned();
    let declined = [("13800000008".to_owned(), Some(true), Some("declined".to_owned()))];
    centre.await_answer(&["alert", "show", &drill], |shown| {
        (calls(shown) == declined && shown["climb"]["due"] == 4).then_some(())
    });
    let acting =
        |words: &[&str]| centre.run(&[&["--as", "高主任", "alert", "dial"], words].concat());
    assert_eq!(acting(&[&drill, "120"]).refusal().0, "conflict");
    assert_eq!(network.called(), ["13800000008"]);

    sets_ladder(&centre, &elder, &["contact:13800000008@0s".to_owned()]);
    let alert = centre.ask(&["alert", "raise", &elder])["alert"].as_str().unwrap().to_owned();
    assert_eq!(acting(&[&alert, "12x"]).refusal().0, "invalid");
    assert_eq!(centre.run(&["alert", "dial", &alert, "120"]).refusal().0, "forbidden");
    let dialled = acting(&[&alert, "120", "--no-wait"]);
    assert_eq!(dialled.code, 0, "{dialled:?}");
    assert_eq!(acting(&[&alert, "120"]).refusal().0, "conflict");
    let shown = centre.await_answer(&["alert", "show", &alert], |shown| {
        let all = calls(shown);
        let spoken = ("120".to_owned(), Some(true), Some("spoken".to_owned()));
        (all.len() == 2 && all.contains(&spoken)).then(|| shown.clone())
    });
    let timeline = shown["view"]["timeline"].as_array().unwrap();
    let decided = timeline.iter().find(|entry| entry["body"]["step"]["does"]["phone"] == "120");
    assert_eq!(decided.unwrap()["author"]["person"]["name"], "高主任");
    assert_eq!(network.called().iter().filter(|number| *number == "120").count(), 1);

    // Who waits is told how it ended.
    let dialled = acting(&[&alert, "13800000001"]);
    assert_eq!(
        (dialled.code, &dialled.answers()[0]["call"]),
        (0, &"accepted".into()),
        "{dialled:?}"
    );
    let busy = acting(&[&alert, "13800000003"]);
    assert!(busy.refusal().1.contains("busy"), "{busy:?}");
}

#[test]
fn who_calls_in_is_sent_to_the_desk_and_shown_there() {
    if !requires(Capability::Program("sipp")) {
        return;
    }
    let folder = folder();
    let network = port();
    let (centre, own) = with_telephone(folder.path(), network);
    let elder = add_elder(&centre, "王秀英");
    centre.ask(&["elder", "edit", &elder, "phone", "029-87601234"]);
    let alert = centre.ask(&["alert", "raise", &elder, "--kind", "call"]);
    let caller = |number: &str| {
        let done = Command::new("sipp")
            .arg("-sf")
            .arg(scenario("caller.xml"))
            .args(["-i", "127.0.0.1", "-p", &network.to_string(), "-m", "1", "-nostdin"])
            .args(["-s", number, "-timeout", "20", &format!("127.0.0.1:{own}")])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    };
    wait("the node hears who calls", || {
        // The address is bound once the node listens there.
        UdpSocket::bind(("127.0.0.1", own)).is_err().then_some(())
    });
    caller("+862987601234");
    caller("13800000009");
    let listed = centre.await_answer(&["calls"], |listed| {
        let calls = listed["calls"].as_array()?;
        let known = calls.last()?["elders"].as_array()?;
        (calls.len() == 2 && known.len() == 1).then(|| listed.clone())
    });
    let (stranger, known) = (&listed["calls"][0], &listed["calls"][1]);
    assert_eq!(
        (&stranger["number"], &stranger["elders"][0]),
        (&"13800000009".into(), &Value::Null)
    );
    assert_eq!(known["number"], "02987601234");
    let found = &known["elders"][0];
    assert_eq!((&found["elder"], &found["names"][0]), (&elder.into(), &"王秀英".into()));
    assert_eq!((&found["own"], &found["alerts"][0]["alert"]), (&true.into(), &alert["alert"]));
    let words = plain(&centre.command(&["calls"])).output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    assert!(words.contains("王秀英") && words.contains("the elder's"), "{words}");
    let log = fs::read_to_string(centre.data().with_extension("log")).unwrap();
    assert!(!log.contains("87601234") && !log.contains("13800000009"), "{log}");
}
