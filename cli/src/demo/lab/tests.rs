//! What the lab promises, tried with real processes on the network itself.
//!
//! A test's body runs in a copy of the test program, which [`enter`] puts inside namespaces and
//! which helpers are copies of in turn. Where the machine refuses namespaces, the tests that need
//! them say that they were not run, or fail under `LINLI_TEST_ALL=1`.

use std::{
    env, fs,
    fs::OpenOptions,
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    num::NonZeroU32,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::{Ground, Lab, Running, Site, Task, enter, enter::WhyNot, helper, tools};

/// Names the file in which a body says that it ran to its end.
const DONE: &str = "LINLI_LAB_TEST_DONE";
const MDNS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const PORT: u16 = 4_777;
const FLOOD: u32 = 1_000;
/// Far more than the kernel needs to end a process.
const PATIENCE: Duration = Duration::from_secs(30);

fn build(ground: &Ground) -> Lab {
    let site = |name, segments| Site { name, segments, udp: &[PORT], tcp: &[PORT] };
    let sites = [
        site("hub1", &["lan"]),
        site("hub2", &["far"]),
        site("centre", &["lan"]),
        site("provider", &["lan"]),
        site("relay", &["lan", "far"]),
    ];
    Lab::build(ground, &sites).unwrap()
}

/// Runs the body in a copy of this program, inside namespaces, unless the machine refuses them.
fn in_namespaces(test: &str, body: fn(&Ground)) {
    if let Some(done) = env::var_os(DONE) {
        let ground = enter(false);
        assert_eq!(ground, Ground::Namespaces);
        body(&ground);
        fs::write(done, "done").unwrap();
        return;
    }
    if let Some(why) = refusal() {
        return not_run(test, &why);
    }
    run_copy(test);
}

/// Runs the body in a copy of this program, outside namespaces.
fn on_loopback(test: &str, body: fn(&Ground)) {
    if let Some(done) = env::var_os(DONE) {
        if env::var_os(enter::STEP).is_some() {
            enter(true);
        }
        body(&Ground::Forwarder(WhyNot::Asked));
        fs::write(done, "done").unwrap();
        return;
    }
    run_copy(test);
}

/// Runs this one test in a copy of this program; fails if it fails or its body did not run.
fn run_copy(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let done = folder.path().join("done");
    let mut copy = Command::new(env::current_exe().unwrap());
    assert!(copy.args(arguments(test)).env(DONE, &done).status().unwrap().success());
    assert!(done.exists(), "the body did not run");
}

/// The arguments that make the test program run this one test.
fn arguments(test: &str) -> [String; 4] {
    let module = module_path!().split_once("::").unwrap().1;
    let flags = ["--exact", "--nocapture", "--test-threads=1"].map(str::to_owned);
    let [exact, nocapture, threads] = flags;
    [exact, format!("{module}::{test}"), nocapture, threads]
}

/// Why the machine gives no namespaces, or `None` where it does.
fn refusal() -> Option<String> {
    enter::look().err().map(|why| why.to_string())
}

fn not_run(test: &str, why: &str) {
    assert_ne!(env::var("LINLI_TEST_ALL").as_deref(), Ok("1"), "{why}");
    let line = format!("NOT RUN: {test}: {why}\n");
    match env::var_os("LINLI_NOT_RUN_FILE") {
        Some(path) => {
            let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
        None => io::stderr().write_all(line.as_bytes()).unwrap(),
    }
}

fn ask(lab: &Lab, from: &str, to: &str, tries: u32) -> String {
    let to = lab.udp(from, to, PORT).unwrap();
    ask_at(lab, from, to, tries)
}

fn ask_at(lab: &Lab, from: &str, to: SocketAddr, tries: u32) -> String {
    let from_address = lab.bind(from, PORT).unwrap();
    helper::run(lab, from, &Task::Ask { from: from_address, to, tries }).unwrap()
}

fn echo(lab: &Lab, site: &str) -> helper::Helper {
    helper::start(lab, site, &Task::Echo(lab.bind(site, PORT).unwrap())).unwrap()
}

/// How many of a flood of datagrams from one site arrive at another.
fn flood(lab: &Lab, from: &str, to: &str) -> u32 {
    let count = Task::Count { at: lab.bind(to, PORT).unwrap(), group: None };
    let mut counting = helper::start(lab, to, &count).unwrap();
    let (at, to) = (lab.bind(from, PORT).unwrap(), lab.udp(from, to, PORT).unwrap());
    let flood = Task::Flood { from: at, to, count: FLOOD };
    assert_eq!(helper::run(lab, from, &flood).unwrap(), "sent");
    counting.answer().unwrap().parse().unwrap()
}

/// At which sites a multicast datagram from `hub1` arrives.
fn multicast(lab: &Lab) -> Vec<&'static str> {
    let count = |site| {
        let on = lab.address(site).unwrap().to_string().parse().unwrap();
        let at = SocketAddr::from(([0, 0, 0, 0], 5_353));
        (site, helper::start(lab, site, &Task::Count { at, group: Some((MDNS, on)) }).unwrap())
    };
    let counting = ["centre", "provider", "relay", "hub2"].map(count);
    let from = SocketAddr::new(lab.address("hub1").unwrap(), 5_353);
    let task = Task::Flood { from, to: SocketAddr::from((MDNS, 5_353)), count: 5 };
    assert_eq!(helper::run(lab, "hub1", &task).unwrap(), "sent");
    let heard =
        |(site, mut helper): (_, helper::Helper)| (helper.answer().unwrap() == "5").then_some(site);
    counting.into_iter().filter_map(heard).collect()
}

fn sites_are_cut_and_healed(ground: &Ground) {
    let lab = build(ground);
    lab.self_test().unwrap();
    let _echo = echo(&lab, "centre");
    assert_eq!(ask(&lab, "hub1", "centre", 100), "answered");
    // Long enough for address resolution to give up, if there were any.
    lab.cut("centre").unwrap();
    assert_eq!(ask(&lab, "hub1", "centre", 100), "silent");
    lab.heal("centre").unwrap();
    assert_eq!(ask(&lab, "hub1", "centre", 100), "answered");
}

fn groups_hear_only_themselves(ground: &Ground) {
    let lab = build(ground);
    let _echoes = [echo(&lab, "provider"), echo(&lab, "centre")];
    lab.only(&[&["hub1", "provider"]]).unwrap();
    assert_eq!(ask(&lab, "hub1", "provider", 100), "answered");
    assert_eq!(ask(&lab, "hub1", "centre", 10), "silent");
    assert_eq!(ask(&lab, "relay", "centre", 10), "silent");
    if lab.has_multicast() {
        assert_eq!(multicast(&lab), ["provider"]);
    }
    lab.together().unwrap();
    assert_eq!(ask(&lab, "hub1", "centre", 100), "answered");
    if lab.has_multicast() {
        assert_eq!(multicast(&lab), ["centre", "provider", "relay"]);
    }
    lab.only(&[&["hub1"], &["provider"], &["hub2", "relay"]]).unwrap();
    assert_eq!(ask(&lab, "hub1", "provider", 10), "silent");
}

fn rates_are_limited_both_ways(ground: &Ground) {
    let lab = build(ground);
    let whole = flood(&lab, "hub1", "centre");
    lab.throttle("hub1", NonZeroU32::new(64)).unwrap();
    let (sent, received) = (flood(&lab, "hub1", "centre"), flood(&lab, "centre", "hub1"));
    assert!(sent > 0 && sent * 4 < whole, "{sent} of {whole} pass the limit");
    assert!(received > 0 && received * 4 < whole, "{received} of {whole} pass the limit");
    lab.throttle("hub1", None).unwrap();
    let lifted = flood(&lab, "hub1", "centre");
    assert!(sent * 4 < lifted, "{lifted} pass without a limit, {sent} with one");
}

fn a_second_segment_is_reached_through_its_relay_alone(ground: &Ground) {
    let lab = build(ground);
    let _echoes = [echo(&lab, "relay"), echo(&lab, "hub1")];
    assert_eq!(ask(&lab, "hub2", "relay", 100), "answered");
    assert_eq!(ask(&lab, "centre", "relay", 100), "answered");
    assert!(lab.udp("hub2", "hub1", PORT).is_err());
    lab.cut("relay").unwrap();
    assert_eq!(ask(&lab, "hub2", "relay", 10), "silent");
    assert_eq!(ask(&lab, "centre", "relay", 10), "silent");
}

#[test]
fn lab_namespaces_are_cut_and_healed() {
    in_namespaces("lab_namespaces_are_cut_and_healed", sites_are_cut_and_healed);
}

#[test]
fn lab_namespaces_are_grouped() {
    in_namespaces("lab_namespaces_are_grouped", groups_hear_only_themselves);
}

#[test]
fn lab_namespaces_are_throttled() {
    in_namespaces("lab_namespaces_are_throttled", rates_are_limited_both_ways);
}

#[test]
fn lab_namespaces_have_a_second_segment() {
    in_namespaces("lab_namespaces_have_a_second_segment", |ground| {
        a_second_segment_is_reached_through_its_relay_alone(ground);
        let lab = build(ground);
        let _echo = echo(&lab, "hub1");
        let hub1 = SocketAddr::new(lab.address("hub1").unwrap(), PORT);
        assert!(ask_at(&lab, "hub2", hub1, 10).starts_with("refused"), "hub2 has no route");
        let ip = tools::Tools::find().unwrap().ip;
        for (site, network) in [("hub2", "10.77.1.0/24"), ("hub1", "10.77.2.0/24")] {
            let relay = lab.udp(site, "relay", PORT).unwrap().ip().to_string();
            let mut route = lab.command(site, &ip).unwrap();
            tools::run(route.args(["route", "add", network, "via", &relay]), "").unwrap();
        }
        assert_eq!(ask_at(&lab, "hub2", hub1, 10), "silent", "the relay forwards packets");
        assert!(lab.self_test().unwrap_err().to_string().contains("hub1 has a way out"));
    });
}

#[test]
fn lab_namespaces_and_processes_end_with_the_program() {
    let test = "lab_namespaces_and_processes_end_with_the_program";
    if env::var_os(DONE).is_some() {
        let lab = build(&enter(false));
        let mut sleeping = Running::start(lab.command("hub1", "sleep").unwrap().arg("1000000"));
        io::stdout().write_all(b"\nsleeping\n").unwrap();
        sleeping.as_mut().unwrap().child().wait().unwrap();
        return;
    }
    if let Some(why) = refusal() {
        return not_run(test, &why);
    }
    let mut copy = Command::new(env::current_exe().unwrap());
    copy.args(arguments(test)).env(DONE, "unused").stdout(Stdio::piped());
    let mut copy = copy.spawn().unwrap();
    let mut output = copy.stdout.take().unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("sleeping") {
        let mut buffer = [0; 1_000];
        let length = output.read(&mut buffer).unwrap();
        assert_ne!(length, 0, "the copy ended early");
        seen.extend_from_slice(&buffer[..length]);
    }
    copy.kill().unwrap();
    copy.wait().unwrap();
    // The end of its output comes when the last process that inherited it has ended.
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(output.read_to_end(&mut seen).is_ok()));
    assert_eq!(end.recv_timeout(PATIENCE), Ok(true), "processes outlive the program");
}

