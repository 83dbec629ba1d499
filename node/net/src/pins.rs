//! Relays that sign their own certificates: trusted by the certificate's hash, which members are told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    sync::{Arc, RwLock},
};

use iroh::tls::CaTlsConfig;
use rustls::{
    DigitallySignedStruct, OtherError, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use sha2::{Digest as _, Sha256};

use crate::{
    config::RelaySettings,
    sync::{read, write},
};

/// SHA-256 of a relay's own certificate (X.509 DER).
pub type Pin = [u8; 32];

/// The pin of a certificate (X.509 DER).
pub fn pin(certificate: &[u8]) -> Pin {
    Sha256::digest(certificate).into()
}

/// Why a relay's certificate is not trusted although one was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the relay shows another certificate than the one this node was told of: somebody may be in between, or the relay was set up anew; ask who runs it for its fingerprint"
)]
pub struct OtherCertificate;

/// The pins of this node's relays, by host. Shared with the endpoint's TLS, so that they may change while it runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pins(Arc<RwLock<BTreeMap<String, BTreeSet<Pin>>>>);

impl Pins {
    pub(crate) fn of(relays: &[RelaySettings]) -> Self {
        let pins = Self::default();
        pins.set(relays);
        pins
    }

    /// Replaces all. A host may have several: two relays on two ports, or an old and a new certificate.
    pub(crate) fn set(&self, relays: &[RelaySettings]) {
        let mut pins: BTreeMap<String, BTreeSet<Pin>> = BTreeMap::new();
        for relay in relays {
            if let Some((host, pin)) = host(&relay.url).zip(relay.pin) {
                pins.entry(host).or_default().insert(pin);
            }
        }
        *write(&self.0) = pins;
    }

    /// What iroh trusts relays by: these pins, the public authorities, and further ones.
    pub(crate) fn trust(&self, authorities: &[Vec<u8>]) -> CaTlsConfig {
        let authorities = authorities.iter().map(|der| der.clone().into());
        let public = CaTlsConfig::embedded().with_extra_roots(authorities);
        let pins = self.clone();
        CaTlsConfig::custom_server_cert_verifier(Arc::new(move |provider| {
            let authorities = public.server_cert_verifier(provider)?;
            Ok::<Arc<dyn ServerCertVerifier>, io::Error>(Arc::new(Verifier {
                pins: pins.clone(),
                authorities,
            }))
        }))
    }

    /// Whether this certificate was told for this host; `None` where none was.
    fn hold(&self, host: &ServerName<'_>, certificate: &CertificateDer<'_>) -> Option<bool> {
        let pins = read(&self.0);
        let told = pins.get(&*host.to_str())?;
        Some(told.contains(&pin(certificate)))
    }
}

/// A relay's host as TLS names it.
fn host(url: &str) -> Option<String> {
    let url: iroh::RelayUrl = url.parse().ok()?;
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']');
    Some(ServerName::try_from(host).ok()?.to_str().into_owned())
}

/// Accepts a certificate that was told, whoever signed it and whatever dates it bears: whoever told it vouches for it.
/// Any other one is for the authorities.
struct Verifier {
    pins: Pins,
    authorities: Arc<dyn ServerCertVerifier>,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("pins", &self.pins).finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let told = self.pins.hold(server_name, end_entity);
        if told == Some(true) {
            return Ok(ServerCertVerified::assertion());
        }
        let by_authority = self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match told {
            Some(_) => by_authority
                .map_err(|_untrusted| rustls::Error::Other(OtherError(Arc::new(OtherCertificate)))),
            None => by_authority,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}
