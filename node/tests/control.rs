//! The control interface against callers good and bad, with a handler that is not a node.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected has failed"
)]

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use linli_node::{
    api::{
        self, ApiError, Code,
        care::{ElderEdit, ElderList},
        network::{Leave, LeaveAnswer, Status},
    },
    control::{Client, ClientError, ControlError, Handler, Server, limits::MAX_REQUEST_BYTES},
    home::{Home, HomeError},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UnixListener, UnixStream},
    sync::{Barrier, oneshot},
    task::JoinHandle,
};

/// Answers some methods, and counts what reached it.
struct Fake {
    calls: AtomicUsize,
    meet: Barrier,
    ill: Mutex<Option<String>>,
}

impl Fake {
    fn new(together: usize) -> Arc<Self> {
        Arc::new(Self {
            calls: AtomicUsize::new(0),
            meet: Barrier::new(together),
            ill: Mutex::default(),
        })
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Handler for Fake {
    async fn call(&self, method: String, body: Value) -> Result<Value, ApiError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        match method.as_str() {
            "leave" => Ok(
                json!({ "may_leave": false, "waiting_entries": body["copies"], "waiting_files": 1 }),
            ),
            "elder.edit" => Err(ApiError::new(Code::Waits, "the centre is out of reach")),
            "elder.list" => {
                // Answered only when as many calls are under way at once.
                self.meet.wait().await;
                Ok(json!({ "total": 0, "elders": [] }))
            }
            "reading.add" => Ok(json!({ "new": true, "alert": null, "raised": body["value"] })),
            "alert.raise" => Ok(body),
            "status" => Ok(json!({ "unlike": "a status" })),
            other => panic!("{other} should not have come through"),
        }
    }

    async fn ill(&self) -> Option<String> {
        self.ill.lock().unwrap().clone()
    }

    async fn figures(&self) -> Option<String> {
        let answers = self.ill.lock().unwrap().is_none();
        answers.then(|| "linli_node_healthy 1\n# EOF\n".to_owned())
    }
}

/// A data directory with a served control interface.
struct Running {
    home: Home,
    api: Option<SocketAddr>,
    fake: Arc<Fake>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    _dir: TempDir,
}

fn home() -> (TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::create(&dir.path().join("data")).unwrap();
    (dir, home)
}

async fn run(api: bool) -> Running {
    run_together(api, 1).await
}

async fn run_together(api: bool, together: usize) -> Running {
    let (dir, home) = home();
    let fake = Fake::new(together);
    let address = api.then(|| "127.0.0.1:0".parse().unwrap());
    let lock = home.lock().unwrap();
    let server = Server::bind(&lock, address).await.unwrap();
    let api = server.api_address();
    let (stop, stopped) = oneshot::channel();
    let handler = Arc::clone(&fake);
    let served = tokio::spawn(async move {
        let _lock = lock;
        let stopped = async { drop(stopped.await) };
        server.serve(handler, stopped).await;
    });
    Running { home, api, fake, stop, served, _dir: dir }
}

impl Running {
    async fn client(&self) -> Client {
        Client::connect(&self.home.socket()).await.unwrap()
    }

    /// Sends raw bytes to the socket and returns status and body.
    async fn raw(&self, request: &[u8]) -> (u16, Value) {
        let stream = UnixStream::connect(self.home.socket()).await.unwrap();
        exchange(stream, request).await
    }

    /// Sends a request to the device address.
    async fn device(&self, path: &str, token: Option<&str>, body: &str) -> (u16, Value) {
        let stream = TcpStream::connect(self.api.unwrap()).await.unwrap();
        let authorization =
            token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        exchange(stream, post(path, &authorization, body).as_bytes()).await
    }

    fn token(&self) -> String {
        fs::read_to_string(self.home.token()).unwrap()
    }
}

fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )
}

