//! The pages that ask for no token: whether the node does its work, and its figures.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{StatusCode, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse as _, Response},
    routing::get,
};
use linli_net::METRICS_TYPE;
use serde_json::{Value, json};

use super::routes::Handler;

pub(super) fn pages<H: Handler>(handler: Arc<H>) -> Router {
    Router::new()
        .route("/health", get(health::<H>))
        .route("/metrics", get(figures::<H>))
        .with_state(handler)
}

/// 200 while the node does its work, else 503 with the reason.
async fn health<H: Handler>(State(handler): State<Arc<H>>) -> (StatusCode, Json<Value>) {
    match handler.ill().await {
        None => (StatusCode::OK, Json(json!({ "status": "ok" }))),
        Some(reason) => {
            let answer = json!({ "status": "ill", "reason": reason });
            (StatusCode::SERVICE_UNAVAILABLE, Json(answer))
        }
    }
}

async fn figures<H: Handler>(State(handler): State<Arc<H>>) -> Response {
    match handler.figures().await {
        Some(text) => ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// Refuses requests under another name than this machine's: a web page may point a name of its own at
/// loopback (DNS rebinding).
pub(super) async fn only_this_machine(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.and_then(|host| host.parse::<Authority>().ok());
    let names = ["127.0.0.1", "[::1]", "localhost"];
    if host.is_some_and(|host| names.contains(&host.host())) {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}
