// Five thousand bookings in the console's table: what is drawn, and what is done for each step of scrolling, is what it
// is with ninety. Wall time is printed and never judged: calls of functions and rows are counted.
import assert from "node:assert/strict";
import test, { after } from "node:test";
import { call, close, nothingWrong, open, person, signIn } from "./support/browser.js";

after(close);

const MANY = 5000;
const FEW = 90;
const DAY_MS = 86_400_000;
const SECRET = "rows-upon-rows";
const STEPS = 30;
const STEP_PX = 90;
/** The table draws so many rows beyond those in sight, on either side. */
const MARGIN = 12;
const ROW_PX = 44;
/** How much slower than it is the processor is made to look. */
const SLOWER = 4;

/** An expert with that many bookings by one client; neither is written to. */
async function manyBookings(admin) {
  const people = [];
  for (const who of ["host", "guest"]) {
    const email = `${who}.${Date.now()}@table.test`;
    const { status, body } = await call("POST", "/auth/register", { body: { email, password: SECRET, name: `Tess Table ${who}`, time_zone: "UTC" } });
    assert.equal(status, 201, JSON.stringify(body));
    const { body: wishes } = await call("GET", "/me/preferences", { token: body.access_token });
    const channels = Object.fromEntries(Object.keys(wishes.channels).map((name) => [name, false]));
    assert.equal((await call("PUT", "/me/preferences", { token: body.access_token, body: { ...wishes, channels } })).status, 200);
    people.push({ ...body, email });
  }
  const [{ user: { id }, email }, { user: client }] = people;
  assert.equal((await call("PATCH", `/admin/users/${id}`, { token: admin, body: { role: "expert" } })).status, 200);
  const { body: { access_token: token } } = await call("POST", "/auth/login", { body: { email, password: SECRET } });
  const { body: before } = await call("GET", `/experts/${id}/schedule`, { token });
  const weekly = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"].map((weekday) => ({ weekday, from: "00:00", until: "24:00" }));
  const booking_rules = { ...before.booking_rules, minutes: [5], interval_minutes: 5, horizon_days: 730, auto_confirm: true };
  const put = await call("PUT", `/experts/${id}/schedule`, { token, body: { time_zone: "UTC", weekly, booking_rules } });
  assert.equal(put.status, 200, JSON.stringify(put.body));
  // Beyond every week that another page counts.
  const first = (Math.ceil(Date.now() / DAY_MS) + 400) * DAY_MS;
  let made = 0;
  const codes = [];
  const book = async () => {
    while (made < MANY) {
      const n = made++;
      const { status, body } = await call("POST", "/bookings", {
        token: admin,
        body: { expert_id: id, client_id: client.id, starts_at: new Date(first + n * 300_000).toISOString(), minutes: 5, mode: "online", note: n < FEW ? "one of few" : "one of many" },
      });
      assert.equal(status, 201, JSON.stringify(body));
      codes[n] = body.code;
    }
  };
  await Promise.all(Array.from({ length: 16 }, book));
  return { expert: id, codes };
}

/** Scrolls a table step by step, from its top, and answers what was in the page and what came into it. */
const scrolled = (page, from) =>
  page.evaluate(
    async ([start, steps, px]) => {
      const box = /** @type {HTMLElement} */ (document.querySelector(".long-table"));
      const frame = () => new Promise((done) => requestAnimationFrame(done));
      box.scrollTop = start;
      await frame();
      await frame();
      let [drawn, added, long] = [0, 0, 0];
      const watcher = new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach((node) => (added += Number(node.nodeName === "TR")))));
      watcher.observe(box, { childList: true, subtree: true });
      const slow = new PerformanceObserver((list) => void (long += list.getEntries().length));
      slow.observe({ type: "longtask" });
      const gaps = [];
      for (let n = 1; n <= steps; n++) {
        const before = performance.now();
        box.scrollTop = start + n * px;
        await frame();
        await frame();
        gaps.push((performance.now() - before) / 2);
        drawn = Math.max(drawn, box.querySelectorAll("tbody tr").length);
      }
      watcher.disconnect();
      slow.disconnect();
      gaps.sort((a, b) => a - b);
      return { drawn, added, long, height: box.clientHeight, median: gaps[steps >> 1], worst: gaps[steps - 1], elements: document.querySelectorAll("*").length };
    },
    [from, STEPS, STEP_PX],
  );

