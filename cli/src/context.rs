//! What every verb works with: the data directory, the language, who acts, and the running node.

use std::{fs, os::unix::fs::MetadataExt as _, path::PathBuf};

use linli_node::{
    api::{Acting, Method, Reading},
    config::{Config, Environment},
    control::{Client, ClientError},
    home::{Home, HomeError, LOCK_FILE, SEAT_FILE},
};
use serde::Serialize;

use crate::{
    command::Cli,
    failure::{CliError, Exit},
    moment::Zone,
    output,
    prompt::PIN,
    text::{Language, Text},
};

/// What stands before the verb, and what the environment adds.
pub(crate) struct Context {
    data: Option<PathBuf>,
    person: Option<String>,
    /// Whether answers are printed as JSON.
    pub(crate) json: bool,
    /// The messages of the chosen language.
    pub(crate) text: Text,
    /// The time zone of the person at the terminal.
    pub(crate) zone: Zone,
    /// The variables of the process.
    pub(crate) environment: Environment,
}

impl Context {
    pub(crate) fn new(cli: &Cli, environment: Environment, text: Text) -> anyhow::Result<Self> {
        Ok(Self {
            data: cli.data.clone().filter(|path| !path.as_os_str().is_empty()),
            person: cli.person.clone(),
            json: cli.json,
            zone: Zone::choose(&environment)?,
            text,
            environment,
        })
    }

    /// The same in English, which programs read.
    pub(crate) fn in_english(&self) -> Self {
        Self {
            data: self.data.clone(),
            person: self.person.clone(),
            json: self.json,
            text: Text::of(Language::En),
            zone: self.zone.clone(),
            environment: self.environment.clone(),
        }
    }

    /// Where the data directory is or is to be.
    pub(crate) fn data(&self) -> Result<PathBuf, HomeError> {
        match &self.data {
            Some(path) => Ok(path.clone()),
            None => Home::default_path(&self.environment),
        }
    }

    /// The data directory of a node that was made before.
    pub(crate) fn home(&self) -> Result<Home, HomeError> {
        Home::open(&self.data()?)
    }

    /// The configuration in it.
    pub(crate) fn config(&self, home: &Home) -> anyhow::Result<Config> {
        Ok(Config::load(&home.config(), &self.environment)?)
    }

    /// Whom the command line names to act.
    pub(crate) fn person(&self) -> Option<String> {
        self.person.clone()
    }

    /// Who acts, where somebody was named.
    pub(crate) fn acting(&self) -> anyhow::Result<Option<Acting>> {
        let Some(person) = &self.person else { return self.seated() };
        let pin = PIN.get(self, None)?.as_str().to_owned();
        Ok(Some(Acting { person: person.clone(), pin, seat: None }))
    }

    /// Who has taken the seat of this desk.
    fn seated(&self) -> anyhow::Result<Option<Acting>> {
        let seat = self.home()?.read_private(SEAT_FILE)?.map(String::from_utf8).transpose()?;
        let nobody = String::new;
        Ok(seat.map(|seat| Acting { person: nobody(), pin: nobody(), seat: Some(seat) }))
    }

    /// The running node.
    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        let home = self.home()?;
        match Client::connect(&home.socket()).await {
            Err(ClientError::NotRunning { .. }) if is_busy(&home) => Err(CliError::Silent.into()),
            connected => Ok(connected?),
        }
    }

    /// Asks the running node.
    pub(crate) async fn ask<M: Method>(&self, method: &M) -> anyhow::Result<M::Answer> {
        Ok(self.client().await?.call(method).await?)
    }

    /// Asks the running node to show something; the audit says to whom, where somebody was named.
    pub(crate) async fn look<M: Method>(&self, what: M) -> anyhow::Result<M::Answer> {
        self.ask(&Reading { what, acting: self.acting()? }).await
    }

    /// Prints an answer: as JSON, or as a person reads it.
    pub(crate) fn show<T: Serialize>(
        &self,
        answer: &T,
        for_people: impl FnOnce() -> String,
    ) -> anyhow::Result<Exit> {
        match self.json {
            true => output::print(&serde_json::to_string(answer)?),
            false => output::print(&for_people()),
        }
        Ok(Exit::DONE)
    }
}

/// Whether a program works in a data directory: looked up in `proc_locks(5)`, because to try the lock
/// could keep a node from starting. Where there is no such file, nobody is said to.
fn is_busy(home: &Home) -> bool {
    let inode = fs::metadata(home.path().join(LOCK_FILE)).map(|lock| lock.ino().to_string());
    let locks = fs::read_to_string("/proc/locks");
    let (Ok(inode), Ok(locks)) = (inode, locks) else { return false };
    // `1: FLOCK  ADVISORY  WRITE 890 08:02:1234 0 EOF`: the sixth word ends in the file's inode.
    locks.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some("FLOCK")
            && words.nth(3).and_then(|file| file.rsplit(':').next()) == Some(inode.as_str())
    })
}
