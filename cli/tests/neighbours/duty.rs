//! The duty desk: eight people at one node at once, and one at a real terminal.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{Read as _, Write as _},
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Child, ExitStatus},
    sync::{Arc, Barrier, Mutex},
    thread,
};

use linli_node::{
    api::{
        Acting, ApiError, Code,
        alerts::{AlertAct, AlertRaise},
        calls::{CallAct, CallNote, CallOwner},
        people::PersonPin,
        seat::{SeatLeave, SeatTake},
        watch::{AlertRow, AlertWatch},
    },
    control::{Client, ClientError},
};
use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};
use tokio::runtime::{Builder, Runtime};

use crate::{
    community::{LOOPBACK, add_elder, centre, folder},
    site::{Desk, Site, plain, wait},
};

/// The PIN of everybody here.
const PIN: &str = "2468";
const OPERATORS: usize = 8;
const ALERTS: usize = 240;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn sitting(seat: &str) -> Acting {
    Acting { person: String::new(), pin: String::new(), seat: Some(seat.to_owned()) }
}

fn socket(desk: &Desk) -> PathBuf {
    desk.data().join("control.sock")
}

/// One of eight desks: what it did, and what it believes.
#[derive(Debug, Default)]
struct Worked {
    name: String,
    won: BTreeSet<String>,
    /// Who has what others were quicker to take, as the node said.
    lost: BTreeMap<String, String>,
    /// Who has each alert, as the board says.
    board: BTreeMap<String, AlertRow>,
    /// Answers that were the whole board.
    whole: usize,
}

impl Worked {
    /// Takes the whole board.
    async fn begin(&mut self, client: &Client, seat: &str) -> String {
        let acting = Some(sitting(seat));
        self.take(client, AlertWatch { acting, ..AlertWatch::default() }).await
    }

    /// Takes what changed after a mark.
    async fn watch(&mut self, client: &Client, after: String) -> String {
        self.take(client, AlertWatch { after: Some(after), ..AlertWatch::default() }).await
    }

    async fn take(&mut self, client: &Client, request: AlertWatch) -> String {
        let watched = client.call(&request).await.unwrap();
        if watched.whole {
            self.whole += 1;
            self.board.clear();
        }
        self.board.extend(watched.alerts.into_iter().map(|row| (row.alert.clone(), row)));
        for alert in watched.gone {
            self.board.remove(&alert);
        }
        watched.mark
    }