/** How often the page's own functions were called meanwhile. */
async function calls(devtools, work) {
  await devtools.send("Profiler.enable");
  await devtools.send("Profiler.startPreciseCoverage", { callCount: true, detailed: false });
  await devtools.send("Profiler.takePreciseCoverage");
  await work();
  const { result } = await devtools.send("Profiler.takePreciseCoverage");
  await devtools.send("Profiler.stopPreciseCoverage");
  await devtools.send("Profiler.disable");
  const ours = result.filter(({ url }) => url.includes("/static/"));
  return ours.flatMap(({ functions }) => functions).reduce((sum, { ranges }) => sum + ranges[0].count, 0);
}

test("5,000 bookings scroll as 90 do", async (t) => {
  const { access_token: admin } = await signIn("admin@belfry.test");
  const { expert, codes } = await manyBookings(admin);
  const desk = await person("admin@belfry.test");
  const page = await desk.tab();
  const devtools = await desk.context.newCDPSession(page);
  const measure = async (from) => {
    // What is drawn anew by jumping there is no part of scrolling.
    await scrolled(page, from);
    await page.evaluate((px) => void (/** @type {HTMLElement} */ (document.querySelector(".long-table")).scrollTop = px), from);
    const made = await calls(devtools, () => scrolled(page, from));
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: SLOWER });
    const seen = await scrolled(page, from);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: 1 });
    return { ...seen, calls: made };
  };

  await open(page, `/admin/bookings?expert_id=${expert}&query=few`);
  await page.getByText(`${FEW} bookings`).waitFor();
  const few = await measure(0);

  await open(page, `/admin/bookings?expert_id=${expert}`);
  const table = page.locator(".long-table");
  for (let rows = 100; rows < MANY; rows += 100) {
    await table.evaluate((box) => void (box.scrollTop = box.scrollHeight));
    assert.equal(await table.locator("table").getAttribute("aria-rowcount"), "-1", "nobody knows yet how many there are");
    await page.waitForFunction((px) => (document.querySelector(".long-table")?.scrollHeight ?? 0) >= px, (rows + 100) * ROW_PX);
  }
  await page.locator(`.long-table table[aria-rowcount="${MANY + 1}"]`).waitFor();
  await page.getByText("5,000 bookings").waitFor();
  const many = await measure((MANY / 2) * ROW_PX);
  // All are there: the latest start stands first, the earliest last.
  for (const [px, code] of [[0, codes[MANY - 1]], [MANY * ROW_PX, codes[0]]]) {
    await table.evaluate((box, top) => void (box.scrollTop = top), px);
    await table.getByRole("link", { name: code, exact: true }).waitFor();
  }

  const most = Math.ceil(many.height / ROW_PX) + 2 * MARGIN + 4;
  const line = (name, { drawn, added, calls: made, elements, long, median, worst }) =>
    `${name}: at most ${drawn} rows drawn, ${added} added and ${made} calls in ${STEPS} steps, ${elements} elements; ${SLOWER} times slower: frames ${median.toFixed(1)} ms apart, at worst ${worst.toFixed(1)}, ${long} long tasks`;
  t.diagnostic(line(`${FEW} rows`, few));
  t.diagnostic(line(`${MANY} rows`, many));
  assert.ok(few.calls > STEPS, "calls were counted");
  assert.ok(many.drawn <= most, `${many.drawn} rows drawn, ${most} would do`);
  assert.ok(many.added <= STEPS * (Math.ceil(STEP_PX / ROW_PX) * 2 + 2), `${many.added} rows added in ${STEPS} steps`);
  assert.ok(many.elements < few.elements * 1.5, `${many.elements} elements, ${few.elements} with few rows`);
  assert.ok(many.calls < few.calls * 1.25, `${many.calls} calls, ${few.calls} with few rows`);
  nothingWrong(desk.complaints);
  await desk.end();
});
