//! From a tablet's request to the handler and back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Query, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Mutex, watch};

use super::limits::{LOOK_INTERVAL, MAX_BODY_BYTES, NEWS_TIMEOUT};
use super::{Admission, Counted, Tablets, Words};
use crate::api::tablets::{PressKind, TabletCancel, TabletPress, TabletState};
use crate::api::{ApiError, Code, Method};
use crate::control::{Handler, Refusal, limits::REQUEST_TIMEOUT};
use crate::node::now;

const PAGE: &str = include_str!("../../web/home.html");
const PRESSED: &str = include_str!("../../web/pressed.html");
const PAIR: &str = include_str!("../../web/pair.html");
const SCRIPT: &str = include_str!("../../web/home.js");
const PAIR_SCRIPT: &str = include_str!("../../web/pair.js");
const STYLE: &str = include_str!("../../web/home.css");
const ICON: &str = include_str!("../../web/icon.svg");

/// The name of the cookie that holds a tablet's token.
const COOKIE: &str = "linli-tablet";

/// How long a browser keeps it, in seconds: 400 days, the most that browsers grant; each visit renews it.
const COOKIE_AGE: u32 = 400 * 24 * 60 * 60;

/// The page holds no names, so a browser may keep it for a year: it opens when the hub is away. A tablet that is always on loads
/// it again only when it changes.
const KEPT: &str = "private, max-age=31536000";

/// Nothing from outside, no script or style within the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the routes work with.
struct Shared<H> {
    tablets: Arc<Tablets>,
    handler: Arc<H>,
    phone: String,
    version: String,
    /// What a form is answered: the hub has it, has no room for it, or refused it.
    forms: [String; 3],
    /// What tablets show, and since when: one look a second serves them all.
    looked: Mutex<Option<(tokio::time::Instant, Value)>>,
    stopped: watch::Receiver<bool>,
}

type On<H> = State<Arc<Shared<H>>>;

pub(super) fn routes<H: Handler>(
    tablets: Arc<Tablets>,
    words: &Words,
    phone: Option<&str>,
    handler: Arc<H>,
    stopped: watch::Receiver<bool>,
) -> Router {
    let address = tablets.address();
    let spoken = serde_json::to_string(words).unwrap_or_default();
    let spoken = format!("\"use strict\";\nconst WORDS = {spoken};\n");
    let phone = phone.unwrap_or("120").to_owned();
    let parts = [PAGE, PAIR, SCRIPT, PAIR_SCRIPT, STYLE, &spoken, &phone];
    let version =
        blake3::hash(parts.concat().as_bytes()).to_hex().get(..16).unwrap_or_default().to_owned();
    let html = |page: &str| filled(page, words, &version, &phone);
    let forms = ["pressed", "not-stored", "not-pressed"]
        .map(|said| html(&PRESSED.replace("said}}", &format!("{said}}}}}"))));
    let shared = Shared {
        tablets,
        handler,
        phone: phone.clone(),
        version: version.clone(),
        forms,
        looked: Mutex::new(None),
        stopped,
    };
    Router::new()
        .route("/", fixed("text/html; charset=utf-8", html(PAGE)))
        .route("/pair", fixed("text/html; charset=utf-8", html(PAIR)).merge(post(pair::<H>)))
        .route("/home.js", fixed("text/javascript; charset=utf-8", SCRIPT.to_owned()))
        .route("/pair.js", fixed("text/javascript; charset=utf-8", PAIR_SCRIPT.to_owned()))
        .route("/words.js", fixed("text/javascript; charset=utf-8", spoken))
        .route("/home.css", fixed("text/css; charset=utf-8", STYLE.to_owned()))
        .route("/icon.svg", fixed("image/svg+xml", ICON.to_owned()))
        .route("/state", get(state::<H>))
        .route("/press", post(press::<H>))
        .route("/cancel", post(cancel::<H>))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(address, guard))
        .with_state(Arc::new(shared))
}

/// A page or a part of it that is the same for everybody.
fn fixed<S: Clone + Send + Sync + 'static>(
    kind: &'static str,
    text: String,
) -> axum::routing::MethodRouter<S> {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEPT)];
    let text: Arc<str> = text.into();
    get(move || std::future::ready((headers, text.to_string())))
}