    async fn acknowledge(&mut self, client: &Client, alert: &str, seat: &str) {
        let acting = sitting(seat);
        let (alert, act, acting) = (alert.to_owned(), "ack".to_owned(), Some(acting));
        let request = AlertAct { alert: alert.clone(), act, acting, ..AlertAct::default() };
        match client.call(&request).await {
            Ok(answer) => {
                assert_eq!(answer.state, "acknowledged");
                self.won.insert(alert);
            }
            Err(ClientError::Refused(ApiError { code: Code::Conflict, detail, message })) => {
                assert_eq!(detail.key, "error-alert-taken");
                assert!(!message.contains(&detail.arguments["who"]), "no name where it is logged");
                self.lost.insert(alert, detail.arguments["who"].clone());
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Signs in, takes whatever can be taken, each desk in another order, and watches until nothing is without an owner.
fn works(socket: PathBuf, number: usize, begin: &Barrier) -> Worked {
    runtime().block_on(async {
        let client = Client::at(socket);
        let name = format!("operator {number}");
        let acting = Acting { person: name.clone(), pin: PIN.to_owned(), seat: None };
        let seat = client.call(&SeatTake { acting, own: true }).await.unwrap().seat;
        let mut worked = Worked { name, ..Worked::default() };
        let mut mark = worked.begin(&client, &seat).await;
        while worked.board.len() < ALERTS {
            mark = worked.watch(&client, mark).await;
        }
        let mut alerts: Vec<String> = worked.board.keys().cloned().collect();
        alerts.rotate_left(number / 2 * ALERTS / OPERATORS);
        begin.wait();
        for alert in alerts {
            worked.acknowledge(&client, &alert, &seat).await;
        }
        while worked.board.values().any(|row| row.owner.is_none()) {
            mark = worked.watch(&client, mark).await;
        }
        client.call(&SeatLeave { seat: Some(seat) }).await.unwrap();
        worked
    })
}

fn raise_many(centre: &Desk, elder: &str) {
    runtime().block_on(async {
        let client = Client::at(socket(centre));
        for number in 0..ALERTS {
            let (elder, kind) = (elder.to_owned(), "button".to_owned());
            let cause = Some(number.to_string());
            client.call(&AlertRaise { elder, kind, cause, ..AlertRaise::default() }).await.unwrap();
        }
    });
}

#[test]
fn eight_operators_never_take_one_alert_twice() {
    let folder = folder();
    let centre = centre(folder.path(), None, LOOPBACK);
    for number in 0..OPERATORS {
        centre.ask(&["person", "add", &format!("operator {number}"), "--role", "operator"]);
    }
    let elder = add_elder(&centre, "王秀英");
    raise_many(&centre, &elder);
    let begin = Barrier::new(OPERATORS);
    let worked: Vec<Worked> = thread::scope(|scope| {
        let (socket, begin) = (socket(&centre), &begin);
        let desks = (0..OPERATORS).map(|number| {
            let socket = socket.clone();
            scope.spawn(move || works(socket, number, begin))
        });
        let desks: Vec<_> = desks.collect();
        desks.into_iter().map(|desk| desk.join().unwrap()).collect()
    });

    let mut owners: BTreeMap<&String, &String> = BTreeMap::new();
    for desk in &worked {
        for alert in &desk.won {
            assert_eq!(owners.insert(alert, &desk.name), None, "{alert} was taken twice");
        }
    }
    assert_eq!(owners.len(), ALERTS, "somebody has each");
    for desk in &worked {
        assert_eq!(desk.won.len() + desk.lost.len(), ALERTS);
        for (alert, who) in &desk.lost {
            assert_eq!(owners[alert], who, "what {} was told", desk.name);
        }
        let believes =
            desk.board.iter().map(|(alert, row)| (alert, &row.owner.as_ref().unwrap().name));
        assert_eq!(believes.collect::<BTreeMap<_, _>>(), owners, "what {} believes", desk.name);
        assert_eq!(desk.whole, 1, "everything is sent once, and then changes");
    }
    let busy = worked.iter().filter(|desk| !desk.won.is_empty()).count();
    assert!(busy > 1, "they did work at once");
    for (alert, owner) in owners {
        let shown = centre.ask(&["alert", "show", alert]);
        assert_eq!(shown["view"]["owner"]["person"]["name"].as_str(), Some(owner.as_str()));
        let timeline = shown["view"]["timeline"].as_array().unwrap().iter();
        let taken = timeline.filter(|entry| entry["body"]["kind"] == "acknowledged").count();
        assert_eq!(taken, 1, "the others' were never written: {shown}");
    }
    let rows = centre.ask(&["keys", "audit", "--by", "operator 3"])["rows"].clone();
    let looked = rows.as_array().unwrap().iter().filter(|row| row["of"] == "alert.watch").count();
    assert_eq!(looked, 1, "the audit says who began to look: {rows}");
}

/// What only whoever has an alert may do is refused to others, and not written; and a seat ends with its PIN.
#[test]
fn who_does_not_have_an_alert_is_told_so_and_a_seat_ends_with_its_pin() {
    let folder = folder();
    let (centre, elder) = centre_with(folder.path(), &["李明", "王芳"]);
    let alert = raise(&centre, &elder, "fall");
    centre.ask(&["--as", "王芳", "alert", "ack", &alert]);
    runtime().block_on(async {
        let client = Client::at(socket(&centre));
        let acting = Acting { person: "李明".to_owned(), pin: PIN.to_owned(), seat: None };
        for act in ["respond", "arrive", "hand-to", "resolve", "false-alarm"] {
            let word = |of: &str, word: &str| (act == of).then(|| word.to_owned());
            let request = AlertAct {
                alert: alert.clone(),
                act: act.to_owned(),
                outcome: word("resolve", "helped"),
                service: word("hand-to", "fire"),
                from: None,
                within_minutes: None,
                acting: Some(acting.clone()),
            };
            let Err(ClientError::Refused(error)) = client.call(&request).await else {
                panic!("{act}: it would count for nothing")
            };
            let detail = error.detail;
            assert_eq!((error.code, &*detail.key), (Code::Conflict, "error-alert-not-yours"));
            assert_eq!(detail.arguments["who"], "王芳");
            assert!(!error.message.contains("王芳"), "no name where it is logged");
        }
        let seat = client.call(&SeatTake { acting: acting.clone(), own: true }).await.unwrap().seat;
        let watch = || AlertWatch { acting: Some(sitting(&seat)), ..AlertWatch::default() };
        client.call(&watch()).await.unwrap();
        client.call(&PersonPin { acting, pin: "8642".to_owned() }).await.unwrap();
        let Err(ClientError::Refused(error)) = client.call(&watch()).await else {
            panic!("the seat outlives its PIN")
        };
        assert_eq!(error.code, Code::WrongSecret);
    });
    // Whoever would take it from somebody who has it no more is told who has it.
    let acting =
        || Some(Acting { person: "李明".to_owned(), pin: "8642".to_owned(), seat: None });
    runtime().block_on(async {
        let (act, from) = ("take-over".to_owned(), Some("00".repeat(32)));
        let alert = alert.clone();
        let request = AlertAct { alert, act, from, acting: acting(), ..AlertAct::default() };
        let Err(ClientError::Refused(error)) = Client::at(socket(&centre)).call(&request).await
        else {
            panic!("it was taken from somebody else")
        };
        assert_eq!(error.detail.key, "error-alert-taken");
    });
    let shown = centre.ask(&["alert", "show", &alert]);
    let timeline = shown["view"]["timeline"].as_array().unwrap().iter();
    let by = timeline.filter(|entry| entry["author"]["person"]["name"] == "李明").count();
    assert_eq!(by, 0, "{shown}");
    centre.ask(&["--as", "王芳", "alert", "respond", &alert]);
}

/// The two ends of a terminal: the person's and the program's.
fn pty() -> (OwnedFd, OwnedFd) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let person = openpt(flags).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let program = ioctl_tiocgptpeer(&person, flags).unwrap();
    let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&person, size).unwrap();
    (person, program)
}

/// Begins a desk at a terminal.
fn at_terminal(centre: &Desk, words: &[&str], program: &OwnedFd) -> Child {
    let mut command = plain(&centre.command(&[&["desk"], words].concat()));
    let end = || File::from(program.try_clone().unwrap());
    command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap()
}

/// A desk in a terminal of its own.
struct Terminal {
    process: Child,
    person: OwnedFd,
    program: OwnedFd,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Begins a desk for a person.
    fn begin(centre: &Desk, words: &[&str]) -> Self {
        let (person, program) = pty();
        let process = at_terminal(centre, words, &program);
        let (shown, mut seen) = (Arc::default(), File::from(person.try_clone().unwrap()));
        let terminal = Self { process, person, program, shown };
        let shown = Arc::clone(&terminal.shown);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = seen.read(&mut bytes) {
                shown.lock().unwrap().extend_from_slice(&bytes[..read]);
            }
        });
        terminal
    }

