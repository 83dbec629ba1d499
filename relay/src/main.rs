//! `linli-relay`: runs the relay of a community from its data directory.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};
use linli_net::Interfaces;
use linli_relay::{Certificate, Https, Options, Relay};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};
use zeroize::Zeroizing;

/// Forwards live connections between members of a community and keeps sealed entries for those who
/// are away. It cannot read what it carries.
///
/// The data directory is made and enrolled with `linli relay join CODE`.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The data directory
    #[arg(long, env = "LINLI_DATA", value_name = "DIR")]
    data: PathBuf,
    /// A file whose first line unlocks the data directory; else LINLI_PASSPHRASE does
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// TCP address of the relay over plain HTTP
    #[arg(long, default_value = "127.0.0.1:3340", value_name = "ADDRESS")]
    http: SocketAddr,
    /// TCP address of the relay over HTTPS
    #[arg(long, value_name = "ADDRESS")]
    https: Option<SocketAddr>,
    /// UDP address of QUIC address discovery
    #[arg(long, requires = "https", value_name = "ADDRESS")]
    quic: Option<SocketAddr>,
    /// Host name or IP address under which members reach the relay over HTTPS; may be repeated
    #[arg(long, requires = "https", value_name = "NAME")]
    name: Vec<String>,
    /// PEM file of the certificate chain; without one the relay signs its own
    #[arg(long, requires_all = ["https", "key", "name"], value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key
    #[arg(long, requires = "certificate", value_name = "FILE")]
    key: Option<PathBuf>,
    /// UDP address of the carrier [default: any free port]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Leading bits of the carrier's address that are its network's; it begins no direct path out of it
    #[arg(long, requires = "listen", value_name = "BITS")]
    prefix_length: Option<u8>,
    /// Where mDNS works
    #[arg(long, value_enum, default_value = "all")]
    mdns: Mdns,
    /// Network interfaces mDNS is limited to, by name; may be repeated
    #[arg(long, value_name = "NAME")]
    interface: Vec<String>,
    /// The URL under which members reach the relay [default: made of names and addresses]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Loopback TCP address of GET /health, /status and /metrics
    #[arg(long, value_name = "ADDRESS")]
    status: Option<SocketAddr>,
    /// Megabytes (MiB) kept for each member
    #[arg(long, default_value_t = 1024, value_name = "MIB")]
    quota: u32,
    /// Megabytes (MiB) kept for the whole community
    #[arg(long, default_value_t = 65_536, value_name = "MIB")]
    community_quota: u32,
    /// Megabits a second taken from each connection of a member; 0: as many as come
    #[arg(long, default_value_t = 250, value_name = "MBIT")]
    member_rate: u32,
    /// Carries out no order of stewards to prune; what was pruned before is handed on as ever
    #[arg(long)]
    keep_all: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mdns {
    All,
    Loopback,
    Off,
}

/// The allocator of `linli` too: short-lived buffers of frames and entries are most of its work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let asked = std::env::var("RUST_LOG").ok().and_then(|words| words.parse().ok());
    // What others' crates warn of, a member can cause as often as it likes: a line for each packet that is dropped.
    let own =
        || Targets::new().with_target("linli", LevelFilter::INFO).with_default(LevelFilter::ERROR);
    let filter = asked.unwrap_or_else(own);
    let lines = fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(filter).with(lines).init();
    linli_store::harden().context("cannot keep this process's memory to itself")?;
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    Relay::start(options(Arguments::parse())?).await?.serve(stop).await?;
    tracing::info!("relay stopped; everything accepted is stored");
    Ok(())
}

fn options(arguments: Arguments) -> anyhow::Result<Options> {
    let passphrase = passphrase(&arguments)?;
    let mdns = match arguments.mdns {
        Mdns::All if !arguments.interface.is_empty() => Interfaces::Named(arguments.interface),
        Mdns::All => Interfaces::All,
        Mdns::Loopback => Interfaces::Loopback,
        Mdns::Off => Interfaces::Off,
    };
    let names = arguments.name;
    let certificate = match (arguments.certificate, arguments.key, names.first()) {
        (Some(chain), Some(key), Some(name)) => {
            Certificate::Files { chain, key, name: name.clone() }
        }
        _ => Certificate::SelfSigned { names },
    };
    let quic = arguments.quic;
    let https = arguments.https.map(|listen| Https { listen, quic, certificate });
    Ok(Options {
        https,
        public_url: arguments.public_url,
        listen: arguments.listen,
        prefix_length: arguments.prefix_length,
        mdns,
        status: arguments.status,
        policy: linli_relay::policy(
            arguments.quota,
            arguments.community_quota,
            !arguments.keep_all,
        ),
        member_bytes_per_second: linli_relay::rate(arguments.member_rate),
        passphrase,
        ..Options::new(arguments.data, String::new(), arguments.http)
    })
}

fn passphrase(arguments: &Arguments) -> anyhow::Result<Zeroizing<String>> {
    let text = match &arguments.passphrase_file {
        Some(path) => {
            let bytes = linli_relay::read_small_file(path)?;
            let text = std::str::from_utf8(&bytes).context("the passphrase file is not text")?;
            Zeroizing::new(text.lines().next().unwrap_or_default().to_owned())
        }
        None => Zeroizing::new(std::env::var("LINLI_PASSPHRASE").unwrap_or_default()),
    };
    if text.is_empty() {
        bail!("no passphrase: set LINLI_PASSPHRASE, or pass --passphrase-file FILE");
    }
    Ok(text)
}