/// The page with its words: `{{key}}` becomes what stands for it in Chinese, `{{en:key}}` in English.
fn filled(page: &str, words: &Words, version: &str, phone: &str) -> String {
    let mut page = page.replace("{{version}}", version).replace("{{phone}}", &escaped(phone));
    for (key, said) in &words.zh {
        page = page.replace(&format!("{{{{{key}}}}}"), &escaped(said));
    }
    for (key, said) in &words.en {
        page = page.replace(&format!("{{{{en:{key}}}}}"), &escaped(said));
    }
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Lets through what comes from a page of this address under its own name: another site may point a name of its own at
/// it (DNS rebinding), or send requests to it from its own pages (CSRF).
async fn guard(State(address): State<SocketAddr>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = text(headers, &header::HOST).and_then(|host| host.parse::<Authority>().ok());
    let ours = |name: &Authority| {
        let named = name.host() == host_of(address)
            || address.ip().is_loopback() && name.host() == "localhost";
        named && name.port_u16().unwrap_or(80) == address.port()
    };
    let Some(host) = host.filter(ours) else { return StatusCode::FORBIDDEN.into_response() };
    let origin = format!("http://{host}");
    let foreign = text(headers, &header::ORIGIN).is_some_and(|from| from != origin);
    let site = text(headers, &HeaderName::from_static("sec-fetch-site"));
    let cross = site.is_some_and(|site| !["same-origin", "none"].contains(&site));
    if !request.method().is_safe() && (foreign || cross) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let kept = HeaderValue::from_static("no-store");
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(kept);
    response
}

/// The host as a browser writes it.
fn host_of(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The token that a request brings.
fn token(headers: &HeaderMap) -> Option<&str> {
    let cookies = text(headers, &header::COOKIE)?.split(';');
    cookies
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, token)| token)
}

fn cookie(token: &str) -> String {
    format!("{COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={COOKIE_AGE}")
}

impl<H> Shared<H> {
    /// Refuses whoever is no paired tablet, or asks too often.
    fn admit(&self, headers: &HeaderMap, counted: Counted) -> Result<(), Refusal> {
        let (status, key) = match self.tablets.admits(token(headers), counted, now().0) {
            Admission::Tablet => return Ok(()),
            Admission::Stranger => (StatusCode::UNAUTHORIZED, "error-tablet-stranger"),
            Admission::TooMany => (StatusCode::TOO_MANY_REQUESTS, "error-tablet-often"),
            Admission::Unknown => (StatusCode::SERVICE_UNAVAILABLE, "error-tablet-list"),
        };
        Err(Refusal { status, error: ApiError::new(Code::Unauthorized, key) })
    }

    /// What tablets show, as of a second ago at most and of everything that was pressed.
    async fn look(&self) -> Result<Value, Refusal>
    where
        H: Handler,
    {
        let mut looked = self.looked.lock().await;
        if let Some((at, state)) = looked.as_ref()
            && at.elapsed() < LOOK_INTERVAL
        {
            return Ok(state.clone());
        }
        let state = ask(self, &TabletState {}).await?;
        *looked = Some((tokio::time::Instant::now(), state.clone()));
        Ok(state)
    }

    /// Does what was pressed.
    async fn act<M: Method>(&self, method: &M) -> Result<Value, Refusal>
    where
        H: Handler,
    {
        let done = ask(self, method).await;
        *self.looked.lock().await = None;
        done
    }
}

fn bad(key: &'static str) -> Refusal {
    ApiError::new(Code::BadRequest, key).into()
}

/// Asks the node.
async fn ask<H: Handler, M: Method>(shared: &Shared<H>, method: &M) -> Result<Value, Refusal> {
    let body = serde_json::to_value(method).map_err(|_| bad("error-request-type"))?;
    shared.handler.call(M::NAME.to_owned(), body).await.map_err(Refusal::from)
}

#[derive(Deserialize)]
struct Seen {
    /// What the tablet shows, as it was told.
    seen: Option<String>,
}

#[derive(Serialize)]
struct News<'a> {
    seen: &'a str,
    version: &'a str,
    phone: &'a str,
    state: &'a Value,
}

