//! Bells: what of this machine rings, sounds or dials for a step of a ladder: programs, and its telephone.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use linli_model::alert::{AlertKind, CallEnd, Way};
use linli_model::phone;
use linli_model::private::Private;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use crate::config::Bell;
use crate::handle::alerts::word;
use crate::sip::{Line, Trunk};

/// A program that ends while it should ring is begun again after this.
const AGAIN: Duration = Duration::from_secs(5);

/// After this a call is taken to have failed, by whatever it was tried: less than others wait before they take over.
const CALL_PATIENCE: Duration = Duration::from_secs(100);

/// What a program has of this one's environment: no passphrase, and nothing else of the node's.
const KEPT: [&str; 5] = ["PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"];

/// What a program is told, as variables of its environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) alert: Uuid,
    pub(crate) way: Way,
    pub(crate) what: Option<AlertKind>,
    pub(crate) drill: bool,
    pub(crate) phone: Option<Private>,
}

/// How a call went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Went {
    /// It need not be made again.
    pub(crate) done: bool,
    /// How it ended by telephone, where this node has one.
    pub(crate) call: Option<CallEnd>,
}

/// By what a call is made.
#[derive(Debug)]
pub(crate) enum Means {
    /// The telephone, and programs where nobody is reached by it.
    Telephone(Line),
    /// Programs alone.
    Programs,
}

/// The bells of this machine, and which of them ring.
#[derive(Debug, Default)]
pub(crate) struct Bells {
    bells: Vec<Bell>,
    trunk: Option<Arc<Trunk>>,
    ringing: BTreeMap<usize, Ringing>,
}

#[derive(Debug)]
struct Ringing {
    told: Told,
    /// Whether its program could be begun.
    rings: bool,
    task: JoinHandle<()>,
}

impl Bells {
    pub(crate) fn new(bells: Vec<Bell>, trunk: Option<Arc<Trunk>>) -> Self {
        Self { bells, trunk, ringing: BTreeMap::new() }
    }

    /// What this node can do.
    pub(crate) fn ways(&self) -> BTreeSet<Way> {
        let programs = self.bells.iter().flat_map(|bell| bell.ways.iter().copied());
        programs.chain(self.trunk.iter().flat_map(|trunk| trunk.ways())).collect()
    }

    /// Rings what is wanted and nothing else: a bell rings once, however many alerts want it.
    pub(crate) fn ring(&mut self, wanted: &[Told]) {
        for (place, bell) in self.bells.iter().enumerate() {
            let told = wanted.iter().find(|told| bell.ways.contains(&told.way));
            match (told, self.ringing.get(&place)) {
                (Some(told), None) => {
                    let ringing = begin(bell, told);
                    self.ringing.insert(place, ringing);
                }
                (None, Some(_)) => {
                    if let Some(ringing) = self.ringing.remove(&place) {
                        end(bell, &ringing);
                    }
                }
                // Whoever hears a drill must hear that it is none any more.
                (Some(told), Some(ringing)) if told.drill != ringing.told.drill => {
                    ringing.task.abort();
                    let ringing = begin(bell, told);
                    self.ringing.insert(place, ringing);
                }
                (Some(_), Some(_)) | (None, None) => {}
            }
        }
    }

    /// Whether a bell of this kind rings.
    pub(crate) fn rings(&self, way: Way) -> bool {
        let of =
            |place: &usize| self.bells.get(*place).is_some_and(|bell| bell.ways.contains(&way));
        self.ringing.iter().any(|(place, ringing)| ringing.rings && of(place))
    }

    fn trunk(&self, way: Way) -> Option<&Arc<Trunk>> {
        self.trunk.as_ref().filter(|trunk| trunk.ways().any(|of| of == way))
    }

    /// By what a call can be made at this moment; none where it waits for a line.
    pub(crate) fn means(&self, told: &Told) -> Option<Means> {
        let Some(trunk) = self.trunk(told.way) else { return Some(Means::Programs) };
        let has_program = self.bells.iter().any(|bell| bell.ways.contains(&told.way));
        let line = trunk.line(told).map(Means::Telephone);
        line.or_else(|| has_program.then_some(Means::Programs))
    }

