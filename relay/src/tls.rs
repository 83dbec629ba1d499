//! The relay's TLS certificate: read from files, or made once and kept.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use linli_net::Pin;
use linli_replica::batch::Shelf;
use linli_store::Store;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use crate::error::RelayError;
use crate::identity::keep;
use crate::limits::FILE_BYTES_MAX;
use crate::options::{Certificate, Https};

/// The self-signed certificate, for members to trust; holds no secret.
pub const CERTIFICATE_FILE: &str = "relay.cert.pem";

/// Names, certificate (PEM) and key (PKCS #8 DER) of the self-signed certificate, as CBOR.
const SELF_SIGNED: &[u8] = b"relay tls";

#[derive(minicbor::Encode, minicbor::Decode)]
struct SelfSigned {
    #[n(0)]
    names: Vec<String>,
    #[n(1)]
    certificate: String,
    #[n(2)]
    key: minicbor::bytes::ByteVec,
}

/// What the relay server and the carrier need of a certificate.
pub(crate) struct Tls {
    pub(crate) server: ServerConfig,
    /// The chain (DER), which the carrier trusts to reach its own relay.
    pub(crate) chain: Vec<Vec<u8>>,
    /// The name under which the carrier reaches its own relay.
    pub(crate) host: String,
    /// SHA-256 of the relay's own certificate.
    pub(crate) pin: Pin,
    /// The same in hex, where the relay signed it itself.
    pub(crate) fingerprint: Option<String>,
}

/// Reads or makes the certificate.
pub(crate) fn prepare(https: &Https, store: &Store, data: &Path) -> Result<Tls, RelayError> {
    match &https.certificate {
        Certificate::Files { chain, key, name } => {
            let (pem, key) = (read_small_file(chain)?, read_small_file(key)?);
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
            let chain = chain.map_err(|error| RelayError::Tls(error.to_string()))?;
            let key = PrivateKeyDer::from_pem_slice(&key);
            let key = key.map_err(|error| RelayError::Tls(error.to_string()))?;
            tls(chain, key, name.clone(), None)
        }
        Certificate::SelfSigned { names } => {
            let host = host(https.listen.ip());
            let mut all = names.clone();
            all.extend(["localhost".to_owned(), bare(&host).to_owned()]);
            all.sort();
            all.dedup();
            let own = self_signed(store, all)?;
            let certificate = CertificateDer::from_pem_slice(own.certificate.as_bytes());
            let certificate = certificate.map_err(|_| RelayError::Damaged)?;
            let key = PrivatePkcs8KeyDer::from(own.key.to_vec());
            let fingerprint = hex::encode(linli_net::pin(&certificate));
            write_certificate(data, &own.certificate)?;
            tls(vec![certificate], key.into(), host, Some(fingerprint))
        }
    }
}

fn tls(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    host: String,
    fingerprint: Option<String>,
) -> Result<Tls, RelayError> {
    let unusable = |error: rustls::Error| RelayError::Tls(error.to_string());
    let pin = chain.first().map(|own| linli_net::pin(own)).unwrap_or_default();
    let der = chain.iter().map(|certificate| certificate.to_vec()).collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(unusable)?;
    Ok(Tls { server, chain: der, host, pin, fingerprint })
}

/// Returns the certificate kept for these names, or makes one and keeps it.
fn self_signed(store: &Store, names: Vec<String>) -> Result<SelfSigned, RelayError> {
    if let Some(bytes) = store.record(Shelf::Own, SELF_SIGNED)? {
        let kept: SelfSigned =
            linli_replica::codec::decode(&bytes).map_err(|_| RelayError::Damaged)?;
        if kept.names == names {
            return Ok(kept);
        }
    }
    let made = rcgen::generate_simple_self_signed(names.clone());
    let made = made.map_err(|error| RelayError::Tls(error.to_string()))?;
    let certificate = made.cert.pem();
    let own = SelfSigned { names, certificate, key: made.signing_key.serialize_der().into() };
    keep(store, SELF_SIGNED, linli_replica::codec::encode(&own))?;
    Ok(own)
}

/// Where this machine reaches a server of its own that listens on `ip`, as part of a URL.
pub(crate) fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => "[::1]".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn write_certificate(data: &Path, certificate: &str) -> Result<(), RelayError> {
    let path = data.join(CERTIFICATE_FILE);
    std::fs::write(&path, certificate).map_err(|source| RelayError::File { path, source })
}

/// Reads a file with a certificate, a key or a passphrase, of at most
/// [`FILE_BYTES_MAX`](crate::limits::FILE_BYTES_MAX) bytes; the memory is wiped afterwards.
///
/// # Errors
/// [`RelayError::File`].
pub fn read_small_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, RelayError> {
    let unreadable = |source| RelayError::File { path: path.to_owned(), source };
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(path).map_err(unreadable)?;
    let length = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(length).is_ok_and(|length| length <= FILE_BYTES_MAX) {
        Ok(bytes)
    } else {
        Err(unreadable(io::Error::from(io::ErrorKind::FileTooLarge)))
    }
}
