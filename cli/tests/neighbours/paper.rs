//! The emergency card on paper: who may write it, what stands on it, and on what record.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{
    community::{add_elder, centre_and_hub, folder, sees},
    site::{Desk, wait},
};

/// How often the card was read in an alert, by a node's word.
fn readings(node: &Desk, alert: &str) -> usize {
    let shown = node.ask(&["alert", "show", alert]);
    shown["view"]["card"]["read_by"].as_array().unwrap().len()
}

#[test]
fn the_card_is_printed_on_the_record_while_the_alert_opens_it() {
    let folder = folder();
    let (centre, hub) = centre_and_hub(folder.path());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    for (field, value) in [
        ("address", "桃园路 7 号 3 单元 501"),
        ("entry", "钥匙在门垫下"),
        ("allergies", "青霉素 <script>alert(1)</script>"),
    ] {
        hub.ask(&["elder", "edit", &elder, &format!("card/{field}"), value]);
    }
    let daughter = ["--name", "王芳", "--phone", "13900000001", "--kinship", "daughter"];
    let related = hub.ask(&[&["elder", "related", &elder, "--card"], &daughter[..]].concat());
    let shown = hub.ask(&["elder", "show", &elder]).to_string();
    assert!(shown.contains(related["contact"].as_str().unwrap()), "{shown}");
    let wrong = ["--name", "王芳", "--phone", "139"];
    assert_eq!(hub.run(&[&["elder", "related", &elder], &wrong[..]].concat()).code, 2);
    centre.ask(&["person", "add", "李明", "--role", "operator"]);
    let alert = hub.ask(&["alert", "raise", &elder])["alert"].as_str().unwrap().to_owned();
    let file = |name: &str| folder.path().join(name);
    let print = |who: &[&str], name: &str, lang: &str| {
        let path = file(name);
        let words = ["--lang", lang, "alert", "card", &alert, "--print", path.to_str().unwrap()];
        centre.run(&[who, &words[..]].concat())
    };
    let li = ["--as", "李明"];
    wait("the card is open", || (print(&li, "first.html", "en").code == 0).then_some(()));
    centre.ask(&["--as", "李明", "alert", "ack", &alert]);
    centre.ask(&["--as", "李明", "alert", "hand-to", &alert, "ambulance"]);

    assert_eq!(readings(&centre, &alert), 1);
    assert_eq!(print(&li, "zh.html", "zh").code, 0);
    assert_eq!(readings(&centre, &alert), 2, "it is read on the record");
    let mode = fs::metadata(file("zh.html")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let page = fs::read_to_string(file("zh.html")).unwrap();
    for text in [
        "王秀英",
        "桃园路",
        "钥匙在门垫下",
        "青霉素 &lt;script&gt;",
        "移交 120 急救",
        "李明",
        "用药",
        "未填写",
        "王芳",
        "13900000001",
        "女儿",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    // It needs nothing from elsewhere, and runs nothing.
    assert!(!page.contains("http") && !page.contains("<script") && !page.contains("src="));
    assert_eq!(print(&li, "en.html", "en").code, 0);
    let page = fs::read_to_string(file("en.html")).unwrap();
    assert!(page.contains("to 120, ambulance") && page.contains("not written down"), "{page}");
    let read = readings(&centre, &alert);

    // Nothing is read that is not written, and nothing is written over.
    assert!(print(&li, "en.html", "zh").code > 0);
    assert_eq!(fs::read_to_string(file("en.html")).unwrap(), page);
    assert!(print(&li, "there/is/no.html", "en").code > 0);
    assert_eq!(print(&[], "nobody.html", "en").refusal().0, "forbidden");
    assert!(!file("nobody.html").exists());
    assert_eq!(readings(&centre, &alert), read);
    centre.ask(&["--as", "李明", "alert", "resolve", &alert, "--outcome", "hospital"]);
    assert_eq!(print(&li, "late.html", "en").refusal().0, "conflict");
    assert!(!file("late.html").exists());
}
