use super::*;
use crate::sip::voice::FRAME;

const SERVER: &str = "10.0.0.2:5060";

fn plan(number: &str) -> Plan {
    Plan {
        server: SERVER.parse().unwrap(),
        domain: "pbx.example".to_owned(),
        user: "linli".to_owned(),
        password: Private::from("secret"),
        caller: "88001234".to_owned(),
        number: Private::from(number),
        local: "10.0.0.7:40000".parse().unwrap(),
        media: "10.0.0.7:40002".parse().unwrap(),
        prompt: Arc::new(Prompt::words(8)),
        is_emergency: linli_model::phone::is_emergency(number),
        drawn: [7; 16],
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The call under test, and what the other side does.
struct Scene {
    call: Call,
    now: Duration,
    invite: Message,
    ended: Vec<CallEnd>,
    sent: Vec<Message>,
    sounds: usize,
}

impl Scene {
    fn new(number: &str) -> Self {
        Self::of(plan(number))
    }

    fn of(plan: Plan) -> Self {
        let (call, outputs) = Call::begin(plan, secs(0));
        let [Output::Sip(bytes)] = &outputs[..] else { panic!("{outputs:?}") };
        let invite = Message::read(bytes).unwrap();
        let (now, ended, sent) = (secs(0), Vec::new(), Vec::new());
        Self { call, now, invite, ended, sent, sounds: 0 }
    }

    fn take(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Sip(bytes) => {
                    let message = Message::read(&bytes).unwrap();
                    if message.method() == Some(&Method::INVITE) {
                        self.invite = Message::read(&bytes).unwrap();
                    }
                    self.sent.push(message);
                }
                Output::Rtp(to, bytes) => {
                    assert_eq!(
                        (to.to_string().as_str(), bytes.len()),
                        ("10.0.0.3:9000", 12 + FRAME)
                    );
                    self.sounds += 1;
                    self.call.spoke();
                }
                Output::Ended(end) => self.ended.push(end),
            }
        }
    }

    /// Lets time go on.
    fn until(&mut self, seconds: u64) {
        while !self.call.is_over() && self.call.next_at() <= secs(seconds) {
            self.now = self.now.max(self.call.next_at());
            let outputs = self.call.tick(self.now);
            self.take(outputs);
        }
        self.now = secs(seconds);
    }

    fn say(&mut self, text: &str) {
        let outputs = self.call.message(self.now, text.as_bytes());
        self.take(outputs);
    }

    /// Answers the present invitation.
    fn respond(&mut self, status: &str, more: &str, body: &str) {
        let text = self.response(status, more, body);
        self.say(&text);
    }

    fn response(&self, status: &str, more: &str, body: &str) -> String {
        let header = |name| self.invite.only(name).unwrap().clone();
        format!(
            "SIP/2.0 {status}\r\nVia: {}\r\nFrom: {}\r\nTo: {};tag=theirs\r\nCall-ID: {}\r\nCSeq: {}\r\n{more}\r\n{body}",
            header("Via"),
            header("From"),
            header("To"),
            header("Call-ID"),
            header("CSeq"),
        )
    }

    fn answer(&mut self) {
        let contact = "Contact: <sip:gate@10.0.0.3:5062>\r\nRecord-Route: <sip:10.0.0.2;lr>\r\n";
        self.respond("200 OK", contact, SDP);
    }

    /// A request of theirs within the call.
    fn request(&mut self, method: &str, more: &str, body: &str) {
        let text = self.request_text(method, more, body);
        self.say(&text);
    }

    fn request_text(&self, method: &str, more: &str, body: &str) -> String {
        let header = |name| self.invite.only(name).unwrap().clone();
        format!(
            "{method} sip:linli@10.0.0.7 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKx\r\nFrom: {};tag=theirs\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 9 {method}\r\n{more}\r\n{body}",
            header("To"),
            header("From"),
            header("Call-ID"),
        )
    }

    fn press(&mut self, event: u8, from: &str) {
        self.press_packet(event, from, 0x0a);
        self.press_packet(event, from, 0x8a);
    }

    fn press_packet(&mut self, event: u8, from: &str, volume: u8) {
        let time = u8::try_from(self.now.as_secs()).unwrap();
        let packet = [0x80, 101, 0, 1, 0, 0, 0, time, 0, 0, 0, 7, event, volume, 0, 160];
        let outputs = self.call.sound(self.now, from.parse().unwrap(), &packet);
        self.take(outputs);
    }

    /// The methods that were sent, and the statuses of answers.
    fn sent(&mut self) -> Vec<String> {
        let word = |message: &Message| match message.status() {
            Some(status) => status.to_string(),
            None => message.method().unwrap().to_string(),
        };
        std::mem::take(&mut self.sent).iter().map(word).collect()
    }
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 10.0.0.3\r\ns=-\r\nc=IN IP4 10.0.0.3\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n";

const GATE: &str = "10.0.0.3:9000";

fn talking() -> Scene {
    let mut scene = Scene::new("13800138000");
    scene.respond("180 Ringing", "", "");
    scene.until(5);
    scene.answer();
    assert_eq!(scene.sent(), ["ACK"]);
    scene
}

#[test]
fn key_one_is_the_only_yes_and_the_call_is_over_with_it() {
    let mut scene = talking();
    scene.until(7);
    assert!(scene.sounds > 90, "{}", scene.sounds);
    assert_eq!(scene.ended, []);
    scene.press(1, GATE);
    // The packets of one press, and another press after the end.
    scene.press(1, GATE);
    scene.press(2, GATE);
    assert_eq!(scene.ended, [CallEnd::Accepted]);
    let bye = &scene.sent[0];
    assert_eq!(bye.only("Route").unwrap(), "<sip:10.0.0.2;lr>");
    assert_eq!(bye.only("To").unwrap(), "<sip:13800138000@pbx.example>;tag=theirs");
    assert_eq!(scene.sent(), ["BYE"]);
    let sounds = scene.sounds;
    scene.until(60);
    assert!(scene.call.is_over());
    assert_eq!(scene.sounds, sounds);
    // It was never answered, and sent again until it was given up.
    assert_eq!(scene.sent(), ["BYE"; 10]);
}

#[test]
fn key_two_is_a_no_and_keys_come_by_message_too() {
    let mut scene = talking();
    scene.press(2, GATE);
    assert_eq!(scene.ended, [CallEnd::Declined]);
    let mut scene = talking();
    scene.request(
        "INFO",
        "Content-Type: application/dtmf-relay\r\n",
        "Signal=1\r\nDuration=160\r\n",
    );
    assert_eq!(
        (scene.sent(), scene.ended),
        (vec!["200".into(), "BYE".into()], vec![CallEnd::Accepted])
    );
}

#[test]
fn whoever_presses_nothing_has_not_said_that_they_come() {
    // A machine that listens to the end.
    let mut scene = talking();
    scene.until(120);
    assert_eq!(scene.ended, [CallEnd::Unconfirmed]);
    // Somebody who hangs up.
    let mut scene = talking();
    scene.until(20);
    scene.request("BYE", "", "");
    assert_eq!((scene.sent(), scene.ended), (vec!["200".into()], vec![CallEnd::Unconfirmed]));
    // Other keys, keys of others, and keys before it was answered.
    let mut scene = talking();
    for (event, from) in
        [(3, GATE), (0, GATE), (11, GATE), (1, "10.0.0.9:9000"), (1, "10.0.0.3:9002")]
    {
        scene.press(event, from);
    }
    // One packet alone, of the end or not, and those of two presses.
    scene.press_packet(1, GATE, 0x8a);
    scene.press_packet(2, GATE, 0x8a);
    scene.until(6);
    scene.press_packet(2, GATE, 0x8a);
    scene.press_packet(1, GATE, 0x0a);
    assert_eq!(scene.ended, []);
    let mut scene = Scene::new("13800138000");
    scene.respond("183 Session Progress", "", SDP);
    scene.press(1, GATE);
    scene.request("INFO", "Content-Type: application/dtmf\r\n", "1");
    assert_eq!((scene.sent(), scene.ended), (vec!["481".into()], vec![]));
}

#[test]
fn an_emergency_service_need_not_press_a_key_but_must_be_spoken_to() {
    for (number, spoken, end) in [
        ("120", 1, CallEnd::Unconfirmed),
        // Whoever has understood hangs up before the recording is over.
        ("120", 6, CallEnd::Spoken),
        ("13800138000", 20, CallEnd::Unconfirmed),
    ] {
        let mut scene = Scene::new(number);
        scene.answer();
        scene.until(spoken);
        scene.request("BYE", "", "");
        assert_eq!(scene.ended, [end]);
        assert_eq!(end.is_done(), end == CallEnd::Spoken);
    }
}

#[test]
fn nobody_understands_a_tone() {
    for number in ["120", "13800138000"] {
        let mut scene = Scene::of(Plan { prompt: Arc::new(Prompt::tone()), ..plan(number) });
        scene.answer();
        scene.press(1, GATE);
        scene.request("INFO", "Content-Type: application/dtmf\r\n", "2");
        scene.until(40);
        assert_eq!(scene.ended, []);
        scene.until(46);
        assert_eq!(scene.ended, [CallEnd::Unconfirmed]);
    }
}

#[test]
fn what_did_not_go_out_or_goes_to_nobody_was_not_spoken() {
    // Put on hold.
    let mut scene = Scene::new("120");
    scene.respond("200 OK", "", &format!("{SDP}a=sendonly\r\n"));
    scene.until(46);
    assert_eq!(scene.ended, [CallEnd::Unconfirmed]);
    // Nothing could be sent.
    let mut scene = Scene::new("120");
    let answer = scene.response("200 OK", "", SDP);
    scene.call.message(secs(0), answer.as_bytes());
    for second in 0..45 {
        scene.call.tick(secs(second));
    }
    let outputs = scene.call.tick(secs(46));
    assert!(outputs.contains(&Output::Ended(CallEnd::Unconfirmed)), "{outputs:?}");
}

#[test]
fn a_call_for_which_nobody_waits_is_hung_up() {
    let hangs_up = |scene: &mut Scene| {
        let outputs = scene.call.hang_up(scene.now);
        scene.take(outputs);
        (scene.sent(), scene.ended.len())
    };
    let mut scene = talking();
    assert_eq!(hangs_up(&mut scene), (vec!["BYE".into()], 1));
    assert_eq!(hangs_up(&mut scene), (vec![], 1));
    let mut scene = Scene::new("13800138000");
    scene.respond("180 Ringing", "", "");
    assert_eq!(hangs_up(&mut scene), (vec!["CANCEL".into()], 1));
    // Not a word yet: it is taken back once there is one, even late.
    let mut scene = Scene::new("13800138000");
    assert_eq!(hangs_up(&mut scene), (vec![], 1));
    scene.until(30);
    scene.respond("180 Ringing", "", "");
    assert_eq!(scene.sent(), ["CANCEL"]);
}

#[test]
fn what_the_network_says_has_a_word_each() {
    for (status, end) in [
        ("486 Busy Here", CallEnd::Busy),
        ("600 Busy Everywhere", CallEnd::Busy),
        ("603 Decline", CallEnd::Rejected),
        ("480 Temporarily Unavailable", CallEnd::NoAnswer),
        ("404 Not Found", CallEnd::NoNumber),
        ("403 Forbidden", CallEnd::NotAllowed),
        ("401 Unauthorized", CallEnd::NotAllowed),
        ("302 Moved", CallEnd::NoLine),
        ("503 Service Unavailable", CallEnd::NoLine),
    ] {
        let mut scene = Scene::new("13800138000");
        scene.respond(status, "", "");
        assert_eq!((scene.sent(), &scene.ended[..]), (vec!["ACK".into()], &[end][..]), "{status}");
        assert!(!end.is_done());
        // Its repeat is acknowledged again and changes nothing.
        scene.respond(status, "", "");
        assert_eq!((scene.sent(), scene.ended.len()), (vec!["ACK".into()], 1));
        scene.until(60);
        assert!(scene.call.is_over());
    }
}

#[test]
fn the_password_is_proved_once_and_again_only_where_its_number_was_too_old() {
    let asks = "WWW-Authenticate: Digest realm=\"a\", nonce=\"b\", qop=\"auth\"\r\n";
    let mut scene = Scene::new("13800138000");
    scene.respond("401 Unauthorized", asks, "");
    let proof = scene.invite.only("Authorization").unwrap().clone();
    assert!(proof.contains("username=\"linli\"") && proof.contains("qop=auth"), "{proof}");
    assert!(!proof.contains("secret"));
    assert_eq!(scene.sent(), ["ACK", "INVITE"]);
    let stale = asks.replace("nonce=\"b\"", "nonce=\"c\", stale=true");
    scene.respond("401 Unauthorized", &stale, "");
    assert_eq!(scene.sent(), ["ACK", "INVITE"]);
    scene.respond("401 Unauthorized", &stale, "");
    assert_eq!((scene.sent(), scene.ended), (vec!["ACK".into()], vec![CallEnd::NotAllowed]));

    let mut scene = Scene::new("13800138000");
    let first = scene.response("401 Unauthorized", asks, "");
    scene.say(&first);
    scene.respond("401 Unauthorized", asks, "");
    assert_eq!(scene.ended, [CallEnd::NotAllowed]);
    scene.sent();
    // The first refusal again: its acknowledgement was lost.
    scene.say(&first);
    assert_eq!(scene.sent(), ["ACK"]);
}

#[test]
fn a_network_that_says_nothing_is_given_up_soon() {
    let mut scene = Scene::new("13800138000");
    scene.until(60);
    assert_eq!(
        (scene.sent(), &scene.ended[..]),
        (vec!["INVITE".into(); 4], &[CallEnd::NoLine][..])
    );
    assert!(scene.call.is_over());
    // It rings after all: nobody waits for that any more.
    let mut scene = Scene::new("13800138000");
    scene.until(9);
    scene.sent();
    scene.respond("180 Ringing", "", "");
    scene.answer();
    assert_eq!(scene.sent(), ["CANCEL", "ACK", "BYE"]);
    assert_eq!(scene.ended, [CallEnd::NoLine]);
}

#[test]
fn who_does_not_answer_is_rung_no_longer_than_a_call_may_take() {
    let mut scene = Scene::new("13800138000");
    scene.respond("100 Trying", "", "");
    scene.until(44);
    assert_eq!((scene.sent(), &scene.ended[..]), (vec![], &[][..]));
    scene.until(45);
    assert_eq!((scene.sent(), &scene.ended[..]), (vec!["CANCEL".into()], &[CallEnd::NoAnswer][..]));
    scene.respond("487 Request Terminated", "", "");
    scene.respond("180 Ringing", "", "");
    assert_eq!(scene.sent(), ["ACK"]);
    assert!(RING_MAX + TALK_MAX < Duration::from_secs(100));
}

#[test]
fn a_call_without_a_voice_is_none() {
    for body in
        ["", "v=0\r\n", &SDP.replace("AVP 8", "AVP 18"), &SDP.replace("10.0.0.3", "224.0.0.1")]
    {
        let mut scene = Scene::new("13800138000");
        scene.respond("200 OK", "", body);
        assert_eq!(
            (scene.sent(), scene.ended),
            (vec!["ACK".into(), "BYE".into()], vec![CallEnd::NoLine])
        );
    }
}

#[test]
fn what_belongs_to_another_call_changes_nothing() {
    let mut scene = talking();
    let bye = scene.request_text("BYE", "", "");
    let own = scene.invite.peer("From").unwrap().tag.unwrap();
    for tag in ["theirs", own.as_str()] {
        scene.say(&bye.replace(&format!("tag={tag}"), "tag=others"));
    }
    assert_eq!((scene.sent(), &scene.ended[..]), (vec!["481".into(), "481".into()], &[][..]));
    let id = scene.invite.only("Call-ID").unwrap().clone();
    scene.say(&bye.replace(id.as_str(), "another"));
    let other = scene.response("486 Busy Here", "", "").replace("z9hG4bK", "z9hG4bKx");
    let mut fresh = Scene::new("13800138000");
    fresh.say(&other);
    assert_eq!((fresh.sent(), fresh.ended), (vec![], vec![]));
    assert_eq!((scene.sent(), scene.ended), (vec![], vec![]));
    // Offers and questions are answered, and the call goes on.
    let mut scene = talking();
    for (method, status) in [("INVITE", "488"), ("OPTIONS", "200"), ("REFER", "501")] {
        scene.request(method, "", "");
        assert_eq!(scene.sent(), [status]);
    }
    scene.answer();
    assert_eq!((scene.sent(), scene.ended), (vec!["ACK".into()], vec![]));
}

/// What a network that was taken over might send: anything, in every state.
#[test]
fn garbage_changes_nothing_and_costs_little() {
    let mut seed = 1_u64;
    let mut draw = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed >> 11).unwrap() % below
    };
    let asks = "WWW-Authenticate: Digest realm=\"a\", nonce=\"b\", algorithm=AKAv1-MD5\r\n";
    for round in 0..20_000 {
        let mut scene = if round % 2 == 0 { talking() } else { Scene::new("13800138000") };
        let text = match round % 4 {
            0 => scene.request_text(
                "INFO",
                "Content-Type: application/dtmf-relay\r\n",
                "Signal=7\r\n",
            ),
            1 => scene.response("401 No", asks, ""),
            2 => scene.request_text("UPDATE", "Content-Type: application/sdp\r\n", SDP),
            _ => scene.response("183 Well", "Contact: \"é\" <sip:a@b>;x=\"y\"\r\n", SDP),
        };
        let mut bytes = text.into_bytes();
        for _ in 0..=draw(6) {
            let at = draw(bytes.len());
            match draw(4) {
                0 => bytes[at] = u8::try_from(draw(256)).unwrap(),
                1 => bytes.truncate(at + 1),
                2 => bytes.extend_from_within(at..),
                _ => bytes
                    .splice(at..at, "é\r\n \"<;=,".bytes().cycle().take(draw(9)))
                    .for_each(drop),
            }
        }
        let outputs = scene.call.message(scene.now, &bytes);
        assert!(outputs.len() <= 3, "{outputs:?}");
        assert!(!outputs.contains(&Output::Ended(CallEnd::Accepted)));
    }
    let mut scene = talking();
    scene.say(&"x".repeat(9_000));
    let many = "A: b\r\n".repeat(200);
    scene.request("BYE", &many, "");
    assert_eq!((scene.sent(), scene.ended), (vec![], vec![]));
}
