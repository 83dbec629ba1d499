//! Opens the address in the flat and serves it.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::limits::{BIND_INTERVAL, CONNECTION_LIFE, PER_ADDRESS_MAX};
use super::{Tablets, Words, routes::routes};
use crate::control::{Handler, listen};

/// Serves the page at home until `stop` is done. Where the address is not there it is tried again: a hub does its work
/// without it.
pub(crate) async fn serve<H: Handler>(
    tablets: Arc<Tablets>,
    words: &Words,
    phone: Option<&str>,
    handler: Arc<H>,
    stop: impl Future<Output = ()>,
) {
    let (stopper, mut stopped) = watch::channel(false);
    let address = tablets.address();
    let router = routes(tablets, words, phone, handler, stopped.clone());
    let serving = async {
        let mut complained = false;
        loop {
            let error = match TcpListener::bind(address).await {
                Ok(listener) => {
                    let (life, admit) = (Some(CONNECTION_LIFE), few_of_each());
                    return listen::serve_guests(listener, router, stopped, life, admit).await;
                }
                Err(error) => error,
            };
            if !complained {
                tracing::warn!(%error, "the address of the tablets cannot be used yet");
                complained = true;
            }
            tokio::select! {
                () = tokio::time::sleep(BIND_INTERVAL) => {}
                _ = stopped.wait_for(|stop| *stop) => return,
            }
        }
    };
    let watching = async {
        stop.await;
        stopper.send_replace(true);
    };
    tokio::join!(serving, watching);
}

/// Lets in so many connections of one address, so that nobody in the flat's network keeps the tablets out by holding all.
pub(super) fn few_of_each() -> impl FnMut(&SocketAddr) -> Option<Arc<()>> {
    let mut open: BTreeMap<IpAddr, Arc<()>> = BTreeMap::new();
    move |address| {
        open.retain(|_, held| Arc::strong_count(held) > 1);
        let held = open.entry(address.ip()).or_default();
        (Arc::strong_count(held) <= PER_ADDRESS_MAX).then(|| Arc::clone(held))
    }
}