#[test]
fn lab_processes_are_killed_by_their_own_id() {
    in_namespaces("lab_processes_are_killed_by_their_own_id", |ground| {
        let lab = build(ground);
        let mut command = lab.command("hub1", "sh").unwrap();
        command.args(["-c", "echo $$; exec sleep 1000000"]).stdout(Stdio::piped());
        let mut running = Running::start(&mut command).unwrap();
        let mut output = running.child().stdout.take().unwrap();
        let mut number = [0; 20];
        let length = output.read(&mut number).unwrap();
        let number = String::from_utf8_lossy(&number[..length]).trim().to_owned();
        assert_eq!(number, running.child().id().to_string());
        assert!(!running.kill().unwrap().success());
        assert_eq!(output.read(&mut [0; 1]).unwrap(), 0, "the program lives on");
    });
}

#[test]
fn lab_forwarder_is_cut_and_healed() {
    on_loopback("lab_forwarder_is_cut_and_healed", sites_are_cut_and_healed);
}

#[test]
fn lab_forwarder_is_grouped() {
    on_loopback("lab_forwarder_is_grouped", groups_hear_only_themselves);
}

#[test]
fn lab_forwarder_is_throttled() {
    on_loopback("lab_forwarder_is_throttled", rates_are_limited_both_ways);
}

