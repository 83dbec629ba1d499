//! The iroh endpoint: nothing is sent that nobody asked for.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use iroh::{
    Endpoint, RelayConfig, RelayMap, RelayMode, RelayUrl,
    dns::DnsResolver,
    endpoint::{
        BindError, BindOpts, IdleTimeout, PortmapperConfig, QuicTransportConfig, VarInt, presets,
    },
};
use iroh_relay::RelayQuicConfig;

use crate::{
    MEMBER_ALPN, PAIR_ALPN,
    config::{NetConfig, RelaySettings},
    gate::{Gate, GateHook},
    limits::{CONNECTION_WINDOW_BYTES, IDLE_TIMEOUT_MS, PATH_IDLE_TIMEOUT, STREAM_WINDOW_BYTES},
    pins::Pins,
};

/// Why the network could not be started or set up.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// Another program, or another node, listens on this address.
    #[error("{address} is already in use: stop the other program or choose another port")]
    PortInUse {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The machine has no such address.
    #[error("{address} is not an address of this machine: choose one that is, or none")]
    NoSuchAddress {
        /// The address asked for.
        address: SocketAddr,
    },
    /// There is no network with so many leading bits around this address.
    #[error("no network around {address} has a prefix of {prefix_length} bits: give 1 to {most}", most = address_bits(*address))]
    PrefixLength {
        /// The address to listen on.
        address: SocketAddr,
        /// The length asked for.
        prefix_length: u8,
    },
    /// A prefix length without an address.
    #[error(
        "a prefix length says which network the address to listen on is in: give that address too"
    )]
    PrefixWithoutAddress,
    /// The relay's URL makes no sense.
    #[error("\"{url}\" is not a relay URL: write it like https://relay.example")]
    RelayUrl {
        /// What was given.
        url: String,
    },
    /// The endpoint could not be made.
    #[error("the network endpoint could not be opened")]
    Bind(#[source] Box<BindError>),
    /// The network has stopped.
    #[error("the network has stopped")]
    Stopped,
}

/// Binds the endpoint after the configuration.
pub(crate) async fn bind(
    config: &NetConfig,
    gate: Arc<Gate>,
    pins: &Pins,
) -> Result<Endpoint, NetError> {
    let relays =
        config.relays.iter().map(relay_config).collect::<Result<Vec<RelayConfig>, NetError>>()?;
    let mut net_report = iroh::NetReportConfig::minimal();
    // Without these a node with a relay but no QUIC address discovery never picks its home relay.
    net_report.https_probes = true;
    let mut builder = Endpoint::builder(presets::Minimal)
        .secret_key(config.secret_key.clone())
        .alpns(vec![MEMBER_ALPN.to_vec(), PAIR_ALPN.to_vec()])
        .relay_mode(RelayMode::Custom(RelayMap::from_iter(relays)))
        .portmapper_config(PortmapperConfig::Disabled)
        .net_report_config(net_report)
        // Asked only for the host names of configured relays, and only the machine's own name servers.
        .dns_resolver(DnsResolver::builder().with_system_defaults().disable_fallback().build())
        .transport_config(transport())
        .ca_tls_config(pins.trust(&config.relay_ca_der))
        .hooks(GateHook(gate));
    if config.relay_only {
        builder = builder.clear_ip_transports();
    } else if let Some(address) = config.bind {
        builder = builder
            .clear_ip_transports()
            .bind_addr_with_opts(address, reach(address, config.prefix_length)?)
            .map_err(|_invalid| NetError::NoSuchAddress { address })?;
    } else if config.prefix_length.is_some() {
        return Err(NetError::PrefixWithoutAddress);
    }
    builder.bind().await.map_err(|error| bind_error(error, config.bind))
}

