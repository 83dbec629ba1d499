//! Why a relay cannot be used. iroh connects only to a relay that its own look at the network found, and says nothing of the
//! others; so whichever is not in use and did not answer is tried here, now and then, to be able to say why.

use std::{collections::BTreeMap, error::Error as StdError, sync::Arc};

use iroh::{Endpoint, RelayUrl, SecretKey, Watcher as _, dns::DnsResolver, tls::CaTlsConfig};
use iroh_relay::{
    client::{ClientBuilder, ConnectError, DialError},
    tls::default_provider,
};
use rustls::CertificateError;
use tokio::time::timeout;

use crate::{
    handle::Shared,
    limits::{CONNECT_TIMEOUT, PROBE_FIRST, PROBE_INTERVAL},
    pins::OtherCertificate,
    reason::printable,
    report::{RelayState, relay_reports},
    sync::locked,
};

/// Why a relay cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RelayTrouble {
    /// Its name is not known to the name servers.
    #[error("its name cannot be found: {what}")]
    NoName {
        /// What the name servers said.
        what: String,
    },
    /// Nobody answers there.
    #[error("nobody answers there: {what}")]
    NoAnswer {
        /// What the machine said.
        what: String,
    },
    /// Its certificate is signed by nobody this node trusts.
    #[error("its certificate is not trusted: {what}")]
    NotTrusted {
        /// What is wrong with it.
        what: String,
    },
    /// It shows another certificate than the one whose pin this node was told.
    #[error("{}", OtherCertificate)]
    WrongPin,
    /// Its certificate is not valid at this time, by this machine's clock.
    #[error("its certificate is not valid at this time, by this machine's clock")]
    WrongTime,
    /// Something answers that is no relay of iroh's.
    #[error("what answers there is no relay: {what}")]
    NoRelay {
        /// What it did.
        what: String,
    },
}

/// What is wrong with which relay.
pub(crate) type Troubles = BTreeMap<RelayUrl, RelayTrouble>;

/// Looks after the relays until the endpoint is closed.
pub(crate) async fn run(endpoint: Endpoint, shared: Arc<Shared>, ca: CaTlsConfig) {
    let looking = async {
        tokio::time::sleep(PROBE_FIRST).await;
        loop {
            look(&endpoint, &shared, &ca).await;
            tokio::time::sleep(PROBE_INTERVAL).await;
        }
    };
    tokio::select! {
        () = looking => {}
        () = note_denials(&endpoint, &shared) => {}
        _ = endpoint.closed() => {}
    }
}

/// Keeps a relay's refusal until it lets this node in: between two attempts iroh forgets it.
async fn note_denials(endpoint: &Endpoint, shared: &Shared) {
    let mut homes = endpoint.home_relay_status();
    loop {
        for home in homes.get() {
            if let Some(words) = home.auth_denied_reason() {
                locked(&shared.denied).insert(home.url().clone(), printable(&words));
            } else if home.is_connected() {
                locked(&shared.denied).remove(home.url());
            }
        }
        if homes.updated().await.is_err() {
            return;
        }
    }
}

async fn look(endpoint: &Endpoint, shared: &Shared, ca: &CaTlsConfig) {
    let urls = locked(&shared.own_relays).clone();
    let reports = relay_reports(endpoint, shared, &urls);
    let mut troubles = Troubles::new();
    for (url, report) in urls.into_iter().zip(reports) {
        let is_home = endpoint_prefers(endpoint, &url);
        let idle = match report.state {
            RelayState::Connected | RelayState::Denied { .. } => false,
            RelayState::Ready => is_home,
            RelayState::Untried | RelayState::Trouble(_) => true,
        };
        if idle && let Err(trouble) = probe(&url, ca).await {
            troubles.insert(url, trouble);
        }
    }
    *locked(&shared.troubles) = troubles;
}

/// Whether a relay is the one through which others are to reach this node.
fn endpoint_prefers(endpoint: &Endpoint, url: &RelayUrl) -> bool {
    endpoint.home_relay_status().get().iter().any(|home| home.url() == url)
}

/// Tries to get as far as a relay's question who is there. Asked under a key of the moment, so that the connection this node
/// may have is left alone; a relay that refuses that key works.
async fn probe(url: &RelayUrl, ca: &CaTlsConfig) -> Result<(), RelayTrouble> {
    let no_answer = |what: String| RelayTrouble::NoAnswer { what };
    let tls = ca.client_config(default_provider()).map_err(|error| no_answer(printable(&error)))?;
    let resolver = DnsResolver::builder().with_system_defaults().disable_fallback().build();
    let client = ClientBuilder::new(url.clone(), SecretKey::generate(), resolver);
    match timeout(CONNECT_TIMEOUT, client.tls_client_config(tls).connect()).await {
        Err(elapsed) => Err(no_answer(elapsed.to_string())),
        Ok(Ok(_) | Err(ConnectError::Handshake { .. })) => Ok(()),
        Ok(Err(error)) => Err(trouble(&error)),
    }
}

fn trouble(error: &ConnectError) -> RelayTrouble {
    let what = printable(&deepest(error));
    if let ConnectError::Dial { source: DialError::Dns { .. }, .. } = error {
        return RelayTrouble::NoName { what };
    }
    if let ConnectError::Dial { .. } | ConnectError::NoLocalAddr { .. } = error {
        return RelayTrouble::NoAnswer { what };
    }
    let ConnectError::Tls { source, .. } = error else { return RelayTrouble::NoRelay { what } };
    match source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        )) => RelayTrouble::WrongTime,
        Some(rustls::Error::Other(other)) if other.0.is::<OtherCertificate>() => {
            RelayTrouble::WrongPin
        }
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::Other(_)) => {
            RelayTrouble::NotTrusted { what }
        }
        Some(_) | None => RelayTrouble::NoRelay { what },
    }
}

/// The cause of all, which says most.
fn deepest<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error
}
