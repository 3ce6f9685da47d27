// One chromium for a test file, signed-in pages, and what every page is held to.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

export const BASE = (process.env.BELFRY_URL ?? "http://127.0.0.1:8080").replace(/\/$/, "");
export const PASSWORD = "belfry-demo-2026";
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** How long anything may take that a page does, on a machine that does much else; only a failure waits to the end. */
const PATIENCE_MS = 20_000;
/** The same for what the house does behind the pages: planning, sending, offering. */
const BEHIND_MS = 60_000;
export const BEHIND = { timeout: BEHIND_MS };

/** A time zone unlike the server's, so that a mix-up of zones shows. */
const TIME_ZONE = "Europe/Berlin";

/** @type {Promise<import("playwright-core").Browser> | undefined} */
let browser;

export function launch() {
  browser ??= chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  return browser;
}

export async function close() {
  await (await browser)?.close();
  browser = undefined;
}

/** Calls the API as a person would through another client. */
export async function call(method, path, { token, body } = {}) {
  const response = await fetch(`${BASE}/api/v1${path}`, {
    method,
    headers: { "content-type": "application/json", ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  const answer = text && /json/.test(response.headers.get("content-type") ?? "") ? JSON.parse(text) : text;
  return { status: response.status, body: answer };
}

/** Signs in through the API, as one more device. @returns {Promise<{access_token: string, refresh_token: string, user: any}>} */
async function newSession(email, password = PASSWORD) {
  const { status, body } = await call("POST", "/auth/login", { body: { email, password } });
  assert.equal(status, 200, `signing ${email} in: ${JSON.stringify(body)}`);
  return body;
}

/** @type {Map<string, ReturnType<typeof newSession>>} */
const sessions = new Map();

/** A session for calls; one for each person, because log-ins to one account are limited. */
export function signIn(email) {
  const known = sessions.get(email) ?? newSession(email);
  sessions.set(email, known);
  return known;
}

/**
 * A browser of its own, as one person has it. Console errors and page errors are collected; `expect` names answers
 * that a test provokes on purpose, because the browser logs each refused request.
 */
export async function person(email, { expect = [], width = 1280, password } = {}) {
  const session = email ? await newSession(email, password) : null;
  const context = await (await launch()).newContext({
    viewport: { width, height: width < 600 ? 780 : 900 },
    timezoneId: TIME_ZONE,
    locale: "en-GB",
  });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.addInitScript(() => localStorage.setItem("belfry.locale", "en"));
  if (session) {
    // Only when nothing is there: a later page of this browser must not bring a spent token back.
    await context.addInitScript((token) => {
      if (!localStorage.getItem("belfry.test")) {
        localStorage.setItem("belfry.test", "signed in");
        localStorage.setItem("belfry.refresh", token);
      }
    }, session.refresh_token);
  }
  const complaints = [];
  const watch = (page) => {
    page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
    page.on("console", (message) => {
      if (!["error", "warning"].includes(message.type())) return;
      if (expect.some((status) => message.text().includes(`status of ${status}`))) return;
      complaints.push(`${page.url()}: ${message.text()} ${message.location()?.url ?? ""}`);
    });
    return page;
  };
  const tab = async (path) => {
    const page = watch(await context.newPage());
    if (path) await open(page, path);
    return page;
  };
  return { context, session, tab, complaints, end: () => context.close() };
}

/** The sockets that a page opens to the house from now on, so that a story can drop one. */
export async function socketsOf(page) {
  const sockets = [];
  await page.routeWebSocket(/\/ws\?/, (socket) => {
    socket.connectToServer();
    sockets.push(socket);
  });
  return sockets;
}

/** Opens a page and waits until it has read what it shows. */
export async function open(page, path) {
  await page.goto(BASE + path);
  await settled(page);
}

export async function settled(page) {
  await page.locator("main").waitFor();
  await page.waitForFunction(() => !document.querySelector(".skeleton") && document.querySelector("main")?.textContent?.trim());
}

/** Waits until something is there, or so, and answers it. Only a failure waits to the end. */
export async function until(what, look) {
  for (const end = Date.now() + BEHIND_MS; Date.now() < end; ) {
    const found = await look();
    if (found) return found;
    await new Promise((next) => setTimeout(next, 50));
  }
  throw new Error(`never: ${what}`);
}

/** Waits until the page's live connection stands, so that what happens next is pushed and not found by a read. */
export const live = (page) => page.locator(".connection.live").waitFor({ state: "attached" });

/** Everything axe has to say against a page, in a form a person can act on. */
export async function axe(page, rules) {
  // As an expression of the debugger: the page's own policy forbids any other way in, and should.
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const found = await page.evaluate(
    (only) => window.axe.run(document, only ? { runOnly: { type: "rule", values: only } } : {}),
    rules,
  );
  return found.violations.map((v) => `${v.id} (${v.impact}): ${v.nodes.slice(0, 3).map((n) => `${n.target.join(" ")} (${n.failureSummary?.split("\n")[1]?.trim() ?? ""})`).join(" | ")}`);
}

/** The slots of an expert that are far enough away to be moved and cancelled, soonest first. */
export async function freeSlots(expertId, { minutes, days = 30, after = 26 * 3_600_000 } = {}) {
  const from = new Date(Date.now() + 24 * 3_600_000).toISOString().slice(0, 10);
  const query = new URLSearchParams({ from, days: String(days), time_zone: "UTC", ...(minutes ? { minutes: String(minutes) } : {}) });
  const { body } = await call("GET", `/experts/${expertId}/slots?${query}`);
  return body.days.flatMap((day) => day.slots).filter((slot) => Date.parse(slot.starts_at) > Date.now() + after);
}

/** The expert behind a demo login. */
export async function expertOf(email) {
  const { user } = await signIn(email);
  return (await call("GET", `/experts/${user.id}`)).body;
}

/** Fails with one line for each thing that is wrong. @param {...string[]} lists */
export function nothingWrong(...lists) {
  const all = lists.flat();
  assert.ok(all.length === 0, `\n${all.join("\n")}`);
}