    /// A call by telephone (and that it was answered, as soon as that is known), and where nobody is reached by it, by the first program that puts it through.
    pub(crate) fn call(
        &self,
        told: &Told,
        drawn: [u8; 16],
        means: Means,
        answered: Arc<AtomicBool>,
    ) -> impl Future<Output = Went> + use<> {
        let line = match means {
            Means::Telephone(line) => Some(line),
            Means::Programs => None,
        };
        let by_telephone = self.trunk(told.way).zip(line);
        let by_telephone = by_telephone.map(|(trunk, line)| {
            Arc::clone(trunk).call(told.clone(), drawn, line, Arc::clone(&answered))
        });
        let of = self.bells.iter().filter(|bell| bell.ways.contains(&told.way));
        let commands: Vec<Command> = of.filter_map(|bell| command(&bell.ring, told)).collect();
        let is_emergency = told.phone.as_ref().is_some_and(|to| phone::is_emergency(to.as_str()));
        let is_forbidden = told.drill && is_emergency;
        async move {
            if is_forbidden {
                return Went { done: false, call: None };
            }
            let until = Instant::now() + CALL_PATIENCE;
            let call = match by_telephone {
                // It ends by itself before that.
                Some(call) => tokio::time::timeout_at(until, call).await.ok(),
                None => None,
            };
            if call.is_some_and(CallEnd::is_done) {
                return Went { done: true, call };
            }
            // Whether somebody answers a program is not known.
            answered.store(true, Ordering::Relaxed);
            for command in commands {
                let Some(mut child) = spawn(command) else { continue };
                let ended = tokio::time::timeout_at(until, child.wait()).await;
                if matches!(ended, Ok(Ok(status)) if status.success()) {
                    return Went { done: true, call };
                }
            }
            Went { done: false, call }
        }
    }

    /// Runs what ends a ringing, for all bells: this machine may have stopped while they rang.
    pub(crate) fn hush(&self) {
        for bell in &self.bells {
            for way in &bell.ways {
                let told =
                    Told { alert: Uuid::nil(), way: *way, what: None, drill: false, phone: None };
                run_still(bell, &told);
            }
        }
    }
}

fn begin(bell: &Bell, told: &Told) -> Ringing {
    let words = bell.ring.clone();
    let again = told.clone();
    let first = command(&words, told).and_then(spawn);
    let rings = first.is_some();
    let task = tokio::spawn(async move {
        let mut child = first;
        loop {
            if let Some(child) = &mut child {
                // How it ended does not matter: it shall ring.
                let _ = child.wait().await;
            }
            tokio::time::sleep(AGAIN).await;
            child = command(&words, &again).and_then(spawn);
        }
    });
    Ringing { told: told.clone(), rings, task }
}

fn end(bell: &Bell, ringing: &Ringing) {
    // Its program is killed with it.
    ringing.task.abort();
    run_still(bell, &ringing.told);
}

fn run_still(bell: &Bell, told: &Told) {
    let still = bell.still.as_ref().and_then(|words| command(words, told));
    if let Some(mut child) = still.and_then(spawn) {
        tokio::spawn(async move {
            let _ = tokio::time::timeout(CALL_PATIENCE, child.wait()).await;
        });
    }
}

/// A program of the configuration, told of an alert. What it writes goes nowhere: it may be about a person.
fn command(words: &[String], told: &Told) -> Option<Command> {
    let (program, arguments) = words.split_first()?;
    let kept = KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(kept)
        .env("LINLI_ALERT", told.alert.to_string())
        .env("LINLI_WAY", word(&told.way))
        .env("LINLI_KIND", told.what.as_ref().map(word).unwrap_or_default())
        .env("LINLI_DRILL", if told.drill { "1" } else { "0" })
        .env("LINLI_PHONE", told.phone.as_ref().map_or("", |phone| phone.as_str()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    Some(command)
}

fn spawn(mut command: Command) -> Option<Child> {
    let program = command.as_std().get_program().to_owned();
    command
        .spawn()
        .inspect_err(|error| {
            tracing::error!(program = %program.display(), %error, "a bell does not ring: correct [[bells]]");
        })
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn in_a_drill_no_program_calls_an_emergency_service() {
        let bell = "ways = [\"dial_out\"]\nring = [\"/bin/true\"]";
        let bells = Bells::new(vec![toml::from_str(bell).unwrap()], None);
        for (number, drill, done) in
            [("120", true, false), ("120", false, true), ("13800138000", true, true)]
        {
            let (way, phone) = (Way::DialOut, Some(number.into()));
            let told = Told { alert: Uuid::nil(), way, what: None, drill, phone };
            let went = bells.call(&told, [0; 16], Means::Programs, Arc::default()).await;
            assert_eq!(went.done, done, "{number} {drill}");
        }
    }
}