async fn exchange(
    mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    request: &[u8],
) -> (u16, Value) {
    // The server may refuse before it has read all; then writing the rest fails.
    let _ = stream.write_all(request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn a_call_reaches_the_handler_and_its_answer_the_caller() {
    let node = run(false).await;
    let answer: LeaveAnswer = node.client().await.call(&Leave { copies: 7 }).await.unwrap();
    assert_eq!((answer.may_leave, answer.waiting_entries), (false, 7));
    assert_eq!(
        node.raw(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.1,
        json!({ "status": "ok" })
    );
    assert_eq!(node.fake.calls(), 1);
}

#[tokio::test]
async fn the_handlers_refusal_arrives_as_it_was_said() {
    let node = run(false).await;
    let edit = ElderEdit {
        elder: "e".to_owned(),
        field: "name".to_owned(),
        value: String::new(),
        acting: None,
    };
    let refused = node.client().await.call(&edit).await.unwrap_err();
    let ClientError::Refused(error) = refused else { panic!("{refused:?}") };
    assert_eq!(error, ApiError::new(Code::Waits, "the centre is out of reach"));
}

#[tokio::test]
async fn an_answer_of_another_version_is_an_error_that_says_so() {
    let node = run(false).await;
    let unlike = node.client().await.call(&Status {}).await.unwrap_err();
    assert!(matches!(unlike, ClientError::Answer(_)), "{unlike:?}");
}

#[tokio::test]
async fn calls_run_side_by_side() {
    let node = run_together(false, 20).await;
    let client = node.client().await;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.call(&ElderList::default()).await.unwrap().total })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 0);
    }
    assert_eq!(node.fake.calls(), 20);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_the_node_answers_on() {
    let node = run(false).await;
    let large = format!("\"{}\"", "x".repeat(MAX_REQUEST_BYTES));
    let deep = "[".repeat(100_000);
    let cases = [
        (post("/v1/leave", "", &large), 413, "bad-request"),
        (post("/v1/leave", "", "{\"copies\": 1"), 400, "bad-request"),
        (post("/v1/leave", "", "\u{0}\u{1}"), 400, "bad-request"),
        (post("/v1/leave", "", &deep), 400, "bad-request"),
        (post("/v1/no.such", "", "{}"), 404, "not-found"),
        (post("/v1/leave/more", "", "{}"), 404, "not-found"),
        (post("/", "", "{}"), 404, "not-found"),
        (post("/v1/button", "", "{\"person\": 1}"), 400, "bad-request"),
        (
            "GET /v1/leave HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".to_owned(),
            405,
            "bad-request",
        ),
    ];
    for (request, status, code) in cases {
        let start: String = request.chars().take(40).collect();
        let answer = node.raw(request.as_bytes()).await;
        assert_eq!(
            (answer.0, answer.1["code"].as_str()),
            (status, Some(code)),
            "{start}: {answer:?}"
        );
        assert!(answer.1["message"].as_str().is_some_and(|text| text.len() > 10), "{start}");
    }
    let stream = UnixStream::connect(node.home.socket()).await.unwrap();
    assert_eq!(exchange(stream, b"\x16\x03\x01 no HTTP\r\n\r\n").await.0, 400);
    assert_eq!(node.fake.calls(), 0);
    assert_eq!(node.client().await.call(&Leave { copies: 1 }).await.unwrap().waiting_entries, 1);
}

#[tokio::test]
async fn a_refused_body_is_not_repeated_in_the_message() {
    let node = run(false).await;
    let (_, answer) = node.raw(post("/v1/leave", "", "{\"pin\": 4711 0}").as_bytes()).await;
    assert!(answer["message"].as_str().is_some_and(|text| !text.contains("4711")), "{answer}");
}

