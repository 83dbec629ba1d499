//! An echo of as many bytes as an alert has, between bare iroh endpoints.

use std::time::{Duration, Instant};

use iroh::endpoint::{Builder, Connection, PortmapperConfig, presets};
use iroh::{Endpoint, EndpointAddr, RelayConfig, RelayMap, RelayMode, RelayUrl, SecretKey};
use linli_core::identity::NodeKeys;

/// Bytes of an alert as it travels, about.
pub(crate) const ECHO_BYTES: usize = 4_700;
const ECHO_ALPN: &[u8] = b"linli bench echo";

/// Two endpoints, one of which sends back what it gets.
pub(crate) struct Echo {
    near: Endpoint,
    far: Endpoint,
    connection: Connection,
}

impl Echo {
    /// Between two endpoints on loopback.
    pub(crate) async fn direct() -> Self {
        let bind = async |seed| {
            let bare = bare(SecretKey::from_bytes(&[seed; 32])).relay_mode(RelayMode::Disabled);
            bare.clear_ip_transports().bind_addr("127.0.0.1:0").unwrap().bind().await.unwrap()
        };
        let (near, far) = (bind(1).await, bind(2).await);
        let mut address = EndpointAddr::new(far.id());
        for socket in far.bound_sockets() {
            address = address.with_ip_addr(socket);
        }
        Self::between(near, far, address).await
    }

    /// Between two nodes that have nothing but a relay.
    pub(crate) async fn through([near, far]: [&NodeKeys; 2], url: &str) -> Self {
        let url: RelayUrl = url.parse().unwrap();
        let (near, far) = (relayed(near, &url).await, relayed(far, &url).await);
        let address = EndpointAddr::new(far.id()).with_relay_url(url);
        Self::between(near, far, address).await
    }

    async fn between(near: Endpoint, far: Endpoint, address: EndpointAddr) -> Self {
        let accepting = far.clone();
        tokio::spawn(async move {
            let connection = accepting.accept().await.unwrap().await.unwrap();
            while let Ok((mut send, mut receive)) = connection.accept_bi().await {
                let bytes = receive.read_to_end(2 * ECHO_BYTES).await.unwrap();
                send.write_all(&bytes).await.unwrap();
                send.finish().unwrap();
            }
        });
        let connection = near.connect(address, ECHO_ALPN).await.unwrap();
        Self { near, far, connection }
    }

    pub(crate) async fn once(&self) -> Duration {
        let begin = Instant::now();
        let (mut send, mut receive) = self.connection.open_bi().await.unwrap();
        send.write_all(&[7; ECHO_BYTES]).await.unwrap();
        send.finish().unwrap();
        assert_eq!(receive.read_to_end(2 * ECHO_BYTES).await.unwrap().len(), ECHO_BYTES);
        begin.elapsed()
    }

    pub(crate) async fn stop(self) {
        self.connection.close(0_u32.into(), b"");
        tokio::join!(self.near.close(), self.far.close());
    }
}

fn bare(key: SecretKey) -> Builder {
    Endpoint::builder(presets::Minimal)
        .secret_key(key)
        .alpns(vec![ECHO_ALPN.to_vec()])
        .portmapper_config(PortmapperConfig::Disabled)
}

async fn relayed(keys: &NodeKeys, url: &RelayUrl) -> Endpoint {
    let (signing, _) = keys.to_secrets();
    let mut report = iroh::NetReportConfig::minimal();
    report.https_probes = true;
    let relays = RelayMap::from_iter([RelayConfig::new(url.clone(), None)]);
    let endpoint = bare(SecretKey::from_bytes(signing.expose()))
        .relay_mode(RelayMode::Custom(relays))
        .net_report_config(report)
        .clear_ip_transports()
        .bind()
        .await
        .unwrap();
    endpoint.online().await;
    endpoint
}
