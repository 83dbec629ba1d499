"use strict";

// The page at home. A press is kept here until the hub says that it has it; what the hub says is kept too, so that the page shows it
// when it is opened and the hub is away.

const ROOT = document.documentElement;
const AWAY_AFTER_MS = 6000; // so long a hub may take until the page says that it does not answer
const TOLD_AFTER_MS = 60000; // so long a centre may take to have it
const ASK_TIMEOUT_MS = 30000; // longer than the hub waits for news
const POST_TIMEOUT_MS = 8000; // the hub answers a press within a second or two
const AGAIN_MS = 2000;
const SENDER_MS = 3 * AGAIN_MS; // a page that sends says so as often as it tries; one that is closed is followed by another
const UNSTORED_AGAIN_MS = 60000; // a hub without room has told others; each time it tells them anew
const SAID_MS = 60000;
const OLD_MS = 2 * 60 * 60 * 1000; // what was heard so long ago is not shown as what is
const MEAL_ENDS_MS = 3 * 60 * 60 * 1000; // who waited so long for a meal has eaten
const LATE_MS = 30 * 1000; // so long somebody may be late before it is said
const KINDS = ["help", "meal", "call"];

const store = {
  get(key, otherwise) {
    try { return JSON.parse(localStorage.getItem(`linli-${key}`)) ?? otherwise; } catch { return otherwise; }
  },
  set(key, value) {
    try { localStorage.setItem(`linli-${key}`, JSON.stringify(value)); } catch { /* the page goes on without */ }
  },
};

let language = store.get("language", "zh");
let known = store.get("known", { elders: [], requests: [] });
let phone = store.get("phone", ROOT.dataset.phone);
let unsent = store.get("unsent", []);
let heard = store.get("heard", 0); // when the hub last said what is known
let seen = null;
let away = false;
let posting = null; // what is being sent, and what ends that
const waits = new Map(); // since when a request for help is seen here to be at the hub alone
let silence;
const PAGE = drawId();

const say = (key) => WORDS[language][key] ?? key;
const byId = (id) => document.getElementById(id);

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// Not crypto.randomUUID: browsers have that only where the connection is encrypted.
function drawId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// Pages of one tablet share what is not sent: each change begins with what the others left.
function keep(change) {
  unsent = change(store.get("unsent", unsent));
  store.set("unsent", unsent);
}

// One page sends. Another does where that one is gone.
function isSender() {
  const { page, at } = store.get("sender", {});
  const age = Date.now() - at;
  if (page !== PAGE && age >= 0 && age < SENDER_MS) return false;
  beSender();
  return true;
}

const beSender = () => store.set("sender", { page: PAGE, at: Date.now() });

// Says it aloud, and for a minute above the buttons, where room is kept for it: nothing moves under a finger.
function speak(text) {
  byId("said").textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => { byId("said").textContent = ""; }, SAID_MS);
  if (!("speechSynthesis" in window)) return;
  const spoken = new SpeechSynthesisUtterance(text);
  spoken.lang = language === "zh" ? "zh-CN" : "en";
  spoken.rate = 0.9;
  speechSynthesis.cancel();
  speechSynthesis.speak(spoken);
}

const nameOf = (id) => known.elders.find(({ elder }) => elder === id)?.name ?? "";
const clock = (ms) => new Date(ms).toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });

// ---- what is shown

function showElders() {
  // Buttons that stay stay: what a finger or the keyboard is on does not move.
  const shown = JSON.stringify([language, known.elders]);
  if (byId("elders").dataset.shown === shown) return;
  byId("elders").dataset.shown = shown;
  byId("elders").replaceChildren(...known.elders.map(({ elder, name }) => {
    const column = element("section", "", { class: "elder", "aria-label": name });
    column.append(element("h2", name, { class: "name" }));
    for (const kind of KINDS) {
      const button = element("button", say(kind), { type: "button", class: kind });
      if (known.elders.length > 1) button.setAttribute("aria-label", `${say(kind)} ${name}`);
      button.addEventListener("click", () => press(kind, elder));
      column.append(button);
    }
    return column;
  }));
}

