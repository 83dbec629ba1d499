//! A member that breaks every rule, at a relay in a process of its own: two honest members beside it go on exchanging
//! alerts, their quotas stay theirs, and memory stays bounded.

use std::net::SocketAddr;
use std::time::Duration;

use iroh::endpoint::{Connection, SendStream, presets};
use iroh::{Endpoint, EndpointAddr, RelayMode};
use iroh_relay::client::ClientBuilder;
use iroh_relay::protos::relay::{ClientToRelayMsg, Datagrams};
use iroh_relay::tls::{CaTlsConfig, default_provider};
use linli_net::{MEMBER_ALPN, SecretKey};
use linli_replica::certificate::Certificate;
use linli_replica::entry::{Entry, Urgency};
use linli_replica::frame::{
    Adopt, Cell, Certificates, Frame, Frontiers, Hello, Naming, Offer, Pages, Ranges, Receipt,
    Spaces, Want, WantLog,
};
use linli_replica::frontier::{Frontier, Tip};
use linli_replica::id::{CommunityId, DocTag, EntryId, LogKey, SpaceTag};
use linli_replica::replica::Input;

use crate::community::{
    DOCUMENT, RELAY, SPACE, certificates, endpoint, entries, key, log, node, notice,
};
use crate::home::{ask, get, home};
use crate::member::Member;
use crate::process::{Process, free_port};

const ATTACKER: u8 = 3;
/// MiB that the relay keeps for each member.
const QUOTA_MIB: u64 = 2;
/// MiB by which the relay's memory may grow under all of it. Queues hold 64 MiB of one peer at most, and three lanes
/// 8 MiB each.
const GROWTH_MIB: u64 = 256;
/// What one wave of frames may take to be read or refused, on a busy machine.
const WAVE: Duration = Duration::from_secs(8);

/// A member that speaks QUIC and whatever it wants.
struct Attacker {
    endpoint: Endpoint,
    at: EndpointAddr,
}

/// A connection of it, with the lanes it opened.
struct Hold {
    connection: Connection,
    lanes: Vec<SendStream>,
}

impl Attacker {
    async fn at(carrier: SocketAddr) -> Self {
        let endpoint = Endpoint::builder(presets::Minimal)
            .secret_key(SecretKey::from_bytes(&[ATTACKER; 32]))
            .alpns(vec![MEMBER_ALPN.to_vec()])
            .relay_mode(RelayMode::Disabled)
            .clear_ip_transports()
            .bind_addr("127.0.0.1:0")
            .unwrap()
            .bind()
            .await
            .unwrap();
        Self {
            endpoint,
            at: EndpointAddr::new(crate::community::endpoint(RELAY)).with_ip_addr(carrier),
        }
    }

    /// Connects and opens so many lanes.
    async fn open(&self, count: u8) -> Hold {
        let connection = self.endpoint.connect(self.at.clone(), MEMBER_ALPN).await.unwrap();
        let mut lanes = Vec::new();
        for number in 0..count {
            let mut lane = connection.open_uni().await.unwrap();
            lane.write_all(&[number]).await.unwrap();
            lanes.push(lane);
        }
        Hold { connection, lanes }
    }

    /// Connects, says hello and sends frames, over so many lanes in turn, until all are sent or the relay has had
    /// enough.
    async fn sends(&self, lanes: usize, frames: Vec<Vec<u8>>) {
        let mut hold = self.open(3).await;
        let all = async {
            hold.say(1, &Frame::Hello(hello()).encode()).await?;
            for (number, frame) in frames.into_iter().enumerate() {
                hold.say(1 + number % lanes, &frame).await?;
            }
            Some(())
        };
        // The relay may have closed the connection, or stopped reading it; both end the wave.
        let _ = tokio::time::timeout(WAVE, all).await;
        let _ = tokio::time::timeout(Duration::from_secs(1), hold.connection.closed()).await;
    }
}

