//! Starting the program once more inside namespaces of its own.
//!
//! The chain is: the program as the user started it, which only waits → `unshare` → the first
//! process of the process namespace, which only waits → the program as it goes on. When the first
//! waits in vain because it was killed, the kernel kills `unshare` (`setpriv --pdeathsig`), then
//! the namespace's first process (`unshare --kill-child`), then everything in the namespace. A
//! death signal on every single process would not do: it fires when the *thread* that started the
//! process ends, and thread pools end their threads.

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt, fs,
    os::unix::process::ExitStatusExt as _,
    process::{self, Command, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result};

use super::{helper, tools, tools::Tools};

/// Says which step of the chain a process is.
pub(super) const STEP: &str = "LINLI_LAB_STEP";
/// The network namespace the user started the program in.
const OUTSIDE: &str = "LINLI_LAB_OUTSIDE";
/// What a helper process is to do.
const TASK: &str = "LINLI_LAB_TASK";

/// What the network stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ground {
    /// A network namespace for every site, joined by bridges.
    Namespaces,
    /// Forwarders between loopback addresses, because namespaces are not to be had or not wanted.
    ///
    /// Every site has a loopback address of its own and every ordered pair of sites a forwarder;
    /// whatever goes through it can be dropped in silence, slowed down and refused by pair. A
    /// loopback address cannot be closed to a process without privileges, so the nodes must keep
    /// to it: bind what [`super::Lab::bind`] says and nothing else, send no datagram out of the
    /// network that [`super::Lab::prefix_length`] makes of it (inside a connection QUIC peers tell
    /// each other their own addresses, and would meet there), and know peers only by
    /// [`super::Lab::udp`] and [`super::Lab::tcp`]. There is no multicast, and so no mDNS. A TCP
    /// connection opened during a cut is accepted and then silent; bytes under way wait for the
    /// healing.
    Forwarder(WhyNot),
}

/// Why it does not stand on namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WhyNot {
    /// These programs are not installed (packages util-linux and iproute2).
    Missing(Vec<String>),
    /// The system refused; its own words.
    Refused(String),
    /// Forwarders were asked for.
    Asked,
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(programs) => write!(
                f,
                "not installed: {}; install the packages util-linux and iproute2",
                programs.join(", ")
            ),
            Self::Refused(why) => write!(f, "the system gives no network namespaces: {why}"),
            Self::Asked => f.write_str("as asked for"),
        }
    }
}

/// Moves the program into namespaces of its own, if it can and `forwarders` are not asked for.
///
/// Call it first of all, on the main thread, before any other process or thread is started. Where
/// namespaces can be had the call does not return: it starts the program once more, with the same
/// arguments and streams, and ends with its exit code (128 + the number of the signal that ended
/// it). There the same call returns [`Ground::Namespaces`]. The program is user 0 inside, without
/// any privilege outside. Interrupting the program ends everything inside at once.
pub(crate) fn enter(forwarders: bool) -> Ground {
    match env::var(STEP).ok().as_deref() {
        Some("first") => process::exit(first()),
        Some("inside") if is_inside() => Ground::Namespaces,
        Some("helper") => process::exit(helper::perform(env::var(TASK).ok().as_deref())),
        _ if forwarders => Ground::Forwarder(WhyNot::Asked),
        Some(other) => {
            Ground::Forwarder(WhyNot::Refused(format!("{STEP} is set to {other} from outside")))
        }
        None => match launch(env::args_os().skip(1)) {
            Ok(status) => process::exit(code(status)),
            Err(why) => Ground::Forwarder(why),
        },
    }
}

/// Starts this program inside, with these arguments, and waits for its end.
fn launch(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<ExitStatus, WhyNot> {
    let (tools, flags) = look()?;
    let mut command = Command::new(&tools.setpriv);
    command.args(["--pdeathsig", "KILL"]).arg(&tools.unshare).args(flags).arg("--");
    command.arg(env::current_exe().context("this program's own path").map_err(refused)?);
    command.args(arguments).env(STEP, "first").env(OUTSIDE, network().map_err(refused)?);
    command.status().context("setpriv cannot be started").map_err(refused)
}

/// Looks whether and how namespaces can be had.
pub(super) fn look() -> Result<(Tools, Vec<&'static str>), WhyNot> {
    let tools = Tools::find().map_err(WhyNot::Missing)?;
    let flags = usable(&tools).map_err(refused)?;
    Ok((tools, flags))
}

fn refused(error: anyhow::Error) -> WhyNot {
    WhyNot::Refused(format!("{error:#}"))
}

/// The first set of flags under which a bridge and a pair of links can be made. A user namespace
/// comes first even for root: what has no privilege outside cannot harm it. Containers that hide
/// parts of `/proc` do not let it be mounted anew.
fn usable(tools: &Tools) -> Result<Vec<&'static str>> {
    const USER: [&str; 2] = ["--user", "--map-root-user"];
    const OWN: [&str; 4] = ["--net", "--pid", "--fork", "--kill-child"];
    const PROC: [&str; 1] = ["--mount-proc"];
    const PROBE: &str = "link add name b type bridge mcast_snooping 0\n\
                         link add name p type veth peer name q\n";
    let mut refusal = None;
    for parts in [&[&USER[..], &OWN, &PROC][..], &[&USER, &OWN], &[&OWN, &PROC]] {
        let flags = parts.concat();
        let mut command = Command::new(&tools.unshare);
        command.args(&flags).arg("--").arg(&tools.ip).args(["-batch", "-"]);
        match tools::run(&mut command, PROBE) {
            Ok(_) => return Ok(flags),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    Err(refusal.context("no way to try")?)
}

/// The first process of the process namespace: starts the program as it goes on, waits for it, and
/// by its own end ends everything else in the namespace.
fn first() -> i32 {
    let started = env::current_exe().and_then(|program| {
        Command::new(program).args(env::args_os().skip(1)).env(STEP, "inside").status()
    });
    started.map_or(1, code)
}

/// A command in which this process's place in the chain is forgotten.
pub(super) fn forget(command: &mut Command) {
    command.env_remove(STEP).env_remove(OUTSIDE).env_remove(TASK);
}

/// Makes the command this very program as a helper.
pub(super) fn as_helper(command: &mut Command, task: &str) {
    command.args(env::args_os().skip(1)).env(STEP, "helper").env(TASK, task);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
}

/// Whether the network namespace is another than the one the user started the program in.
fn is_inside() -> bool {
    let outside = env::var_os(OUTSIDE);
    outside.is_some() && network().is_ok_and(|own| Some(own) != outside)
}

fn network() -> Result<OsString> {
    let link = fs::read_link("/proc/self/ns/net").context("/proc/self/ns/net cannot be read")?;
    Ok(link.into_os_string())
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1)
}
