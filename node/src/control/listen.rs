//! Takes connections, each within its limits, until the node stops.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::{Router, serve::Listener};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::limits::{MAX_CONNECTIONS, REQUEST_TIMEOUT, STOP_TIMEOUT};

/// Serves a listener until `stop` turns true; requests under way then have [`STOP_TIMEOUT`] to end.
pub(crate) async fn serve<L: Listener>(listener: L, router: Router, stop: watch::Receiver<bool>) {
    serve_guests(listener, router, stop, None, |_| Some(())).await;
}

/// As [`serve`], for callers of whom one could keep all others out: a connection ends after `life`, and where `admit` gives
/// nothing for an address it is closed at once. What `admit` gives is held as long as the connection.
pub(crate) async fn serve_guests<L: Listener, G: Send + 'static>(
    mut listener: L,
    router: Router,
    mut stop: watch::Receiver<bool>,
    life: Option<Duration>,
    mut admit: impl FnMut(&L::Addr) -> Option<G>,
) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, (io, address)) = tokio::select! {
            () = stopped(&mut stop) => break,
            next = next => next,
        };
        // The semaphore is never closed.
        let Ok(permit) = permit else { break };
        let Some(guest) = admit(&address) else { continue };
        let held = (permit, guest);
        connections.spawn(connection(TokioIo::new(io), router.clone(), stop.clone(), life, held));
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(STOP_TIMEOUT, ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "requests did not end in time");
    }
}

async fn connection<I, G>(
    io: TokioIo<I>,
    router: Router,
    mut stop: watch::Receiver<bool>,
    life: Option<Duration>,
    _held: (OwnedSemaphorePermit, G),
) where
    TokioIo<I>: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(REQUEST_TIMEOUT);
    let mut served = pin!(http.serve_connection(io, TowerToHyperService::new(router)));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stopped(&mut stop) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
        () = lived(life) => {
            served.as_mut().graceful_shutdown();
            // Who does not read is not waited for.
            let Ok(ended) = timeout(REQUEST_TIMEOUT, served).await else { return };
            ended
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a control connection broke off");
    }
}

/// Waits until a connection has lived.
async fn lived(life: Option<Duration>) {
    match life {
        Some(life) => sleep(life).await,
        None => std::future::pending().await,
    }
}

/// Waits until the node stops, or nobody is left who could stop it.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