#[test]
fn lab_forwarder_has_a_second_segment() {
    on_loopback(
        "lab_forwarder_has_a_second_segment",
        a_second_segment_is_reached_through_its_relay_alone,
    );
}

#[test]
fn lab_forwarder_gives_each_site_a_network_with_all_it_reaches_and_no_other_site() {
    let lab = build(&Ground::Forwarder(WhyNot::Asked));
    let network = |address: IpAddr| {
        let IpAddr::V4(address) = address else { panic!("{address}") };
        u32::from(address) >> (32 - u32::from(lab.prefix_length().unwrap()))
    };
    let sites = ["hub1", "hub2", "centre", "provider", "relay"];
    let mut reached = 0;
    for from in sites {
        let own = network(lab.address(from).unwrap());
        for to in sites.into_iter().filter(|to| *to != from) {
            assert_ne!(network(lab.address(to).unwrap()), own, "{to} stands with {from}");
            if let Ok(seen) = lab.udp(from, to, PORT) {
                assert_eq!(network(seen.ip()), own, "{from} has to go out to {to}");
                reached += 1;
            }
        }
    }
    assert_eq!(reached, 14);
}

#[test]
fn lab_forwarder_carries_tcp_and_holds_it_during_a_cut() {
    let lab = build(&Ground::Forwarder(WhyNot::Asked));
    let listener = TcpListener::bind(lab.bind("relay", PORT).unwrap()).unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        io::copy(&mut stream.try_clone().unwrap(), &mut stream).unwrap();
    });
    let mut stream = TcpStream::connect(lab.tcp("hub2", "relay", PORT).unwrap()).unwrap();
    let mut buffer = [0; 5];
    stream.write_all(b"first").unwrap();
    stream.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"first");
    lab.cut("hub2").unwrap();
    stream.write_all(b"later").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    assert!(stream.read(&mut buffer).is_err(), "bytes pass a cut");
    lab.heal("hub2").unwrap();
    stream.set_read_timeout(None).unwrap();
    stream.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"later");
}
