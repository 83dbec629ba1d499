//! A centre's node with 10,000 elders: how soon it answers, and what it takes up while nothing happens.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use linli_node::api::care::{ElderImport, ElderList};
use linli_node::api::network::{PersonList, Status, Stop};
use linli_node::config::{Config, Mdns};
use linli_node::control::Client;
use linli_node::home::Home;
use linli_node::setup::{self, NewCommunity};
use linli_node::tablets::Words;
use linli_replica::certificate::PartyKind;

/// The word with which this program runs a node in a process of its own.
pub(crate) const NODE: &str = "node";

const PASSPHRASE: &str = "a passphrase of a bench";
const ELDERS: u64 = 10_000;
const STARTS: usize = 3;
/// After this a node that has nothing to do is at rest: its idle threads have ended.
const REST: Duration = Duration::from_secs(15);

/// Runs the node of a data directory until it is told to stop.
pub(crate) fn serve(path: &Path) {
    let config = Config {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        mdns: Mdns::Off,
        ..Config::default()
    };
    let lock = Home::open(path).unwrap().lock().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime
        .block_on(linli_node::run(
            lock,
            config,
            &Words::default(),
            PASSPHRASE,
            std::future::pending(),
        ))
        .unwrap();
}

/// A node in a process of its own.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended unless the bench failed.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Process {
    /// Runs this program with other words.
    pub(crate) fn of(words: &[&str]) -> Self {
        let program = std::env::current_exe().unwrap();
        Self(Command::new(program).args(words).spawn().unwrap())
    }

    fn start(home: &Path) -> Self {
        Self::of(&[NODE, home.to_str().unwrap()])
    }

    /// Resident memory, in MB.
    pub(crate) fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches("kB").trim().parse::<f64>().unwrap() * 1024.0 / 1e6
    }
}

/// Waits until the node answers at its control socket.
async fn answered(home: &Home) -> Client {
    loop {
        if let Ok(client) = Client::connect(&home.socket()).await
            && client.call(&PersonList {}).await.is_ok()
        {
            return client;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn stop(client: &Client, mut node: Process) {
    client.call(&Stop {}).await.unwrap();
    assert!(node.0.wait().unwrap().success());
}

fn register() -> String {
    let mut text = "编号,姓名,性别,出生日期,身份证号,联系电话,家庭住址\n".to_owned();
    for number in 0..ELDERS {
        let phone = 13_800_000_000 + number;
        writeln!(text, "{number},老人{number},女,1940-05-23,,{phone},幸福路{number}号").unwrap();
    }
    text
}

pub(crate) async fn measure(directory: &Path) {
    let home = Home::create(&directory.join("centre at rest")).unwrap();
    setup::init(&home, "centre", PASSPHRASE).unwrap();
    let new = NewCommunity {
        name: "North",
        officers: 1,
        threshold: 1,
        kind: PartyKind::Centre,
        party_name: Some("Centre"),
        officer_passphrase: PASSPHRASE,
    };
    setup::create_community(&home, PASSPHRASE, &new).unwrap();
    let file = directory.join("register.csv");
    std::fs::write(&file, register()).unwrap();
    let node = Process::start(home.path());
    let client = answered(&home).await;
    let begin = Instant::now();
    let path = file.to_str().unwrap().to_owned();
    let answer = client.call(&ElderImport { path, dry_run: false, acting: None }).await.unwrap();
    assert_eq!(answer.added, ELDERS, "{:?}", answer.refused);
    println!("import of {ELDERS} elders, durable: {:.1?}", begin.elapsed());
    // Views are made after the import.
    let listed = client.call(&ElderList { find: None, offset: 0, limit: 1 }).await.unwrap();
    assert_eq!(listed.total, ELDERS);
    println!("… and listed: {:.1?}, {:.0} MB resident", begin.elapsed(), node.resident());
    stop(&client, node).await;
    for round in 0..STARTS {
        let begin = Instant::now();
        let node = Process::start(home.path());
        let client = answered(&home).await;
        let answers = begin.elapsed();
        tokio::time::sleep(REST).await;
        let rest = node.resident();
        let begin = Instant::now();
        client.call(&Status {}).await.unwrap();
        let status = begin.elapsed();
        let begin = Instant::now();
        client.call(&ElderList { find: None, offset: 0, limit: 1 }).await.unwrap();
        let list = begin.elapsed();
        println!(
            "start {round} with {ELDERS} elders: answers after {answers:.2?}, {rest:.0} MB resident \
             at rest; status {status:.2?}, list {list:.2?}, then {:.0} MB",
            node.resident()
        );
        stop(&client, node).await;
    }
}
