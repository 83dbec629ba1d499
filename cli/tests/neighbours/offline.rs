//! A hub whose centre is out of reach.

use serde_json::Value;

use crate::{
    community::{LOOPBACK, agree, centre_and_hub, folder, id, join, met, parted, sees},
    site::Site,
};

/// A service that a standing offer covers, and one that none does.
const OFFERED: &str = "daily.meal_delivery";
const NOT_OFFERED: &str = "daily.laundry";

/// The area of the standing offer, an address in it and one that is not.
const AREA: &str = "桃园路街道";
const INSIDE: &str = "西安市莲湖区桃园路街道丰镐东路社区21号楼";
const OUTSIDE: &str = "莲湖区红庙坡街道 3号";

#[test]
fn without_its_centre_a_hub_orders_what_a_standing_offer_covers_and_keeps_the_rest_waiting() {
    let folder = folder();
    let (mut centre, mut hub) = centre_and_hub(folder.path());
    let mut provider = Site::init(folder.path().join("provider"), None, LOOPBACK);
    join(&centre, &provider, &["provider", "--name", "Warm Meals"]);
    let [elder, outside, moving] = [("王秀英", INSIDE), ("李桂兰", OUTSIDE), ("张玉珍", INSIDE)]
        .map(|(name, address)| {
            let answer = hub.ask(&["elder", "add", "--name", name, "--address", address]);
            answer["elder"].as_str().unwrap().to_owned()
        });
    sees(&centre, &moving);
    let until = ["--area", AREA, "--ceiling-fen", "3000", "--ends", "2099-12-31"];
    let sign = [&["offer", "sign", "Warm Meals", OFFERED][..], &until].concat();
    let offer = centre.ask(&sign)["offer"].clone();
    provider.up();
    for node in [&hub, &provider] {
        node.await_answer(&["offer", "list"], |list| (list[0]["id"] == offer).then_some(()));
    }
    hub.await_answer(&["party", "list"], |list| {
        list.as_array()?.iter().find(|party| party["name"] == "Warm Meals").map(drop)
    });

    // A provider's node carries for others: while it is off, only the hub holds what it writes.
    provider.stop();
    let away = id(&centre);
    centre.stop();
    parted(&hub, &away);
    let waiting = held_up(&hub, &elder, NOT_OFFERED);
    let elsewhere = held_up(&hub, &outside, OFFERED);
    let offered = hub.ask(&["order", "new", &elder, OFFERED, "--channel", "phone"]);
    assert_eq!(offered["state"], "offered", "{offered}");
    assert_eq!((&offered["next"], &offered["waits"]), (&"provider_to_answer".into(), &Value::Null));
    let not_yet = hub.run(&["leave"]);
    assert_eq!((not_yet.code, &not_yet.answer()["may_leave"]), (6, &false.into()), "{not_yet:?}");
    let edit = ["elder", "edit", &moving, "address"];
    hub.ask(&[&edit[..], &["莲湖区桃园路街道 9号"]].concat());

    // All are still there after a restart, and reach the centre when it is back.
    hub.stop();
    centre.up();
    centre.ask(&[&edit[..], &["莲湖区红庙坡街道 9号"]].concat());
    hub.up();
    for order in [&waiting, &elsewhere, &offered] {
        assert_eq!(listed(&hub, order)["state"], order["state"]);
    }
    met(&hub, &centre);
    for order in [&waiting, &elsewhere, &offered] {
        centre.await_answer(&["order", "list"], |list| {
            let row = list.as_array()?.iter().find(|row| row["order"] == order["order"])?;
            (row["state"] == order["state"] && row["names"] == listed(&hub, order)["names"])
                .then_some(())
        });
    }
    agree(&hub, &centre);

    // What waited for the centre is the centre's to decide now.
    for order in [&waiting, &elsewhere] {
        let which = order["order"].as_str().unwrap();
        centre.await_answer(&["order", "show", which], |order| {
            (order["arbiter"]["kind"] == "centre").then_some(())
        });
        let offered = centre.ask(&["order", "offer", which, "--provider", "Warm Meals"]);
        assert_eq!(offered["state"], "offered", "{offered}");
    }

    // Of two addresses at once one lies outside.
    hub.await_answer(&["elder", "list", "张玉珍"], |page| {
        (page["elders"][0]["conflicts"] == 1).then_some(())
    });
    centre.stop();
    parted(&hub, &away);
    held_up(&hub, &moving, OFFERED);
    answered_by(&mut provider, &mut hub, &offered, &elder);
}

/// Orders what no standing offer covers; it waits for the centre.
fn held_up(hub: &Site, elder: &str, service: &str) -> Value {
    let order = hub.run(&["order", "new", elder, service, "--channel", "phone"]);
    assert_eq!(order.code, 6, "{order:?}");
    let order = order.answer();
    assert_eq!((&order["state"], &order["next"]), (&"open".into(), &"standing_offer".into()));
    let why = order["waits"].as_str().unwrap();
    assert!(why.contains("centre is out of reach"), "{why}");
    order
}

/// The provider accepts while the hub that decides is out of reach, and is told so. It may not read
/// the elder's profile, so no name is shown to it.
fn answered_by(provider: &mut Site, hub: &mut Site, order: &Value, elder: &str) {
    assert_eq!(listed(hub, order)["names"], serde_json::json!(["王秀英"]));
    let which = order["order"].as_str().unwrap();
    let shown = hub.ask(&["order", "show", which]);
    assert_eq!((&shown["elder"], &shown["names"][0]), (&elder.into(), &"王秀英".into()));
    provider.up();
    met(provider, hub);
    let row = provider.await_answer(&["order", "list"], |list| {
        let mut rows = list.as_array()?.iter();
        rows.find(|row| row["order"] == order["order"] && row["state"] == "offered").cloned()
    });
    assert_eq!((&row["elder"], &row["names"]), (&elder.into(), &Value::Null));
    let gone = id(hub);
    hub.stop();
    parted(provider, &gone);
    let accepted = provider.run(&["order", "accept", which]);
    assert_eq!(accepted.code, 6, "{accepted:?}");
    let accepted = accepted.answer();
    let said = (&accepted["state"], &accepted["next"]);
    assert_eq!(said, (&"claimed".into(), &"arbiter_to_confirm".into()));
    let why = accepted["waits"].as_str().unwrap();
    assert!(why.contains("decides about it is out of reach"), "{why}");
}

/// An order as a node lists it.
fn listed(node: &Site, order: &Value) -> Value {
    let list = node.ask(&["order", "list"]);
    let mut rows = list.as_array().unwrap().iter();
    rows.find(|row| row["order"] == order["order"]).unwrap().clone()
}
