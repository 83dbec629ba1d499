//! A node's data directory and what is asked of it through the program.

use std::{
    fs::{self, File},
    io::Write as _,
    ops::Deref,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Opens the keys of every node here.
pub(crate) const PASSPHRASE: &str = "a passphrase of a test";
/// How long something that comes about by itself may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is looked for.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// How much of a node's log a failed test shows, in bytes.
const LOG_SHOWN: usize = 4_000;

/// Waits until something is there.
pub(crate) fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain: {what}");
        thread::sleep(LOOK_INTERVAL);
    }
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; −1 where a signal ended it.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Run {
    /// The answers in JSON, one a line.
    pub(crate) fn answers(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The only answer, whatever the exit code says of it.
    pub(crate) fn answer(&self) -> Value {
        let mut answers = self.answers();
        assert_eq!(answers.len(), 1, "{self:?}");
        answers.remove(0)
    }

    /// The code and message of a refusal; nothing was answered then.
    pub(crate) fn refusal(&self) -> (String, String) {
        assert!(self.code > 0 && self.out.is_empty(), "{self:?}");
        let said: Value = serde_json::from_str(&self.err).unwrap();
        let text = |key: &str| said[key].as_str().unwrap().to_owned();
        (text("code"), text("message"))
    }
}

/// A data directory, as somebody at the machine asks about it.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    data: PathBuf,
    namespace: Option<String>,
    /// How far the machine's clock is from the time, as `faketime` reads it.
    clock: Option<&'static str>,
}

impl Desk {
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// The program with these words, in the network the node is in.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_linli");
        let mut command = match &self.namespace {
            None => Command::new(program),
            // `ip` becomes the program it starts, so the child's id is the program's.
            Some(namespace) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", namespace, program]);
                command
            }
        };
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).envs([
            ("LINLI_LANG", "en"),
            ("LINLI_PASSPHRASE", PASSPHRASE),
            ("LINLI_OFFICER_PASSPHRASE", "a passphrase of an officer"),
            ("LINLI_PIN", "2468"),
            ("TZ", "Asia/Shanghai"),
        ]);
        if let Some(clock) = self.clock {
            command.env("LD_PRELOAD", faketime()).env("FAKETIME", clock);
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("DONT_FAKE_MONOTONIC", "1");
        }
        command.arg("--json").arg("--data").arg(&self.data).args(words).stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        finished(&mut self.command(words))
    }

    /// Asks what must be answered.
    pub(crate) fn ask(&self, words: &[&str]) -> Value {
        let run = self.run(words);
        assert_eq!(run.code, 0, "{words:?}: {run:?}");
        run.answer()
    }

    /// Waits until `doctor` finds something; it fails as long as anything is ill.
    pub(crate) fn await_doctor(&self, look: impl Fn(&Value) -> Option<()>) -> Value {
        wait("the doctor finds it", || {
            let found = self.run(&["doctor"]).answer();
            look(&found).map(|()| found)
        })
    }

    /// Waits until the answer has what is looked for.
    pub(crate) fn await_answer<T>(&self, words: &[&str], look: impl Fn(&Value) -> Option<T>) -> T {
        let mut last = Value::Null;
        let begun = Instant::now();
        loop {
            let run = self.run(words);
            if run.code == 0 {
                last = run.answer();
                if let Some(found) = look(&last) {
                    return found;
                }
            }
            assert!(begun.elapsed() < PATIENCE, "{words:?} answers still {last}");
            thread::sleep(LOOK_INTERVAL);
        }
    }
}

/// The library by which a program is told another time.
fn faketime() -> String {
    let told = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
    String::from_utf8(told.unwrap().stdout).unwrap().trim().to_owned()
}

