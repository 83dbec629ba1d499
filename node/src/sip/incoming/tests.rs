use super::*;

fn invite(id: &str, from: &str, more: &str) -> String {
    format!(
        "INVITE sip:centre@10.0.0.7 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP 10.0.0.3;branch=z9hG4bK2\r\n\
         From: {from};tag=a\r\nTo: <sip:centre@10.0.0.7>\r\nCall-ID: {id}\r\nCSeq: 1 INVITE\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

fn incoming(desk: Option<&str>) -> Incoming {
    Incoming::new(desk.map(str::to_owned), [7; 32])
}

fn shown(from: &str, more: &str) -> Option<Option<String>> {
    let called = incoming(None).take(Duration::ZERO, invite("a", from, more).as_bytes()).called;
    called.map(|number| number.map(|number| number.as_str().to_owned()))
}

#[test]
fn a_caller_is_sent_to_the_desk_and_the_number_is_told_once() {
    let mut incoming = incoming(Some("sip:201@10.0.0.2"));
    let text = invite("a", "\"王\" <sip:+8613800138000@10.0.0.2>", "");
    let first = incoming.take(Duration::ZERO, text.as_bytes());
    assert_eq!(first.called, Some(Some("+8613800138000".into())));
    let answer = String::from_utf8(first.answer.unwrap()).unwrap();
    assert!(answer.starts_with("SIP/2.0 302 "), "{answer}");
    for line in [
        "Via: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP 10.0.0.3;branch=z9hG4bK2\r\n",
        "From: \"王\" <sip:+8613800138000@10.0.0.2>;tag=a\r\n",
        "To: <sip:centre@10.0.0.7>;tag=",
        "Call-ID: a\r\nCSeq: 1 INVITE\r\n",
        "Contact: <sip:201@10.0.0.2>\r\n",
    ] {
        assert!(answer.contains(line), "{line}: {answer}");
    }
    // It is asked again, and answered alike.
    let again = incoming.take(Duration::ZERO, text.as_bytes());
    assert_eq!((again.called, again.answer), (None, Some(answer.into_bytes())));
    let ack = text.replace("INVITE", "ACK");
    assert_eq!(incoming.take(Duration::ZERO, ack.as_bytes()), Reaction::default());
    for (method, status) in [("OPTIONS", "200"), ("CANCEL", "481"), ("REGISTER", "501")] {
        let answer = incoming.take(Duration::ZERO, text.replace("INVITE", method).as_bytes());
        let said = String::from_utf8(answer.answer.unwrap()).unwrap();
        assert!(
            said.starts_with(&format!("SIP/2.0 {status} ")) && !said.contains("Contact"),
            "{said}"
        );
        assert_eq!(answer.called, None);
    }
}

#[test]
fn without_a_desk_the_network_asks_elsewhere() {
    let answer = incoming(None).take(Duration::ZERO, invite("a", "<sip:1@a>", "").as_bytes());
    assert!(answer.answer.unwrap().starts_with(b"SIP/2.0 480 "));
}

#[test]
fn the_number_is_what_the_network_asserts_and_may_be_missing() {
    assert_eq!(shown("<sip:13800138000@a>", ""), Some(Some("13800138000".into())));
    assert_eq!(shown("sip:13800138000@a", ""), Some(Some("13800138000".into())));
    let asserted = "P-Asserted-Identity: \"x\" <sip:02987601234@a>\r\n";
    assert_eq!(shown("<sip:13800138000@a>", asserted), Some(Some("02987601234".into())));
    assert_eq!(shown("<sip:138;phone-context=x@a>", ""), Some(Some("138".into())));
    for hidden in ["<sip:anonymous@anonymous.invalid>", "<sip:a>"] {
        assert_eq!(shown(hidden, ""), Some(None), "{hidden}");
    }
    // Some networks write numbers as such, and more than one.
    for tel in
        ["<tel:+8613800138000>", "\"<tel:120>\" <tel:+8613800138000;x=y>", "tel:+8613800138000"]
    {
        let wanted = Some(Some("+8613800138000".into()));
        assert_eq!(shown(tel, ""), wanted, "{tel}");
        let hidden = "P-Asserted-Identity: <sip:anonymous@anonymous.invalid>\r\n";
        let more = format!("{hidden}P-Asserted-Identity: {tel}\r\n");
        assert_eq!(shown("<sip:110@a>", &more), wanted, "{tel}");
        assert_eq!(shown("<sip:+8613800138000@a>", hidden), wanted);
    }
    let to = invite("a", "<sip:1@a>", "")
        .replace("<sip:centre@10.0.0.7>\r\nCall", "<tel:029;tag=1>\r\nCall");
    let answer = incoming(None).take(Duration::ZERO, to.as_bytes()).answer.unwrap();
    assert!(String::from_utf8(answer).unwrap().contains("To: <tel:029;tag=1>;tag="));
    let long = format!("<sip:{}@a>", "1".repeat(500));
    assert_eq!(shown(&long, ""), Some(Some("1".repeat(NUMBER_CHARS_MAX))));
}

#[test]
fn a_flood_is_answered_and_told_of_slowly() {
    let mut incoming = incoming(None);
    let (mut told, mut untold) = (0, 0);
    for number in 0..10_000_u32 {
        let now = Duration::from_millis(u64::from(number));
        let text = invite(&number.to_string(), "<sip:13800138000@a>", "");
        let reaction = incoming.take(now, text.as_bytes());
        let answer = reaction.answer.unwrap();
        // Nothing bigger comes back than was sent, but for what names this call.
        assert!(answer.len() < text.len() + 40, "{} {}", answer.len(), text.len());
        told += u32::from(reaction.called.is_some());
        untold += u32::from(reaction.untold);
    }
    assert!((100..=BURST + 101).contains(&told), "{told}");
    assert_eq!(told + untold, 10_000);
    assert_eq!(incoming.known.len(), usize::try_from(told).unwrap());
}

#[test]
fn garbage_has_no_answer() {
    let text = invite("a", "<sip:1@a>", "");
    for line in ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "] {
        let reaction = incoming(None).take(Duration::ZERO, text.replace(line, "X: ").as_bytes());
        if line != "Via: " && line != "From: " {
            assert_eq!(reaction, Reaction::default(), "{line}");
        }
        assert_eq!(reaction.answer, None, "{line}");
    }
    let response = text.replace("INVITE sip:centre@10.0.0.7 SIP/2.0", "SIP/2.0 200 OK");
    for bytes in
        [&b""[..], b"\r\n\r\n", b"INVITE", &[0xff; 100], response.as_bytes(), &[b'a'; 9_000]]
    {
        assert_eq!(incoming(None).take(Duration::ZERO, bytes), Reaction::default());
    }
    assert!(is_heard("10.0.0.2:5060".parse().unwrap(), "10.0.0.2:61000".parse().unwrap()));
    assert!(!is_heard("10.0.0.2:5060".parse().unwrap(), "10.0.0.3:5060".parse().unwrap()));
}
