//! One node of the neighbourhood: its process, its data directory and the way to talk to it.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use linli_node::{
    api::{
        Method,
        network::{Status, StatusAnswer},
    },
    control::Client,
};
use serde::de::DeserializeOwned;

use super::{
    lab::{Lab, Running},
    wait::until,
};

/// What opens the nodes' keys. The neighbourhood is gone with its temporary directory.
const PASSPHRASE: &str = "only for the demonstration";
/// How long a node may take to start.
const START: Duration = Duration::from_secs(40);
/// How long a node may take to stop.
const STOP: Duration = Duration::from_secs(20);

/// A node of the neighbourhood.
#[derive(Debug)]
pub(crate) struct Place {
    /// Where it stands in the lab, and its device's name.
    pub(crate) site: &'static str,
    /// What its party is.
    pub(crate) kind: &'static str,
    /// Its party's public name; none for a household.
    pub(crate) name: Option<&'static str>,
    /// Its data directory.
    pub(crate) data: PathBuf,
    /// What it logs.
    pub(crate) log: PathBuf,
    /// Its node id, once it has one.
    pub(crate) node: String,
    running: Option<Running>,
}

impl Place {
    pub(crate) fn new(
        root: &Path,
        site: &'static str,
        kind: &'static str,
        name: Option<&'static str>,
    ) -> Self {
        let data = root.join(site);
        let log = root.join(format!("{site}.log"));
        Self { site, kind, name, data, log, node: String::new(), running: None }
    }

    /// `linli` with these words, on a site of the lab, for this node's data directory.
    pub(crate) fn linli(&self, lab: &Lab, site: &str, words: &[&str]) -> Result<Command> {
        let program = std::env::current_exe().context("this program's own path")?;
        let mut command = lab.command(site, program)?;
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("LINLI_")) {
                command.env_remove(name);
            }
        }
        // Every frame is looked through for what the node must not see.
        command.env("LINLI_LOG", "info,linli_net::frames=trace");
        command.env("LINLI_PASSPHRASE", PASSPHRASE).env("LINLI_OFFICER_PASSPHRASE", PASSPHRASE);
        command.args(["--lang", "en", "--json", "--data"]).arg(&self.data).args(words);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(self.log_file()?);
        Ok(command)
    }

    /// What opens the officers' key files.
    pub(crate) fn officer_passphrase() -> String {
        PASSPHRASE.to_owned()
    }

    fn log_file(&self) -> Result<File> {
        let open = OpenOptions::new().create(true).append(true).open(&self.log);
        open.with_context(|| format!("the log of {}", self.site))
    }

    /// Runs `linli` to its end and returns what it printed.
    pub(crate) fn ask(&self, lab: &Lab, words: &[&str]) -> Result<String> {
        let mut command = self.linli(lab, self.site, words)?;
        let done = command.stdout(Stdio::piped()).output().context("linli cannot be started")?;
        ensure!(done.status.success(), "{} failed: {}", words.join(" "), self.last_words());
        Ok(String::from_utf8(done.stdout)?)
    }

    /// Sends lines to the node's device address over HTTP, from a process on its site, as a sensor
    /// does; returns the answers.
    pub(crate) async fn device<T: DeserializeOwned + Send + 'static>(
        &self,
        lab: &Lab,
        what: &str,
        lines: Vec<String>,
    ) -> Result<Vec<T>> {
        let mut command = self.linli(lab, self.site, &["device", "send", what])?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut sending = Running::start(&mut command)?;
        let mut input = sending.child().stdin.take().context("no input")?;
        let output = sending.child().stdout.take().context("no output")?;
        let feeding = tokio::task::spawn_blocking(move || {
            lines.iter().try_for_each(|line| writeln!(input, "{line}"))
        });
        let reading = tokio::task::spawn_blocking(move || {
            let answer = |line: io::Result<String>| Ok(serde_json::from_str(&line?)?);
            BufReader::new(output).lines().map(answer).collect::<Result<Vec<T>>>()
        });
        feeding.await??;
        let answers = reading.await??;
        ensure!(sending.child().wait()?.success(), "{what}: {}", self.last_words());
        Ok(answers)
    }

    /// The end of the log, for an error.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(4).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }

    /// Starts the node, and waits until it answers.
    pub(crate) async fn start(&mut self, lab: &Lab) -> Result<()> {
        let http = lab.bind(self.site, super::town::RELAY_PORT)?.to_string();
        let carrier = self.kind == "carrier";
        let words: &[&str] = if carrier { &["relay", "up", "--http", &http] } else { &["up"] };
        let mut command = self.linli(lab, self.site, words)?;
        self.running = Some(Running::start(&mut command)?);
        if carrier {
            return Ok(());
        }
        until(&format!("{} to start", self.site), START, async || self.is_up().await).await
    }

    async fn is_up(&mut self) -> Result<Option<()>> {
        let ended = match &mut self.running {
            Some(running) => running.child().try_wait()?,
            None => None,
        };
        if let Some(status) = ended {
            bail!("{} ended ({status}): {}", self.site, self.last_words());
        }
        Ok(Client::connect(&self.socket()).await.ok().map(drop))
    }

    fn socket(&self) -> PathBuf {
        self.data.join(linli_node::home::SOCKET_FILE)
    }

    /// Kills the node with SIGKILL.
    pub(crate) fn kill(&mut self) -> Result<ExitStatus> {
        let mut running = self.running.take().context("it does not run")?;
        Ok(running.kill()?)
    }

    /// Tells the node to end in order; a relay, which has no control socket, is killed.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        if self.kind == "carrier" {
            return self.kill().map(drop);
        }
        self.call(&linli_node::api::network::Stop {}).await.map(drop)
    }

    /// Waits until the node has ended.
    pub(crate) async fn ended(&mut self) -> Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        until("a node to stop", STOP, async || Ok(running.child().try_wait()?.map(drop))).await
    }

    /// Calls a method of the node.
    pub(crate) async fn call<M: Method>(&self, method: &M) -> Result<M::Answer> {
        let client = Client::connect(&self.socket()).await?;
        let answer = client.call(method).await;
        answer.with_context(|| format!("{} at {}", M::NAME, self.site))
    }

    /// How the node is.
    pub(crate) async fn status(&self) -> Result<StatusAnswer> {
        self.call(&Status {}).await
    }
}