function line(request) {
  const open = !["done", "cancelled"].includes(request.stage);
  const item = element("li", "", open ? { class: "open" } : {});
  const name = known.elders.length > 1 ? ` ${nameOf(request.elder)}` : "";
  item.append(element("div", `${whatOf(request)}${name} ${clock(request.at_ms)}`, { class: "what" }));
  item.append(element("div", stageOf(request), { class: "stage" }));
  if (request.who) {
    const since = request.stage_ms && !request.expected_ms ? ` ${clock(request.stage_ms)}` : "";
    item.append(element("div", `${whoOf(request)}${since}`, { class: "who" }));
  }
  if (request.may_cancel) {
    const key = request.kind === "help" ? "cancel-help" : "cancel";
    const button = element("button", say(key), { type: "button", "data-of": request.request });
    button.addEventListener("click", () => cancel(request));
    item.append(button);
  }
  return item;
}

const whatOf = ({ kind, what }) => say(kind === "alert" ? `what-${what}` : kind);

function stageOf({ kind, stage, goes_on }) {
  if (stage === "stored" && !known.centre) return say("stored-alone");
  const of = say(stage.startsWith("not-") ? stage : `${kind === "alert" ? "help" : kind}-${stage}`);
  return goes_on && stage === "taken" ? `${of}. ${say("ring-on")}` : of;
}

// Who has it, and when they come, or should have come.
function whoOf(request) {
  const role = request.role ? `${say(`role-${request.role}`)} ` : "";
  if (!request.expected_ms) return `${role}${request.who ?? ""}`;
  const key = !isLateBy(request) ? "comes" : request.goes_on ? "late-told" : "late";
  return `${role}${request.who ?? ""} ${say(key).replace("%", clock(request.expected_ms))}`;
}

const isLateBy = ({ expected_ms }) => Boolean(expected_ms) && Date.now() - expected_ms > LATE_MS;

function showRequests() {
  const waiting = unsent.filter(({ cancelled }) => !cancelled).map((press) => ({
    request: press.press, kind: press.kind, elder: press.elder, at_ms: press.at_ms,
    stage: press.unstored ? "not-stored" : "not-sent", may_cancel: true,
  }));
  // Nobody is said to come who may have come and gone.
  const told = away && Date.now() - heard > OLD_MS ? [] : known.requests;
  const all = [...waiting, ...told];
  byId("as-of").hidden = !away || told.length === 0;
  const day = { weekday: "long", hour: "2-digit", minute: "2-digit" };
  byId("as-of").textContent = `${say("as-of")} ${new Date(heard).toLocaleString(language, day)}`;
  const shown = JSON.stringify([language, known.elders, known.centre, all, all.map(isLateBy)]);
  if (byId("requests").dataset.shown === shown) return;
  byId("requests").dataset.shown = shown;
  const focused = document.activeElement?.dataset?.of;
  byId("requests").replaceChildren(...all.map(line));
  if (focused) document.querySelector(`[data-of="${focused}"]`)?.focus();
  byId("progress").hidden = all.length === 0;
}

// Whether help was asked for, and stays at the hub.
function isUntold() {
  const alone = known.requests.filter(({ kind, stage }) => kind === "help" && stage === "stored").map(({ request }) => request);
  for (const request of waits.keys()) if (!alone.includes(request)) waits.delete(request);
  for (const request of alone) if (!waits.has(request)) waits.set(request, performance.now());
  const patience = known.centre ? TOLD_AFTER_MS : AWAY_AFTER_MS;
  return [...waits.values()].some((since) => performance.now() - since > patience);
}

const isLate = ({ at_ms, cancelled }) => !cancelled && Date.now() - at_ms > AWAY_AFTER_MS;
const inNeed = (key) => `${say(key)} ${say("call-phone")} ${phone}`;