#[tokio::test]
async fn the_device_address_asks_for_the_token() {
    let node = run(true).await;
    let token = node.token();
    assert_eq!(token.len(), 64);
    let wrong: String = token.chars().map(|digit| if digit == '0' { '1' } else { '0' }).collect();
    let short = token.get(..63).unwrap();
    for bad in [None, Some(""), Some(wrong.as_str()), Some(short)] {
        let (status, answer) = node.device("/v1/leave", bad, "{\"copies\": 1}").await;
        assert_eq!((status, answer["code"].as_str()), (401, Some("unauthorized")), "{answer}");
        // Whoever has no token does not learn what there is either.
        assert_eq!(node.device("/v1/no.such", bad, "{}").await.0, 401);
    }
    assert_eq!(node.fake.calls(), 0);
    let (status, answer) = node.device("/v1/leave", Some(&token), "{\"copies\": 3}").await;
    assert_eq!((status, &answer["waiting_entries"]), (200, &json!(3)));
}

#[tokio::test]
async fn health_and_figures_ask_for_no_token_and_answer_this_machine_only() {
    let node = run(true).await;
    let get = async |path: &str, host: &str| {
        let mut stream = TcpStream::connect(node.api.unwrap()).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let health = get("/health", "127.0.0.1:4480").await;
    assert!(
        health.starts_with("HTTP/1.1 200") && health.ends_with(r#"{"status":"ok"}"#),
        "{health}"
    );
    let figures = get("/metrics", "localhost").await;
    assert!(figures.contains("content-type: application/openmetrics-text"), "{figures}");
    assert!(figures.ends_with("# EOF\n"), "{figures}");
    // A web page that points its own name at this machine is told nothing.
    for path in ["/health", "/metrics"] {
        assert!(get(path, "attacker.example").await.starts_with("HTTP/1.1 403"), "{path}");
    }
    *node.fake.ill.lock().unwrap() = Some("the disk is full".to_owned());
    let health = get("/health", "[::1]:1").await;
    assert!(health.starts_with("HTTP/1.1 503") && health.contains("the disk is full"), "{health}");
    assert!(get("/metrics", "127.0.0.1").await.starts_with("HTTP/1.1 503"));
    assert_eq!(node.fake.calls(), 0);
}

#[tokio::test]
async fn devices_add_readings_and_raise_alerts() {
    let node = run(true).await;
    let token = node.token();
    let (status, answer) = node.device("/v1/readings", Some(&token), "{\"value\": \"3.8\"}").await;
    assert_eq!((status, &answer["raised"]), (200, &json!("3.8")));
    let body = "{\"elder\": \"e1\", \"cause\": \"press 7\"}";
    let (status, answer) = node.device("/v1/button", Some(&token), body).await;
    let raise = json!({ "elder": "e1", "kind": "button", "cause": "press 7", "drill": false, "acting": null });
    assert_eq!((status, answer), (200, raise));
}

#[tokio::test]
async fn the_token_stays_and_a_spoilt_one_is_refused() {
    let (_dir, home) = home();
    let lock = home.lock().unwrap();
    let any = Some("127.0.0.1:0".parse().unwrap());
    drop(Server::bind(&lock, any).await.unwrap());
    let token = fs::read(home.token()).unwrap();
    assert_eq!(mode(&home.token()), 0o600);
    drop(Server::bind(&lock, any).await.unwrap());
    assert_eq!(fs::read(home.token()).unwrap(), token);
    fs::write(home.token(), "guess").unwrap();
    let spoilt = Server::bind(&lock, any).await.unwrap_err();
    assert!(matches!(spoilt, ControlError::BadToken { .. }), "{spoilt:?}");
    fs::set_permissions(home.token(), fs::Permissions::from_mode(0o644)).unwrap();
    let open = Server::bind(&lock, any).await.unwrap_err();
    assert!(matches!(open, ControlError::Home(HomeError::Open { .. })), "{open:?}");
}

#[tokio::test]
async fn the_device_address_is_loopback_and_free() {
    let (_dir, home) = home();
    let lock = home.lock().unwrap();
    let outside = Server::bind(&lock, Some("0.0.0.0:0".parse().unwrap())).await.unwrap_err();
    assert!(matches!(outside, ControlError::NotLoopback { .. }), "{outside:?}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let in_use = Server::bind(&lock, Some(address)).await.unwrap_err();
    assert!(matches!(in_use, ControlError::AddressInUse { address: a } if a == address));
}

#[tokio::test]
async fn a_second_node_is_refused_and_the_first_lives_on() {
    let node = run(false).await;
    let again = Home::create(node.home.path()).unwrap_err();
    assert!(matches!(again, HomeError::NotOurs { .. }), "{again:?}");
    let second = node.home.lock().unwrap_err();
    assert!(matches!(&second, HomeError::InUse { path } if path == node.home.path()));
    assert!(second.to_string().contains("linli stop"), "{second}");
    assert_eq!(node.client().await.call(&Leave { copies: 2 }).await.unwrap().waiting_entries, 2);
}

#[tokio::test]
async fn a_socket_left_by_a_killed_node_is_replaced() {
    let (_dir, home) = home();
    // As kill -9 leaves it: the file is there and nobody listens.
    drop(UnixListener::bind(home.socket()).unwrap());
    let dead = Client::connect(&home.socket()).await.unwrap_err();
    assert!(matches!(dead, ClientError::NotRunning { .. }), "{dead:?}");
    let lock = home.lock().unwrap();
    let server = Server::bind(&lock, None).await.unwrap();
    assert_eq!(mode(&home.socket()), 0o600);
    Client::connect(&home.socket()).await.unwrap();
    drop(server);
}

#[tokio::test]
async fn a_stopped_node_answers_what_is_under_way_and_then_nothing() {
    let node = run_together(false, 2).await;
    let client = node.client().await;
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.call(&ElderList::default()).await }
    });
    while node.fake.calls() == 0 {
        tokio::task::yield_now().await;
    }
    node.stop.send(()).unwrap();
    node.fake.meet.wait().await;
    assert_eq!(waiting.await.unwrap().unwrap().total, 0);
    node.served.await.unwrap();
    let gone = client.call(&Leave { copies: 1 }).await.unwrap_err();
    assert!(matches!(gone, ClientError::NotRunning { .. }), "{gone:?}");
    assert_eq!(gone.to_string(), "the node is not running: start it with `linli up`");
    assert!(!node.home.socket().exists());
    node.home.lock().unwrap();
}

