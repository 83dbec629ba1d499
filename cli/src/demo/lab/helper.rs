//! This program as a helper on a site: it sends and receives, and says what came of it.
//!
//! A task is one line of words in an environment variable; every answer is one line on standard
//! output. A helper ends when its standard input does, so it cannot outlive who started it.

use std::{
    env, io,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, UdpSocket},
    process::{self, ChildStdout},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use super::{Lab, Running, enter};

/// Marks a helper's answers among whatever else is written.
const MARK: &str = "lab: ";
/// How long one datagram is waited for.
const WAIT: Duration = Duration::from_millis(50);
/// Receives any datagram the helpers send.
const DATAGRAM_MAX: usize = 2_048;

/// What a helper is to do.
#[derive(Debug)]
pub(super) enum Task {
    /// Say `ready`, then send every datagram back.
    Echo(SocketAddr),
    /// Send a datagram until one is sent back, at most so many: say `answered`, `silent`, or
    /// `refused` and why.
    Ask { from: SocketAddr, to: SocketAddr, tries: u32 },
    /// Say `ready`, then how many datagrams came before half a second of quiet.
    #[cfg(test)]
    Count { at: SocketAddr, group: Option<(std::net::Ipv4Addr, std::net::Ipv4Addr)> },
    /// Send so many datagrams of 1000 bytes, one a millisecond; say `sent`.
    #[cfg(test)]
    Flood { from: SocketAddr, to: SocketAddr, count: u32 },
}

impl Task {
    fn words(&self) -> String {
        match self {
            Self::Echo(at) => format!("echo {at}"),
            Self::Ask { from, to, tries } => format!("ask {from} {to} {tries}"),
            #[cfg(test)]
            Self::Count { at, group: None } => format!("count {at}"),
            #[cfg(test)]
            Self::Count { at, group: Some((group, on)) } => format!("count {at} {group} {on}"),
            #[cfg(test)]
            Self::Flood { from, to, count } => format!("flood {from} {to} {count}"),
        }
    }

    fn parse(words: &str) -> Result<Self> {
        let words: Vec<&str> = words.split(' ').collect();
        match *words.as_slice() {
            ["echo", at] => Ok(Self::Echo(at.parse()?)),
            ["ask", from, to, tries] => {
                Ok(Self::Ask { from: from.parse()?, to: to.parse()?, tries: tries.parse()? })
            }
            #[cfg(test)]
            ["count", at] => Ok(Self::Count { at: at.parse()?, group: None }),
            #[cfg(test)]
            ["count", at, group, on] => {
                Ok(Self::Count { at: at.parse()?, group: Some((group.parse()?, on.parse()?)) })
            }
            #[cfg(test)]
            ["flood", from, to, count] => {
                Ok(Self::Flood { from: from.parse()?, to: to.parse()?, count: count.parse()? })
            }
            _ => bail!("no such task"),
        }
    }
}

/// A helper at work.
#[derive(Debug)]
pub(super) struct Helper {
    _running: Running,
    answers: BufReader<ChildStdout>,
}

impl Helper {
    fn spawn(lab: &Lab, site: &str, task: &Task) -> Result<Self> {
        let mut command = lab.command(site, env::current_exe()?)?;
        enter::as_helper(&mut command, &task.words());
        let mut running = Running::start(&mut command).context("the helper cannot be started")?;
        let answers = running.child().stdout.take().context("the helper has no output")?;
        Ok(Self { _running: running, answers: BufReader::new(answers) })
    }

    /// The next answer.
    pub(super) fn answer(&mut self) -> Result<String> {
        let mut line = String::new();
        while self.answers.read_line(&mut line)? > 0 {
            if let Some(answer) = line.strip_prefix(MARK) {
                return Ok(answer.trim_end().to_owned());
            }
            line.clear();
        }
        bail!("the helper ended without an answer")
    }
}

