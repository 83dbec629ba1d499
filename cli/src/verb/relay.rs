use std::{net::SocketAddr, path::PathBuf};

use clap::Subcommand;
use linli_relay::{Certificate, Https};
use linli_store::harden;

use super::{join::Join, up::told_to_stop};
use crate::{
    context::Context,
    failure::Exit,
    local::{self, RelayOptions},
    logs,
    prompt::PASSPHRASE,
};

mod status;

#[derive(Debug, clap::Args)]
pub(crate) struct Relay {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    Join(Join),
    Up(Up),
    Status(status::Status),
}

#[derive(Debug, clap::Args)]
struct Up {
    /// TCP address of the relay over plain HTTP
    #[arg(long, default_value = "127.0.0.1:3340", value_name = "ADDRESS")]
    http: SocketAddr,
    /// TCP address of the relay over HTTPS
    #[arg(long, value_name = "ADDRESS")]
    https: Option<SocketAddr>,
    /// UDP address of QUIC address discovery
    #[arg(long, requires = "https", value_name = "ADDRESS")]
    quic: Option<SocketAddr>,
    /// Host name or IP address under which members reach the relay over HTTPS; may be given again
    #[arg(long, requires = "https", value_name = "NAME")]
    name: Vec<String>,
    /// PEM file of the certificate chain [default: the relay signs its own]
    #[arg(long, requires_all = ["https", "key", "name"], value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// PEM file of the certificate's private key
    #[arg(long, requires = "certificate", value_name = "FILE")]
    key: Option<PathBuf>,
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
    /// A file whose first line is the passphrase [default: LINLI_PASSPHRASE, or asked for]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Relay {
    pub(crate) async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        match self.act {
            Act::Join(join) => join.run(context).await,
            Act::Up(up) => up.run(context).await,
            Act::Status(status) => status.run(context).await,
        }
    }

    /// Whether this is the relay itself, not joining as one.
    pub(super) fn works_long(&self) -> bool {
        matches!(self.act, Act::Up(_))
    }
}

impl Up {
    async fn run(self, context: &Context) -> anyhow::Result<Exit> {
        harden()?;
        let home = context.home()?;
        let config = context.config(&home)?;
        logs::begin(&config.log)?;
        let passphrase = PASSPHRASE.get(context, self.passphrase_file.as_deref())?;
        let quotas = [self.quota, self.community_quota];
        let (http, status, member_rate) = (self.http, self.status, self.member_rate);
        let prunes = !self.keep_all;
        let public_url = self.public_url.clone();
        let https = self.https();
        let options = RelayOptions { http, https, public_url, status, quotas, member_rate, prunes };
        local::relay(&home.lock()?, config, &passphrase, options, told_to_stop()?).await?;
        Ok(Exit::DONE)
    }

    /// The relay over HTTPS, where an address for it is given.
    fn https(self) -> Option<Https> {
        let certificate = match (self.certificate, self.key, self.name.first()) {
            (Some(chain), Some(key), Some(name)) => {
                Certificate::Files { chain, key, name: name.clone() }
            }
            _ => Certificate::SelfSigned { names: self.name },
        };
        Some(Https { listen: self.https?, quic: self.quic, certificate })
    }
}
