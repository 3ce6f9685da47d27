// How long until a first view shows what it is about, on a processor made to look four times slower, with nothing kept
// from a visit before. Beside it the same on the processor as it is, in the same run.
//
// The browser is spoken to directly, because a library for tests listens to every request and every word of the
// console, and the page pays for that.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BASE, PASSWORD, call } from "../../tests/browser/support/browser.js";

const ROUNDS = Number(process.env.ROUNDS ?? 7);
const SLOWER = Number(process.env.SLOWER ?? 4);
const LONGEST_MS = 60_000;

/** What a page is about, and whose it is. */
const views = [
  { name: "find an expert", email: null, path: "/", shows: ".expert-card" },
  { name: "sign in", email: null, path: "/login", shows: "main form input[type=password]" },
  { name: "my bookings", email: "client1@belfry.test", path: "/bookings", shows: ".booking-row" },
  { name: "live inbox", email: "expert1@belfry.test", path: "/live", shows: "#requests" },
  { name: "overview", email: "admin@belfry.test", path: "/admin/overview", shows: ".tile" },
];

const middle = (list) => list.toSorted((a, b) => a - b)[list.length >> 1];

/** A chromium that takes commands of the Chrome DevTools Protocol through a pipe, each ended by a zero byte. */
function chromium() {
  const home = mkdtempSync(join(tmpdir(), "belfry-first-view-"));
  const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,900"];
  const browser = spawn(process.env.CHROMIUM ?? "/usr/bin/chromium", [...flags, `--user-data-dir=${home}`, "--remote-debugging-pipe"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const [, , , commands, answers] = browser.stdio;
  const asked = new Map();
  const heard = new Set();
  let rest = "";
  answers.setEncoding("utf8").on("data", (text) => {
    const messages = (rest + text).split("\0");
    rest = messages.pop() ?? "";
    for (const message of messages.map((one) => JSON.parse(one))) {
      if (message.id === undefined) heard.forEach((hear) => hear(message));
      else {
        const { resolve, reject } = asked.get(message.id);
        if (message.error) reject(new Error(message.error.message));
        else resolve(message.result);
      }
    }
  });
  let last = 0;
  return {
    send: (method, params = {}, sessionId = undefined) =>
      new Promise((resolve, reject) => {
        asked.set(++last, { resolve, reject });
        commands.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
      }),
    /** The next event of a page by its name. */
    next: (method, sessionId) =>
      new Promise((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`${method} did not come`)), LONGEST_MS);
        const hear = (message) => {
          if (message.method !== method || message.sessionId !== sessionId) return;
          heard.delete(hear);
          clearTimeout(late);
          resolve(message.params);
        };
        heard.add(hear);
      }),
    end: async () => {
      const ended = new Promise((done) => browser.once("exit", done));
      browser.kill();
      await ended;
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Runs in the page before anything of its own: says when it is there what is looked for. */
function watch(selector, refreshToken) {
  if (location.protocol === "about:") return;
  localStorage.setItem("belfry.locale", "en");
  if (refreshToken) localStorage.setItem("belfry.refresh", refreshToken);
  const look = () => {
    if (!document.querySelector(selector)) return void requestAnimationFrame(look);
    const seen = performance.now();
    // What nothing was painted before is painted with this very frame.
    const painted = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? seen;
    /** @type {any} */ (window).seen(JSON.stringify({ seen, painted }));
  };
  requestAnimationFrame(look);
}

/** In a browser context of its own, whose cache is empty. */
async function once(browser, { email, path, shows }, rate) {
  const signedIn = email && (await call("POST", "/auth/login", { body: { email, password: PASSWORD } }));
  if (signedIn) assert.equal(signedIn.status, 200, JSON.stringify(signedIn.body));
  const { browserContextId } = await browser.send("Target.createBrowserContext");
  const { targetId } = await browser.send("Target.createTarget", { url: "about:blank", browserContextId });
  const { sessionId } = await browser.send("Target.attachToTarget", { targetId, flatten: true });
  const send = (method, params) => browser.send(method, params, sessionId);
  await send("Page.enable");
  await send("Runtime.enable");
  await send("Runtime.addBinding", { name: "seen" });
  const source = `(${watch})(${JSON.stringify(shows)}, ${JSON.stringify(signedIn?.body.refresh_token ?? null)})`;
  await send("Page.addScriptToEvaluateOnNewDocument", { source });
  await send("Emulation.setCPUThrottlingRate", { rate });
  const told = browser.next("Runtime.bindingCalled", sessionId);
  await send("Page.navigate", { url: BASE + path });
  const { payload } = await told;
  await browser.send("Target.disposeBrowserContext", { browserContextId });
  return JSON.parse(payload);
}

const browser = chromium();
for (const view of views) {
  const [asItIs, slower] = [[], []];
  for (let n = 0; n < ROUNDS; n++) {
    asItIs.push(await once(browser, view, 1));
    slower.push(await once(browser, view, SLOWER));
  }
  const ms = (list, key) => Math.round(middle(list.map((one) => one[key])));
  const line = {
    view: view.name,
    ms: ms(asItIs, "seen"),
    slower: SLOWER,
    ms_slower: ms(slower, "seen"),
    first_paint_slower: ms(slower, "painted"),
    rounds: ROUNDS,
  };
  console.log(JSON.stringify(line));
}
await browser.end();
