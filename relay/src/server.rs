//! The relay server, and the URL under which the carrier reaches it.

use std::net::SocketAddr;
use std::sync::Arc;

use iroh_relay::server::{CertConfig, QuicConfig, RelayConfig, Server, ServerConfig, TlsConfig};

use crate::error::RelayError;
use crate::gate::Gate;
use crate::options::{Https, Options};
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
}

/// Starts the relay server.
pub(crate) async fn start(
    options: &Options,
    tls: Option<Tls>,
    gate: Arc<Gate>,
) -> Result<Relaying, RelayError> {
    let mut relay = RelayConfig::new(options.http);
    relay.access = gate;
    let mut config = ServerConfig::default();
    let (mut authorities, mut fingerprint, mut name) = (Vec::new(), None, None);
    if let Some((https, tls)) = options.https.as_ref().zip(tls) {
        let Https { listen, quic, .. } = https;
        relay.tls = Some(TlsConfig::new(*listen, CertConfig::Manual { server_config: tls.server }));
        config.quic = quic.map(QuicConfig::new);
        authorities = tls.chain;
        fingerprint = tls.fingerprint;
        name = Some(tls.host);
    }
    config.relay = Some(relay);
    let server =
        Server::spawn(config).await.map_err(|error| RelayError::Server(Box::new(error)))?;
    let url = url(server.http_addr(), server.https_addr(), name);
    let quic_port = server.quic_addr().map(|address| address.port());
    Ok(Relaying { server, url, quic_port, authorities, fingerprint })
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
