// Drives Debian's Chromium for a test: reads one command a line from standard input, as JSON, and answers each with a line.
//
// {"do": "open", "url": …}, "click" and "double" {"name": …}, "text", "wait" {"text": …}, "gone" {"text": …}, "axe", "shot" {"file": …},
// "size" {"width", "height"}, "zoom" {"percent"}, "key" {"key"}, "focused", "spoken", "forget" and "tab" {"url"} (another one, which is driven from then on), "senders" (of how many pages pressed since they were asked for), "remember" {"kept"} (what the tablet keeps), "again" (a tablet that restarts), "plain" {"url"} (no JavaScript)

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [profile] = process.argv.slice(2);
const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--disable-default-apps", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"];
const options = { executablePath: process.env.LINLI_CHROMIUM ?? "/usr/bin/chromium", args, locale: "zh-CN", timezoneId: "Asia/Shanghai",
  viewport: { width: 800, height: 1280 } };
const PATIENCE = { timeout: 60_000 };
let context;
let page;
const senders = new Set(); // pages that sent a press
const errors = [];

async function begin() {
  context = await chromium.launchPersistentContext(profile, options);
  // What a tablet would say aloud.
  await context.addInitScript(() => {
    window.spoken = [];
    SpeechSynthesis.prototype.speak = (said) => window.spoken.push(`${said.lang} ${said.text}`);
  });
  await tab();
}

async function tab() {
  const opened = await context.newPage();
  opened.on("request", (request) => { if (new URL(request.url()).pathname === "/press") senders.add(opened); });
  opened.on("pageerror", (error) => errors.push(String(error)));
  opened.on("console", (message) => { if (/Content Security Policy/.test(message.text())) errors.push(message.text()); });
  page = opened;
}

const does = {
  tab: async ({ url }) => { await tab(); await page.goto(url, { waitUntil: "load" }); },
  senders: async () => { const count = senders.size; senders.clear(); return count; },
  open: async ({ url }) => { await page.goto(url, { waitUntil: "load" }); return page.url(); },
  click: async ({ name }) => { await page.getByRole("button", { name, exact: true }).first().click(); },
  double: async ({ name }) => { await page.getByRole("button", { name, exact: true }).first().dblclick(); },
  text: async () => page.innerText("body"),
  at: async ({ path }) => { await page.waitForURL((url) => url.pathname === path, PATIENCE); return page.url(); },
  wait: async ({ text }) => { await page.getByText(text).filter({ visible: true }).first().waitFor({ state: "visible", ...PATIENCE }); },
  gone: async ({ text }) => { await page.getByText(text).filter({ visible: true }).first().waitFor({ state: "hidden", ...PATIENCE }); },
  axe: async () => {
    // The policy of the page lets no script in; the debugger does.
    await page.evaluate(axe);
    const found = await page.evaluate(() => axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"] }));
    return { passes: found.passes.length, violations: found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`) };
  },
  shot: async ({ file }) => { await page.screenshot({ path: file, fullPage: true }); },
  size: async ({ width, height }) => { await page.setViewportSize({ width, height }); },
  zoom: async ({ percent }) => {
    await page.evaluate((percent) => { document.documentElement.style.fontSize = `${percent * 1.25}%`; }, percent);
    return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  },
  key: async ({ key }) => { await page.keyboard.press(key); },
  focused: async () => page.evaluate(() => document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent),
  spoken: async () => page.evaluate(() => window.spoken),
  forget: async () => page.evaluate(() => { const kept = { ...localStorage }; localStorage.clear(); return kept; }),
  remember: async ({ kept }) => { await page.evaluate((kept) => Object.assign(localStorage, kept), kept); await page.goto(page.url()); },
  again: async () => { await context.close(); await begin(); },
  plain: async ({ url }) => {
    const cookies = await context.cookies();
    const browser = await chromium.launch({ executablePath: options.executablePath, args });
    const other = await browser.newContext({ javaScriptEnabled: false });
    await other.addCookies(cookies);
    const bare = await other.newPage();
    await bare.goto(url);
    await bare.getByRole("button").click();
    await bare.locator("#pressed").waitFor({ state: "visible", ...PATIENCE });
    const text = await bare.innerText("#pressed");
    await browser.close();
    return text;
  },
  errors: async () => errors,
};

await begin();
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try {
    answer = { ok: (await does[command.do](command)) ?? null };
  } catch (error) {
    const text = await page.innerText("body").catch(() => "");
    answer = { failed: `${error}`, text };
  }
  console.log(JSON.stringify(answer));
}
await context.close();