/// How far the socket at this address sends of its own accord. iroh drops what no socket's network contains, and a
/// socket with a prefix is no default route.
fn reach(address: SocketAddr, prefix_length: Option<u8>) -> Result<BindOpts, NetError> {
    let Some(prefix_length) = prefix_length else { return Ok(BindOpts::default()) };
    if address.ip().is_unspecified() {
        return Err(NetError::PrefixWithoutAddress);
    }
    if !(1..=address_bits(address)).contains(&prefix_length) {
        return Err(NetError::PrefixLength { address, prefix_length });
    }
    Ok(BindOpts::default().set_prefix_len(prefix_length).set_is_default_route(false))
}

/// How many bits an address of this kind has.
fn address_bits(address: SocketAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Reads one relay's settings.
pub(crate) fn relay_config(settings: &RelaySettings) -> Result<RelayConfig, NetError> {
    let url: RelayUrl =
        settings.url.parse().map_err(|_bad| NetError::RelayUrl { url: settings.url.clone() })?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(NetError::RelayUrl { url: settings.url.clone() });
    }
    let config = RelayConfig::new(url, settings.quic_port.map(RelayQuicConfig::new));
    Ok(match &settings.auth_token {
        Some(token) => config.with_auth_token(token.clone()),
        None => config,
    })
}

fn transport() -> QuicTransportConfig {
    QuicTransportConfig::builder()
        .max_concurrent_uni_streams(VarInt::from_u32(3))
        .max_concurrent_bidi_streams(VarInt::from_u32(1))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES))
        .send_window(u64::from(CONNECTION_WINDOW_BYTES))
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_TIMEOUT_MS))))
        .keep_alive_interval(Duration::from_secs(1))
        .default_path_keep_alive_interval(Duration::from_secs(1))
        .default_path_max_idle_timeout(PATH_IDLE_TIMEOUT)
        .build()
}

fn bind_error(error: BindError, asked: Option<SocketAddr>) -> NetError {
    let kind =
        if let BindError::Sockets { source, .. } = &error { Some(source.kind()) } else { None };
    match (kind, asked) {
        (Some(io::ErrorKind::AddrInUse), Some(address)) => NetError::PortInUse { address },
        (Some(io::ErrorKind::AddrNotAvailable), Some(address)) => {
            NetError::NoSuchAddress { address }
        }
        _ => NetError::Bind(Box::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str) -> RelaySettings {
        RelaySettings::new(url)
    }

    #[test]
    fn relay_urls_are_checked() {
        relay_config(&settings("https://relay.example")).unwrap();
        relay_config(&settings("http://127.0.0.1:3340")).unwrap();
        for bad in ["", "relay.example", "ftp://relay.example", "https://"] {
            assert!(
                matches!(relay_config(&settings(bad)), Err(NetError::RelayUrl { .. })),
                "{bad:?} was taken"
            );
        }
    }

    #[test]
    fn a_prefix_needs_an_address_that_it_fits() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        for (at, length) in [("10.0.0.7:1", 1), ("10.0.0.7:1", 32), ("[fd00::7]:1", 128)] {
            let reach = reach(address(at), Some(length)).unwrap();
            assert_eq!((reach.prefix_len(), reach.is_default_route()), (length, false));
        }
        assert!(reach(address("10.0.0.7:1"), None).unwrap().is_default_route());
        for (at, length) in [("10.0.0.7:1", 0), ("10.0.0.7:1", 33), ("[fd00::7]:1", 129)] {
            let refused = reach(address(at), Some(length));
            assert!(matches!(refused, Err(NetError::PrefixLength { .. })), "{at}/{length}");
        }
        let everywhere = reach(address("0.0.0.0:1"), Some(8));
        assert!(matches!(everywhere, Err(NetError::PrefixWithoutAddress)));
    }

    #[test]
    fn settings_do_not_show_their_token() {
        let shown = format!(
            "{:?}",
            RelaySettings {
                auth_token: Some("s3cret".to_owned()),
                ..settings("https://r.example")
            }
        );
        assert!(!shown.contains("s3cret"));
    }
}