/// What the page shows; where the tablet shows it already, once it differs.
async fn state<H: Handler>(
    State(shared): On<H>,
    query: Query<Seen>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let begun = Instant::now();
    let mut counted = Counted::Look;
    let mut stopped = shared.stopped.clone();
    loop {
        // A tablet that was removed meanwhile learns nothing more.
        shared.admit(&headers, counted)?;
        counted = Counted::Not;
        let state = shared.look().await?;
        let seen = blake3::hash(state.to_string().as_bytes()).to_hex().to_string();
        let known = query.seen.as_deref() == Some(seen.as_str());
        if !known || begun.elapsed() >= NEWS_TIMEOUT || *stopped.borrow() {
            let news =
                News { seen: &seen, version: &shared.version, phone: &shared.phone, state: &state };
            let mut response = Json(news).into_response();
            if let (None, Some(token)) = (&query.seen, token(&headers))
                && let Ok(cookie) = HeaderValue::try_from(cookie(token))
            {
                response.headers_mut().insert(header::SET_COOKIE, cookie);
            }
            return Ok(response);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    }
}

/// The body of a request, in time.
async fn body(request: Request) -> Result<Bytes, Refusal> {
    let refused = |status, message| Refusal { status, ..bad(message) };
    match tokio::time::timeout(REQUEST_TIMEOUT, Bytes::from_request(request, &())).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(rejection)) => Err(refused(rejection.status(), "error-body-broken")),
        Err(_) => Err(refused(StatusCode::REQUEST_TIMEOUT, "error-body-late")),
    }
}

fn is_of_type(headers: &HeaderMap, wanted: &str) -> bool {
    text(headers, &header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with(wanted))
}

/// Reads JSON that says it is JSON: a form of another site cannot say so.
async fn read<T: serde::de::DeserializeOwned>(request: Request) -> Result<T, Refusal> {
    if !is_of_type(request.headers(), "application/json") {
        return Err(bad("error-body-type"));
    }
    serde_json::from_slice(&body(request).await?).map_err(|_| bad("error-request-type"))
}

/// A press. A form, which a browser without JavaScript sends, asks for help for everybody of this home.
async fn press<H: Handler>(State(shared): On<H>, request: Request) -> Result<Response, Refusal> {
    let is_form = is_of_type(request.headers(), "application/x-www-form-urlencoded");
    let admitted = shared.admit(request.headers(), Counted::Press);
    if is_form {
        return Ok(form(&shared, admitted).await);
    }
    admitted?;
    let press: TabletPress = read(request).await?;
    Ok(Json(shared.act(&press).await?).into_response())
}

/// Answers a form with a page that is not kept, and leaves it after a minute: what it says is true of this press only.
async fn form<H: Handler>(shared: &Shared<H>, admitted: Result<(), Refusal>) -> Response {
    let pressed = async {
        admitted?;
        let drawn = super::random().map_err(|_| bad("error-no-randomness"))?;
        let press = uuid::Builder::from_random_bytes(drawn).into_uuid();
        shared.act(&TabletPress { press, kind: PressKind::Help, elder: None, ago_ms: None }).await
    };
    let [stored, not_stored, refused] = &shared.forms;
    let (status, page) = match pressed.await {
        Ok(answer) if answer.get("stored") == Some(&Value::Bool(true)) => (StatusCode::OK, stored),
        Ok(_) => (StatusCode::OK, not_stored),
        Err(error) if error.status == StatusCode::UNAUTHORIZED => return see("/pair"),
        Err(error) => (error.status, refused),
    };
    (status, Html(page.clone())).into_response()
}

async fn cancel<H: Handler>(State(shared): On<H>, request: Request) -> Result<Response, Refusal> {
    shared.admit(request.headers(), Counted::Press)?;
    let cancel: TabletCancel = read(request).await?;
    Ok(Json(shared.act(&cancel).await?).into_response())
}

/// A tablet gives the code back and gets its cookie.
async fn pair<H: Handler>(State(shared): On<H>, request: Request) -> Result<Response, Refusal> {
    let bytes = body(request).await?;
    let form = std::str::from_utf8(&bytes).unwrap_or_default();
    let code = form.split('&').find_map(|field| field.strip_prefix("code="));
    match shared.tablets.redeem(code.unwrap_or_default(), now().0) {
        Ok(Some(token)) => Ok(([(header::SET_COOKIE, cookie(&token))], see("/")).into_response()),
        Ok(None) => Ok(see("/pair#wrong")),
        Err(error) => {
            tracing::error!(%error, "a tablet could not be paired");
            Err(ApiError::new(Code::Internal, "error-tablet-unpaired").into())
        }
    }
}

/// Sends a browser to a page.
fn see(path: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, path)]).into_response()
}
