use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf, absolute},
    process::{Command, Stdio},
};

use clap::Subcommand;
use linli_node::home::HomeError;
use serde::Serialize;

use crate::{
    context::Context,
    failure::{CliError, Exit},
};

const SYSTEM: &str = include_str!("../../units/system.service");
const USER: &str = include_str!("../../units/user.service");

#[derive(Debug, clap::Args)]
pub(crate) struct Service {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Install(Install),
    Remove(Remove),
}

#[derive(Debug, clap::Args)]
struct Install {
    #[command(flatten)]
    which: Which,
    /// The passphrase, sealed with `systemd-creds encrypt --name=linli-passphrase` [with --user: the
    /// desktop's keyring has it]
    #[arg(long, value_name = "FILE", required_unless_present = "user")]
    credential: Option<PathBuf>,
    /// Print the unit and change nothing
    #[arg(long)]
    dry_run: bool,
    /// What `linli relay up` is given
    #[arg(last = true, requires = "relay")]
    arguments: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Remove {
    #[command(flatten)]
    which: Which,
}

/// Which service.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Which {
    /// Of this user, begun when they log in [default: of the machine, begun when it starts]
    #[arg(long)]
    user: bool,
    /// The relay instead of the node
    #[arg(long)]
    relay: bool,
}

/// What was done.
#[derive(Debug, Serialize)]
struct Done {
    /// The unit's file.
    path: PathBuf,
    /// What is in it; null where it was removed.
    unit: Option<String>,
    /// Whether systemd was told.
    told: bool,
}

impl Service {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        std::future::ready(match self.act {
            Act::Install(install) => install.run(context),
            Act::Remove(remove) => remove.run(context),
        })
        .await
    }
}

impl Install {
    fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let path = self.which.path()?;
        let unit = self.unit(context)?;
        if self.dry_run {
            let done = Done { path, unit: Some(unit.clone()), told: false };
            return context.show(&done, || unit);
        }
        write(&path, &unit)?;
        let name = self.which.name();
        let told = self.which.tell(&["daemon-reload"])
            && self.which.tell(&["enable", name])
            && self.which.tell(&["restart", name]);
        let done = Done { path, unit: Some(unit), told };
        context.show(&done, || {
            let arguments = [("path", done.path.display().to_string().into())];
            match told {
                true => context.text.say("service-installed", &arguments),
                false => context.text.say(
                    "service-to-begin",
                    &[
                        ("path", done.path.display().to_string().into()),
                        ("command", self.which.command(&["enable", "--now", name]).into()),
                    ],
                ),
            }
        })
    }

    /// What systemd is to read.
    fn unit(&self, context: &Context) -> anyhow::Result<String> {
        let home = context.home()?;
        let data = absolute(home.path())?;
        let owner = fs::metadata(&data).map_err(|source| -> anyhow::Error {
            if source.kind() == ErrorKind::NotFound {
                HomeError::Missing { path: data.clone() }.into()
            } else {
                CliError::File { path: data.clone(), source }.into()
            }
        })?;
        let data = quoted(text_of(&data)?)?;
        let program = std::env::current_exe()?;
        let mut command = vec![quoted(text_of(&program)?)?, "--data".to_owned(), data.clone()];
        let words: &[&str] = if self.which.relay { &["relay", "up"] } else { &["up"] };
        command.extend(words.iter().map(|word| (*word).to_owned()));
        for argument in &self.arguments {
            command.push(quoted(argument)?);
        }
        let passphrase = match &self.credential {
            None => "Environment=LINLI_PASSPHRASE_FROM=keyring".to_owned(),
            Some(file) => {
                let file = absolute(file)?;
                let text = text_of(&file)?;
                // It stands behind a colon, where nothing can be quoted.
                if text.contains(|c: char| c.is_whitespace() || "\"'\\:".contains(c)) {
                    return Err(bad(text));
                }
                fs::metadata(&file)
                    .map_err(|source| CliError::File { path: file.clone(), source })?;
                format!("LoadCredentialEncrypted=linli-passphrase:{}", text.replace('%', "%%"))
            }
        };
        let description = if self.which.relay {
            "Relay of a linli community"
        } else {
            "Node of a linli community"
        };
        let template = if self.which.user { USER } else { SYSTEM };
        Ok(template
            .replace("@DESCRIPTION@", description)
            .replace("@USER@", &owner.uid().to_string())
            .replace("@PASSPHRASE@", &passphrase)
            .replace("@DATA@", &data)
            .replace("@COMMAND@", &command.join(" ")))
    }
}