impl Hold {
    async fn say(&mut self, lane: usize, frame: &[u8]) -> Option<()> {
        let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
        let lane = &mut self.lanes[lane % 3];
        lane.write_all(&length).await.ok()?;
        lane.write_all(frame).await.ok()
    }
}

fn hello() -> Hello {
    let community = CommunityId(certificates(&[])[0].id().0);
    Hello { version: 1, community, agreed: [0; 16].into(), spaces: 9, carrier: false }
}

fn pages(entries: &[Entry]) -> Vec<u8> {
    let page = entries.iter().map(|entry| entry.encode().into()).collect();
    Frame::Pages(Pages { pages: vec![page] }).encode()
}

/// The tag of a space that nobody wants but the attacker.
fn space(number: u32) -> SpaceTag {
    let mut tag = [0xee; 32];
    tag[..4].copy_from_slice(&number.to_be_bytes());
    SpaceTag(tag)
}

fn adopt(numbers: impl Iterator<Item = u32>) -> Vec<u8> {
    Frame::Adopt(Adopt { tags: numbers.map(space).collect() }).encode()
}

/// Far more than its quota, in a log of its own.
fn greed() -> Vec<Vec<u8>> {
    let mut frames = vec![Frame::Adopt(Adopt { tags: vec![SPACE] }).encode()];
    let written = entries(ATTACKER, DocTag([0x33; 32]), Urgency::Bulk, (300, 32_000));
    frames.extend(written.chunks(10).map(pages));
    // As urgent, beyond the quota and the reserve.
    let urgent = entries(ATTACKER, DocTag([0x34; 32]), Urgency::Urgent, (400, 4_096));
    frames.extend(urgent.chunks(20).map(pages));
    frames
}

/// Entries of others with a byte changed, cut off, or under another's key; and old ones again and again.
fn forgeries() -> Vec<Vec<u8>> {
    let written = log(1, 40, 500);
    let mut frames = Vec::new();
    for entry in &written {
        for at in [0, 40, 200] {
            let mut bytes = entry.encode();
            bytes[at] ^= 1;
            frames.push(Frame::Pages(Pages { pages: vec![vec![bytes.into()]] }).encode());
        }
        let half = entry.encode()[..100].to_vec();
        frames.push(Frame::Pages(Pages { pages: vec![vec![half.into()]] }).encode());
    }
    frames.extend((0..200).map(|_| pages(&written[..1])));
    // A gap: what comes before is missing.
    frames.extend((0..50).map(|_| pages(&written[20..21])));
    frames
}

/// Names, questions and lists, more than an honest peer needs.
fn questions(round: u32) -> Vec<Vec<u8>> {
    let names = vec![0x5a; 16 * 8_192];
    let mut frames = Vec::new();
    for number in 0..40_u32 {
        let naming = if number % 2 == 0 { Naming::Ask } else { Naming::Gone };
        frames.push(Frame::Spaces(Spaces { naming, names: names.clone().into() }).encode());
        let (certificates, documents) = (Vec::new(), Vec::new());
        frames.push(Frame::Ranges(Ranges { answer: false, certificates, documents }).encode());
        frames.push(adopt((round * 400_000 + number * 4_000..).take(4_000)));
        let tip = Tip { sequence: 9, id: EntryId([7; 32]) };
        let frontier = Frontier([(LogKey([9; 32]), vec![tip])].into());
        let offer = Offer { document: DOCUMENT, frontier: frontier.clone(), urgent: true };
        frames.push(Frame::Frontiers(Frontiers { documents: vec![offer; 500] }).encode());
        let want = WantLog { document: DOCUMENT, log: LogKey([9; 32]), after: vec![tip] };
        frames.push(Frame::Want(Want { logs: vec![want; 50] }).encode());
        let held = linli_replica::frame::Held { document: DOCUMENT, frontier };
        frames.push(Frame::Receipt(Receipt { documents: vec![held; 500] }).encode());
    }
    frames
}

