//! A node that holds less than it has said to hold is named, and given it again.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{
    community::{add_elder, agree, centre_and_hub, folder, id, met, sees},
    site::{finished, plain},
};

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for item in fs::read_dir(from).unwrap() {
        let (from, to) = item.map(|item| (item.path(), to.join(item.file_name()))).unwrap();
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }
}

#[test]
fn a_node_whose_disk_went_back_is_named_and_given_again_what_it_lacks() {
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let at_centre = id(&centre);
    let early = add_elder(&hub, "王秀英");
    sees(&centre, &early);
    met(&hub, &centre);
    centre.stop();
    let (store, kept) = (centre.data().join("store"), folder.path().join("kept"));
    copy(&store, &kept);
    centre.up();
    let late = add_elder(&hub, "李桂兰");
    sees(&centre, &late);
    // Everything is receipted, and the receipts are kept.
    hub.await_answer(&["leave"], |answer| (answer["may_leave"] == true).then_some(()));
    assert_eq!(hub.ask(&["status"])["went_back"], Value::Array(Vec::new()));
    hub.stop();
    centre.stop();
    fs::remove_dir_all(&store).unwrap();
    copy(&kept, &store);
    centre.up();
    hub.up();
    let row = hub.await_answer(&["status"], |status| {
        Some(status["went_back"][0].clone()).filter(Value::is_object)
    });
    assert_eq!((&row["node"], &row["label"]), (&at_centre, &"centre".into()));
    assert!(row["documents"].as_u64().unwrap() > 0, "{row}");
    sees(&centre, &late);
    hub.await_answer(&["status"], |status| (status["went_back"][0]["missing"] == 0).then_some(()));
    hub.await_answer(&["leave"], |answer| (answer["may_leave"] == true).then_some(()));
    agree(&hub, &centre);
    let said = |words: &[&str], language: &str| {
        let mut command = plain(&hub.command(words));
        finished(command.env("LINLI_LANG", language)).out
    };
    assert!(said(&["status"], "en").contains("centre said that it keeps"));
    assert!(said(&["status"], "zh").contains("centre 曾声明安全保存"));
    assert!(said(&["doctor"], "en").contains("centre said that it keeps"));
    // It is remembered over a restart, and the other way round there is nothing to say.
    hub.stop();
    hub.up();
    assert_eq!(hub.ask(&["status"])["went_back"][0]["node"], at_centre);
    assert_eq!(centre.ask(&["status"])["went_back"], Value::Array(Vec::new()));
}
