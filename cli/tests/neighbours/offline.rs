//! A hub whose centre is out of reach.

use serde_json::Value;

use crate::{
    community::{LOOPBACK, add_elder, agree, centre_and_hub, folder, id, join, met, parted, sees},
    site::Site,
};

/// A service that a standing offer covers, and one that none does.
const OFFERED: &str = "daily.meal_delivery";
const NOT_OFFERED: &str = "daily.laundry";

#[test]
fn without_its_centre_a_hub_orders_what_a_standing_offer_covers_and_keeps_the_rest_waiting() {
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let provider = Site::init(folder.path().join("provider"), None, LOOPBACK);
    join(&centre, &provider, &["provider", "--name", "Warm Meals"]);
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    let until = ["--area", "", "--ceiling-fen", "3000", "--ends", "2099-12-31"];
    let sign = [&["offer", "sign", "Warm Meals", OFFERED][..], &until].concat();
    let offer = centre.ask(&sign)["offer"].clone();
    hub.await_answer(&["offer", "list"], |list| (list[0]["id"] == offer).then_some(()));
    hub.await_answer(&["party", "list"], |list| {
        list.as_array()?.iter().find(|party| party["name"] == "Warm Meals").map(drop)
    });

    let away = id(&centre);
    centre.stop();
    parted(&hub, &away);
    let waiting = hub.run(&["order", "new", &elder, NOT_OFFERED, "--channel", "phone"]);
    assert_eq!(waiting.code, 6, "{waiting:?}");
    let waiting = waiting.answer();
    assert_eq!(waiting["state"], "open", "{waiting}");
    let why = waiting["waits"].as_str().unwrap();
    assert!(why.contains("centre is out of reach"), "{why}");
    let offered = hub.run(&["order", "new", &elder, OFFERED, "--channel", "phone"]).answer();
    assert_eq!(offered["state"], "offered", "{offered}");
    let not_yet = hub.run(&["leave"]);
    assert_eq!((not_yet.code, &not_yet.answer()["may_leave"]), (6, &false.into()), "{not_yet:?}");

    // Both are still there after a restart, and reach the centre when it is back.
    hub.stop();
    hub.up();
    for order in [&waiting, &offered] {
        assert_eq!(state(&hub, order), order["state"]);
    }
    centre.up();
    met(&hub, &centre);
    for order in [&waiting, &offered] {
        centre.await_answer(&["order", "list"], |list| {
            let row = list.as_array()?.iter().find(|row| row["order"] == order["order"])?;
            (row["state"] == order["state"]).then_some(())
        });
    }
    agree(&hub, &centre);
}

/// The state of an order as a node lists it.
fn state(node: &Site, order: &Value) -> Value {
    let list = node.ask(&["order", "list"]);
    let mut rows = list.as_array().unwrap().iter();
    rows.find(|row| row["order"] == order["order"]).unwrap()["state"].clone()
}
