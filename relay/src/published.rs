//! Where members reach the relay, as they are told.

use std::net::{IpAddr, SocketAddr};

use linli_net::Pin;
use linli_replica::relays::RelayTold;

use crate::error::RelayError;
use crate::options::{Certificate, Https, Options};
use crate::tls::host;

/// Where the relay server listens.
#[derive(Debug, Clone, Default)]
pub(crate) struct Listens {
    pub(crate) http: Option<SocketAddr>,
    pub(crate) https: Option<SocketAddr>,
    pub(crate) quic_port: Option<u16>,
    /// SHA-256 of its TLS certificate.
    pub(crate) pin: Option<Pin>,
}

/// What members are told: the URL that was given, or the one that other machines can use of those it listens
/// on. None where there is no such one.
///
/// # Errors
/// [`RelayError::PublicUrl`].
pub(crate) fn told(options: &Options, listens: &Listens) -> Result<Vec<RelayTold>, RelayError> {
    let listened = || match (&options.https, listens.https) {
        (Some(https), Some(at)) => {
            secure_host(https, at.ip()).map(|host| format!("https://{host}:{}", at.port()))
        }
        _ => listens.http.and_then(|at| Some(format!("http://{}:{}", public(at.ip())?, at.port()))),
    };
    let Some(url) = options.public_url.clone().or_else(listened) else { return Ok(Vec::new()) };
    let pin = listens.pin.map(Into::into);
    let told = RelayTold { url, quic_port: listens.quic_port, pin };
    if told.is_sound() { Ok(vec![told]) } else { Err(RelayError::PublicUrl(told.url)) }
}

/// The name it was given, or its address.
fn secure_host(https: &Https, ip: IpAddr) -> Option<String> {
    let name = match &https.certificate {
        Certificate::Files { name, .. } => Some(name),
        Certificate::SelfSigned { names } => names.first(),
    };
    match name {
        // An IPv6 address stands in brackets in a URL.
        Some(name) => Some(name.parse().map_or_else(|_name| name.clone(), host)),
        None => public(ip),
    }
}

/// The address as part of a URL, where it says something to other machines.
fn public(ip: IpAddr) -> Option<String> {
    (!ip.is_loopback() && !ip.is_unspecified()).then(|| host(ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(public_url: Option<&str>, names: Option<&[&str]>) -> Options {
        let any: SocketAddr = "0.0.0.0:0".parse().unwrap();
        let names = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        let https = names.map(|names| Https {
            listen: any,
            quic: None,
            certificate: Certificate::SelfSigned { names },
        });
        let public_url = public_url.map(str::to_owned);
        Options { https, public_url, ..Options::new("data".into(), String::new(), any) }
    }

    fn url(options: &Options, http: &str, https: Option<&str>) -> Option<String> {
        let listens = Listens {
            http: http.parse().ok(),
            https: https.map(|at| at.parse().unwrap()),
            ..Listens::default()
        };
        told(options, &listens).unwrap().pop().map(|told| told.url)
    }

    #[test]
    fn members_are_told_what_other_machines_can_use() {
        let plain = options(None, None);
        assert_eq!(url(&plain, "127.0.0.1:3340", None), None);
        assert_eq!(url(&plain, "[::]:3340", None), None);
        assert_eq!(url(&plain, "10.0.0.2:3340", None).unwrap(), "http://10.0.0.2:3340");
        assert_eq!(url(&plain, "[fd00::2]:3340", None).unwrap(), "http://[fd00::2]:3340");
        let named = options(None, Some(&["relay.example", "10.0.0.2"]));
        let at = |named: &Options| url(named, "10.0.0.2:80", Some("0.0.0.0:443"));
        assert_eq!(at(&named).unwrap(), "https://relay.example:443");
        assert_eq!(at(&options(None, Some(&["fd00::2"]))).unwrap(), "https://[fd00::2]:443");
        assert_eq!(at(&options(None, Some(&[]))), None);
        let given = options(Some("https://relay.example"), Some(&[]));
        assert_eq!(at(&given).unwrap(), "https://relay.example");
        let wrong = told(&options(Some("relay.example"), None), &Listens::default());
        assert!(matches!(wrong, Err(RelayError::PublicUrl(_))));
    }
}
