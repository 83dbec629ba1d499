//! From an HTTP request to the handler and back.

use std::{future::Future, sync::Arc};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Path, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};

use super::{
    limits::{MAX_REQUEST_BYTES, REQUEST_TIMEOUT},
    pages,
    token::Token,
};
use crate::api::{self, ApiError, Code, Method, alerts, calls, care};

/// What does the work behind the control interface.
pub trait Handler: Send + Sync + 'static {
    /// Does one method of [`crate::api`]. The body is JSON of any form: the handler checks it.
    fn call(
        &self,
        method: String,
        body: Value,
    ) -> impl Future<Output = Result<Value, ApiError>> + Send;

    /// Says why the node does not do its work; none where it does.
    fn ill(&self) -> impl Future<Output = Option<String>> + Send;

    /// The node's figures in the text format of OpenMetrics; none where it does not answer in time.
    fn figures(&self) -> impl Future<Output = Option<String>> + Send;
}

/// The routes of the control socket; those of the device address ask for the token besides.
pub(super) fn routes<H: Handler>(handler: Arc<H>, token: Option<Token>) -> Router {
    let versioned = Router::new()
        .route("/v1/readings", post(readings::<H>))
        .route("/v1/button", post(button::<H>))
        .route("/v1/positions", post(positions::<H>))
        .route("/v1/calls", post(calls::<H>))
        .route("/v1/{method}", post(method::<H>))
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_verb)
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .with_state(Arc::clone(&handler));
    match token {
        None => pages::pages(handler).merge(versioned),
        Some(token) => pages::pages(handler)
            .layer(middleware::from_fn(pages::only_this_machine))
            .merge(versioned.layer(middleware::from_fn_with_state(Arc::new(token), guard))),
    }
}

async fn method<H: Handler>(
    State(handler): State<Arc<H>>,
    Path(name): Path<String>,
    body: Result<Body, Refusal>,
) -> Result<Json<Value>, Refusal> {
    let Body(body) = body?;
    answer(&*handler, &name, body).await
}

/// A measurement from a device: the body of `reading.add`.
async fn readings<H: Handler>(
    State(handler): State<Arc<H>>,
    body: Result<Body, Refusal>,
) -> Result<Json<Value>, Refusal> {
    let Body(body) = body?;
    answer(&*handler, care::ReadingAdd::NAME, body).await
}

/// Where an elder is, from a device: the body of `position.set`.
async fn positions<H: Handler>(
    State(handler): State<Arc<H>>,
    body: Result<Body, Refusal>,
) -> Result<Json<Value>, Refusal> {
    let Body(body) = body?;
    answer(&*handler, alerts::PositionSet::NAME, body).await
}

/// A pressed button: `{"elder": …}`, and `cause` where the device names one.
async fn button<H: Handler>(
    State(handler): State<Arc<H>>,
    body: Result<Body, Refusal>,
) -> Result<Json<Value>, Refusal> {
    let Body(body) = body?;
    let press: Press = serde_json::from_value(body).map_err(|error| {
        Refusal::from(ApiError::new(Code::BadRequest, "error-body-press").because(error))
    })?;
    let raise = alerts::AlertRaise {
        elder: press.elder,
        kind: "button".to_owned(),
        cause: press.cause,
        ..alerts::AlertRaise::default()
    };
    let body = serde_json::to_value(raise).map_err(|_| internal("the alert cannot be written"))?;
    answer(&*handler, alerts::AlertRaise::NAME, body).await
}

/// A telephone system says who calls: the body of `call.note`.
async fn calls<H: Handler>(
    State(handler): State<Arc<H>>,
    body: Result<Body, Refusal>,
) -> Result<Json<Value>, Refusal> {
    let Body(body) = body?;
    answer(&*handler, calls::CallNote::NAME, body).await
}

/// What a button sends.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Press {
    /// The elder's id.
    elder: String,
    /// What joins repeats of one press.
    cause: Option<String>,
}

async fn answer<H: Handler>(handler: &H, name: &str, body: Value) -> Result<Json<Value>, Refusal> {
    if !api::names().any(|known| known == name) {
        return Err(ApiError::new(Code::NotFound, "error-no-method").into());
    }
    handler.call(name.to_owned(), body).await.map(Json).map_err(Refusal::from)
}

async fn nothing_here() -> Refusal {
    std::future::ready(ApiError::new(Code::NotFound, "error-no-path").into()).await
}

async fn wrong_verb() -> Refusal {
    let error = ApiError::new(Code::BadRequest, "error-wrong-verb");
    std::future::ready(Refusal { status: StatusCode::METHOD_NOT_ALLOWED, error }).await
}

/// Lets a request through that carries the token.
async fn guard(State(token): State<Arc<Token>>, request: Request, next: Next) -> Response {
    match request.headers().get(header::AUTHORIZATION) {
        Some(value) if token.admits(value.as_bytes()) => next.run(request).await,
        _ => Refusal::from(ApiError::new(Code::Unauthorized, "error-no-token")).into_response(),
    }
}

/// A JSON body of at most [`MAX_REQUEST_BYTES`]; nothing at all stands for `{}`.
struct Body(Value);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let reading = Bytes::from_request(request, state);
        let Ok(read) = tokio::time::timeout(REQUEST_TIMEOUT, reading).await else {
            let error = ApiError::new(Code::BadRequest, "error-body-late");
            return Err(Refusal { status: StatusCode::REQUEST_TIMEOUT, error });
        };
        let bytes = read.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let error = ApiError::new(Code::BadRequest, "error-body-large")
                    .with("max", MAX_REQUEST_BYTES);
                Refusal { status: StatusCode::PAYLOAD_TOO_LARGE, error }
            }
            _ => ApiError::new(Code::BadRequest, "error-body-broken").into(),
        })?;
        if bytes.is_empty() {
            return Ok(Self(json!({})));
        }
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            // The place and kind, never the text: it may hold personal data.
            let (line, column) = (error.line(), error.column());
            let error = ApiError::new(Code::BadRequest, "error-body-text");
            error.with("line", line).with("column", column).into()
        })
    }
}

/// An error on its way out.
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) error: ApiError,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let status = StatusCode::from_u16(error.code.status());
        Self { status: status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), error }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if self.error.code == Code::Internal {
            tracing::error!(error = %self.error, "a request failed");
        }
        let mut response = (self.status, Json(self.error)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme: (HeaderName, HeaderValue) =
                (header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response.headers_mut().insert(scheme.0, scheme.1);
        }
        response
    }
}

fn internal(cause: &str) -> Refusal {
    ApiError::internal(cause).into()
}