function showAway() {
  const untold = isUntold();
  const key = away ? "away" : unsent.some(isLate) ? "unsent" : untold ? "untold" : null;
  const shown = key ? `${language} ${key} ${phone}` : "";
  if (byId("away").dataset.shown === shown) return;
  // Who asked for help and sees little is not left with what was said when they pressed.
  const helpless = untold || unsent.some(({ kind, cancelled }) => kind === "help" && !cancelled);
  if (key && byId("away").hidden && helpless) speak(inNeed(key));
  byId("away").dataset.shown = shown;
  byId("away").hidden = !key;
  byId("away").replaceChildren();
  if (!key) return;
  byId("away").append(`${say(key)} ${say("call-phone")} `, element("a", phone, { href: `tel:${phone.replace(/[^0-9+]/g, "")}` }));
}

function show() {
  ROOT.lang = language === "zh" ? "zh-CN" : "en";
  document.title = say("title");
  byId("title").textContent = say("title");
  byId("progress-title").textContent = say("progress");
  const other = language === "zh" ? "en" : "zh";
  byId("language").textContent = WORDS[other].language;
  byId("language").lang = other;
  byId("language").hidden = false;
  // Until this page knows for whom it asks, the plain button asks for everybody.
  byId("plain").hidden = known.elders.length > 0;
  showElders();
  showRequests();
  showAway();
}

// ---- what is pressed

function press(kind, elder) {
  // A second tap before the first arrived is the same press.
  const is_same = (one) => one.kind === kind && one.elder === elder && !one.cancelled;
  beSender();
  keep((all) => (all.some(is_same) ? all : [...all, { press: drawId(), kind, elder, at_ms: Date.now() }]));
  if (kind === "help" && (away || isUntold())) speak(inNeed(away ? "not-sent" : "untold"));
  else speak(say(away ? "not-sent" : `${kind}-pressed`));
  show();
  // Help waits for nothing else.
  if (kind === "help" && posting && posting.one.kind !== "help") posting.controller.abort();
  send();
}

function cancel({ request, kind }) {
  beSender();
  // It may have arrived without our hearing of it, so the hub is told in any case.
  const back = (one) => (one.press === request ? { ...one, cancelled: true } : one);
  const is_kept = ({ press }) => press === request;
  keep((all) => (all.some(is_kept) ? all.map(back) : [...all, { press: request, kind, cancelled: true, at_ms: Date.now() }]));
  speak(say(`${kind}-cancelled`));
  show();
  send();
}

// Ends a request that is not answered in time.
function patience(ms) {
  const controller = new AbortController();
  const timer = setTimeout(() => { controller.late = true; controller.abort(); }, ms);
  return { controller, end: () => clearTimeout(timer) };
}

// Sends one that is kept; returns what the hub says to it.
async function post(one) {
  const { controller, end } = patience(POST_TIMEOUT_MS);
  posting = { one, controller };
  const [path, body] = one.cancelled
    ? ["/cancel", { request: one.press }]
    : ["/press", { press: one.press, kind: one.kind, elder: one.elder, ago_ms: Math.max(0, Date.now() - one.at_ms) }];
  const headers = { "Content-Type": "application/json" };
  try {
    const taken = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal: controller.signal });
    return { status: taken.status, stored: taken.ok && (await taken.json()).stored };
  } finally {
    end();
  }
}

function forget(one) {
  keep((all) => all.filter(({ press }) => press !== one.press));
}

// Help first, then the oldest; of what the hub has no room for, not each time.
function next(tried) {
  const due = unsent.filter((one) => !tried.has(one.press) && (one.cancelled || !one.unstored || Date.now() - one.unstored > UNSTORED_AGAIN_MS));
  return due.find(({ kind }) => kind === "help") ?? due[0];
}