#[tokio::test]
async fn a_path_too_long_for_a_socket_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::create(&dir.path().join("d".repeat(110))).unwrap();
    let lock = home.lock().unwrap();
    let long = Server::bind(&lock, None).await.unwrap_err();
    assert!(matches!(long, ControlError::LongPath { .. }), "{long:?}");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_specification_describes_every_method_and_code() {
    let page = concat!(
        include_str!("../../docs/spec/control.md"),
        include_str!("../../docs/spec/control-officers.md"),
        include_str!("../../docs/spec/control-grants.md"),
        include_str!("../../docs/spec/control-courier.md"),
        include_str!("../../docs/spec/control-blobs.md"),
        include_str!("../../docs/spec/control-alerts.md"),
        include_str!("../../docs/spec/control-calls.md"),
        include_str!("../../docs/spec/control-tablets.md"),
        include_str!("../../docs/spec/control-contacts.md"),
        include_str!("../../docs/spec/control-plans.md"),
        include_str!("../../docs/spec/control-sensors.md"),
        include_str!("../../docs/spec/control-rules.md"),
        include_str!("../../docs/spec/control-payloads.md")
    );
    let described: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`')).collect();
    let methods: Vec<&str> = api::names().collect();
    assert!(methods.len() > 25);
    assert_eq!(described, methods);
    let codes = [
        Code::BadRequest,
        Code::Invalid,
        Code::NotFound,
        Code::Forbidden,
        Code::WrongSecret,
        Code::Unauthorized,
        Code::Conflict,
        Code::NoCommunity,
        Code::Waits,
        Code::Full,
        Code::Internal,
    ];
    for code in codes {
        let name = serde_json::to_value(code).unwrap();
        let row = format!("| `{}` | {}", name.as_str().unwrap(), code.status());
        let row = page.lines().find(|line| line.starts_with(&row)).unwrap_or_default();
        assert!(row.contains(&format!(" | {} | ", code.exit())), "{code:?}: {row}");
    }
}
