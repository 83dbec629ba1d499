//! The real program: killed, and stopped in order.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use linli_replica::replica::Input;

use crate::LIMIT;
use crate::community::{SPACE, certificates, log};
use crate::home::{PASSPHRASE, home};
use crate::member::Member;

/// A relay in a process of its own; killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Its log since it has started.
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
}

impl Process {
    fn start(home: &Path, listen: SocketAddr) -> Self {
        Self::start_at(home, listen, "127.0.0.1:0".parse().unwrap(), &[])
    }

    /// Starts it with a TCP address of the relay server and further options.
    pub(crate) fn start_at(
        home: &Path,
        listen: SocketAddr,
        http: SocketAddr,
        more: &[&str],
    ) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_linli-relay"))
            .args(["--http", &http.to_string(), "--mdns", "off", "--data"])
            .arg(home)
            .args(more)
            .args(["--listen", &listen.to_string()])
            .env("LINLI_PASSPHRASE", PASSPHRASE)
            .env_remove("RUST_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let started = lines.any(|line| line.unwrap().contains("relay started"));
        assert!(started, "the relay did not start: {:?}", child.wait());
        // Nobody may wait for a full pipe.
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in lines {
                kept.lock().unwrap().extend(line.ok());
            }
        });
        Self { child, lines: log }
    }

    pub(crate) fn ends(mut self, signal: &str) -> std::process::ExitStatus {
        let kill = Command::new("kill").args([signal, &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn free_port() -> SocketAddr {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_receipted_survives_a_kill() {
    let all = certificates(&[1, 2]);
    let home = home(all.clone());
    let listen = free_port();
    let relay = Process::start(home.path(), listen);
    let mut writer = Member::of(1, &[listen], all.clone()).await;
    writer.input(Input::Want(SPACE));
    let written = log(1, 50, 2_000);
    writer.write(&written);
    writer.receipted(&written).await;
    assert!(!relay.ends("-KILL").success());
    writer.stop().await;

    let listen = free_port();
    let relay = Process::start(home.path(), listen);
    let mut reader = Member::of(2, &[listen], all).await;
    reader.input(Input::Want(SPACE));
    reader.learns("the entries come", |told| told.holds(&written)).await;
    assert!(relay.ends("-TERM").success(), "stopping in order is no failure");
}

#[test]
fn the_service_manager_hears_that_it_runs_lives_and_stops() {
    let home = home(certificates(&[1]));
    let socket = UnixDatagram::bind(home.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let hears = |word: &str| {
        let mut bytes = [0; 1024];
        loop {
            let length = socket.recv(&mut bytes).unwrap_or_else(|e| panic!("no {word}: {e}"));
            if String::from_utf8_lossy(&bytes[..length]).lines().any(|line| line == word) {
                return;
            }
        }
    };
    let child = Command::new(env!("CARGO_BIN_EXE_linli-relay"))
        .args(["--http", "127.0.0.1:0", "--mdns", "off", "--data"])
        .arg(home.path())
        .env("LINLI_PASSPHRASE", PASSPHRASE)
        .env("NOTIFY_SOCKET", home.path().join("notify"))
        .env("WATCHDOG_USEC", "4000000")
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let relay = Process { child, lines: Arc::default() };
    for word in ["READY=1", "WATCHDOG=1", "WATCHDOG=1"] {
        hears(word);
    }
    assert!(relay.ends("-TERM").success());
    hears("STOPPING=1");
}

#[test]
fn a_passphrase_is_demanded() {
    let output = Command::new(env!("CARGO_BIN_EXE_linli-relay"))
        .args(["--data", "nowhere"])
        .env_remove("LINLI_PASSPHRASE")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("--passphrase-file"), "{said}");
}