/// Starts a helper that goes on working, once it is ready.
pub(super) fn start(lab: &Lab, site: &str, task: &Task) -> Result<Helper> {
    let mut helper = Helper::spawn(lab, site, task)?;
    let answer = helper.answer()?;
    if answer == "ready" { Ok(helper) } else { bail!("the helper on {site} is {answer}") }
}

/// Has a helper do a task, and returns its answer.
pub(super) fn run(lab: &Lab, site: &str, task: &Task) -> Result<String> {
    Helper::spawn(lab, site, task)?.answer()
}

/// Does the task this process was started for; returns its exit code.
pub(super) fn perform(words: Option<&str>) -> i32 {
    thread::spawn(|| {
        let _end_of_input = io::stdin().read_to_end(&mut Vec::new());
        process::exit(0);
    });
    let done = words.context("no task").and_then(Task::parse).and_then(|task| match task {
        Task::Echo(at) => echo(at),
        Task::Ask { from, to, tries } => ask(from, to, tries),
        #[cfg(test)]
        Task::Count { at, group } => count(at, group),
        #[cfg(test)]
        Task::Flood { from, to, count } => flood(from, to, count),
    });
    match done.or_else(|error| say(&format!("broken: {error:#}"))) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// Writes an answer on a line of its own.
fn say(answer: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(format!("\n{MARK}{answer}\n").as_bytes())?;
    Ok(out.flush()?)
}

fn echo(at: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind(at)?;
    say("ready")?;
    let mut buffer = [0; DATAGRAM_MAX];
    loop {
        let (length, from) = socket.recv_from(&mut buffer)?;
        // A datagram that cannot be sent is one that was lost.
        let _lost = socket.send_to(buffer.get(..length).unwrap_or_default(), from);
    }
}

fn ask(from: SocketAddr, to: SocketAddr, tries: u32) -> Result<()> {
    let socket = UdpSocket::bind(from)?;
    if let Err(error) = socket.connect(to) {
        return say(&format!("refused: {error}"));
    }
    socket.set_read_timeout(Some(WAIT))?;
    let (question, mut buffer) = (process::id().to_be_bytes(), [0; DATAGRAM_MAX]);
    for _ in 0..tries {
        if let Err(error) = socket.send(&question) {
            return say(&format!("refused: {error}"));
        }
        match socket.recv(&mut buffer) {
            Ok(length) if buffer.get(..length) == Some(&question) => return say("answered"),
            Ok(_) => {}
            Err(error) if is_timeout(&error) => {}
            Err(error) => return say(&format!("refused: {error}")),
        }
    }
    say("silent")
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

#[cfg(test)]
fn count(at: SocketAddr, group: Option<(std::net::Ipv4Addr, std::net::Ipv4Addr)>) -> Result<()> {
    let socket = UdpSocket::bind(at)?;
    if let Some((group, on)) = group {
        socket.join_multicast_v4(&group, &on)?;
    }
    say("ready")?;
    let (mut counted, mut quiet, mut buffer) = (0, 0, [0; DATAGRAM_MAX]);
    socket.set_read_timeout(Some(WAIT))?;
    // The first may take long, as its sender has yet to start; after it, ten waits are the end.
    while quiet < if counted == 0 { 60 } else { 10 } {
        match socket.recv(&mut buffer) {
            Ok(_) => (counted, quiet) = (counted + 1, 0),
            Err(error) if is_timeout(&error) => quiet += 1,
            Err(error) => return Err(error.into()),
        }
    }
    say(&format!("{counted}"))
}

#[cfg(test)]
fn flood(from: SocketAddr, to: SocketAddr, count: u32) -> Result<()> {
    let socket = UdpSocket::bind(from)?;
    for _ in 0..count {
        // A full queue on the way is what the flood is for.
        let _lost = socket.send_to(&[0; 1_000], to);
        thread::sleep(Duration::from_millis(1));
    }
    say("sent")
}
