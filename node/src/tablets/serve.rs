//! Opens the address in the flat and serves it.

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Tablets, Words, limits::BIND_INTERVAL, routes::routes};
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
                Ok(listener) => return listen::serve(listener, router, stopped).await,
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
