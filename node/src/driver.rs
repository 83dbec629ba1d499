//! The one loop of a node: take one input, carry all outputs out, wait.

use std::collections::BTreeSet;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use linli_net::{NetEvent, NetEvents};
use linli_replica::complaints::Of;
use linli_replica::replica::{Input, Save, Saved, Ticket};
use linli_store::StoreError;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};

use crate::api::{ApiError, Code};
use crate::handle::{Work, handle};
use crate::ladder::Ladders;
use crate::node::{Node, node_id, now};

/// After this an alert is answered for and sent although it is not on disk yet (promise 1).
const ALERT_OVERDUE: Duration = Duration::from_secs(1);
/// After this somebody is shown what they asked for although the reading is not recorded yet.
const READING_OVERDUE: Duration = Duration::from_secs(1);
/// How often work that waits for a stick is looked after.
const WORK_PAUSE: Duration = Duration::from_millis(2);
/// Who watches the board is answered after this although nothing changed.
const WATCH: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_secs(1);

/// Where an answer goes.
pub(crate) type Answer = oneshot::Sender<Result<Value, ApiError>>;

/// Something asked of the node through its control interface.
pub(crate) struct Job {
    pub(crate) method: String,
    pub(crate) body: Value,
    /// The officers' keys that the passphrase in it opens.
    pub(crate) officers: Vec<SigningKey>,
    pub(crate) reply: Answer,
}

/// Something another task of this process wants done between two inputs.
pub(crate) type Call = Box<dyn FnOnce(&mut Node) + Send>;

/// Where inputs come from.
pub(crate) struct Sources {
    pub(crate) net: NetEvents,
    pub(crate) jobs: mpsc::Receiver<Job>,
    pub(crate) calls: mpsc::UnboundedReceiver<Call>,
    pub(crate) call: mpsc::UnboundedSender<Call>,
    pub(crate) stored: mpsc::UnboundedReceiver<(Ticket, Result<(), StoreError>)>,
}

/// An answer that waits until what it speaks of is durable.
struct Waiting {
    saves: BTreeSet<Save>,
    answer: Value,
    overdue: Option<Instant>,
    /// Whether it only shows something, and what is saved says to whom.
    reading: bool,
    reply: Answer,
}

/// Somebody who waits until alerts change.
struct Watching {
    after: u64,
    resolved: bool,
    until: Instant,
    reply: Answer,
}

struct Driver {
    node: Node,
    waiting: Vec<Waiting>,
    watching: Vec<Watching>,
    work: Vec<(Box<dyn Work>, Answer)>,
    stop: bool,
}

/// Runs the node until it is asked to stop; then everything accepted is durable.
pub(crate) async fn drive(
    node: Node,
    mut sources: Sources,
    stop: impl Future<Output = ()>,
) -> Node {
    let (waiting, watching, work) = (Vec::new(), Vec::new(), Vec::new());
    let mut driver = Driver { node, waiting, watching, work, stop: false };
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stop = std::pin::pin!(stop);
    while !driver.stop {
        let busy = !driver.work.is_empty() || driver.node.catalogue.has_stale();
        let sends = driver.node.has_room();
        tokio::select! {
            biased;
            () = &mut stop => break,
            _ = tick.tick() => driver.tick(),
            Some((ticket, result)) = sources.stored.recv() => driver.stored(ticket, result),
            Some(call) = sources.calls.recv() => call(&mut driver.node),
            Some(job) = sources.jobs.recv() => driver.job(job),
            event = sources.net.recv() => match event {
                Some(event) => driver.event(event, &sources.call),
                None => break,
            },
            () = driver.pause(), if busy => driver.work(),
            () = std::future::ready(()), if sends => {}
        }
        driver.node.send_more();
        driver.answer();
        // What was given to other tasks goes on before the next turn, not only after many.
        tokio::task::yield_now().await;
    }
    driver.finish(&mut sources).await
}

impl Driver {
    /// Waits a little where the work at hand waits for something outside, such as a stick.
    async fn pause(&self) {
        let waits = !self.work.is_empty() && self.work.iter().all(|(work, _)| work.waits());
        if waits && !self.node.catalogue.has_stale() {
            tokio::time::sleep(WORK_PAUSE).await;
        }
    }

    fn event(&mut self, event: NetEvent, call: &mpsc::UnboundedSender<Call>) {
        let node = &mut self.node;
        match event {
            NetEvent::Connected { peer, connection_secret, initiator, .. } => {
                node.connected(node_id(&peer), connection_secret.0, initiator);
            }
            NetEvent::Disconnected { peer, reason, .. } => {
                let (name, peer) = (peer.fmt_short(), node_id(&peer));
                if let Some(times) = node.complaints.note(peer, Of::Disconnected, now()) {
                    tracing::info!(peer = %name, %reason, times, "disconnected");
                }
                node.disconnected(peer);
            }
            NetEvent::Frame { peer, lane, bytes } => node.frame(node_id(&peer), lane, bytes),
            NetEvent::Writable { peer, lane } => node.writable(peer, lane),
            NetEvent::Pairing(stream) => crate::invitation::receive(node, stream, call.clone()),
            NetEvent::PathChanged { peer, .. } => {
                if let Some(peer) = node.peers.get_mut(&node_id(&peer)) {
                    peer.since_ms = Some(now().0);
                }
            }
            NetEvent::Refused { endpoint, reason, count } => {
                tracing::warn!(endpoint = %endpoint.fmt_short(), %reason, count, "refused an endpoint");
            }
            NetEvent::RefusedBy { peer, words } => {
                tracing::warn!(peer = %peer.fmt_short(), %words, "refused by a peer");
            }
            NetEvent::MdnsFailed { what } => {
                tracing::warn!(%what, "mDNS does not work; other ways go on");
            }
        }
    }

