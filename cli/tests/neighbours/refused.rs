//! What a node and the program refuse, with which exit code, and that the node lives on.

use linli_core::pairing::{Code, WRONG_PROOFS_MAX};
use rand::{SeedableRng as _, rngs::StdRng};

use crate::{
    community::{Invitation, LOOPBACK, add_elder, centre, centre_and_hub, folder, join, sees},
    site::{Desk, Site, finished, plain},
};

#[test]
fn a_wrong_passphrase_a_second_node_and_an_absent_one_are_refused() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let second = centre.run(&["up"]);
    let (code, message) = second.refusal();
    assert_eq!((second.code, code.as_str()), (5, "conflict"), "{message}");
    centre.lives();

    centre.stop();
    let absent = centre.run(&["status"]);
    assert_eq!((absent.code, absent.refusal().0.as_str()), (8, "not-running"));

    let mut guess = centre.command(&["up"]);
    let guess = finished(guess.env("LINLI_PASSPHRASE", "a passphrase of a thief"));
    let (code, message) = guess.refusal();
    assert_eq!((guess.code, code.as_str()), (4, "forbidden"), "{message}");
    assert!(message.contains("passphrase"), "{message}");
    centre.up();
    centre.stop();
}

#[test]
fn guessed_used_and_mistyped_codes_are_refused_and_guessing_ends_the_invitation() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let mut used = Invitation::begin(&centre, &["household"]);
    let hub = Site::init(folder.path().join("hub"), None, LOOPBACK);
    assert_eq!(hub.run(&["join", &used.code]).code, 0);
    assert_eq!(used.phase()["phase"], "pending");
    assert_eq!(used.phase()["phase"], "enrolled");

    let stranger = Site::init(folder.path().join("stranger"), None, LOOPBACK);
    let mistyped = stranger.run(&["join", "linl-aaaa-bbbb-cccc"]);
    assert_eq!((mistyped.code, mistyped.refusal().0.as_str()), (2, "invalid"));

    // Somebody who saw an old code, and then guesses, as often as it is let.
    let open = Invitation::begin(&centre, &["household"]);
    let inviter = Code::parse(&open.code).unwrap().inviter;
    let mut rng = StdRng::seed_from_u64(7);
    let guesses = (1..WRONG_PROOFS_MAX).map(|_| Code::draw(inviter, &mut rng).text().unwrap());
    for code in std::iter::once(used.code.clone()).chain(guesses) {
        let refused = stranger.run(&["join", &code]);
        let (kind, message) = refused.refusal();
        assert_eq!((refused.code, kind.as_str()), (4, "forbidden"), "{message}");
        assert!(message.contains("wrong, used or expired"), "{message}");
    }
    let (code, said) = open.end();
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("wrong codes"), "{said}");
    centre.lives();

    // Nothing of it stays: the stranger joins when it is really invited.
    let (here, there) = join(&centre, &stranger, &["household"]);
    assert_eq!(here, there);
    let parties = centre.ask(&["party", "list"]);
    assert_eq!(parties.as_array().unwrap().len(), 3, "{parties}");
    let again = stranger.run(&["join", &used.code]);
    assert_eq!((again.code, again.refusal().0.as_str()), (5, "conflict"));
}

#[test]
fn whom_nobody_confirms_is_told() {
    let folder = folder();
    let centre = centre(folder.path(), None, LOOPBACK);
    let hub = Site::init(folder.path().join("hub"), None, LOOPBACK);
    let unconfirmed = |code: &str| {
        let joined = hub.run(&["join", code]);
        assert_eq!(joined.code, 4, "{joined:?}");
        assert!(joined.err.contains("did not confirm"), "{joined:?}");
    };

    // Nobody sits before the inviting screen.
    let mut unasked = Invitation::unconfirmed(&centre, &["household"]);
    unconfirmed(&unasked.code);
    assert_eq!(unasked.phase()["phase"], "pending");
    assert_eq!(unasked.end().0, 2);

    // Whoever sat there has gone.
    let left = Invitation::unconfirmed(&centre, &["household", "--valid", "5s"]);
    left.stop();
    unconfirmed(&left.code);
}