impl Remove {
    fn run(self, context: &Context) -> anyhow::Result<Exit> {
        let path = self.which.path()?;
        if !path.exists() {
            let source = ErrorKind::NotFound.into();
            return Err(CliError::File { path, source }.into());
        }
        let stopped = self.which.tell(&["disable", "--now", self.which.name()]);
        fs::remove_file(&path)
            .map_err(|source| CliError::Unwritten { path: path.clone(), source })?;
        let told = self.which.tell(&["daemon-reload"]) && stopped;
        let done = Done { path, unit: None, told };
        context.show(&done, || match told {
            true => {
                let arguments = [("path", done.path.display().to_string().into())];
                context.text.say("service-removed", &arguments)
            }
            false => {
                let name = self.which.name();
                let command = self.which.command(&["stop", name]);
                let path = done.path.display().to_string();
                let arguments = [("path", path.into()), ("command", command.into())];
                context.text.say("service-to-stop", &arguments)
            }
        })
    }
}

impl Which {
    const fn name(self) -> &'static str {
        if self.relay { "linli-relay.service" } else { "linli.service" }
    }

    fn path(self) -> anyhow::Result<PathBuf> {
        let folder = match self.user {
            false => PathBuf::from("/etc/systemd/system"),
            true => {
                let home = std::env::var_os("HOME").map(PathBuf::from);
                let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
                let config = config.or_else(|| Some(home?.join(".config")));
                config.ok_or(HomeError::NoPlace)?.join("systemd/user")
            }
        };
        Ok(folder.join(self.name()))
    }

    fn words(self) -> &'static [&'static str] {
        if self.user { &["systemctl", "--user"] } else { &["systemctl"] }
    }

    /// What somebody would type.
    fn command(self, words: &[&str]) -> String {
        [self.words(), words].concat().join(" ")
    }

    /// Tells systemd; says whether it took it.
    fn tell(self, words: &[&str]) -> bool {
        let [program, before @ ..] = self.words() else { return false };
        let mut command = Command::new(program);
        command.args(before).args(words).stdin(Stdio::null()).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }
}

/// Writes a unit whole or not at all.
fn write(path: &Path, unit: &str) -> anyhow::Result<()> {
    let unwritten = |source| CliError::Unwritten { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(unwritten)?;
    }
    let beside = path.with_extension("service.new");
    fs::write(&beside, unit).map_err(unwritten)?;
    Ok(fs::rename(&beside, path).map_err(unwritten)?)
}

fn text_of(path: &Path) -> anyhow::Result<&str> {
    path.to_str().ok_or_else(|| bad(&path.display().to_string()))
}

/// One word of a unit (systemd.syntax(7), systemd.service(5)).
fn quoted(word: &str) -> anyhow::Result<String> {
    if word.chars().any(char::is_control) {
        return Err(bad(word));
    }
    let mut quoted = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '%' | '$' => quoted.extend([c, c]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Ok(quoted)
}

fn bad(value: &str) -> anyhow::Error {
    CliError::Value { value: value.to_owned(), example: "/var/lib/linli" }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_by_systemd_as_it_was_given() {
        assert_eq!(quoted("/var/lib/linli").unwrap(), "\"/var/lib/linli\"");
        assert_eq!(quoted("a b%n$HOME\"\\").unwrap(), "\"a b%%n$$HOME\\\"\\\\\"");
        quoted("two\nlines").unwrap_err();
    }
}