    fn stored(&mut self, ticket: Ticket, result: Result<(), StoreError>) {
        self.node.stored(ticket, result);
    }

    fn job(&mut self, job: Job) {
        let Job { method, body, officers, reply } = job;
        if method == "stop" {
            self.stop = true;
        }
        self.node.officers = officers;
        let done = handle(&mut self.node, &method, body);
        self.node.officers.clear();
        match done {
            Err(error) => drop(reply.send(Err(error))),
            Ok(crate::handle::Reply::Work(work)) => self.work.push((work, reply)),
            Ok(crate::handle::Reply::Answer { answer, saves, urgent }) => {
                let overdue = urgent.then(|| Instant::now() + ALERT_OVERDUE);
                self.waiting.push(Waiting { saves, answer, overdue, reading: false, reply });
            }
            Ok(crate::handle::Reply::Watch { after, resolved }) => {
                let until = Instant::now() + WATCH;
                self.watching.push(Watching { after, resolved, until, reply });
            }
            Ok(crate::handle::Reply::Read { answer, saves }) => {
                let overdue = Some(Instant::now() + READING_OVERDUE);
                self.waiting.push(Waiting { saves, answer, overdue, reading: true, reply });
            }
        }
    }

    /// Goes on with long work, a little at a time, so that an alert never waits for it.
    fn work(&mut self) {
        if let Some((mut work, reply)) = self.work.pop() {
            match work.step(&mut self.node) {
                None => {
                    if work.waits() {
                        crate::views::renew_some(&mut self.node);
                        // It holds up no other.
                        self.work.insert(0, (work, reply));
                    } else {
                        self.work.push((work, reply));
                    }
                }
                Some(Ok((answer, saves))) => {
                    let (overdue, reading) = (None, false);
                    self.waiting.push(Waiting { saves, answer, overdue, reading, reply });
                }
                Some(Err(error)) => drop(reply.send(Err(error))),
            }
        } else {
            crate::views::renew_some(&mut self.node);
        }
    }

    fn tick(&mut self) {
        self.node.feed(Input::Tick);
        crate::upkeep::tick(&mut self.node);
    }

    /// Answers whoever waited for what has become durable.
    fn answer(&mut self) {
        crate::reactions::react(&mut self.node);
        let now = Instant::now();
        for mut waiting in std::mem::take(&mut self.waiting) {
            let replica = &self.node.replica;
            let lost = waiting.saves.iter().any(|save| replica.saved(*save) == Saved::Lost);
            waiting.saves.retain(|save| matches!(replica.saved(*save), Saved::Pending(_)));
            let late = waiting.overdue.is_some_and(|at| now >= at);
            if lost && waiting.overdue.is_none() {
                drop(waiting.reply.send(Err(self.not_saved())));
            } else if waiting.saves.is_empty() && !lost || waiting.reading && (lost || late) {
                drop(waiting.reply.send(Ok(waiting.answer)));
            } else if lost || late {
                // An alert that is not stored goes out all the same.
                self.send_ahead(&waiting.saves);
                not_stored(waiting);
            } else {
                self.waiting.push(waiting);
            }
        }
        self.tell();
    }

    /// Tells whoever watches the board what changed.
    fn tell(&mut self) {
        if self.watching.is_empty() {
            return;
        }
        crate::board::refresh(&mut self.node);
        let (board, now) = (&self.node.board, Instant::now());
        let due = |watching: &mut Watching| {
            board.revision() > watching.after || now >= watching.until || watching.reply.is_closed()
        };
        for Watching { after, resolved, reply, .. } in self.watching.extract_if(.., due) {
            let answer = crate::handle::json(&board.since(Some(after), resolved));
            // Whoever asked may be gone.
            drop(reply.send(answer));
        }
    }

    fn send_ahead(&mut self, saves: &BTreeSet<Save>) {
        for save in saves {
            if let Saved::Pending(Some(ticket)) = self.node.replica.saved(*save) {
                self.node.feed(Input::Overdue { ticket });
            }
        }
    }

    fn not_saved(&self) -> ApiError {
        let reason = self.node.warnings.get("store").cloned().unwrap_or_default();
        let full = self.node.store.stats().is_ok_and(|stats| stats.full);
        let code = if full { Code::Full } else { Code::Internal };
        ApiError::new(code, "error-not-saved").because(reason)
    }

    /// Says whether something made here is not durable yet.
    fn is_saving(&self) -> bool {
        let replica = &self.node.replica;
        matches!(replica.saved(replica.last_save()), Saved::Pending(_))
    }

    /// Waits until what was accepted is durable and answered, then closes.
    async fn finish(mut self, sources: &mut Sources) -> Node {
        self.watching.clear();
        let end = Instant::now() + Duration::from_secs(10);
        // Calls that are under way are hung up.
        self.node.ladders = Ladders::default();
        while !self.waiting.is_empty() || self.is_saving() {
            match tokio::time::timeout_at(end, sources.stored.recv()).await {
                Ok(Some((ticket, result))) => self.node.stored(ticket, result),
                Ok(None) | Err(_) => break,
            }
            self.answer();
            while self.node.has_room() {
                self.node.send_more();
            }
        }
        self.node.net.shutdown().await;
        self.node
    }
}

fn not_stored(waiting: Waiting) {
    let mut answer = waiting.answer;
    if let Some(stored) = answer.get_mut("stored") {
        *stored = Value::Bool(false);
    }
    drop(waiting.reply.send(Ok(answer)));
}