/// Two English words beside each other, outside of what is to be typed; there are none in Chinese.
fn english(said: &str) -> Option<String> {
    let spoken = said.split('`').step_by(2).collect::<Vec<_>>().join("、");
    let apart = spoken.replace(|letter: char| !letter.is_ascii(), " - ");
    let words: Vec<&str> = apart.split(' ').collect();
    let is_word = |word: &&str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_alphabetic());
    let beside = words.windows(2).find(|pair| pair.iter().all(is_word));
    beside.map(|pair| pair.join(" "))
}

/// What a person reads in Chinese who is refused.
fn refused_in_chinese(desk: &Desk, words: &[&str], pin: &str) -> String {
    let command = desk.command(words);
    let run = finished(plain(&command).env("LINLI_LANG", "zh").env("LINLI_PIN", pin));
    assert!(run.code > 0 && run.out.is_empty(), "{words:?}: {run:?}");
    assert_eq!(english(&run.err), None, "{words:?}: {}", run.err);
    run.err
}

#[test]
fn whoever_reads_chinese_is_refused_in_chinese() {
    assert_eq!(english("看 `linli elder list`：this card"), Some("this card".to_owned()));
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    centre.ask(&["person", "add", "李明", "--role", "operator"]);
    let empty = folder.path().join("empty.csv");
    std::fs::write(&empty, "").unwrap();
    let empty = empty.to_str().unwrap();
    let said = |words: &[&str], pin: &str| refused_in_chinese(&centre, words, pin);

    let shut = said(&["--as", "李明", "elder", "card", &elder], "2468");
    assert!(shut.contains("在家庭或亲属发出或回应警报时打开"), "{shut}");
    let alert = hub.ask(&["alert", "raise", &elder])["alert"].as_str().unwrap().to_owned();
    centre.await_answer(&["alert", "list"], |list| {
        list.as_array()?.iter().any(|row| row["alert"] == alert).then_some(())
    });
    // It was raised at home, and nobody there has written a card.
    let unwritten = said(&["--as", "李明", "alert", "card", &alert], "2468");
    assert!(unwritten.contains("家庭还没有写这位老人的急救卡"), "{unwritten}");

    let cases: [(&[&str], &str); 18] = [
        (&["elder", "show", "张三"], "没有这个编号或姓名的老人"),
        (&["elder", "edit", &elder, "nonsense", "x"], "没有 nonsense 这一项"),
        (&["elder", "import", "/nowhere/missing.csv"], "不存在"),
        (&["elder", "import", empty], "文件是空的"),
        (&["order", "show", "0000"], "没有这个工单"),
        (&["order", "new", &elder, "nonsense"], "目录中没有这项服务"),
        (&["alert", "show", "0000"], "没有这个警报"),
        (&["alert", "raise", &elder, "--kind", "nonsense"], "没有这类警报"),
        (&["alert", "ack", &alert], "须由具名的人处理"),
        (&["--as", "李明", "alert", "respond", &alert], "还没有人负责"),
        (&["--as", "张三", "alert", "ack", &alert], "没有叫这个名字的人"),
        (&["person", "add", "张三", "--role", "nonsense"], "没有这个角色"),
        (&["keys", "expel", "nobody"], "没有这个编号或名称的参与方或节点"),
        (&["keys", "held", "show", "0000"], "没有这个编号的搁置内容"),
        (&["keys", "erase", &elder, "--reason", "x", "--yes"], "由谁下令删除"),
        (&["device", "tablet", "add"], "平板"),
        (&["invite", "household", "--name", "x"], "不要写名称"),
        (&["backup", empty], "已有内容"),
    ];
    for (words, expected) in cases {
        let told = said(words, "2468");
        assert!(told.contains(expected), "{words:?}: {told}");
    }
    let wrong = said(&["--as", "李明", "alert", "ack", &alert], "1357");
    assert!(wrong.contains("PIN 不对"), "{wrong}");
    // Programs read English, whatever the language.
    let absent = centre.run(&["--lang", "zh", "elder", "show", "张三"]).refusal();
    assert_eq!(absent.0, "not-found");
    assert!(absent.1.starts_with("no elder here has this id or name"), "{}", absent.1);
}