/// Heartbeats of many writers, and certificates that nobody signed.
fn noise() -> Vec<Vec<u8>> {
    let cell = |number: u64| {
        let seed = u8::try_from(number % 200).unwrap();
        Frame::Cell(Cell::new(SPACE, number, vec![7; 4_000], &key(seed))).encode()
    };
    let mut frames = vec![Frame::Adopt(Adopt { tags: vec![SPACE] }).encode()];
    frames.extend((1..1_500).map(cell));
    let forged: Vec<u8> = notice(1).encode().iter().rev().copied().collect();
    let certificates = vec![forged.into(); 200];
    frames.extend((0..20).map(|_| {
        Frame::Certificates(Certificates { certificates: certificates.clone() }).encode()
    }));
    frames.extend([vec![0xff; 1_000_000], vec![0x9f; 100_000], b"GET / HTTP/1.1".to_vec()]);
    frames
}

/// Packets for nobody, over as many connections to the relay server as it takes and more.
async fn packets(url: &str) -> usize {
    let tls = CaTlsConfig::embedded().client_config(default_provider()).unwrap();
    let mut held = Vec::new();
    for _ in 0..32 {
        let key = SecretKey::from_bytes(&[ATTACKER; 32]);
        let dns = iroh::dns::DnsResolver::default();
        let client = ClientBuilder::new(url.parse::<iroh::RelayUrl>().unwrap(), key, dns);
        held.extend(client.tls_client_config(tls.clone()).connect().await.ok());
    }
    let connected = held.len();
    for client in &mut held {
        let flood = async {
            for number in 0..2_000_u32 {
                let mut seed = [9; 32];
                seed[..4].copy_from_slice(&number.to_be_bytes());
                let to = match number % 3 {
                    0 => endpoint(2),
                    1 => endpoint(RELAY),
                    _ => SecretKey::from_bytes(&seed).public(),
                };
                let datagrams = Datagrams::from(vec![0x77; 1_200]);
                let message = ClientToRelayMsg::Datagrams { dst_endpoint_id: to, datagrams };
                if n0_future::SinkExt::send(client, message).await.is_err() {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(WAVE, flood).await;
    }
    connected
}

/// Everything at once, in turn, until it is told to stop. Returns how many waves there were.
async fn attack(carrier: SocketAddr, mut stop: tokio::sync::watch::Receiver<bool>) -> u32 {
    let attacker = Attacker::at(carrier).await;
    let mut round = 0;
    while !*stop.borrow_and_update() {
        let mut half_open = Vec::new();
        for lanes in [0, 1, 2] {
            half_open.push(attacker.open(lanes).await);
        }
        attacker.sends(1, greed()).await;
        attacker.sends(3, forgeries()).await;
        attacker.sends(3, questions(round)).await;
        attacker.sends(3, noise()).await;
        round += 1;
    }
    round
}

/// Connects and lets go, over and over.
async fn reconnects(carrier: SocketAddr) {
    let attacker = Attacker::at(carrier).await;
    for number in 0..200_u32 {
        let hold = attacker.open(u8::try_from(number % 4).unwrap()).await;
        hold.connection.close(0_u32.into(), b"");
    }
}

/// Writes an alert at one and waits for it at the other.
async fn alert(from: &Member, to: &mut Member, entry: &Entry) {
    from.write(std::slice::from_ref(entry));
    to.learns("the alert comes", |told| told.holds(std::slice::from_ref(entry))).await;
}

async fn memory_mib(status: SocketAddr) -> u64 {
    let (_, text) = ask(status, "localhost", "/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
    line.unwrap().parse::<u64>().unwrap() >> 20
}

fn row(status: &serde_json::Value, number: u8) -> serde_json::Value {
    let peers = status["peers"].as_array().unwrap();
    peers.iter().find(|peer| peer["node"] == node(number).to_string()).unwrap().clone()
}

async fn honest(carrier: SocketAddr, all: &[Certificate]) -> (Member, Member) {
    let one = Member::of(1, &[carrier], all.to_vec()).await;
    let mut two = Member::of(2, &[carrier], all.to_vec()).await;
    one.input(Input::Want(SPACE));
    two.input(Input::Want(SPACE));
    let first = log(1, 1, 500);
    one.write(&first);
    two.learns("they are in step", |told| told.holds(&first)).await;
    (one, two)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_member_that_breaks_every_rule_hurts_nobody_else() {
    let all = certificates(&[1, 2, ATTACKER]);
    let home = home(all.clone());
    let (carrier, status, http) = (free_port(), free_port(), free_port());
    let quota = QUOTA_MIB.to_string();
    let more = ["--quota", &quota, "--status", &status.to_string()];
    let relay = Process::start_at(home.path(), carrier, http, &more);
    let (mut one, mut two) = honest(carrier, &all).await;
    let alerts = entries(1, DocTag([9; 32]), Urgency::Urgent, (60, 4_096));
    let answers = entries(2, DocTag([10; 32]), Urgency::Urgent, (60, 4_096));
    let before = memory_mib(status).await;

    let (stop, stopped) = tokio::sync::watch::channel(false);
    let attacking = tokio::spawn(attack(carrier, stopped));
    let reconnecting = tokio::spawn(reconnects(carrier));
    let url = format!("http://{http}");
    let relayed = tokio::spawn(async move { packets(&url).await });
    let mut most = before;
    for (alarm, answer) in alerts.iter().zip(&answers) {
        alert(&one, &mut two, alarm).await;
        alert(&two, &mut one, answer).await;
        most = most.max(memory_mib(status).await);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    stop.send(true).unwrap();
    let waves = attacking.await.unwrap();
    reconnecting.await.unwrap();
    let connections = relayed.await.unwrap();
    assert!(waves > 0, "nothing was attacked");
    assert!((1..=8).contains(&connections), "{connections} connections were let in");

    let (code, health) = get(status, "/health").await;
    assert_eq!(code, 200, "{health}");
    most = most.max(memory_mib(status).await);
    assert!(most < before + GROWTH_MIB, "the relay grew from {before} to {most} MiB");
    let (_, status) = get(status, "/status").await;
    let bytes = |entries: &[Entry]| entries.iter().map(|e| e.size_bytes() as u64).sum::<u64>();
    let own = row(&status, 1)["bytes"].as_u64().unwrap();
    assert_eq!(own, bytes(&alerts) + bytes(&log(1, 1, 500)), "{status}");
    assert_eq!(row(&status, 2)["bytes"].as_u64().unwrap(), bytes(&answers), "{status}");
    // The quota, and what only alerts may use beyond it.
    let taken = row(&status, ATTACKER)["bytes"].as_u64().unwrap();
    let reserve = status["quota"]["urgent_bytes"].as_u64().unwrap();
    assert!(taken > 0 && taken <= (QUOTA_MIB << 20) + reserve, "{taken} bytes of the attacker");
    let spaces = row(&status, ATTACKER)["spaces"].as_u64().unwrap();
    assert!(spaces <= status["quota"]["spaces"].as_u64().unwrap(), "{status}");
    // What is wrong over and over is said now and then: the log does not fill the disk.
    let lines = relay.lines.lock().unwrap().clone();
    let of_all = lines.len() / 50 + 1;
    let some: Vec<&String> = lines.iter().step_by(of_all).collect();
    assert!(lines.len() < 200, "{} lines of log, such as {some:#?}", lines.len());
    // It keeps no other documents: 8, 9 and 10 of the honest, and two of the attacker's own.
    let held = status["held"]["documents"].as_u64().unwrap();
    assert!(held <= 5, "{status}");

    // Everything is still there for one who comes later.
    one.stop().await;
    let mut late = Member::of(1, &[carrier], all).await;
    late.input(Input::Want(SPACE));
    late.learns("all alerts are kept", |told| told.holds(&alerts) && told.holds(&answers)).await;
    assert!(relay.ends("-TERM").success());
}
