//! The relay server, and the URL under which the carrier reaches it.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use iroh_relay::server::{
    CertConfig, ClientRateLimit, QuicConfig, RelayConfig, Server, ServerConfig, TlsConfig,
};

use linli_replica::relays::RelayTold;

use crate::error::RelayError;
use crate::gate::Gate;
use crate::limits::KEYS_CACHED;
use crate::options::{Https, Options};
use crate::published::{self, Listens};
use crate::tls::{Tls, host};

/// A running relay server.
pub(crate) struct Relaying {
    pub(crate) server: Server,
    /// How the carrier reaches it.
    pub(crate) url: String,
    pub(crate) quic_port: Option<u16>,
    /// Certificates (DER) that the carrier trusts for it.
    pub(crate) authorities: Vec<Vec<u8>>,
    pub(crate) fingerprint: Option<String>,
    /// What members are told.
    pub(crate) told: Vec<RelayTold>,
}

/// Starts the relay server.
pub(crate) async fn start(
    options: &Options,
    tls: Option<Tls>,
    gate: Arc<Gate>,
) -> Result<Relaying, RelayError> {
    let mut relay = RelayConfig::new(options.http);
    relay.access = gate;
    relay.key_cache_capacity = Some(KEYS_CACHED);
    let rate = options.member_bytes_per_second;
    relay.limits.client_rx = NonZeroU32::new(rate).map(ClientRateLimit::new);
    let mut config = ServerConfig::default();
    let (mut authorities, mut fingerprint, mut name, mut pin) = (Vec::new(), None, None, None);
    if let Some((https, tls)) = options.https.as_ref().zip(tls) {
        let Https { listen, quic, .. } = https;
        relay.tls = Some(TlsConfig::new(*listen, CertConfig::Manual { server_config: tls.server }));
        config.quic = quic.map(QuicConfig::new);
        authorities = tls.chain;
        fingerprint = tls.fingerprint;
        name = Some(tls.host);
        pin = Some(tls.pin);
    }
    config.relay = Some(relay);
    let server =
        Server::spawn(config).await.map_err(|error| RelayError::Server(Box::new(error)))?;
    let url = url(server.http_addr(), server.https_addr(), name);
    let quic_port = server.quic_addr().map(|address| address.port());
    let listens = Listens { http: server.http_addr(), https: server.https_addr(), quic_port, pin };
    let told = published::told(options, &listens)?;
    Ok(Relaying { server, url, quic_port, authorities, fingerprint, told })
}

fn url(http: Option<SocketAddr>, https: Option<SocketAddr>, name: Option<String>) -> String {
    match (https, http) {
        (Some(address), _) => {
            let name = name.unwrap_or_else(|| host(address.ip()));
            format!("https://{name}:{}", address.port())
        }
        (None, Some(address)) => format!("http://{}:{}", host(address.ip()), address.port()),
        (None, None) => String::new(),
    }
}