    fn types(&self, keys: &str) {
        File::from(self.person.try_clone().unwrap()).write_all(keys.as_bytes()).unwrap();
    }

    /// All that was ever shown.
    fn all(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// The rows that are shown, without styles.
    fn rows(&self) -> Vec<String> {
        let mut rows = vec![String::new(); 24];
        let mut row = 0;
        for part in self.all().split("\u{1b}[").skip(1) {
            let end = part.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(0);
            let (code, text) = part.split_at(end);
            match text.chars().next() {
                Some('H') => {
                    let number: usize = code.split(';').next().unwrap().parse().unwrap();
                    row = number - 1;
                    rows[row].clear();
                }
                Some('J') => rows.iter_mut().for_each(String::clear),
                _ => {}
            }
            rows[row].push_str(text.get(1..).unwrap_or_default());
        }
        rows
    }

    fn shows(&self, text: &str) {
        let begun = std::time::Instant::now();
        while !self.rows().iter().any(|row| row.contains(text)) {
            assert!(begun.elapsed().as_secs() < 60, "{text:?} is not in {:#?}", self.rows());
            thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    fn signs_in(&self, name: &str) {
        self.shows(&format!("PIN of {name}"));
        self.types(PIN);
        self.types("\r");
        self.shows(&format!("Duty desk  {name}"));
        wait("the PIN is asked no more", || {
            (!self.rows().iter().any(|row| row.contains("PIN of"))).then_some(())
        });
    }

    fn bells(&self) -> usize {
        self.shown.lock().unwrap().iter().filter(|byte| **byte == 7).count()
    }

    fn rings(&self) {
        let before = self.bells();
        wait("the bell rings", || (self.bells() > before).then_some(()));
    }

    fn ended(&mut self) -> ExitStatus {
        wait("the desk ends", || self.process.try_wait().unwrap())
    }

    /// Whether the terminal shows what is typed, line by line, as a shell expects it.
    fn is_given_back(&self) -> bool {
        let modes = tcgetattr(&self.program).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn centre_with(folder: &std::path::Path, people: &[&str]) -> (Site, String) {
    let centre = centre(folder, None, LOOPBACK);
    for name in people {
        centre.ask(&["person", "add", name, "--role", "operator"]);
    }
    let elder = add_elder(&centre, "王秀英");
    (centre, elder)
}

fn raise(centre: &Desk, elder: &str, kind: &str) -> String {
    let raised = centre.ask(&["alert", "raise", elder, "--kind", kind]);
    raised["alert"].as_str().unwrap().to_owned()
}

fn owner(centre: &Desk, alert: &str) -> serde_json::Value {
    centre.ask(&["alert", "show", alert])["view"]["owner"]["person"]["name"].clone()
}

#[test]
fn a_key_at_a_terminal_takes_an_alert_and_the_desk_outlives_its_node() {
    let folder = folder();
    let (mut centre, elder) = centre_with(folder.path(), &["李明", "王芳"]);
    let mut desk = Terminal::begin(&centre, &["--as", "李明"]);
    desk.signs_in("李明");
    desk.shows("No alert is open.");
    let alert = raise(&centre, &elder, "fall");
    desk.shows("!! NOBODY");
    desk.shows("王秀英");
    desk.rings();
    desk.types("a");
    desk.shows("YOU 李明");
    assert_eq!(owner(&centre, &alert), "李明");
    // What others do is seen without a key.
    centre.ask(&["--as", "王芳", "alert", "take-over", &alert]);
    desk.shows("王芳 has taken over an alert of yours.");
    // Its history, read as it is; then the node dies while another one rings.
    desk.types("\r");
    desk.shows("What happened");
    desk.types("\u{1b}");
    let second = raise(&centre, &elder, "smoke");
    desk.shows("!! NOBODY");
    centre.kill();
    desk.shows("THE NODE DOES NOT ANSWER SINCE");
    desk.rings();
    centre.up();
    desk.shows("NOBODY ANSWERS 1 of 2 open");
    // The seat went with the node: the key waits for the PIN, and then does what it was to do.
    desk.types("\u{1b}[Ha");
    desk.signs_in("李明");
    desk.shows("YOU 李明");
    centre.await_answer(&["alert", "show", &second], |shown| {
        (shown["view"]["owner"]["person"]["name"] == "李明").then_some(())
    });
    assert!(!desk.all().contains(PIN), "the PIN is shown nowhere");
    assert!(!centre.log_text().contains(PIN) && !centre.log_text().contains("王秀英"));
    assert!(!desk.is_given_back());
    desk.types("q");
    assert!(desk.ended().success());
    assert!(desk.is_given_back());
    assert!(desk.all().ends_with("\u{1b}[?1049l"));
}

#[test]
fn a_desk_that_ends_leaves_nothing_half_done() {
    let folder = folder();
    let (centre, elder) = centre_with(folder.path(), &["李明"]);
    let alert = raise(&centre, &elder, "button");
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut desk = Terminal::begin(&centre, &["--as", "李明", "--quiet"]);
        desk.signs_in("李明");
        desk.shows("!! NOBODY");
        kill_process(Pid::from_child(&desk.process), signal).unwrap();
        assert!(desk.ended().success(), "{signal:?}");
        assert!(desk.is_given_back(), "{signal:?}");
        assert_eq!(desk.bells(), 0, "it is quiet");
    }
    // Somebody closes the window, in the middle of a PIN.
    let (person, program) = pty();
    let mut desk = at_terminal(&centre, &["--as", "李明"], &program);
    let (mut person, mut shown) = (File::from(person), Vec::new());
    while !String::from_utf8_lossy(&shown).contains("PIN of 李明") {
        let mut bytes = [0; 4096];
        let read = person.read(&mut bytes).unwrap();
        shown.extend_from_slice(&bytes[..read]);
    }
    person.write_all(b"24").unwrap();
    drop(person);
    wait("the desk ends with its window", || desk.try_wait().unwrap());
    // A desk is killed.
    let mut desk = Terminal::begin(&centre, &["--as", "李明"]);
    desk.signs_in("李明");
    desk.process.kill().unwrap();
    desk.ended();
    assert_eq!(owner(&centre, &alert), serde_json::Value::Null, "it rings on for the next desk");
    let next = Terminal::begin(&centre, &["--as", "李明"]);
    next.signs_in("李明");
    next.types("a");
    next.shows("YOU 李明");

    let refused = centre.run(&["desk"]);
    assert_eq!((refused.code, refused.refusal().0.as_str()), (2, "invalid"), "no terminal");
}

fn notes(centre: &Desk, number: &str) -> String {
    let request = CallNote { number: Some(number.to_owned()) };
    runtime().block_on(Client::at(socket(centre)).call(&request)).unwrap().call
}

/// A call rings at every desk, is one operator's, and becomes an alert in the hands of whoever took it.
#[test]
fn a_call_rings_at_every_desk_and_one_operator_takes_it() {
    let folder = folder();
    let (centre, elder) = centre_with(folder.path(), &["李明", "王芳"]);
    centre.ask(&["elder", "edit", &elder, "phone", "029-87601234"]);
    centre.ask(&["elder", "edit", &elder, "card/allergies", "penicillin"]);
    let first = Terminal::begin(&centre, &["--as", "李明"]);
    first.signs_in("李明");
    let second = Terminal::begin(&centre, &["--as", "王芳"]);
    second.signs_in("王芳");
    notes(&centre, "+862987601234");
    for desk in [&first, &second] {
        desk.shows("CALLS: 1 ring");
        desk.shows("王秀英");
        desk.rings();
    }
    second.types("a");
    second.shows("YOU 王芳");
    first.shows("王芳");
    first.types("n");
    first.shows("王芳 has this call");
    second.types("c");
    second.shows("penicillin");
    second.types("\u{1b}");
    let opened = centre.ask(&["keys", "audit", "--by", "王芳"])["rows"].clone();
    let opened = opened.as_array().unwrap().iter().filter(|row| row["of"] == "elder.card").count();
    assert_eq!(opened, 1, "who read the card is on record");
    second.types("n");
    second.shows("Alert raised, and yours: 王秀英.");
    let alerts = centre.ask(&["alert", "list"]);
    let raised = alerts.as_array().unwrap().iter().find(|alert| alert["kind"] == "other");
    assert_eq!(raised.unwrap()["owner"], "王芳", "{alerts}");
    let cause = centre.ask(&["alert", "show", raised.unwrap()["alert"].as_str().unwrap()]);
    assert!(cause.to_string().contains("/call/"), "{cause}");

    second.types("\u{1b}[Fe");
    wait("the call was seen to", || {
        (!first.rows().iter().any(|row| row.contains("02987601234"))).then_some(())
    });
    for alert in alerts.as_array().unwrap().iter().filter(|alert| alert["owner"].is_null()) {
        centre.ask(&["--as", "王芳", "alert", "ack", alert["alert"].as_str().unwrap()]);
    }

    // A stranger's call is taken by nobody, and somebody looks for whom it is about.
    notes(&centre, "13800000009");
    first.shows("13800000009");
    first.types("\u{1b}[H/秀英\r");
    first.shows("Whom is it about?");
    first.types("\r");
    wait("every desk sees who it is", || {
        let rows = second.rows();
        rows.iter().any(|row| row.contains("王秀英") && row.contains("13800000009")).then_some(())
    });
    assert!(!centre.log_text().contains("87601234") && !centre.log_text().contains("王秀英"));
}

/// The alert of a call is one operator's, is opened again where it is over, and is nobody else's by another's word.
#[test]
fn an_alert_of_a_call_is_said_to_be_ones_own_where_it_is() {
    let folder = folder();
    let (centre, elder) = centre_with(folder.path(), &["李明", "王芳"]);
    let call = notes(&centre, "13800000009");
    let act = |person: &str, act: &str, from: Option<String>| {
        let acting = Acting { person: person.to_owned(), pin: PIN.to_owned(), seat: None };
        let (call, act, elder) = (call.clone(), act.to_owned(), Some(elder.clone()));
        let request = CallAct { call, act, elder, from, acting: Some(acting) };
        runtime().block_on(Client::at(socket(&centre)).call(&request))
    };
    let first = act("李明", "raise", None).unwrap();
    let alert = first.alert.unwrap();
    assert!(first.owned && act("李明", "raise", None).unwrap().owned);
    let watched = runtime().block_on(Client::at(socket(&centre)).call(&AlertWatch::default()));
    let CallOwner { person, .. } = watched.unwrap().calls.unwrap()[0].owner.clone().unwrap();
    act("王芳", "take-over", Some(person)).unwrap();
    let Err(ClientError::Refused(ApiError { detail, .. })) = act("王芳", "raise", None) else {
        panic!("李明 has the alert")
    };
    assert_eq!(
        (detail.key.as_ref(), detail.arguments["who"].as_str()),
        ("error-alert-taken", "李明")
    );
    centre.ask(&["--as", "李明", "alert", "false-alarm", &alert]);
    let again = act("王芳", "raise", None).unwrap();
    assert!(again.owned && again.alert.as_ref() == Some(&alert));
    assert_eq!(owner(&centre, &alert), "王芳");
    assert_eq!(centre.ask(&["alert", "show", &alert])["view"]["stage"], "acknowledged");
}

/// Of eight who take one call at once one has it, and the others are told who.
#[test]
fn a_call_is_never_two_operators() {
    let folder = folder();
    let (centre, _) = centre_with(folder.path(), &[]);
    for number in 0..OPERATORS {
        centre.ask(&["person", "add", &format!("operator {number}"), "--role", "operator"]);
    }
    let call = notes(&centre, "13800000009");
    let (begin, socket) = (Barrier::new(OPERATORS), socket(&centre));
    let take = |number: usize| {
        runtime().block_on(async {
            let client = Client::at(socket.clone());
            let acting =
                Acting { person: format!("operator {number}"), pin: PIN.to_owned(), seat: None };
            let seat = client.call(&SeatTake { acting, own: true }).await.unwrap().seat;
            let (call, act) = (call.clone(), "take".to_owned());
            let acting = Some(sitting(&seat));
            begin.wait();
            let request = CallAct { call, act, acting, ..CallAct::default() };
            match client.call(&request).await {
                Ok(_) => None,
                Err(ClientError::Refused(ApiError { code: Code::Conflict, detail, .. })) => {
                    assert_eq!(detail.key, "error-call-taken");
                    Some(detail.arguments["who"].clone())
                }
                Err(error) => panic!("{error}"),
            }
        })
    };
    let told: Vec<Option<String>> = thread::scope(|scope| {
        let take = &take;
        let all: Vec<_> = (0..OPERATORS).map(|number| scope.spawn(move || take(number))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let winners: Vec<usize> = (0..OPERATORS).filter(|number| told[*number].is_none()).collect();
    let [winner] = winners[..] else { panic!("{told:?}") };
    let name = format!("operator {winner}");
    assert!(told.iter().flatten().all(|who| *who == name), "{told:?}");
    // Taken over from whoever had it once is refused; from whoever has it, it is not.
    runtime().block_on(async {
        let client = Client::at(socket.clone());
        let rows = client.call(&AlertWatch::default()).await.unwrap().calls.unwrap();
        let Some(CallOwner { person, name: shown }) = rows[0].owner.clone() else { panic!() };
        assert_eq!(shown, name);
        let other = format!("operator {}", (winner + 1) % OPERATORS);
        let acting = Some(Acting { person: other, pin: PIN.to_owned(), seat: None });
        let (call, act) = (call.clone(), "take-over".to_owned());
        let from = |from: &str| CallAct {
            call: call.clone(),
            act: act.clone(),
            from: Some(from.to_owned()),
            acting: acting.clone(),
            ..CallAct::default()
        };
        assert!(client.call(&from("00")).await.is_err());
        client.call(&from(&person)).await.unwrap();
        assert!(client.call(&from(&person)).await.is_err(), "it is another's by now");
    });
}