/// Runs a command to its end.
pub(crate) fn finished(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The same command as a person types it, who reads words and not JSON.
pub(crate) fn plain(command: &Command) -> Command {
    let mut typed = Command::new(command.get_program());
    typed.args(command.get_args().filter(|word| *word != "--json")).stdin(Stdio::null());
    typed.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    typed
}

/// A data directory and the node that may run there; the node ends with it.
#[derive(Debug)]
pub(crate) struct Site {
    desk: Desk,
    node: Option<Child>,
}

impl Deref for Site {
    type Target = Desk;

    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Site {
    /// A place for a node that is not made yet.
    pub(crate) fn at(data: PathBuf, namespace: Option<String>) -> Self {
        Self { desk: Desk { data, namespace, clock: None }, node: None }
    }

    /// Makes a node.
    pub(crate) fn init(data: PathBuf, namespace: Option<&str>, mdns: &str) -> Self {
        Self::at(data, namespace.map(str::to_owned)).made(mdns)
    }

    /// Makes a node on a machine with another clock.
    pub(crate) fn init_then(data: PathBuf, mdns: &str, clock: &'static str) -> Self {
        let mut site = Self::at(data, None);
        site.set_clock(Some(clock));
        site.made(mdns)
    }

    /// Sets the machine's clock; the node is not running.
    pub(crate) fn set_clock(&mut self, clock: Option<&'static str>) {
        assert!(self.node.is_none(), "the node runs");
        self.desk.clock = clock;
    }

    fn made(self, mdns: &str) -> Self {
        let label = self.data().file_name().unwrap().to_str().unwrap().to_owned();
        self.ask(&["init", "--label", &label]);
        self.configure(mdns);
        self
    }

    /// Writes the configuration.
    pub(crate) fn configure(&self, mdns: &str) {
        fs::write(self.data().join("linli.toml"), format!("mdns = {mdns}\n")).unwrap();
    }

    fn log(&self) -> PathBuf {
        self.data().with_extension("log")
    }

    /// Starts the node and waits until it answers.
    pub(crate) fn up(&mut self) {
        assert!(self.node.is_none(), "the node runs already");
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command(&["up"]);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.node = Some(command.spawn().unwrap());
        wait("the node answers", || {
            let ended = self.node.as_mut()?.try_wait().unwrap();
            assert!(ended.is_none(), "the node ended by itself: {ended:?}");
            (self.desk.run(&["status"]).code == 0).then_some(())
        });
    }

    /// Carries the machine to another network; the node is not running.
    pub(crate) fn moves_to(&mut self, namespace: &str) {
        assert!(self.node.is_none(), "the node runs");
        self.desk.namespace = Some(namespace.to_owned());
    }

    /// What the node has logged.
    pub(crate) fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log()).unwrap_or_default()).into_owned()
    }

    /// Starts the node as a relay with these words and waits until it serves.
    pub(crate) fn relay_up_at(&mut self, words: &[&str]) {
        let started = |site: &Self| site.log_text().matches("relay started").count();
        let before = started(self);
        self.relay_with(words);
        wait("the relay serves", || {
            let ended = self.node.as_mut()?.try_wait().unwrap();
            assert!(ended.is_none(), "the relay ended by itself: {ended:?}");
            (started(self) > before).then_some(())
        });
    }

    /// Starts the node as a relay; it answers nobody here, and is ended by [`Self::kill`].
    pub(crate) fn relay_up(&mut self) {
        self.relay_with(&["--http", "127.0.0.1:0"]);
    }

    fn relay_with(&mut self, words: &[&str]) {
        assert!(self.node.is_none(), "the relay runs already");
        let log = File::options().create(true).append(true).open(self.log()).unwrap();
        let mut command = self.command(&[&["relay", "up"], words].concat());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.node = Some(command.spawn().unwrap());
    }

    /// Kills the node as a power cut does: it gets no time for anything.
    pub(crate) fn kill(&mut self) {
        let mut node = self.node.take().unwrap();
        node.kill().unwrap();
        node.wait().unwrap();
    }

    /// Stops the node in order.
    pub(crate) fn stop(&mut self) {
        let mut node = self.node.take().unwrap();
        let stopped = self.desk.run(&["stop"]);
        if stopped.code != 0 {
            // It must not outlive the test that is about to fail.
            drop(node.kill());
        }
        let status = node.wait().unwrap();
        assert!(stopped.code == 0 && status.success(), "{stopped:?}, the node: {status}");
    }

    /// Asserts that the node that was started is the one that answers still.
    pub(crate) fn lives(&mut self) {
        let ended = self.node.as_mut().unwrap().try_wait().unwrap();
        assert!(ended.is_none(), "the node ended: {ended:?}");
        self.ask(&["status"]);
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(node) = &mut self.node {
            // It may have ended by itself; there is nothing more to do then.
            drop(node.kill());
            drop(node.wait());
        }
        if thread::panicking() {
            let log = fs::read(self.log()).unwrap_or_default();
            let tail = log.get(log.len().saturating_sub(LOG_SHOWN)..).unwrap_or(&log);
            let text = String::from_utf8_lossy(tail);
            drop(writeln!(std::io::stderr(), "--- {}:\n{text}", self.log().display()));
        }
    }
}