// Sends what is kept, and forgets it when the hub has it.
async function send() {
  if (posting || !isSender()) return;
  const tried = new Set();
  let silent = false;
  for (let one = next(tried); one && !silent; one = next(tried)) {
    const back = one.cancelled;
    tried.add(one.press);
    try {
      const { status, stored } = await post(one);
      if (status === 401) return strange();
      if (back && status === 409) speak(say("too-late"));
      // A press is kept whatever the hub says against it.
      const kept = status >= 500 || status === 429 || (!back && status >= 400);
      if (kept) continue;
      // It may have been taken back while it was on its way.
      const left = unsent.find(({ press }) => press === one.press);
      if (left && back !== left.cancelled) tried.delete(one.press);
      else if (back || stored) {
        forget(one);
        seen = null;
        asking?.abort();
      } else {
        const late = Date.now();
        keep((all) => all.map((other) => (other.press === one.press ? { ...other, unstored: late } : other)));
      }
    } catch {
      // The hub is away, and gets it soon; or help was pressed, and goes first.
      silent = posting.controller.late || !posting.controller.signal.aborted;
    } finally {
      posting = null;
    }
  }
  show();
}

// A meal that was asked for this morning is not brought at night.
function dropOldMeals() {
  for (const one of unsent.filter(({ kind, at_ms, cancelled }) => kind === "meal" && !cancelled && Date.now() - at_ms > MEAL_ENDS_MS)) {
    forget(one);
    speak(say("meal-dropped"));
  }
}

// ---- what the hub says

let asking = null;

function tell(before, after) {
  for (const request of after.requests) {
    const old = before.requests.find((one) => one.request === request.request);
    // What nobody pressed is told when it appears, too.
    const is_news = old ? ["stage", "expected_ms", "goes_on"].some((of) => (old[of] ?? null) !== (request[of] ?? null)) : request.kind === "alert";
    if (is_news) speak(`${whatOf(request)} ${stageOf(request)} ${whoOf(request)}`);
  }
}

// This tablet is paired no more: it keeps nothing of this home but what was not sent.
function strange() {
  known = { elders: [], requests: [] };
  store.set("known", known);
  location.replace("/pair");
}

// The hub has another page: it is loaded once it is here, for a page that cannot be loaded has no buttons.
async function renew(version, signal) {
  if (!(await fetch("/", { cache: "reload", signal })).ok) return;
  store.set("version", version);
  location.reload();
}

async function ask() {
  const late = setTimeout(() => { if (seen === null) { away = true; show(); } }, AWAY_AFTER_MS);
  const { controller, end } = patience(ASK_TIMEOUT_MS);
  asking = controller;
  try {
    const { signal } = controller;
    const answer = await fetch(seen ? `/state?seen=${seen}` : "/state", { signal, cache: "no-store" });
    if (answer.status === 401) return strange();
    if (!answer.ok) throw new Error(`${answer.status}`);
    const news = await answer.json();
    const before = known;
    ({ seen, phone, state: known } = news);
    tell(before, known);
    away = false;
    heard = Date.now();
    store.set("heard", heard);
    store.set("known", known);
    store.set("phone", phone);
    show();
    if (news.version !== ROOT.dataset.version && unsent.length === 0 && store.get("version", "") !== news.version) await renew(news.version, signal);
    return 0;
  } catch {
    if (controller.signal.aborted && !controller.late) return 0;
    away = true;
    seen = null;
    show();
    return AGAIN_MS;
  } finally {
    clearTimeout(late);
    end();
  }
}

async function follow() {
  for (;;) {
    const pause = await ask();
    if (pause === undefined) return;
    if (pause > 0) await new Promise((resolve) => { setTimeout(resolve, pause); });
  }
}

// What another page of this tablet was told to do.
window.addEventListener("storage", ({ key }) => {
  if (key !== "linli-unsent") return;
  unsent = store.get("unsent", unsent);
  show();
});
byId("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  store.set("language", language);
  byId("said").textContent = ""; // it was in the other language
  show();
});
byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  press("help", null);
});
setInterval(() => {
  dropOldMeals();
  if (posting) beSender();
  if (unsent.length > 0) send();
  showRequests();
  showAway();
}, AGAIN_MS);
window.addEventListener("online", () => { asking?.abort(); send(); });
dropOldMeals();
show();
send();
follow();
