//! Relays that are killed, wiped, replaced, gone: nothing is lost, and members find each other again.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use serde_json::Value;

use crate::{
    community::{
        LOOPBACK, add_elder, agree, centre, elders, finds, folder, id, join, met, parted, peer,
        sees,
    },
    site::{Desk, Site, wait},
};

const PHONE: &str = "13800000000";
/// A node that nobody reaches but through relays.
const FAR: &str = "\"off\"\nrelay_only = true";

/// Where a relay is, and goes on being when it is made anew.
pub(crate) struct Place {
    http: String,
    status: String,
}

impl Place {
    pub(crate) fn draw() -> Self {
        // Both at once, lest the second be the first again.
        let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [http, status] = ports.map(|port| port.local_addr().unwrap().to_string());
        Self { http, status }
    }

    fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Makes a relay and lets it join.
    pub(crate) fn relay(&self, folder: &Path, name: &str, centre: &Desk) -> Site {
        let mut relay = Site::init(folder.join(name), None, LOOPBACK);
        join(centre, &relay, &["carrier", "--name", name]);
        self.up(&mut relay);
        relay
    }

    pub(crate) fn up(&self, relay: &mut Site) {
        let url = self.url();
        let words = ["--http", &self.http, "--public-url", &url, "--status", &self.status];
        relay.relay_up_at(&words);
    }

    /// What the relay answers, and with which code.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.status).unwrap();
        let host = &self.status;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        (code, serde_json::from_str(body).unwrap())
    }

    /// How many entries the relay keeps.
    pub(crate) fn entries(&self) -> u64 {
        self.get("/status").1["held"]["entries"].as_u64().unwrap()
    }
}

/// Waits until the relay that the node is connected with keeps all that the node has for others.
pub(crate) fn handed_over(node: &Desk) {
    node.await_answer(&["status"], |status| {
        let keeps = |peer: &&Value| peer["kind"] == "carrier" && peer["path"] != "away";
        let carrier = status["peers"].as_array()?.iter().find(keeps)?;
        (carrier["waiting_entries"] == 0).then_some(())
    });
}

/// Waits until one node reaches the other through this relay.
fn relayed(node: &Desk, other: &Value, url: &str) {
    node.await_answer(&["status"], |status| {
        let peer = peer(status, other)?;
        let address = peer["address"].as_str()?;
        (peer["path"] == "relayed" && address.starts_with(url)).then_some(())
    });
}

/// A household's hub that has joined and is far away.
fn far_hub(folder: &Path, centre: &Desk) -> Site {
    let mut hub = Site::init(folder.join("hub"), None, LOOPBACK);
    join(centre, &hub, &["household"]);
    hub.configure(FAR);
    hub.up();
    hub
}

#[test]
fn a_relay_is_killed_and_wiped_and_nothing_is_lost() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let place = Place::draw();
    let mut relay = place.relay(folder.path(), "relay", &centre);
    let mut near = Site::init(folder.path().join("near"), None, LOOPBACK);
    join(&centre, &near, &["household"]);
    near.up();
    met(&near, &centre);
    let mut hub = far_hub(folder.path(), &centre);
    let (centre_id, hub_id) = (id(&centre), id(&hub));
    relayed(&hub, &centre_id, &place.url());
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);

    // No relay: each goes on, those on one network together.
    relay.kill();
    parted(&hub, &centre_id);
    parted(&centre, &hub_id);
    let apart = add_elder(&hub, "李桂兰");
    centre.ask(&["elder", "edit", &elder, "phone", PHONE]);
    sees(&centre, &add_elder(&near, "赵淑芬"));
    assert!(!elders(&centre).contains(&apart));
    assert_eq!(hub.ask(&["elder", "list", PHONE])["total"], 0);
    place.up(&mut relay);
    relayed(&hub, &centre_id, &place.url());
    sees(&centre, &apart);
    finds(&hub, PHONE);

    // Wiped: another node at the same place. It is filled again by those who know what it kept.
    wait("the relay keeps something", || (place.entries() > 0).then_some(()));
    let kept = place.entries();
    relay.kill();
    drop(relay);
    fs::remove_dir_all(folder.path().join("relay")).unwrap();
    let mut relay = place.relay(folder.path(), "relay", &centre);
    wait("the relay is filled again", || (place.entries() >= kept).then_some(()));
    sees(&centre, &add_elder(&hub, "陈秀兰"));

    // And it carries: they are never there at one time.
    centre.stop();
    near.stop();
    parted(&hub, &centre_id);
    let carried = add_elder(&hub, "刘凤英");
    handed_over(&hub);
    hub.stop();
    centre.up();
    sees(&centre, &carried);
    relay.kill();
}

#[test]
fn a_relay_that_is_replaced_is_found_at_its_new_address_by_who_never_heard_of_it() {
    let folder = folder();
    let mut centre = centre(folder.path(), None, LOOPBACK);
    let (first, second) = (Place::draw(), Place::draw());
    let mut old = first.relay(folder.path(), "old", &centre);
    let hub = far_hub(folder.path(), &centre);
    let (centre_id, hub_id) = (id(&centre), id(&hub));
    relayed(&hub, &centre_id, &first.url());
    assert_eq!(hub.ask(&["status"])["relays"], serde_json::json!([first.url()]));

    // The new one says itself where it is; the hub hears of it through the old one.
    let _new = second.relay(folder.path(), "new", &centre);
    for node in [&hub, &centre] {
        node.await_answer(&["status"], |status| {
            let relays = status["relays"].as_array()?;
            (relays.len() == 2 && relays.contains(&second.url().into())).then_some(())
        });
    }
    centre.stop();
    centre.configure(FAR);
    centre.up();
    let elder = add_elder(&hub, "王秀英");
    sees(&centre, &elder);
    old.kill();
    relayed(&hub, &centre_id, &second.url());
    relayed(&centre, &hub_id, &second.url());
    sees(&centre, &add_elder(&hub, "李桂兰"));
    centre.ask(&["elder", "edit", &elder, "phone", PHONE]);
    finds(&hub, PHONE);
    agree(&centre, &hub);
}
